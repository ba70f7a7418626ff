package mmu

import (
	"fmt"
	"sync/atomic"

	"faultline/spin"
	"faultline/zx"
)

// Levels of the paging structures, by the manual's names.
const (
	LevelPT   = 1
	LevelPD   = 2
	LevelPDPT = 3
	LevelPML4 = 4
)

// The part of the root that user mappings may use: PML4[1] to PML4[255], the
// lower half without the first 512 GiB, which are the kernel's identity map.
const (
	userSlotFirst = 1
	userSlotLast  = 255
)

// recentTables is how many page tables a PageTable remembers, a power of two.
const recentTables = 16

// recentTable is a page table used lately.
type recentTable struct {
	key  uint64 // address >> 21 it translates; noKey: none
	leaf *table
	meta *Meta // counts the entries in use
}

// noKey is the key of no page table.
const noKey = ^uint64(0)

// PageTable is one root and the user tables below it. Every method takes its
// lock, a leaf: any lock but Memory's may be held by the caller. Addresses are
// page aligned and in PML4[1] to PML4[255] unless a method says otherwise;
// anything else is a bug above and panics.
type PageTable struct {
	mem  *Memory
	root Frame

	mu spin.Lock
	// Page tables used lately, each at the place its addresses choose: a page
	// whose table is here needs no walk. A fault, the copy of a packet to the
	// thread that serves it and the fault's end take turns in two or three
	// tables, so one would miss every time. A table leaves before it is
	// unlinked (prune, Destroy). Guarded by mu.
	recent [recentTables]recentTable
}

// NewPageTable makes a root whose first 512 GiB and upper half are those of shared:
// the very same tables, so kernel mappings are one for all. The rest is empty.
// Pre: shared outlives the new root. Errors: NO_MEMORY.
func (m *Memory) NewPageTable(shared *PageTable) (*PageTable, zx.Status) {
	root, st := m.allocTable()
	if st != zx.OK {
		return nil, st
	}
	if shared != nil {
		from, to := m.table(shared.root), m.table(root)
		for i := range kernelEntries {
			if e := from.load(i); e != 0 {
				to.store(i, e)
			}
		}
	}
	t := &PageTable{mem: m, root: root}
	t.forget()
	return t, zx.OK
}

// Root is the physical address CR3 takes.
func (t *PageTable) Root() zx.PhysAddr { return t.root.Addr() }

// shift is the number of the lowest address bit that indexes a table of level.
func shift(level int) uint { return uint(zx.PageShift + indexBits*(level-1)) }

// recently gives the place of the page table of va among the recent ones. It is
// there if its key is va >> 21. Locks: t.mu held.
func (t *PageTable) recently(va uint64) *recentTable {
	return &t.recent[va>>shift(LevelPD)&(recentTables-1)]
}

// Map makes the page at va lead to f as leaf (Prot.Leaf) says: a fresh entry, an
// upgrade or a replacement. An entry that already led to f keeps what it allows,
// also what leaf does not, for whoever put it there may be using it: permissions
// go by RemoveWrite, Protect and Unmap alone. It keeps its accessed and dirty
// flags too; they are never preset. stale says that a translation was replaced,
// and the caller invalidates the page; a fresh or upgraded one needs no
// invalidation (SDM 3A 4.10.4.3).
// Errors: NO_MEMORY, nothing changed.
//
// A fresh entry in a page table used lately, the end of nearly every fault,
// takes 40 instructions; a walk adds 70.
func (t *PageTable) Map(va zx.VirtAddr, f Frame, leaf PTE) (stale bool, st zx.Status) {
	if t.mu.TryLock() {
		if c := t.recently(uint64(va)); c.key == uint64(va)>>shift(LevelPD) {
			if e := c.leaf.at(uint64(va)); atomic.LoadUint64(e) == 0 {
				atomic.StoreUint64(e, uint64(leaf|PTE(f)<<zx.PageShift))
				c.meta.live++
				t.mu.Unlock()
				return false, zx.OK
			}
		}
		t.mu.Unlock()
	}
	return t.mapAny(va, f, leaf)
}

// mapAny is Map of any page, in use or not.
func (t *PageTable) mapAny(va zx.VirtAddr, f Frame, leaf PTE) (stale bool, st zx.Status) {
	t.mu.Lock()
	c, st := t.reachAlloc(uint64(va))
	if st != zx.OK {
		t.mu.Unlock()
		return false, st
	}
	e := c.leaf.at(uint64(va))
	want, old := leaf|PTE(f)<<zx.PageShift, PTE(atomic.LoadUint64(e))
	switch {
	case old == 0:
		atomic.StoreUint64(e, uint64(want))
		c.meta.live++
	case old.Frame() != f:
		atomic.StoreUint64(e, uint64(want))
		stale = true
	default:
		// One locked step for each bit, so that a flag the CPU sets meanwhile
		// is not lost.
		if old&^want&PTE_XD != 0 {
			atomic.AndUint64(e, ^uint64(PTE_XD))
		}
		if want&^old&PTE_RW != 0 {
			atomic.OrUint64(e, uint64(PTE_RW))
		}
	}
	t.mu.Unlock()
	return stale, zx.OK
}

// MapMissing maps consecutive pages from va on, frames[i] at page i as leaf
// (Prot.Leaf) says, where nothing is mapped yet; an entry in use and a frame of
// 0 are passed over. One look-up serves every page of a page table. Nothing
// needs flushing.
// Errors: NO_MEMORY, with the pages before the failing one mapped.
func (t *PageTable) MapMissing(va zx.VirtAddr, frames []Frame, leaf PTE) zx.Status {
	t.mu.Lock()
	for len(frames) > 0 {
		if frames[0] == 0 { // no page, so no page table on its behalf
			frames, va = frames[1:], va+zx.PageSize
			continue
		}
		c, st := t.reachAlloc(uint64(va))
		if st != zx.OK {
			t.mu.Unlock()
			return st
		}
		entries := c.leaf[uint64(va)>>zx.PageShift&indexMask:]
		n := min(len(entries), len(frames))
		used := uint32(0)
		entries = entries[:n]
		for i, f := range frames[:n] {
			if e := &entries[i]; f != 0 && atomic.LoadUint64(e) == 0 {
				atomic.StoreUint64(e, uint64(leaf|PTE(f)<<zx.PageShift))
				used++
			}
		}
		c.meta.live += used
		frames, va = frames[n:], va+zx.VirtAddr(n)<<zx.PageShift
	}
	t.mu.Unlock()
	return zx.OK
}

// tableCost is what a page table looked at spends of a budget: its 512 entries
// take about 4,000 instructions, the walk and its end not counted.
const tableCost = 8

// Unmap removes npages entries from va on and gives how many pages it got
// through: all, unless the budget b (nil: none) was spent on the way. Tables
// left empty are unlinked. Ranges never mapped cost next to nothing. Flush: the
// caller, before it frees any of the frames.
func (t *PageTable) Unmap(va zx.VirtAddr, npages uint64, g *Gather, b *zx.Budget) uint64 {
	t.mu.Lock()
	start, end := uint64(va), uint64(va)+npages<<zx.PageShift
	c, at, to := t.seek(start, end)
	for c != nil {
		entries, first, last := c.leaf.span(at, to), -1, 0
		used := uint32(0)
		for i := range entries {
			if atomic.LoadUint64(&entries[i]) != 0 {
				atomic.StoreUint64(&entries[i], 0)
				used++
				if last = i; first < 0 {
					first = i
				}
			}
		}
		if first >= 0 {
			g.addPages(t, at, first, last)
			if c.meta.addLive(-used) == 0 {
				t.prune(at, g)
			}
		}
		if b != nil && b.Spend(tableCost) {
			t.mu.Unlock()
			return (to - start) >> zx.PageShift
		}
		c, at, to = t.seek(to, end)
	}
	t.mu.Unlock()
	return npages
}

// Empty says that the page at va is not mapped, if that takes no walk: the look
// before an Unmap that mostly finds nothing, as where a fresh page replaces a
// page of zeros that may be mapped.
func (t *PageTable) Empty(va zx.VirtAddr) bool {
	t.mu.Lock()
	c := t.recently(uint64(va))
	empty := c.key == uint64(va)>>shift(LevelPD) && atomic.LoadUint64(c.leaf.at(uint64(va))) == 0
	t.mu.Unlock()
	return empty
}

// RemoveWrite takes write permission from npages pages from va on. Flush: the
// caller; until then a store may still get through. Otherwise as Unmap.
func (t *PageTable) RemoveWrite(va zx.VirtAddr, npages uint64, g *Gather, b *zx.Budget) uint64 {
	return t.weaken(va, npages, PTE_RW, 0, g, b)
}

// Protect takes from npages pages from va on every permission that prot does
// not have; without Read they are unmapped. It never grants one: a page gains
// permissions only by Map, after a fault, which is how dirty tracking
// survives. Flush: the caller. Otherwise as Unmap.
func (t *PageTable) Protect(va zx.VirtAddr, npages uint64, prot Prot, g *Gather, b *zx.Budget) uint64 {
	if prot&Read == 0 {
		return t.Unmap(va, npages, g, b)
	}
	var off, on PTE
	if prot&Write == 0 {
		off = PTE_RW
	}
	if prot&Exec == 0 {
		on = PTE_XD
	}
	return t.weaken(va, npages, off, on, g, b)
}

// weaken clears the bits off and sets the bits on in the entries in use of
// npages pages from va on. Otherwise as Unmap.
func (t *PageTable) weaken(va zx.VirtAddr, npages uint64, off, on PTE, g *Gather, b *zx.Budget) uint64 {
	if off|on == 0 {
		return npages
	}
	t.mu.Lock()
	start, end := uint64(va), uint64(va)+npages<<zx.PageShift
	c, at, to := t.seek(start, end)
	for c != nil {
		entries, first, last := c.leaf.span(at, to), -1, 0
		for i := range entries {
			e := &entries[i]
			old := PTE(atomic.LoadUint64(e))
			if old == 0 || old&off|on&^old == 0 {
				continue
			}
			// Locked steps, so that a dirty flag the CPU sets meanwhile is
			// not lost.
			if old&off != 0 {
				atomic.AndUint64(e, ^uint64(off))
			}
			if on&^old != 0 {
				atomic.OrUint64(e, uint64(on))
			}
			if last = i; first < 0 {
				first = i
			}
		}
		if first >= 0 {
			g.addPages(t, at, first, last)
		}
		if b != nil && b.Spend(tableCost) {
			t.mu.Unlock()
			return (to - start) >> zx.PageShift
		}
		c, at, to = t.seek(to, end)
	}
	t.mu.Unlock()
	return npages
}

// Accessed says which of npages pages from va on, at most 64, were accessed since
// they were mapped: bit i of the page i pages after va. It changes nothing.
func (t *PageTable) Accessed(va zx.VirtAddr, npages uint64) (pages uint64) {
	t.mu.Lock()
	start, end := uint64(va), uint64(va)+npages<<zx.PageShift
	for c, at, to := t.seek(start, end); c != nil; c, at, to = t.seek(to, end) {
		entries, bit := c.leaf.span(at, to), (at-start)>>zx.PageShift
		for i := range entries {
			if PTE(atomic.LoadUint64(&entries[i]))&PTE_A != 0 {
				pages |= 1 << (bit + uint64(i))
			}
		}
	}
	t.mu.Unlock()
	return pages
}

// Entry is one step of a walk.
type Entry struct {
	Level int    // LevelPML4 down to LevelPT; 0 in steps not taken
	Table Frame  // the table the entry is in
	Index uint64 // its index there
	PTE   PTE
}

// entryNames are the entries of the paging structures, by level.
var entryNames = [...]string{LevelPT: "PTE", LevelPD: "PDE", LevelPDPT: "PDPTE", LevelPML4: "PML4E"}

// String is the step for a person: which entry, where it lies, what it holds. A
// dying kernel calls it on g0: no defer, so no Stringer for fmt to call.
func (e Entry) String() string {
	return fmt.Sprintf("%-5s [%3d] at %#011x = %#018x  %s",
		entryNames[e.Level], e.Index, uint64(e.Table.Addr())+8*e.Index, uint64(e.PTE), e.PTE.String())
}

// Chain walks to va, any address, as the CPU would: one Entry per level from
// the PML4 on, ending at a leaf or at an entry that is not present, whose
// level comes second.
func (t *PageTable) Chain(va zx.VirtAddr) (chain [4]Entry, level int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.root == 0 { // destroyed
		return chain, LevelPML4
	}
	w := t.walk(uint64(va), LevelPT)
	for l := LevelPML4; l >= w.level; l-- {
		i := uint64(va) >> shift(l) & indexMask
		chain[LevelPML4-l] = Entry{l, w.table[l], i, t.mem.table(w.table[l]).load(i)}
	}
	return chain, w.level
}

// Destroy frees every table of user space and the root. Leaves are dropped;
// their frames are not ours. Pre: the root is loaded on no CPU. The PageTable
// must not be used again.
func (t *PageTable) Destroy() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget()
	root := t.mem.table(t.root)
	for i := uint64(userSlotFirst); i <= userSlotLast; i++ {
		if e := root.load(i); e.Present() {
			t.mem.freeTables(e.Frame(), LevelPDPT)
		}
	}
	t.mem.freeTable(t.root)
	t.root = 0
}

// freeTables frees table f of level and the tables below it. Pre: no CPU can
// walk them.
func (m *Memory) freeTables(f Frame, level int) {
	if level > LevelPT {
		tab := m.table(f)
		for i := uint64(0); i < tableEntries; i++ {
			if e := tab.load(i); e.Present() && e&PTE_PS == 0 {
				m.freeTables(e.Frame(), level-1)
			}
		}
	}
	m.freeTable(f)
}

// forget makes no page table a recent one. Locks: t.mu held.
func (t *PageTable) forget() {
	for i := range t.recent {
		t.recent[i].key = noKey
	}
}

// isUser says whether the tables of va are ours to change.
func (t *PageTable) isUser(va uint64) bool {
	return va>>shift(LevelPML4)-userSlotFirst <= userSlotLast-userSlotFirst && t.root != 0
}

// foreign reports an address whose tables are not ours to change. It never
// returns.
//
//go:noinline
func (t *PageTable) foreign(va uint64) {
	panic(fmt.Sprintf("mmu.PageTable: address %#x is outside user space, or root %#x is destroyed", va, t.root))
}

// walked is a walk down the tables to an address: the one step of everything
// that finds, adds, passes over or unlinks tables.
type walked struct {
	table [LevelPML4 + 1]Frame // the table at each level from LevelPML4 down to level
	level int                  // of the last one: where the walk was to end, or where an entry leads to no table
}

// walk goes from the root to the table of level to that translates va, or as
// far as there are tables. Locks: t.mu held.
func (t *PageTable) walk(va uint64, to int) (w walked) {
	f := t.root
	for w.level = LevelPML4; ; w.level-- {
		w.table[w.level] = f
		if w.level == to {
			return w
		}
		e := t.mem.table(f).load(va >> (shift(w.level) & 63))
		if e&(PTE_P|PTE_PS) != PTE_P {
			return w
		}
		f = e.Frame()
	}
}

// grow adds the tables that a walk to level to found missing and takes w there:
// all are allocated first, filled bottom up, and linked by one store last, so
// that neither a CPU nor a failure ever sees half a chain. rights are those of
// the entries that link them. Pre: the entry w ended at is not present.
// Locks: t.mu held. Errors: NO_MEMORY, nothing changed.
func (t *PageTable) grow(w *walked, va uint64, to int, rights PTE) zx.Status {
	for l := to; l < w.level; l++ {
		f, st := t.mem.allocTable()
		if st != zx.OK {
			for l--; l >= to; l-- {
				t.mem.freeTable(w.table[l])
			}
			return st
		}
		w.table[l] = f
	}
	for l := to + 1; l <= w.level; l++ {
		t.mem.table(w.table[l]).store(va>>shift(l), PTE(w.table[l-1])<<zx.PageShift|rights)
		if t.mem.early == nil { // nobody counts the entries of the kernel's own tables
			t.mem.Meta(w.table[l]).addLive(1)
		}
	}
	w.level = to
	return zx.OK
}

// reach makes the page table of va a recent one and gives it; where there is
// none, nil and where the walk ended.
// Pre: isUser(va). Locks: t.mu held.
func (t *PageTable) reach(va uint64) (c *recentTable, w walked) {
	c = t.recently(va)
	if c.key == va>>shift(LevelPD) {
		return c, w
	}
	if w = t.walk(va, LevelPT); w.level != LevelPT {
		return nil, w
	}
	return t.remember(va, w.table[LevelPT]), w
}

// remember makes f, the page table of va, a recent one. Locks: t.mu held.
func (t *PageTable) remember(va uint64, f Frame) *recentTable {
	c := t.recently(va)
	c.key, c.leaf, c.meta = va>>shift(LevelPD), t.mem.table(f), t.mem.Meta(f)
	return c
}

// reachAlloc is reach that adds what tables are missing. Panics where the tables
// are not ours. Locks: t.mu held. Errors: NO_MEMORY, nothing changed.
func (t *PageTable) reachAlloc(va uint64) (*recentTable, zx.Status) {
	if !t.isUser(va) {
		t.foreign(va)
	}
	c, w := t.reach(va)
	if c != nil {
		return c, zx.OK
	}
	if st := t.grow(&w, va, LevelPT, userTable); st != zx.OK {
		return nil, st
	}
	return t.remember(va, w.table[LevelPT]), zx.OK
}

// seek gives the first page table that overlaps [va, end), a recent one now,
// and the part of the range it translates; nil when there is none. Subtrees
// that are not there are stepped over whole. Locks: t.mu held.
func (t *PageTable) seek(va, end uint64) (c *recentTable, from, to uint64) {
	for va < end {
		if !t.isUser(va) {
			t.foreign(va)
		}
		c, w := t.reach(va)
		if c != nil {
			return c, va, min(end, (va>>shift(LevelPD)+1)<<shift(LevelPD))
		}
		// The next entry in use of the table the walk ended in, or the end of
		// what that table translates.
		tab, bit := t.mem.table(w.table[w.level]), shift(w.level)
		base := va >> (bit + indexBits) << (bit + indexBits)
		i, limit := va>>bit&indexMask+1, min(tableEntries, (end-1-base)>>bit+1)
		for i < limit && tab.load(i)&PTE_P == 0 {
			i++
		}
		va = base + i<<bit
	}
	return nil, end, end
}

// prune unlinks the page table that translates va and has become empty, and
// every table above that it leaves empty but the root.
// Locks: t.mu held. Pre: g is bound to t.
func (t *PageTable) prune(va uint64, g *Gather) {
	w := t.walk(va, LevelPT)
	for l := LevelPD; l <= LevelPML4; l++ {
		t.mem.table(w.table[l]).store(va>>shift(l), 0)
		g.addTable(w.table[l-1])
		if t.mem.Meta(w.table[l]).addLive(^uint32(0)) != 0 {
			break
		}
	}
	if c := t.recently(va); c.key == va>>shift(LevelPD) {
		c.key = noKey
	}
}
