//go:build tamago

package x86

import (
	"math/bits"
	_ "unsafe" // for go:linkname

	"faultline/cpu"
)

// clock turns the time stamp counter into nanoseconds:
// ns = (TSC-bootTSC) * mult >> 32.
var clock = struct {
	hz     uint64
	mult   uint64
	source string // how hz was found
}{mult: 1 << 32, source: "none"}

// Nanotime is the time since boot in nanoseconds: what the runtime's monotonic
// clock counts, and zx.Time.
//
// Context: any; no allocation.
//
//go:linkname Nanotime runtime/goos.Nanotime
//go:nosplit
func Nanotime() int64 { return Lasted(cpu.ReadTSC() - bootTSC) }

// Lasted is how many nanoseconds so many ticks of the time stamp counter take.
//
//go:nosplit
func Lasted(ticks uint64) int64 {
	hi, lo := bits.Mul64(ticks, clock.mult)
	return int64(hi<<32 | lo>>32)
}

// ticksOf is how many TSC ticks ns nanoseconds are.
//
//go:nosplit
func ticksOf(ns int64) uint64 {
	hi, lo := bits.Mul64(uint64(ns), clock.hz)
	if hi >= 1e9 {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, 1e9)
	return q
}

// reference is a counter of known frequency.
type reference struct {
	name  string
	mask  uint64             // the counter's width
	start func() (hz uint64) // makes it count; 0 if it is not there
	read  func() uint64
	hz    uint64 // once it counts
}

// The counters to measure the TSC with, best first.
var (
	hpetReference = reference{name: "HPET", mask: 1<<32 - 1, start: startHPET, read: readHPET}
	pitReference  = reference{name: "PIT", mask: 1<<16 - 1, start: startPIT, read: readPIT}
	// A hypervisor's local APIC counts nanoseconds (KVM, QEMU); a PC's does not.
	lapicReference = reference{name: "local APIC", mask: 1<<32 - 1, start: startLAPICCounter, read: readLAPIC}
)

// calibrateClock finds the frequency of the TSC, from CPUID if it tells, else by
// measuring: 0.2 ms where the counter is QEMU's instruction counter, else about
// 10 ms.
//
// Context: before the scheduler exists; no allocation.
func calibrateClock() {
	hz, source := tscFromCPUID()
	if hz == 0 {
		hypervisor := hypervisorPresent()
		for _, ref := range [...]*reference{&hpetReference, &pitReference, &lapicReference} {
			if ref == &lapicReference && !hypervisor || !ref.counts() {
				continue
			}
			if hz = ref.calibrate(); hz != 0 {
				source = ref.name
				break
			}
		}
	}
	if hz == 0 {
		hz, source = 1e9, "assumed"
	}
	clock.hz = hz
	clock.mult, _ = bits.Div64(0, 1e9<<32, hz)
	clock.source = source
}

// tscFromCPUID is the TSC's frequency if a CPUID leaf states it exactly.
// Source: Intel SDM 3B 19.7.3 (leaf 15H); KVM and VMware, "timing" leaf 40000010H.
func tscFromCPUID() (hz uint64, source string) {
	if hypervisorPresent() {
		if top, _, _, _ := cpu.CPUID(0x40000000, 0); top >= 0x40000010 && top < 0x40010000 {
			if khz, _, _, _ := cpu.CPUID(0x40000010, 0); khz != 0 {
				return uint64(khz) * 1000, "CPUID 40000010H"
			}
		}
	}
	if top, _, _, _ := cpu.CPUID(0, 0); top >= 0x15 {
		den, num, crystal, _ := cpu.CPUID(0x15, 0)
		if den != 0 && num != 0 && crystal != 0 {
			return uint64(crystal) * uint64(num) / uint64(den), "CPUID 15H"
		}
	}
	return 0, ""
}

func hypervisorPresent() bool {
	_, _, c, _ := cpu.CPUID(1, 0)
	return c>>31 != 0
}

// isTCG says whether QEMU's own translator runs us.
func isTCG() bool {
	if !hypervisorPresent() {
		return false
	}
	_, b, c, d := cpu.CPUID(0x40000000, 0)
	const tcgt, cgtc, gtcg = 0x54474354, 0x43544743, 0x47435447 // "TCGTCGTCGTCG"
	return b == tcgt && c == cgtc && d == gtcg
}

// countsInstructions says whether the TSC is QEMU's instruction counter
// (-icount shift=0), as far as one can tell from within.
func countsInstructions() bool { return isTCG() && clock.hz == 1e9 }

// counts makes ref count, and says whether it does.
func (ref *reference) counts() bool {
	if ref.hz = ref.start(); ref.hz == 0 {
		return false
	}
	first := ref.read()
	for range 1000 {
		if ref.read() != first {
			return true
		}
	}
	return false
}

// calibrate measures the TSC against ref. The result is the median of three,
// so that one interruption of the emulator by its host does no harm.
func (ref *reference) calibrate() uint64 {
	hz := ref.measure(ref.hz / 20000)
	// Under -icount shift=0 the TSC counts virtual nanoseconds. Then there
	// is no jitter either, and no need to spend instructions on more.
	if isTCG() && hz > 1e9-1e9/200 && hz < 1e9+1e9/200 {
		return 1e9
	}
	a, b, c := ref.measure(ref.hz/300), ref.measure(ref.hz/300), ref.measure(ref.hz/300)
	return max(min(a, b), min(max(a, b), c))
}

// measure is the TSC's frequency over at least so many ticks of ref.
func (ref *reference) measure(ticks uint64) uint64 {
	r0, t0 := ref.edge()
	for ; (ref.read()-r0)&ref.mask < ticks; cpu.Pause() {
	}
	r1, t1 := ref.edge()
	hi, lo := bits.Mul64(t1-t0, ref.hz)
	n := (r1 - r0) & ref.mask
	if n == 0 || hi >= n {
		return 0
	}
	hz, _ := bits.Div64(hi, lo, n)
	return hz
}

// edge is a reading of ref and the TSC at the moment it came up, from the best of
// several tries.
func (ref *reference) edge() (r, tsc uint64) {
	best := uint64(1<<64 - 1)
	before := cpu.ReadTSC()
	last := ref.read()
	for range 24 {
		now := ref.read()
		after := cpu.ReadTSC()
		if now != last && after-before < best {
			best = after - before
			r, tsc = now, before+best/2
		}
		last, before = now, after
	}
	return r, tsc
}

// The 8254's channel 0, whose gate is always open, as a free-running counter.
// Its interrupt is masked. Source: Intel 8254 data sheet (mode 2, latch command).
const (
	pitChannel0 = 0x40
	pitCommand  = 0x43
)

func startPIT() (hz uint64) {
	cpu.Out8(pitCommand, 0x34) // channel 0, both bytes, mode 2, binary
	cpu.Out8(pitChannel0, 0)   // 65536
	cpu.Out8(pitChannel0, 0)
	return 1193182
}

func readPIT() uint64 {
	cpu.Out8(pitCommand, 0x00) // latch channel 0
	lo := uint64(cpu.In8(pitChannel0))
	return -(lo | uint64(cpu.In8(pitChannel0))<<8)
}

// The HPET where QEMU puts it. Source: IA-PC HPET 1.0a, 2.3.
const (
	hpetBase      = 0xfed00000
	hpetPeriod    = hpetBase + 4 // femtoseconds
	hpetConfig    = hpetBase + 0x10
	hpetCounter   = hpetBase + 0xf0
	hpetEnable    = 1
	hpetMaxPeriod = 100_000_000
	hpetMinPeriod = 100_000
)

func startHPET() (hz uint64) {
	period := mmioRead(hpetPeriod, 4)
	if period < hpetMinPeriod || period > hpetMaxPeriod {
		return 0
	}
	mmioWrite(hpetConfig, 4, mmioRead(hpetConfig, 4)|hpetEnable)
	return 1e15 / uint64(period)
}

func readHPET() uint64 { return uint64(mmioRead(hpetCounter, 4)) }
