//go:build tamago

package x86

import "faultline/cpu"

// Exit ends the machine: code 0 is a pass, anything else a failure (see
// ExitValue). Without an isa-debug-exit device the code is lost: the machine
// is powered off by ACPI, or reset, or halted, whatever works first.
//
// Context: any; nosplit, no allocation.
//
//go:nosplit
func Exit(code int32) {
	// Let the host see all output first: the last characters may sit in the
	// transmitter.
	drain()
	cpu.Out8(ExitPort, ExitValue(code))
	powerOff()
}

// PM1a control of the PIIX4 (pc) and ICH9 (q35) where SeaBIOS puts the power
// management ports; SLP_EN with SLP_TYP 0 is S5 on both. Source: ACPI 6.5 4.8.3.2.1.
const (
	pm1aControl = 0x604
	slpEnable   = 1 << 13
)

//go:nosplit
func powerOff() {
	if hasPCI {
		cpu.Out16(pm1aControl, slpEnable)
	}
	cpu.Out8(0x64, 0xfe) // 8042: pulse the reset line
	tripleFault()
	cpu.Halt()
}
