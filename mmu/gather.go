package mmu

import "faultline/zx"

// TLB invalidates cached translations. The consumer of mmu supplies it (the
// kernel passes the CPU's); when it returns, no CPU uses the old translation.
// A root that is loaded on no CPU has nothing cached (no PCIDs), so the
// implementation may then do nothing.
type TLB interface {
	// Invalidate drops the translations of the pages [start, end) under root.
	// It is asked once for each change, however many pages that has, so that other
	// CPUs are disturbed once.
	Invalidate(root zx.PhysAddr, start, end zx.VirtAddr)
}

// FlushAllPages is the length of a range, in pages, from which on a TLB had better
// drop everything instead of page after page. One INVLPG costs a few
// hundred cycles and a refill of everything a few thousand.
const FlushAllPages = 33

// Gather collects what changes to one PageTable oblige us to do: the hull of
// the addresses to invalidate, and the page tables that were unlinked but may
// still be walked. The zero Gather is empty and ready. It belongs to one
// thread; Flush must be called before any frame unmapped through it is freed,
// and before a write permission removed through it counts as gone.
type Gather struct {
	start, end zx.VirtAddr // hull of the pages to invalidate; start == end: none
	table      *PageTable  // nil: nothing is gathered
	tables     Frame       // unlinked tables, through Meta.Next
}

// add notes that the translation of the page at va was weakened.
func (g *Gather) add(t *PageTable, va zx.VirtAddr) {
	if g.table == nil {
		g.table = t
		g.start, g.end = va, va+zx.PageSize
		return
	}
	if va < g.start {
		g.start = va
	}
	if va >= g.end {
		g.end = va + zx.PageSize
	}
}

// addPages notes that the translations of pages first to last from at on were
// weakened.
func (g *Gather) addPages(t *PageTable, at uint64, first, last int) {
	g.add(t, zx.VirtAddr(at)+zx.VirtAddr(first)<<zx.PageShift)
	g.end = max(g.end, zx.VirtAddr(at)+zx.VirtAddr(last+1)<<zx.PageShift)
}

// addTable queues the unlinked table f. Pre: add was called.
func (g *Gather) addTable(f Frame) {
	g.table.mem.Meta(f).Next = g.tables
	g.tables = f
}

// Flush invalidates what was gathered, then frees the unlinked tables, and
// leaves g empty. Locks: none needed; no lock of the PageTable is held.
// Source: Intel SDM 3A 4.10.4 (INVLPG also drops the paging-structure caches, so
// dropping any page suffices for the reuse of a table).
func (g *Gather) Flush(tlb TLB) {
	t := g.table
	if t == nil {
		return
	}
	if g.start < g.end {
		tlb.Invalidate(t.Root(), g.start, g.end)
	}
	if g.tables != 0 {
		t.grown.Lock()
		for f := g.tables; f != 0; {
			next := t.mem.Meta(f).Next
			t.mem.freeTable(f, OwnerZeroed)
			f = next
		}
		t.grown.Unlock()
	}
	*g = Gather{}
}
