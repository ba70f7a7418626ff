package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/object"
	"faultline/syscall"
	"faultline/vmo"
	"faultline/zx"
)

// What may end a thread's wait before its time, and keeps it out of ring 3.
const (
	interruptKill    uint32 = 1 << iota // the thread must die
	interruptSuspend                    // the thread must stop until its tokens are gone
	interruptPolicy                     // the thread must take a policy exception
)

// Thread is a ring-3 thread: a goroutine that runs cpu.Exec in a loop and
// decides about what comes back.
//
//	       Start            Exit, kill, unhandled exception
//	(NEW) ------> (RUNNING) --------------------------------> (DEAD)
//	                |   ^
//	          Wait  v   |  Wake, deadline, kill, suspend
//	        (BLOCKED_*, SUSPENDED)
//
// Only the thread's own goroutine writes state once it runs; Start takes it
// from NEW by compare and swap, so a thread starts once.
type Thread struct {
	object.Base
	label
	process *Process
	regs    *cpu.Regs
	args    [8]uint64 // of the call in progress
	context syscall.Context

	request, copyRequest vmo.PageRequest

	parker
	state       atomic.Uint32 // zx.ThreadState
	interrupted atomic.Uint32 // interrupt bits

	mu         sync.Mutex
	suspends   int              // suspend tokens alive, its own and the process's; guarded by mu
	exceptions exceptionChannel // guarded by mu
	exception  *exception       // the one in progress; guarded by mu

	policy   uint32        // of the policy exception to take; the thread's own
	faults   atomic.Uint64 // page faults taken
	syscalls atomic.Uint64 // calls made
}

var (
	_ syscall.Thread = (*Thread)(nil)
	_ vmo.Waiter     = (*Thread)(nil)
)

// newThread makes a thread of p that has not started.
func newThread(p *Process, name string) *Thread {
	t := &Thread{process: p, parker: parker{now: p.kernel.now}}
	t.SetName(name)
	t.Base.Init(zx.ObjThread, 0)
	t.regs = cpu.NewRegs()
	t.request.Init(t)
	t.copyRequest.Init((*copyWaiter)(t))
	k := p.kernel
	t.context = syscall.Context{
		Process: p, Thread: t, System: k,
		Handles: p.handles, Space: p.space, Store: k.Store, Pagers: k.Pagers,
		Futexes: &p.futexes, Waiter: t, Request: &t.request, CopyRequest: &t.copyRequest,
	}
	return t
}

// State is what the thread is doing at this moment.
func (t *Thread) State() zx.ThreadState { return zx.ThreadState(t.state.Load()) }

// Faults is the number of page faults the thread has taken.
func (t *Thread) Faults() uint64 { return t.faults.Load() }

// Syscalls is the number of system calls the thread has made.
func (t *Thread) Syscalls() uint64 { return t.syscalls.Load() }

// Info tells what zx_info_thread_t tells. One CPU: the affinity is bit 0.
func (t *Thread) Info() syscall.ThreadInfo {
	info := syscall.ThreadInfo{State: t.State(), Affinity: [8]uint64{1}}
	t.mu.Lock()
	if t.exception != nil {
		info.WaitExceptionChannel = uint32(t.exception.kind)
	}
	t.mu.Unlock()
	return info
}

// entryPoint is where a thread starts: RIP, RSP, RDI and RSI; all else is zero.
type entryPoint struct {
	rip, rsp   zx.VirtAddr
	arg1, arg2 uint64
}

// Start lets the thread run at entry with RSP = stack, RDI = arg1, RSI = arg2
// and all else zero.
//
// Errors: ErrInvalidArgs entry or stack is no user address | ErrBadState it was
// started before, or its process does not run. Source: spec section 3.18.
func (t *Thread) Start(entry, stack zx.VirtAddr, arg1, arg2 uint64) zx.Status {
	return t.process.startThread(t, entryPoint{entry, stack, arg1, arg2}, false)
}

// Exit ends the thread when its call returns.
func (t *Thread) Exit() { t.interrupted.Or(interruptKill) }

// Kill ends the thread at its next chance, waking it if it sleeps.
func (t *Thread) Kill() { t.interrupt(interruptKill) }

// interrupt raises an interrupt bit and wakes the thread to see it.
func (t *Thread) interrupt(bit uint32) {
	t.interrupted.Or(bit)
	t.Wake()
}

// killed says whether the thread must die.
func (t *Thread) killed() bool { return t.interrupted.Load()&interruptKill != 0 }

// Wait sleeps until Wake, the deadline, a kill or a suspend, and shows state
// meanwhile.
//
// Errors: ErrInternalIntrKilled | ErrInternalIntrRetry | ErrTimedOut. See
// vmo.Waiter.
func (t *Thread) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	return t.sleep(state, deadline, interruptKill|interruptSuspend)
}

// sleep is Wait that only the interrupts in bits end.
func (t *Thread) sleep(state zx.ThreadState, deadline zx.Time, bits uint32) zx.Status {
	if t.interrupted.Load()&bits != 0 {
		return t.interruption(bits)
	}
	t.state.Store(uint32(state))
	st := t.wait(deadline)
	t.state.Store(uint32(zx.ThreadRunning))
	if t.interrupted.Load()&bits != 0 {
		return t.interruption(bits)
	}
	return st
}

// interruption is the status of a wait that one of bits has ended.
func (t *Thread) interruption(bits uint32) zx.Status {
	if t.interrupted.Load()&bits&interruptKill != 0 {
		return zx.ErrInternalIntrKilled
	}
	return zx.ErrInternalIntrRetry
}

// copyWaiter is the thread while the kernel copies its memory inside a call: a
// suspend does not end such a wait. Source: spec section 5.7.
type copyWaiter Thread

// Wait is Thread.Wait but for suspends.
func (w *copyWaiter) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	return (*Thread)(w).sleep(state, deadline, interruptKill)
}

// run is the life of the thread's goroutine: enter ring 3, decide about what
// made it come back, again.
func (t *Thread) run() {
	k := t.process.kernel
	root := t.process.space.CR3()
	for {
		if t.interrupted.Load() != 0 {
			if t.killed() {
				break
			}
			if t.interrupted.Load()&interruptPolicy != 0 {
				t.raisePolicy()
			}
			t.pause()
			continue
		}
		k.enter(root)
		cpu.Exec(t.regs)
		switch v := t.regs.Vector(); {
		case v == cpu.VectorSyscall:
			t.syscall()
		case v == cpu.VectorPageFault:
			t.pageFault()
		case v >= cpu.VectorFirstInterrupt:
			if !k.machine.HandleInterrupt(v) {
				k.strayInterrupt(v)
			}
			runtime.Gosched()
		default:
			t.raise(exceptionOf(v), zx.OK)
		}
	}
	t.state.Store(uint32(zx.ThreadDead))
	t.closeExceptions()
	t.process.threadEnded(t)
}

// syscall performs the call the thread has just made.
func (t *Thread) syscall() {
	t.syscalls.Add(1)
	r := t.regs
	number := r.RAX
	t.args = [8]uint64{r.RDI, r.RSI, r.RDX, r.R10, r.R8, r.R9, r.R12, r.R13}
	for {
		result := syscall.Dispatch(&t.context, number, &t.args)
		switch result { // all 64 bits: a clock value may end like a status
		case int64(zx.ErrInternalIntrKilled):
			return // the run loop sees the interrupt
		case int64(zx.ErrInternalIntrRetry):
			if !t.Pause() {
				return
			}
			continue
		}
		r.RAX = uint64(result)
		return
	}
}

// pageFault resolves the fault the thread has just taken, or ends it.
func (t *Thread) pageFault() {
	t.faults.Add(1)
	code := mmu.PageFaultError(t.regs.ErrorCode())
	if code&mmu.PF_US == 0 {
		// Not an access of the thread's own: the CPU read a descriptor table
		// or the like for an instruction of ring 3, and found nothing there.
		// No page of user space could help. Source: Intel SDM 3A 4.6.1.
		t.raise(zx.ExcpGeneral, zx.OK)
		return
	}
	var st zx.Status
	if p := t.process; p.kernel.trace.on.Load() {
		st = t.tracedFault(code)
	} else {
		st = t.resolve(zx.VirtAddr(t.regs.CR2()), code)
	}
	switch st {
	case zx.OK, zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry:
		return
	}
	t.raise(zx.ExcpFatalPageFault, st)
}

// resolve has the page at va made good, waiting for it if it must.
func (t *Thread) resolve(va zx.VirtAddr, code mmu.PageFaultError) zx.Status {
	space := t.process.space
	st := space.Fault(va, code, false, &t.request)
	for st == zx.ErrShouldWait {
		for st == zx.ErrShouldWait {
			st = t.request.Answer(t.Wait(zx.ThreadBlockedPager, zx.TimeInfinite))
		}
		if st == zx.OK {
			st = space.Fault(va, code, true, &t.request)
		}
	}
	return st
}

// String names the thread for reports.
func (t *Thread) String() string {
	return fmt.Sprintf("%s/%s", printable(t.process.Name()), printable(t.Name()))
}
