// Package cpu is the processor: privileged instructions, descriptor tables,
// trap stubs, and Exec, which runs a ring-3 thread as a function call.
//
// # One trap
//
//	ring 0, goroutine            ring 3
//	Exec(r)  exec_amd64.s    ->  thread runs
//	                             traps
//	   returns to the caller <-  entry_amd64.s, by way of vectors_amd64.s
//
// The stubs store the thread's registers into r, put Go's world back (stack, FS
// base with g behind it, MXCSR, flags) and return from Exec. They decide
// nothing. Faults resume at the same instruction; no stub computes a RIP.
//
// # Interrupts
//
// Ring 0 runs with IF=0. An interrupt in ring 3 makes Exec return with its
// vector. In ring 0 interrupts are let in at one instruction, the HLT of
// WaitForInterrupt: the stub notes the vector for TakeInterrupt and returns,
// without calling Go. In both cases Go writes the EOI later.
//
// # Death
//
// Any other trap in ring 0 is a bug: fatalTrap records everything, moves to a
// stack of its own and calls the handler of SetFatalHandler on g0. A second
// trap on the way ends the machine through a port, without Go. A program that has no
// kernel under it may go on instead (Resume).
//
// # Several CPUs
//
// Each CPU has a block (percpu.go): GS points at it, and the fatal path finds it by
// the GDT that lies in it. ap_amd64.go brings the others in. The first that dies reports;
// the rest, stopped by an NMI, note where they were and halt.
//
// # Two sets of stubs
//
// On CPUs with FSGSBASE, XSAVEOPT and SMAP (all but the oldest) the fast set is
// installed; the slow set does the same with MSRs, XSAVE or FXSAVE, and POPF.
// Init chooses once; there is no test on the hot path.
//
// # Host
//
// The package compiles on Linux and its pure parts are tested there. Calling a
// privileged instruction outside ring 0 is a fault, as one would expect.
package cpu
