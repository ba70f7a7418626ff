package object

import (
	"sync"
	"testing"
	"time"

	"faultline/account"
	"faultline/zx"
)

func TestChannelMessages(t *testing.T) {
	a, b := NewChannel()
	if _, _, st := b.get(16, 0); st != zx.ErrShouldWait {
		t.Fatalf("read of an empty channel: %v", st)
	}
	for _, text := range []string{"one", "two"} {
		if st := a.put([]byte(text), nil); st != zx.OK {
			t.Fatalf("write: %v", st)
		}
	}
	if got := b.Signals(); got != zx.SignalReadable|zx.SignalWritable {
		t.Errorf("signals with messages waiting: %#x", got)
	}
	if bytes, _, st := b.get(2, 0); st != zx.ErrBufferTooSmall || len(bytes) != 3 {
		t.Errorf("read into 2 bytes: %v, told %d bytes", st, len(bytes))
	}
	for _, want := range []string{"one", "two"} {
		if got, _, st := b.get(3, 0); st != zx.OK || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, st, want)
		}
	}
	if got := b.Signals(); got != zx.SignalWritable {
		t.Errorf("signals when read empty: %#x", got)
	}
	if st := a.put(make([]byte, ChannelMaxBytes+1), nil); st != zx.ErrOutOfRange {
		t.Errorf("write of a byte too many: %v", st)
	}
}

func TestChannelMovesHandles(t *testing.T) {
	var from, to HandleTable
	a, b := NewChannel()
	port := NewPort()
	h, _ := from.Add(port, zx.RightsPort)
	m, st := from.Take(h, zx.ObjPort, zx.RightTransfer)
	if st != zx.OK {
		t.Fatal(st)
	}
	if st := a.put(nil, []Moving{m}); st != zx.OK {
		t.Fatal(st)
	}
	if port.Handles() != 1 {
		t.Errorf("%d handles while the port moves, want 1", port.Handles())
	}
	_, got, st := b.get(0, 1)
	if st != zx.OK || len(got) != 1 {
		t.Fatalf("%d handles, %v", len(got), st)
	}
	h, st = to.Give(got[0])
	if st != zx.OK || port.Handles() != 1 {
		t.Errorf("given: %v, %d handles", st, port.Handles())
	}
	to.Close(h)
	if st := port.QueueUser(nil, &zx.Packet{}); st != zx.ErrBadHandle {
		t.Errorf("the port outlives its last handle: %v", st)
	}
}

func TestChannelClose(t *testing.T) {
	var table HandleTable
	a, b := NewChannel()
	ha, _ := table.Add(a, zx.RightRead|zx.RightWrite)
	port := NewPort()
	if st := a.put([]byte("last words"), nil); st != zx.OK {
		t.Fatal(st)
	}
	if st := b.put(nil, []Moving{NewMoving(port, zx.RightsPort)}); st != zx.OK {
		t.Fatal(st)
	}
	table.Close(ha)
	if port.Handles() != 0 {
		t.Errorf("a handle in an unread message survives its reader: %d", port.Handles())
	}
	if got := b.Signals(); got != zx.SignalReadable|zx.SignalPeerClosed {
		t.Errorf("signals after the peer closed: %#x", got)
	}
	if got, _, st := b.get(64, 0); st != zx.OK || string(got) != "last words" {
		t.Errorf("message of a closed peer: %q, %v", got, st)
	}
	if _, _, st := b.get(64, 0); st != zx.ErrPeerClosed {
		t.Errorf("read after the last message: %v", st)
	}
	if st := b.put(nil, nil); st != zx.ErrPeerClosed {
		t.Errorf("write to a closed peer: %v", st)
	}
	b.Close()
	b.Close()
}

// waitFreed waits until nothing is charged to a, for many messages end behind the
// back of who closed their channel; but not for ever.
func waitFreed(a *account.Account) {
	for end := time.Now().Add(10 * time.Second); a.Used() != 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

func TestChannelLimits(t *testing.T) {
	a, b := NewChannel()
	for i := range ChannelMaxPending {
		if st := a.put(nil, nil); st != zx.OK {
			t.Fatalf("write %d: %v", i, st)
		}
	}
	if st := a.put(nil, nil); st != zx.ErrShouldWait {
		t.Errorf("write to a full end: %v", st)
	}
	b.Close()
	a.Close()

	a, b = NewChannel()
	poor := account.NewRoot(20*ChannelMaxBytes, 0, nil)
	n := 0
	for ; n < ChannelMaxPending; n++ {
		m, st := NewMessage(poor, ChannelMaxBytes, 0)
		if st == zx.ErrNoMemory {
			break
		} else if st != zx.OK || a.Write(m) != zx.OK {
			t.Fatal(st)
		}
	}
	if n < 14 || n > 20 {
		t.Errorf("%d of the largest messages fit into the room of 20", n)
	}
	if left := poor.Used(); left == 0 {
		t.Error("nothing is counted")
	}
	b.Close()
	waitFreed(poor)
	if left := poor.Used(); left != 0 {
		t.Errorf("%d bytes of messages are counted when none is left", left)
	}
}

// TestChannelNest closes a channel that holds a channel that holds a channel...
func TestChannelNest(t *testing.T) {
	var table HandleTable
	outer, _ := NewChannel()
	for range 20000 {
		a, b := NewChannel()
		if st := a.put(nil, []Moving{NewMoving(outer, RightsChannel), NewMoving(outer.peer, RightsChannel)}); st != zx.OK {
			t.Fatal(st)
		}
		a.Close()
		outer = b
	}
	h, _ := table.Add(outer, RightsChannel)
	table.Close(h)
	// A part ends with the close, the rest soon after.
	if left := payer.Used(); left == 0 || left > 19600*messageBytes*4 {
		t.Errorf("%d bytes of messages left right after the close", left)
	}
	waitFreed(payer)
	if left := payer.Used(); left != 0 {
		t.Errorf("%d bytes of messages left", left)
	}
}

func TestChannelCall(t *testing.T) {
	a, b := NewChannel()
	w := newWaiter()
	var one, two Call
	if st := one.begin(a, w, []byte("....one"), nil); st != zx.OK {
		t.Fatal(st)
	}
	if st := two.begin(a, w, []byte("....two"), nil); st != zx.OK {
		t.Fatal(st)
	}
	first, _, _ := b.get(64, 0)
	second, _, _ := b.get(64, 0)
	if string(first[4:]) != "one" || string(second[4:]) != "two" || string(first[:4]) == string(second[:4]) || first[3]&0x80 == 0 {
		t.Errorf("messages of two calls: %q, %q", first, second)
	}
	if st := w.call(&one, 0); st != zx.ErrTimedOut {
		t.Errorf("wait without a reply: %v", st)
	}
	port := NewPort()
	// Another message is no reply; the second call's reply is not the first's.
	b.put([]byte("plain"), nil)
	b.put(append(second[:4:4], "reply"...), []Moving{NewMoving(port, zx.RightsPort)})
	if st := w.call(&one, 0); st != zx.ErrTimedOut {
		t.Errorf("the first call took the second's reply: %v", st)
	}
	if st := w.call(&two, 0); st != zx.OK {
		t.Errorf("wait for a reply that is there: %v", st)
	}
	got, handles := two.end()
	if string(got[4:]) != "reply" || len(handles) != 1 || port.Handles() != 1 {
		t.Errorf("reply %q with %d handles", got, len(handles))
	}
	handles[0].Discard()
	if plain, _, st := a.get(64, 0); st != zx.OK || string(plain) != "plain" {
		t.Errorf("read beside calls: %q, %v", plain, st)
	}
	// A late reply is a message like others.
	one.end()
	b.put(append(first[:4:4], "late"...), nil)
	if late, _, st := a.get(64, 0); st != zx.OK || string(late[4:]) != "late" {
		t.Errorf("late reply: %q, %v", late, st)
	}
	// Either end's close ends the wait.
	var three Call
	three.begin(a, w, []byte("...."), nil)
	b.Close()
	if st := w.call(&three, zx.TimeInfinite); st != zx.ErrPeerClosed {
		t.Errorf("wait for a closed peer: %v", st)
	}
	if bytes, _ := three.end(); bytes != nil {
		t.Errorf("reply of a closed peer: %q", bytes)
	}
	if st := three.begin(a, w, []byte("...."), nil); st != zx.ErrPeerClosed {
		t.Errorf("call of a closed peer: %v", st)
	}
	a, b = NewChannel()
	three.begin(a, w, []byte("...."), nil)
	a.Close()
	if st := w.call(&three, zx.TimeInfinite); st != zx.ErrCanceled {
		t.Errorf("wait at a closed end: %v", st)
	}
	three.end()
	b.Close()
	if left := payer.Used(); left != 0 {
		t.Errorf("%d bytes of messages left", left)
	}
}

// TestCollect: ends that wait where only they could be read are found, however
// long the circle, and what somebody can still reach is left alone.
func TestCollect(t *testing.T) {
	for _, length := range []int{1, 2, 3, 50} {
		var table HandleTable
		port := NewPort()
		// reading[i] waits where reading[i+1] reads, and the port beside it.
		var writing, reading []*Channel
		for range length {
			w, r := NewChannel()
			writing, reading = append(writing, w), append(reading, r)
		}
		outside, _ := table.Add(reading[0], RightsChannel)
		for i := range length {
			next := (i + 1) % length
			if st := writing[next].put(nil, []Moving{NewMoving(reading[i], RightsChannel), NewMoving(port, zx.RightsPort)}); st != zx.OK {
				t.Fatal(st)
			}
		}
		for _, w := range writing {
			h, _ := table.Add(w, RightsChannel)
			table.Close(h)
		}
		collect()
		if port.Handles() != length {
			t.Errorf("circle of %d: %d handles of the port while one end can be read", length, port.Handles())
		}
		table.Close(outside)
		collect()
		if port.Handles() != 0 || payer.Used() != 0 || transit.list != nil {
			t.Errorf("circle of %d: %d handles of the port, %d bytes left", length, port.Handles(), payer.Used())
		}
		for i := range reading {
			if n := reading[i].Handles(); n != 0 {
				t.Errorf("circle of %d: end %d has %d handles", length, i, n)
			}
		}
	}
}

// TestCollectThrough: an end is reached through the queue of one that is not in a
// queue itself.
func TestCollectThrough(t *testing.T) {
	var table HandleTable
	in, out := NewChannel() // out is read by a program
	a, b := NewChannel()
	port := NewPort()
	h, _ := table.Add(out, RightsChannel)
	b.put(nil, nil)
	a.put(nil, []Moving{NewMoving(port, zx.RightsPort), NewMoving(a, RightsChannel)}) // waits at b
	in.put(nil, []Moving{NewMoving(b, RightsChannel)})                                // waits at out
	in.Close()
	collect()
	if port.Handles() != 1 {
		t.Error("taken from who could have read it")
	}
	_, got, st := out.get(0, 1)
	if st != zx.OK || got[0].Object != Object(b) {
		t.Fatalf("read: %v", st)
	}
	got[0].Discard()
	table.Close(h)
	collect()
	if port.Handles() != 0 || payer.Used() != 0 || transit.list != nil {
		t.Errorf("%d handles of the port, %d bytes left", port.Handles(), payer.Used())
	}
}

// TestCollectRaces moves ends about while others collect: nothing that is in
// somebody's hand is lost.
func TestCollectRaces(t *testing.T) {
	var wait sync.WaitGroup
	for range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			var table HandleTable
			a, b := NewChannel()
			table.Add(a, RightsChannel)
			table.Add(b, RightsChannel)
			c, d := NewChannel()
			table.Add(c, RightsChannel)
			m := NewMoving(d, RightsChannel)
			for i := range 500 {
				if st := a.put(nil, []Moving{m}); st != zx.OK {
					t.Errorf("write %d: %v", i, st)
					return
				}
				Collect()
				_, got, st := b.get(0, 1)
				if st != zx.OK || len(got) != 1 || d.Handles() != 1 {
					t.Errorf("read %d: %v", i, st)
					return
				}
				m = got[0]
			}
			m.Discard()
			table.CloseAll(nil)
		}()
	}
	wait.Wait()
	WorkAll(nil)
	if payer.Used() != 0 || transit.list != nil {
		t.Errorf("%d bytes left", payer.Used())
	}
}

// collect is Collect until it is done.
func collect() {
	Collect()
	WorkAll(nil)
}

// TestCollectInPieces moves the only handle of an end from queue to queue while a
// collection goes on: it is not lost.
func TestCollectInPieces(t *testing.T) {
	settle()
	OnChores(nil, func(*Maker) {})
	defer OnChores(nil, nil)
	const n = 2000
	table := new(HandleTable)
	w, r := make([]*Channel, n), make([]*Channel, n)
	for i := range w {
		w[i], r[i] = NewChannel()
		table.Add(w[i], RightsChannel)
		table.Add(r[i], RightsChannel)
		x, y := NewChannel()
		x.put([]byte("kept"), nil)
		if st := w[i].put(nil, []Moving{NewMoving(x, RightsChannel), NewMoving(y, RightsChannel)}); st != zx.OK {
			t.Fatal(st)
		}
	}
	Collect()
	for i := n - 1; transit.phase != transitIdle; i = (i + n - 1) % n {
		m, _, _, st := r[i].Read(0, 2)
		if st != zx.OK {
			t.Fatal(st)
		}
		m.next = nil
		if st = w[(i+n/2)%n].Write(m); st != zx.OK {
			t.Fatal(st)
		}
		if i%100 == 0 {
			var b zx.Budget
			b.Spend(zx.BudgetUnits - 8)
			c, _ := takeChore(nil, chores.made)
			c.finish(c.step(&b))
		}
	}
	for i := range r {
		for r[i].pending > 0 {
			_, got, _ := r[i].get(0, 2)
			if text, _, st := got[1].Object.(*Channel).get(4, 0); st != zx.OK || string(text) != "kept" {
				t.Fatalf("what waited at an end that moved: %q, %v", text, st)
			}
			got[0].Discard()
			got[1].Discard()
		}
	}
	table.CloseAll(nil)
	collect()
	if payer.Used() != 0 || transit.list != nil {
		t.Errorf("%d bytes left", payer.Used())
	}
}

// TestCloseBesideCalls closes either end while many wait for replies there.
func TestCloseBesideCalls(t *testing.T) {
	const many = 10 * watchAtOnce
	for _, own := range []bool{false, true} {
		a, b := NewChannel()
		end, want := b, zx.ErrPeerClosed
		if own {
			end, want = a, zx.ErrCanceled
		}
		var calls [many]Call
		c := new(crowd)
		for i := range calls {
			m, _ := NewMessage(nil, 4, 0)
			if st := calls[i].Begin(a, c, m); st != zx.OK {
				t.Fatal(st)
			}
		}
		end.Close()
		for limit := time.Now().Add(10 * time.Second); c.woken.Load() < many; time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%d of %d were woken", c.woken.Load(), many)
			}
		}
		for i := range calls {
			if st := calls[i].Answer(zx.OK); st != want || calls[i].End() != nil {
				t.Errorf("own %v, call %d: %v", own, i, st)
			}
		}
		a.Close()
		b.Close()
	}
}
