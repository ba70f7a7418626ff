package vmo

import (
	"testing"

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
