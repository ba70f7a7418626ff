package cpu

// Exec runs a ring-3 thread: it loads r, enters ring 3 under the current page
// table, and returns like a function when anything traps: a SYSCALL, a fault,
// an interrupt. r then holds the thread's registers and r.Vector() says what
// happened. Calling Exec again resumes at r.RIP.
//
// Pre: r from NewRegs; used by one goroutine at a time; Init done; the user page
// table loaded. IF=0 before, during (outside ring 3) and after.
//
// It does not allocate and does not block; a thread that never traps returns
// at the next timer interrupt. A device or timer vector has not been
// acknowledged: the caller writes the EOI.
//
// Flags and floating-point control that Go relies on (DF, AC, MXCSR) are Go's
// again on return. The x87 stack and control word stay the thread's until
// another thread's are loaded: Go on amd64 executes no x87 instruction.
//
//go:noescape
func Exec(r *Regs)

// execSlow is where Exec continues on a CPU without FSGSBASE, XSAVEOPT or SMAP.
func execSlow()
