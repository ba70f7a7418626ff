package object

import (
	"testing"

	"faultline/zx"
)

func TestChannelMessages(t *testing.T) {
	a, b := NewChannel()
	if _, _, st := b.Read(16, 0); st != zx.ErrShouldWait {
		t.Fatalf("read of an empty channel: %v", st)
	}
	for _, text := range []string{"one", "two"} {
		if st := a.Write([]byte(text), nil); st != zx.OK {
			t.Fatalf("write: %v", st)
		}
	}
	if got := b.Signals(); got != zx.SignalReadable|zx.SignalWritable {
		t.Errorf("signals with messages waiting: %#x", got)
	}
	if bytes, _, st := b.Read(2, 0); st != zx.ErrBufferTooSmall || len(bytes) != 3 {
		t.Errorf("read into 2 bytes: %v, told %d bytes", st, len(bytes))
	}
	for _, want := range []string{"one", "two"} {
		if got, _, st := b.Read(3, 0); st != zx.OK || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, st, want)
		}
	}
	if got := b.Signals(); got != zx.SignalWritable {
		t.Errorf("signals when read empty: %#x", got)
	}
	if st := a.Write(make([]byte, ChannelMaxBytes+1), nil); st != zx.ErrOutOfRange {
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
	if st := a.Write(nil, []Moving{m}); st != zx.OK {
		t.Fatal(st)
	}
	if port.Handles() != 1 {
		t.Errorf("%d handles while the port moves, want 1", port.Handles())
	}
	_, got, st := b.Read(0, 1)
	if st != zx.OK || len(got) != 1 {
		t.Fatalf("%d handles, %v", len(got), st)
	}
	h, st = to.Give(got[0])
	if st != zx.OK || port.Handles() != 1 {
		t.Errorf("given: %v, %d handles", st, port.Handles())
	}
	to.Close(h)
	if st := port.QueueUser(&zx.Packet{}); st != zx.ErrBadHandle {
		t.Errorf("the port outlives its last handle: %v", st)
	}
}

func TestChannelClose(t *testing.T) {
	var table HandleTable
	a, b := NewChannel()
	ha, _ := table.Add(a, zx.RightRead|zx.RightWrite)
	port := NewPort()
	if st := a.Write([]byte("last words"), nil); st != zx.OK {
		t.Fatal(st)
	}
	if st := b.Write(nil, []Moving{NewMoving(port, zx.RightsPort)}); st != zx.OK {
		t.Fatal(st)
	}
	table.Close(ha)
	if port.Handles() != 0 {
		t.Errorf("a handle in an unread message survives its reader: %d", port.Handles())
	}
	if got := b.Signals(); got != zx.SignalReadable|zx.SignalPeerClosed {
		t.Errorf("signals after the peer closed: %#x", got)
	}
	if got, _, st := b.Read(64, 0); st != zx.OK || string(got) != "last words" {
		t.Errorf("message of a closed peer: %q, %v", got, st)
	}
	if _, _, st := b.Read(64, 0); st != zx.ErrPeerClosed {
		t.Errorf("read after the last message: %v", st)
	}
	if st := b.Write(nil, nil); st != zx.ErrPeerClosed {
		t.Errorf("write to a closed peer: %v", st)
	}
	b.Close()
	b.Close()
}

func TestChannelLimits(t *testing.T) {
	a, b := NewChannel()
	for i := range ChannelMaxPending {
		if st := a.Write(nil, nil); st != zx.OK {
			t.Fatalf("write %d: %v", i, st)
		}
	}
	if st := a.Write(nil, nil); st != zx.ErrShouldWait {
		t.Errorf("write to a full end: %v", st)
	}
	b.Close()
	a.Close()

	a, b = NewChannel()
	n := 0
	for ; n < ChannelMaxPending; n++ {
		if st := a.Write(make([]byte, ChannelMaxBytes), nil); st == zx.ErrNoMemory {
			break
		} else if st != zx.OK {
			t.Fatal(st)
		}
	}
	if most := ChannelMemory / ChannelMaxBytes; n > most || n < most-1 {
		t.Errorf("%d of the largest messages fit, want at most %d", n, most)
	}
	b.Close()
	if left := channelMemory.Load(); left != 0 {
		t.Errorf("%d bytes of messages are counted when none is left", left)
	}
}

// TestChannelNest closes a channel that holds a channel that holds a channel...
func TestChannelNest(t *testing.T) {
	var table HandleTable
	outer, _ := NewChannel()
	for range 20000 {
		a, b := NewChannel()
		if st := a.Write(nil, []Moving{NewMoving(outer, RightsChannel), NewMoving(outer.peer, RightsChannel)}); st != zx.OK {
			t.Fatal(st)
		}
		a.Close()
		outer = b
	}
	h, _ := table.Add(outer, RightsChannel)
	table.Close(h)
	if left := channelMemory.Load(); left != 0 {
		t.Errorf("%d bytes of messages left", left)
	}
}

func TestChannelCall(t *testing.T) {
	a, b := NewChannel()
	w := newWaiter()
	var one, two Call
	if st := one.Begin(a, w, []byte("....one"), nil); st != zx.OK {
		t.Fatal(st)
	}
	if st := two.Begin(a, w, []byte("....two"), nil); st != zx.OK {
		t.Fatal(st)
	}
	first, _, _ := b.Read(64, 0)
	second, _, _ := b.Read(64, 0)
	if string(first[4:]) != "one" || string(second[4:]) != "two" || string(first[:4]) == string(second[:4]) || first[3]&0x80 == 0 {
		t.Errorf("messages of two calls: %q, %q", first, second)
	}
	if st := w.call(&one, 0); st != zx.ErrTimedOut {
		t.Errorf("wait without a reply: %v", st)
	}
	port := NewPort()
	// Another message is no reply; the second call's reply is not the first's.
	b.Write([]byte("plain"), nil)
	b.Write(append(second[:4:4], "reply"...), []Moving{NewMoving(port, zx.RightsPort)})
	if st := w.call(&one, 0); st != zx.ErrTimedOut {
		t.Errorf("the first call took the second's reply: %v", st)
	}
	if st := w.call(&two, 0); st != zx.OK {
		t.Errorf("wait for a reply that is there: %v", st)
	}
	got, handles := two.End()
	if string(got[4:]) != "reply" || len(handles) != 1 || port.Handles() != 1 {
		t.Errorf("reply %q with %d handles", got, len(handles))
	}
	handles[0].Discard()
	if plain, _, st := a.Read(64, 0); st != zx.OK || string(plain) != "plain" {
		t.Errorf("read beside calls: %q, %v", plain, st)
	}
	// A late reply is a message like others.
	one.End()
	b.Write(append(first[:4:4], "late"...), nil)
	if late, _, st := a.Read(64, 0); st != zx.OK || string(late[4:]) != "late" {
		t.Errorf("late reply: %q, %v", late, st)
	}
	// Either end's close ends the wait.
	var three Call
	three.Begin(a, w, []byte("...."), nil)
	b.Close()
	if st := w.call(&three, zx.TimeInfinite); st != zx.ErrPeerClosed {
		t.Errorf("wait for a closed peer: %v", st)
	}
	if bytes, _ := three.End(); bytes != nil {
		t.Errorf("reply of a closed peer: %q", bytes)
	}
	if st := three.Begin(a, w, []byte("...."), nil); st != zx.ErrPeerClosed {
		t.Errorf("call of a closed peer: %v", st)
	}
	a, b = NewChannel()
	three.Begin(a, w, []byte("...."), nil)
	a.Close()
	if st := w.call(&three, zx.TimeInfinite); st != zx.ErrCanceled {
		t.Errorf("wait at a closed end: %v", st)
	}
	three.End()
	b.Close()
	if left := channelMemory.Load(); left != 0 {
		t.Errorf("%d bytes of messages left", left)
	}
}

// TestChannelInItself sends an end where only it could be read.
func TestChannelInItself(t *testing.T) {
	var table HandleTable
	a, b := NewChannel()
	table.Add(a, RightsChannel)
	hb, _ := table.Add(b, RightsChannel)
	port := NewPort()
	m, _ := table.Take(hb, zx.ObjChannel, 0)
	if st := a.Write(nil, []Moving{NewMoving(port, zx.RightsPort), m}); st != zx.OK {
		t.Errorf("write: %v", st)
	}
	if a.Signals()&zx.SignalPeerClosed == 0 || port.Handles() != 0 || channelMemory.Load() != 0 {
		t.Errorf("signals %#x, %d handles of the port, %d bytes of messages", a.Signals(), port.Handles(), channelMemory.Load())
	}
	// Another handle of the end could read it.
	a, b = NewChannel()
	table.Add(a, RightsChannel)
	hb, _ = table.Add(b, RightsChannel)
	second, _ := table.Add(b, RightsChannel)
	m, _ = table.Take(hb, zx.ObjChannel, 0)
	if st := a.Write(nil, []Moving{m}); st != zx.OK || a.Signals()&zx.SignalPeerClosed != 0 {
		t.Errorf("write: %v, signals %#x", st, a.Signals())
	}
	_, got, _ := b.Read(0, 1)
	table.Close(second)
	got[0].Discard()
	if left := channelMemory.Load(); left != 0 {
		t.Errorf("%d bytes of messages left", left)
	}
}
