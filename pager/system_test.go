package pager

import (
	"sync/atomic"
	"testing"
	"time"

	"faultline/vmo"
	"faultline/zx"
)

const second zx.Time = 1e9

// TestOvertimeClocks pins that each wait has its own clock: of an overlap waiter
// that inherits the request, and of a reader that was woken early.
func TestOvertimeClocks(t *testing.T) {
	w := newWorld(t, 300, Config{OvertimeTimeout: 3 * second})
	f := w.create(16, 0)
	if w.sys.Tick(w.clock()) {
		t.Error("somebody waits")
	}
	a := w.read(f, 0)
	w.advance(second)
	b := w.read(f, 0) // hangs on a's
	c := w.start(func(th *thread) zx.Status { return f.v.ReadBytes(make([]byte, 4*pg), 4*pg, &th.req) })
	w.advance(second)
	if !w.sys.Tick(w.clock()) {
		t.Error("nobody waits")
	}
	w.expect("R[0,1)", "R[4,4)")
	f.supply(4, 1) // c goes on, and waits anew
	w.advance(second)
	w.ended(a, zx.ErrTimedOut)
	w.blocked(b)
	w.quiet() // b has inherited the request, no new packet
	w.advance(second)
	w.ended(b, zx.ErrTimedOut)
	w.blocked(c)
	w.advance(second / 2)
	w.blocked(c)
	w.advance(second / 2)
	w.ended(c, zx.ErrTimedOut)
	if w.sys.Tick(w.clock()) {
		t.Error("somebody still waits")
	}
	// A thread that does other things while its request stands is not timed.
	th := w.newThread()
	th.req.Early = true
	f.v.Lock()
	_, st := f.v.RequirePage(nil, 9*pg, false, &th.req)
	f.v.Unlock()
	if st != zx.ErrShouldWait {
		t.Fatal(st)
	}
	w.advance(9 * second)
	if !th.req.Outstanding || th.req.Woken.Load() {
		t.Error("given up though nobody waits")
	}
	f.v.Source().Cancel(&th.req)
	w.finish(f)
}

// TestTickSkipsTheClosed pins that closed pagers leave the system's list.
func TestTickSkipsTheClosed(t *testing.T) {
	y := NewSystem(Config{})
	var pagers [3]*Pager
	for i := range pagers {
		pagers[i] = New(y)
	}
	for _, i := range []int{1, 2, 0} {
		pagers[i].Close()
		n := 0
		for p := y.pagers; p != nil; p = p.next {
			n++
			if p == pagers[i] {
				t.Errorf("pager %d is still listed", i)
			}
		}
		if y.Tick(0); len(pagers)-int(y.destroyed.Load()) != n {
			t.Errorf("%d pagers listed", n)
		}
	}
}

// patientWaiter sleeps for real, deadlines included, a thousand times as fast
// as its clock.
type patientWaiter struct {
	chanWaiter
	now  func() zx.Time
	stop atomic.Bool
}

func (w *patientWaiter) Wait(_ zx.ThreadState, deadline zx.Time) zx.Status {
	if w.stop.Load() {
		return zx.ErrInternalIntrKilled
	}
	var after <-chan time.Time
	if deadline != zx.TimeInfinite {
		after = time.After(time.Duration((deadline - w.now()) / 1000))
	}
	select {
	case <-w.token:
	case <-after:
		return zx.ErrTimedOut
	}
	if w.stop.Load() {
		return zx.ErrInternalIntrKilled
	}
	return zx.OK
}

// TestWatch runs the watchdog: it sleeps while nobody waits, one wait rouses it,
// and it ends the wait in time.
func TestWatch(t *testing.T) {
	start := time.Now()
	now := func() zx.Time { return clockStart + 1000*zx.Time(time.Since(start)) }
	var logged atomic.Int32
	w := newWorld(t, 300, Config{})
	w.sys.cfg = Config{Now: now, OvertimeWait: 20 * second, OvertimeTimeout: 70 * second, Log: func(string) { logged.Add(1) }}
	dog := &patientWaiter{chanWaiter: *newChanWaiter(), now: now}
	ended := make(chan bool)
	go func() { w.sys.Watch(dog); close(ended) }()
	f := w.create(4, 0)
	for round := 1; round <= 2; round++ {
		for !w.sys.requests.Unwatched.Load() {
			time.Sleep(time.Millisecond)
		}
		var req vmo.PageRequest
		req.Init(newChanWaiter())
		began := now()
		if st := f.v.ReadBytes(make([]byte, 1), 0, &req); st != zx.ErrTimedOut {
			t.Fatal(st)
		}
		if took := now() - began; took < 70*second {
			t.Errorf("given up after %d s", took/second)
		}
		if n := w.sys.timedOut.Load(); n != uint64(round) {
			t.Errorf("%d timed out, want %d", n, round)
		}
	}
	if n := logged.Load(); n < 4 {
		t.Errorf("%d lines", n)
	}
	dog.stop.Store(true)
	dog.Wake()
	<-ended
	NewSystem(Config{}).Watch(dog) // has nothing to do
	w.quiet()
	w.finish(f)
}
