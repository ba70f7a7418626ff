//go:build tamago

package x86

import "faultline/cpu"

// HandleInterrupt acknowledges an interrupt and does what must be done at once.
// The kernel calls it when Exec returns with an interrupt's vector; Idle does by
// itself. It says false for a vector that nothing on this board was told to raise:
// that one is acknowledged too, or the local APIC would hold back all below it.
//
// Context: IF=0; no allocation, never blocks.
func HandleInterrupt(v cpu.Vector) bool {
	switch v {
	case VectorTimer:
		t := &timers[cpu.ID()]
		t.word.Or(timerUnarmed)
		t.fired++
		lapicWrite(lapicEOI, 0)
	case VectorKick:
		lapicWrite(lapicEOI, 0)
	case VectorSerial, VectorKeyboard:
		// Acknowledge first: the port asserts its line again while it is
		// being emptied, and an edge must not be missed.
		lapicWrite(lapicEOI, 0)
		if receive() {
			wakeReader()
		}
	case cpu.VectorSpurious:
	default:
		if inService(v) {
			lapicWrite(lapicEOI, 0)
		}
		return false
	}
	return true
}

// halt waits for an interrupt, at most ns nanoseconds, and acknowledges those that
// others wait for: the goroutine cannot lose its CPU before that, or nothing of their
// priority would come here any more.
//
//go:nosplit
func halt(ns int64) {
	// Whoever left ring 3 by one of them may have been stopped before it came to say so.
	for lapicRead(lapicISR+uint64(VectorTimer)/32*16) != 0 {
		lapicWrite(lapicEOI, 0)
	}
	t := &timers[cpu.ID()]
	t.arm(ns)
	cpu.WaitForInterrupt()
	if cpu.TakeOne(VectorKick) {
		lapicWrite(lapicEOI, 0)
	}
	if cpu.TakeOne(VectorTimer) {
		t.word.Or(timerUnarmed)
		t.fired++
		lapicWrite(lapicEOI, 0)
	}
}

// Idle halts the CPU until an interrupt arrives, at most until the time until (ns,
// as Nanotime counts), and handles the interrupts that arrived. It may return early.
// The runtime calls it when no goroutine can run.
func Idle(until int64) {
	if !cpu.PendingInterrupts() {
		now := Nanotime()
		if until <= now {
			cpu.Pause()
			return
		}
		halt(until - now)
	}
	for {
		v, ok := cpu.TakeInterrupt()
		if !ok {
			break
		}
		HandleInterrupt(v)
	}
	// The run loop must find the timer as if nobody had slept.
	if t := &timers[cpu.ID()]; t.armed() {
		t.disarm()
	}
}
