//go:build tamago

package cpu_test

import (
	"testing"

	"faultline/cpu"
)

// Registers of the local APIC. Source: Intel SDM 3A 12.4.1.
const (
	apic       = 0xfee00000
	apicEOI    = apic + 0x0b0
	apicSVR    = apic + 0x0f0
	apicICR    = apic + 0x300
	apicLVT    = apic + 0x320
	apicCount  = apic + 0x380
	apicDivide = apic + 0x3e0

	icrSelf = 1 << 18
)

// sendSelf makes vector v pending on this CPU.
func sendSelf(v cpu.Vector) { poke32(apicICR, icrSelf|uint32(v)) }

func eoi() { poke32(apicEOI, 0) }

// enableAPIC puts the local APIC on for the test, its timer silent.
func enableAPIC(t *testing.T) {
	svr, lvt := peek32(apicSVR), peek32(apicLVT)
	poke32(apicSVR, 1<<8|uint32(cpu.VectorSpurious))
	poke32(apicLVT, 1<<16)
	t.Cleanup(func() {
		poke32(apicCount, 0)
		poke32(apicLVT, lvt)
		poke32(apicSVR, svr)
	})
}

// TestInterruptRing3: a pending interrupt strikes before ring 3's first
// instruction, nothing of the thread is lost, and it goes on.
func TestInterruptRing3(t *testing.T) {
	enableAPIC(t)
	for _, v := range []cpu.Vector{0x40, 0x7f, 0x80, 0xc1, 0xfe} {
		u := newRing3(t, notAll(), insSyscall)
		want := fill(u.Regs, 0xfeed_0000_0001_0001*uint64(v))
		sendSelf(v)
		if got := u.run(); got != v {
			t.Fatalf("vector %#x, want %#x; RIP %#x", uint64(got), uint64(v), u.RIP())
		}
		eoi()
		if u.RIP() != userCode {
			t.Errorf("RIP %#x", u.RIP())
		}
		for i, reg := range registers {
			if got := *reg.at(u.Regs); got != ^want[i] {
				t.Errorf("%s = %#x, want %#x", reg.name, got, ^want[i])
			}
		}
		if got := u.run(); got != cpu.VectorSyscall {
			t.Fatalf("then %v", got)
		}
		want[1], want[11] = u.RIP(), u.RFLAGS()
		for i, reg := range registers {
			if got := *reg.at(u.Regs); got != want[i] {
				t.Errorf("then %s = %#x, want %#x", reg.name, got, want[i])
			}
		}
	}
	if v, ok := cpu.TakeInterrupt(); ok {
		t.Errorf("noted as well: %#x", uint64(v))
	}
}

// TestSpinStopped: a thread that never traps loses the CPU to the timer.
func TestSpinStopped(t *testing.T) {
	enableAPIC(t)
	const v = 0xe1
	u := newRing3(t, insJMPSelf)
	for round := range 3 {
		poke32(apicDivide, 0xb)
		poke32(apicLVT, v)
		poke32(apicCount, 1_000_000)
		if got := u.run(); got != v {
			t.Fatalf("round %d: %v (%#x)", round, got, uint64(got))
		}
		eoi()
		if u.RIP() != userCode {
			t.Errorf("RIP %#x", u.RIP())
		}
	}
}

// TestWaitForInterrupt: interrupts in ring 0 are noted and taken by priority.
func TestWaitForInterrupt(t *testing.T) {
	enableAPIC(t)
	if cpu.PendingInterrupts() {
		t.Fatal("pending before")
	}
	sendSelf(0x41)
	cpu.WaitForInterrupt()
	if cpu.ReadRFLAGS()&cpu.RFLAGS_IF != 0 {
		t.Error("interrupts are on")
	}
	if v, ok := cpu.TakeInterrupt(); !ok || v != 0x41 {
		t.Errorf("took %#x, %v", uint64(v), ok)
	}
	eoi()

	// Lower priority first: the second interrupts the idle loop again.
	sendSelf(0x51)
	sendSelf(0xd3)
	sendSelf(0x95)
	var got []cpu.Vector
	for len(got) < 3 {
		if v, ok := cpu.TakeInterrupt(); ok {
			eoi()
			got = append(got, v)
			continue
		}
		cpu.WaitForInterrupt()
	}
	if got[0] != 0xd3 || got[1] != 0x95 || got[2] != 0x51 {
		t.Errorf("order %#x", got)
	}
	if cpu.PendingInterrupts() {
		t.Error("pending after")
	}

	// The timer wakes us.
	poke32(apicDivide, 0xb)
	poke32(apicLVT, 0xe1)
	poke32(apicCount, 1_000_000)
	cpu.WaitForInterrupt()
	if v, ok := cpu.TakeInterrupt(); !ok || v != 0xe1 {
		t.Errorf("timer: took %#x, %v", uint64(v), ok)
	}
	eoi()

	// A spurious interrupt is dropped.
	sendSelf(cpu.VectorSpurious)
	cpu.WaitForInterrupt()
	if v, ok := cpu.TakeInterrupt(); ok || cpu.PendingInterrupts() {
		t.Errorf("spurious: took %#x", uint64(v))
	}
	eoi() // this one was sent, so it is in service
}
