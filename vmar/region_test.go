package vmar

import (
	"reflect"
	"testing"

	"faultline/account"
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

func TestMapRefuses(t *testing.T) {
	w := newWorld(t)
	v, fixed := w.anon(4), func() *vmo.VMO { v, _ := w.store.New(4*page, 0); return v }()
	loose, st := w.store.New(page, zx.VMODiscardable)
	w.ok(st)
	root := w.as.Root()
	w.mapAt(100, prw, v, 0, 4)
	ro, _, st := root.Allocate(zx.VMCanMapRead|zx.VMSpecific, 200*page, 4*page, allRights, nil)
	w.ok(st)
	dead, _, st := root.Allocate(canMapRWX, 0, page, allRights, nil)
	w.ok(st)
	w.ok(dead.Destroy(nil))
	const spec, over = zx.VMSpecific, zx.VMSpecificOverwrite
	none := zx.Rights(0)
	for _, c := range []struct {
		name      string
		r         *VMAR
		options   uint32
		off       uint64
		v         *vmo.VMO
		vmoOff, n uint64
		vr, rr    zx.Rights
		want      zx.Status
	}{
		// In the order of the checks: each row is right up to its own fault,
		// and wrong in what would be checked later.
		{"no MAP right", root, zx.VMPermWrite, 0, v, 1, 0, allRights &^ zx.RightMap, none, zx.ErrAccessDenied},
		{"write without read", root, zx.VMPermWrite, 0, v, 1, 0, zx.RightMap, none, zx.ErrInvalidArgs},
		{"execute without read", root, zx.VMPermExecute, 0, v, 1, 0, zx.RightMap, none, zx.ErrInvalidArgs},
		{"MAP_RANGE with OVERWRITE", root, pr | zx.VMMapRange | over, 0, v, 1, 0, zx.RightMap, none, zx.ErrInvalidArgs},
		{"CAN_MAP_READ", root, pr | zx.VMCanMapRead, 0, v, 1, 0, zx.RightMap, none, zx.ErrInvalidArgs},
		{"CAN_MAP_WRITE", root, pr | zx.VMCanMapWrite, 0, v, 1, 0, zx.RightMap, none, zx.ErrInvalidArgs},
		{"CAN_MAP_EXECUTE", root, pr | zx.VMCanMapExecute, 0, v, 1, 0, zx.RightMap, none, zx.ErrInvalidArgs},
		{"VMO handle lacks READ", root, pr | zx.VMRequireNonResizable, 0, v, 1, 0, allRights &^ zx.RightRead, allRights, zx.ErrAccessDenied},
		{"VMO handle lacks WRITE", root, prw | zx.VMRequireNonResizable, 0, v, 1, 0, allRights &^ zx.RightWrite, allRights, zx.ErrAccessDenied},
		{"VMAR handle lacks WRITE", root, prw | zx.VMRequireNonResizable, 0, v, 1, 0, allRights, allRights &^ zx.RightWrite, zx.ErrAccessDenied},
		{"VMAR handle lacks EXECUTE", root, pr | zx.VMPermExecute, 0, v, 1, 0, allRights, allRights &^ zx.RightExecute, zx.ErrAccessDenied},
		{"beyond the stream without ALLOW_FAULTS", root, pr | zx.VMFaultBeyondStreamSize | zx.VMRequireNonResizable, 0, v, 1, 0, allRights, allRights, zx.ErrInvalidArgs},
		{"resizable", root, pr | zx.VMRequireNonResizable | 1<<20, 0, v, 0, ^uint64(0), allRights, allRights, zx.ErrNotSupported},
		{"unknown option", root, pr | 1<<20, 0, v, 0, ^uint64(0), allRights, allRights, zx.ErrInvalidArgs},
		{"alignment 2^9", dead, pr | 9<<zx.VMAlignShift, 0, v, 0, ^uint64(0), allRights, allRights, zx.ErrInvalidArgs},
		{"alignment 2^33", dead, pr | 33<<zx.VMAlignShift, 0, v, 0, ^uint64(0), allRights, allRights, zx.ErrInvalidArgs},
		{"VMO offset unaligned", dead, pr, 0, v, 1, page, allRights, allRights, zx.ErrInvalidArgs},
		{"length 0", dead, pr, 0, v, 0, 0, allRights, allRights, zx.ErrInvalidArgs},
		{"length wraps", dead, pr, 0, v, 0, ^uint64(0), allRights, allRights, zx.ErrOutOfRange},
		{"VMO range wraps", dead, pr, 0, v, ^uint64(0) &^ (page - 1), 2 * page, allRights, allRights, zx.ErrOutOfRange},
		{"region destroyed", dead, pr, 5, v, 0, page, allRights, allRights, zx.ErrBadState},
		{"region forbids writing", ro, prw | spec, 0, v, 0, page, allRights, allRights, zx.ErrAccessDenied},
		{"region forbids SPECIFIC", ro, pr | spec, 0, v, 0, page, allRights, allRights, zx.ErrAccessDenied},
		{"region forbids UPPER_LIMIT", ro, pr | zx.VMOffsetIsUpperLimit, page, v, 0, page, allRights, allRights, zx.ErrAccessDenied},
		{"SPECIFIC and UPPER_LIMIT", root, pr | spec | zx.VMOffsetIsUpperLimit, page, v, 0, page, allRights, allRights, zx.ErrInvalidArgs},
		{"offset without SPECIFIC", root, pr, page, v, 0, page, allRights, allRights, zx.ErrInvalidArgs},
		{"offset unaligned", root, pr | spec, 5, v, 0, page, allRights, allRights, zx.ErrInvalidArgs},
		{"not so aligned", root, pr | spec | 13<<zx.VMAlignShift, page, v, 0, page, allRights, allRights, zx.ErrInvalidArgs},
		{"past the region", root, pr | spec, userSize, v, 0, page, allRights, allRights, zx.ErrInvalidArgs},
		{"out of the region", root, pr | spec, userSize - page, v, 0, 2 * page, allRights, allRights, zx.ErrInvalidArgs},
		{"offset wraps", root, pr | spec, ^uint64(0) &^ (page - 1), v, 0, page, allRights, allRights, zx.ErrInvalidArgs},
		{"limit too low", root, pr | zx.VMOffsetIsUpperLimit, page, v, 0, 2 * page, allRights, allRights, zx.ErrInvalidArgs},
		{"occupied", root, pr | spec, 103 * page, v, 0, 2 * page, allRights, allRights, zx.ErrAlreadyExists},
		{"occupied by a region", root, pr | spec, 199 * page, v, 0, 2 * page, allRights, allRights, zx.ErrAlreadyExists},
		{"overwriting a region", root, pr | over, 199 * page, v, 0, 9 * page, allRights, allRights, zx.ErrInvalidArgs},
		{"no room", ro, pr, 0, v, 0, 5 * page, allRights, allRights, zx.ErrNoResources},
		{"no room in all of it", root, pr, 0, v, 0, userSize, allRights, allRights, zx.ErrNoResources},
		{"discardable", root, pr, 0, loose, 1, page, allRights, allRights, zx.ErrNotSupported},
		{"discardable, ALLOW_FAULTS", root, pr | zx.VMAllowFaults, 0, loose, 0, page, allRights, allRights, zx.OK},
		{"not resizable", root, pr | zx.VMRequireNonResizable, 0, fixed, 0, 1, allRights, allRights, zx.OK},
		{"ALLOW_FAULTS", root, pr | zx.VMAllowFaults, 0, v, 0, page, allRights, allRights, zx.OK},
		{"past the VMO's end", root, pr, 0, v, 1 << 40, page, allRights, allRights, zx.OK},
		{"no permission at all", root, 0, 0, v, 0, page, zx.RightMap, none, zx.OK},
	} {
		before := w.mappings()
		_, st := c.r.Map(c.options, c.off, c.v, c.vmoOff, c.n, c.vr, c.rr, nil)
		if st != c.want {
			t.Errorf("%s: %v, want %v", c.name, st, c.want)
		}
		if st != zx.OK && w.mappings() != before {
			t.Errorf("%s: refused, yet something changed", c.name)
		}
	}
	w.close(v, fixed, loose)
}

func TestUnmapProtectAllocateRefuse(t *testing.T) {
	w := newWorld(t)
	v := w.anon(8)
	root := w.as.Root()
	va := w.mapAt(10, pr, v, 0, 4)
	_, st := root.Map(pr|zx.VMSpecific, 20*page, v, 0, page, allRights&^zx.RightWrite, allRights, nil)
	w.ok(st)
	sub, sva, st := root.Allocate(canMapRWX|zx.VMCanMapSpecific|zx.VMSpecific, 30*page, 4*page, allRights, nil)
	w.ok(st)
	for _, c := range []struct {
		name    string
		got, st zx.Status
	}{
		{"unmap unaligned", root.Unmap(va+1, page, allRights, nil), zx.ErrInvalidArgs},
		{"unmap nothing", root.Unmap(va, 0, allRights, nil), zx.ErrInvalidArgs},
		{"unmap wrapping", root.Unmap(va, ^uint64(0), allRights, nil), zx.ErrInvalidArgs},
		{"unmap below", root.Unmap(0x1000, page, allRights, nil), zx.ErrInvalidArgs},
		{"unmap past the end", root.Unmap(UserEnd-page, 2*page, allRights, nil), zx.ErrInvalidArgs},
		{"unmap half a region", root.Unmap(sva-page, 2*page, allRights, nil), zx.ErrInvalidArgs},
		{"unmap through the wrong region", sub.Unmap(va, page, allRights, nil), zx.ErrInvalidArgs},
		{"unmap a hole", root.Unmap(va+0x100000, page, allRights, nil), zx.OK},
		{"protect with an option", root.Protect(pr|zx.VMSpecific, va, page, allRights, nil), zx.ErrInvalidArgs},
		{"protect to write only", root.Protect(zx.VMPermWrite, va, page, allRights, nil), zx.ErrInvalidArgs},
		{"protect without the right", root.Protect(prw, va, page, zx.RightRead, nil), zx.ErrAccessDenied},
		{"protect unaligned", root.Protect(pr, va+1, page, allRights, nil), zx.ErrInvalidArgs},
		{"protect nothing", root.Protect(pr, va, 0, allRights, nil), zx.ErrInvalidArgs},
		{"protect outside", root.Protect(pr, UserEnd, page, allRights, nil), zx.ErrInvalidArgs},
		{"protect a hole", root.Protect(pr, va+4*page, page, allRights, nil), zx.ErrNotFound},
		{"protect into a hole", root.Protect(pr, va, 5*page, allRights, nil), zx.ErrNotFound},
		{"protect an empty region", root.Protect(pr, sva, page, allRights, nil), zx.ErrNotFound},
		{"protect beyond the VMO handle", root.Protect(prw, UserBase+20*page, page, allRights, nil), zx.ErrAccessDenied},
		{"allocate with PERM", second(root.Allocate(pr, 0, page, allRights, nil)), zx.ErrInvalidArgs},
		{"allocate overwriting", second(root.Allocate(zx.VMSpecificOverwrite, 0, page, allRights, nil)), zx.ErrInvalidArgs},
		{"allocate without the right", second(root.Allocate(zx.VMCanMapWrite, 0, page, zx.RightRead, nil)), zx.ErrAccessDenied},
		{"allocate nothing", second(root.Allocate(0, 0, 0, allRights, nil)), zx.ErrInvalidArgs},
		{"allocate wrapping", second(root.Allocate(0, 0, ^uint64(0), allRights, nil)), zx.ErrInvalidArgs},
		{"allocate where there is something", second(root.Allocate(zx.VMSpecific, 13*page, page, allRights, nil)), zx.ErrAlreadyExists},
		{"allocate in a region", second(sub.Allocate(zx.VMCanMapRead|zx.VMSpecific, 0, page, allRights, nil)), zx.OK},
		{"destroy", sub.Destroy(nil), zx.OK},
		{"destroy again", sub.Destroy(nil), zx.ErrBadState},
		{"unmap in the dead", sub.Unmap(sva, page, allRights, nil), zx.ErrBadState},
		{"protect in the dead", sub.Protect(pr, sva, page, allRights, nil), zx.ErrBadState},
		{"allocate in the dead", second(sub.Allocate(0, 0, page, allRights, nil)), zx.ErrBadState},
		{"operate in the dead", sub.OpRange(zx.VMAROpDontNeed, sva, page, false, allRights, &w.req), zx.ErrBadState},
	} {
		if c.got != c.st {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.st)
		}
	}
	w.close(v)
}

func second(_ *VMAR, _ zx.VirtAddr, st zx.Status) zx.Status { return st }

// TestAccount: an account for four children refuses a fifth, and is empty when
// all are gone.
func TestAccount(t *testing.T) {
	if n := max(reflect.TypeFor[Mapping]().Size(), reflect.TypeFor[VMAR]().Size()); int64(n)+32 > childBytes {
		t.Fatalf("a child takes %d bytes, and is charged %d", n, childBytes)
	}
	w := newWorld(t)
	w.as.account = account.NewRoot(4*childBytes, 1<<20, nil)
	v := w.anon(8)
	root := w.as.Root()
	va := w.mapAt(0, prw, v, 0, 8)
	sub, _, st := root.Allocate(canMapRWX, 0, page, allRights, nil)
	w.ok(st)
	w.want(root.Unmap(va+page, page, allRights, nil), zx.OK) // two cuts: four for a moment, now three
	w.want(root.Unmap(va+3*page, page, allRights, nil), zx.ErrNoMemory)
	w.want(root.Protect(pr, va+3*page, page, allRights, nil), zx.ErrNoMemory)
	w.ok(second(root.Allocate(0, 0, page, allRights, nil)))
	w.want(second(root.Allocate(0, 0, page, allRights, nil)), zx.ErrNoMemory)
	_, st = root.Map(pr, 0, v, 0, page, allRights, allRights, nil)
	w.want(st, zx.ErrNoMemory)
	w.want(root.Protect(pr, va+2*page, 6*page, allRights, nil), zx.OK) // needs no split
	w.ok(sub.Destroy(nil))
	w.want(root.Unmap(va+3*page, page, allRights, nil), zx.ErrNoMemory)
	w.want(root.Unmap(va+7*page, page, allRights, nil), zx.OK) // one cut
	w.ok(root.Unmap(UserBase, 100*page, allRights, nil))
	if w.mappings() != 0 || w.as.account.Used() != 0 {
		t.Fatalf("%d mappings counted, %d bytes charged, none alive", w.mappings(), w.as.account.Used())
	}
	w.close(v)
}

func TestPlacement(t *testing.T) {
	w := newWorld(t)
	v := w.anon(1)
	root := w.as.Root()
	place := func(options uint32, off, pages uint64) zx.VirtAddr {
		t.Helper()
		va, st := root.Map(pr|options, off, v, 0, pages*page, allRights, allRights, nil)
		w.ok(st)
		return va - UserBase
	}
	a, b, c := place(0, 0, 2), place(0, 0, 1), place(0, 0, 3)
	if a != 0 || b != 2*page || c != 3*page {
		t.Fatalf("first three at %#x %#x %#x", a, b, c)
	}
	w.ok(root.Unmap(UserBase+b, page, allRights, nil))
	if d := place(0, 0, 2); d != 6*page {
		t.Fatalf("two pages in a gap of one: %#x", d)
	}
	if d := place(0, 0, 1); d != b {
		t.Fatalf("the gap is not used again: %#x", d)
	}
	if d := place(21<<zx.VMAlignShift, 0, 1); d != 2<<20 {
		t.Fatalf("aligned to 2 MiB: %#x", d)
	}
	if d := place(zx.VMOffsetIsUpperLimit, 9*page, 1); d != 8*page {
		t.Fatalf("below the limit: %#x", d)
	}
	if _, st := root.Map(pr|zx.VMOffsetIsUpperLimit, 9*page, v, 0, page, allRights, allRights, nil); st != zx.ErrNoResources {
		t.Fatalf("no room below the limit: %v", st)
	}
	w.close(v)
}

// TestPlacementFills: nothing is kept free between what is placed.
func TestPlacementFills(t *testing.T) {
	for _, c := range []struct {
		options     uint32
		off         uint64
		align, want int
	}{
		{0, 0, 0, 100},
		{zx.VMOffsetIsUpperLimit, 50 * page, 0, 50},
		{0, 0, 14, 25}, // every fourth page
		{zx.VMOffsetIsUpperLimit, 50 * page, 14, 13},
	} {
		w := newWorld(t)
		v := w.anon(1)
		sub, _, st := w.as.Root().Allocate(canMapRWX|zx.VMCanMapSpecific|20<<zx.VMAlignShift, 0, 100*page, allRights, nil)
		w.ok(st)
		n := 0
		for st == zx.OK {
			if _, st = sub.Map(pr|c.options|uint32(c.align)<<zx.VMAlignShift, c.off, v, 0, page, allRights, allRights, nil); st == zx.OK {
				n++
			}
		}
		if w.want(st, zx.ErrNoResources); n != c.want {
			t.Errorf("%+v: %d fit", c, n)
		}
		w.close(v)
	}
}

func TestOpRange(t *testing.T) {
	w := newWorld(t)
	src := &fakeSource{}
	v, a := w.paged(4, src), w.anon(4)
	src.wait = func() zx.Status {
		last := src.asked[len(src.asked)-1]
		w.supply(v, last.off/page, last.n/page, 0)
		return zx.OK
	}
	root := w.as.Root()
	va := w.mapAt(10, prw, v, 0, 4)
	sub, sva, st := root.Allocate(canMapRWX|zx.VMCanMapSpecific|zx.VMSpecific, 14*page, 8*page, allRights, nil)
	w.ok(st)
	_, st = sub.Map(prw|zx.VMSpecific, 0, a, 0, 4*page, allRights, allRights, nil)
	w.ok(st)
	_, st = root.Map(pr|zx.VMSpecific, 30*page, a, 0, page, allRights&^zx.RightWrite, allRights, nil)
	w.ok(st)
	w.mapAt(31, 0, a, 0, 1)
	op := func(name string, want zx.Status, r *VMAR, op uint32, at zx.VirtAddr, pages uint64) {
		t.Helper()
		if got := r.OpRange(op, at, pages*page, false, allRights, &w.req); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	op("unaligned", zx.ErrInvalidArgs, root, zx.VMAROpCommit, va+1, 1)
	op("empty", zx.ErrInvalidArgs, root, zx.VMAROpCommit, va, 0)
	op("unknown", zx.ErrInvalidArgs, root, 4, va, 1)
	op("outside", zx.ErrOutOfRange, sub, zx.VMAROpCommit, va, 1)
	op("partly outside", zx.ErrOutOfRange, sub, zx.VMAROpCommit, sva+7*page, 2)
	for i, c := range []struct {
		op     uint32
		rights zx.Rights
		want   zx.Status
	}{
		{zx.VMAROpCommit, zx.RightRead, zx.ErrAccessDenied},
		{zx.VMAROpDecommit, zx.RightRead, zx.ErrAccessDenied},
		{zx.VMAROpZero, zx.RightRead, zx.ErrAccessDenied},
		{zx.VMAROpPrefetch, zx.RightWrite, zx.ErrAccessDenied},
		{zx.VMAROpMapRange, zx.RightWrite, zx.ErrAccessDenied},
		{zx.VMAROpDontNeed, 0, zx.ErrInvalidArgs},
		{zx.VMAROpAlwaysNeed, 0, zx.ErrInvalidArgs},
		{99, 0, zx.ErrInvalidArgs},
	} {
		if st := root.OpRange(c.op, va+1, page, true, c.rights, &w.req); st != c.want {
			t.Errorf("rights, row %d: %v, want %v", i, st, c.want)
		}
	}
	if st := root.OpRange(zx.VMAROpDontNeed, va, page, true, allRights, &w.req); st != zx.ErrInvalidArgs {
		t.Errorf("a buffer: %v", st)
	}
	op("gap first", zx.ErrBadState, root, zx.VMAROpCommit, va-page, 2)
	op("never writable", zx.ErrAccessDenied, root, zx.VMAROpCommit, UserBase+30*page, 1)
	op("never writable", zx.ErrAccessDenied, root, zx.VMAROpDecommit, UserBase+30*page, 1)
	op("decommit of a paged VMO", zx.ErrNotSupported, root, zx.VMAROpDecommit, va, 1)
	if len(src.asked) != 0 {
		t.Fatalf("asked %v", src.asked)
	}
	op("map range", zx.OK, root, zx.VMAROpMapRange, va, 4)
	if w.pte(va).Present() || len(src.asked) != 0 {
		t.Fatal("MAP_RANGE mapped what is not there, or asked")
	}
	w.supply(v, 2, 1, 0)
	op("map range", zx.OK, root, zx.VMAROpMapRange, va, 4)
	if w.pte(va+2*page).Prot() != mmu.Read || w.pte(va+3*page).Present() {
		t.Fatalf("MAP_RANGE mapped %v, %v", w.pte(va+2*page), w.pte(va+3*page))
	}
	op("commit, then a gap", zx.ErrBadState, root, zx.VMAROpCommit, UserBase+31*page, 2)
	op("range wraps", zx.ErrOutOfRange, root, zx.VMAROpCommit, va, ^uint64(0)/page)
	op("commit of both through the parent", zx.ErrInvalidArgs, root, zx.VMAROpCommit, va, 8)
	op("commit, then a gap", zx.ErrBadState, sub, zx.VMAROpCommit, sva, 5)
	for i := zx.VirtAddr(0); i < 4; i++ {
		if w.pte(va+i*page).Prot() != mmu.Read || w.pte(sva+i*page).Prot() != mmu.Read|mmu.Write {
			t.Fatalf("page %d after COMMIT: %v and %v", i, w.pte(va+i*page), w.pte(sva+i*page))
		}
	}
	if len(src.asked) != 2 || src.asked[0] != (request{0, 0, 2 * page}) || src.asked[1] != (request{0, 3 * page, page}) {
		t.Fatalf("COMMIT asked %v", src.asked)
	}
	op("don't need", zx.OK, root, zx.VMAROpDontNeed, va, 8)
	op("always need", zx.OK, root, zx.VMAROpAlwaysNeed, va, 8)
	op("prefetch", zx.OK, root, zx.VMAROpPrefetch, va, 4)
	op("prefetch through the parent", zx.ErrInvalidArgs, root, zx.VMAROpPrefetch, sva, 1)
	op("decommit through the parent", zx.ErrInvalidArgs, root, zx.VMAROpDecommit, sva, 1)
	w.want(root.OpRange(zx.VMAROpZero, sva, page, false, allRights&^zx.RightOpChildren, &w.req), zx.ErrInvalidArgs)
	w.ok(sub.OpRange(zx.VMAROpZero, sva, page, false, allRights&^zx.RightOpChildren, &w.req))
	op("zero", zx.OK, root, zx.VMAROpZero, sva, 1)
	op("decommit", zx.OK, sub, zx.VMAROpDecommit, sva, 4)
	if w.pte(sva + page).Present() {
		t.Fatal("mapped after DECOMMIT")
	}
	src.wait = func() zx.Status { return zx.ErrIO }
	v.DropClean()
	op("prefetch that fails", zx.ErrIO, root, zx.VMAROpPrefetch, va, 4)
	op("always need that fails", zx.OK, root, zx.VMAROpAlwaysNeed, va, 8)
	src.wait = func() zx.Status {
		w.ok(root.Unmap(va, 4*page, allRights, nil)) // while it sleeps
		w.supply(v, 0, 4, 0)
		return zx.OK
	}
	op("unmapped meanwhile", zx.OK, root, zx.VMAROpCommit, va, 4)
	if w.pte(va).Present() {
		t.Fatal("COMMIT mapped pages where nothing is mapped any more")
	}
	w.close(v, a)
}

// TestOpChildren covers what a handle may do to the mappings of the regions in
// its own.
func TestOpChildren(t *testing.T) {
	w := newWorld(t)
	v := w.anon(8)
	root := w.as.Root()
	// Pages 0-1 of root itself, 2-9 a region in a region, 10 a hole.
	va := w.mapAt(0, prw, v, 0, 2)
	mid, _, st := root.Allocate(canMapRWX|zx.VMCanMapSpecific|zx.VMSpecific, 2*page, 8*page, allRights, nil)
	w.ok(st)
	low, lva, st := mid.Allocate(canMapRWX|zx.VMCanMapSpecific|zx.VMSpecific, 0, 8*page, allRights, nil)
	w.ok(st)
	_, st = low.Map(prw|zx.VMSpecific, 0, v, 0, 8*page, allRights, allRights, nil)
	w.ok(st)
	for i := zx.VirtAddr(0); i < 10; i++ {
		w.ok(w.store1(va + i*page))
	}
	only := allRights &^ zx.RightOpChildren
	w.want(root.Unmap(va, 10*page, only, nil), zx.ErrInvalidArgs)
	w.want(root.Protect(pr, va, 10*page, only, nil), zx.ErrInvalidArgs)
	w.want(root.Protect(pr, va, 11*page, allRights, nil), zx.ErrNotFound)
	w.want(root.Protect(pr|zx.VMPermExecute, lva, page, allRights, nil), zx.ErrAccessDenied)
	for i := zx.VirtAddr(0); i < 10; i++ {
		if w.pte(va+i*page).Prot() != mmu.Read|mmu.Write {
			t.Fatalf("page %d is %v after calls that were refused", i, w.pte(va+i*page))
		}
	}
	w.as.account = account.NewRoot(childBytes, 1<<20, nil)
	w.want(root.Protect(pr, lva+page, 2*page, allRights, nil), zx.ErrNoMemory) // two cuts, deep down
	w.as.account = nil
	w.ok(root.Protect(pr, va+page, 3*page, allRights, nil)) // cuts both: 1 of root, 2-3 of low
	for i := zx.VirtAddr(0); i < 10; i++ {
		want := mmu.Read | mmu.Write
		if i >= 1 && i < 4 {
			want = mmu.Read
		}
		if got := w.pte(va + i*page).Prot(); got != want {
			t.Fatalf("page %d is %v, want %v", i, got, want)
		}
	}
	w.want(w.store1(lva), zx.ErrAccessDenied)
	w.ok(w.store1(lva + 2*page))
	w.want(root.Protect(prw, lva, page, allRights, nil), zx.ErrAccessDenied) // gains, through a parent
	w.want(mid.Protect(prw, lva, page, allRights, nil), zx.ErrAccessDenied)
	w.ok(low.Protect(prw, lva, page, only, nil))
	w.ok(w.store1(lva))
	w.want(root.Unmap(lva, page, allRights, nil), zx.ErrInvalidArgs) // half of mid
	w.ok(low.Unmap(lva, page, only, nil))
	w.ok(root.Unmap(va, 2*page, only, nil))
	w.ok(root.Unmap(va, 10*page, allRights, nil))
	w.want(low.Unmap(lva, page, only, nil), zx.ErrBadState)
	w.close(v)
}

func TestMapRange(t *testing.T) {
	w := newWorld(t)
	src := &fakeSource{traps: true}
	v := w.paged(50, src)
	w.supply(v, 3, 40, 0)
	va := w.mapAt(500, prw|zx.VMMapRange, v, 0, 60)
	for i := uint64(0); i < 60; i++ {
		e := w.pte(va + zx.VirtAddr(i*page))
		if e.Present() != (i >= 3 && i < 43) || e&mmu.PTE_RW != 0 {
			t.Fatalf("page %d: %v", i, e)
		}
	}
	if len(src.asked) != 0 {
		t.Fatalf("asked %v", src.asked)
	}
	w.close(v)
}

func TestDestroyReleasesEverything(t *testing.T) {
	w := newWorld(t)
	src := &fakeSource{}
	v := w.paged(4, src)
	w.supply(v, 0, 4, 0)
	r := w.as.Root()
	for i := 0; i < 3; i++ { // regions within regions
		var st zx.Status
		r, _, st = r.Allocate(canMapRWX, 0, uint64(100-20*i)*page, allRights, nil)
		w.ok(st)
		va, st := r.Map(prw, 0, v, 0, 4*page, allRights, allRights, nil)
		w.ok(st)
		w.ok(w.load(va))
		w.ok(w.store1(va + page))
		w.ok(r.Unmap(va+page, page, allRights, nil))
	}
	if n := w.mappings(); n != 6 || v.Info().Mappings != 6 {
		t.Fatalf("%d mappings, %d known to the VMO", n, v.Info().Mappings)
	}
	v.Release() // the mappings keep it
	if src.closed {
		t.Fatal("closed while mapped")
	}
	w.close()
	if !src.closed {
		t.Fatal("not closed by its last mapping")
	}
}
