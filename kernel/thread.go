package kernel

import (
	"fmt"
	"sync"
	"sync/atomic"

	"faultline/avl"
	"faultline/cpu"
	"faultline/mmu"
	"faultline/object"
	"faultline/syscall"
	"faultline/trace"
	"faultline/vmo"
	"faultline/zx"
)

// What may end a thread's wait before its time, and keeps it out of ring 3. No bit is
// also one of what its CPU must heed: the executor looks at both at once.
const (
	interruptKill    uint32 = 1 << (16 + iota) // the thread must die
	interruptSuspend                           // the thread must stop until its tokens are gone
	interruptPolicy                            // the thread must take a policy exception
	interruptTimed                             // not one: the thread sleeps until its deadline
)

// step is what a thread does next when it has a CPU.
type step uint8

const (
	stepUser   step = iota // enter ring 3
	stepFault              // look for the answer to its page request
	stepCall               // go on with the call that slept
	stepAgain              // issue the call again, after a suspend
	stepHandle             // see what became of its exception
	stepPause              // see whether it is still suspended
)

// Thread is a ring-3 thread. It is data: registers, and what it waits for. An
// executor runs it; the package comment draws its states.
type Thread struct {
	object.Base
	label
	process *Process
	node    avl.Node[Thread] // in process.threads, or unstarted; guarded by process.mu
	held    bool             // process.suspends stops it; guarded by process.mu
	regs    *cpu.Regs
	root    zx.PhysAddr // of the process's page table
	context syscall.Context

	request, copyRequest vmo.PageRequest

	token       atomic.Uint32 // who may touch what follows: see tokenRunning
	state       atomic.Uint32 // zx.ThreadState
	interrupted atomic.Uint32 // interrupt bits

	cpu      *percpu   // where it runs, or ran last: context.Space is its lane
	executor *executor // that waits with it in the midst of a call, else nil
	step     step
	after    step               // its step when it was suspended
	need     mmu.Prot           // of the page fault in progress
	traced   trace.Kind         // Fault or Syscall, while one leaves records; else 0
	late     bool               // its deadline has come; guarded by clock.mu
	saved    *syscall.Registers // when it was suspended in a call
	rip      uint64             // then
	trouble  *trouble           // the exception in progress
	policy   uint32             // of the policy exception to take
	lastCPU  atomic.Uint32      // once it has run

	deadline zx.Time // guarded by clock.mu, as the rest and late
	clock    *percpu // in whose deadlines it is
	place    int     // there, from 1
	next     *Thread // ready after it

	mu         sync.Mutex
	suspends   int              // suspend tokens alive, its own and the process's; guarded by mu
	exceptions exceptionChannel // guarded by mu
	exception  *exception       // the one a handler has; guarded by mu

	dr6   uint64         // what the last debug exception told
	debug *cpu.DebugRegs // nil while none is set; constant once here, so replaced as one

	faults   atomic.Uint64 // page faults taken
	syscalls atomic.Uint64 // calls made
	ran      atomic.Uint64 // for how long, in ticks: see percpu.tally
}

var (
	_ syscall.Thread = (*Thread)(nil)
	_ vmo.Waiter     = (*Thread)(nil)
)

// newThread makes a thread of p that has not started.
func newThread(p *Process, name string) *Thread {
	t := &Thread{process: p, cpu: p.kernel.cpus[0], root: p.space.CR3()}
	t.SetName(name)
	t.Base.Init(zx.ObjThread, 0)
	t.regs = cpu.NewRegs()
	t.request.Init(t)
	t.copyRequest.Init((*copyWaiter)(t))
	k := p.kernel
	t.context = syscall.Context{
		Process: p, Thread: t, System: k,
		Account: p.account, Handles: p.handles, Space: p.space.Lane(0), Store: p.store, Pagers: k.Pagers,
		Futexes: &p.futexes, Waiter: t, Request: &t.request, CopyRequest: &t.copyRequest,
	}
	t.context.Init()
	return t
}

// State is what the thread is doing at this moment.
func (t *Thread) State() zx.ThreadState { return zx.ThreadState(t.state.Load()) }

// Faults is the number of page faults the thread has taken.
func (t *Thread) Faults() uint64 { return t.faults.Load() }

// Syscalls is the number of system calls the thread has made.
func (t *Thread) Syscalls() uint64 { return t.syscalls.Load() }

// Info tells what zx_info_thread_t tells. A thread may run on any CPU.
func (t *Thread) Info() syscall.ThreadInfo {
	info := syscall.ThreadInfo{State: t.State(), Affinity: [8]uint64{t.process.kernel.affinity()}, Runtime: zx.Time(t.process.kernel.machine.Lasted(t.ran.Load())), LastCPU: ^uint32(0)}
	if info.Runtime > 0 {
		info.LastCPU = t.lastCPU.Load()
	}
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
// started before, or its process does not run. Source: docs/pager.md 3.18.
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
	// It may be in ring 3, and see it when it leaves. Where it runs may change
	// meanwhile: then it has seen it.
	t.process.kernel.machine.Kick(int(t.lastCPU.Load()))
}

// killed says whether the thread must die.
func (t *Thread) killed() bool { return t.interrupted.Load()&interruptKill != 0 }

// heed does what an interrupt asks of a thread that is about to enter ring 3. It
// says whether the thread goes on.
func (t *Thread) heed() bool {
	switch bits := t.interrupted.Load(); {
	case bits&interruptKill != 0:
		t.end()
		return false
	case bits&interruptPolicy != 0:
		return t.raisePolicy()
	}
	return t.pause()
}

// end is the thread's last act.
func (t *Thread) end() {
	if trace.On() {
		t.process.kernel.traceEnded(t)
		t.cpu.stretch.begin(t, stretchEnd)
	}
	c := t.cpu
	c.tally(cpu.ReadTSC(), &c.unused)
	c.load(t.process.kernel.table.Root()) // see leave
	t.state.Store(uint32(zx.ThreadDead))
	t.closeExceptions()
	t.process.threadEnded(t)
	c.endStretch(t)
}

// called decides about a call whose result is not what it returns, or may not be:
// one that is negative. woken is what it was resumed with. It says whether the
// thread goes on, by its step.
func (t *Thread) called(result int64, woken zx.Status) bool {
	switch result { // all 64 bits: a clock value may end like a status
	case syscall.Sleeps:
		if woken == zx.ErrInternalIntrRetry {
			return t.pauseCall(stepCall) // it cannot be issued again
		}
		return t.callSleeps()
	case int64(zx.ErrInternalIntrKilled):
		return true // the run loop sees the interrupt
	case int64(zx.ErrInternalIntrRetry):
		saved := *(*syscall.Registers)(t.regs.General())
		t.saved = &saved
		return t.pauseCall(stepAgain)
	case int64(zx.ErrBadHandle), int64(zx.ErrWrongType):
		t.context.Misused(zx.Status(result))
	}
	t.regs.RAX = uint64(result)
	return true
}

// callSleeps puts the thread to sleep in its call. It says whether it goes on.
//
//go:nosplit
func (t *Thread) callSleeps() bool {
	t.step = stepCall
	state, deadline := t.context.Sleep()
	return t.block(state, deadline, interruptKill|interruptSuspend)
}

// callWoken goes on with a call that slept. It says whether the thread goes on.
//
//go:nosplit
func (t *Thread) callWoken() bool {
	t.runs()
	woken := t.woke(interruptKill | interruptSuspend)
	t.step = stepUser
	result := t.context.Resume(woken)
	if result < 0 {
		return t.called(result, woken)
	}
	t.regs.RAX = uint64(result)
	return true
}

// callAgain issues a call again after a suspend.
func (t *Thread) callAgain() bool {
	t.step = stepUser
	t.regs.RAX = t.saved.Number() // of the call, which may be suspended again
	return t.called(syscall.Dispatch(&t.context, t.saved), zx.OK)
}

// pageFault decides the fault the thread has just taken. It says whether the
// thread goes on, by its step.
//
//go:nosplit
func (t *Thread) pageFault() bool {
	t.faults.Add(1)
	code := mmu.PageFaultError(t.regs.ErrorCode())
	if !code.Plain() {
		if code&mmu.PF_US != 0 {
			return t.faulted(zx.ErrNotSupported)
		}
		// Not an access of the thread's own: the CPU read a descriptor table
		// or the like for an instruction of ring 3, and found nothing there.
		// No page of user space could help. Source: Intel SDM 3A 4.6.1.
		return t.raise(zx.ExcpGeneral, zx.OK)
	}
	t.need = code.Need()
	st := t.context.Space.TryFault(zx.VirtAddr(t.regs.CR2()), t.need, &t.request)
	if st == zx.ErrShouldWait {
		t.request.Await()
		t.step = stepFault
		return t.sleep(zx.ThreadBlockedPager)
	}
	return st == zx.OK || t.unresolved(st)
}

// faultWoken goes on with a page fault that waited for a pager. It says whether the
// thread goes on.
//
//go:nosplit
func (t *Thread) faultWoken() bool {
	t.step = stepUser
	t.runs()
	st := t.request.Answer(t.woke(interruptKill | interruptSuspend))
	if st == zx.OK {
		st = t.context.Space.TryFault(zx.VirtAddr(t.regs.CR2()), t.need, &t.request)
		return st == zx.OK || t.unresolved(st)
	}
	if st == zx.ErrShouldWait { // woken for nothing
		t.step = stepFault
		return t.sleep(zx.ThreadBlockedPager)
	}
	return t.faulted(st)
}

// unresolved goes on with a page fault that ended with st.
func (t *Thread) unresolved(st zx.Status) bool {
	if st == zx.ErrNoMemory || st == vmo.ErrAgain {
		st = t.context.Space.Fault(zx.VirtAddr(t.regs.CR2()), t.need, &t.request)
	}
	if st == zx.ErrShouldWait {
		t.request.Await()
		t.step = stepFault
		return t.sleep(zx.ThreadBlockedPager)
	}
	return st == zx.OK || t.faulted(st)
}

// faulted ends a page fault with st. A thread that is to be suspended faults
// again when it runs on.
func (t *Thread) faulted(st zx.Status) bool {
	if st == zx.OK || st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry {
		return true
	}
	if t.traced == trace.Fault {
		t.traceFaultEnd(st)
	}
	return t.raise(zx.ExcpFatalPageFault, st)
}

// String names the thread for reports.
func (t *Thread) String() string {
	return fmt.Sprintf("%s/%s", printable(t.process.Name()), printable(t.Name()))
}
