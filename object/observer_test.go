package object

import (
	"encoding/binary"
	"testing"
	"time"

	"faultline/account"
	"faultline/zx"
)

const (
	sigA zx.Signals = 1 << 24
	sigB zx.Signals = 1 << 25
)

func TestWaitOne(t *testing.T) {
	var tab HandleTable
	e := NewEvent()
	h, _ := tab.Add(e, RightsEvent)
	src := Source{&tab, h}
	w := newWaiter()
	if obs, st := w.waitOne(&e.Base, src, sigA, 0); st != zx.ErrTimedOut || obs != 0 {
		t.Fatalf("%#x %v", obs, st)
	}
	e.UpdateSignals(0, sigB)
	if obs, st := w.waitOne(&e.Base, src, sigA, 0); st != zx.ErrTimedOut || obs != sigB {
		t.Fatalf("timed out with %#x %v", obs, st)
	}
	if obs, st := w.waitOne(&e.Base, src, sigA|sigB, 0); st != zx.OK || obs != sigB {
		t.Fatalf("asserted already: %#x %v", obs, st)
	}
	type result struct {
		obs zx.Signals
		st  zx.Status
	}
	res := make(chan result)
	wait := func() { obs, st := w.waitOne(&e.Base, src, sigA, zx.TimeInfinite); res <- result{obs, st} }
	sleeps := w.waits
	go wait()
	w.untilAsleep(sleeps + 1)
	e.UpdateSignals(sigB, 0)
	e.UpdateSignals(0, sigA)
	e.UpdateSignals(sigA, 0) // a strobe is seen
	if r := <-res; r.st != zx.OK || r.obs != sigA {
		t.Fatalf("%#x %v", r.obs, r.st)
	}
	sleeps = w.waits
	go wait()
	w.untilAsleep(sleeps + 1)
	other, _ := tab.Duplicate(h, zx.RightSame)
	tab.Close(other) // another handle: nothing happens
	tab.Close(h)
	if r := <-res; r.st != zx.ErrCanceled || r.obs&zx.SignalHandleClosed == 0 {
		t.Fatalf("closed: %#x %v", r.obs, r.st)
	}
	if e.watched.Load() != 0 {
		t.Fatal("an observer stayed")
	}
}

// TestWaitOneAllocates: a thread's observer serves wait after wait, with all that a wait
// takes, or a thread that polls would keep the collector busy. It keeps nothing alive.
func TestWaitOneAllocates(t *testing.T) {
	var tab HandleTable
	var o Observer
	w := newWaiter()
	events := []*Event{NewEvent(), NewEvent()}
	src := []Source{{&tab, 7}, {&tab, 11}}
	if n := testing.AllocsPerRun(100, func() {
		for i, e := range events {
			if _, st := e.Watch(&o, w, src[i], sigA); st != Waiting {
				t.Fatal(st)
			}
			if _, st := o.Answer(zx.ErrTimedOut); st != zx.ErrTimedOut || o.of != nil || e.watch != nil {
				t.Fatalf("%v, and it is kept", st)
			}
		}
	}); n != 0 {
		t.Errorf("two waits allocate %v times", n)
	}
	events[0].Watch(&o, w, src[0], sigA)
	events[0].cancelHandle(src[0])
	if _, st := o.Answer(zx.OK); st != zx.ErrCanceled || o.spare != nil {
		t.Errorf("%v, and what a chore may be at is used again: %v", st, o.spare)
	}
}

func TestWaitAsync(t *testing.T) {
	var tab HandleTable
	e := NewEvent()
	h, _ := tab.Add(e, RightsEvent)
	h2, _ := tab.Duplicate(h, zx.RightSame)
	src, src2 := Source{&tab, h}, Source{&tab, h2}
	p := NewPort()
	tab.Add(p, zx.RightsPort)
	now := func() zx.Time { return 1234 }
	arm := func(s Source, key uint64, edge bool) {
		t.Helper()
		if st := e.WaitAsync(s, AsyncWait{Port: p, Key: key, Signals: sigA, Edge: edge, Now: now}); st != zx.OK {
			t.Fatal(st)
		}
	}
	arm(src, 1, false)
	if p.Depth() != 0 {
		t.Fatal("fired early")
	}
	e.UpdateSignals(0, sigB)
	e.UpdateSignals(0, sigA)
	e.UpdateSignals(sigA, 0)
	e.UpdateSignals(0, sigA)
	if p.Depth() != 1 {
		t.Fatalf("one shot queued %d", p.Depth())
	}
	got, _ := take(p)
	pay := got.Payload
	if got.Type != zx.PacketSignalOne || got.Key != 1 || got.Status != zx.OK ||
		zx.Signals(binary.LittleEndian.Uint32(pay[0:])) != sigA ||
		zx.Signals(binary.LittleEndian.Uint32(pay[4:])) != sigA|sigB ||
		binary.LittleEndian.Uint64(pay[8:]) != 1 || binary.LittleEndian.Uint64(pay[16:]) != 1234 ||
		binary.LittleEndian.Uint64(pay[24:]) != 0 {
		t.Fatalf("packet %+v", got)
	}
	arm(src, 2, false) // asserted: at once
	arm(src, 3, true)  // edge: not
	if p.Depth() != 1 {
		t.Fatalf("depth %d", p.Depth())
	}
	e.UpdateSignals(sigA, 0)
	e.UpdateSignals(0, sigA)
	if p.Depth() != 2 {
		t.Fatalf("edge: depth %d", p.Depth())
	}

	// Cancel matches the handle and the key, registered and queued alike.
	arm(src, 4, false)
	arm(src2, 4, false)
	arm(src, 4, true)
	k := kernelPacket(&owner{}, 4)
	p.Queue(k)
	if n := e.CancelAsync(src, p, 4, nil); n != 2 {
		t.Fatalf("cancelled %d", n)
	}
	if n := e.CancelAsync(src, p, 4, nil); n != 0 {
		t.Fatalf("cancelled %d again", n)
	}
	if p.Depth() != 4 { // 2, 3, src2's 4, the page request
		t.Fatalf("depth %d", p.Depth())
	}
	for range 4 {
		take(p)
	}

	// Closing the handle ends its registration; a queued packet stays.
	e.UpdateSignals(sigA, 0)
	arm(src, 5, false)
	arm(src2, 6, false)
	tab.Close(h)
	e.UpdateSignals(0, sigA)
	if got, st := take(p); st != zx.OK || got.Key != 6 || p.Depth() != 0 {
		t.Fatalf("%d %v", got.Key, st)
	}
	if p.watching != nil || e.watched.Load() != 0 {
		t.Fatal("left behind")
	}
}

func TestWaitAsyncLimitsAndPortClose(t *testing.T) {
	var tab HandleTable
	e := NewEvent()
	h, _ := tab.Add(e, RightsEvent)
	p := NewPort()
	ph, _ := tab.Add(p, zx.RightsPort)
	poor := account.NewRoot(20_000*observerBytes, 0, nil)
	a := AsyncWait{Port: p, Signals: sigA, Account: poor}
	for range 20_000 {
		if st := e.WaitAsync(Source{&tab, h}, a); st != zx.OK {
			t.Fatal(st)
		}
	}
	if st := e.WaitAsync(Source{&tab, h}, a); st != zx.ErrNoMemory {
		t.Fatalf("past what the account has: %v", st)
	}
	e.UpdateSignals(0, sigA) // half as packets
	e.UpdateSignals(sigA, 0)
	WorkAll(nil)
	var packet zx.Packet
	for range 10_000 {
		p.Wait(newWaiter(), 0, &packet)
	}
	for range 5_000 {
		if st := e.WaitAsync(Source{&tab, h}, a); st != zx.OK {
			t.Fatal(st)
		}
	}
	if got := poor.Used(); got != 15_000*observerBytes {
		t.Fatalf("%d bytes charged for 10,000 packets and 5,000 registrations of %d", got, observerBytes)
	}
	tab.Close(ph)
	WorkAll(nil)
	if e.watched.Load() != 0 || poor.Used() != 0 {
		t.Fatalf("closing the port left registrations, or %d bytes", poor.Used())
	}
	if st := e.WaitAsync(Source{&tab, h}, a); st != zx.ErrBadHandle {
		t.Fatalf("on a closed port: %v", st)
	}
}

// TestManyHandles: registrations made through many handles are found by their
// handle, and all of them.
func TestManyHandles(t *testing.T) {
	const n = 20_000
	tab := new(HandleTable)
	e, p := NewEvent(), NewPort()
	tab.Add(p, zx.RightsPort)
	var handles []zx.Handle
	for range n {
		h, _ := tab.Add(e, RightsEvent)
		if st := e.WaitAsync(Source{tab, h}, AsyncWait{Port: p, Signals: sigA}); st != zx.OK {
			t.Fatal(st)
		}
		handles = append(handles, h)
	}
	for i, h := range handles {
		if i%2 == 0 {
			tab.Close(h)
		} else if removed := e.CancelAsync(Source{tab, h}, p, 0, nil); removed != 1 {
			t.Fatalf("%d removed of handle %d", removed, i)
		}
	}
	if e.watched.Load() != 0 || e.watch != nil {
		t.Error("registrations left")
	}
}

// TestCancelKeyEndsRegistrations: zx_port_cancel_key takes what waits for a signal
// as well as what is queued, of that key only.
func TestCancelKeyEndsRegistrations(t *testing.T) {
	var tab HandleTable
	e, p := NewEvent(), NewPort()
	h, _ := tab.Add(e, RightsEvent)
	tab.Add(p, zx.RightsPort)
	for _, key := range []uint64{7, 8, 7} {
		if st := e.WaitAsync(Source{&tab, h}, AsyncWait{Port: p, Key: key, Signals: sigA}); st != zx.OK {
			t.Fatal(st)
		}
	}
	e2 := NewEvent()
	h2, _ := tab.Add(e2, RightsEvent)
	e2.UpdateSignals(0, sigA)
	if st := e2.WaitAsync(Source{&tab, h2}, AsyncWait{Port: p, Key: 7, Signals: sigA}); st != zx.OK {
		t.Fatal(st)
	}
	if n := p.CancelKey(7, nil); n != 3 {
		t.Errorf("%d removed, want 2 registrations and a packet", n)
	}
	if n := p.CancelKey(7, nil); n != 0 {
		t.Errorf("%d removed the second time", n)
	}
	e.UpdateSignals(0, sigA)
	var got zx.Packet
	if st := p.Wait(newWaiter(), 0, &got); st != zx.OK || got.Key != 8 {
		t.Errorf("key %d, %v; want 8", got.Key, st)
	}
	if n := p.Depth(); n != 0 {
		t.Errorf("%d packets more", n)
	}
}

// Signals, registrations, cancels and closes race; nothing is left over.
func TestObserverRaces(t *testing.T) {
	var tab HandleTable
	e := NewEvent()
	tab.Add(e, RightsEvent)
	stop := make(chan struct{})
	done := make(chan struct{}, 2)
	go func() {
		for {
			select {
			case <-stop:
				done <- struct{}{}
				return
			default:
				e.UpdateSignals(sigA, 0)
				e.UpdateSignals(0, sigA)
			}
		}
	}()
	end := time.Now().Add(50 * time.Millisecond)
	for time.Now().Before(end) {
		p := NewPort()
		ph, _ := tab.Add(p, zx.RightsPort)
		h, _ := tab.Add(e, RightsEvent)
		src := Source{&tab, h}
		for key := range uint64(8) {
			e.WaitAsync(src, AsyncWait{Port: p, Key: key, Signals: sigA, Edge: key&1 == 1})
		}
		e.CancelAsync(src, p, 3, nil)
		take(p)
		tab.Close(h)
		tab.Close(ph)
	}
	close(stop)
	<-done
	WorkAll(nil)
	if e.watched.Load() != 0 {
		t.Fatal("observers left over")
	}
}

// TestChangesInPieces: a change of signals that concerns many is told in pieces. Each
// registration is told of the changes that came after it, in their order, once;
// closing a handle or the port, and cancelling, end what was not told yet.
func TestChangesInPieces(t *testing.T) {
	settle()
	OnChores(nil, func(*Maker) {}) // nobody does them before Work
	defer OnChores(nil, nil)
	tab := new(HandleTable)
	e, p := NewEvent(), NewPort()
	h, _ := tab.Add(e, RightsEvent)
	h2, _ := tab.Duplicate(h, zx.RightSame)
	ph, _ := tab.Add(p, zx.RightsPort)
	register := func(n int, h zx.Handle, key uint64, signals zx.Signals, edge bool) {
		t.Helper()
		for range n {
			if st := e.WaitAsync(Source{tab, h}, AsyncWait{Port: p, Key: key, Signals: signals, Edge: edge}); st != zx.OK {
				t.Fatal(st)
			}
		}
	}
	keys := func() (got map[uint64]int) {
		got = map[uint64]int{}
		var packet zx.Packet
		for p.Wait(newWaiter(), 0, &packet) == zx.OK {
			got[packet.Key]++
		}
		return got
	}
	register(3000, h, 1, sigA, false)
	register(3000, h, 2, sigB, false)
	register(10, h2, 3, sigA|sigB, true)
	e.UpdateSignals(0, sigA)
	if n := p.Depth(); n == 0 || n > watchAtOnce*alertWeight {
		t.Errorf("%d told at once", n)
	}
	e.UpdateSignals(sigA, sigB)
	e.UpdateSignals(sigB, 0)
	register(5, h2, 4, sigA|sigB, false) // knows nothing of these
	register(5, h2, 5, sigA, true)
	Work(nil, nil)
	if got := keys(); got[1] != 3000 || got[2] != 3000 || got[3] != 10 || len(got) != 3 {
		t.Errorf("keys told: %v", got)
	}

	register(3000, h, 6, sigA, false)
	e.UpdateSignals(0, sigA)
	at := p.Depth()
	tab.Close(h) // what was told stays
	Work(nil, nil)
	if got := keys(); got[4] != 5 || got[5] != 5 || got[6] == 0 || got[6] != at {
		t.Errorf("keys told before the handle was closed: %v", got)
	}
	e.UpdateSignals(sigA, 0)
	register(3000, h2, 7, sigA, false)
	e.UpdateSignals(0, sigA)
	if n := p.CancelKey(7, nil); n != 3000 {
		t.Errorf("%d of 3000 cancelled, told or not", n)
	}
	e.UpdateSignals(sigA, 0)
	register(3000, h2, 8, sigA, false)
	e.UpdateSignals(0, sigA)
	if n := e.CancelAsync(Source{tab, h2}, p, 8, nil); n != 3000 {
		t.Errorf("%d of 3000 cancelled by their handle", n)
	}
	e.UpdateSignals(sigA, 0)
	register(3000, h2, 9, sigA, false)
	e.UpdateSignals(0, sigA)
	tab.Close(ph)
	Work(nil, nil)
	if e.watch != nil || chores.makers != nil || p.watching != nil {
		t.Error("something is left")
	}
}

// TestSweepBesideTakes: what is taken, withdrawn and queued while a sweep stands at
// it does not lead it astray.
func TestSweepBesideTakes(t *testing.T) {
	tab := new(HandleTable)
	p, e := NewPort(), NewEvent()
	h, _ := tab.Add(e, RightsEvent)
	tab.Add(p, zx.RightsPort)
	e.UpdateSignals(0, sigA)
	const n = 3 * sweepPiece
	packets := make([]*PortPacket, n)
	for i := range packets {
		packets[i] = kernelPacket(&owner{}, uint64(i%2))
		p.Queue(packets[i])
		e.WaitAsync(Source{tab, h}, AsyncWait{Port: p, Key: uint64(i % 2), Signals: sigA})
	}
	looks := 0
	look := yielder(func() zx.Status {
		// The sweep stands in the queue: take away what is before it and at it.
		for range 100 {
			take(p)
		}
		for s := p.sweeps; s != nil; s = s.next {
			for range 50 {
				if k := s.packet; k != nil && k.kind&^packetScanned == packetKernel {
					p.Cancel(k)
				} else if k != nil {
					p.mu.Lock()
					p.unlink(k)
					p.mu.Unlock()
				}
			}
		}
		looks++
		return zx.ErrInternalIntrRetry
	})
	if removed := p.CancelKey(1, look); removed < n/2 || looks < 2 {
		t.Errorf("%d removed in %d pieces", removed, looks)
	}
	var packet zx.Packet
	for left := p.Depth(); left > 0; left-- {
		if p.Wait(newWaiter(), 0, &packet); packet.Key == 1 {
			t.Fatal("one with the key is left")
		}
	}
	if p.sweeps != nil {
		t.Error("the sweep is left")
	}
}

type yielder func() zx.Status

func (y yielder) Yield() zx.Status { return y() }
