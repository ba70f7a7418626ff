package kernel

import (
	"runtime"
	"sync/atomic"
	"time"

	"faultline/vmo"
	"faultline/zx"
)

// parker is where one goroutine sleeps. It holds at most one token: Wake
// leaves it, wait takes it. Only the goroutine it belongs to waits.
//
//	         wait: park                Wake: ready the goroutine
//	(empty) ------------> (sleeping) ---------------------------> (token)
//	   ^  \                                                         ^ |
//	   |   +------------------------ Wake --------------------------+ |
//	   +------------------------ wait takes it -----------------------+
//
// It talks to the Go scheduler directly: a channel does the same for twice the
// instructions, and every page request pays for two sleeps.
type parker struct {
	state atomic.Uintptr // parkEmpty, parkToken, or the sleeping g
	timer *time.Timer    // made at the first wait with a deadline
	now   func() int64
}

const (
	parkEmpty uintptr = 0
	parkToken uintptr = 1
)

// Wake leaves the token, if it is not there already, and says whether it woke the
// goroutine. It never blocks and may be called under any lock.
func (p *parker) Wake() bool {
	g := p.state.Swap(parkToken)
	if g <= parkToken {
		return false
	}
	ready(g)
	return true
}

// wait takes the token, sleeping for it until deadline.
//
// Errors: ErrTimedOut.
func (p *parker) wait(deadline zx.Time) zx.Status {
	if deadline == zx.TimeInfinite {
		p.take()
		return zx.OK
	}
	return p.waitUntil(deadline)
}

// waitUntil is wait with a deadline that will come, or has: the clock says
// which, and never who woke the goroutine.
func (p *parker) waitUntil(deadline zx.Time) zx.Status {
	now := p.now()
	if int64(deadline) <= now { // by comparison: a difference could wrap
		if p.state.CompareAndSwap(parkToken, parkEmpty) {
			return zx.OK
		}
		return zx.ErrTimedOut
	}
	left := time.Duration(int64(deadline) - now)
	if p.timer == nil {
		p.timer = time.AfterFunc(left, func() { p.Wake() })
	} else {
		p.timer.Reset(left)
	}
	p.take()
	p.timer.Stop()
	// A timer that fires late leaves its token to the next wait, which then ends
	// early, for nothing, and not by its own deadline.
	if p.now() >= int64(deadline) {
		return zx.ErrTimedOut
	}
	return zx.OK
}

// take sleeps until there is a token and takes it.
func (p *parker) take() {
	for !p.state.CompareAndSwap(parkToken, parkEmpty) {
		park(&p.state)
	}
}

// worker is the Waiter of a goroutine of the kernel's own: nobody kills or
// suspends it.
type worker struct {
	parker
	kernel *Kernel
	name   string
	state  atomic.Uint32 // zx.ThreadState
}

// NewWaiter makes the Waiter of one goroutine that is not a ring-3 thread. name
// is for listings; the goroutine lives as long as the kernel.
func (k *Kernel) NewWaiter(name string) vmo.Waiter {
	w := &worker{parker: parker{now: k.now}, kernel: k, name: name}
	w.state.Store(uint32(zx.ThreadRunning))
	k.workersMu.Lock()
	k.workers = append(k.workers, w)
	k.workersMu.Unlock()
	return w
}

// Wake is parker.Wake that has the goroutine run soon.
func (w *worker) Wake() bool {
	woke := w.parker.Wake()
	if woke {
		w.kernel.here().heed.Or(heedYield)
	}
	return woke
}

// Yield lets others run. See zx.Yielder.
func (w *worker) Yield() zx.Status { return w.kernel.Yield() }

// Yield lets other goroutines run for work that is no thread's.
func (k *Kernel) Yield() zx.Status {
	k.machine.Idle(k.now() + moment)
	runtime.Gosched()
	return zx.OK
}

// Wait sleeps until Wake or the deadline. See vmo.Waiter.
func (w *worker) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	w.state.Store(uint32(state))
	st := w.wait(deadline)
	w.state.Store(uint32(zx.ThreadRunning))
	return st
}

// WorkerInfo tells of a goroutine of the kernel's own that has a Waiter.
type WorkerInfo struct {
	Name  string
	State zx.ThreadState
}

// Workers lists the kernel's own goroutines that have a Waiter.
func (k *Kernel) Workers() (list []WorkerInfo) {
	k.workersMu.Lock()
	defer k.workersMu.Unlock()
	for _, w := range k.workers {
		list = append(list, WorkerInfo{w.name, zx.ThreadState(w.state.Load())})
	}
	return list
}
