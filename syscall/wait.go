package syscall

import (
	"faultline/object"
	"faultline/zx"
)

// wait is a call that sleeps with nothing left on a stack: what it shows, until
// when, how it goes on, and what it needs for that.
//
//	                 sleep                    Resume
//	(call, a stack) -------> (wait, no stack) -------> (then, a stack)
//	                              ^                        | object.Waiting
//	                              +------------------------+
type wait struct {
	then     func(c *Context, woken zx.Status) zx.Status
	state    zx.ThreadState
	deadline zx.Time

	// What then goes on with; those of one call share nothing.
	out    userOut            // port_wait, object_wait_one: where the answer goes
	object object.Object      // object_wait_one, channel_call: a reference
	queue  *object.Port       // port_wait
	place  object.PortWaiter  // port_wait
	one    *object.Observer   // object_wait_one; kept for the next
	many   *manyWait          // object_wait_many
	futex  object.FutexWaiter // futex_wait
	call   *channelWait       // channel_call
}

// Sleeps is what Dispatch and Resume answer for a call that is not done: its
// thread is to sleep as Sleep says, then Resume goes on.
const Sleeps = int64(object.Waiting)

// sleep ends the call for now: its thread is to sleep, showing state, until it is
// woken, interrupted, or the deadline has come; then goes on with what ended the
// sleep, and sleeps again while it answers object.Waiting.
func (c *Context) sleep(state zx.ThreadState, deadline zx.Time, then func(*Context, zx.Status) zx.Status) zx.Status {
	c.wait.then, c.wait.state, c.wait.deadline = then, state, deadline
	return object.Waiting
}

// Sleep is what the thread of a call that sleeps shows, and until when.
func (c *Context) Sleep() (state zx.ThreadState, deadline zx.Time) {
	return c.wait.state, c.wait.deadline
}

// Resume goes on with a call that sleeps. woken is how the sleep ended: OK woken,
// perhaps for nothing | ErrTimedOut | ErrInternalIntrKilled |
// ErrInternalIntrRetry, the thread is to be suspended. The result is as
// Dispatch's; a call may sleep again, even after ErrInternalIntrRetry: it cannot
// be issued again, and goes on after the suspend.
func (c *Context) Resume(woken zx.Status) int64 { return int64(c.wait.then(c, woken)) }
