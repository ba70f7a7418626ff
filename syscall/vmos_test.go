package syscall

import (
	"bytes"
	"testing"

	"faultline/zx"
)

func TestVMOCreate(t *testing.T) {
	w := newWorld(t, 200)
	out, size := w.alloc(4), w.alloc(8)
	for _, c := range []struct {
		what    string
		size    uint64
		options uint64
		want    zx.Status
	}{
		{"resizable and unbounded", ^uint64(0), 2 | 16, zx.ErrInvalidArgs},
		{"all options", 0, 0xffffffff, zx.ErrInvalidArgs},
		{"wraps", ^uint64(0), 0, zx.ErrOutOfRange},
		{"wraps, unknown option", ^uint64(0) - 4094, 1, zx.ErrOutOfRange},
		{"trap dirty", 0, 8, zx.ErrInvalidArgs},
		{"unknown option", 0, 32, zx.ErrInvalidArgs},
		{"unknown option, too large", zx.VMOMaxSize + 1, 1, zx.ErrInvalidArgs},
		{"too large", zx.VMOMaxSize + 1, 0, zx.ErrOutOfRange},
		{"largest", zx.VMOMaxSize, 0, zx.OK},
		{"empty", 0, 0, zx.OK},
		{"one byte", 1, 2, zx.OK},
		{"unbounded", 1, 16, zx.OK},
		{"high half of options ignored", 1, 1 << 32, zx.OK},
	} {
		w.want(c.what, c.want, sysVMOCreate, c.size, c.options, out)
		if c.want != zx.OK {
			continue
		}
		h := uint64(w.peek32(out))
		have := w.rights(h)
		want := zx.RightsVMO
		if c.options&2 != 0 {
			want |= zx.RightResize
		}
		if have != want {
			t.Errorf("%s: rights %#x, want %#x", c.what, have, want)
		}
		w.want(c.what, zx.OK, sysVMOGetSize, h, size)
		rounded, _ := zx.RoundUp(c.size)
		if c.options&16 != 0 {
			rounded = zx.VMOMaxSize
		}
		if w.peek64(size) != rounded {
			t.Errorf("%s: size %#x", c.what, w.peek64(size))
		}
		w.want(c.what, zx.OK, sysVMOGetStreamSize, h, size)
		if w.peek64(size) != c.size {
			t.Errorf("%s: stream size %#x", c.what, w.peek64(size))
		}
	}
	w.badOuts(4, 2, nil, sysVMOCreate, pageSize, 0, 0)
	h := w.vmo(pageSize)
	w.badOuts(8, 1, nil, sysVMOGetSize, h, 0)
	w.badOuts(8, 1, nil, sysVMOGetStreamSize, h, 0)
	for _, bad := range w.bad(h) {
		w.want("bad", zx.ErrBadHandle, sysVMOGetSize, bad, size)
		w.want("bad", zx.ErrBadHandle, sysVMOGetStreamSize, bad, size)
		w.want("bad", zx.ErrBadHandle, sysVMOSetSize, bad, 0)
		w.want("bad", zx.ErrBadHandle, sysVMOSetStreamSize, bad, 0)
		w.want("bad", zx.ErrBadHandle, sysVMORead, bad, uint64(w.ram), 0, 1)
		w.want("bad", zx.ErrBadHandle, sysVMOWrite, bad, uint64(w.ram), 0, 1)
		w.want("bad", zx.ErrBadHandle, sysVMOOpRange, bad, 999, 0, 1, 0, 0)
	}
	port := w.make(sysPortCreate, 0)
	for _, n := range []uint64{sysVMOGetSize, sysVMOGetStreamSize, sysVMOSetSize, sysVMOSetStreamSize, sysVMORead, sysVMOWrite, sysVMOOpRange} {
		w.want("type", zx.ErrWrongType, n, port, 0, 0, 0, 0, 0)
	}
}

func TestVMOReadWrite(t *testing.T) {
	w := newWorld(t, 300)
	const size = 5 * pageSize
	h := w.vmo(size)
	w.want("no READ", zx.ErrAccessDenied, sysVMORead, w.with(h, zx.RightWrite), uint64(w.ram), 0, 1)
	w.want("no WRITE", zx.ErrAccessDenied, sysVMOWrite, w.with(h, zx.RightRead), uint64(w.ram), 0, 1)
	for _, n := range []uint64{sysVMORead, sysVMOWrite} {
		for _, c := range []struct {
			what     string
			off, len uint64
			want     zx.Status
		}{
			{"wraps", ^uint64(0), 2, zx.ErrOutOfRange},
			{"wraps", 1, ^uint64(0), zx.ErrOutOfRange},
			{"past the end", size, 1, zx.ErrOutOfRange},
			{"one too many", size - 1, 2, zx.ErrOutOfRange},
			{"nothing past the end", size + 1, 0, zx.ErrOutOfRange},
			{"nothing at the end", size, 0, zx.OK},
			{"nothing", 0, 0, zx.OK},
			{"huge", 1 << 63, 1 << 63, zx.ErrOutOfRange},
		} {
			w.want(c.what, c.want, n, h, 0, c.off, c.len)
		}
	}
	// Faults of the buffer keep their own status.
	for _, c := range []struct {
		what        string
		ptr         uint64
		read, write zx.Status
	}{
		{"null", 0, zx.ErrNotFound, zx.ErrNotFound},
		{"hole", uint64(w.ram) + ramPages*pageSize, zx.ErrNotFound, zx.ErrNotFound},
		{"runs into a hole", uint64(w.ram) + ramPages*pageSize - 8, zx.ErrNotFound, zx.ErrNotFound},
		{"read only", uint64(w.ro), zx.ErrAccessDenied, zx.OK},
		{"past the VMO's end", uint64(w.short) + pageSize - 8, zx.ErrOutOfRange, zx.ErrOutOfRange},
		{"kernel", 0x200000, zx.ErrNotFound, zx.ErrNotFound},
		{"not canonical", 0x8000_0000_0000, zx.ErrNotFound, zx.ErrNotFound},
		{"top", ^uint64(0) - 7, zx.ErrNotFound, zx.ErrNotFound},
	} {
		w.want("read "+c.what, c.read, sysVMORead, h, c.ptr, 0, 16)
		w.want("write "+c.what, c.write, sysVMOWrite, h, c.ptr, 0, 16)
	}
	// Contents, across pages at odd places.
	src, dst := w.alloc(3*pageSize), w.alloc(3*pageSize)
	data := make([]byte, 3*pageSize-77)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	w.poke(src, data)
	for _, off := range []uint64{0, 1, 4095, 4096, size - uint64(len(data))} {
		w.want("write", zx.OK, sysVMOWrite, h, src, off, uint64(len(data)))
		w.poke(dst, make([]byte, len(data)+5))
		w.want("read", zx.OK, sysVMORead, h, dst+3, off, uint64(len(data)))
		got := w.peek(dst, len(data)+5)
		if !bytes.Equal(got[3:3+len(data)], data) || got[2] != 0 || got[3+len(data)] != 0 {
			t.Errorf("at %#x: other bytes came back", off)
		}
	}
	// The mapping's own VMO as source and destination of itself.
	ramH, st := w.proc.handles.Add(w.ramObject(), zx.RightsVMO)
	if st != zx.OK {
		t.Fatal(st)
	}
	w.want("onto itself", zx.OK, sysVMORead, uint64(ramH), src, src-uint64(w.ram), 2*pageSize)
	if !bytes.Equal(w.peek(src, 2*pageSize), data[:2*pageSize]) {
		t.Error("reading onto itself changed it")
	}
	w.want("shifted", zx.OK, sysVMOWrite, uint64(ramH), src, src-uint64(w.ram)+pageSize, pageSize)
	if !bytes.Equal(w.peek(src+pageSize, pageSize), data[:pageSize]) {
		t.Error("a write from a mapping of the same VMO")
	}
}

func TestVMOSizes(t *testing.T) {
	w := newWorld(t, 200)
	fixed := w.vmo(2 * pageSize)
	loose := w.make(sysVMOCreate, 2*pageSize, 2)
	weak := w.with(loose, zx.RightWrite)
	read := w.with(loose, zx.RightRead|zx.RightResize)
	size := w.alloc(8)

	w.want("right", zx.ErrAccessDenied, sysVMOSetSize, read, 0)
	w.want("RESIZE wins over the wrap", zx.ErrAccessDenied, sysVMOSetSize, weak, ^uint64(0))
	w.want("wraps", zx.ErrOutOfRange, sysVMOSetSize, loose, ^uint64(0))
	w.want("wraps, not resizable", zx.ErrOutOfRange, sysVMOSetSize, fixed, ^uint64(0))
	w.want("not resizable", zx.ErrUnavailable, sysVMOSetSize, fixed, pageSize)
	w.want("not resizable, too large", zx.ErrUnavailable, sysVMOSetSize, fixed, zx.VMOMaxSize+1)
	w.want("too large", zx.ErrOutOfRange, sysVMOSetSize, loose, zx.VMOMaxSize+1)
	w.want("grow", zx.OK, sysVMOSetSize, loose, 5*pageSize+1)
	w.want("size", zx.OK, sysVMOGetSize, loose, size)
	if w.peek64(size) != 6*pageSize {
		t.Errorf("size %#x", w.peek64(size))
	}
	w.want("stream right", zx.ErrAccessDenied, sysVMOSetStreamSize, read, 0)
	w.want("stream past the end", zx.ErrOutOfRange, sysVMOSetStreamSize, loose, 6*pageSize+1)
	w.want("stream same", zx.OK, sysVMOSetStreamSize, loose, 5*pageSize+1)
	w.want("stream", zx.OK, sysVMOSetStreamSize, loose, 17)
	w.want("stream", zx.OK, sysVMOGetStreamSize, loose, size)
	if w.peek64(size) != 17 {
		t.Errorf("stream size %#x", w.peek64(size))
	}
}

// TestVMOLocks goes through the life of a discardable VMO, which is also an aux.
func TestVMOLocks(t *testing.T) {
	w := newWorld(t, 200)
	const size = 2 * pageSize
	v := w.make(sysVMOCreate, size, uint64(zx.VMODiscardable))
	reader, writer, none := w.with(v, zx.RightRead), w.with(v, zx.RightWrite), w.with(v, zx.RightWait)
	buf := w.alloc(pageSize)
	op := func(what string, want zx.Status, h uint64, op uint32, off, n, buffer, room uint64) {
		t.Helper()
		w.want(what, want, sysVMOOpRange, h, uint64(op), off, n, buffer, room)
	}
	state := func(what string, want [4]uint64) {
		t.Helper()
		for i, x := range want {
			if got := w.peek64(buf + 8*uint64(i)); got != x {
				t.Errorf("%s: word %d is %#x, want %#x", what, i, got, x)
			}
		}
	}
	for _, o := range []uint32{zx.VMOOpLock, zx.VMOOpTryLock, zx.VMOOpUnlock} {
		op("right", zx.ErrAccessDenied, none, o, 0, size, buf, 32)
		op("part", zx.ErrOutOfRange, v, o, 0, pageSize, buf, 32)
		op("offset", zx.ErrOutOfRange, v, o, pageSize, size, buf, 32)
	}
	op("not locked", zx.ErrBadState, reader, zx.VMOOpUnlock, 0, size, 0, 0)
	op("short buffer", zx.ErrInvalidArgs, v, zx.VMOOpLock, 0, size, buf, 31)
	op("bad buffer", zx.ErrInvalidArgs, v, zx.VMOOpLock, 0, size, 0xbad, 32)
	op("both undone", zx.ErrBadState, v, zx.VMOOpUnlock, 0, size, 0, 0)
	w.poke(buf, []byte{9})
	w.want("write", zx.OK, sysVMOWrite, v, buf, 0, 1)
	op("lock", zx.OK, reader, zx.VMOOpLock, 0, size, buf, 32)
	state("lock", [4]uint64{0, size, 0, 0})
	op("again", zx.OK, writer, zx.VMOOpTryLock, 0, size, 0, 0)
	w.store.Evict(1, nil)
	w.want("kept", zx.OK, sysVMORead, v, buf, 0, 1)
	if got := w.peek(buf, 1)[0]; got != 9 {
		t.Errorf("%d, want 9", got)
	}
	op("unlock", zx.OK, writer, zx.VMOOpUnlock, 0, size, 0, 0)
	op("unlock", zx.OK, reader, zx.VMOOpUnlock, 0, size, 0, 0)
	if n := w.store.Evict(1, nil); n != 1 {
		t.Errorf("freed %d, want 1", n)
	}
	w.want("gone", zx.ErrNotFound, sysVMORead, v, buf, 0, 1)
	op("try", zx.ErrUnavailable, v, zx.VMOOpTryLock, 0, size, 0, 0)
	op("lock", zx.OK, v, zx.VMOOpLock, 0, size, buf, pageSize)
	state("lock", [4]uint64{0, size, 0, size})
	w.want("zeros", zx.OK, sysVMORead, v, buf, 0, 1)
	if got := w.peek(buf, 1)[0]; got != 0 {
		t.Errorf("%d, want 0", got)
	}
}

func TestVMOOpRange(t *testing.T) {
	w := newWorld(t, 200)
	const size = 4 * pageSize
	v := w.vmo(size)
	reader, writer, none := w.with(v, zx.RightRead), w.with(v, zx.RightWrite), w.with(v, zx.RightWait)
	op := func(what string, want zx.Status, h uint64, op uint32, off, n uint64) {
		t.Helper()
		w.want(what, want, sysVMOOpRange, h, uint64(op), off, n, 0xbad, ^uint64(0))
	}
	for _, unknown := range []uint32{0, 5, 15, 1 << 31} {
		op("unknown", zx.ErrInvalidArgs, none, unknown, ^uint64(0), 2)
	}
	for _, o := range []uint32{zx.VMOOpCommit, zx.VMOOpDecommit, zx.VMOOpZero} {
		op("needs WRITE", zx.ErrAccessDenied, reader, o, ^uint64(0), 2)
	}
	for _, o := range []uint32{zx.VMOOpPrefetch, zx.VMOOpCacheSync, zx.VMOOpCacheClean, zx.VMOOpCacheCleanInvalidate} {
		op("needs READ", zx.ErrAccessDenied, writer, o, ^uint64(0), 2)
	}
	for _, o := range []uint32{zx.VMOOpLock, zx.VMOOpTryLock, zx.VMOOpUnlock} {
		op("needs either", zx.ErrAccessDenied, none, o, 0, 0)
		op("not discardable", zx.ErrNotSupported, reader, o, 0, size)
		op("not discardable", zx.ErrNotSupported, writer, o, 0, size)
	}
	for _, o := range []uint32{zx.VMOOpCommit, zx.VMOOpDecommit, zx.VMOOpZero, zx.VMOOpPrefetch} {
		op("wraps", zx.ErrOutOfRange, v, o, ^uint64(0), 2)
		op("wraps", zx.ErrOutOfRange, v, o, pageSize, ^uint64(0))
		op("leaves", zx.ErrOutOfRange, v, o, size, 1)
		op("one page too many", zx.ErrOutOfRange, v, o, pageSize, size)
		op("empty", zx.OK, v, o, 0, 0)
		op("empty at the end", zx.OK, v, o, size, 0)
		op("all", zx.OK, v, o, 0, size)
	}
	for _, o := range []uint32{zx.VMOOpCacheSync, zx.VMOOpCacheClean, zx.VMOOpCacheCleanInvalidate} {
		op("empty", zx.ErrInvalidArgs, reader, o, 0, 0)
		op("leaves", zx.ErrOutOfRange, reader, o, 1, size)
		op("good", zx.OK, reader, o, 1, size-1)
	}
	op("invalidate", zx.ErrNotSupported, none, zx.VMOOpCacheInvalidate, 0, 1)
	for _, o := range []uint32{zx.VMOOpAlwaysNeed, zx.VMOOpDontNeed} {
		op("hint", zx.OK, none, o, ^uint64(0), 2)
	}
	op("decommit unaligned", zx.ErrInvalidArgs, v, zx.VMOOpDecommit, 1, pageSize)

	buf := w.alloc(128)
	committed := func() uint64 {
		w.want("info", zx.OK, sysObjectGetInfo, v, uint64(zx.InfoVMOv2), buf, 128, 0, 0)
		return w.peek64(buf + 88)
	}
	op("commit", zx.OK, writer, zx.VMOOpCommit, 1, pageSize) // rounds outward
	if n := committed(); n != 2*pageSize {
		t.Errorf("committed %#x", n)
	}
	op("decommit", zx.OK, writer, zx.VMOOpDecommit, 0, size)
	if n := committed(); n != 0 {
		t.Errorf("committed %#x", n)
	}
}

func TestVMOReplaceAsExecutable(t *testing.T) {
	w := newWorld(t, 300)
	v, e := w.vmo(pageSize), w.make(sysEventCreate, 0)
	out := w.alloc(4)
	for _, bad := range w.bad(v) {
		w.want("bad", zx.ErrBadHandle, sysVMOReplaceAsExecutable, bad, 0, out)
		if bad != 0 {
			w.want("bad vmex", zx.ErrBadHandle, sysVMOReplaceAsExecutable, v, bad, out)
		}
	}
	w.want("type", zx.ErrWrongType, sysVMOReplaceAsExecutable, e, 0, out)
	w.want("no resource", zx.ErrWrongType, sysVMOReplaceAsExecutable, v, e, out)
	w.want("replace", zx.OK, sysVMOReplaceAsExecutable, v, 0, out)
	w.want("closed", zx.ErrBadHandle, sysVMOGetSize, v, w.alloc(8))
	if r := w.rights(uint64(w.peek32(out))); r != zx.RightsVMO|zx.RightExecute {
		t.Errorf("rights %#x", r)
	}
	for name, ptr := range w.unwritable(4) {
		h := w.vmo(0)
		before := w.proc.handles.Count()
		w.want(name, zx.ErrInvalidArgs, sysVMOReplaceAsExecutable, h, 0, ptr)
		if w.proc.handles.Count() != before-1 {
			t.Errorf("%s: a handle stays", name)
		}
	}
}
