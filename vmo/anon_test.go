package vmo

import (
	"bytes"
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// TestAnonymous pins what an anonymous VMO does: absent is zero, nothing is
// asked, nothing is dirty.
func TestAnonymous(t *testing.T) {
	mem := mmu.NewSimulated(64)
	s := NewStore(mem)
	v, st := s.New(10*pg+1, zx.VMOResizable)
	if st != zx.OK || v.Size() != 11*pg || v.StreamSize() != 10*pg+1 {
		t.Fatalf("%v: size %#x stream %#x", st, v.Size(), v.StreamSize())
	}
	var req PageRequest
	ok := func(st zx.Status) {
		t.Helper()
		if st != zx.OK {
			t.Fatal(st)
		}
	}
	read := func(off, n uint64) []byte {
		t.Helper()
		b := make([]byte, n)
		ok(v.ReadBytes(b, off, &req))
		return b
	}
	pages := func(want uint64) {
		t.Helper()
		if got := v.Info().Committed.Bytes / pg; got != want {
			t.Fatalf("%d pages, want %d", got, want)
		}
	}
	if !bytes.Equal(read(0, 11*pg), make([]byte, 11*pg)) {
		t.Fatal("fresh VMO is not zero")
	}
	pages(0)
	ok(v.WriteBytes([]byte("across"), 3*pg-3, &req))
	pages(2)
	if got := read(3*pg-3, 6); string(got) != "across" {
		t.Fatalf("read %q", got)
	}
	ok(v.Zero(3*pg-1, 3, &req)) // partial on both sides
	if got := read(3*pg-3, 6); string(got) != "ac\x00\x00\x00s" {
		t.Fatalf("after zero: %q", got)
	}
	ok(v.Zero(5*pg+7, pg, &req)) // what is absent stays absent
	pages(2)
	ok(v.Commit(0, 4*pg, &req))
	pages(4)
	ok(v.Zero(0, 2*pg, &req))
	pages(2)
	ok(v.Decommit(2*pg, pg, nil))
	pages(1)
	ok(v.SetSize(3*pg+5, &req))
	ok(v.SetSize(9*pg, &req))
	if got := read(3*pg, 8); string(got) != "\x00\x00s\x00\x00\x00\x00\x00" {
		t.Fatalf("after the cut: %q", got)
	}
	ok(v.SetStreamSize(pg, &req))
	pages(0)
	ok(v.SetStreamSize(2*pg, &req))
	if v.Info().Intervals != 0 {
		t.Fatal("an anonymous VMO has zero intervals")
	}
	v.Lock()
	fault := func(write bool) Page {
		p, st := v.RequirePage(nil, 4*pg, write, nil)
		ok(st)
		return p
	}
	p := fault(false)
	if p.Frame != mem.ZeroPage() || p.Writable {
		t.Fatalf("read fault gave %+v", p)
	}
	p = fault(true)
	if p.Frame == mem.ZeroPage() || !p.Writable {
		t.Fatalf("write fault gave %+v", p)
	}
	f := p.Frame
	p = fault(false)
	if p.Frame != f || !p.Writable {
		t.Fatalf("read fault on a page gave %+v", p)
	}
	if _, st := v.RequirePage(nil, 9*pg, false, nil); st != zx.ErrOutOfRange {
		t.Fatal(st)
	}
	v.Unlock()
	ok(v.Prefetch(0, 9*pg, &req))
	for _, c := range []struct {
		options uint32
		size    uint64
		want    zx.Status
	}{
		{zx.VMOChildSnapshot, ^uint64(0), zx.ErrOutOfRange},
		{zx.VMOChildSlice | zx.VMOChildNoWrite | zx.VMOChildResizable, pg, zx.ErrInvalidArgs},
		{zx.VMOChildResizable, pg, zx.ErrInvalidArgs},
		{zx.VMOChildSlice | zx.VMOChildResizable, pg, zx.ErrInvalidArgs},
		{zx.VMOChildSlice | zx.VMOChildSnapshot, pg, zx.ErrInvalidArgs},
	} {
		if _, st := v.CreateChild(c.options, 0, c.size); st != c.want {
			t.Errorf("child %#x of %#x: %v, want %v", c.options, c.size, st, c.want)
		}
	}
	v.Release()
	if left := mem.Outstanding(); len(left) != 0 {
		t.Fatalf("%d frames leaked", len(left))
	}
}

// TestSparseCost pins that size costs nothing: making, resizing, zeroing,
// querying and dropping 1 TiB takes no frame and no time to speak of.
func TestSparseCost(t *testing.T) {
	b := newBench(t, 1<<28, true)
	b.ok(b.v.SetSize(1<<40-pg, &b.req))
	b.ok(b.v.SetSize(1<<40, &b.req))
	b.ok(b.v.Zero(0, 1<<39, &b.req))
	b.ok(b.v.WritebackBegin(0, 1<<40, false, nil))
	b.ok(b.v.WritebackEnd(0, 1<<40, nil))
	b.ok(b.supply(1<<27+5, 1, false))
	b.ok(b.v.DontNeed(0, 1<<40, nil))
	b.ok(b.v.SetStreamSize(1<<30, &b.req))
	b.ok(b.v.SetStreamSize(1<<40, &b.req))
	b.v.Detach(nil)
	if got := b.v.Info(); got.Committed.Bytes != 0 || got.Intervals > 3 {
		t.Fatalf("%+v", got)
	}
	b.close()
}

// halfSink is a query's buffer that faults before each entry.
type halfSink struct {
	got   []zx.DirtyRange
	ready bool
	hook  func()
}

func (k *halfSink) Emit(r zx.DirtyRange) zx.Status {
	if !k.ready {
		return zx.ErrShouldWait
	}
	k.ready = false
	k.got = append(k.got, r)
	return zx.OK
}

func (k *halfSink) Resolve() zx.Status {
	k.ready = true
	k.hook()
	return zx.OK
}

// TestQueryResumes pins that a query whose buffer faults goes on at the range
// that could not be copied, as that then is.
func TestQueryResumes(t *testing.T) {
	b := newBench(t, 8, false)
	b.ok(b.supply(0, 8, false))
	for _, p := range []uint64{0, 2, 4} {
		b.ok(b.touch(p, true))
	}
	n := 0
	k := &halfSink{hook: func() {
		if n++; n == 2 {
			b.ok(b.touch(3, true))
		}
	}}
	actual, avail, st := b.v.EnumerateDirty(0, 8*pg, k, true, nil)
	want := []zx.DirtyRange{{Length: pg}, {Offset: 2 * pg, Length: 3 * pg}}
	if st != zx.OK || actual != 2 || avail != 2 || len(k.got) != 2 || k.got[0] != want[0] || k.got[1] != want[1] {
		t.Fatalf("%v: %d of %d: %+v", st, actual, avail, k.got)
	}
	b.close()
}
