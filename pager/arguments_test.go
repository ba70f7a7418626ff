package pager

import (
	"bytes"
	"cmp"
	"fmt"
	"testing"

	"faultline/vmo"
	"faultline/zx"
)

// faultyBuffer is a user buffer whose bytes are missing until resolved.
type faultyBuffer struct {
	data     []byte
	present  uint64
	step     uint64
	fail     zx.Status
	failFrom uint64 // position from which on fail is the answer
	resolved int
	between  func()
}

func (b *faultyBuffer) CopyOut(pos uint64, p []byte) int {
	n := min(uint64(len(p)), b.present-min(pos, b.present))
	return copy(b.data[pos:pos+n], p)
}

func (b *faultyBuffer) CopyIn(p []byte, pos uint64) int {
	n := min(uint64(len(p)), b.present-min(pos, b.present))
	return copy(p[:n], b.data[pos:])
}

func (b *faultyBuffer) Resolve(pos, n uint64, write bool) zx.Status {
	b.resolved++
	if b.fail != zx.OK && pos >= b.failFrom {
		return b.fail
	}
	b.present = min(pos+b.step, uint64(len(b.data)))
	if b.between != nil {
		b.between()
	}
	return zx.OK
}

func TestModified(t *testing.T) {
	list := both("W077 W079 user buffers", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(2, option|rsz)
		f.supply(0, 2)
		if option != 0 {
			f.dirty(0, 2)
		}
		bad := &faultyBuffer{data: make([]byte, 2*pg), fail: zx.ErrIO}
		if st := f.v.Write(bad, 0, 2*pg, &w.self.req); st != zx.ErrIO {
			w.t.Fatal(st)
		}
		f.modified(false)
		// The second page of the source fails: the first is not stored.
		half := &faultyBuffer{data: make([]byte, 2*pg), step: pg, fail: zx.ErrIO, failFrom: pg}
		if st := f.v.Write(half, 0, 2*pg, &w.self.req); st != zx.ErrIO {
			w.t.Fatal(st)
		}
		f.modified(false)
		f.content(0, tag(0), tag(1))
		f.ranges("{0,2}")
		good := &faultyBuffer{data: bytes.Repeat([]byte{5}, 2*pg), step: 1000}
		w.must(f.v.Write(good, 0, 2*pg, &w.self.req))
		f.modified(true)
		f.content(0, 5, 5)
		back := &faultyBuffer{data: make([]byte, 2*pg), step: 3000}
		w.must(f.v.Read(back, 0, 2*pg, &w.self.req))
		if !bytes.Equal(back.data, good.data) || back.resolved != 3 {
			w.t.Fatalf("read back wrong after %d resolutions", back.resolved)
		}
		// Shrunk while the buffer was resolved: the whole range is judged anew.
		cut := &faultyBuffer{data: make([]byte, 2*pg), step: 100, between: func() { f.resize(1) }}
		if st := f.v.Read(cut, 0, 2*pg, &w.self.req); st != zx.ErrOutOfRange {
			w.t.Fatal(st)
		}
		w.finish(f)
	})
	list = append(list, both("43 W070 to W075 what modifies", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(2, option|rsz)
		f.supply(0, 2)
		f.mark(0, 2)
		if option != 0 {
			f.dirty(0, 2)
		}
		f.modified(false)
		w.ended(f.load(0, tag(0)), zx.OK)
		w.ended(f.read(0, 2), zx.OK)
		w.ended(f.commit(0, 2), zx.OK)
		f.wb(0, 2)
		f.end(0, 2)
		f.modified(false)
		a := f.store(0, 1)
		td(f, 0, 1)
		w.ended(a, zx.OK)
		f.modified(true)
		f.modified(false)
		a = f.poke(1, 1)
		td(f, 1, 1)
		w.ended(a, zx.OK)
		f.modified(true)
		w.ended(f.write(0, 0, 1), zx.OK)
		f.modified(false)
		w.ended(f.zero(0, pg), zx.OK)
		f.modified(true)
		f.resize(0)
		f.modified(true)
		f.resize(2)
		f.modified(true)
		f.resize(2)
		f.modified(true)
		f.content(0, 0, 0)
		f.ranges("{0,2}z")
		if st := f.v.SetSize(^uint64(0), &w.self.req); st != zx.ErrOutOfRange {
			w.t.Fatal(st)
		}
		if _, st := w.pager.QueryVMOStats(f.v, 0, 4); st != zx.OK {
			w.t.Fatal(st)
		}
		f.modified(false)
		w.finish(f)
	})...)
	runAll(t, list)
}

func TestArguments(t *testing.T) {
	w := newWorld(t, 200, Config{})
	f, plain := w.create(1, trap), w.aux(0, 1, false)
	g := w.create(1, 0)
	other := New(w.sys)
	foreign, st := other.CreateVMO(w.store, 0, w.port, 9, pg)
	w.must(st)
	check := func(what string, got, want zx.Status) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	// 45
	for _, c := range []struct {
		options uint32
		size    uint64
		want    zx.Status
	}{
		{^uint32(0), pg, zx.ErrInvalidArgs},
		{rsz | zx.VMOUnbounded, ^uint64(0), zx.ErrInvalidArgs},
		{1 << 10, ^uint64(0), zx.ErrOutOfRange},
		{1 << 10, pg, zx.ErrInvalidArgs},
		{zx.VMODiscardable, pg, zx.ErrInvalidArgs},
		{zx.VMODiscardable, ^uint64(0), zx.ErrOutOfRange},
		{0, ^uint64(0), zx.ErrOutOfRange},
		{0, zx.VMOMaxSize + 1, zx.ErrOutOfRange},
	} {
		_, st := w.pager.CreateVMO(w.store, c.options, w.port, 1, c.size)
		check(fmt.Sprintf("create_vmo(%#x, %#x)", c.options, c.size), st, c.want)
	}
	big, st := w.pager.CreateVMO(w.store, 0, w.port, 1, zx.VMOMaxSize)
	w.must(st)
	big.Release()
	if _, ok := w.packet(); !ok {
		t.Error("no COMPLETE of the largest VMO")
	}
	check("detach of a plain VMO", w.pager.Detach(plain, nil), zx.ErrInvalidArgs)
	check("detach of a foreign VMO", w.pager.Detach(foreign, nil), zx.ErrInvalidArgs)
	// 46
	check("unaligned supply", w.pager.SupplyPages(foreign, 1, 0, plain, 0, &w.self.req), zx.ErrInvalidArgs)
	check("unaligned aux", w.pager.SupplyPages(f.v, 0, 0, plain, 8, &w.self.req), zx.ErrInvalidArgs)
	check("foreign VMO", w.pager.SupplyPages(foreign, 0, pg, plain, 0, &w.self.req), zx.ErrInvalidArgs)
	check("pager-owned aux", w.pager.SupplyPages(f.v, 0, pg, g.v, 0, &w.self.req), zx.ErrNotSupported)
	check("aux out of bounds", w.pager.SupplyPages(f.v, 0, pg, plain, pg, &w.self.req), zx.ErrOutOfRange)
	check("aux wraps", w.pager.SupplyPages(f.v, 0, 2*pg, plain, ^uint64(0)&^zx.PageMask, &w.self.req), zx.ErrOutOfRange)
	var b [1]byte
	w.must(plain.ReadBytes(b[:], 0, &w.self.req))
	check("aux untouched", zx.Status(b[0]), zx.Status(tag(0)))
	check("zero length out of bounds", w.pager.SupplyPages(f.v, 8*pg, 0, plain, 8*pg, &w.self.req), zx.OK)
	check("destination out of bounds", w.pager.SupplyPages(f.v, pg, pg, plain, 0, &w.self.req), zx.ErrOutOfRange)
	w.must(plain.ReadBytes(b[:], 0, &w.self.req))
	check("aux emptied all the same", zx.Status(b[0]), 0)
	// op_range
	code := func(st zx.Status) uint64 { return uint64(int64(st)) }
	op := func(op zx.PagerOp, v *vmo.VMO, off, n, data uint64) zx.Status {
		return w.pager.OpRange(op, v, off, n, data, nil)
	}
	for o := zx.PagerOpFail; o <= zx.PagerOpWritebackEnd; o++ {
		check("unaligned offset", op(o, foreign, 1, 0, 0), zx.ErrInvalidArgs)
		check("unaligned length", op(o, f.v, 0, 1, 0), zx.ErrInvalidArgs)
		check("plain", op(o, plain, 0, 0, 0), zx.ErrInvalidArgs)
		check("foreign", op(o, foreign, 0, 0, 0), zx.ErrInvalidArgs)
		data := uint64(0)
		if o == zx.PagerOpFail {
			data = code(zx.ErrBadState)
		}
		check("out of range", op(o, f.v, pg, pg, data), zx.ErrOutOfRange)
		check("wraps", op(o, f.v, pg, ^uint64(0)&^zx.PageMask, data), zx.ErrOutOfRange)
		if o != zx.PagerOpFail {
			check("data", op(o, f.v, 0, 0, 100), zx.ErrInvalidArgs)
		}
	}
	check("op 0", op(0, f.v, 0, 0, 77), zx.ErrNotSupported)
	check("op 5", op(5, f.v, 0, 0, 77), zx.ErrNotSupported)
	for _, data := range []uint64{0, 0x11ffffffff, code(zx.ErrInternal), 100, code(zx.ErrNoMemory), uint64(uint32(code(zx.ErrIO)))} {
		check("FAIL data", op(zx.PagerOpFail, f.v, 0, 0, data), zx.ErrInvalidArgs)
	}
	check("DIRTY without TRAP_DIRTY", op(zx.PagerOpDirty, g.v, 0, 0, 0), zx.ErrNotSupported)
	check("DIRTY of an absent page", op(zx.PagerOpDirty, f.v, 0, pg, 0), zx.ErrNotFound)
	check("DIRTY of nothing", op(zx.PagerOpDirty, f.v, pg, 0, 0), zx.OK)
	check("IS_ZERO", op(zx.PagerOpWritebackBegin, f.v, 0, 0, 1), zx.OK)
	// queries
	query := func(v *vmo.VMO, off, n uint64, room int, all bool) (uint64, uint64, zx.Status) {
		return w.pager.QueryDirtyRanges(v, off, n, &SliceSink{Ranges: make([]zx.DirtyRange, 0, room), Room: cmp.Or(int(room), -1)}, all, nil)
	}
	for _, v := range []*vmo.VMO{plain, foreign} {
		_, _, st := query(v, 0, pg, 1, true)
		check("query of what is not ours", st, zx.ErrInvalidArgs)
		_, st = w.pager.QueryVMOStats(v, 100, 0)
		check("stats of what is not ours", st, zx.ErrInvalidArgs)
	}
	_, _, st = query(f.v, pg, pg, 1, true)
	check("query out of range", st, zx.ErrOutOfRange)
	_, st = w.pager.QueryVMOStats(f.v, 100, 3)
	check("small stats buffer", st, zx.ErrBufferTooSmall)
	_, st = w.pager.QueryVMOStats(f.v, 100, 4)
	check("stats options", st, zx.ErrInvalidArgs)
	// W107
	h := w.create(3, 0)
	h.mark(0, 1)
	h.mark(2, 1)
	w.ended(h.poke(0, 42), zx.OK)
	w.ended(h.poke(2, 42), zx.OK)
	for _, c := range []struct {
		off, n        uint64
		room          int
		all           bool
		actual, avail uint64
	}{
		{0, pg, 0, false, 0, 0}, {0, 3 * pg, 1, false, 1, 1}, {0, 3 * pg, 1, true, 1, 2}, {0, 3 * pg, 2, false, 2, 2},
		{0, 3 * pg, 0, true, 0, 2}, {2*pg + 5, 0, 4, true, 1, 1}, {2 * pg, 0, 4, true, 0, 0}, {pg, pg, 4, true, 0, 0}, {pg - 1, pg + 2, 4, true, 2, 2},
	} {
		actual, avail, st := query(h.v, c.off, c.n, c.room, c.all)
		if actual != c.actual || avail != c.avail || st != zx.OK {
			t.Errorf("query %+v: %d of %d, %v", c, actual, avail, st)
		}
	}
	// 47
	check("resize of a fixed VMO", f.v.SetSize(2*pg, &w.self.req), zx.ErrUnavailable)
	check("decommit of a paged VMO", f.v.Decommit(1, 5, nil), zx.ErrNotSupported)
	check("decommit out of range", f.v.Decommit(0, 2*pg, nil), zx.ErrOutOfRange)
	check("decommit of nothing", f.v.Decommit(pg, 0, nil), zx.OK)
	check("unaligned decommit", plain.Decommit(0, 5, nil), zx.ErrInvalidArgs)
	check("decommit", plain.Decommit(0, pg, nil), zx.OK)
	check("anonymous TRAP_DIRTY", func() zx.Status { _, st := w.store.New(pg, trap); return st }(), zx.ErrInvalidArgs)
	check("read past the end", f.v.ReadBytes(make([]byte, 2), pg-1, &w.self.req), zx.ErrOutOfRange)
	check("read that wraps", f.v.ReadBytes(make([]byte, 2), ^uint64(0), &w.self.req), zx.ErrOutOfRange)
	check("read of nothing at the end", f.v.ReadBytes(nil, pg, &w.self.req), zx.OK)
	plain.Release()
	foreign.Release()
	w.finish(f, g, h)
}
