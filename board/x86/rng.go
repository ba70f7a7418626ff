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
// Without it the words come from xoshiro256** seeded by the time that port
// accesses take, as the time stamp counter sees it, stirred again at every
// call. That serves maps and hash seeds; it is no source of secrets, least of all
// in an emulator whose counter is virtual.
var rng struct {
	hardware bool
	s        [4]uint64
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
		x := cpu.ReadTSC() + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		rng.s[0] ^= x ^ x>>31
		xoshiro()
	}
}

//go:nosplit
func xoshiro() uint64 {
	s := &rng.s
	if s[0]|s[1]|s[2]|s[3] == 0 { // the one state it cannot leave
		s[0] = 1
	}
	v := bits.RotateLeft64(s[1]*5, 7) * 9
	t := s[1] << 17
	s[2] ^= s[0]
	s[3] ^= s[1]
	s[1] ^= s[2]
	s[0] ^= s[3]
	s[2] ^= t
	s[3] = bits.RotateLeft64(s[3], 45)
	return v
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
	return xoshiro()
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
