package syscall

import (
	"encoding/binary"
	"faultline/account"
	"slices"
	"testing"
	"time"

	"faultline/object"
	"faultline/vmar"
	"faultline/zx"
)

func TestProcessCreateStart(t *testing.T) {
	w := newWorld(t, 400)
	j := newJob()
	jh := w.add(j, zx.RightManageProcess)
	name, out := w.alloc(16), w.alloc(8)
	w.poke(name, []byte("child"))

	// zx_process_create
	w.want("options", zx.ErrInvalidArgs, sysProcessCreate, jh, name, 5, 1, out, out+4)
	w.badIns(8, 1, sysProcessCreate, 0, 0, 8, 0, out, out+4) // before the job
	for _, bad := range w.bad(jh) {
		w.want("bad", zx.ErrBadHandle, sysProcessCreate, bad, name, 5, 0, out, out+4)
	}
	w.want("type", zx.ErrWrongType, sysProcessCreate, uint64(w.self), name, 5, 0, out, out+4)
	w.want("right", zx.ErrAccessDenied, sysProcessCreate, w.with(jh, ^zx.RightManageProcess), name, 5, 0, out, out+4)
	w.badOuts(4, 4, nil, sysProcessCreate, jh, name, 5, 0, 0, out)
	w.badOuts(4, 5, nil, sysProcessCreate, jh, name, 5, 0, out, 0)
	w.want("create", zx.OK, sysProcessCreate, jh, name, 5, 0, out, out+4)
	p, v := uint64(w.peek32(out)), uint64(w.peek32(out+4))
	if r := w.rights(p); r != zx.RightsProcess {
		t.Errorf("rights of the process %#x", r)
	}
	if r := w.rights(v); r != zx.RightsVMAR|zx.RightRead|zx.RightWrite|zx.RightExecute {
		t.Errorf("rights of the region %#x", r)
	}
	o, _ := w.proc.handles.Get(zx.Handle(p), zx.ObjProcess, 0)
	child := o.(*process)
	object.Unref(o)
	if child.Name() != "child" || child.job != j {
		t.Errorf("name %q, job %p of %p", child.Name(), child.job, j)
	}
	// The region is that of the child.
	mem := w.vmo(pageSize)
	at := w.alloc(8)
	w.want("map into the child", zx.OK, sysVMARMap, v, uint64(zx.VMPermRead|zx.VMPermWrite), 0, mem, 0, pageSize, at)
	if n := mappings(child.space); n != 1 {
		t.Errorf("%d mappings in the child", n)
	}

	// zx_process_start
	w.want("thread", zx.OK, sysThreadCreate, p, name, 5, 0, out)
	th := uint64(w.peek32(out))
	entry := uint64(vmar.UserBase) + 0x1000
	count := w.proc.handles.Count()
	refused := func(what string, st zx.Status, process, thread, entry uint64) {
		t.Helper()
		e := w.make(sysEventCreate, 0)
		w.want(what, st, sysProcessStart, process, thread, entry, 0, e, 7)
		w.want(what+": arg1 is gone", zx.ErrBadHandle, sysHandleDuplicate, e, uint64(zx.RightSame), out)
	}
	for _, bad := range w.bad(p) {
		refused("bad", zx.ErrBadHandle, bad, th, entry)
		refused("bad", zx.ErrBadHandle, p, bad, entry)
	}
	refused("type", zx.ErrWrongType, th, th, entry)
	refused("type", zx.ErrWrongType, p, p, entry)
	refused("right", zx.ErrAccessDenied, w.with(p, ^zx.RightWrite), th, entry)
	refused("right", zx.ErrAccessDenied, p, w.with(th, ^zx.RightWrite), entry)
	_, stranger := w.other()
	refused("thread of another process", zx.ErrAccessDenied, p, stranger, entry)
	for _, bad := range []uint64{1, 3, 0x7fff_ffff} {
		w.want("bad arg1", zx.ErrBadHandle, sysProcessStart, p, th, entry, 0, bad, 7)
	}
	e := w.with(w.make(sysEventCreate, 0), zx.RightWait)
	w.want("arg1 without TRANSFER", zx.ErrAccessDenied, sysProcessStart, p, th, entry, 0, e, 7)
	if n := w.proc.handles.Count(); n != count+4 { // the weak ones, the stranger, an event
		t.Errorf("%d handles, were %d", n, count)
	}
	e = w.make(sysEventCreate, 0)
	w.want("start", zx.OK, sysProcessStart, p, th, entry, 0x1234, e, 7)
	w.want("arg1 is gone", zx.ErrBadHandle, sysHandleDuplicate, e, uint64(zx.RightSame), out)
	to, _ := w.proc.handles.Get(zx.Handle(th), zx.ObjThread, 0)
	started := to.(*thread).started
	object.Unref(to)
	if len(started) != 4 || started[0] != entry || started[1] != 0x1234 || started[3] != 7 {
		t.Errorf("started with %#x", started)
	} else if o, have, st := child.handles.GetRights(zx.Handle(started[2]), zx.ObjEvent, 0); st != zx.OK || have != object.RightsEvent {
		t.Errorf("arg1 in the child: %v, rights %#x", st, have)
	} else {
		object.Unref(o)
	}
	refused("again", zx.ErrBadState, p, th, entry)

	// ZX_INFO_PROCESS and HANDLE_COUNT
	buf := w.alloc(24)
	child.info = ProcessInfo{ReturnCode: -1028, StartTime: 99, Started: true, DebuggerAttached: true}
	w.want("right", zx.ErrAccessDenied, sysObjectGetInfo, w.with(p, ^zx.RightInspect), uint64(infoProcess|1<<infoVersion), buf, 24, 0, 0)
	w.want("type", zx.ErrWrongType, sysObjectGetInfo, th, uint64(infoProcess|1<<infoVersion), buf, 24, 0, 0)
	w.want("small", zx.ErrBufferTooSmall, sysObjectGetInfo, p, uint64(infoProcess|1<<infoVersion), buf, 23, 0, 0)
	for _, exited := range []bool{false, true} {
		child.info.Exited = exited
		w.want("info", zx.OK, sysObjectGetInfo, p, uint64(infoProcess|1<<infoVersion), buf, 24, 0, 0)
		code, flags := int64(w.peek64(buf)), w.peek32(buf+16)
		if exited && (code != -1028 || flags != 7) || !exited && (code != 0 || flags != 5) || w.peek64(buf+8) != 99 {
			t.Errorf("exited %v: code %d flags %d start %d", exited, code, flags, w.peek64(buf+8))
		}
	}
	ev := w.make(sysEventCreate, 0)
	w.with(ev, 0)
	w.want("count", zx.OK, sysObjectGetInfo, ev, uint64(infoHandleCount), buf, 24, 0, 0)
	if n := w.peek32(buf); n != 2 {
		t.Errorf("%d handles of an event with 2", n)
	}

	frames := w.mem.Stats().Free
	w.close(p, v, th) // the with-handle keeps it
	w.proc.handles.ForEach(func(i object.Info) bool {
		if i.Object == object.Object(child) {
			w.close(uint64(i.Handle))
		}
		return true
	})
	if w.mem.Stats().Free <= frames {
		t.Error("a process that lost its last handle keeps its frames")
	}
}

func TestWaitMany(t *testing.T) {
	w := newWorld(t, 300)
	a, b := w.make(sysEventCreate, 0), w.make(sysEventCreate, 0)
	items := func(list ...uint64) uint64 { // handle, signals, handle, signals...
		var p []byte
		for i, n := range list {
			p = binary.LittleEndian.AppendUint32(p, uint32(n))
			if i%2 == 1 {
				p = binary.LittleEndian.AppendUint32(p, 0xaaaaaaaa)
			}
		}
		w.next = 8 * pageSize
		at := w.alloc(uint64(len(p)))
		w.poke(at, p)
		return at
	}
	pending := func(at uint64, n int) (list []uint32) {
		for i := range n {
			list = append(list, w.peek32(at+uint64(i)*12+8))
		}
		return list
	}
	w.want("too many", zx.ErrOutOfRange, sysObjectWaitMany, uint64(w.ram), 65, 0)
	w.want("none", zx.ErrTimedOut, sysObjectWaitMany, 0, 0, 1000)
	w.badIns(24, 0, sysObjectWaitMany, 0, 2, 0)
	for _, bad := range w.bad(a) {
		w.want("bad", zx.ErrBadHandle, sysObjectWaitMany, items(b, 8, bad, 8), 2, 0)
	}
	w.want("right", zx.ErrAccessDenied, sysObjectWaitMany, items(a, 8, w.with(b, zx.RightSignal), 8), 2, 0)
	w.want("not waitable", zx.ErrNotSupported, sysObjectWaitMany, items(w.with(w.make(sysPortCreate, 0), zx.RightWait), 8), 1, 0)
	// What a wait keeps is charged while it lasts, however it ends.
	root := account.NewRoot(2*object.WaitItemBytes, 1, nil)
	w.ctx.Account = root
	w.want("no room", zx.ErrNoMemory, sysObjectWaitMany, items(a, 8, b, 8, a, 8), 3, 1000)
	defer func() {
		if got := root.Info().Bytes; got.Used != 0 || got.Refused != 1 {
			t.Errorf("in the end: %+v", got)
		}
	}()
	at := items(a, 8, b, 8)
	w.want("times out", zx.ErrTimedOut, sysObjectWaitMany, at, 2, 1000)
	if got := pending(at, 2); !slices.Equal(got, []uint32{0, 0}) {
		t.Errorf("pending after a time-out: %#x", got)
	}
	w.want("signal", zx.OK, sysObjectSignal, b, 0, 8|1<<24)
	at = items(a, 8, b, 8)
	w.want("asserted", zx.OK, sysObjectWaitMany, at, 2, uint64(zx.TimeInfinite))
	if got := pending(at, 2); !slices.Equal(got, []uint32{0, 8 | 1<<24}) {
		t.Errorf("pending: %#x", got)
	}
	// Items that cannot be written.
	ro := uint64(w.ro)
	w.want("read only", zx.ErrBadHandle, sysObjectWaitMany, ro, 1, 0)
	w.want("clear", zx.OK, sysObjectSignal, b, 8|1<<24, 0)
	go func() {
		w.thr.untilBlocked(zx.ThreadBlockedWaitMany)
		if got := root.Info().Bytes.Used; got != 2*object.WaitItemBytes {
			t.Errorf("a wait for two is charged %d", got)
		}
		w.close(a)
	}()
	at = items(b, 8, a, 8)
	w.want("closed", zx.ErrCanceled, sysObjectWaitMany, at, 2, uint64(zx.TimeInfinite))
	if got := pending(at, 2); !slices.Equal(got, []uint32{0, uint32(zx.SignalHandleClosed)}) {
		t.Errorf("pending after a close: %#x", got)
	}
	for _, st := range []zx.Status{zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry} {
		w.thr.stop <- st
		w.want("interrupted", st, sysObjectWaitMany, items(b, 8), 1, uint64(zx.TimeInfinite))
	}
}

func TestFutexes(t *testing.T) {
	w := newWorld(t, 300)
	at, there := w.alloc(8), w.alloc(8)
	w.poke(at, []byte{5, 0, 0, 0})
	inf := uint64(zx.TimeInfinite)
	bad := []uint64{0, 1, 0x200000, at + 1, at + 2, 0x7fff_ffff_f000, 0xffff_8000_0000_0000, ^uint64(3), 0x8000_0000_0000}
	for _, p := range bad {
		w.want("address", zx.ErrInvalidArgs, sysFutexWait, p, 5, 0, inf)
		w.want("address", zx.ErrInvalidArgs, sysFutexWake, p, 1)
		w.want("address", zx.ErrInvalidArgs, sysFutexRequeue, p, 1, 5, there, 1, 0)
		w.want("address", zx.ErrInvalidArgs, sysFutexRequeue, at, 1, 5, p, 1, 0)
	}
	hole := uint64(w.ram) + ramPages*pageSize
	w.want("hole", zx.ErrInvalidArgs, sysFutexWait, hole, 5, 0, inf)
	w.want("hole", zx.ErrInvalidArgs, sysFutexRequeue, hole, 1, 5, there, 1, 0)
	w.want("wake looks at nothing", zx.OK, sysFutexWake, hole, 1)
	w.want("itself", zx.ErrInvalidArgs, sysFutexRequeue, at, 1, 5, at, 1, 0)
	v, self := w.vmo(0), w.selfThread()
	thr, oh := w.other()
	thr.state = zx.ThreadRunning
	fresh, _ := newThread("fresh"), 0
	fh := w.add(fresh, zx.RightsThread)
	for _, c := range []struct {
		what  string
		owner uint64
		st    zx.Status
	}{{"invalid owner", 7, zx.ErrBadHandle}, {"no thread", v, zx.ErrWrongType}, {"the caller", self, zx.ErrInvalidArgs}, {"not started", fh, zx.ErrInvalidArgs}} {
		w.want(c.what+", value differs", zx.ErrBadState, sysFutexWait, at, 4, c.owner, inf)
		w.want(c.what, c.st, sysFutexWait, at, 5, c.owner, inf)
		w.want(c.what, c.st, sysFutexRequeue, at, 1, 5, there, 1, c.owner)
		w.want(c.what+", value differs", zx.ErrBadState, sysFutexRequeue, at, 1, 4, there, 1, c.owner)
	}
	w.want("times out", zx.ErrTimedOut, sysFutexWait, at, 5, 0, 1000)
	w.want("times out, with an owner", zx.ErrTimedOut, sysFutexWait, at, 5, oh, 1000)
	w.want("high half of the value ignored", zx.ErrTimedOut, sysFutexWait, at, 5|1<<40, 0, 1000)
	for _, st := range []zx.Status{zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry} {
		w.thr.stop <- st
		w.want("interrupted", st, sysFutexWait, at, 5, 0, inf)
	}
	other := w.newContext(w.proc, newThread("waker"))
	call := func(number uint64, args ...uint64) {
		w.thr.untilBlocked(zx.ThreadBlockedFutex)
		var a [8]uint64
		copy(a[:], args)
		if st := dispatch(other, number, &a); st != 0 {
			t.Errorf("%s = %d", Name(uint32(number)), st)
		}
	}
	go call(sysFutexWake, at, 1)
	w.want("woken", zx.OK, sysFutexWait, at, 5, 0, inf)
	go func() {
		call(sysFutexRequeue, at, 0, 5, there, 9, 0)
		call(sysFutexWake, at, 9)
		time.Sleep(time.Millisecond)
		call(sysFutexWake, there, 9)
	}()
	w.want("moved and woken", zx.OK, sysFutexWait, at, 5, 0, inf)

	// A waiter in memory that a pager backs waits for the page first.
	w.want("page of zeros", zx.ErrBadState, sysFutexWait, uint64(w.short), 5, 0, inf)
	w.want("page of zeros", zx.ErrTimedOut, sysFutexWait, uint64(w.short), 0, 0, 1)
}
