//go:build tamago

package x86

import (
	"runtime"

	"faultline/cpu"
)

// reportTrap is the report of a trap in ring 0 until the kernel installs its
// own. It ends the machine with exit code 3.
//
// Context: trap stack. What Go might hold locked is left alone: print writes
// straight to the port.
func reportTrap(t *cpu.KernelTrap) {
	print("faultline: trap in ring 0: ", t.Reason(), "\n")
	print("rip ", hex(t.RIP), " rsp ", hex(t.RSP), " cr2 ", hex(t.CR2), " error ", hex(uint64(t.ErrorCode)), "\n")
	where(uintptr(t.RIP))
	for _, pc := range t.Callers() {
		where(pc - 1)
	}
	Exit(exitCodeTrap)
}

// where prints the function and line of pc.
func where(pc uintptr) {
	print("\t", hex(uint64(pc)))
	if f := runtime.FuncForPC(pc); f != nil {
		file, line := f.FileLine(pc)
		print(" ", f.Name(), " ", file, ":", line)
	}
	print("\n")
}

func hex(v uint64) string {
	const digits = "0123456789abcdef"
	b := [18]byte{'0', 'x'}
	for i := range 16 {
		b[2+i] = digits[v>>(60-4*i)&15]
	}
	return string(b[:])
}
