package syscall

import (
	"testing"

	"faultline/object"
	"faultline/zx"
)

func TestPortCalls(t *testing.T) {
	w := newWorld(t, 200)
	out := w.alloc(4)
	w.want("options", zx.ErrInvalidArgs, sysPortCreate, 2, out)
	w.want("interrupt", zx.OK, sysPortCreate, 1, out)
	w.badOuts(4, 1, nil, sysPortCreate, 0, 0)
	port, v := w.make(sysPortCreate, 0), w.vmo(0)
	in, got := w.alloc(zx.PacketBytes), w.alloc(zx.PacketBytes)
	reader, writer := w.with(port, zx.RightRead), w.with(port, zx.RightWrite)
	send := func(key uint64) {
		t.Helper()
		p := zx.Packet{Key: key, Type: 99, Status: zx.ErrIO, Payload: [32]byte{0: 1, 31: 2}}
		w.poke(in, p.Bytes()[:])
		w.want("queue", zx.OK, sysPortQueue, port, in)
	}

	for _, bad := range w.bad(port) {
		w.want("bad", zx.ErrBadHandle, sysPortWait, bad, 0, got)
		w.want("bad", zx.ErrBadHandle, sysPortQueue, bad, in)
		w.want("bad", zx.ErrBadHandle, sysPortCancel, bad, v, 1)
		w.want("bad", zx.ErrBadHandle, sysPortCancel, port, bad, 1)
		w.want("bad", zx.ErrBadHandle, sysPortCancelKey, bad, 0, 1)
	}
	w.want("type", zx.ErrWrongType, sysPortWait, v, 0, got)
	w.want("type", zx.ErrWrongType, sysPortQueue, v, in)
	w.want("type", zx.ErrWrongType, sysPortCancel, v, v, 1)
	w.want("type", zx.ErrWrongType, sysPortCancelKey, v, 0, 1)
	w.want("right", zx.ErrAccessDenied, sysPortWait, writer, 0, got)
	w.want("right", zx.ErrAccessDenied, sysPortQueue, reader, in)
	w.want("right", zx.ErrAccessDenied, sysPortCancel, reader, v, 1)
	w.want("right", zx.ErrAccessDenied, sysPortCancelKey, reader, 0, 1)

	w.want("empty", zx.ErrTimedOut, sysPortWait, port, 0, got)
	w.want("empty, wild", zx.ErrTimedOut, sysPortWait, port, 1000, 1)
	send(5)
	w.want("past deadline", zx.OK, sysPortWait, reader, 1<<63, got)
	var pk zx.Packet
	copy(pk.Bytes()[:], w.peek(got, zx.PacketBytes))
	if pk.Key != 5 || pk.Type != zx.PacketUser || pk.Status != zx.ErrIO || pk.Payload[0] != 1 || pk.Payload[31] != 2 {
		t.Errorf("got %+v", pk)
	}
	w.badIns(zx.PacketBytes, 1, sysPortQueue, port, 0)
	w.badOuts(zx.PacketBytes, 2, func() { send(1) }, sysPortWait, port, 0, 0)
	w.want("they are lost", zx.ErrTimedOut, sysPortWait, port, 0, got)

	for range object.PortUserPacketLimit {
		send(1)
	}
	w.want("full", zx.ErrShouldWait, sysPortQueue, port, in)
	if len(w.thr.policy) != 1 || w.thr.policy[0] != zx.PolicyPortFull {
		t.Errorf("policy exceptions %v, want one of %d", w.thr.policy, zx.PolicyPortFull)
	}
	w.want("cancel key options", zx.ErrInvalidArgs, sysPortCancelKey, 0, 1, 1)
	w.want("cancel other key", zx.ErrNotFound, sysPortCancelKey, port, 0, 2)
	w.want("cancel key", zx.OK, sysPortCancelKey, port, 0, 1)
	w.want("empty", zx.ErrTimedOut, sysPortWait, port, 0, got)

	// wait_async through the calls
	e := w.make(sysEventCreate, 0)
	e2 := w.with(e, object.RightsEvent)
	arm := func(h, key, options uint64) {
		t.Helper()
		w.want("arm", zx.OK, sysObjectWaitAsync, h, port, key, 1<<24, options)
	}
	arm(e, 7, 1)
	w.want("signal", zx.OK, sysObjectSignal, e, 0, 1<<24)
	w.want("fired", zx.OK, sysPortWait, port, 0, got)
	if w.peek64(got) != 7 || w.peek32(got+8) != 1 || w.peek32(got+16) != 1<<24 || w.peek32(got+20) != 1<<24 ||
		w.peek64(got+24) != 1 || w.peek64(got+32) == 0 || w.peek64(got+40) != 0 {
		t.Errorf("packet %x", w.peek(got, 48))
	}
	arm(e, 8, 0)
	arm(e2, 8, 0)
	arm(e, 9, 2)
	w.want("source right", zx.ErrAccessDenied, sysPortCancel, port, w.with(e, zx.RightSignal), 8)
	w.want("source has no WAIT", zx.ErrAccessDenied, sysPortCancel, port, port, 8)
	w.want("source not waitable", zx.ErrNotSupported, sysPortCancel, port, w.with(port, zx.RightWait), 8)
	w.want("queued", zx.OK, sysPortCancel, port, e, 8)
	w.want("again", zx.ErrNotFound, sysPortCancel, port, e, 8)
	w.want("armed", zx.OK, sysPortCancel, port, e, 9)
	w.want("other key", zx.ErrNotFound, sysPortCancel, port, e2, 9)
	w.want("still there", zx.OK, sysPortWait, port, 0, got)
	if w.peek64(got+32) != 0 {
		t.Error("a timestamp nobody asked for")
	}
	for _, stop := range []zx.Status{zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry} {
		w.thr.stop <- stop
		w.want("stopped", stop, sysPortWait, port, uint64(zx.TimeInfinite), 1)
	}
}

// A second thread queues what the first waits for.
func TestPortBlocks(t *testing.T) {
	w := newWorld(t, 200)
	port := w.make(sysPortCreate, 0)
	in, got := w.alloc(zx.PacketBytes), w.alloc(zx.PacketBytes)
	other := w.newContext(w.proc, newThread("other"))
	done := make(chan int64)
	go func() {
		w.thr.untilBlocked(zx.ThreadBlockedPort)
		done <- dispatch(other, sysPortQueue, &[8]uint64{port, in})
	}()
	w.want("wait", zx.OK, sysPortWait, port, uint64(zx.TimeInfinite), got)
	if st := <-done; st != 0 {
		t.Error(st)
	}
}
