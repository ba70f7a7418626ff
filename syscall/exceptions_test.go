package syscall

import (
	"bytes"
	"encoding/binary"
	"testing"

	"faultline/object"
	"faultline/zx"
)

// selfThread is a handle of the world's own thread.
func (w *world) selfThread() uint64 {
	w.t.Helper()
	h, st := w.proc.handles.Add(w.thr, zx.RightsThread)
	if st != zx.OK {
		w.t.Fatal(st)
	}
	return uint64(h)
}

// add makes a handle of o.
func (w *world) add(o object.Object, rights zx.Rights) uint64 {
	w.t.Helper()
	h, st := w.proc.handles.Add(o, rights)
	if st != zx.OK {
		w.t.Fatal(st)
	}
	return uint64(h)
}

// other makes a thread of the world's process, and a handle of it.
func (w *world) other() (*thread, uint64) {
	t := newThread("other")
	t.owner = w.proc
	return t, w.add(t, zx.RightsThread)
}

const rightsChannelMaker = zx.RightInspect | zx.RightDuplicate | zx.RightTransfer | zx.RightManageThread

func TestTaskCreateExceptionChannel(t *testing.T) {
	w := newWorld(t, 300)
	out := w.alloc(4)
	thr, h := w.other()
	j := new(job)
	j.Base.Init(zx.ObjJob, 0)
	jh := w.add(j, rightsChannelMaker|zx.RightEnumerate)
	for _, bad := range w.bad(h) {
		w.want("bad", zx.ErrBadHandle, sysTaskCreateExceptionChannel, bad, 0, out)
	}
	w.want("type", zx.ErrWrongType, sysTaskCreateExceptionChannel, w.vmo(0), 7, out)
	for bit := zx.Rights(1); bit <= zx.RightManageThread; bit <<= 1 {
		if rightsChannelMaker&bit != 0 {
			w.want("rights", zx.ErrAccessDenied, sysTaskCreateExceptionChannel, w.with(h, zx.RightsThread&^bit), 7, out)
			w.want("rights", zx.ErrAccessDenied, sysTaskCreateExceptionChannel, w.with(uint64(w.self), zx.RightsProcess&^bit), 7, out)
		}
	}
	w.want("ENUMERATE", zx.ErrAccessDenied, sysTaskCreateExceptionChannel, w.with(uint64(w.self), zx.RightsProcess&^zx.RightEnumerate), 0, out)
	w.want("options", zx.ErrInvalidArgs, sysTaskCreateExceptionChannel, h, 2, out)
	for _, st := range []zx.Status{zx.ErrAlreadyBound, zx.ErrBadState} {
		thr.refuse = st
		w.want("refused", st, sysTaskCreateExceptionChannel, h, 0, out)
	}
	thr.refuse = zx.OK
	w.badOuts(4, 2, nil, sysTaskCreateExceptionChannel, h, 0, 0)
	if thr.channel.Signals()&zx.SignalPeerClosed == 0 {
		t.Error("a channel that could not be handed out is open")
	}
	for _, c := range []struct {
		name    string
		h       uint64
		task    *task
		options uint64
	}{{"thread", w.with(h, rightsChannelMaker), &thr.task, 0}, {"process", uint64(w.self), &w.proc.task, 1}, {"job", jh, &j.task, 0}} {
		w.want(c.name, zx.OK, sysTaskCreateExceptionChannel, c.h, c.options, out)
		got := uint64(w.peek32(out))
		if r := w.rights(got); r != zx.RightTransfer|zx.RightWait|zx.RightRead {
			t.Errorf("%s: rights %#x", c.name, r)
		}
		if c.task.rights != w.rights(c.h) || uint64(c.task.options) != c.options {
			t.Errorf("%s: asked with rights %#x options %d", c.name, c.task.rights, c.task.options)
		}
	}
}

func TestExceptions(t *testing.T) {
	w := newWorld(t, 300)
	thr, _ := w.other()
	x := &trouble{thread: thr, process: w.proc}
	x.Base.Init(zx.ObjException, 0)
	const rights = zx.RightTransfer | zx.RightGetProperty | zx.RightSetProperty | zx.RightInspect
	h := w.add(x, rights)
	out := w.alloc(8)
	for _, n := range []uint64{sysExceptionGetThread, sysExceptionGetProcess} {
		for _, bad := range w.bad(h) {
			w.want("bad", zx.ErrBadHandle, n, bad, out)
		}
		w.want("type", zx.ErrWrongType, n, w.vmo(0), out)
	}
	w.want("thread, no right needed", zx.OK, sysExceptionGetThread, w.with(h, 0), out)
	if k, related, _ := w.basic(uint64(w.peek32(out))); k != uint64(thr.Koid()) || related != uint64(w.proc.Koid()) || w.rights(uint64(w.peek32(out))) != zx.RightsThread {
		t.Errorf("thread: koid %d, process %d", k, related)
	}
	w.badOuts(4, 1, nil, sysExceptionGetThread, h, 0)
	w.want("process of a thread's channel", zx.ErrAccessDenied, sysExceptionGetProcess, h, out)
	x.processRights = zx.RightsProcess
	w.want("process", zx.OK, sysExceptionGetProcess, h, out)
	if k, _, _ := w.basic(uint64(w.peek32(out))); k != uint64(w.proc.Koid()) {
		t.Errorf("process: koid %d", k)
	}
	w.badOuts(4, 1, nil, sysExceptionGetProcess, h, 0)

	// ZX_PROP_EXCEPTION_STATE and STRATEGY
	value := func(n uint64) uint64 { w.poke(out, binary.LittleEndian.AppendUint64(nil, n)); return out }
	for n := range uint64(3) {
		w.want("state", zx.OK, sysObjectSetProperty, h, propExceptionState, value(n), 4)
		w.want("state", zx.OK, sysObjectGetProperty, h, propExceptionState, value(77), 8)
		if x.state != uint32(n) || w.peek32(out) != uint32(n) {
			t.Errorf("state %d, read %d, want %d", x.state, w.peek32(out), n)
		}
	}
	w.want("state", zx.ErrInvalidArgs, sysObjectSetProperty, h, propExceptionState, value(3), 4)
	w.want("strategy", zx.ErrBadState, sysObjectSetProperty, h, propExceptionStrategy, value(2), 4)
	x.debugger = true
	w.want("strategy", zx.ErrInvalidArgs, sysObjectSetProperty, h, propExceptionStrategy, value(2), 4)
	w.want("strategy", zx.OK, sysObjectSetProperty, h, propExceptionStrategy, value(1), 4)
	w.want("strategy", zx.OK, sysObjectGetProperty, h, propExceptionStrategy, value(77), 4)
	if !x.second || w.peek32(out) != 1 {
		t.Errorf("strategy %v, read %d", x.second, w.peek32(out))
	}

	// ZX_INFO_THREAD_EXCEPTION_REPORT
	self := w.selfThread()
	buf := w.alloc(40)
	topic := uint64(zx.InfoThreadExceptionReport)
	w.want("no exception", zx.ErrBadState, sysObjectGetInfo, self, topic, buf, 40, 0, 0)
	w.want("type", zx.ErrWrongType, sysObjectGetInfo, h, topic, buf, 40, 0, 0)
	w.want("right", zx.ErrAccessDenied, sysObjectGetInfo, w.with(self, zx.RightRead), topic, buf, 40, 0, 0)
	w.thr.report = &zx.ExceptionReport{Type: zx.ExcpFatalPageFault, Vector: 14, ErrorCode: 6, CR2: 0x8000001234, SynthCode: 0xffffffd6}
	w.want("small", zx.ErrBufferTooSmall, sysObjectGetInfo, self, topic, buf, 39, 0, 0)
	w.want("report", zx.OK, sysObjectGetInfo, self, topic, buf, 40, 0, 0)
	w.thr.report.Size = 40
	if got, want := w.peek(buf, 40), zx.Bytes(w.thr.report); !bytes.Equal(got, want) {
		t.Errorf("report %x, want %x", got, want)
	}
}

func TestProperties(t *testing.T) {
	w := newWorld(t, 300)
	v := w.vmo(2 * pageSize)
	self := w.selfThread()
	buf := w.alloc(64)
	le := binary.LittleEndian
	for _, n := range []uint64{sysObjectGetProperty, sysObjectSetProperty} {
		w.want("null before all", zx.ErrInvalidArgs, n, 0, 999, 0, 0)
		for _, bad := range w.bad(v) {
			w.want("bad", zx.ErrBadHandle, n, bad, propName, buf, 32)
		}
		w.want("right before the property", zx.ErrAccessDenied, n, w.with(v, zx.RightRead), 999, buf, 32)
		for _, p := range []uint64{0, 1, 5, 6, 7, 12, 13, 15, 19, 20, 1 << 31, 1<<32 - 1} {
			w.want("unknown", zx.ErrNotSupported, n, v, p, buf, 0)
		}
		for p, size := range map[uint64]uint64{propRegisterFS: 8, propRegisterGS: 8, propVMOContentSize: 8, propExceptionState: 4, propExceptionStrategy: 4} {
			w.want("size before type", zx.ErrBufferTooSmall, n, v, p, buf, size-1)
		}
		w.want("no registers", zx.ErrWrongType, n, v, propRegisterFS, buf, 8)
		w.want("no state", zx.ErrWrongType, n, v, propExceptionState, buf, 8)
		w.want("no content", zx.ErrWrongType, n, self, propVMOContentSize, buf, 8)
		_, o := w.other()
		w.want("another thread", zx.ErrAccessDenied, n, o, propRegisterGS, buf, 8)
		e := w.with(w.make(sysEventCreate, 0), zx.RightGetProperty|zx.RightSetProperty)
		w.want("events have no name", zx.ErrWrongType, n, e, propName, buf, 32)
	}
	w.want("short name buffer", zx.ErrBufferTooSmall, sysObjectGetProperty, v, propName, buf, 31)

	// Names.
	for name, h := range map[string]uint64{"VMO": v, "thread": self, "process": uint64(w.self)} {
		for _, c := range []struct {
			set  string
			size uint64
			get  string
		}{{"short", 5, "short"}, {"short\x00long", 10, "short"}, {"", 0, ""}, {"0123456789012345678901234567890123456789", 40, "0123456789012345678901234567890"}} {
			w.poke(buf, append([]byte(c.set), 0xaa))
			w.want(name, zx.OK, sysObjectSetProperty, h, propName, buf, c.size)
			w.want(name, zx.OK, sysObjectGetProperty, h, propName, buf, 32)
			want := make([]byte, 32)
			copy(want, c.get)
			if got := w.peek(buf, 32); !bytes.Equal(got, want) {
				t.Errorf("%s: name %q after %q", name, got, c.set)
			}
		}
		w.badIns(8, 2, sysObjectSetProperty, h, propName, 0, 8)
		w.badOuts(32, 2, nil, sysObjectGetProperty, h, propName, 0, 32)
	}
	w.poke(buf, []byte("a VMO"))
	w.want("name", zx.OK, sysObjectSetProperty, v, propName, buf, 5)
	info := w.alloc(128)
	w.want("info", zx.OK, sysObjectGetInfo, v, uint64(zx.InfoVMOv2), info, 128, 0, 0)
	if got := string(w.peek(info+8, 6)); got != "a VMO\x00" {
		t.Errorf("name in the info: %q", got)
	}

	// Registers.
	for _, p := range []uint64{propRegisterFS, propRegisterGS} {
		w.poke(buf, le.AppendUint64(nil, 0x8000_0000_0000_0000))
		w.want("not canonical", zx.ErrInvalidArgs, sysObjectSetProperty, self, p, buf, 8)
		w.poke(buf, le.AppendUint64(nil, 0x80_1234_5678+p))
		w.want("set", zx.OK, sysObjectSetProperty, self, p, buf, 8)
		w.want("get", zx.OK, sysObjectGetProperty, self, p, buf, 8)
		if got := w.peek64(buf); got != 0x80_1234_5678+p {
			t.Errorf("register %d: %#x", p, got)
		}
		w.badIns(8, 2, sysObjectSetProperty, self, p, 0, 8)
		w.badOuts(8, 2, nil, sysObjectGetProperty, self, p, 0, 8)
	}
	if w.thr.fs != 0x80_1234_5678+propRegisterFS || w.thr.gs != 0x80_1234_5678+propRegisterGS {
		t.Errorf("FS base %#x, GS base %#x", w.thr.fs, w.thr.gs)
	}

	// The stream size under its old name.
	w.poke(buf, le.AppendUint64(nil, 5000))
	w.want("set", zx.OK, sysObjectSetProperty, v, propVMOContentSize, buf, 8)
	w.want("get", zx.OK, sysObjectGetProperty, v, propVMOContentSize, buf, 8)
	if got := w.peek64(buf); got != 5000 {
		t.Errorf("content size %d", got)
	}
	w.poke(buf, le.AppendUint64(nil, 2*pageSize+1))
	w.want("no WRITE", zx.ErrAccessDenied, sysObjectSetProperty, w.with(v, ^zx.RightWrite), propVMOContentSize, buf, 8)
	w.want("beyond the VMO", zx.OK, sysObjectSetProperty, v, propVMOContentSize, buf, 8)
	w.poke(buf, make([]byte, 8))
	w.want("get", zx.OK, sysObjectGetProperty, v, propVMOContentSize, buf, 8)
	if got := w.peek64(buf); got != 2*pageSize+1 {
		t.Errorf("content size %d, want 8193", got)
	}
	w.want("stream size", zx.OK, sysVMOGetStreamSize, v, buf)
	if got := w.peek64(buf); got != 2*pageSize {
		t.Errorf("stream size %d, want all of the VMO", got)
	}
	w.want("set stream size", zx.OK, sysVMOSetStreamSize, v, 2*pageSize)
	w.want("get", zx.OK, sysObjectGetProperty, v, propVMOContentSize, buf, 8)
	if got := w.peek64(buf); got != 2*pageSize {
		t.Errorf("content size %d after set_stream_size", got)
	}
}

func TestThreadState(t *testing.T) {
	w := newWorld(t, 300)
	thr, h := w.other()
	buf := w.alloc(4096)
	for n, right := range map[uint64]zx.Rights{sysThreadReadState: zx.RightRead, sysThreadWriteState: zx.RightWrite} {
		for _, bad := range w.bad(h) {
			w.want("bad", zx.ErrBadHandle, n, bad, 0, buf, 160)
		}
		w.want("type", zx.ErrWrongType, n, w.vmo(0), 0, buf, 160)
		w.want("right", zx.ErrAccessDenied, n, w.with(h, zx.RightsThread&^right), 9, buf, 160)
		for _, kind := range []uint64{3, 6, 7, 0xffffffff} {
			w.want("unknown kind", zx.ErrInvalidArgs, n, h, kind, buf, 0)
		}
		for kind, size := range registerBytes {
			w.want("small", zx.ErrBufferTooSmall, n, h, uint64(kind), buf, uint64(size)-1)
			w.want("running", zx.ErrBadState, n, h, uint64(kind), buf, uint64(size))
		}
	}
	w.badIns(160, 2, sysThreadWriteState, h, 0, 0, 160) // before the state
	thr.regs = make([]byte, 160)
	for i := range thr.regs {
		thr.regs[i] = byte(i)
	}
	want := append([]byte(nil), thr.regs...)
	w.want("read", zx.OK, sysThreadReadState, h, 0, buf, 200)
	if got := w.peek(buf, 161); !bytes.Equal(got[:160], want) || got[160] != 0 {
		t.Errorf("read %x", got)
	}
	w.badOuts(160, 2, nil, sysThreadReadState, h, 0, 0, 160)
	w.poke(buf+8, []byte{0xaa, 0xbb})
	w.want("write", zx.OK, sysThreadWriteState, h, 0, buf, 160)
	want[8], want[9] = 0xaa, 0xbb
	if !bytes.Equal(thr.regs, want) {
		t.Errorf("wrote %x", thr.regs)
	}
}

func TestTaskKillSuspend(t *testing.T) {
	w := newWorld(t, 300)
	thr, h := w.other()
	out := w.alloc(4)
	child := w.newProcess()
	child.child = true
	ch := w.add(child, zx.RightsProcess)
	j := newJob()
	jh := w.add(j, zx.RightDestroy|zx.RightWrite)
	for _, bad := range w.bad(h) {
		w.want("bad", zx.ErrBadHandle, sysTaskKill, bad)
		w.want("bad", zx.ErrBadHandle, sysTaskSuspend, bad, out)
		w.want("bad", zx.ErrBadHandle, sysTaskSuspendToken, bad, out)
	}
	v := w.vmo(0)
	w.want("type", zx.ErrWrongType, sysTaskKill, v)
	w.want("right", zx.ErrAccessDenied, sysTaskKill, w.with(h, zx.RightsThread&^zx.RightDestroy))
	w.want("job", zx.OK, sysTaskKill, jh)
	w.want("thread", zx.OK, sysTaskKill, h)
	w.want("process", zx.OK, sysTaskKill, ch)
	if thr.kills != 1 || child.kills != 1 || j.kills != 1 {
		t.Errorf("kills: thread %d process %d job %d", thr.kills, child.kills, j.kills)
	}
	for _, n := range []uint64{sysTaskSuspend, sysTaskSuspendToken} {
		w.want("type", zx.ErrWrongType, n, v, out)
		w.want("type", zx.ErrWrongType, n, jh, out)
		w.want("right", zx.ErrAccessDenied, n, w.with(h, zx.RightsThread&^zx.RightWrite), out)
		w.want("oneself", zx.ErrNotSupported, n, w.selfThread(), out)
		w.want("one's process", zx.ErrNotSupported, n, uint64(w.self), out)
		thr.refuse = zx.ErrBadState
		w.want("refused", zx.ErrBadState, n, h, out)
		thr.refuse = zx.OK
		w.badOuts(4, 1, nil, n, h, 0)
		w.want("thread", zx.OK, n, h, out)
		if r := w.rights(uint64(w.peek32(out))); r != zx.RightTransfer|zx.RightInspect {
			t.Errorf("rights of the token: %#x", r)
		}
		w.want("process", zx.OK, n, ch, out)
	}
}
