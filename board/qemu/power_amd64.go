//go:build tamago

package qemu

// tripleFault resets the machine by an exception without an IDT. It does not
// return where a reset ends the emulator (-no-reboot).
func tripleFault()
