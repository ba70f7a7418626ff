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
