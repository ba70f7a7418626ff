package kernel

import (
	"faultline/avl"
	"fmt"
	"sync"
	"sync/atomic"

	"faultline/account"
	"faultline/object"
	"faultline/syscall"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// processState is where a process is in its life.
//
//	          first thread starts        Exit, kill         last thread gone
//	(created) -------------------> (running) ---> (dying) -------------------> (dead)
//	    |                              |  last thread gone                       ^
//	    |  Exit, kill                  +-----------------------------------------+
//	    +------------------------------------------------------------------------+
type processState uint8

const (
	processCreated processState = iota
	processRunning
	processDying
	processDead
)

// Process is an address space, a handle table and the threads that use them.
type Process struct {
	object.Base
	label
	kernel  *Kernel
	job     *Job              // one reference while the process is not dead
	node    avl.Node[Process] // in job.processes; guarded by job.mu
	policy  zx.Policy         // that of the job; constant
	account *account.Account  // below that of the job; constant
	store   *vmo.Store        // makes VMOs that account pays for
	handles *object.HandleTable
	space   *vmar.AddressSpace
	output  func([]byte) // where DebugWrite goes
	file    []byte       // the program's, for its symbols; set by load, nil if too large
	bias    uint64       // of the program's addresses; set by load
	loaded  bool         // by the kernel, which knows file and bias; set by load
	futexes object.FutexTable
	// unwatched says that a program made the process: the kernel itself tells
	// the console how an exception killed it. Constant.
	unwatched bool

	mu        sync.Mutex
	state     processState     // guarded by mu
	started   zx.Time          // when the first thread started, 0 before; guarded by mu
	threads   avl.Tree[Thread] // started, not ended; by koid; guarded by mu
	unstarted avl.Tree[Thread] // guarded by mu
	suspends  int              // tokens that suspend the process; guarded by mu
	code      int64            // return code; guarded by mu, final once dying
	exception *Exception       // what killed it, if something did; as code

	exceptions exceptionChannel // guarded by mu
	debugger   exceptionChannel // guarded by mu

	living atomic.Int64  // threads: as threads has them, and those that have ended but are charged still
	faults atomic.Uint64 // page faults of threads that have ended
	ended  chan struct{} // closed when dead

	maker object.Maker // whose chores its threads do
}

var _ syscall.Process = (*Process)(nil)

// NewProcess makes a process with an empty address space and no thread, in job.
// What it writes by zx_debug_write goes to output.
//
// Errors: ErrNoMemory | ErrBadState job was killed.
func (k *Kernel) NewProcess(job *Job, name string, output func([]byte)) (*Process, zx.Status) {
	a := job.account.New()
	p := &Process{
		kernel: k, account: a, store: k.Store.PaidBy(a), handles: object.NewHandleTable(a),
		output: output, ended: make(chan struct{}),
	}
	p.SetName(name)
	p.Base.Init(zx.ObjProcess, 0)
	if st := p.Bill(a, processBytes); st != zx.OK {
		return nil, st
	}
	p.Ref() // until it is dead
	space, st := vmar.NewAddressSpace(k.Memory, k.table, k, a)
	if st == zx.OK {
		p.space = space
		if st = job.add(p); st == zx.OK {
			return p, zx.OK
		}
		space.Destroy(nil)
	}
	object.Unref(p)
	return nil, st
}

// Space is the address space of the process.
func (p *Process) Space() *vmar.AddressSpace { return p.space }

// Account is what the process makes the kernel keep.
func (p *Process) Account() *account.Account { return p.account }

// Handles is the handle table of the process.
func (p *Process) Handles() *object.HandleTable { return p.handles }

// Wait sleeps until the process is dead and tells how it ended. exception is
// nil unless one killed it.
func (p *Process) Wait() (code int64, exception *Exception) {
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code, p.exception
}

// Ended is closed when the process is dead.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Faults is the number of page faults its threads have taken.
func (p *Process) Faults() uint64 {
	n := p.faults.Load()
	for _, t := range p.Threads() {
		n += t.Faults()
	}
	return n
}

// Threads lists the threads that run, the oldest first.
func (p *Process) Threads() (all []*Thread) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := p.threads.First(); n != nil; n = n.Next() {
		all = append(all, n.Owner())
	}
	return all
}

// eachThread calls f, with mu held, for each thread that runs: a chore.
func (p *Process) eachThread(f func(*Thread)) {
	at := zx.Koid(0)
	object.Do(func(b *zx.Budget) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for t := after(&p.threads, at); t != nil; t = after(&p.threads, at) {
			f(t)
			at = t.Koid()
			if b.Spend(2) {
				return true
			}
		}
		return false
	})
}

// CreateThread makes a thread that has not started.
//
// Errors: ErrBadState the process is ending | ErrNoMemory.
func (p *Process) CreateThread(name string) (syscall.Thread, zx.Status) {
	t, st := p.createThread(name)
	if st != zx.OK {
		return nil, st // not t: a nil *Thread is no nil interface
	}
	return t, zx.OK
}

// createThread is CreateThread with the type kept.
func (p *Process) createThread(name string) (*Thread, zx.Status) {
	t := newThread(p, name)
	if st := t.Bill(p.account, threadBytes); st != zx.OK {
		return nil, st
	}
	t.Ref() // until it has ended
	p.mu.Lock()
	ending := p.state >= processDying
	if !ending {
		p.unstarted.Insert(&t.node, t, uint64(t.Koid()), 0)
	}
	p.mu.Unlock()
	if ending {
		object.Unref(t)
		return nil, zx.ErrBadState
	}
	return t, zx.OK
}

// startThread lets t run from at; first says whether it is to be the first of
// the process.
//
// Errors: ErrInvalidArgs an address is not a user's | ErrBadState t was started
// before, or the process is not at that point.
func (p *Process) startThread(t *Thread, at entryPoint, first bool) zx.Status {
	if !userAddress(at.rip) || at.rsp > vmar.UserEnd {
		return zx.ErrInvalidArgs
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	want := processRunning
	if first {
		want = processCreated
	}
	if p.state != want || !t.state.CompareAndSwap(uint32(zx.ThreadNew), uint32(zx.ThreadRunning)) {
		return zx.ErrBadState
	}
	if first {
		p.state, p.started = processRunning, p.kernel.Now()
	}
	r := t.regs // the thread's own from here on
	r.SetRIP(uint64(at.rip))
	r.RSP, r.RDI, r.RSI = uint64(at.rsp), at.arg1, at.arg2
	p.unstarted.Remove(&t.node)
	p.threads.Insert(&t.node, t, uint64(t.Koid()), 0)
	p.living.Add(1)
	t.follow(p)
	t.UpdateSignals(0, zx.SignalThreadRunning)
	p.kernel.here().enqueue(t)
	return zx.OK
}

// threadEnded forgets t, which enters ring 3 no more. The last thread takes the
// process with it.
func (p *Process) threadEnded(t *Thread) {
	p.faults.Add(t.Faults())
	p.mu.Lock()
	p.threads.Remove(&t.node)
	if p.threads.Empty() {
		p.state = processDying // nothing starts any more
	}
	p.mu.Unlock()
	t.UpdateSignals(zx.SignalThreadRunning|zx.SignalThreadSuspended, zx.SignalTaskTerminated)
	object.Unref(t)
	if p.living.Add(-1) == 0 {
		p.bury(t)
		object.WorkAll(t) // what it held alone, and never started, ends with it
		p.gone()
	}
}

// Exit ends the process with code; the first code given stays. Every thread
// stops at its next chance.
func (p *Process) Exit(code int64) { p.end(code, nil) }

// end is Exit with the exception that is the reason, if one is.
func (p *Process) end(code int64, exception *Exception) {
	p.mu.Lock()
	if p.state >= processDying {
		p.mu.Unlock()
		return
	}
	unborn := p.state == processCreated
	p.state, p.code, p.exception = processDying, code, exception
	p.mu.Unlock()
	p.eachThread((*Thread).Kill)
	if exception != nil && p.unwatched {
		fmt.Fprintln(p.kernel.log(), exception.Text())
	}
	if unborn {
		p.buryLater()
	}
}

// bury frees what the process owns, yielding by y as often as it must; gone is to
// follow. Pre: no thread of it runs or will run; called once.
func (p *Process) bury(y zx.Yielder) {
	p.mu.Lock()
	p.state = processDead
	p.mu.Unlock()
	for b := (zx.Budget{By: y}); ; {
		var t *Thread
		p.mu.Lock()
		if n := p.unstarted.First(); n != nil {
			t = n.Owner() // under the lock: its last handle may be closed meanwhile
		}
		p.mu.Unlock()
		if t == nil {
			break
		}
		if t.discard(); b.Spend(8) {
			b.Look()
		}
	}
	p.closeExceptions()
	p.handles.CloseAll(y)
	object.Collect() // what only its handles could reach
	p.kernel.leave(p.space.CR3())
	p.space.Destroy(y)
}

// gone tells those who wait for the process, when all that it had was given back:
// they find it nowhere any more, and nothing charged.
func (p *Process) gone() {
	p.UpdateSignals(0, zx.SignalTaskTerminated)
	p.job.remove(p)
	object.Unref(p)
	close(p.ended)
}

// DebugWrite puts bytes of the program on its output.
func (p *Process) DebugWrite(b []byte) { p.output(b) }

// String names the process for reports.
func (p *Process) String() string { return fmt.Sprintf("%s (koid %d)", printable(p.Name()), p.Koid()) }
