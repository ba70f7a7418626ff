package vmar

import (
	"sync"
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

func TestNeed(t *testing.T) {
	for code := mmu.PageFaultError(0); code < 32; code++ {
		want := mmu.Read
		if code&2 != 0 {
			want = mmu.Write
		}
		if code&16 != 0 {
			want |= mmu.Exec
		}
		if got := code.Need(); got != want {
			t.Errorf("code %v: need %v, want %v", code, got, want)
		}
	}
	w := newWorld(t)
	v := w.anon(1)
	va := w.mapAt(0, prw|zx.VMPermExecute, v, 0, 1)
	for bit := 0; bit < 64; bit++ {
		want := zx.OK
		if bit == 3 || bit >= 5 {
			want = zx.ErrNotSupported
		}
		if st := w.fault(va, 1<<bit); st != want {
			t.Errorf("bit %d: %v", bit, st)
		}
	}
	w.close(v)
}

func TestFaultStatuses(t *testing.T) {
	w := newWorld(t)
	v := w.anon(2)
	ro := w.mapAt(0, pr, v, 0, 4)
	rw := w.mapAt(8, prw, v, 0, 2)
	rx := w.mapAt(16, pr|zx.VMPermExecute, v, 0, 2)
	no := w.mapAt(24, 0, v, 0, 2)
	const rd, wr, id = mmu.PF_US, mmu.PF_US | mmu.PF_WR, mmu.PF_US | mmu.PF_ID
	for _, c := range []struct {
		va   zx.VirtAddr
		code mmu.PageFaultError
		want zx.Status
	}{
		{0, rd, zx.ErrNotFound}, {0x1000, rd, zx.ErrNotFound}, {UserBase - 1, rd, zx.ErrNotFound},
		{UserEnd, rd, zx.ErrNotFound}, {0xffff_8000_0000_0000, rd, zx.ErrNotFound}, {^zx.VirtAddr(0), wr, zx.ErrNotFound},
		{UserEnd - 1, rd, zx.ErrNotFound}, {ro + 4*page, rd, zx.ErrNotFound}, {rw - 1, rd, zx.ErrNotFound},
		{ro, wr, zx.ErrAccessDenied}, {ro, id, zx.ErrAccessDenied}, {ro, wr | mmu.PF_P, zx.ErrAccessDenied},
		{rw, id, zx.ErrAccessDenied}, {rx, wr, zx.ErrAccessDenied}, {no, rd, zx.ErrAccessDenied},
		{ro + 2*page, rd, zx.ErrOutOfRange}, {ro + 3*page + 7, rd, zx.ErrOutOfRange}, {ro + 3*page, wr, zx.ErrAccessDenied},
		{ro, rd | mmu.PF_RSVD, zx.ErrNotSupported}, {ro, 1 << 15, zx.ErrNotSupported}, {0, 1 << 5, zx.ErrNotSupported},
		{ro, rd, zx.OK}, {ro + 1, rd | mmu.PF_P, zx.OK}, {rw + page - 1, wr, zx.OK}, {rw, wr | mmu.PF_P, zx.OK}, {rx + 5, id, zx.OK},
	} {
		if got := w.fault(c.va, c.code); got != c.want {
			t.Errorf("fault at %#x, %v: %v, want %v", c.va, c.code, got, c.want)
		}
	}
	if p := w.pte(rx).Prot(); p != mmu.Read|mmu.Exec {
		t.Errorf("text is mapped %v", p)
	}
	if e := w.pte(rw); e.Prot() != mmu.Read|mmu.Write || e&(mmu.PTE_A|mmu.PTE_D) != 0 {
		t.Errorf("data is mapped %v", e)
	}
	// A read and a store of the same page: the zero page goes, everywhere.
	if w.pte(ro).Frame() != w.pte(rw).Frame() && w.pte(ro).Present() {
		t.Errorf("two mappings of one page disagree")
	}
	w.close(v)
}

// TestBlockedFault is scenario 13 and its relatives: what happened while
// the thread slept decides, not what was true before.
// mustBeFree hangs if l is held.
func mustBeFree(l sync.Locker) {
	l.Lock()
	defer l.Unlock()
}

func TestBlockedFault(t *testing.T) {
	for _, c := range []struct {
		name  string
		write bool
		while func(w *world, v, other *vmo.VMO, va zx.VirtAddr) zx.Status
		want  zx.Status
		tag   byte // content afterwards, when OK
		asked int
	}{
		{"supplied", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			w.supply(v, 1, 1, 10)
			return zx.OK
		}, zx.OK, 11, 1},
		{"woken for nothing, then supplied", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			if len(v.Source().Provider().(*fakeSource).asked) == 3 {
				w.supply(v, 1, 1, 10)
			}
			return zx.OK
		}, zx.OK, 11, 3},
		{"unmapped, then supplied", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			w.ok(w.as.Root().Unmap(va, page, allRights, nil))
			w.supply(v, 1, 1, 10)
			return zx.OK
		}, zx.ErrNotFound, 0, 1},
		{"replaced", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			_, st := w.as.Root().Map(pr|zx.VMSpecificOverwrite, uint64(va-UserBase), o, 0, page, allRights, allRights, nil)
			w.ok(st)
			w.supply(v, 1, 1, 10)
			return zx.OK
		}, zx.OK, 77, 1},
		{"moved to another page of the same VMO", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			_, st := w.as.Root().Map(pr|zx.VMSpecificOverwrite, uint64(va-UserBase), v, 2*page, page, allRights, allRights, nil)
			w.ok(st)
			w.supply(v, 1, 2, 10)
			return zx.OK
		}, zx.OK, 12, 1},
		{"shrunk", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			w.ok(v.SetSize(page, &w.req))
			return zx.OK
		}, zx.ErrOutOfRange, 0, 1},
		{"permission taken", true, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			w.ok(w.as.Root().Protect(pr, va, page, allRights, nil))
			w.supply(v, 1, 1, 10)
			return zx.OK
		}, zx.ErrAccessDenied, 0, 1},
		{"region destroyed", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			w.ok(w.as.Root().Destroy(nil))
			return zx.OK
		}, zx.ErrNotFound, 0, 1},
		{"detached", false, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			v.Source().Detach()
			return zx.OK
		}, zx.ErrBadState, 0, 1},
		{"failed", false, func(*world, *vmo.VMO, *vmo.VMO, zx.VirtAddr) zx.Status { return zx.ErrIO }, zx.ErrIO, 0, 1},
		{"overtime", false, func(*world, *vmo.VMO, *vmo.VMO, zx.VirtAddr) zx.Status { return zx.ErrTimedOut }, zx.ErrTimedOut, 0, 1},
		{"killed", false, func(*world, *vmo.VMO, *vmo.VMO, zx.VirtAddr) zx.Status { return zx.ErrInternalIntrKilled }, zx.ErrInternalIntrKilled, 0, 1},
		{"write supplied", true, func(w *world, v, o *vmo.VMO, va zx.VirtAddr) zx.Status {
			w.supply(v, 1, 1, 10)
			return zx.OK
		}, zx.OK, 11, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			src := &fakeSource{}
			v, other := w.paged(4, src), w.anon(1)
			w.ok(other.WriteBytes([]byte{77}, 0, &w.req))
			va := w.mapAt(5, prw, v, 1, 3)
			src.wait = func() zx.Status {
				mustBeFree(&w.as.lanes[0].mu) // no lock is held while asleep, or this hangs
				mustBeFree(v)
				return c.while(w, v, other, va)
			}
			access := w.load
			if c.write {
				access = w.store1
			}
			w.want(access(va), c.want)
			if len(src.asked) != c.asked || src.asked[0] != (request{vmo.RequestRead, page, page}) {
				t.Fatalf("asked %v", src.asked)
			}
			if c.want == zx.OK {
				if got := w.byteAt(va); got != c.tag {
					t.Fatalf("reads %d, want %d", got, c.tag)
				}
				if c.write != (w.pte(va)&mmu.PTE_RW != 0) {
					t.Fatalf("entry %v", w.pte(va))
				}
			} else if w.pte(va).Present() && c.name != "permission taken" {
				t.Fatalf("refused, yet mapped: %v", w.pte(va))
			}
			w.close(v, other)
			if !src.closed {
				t.Fatal("the last reference is gone, the source does not know")
			}
		})
	}
}

// TestReadKeepsWriting has a load fault on a dirty page that is mapped writable,
// as it may after a race of two threads: the store of the other must not fault
// again, and no CPU need forget anything.
func TestReadKeepsWriting(t *testing.T) {
	w := newWorld(t)
	v := w.paged(1, &fakeSource{})
	w.supply(v, 0, 1, 0)
	va := w.mapAt(0, prw, v, 0, 1)
	w.ok(w.store1(va))
	w.tlb.cached[va] = w.pte(va)
	w.ok(w.load(va))
	if _, ok := w.tlb.cached[va]; w.pte(va).Prot() != mmu.Read|mmu.Write || !ok {
		t.Fatalf("mapped %v, a CPU keeps its translation: %v", w.pte(va), ok)
	}
	w.close(v)
}

// TestCutMappingLeavesNeighbours changes pages of a VMO after the mapping that
// showed them was cut: what is mapped in their old place is not theirs.
func TestCutMappingLeavesNeighbours(t *testing.T) {
	w := newWorld(t)
	v, other := w.anon(8), w.anon(8)
	va := w.mapAt(0, prw, v, 0, 8)
	for i := zx.VirtAddr(0); i < 8; i++ {
		w.ok(w.store1(va + i*page))
	}
	w.ok(w.as.Root().Unmap(va+2*page, 3*page, allRights, nil))
	w.mapAt(2, prw, other, 0, 3)
	for i := zx.VirtAddr(2); i < 5; i++ {
		w.ok(w.store1(va + i*page))
	}
	w.ok(v.Decommit(0, 8*page, nil))
	for i := zx.VirtAddr(0); i < 8; i++ {
		if mapped := w.pte(va + i*page).Present(); mapped != (i >= 2 && i < 5) {
			t.Fatalf("page %d mapped: %v", i, mapped)
		}
	}
	w.close(v, other)
}

func TestSuspendedFaultIsQuiet(t *testing.T) {
	w := newWorld(t)
	src := &fakeSource{wait: func() zx.Status { return zx.ErrInternalIntrRetry }}
	v := w.paged(1, src)
	va := w.mapAt(0, prw, v, 0, 1)
	w.want(w.load(va), zx.ErrInternalIntrRetry)
	if w.pte(va).Present() {
		t.Fatal("mapped without a page")
	}
	var b [4]byte
	w.want(w.as.Lane(0).CopyIn(b[:], va, &w.req), zx.ErrInternalIntrRetry)
	w.close(v)
}

func TestTrapDirty(t *testing.T) {
	w := newWorld(t)
	src := &fakeSource{traps: true}
	v := w.paged(2, src)
	w.supply(v, 0, 2, 1)
	va := w.mapAt(0, prw, v, 0, 2)
	w.ok(w.load(va))
	if w.pte(va).Prot() != mmu.Read {
		t.Fatalf("clean page mapped %v", w.pte(va).Prot())
	}
	// Scenario 41: protect does not grant what dirty tracking withholds.
	w.ok(w.as.Root().Protect(pr, va, 2*page, allRights, nil))
	w.ok(w.as.Root().Protect(prw, va, 2*page, allRights, nil))
	if w.pte(va).Prot() != mmu.Read {
		t.Fatalf("protect made the page %v", w.pte(va).Prot())
	}
	src.wait = func() zx.Status { return v.DirtyPages(0, page, nil) }
	w.ok(w.store1(va))
	if len(src.asked) != 1 || src.asked[0] != (request{vmo.RequestDirty, 0, page}) || w.pte(va).Prot() != mmu.Read|mmu.Write {
		t.Fatalf("asked %v, mapped %v", src.asked, w.pte(va).Prot())
	}
	w.tlb.cached[va] = w.pte(va)
	w.ok(v.WritebackBegin(0, 2*page, false, nil))
	if w.pte(va).Prot() != mmu.Read || len(w.tlb.cached) != 0 {
		t.Fatalf("after BEGIN mapped %v, cached %v", w.pte(va).Prot(), w.tlb.cached)
	}
	src.wait = func() zx.Status { return zx.ErrIO }
	w.want(w.store1(va), zx.ErrIO)
	w.ok(v.WritebackEnd(0, 2*page, nil))
	w.want(w.store1(va), zx.ErrIO)
	w.ok(w.load(va))
	w.close(v)
}

func TestFaultAround(t *testing.T) {
	for _, c := range []struct {
		name              string
		around            int
		first, supplied   uint64 // pages supplied from page 0 on; the page touched
		mapped, page0     uint64 // pages of the mapping, where it begins
		wantFrom, wantEnd uint64
	}{
		{"budget", 16, 0, 40, 40, 0, 0, 16},
		{"off", 1, 0, 40, 40, 0, 0, 1},
		{"up to the first absent", 16, 3, 9, 40, 0, 3, 9},
		{"up to the end of the mapping", 16, 2, 40, 6, 0, 2, 6},
		{"up to the end of the page table", 16, 4, 40, 40, 512 - 10, 4, 10},
		{"last page of a page table", 16, 9, 40, 40, 512 - 10, 9, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			src := &fakeSource{}
			v := w.paged(40, src)
			w.supply(v, 0, c.supplied, 0)
			w.as.SetFaultAround(c.around)
			va := w.mapAt(c.page0, prw, v, 0, c.mapped)
			touched := va + zx.VirtAddr(c.first*page)
			w.as.Lane(0).find(uint64(va)).next = uint64(touched) // as after a read of the page before
			w.ok(w.load(touched + 5))
			for i := uint64(0); i < c.mapped; i++ {
				at := va + zx.VirtAddr(i*page)
				e := w.pte(at)
				if e.Present() != (i >= c.wantFrom && i < c.wantEnd) || e&(mmu.PTE_RW|mmu.PTE_A) != 0 {
					t.Fatalf("page %d: %v", i, e)
				}
				if e.Present() && w.byteAt(at) != byte(i) {
					t.Fatalf("page %d shows %d", i, w.byteAt(at))
				}
			}
			if len(src.asked) != 0 {
				t.Fatalf("fault-around asked %v", src.asked)
			}
			w.close(v)
		})
	}
}

// TestFaultAroundFollowsReaders: a reader in order faults once in sixteen
// pages, one that jumps about maps nothing it did not ask for.
func TestFaultAroundFollowsReaders(t *testing.T) {
	w := newWorld(t)
	v := w.paged(200, &fakeSource{})
	w.supply(v, 0, 200, 0)
	a, b := w.mapAt(0, prw, v, 0, 200), w.mapAt(512, prw, v, 0, 200)
	faults := 0
	for i := zx.VirtAddr(0); i < 100; i++ {
		if at := a + i*page; !w.pte(at).Present() {
			w.ok(w.load(at))
			faults++
		}
	}
	if faults > 1+100/16+1 {
		t.Fatalf("%d faults over 100 pages in order", faults)
	}
	for _, i := range []zx.VirtAddr{7, 100, 3, 50} {
		w.ok(w.load(b + i*page))
	}
	for i := zx.VirtAddr(0); i < 200; i++ {
		if hit := i == 7 || i == 100 || i == 3 || i == 50; w.pte(b+i*page).Present() != hit {
			t.Fatalf("page %d: touched %v, mapped %v", i, hit, w.pte(b+i*page))
		}
	}
	w.close(v)
}

func TestFaultAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	v := w.paged(64, &fakeSource{})
	w.supply(v, 0, 64, 0)
	va := w.mapAt(0, prw, v, 0, 64)
	other := w.mapAt(100, pr, v, 0, 64)
	var buf [100]byte
	if n := testing.AllocsPerRun(50, func() {
		for i := zx.VirtAddr(0); i < 64*page; i += page {
			w.load(va + i)
			w.load(other + i)
			w.store1(va + i)
		}
		w.as.Lane(0).CopyIn(buf[:], va+page-50, &w.req)
		w.as.Lane(0).CopyOut(va+page-50, buf[:], &w.req)
		v.WritebackBegin(0, 64*page, false, nil)
		v.WritebackEnd(0, 64*page, nil)
		mustBeFree(v)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
	w.close(v)
}

func TestFaultReclaims(t *testing.T) {
	w := newWorld(t)
	v := w.paged(64, &fakeSource{})
	w.supply(v, 0, 64, 0)
	a := w.anon(1)
	va := w.mapAt(0, prw, a, 0, 1)
	w.ok(w.load(va)) // page tables and tree nodes are there now
	w.mem.FailAfter(0)
	w.want(w.store1(va), zx.ErrNoMemory) // the simulation does not relent: all clean pages go first
	if n := w.store.Stats().Evicted; n == 0 {
		t.Fatal("gave up without evicting")
	}
	w.mem.FailAfter(-1)
	w.ok(w.store1(va))
	w.close(v, a)
}
