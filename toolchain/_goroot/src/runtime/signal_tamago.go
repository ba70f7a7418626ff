package runtime

// Faults as panics. A board that wants a nil dereference in Go code to be an
// ordinary panic has its exception handler call preparePanic (see there).

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
