package vmo

import (
	"math/rand"
	"testing"

	"faultline/account"
	"faultline/mmu"
	"faultline/zx"
)

// TestPinnedPages does every operation on a VMO of which one page is pinned: the
// table of docs/pager.md 4.6. The page keeps its frame in each case.
func TestPinnedPages(t *testing.T) {
	const page = 2
	var r PageRequest
	r.Init(&scriptPager{})
	ok, bad := zx.OK, zx.ErrBadState
	for _, c := range []struct {
		name  string
		paged bool
		dirty bool // pinned for writing
		op    func(b *bench, v *VMO) zx.Status
		want  zx.Status
		state State
	}{
		{"supply", true, false, func(b *bench, v *VMO) zx.Status { b.supply(page, 1, false); return ok }, ok, Clean},
		{"zero", true, false, func(b *bench, v *VMO) zx.Status { return v.Zero(0, 4*pg, &r) }, ok, Dirty},
		{"zero, anonymous", false, false, func(b *bench, v *VMO) zx.Status { return v.Zero(0, 4*pg, &r) }, ok, Untracked},
		{"stream tail", true, false, func(b *bench, v *VMO) zx.Status { return v.SetStreamSize(pg, &r) }, bad, Clean},
		{"shrink", true, false, func(b *bench, v *VMO) zx.Status { return v.SetSize(page*pg, &r) }, bad, Clean},
		{"shrink behind it", true, false, func(b *bench, v *VMO) zx.Status { return v.SetSize((page+1)*pg, &r) }, ok, Clean},
		{"decommit", false, false, func(b *bench, v *VMO) zx.Status { return v.Decommit(0, 4*pg, nil) }, bad, Untracked},
		{"decommit beside it", false, false, func(b *bench, v *VMO) zx.Status { return v.Decommit(0, page*pg, nil) }, ok, Untracked},
		{"take", false, false, func(b *bench, v *VMO) zx.Status { var run PageRun; return v.TakePages(0, 4*pg, &run, &r) }, bad, Untracked},
		{"take it alone", false, false, func(b *bench, v *VMO) zx.Status {
			return b.v.SupplyFrom(0, pg, v, page*pg, &r)
		}, bad, Untracked},
		{"transfer to it", false, false, func(b *bench, v *VMO) zx.Status {
			return v.TransferPages(0, &PageRun{Length: 4 * pg})
		}, bad, Untracked},
		{"cache policy", false, false, func(b *bench, v *VMO) zx.Status { return v.SetCachePolicy(zx.CachePolicyUncached, &r) }, bad, Untracked},
		{"exact snapshot", false, false, func(b *bench, v *VMO) zx.Status {
			_, st := v.CreateChild(zx.VMOChildSnapshot, 0, 4*pg)
			return st
		}, bad, Untracked},
		{"one-way clone", true, false, func(b *bench, v *VMO) zx.Status {
			child, st := v.CreateChild(zx.VMOChildSnapshotAtLeastOnWrite, 0, 4*pg)
			if st == ok {
				child.Release()
			}
			return st
		}, ok, Clean},
		{"begin", true, true, func(b *bench, v *VMO) zx.Status { return v.WritebackBegin(0, 4*pg, false, nil) }, ok, Dirty},
		{"evict", true, false, func(b *bench, v *VMO) zx.Status {
			v.DontNeed(0, 4*pg, nil)
			b.st.Reclaim(10, nil)
			b.st.Reclaim(10, nil)
			return ok
		}, ok, Clean},
		{"drop clean", true, false, func(b *bench, v *VMO) zx.Status { v.DropClean(); return ok }, ok, Clean},
		{"detach", true, false, func(b *bench, v *VMO) zx.Status { v.Detach(nil); return ok }, ok, Clean},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 4, false)
			v := b.v
			b.supply(0, 4, false)
			if !c.paged {
				var st zx.Status
				if v, st = b.st.New(4*pg, zx.VMOResizable); st != ok {
					t.Fatal(st)
				}
				v.Commit(0, 4*pg, &r)
			}
			if st := v.Pin(page*pg, pg, c.dirty, &r); st != ok {
				t.Fatal(st)
			}
			f := v.PinnedAt(page * pg)
			if st := c.op(b, v); st != c.want {
				t.Errorf("%v, want %v", st, c.want)
			}
			if s := v.cow.state(page * pg); s != c.state || v.PinnedAt(page*pg) != f {
				t.Errorf("state %v frame %#x, want %v %#x", s, v.PinnedAt(page*pg), c.state, f)
			}
			v.Unpin(page*pg, pg, nil)
			if v.cow.pinned != 0 {
				t.Errorf("%d pages pinned after the end", v.cow.pinned)
			}
			if !c.paged {
				v.Release()
			}
			b.close()
		})
	}
}

// TestPinCounts: a page can be pinned 31 times, each of which counts; a pin that
// fails leaves none behind.
func TestPinCounts(t *testing.T) {
	mem := mmu.NewSimulated(600)
	s := NewStore(mem)
	var r PageRequest
	r.Init(&scriptPager{})
	v, _ := s.New(4*pg, 0)
	for i := range maxPins {
		if st := v.Pin(pg, pg, i&1 == 0, &r); st != zx.OK {
			t.Fatal(i, st)
		}
	}
	if st := v.Pin(0, 4*pg, false, &r); st != zx.ErrUnavailable || v.cow.pinned != 1 {
		t.Fatalf("%v, %d pages pinned", st, v.cow.pinned)
	}
	if st := v.Pin(pg, 4*pg, false, &r); st != zx.ErrOutOfRange {
		t.Fatal(st)
	}
	for range maxPins {
		if st := v.Decommit(pg, pg, nil); st != zx.ErrBadState {
			t.Fatal(st)
		}
		v.Unpin(pg, pg, nil)
	}
	if st := v.Decommit(0, 4*pg, nil); st != zx.OK {
		t.Fatal(st)
	}
	// More than one budget.
	big, _ := s.New(500*pg, 0)
	if st := big.Pin(0, 500*pg, true, &r); st != zx.OK || big.cow.pinned != 500 {
		t.Fatalf("%v, %d pinned", st, big.cow.pinned)
	}
	big.Unpin(0, 500*pg, nil)
	big.Release()
	v.Release()
	if left := mem.Outstanding(); left != nil {
		t.Fatalf("%d frames left", len(left))
	}
}

// TestContiguous: pages in a row that stay, zeroed in place, and all given back.
func TestContiguous(t *testing.T) {
	mem := mmu.NewSimulated(300)
	s := NewStore(mem)
	var r PageRequest
	r.Init(&scriptPager{})
	v, st := s.NewContiguous(20*pg, zx.PageShift+3, &r)
	if st != zx.OK {
		t.Fatal(st)
	}
	f := v.PinnedAt(0)
	if f&7 != 0 {
		t.Errorf("frame %#x is not aligned", f)
	}
	v.WriteBytes([]byte("here"), 7*pg, &r)
	for i := range uint64(20) {
		if v.PinnedAt(i*pg) != f+mmu.Frame(i) {
			t.Fatalf("page %d is frame %#x", i, v.PinnedAt(i*pg))
		}
	}
	if st := v.Decommit(0, pg, nil); st != zx.ErrNotSupported {
		t.Error(st)
	}
	if st := v.Zero(0, 20*pg, &r); st != zx.OK || mem.Bytes(f + 7)[0] != 0 || v.PinnedAt(7*pg) != f+7 {
		t.Errorf("zero: %v", st)
	}
	if _, st := v.CreateChild(zx.VMOChildSnapshot, 0, pg); st != zx.ErrInvalidArgs {
		t.Error(st)
	}
	slice, st := v.CreateChild(zx.VMOChildSlice, pg, pg)
	if st != zx.OK || slice.PinnedAt(0) != f+1 {
		t.Error(st)
	}
	var run PageRun
	for _, at := range []uint64{0, 99 * pg} {
		for _, n := range []uint64{0, pg} {
			if st := slice.TakePages(at, n, &run, &r); st != zx.ErrNotSupported {
				t.Errorf("take (%d, %d): %v", at, n, st)
			}
			if st := v.TransferPages(at, &PageRun{Length: n}); st != zx.ErrNotSupported {
				t.Errorf("transfer (%d, %d): %v", at, n, st)
			}
		}
	}
	slice.Release()
	if st := v.Pin(0, 20*pg, true, &r); st != zx.OK {
		t.Error(st)
	}
	v.Unpin(0, 20*pg, nil)
	if st := v.SetCachePolicy(zx.CachePolicyWriteCombining, &r); st != zx.OK {
		t.Error(st)
	}
	if n := mem.Flushed(); n != 20 {
		t.Errorf("%d pages left the caches", n)
	}
	for _, n := range []uint64{8, pg, pg + 8} {
		if st := v.Zero(pg, n, &r); st != zx.ErrBadState {
			t.Errorf("zero of %d bytes that are not cached: %v", n, st)
		}
	}
	v.Release()
	if _, st := s.NewContiguous(301*pg, 0, &r); st != zx.ErrNoMemory {
		t.Error(st)
	}
	// What no memory is large enough for evicts nothing, and is never charged.
	top := account.NewRoot(1<<20, 300, nil)
	src := &scriptPager{}
	src.Init(src, false, &RequestStats{})
	paged, _ := s.NewPaged(4*pg, 0, &src.PageSource)
	kept := PageRun{}
	for range 4 {
		s.Append(&kept)
	}
	paged.SupplyPages(0, &kept)
	for _, no := range []struct {
		size  uint64
		align int
	}{{1 << 40, 0}, {1 << 63, 0}, {zx.VMOMaxSize, 0}, {pg, 63}} {
		if _, st := s.PaidBy(top).NewContiguous(no.size, no.align, &r); st != zx.ErrNoMemory {
			t.Errorf("%#x at 1<<%d: %v", no.size, no.align, st)
		}
	}
	if _, st := s.PaidBy(top).NewContiguous(1<<30, 0, &r); st != zx.ErrNoMemory {
		t.Error(st)
	}
	if i := top.Info().Pages; i.Peak > 300 || i.Used != 0 || s.Stats().Evicted != 0 {
		t.Errorf("%+v, %d pages evicted", i, s.Stats().Evicted)
	}
	paged.Release()
	if left := mem.Outstanding(); left != nil {
		t.Fatalf("%d frames left", len(left))
	}
}

// TestTransfer moves pages between VMOs at random and compares with bytes moved
// the same way.
func TestTransfer(t *testing.T) {
	const pages = 6
	mem := mmu.NewSimulated(200)
	s := NewStore(mem)
	var r PageRequest
	r.Init(&scriptPager{})
	var vmos []*VMO
	var model [][pages]byte
	for range 2 {
		v, _ := s.New(pages*pg, 0)
		vmos, model = append(vmos, v), append(model, [pages]byte{})
	}
	child, _ := vmos[0].CreateChild(zx.VMOChildSnapshot, 0, pages*pg)
	vmos, model = append(vmos, child), append(model, [pages]byte{})
	rng := rand.New(rand.NewSource(5))
	for step := range 3000 {
		a, b := rng.Intn(3), rng.Intn(3)
		from, n := rng.Intn(pages), 1+rng.Intn(3)
		to := rng.Intn(pages)
		if n = min(n, pages-from, pages-to); step%3 == 0 {
			vmos[a].WriteBytes([]byte{byte(step)}, uint64(from)*pg, &r)
			model[a][from] = byte(step)
			continue
		}
		var run PageRun
		if st := vmos[a].TakePages(uint64(from)*pg, uint64(n)*pg, &run, &r); st != zx.OK {
			t.Fatal(st)
		}
		if st := vmos[b].TransferPages(uint64(to)*pg, &run); st != zx.OK {
			t.Fatal(st)
		}
		moved := append([]byte(nil), model[a][from:from+n]...)
		clear(model[a][from : from+n])
		copy(model[b][to:], moved)
		for i := range vmos {
			for p := range uint64(pages) {
				var got [1]byte
				vmos[i].ReadBytes(got[:], p*pg, &r)
				if got[0] != model[i][p] {
					t.Fatalf("step %d: VMO %d page %d is %d, want %d", step, i, p, got[0], model[i][p])
				}
			}
		}
	}
	for _, v := range vmos {
		v.Release()
	}
	if left := mem.Outstanding(); left != nil {
		t.Fatalf("%d frames left", len(left))
	}
}

// TestTreeCountsTaken: leaves whose pages were taken are given back like others.
func TestTreeCountsTaken(t *testing.T) {
	mem := mmu.NewSimulated(64)
	s := NewStore(mem)
	var r PageRequest
	r.Init(&scriptPager{})
	v, _ := s.New(4000*pg, 0)
	for range 3 {
		var run PageRun
		v.Commit(2000*pg, 4*pg, &r)
		if st := v.TakePages(2000*pg, 4*pg, &run, &r); st != zx.OK || run.pages != 4 {
			t.Fatal(st, run.pages)
		}
		s.Discard(&run)
	}
	v.Commit(2000*pg, pg, &r)
	v.Decommit(2000*pg, pg, nil)
	if n := len(mem.Outstanding()); n != 0 {
		t.Fatalf("%d frames left in an empty VMO", n)
	}
	v.Release()
}

// TestCachePolicy: the pages of a VMO that is not cached are in no cache, those it
// has and those it gets; a look at the world ends the call, which can be issued
// again.
func TestCachePolicy(t *testing.T) {
	mem := mmu.NewSimulated(1200)
	s := NewStore(mem)
	y := &stopAfter{looks: 1}
	var r PageRequest
	r.Init(y)
	v, _ := s.New(2000*pg, 0)
	v.Commit(0, 1000*pg, nil)
	for i, want := range []zx.Status{zx.ErrInternalIntrRetry, zx.OK} {
		if st := v.SetCachePolicy(zx.CachePolicyUncached, &r); st != want || i == 0 && mem.Flushed() != zx.BudgetUnits {
			t.Fatalf("%v, %d pages left the caches", st, mem.Flushed())
		}
	}
	if n := mem.Flushed(); n != zx.BudgetUnits+1000 {
		t.Errorf("%d pages left the caches", n)
	}
	n := mem.Flushed()
	v.Commit(1500*pg, 3*pg, nil)
	var run PageRun
	s.Append(&run)
	if st := v.TransferPages(1600*pg, &run); st != zx.OK || mem.Flushed() != n+4 {
		t.Errorf("%v, %d pages left the caches", st, mem.Flushed()-n)
	}
	if st := v.TransferPages(1<<63, &PageRun{}); st != zx.OK {
		t.Errorf("nothing, anywhere: %v", st)
	}
	// Whole pages are given up; bytes would have to be written.
	if st := v.Zero(1600*pg, 8, nil); st != zx.ErrBadState {
		t.Error(st)
	}
	if st := v.Zero(1600*pg, pg, nil); st != zx.OK {
		t.Error(st)
	}
	if st := v.Zero(1600*pg, 8, nil); st != zx.OK {
		t.Error(st)
	}
	if st := v.SetCachePolicy(zx.CachePolicyCached, nil); st != zx.OK {
		t.Error(st)
	}
	v.Commit(1700*pg, pg, nil)
	if mem.Flushed() != n+4 {
		t.Errorf("%d pages of a cached VMO left the caches", mem.Flushed()-n-4)
	}
	// Two that are nobody's child share pages all the same.
	a, _ := v.CreateChild(zx.VMOChildSnapshot, 0, pg)
	b, _ := v.CreateChild(zx.VMOChildSnapshot, 0, pg)
	v.Release()
	if st := a.SetCachePolicy(zx.CachePolicyUncached, nil); st != zx.ErrBadState {
		t.Error(st)
	}
	b.Release()
	if st := a.SetCachePolicy(zx.CachePolicyUncached, nil); st != zx.OK {
		t.Error(st)
	}
	a.Release()
}

// stopAfter is suspended at each look, so many times.
type stopAfter struct {
	racer
	looks int
}

func (s *stopAfter) Yield() zx.Status {
	if s.looks--; s.looks >= 0 {
		return zx.ErrInternalIntrRetry
	}
	return zx.OK
}
