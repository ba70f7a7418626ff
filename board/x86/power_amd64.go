//go:build tamago

package x86

// tripleFault resets the machine by an exception without an IDT. It does not
// return where a reset ends the emulator (-no-reboot).
func tripleFault()
