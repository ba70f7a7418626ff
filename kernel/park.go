package kernel

import (
	"sync/atomic"
	"time"

	"faultline/vmo"
	"faultline/zx"
)

// parker is where one goroutine sleeps. It holds at most one token: Wake
// leaves it, wait takes it. Only the goroutine it belongs to waits.
type parker struct {
	token chan struct{} // capacity 1
	timer *time.Timer   // made at the first wait with a deadline
	now   func() int64
}

func newParker(now func() int64) parker {
	return parker{token: make(chan struct{}, 1), now: now}
}

// Wake leaves the token, if it is not there already. It never blocks and may
// be called under any lock.
func (p *parker) Wake() {
	select {
	case p.token <- struct{}{}:
	default:
	}
}

// wait takes the token, sleeping for it until deadline.
//
// Errors: ErrTimedOut.
func (p *parker) wait(deadline zx.Time) zx.Status {
	if deadline == zx.TimeInfinite {
		<-p.token
		return zx.OK
	}
	left := int64(deadline) - p.now()
	if left <= 0 {
		select {
		case <-p.token:
			return zx.OK
		default:
			return zx.ErrTimedOut
		}
	}
	if p.timer == nil {
		p.timer = time.NewTimer(time.Duration(left))
	} else {
		p.timer.Reset(time.Duration(left))
	}
	select {
	case <-p.token:
		p.timer.Stop()
		return zx.OK
	case <-p.timer.C:
		return zx.ErrTimedOut
	}
}

// worker is the Waiter of a goroutine of the kernel's own: nobody kills or
// suspends it.
type worker struct {
	parker
	name  string
	state atomic.Uint32 // zx.ThreadState
}

// NewWaiter makes the Waiter of one goroutine that is not a ring-3 thread. name
// is for listings; the goroutine lives as long as the kernel.
func (k *Kernel) NewWaiter(name string) vmo.Waiter {
	w := &worker{parker: newParker(k.now), name: name}
	w.state.Store(uint32(zx.ThreadRunning))
	k.workersMu.Lock()
	k.workers = append(k.workers, w)
	k.workersMu.Unlock()
	return w
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
