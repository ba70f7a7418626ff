package x86

// What Exit writes to QEMU's isa-debug-exit device. QEMU's own status is then
// twice that plus one, so that a pass is 33, a failure 35 or more, and neither can
// be mistaken for 0 (a reset, a triple fault) or 1 (QEMU refused to start).
const (
	ExitPort = 0xf4
	ExitPass = 0x10
	ExitFail = 0x11 // plus the program's exit code, at most up to ExitMax
	ExitMax  = 0x7f

	// exitUnfit is for a CPU or a memory that cannot be worked with, and
	// exitTrap for a trap that could not be reported properly: early, or while
	// another trap was being reported. entry_amd64.s uses them too.
	exitUnfit = ExitFail + exitCodeUnfit
	exitTrap  = ExitFail + exitCodeTrap

	exitCodeUnfit = 1
	exitCodeTrap  = 3 // reportTrap's
)

// ExitValue is what to write for a program's exit code: 0 is a pass.
func ExitValue(code int32) uint8 {
	switch {
	case code == 0:
		return ExitPass
	case code < 0 || code > ExitMax-ExitFail:
		return ExitMax
	}
	return ExitFail + uint8(code)
}
