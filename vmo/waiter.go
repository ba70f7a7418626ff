package vmo

import (
	"runtime"
	"time"

	"faultline/zx"
)

// goWaiter is the Waiter of a goroutine that nobody kills or suspends.
type goWaiter struct {
	token chan struct{}
	start time.Time
}

// NewWaiter makes the Waiter of one goroutine, for programs that use this package
// without a kernel. Deadlines are nanoseconds since it was made.
func NewWaiter() Waiter { return &goWaiter{make(chan struct{}, 1), time.Now()} }

// Wait implements Waiter.
func (w *goWaiter) Wait(_ zx.ThreadState, deadline zx.Time) zx.Status {
	var late <-chan time.Time
	if deadline != zx.TimeInfinite {
		timer := time.NewTimer(time.Duration(max(deadline, 0)) - time.Since(w.start))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-w.token:
		return zx.OK
	case <-late:
		return zx.ErrTimedOut
	}
}

// Wake implements Waiter.
func (w *goWaiter) Wake() bool {
	select {
	case w.token <- struct{}{}:
	default:
	}
	return false
}

// Yield implements zx.Yielder.
func (w *goWaiter) Yield() zx.Status {
	runtime.Gosched()
	return zx.OK
}
