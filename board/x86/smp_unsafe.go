//go:build tamago

package x86

import (
	"fmt"
	"runtime"
	"runtime/goos"
	"slices"
	"unsafe"

	"faultline/cpu"
	"faultline/zx"
)

// VectorKick makes a CPU leave ring 3 or its halt; it means no more than that.
const VectorKick cpu.Vector = 0xf0

// Interrupt command register of the local APIC, and what to write.
// Source: Intel SDM 3A 12.6.1.
const (
	lapicICR     = 0x300
	lapicICRHigh = 0x310
	icrNMI       = 4 << 8
	icrINIT      = 5 << 8
	icrSIPI      = 6 << 8
	icrAssert    = 1 << 14
	icrOthers    = 3 << 18
)

// cpus is what is known of each CPU, by its number; the boot CPU is 0.
var cpus struct {
	count int // in use, from Open on
	apic  [cpu.MaxCPUs]uint32
	up    [cpu.MaxCPUs]bool // its local APIC
	tasks int               // besides the boot CPU, that run Go
	root  uint64            // page table they start with
}

// maxAbsent is how many CPUs that are listed may be silent, two seconds each, before the
// list is believed no more.
const maxAbsent = 4

// cpuCount tells the runtime how many there are; pinGoroutine is there if the
// toolchain has processors that keep their goroutines, which several CPUs take.
//
//go:linkname cpuCount runtime.cpuCount
var cpuCount int32

//go:linkname pinGoroutine runtime.pinGoroutine
var pinGoroutine func(procid uint64)

//go:linkname rest runtime.rest
var rest func(until int64)

// wakeHook is set before the runtime starts, as the official one may not have it.
//
//go:linkname wakeHook runtime/goos.Wake
var wakeHook = wake

// sendIPI writes the interrupt command register.
//
//go:nosplit
func sendIPI(apic uint32, command uint32) {
	if lapic.x2 {
		cpu.WriteMSR(msrX2APIC+lapicICR/16, uint64(apic)<<32|uint64(command))
		return
	}
	lapicWrite(lapicICRHigh, apic<<24)
	lapicWrite(lapicICR, command)
}

// findCPUs starts the CPUs besides the boot CPU, which then wait, until most are
// there; one that does not answer is left out. They come to Go in StartCPUs.
//
// Pre: the boot page tables are in place.
func findCPUs(memory MemoryMap, reserved []Range, most int) {
	cpus.count = 1
	list := Platform.CPUs
	if len(list) < 2 || pinGoroutine == nil {
		return
	}
	boot := bootAPIC()
	cpus.apic[0] = boot
	page, ok := lowPage(memory, reserved)
	absent := 0
	for i, apic := range list {
		if cpus.count == most {
			break
		}
		if apic == boot || apic > 0xfe && !lapic.x2 || slices.Contains(list[:i], apic) {
			continue
		}
		if absent == maxAbsent {
			fmt.Printf("faultline: %d CPUs do not answer: the rest is left out\n", absent)
			break
		}
		if cpus.count == cpu.MaxCPUs {
			fmt.Printf("faultline: more than %d CPUs: the rest is left out\n", cpu.MaxCPUs)
			break
		}
		if !ok || !startCPU(cpus.count, apic, page) {
			fmt.Printf("faultline: CPU with local APIC %d does not answer: left out\n", apic)
			absent++
			continue
		}
		cpus.apic[cpus.count] = apic
		cpus.count++
	}
}

// startCPU has CPU id come in through page, and says whether it did.
func startCPU(id int, apic uint32, page zx.PhysAddr) bool {
	code := cpu.Prepare(features, id, apic, uint32(page))
	mem := unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(page))), len(code))
	before := append([]byte(nil), mem...)
	copy(mem, code)
	// The delays of the Intel SDM; an emulator needs none.
	pause := int64(10e6)
	if hypervisorPresent() {
		pause = 100e3
	}
	sendIPI(apic, icrINIT|icrAssert)
	delay(pause, nil)
	answered := func() bool { return cpu.Ready(id) }
	for _, patience := range []int64{200e3, 2e9} {
		if answered() {
			break
		}
		sendIPI(apic, icrSIPI|icrAssert|uint32(page>>12))
		delay(patience, answered)
	}
	if !answered() {
		cpu.LeaveOut(id)
		return false
	}
	copy(mem, before)
	return true
}

// delay waits ns nanoseconds, or until done.
func delay(ns int64, done func() bool) {
	for end := Nanotime() + ns; Nanotime() < end && (done == nil || !done()); cpu.Pause() {
	}
}

// lowPage is a page of RAM below 640 KiB that nobody uses.
func lowPage(memory MemoryMap, reserved []Range) (zx.PhysAddr, bool) {
	for _, r := range memory.Usable(append([]Range{{0, zx.PageSize}}, reserved...)) {
		if end := min(r.End, 0xa0000); r.Start < end {
			return end - zx.PageSize, true
		}
	}
	return 0, false
}

// bootAPIC is the number of this CPU's local APIC.
func bootAPIC() uint32 {
	const lapicID = 0x20
	id := lapicRead(lapicID)
	if !lapic.x2 {
		id >>= 24
	}
	return id
}

// StartCPUs lets the other CPUs run Go, with the page table at root (0: the boot
// tables), and gives the number of CPUs.
//
// Pre: called once, after Open.
func (*Machine) StartCPUs(root zx.PhysAddr) int {
	cpus.root = uint64(root)
	if cpus.count > 1 {
		goos.Task, goos.ProcID, rest = task, procID, restUntil
		cpuCount = int32(cpus.count)
		runtime.GOMAXPROCS(cpus.count)
	}
	return cpus.count
}

// task is goos.Task: the next CPU runs fn.
func task(sp, _, gp, fn unsafe.Pointer) {
	cpus.tasks++
	if cpus.tasks >= cpus.count {
		panic("x86.task: more Ms than CPUs")
	}
	cpu.Run(cpus.tasks, uint64(uintptr(sp)), uint64(uintptr(gp)), uint64(uintptr(fn)))
}

// procID is goos.ProcID: the first thing a CPU does that comes to Go.
//
// Context: the scheduler's stack, no P: no allocation.
func procID() uint64 {
	id := cpu.ID()
	if id != 0 && !cpus.up[id] {
		cpus.up[id] = true
		if cpus.root != 0 {
			cpu.WriteCR3(cpus.root)
		}
		base := cpu.ReadMSR(msrAPICBase) | apicBaseEnable
		cpu.WriteMSR(msrAPICBase, base)
		if lapic.x2 {
			cpu.WriteMSR(msrAPICBase, base|apicBaseX2)
		}
		timers[id].join(&timers[0])
	}
	return uint64(id)
}

// wake is goos.Wake, and Kick.
//
//go:nosplit
func wake(procid uint64) {
	if cpus.count > 1 && procid != uint64(cpu.ID()) {
		sendIPI(cpus.apic[procid], icrAssert|uint32(VectorKick))
	}
}

// Pin keeps the goroutine that calls it on CPU id from now on.
//
// Pre: several CPUs run Go; with one CPU it does nothing.
func (*Machine) Pin(id int) {
	if cpus.count > 1 {
		pinGoroutine(uint64(id))
	}
}

// Kick makes CPU id, if it is another, leave ring 3 or its halt.
//
//go:nosplit
func (*Machine) Kick(id int) { wake(uint64(id)) }

// StopCPUs makes all other CPUs halt for good, wherever they are: cpu.Stopped
// tells where.
//
// Context: any, also the trap stack.
func (*Machine) StopCPUs() {
	if cpus.count > 1 {
		sendIPI(0, icrNMI|icrAssert|icrOthers)
	}
}

// restUntil halts until an interrupt arrives. One for which Go code must run
// stays noted for Idle.
//
// Context: no P.
func restUntil(until int64) {
	now := Nanotime()
	if until <= now {
		return
	}
	halt(until - now)
	t := &timers[cpu.ID()]
	if t.armed() {
		t.disarm()
	}
}
