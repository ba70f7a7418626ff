package vmo

import (
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// TestOpDirtyInTurns makes many pages dirty at once, of every kind, while others do
// what would spoil it: all of the range is dirty in the end, or nothing has changed,
// and a query sees nothing between.
func TestOpDirtyInTurns(t *testing.T) {
	const pages = 6000
	dirty := func(b *bench) (n uint64) {
		sink := &sumSink{}
		b.v.EnumerateDirty(0, b.v.Size(), sink, false, nil)
		return sink.pages
	}
	for _, c := range []struct {
		name   string
		absent bool
		do     func(b *bench, look int)
		want   zx.Status
	}{
		{"alone", false, func(*bench, int) {}, zx.OK},
		{"queried", false, func(b *bench, look int) {
			if n := dirty(b); n != pages/4 && n != pages {
				t.Errorf("look %d: %d pages are dirty", look, n)
			}
		}, zx.OK},
		{"evictor", false, func(b *bench, _ int) { b.st.Evict(100, nil) }, zx.OK},
		{"zeroed", false, func(b *bench, look int) { b.ok(b.v.Zero(uint64(look)*16*pg, 16*pg, &b.req)) }, zx.OK},
		{"write-back ends", false, func(b *bench, look int) {
			b.ok(b.v.WritebackBegin(0, pages*pg, false, nil))
			b.ok(b.v.WritebackEnd(0, pages/4*pg, nil))
		}, zx.ErrNotFound}, // of the zeros nothing is left
		{"one is absent", true, func(*bench, int) {}, zx.ErrNotFound},
		{"shrunk", false, func(b *bench, _ int) { b.ok(b.v.SetSize(pages/2*pg, &b.req)) }, zx.ErrOutOfRange},
		{"detached", false, func(b *bench, _ int) { b.ok(b.v.Detach(nil)) }, zx.ErrBadState},
	} {
		b := newBench(t, pages, true)
		b.mem = mmu.NewSimulated(2*pages + 100)
		b.st = NewStore(b.mem)
		b.src = &scriptPager{}
		b.src.Init(b.src, true, &RequestStats{})
		v, st := b.st.NewPaged(pages*pg, zx.VMOResizable, &b.src.PageSource)
		b.ok(st)
		b.v = v
		// A quarter each: zeros, markers, pages, pages.
		b.ok(b.v.Zero(0, pages/4*pg, &b.req))
		b.ok(b.v.SupplyPages(pages/4*pg, &PageRun{Length: pages / 4 * pg}))
		var run PageRun
		for range pages / 2 {
			_, st := b.st.Append(&run)
			b.ok(st)
		}
		if c.absent {
			run.Length -= pg
		}
		b.ok(b.v.SupplyPages(pages/2*pg, &run))
		before, free := b.v.Info(), b.mem.Stats().Free
		y := &between{}
		y.do = func(look int) {
			if look > 1 && c.want != zx.OK || look > 40 {
				return
			}
			c.do(b, look)
		}
		if st := b.v.DirtyPages(0, pages*pg, y); st != c.want || y.looks < 3 && st == zx.OK || y.looks == 0 && !c.absent {
			t.Errorf("%s: %v after %d looks, want %v", c.name, st, y.looks, c.want)
		}
		if b.v.fam.dirtying != nil || b.v.cow.tree.keep {
			t.Errorf("%s: it is not over", c.name)
		}
		switch {
		case c.want == zx.OK:
			if n := dirty(b); n != pages {
				t.Errorf("%s: %d pages are dirty", c.name, n)
			}
		case c.absent:
			if after := b.v.Info(); after != before || b.mem.Stats().Free != free {
				t.Errorf("%s: %+v, was %+v, %d frames free, were %d", c.name, after, before, b.mem.Stats().Free, free)
			}
		}
		b.v.Release()
		if left := b.mem.Outstanding(); len(left) != 0 {
			t.Errorf("%s: %d frames leaked", c.name, len(left))
		}
	}
}

// sumSink counts the pages of dirty ranges.
type sumSink struct{ pages uint64 }

func (s *sumSink) Emit(r zx.DirtyRange) zx.Status { s.pages += r.Length / pg; return zx.OK }
func (s *sumSink) Resolve() zx.Status             { return zx.OK }

// TestOpDirtyKilled has the thread of a long OP_DIRTY killed: before the first page
// changes nothing does, afterwards all do.
func TestOpDirtyKilled(t *testing.T) {
	const pages = 6000
	for stop := 1; stop < 5; stop++ {
		b := newBench(t, pages, true)
		b.mem = mmu.NewSimulated(2*pages + 100)
		b.st = NewStore(b.mem)
		var left []func(*zx.Budget) bool
		b.st.SetLater(func(work func(*zx.Budget) bool) { left = append(left, work) })
		b.src = &scriptPager{}
		b.src.Init(b.src, true, &RequestStats{})
		v, st := b.st.NewPaged(pages*pg, 0, &b.src.PageSource)
		b.ok(st)
		var run PageRun
		for range pages {
			_, st := b.st.Append(&run)
			b.ok(st)
		}
		b.ok(v.SupplyPages(0, &run))
		y := &cutter{}
		looks := 0
		y.see = func() {
			if looks++; looks == stop {
				y.stop = zx.ErrInternalIntrKilled
			}
		}
		got := v.DirtyPages(0, pages*pg, y)
		for _, work := range left {
			finish(work)
		}
		sink := &sumSink{}
		v.EnumerateDirty(0, pages*pg, sink, false, nil)
		if got == zx.OK && looks >= stop || sink.pages != 0 && sink.pages != pages || got == zx.OK && sink.pages != pages {
			t.Errorf("killed at look %d: %v, %d pages are dirty", stop, got, sink.pages)
		}
	}
}

// TestLetGo has many threads wait for one page, and many for one each: they are woken
// in turns, in order of arrival, though some are gone by then.
func TestLetGo(t *testing.T) {
	const many = 3000
	src := &queuePager{}
	src.Init(src, false, &RequestStats{})
	var woken []int
	reqs := make([]PageRequest, many)
	for i := range reqs {
		reqs[i].Init(&wakeCounter{i: i, woken: &woken})
	}
	turns := func() (n int) {
		for len(src.left) > 0 {
			was := len(woken)
			if n++; !src.left[0](&zx.Budget{}) {
				src.left = src.left[1:]
			}
			if did := len(woken) - was; did > zx.BudgetUnits*2 {
				t.Errorf("%d were woken in a turn", did)
			}
		}
		return n
	}
	for i := range reqs {
		src.Request(RequestRead, 0, pg, &reqs[i])
	}
	src.Fail(0, pg, zx.ErrIO)
	if len(woken) > atOnce {
		t.Errorf("%d of %d were woken at once", len(woken), many)
	}
	for _, i := range []int{0, 1000, many - 1} { // the primary, too
		if st := reqs[i].Answer(zx.ErrInternalIntrKilled); st != zx.ErrInternalIntrKilled {
			t.Errorf("request %d: %v", i, st)
		}
	}
	if n := turns(); n < 2 || len(woken) != many-3 {
		t.Errorf("%d were woken in %d turns", len(woken), n)
	}
	for k := 2; k < len(woken)-1; k++ { // the heir of the primary is last
		if woken[k] < woken[k-1] {
			t.Fatalf("%d was woken after %d", woken[k], woken[k-1])
		}
	}
	for _, i := range woken {
		if reqs[i].Status != zx.ErrIO {
			t.Fatalf("request %d: %v", i, reqs[i].Status)
		}
	}
	woken = woken[:0]
	for i := range reqs {
		if reqs[i].Outstanding || reqs[i].Hangs || reqs[i].ending {
			t.Fatalf("request %d is not over", i)
		}
		reqs[i].Woken.Store(false)
		src.Request(RequestRead, uint64(i)*pg, pg, &reqs[i])
	}
	var b zx.Budget
	if end := src.cut(0, many*pg, &b); end != pieceOf*pg || b.Spent() < pieceOf {
		t.Errorf("a piece ends at page %d and costs %d", end/pg, b.Spent())
	}
	src.Detach()
	if len(woken) > zx.BudgetUnits || src.gone {
		t.Errorf("%d were let go at once, %v", len(woken), src.gone)
	}
	if n := turns(); n < 2 || len(woken) != many || !src.gone {
		t.Errorf("%d were let go in %d turns, %v", len(woken), n, src.gone)
	}
}

// queuePager keeps what is to be done later.
type queuePager struct {
	scriptPager
	left []func(*zx.Budget) bool
	gone bool
}

func (p *queuePager) Later(work func(*zx.Budget) bool) { p.left = append(p.left, work) }
func (p *queuePager) OnDetach()                        { p.gone = true }

// wakeCounter writes down when it is woken.
type wakeCounter struct {
	scriptPager
	i     int
	woken *[]int
}

func (w *wakeCounter) Wake() bool { *w.woken = append(*w.woken, w.i); return false }

// TestClosingYields ends VMOs of which much is left: snapshots with pages of their own,
// a parent of thousands, in turns that each do little. Nothing is left in the end.
func TestClosingYields(t *testing.T) {
	const pages, many = 4096, 4000
	mem := mmu.NewSimulated(4*pages + 100)
	st := NewStore(mem)
	var left []func(*zx.Budget) bool
	st.SetLater(func(work func(*zx.Budget) bool) { left = append(left, work) })
	turns := func(what string, least int) {
		n := 0
		for ; len(left) > 0; n++ {
			if !left[0](&zx.Budget{}) {
				left = left[1:]
			}
		}
		if n < least {
			t.Errorf("%s: %d turns", what, n)
		}
	}
	must := func(v *VMO, s zx.Status) *VMO {
		t.Helper()
		if s != zx.OK {
			t.Fatal(s)
		}
		return v
	}
	v := must(st.New(pages*pg, 0))
	must(v, v.Commit(0, pages*pg, nil))
	w := must(v.CreateChild(zx.VMOChildSnapshot, 0, pages*pg))
	x := must(w.CreateChild(zx.VMOChildSnapshot, 0, pages*pg))
	for p := uint64(0); p < pages; p += 2 {
		must(w, w.Commit(p*pg, pg, nil))
	}
	if got, want := x.Info().Committed.Bytes, uint64(pages*pg); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	v.Release()
	turns("the first", pages/zx.BudgetUnits/2)
	w.Release()
	turns("the one between", pages/zx.BudgetUnits/2)
	if i := x.Info(); i.Committed.Private != pages*pg || st.Stats().Nodes != 1 {
		t.Errorf("%+v, %+v", i, st.Stats())
	}
	x.Release()
	turns("the last", 2)
	a := must(st.New(pg, 0))
	b := must(a.CreateChild(zx.VMOChildSlice, 0, pg))
	var slices []*VMO
	for range many {
		slices = append(slices, must(b.CreateChild(zx.VMOChildSlice, 0, pg)))
	}
	b.Release()
	turns("the parent of many", many/passTurn)
	if n := a.Info().Children; n != many {
		t.Errorf("%d children", n)
	}
	for _, s := range slices {
		s.Release()
	}
	a.Release()
	turns("all", 0)
	if frames, s := mem.Outstanding(), st.Stats(); len(frames) != 0 || s.VMOs != 0 || s.Nodes != 0 {
		t.Errorf("%d frames, %+v left", len(frames), s)
	}
}

// TestDeepFamily: who makes snapshots of snapshots without end is told that there is
// no memory for more.
func TestDeepFamily(t *testing.T) {
	st := NewStore(mmu.NewSimulated(3 * deepest))
	v, s := st.New(2*pg, 0)
	n := 0
	var all []*VMO
	for ; s == zx.OK && n < 2*deepest; n++ {
		all = append(all, v)
		if s = v.WriteBytes([]byte{1}, uint64(n%2)*pg, &PageRequest{}); s == zx.OK {
			v, s = v.CreateChild(zx.VMOChildSnapshot, 0, 2*pg)
		}
	}
	if s != zx.ErrNoMemory || n < deepest/2 || n > deepest+1 {
		t.Errorf("%v after %d", s, n)
	}
	for _, v := range all {
		v.Release()
	}
	if left := st.mem.Outstanding(); len(left) != 0 {
		t.Errorf("%d frames leaked", len(left))
	}
}

// TestSupplyAndDiscardOfManyMappings supplies a page where thousands of mappings show
// zeros, takes one that thousands show, and discards a VMO of which they show a page: in
// turns, and no translation is left.
func TestSupplyAndDiscardOfManyMappings(t *testing.T) {
	const many = 3000
	st := NewStore(mmu.NewSimulated(64))
	src := &scriptPager{}
	src.Init(src, false, &RequestStats{})
	y := &between{do: func(int) {}}
	var req PageRequest
	req.Init(y)
	must := func(v *VMO, s zx.Status) *VMO {
		t.Helper()
		if s != zx.OK {
			t.Fatal(s)
		}
		return v
	}
	// shown has thousands of mappings of v touch its first page, and gives what checks
	// that work in turns takes all translations.
	shown := func(v *VMO) func(what string, work func() zx.Status) {
		maps := make([]*famMapping, many)
		for i := range maps {
			maps[i] = &famMapping{ptes: map[uint64]Page{}}
			v.AddMapping(&maps[i].place, maps[i], 0, 2*pg)
			v.Lock()
			p, s := v.RequirePage(&maps[i].place, 0, false, &req)
			maps[i].ptes[0] = p
			v.Unlock()
			must(v, s)
		}
		return func(what string, work func() zx.Status) {
			y.looks = 0
			must(v, work())
			if y.looks < many/zx.BudgetUnits {
				t.Errorf("%s: %d looks", what, y.looks)
			}
			for i, m := range maps {
				if len(m.ptes) != 0 {
					t.Fatalf("%s: mapping %d has a translation left", what, i)
				}
				v.RemoveMapping(&m.place)
			}
		}
	}
	aux := must(st.New(2*pg, 0))
	must(aux, aux.Commit(0, 2*pg, nil))
	v := must(st.NewPaged(2*pg, 0, &src.PageSource))
	must(v, v.Zero(0, pg, &req)) // and absent again, while the zeros stay mapped
	check := shown(v)
	must(v, v.WritebackBegin(0, pg, false, nil))
	must(v, v.WritebackEnd(0, pg, nil))
	check("supply", func() zx.Status { return v.SupplyFrom(0, pg, aux, 0, &req) })
	must(aux, aux.Commit(0, pg, nil))
	check = shown(aux)
	check("take", func() zx.Status { return v.SupplyFrom(pg, pg, aux, 0, &req) })
	d := must(st.New(2*pg, zx.VMODiscardable))
	if _, s := d.LockContent(0, 2*pg, nil); s != zx.OK {
		t.Fatal(s)
	}
	must(d, d.Commit(0, 2*pg, nil))
	check = shown(d)
	must(d, d.UnlockContent(0, 2*pg))
	check("discard", func() zx.Status {
		if n := st.Evict(1, y); n != 2 {
			t.Errorf("%d pages were freed", n)
		}
		return zx.OK
	})
	if state, s := d.LockContent(0, 2*pg, y); s != zx.OK || state.DiscardedSize != 2*pg {
		t.Errorf("%v, %+v", s, state)
	}
}
