//go:build tamago

package x86

import (
	"math/bits"
	"sync/atomic"

	"github.com/usbarmory/tamago/soc/intel/ioapic"

	"faultline/cpu"
)

// Vectors of this board's interrupts. A higher vector has priority.
const (
	VectorSerial cpu.Vector = 0x30
	VectorTimer  cpu.Vector = 0xe0
)

// Registers of the local APIC, offsets into its page. With x2APIC they are
// MSRs 0x800 + offset/16. Source: Intel SDM 3A 12.4.1 and 12.12.1.
const (
	lapicTPR     = 0x080
	lapicEOI     = 0x0b0
	lapicSVR     = 0x0f0
	lapicISR     = 0x100 // 256 bits, 32 in every 16 bytes
	lapicLVTTmr  = 0x320
	lapicLVT0    = 0x350
	lapicLVT1    = 0x360
	lapicInitial = 0x380
	lapicCurrent = 0x390
	lapicDivide  = 0x3e0

	svrEnable   = 1 << 8
	lvtMasked   = 1 << 16
	lvtDeadline = 2 << 17
	divideBy1   = 0b1011

	apicBaseEnable = 1 << 11
	apicBaseX2     = 1 << 10
	apicBaseMask   = 0x000ffffffffff000
	msrX2APIC      = cpu.MSR(0x800)
	msrDeadline    = cpu.MSR(0x6e0) // IA32_TSC_DEADLINE
	msrAPICBase    = cpu.MSR(0x01b) // IA32_APIC_BASE
)

// Hypervisors whose local APIC counts nanoseconds.
const (
	vendorTCG    = "TCGTCGTCGTCG"
	vendorKVM    = "KVMKVMKVM"
	hypervisorHz = 1e9
)

// lapic is how a CPU reaches its local APIC: all find their own at the same place.
var lapic struct {
	x2   bool
	base uint64
}

//go:nosplit
func lapicRead(reg uint64) uint32 {
	if lapic.x2 {
		return uint32(cpu.ReadMSR(msrX2APIC + cpu.MSR(reg/16)))
	}
	return mmioRead(lapic.base+reg, 4)
}

//go:nosplit
func lapicWrite(reg uint64, v uint32) {
	if lapic.x2 {
		cpu.WriteMSR(msrX2APIC+cpu.MSR(reg/16), uint64(v))
		return
	}
	mmioWrite(lapic.base+reg, 4, v)
}

// inService says whether the local APIC waits for the end of vector v's interrupt.
func inService(v cpu.Vector) bool {
	return lapicRead(lapicISR+uint64(v)/32*16)>>(v%32)&1 != 0
}

func findLAPIC() {
	v := cpu.ReadMSR(msrAPICBase)
	if v&apicBaseEnable == 0 {
		v |= apicBaseEnable
		cpu.WriteMSR(msrAPICBase, v)
	}
	lapic.x2 = v&apicBaseX2 != 0
	lapic.base = v & apicBaseMask
}

// startLAPICCounter lets the timer count with its interrupt masked, for calibrateClock
// and measureLAPIC.
func startLAPICCounter() (hz uint64) {
	findLAPIC()
	lapicWrite(lapicSVR, svrEnable|uint32(cpu.VectorSpurious))
	lapicWrite(lapicLVTTmr, lvtMasked|uint32(VectorTimer))
	lapicWrite(lapicDivide, divideBy1)
	lapicWrite(lapicInitial, 1<<32-1)
	return hypervisorHz
}

func readLAPIC() uint64 { return uint64(^lapicRead(lapicCurrent)) }

// timer is the local APIC's timer of one CPU, used as an alarm clock: it
// raises VectorTimer once.
//
// Two users share it without knowing of each other: the kernel's run loop, which
// arms it before it enters ring 3, and Idle, which arms it while nothing runs. Each
// arms anew when its turn comes; armed lets the run loop skip that.
//
// Context: IF=0, as all of ring 0; no allocation.
type timer struct {
	word     atomic.Uint32 // timerUnarmed, and bits of the run loop's
	deadline bool          // TSC-deadline mode
	mult     uint64        // timer ticks a nanosecond, times 2^32
	hz       uint64
	fired    uint64
	_        [64]byte // of no other CPU's cache line
}

// maxArm is the longest time that arm takes at once; a longer one is cut to it.
const maxArm = 4e9 // ns

// timerUnarmed is the bit of Machine.TickWord that says that armed is false.
const timerUnarmed = 1

// armed says whether the timer will fire: arm was called, and HandleInterrupt
// has not seen the interrupt yet.
func (t *timer) armed() bool { return t.word.Load()&timerUnarmed == 0 }

// arm makes the timer fire once, ns nanoseconds from now, at least as soon as
// the hardware can. It replaces what was armed before.
//
//go:nosplit
func (t *timer) arm(ns int64) {
	ns = max(0, min(ns, maxArm))
	t.word.And(^uint32(timerUnarmed))
	if t.deadline {
		cpu.WriteMSR(msrDeadline, cpu.ReadTSC()+ticksOf(ns)+1)
		return
	}
	hi, lo := bits.Mul64(uint64(ns), t.mult)
	n := hi<<32 | lo>>32
	lapicWrite(lapicInitial, uint32(max(1, min(n, 1<<32-1))))
}

// disarm stops the timer. An interrupt that is already pending still comes.
func (t *timer) disarm() {
	t.word.Or(timerUnarmed)
	if t.deadline {
		cpu.WriteMSR(msrDeadline, 0)
		return
	}
	lapicWrite(lapicInitial, 0)
}

// init brings up the boot CPU's local APIC, and finds out how its timer counts.
func (t *timer) init(f *cpu.Features) {
	findLAPIC()
	t.deadline, t.hz = f.TSCDeadline, f.APICHz
	if v := f.HypervisorVendor; v == vendorTCG || v == vendorKVM {
		t.hz = hypervisorHz
	}
	if t.hz == 0 && !t.deadline {
		t.hz = measureLAPIC()
	}
	t.mult, _ = bits.Div64(t.hz>>32, t.hz<<32, 1e9)
	t.join(t)
}

// join brings up the local APIC of the CPU that calls it, with all interrupts but the
// timer's masked. The timer is as the boot CPU's.
func (t *timer) join(boot *timer) {
	lapicWrite(lapicTPR, 0)
	lapicWrite(lapicLVT0, lvtMasked)
	lapicWrite(lapicLVT1, lvtMasked)
	lapicWrite(lapicSVR, svrEnable|uint32(cpu.VectorSpurious))
	t.word.Or(timerUnarmed)
	t.deadline, t.hz, t.mult = boot.deadline, boot.hz, boot.mult
	if t.deadline {
		lapicWrite(lapicLVTTmr, lvtDeadline|uint32(VectorTimer))
		return
	}
	lapicWrite(lapicDivide, divideBy1)
	lapicWrite(lapicInitial, 0)
	lapicWrite(lapicLVTTmr, uint32(VectorTimer))
}

// measureLAPIC is the timer's frequency by the TSC's.
func measureLAPIC() uint64 {
	const ns = 100_000
	startLAPICCounter()
	c0, t0 := lapicRead(lapicCurrent), cpu.ReadTSC()
	for end := t0 + ticksOf(ns); cpu.ReadTSC() < end; cpu.Pause() {
	}
	c1, t1 := lapicRead(lapicCurrent), cpu.ReadTSC()
	hi, lo := bits.Mul64(uint64(c0-c1), clock.hz)
	if hi >= t1-t0 {
		return 1e9
	}
	hz, _ := bits.Div64(hi, lo, t1-t0)
	return max(hz, 1)
}

// routeISA makes an ISA interrupt (edge, active high) arrive as vector v on the boot
// CPU. It says false where there is no I/O APIC.
func routeISA(irq uint8, v cpu.Vector) bool {
	io := ioapic.IOAPIC{Base: uint32(Platform.IOAPIC), GSIBase: int(Platform.GSIBase)}
	gsi := int(Platform.GSI[irq])
	if version := io.Version(); version == 0 || version == 1<<32-1 || gsi < io.GSIBase || io.Entries() <= gsi-io.GSIBase {
		return false
	}
	io.EnableInterrupt(gsi, int(v))
	return true
}
