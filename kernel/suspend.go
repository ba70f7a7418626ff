package kernel

import (
	"fmt"

	"faultline/object"
	"faultline/zx"
)

// suspendToken keeps a thread suspended until its last handle is closed.
type suspendToken struct {
	object.Base
	thread *Thread
}

// Suspend stops the thread at its next chance and gives the token that keeps it
// so; one that has not started starts suspended. A wait in progress ends and is
// taken up again afterwards, except one for memory of the thread that the kernel
// copies. Tokens add up.
//
// Errors: ErrBadState the thread is ending.
// Source: docs/pager.md 3.18 and 5.7.
func (t *Thread) Suspend() (object.Object, zx.Status) {
	if t.State() == zx.ThreadDead || t.killed() {
		return nil, zx.ErrBadState
	}
	token := &suspendToken{thread: t}
	token.Init(zx.ObjSuspendToken, 0)
	t.Ref()
	t.stop()
	return token, zx.OK
}

// stop adds one to what keeps the thread suspended.
func (t *Thread) stop() {
	t.mu.Lock()
	t.suspends++
	t.mu.Unlock()
	t.interrupt(interruptSuspend)
}

// resume takes one token away.
func (t *Thread) resume() {
	t.mu.Lock()
	t.suspends--
	if t.suspends == 0 {
		t.interrupted.And(^interruptSuspend)
		t.Wake()
	}
	t.mu.Unlock()
}

// OnZeroHandles lets the thread go on if this was its last token.
func (s *suspendToken) OnZeroHandles() { s.thread.resume() }

// OnLastRef lets go of the thread.
func (s *suspendToken) OnLastRef() { object.Unref(s.thread) }

// processToken keeps every thread of a process suspended, also those that start
// meanwhile, until its last handle is closed.
type processToken struct {
	object.Base
	process *Process
}

// Suspend stops all threads of the process.
//
// Errors: ErrBadState it is ending.
func (p *Process) Suspend() (object.Object, zx.Status) {
	p.mu.Lock()
	if p.state >= processDying {
		p.mu.Unlock()
		return nil, zx.ErrBadState
	}
	token := &processToken{process: p}
	token.Init(zx.ObjSuspendToken, 0)
	p.Ref()
	p.suspends++
	p.mu.Unlock()
	p.eachThread(func(t *Thread) { t.follow(p) })
	return token, zx.OK
}

// follow stops or frees the thread as its process is. Locks: p.mu held.
func (t *Thread) follow(p *Process) {
	if held := p.suspends > 0; held != t.held {
		if t.held = held; held {
			t.stop()
		} else {
			t.resume()
		}
	}
}

// OnZeroHandles lets the threads go on.
func (s *processToken) OnZeroHandles() {
	p := s.process
	p.mu.Lock()
	p.suspends--
	p.mu.Unlock()
	p.eachThread(func(t *Thread) { t.follow(p) })
}

// OnLastRef lets go of the process.
func (s *processToken) OnLastRef() { object.Unref(s.process) }

// pauseCall is pause in the midst of a call, which goes on by step. RAX shows
// ErrInternalIntrRetry meanwhile.
func (t *Thread) pauseCall(step step) bool {
	t.step = step
	t.regs.RAX, t.rip = retryRAX, t.regs.RIP()
	return t.pause()
}

// retryRAX is what a debugger sees in RAX of a call that waits.
var retryRAX = func() uint64 { st := int64(zx.ErrInternalIntrRetry); return uint64(st) }()

// pause keeps a suspended thread still until its tokens are gone or it is
// killed; then it goes on by its step. It says whether it does at once.
func (t *Thread) pause() bool {
	if !t.suspended() {
		return true
	}
	if t.step == stepPause {
		panic(fmt.Sprintf("kernel.pause: thread %d pauses already, and goes on with step %d then", t.Koid(), t.after))
	}
	t.after, t.step = t.step, stepPause
	t.state.Store(uint32(zx.ThreadSuspended)) // for who sees the signal at once
	t.UpdateSignals(zx.SignalThreadRunning, zx.SignalThreadSuspended)
	return t.block(zx.ThreadSuspended, zx.TimeInfinite, interruptKill)
}

// pauseWoken goes on with a pause.
func (t *Thread) pauseWoken() bool {
	t.token.Store(tokenRunning)
	if t.suspended() {
		return t.block(zx.ThreadSuspended, zx.TimeInfinite, interruptKill)
	}
	t.step = t.after
	t.runs()
	t.UpdateSignals(zx.SignalThreadSuspended, zx.SignalThreadRunning)
	t.settle()
	// A call does not go on if the thread was killed, or a debugger gave RAX another
	// value, which is what the call returns then, or sent the thread elsewhere.
	// Source: docs/pager.md 3.18.
	if t.step != stepUser && (t.killed() || t.regs.RAX != retryRAX || t.regs.RIP() != t.rip) {
		if t.step == stepCall {
			t.context.Resume(zx.ErrInternalIntrKilled)
		}
		t.context.Forget()
		t.step = stepUser
	}
	return true
}

// suspended says whether the thread must stand still.
func (t *Thread) suspended() bool {
	return t.interrupted.Load()&(interruptKill|interruptSuspend) == interruptSuspend
}

// settle waits until nobody is at the registers of the thread any more, which
// has left the state in which they may be, and not shown another in between for being
// woken for nothing. See stopped.
func (t *Thread) settle() {
	t.mu.Lock()
	//lint:ignore SA2001 the point is to wait
	t.mu.Unlock()
}

// stopped says whether registers of the thread may be touched now: the thread
// leaves such a state first, and then settles. Locks: mu held.
func (t *Thread) stopped() bool {
	switch t.State() {
	case zx.ThreadSuspended, zx.ThreadBlockedException:
		return true
	}
	return false
}
