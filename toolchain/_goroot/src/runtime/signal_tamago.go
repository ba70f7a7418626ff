package runtime

import (
	"internal/abi"
	_ "unsafe" // for go:linkname
)

// Faults as panics: see faultPanic in sys_tamago_amd64.s.

// faultPanicPC is the address of faultPanic. A board reads it through a variable
// of its own linked to this name, which stays zero with a toolchain that lacks
// it.
//
//go:linkname faultPanicPC
var faultPanicPC uintptr

func faultPanic()

// preemptTickPC is the address of preemptTick, for boards in the same way.
//
//go:linkname preemptTickPC
var preemptTickPC uintptr

func preemptTick()

const (
	_SIGILL  = 4
	_SIGTRAP = 5
	_SIGBUS  = 7
	_SIGFPE  = 8
	_SIGSEGV = 11
)

func signame(sig uint32) string {
	switch sig {
	case _SIGILL:
		return "invalid instruction"
	case _SIGTRAP:
		return "trap"
	case _SIGBUS:
		return "bus error"
	case _SIGFPE:
		return "arithmetic exception"
	case _SIGSEGV:
		return "page fault"
	}
	return ""
}

// sigpanic turns a fault into a panic. It runs as if the faulting instruction
// had called it.
func sigpanic() {
	gp := getg()
	if !canpanic() {
		throw("unexpected fault during runtime execution")
	}
	switch gp.sig {
	case _SIGSEGV, _SIGBUS:
		if gp.sigcode1 < 0x1000 {
			panicmem()
		}
		if gp.paniconfault {
			panicmemAddr(gp.sigcode1)
		}
		print("unexpected fault address ", hex(gp.sigcode1), "\n")
		throw("fault")
	case _SIGFPE:
		panicdivide()
	}
	throw(signame(gp.sig))
}

func initInterruptHooks() {
	faultPanicPC = abi.FuncPCABI0(faultPanic)
	preemptTickPC = abi.FuncPCABI0(preemptTick)
}
