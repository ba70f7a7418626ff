package object

import (
	"sync"
	"testing"
	"time"

	"faultline/zx"
)

func TestWaitMany(t *testing.T) {
	w := newWaiter()
	var table HandleTable
	a, b := NewEvent(), NewEvent()
	ha, _ := table.Add(a, RightsEvent)
	hb, _ := table.Add(b, RightsEvent)
	items := func() []WaitItem {
		return []WaitItem{
			{Object: a, Source: Source{&table, ha}, Signals: zx.SignalSignaled},
			{Object: b, Source: Source{&table, hb}, Signals: zx.SignalSignaled},
		}
	}
	l := items()
	b.UpdateSignals(0, 1<<24)
	if st := w.waitMany(l, 0); st != zx.ErrTimedOut || l[0].Pending != 0 || l[1].Pending != 1<<24 {
		t.Errorf("nothing asserted: %v, %#x %#x", st, l[0].Pending, l[1].Pending)
	}
	for _, e := range []*Event{a, b} {
		e.UpdateSignals(0, zx.SignalSignaled)
		l = items()
		if st := w.waitMany(l, 0); st != zx.OK || l[0].Pending != a.Signals() || l[1].Pending != b.Signals() {
			t.Errorf("one asserted: %v, %#x %#x", st, l[0].Pending, l[1].Pending)
		}
		e.UpdateSignals(zx.SignalSignaled, 0)
	}
	// Asserted, and deasserted again, while waiting.
	waits := w.waits
	go func() {
		w.untilAsleep(waits + 1)
		w.Wake() // for nothing
		b.UpdateSignals(0, zx.SignalSignaled)
		b.UpdateSignals(zx.SignalSignaled, 0)
	}()
	l = items()
	if st := w.waitMany(l, zx.TimeInfinite); st != zx.OK || l[0].Pending != 0 || l[1].Pending != 1<<24|zx.SignalSignaled {
		t.Errorf("asserted for a moment: %v, %#x %#x", st, l[0].Pending, l[1].Pending)
	}
	for _, interrupt := range []zx.Status{zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry} {
		w.stop <- interrupt
		if st := w.waitMany(items(), zx.TimeInfinite); st != interrupt {
			t.Errorf("interrupted: %v, want %v", st, interrupt)
		}
	}
	waits = w.waits
	go func() {
		w.untilAsleep(waits + 1)
		table.Close(ha)
	}()
	l = items()
	if st := w.waitMany(l, zx.TimeInfinite); st != zx.ErrCanceled || l[0].Pending != zx.SignalHandleClosed || l[1].Pending != 1<<24 {
		t.Errorf("handle closed: %v, %#x %#x", st, l[0].Pending, l[1].Pending)
	}
	if n := a.watched.Load() + b.watched.Load(); n != 0 {
		t.Errorf("%d observers left", n)
	}
}

func TestFutex(t *testing.T) {
	var table FutexTable
	const here, there = 0x8000001000, 0x8000001004
	var wg sync.WaitGroup
	woken := make(chan int, 8)
	wait := func(id int, at zx.VirtAddr) *fakeWaiter {
		w := newWaiter()
		n := new(FutexWaiter)
		n.Init(w)
		table.Lock()
		table.Enqueue(n, at)
		table.Unlock()
		wg.Add(1)
		go func() {
			defer wg.Done()
			answer := func(woken zx.Status) zx.Status { return table.Answer(n, woken) }
			if st := w.await(zx.ThreadBlockedFutex, zx.TimeInfinite, answer); st == zx.OK {
				woken <- id
			} else {
				woken <- -id
			}
		}()
		return w
	}
	expect := func(what string, want ...int) {
		t.Helper()
		got := map[int]bool{}
		for range want {
			got[<-woken] = true
		}
		for _, id := range want {
			if !got[id] {
				t.Errorf("%s: woke %v, want %v", what, got, want)
			}
		}
		select {
		case id := <-woken:
			t.Errorf("%s: woke %d too", what, id)
		case <-time.After(time.Millisecond):
		}
	}
	wait(1, here)
	wait(2, there)
	w3 := wait(3, here)
	wait(4, here)
	table.Wake(here+8, 100)
	table.Wake(here, 0)
	expect("nobody")
	table.Wake(here, 1)
	expect("the oldest", 1)
	w3.Wake()
	expect("a wake for nothing")
	w3.stop <- zx.ErrTimedOut
	expect("time-out", -3)
	wait(5, here)
	table.Lock()
	table.WakeAndRequeue(here, 1, there, 1)
	table.Unlock()
	expect("requeue", 4)
	table.Wake(here, 100)
	expect("requeued is gone from here")
	table.Wake(there, 100)
	expect("and found there", 2, 5)
	wg.Wait()
	for i, q := range table.buckets {
		if q.head != nil || q.tail != nil {
			t.Errorf("bucket %d holds a waiter", i)
		}
	}
}
