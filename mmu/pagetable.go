package mmu

import (
	"fmt"
	"sync"
	"sync/atomic"

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

// noLeaf is the leafKey of no page table.
const noLeaf = ^uint64(0)

// PageTable is one root and the user tables below it. Every method takes its
// lock, a leaf: any lock but Memory's may be held by the caller. Addresses are
// page aligned and in PML4[1] to PML4[255] unless a method says otherwise;
// anything else is a bug above and panics.
type PageTable struct {
	mem  *Memory
	root Frame

	mu sync.Mutex
	// The page table used last: consecutive pages need no walk. Guarded by mu.
	leafKey  uint64 // address >> 21 it translates
	leaf     *table
	leafMeta *Meta // its Index is the number of entries in use
}

// NewPageTable makes a root whose first 512 GiB are those of shared: the very
// same tables, so kernel mappings are one for all. The rest is empty.
// Pre: shared outlives the new root. Errors: NO_MEMORY.
func (m *Memory) NewPageTable(shared *PageTable) (*PageTable, zx.Status) {
	root, st := m.allocTable()
	if st != zx.OK {
		return nil, st
	}
	if shared != nil {
		m.table(root).store(0, m.table(shared.root).load(0))
	}
	return &PageTable{mem: m, root: root, leafKey: noLeaf}, zx.OK
}

// Root is the physical address CR3 takes.
func (t *PageTable) Root() zx.PhysAddr { return t.root.Addr() }

// shift is the number of the lowest address bit that indexes a table of level.
func shift(level int) uint { return uint(zx.PageShift + indexBits*(level-1)) }

// Map makes the page at va lead to f with prot: a fresh entry, an upgrade, a
// downgrade or a replacement. The accessed and dirty flags of an entry that
// already led to f are kept; they are never preset. A weakened or replaced
// translation goes on g; a fresh or upgraded one needs no invalidation (SDM
// 3A 4.10.4.3). Errors: NO_MEMORY, nothing changed. Flush: the caller, if g
// is not empty.
func (t *PageTable) Map(va zx.VirtAddr, f Frame, prot Prot, g *Gather) zx.Status {
	t.mu.Lock()
	if uint64(va)>>shift(LevelPD) != t.leafKey {
		if st := t.walkAlloc(uint64(va)); st != zx.OK {
			t.mu.Unlock()
			return st
		}
	}
	i := uint64(va) >> zx.PageShift
	want := userLeaf(f, prot)
	old := t.leaf.load(i)
	switch {
	case old == 0:
		t.leaf.store(i, want)
		t.leafMeta.low++
	case old.Frame() != f:
		t.leaf.store(i, want)
		g.add(t, va)
	default:
		if drop := old &^ want & PTE_RW; drop != 0 {
			t.leaf.remove(i, drop)
			g.add(t, va)
		}
		if old&^want&PTE_XD != 0 {
			t.leaf.remove(i, PTE_XD)
		}
		if want&^old&PTE_RW != 0 {
			t.leaf.add(i, PTE_RW)
		}
		if want&^old&PTE_XD != 0 {
			t.leaf.add(i, PTE_XD)
			g.add(t, va)
		}
	}
	t.mu.Unlock()
	return zx.OK
}

// MapMissing maps consecutive pages from va on, frames[i] at page i with prot,
// where nothing is mapped yet; an entry in use and a frame of 0 are passed
// over. One walk serves every page of a page table. Nothing needs flushing.
// Errors: NO_MEMORY, with the pages before the failing one mapped.
func (t *PageTable) MapMissing(va zx.VirtAddr, frames []Frame, prot Prot) zx.Status {
	t.mu.Lock()
	leaf := userLeaf(0, prot)
	for len(frames) > 0 {
		if frames[0] == 0 { // no page, so no page table on its behalf
			frames, va = frames[1:], va+zx.PageSize
			continue
		}
		if uint64(va)>>shift(LevelPD) != t.leafKey {
			if st := t.walkAlloc(uint64(va)); st != zx.OK {
				t.mu.Unlock()
				return st
			}
		}
		from := uint64(va) >> zx.PageShift & indexMask
		entries := t.leaf[from:]
		n := min(len(entries), len(frames))
		used := uint32(0)
		for i, f := range frames[:n] {
			if e := &entries[i]; f != 0 && atomic.LoadUint64(e) == 0 {
				atomic.StoreUint64(e, uint64(leaf|PTE(f)<<zx.PageShift))
				used++
			}
		}
		t.leafMeta.low += used
		frames, va = frames[n:], va+zx.VirtAddr(n)<<zx.PageShift
	}
	t.mu.Unlock()
	return zx.OK
}

// Unmap removes npages entries from va on. Tables left empty are unlinked.
// Ranges never mapped cost next to nothing. Flush: the caller, before it frees
// any of the frames.
func (t *PageTable) Unmap(va zx.VirtAddr, npages uint64, g *Gather) {
	t.mu.Lock()
	end := uint64(va) + npages<<zx.PageShift
	for at, to := t.seek(uint64(va), end); at < to; at, to = t.seek(to, end) {
		entries, first, last := t.leaf.span(at, to), -1, 0
		for i := range entries {
			if atomic.LoadUint64(&entries[i]) != 0 {
				atomic.StoreUint64(&entries[i], 0)
				t.leafMeta.low--
				if last = i; first < 0 {
					first = i
				}
			}
		}
		if first >= 0 {
			g.addPages(t, at, first, last)
			if t.leafMeta.low == 0 {
				t.prune(at, g)
			}
		}
	}
	t.mu.Unlock()
}

// RemoveWrite takes write permission from npages pages from va on. Flush: the
// caller; until then a store may still get through.
func (t *PageTable) RemoveWrite(va zx.VirtAddr, npages uint64, g *Gather) {
	t.mu.Lock()
	end := uint64(va) + npages<<zx.PageShift
	for at, to := t.seek(uint64(va), end); at < to; at, to = t.seek(to, end) {
		entries, first, last := t.leaf.span(at, to), -1, 0
		for i := range entries {
			if e := &entries[i]; PTE(atomic.LoadUint64(e))&PTE_RW != 0 {
				// One locked step, so that a dirty flag the CPU sets
				// meanwhile is not lost.
				atomic.AndUint64(e, ^uint64(PTE_RW))
				if last = i; first < 0 {
					first = i
				}
			}
		}
		if first >= 0 {
			g.addPages(t, at, first, last)
		}
	}
	t.mu.Unlock()
}

// Protect takes from npages pages from va on every permission that prot does
// not have; without Read they are unmapped. It never grants one: a page gains
// permissions only by Map, after a fault, which is how dirty tracking
// survives. Flush: the caller.
func (t *PageTable) Protect(va zx.VirtAddr, npages uint64, prot Prot, g *Gather) {
	if prot&Read == 0 {
		t.Unmap(va, npages, g)
		return
	}
	if prot&Write == 0 {
		t.RemoveWrite(va, npages, g)
	}
	if prot&Exec != 0 {
		return
	}
	t.mu.Lock()
	end := uint64(va) + npages<<zx.PageShift
	for at, to := t.seek(uint64(va), end); at < to; at, to = t.seek(to, end) {
		for p := at; p < to; p += zx.PageSize {
			if i := p >> zx.PageShift; t.leaf.load(i)&(PTE_P|PTE_XD) == PTE_P {
				t.leaf.add(i, PTE_XD)
				g.add(t, zx.VirtAddr(p))
			}
		}
	}
	t.mu.Unlock()
}

// Harvest gives the entry of the page at va and clears its accessed and dirty
// flags; 0 when nothing is mapped there. Flush: the caller, or the CPU may not
// set the flags again for as long as it keeps the translation.
func (t *PageTable) Harvest(va zx.VirtAddr, g *Gather) PTE {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := uint64(va)
	if from, to := t.seek(at, at+zx.PageSize); from == to {
		return 0
	}
	i := at >> zx.PageShift
	e := t.leaf.load(i)
	if flags := e & (PTE_A | PTE_D); flags != 0 {
		t.leaf.remove(i, flags)
		g.add(t, va)
	}
	return e
}

// Lookup gives the leaf that translates va, any address, and its level
// (LevelPT, LevelPD for 2 MiB, LevelPDPT for 1 GiB). Where there is none: 0
// and the level of the entry that is missing.
func (t *PageTable) Lookup(va zx.VirtAddr) (PTE, int) {
	chain, level := t.Chain(va)
	return chain[LevelPML4-level].PTE, level
}

// Entry is one step of a walk.
type Entry struct {
	Level int    // LevelPML4 down to LevelPT; 0 in steps not taken
	Table Frame  // the table the entry is in
	Index uint64 // its index there
	PTE   PTE
}

// Chain walks to va, any address, as the CPU would: one Entry per level from
// the PML4 on, ending at a leaf or at an entry that is not present, whose
// level comes second.
func (t *PageTable) Chain(va zx.VirtAddr) (chain [4]Entry, level int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.root
	if f == 0 { // destroyed
		return chain, LevelPML4
	}
	for level = LevelPML4; ; level-- {
		i := uint64(va) >> shift(level) & indexMask
		e := t.mem.table(f).load(i)
		if !e.Present() || e&PTE_PS != 0 || level == LevelPT {
			chain[LevelPML4-level] = Entry{level, f, i, e}
			return chain, level
		}
		chain[LevelPML4-level] = Entry{level, f, i, e}
		f = e.Frame()
	}
}

// Destroy frees every table of user space and the root. Leaves are dropped;
// their frames are not ours. Pre: the root is loaded on no CPU. The PageTable
// must not be used again.
func (t *PageTable) Destroy() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leafKey = noLeaf
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

// cache makes f the page table used last. Locks: t.mu held.
func (t *PageTable) cache(va uint64, f Frame) {
	t.leafKey, t.leaf, t.leafMeta = va>>shift(LevelPD), t.mem.table(f), t.mem.Meta(f)
}

// mustBeUser panics on an address whose tables are not ours to change.
func (t *PageTable) mustBeUser(va uint64) {
	if slot := va >> shift(LevelPML4); slot < userSlotFirst || slot > userSlotLast || t.root == 0 {
		panic(fmt.Sprintf("mmu.PageTable: address %#x is outside user space, or root %#x is destroyed", va, t.root))
	}
}

// walkAlloc makes the page table of va the cached one, adding what tables are
// missing: all are allocated first, filled bottom up, and linked by one store
// last, so that neither a CPU nor a failure ever sees half a chain.
// Locks: t.mu held. Errors: NO_MEMORY, nothing changed.
func (t *PageTable) walkAlloc(va uint64) zx.Status {
	t.mustBeUser(va)
	f, level := t.root, LevelPML4
	for level > LevelPT {
		e := t.mem.table(f).load(va >> shift(level))
		if !e.Present() {
			break
		}
		f = e.Frame()
		level--
	}
	if level == LevelPT {
		t.cache(va, f)
		return zx.OK
	}
	var fresh [LevelPML4]Frame // by level
	for l := LevelPT; l < level; l++ {
		n, st := t.mem.allocTable()
		if st != zx.OK {
			for l--; l >= LevelPT; l-- {
				t.mem.freeTable(fresh[l])
			}
			return st
		}
		fresh[l] = n
	}
	for l := LevelPD; l < level; l++ {
		t.mem.table(fresh[l]).store(va>>shift(l), userTable(fresh[l-1]))
		t.mem.Meta(fresh[l]).low = 1
	}
	t.mem.table(f).store(va>>shift(level), userTable(fresh[level-1]))
	t.mem.Meta(f).low++
	t.cache(va, fresh[LevelPT])
	return zx.OK
}

// seek makes the first page table that overlaps [va, end) the cached one and
// gives the part of the range it translates; from == to when there is none.
// Subtrees that are not there are stepped over whole. Locks: t.mu held.
func (t *PageTable) seek(va, end uint64) (from, to uint64) {
	for va < end {
		if va>>shift(LevelPD) == t.leafKey {
			return va, min(end, (va>>shift(LevelPD)+1)<<shift(LevelPD))
		}
		t.mustBeUser(va)
		f, level := t.root, LevelPML4
		for ; level > LevelPT; level-- {
			e := t.mem.table(f).load(va >> shift(level))
			if !e.Present() {
				va = (va>>shift(level) + 1) << shift(level)
				break
			}
			f = e.Frame()
		}
		if level == LevelPT {
			t.cache(va, f)
		}
	}
	return end, end
}

// prune unlinks the cached page table, which translates va and has become
// empty, and every table above that it leaves empty but the root.
// Locks: t.mu held. Pre: g is bound to t.
func (t *PageTable) prune(va uint64, g *Gather) {
	var path [LevelPML4 + 1]Frame // by level
	path[LevelPML4] = t.root
	for l := LevelPML4; l > LevelPT; l-- {
		path[l-1] = t.mem.table(path[l]).load(va >> shift(l)).Frame()
	}
	for l := LevelPD; l <= LevelPML4; l++ {
		t.mem.table(path[l]).store(va>>shift(l), 0)
		g.addTable(path[l-1])
		meta := t.mem.Meta(path[l])
		meta.low--
		if meta.low != 0 {
			break
		}
	}
	t.leafKey = noLeaf
}
