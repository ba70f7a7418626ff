package object

import (
	"math/rand"
	"sync"
	"testing"
	"time"

	"faultline/zx"
)

// owner is a kernel packet's owner that counts deliveries and checks that the
// port's lock is free.
type owner struct {
	port  *Port
	mu    sync.Mutex
	count int
	then  func(*PortPacket)
}

func (o *owner) PacketDequeued(k *PortPacket) {
	if o.port != nil {
		if !o.port.mu.TryLock() {
			panic("PacketDequeued runs under Port.mu")
		}
		o.port.mu.Unlock()
	}
	o.mu.Lock()
	o.count++
	o.mu.Unlock()
	if o.then != nil {
		o.then(k)
	}
}

func (o *owner) told() int { o.mu.Lock(); defer o.mu.Unlock(); return o.count }

func kernelPacket(o *owner, key uint64) *PortPacket {
	k := new(PortPacket)
	k.Init(o)
	k.Packet = zx.PageRequestPacket(key, zx.PageRequest{Command: zx.PageRead, Length: zx.PageSize})
	return k
}

func user(key uint64) *zx.Packet { return &zx.Packet{Key: key, Type: 77, Status: zx.ErrIO} }

// take waits with a deadline in the past.
func take(p *Port) (zx.Packet, zx.Status) {
	var out zx.Packet
	st := p.Wait(newWaiter(), 0, &out)
	return out, st
}

func TestPortIsOneFIFO(t *testing.T) {
	p := NewPort()
	o := &owner{port: p}
	k := kernelPacket(o, 2)
	p.QueueUser(nil, user(1))
	if _, st := p.Queue(k); st != zx.OK {
		t.Fatal(st)
	}
	p.QueueUser(nil, user(3))
	for want := uint64(1); want <= 3; want++ {
		got, st := take(p)
		if st != zx.OK || got.Key != want {
			t.Fatalf("packet %d: %+v %v", want, got, st)
		}
		if want != 2 && (got.Type != zx.PacketUser || got.Status != zx.ErrIO) {
			t.Fatalf("user packet came as %+v", got)
		}
	}
	if o.told() != 1 {
		t.Fatalf("owner told %d times", o.told())
	}
	if _, st := take(p); st != zx.ErrTimedOut {
		t.Fatalf("empty port: %v", st)
	}
}

func TestPortCancel(t *testing.T) {
	p := NewPort()
	o := &owner{port: p}
	a, b, c := kernelPacket(o, 1), kernelPacket(o, 2), kernelPacket(o, 3)
	if p.Cancel(a) {
		t.Fatal("cancelled an idle packet")
	}
	for _, gone := range []*PortPacket{a, b, c} {
		for _, k := range []*PortPacket{a, b, c} {
			p.Queue(k)
		}
		if !p.Cancel(gone) || p.Cancel(gone) {
			t.Fatal("Cancel of a queued packet must work once")
		}
		if o.told() != 0 {
			t.Fatal("owner told of a cancelled packet")
		}
		for range 2 {
			got, st := take(p)
			if st != zx.OK || got.Key == gone.Packet.Key {
				t.Fatalf("got %d, %v", got.Key, st)
			}
		}
		if p.Cancel(a) || p.Cancel(b) || p.Cancel(c) {
			t.Fatal("cancelled a delivered packet")
		}
		o.count = 0
	}
}

// One slot: an owner that sends its next packet from the callback.
func TestPortOwnerRequeues(t *testing.T) {
	p := NewPort()
	o := &owner{port: p}
	left := 3
	o.then = func(k *PortPacket) {
		if left--; left > 0 {
			k.Packet.Key++
			p.Queue(k)
		}
	}
	k := kernelPacket(o, 10)
	p.Queue(k)
	for want := uint64(10); want < 13; want++ {
		if p.Depth() != 1 {
			t.Fatalf("depth %d", p.Depth())
		}
		if got, st := take(p); st != zx.OK || got.Key != want {
			t.Fatalf("got %d %v want %d", got.Key, st, want)
		}
	}
	if p.Depth() != 0 {
		t.Fatal("a packet too many")
	}
}

func TestPortUserLimit(t *testing.T) {
	p := NewPort()
	for i := range PortUserPacketLimit {
		if st := p.QueueUser(nil, user(uint64(i))); st != zx.OK {
			t.Fatalf("packet %d: %v", i, st)
		}
	}
	if st := p.QueueUser(nil, user(0)); st != zx.ErrShouldWait {
		t.Fatalf("past the limit: %v", st)
	}
	o := &owner{port: p}
	if _, st := p.Queue(kernelPacket(o, 1)); st != zx.OK {
		t.Fatalf("kernel packet refused: %v", st)
	}
	take(p)
	if st := p.QueueUser(nil, user(0)); st != zx.OK {
		t.Fatalf("after one left: %v", st)
	}
	if n := p.CancelKey(7, nil); n != 1 {
		t.Fatalf("CancelKey removed %d", n)
	}
	if st := p.QueueUser(nil, user(0)); st != zx.OK {
		t.Fatalf("after CancelKey: %v", st)
	}
}

func TestPortCancelKeyCountsAsDelivered(t *testing.T) {
	p := NewPort()
	o := &owner{port: p}
	again := kernelPacket(o, 5)
	o.then = func(k *PortPacket) {
		if k == again {
			k.Packet.Key = 6
			p.Queue(k) // a second packet of the same VMO follows at once
		}
	}
	p.QueueUser(nil, user(5))
	p.Queue(again)
	p.QueueUser(nil, user(9))
	p.Queue(kernelPacket(o, 5))
	if n := p.CancelKey(5, nil); n != 3 || o.told() != 2 {
		t.Fatalf("removed %d, told %d", n, o.told())
	}
	if n := p.CancelKey(5, nil); n != 0 {
		t.Fatalf("removed %d more", n)
	}
	a, _ := take(p)
	b, _ := take(p)
	if a.Key != 9 || b.Key != 6 {
		t.Fatalf("left %d %d", a.Key, b.Key)
	}
}

func TestPortDeadlines(t *testing.T) {
	p := NewPort()
	p.QueueUser(nil, user(1))
	w := newWaiter()
	var out zx.Packet
	if st := p.Wait(w, -5, &out); st != zx.OK || w.waits != 0 {
		t.Fatalf("queued packet, past deadline: %v after %d sleeps", st, w.waits)
	}
	out.Key = 99
	if st := p.Wait(w, zx.Time(time.Millisecond), &out); st != zx.ErrTimedOut || out.Key != 99 {
		t.Fatalf("%v, out %d", st, out.Key)
	}
	w.Wake() // a token for nothing
	if st := p.Wait(w, zx.Time(time.Millisecond), &out); st != zx.ErrTimedOut {
		t.Fatalf("spurious token: %v", st)
	}
	if p.waitHead != nil {
		t.Fatal("a waiter stayed in line")
	}
}

func TestPortWaitersAreFIFO(t *testing.T) {
	p := NewPort()
	got := make(chan int, 3)
	var ws [3]*fakeWaiter
	for i := range ws {
		ws[i] = newWaiter()
		go func() {
			var out zx.Packet
			if st := p.Wait(ws[i], zx.TimeInfinite, &out); st != zx.OK {
				t.Errorf("waiter %d: %v", i, st)
			}
			got <- i
		}()
		ws[i].untilAsleep(1)
		if ws[i].state != zx.ThreadBlockedPort {
			t.Errorf("state %#x", ws[i].state)
		}
	}
	for want := range ws {
		p.QueueUser(nil, user(1))
		if i := <-got; i != want {
			t.Fatalf("waiter %d woke, want %d", i, want)
		}
	}
}

func TestPortStoppedWaiterPassesTheWake(t *testing.T) {
	for _, stop := range []zx.Status{zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry} {
		p := NewPort()
		first, second := newWaiter(), newWaiter()
		res := make(chan zx.Status, 2)
		var out1, out2 zx.Packet
		go func() { res <- p.Wait(first, zx.TimeInfinite, &out1) }()
		first.untilAsleep(1)
		done := make(chan zx.Status, 1)
		go func() { done <- p.Wait(second, zx.TimeInfinite, &out2) }()
		second.untilAsleep(1)
		// The first is no longer asleep: the packet must go to the other.
		p.mu.Lock()
		first.stop <- stop
		first.untilAwake()
		if !p.serve(user(1)) || p.waitHead != nil {
			t.Fatal("the packet is not for the thread that sleeps")
		}
		p.mu.Unlock()
		if st := <-res; st != stop {
			t.Fatalf("killed waiter: %v", st)
		}
		if st := <-done; st != zx.OK {
			t.Fatalf("second waiter: %v", st)
		}
	}
}

// Who sleeps in line has the packet at once; its owner may queue the next, and
// nothing takes it back, whatever happens to the thread before it runs.
func TestPortServesWhoSleeps(t *testing.T) {
	for _, stop := range []zx.Status{zx.OK, zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry, zx.ErrTimedOut} {
		p := NewPort()
		o := &owner{port: p}
		k := kernelPacket(o, 4)
		n := new(PortWaiter)
		n.Init(&asleep{})
		if st := p.Take(n); st != Waiting {
			t.Fatal(st)
		}
		if taken, st := p.Queue(k); !taken || st != zx.OK || o.told() != 0 || p.Depth() != 0 {
			t.Fatalf("taken %t %v, told %d", taken, st, o.told())
		}
		if p.Cancel(k) {
			t.Fatal("took back what a thread has")
		}
		k.Packet.Key = 5
		if taken, st := p.Queue(k); taken || st != zx.OK {
			t.Fatalf("the next: taken %t %v", taken, st)
		}
		if st := p.Answer(n, stop); st != zx.OK || n.Packet.Key != 4 {
			t.Fatalf("answer after %v: %v key %d", stop, st, n.Packet.Key)
		}
		if st := p.Take(n); st != zx.OK || n.Packet.Key != 5 || o.told() != 1 {
			t.Fatalf("then %v key %d told %d", st, n.Packet.Key, o.told())
		}
	}
	// Who is awake looks by itself, and nobody else loses by that.
	p := NewPort()
	var n PortWaiter
	n.Init(&asleep{awake: true})
	p.Take(&n)
	if st := p.QueueUser(nil, user(1)); st != zx.OK || p.Depth() != 1 || p.users != 1 {
		t.Fatalf("%v depth %d users %d", st, p.Depth(), p.users)
	}
	if st := p.Answer(&n, zx.ErrInternalIntrRetry); st != zx.ErrInternalIntrRetry || p.Depth() != 1 {
		t.Fatalf("%v depth %d", st, p.Depth())
	}
	if st := p.Take(&n); st != zx.OK || n.Packet.Key != 1 || n.Packet.Type != zx.PacketUser {
		t.Fatalf("%v %+v", st, n.Packet)
	}
}

// asleep is a Waiter that never waits.
type asleep struct {
	Waiter
	awake bool
}

func (a *asleep) Wake() bool { return !a.awake }

func TestPortCloseDropsAndDoesNotWake(t *testing.T) {
	var tab HandleTable
	p := NewPort()
	h, _ := tab.Add(p, zx.RightsPort)
	o := &owner{port: p}
	k, idle := kernelPacket(o, 1), kernelPacket(o, 2)
	p.Queue(k)
	p.QueueUser(nil, user(1))
	tab.Close(h)
	if o.told() != 0 || p.Depth() != 0 {
		t.Fatalf("told %d depth %d", o.told(), p.Depth())
	}
	if p.Cancel(k) {
		t.Fatal("a dropped packet is not queued")
	}
	if _, st := p.Queue(idle); st != zx.ErrBadHandle {
		t.Fatalf("Queue on a closed port: %v", st)
	}
	if st := p.QueueUser(nil, user(1)); st != zx.ErrBadHandle {
		t.Fatalf("QueueUser on a closed port: %v", st)
	}

	p = NewPort()
	h, _ = tab.Add(p, zx.RightsPort)
	w := newWaiter()
	done := make(chan zx.Status, 1)
	go func() { var out zx.Packet; done <- p.Wait(w, zx.TimeInfinite, &out) }()
	w.untilAsleep(1)
	tab.Close(h)
	select {
	case st := <-done:
		t.Fatalf("closing woke the waiter: %v", st)
	case <-time.After(5 * time.Millisecond):
	}
	w.stop <- zx.ErrInternalIntrKilled
	if st := <-done; st != zx.ErrInternalIntrKilled {
		t.Fatal(st)
	}
}

func TestPortHotPathAllocatesNothing(t *testing.T) {
	p := NewPort()
	w := newWaiter()
	o := &owner{}
	k := kernelPacket(o, 1)
	var out zx.Packet
	p.Wait(w, 0, &out) // makes the waiter node
	p.QueueUser(nil, user(1))
	p.Wait(w, 0, &out)
	u := user(1)
	if n := testing.AllocsPerRun(100, func() {
		p.Queue(k)
		p.Wait(w, 0, &out)
		p.QueueUser(nil, u)
		p.Wait(w, 0, &out)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// Many producers, many consumers, cancellations and timeouts: every user packet
// arrives once, and each kernel packet is delivered or withdrawn, never both.
func TestPortStress(t *testing.T) {
	p := NewPort()
	const producers, each = 3, 300
	var got sync.Map
	var wg, cons sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		cons.Add(1)
		go func() {
			defer cons.Done()
			w := newWaiter()
			for {
				var out zx.Packet
				st := p.Wait(w, zx.Time(200*time.Microsecond), &out)
				if st == zx.OK && out.Type == zx.PacketUser {
					if _, twice := got.LoadOrStore(out.Key, true); twice {
						t.Errorf("packet %d twice", out.Key)
					}
				}
				if st == zx.ErrTimedOut {
					select {
					case <-stop:
						return
					default:
					}
				}
			}
		}()
	}
	for i := range producers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewSource(int64(i)))
			idle := make(chan struct{}, 1)
			o := &owner{then: func(*PortPacket) { idle <- struct{}{} }}
			k := kernelPacket(o, 1<<40)
			for j := range each {
				if st := p.QueueUser(nil, user(uint64(i*each+j))); st != zx.OK {
					t.Errorf("QueueUser: %v", st)
				}
				if taken, _ := p.Queue(k); taken || r.Intn(2) == 0 && p.Cancel(k) {
					continue
				}
				<-idle
			}
		}()
	}
	wg.Wait()
	close(stop)
	cons.Wait()
	n := 0
	got.Range(func(any, any) bool { n++; return true })
	if n != producers*each || p.Depth() != 0 || p.users != 0 {
		t.Fatalf("%d of %d arrived, depth %d users %d", n, producers*each, p.Depth(), p.users)
	}
}
