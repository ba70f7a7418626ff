package kernel

import (
	"fmt"
	"sync"
	"sync/atomic"

	"faultline/object"
	"faultline/syscall"
	"faultline/vmar"
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
	kernel  *Kernel
	name    string
	handles *object.HandleTable
	space   *vmar.AddressSpace
	output  func([]byte) // where DebugWrite goes

	mu        sync.Mutex
	state     processState // guarded by mu
	threads   []*Thread    // started, not ended; guarded by mu
	code      int64        // return code; guarded by mu, final once dying
	exception *Exception   // what killed it, if something did; as code

	exceptions exceptionChannel // guarded by mu
	debugger   exceptionChannel // guarded by mu

	faults atomic.Uint64 // page faults of threads that have ended
	ended  chan struct{} // closed when dead
}

var _ syscall.Process = (*Process)(nil)

// NewProcess makes a process with an empty address space and no thread. What
// it writes by zx_debug_write goes to output.
//
// Errors: ErrNoMemory.
func (k *Kernel) NewProcess(name string, output func([]byte)) (*Process, zx.Status) {
	space, st := vmar.NewAddressSpace(k.Memory, k.table, k)
	if st != zx.OK {
		return nil, st
	}
	p := &Process{
		kernel: k, name: name, handles: new(object.HandleTable), space: space,
		output: output, ended: make(chan struct{}),
	}
	p.Base.Init(zx.ObjProcess, 0)
	k.processes.add(p)
	return p, zx.OK
}

// Name is the name the process was created with.
func (p *Process) Name() string { return p.name }

// Space is the address space of the process.
func (p *Process) Space() *vmar.AddressSpace { return p.space }

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

// Threads lists the threads that run.
func (p *Process) Threads() []*Thread {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Thread(nil), p.threads...)
}

// CreateThread makes a thread that has not started.
//
// Errors: ErrBadState the process is ending.
func (p *Process) CreateThread(name string) (syscall.Thread, zx.Status) {
	p.mu.Lock()
	ending := p.state >= processDying
	p.mu.Unlock()
	if ending {
		return nil, zx.ErrBadState
	}
	return newThread(p, name), zx.OK
}

// startThread lets t run.
//
// Errors: ErrBadState t was started before, or the process is ending.
func (p *Process) startThread(t *Thread) zx.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state >= processDying || !t.state.CompareAndSwap(uint32(zx.ThreadNew), uint32(zx.ThreadRunning)) {
		return zx.ErrBadState
	}
	p.state = processRunning
	p.threads = append(p.threads, t)
	t.UpdateSignals(0, zx.SignalThreadRunning)
	t.Ref()
	go t.run()
	return zx.OK
}

// threadEnded forgets t, whose goroutine is about to end. The last thread
// takes the process with it.
func (p *Process) threadEnded(t *Thread) {
	p.faults.Add(t.Faults())
	p.mu.Lock()
	for i, o := range p.threads {
		if o == t {
			p.threads = append(p.threads[:i], p.threads[i+1:]...)
			break
		}
	}
	last := len(p.threads) == 0
	if last {
		p.state = processDying // nothing starts any more
	}
	p.mu.Unlock()
	t.UpdateSignals(zx.SignalThreadRunning|zx.SignalThreadSuspended, zx.SignalTaskTerminated)
	object.Unref(t)
	if last {
		p.bury()
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
	for _, t := range p.threads {
		t.Kill()
	}
	p.mu.Unlock()
	if unborn {
		p.bury()
	}
}

// bury frees what the process owns. Pre: no thread of it runs or will run.
func (p *Process) bury() {
	p.mu.Lock()
	if p.state == processDead {
		p.mu.Unlock()
		return
	}
	p.state = processDead
	p.mu.Unlock()
	p.closeExceptions()
	p.handles.CloseAll()
	p.kernel.leave(p.space.CR3())
	p.space.Destroy()
	p.kernel.processes.remove(p)
	p.UpdateSignals(0, zx.SignalTaskTerminated)
	close(p.ended)
}

// DebugWrite puts bytes of the program on its output.
func (p *Process) DebugWrite(b []byte) { p.output(b) }

// String names the process for reports.
func (p *Process) String() string { return fmt.Sprintf("%s (koid %d)", p.name, p.Koid()) }
