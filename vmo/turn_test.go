package vmo

import (
	"testing"

	"faultline/account"
	"faultline/mmu"
	"faultline/zx"
)

// watcher counts how often it is asked to yield, and may stop the operation.
type watcher struct {
	scriptPager
	looks int
	stop  zx.Status
}

func (w *watcher) Yield() zx.Status {
	w.looks++
	return w.stop
}

// nullSink takes every range.
type nullSink struct{ n int }

func (s *nullSink) Emit(zx.DirtyRange) zx.Status { s.n++; return zx.OK }
func (s *nullSink) Resolve() zx.Status           { return zx.OK }

// TestLongOperationsYield has each operation work on 4,096 pages: it looks at the
// world several times, no lock held, and ends when it is told to.
func TestLongOperationsYield(t *testing.T) {
	const pages = 4096
	st := NewStore(mmu.NewSimulated(3*pages + 100))
	src := &scriptPager{}
	src.Init(src, false, &RequestStats{})
	w := &watcher{}
	var req PageRequest
	req.Init(w)
	must := func(s zx.Status) {
		t.Helper()
		if s != zx.OK {
			t.Fatal(s)
		}
	}
	v, s := st.NewPaged(pages*pg, 0, &src.PageSource)
	must(s)
	a, s := st.New(pages*pg, 0)
	must(s)
	other := &scriptPager{}
	other.Init(other, false, &RequestStats{})
	full, s := st.NewPaged(pages*pg, 0, &other.PageSource)
	must(s)
	must(full.SupplyPages(0, &PageRun{Length: pages * pg}))
	buf := make([]byte, pages*pg)
	var run PageRun
	for _, c := range []struct {
		name string
		do   func() zx.Status
	}{
		{"write", func() zx.Status { return a.WriteBytes(buf, 0, &req) }},
		{"read", func() zx.Status { return a.ReadBytes(buf, 0, &req) }},
		{"commit", func() zx.Status { return a.Commit(0, pages*pg, &req) }},
		{"take", func() zx.Status { return a.TakePages(0, pages*pg, &run, &req) }},
		{"supply", func() zx.Status { run.Yielder = w; return v.SupplyPages(0, &run) }},
		{"dirty", func() zx.Status { return v.WriteBytes(buf, 0, &req) }},
		{"WRITEBACK_BEGIN", func() zx.Status { return v.WritebackBegin(0, pages*pg, false, w) }},
		{"WRITEBACK_END", func() zx.Status { return v.WritebackEnd(0, pages*pg, w) }},
		{"ALWAYS_NEED", func() zx.Status { return v.AlwaysNeed(0, pages*pg, &req) }},
		{"dirty every second page", func() zx.Status {
			for p := uint64(0); p < pages; p += 2 {
				if s := v.WriteBytes([]byte{1}, p*pg, &req); s != zx.OK {
					return s
				}
			}
			return v.Zero(0, pages*pg/2, &req)
		}},
		{"query", func() zx.Status {
			sink := &nullSink{}
			n, _, s := v.EnumerateDirty(0, pages*pg, sink, true, w)
			if s == zx.OK && n != 1+pages/4 {
				t.Errorf("%d ranges", n)
			}
			return s
		}},
		{"commit again", func() zx.Status { return a.Commit(0, pages*pg, &req) }},
		{"DECOMMIT", func() zx.Status { return a.Decommit(0, pages*pg, w) }},
		{"commit again", func() zx.Status { return a.Commit(0, pages*pg, &req) }},
		{"ZERO", func() zx.Status { return a.Zero(0, pages*pg, &req) }},
		{"detach", func() zx.Status { return full.Detach(w) }},
	} {
		w.looks = 0
		if c.name != "take" && c.name != "supply" { // whose pages are then gone
			w.stop = zx.ErrInternalIntrKilled
			if got := c.do(); w.looks != 1 && c.name != "query" && c.name != "dirty every second page" || w.looks > 0 && got != w.stop {
				t.Errorf("%s, stopped: %v after %d looks", c.name, got, w.looks)
			}
		}
		w.stop = zx.OK
		must(c.do())
		if w.looks == 0 && c.name != "dirty every second page" || w.looks > pages/16 {
			t.Errorf("%s: %d looks", c.name, w.looks)
		}
	}
	must(a.Commit(0, pages*pg, &req))
	turns := 0
	st.SetLater(func(work func(b *zx.Budget) (more bool)) {
		for more := true; more; turns++ {
			more = work(&zx.Budget{})
		}
	})
	v.Release()
	a.Release()
	full.Release()
	if most := 2 * pages / (4 * zx.BudgetUnits); turns < most/4 || turns > 2*most {
		t.Errorf("the ends of two VMOs take %d turns", turns)
	}
	if left := st.mem.Outstanding(); len(left) != 0 {
		t.Errorf("%d frames leaked", len(left))
	}
}

// TestDecommitNothing: DECOMMIT of pages that are not there leaves the mappings
// alone, for many of one page, each decommitted, would cost the square of their number.
func TestDecommitNothing(t *testing.T) {
	st := NewStore(mmu.NewSimulated(20))
	v, _ := st.New(4*pg, 0)
	unmaps := &unmapCounter{}
	var place MappingPlace
	v.AddMapping(&place, unmaps, 0, 4*pg)
	for i, want := range []int{0, 1, 1} {
		if i == 1 {
			v.Commit(2*pg, pg, nil)
		}
		if s := v.Decommit(0, 4*pg, nil); s != zx.OK || unmaps.n != want {
			t.Errorf("DECOMMIT %d: %v, unmapped %d times, want %d", i, s, unmaps.n, want)
		}
	}
	v.RemoveMapping(&place)
	v.Release()
}

// unmapCounter counts how often something is to be unmapped.
type unmapCounter struct{ n int }

func (c *unmapCounter) UnmapRange(off, length uint64)       { c.n++ }
func (c *unmapCounter) RemoveWriteRange(off, length uint64) {}
func (c *unmapCounter) Accessed(off, length uint64) uint64  { return 0 }

// cutter yields and says what it sees of a VMO meanwhile.
type cutter struct {
	watcher
	see func()
}

func (c *cutter) Yield() zx.Status {
	c.see()
	return c.watcher.Yield()
}

// TestCutsYield shrinks what is large, and has far more room than pages: it yields
// meanwhile, and the size and the stream never disagree.
func TestCutsYield(t *testing.T) {
	const pages, far = 4096, 1 << 50
	for _, paged := range []bool{false, true} {
		st := NewStore(mmu.NewSimulated(2*pages + 100))
		src := &scriptPager{}
		src.Init(src, false, &RequestStats{})
		w := &cutter{}
		var req PageRequest
		req.Init(w)
		make := func() (v *VMO, s zx.Status) {
			if !paged {
				return st.New(far, zx.VMOResizable)
			}
			src = &scriptPager{}
			src.Init(src, false, &RequestStats{})
			return st.NewPaged(far, zx.VMOResizable, &src.PageSource)
		}
		for _, c := range []struct {
			name string
			do   func(v *VMO) zx.Status
			size uint64
		}{
			{"set size", func(v *VMO) zx.Status { return v.SetSize(2*pg+1, &req) }, 3 * pg},
			{"set stream size", func(v *VMO) zx.Status { return v.SetStreamSize(2*pg+1, &req) }, far},
		} {
			v, s := make()
			if s != zx.OK {
				t.Fatal(s)
			}
			run := PageRun{Length: pages * pg}
			for i := range uint64(pages) {
				f, s := st.mem.Alloc()
				if s != zx.OK {
					t.Fatal(s)
				}
				run.append(st.mem, f, i)
			}
			if paged {
				s = v.SupplyPages(0, &run)
			} else {
				s = v.TransferPages(0, &run)
			}
			if s != zx.OK {
				t.Fatal(s)
			}
			w.looks = 0
			last := v.Size()
			w.see = func() {
				size, stream := v.Size(), v.StreamSize()
				if stream > size || stream > last || stream&zx.PageMask != 0 {
					t.Errorf("paged=%v, %s: size %#x, stream %#x, which was %#x", paged, c.name, size, stream, last)
				}
				last = stream
				w.stop = zx.OK
				if w.looks%4 == 3 {
					w.stop = zx.ErrInternalIntrRetry
				}
			}
			for s = c.do(v); s == zx.ErrInternalIntrRetry; s = c.do(v) { // suspended now and then
			}
			if s != zx.OK || w.looks < pages/1024 || w.looks > pages/16 {
				t.Errorf("paged=%v, %s: %v after %d looks", paged, c.name, s, w.looks)
			}
			if v.Size() != c.size || v.StreamSize() != 2*pg+1 || v.Info().Committed.Bytes != 3*pg {
				t.Errorf("paged=%v, %s: %+v", paged, c.name, v.Info())
			}
			v.Release()
		}
		if left := st.mem.Outstanding(); len(left) != 0 {
			t.Errorf("%d frames leaked", len(left))
		}
	}
}

// TestEvictionYields has a program whose pages lie behind those of others: they are
// found, with looks at the world on the way, and a stop ends it.
func TestEvictionYields(t *testing.T) {
	const pages = 6000
	st := NewStore(mmu.NewSimulated(pages + 100))
	root := account.NewRoot(1<<30, pages+100, nil)
	w := &watcher{}
	fill := func(st *Store, n uint64) *VMO {
		src := &scriptPager{}
		src.Init(src, false, &RequestStats{})
		v, s := st.NewPaged(n*pg, 0, &src.PageSource)
		if s != zx.OK {
			t.Fatal(s)
		}
		var run PageRun
		for range n {
			if _, s = st.Append(&run); s != zx.OK {
				t.Fatal(s)
			}
		}
		if s = v.SupplyPages(0, &run); s != zx.OK {
			t.Fatal(s)
		}
		return v
	}
	mine := root.New()
	fill(st.PaidBy(root.New()), pages)
	v := fill(st.PaidBy(mine), 4)
	w.stop = zx.ErrInternalIntrKilled
	if n := st.EvictOf(mine, 4, w); n != 0 || w.looks != 1 {
		t.Errorf("stopped: %d pages after %d looks", n, w.looks)
	}
	w.stop = zx.OK
	if n := st.EvictOf(mine, 4, w); n != 4 || w.looks < pages/zx.BudgetUnits || v.Info().Committed.Bytes != 0 {
		t.Errorf("%d pages after %d looks", n, w.looks)
	}
}
