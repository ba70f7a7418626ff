package kernel

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/object"
	"faultline/syscall"
	"faultline/vmo"
	"faultline/zx"
)

// interrupt is what may end a thread's wait before its time.
const (
	interruptKill uint32 = 1 << iota // the thread must die
)

// Thread is a ring-3 thread: a goroutine that runs cpu.Exec in a loop and
// decides about what comes back.
//
//	       Start            Exit, kill, fatal exception
//	(NEW) ------> (RUNNING) ---------------------------> (DEAD)
//	                |   ^
//	          Wait  v   |  Wake, deadline, kill
//	              (BLOCKED_*)
//
// Only the thread's own goroutine writes state once it runs; Start takes it
// from NEW by compare and swap, so a thread starts once.
type Thread struct {
	object.Base
	process *Process
	name    string
	regs    *cpu.Regs
	args    [8]uint64 // of the call in progress
	context syscall.Context

	request, copyRequest vmo.PageRequest

	parker
	state       atomic.Uint32 // zx.ThreadState
	interrupted atomic.Uint32
	faults      atomic.Uint64 // page faults taken
	syscalls    atomic.Uint64 // calls made
}

var (
	_ syscall.Thread = (*Thread)(nil)
	_ vmo.Waiter     = (*Thread)(nil)
)

// newThread makes a thread of p that has not started.
func newThread(p *Process, name string) *Thread {
	t := &Thread{process: p, name: name, parker: parker{now: p.kernel.now}}
	t.Base.Init(zx.ObjThread, 0)
	t.regs = cpu.NewRegs()
	t.request.Init(t)
	t.copyRequest.Init(t)
	k := p.kernel
	t.context = syscall.Context{
		Process: p, Thread: t, System: k,
		Handles: p.handles, Space: p.space, Store: k.Store, Pagers: k.Pagers,
		Waiter: t, Request: &t.request, CopyRequest: &t.copyRequest,
	}
	return t
}

// Name is the name the thread was created with.
func (t *Thread) Name() string { return t.name }

// State is what the thread is doing at this moment.
func (t *Thread) State() zx.ThreadState { return zx.ThreadState(t.state.Load()) }

// Faults is the number of page faults the thread has taken.
func (t *Thread) Faults() uint64 { return t.faults.Load() }

// Syscalls is the number of system calls the thread has made.
func (t *Thread) Syscalls() uint64 { return t.syscalls.Load() }

// Info tells what zx_info_thread_t tells. One CPU: the affinity is bit 0.
func (t *Thread) Info() syscall.ThreadInfo {
	return syscall.ThreadInfo{State: t.State(), Affinity: [8]uint64{1}}
}

// Start lets the thread run at entry with RSP = stack, RDI = arg1, RSI = arg2
// and all else zero.
//
// Errors: ErrBadState it was started before, or its process is ending.
func (t *Thread) Start(entry, stack zx.VirtAddr, arg1, arg2 uint64) zx.Status {
	if !t.regs.SetRIP(uint64(entry)) {
		return zx.ErrInvalidArgs
	}
	t.regs.RSP, t.regs.RDI, t.regs.RSI = uint64(stack), arg1, arg2
	return t.process.startThread(t)
}

// Exit ends the thread when its call returns.
func (t *Thread) Exit() { t.interrupted.Or(interruptKill) }

// kill ends the thread at its next chance, waking it if it sleeps.
func (t *Thread) kill() {
	t.interrupted.Or(interruptKill)
	t.Wake()
}

// Wait sleeps until Wake, the deadline, or a kill, and shows state meanwhile.
//
// Errors: ErrInternalIntrKilled | ErrTimedOut. See vmo.Waiter.
func (t *Thread) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	if t.interrupted.Load() != 0 {
		return zx.ErrInternalIntrKilled
	}
	t.state.Store(uint32(state))
	st := t.wait(deadline)
	t.state.Store(uint32(zx.ThreadRunning))
	if t.interrupted.Load() != 0 {
		return zx.ErrInternalIntrKilled
	}
	return st
}

// run is the life of the thread's goroutine: enter ring 3, decide about what
// made it come back, again.
func (t *Thread) run() {
	k := t.process.kernel
	root := t.process.space.Root3()
	for t.interrupted.Load() == 0 {
		k.enter(root)
		cpu.Exec(t.regs)
		switch v := t.regs.Vector(); {
		case v == cpu.VectorSyscall:
			t.syscall()
		case v == cpu.VectorPageFault:
			t.pageFault()
		case v >= cpu.VectorFirstInterrupt:
			if !k.machine.HandleInterrupt(v) {
				panic(fmt.Sprintf("kernel.Thread.run: interrupt nobody asked for: vector %v, thread %v", v, t))
			}
			runtime.Gosched()
		default:
			t.exception(exceptionOf(v), zx.OK)
		}
	}
	t.state.Store(uint32(zx.ThreadDead))
	t.process.threadEnded(t)
}

// syscall performs the call the thread has just made.
func (t *Thread) syscall() {
	t.syscalls.Add(1)
	r := t.regs
	t.args = [8]uint64{r.RDI, r.RSI, r.RDX, r.R10, r.R8, r.R9, r.R12, r.R13}
	for {
		result := syscall.Dispatch(&t.context, r.RAX, &t.args)
		switch zx.Status(result) {
		case zx.ErrInternalIntrKilled:
			return // the run loop sees the interrupt
		case zx.ErrInternalIntrRetry:
			continue
		}
		r.RAX = uint64(result)
		return
	}
}

// pageFault resolves the fault the thread has just taken, or ends it.
func (t *Thread) pageFault() {
	t.faults.Add(1)
	st := t.process.space.Fault(zx.VirtAddr(t.regs.CR2()), mmu.PageFaultError(t.regs.ErrorCode()), &t.request)
	switch st {
	case zx.OK, zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry:
		return
	}
	t.exception(zx.ExcpFatalPageFault, st)
}

// exceptionOf gives the exception a vector of the CPU becomes.
func exceptionOf(v cpu.Vector) zx.ExceptionType {
	switch v {
	case cpu.VectorInvalidOpcode:
		return zx.ExcpUndefinedInstruction
	case cpu.VectorBreakpoint:
		return zx.ExcpSWBreakpoint
	case cpu.VectorDebug:
		return zx.ExcpHWBreakpoint
	case cpu.VectorAlignmentCheck:
		return zx.ExcpUnalignedAccess
	}
	return zx.ExcpGeneral
}

// String names the thread for reports.
func (t *Thread) String() string {
	return fmt.Sprintf("%s/%s", t.process.name, t.name)
}
