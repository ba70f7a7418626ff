//go:build tamago

package x86

import "faultline/cpu"

// Exit ends the machine: code 0 is a pass, anything else a failure (see
// ExitValue). Without an isa-debug-exit device the code is lost: then a machine that
// has done its work goes off, by ACPI or else by a reset. One of flesh and blood that
// has failed stays as it is, so that the screen can be read.
//
// Context: any; nosplit, no allocation.
//
//go:nosplit
func Exit(code int32) {
	// Let the host see all output first: the last characters may sit in the
	// transmitter.
	drain()
	cpu.Out8(ExitPort, ExitValue(code))
	if code != 0 && !hypervisorPresent() {
		stage(stageFailed)
		for {
			cpu.Halt()
		}
	}
	powerOff()
	Reset()
}

const slpEnable = 1 << 13

// powerOff turns the machine off as ACPI says, and returns where that does nothing.
//
//go:nosplit
func powerOff() {
	p := &Platform.Power
	switch {
	case p.SleepPort != 0:
		cpu.Out8(cpu.Port(p.SleepPort), p.SleepType<<2|1<<5)
	case p.PM1a != 0 && hasPCI:
		const sciEnabled = 1
		if pm1a := cpu.Port(p.PM1a); p.SMIPort != 0 && cpu.In16(pm1a)&sciEnabled == 0 {
			cpu.Out8(cpu.Port(p.SMIPort), p.SMIEnable)
			for start := Nanotime(); cpu.In16(pm1a)&sciEnabled == 0 && Nanotime()-start < 1e9; cpu.Pause() {
			}
		}
		cpu.Out16(cpu.Port(p.PM1a), uint16(p.TypeA)<<10|slpEnable)
		if p.PM1b != 0 {
			cpu.Out16(cpu.Port(p.PM1b), uint16(p.TypeB)<<10|slpEnable)
		}
	}
	for start := Nanotime(); Nanotime()-start < 100e6; cpu.Pause() { // it takes a moment
	}
}

// Reset resets the machine, by whatever works first.
//
//go:nosplit
func Reset() {
	if p := &Platform.Power; p.ResetPort != 0 {
		cpu.Out8(cpu.Port(p.ResetPort), p.ResetValue)
	}
	cpu.Out8(0x64, 0xfe) // 8042: pulse the reset line
	tripleFault()
	cpu.Halt()
}
