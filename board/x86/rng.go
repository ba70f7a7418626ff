//go:build tamago

package x86

import (
	"math/bits"
	_ "unsafe" // for go:linkname

	"faultline/cpu"
)

const cpuidRDRAND = 1 << 30 // leaf 1, ECX

// rng is the source of GetRandomData. With RDRAND every word is the CPU's.
//
// Without it the words come from SplitMix64 seeded by the time that port
// accesses take, as the time stamp counter sees it, stirred again at every
// call. That serves maps and hash seeds; it is no source of secrets, least of all
// in an emulator whose counter is virtual.
var rng struct {
	hardware bool
	s        uint64
}

//go:linkname initRNG runtime/goos.InitRNG
//go:nosplit
func initRNG() {
	_, _, c, _ := cpu.CPUID(1, 0)
	rng.hardware = c&cpuidRDRAND != 0
	if !rng.hardware {
		stir(64)
	}
}

// stir mixes n timings into the state.
//
//go:nosplit
func stir(n int) {
	for range n {
		cpu.In8(0x80) // diagnostic port: slow, without effect
		rng.s ^= bits.RotateLeft64(cpu.ReadTSC(), 32)
		rng.s = splitmix()
	}
}

//go:nosplit
func splitmix() uint64 {
	rng.s += 0x9e3779b97f4a7c15
	x := (rng.s ^ rng.s>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

//go:nosplit
func random64() uint64 {
	if rng.hardware {
		for range 10 { // Intel SDM 1 7.3.17.1
			if v, ok := cpu.RDRAND(); ok {
				return v
			}
		}
		stir(64) // the CPU's generator is broken: better this than nothing
	}
	return splitmix()
}

//go:linkname getRandomData runtime/goos.GetRandomData
//go:nosplit
func getRandomData(b []byte) {
	if !rng.hardware {
		stir(4)
	}
	for len(b) > 0 {
		v := random64()
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0] = byte(v)
			b = b[1:]
			v >>= 8
		}
	}
}
