package kernel

import (
	"strings"
	"sync"
	"sync/atomic"

	"faultline/avl"
	"faultline/object"
	"faultline/syscall"
	"faultline/vmar"
	"faultline/zx"
)

// label is a name that may change while others read it.
type label struct{ p atomic.Pointer[string] }

// Name gives the name.
func (l *label) Name() string { return *l.p.Load() }

// SetName changes it.
func (l *label) SetName(name string) { l.p.Store(&name) }

// after gives what comes after the one with that koid in a tree that is ordered by
// koids, nil if it was the last. Locks: the tree's held.
func after[T any](t *avl.Tree[T], koid zx.Koid) *T {
	if n := t.Heavy(uint64(koid)+1, 0); n != nil {
		return n.Owner()
	}
	return nil
}

// refAfter is after with a reference. Locks: takes the tree's, mu.
func refAfter[T any, P interface {
	*T
	Ref()
}](mu *sync.Mutex, t *avl.Tree[T], koid zx.Koid) *T {
	mu.Lock()
	defer mu.Unlock()
	next := after(t, koid)
	if next != nil {
		P(next).Ref()
	}
	return next
}

// koidAfter is the koid of what after gives; false if there is none. Locks: takes
// the tree's, mu.
func koidAfter[T any, P interface {
	*T
	Koid() zx.Koid
}](mu *sync.Mutex, t *avl.Tree[T], koid zx.Koid) (zx.Koid, bool) {
	mu.Lock()
	defer mu.Unlock()
	if next := after(t, koid); next != nil {
		return P(next).Koid(), true
	}
	return 0, false
}

// printable makes a name that ring 3 has chosen fit for a terminal.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
}

// CreateProcess makes an empty process in job for zx_process_create, whose output
// goes where that of its creator goes, and gives its root region.
//
// Errors: ErrNoMemory | ErrBadState job was killed.
func (p *Process) CreateProcess(job syscall.Job, name string) (syscall.Process, *vmar.VMAR, zx.Status) {
	child, st := p.kernel.NewProcess(job.(*Job), name, p.output)
	if st != zx.OK {
		return nil, nil, st
	}
	child.unwatched = true
	return child, child.space.Root(), zx.OK
}

// OnZeroHandles ends a process that nobody can start any more.
func (p *Process) OnZeroHandles() {
	p.mu.Lock()
	unborn := p.state == processCreated
	p.mu.Unlock()
	if unborn {
		p.Kill()
	}
}

// StartThread lets the first thread of the process run, for zx_process_start:
// RDI is the handle that arg1 becomes in the process (0 if arg1 has no object),
// RSI is arg2. arg1 is consumed on success only.
//
// Errors: see syscall.Process.
func (p *Process) StartThread(t syscall.Thread, entry, stack zx.VirtAddr, arg1 object.Moving, arg2 uint64) zx.Status {
	first := t.(*Thread)
	if first.process != p {
		return zx.ErrAccessDenied
	}
	h := zx.HandleInvalid
	if arg1.Object != nil {
		// The handle comes first, for the thread runs at once; arg1 goes on
		// moving, and is given up or taken back below.
		var st zx.Status
		if h, st = p.handles.Add(arg1.Object, arg1.Rights); st != zx.OK {
			return st
		}
	}
	st := p.startThread(first, entryPoint{entry, stack, uint64(h), arg2}, true)
	switch {
	case st != zx.OK:
		p.handles.Close(h)
	case arg1.Object != nil:
		arg1.Discard()
	}
	return st
}

// userAddress says whether a thread may be at va, to run there or to fault: it
// is below the end of user space. Source: docs/pager.md 3.18.
func userAddress(va zx.VirtAddr) bool { return va < vmar.UserEnd }

// Kill ends the process as zx_task_kill does.
func (p *Process) Kill() { p.Exit(zx.TaskRetcodeSyscallKill) }

// Info tells what zx_info_process_t tells.
func (p *Process) Info() syscall.ProcessInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	return syscall.ProcessInfo{
		ReturnCode:       p.code,
		StartTime:        p.started,
		Started:          p.started != 0,
		Exited:           p.state == processDead,
		DebuggerAttached: p.debugger.open(),
	}
}

// RelatedKoid is the koid of the job.
func (p *Process) RelatedKoid() zx.Koid { return p.job.Koid() }

// Job is the job the process is in.
func (p *Process) Job() *Job { return p.job }

// Policy is what the process may do. It does not change.
func (p *Process) Policy() *zx.Policy { return &p.policy }

// NextThread implements syscall.Process.
func (p *Process) NextThread(koid zx.Koid) (zx.Koid, bool) {
	return koidAfter(&p.mu, &p.threads, koid)
}

// RelatedKoid is the koid of the process.
func (t *Thread) RelatedKoid() zx.Koid { return t.process.Koid() }

// OnZeroHandles ends a thread that nobody can start any more.
func (t *Thread) OnZeroHandles() { t.discard() }

// discard ends a thread that has not started; others it leaves alone.
func (t *Thread) discard() {
	if !t.state.CompareAndSwap(uint32(zx.ThreadNew), uint32(zx.ThreadDead)) {
		return
	}
	p := t.process
	p.mu.Lock()
	p.unstarted.Remove(&t.node)
	p.mu.Unlock()
	t.closeExceptions()
	t.UpdateSignals(0, zx.SignalTaskTerminated)
	object.Unref(t)
}
