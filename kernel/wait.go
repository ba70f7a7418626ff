package kernel

import (
	"faultline/trace"
	"faultline/zx"
)

// token values: who may touch the thread. Only the executor that runs it takes
// it to sleep; whoever swaps a sleeping thread's token makes it ready, once.
//
//	              block                     Wake, deadline
//	(running) ------------> (asleep) ---------------------------> (woken)
//	   ^  \                                                        ^  |
//	   |   +------------------------ Wake -------------------------+  |
//	   +----------------- woke: an executor runs it ------------------+
const (
	tokenRunning uint32 = iota
	tokenWoken
	tokenAsleep
)

// Wake ends the sleep of the thread, or its next one, and says whether it did. It
// never blocks and may be called under any lock.
//
//go:nosplit
func (t *Thread) Wake() bool {
	if t.token.Swap(tokenWoken) != tokenAsleep {
		return false
	}
	if trace.On() {
		t.traceWake()
	}
	c := t.cpu
	if c.several() {
		if c = c.kernel.here(); c.turn != turnThread || t.executor != nil && t.cpu != c {
			t.cpu.enqueue(t)
			return true
		}
		if c.kernel.idle.Load() != 0 {
			if t.step == stepFault {
				c.heed.Or(heedSoon) // a pager mostly waits for the next request at once
			} else {
				c.heed.Or(heedShare)
			}
		}
	} else if c.turn != turnThread {
		c.enqueue(t)
		return true
	}
	c.direct, c.turn = t, turnHanded
	return true
}

// sleep puts the thread to sleep, showing state, until Wake or an interrupt. It
// says whether the thread goes on, as block. Pre: no interrupt was raised before the
// token was last taken.
func (t *Thread) sleep(state zx.ThreadState) bool {
	t.state.Store(uint32(state))
	return !t.token.CompareAndSwap(tokenRunning, tokenAsleep)
}

// block puts the thread to sleep, showing state, until Wake, the deadline, or an
// interrupt in bits. It says whether the thread goes on, for something has ended the
// sleep already; if not, the caller leaves it alone: it is ready or runs before long.
// In both cases woke says why.
//
//go:nosplit
func (t *Thread) block(state zx.ThreadState, deadline zx.Time, bits uint32) bool {
	if t.interrupted.Load()&bits != 0 {
		return true
	}
	if deadline != zx.TimeInfinite {
		return t.blockUntil(state, deadline)
	}
	return t.sleep(state)
}

// blockUntil is block that ends.
func (t *Thread) blockUntil(state zx.ThreadState, deadline zx.Time) bool {
	c := t.cpu
	if trace.On() {
		c.endStretch(t)
	}
	t.clock = c
	t.late, t.deadline = int64(deadline) <= c.kernel.now(), deadline
	t.interrupted.Or(interruptTimed)
	if t.late {
		if state == zx.ThreadBlockedSleeping {
			c.enqueue(t) // a sleep that is over lets others run all the same
			return false
		}
		return true
	}
	c.await(t)
	return t.sleep(state)
}

// woke says why what block began has ended. Pre: runs.
//
// Errors: OK woken, perhaps for nothing | ErrInternalIntrKilled and
// ErrInternalIntrRetry an interrupt in bits | ErrTimedOut.
func (t *Thread) woke(bits uint32) zx.Status {
	if t.interrupted.Load() != 0 {
		return t.wokeBy(bits)
	}
	return zx.OK
}

// runs is the end of sleep: an executor has the thread.
func (t *Thread) runs() {
	t.token.Store(tokenRunning)
	t.state.Store(uint32(zx.ThreadRunning))
}

// wokeBy is woke of a thread that was not just woken.
func (t *Thread) wokeBy(bits uint32) zx.Status {
	late := false
	if t.interrupted.Load()&interruptTimed != 0 {
		t.interrupted.And(^interruptTimed)
		t.clock.forget(t)
		late = t.late
	}
	switch st := t.pending(bits); {
	case st != zx.OK:
		return st
	case late:
		return zx.ErrTimedOut
	}
	return zx.OK
}

// pending is the status that one of bits calls for, OK if none is raised.
func (t *Thread) pending(bits uint32) zx.Status {
	switch bits &= t.interrupted.Load(); {
	case bits == 0:
		return zx.OK
	case bits&interruptKill != 0:
		return zx.ErrInternalIntrKilled
	}
	return zx.ErrInternalIntrRetry
}

// Wait sleeps in the midst of a call, on the stack of the executor that runs the
// thread: the CPU goes to another one.
//
// Errors: ErrInternalIntrKilled | ErrInternalIntrRetry | ErrTimedOut, see
// vmo.Waiter | ErrNoMemory the account has nothing left for the stack.
func (t *Thread) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	return t.wait(state, deadline, interruptKill|interruptSuspend)
}

// wait is Wait that only the interrupts in bits end.
func (t *Thread) wait(state zx.ThreadState, deadline zx.Time, bits uint32) zx.Status {
	a := t.process.account
	if st := a.Charge(executorBytes); st != zx.OK {
		return st
	}
	t.executor = t.cpu.executor
	if !t.block(state, deadline, bits) {
		t.executor.handOn()
	}
	t.executor = nil
	a.Release(executorBytes)
	t.runs()
	return t.woke(bits)
}

// moment is how long Yield halts, in nanoseconds: a halt is how ring 0 takes
// interrupts.
const moment = 1000

// Yield implements zx.Yielder for a call of the thread: it takes the interrupts
// that wait, ring 0 having them off, and lets whoever is ready run.
func (t *Thread) Yield() zx.Status { return t.yield(interruptKill | interruptSuspend) }

// yield is Yield that only the interrupts in bits end.
func (t *Thread) yield(bits uint32) zx.Status {
	c := t.cpu
	if trace.On() {
		defer t.resumeStretch(c.stretch.what)
		c.endStretch(t)
	}
	for {
		c.machine.Idle(c.kernel.now() + moment)
		c.yield(false)
		if a := t.process.account; a.Charge(executorBytes) == zx.OK {
			t.executor = c.executor
			if c.over(t) {
				t.executor.handOn()
				// Its turn: the slice is that of whoever ran last.
				c.slice = c.kernel.now() + tickPeriod
			}
			t.executor = nil
			a.Release(executorBytes)
		}
		if st := t.pending(bits); st != zx.OK || !c.pay() {
			return st
		}
	}
}

// copyWaiter is the thread while the kernel copies its memory inside a call: a
// suspend does not end such a wait. Source: docs/pager.md 5.7.
type copyWaiter Thread

// Wake is Thread.Wake.
func (w *copyWaiter) Wake() bool { return (*Thread)(w).Wake() }

// Wait is Thread.Wait but for suspends.
func (w *copyWaiter) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	return (*Thread)(w).wait(state, deadline, interruptKill)
}

// Yield is Thread.Yield but for suspends.
func (w *copyWaiter) Yield() zx.Status { return (*Thread)(w).yield(interruptKill) }
