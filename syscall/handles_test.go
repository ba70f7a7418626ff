package syscall

import (
	"encoding/binary"
	"testing"
	"time"

	"faultline/object"
	"faultline/vmar"
	"faultline/zx"
)

func TestUnknownNumbers(t *testing.T) {
	w := newWorld(t, 200)
	for _, n := range []uint64{uint64(Count), uint64(Count) + 1, 1 << 16, 1 << 32, 1<<32 + sysHandleClose, 1 << 63, ^uint64(0)} {
		if st := w.status(n); st != zx.ErrBadSyscall {
			t.Errorf("number %#x: %v", n, st)
		}
	}
}

func TestHandleCalls(t *testing.T) {
	w := newWorld(t, 200)
	out := w.alloc(4)
	h := w.vmo(pageSize)

	// zx_handle_close
	w.want("nothing", zx.OK, sysHandleClose, 0)
	w.want("high half ignored", zx.OK, sysHandleClose, 1<<32)
	for _, bad := range w.bad(h)[1:] {
		w.want("bad", zx.ErrBadHandle, sysHandleClose, bad)
	}

	// zx_handle_duplicate
	for _, bad := range w.bad(h) {
		w.want("bad", zx.ErrBadHandle, sysHandleDuplicate, bad, uint64(zx.RightSame), out)
		w.want("bad", zx.ErrBadHandle, sysHandleReplace, bad, uint64(zx.RightSame), out)
	}
	pager := w.make(sysPagerCreate, 0)
	w.want("pager", zx.ErrAccessDenied, sysHandleDuplicate, pager, uint64(zx.RightSame), out)
	w.want("pager, more rights too", zx.ErrAccessDenied, sysHandleDuplicate, pager, uint64(zx.RightExecute), out)
	w.want("more rights", zx.ErrInvalidArgs, sysHandleDuplicate, h, uint64(zx.RightExecute), out)
	w.want("same and more", zx.ErrInvalidArgs, sysHandleDuplicate, h, uint64(zx.RightSame|zx.RightRead), out)
	w.want("none", zx.OK, sysHandleDuplicate, h, 0, out)
	weak := uint64(w.peek32(out))
	w.want("no rights, no READ", zx.ErrAccessDenied, sysVMORead, weak, uint64(w.ram), 0, 1)
	w.want("size needs none", zx.OK, sysVMOGetSize, weak, w.alloc(8))
	w.badOuts(4, 2, nil, sysHandleDuplicate, h, uint64(zx.RightSame), 0)

	// zx_handle_replace
	w.want("fewer", zx.OK, sysHandleReplace, h, uint64(zx.RightRead), out)
	r := uint64(w.peek32(out))
	w.want("replaced", zx.ErrBadHandle, sysVMOGetSize, h, w.alloc(8))
	w.want("more rights", zx.ErrInvalidArgs, sysHandleReplace, r, uint64(zx.RightWrite), out)
	w.want("refused is closed", zx.ErrBadHandle, sysHandleClose, r)
	for name, ptr := range w.unwritable(4) {
		h := w.vmo(0)
		before := w.proc.handles.Count()
		w.want(name, zx.ErrInvalidArgs, sysHandleReplace, h, uint64(zx.RightSame), ptr)
		if w.proc.handles.Count() != before-1 {
			t.Errorf("%s: replace kept a handle", name)
		}
	}

	// zx_handle_close_many
	var list []byte
	want := w.proc.handles.Count()
	for i := range 100 {
		h := uint64(0)
		if i%3 != 0 {
			h = w.vmo(0)
		}
		list = binary.LittleEndian.AppendUint32(list, uint32(h))
	}
	many := w.alloc(uint64(len(list)))
	w.poke(many, list)
	w.want("many", zx.OK, sysHandleCloseMany, many, 100)
	w.want("again", zx.ErrBadHandle, sysHandleCloseMany, many, 100)
	w.want("none, null", zx.OK, sysHandleCloseMany, 0, 0)
	w.want("zeros", zx.OK, sysHandleCloseMany, many, 1)
	if got := w.proc.handles.Count(); got != want {
		t.Errorf("%d handles, want %d", got, want)
	}
	w.badIns(8, 0, sysHandleCloseMany, 0, 2)
	w.want("huge", zx.ErrInvalidArgs, sysHandleCloseMany, many, ^uint64(0))
	w.want("to the hole", zx.ErrInvalidArgs, sysHandleCloseMany, uint64(w.ram)+ramPages*pageSize-8, 3)
	// One bad entry does not save the others.
	a, b := w.vmo(0), w.vmo(0)
	list = binary.LittleEndian.AppendUint32(nil, uint32(a))
	list = binary.LittleEndian.AppendUint32(list, 7)
	list = binary.LittleEndian.AppendUint32(list, uint32(b))
	w.poke(many, list)
	w.want("one bad", zx.ErrBadHandle, sysHandleCloseMany, many, 3)
	w.want("closed", zx.ErrBadHandle, sysHandleClose, b)
}

func TestEventAndSignals(t *testing.T) {
	w := newWorld(t, 200)
	out := w.alloc(4)
	w.want("options", zx.ErrInvalidArgs, sysEventCreate, 1, out)
	w.badOuts(4, 1, nil, sysEventCreate, 0, 0)
	e := w.make(sysEventCreate, 0)
	port := w.make(sysPortCreate, 0)
	obs := w.alloc(4)
	user := uint64(1 << 24)

	// zx_object_signal
	for _, bad := range w.bad(e) {
		w.want("bad", zx.ErrBadHandle, sysObjectSignal, bad, 0, user)
		w.want("bad", zx.ErrBadHandle, sysObjectWaitOne, bad, user, 0, obs)
		w.want("bad", zx.ErrBadHandle, sysObjectWaitAsync, bad, port, 1, user, 0)
		w.want("bad", zx.ErrBadHandle, sysObjectWaitAsync, e, bad, 1, user, 0)
	}
	w.want("no SIGNAL", zx.ErrAccessDenied, sysObjectSignal, w.with(e, zx.RightWait), 0, 1)
	w.want("port has no SIGNAL", zx.ErrAccessDenied, sysObjectSignal, port, 0, user)
	w.want("port has no signals", zx.ErrNotSupported, sysObjectSignal, w.with(port, zx.RightSignal), 0, 1)
	w.want("not waitable", zx.ErrNotSupported, sysObjectWaitOne, w.with(port, zx.RightWait), user, 0, 1)
	w.want("kernel signal", zx.ErrInvalidArgs, sysObjectSignal, e, 0, 1<<23)
	w.want("kernel signal", zx.ErrInvalidArgs, sysObjectSignal, e, 1, user)
	v := w.vmo(0)
	w.want("signaled on a VMO", zx.ErrInvalidArgs, sysObjectSignal, v, 8, 0)
	w.want("user signal on a VMO", zx.OK, sysObjectSignal, v, 0, user)

	// zx_object_wait_one
	w.want("no WAIT", zx.ErrAccessDenied, sysObjectWaitOne, w.with(e, zx.RightSignal), user, 0, obs)
	w.want("port has no WAIT", zx.ErrAccessDenied, sysObjectWaitOne, port, user, 0, obs)
	w.want("times out", zx.ErrTimedOut, sysObjectWaitOne, e, user, 1000, obs)
	w.want("times out, null", zx.ErrTimedOut, sysObjectWaitOne, e, user, 0, 0)
	w.want("event signaled", zx.OK, sysObjectSignal, e, 0, 8)
	w.want("times out with others", zx.ErrTimedOut, sysObjectWaitOne, e, user, 0, obs)
	if w.peek32(obs) != 8 {
		t.Errorf("observed %#x", w.peek32(obs))
	}
	w.want("set", zx.OK, sysObjectSignal, e, 8, user)
	w.want("at once", zx.OK, sysObjectWaitOne, e, user|8, 0, obs)
	if w.peek32(obs) != uint32(user) {
		t.Errorf("observed %#x", w.peek32(obs))
	}
	for name, ptr := range w.unwritable(4) {
		if ptr != 0 {
			w.want(name, zx.ErrInvalidArgs, sysObjectWaitOne, e, user, 0, ptr)
		}
	}
	w.want("zero children", zx.OK, sysObjectWaitOne, v, 8, 0, obs)
	done := make(chan bool)
	go func() {
		w.thr.untilBlocked(zx.ThreadBlockedWaitOne)
		w.close(e)
		close(done)
	}()
	w.want("closed meanwhile", zx.ErrCanceled, sysObjectWaitOne, e, 1<<25, uint64(zx.TimeInfinite), obs)
	<-done
	if w.peek32(obs) != uint32(user)|1<<23 {
		t.Errorf("observed %#x", w.peek32(obs))
	}
	e = w.make(sysEventCreate, 0)
	for _, stop := range []zx.Status{zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry} {
		w.thr.stop <- stop
		w.want("stopped", stop, sysObjectWaitOne, e, 1<<25, uint64(zx.TimeInfinite), 1)
	}

	// zx_object_wait_async
	w.want("options win over handles", zx.ErrInvalidArgs, sysObjectWaitAsync, 0, 0, 1, user, 4)
	w.want("port type", zx.ErrWrongType, sysObjectWaitAsync, 0, e, 1, user, 0)
	w.want("port right", zx.ErrAccessDenied, sysObjectWaitAsync, 0, w.with(port, zx.RightRead), 1, user, 0)
	w.want("no WAIT", zx.ErrAccessDenied, sysObjectWaitAsync, w.with(e, zx.RightSignal), port, 1, user, 0)
	w.want("not waitable", zx.ErrNotSupported, sysObjectWaitAsync, w.with(port, zx.RightWait), port, 1, user, 0)
}

func TestObjectGetInfo(t *testing.T) {
	w := newWorld(t, 200)
	v := w.vmo(3*pageSize - 5)
	buf, actual, avail := w.alloc(256), w.alloc(8), w.alloc(8)
	thr, _ := w.proc.handles.Add(w.thr, zx.RightsThread)
	get := func(what string, want zx.Status, h uint64, topic uint32, size, act, av uint64) {
		t.Helper()
		w.want(what, want, sysObjectGetInfo, h, uint64(topic), buf, size, act, av)
	}
	get("topic wins over handle", zx.ErrNotSupported, 0, 999, 256, actual, avail)
	for _, bad := range w.bad(v) {
		get("bad", zx.ErrBadHandle, bad, zx.InfoHandleBasic, 256, 0, 0)
		get("bad", zx.ErrBadHandle, bad, infoHandleValid, 0, 0, 0)
	}
	get("valid", zx.OK, v, infoHandleValid, 0, 0, 0)
	get("type", zx.ErrWrongType, v, zx.InfoThread, 256, 0, 0)
	get("type", zx.ErrWrongType, uint64(thr), zx.InfoVMOv2, 256, 0, 0)
	get("type", zx.ErrWrongType, v, infoVMAR, 256, 0, 0)
	get("INSPECT", zx.ErrAccessDenied, w.with(uint64(thr), zx.RightWait), zx.InfoThread, 256, 0, 0)
	get("INSPECT", zx.ErrAccessDenied, w.with(v, zx.RightWait), infoHandleCount, 256, 0, 0)

	for _, c := range []struct {
		topic uint32
		h     uint64
		size  uint64
	}{
		{zx.InfoHandleBasic, v, 32}, {infoHandleCount, v, 4}, {infoVMAR, uint64(w.rootVMAR), 16},
		{zx.InfoThread, uint64(thr), 72}, {zx.InfoVMOv2, v, 128}, {infoVMO | 3<<infoVersion, v, 176},
	} {
		w.poke(actual, []byte{9, 9, 9, 9, 9, 9, 9, 9})
		get("small", zx.ErrBufferTooSmall, c.h, c.topic, c.size-1, actual, avail)
		if w.peek64(actual) != 0 || w.peek64(avail) != 1 {
			t.Errorf("topic %#x: actual %d avail %d", c.topic, w.peek64(actual), w.peek64(avail))
		}
		w.poke(buf, make([]byte, 256))
		fill := make([]byte, 256)
		for i := range fill {
			fill[i] = 0x77
		}
		w.poke(buf, fill)
		get("fits", zx.OK, c.h, c.topic, c.size, actual, avail)
		if w.peek64(actual) != 1 || w.peek(buf, 256)[c.size] != 0x77 {
			t.Errorf("topic %#x: actual %d or wrote too much", c.topic, w.peek64(actual))
		}
		get("bigger, no counts", zx.OK, c.h, c.topic, 256, 0, 0)
		w.badOuts(c.size, 2, nil, sysObjectGetInfo, c.h, uint64(c.topic), 0, c.size, actual, avail)
		for name, ptr := range w.unwritable(8) {
			if ptr != 0 {
				w.want("actual "+name, zx.ErrInvalidArgs, sysObjectGetInfo, c.h, uint64(c.topic), buf, c.size, ptr, avail)
				w.want("avail "+name, zx.ErrInvalidArgs, sysObjectGetInfo, c.h, uint64(c.topic), buf, c.size, actual, ptr)
			}
		}
	}
	get("basic", zx.OK, v, zx.InfoHandleBasic, 256, 0, 0)
	if w.peek64(buf) == 0 || w.peek32(buf+8) != uint32(zx.RightsVMO) || w.peek32(buf+12) != uint32(zx.ObjVMO) {
		t.Errorf("handle basic: %x", w.peek(buf, 32))
	}
	koid := w.peek64(buf)
	get("vmo", zx.OK, v, zx.InfoVMOv2, 256, 0, 0)
	if w.peek64(buf) != koid || w.peek64(buf+40) != 3*pageSize || w.peek32(buf+80) != 0x9 || w.peek64(buf+88) != 0 || w.peek32(buf+96) != uint32(zx.RightsVMO) {
		t.Errorf("vmo: %x", w.peek(buf, 128))
	}
	get("thread", zx.OK, uint64(thr), zx.InfoThread, 256, 0, 0)
	if w.peek32(buf) != uint32(w.thr.state) || w.peek32(buf+4) != 7 || w.peek64(buf+8) != 1 {
		t.Errorf("thread: %x", w.peek(buf, 72))
	}
	get("vmar", zx.OK, uint64(w.rootVMAR), infoVMAR, 256, 0, 0)
	root := w.proc.space.Root()
	if w.peek64(buf) != uint64(root.Base()) || w.peek64(buf+8) != root.Size() {
		t.Errorf("vmar: %x", w.peek(buf, 16))
	}
	get("count", zx.OK, v, infoHandleCount, 256, 0, 0)
	if w.peek32(buf) != 2 {
		t.Errorf("count: %d", w.peek32(buf))
	}
}

func TestTaskAndMiscCalls(t *testing.T) {
	w := newWorld(t, 200)
	out := w.alloc(4)
	name := w.alloc(64)
	w.poke(name, []byte("a thread with a name that is much too long to keep"))
	self := uint64(w.self)

	w.want("options win", zx.ErrInvalidArgs, sysThreadCreate, 0, 0, 0, 1, 0)
	w.want("name wins over handle", zx.ErrInvalidArgs, sysThreadCreate, 0, 0, 0, 0, out)
	for _, bad := range w.bad(self) {
		w.want("bad", zx.ErrBadHandle, sysThreadCreate, bad, name, 5, 0, out)
		w.want("bad", zx.ErrBadHandle, sysThreadStart, bad, uint64(w.ram), 0, 0, 0)
	}
	w.want("type", zx.ErrWrongType, sysThreadCreate, w.vmo(0), name, 5, 0, out)
	w.want("right", zx.ErrAccessDenied, sysThreadCreate, w.with(self, zx.RightRead), name, 5, 0, out)
	w.badIns(8, 1, sysThreadCreate, self, 0, 8, 0, out)
	w.badOuts(4, 4, nil, sysThreadCreate, self, name, 5, 0, 0)
	w.want("name ends at the hole", zx.OK, sysThreadCreate, self, uint64(w.ram)+ramPages*pageSize-8, 8, 0, out)
	for _, c := range []struct {
		size uint64
		want string
	}{{0, ""}, {1, "a"}, {8, "a thread"}, {32, "a thread with a name that is mu"}, {50, "a thread with a name that is mu"}, {^uint64(0), "a thread with a name that is mu"}} {
		h := w.make(sysThreadCreate, self, name, c.size, 0)
		o, _ := w.proc.handles.Get(zx.Handle(h), zx.ObjThread, zx.RightsThread)
		if got := o.(*thread).name; got != c.want {
			t.Errorf("name of %d bytes: %q", c.size, got)
		}
		object.Unref(o)
	}
	th := w.make(sysThreadCreate, self, name, 5, 0)
	w.want("type", zx.ErrWrongType, sysThreadStart, self, uint64(w.ram), 0, 0, 0)
	w.want("right", zx.ErrAccessDenied, sysThreadStart, w.with(th, zx.RightWrite), uint64(w.ram), 0, 0, 0)
	for _, pc := range []uint64{uint64(vmar.UserEnd), 0x8000_0000_0000, ^uint64(0), 0xffff_8000_0000_0000} {
		w.want("entry", zx.ErrInvalidArgs, sysThreadStart, th, pc, 0, 0, 0)
	}
	w.want("start", zx.OK, sysThreadStart, th, uint64(w.ram)+1, 2, 3, 4)
	w.want("twice", zx.ErrBadState, sysThreadStart, th, uint64(w.ram), 0, 0, 0)
	o, _ := w.proc.handles.Get(zx.Handle(th), zx.ObjThread, 0)
	if s := o.(*thread).started; s[0] != uint64(w.ram)+1 || s[1] != 2 || s[2] != 3 || s[3] != 4 {
		t.Errorf("started %x", s)
	}
	object.Unref(o)

	// zx_debug_write
	w.want("write", zx.OK, sysDebugWrite, name, 50)
	w.want("nothing", zx.OK, sysDebugWrite, 0, 0)
	if string(w.proc.console) != "a thread with a name that is much too long to keep" {
		t.Errorf("console %q", w.proc.console)
	}
	w.proc.console = nil
	w.want("many bytes", zx.OK, sysDebugWrite, uint64(w.ram), 1000)
	if len(w.proc.console) != 1000 {
		t.Errorf("%d bytes", len(w.proc.console))
	}
	w.badIns(8, 0, sysDebugWrite, 0, 8)
	w.want("too long", zx.ErrInvalidArgs, sysDebugWrite, uint64(w.ram), debugWriteLimit+1)
	w.want("huge", zx.ErrInvalidArgs, sysDebugWrite, uint64(w.ram), ^uint64(0))

	// zx_cprng_draw
	buf := w.alloc(1024)
	w.want("draw", zx.OK, sysCprngDraw, buf, 1000)
	p := w.peek(buf, 1024)
	if p[0] == 0 || p[999] == 0 || p[1000] != 0 {
		t.Errorf("drew %d %d %d", p[0], p[999], p[1000])
	}
	w.want("none", zx.OK, sysCprngDraw, 0, 0)
	w.badOuts(8, 0, nil, sysCprngDraw, 0, 8)
	w.want("into the hole", zx.ErrInvalidArgs, sysCprngDraw, uint64(w.ram)+ramPages*pageSize-300, 301)

	// The rest.
	if n := w.call(sysSystemGetPageSize); n != 4096 {
		t.Errorf("page size %d", n)
	}
	a := w.call(sysClockGetMonotonic)
	w.want("sleep", zx.OK, sysNanosleep, uint64(2*time.Millisecond))
	if b := w.call(sysClockGetMonotonic); b-a < int64(time.Millisecond) {
		t.Errorf("slept %d ns", b-a)
	}
	w.want("past", zx.OK, sysNanosleep, 0)
	w.want("long past", zx.OK, sysNanosleep, 1<<63)
	w.thr.stop <- zx.ErrInternalIntrRetry
	w.want("suspended", zx.ErrInternalIntrRetry, sysNanosleep, uint64(zx.TimeInfinite))
	w.call(sysThreadExit)
	w.call(sysProcessExit, ^uint64(6))
	if !w.thr.exited || !w.proc.exited || w.proc.code != -7 {
		t.Errorf("exit: thread %v process %v code %d", w.thr.exited, w.proc.exited, w.proc.code)
	}
	w.want("ending", zx.ErrBadState, sysThreadCreate, self, name, 5, 0, out)
}
