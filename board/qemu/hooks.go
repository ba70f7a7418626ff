//go:build tamago

package qemu

import (
	"runtime/goos"
	_ "unsafe" // for go:linkname
)

//go:linkname ramStart runtime/goos.RamStart
var ramStart uint64 = 0x200000

//go:linkname ramSize runtime/goos.RamSize
var ramSize uint64 = 80 << 20 // cpuinit overwrites it; a definition needs a value

//go:linkname ramStackOffset runtime/goos.RamStackOffset
var ramStackOffset uint64 = 256 << 10

//go:linkname hwinit0 runtime/goos.Hwinit0
//go:nosplit
func hwinit0() {}

//go:linkname hwinit1 runtime/goos.Hwinit1
func hwinit1() {
	goos.Exit = func(code int32) {
		if code == 0 {
			out8(0xf4, 0x10)
		} else {
			out8(0xf4, 0x11+uint8(code))
		}
		for {
		}
	}
}

//go:linkname initRNG runtime/goos.InitRNG
//go:nosplit
func initRNG() {}

//go:linkname getRandomData runtime/goos.GetRandomData
//go:nosplit
func getRandomData(b []byte) {
	for i := range b {
		b[i] = byte(rdtsc() >> 2)
	}
}

//go:linkname nanotime runtime/goos.Nanotime
//go:nosplit
func nanotime() int64 { return int64(rdtsc() - bootTSC) }

//go:linkname printk runtime/goos.Printk
//go:nosplit
func printk(c byte) { out8(0x3f8, c) }
