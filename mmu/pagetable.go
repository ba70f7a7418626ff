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

// recents is page tables used lately, each at the place its addresses choose: a
// page whose table is here needs no walk. A fault and the fault's end take turns in
// two or three tables, so one would miss every time.
type recents [16]recentTable

// recentTable is a page table used lately, or a page directory.
type recentTable struct {
	key  uint64 // address >> 21, or >> 30, it translates; noKey: none
	leaf *table
	meta *Meta // counts the entries in use
}

// dir gives the place of the page directory of va. It is there if its key is va >> 30.
func (l *Lane) dir(va uint64) *recentTable {
	return &l.dirs[va>>shift(LevelPDPT)&uint64(len(l.dirs)-1)]
}

// noKey is the key of no page table.
const noKey = ^uint64(0)

// at gives the place of the page table of va. It is there if its key is va >> 21.
func (r *recents) at(va uint64) *recentTable { return &r[va>>shift(LevelPD)&uint64(len(r)-1)] }

// remember makes f the page table of va, whose place c is.
func (c *recentTable) remember(m *Memory, va uint64, f Frame) {
	c.key, c.leaf, c.meta = va>>shift(LevelPD), m.window.table(f), m.Meta(f)
}

// forget forgets them all.
func (r *recents) forget() {
	for i := range r {
		r[i].key = noKey
	}
}

// PageTable is one root and the user tables below it. What may be done at once:
//
//	                  | Map    copies   Clear, RemoveWrite   Unmap, Destroy
//	Map               | lanes  yes      other pages          the caller's matter
//	copies            |        lanes    no                   no
//	Clear, ...        |                 no                   no
//
// "lanes": in different lanes. "other pages": whoever maps a page and whoever takes
// it away hold the lock of the page's owner. Only Unmap unlinks tables, and whoever
// calls it keeps out those that map, as it does with Protect and Destroy. So an
// entry is written by one at a time, in a table that is there, and a fault needs no
// lock here. Whoever takes a page or its write permission away takes the locks of all
// lanes, and so has waited for the copies that go on.
//
// Addresses are page aligned and in PML4[1] to PML4[255] unless a method says
// otherwise; anything else is a bug above and panics. The locks are leaves: any lock
// but Memory's may be held by the caller.
type PageTable struct {
	mem   *Memory
	root  Frame
	grown spin.Lock // held by who adds tables, or frees them; guards who pays for them
	lanes []Lane
}

// Lane is a PageTable as it is used by one CPU, so that it writes no line that
// another CPU reads; what two do in the same lane one does after the other.
type Lane struct {
	table *PageTable
	mu    spin.Lock // held by who copies, and those of all lanes by who takes pages away

	copied recents // guarded by mu
	mapped recents // whoever calls Map has the lane to himself, as for dirs
	dirs   [4]recentTable
	_      [64]byte
}

// NewPageTable makes a root whose first 512 GiB and upper half are those of shared:
// the very same tables, so kernel mappings are one for all. The rest is empty. It has
// a lane for each CPU (SetCPUs).
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
	t := &PageTable{mem: m, root: root, lanes: make([]Lane, m.CPUs())}
	for i := range t.lanes {
		t.lanes[i].table = t
	}
	t.forget()
	return t, zx.OK
}

// Root is the physical address CR3 takes.
func (t *PageTable) Root() zx.PhysAddr { return t.root.Addr() }

// Lane gives the lane of a CPU, by its number.
func (t *PageTable) Lane(cpu int) *Lane { return &t.lanes[cpu] }

// lock takes the locks of all lanes.
func (t *PageTable) lock() {
	for i := range t.lanes {
		t.lanes[i].mu.Lock()
	}
}

func (t *PageTable) unlock() {
	for i := range t.lanes {
		t.lanes[i].mu.Unlock()
	}
}

// shift is the number of the lowest address bit that indexes a table of level.
func shift(level int) uint { return uint(zx.PageShift + indexBits*(level-1)) }

// Map makes the page at va lead to f as leaf (Prot.Leaf) says: a fresh entry, an
// upgrade or a replacement. An entry that already led to f keeps what it allows,
// also what leaf does not, for whoever put it there may be using it: permissions
// go by RemoveWrite, Protect and Unmap alone. It keeps its accessed and dirty
// flags too; they are never preset. stale says that a translation was replaced,
// and the caller invalidates the page; a fresh or upgraded one needs no
// invalidation (SDM 3A 4.10.4.3).
// Errors: NO_MEMORY, nothing changed.
//
// Pre: the caller has the lane to himself, holds the lock of the page's owner, and
// keeps out Unmap and Protect.
//
// A fresh entry in a page table used lately, the end of nearly every fault,
// takes 30 instructions; a walk adds 70.
//
//go:nosplit
func (l *Lane) Map(va zx.VirtAddr, f Frame, leaf PTE) (stale bool, st zx.Status) {
	if c := l.mapped.at(uint64(va)); c.key == uint64(va)>>shift(LevelPD) {
		if e := c.leaf.at(uint64(va)); atomic.LoadUint64(e) == 0 {
			atomic.StoreUint64(e, uint64(leaf|PTE(f)<<zx.PageShift))
			c.meta.addLive(1)
			return false, zx.OK
		}
	}
	return l.mapAny(va, f, leaf)
}

// mapAny is Map of any page, in use or not.
//
//go:nosplit
func (l *Lane) mapAny(va zx.VirtAddr, f Frame, leaf PTE) (stale bool, st zx.Status) {
	c, st := l.reachAlloc(uint64(va))
	if st != zx.OK {
		return false, st
	}
	e := c.leaf.at(uint64(va))
	want, old := leaf|PTE(f)<<zx.PageShift, PTE(atomic.LoadUint64(e))
	switch {
	case old == 0:
		atomic.StoreUint64(e, uint64(want))
		c.meta.addLive(1)
	case old.Frame() != f:
		l.table.lock() // nobody copies to or from the old page any more
		atomic.StoreUint64(e, uint64(want))
		l.table.unlock()
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
	return stale, zx.OK
}

// MapMissing maps consecutive pages from va on, frames[i] at page i as leaf
// (Prot.Leaf) says, where nothing is mapped yet; an entry in use and a frame of
// 0 are passed over. One look-up serves every page of a page table. Nothing
// needs flushing.
// Pre: as Map. Errors: NO_MEMORY, with the pages before the failing one mapped.
func (l *Lane) MapMissing(va zx.VirtAddr, frames []Frame, leaf PTE) zx.Status {
	for len(frames) > 0 {
		if frames[0] == 0 { // no page, so no page table on its behalf
			frames, va = frames[1:], va+zx.PageSize
			continue
		}
		c, st := l.reachAlloc(uint64(va))
		if st != zx.OK {
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
		c.meta.addLive(used)
		frames, va = frames[n:], va+zx.VirtAddr(n)<<zx.PageShift
	}
	return zx.OK
}

// tableCost is what a page table looked at spends of a budget: its entries take about
// 6,800 instructions, its own end included. changeCost is how many entries that change
// make one more: each takes up to 20.
const (
	tableCost  = 9
	changeCost = 32
)

// Unmap removes npages entries from va on and gives how many pages it got
// through: all, unless the budget b (nil: none) was spent on the way. Tables
// left empty are unlinked. Ranges never mapped cost next to nothing. Flush: the
// caller, before it frees any of the frames. Pre: nobody maps meanwhile.
func (t *PageTable) Unmap(va zx.VirtAddr, npages uint64, g *Gather, b *zx.Budget) uint64 {
	return t.unmap(va, npages, g, b, true)
}

// Clear is Unmap that leaves empty tables where they are, for the next pages that
// come there, or Unmap. Others may map other pages meanwhile.
func (t *PageTable) Clear(va zx.VirtAddr, npages uint64, g *Gather) {
	t.unmap(va, npages, g, nil, false)
}

func (t *PageTable) unmap(va zx.VirtAddr, npages uint64, g *Gather, b *zx.Budget, unlink bool) uint64 {
	t.lock()
	start, end := uint64(va), uint64(va)+npages<<zx.PageShift
	c, at, to := t.seek(start, end)
	for c != nil {
		entries, first, last := c.leaf.span(at, to), -1, 0
		used := uint32(0)
		skip := firstUsed(entries)
		entries = entries[skip:]
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
			g.addPages(t, at, skip+first, skip+last)
		}
		if c.meta.addLive(-used) == 0 && unlink {
			g.add(t, zx.VirtAddr(at)&^zx.PageMask) // for the CPUs that walk the table
			t.prune(at, g)
		}
		if b != nil && b.Spend(tableCost+int(used)/changeCost) {
			t.unlock()
			return (to - start) >> zx.PageShift
		}
		c, at, to = t.seek(to, end)
	}
	t.unlock()
	return npages
}

// Empty says that the page at va is not mapped: the look before a Clear that mostly
// finds nothing, as where a fresh page replaces a page of zeros that may be mapped.
func (t *PageTable) Empty(va zx.VirtAddr) bool {
	l := &t.lanes[t.mem.CPU()]
	l.mu.Lock()
	c := l.copied.at(uint64(va))
	if c.key != uint64(va)>>shift(LevelPD) {
		c, _ = t.reach(&l.copied, uint64(va))
	}
	empty := c == nil || atomic.LoadUint64(c.leaf.at(uint64(va))) == 0
	l.mu.Unlock()
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
	t.lock()
	start, end, keep := uint64(va), uint64(va)+npages<<zx.PageShift, ^uint64(off)
	c, at, to := t.seek(start, end)
	for c != nil {
		entries, first, last, changed := c.leaf.span(at, to), -1, 0, 0
		// Locked steps, so that a dirty flag the CPU sets meanwhile is not lost.
		skip := firstUsed(entries)
		entries = entries[skip:]
		for i := range entries {
			if e := &entries[i]; atomic.LoadUint64(e)&uint64(off) != 0 {
				atomic.AndUint64(e, keep)
				if last = i; first < 0 {
					first = i
				}
				changed++
			}
		}
		for i := 0; on != 0 && i < len(entries); i++ {
			if old := PTE(atomic.LoadUint64(&entries[i])); old != 0 && on&^old != 0 {
				atomic.OrUint64(&entries[i], uint64(on))
				if last = max(last, i); first < 0 || i < first {
					first = i
				}
				changed++
			}
		}
		if first >= 0 {
			g.addPages(t, at, skip+first, skip+last)
		}
		if b != nil && b.Spend(tableCost+changed/changeCost) {
			t.unlock()
			return (to - start) >> zx.PageShift
		}
		c, at, to = t.seek(to, end)
	}
	t.unlock()
	return npages
}

// Accessed says which of npages pages from va on, at most 64, were accessed since
// they were mapped: bit i of the page i pages after va. It changes nothing.
func (t *PageTable) Accessed(va zx.VirtAddr, npages uint64) (pages uint64) {
	l := &t.lanes[0]
	l.mu.Lock()
	start, end := uint64(va), uint64(va)+npages<<zx.PageShift
	for c, at, to := t.seek(start, end); c != nil; c, at, to = t.seek(to, end) {
		entries, bit := c.leaf.span(at, to), (at-start)>>zx.PageShift
		for i := range entries {
			if PTE(atomic.LoadUint64(&entries[i]))&PTE_A != 0 {
				pages |= 1 << (bit + uint64(i))
			}
		}
	}
	l.mu.Unlock()
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

// Name is what entries of its level are called.
func (e Entry) Name() string { return entryNames[e.Level] }

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
	t.lanes[0].mu.Lock()
	defer t.lanes[0].mu.Unlock()
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
// must not be used again, but to copy nothing.
func (t *PageTable) Destroy() {
	t.lock()
	defer t.unlock()
	t.forget()
	root := t.mem.table(t.root)
	for i := uint64(userSlotFirst); i <= userSlotLast; i++ {
		if e := root.load(i); e.Present() {
			t.mem.freeTables(e.Frame(), LevelPDPT)
		}
	}
	t.mem.freeTable(t.root, OwnerFree)
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
	m.freeTable(f, OwnerFree)
}

// forget makes no page table a recent one. Pre: t is nobody else's.
func (t *PageTable) forget() {
	for i := range t.lanes {
		t.lanes[i].copied.forget()
		t.lanes[i].mapped.forget()
		for j := range t.lanes[i].dirs {
			t.lanes[i].dirs[j].key = noKey
		}
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
// far as there are tables. Pre: none are unlinked meanwhile.
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
// Locks: t.grown held. Errors: NO_MEMORY, nothing changed.
func (t *PageTable) grow(w *walked, va uint64, to int, rights PTE) zx.Status {
	for l := to; l < w.level; l++ {
		f, st := t.mem.allocTable()
		if st != zx.OK {
			for l--; l >= to; l-- {
				t.mem.freeTable(w.table[l], OwnerZeroed)
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

// reach makes the page table of va one of r and gives it; where there is none,
// nil and where the walk ended.
// Pre: isUser(va); no table is unlinked meanwhile, and r is the caller's.
func (t *PageTable) reach(r *recents, va uint64) (c *recentTable, w walked) {
	c = r.at(va)
	if c.key == va>>shift(LevelPD) {
		return c, w
	}
	if w = t.walk(va, LevelPT); w.level != LevelPT {
		return nil, w
	}
	c.remember(t.mem, va, w.table[LevelPT])
	return c, w
}

// reachAlloc is reach for Map, which adds what tables are missing. Panics where
// the tables are not ours. Errors: NO_MEMORY, nothing changed.
//
//go:nosplit
func (l *Lane) reachAlloc(va uint64) (*recentTable, zx.Status) {
	t := l.table
	c := l.mapped.at(va)
	if c.key == va>>shift(LevelPD) {
		return c, zx.OK
	}
	d := l.dir(va)
	if d.key != va>>shift(LevelPDPT) {
		return c, l.walkAlloc(c, d, va)
	}
	e := d.leaf.load(va >> shift(LevelPD))
	if e == 0 {
		t.grown.Lock()
		if e = d.leaf.load(va >> shift(LevelPD)); e == 0 { // else another has added it
			f, st := t.mem.allocTable()
			if st != zx.OK {
				t.grown.Unlock()
				return nil, st
			}
			e = PTE(f)<<zx.PageShift | userTable
			d.leaf.store(va>>shift(LevelPD), e)
			d.meta.addLive(1)
		}
		t.grown.Unlock()
	}
	c.remember(t.mem, va, e.Frame())
	return c, zx.OK
}

// walkAlloc is reachAlloc from the root down; the tables it finds are c and d then.
func (l *Lane) walkAlloc(c, d *recentTable, va uint64) zx.Status {
	t := l.table
	if !t.isUser(va) {
		t.foreign(va)
	}
	w := t.walk(va, LevelPT)
	t.grown.Lock()
	st := zx.OK
	if t.mem.table(w.table[w.level]).load(va>>(shift(w.level)&63)) != 0 {
		w = t.walk(va, LevelPT) // another has added some
	}
	if w.level != LevelPT {
		st = t.grow(&w, va, LevelPT, userTable)
	}
	t.grown.Unlock()
	if st != zx.OK {
		return st
	}
	pd := w.table[LevelPD]
	d.key, d.leaf, d.meta = va>>shift(LevelPDPT), t.mem.table(pd), t.mem.Meta(pd)
	c.remember(t.mem, va, w.table[LevelPT])
	return zx.OK
}

// seek gives the first page table that overlaps [va, end), a recent one now,
// and the part of the range it translates; nil when there is none. Subtrees
// that are not there are stepped over whole. Locks: that of the first lane held.
func (t *PageTable) seek(va, end uint64) (c *recentTable, from, to uint64) {
	for va < end {
		if !t.isUser(va) {
			t.foreign(va)
		}
		c, w := t.reach(&t.lanes[0].copied, va)
		if c != nil {
			return c, va, min(end, (va>>shift(LevelPD)+1)<<shift(LevelPD))
		}
		// The next entry in use of the table the walk ended in, or the end of
		// what that table translates.
		tab, bit := t.mem.table(w.table[w.level]), shift(w.level)
		base := va >> (bit + indexBits) << (bit + indexBits)
		i, limit := va>>bit&indexMask+1, min(tableEntries, (end-1-base)>>bit+1)
		if i < limit {
			i += uint64(firstUsed(tab[i:limit]))
		}
		va = base + i<<bit
	}
	return nil, end, end
}

// prune unlinks the page table that translates va and has become empty, and
// every table above that it leaves empty but the root.
// Locks: those of all lanes held. Pre: nobody maps.
func (t *PageTable) prune(va uint64, g *Gather) {
	w := t.walk(va, LevelPT)
	for l := LevelPD; l <= LevelPML4; l++ {
		t.mem.table(w.table[l]).store(va>>shift(l), 0)
		g.addTable(w.table[l-1])
		if t.mem.Meta(w.table[l]).addLive(^uint32(0)) != 0 {
			break
		}
	}
	for i := range t.lanes {
		l := &t.lanes[i]
		for _, r := range [...]*recents{&l.copied, &l.mapped} {
			if c := r.at(va); c.key == va>>shift(LevelPD) {
				c.key = noKey
			}
		}
		if d := l.dir(va); d.key == va>>shift(LevelPDPT) {
			d.key = noKey
		}
	}
}
