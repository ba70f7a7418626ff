package syscall

import (
	"encoding/binary"
	"testing"
	"time"

	"faultline/object"
	"faultline/zx"
)

// channel makes a channel and gives its two handles.
func (w *world) channel() (a, b uint64) {
	w.t.Helper()
	mark := w.next
	out := w.alloc(8)
	w.next = mark
	w.want("channel", zx.OK, sysChannelCreate, 0, out, out+4)
	return uint64(w.peek32(out)), uint64(w.peek32(out + 4))
}

// handles puts handle values into user memory.
func (w *world) handleList(list ...uint64) uint64 {
	w.t.Helper()
	var b []byte
	for _, h := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(h))
	}
	at := w.alloc(uint64(len(b)) + 4)
	w.poke(at, b)
	return at
}

// basic gives koid, related koid and type of a handle's object.
func (w *world) basic(h uint64) (koid, related uint64, typ zx.ObjType) {
	w.t.Helper()
	mark := w.next
	buf := w.alloc(32)
	w.next = mark
	w.want("basic", zx.OK, sysObjectGetInfo, h, uint64(zx.InfoHandleBasic), buf, 32, 0, 0)
	return w.peek64(buf), w.peek64(buf + 16), zx.ObjType(w.peek32(buf + 12))
}

func TestChannelCreate(t *testing.T) {
	w := newWorld(t, 300)
	out := w.alloc(8)
	w.want("options", zx.ErrInvalidArgs, sysChannelCreate, 1, out, out+4)
	w.badOuts(4, 1, nil, sysChannelCreate, 0, 0, out)
	w.badOuts(4, 2, nil, sysChannelCreate, 0, out, 0)
	a, b := w.channel()
	if r := w.rights(a); r != 0xF00E {
		t.Errorf("rights %#x, want 0xf00e", r)
	}
	ka, ra, typ := w.basic(a)
	kb, rb, _ := w.basic(b)
	if ka != rb || kb != ra || ka == kb || typ != zx.ObjChannel {
		t.Errorf("ends: koid %d of %d, koid %d of %d, type %d", ka, ra, kb, rb, typ)
	}
	w.want("no DUPLICATE", zx.ErrAccessDenied, sysHandleDuplicate, a, uint64(zx.RightSame), out)
	w.want("user signal", zx.OK, sysObjectSignal, a, 0, 1<<24)
}

func TestChannelWriteRead(t *testing.T) {
	w := newWorld(t, 400)
	a, b := w.channel()
	text := w.alloc(64)
	w.poke(text, []byte("sixteen bytes ok"))
	buf, hbuf, actual := w.alloc(64), w.alloc(16), w.alloc(8)

	for _, bad := range w.bad(a) {
		w.want("bad", zx.ErrBadHandle, sysChannelWrite, bad, 0, text, 4, 0, 0)
		w.want("bad", zx.ErrBadHandle, sysChannelRead, bad, 0, buf, 0, 4, 0, 0, 0)
	}
	v := w.vmo(0)
	w.want("type", zx.ErrWrongType, sysChannelWrite, v, 0, text, 4, 0, 0)
	w.want("type", zx.ErrWrongType, sysChannelRead, v, 0, buf, 0, 4, 0, 0, 0)
	w.want("no WRITE", zx.ErrAccessDenied, sysChannelWrite, w.with(a, zx.RightRead), 0, text, 4, 0, 0)
	w.want("no READ", zx.ErrAccessDenied, sysChannelRead, w.with(a, zx.RightWrite), 0, buf, 0, 4, 0, 0, 0)
	w.want("options", zx.ErrInvalidArgs, sysChannelWrite, a, 1, text, 4, 0, 0)
	w.want("options", zx.ErrNotSupported, sysChannelRead, a, 2, buf, 0, 4, 0, 0, 0)
	w.want("bytes", zx.ErrOutOfRange, sysChannelWrite, a, 0, text, 65537, 0, 0)
	w.want("handles", zx.ErrOutOfRange, sysChannelWrite, a, 0, text, 4, text, 65)
	w.badIns(8, 2, sysChannelWrite, a, 0, 0, 8, 0, 0)
	w.badIns(8, 4, sysChannelWrite, a, 0, text, 8, 0, 2)
	w.want("empty channel", zx.ErrShouldWait, sysChannelRead, b, 0, buf, 0, 64, 0, 0, 0)

	// Null pointers do where there is nothing.
	w.want("empty message", zx.OK, sysChannelWrite, a, 0, 0, 0, 0, 0)
	w.want("empty message", zx.OK, sysChannelRead, b, 0, 0, 0, 0, 0, actual, actual+4)
	w.want("write", zx.OK, sysChannelWrite, a, 0, text, 16, 0, 0)
	w.want("write", zx.OK, sysChannelWrite, a, 0, text, 5, 0, 0)
	w.want("too small", zx.ErrBufferTooSmall, sysChannelRead, b, 0, buf, 0, 15, 0, actual, actual+4)
	if n := w.peek32(actual); n != 16 || w.peek32(actual+4) != 0 {
		t.Errorf("a message of 16 bytes is said to have %d bytes, %d handles", n, w.peek32(actual+4))
	}
	w.want("null actuals", zx.ErrBufferTooSmall, sysChannelRead, b, 0, buf, 0, 0, 0, 0, 0)
	w.want("read", zx.OK, sysChannelRead, b, 0, buf, 0, 64, 0, actual, actual+4)
	if got := string(w.peek(buf, 16)); got != "sixteen bytes ok" || w.peek32(actual) != 16 {
		t.Errorf("read %q, %d", got, w.peek32(actual))
	}
	w.want("discard", zx.ErrBufferTooSmall, sysChannelRead, b, 1, buf, 0, 4, 0, actual, actual+4)
	w.want("discarded", zx.ErrShouldWait, sysChannelRead, b, 0, buf, 0, 64, 0, 0, 0)

	// Handles leave the caller, whatever happens.
	count := w.proc.handles.Count()
	gone := func(what string, st zx.Status, list []uint64, number uint64, args ...uint64) {
		t.Helper()
		w.want(what, st, number, args...)
		for _, h := range list {
			w.want(what+": handle", zx.ErrBadHandle, sysHandleDuplicate, h, uint64(zx.RightSame), hbuf)
		}
		if n := w.proc.handles.Count(); n != count {
			t.Errorf("%s: %d handles, were %d", what, n, count)
		}
	}
	e := w.make(sysEventCreate, 0)
	gone("options", zx.ErrInvalidArgs, []uint64{e}, sysChannelWrite, a, 1, text, 4, w.handleList(e), 1)
	e = w.make(sysEventCreate, 0)
	gone("bad channel", zx.ErrBadHandle, []uint64{e}, sysChannelWrite, 0, 0, text, 4, w.handleList(e), 1)
	e = w.make(sysEventCreate, 0)
	gone("too many bytes", zx.ErrOutOfRange, []uint64{e}, sysChannelWrite, a, 0, text, 65537, w.handleList(e), 1)
	e = w.make(sysEventCreate, 0)
	gone("bad bytes", zx.ErrInvalidArgs, []uint64{e}, sysChannelWrite, a, 0, 1, 4, w.handleList(e), 1)
	e, f := w.make(sysEventCreate, 0), w.make(sysEventCreate, 0)
	gone("one bad handle", zx.ErrBadHandle, []uint64{e, f}, sysChannelWrite, a, 0, text, 4, w.handleList(e, 7, f), 3)
	e = w.make(sysEventCreate, 0)
	gone("twice", zx.ErrBadHandle, []uint64{e}, sysChannelWrite, a, 0, text, 4, w.handleList(e, e), 2)
	e = w.with(w.vmo(0), zx.RightRead)
	count++ // with keeps the VMO's first handle
	gone("no TRANSFER", zx.ErrAccessDenied, []uint64{e}, sysChannelWrite, a, 0, text, 4, w.handleList(e), 1)
	e = w.with(a, zx.RightTransfer)
	gone("itself", zx.ErrNotSupported, []uint64{e}, sysChannelWrite, a, 0, text, 4, w.handleList(e), 1)
	w.want("nothing was sent", zx.ErrShouldWait, sysChannelRead, b, 0, buf, 0, 64, 0, 0, 0)

	e, f = w.make(sysEventCreate, 0), w.make(sysPortCreate, 0)
	ke, _, _ := w.basic(e)
	gone("send", zx.OK, []uint64{e, f}, sysChannelWrite, a, 0, text, 4, w.handleList(e, f), 2)
	w.want("too few handles", zx.ErrBufferTooSmall, sysChannelRead, b, 0, buf, hbuf, 64, 1, actual, actual+4)
	w.want("receive", zx.OK, sysChannelRead, b, 0, buf, hbuf, 64, 2, actual, actual+4)
	e, f = uint64(w.peek32(hbuf)), uint64(w.peek32(hbuf+4))
	if k, _, typ := w.basic(e); k != ke || typ != zx.ObjEvent || w.rights(e) != object.RightsEvent || w.rights(f) != zx.RightsPort {
		t.Errorf("received koid %d type %d with rights %#x, %#x", k, typ, w.rights(e), w.rights(f))
	}
	count += 2

	// A message that cannot be copied out is lost with its handles.
	for _, bad := range []string{"bytes", "handles", "actual bytes", "actual handles"} {
		n := uint64(8)
		if bad[0] == 'a' {
			n = 4
		}
		for name, ptr := range w.unwritable(n) {
			if ptr == 0 && n == 4 {
				continue // null is allowed
			}
			p := map[string]uint64{"bytes": buf, "handles": hbuf, "actual bytes": actual, "actual handles": actual + 4}
			p[bad] = ptr
			x, y := w.make(sysEventCreate, 0), w.make(sysEventCreate, 0)
			mark := w.next
			w.want("send", zx.OK, sysChannelWrite, a, 0, text, 8, w.handleList(x, y), 2)
			w.next = mark
			gone(bad+" "+name, zx.ErrInvalidArgs, nil, sysChannelRead, b, 0, p["bytes"], p["handles"], 64, 2, p["actual bytes"], p["actual handles"])
			w.want("lost", zx.ErrShouldWait, sysChannelRead, b, 0, buf, 0, 64, 0, 0, 0)
		}
	}

	// A full end is a policy exception.
	for i := range object.ChannelMaxPending {
		w.want("fill", zx.OK, sysChannelWrite, a, 0, 0, 0, 0, 0)
		if i == object.ChannelMaxPending-1 {
			w.want("full", zx.ErrShouldWait, sysChannelWrite, a, 0, 0, 0, 0, 0)
		}
	}
	if len(w.thr.policy) != 1 || w.thr.policy[0] != zx.PolicyChannelFull {
		t.Errorf("policy exceptions %v, want one of %d", w.thr.policy, zx.PolicyChannelFull)
	}
	w.close(b)
	w.want("closed", zx.ErrPeerClosed, sysChannelWrite, a, 0, 0, 0, 0, 0)
	w.want("closed", zx.ErrPeerClosed, sysChannelRead, a, 0, buf, 0, 64, 0, 0, 0)
}

// callArgs puts a zx_channel_call_args_t into user memory.
func (w *world) callArgs(wrBytes, wrHandles, rdBytes, rdHandles uint64, sizes ...uint32) uint64 {
	w.t.Helper()
	b := make([]byte, channelCallArgsBytes)
	for i, p := range []uint64{wrBytes, wrHandles, rdBytes, rdHandles} {
		binary.LittleEndian.PutUint64(b[8*i:], p)
	}
	for i, n := range sizes {
		binary.LittleEndian.PutUint32(b[32+4*i:], n)
	}
	at := w.alloc(channelCallArgsBytes)
	w.poke(at, b)
	return at
}

func TestChannelCall(t *testing.T) {
	w := newWorld(t, 400)
	a, b := w.channel()
	text, buf, hbuf, actual := w.alloc(64), w.alloc(64), w.alloc(16), w.alloc(8)
	w.poke(text, []byte("....question"))
	args := w.callArgs(text, 0, buf, hbuf, 12, 0, 64, 2)
	inf := uint64(zx.TimeInfinite)

	w.badIns(channelCallArgsBytes, 3, sysChannelCall, a, 0, inf, 0, actual, actual+4)
	for _, bad := range w.bad(a) {
		w.want("bad", zx.ErrBadHandle, sysChannelCall, bad, 0, inf, args, actual, actual+4)
	}
	w.want("options", zx.ErrInvalidArgs, sysChannelCall, a, 1, inf, args, actual, actual+4)
	w.want("type", zx.ErrWrongType, sysChannelCall, w.vmo(0), 0, inf, args, actual, actual+4)
	for _, r := range []zx.Rights{zx.RightRead, zx.RightWrite} {
		w.want("rights", zx.ErrAccessDenied, sysChannelCall, w.with(a, r), 0, inf, args, actual, actual+4)
	}
	short := w.callArgs(text, 0, buf, hbuf, 3, 0, 64, 2)
	w.want("no room for the number", zx.ErrInvalidArgs, sysChannelCall, a, 0, inf, short, actual, actual+4)
	e := w.make(sysEventCreate, 0)
	count := w.proc.handles.Count()
	withHandle := w.callArgs(text, w.handleList(e), buf, hbuf, 3, 1, 64, 2)
	w.want("with a handle", zx.ErrInvalidArgs, sysChannelCall, a, 0, inf, withHandle, actual, actual+4)
	if n := w.proc.handles.Count(); n != count-1 {
		t.Errorf("a refused call leaves %d handles of %d", n, count)
	}
	w.want("nobody answers", zx.ErrTimedOut, sysChannelCall, a, 0, uint64(w.Now()), args, actual, actual+4)

	// A server on the Go side of the channel.
	o, st := w.proc.handles.Get(zx.Handle(b), zx.ObjChannel, 0)
	if st != zx.OK {
		t.Fatal(st)
	}
	defer object.Unref(o)
	peer := o.(*object.Channel)
	peer.Read(64, 0) // the one that timed out
	answerWith := func(bytes string, handles ...object.Moving) {
		m, _ := object.NewMessage(nil, uint32(len(bytes)), uint32(len(handles)))
		copy(m.Bytes, bytes)
		m.Handles = append(m.Handles, handles...)
		peer.Write(m)
	}
	serve := func(answer string, handles ...object.Moving) chan string {
		asked := make(chan string, 1)
		go func() {
			for {
				q, _, _, st := peer.Read(64, 0)
				if st == zx.OK {
					answerWith("unasked")
					answerWith(string(q.Bytes[:4])+answer, handles...)
					asked <- string(q.Bytes[4:])
					return
				}
				time.Sleep(50 * time.Microsecond)
			}
		}()
		return asked
	}
	asked := serve("answer", object.NewMoving(object.NewEvent(), object.RightsEvent))
	w.want("call", zx.OK, sysChannelCall, a, 0, inf, args, actual, actual+4)
	if q, got := <-asked, string(w.peek(buf+4, 6)); q != "question" || got != "answer" || w.peek32(actual) != 10 || w.peek32(actual+4) != 1 {
		t.Errorf("asked %q, answered %q, %d bytes, %d handles", q, got, w.peek32(actual), w.peek32(actual+4))
	}
	if _, _, typ := w.basic(uint64(w.peek32(hbuf))); typ != zx.ObjEvent {
		t.Errorf("the handle of the answer is of type %d", typ)
	}
	if got, want := w.peek32(buf)&(1<<31), uint32(1<<31); got != want {
		t.Errorf("the answer's number is %#x", w.peek32(buf))
	}
	w.want("what was not asked", zx.OK, sysChannelRead, a, 0, buf, 0, 64, 0, 0, 0)

	// A suspend stops the wait, but does not send the message again.
	w.thr.stop <- zx.ErrInternalIntrRetry
	asked = serve("again")
	w.want("suspended", zx.OK, sysChannelCall, a, 0, inf, args, actual, actual+4)
	<-asked
	if _, _, _, st := peer.Read(64, 0); st != zx.ErrShouldWait {
		t.Errorf("a second message after a suspend: %v", st)
	}
	select {
	case <-w.thr.stop: // the answer was faster
	default:
	}

	// Replies that do not fit are lost.
	count = w.proc.handles.Count()
	asked = serve("a longer answer", object.NewMoving(object.NewEvent(), object.RightsEvent))
	small := w.callArgs(text, 0, buf, hbuf, 12, 0, 10, 2)
	w.want("too small", zx.ErrBufferTooSmall, sysChannelCall, a, 0, inf, small, actual, actual+4)
	<-asked
	for name, ptr := range w.unwritable(12) {
		asked = serve("to nowhere", object.NewMoving(object.NewEvent(), object.RightsEvent))
		bad := w.callArgs(text, 0, ptr, hbuf, 12, 0, 64, 2)
		w.want(name, zx.ErrInvalidArgs, sysChannelCall, a, 0, inf, bad, actual, actual+4)
		<-asked
	}
	if n := w.proc.handles.Count(); n != count {
		t.Errorf("lost replies leave %d handles of %d", n, count)
	}
	w.thr.stop <- zx.ErrInternalIntrKilled
	w.want("killed", zx.ErrInternalIntrKilled, sysChannelCall, a, 0, inf, args, actual, actual+4)
	go func() {
		w.thr.untilBlocked(zx.ThreadBlockedChannel)
		w.close(b)
	}()
	w.want("peer closes", zx.ErrPeerClosed, sysChannelCall, a, 0, inf, args, actual, actual+4)
	w.want("peer closed", zx.ErrPeerClosed, sysChannelCall, a, 0, inf, args, actual, actual+4)
}
