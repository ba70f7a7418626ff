package vmar

import (
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// looker is the thread of a long operation: it does the test's next move at each
// look.
type looker func() zx.Status

func (f looker) Yield() zx.Status { return f() }

// many maps n single pages of v, a page apart, from page first on, and reads
// each through the tables.
func (w *world) many(first, n uint64, v *vmo.VMO) {
	w.t.Helper()
	for i := range n {
		w.ok(w.store1(w.mapAt(first+2*i, prw, v, i%4, 1)))
	}
}

// TestLongOperations: operations over many mappings look up every so often,
// with no lock held, while others fault, map and look in the same space; what
// they did is what a short one does.
func TestLongOperations(t *testing.T) {
	const n = 3 * zx.BudgetUnits
	w := newWorld(t)
	v := w.anon(4)
	keep := w.mapAt(10, prw, v, 0, 1)
	looks := 0
	busy := looker(func() zx.Status {
		looks++
		w.ok(w.store1(keep)) // locks are free
		w.mapAt(20, prw, v, 0, 1)
		w.ok(w.as.Root().Unmap(UserBase+20*page, page, allRights, nil))
		return zx.OK
	})
	least := func(what string, want int) {
		t.Helper()
		if looks < want {
			t.Errorf("%s: %d looks, want %d", what, looks, want)
		}
		looks = 0
	}
	w.many(1000, n, v)
	if got := w.mappings(); got != n+1 {
		t.Fatalf("%d mappings", got)
	}
	if st := w.as.Root().Protect(pr, UserBase+1000*page, 2*n*page, allRights, busy); st != zx.ErrNotFound {
		t.Fatalf("holes: %v", st)
	}
	for i := range uint64(n) { // fill the holes
		w.mapAt(1001+2*i, prw, v, i%4, 1)
	}
	looks = 0
	w.ok(w.as.Root().Protect(pr, UserBase+1000*page, 2*n*page, allRights, busy))
	least("protect", 4*n/zx.BudgetUnits) // looked at, then changed
	w.as.eachMapping(func(m Entry) {
		if m.Base != keep && m.Perms != zx.VMPermRead || w.pte(m.Base)&mmu.PTE_RW != 0 && m.Base != keep {
			t.Fatalf("%+v after protect, entry %v", m, w.pte(m.Base))
		}
	})
	w.ok(w.as.Root().OpRange(zx.VMAROpMapRange, UserBase+1000*page, 2*n*page, false, allRights, &w.req))
	if e := w.pte(UserBase + 1001*page); e.Prot() != mmu.Read {
		t.Fatalf("MAP_RANGE left %v", e)
	}
	w.ok(w.as.Root().Unmap(UserBase+1000*page, n*page, allRights, busy))
	least("unmap", n/zx.BudgetUnits)
	va, st := w.as.Root().Map(prw|zx.VMSpecificOverwrite, 1000*page, v, 0, 2*n*page, allRights, allRights, busy)
	w.ok(st)
	least("overwrite", n/zx.BudgetUnits)
	if got := w.mappings(); got != 2 || va != UserBase+1000*page || w.pte(va+n*page) != 0 {
		t.Fatalf("%d mappings after an overwrite at %#x", got, va)
	}
	w.close(v)
}

// TestDestroyStopped: a thread that is killed or suspended while it takes a
// region apart leaves a region that is dead, and that somebody finishes: the
// call made again, or whoever destroys what holds it.
func TestDestroyStopped(t *testing.T) {
	for _, again := range []bool{true, false} {
		w := newWorld(t)
		v := w.anon(4)
		sub, va, st := w.as.Root().Allocate(canMapRWX|zx.VMCanMapSpecific, 0, 4000*page, allRights, nil)
		w.ok(st)
		inner, _, st := sub.Allocate(canMapRWX|zx.VMCanMapSpecific|zx.VMSpecific, 2000*page, 2000*page, allRights, nil)
		w.ok(st)
		for i := range uint64(zx.BudgetUnits) {
			_, st = sub.Map(prw|zx.VMSpecific, i*page, v, 0, page, allRights, allRights, nil)
			w.ok(st)
			_, st = inner.Map(prw|zx.VMSpecific, i*page, v, 0, page, allRights, allRights, nil)
			w.ok(st)
		}
		stopped := looker(func() zx.Status { return zx.ErrInternalIntrRetry })
		w.want(sub.Destroy(stopped), zx.ErrInternalIntrRetry)
		if n := w.mappings(); n == 0 || n >= 2*zx.BudgetUnits {
			t.Fatalf("%d mappings left of %d", n, 2*zx.BudgetUnits)
		}
		_, st = sub.Map(prw, 0, v, 0, page, allRights, allRights, nil)
		w.want(st, zx.ErrBadState)
		w.want(sub.Unmap(va, page, allRights, nil), zx.ErrBadState)
		_, st = w.as.Root().Map(prw|zx.VMSpecific, uint64(va-UserBase), v, 0, page, allRights, allRights, nil)
		w.want(st, zx.ErrAlreadyExists) // it keeps its place
		if again {
			w.ok(sub.Destroy(nil))
			w.want(sub.Destroy(nil), zx.ErrBadState)
			w.want(inner.Destroy(nil), zx.ErrBadState)
			w.mapAt(uint64(va-UserBase)/page, prw, v, 0, 1)
		}
		w.close(v)
	}
}

// TestDying: a mapping so full that removing it takes several slices is gone for
// everybody else from the first on.
func TestDying(t *testing.T) {
	const tables = 300 // of one page each
	w := newWorld(t)
	v := w.anon(tables * 512)
	va := w.mapAt(0, prw, v, 0, tables*512)
	for i := range zx.VirtAddr(tables) {
		w.ok(w.load(va + i<<21))
	}
	looks := 0
	w.ok(w.as.Root().Unmap(va, tables*512*page, allRights, looker(func() zx.Status {
		looks++
		w.want(w.load(va), zx.ErrNotFound)
		w.want(w.load(va+(tables-1)<<21), zx.ErrNotFound)
		w.want(w.as.Root().Protect(pr, va, page, allRights, nil), zx.ErrNotFound)
		_, st := w.as.Root().Map(pr|zx.VMSpecific, 0, v, 0, page, allRights, allRights, nil)
		w.want(st, zx.ErrAlreadyExists)
		return zx.OK
	})))
	if looks < 3 || w.mappings() != 0 {
		t.Fatalf("%d looks, %d mappings left", looks, w.mappings())
	}
	w.close(v)
}

// TestDeepRegions: regions lie in one another only so deep.
func TestDeepRegions(t *testing.T) {
	w := newWorld(t)
	v := w.anon(1)
	r, n := w.as.Root(), 0
	for {
		sub, _, st := r.Allocate(canMapRWX|zx.VMCanMapSpecific, 0, page, allRights, nil)
		if st != zx.OK {
			w.want(st, zx.ErrNoMemory)
			break
		}
		r, n = sub, n+1
	}
	va, st := r.Map(prw, 0, v, 0, page, allRights, allRights, nil)
	w.ok(st)
	w.ok(w.store1(va))
	if n != maxDepth {
		t.Fatalf("%d deep", n)
	}
	w.ok(w.as.Root().Unmap(va, page, allRights, nil))
	w.want(r.Unmap(va, page, allRights, nil), zx.ErrBadState)
	w.close(v)
}

// TestBeyondStream: a mapping with FAULT_BEYOND_STREAM_SIZE ends for its users
// with the page of the last byte of the stream, wherever that moves.
func TestBeyondStream(t *testing.T) {
	w := newWorld(t)
	v := w.anon(8)
	w.ok(v.SetStreamSize(2*page+1, &w.req))
	va, st := w.as.Root().Map(prw|zx.VMAllowFaults|zx.VMFaultBeyondStreamSize, 0, v, page, 7*page, allRights, allRights, nil)
	w.ok(st)
	plain := w.mapAt(100, prw, v, 1, 7)
	w.ok(w.store1(va + page))
	w.want(w.store1(va+2*page), zx.ErrOutOfRange)
	w.want(w.load(va+2*page), zx.ErrOutOfRange)
	w.ok(w.store1(plain + 2*page))
	root := w.as.Root()
	w.ok(root.OpRange(zx.VMAROpCommit, va, 2*page, false, allRights, &w.req))
	w.want(root.OpRange(zx.VMAROpCommit, va, 3*page, false, allRights, &w.req), zx.ErrOutOfRange)
	w.ok(v.SetStreamSize(5*page, &w.req))
	w.ok(w.store1(va + 3*page))
	w.want(w.load(va+4*page), zx.ErrOutOfRange)
	w.ok(v.SetStreamSize(page, &w.req))
	w.want(w.load(va), zx.ErrOutOfRange)
	w.ok(w.load(plain))
	w.ok(root.Protect(pr, va+page, page, allRights, nil)) // the pieces are as the whole
	w.want(w.load(va+page), zx.ErrOutOfRange)
	w.close(v)
}

// TestDyingIsFinished: what a killed thread left half removed goes with the next
// operation that meets a part of it.
func TestDyingIsFinished(t *testing.T) {
	const tables = 100
	killed := looker(func() zx.Status { return zx.ErrInternalIntrKilled })
	for _, at := range []uint64{0, 30 * 512, 99*512 + 511} {
		w := newWorld(t)
		v := w.anon(tables * 512)
		va := w.mapAt(0, prw, v, 0, tables*512)
		for i := range zx.VirtAddr(tables) {
			w.ok(w.load(va + i<<21))
		}
		w.want(w.as.Root().Unmap(va, tables*512*page, allRights, killed), zx.ErrInternalIntrKilled)
		w.want(w.load(va), zx.ErrNotFound)
		_, st := w.as.Root().Map(prw|zx.VMSpecificOverwrite, at*page, v, 0, page, allRights, allRights, nil)
		w.ok(st)
		if n := w.mappings(); n != 1 {
			t.Fatalf("overwrite at page %d: %d mappings", at, n)
		}
		w.ok(w.store1(UserBase + zx.VirtAddr(at*page)))
		w.close(v)
	}
}
