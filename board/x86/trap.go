//go:build tamago

package x86

import (
	"runtime"
	"strconv"

	"faultline/cpu"
)

// reportTrap is the report of a trap in ring 0 until the kernel installs its
// own. It ends the machine with exit code 3.
//
// Context: trap stack. What Go might hold locked is left alone: print writes
// straight to the port.
func reportTrap(t *cpu.KernelTrap) {
	print("faultline: trap in ring 0: ", t.Reason(), ", rsp 0x", strconv.FormatUint(t.RSP, 16), "\n")
	for _, pc := range append([]uintptr{uintptr(t.RIP) + 1}, t.Callers()...) {
		pc-- // a call, not what follows it
		print("\t0x", strconv.FormatUint(uint64(pc), 16))
		if f := runtime.FuncForPC(pc); f != nil {
			file, line := f.FileLine(pc)
			print(" ", f.Name(), " ", file, ":", line)
		}
		print("\n")
	}
	Exit(exitCodeTrap)
}
