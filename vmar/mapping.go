package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// Mapping shows part of a VMO in an address space. It implements vmo.Mapping
// and holds a reference to the VMO.
type Mapping struct {
	place
	v     *vmo.VMO         // constant
	off   uint64           // bytes in the VMO, page aligned; constant
	shown vmo.MappingPlace // among the mappings of v

	max  mmu.Prot // constant
	prot mmu.Prot // guarded by the space, as is what follows; see setProt
	// dying: being removed over several slices, and no longer there for anybody
	// else. No fault enters a translation, so what is unmapped stays so.
	dying    bool
	streamed bool // FAULT_BEYOND_STREAM_SIZE; constant
	// What a translation of a page may allow: what the mapping allows, less
	// writing when the page must not be written.
	readable, writable mmu.PTE
	cache              mmu.PTE  // the bits of the VMO's cache policy; constant
	next               uint64   // where the pages mapped by the last read fault end; guarded by the VMO's lock
	heir               *Mapping // once forgotten: the next of AddressSpace.gone
}

// setProt sets what the mapping allows; translations are the caller's matter.
// Locks: space locked.
func (m *Mapping) setProt(p mmu.Prot) {
	m.prot = p
	m.readable = (p&mmu.Exec | mmu.Read).Leaf() | m.cache
	m.writable = (p | mmu.Read).Leaf() | m.cache
}

// space is the address space the mapping is in.
func (m *Mapping) space() *AddressSpace { return m.parent.space }

// UnmapRange implements vmo.Mapping: it removes the translations of what the
// mapping shows of [off, off+length).
//
// Locks: the VMO's lock held. Flush: done here.
func (m *Mapping) UnmapRange(off, length uint64) {
	as := m.space()
	if va, pages := m.clip(off, length); pages > 1 || pages == 1 && !as.table.Empty(va) {
		var g mmu.Gather
		as.table.Clear(va, pages, &g)
		g.Flush(as.tlb)
	}
}

// RemoveWriteRange implements vmo.Mapping: it takes write permission from the
// translations of what the mapping shows of [off, off+length).
//
// Locks: the VMO's lock held. Flush: done here.
func (m *Mapping) RemoveWriteRange(off, length uint64) {
	if va, pages := m.clip(off, length); pages != 0 {
		var g mmu.Gather
		m.space().table.RemoveWrite(va, pages, &g, nil)
		g.Flush(m.space().tlb)
	}
}

// Accessed implements vmo.Mapping.
//
// Locks: the VMO's lock held.
func (m *Mapping) Accessed(off, length uint64) uint64 {
	va, pages := m.clip(off, length)
	if pages == 0 {
		return 0
	}
	return m.space().table.Accessed(va, pages) << ((uint64(va) - m.base + m.off - off) >> zx.PageShift)
}

// clip gives where the mapping shows [off, off+length) of the VMO: a page
// address and a number of pages, perhaps 0.
//
// Locks: the VMO's lock held.
func (m *Mapping) clip(off, length uint64) (zx.VirtAddr, uint64) {
	end := off + length
	if end < off {
		end = ^uint64(0)
	}
	lo, hi := max(off, m.off), min(end, m.off+m.size)
	if lo >= hi {
		return 0, 0
	}
	return zx.VirtAddr(m.base + lo - m.off), (hi - lo + zx.PageMask) >> zx.PageShift
}

// limit is the offset in the VMO from which on an access faults. Locks: the VMO's
// lock not held.
func (m *Mapping) limit() uint64 {
	m.v.Lock()
	defer m.v.Unlock()
	return m.limitLocked()
}

// limitLocked is limit with the VMO's lock held.
func (m *Mapping) limitLocked() uint64 {
	if m.streamed {
		n, _ := zx.RoundUp(m.v.StreamSizeLocked())
		return n
	}
	return m.v.SizeLocked()
}

// newMapping makes a mapping of v in r, which takes a reference and which the
// VMO knows from now on. Pre: it is charged.
//
// Locks: space locked; takes the VMO's.
func (r *VMAR) newMapping(base, size uint64, v *vmo.VMO, off uint64, p, most mmu.Prot) *Mapping {
	m := &Mapping{v: v, off: off, max: most}
	m.parent, m.mapping, m.base, m.size = r, m, base, size
	v.Retain()
	if m.cache = mmu.CacheLeaf(v.AddMapping(&m.shown, m, off, size)); v.Physical() {
		m.cache |= mmu.PTE_MMIO
	}
	m.setProt(p)
	return m
}

// split cuts m at address at and gives the part from there on, a mapping of
// its own that the VMO knows. Translations stay.
//
// Pre: base < at < end, page aligned; it is charged. Locks: space locked; takes the VMO's.
func (m *Mapping) split(at uint64) *Mapping {
	// For a moment both show the right part, which harms nobody; the other
	// order would leave it to neither.
	right := m.parent.newMapping(at, m.end()-at, m.v, m.off+at-m.base, m.prot, m.max)
	right.streamed = m.streamed
	m.v.Lock()
	m.size = at - m.base
	m.v.ShrinkMapping(&m.shown, m.size)
	m.v.Unlock()
	return right
}

// die makes the mapping one that is there for nobody but who removes it.
// Locks: space locked.
func (m *Mapping) die() {
	m.dying = true
	for i := range m.space().lanes {
		m.space().lanes[i].last = &none
	}
}

// forget ends the mapping. Pre: no translation of it is left.
//
// Locks: space locked, in a slice; takes the VMO's.
func (m *Mapping) forget() {
	m.die()
	as := m.space()
	as.account.Release(childBytes)
	m.v.RemoveMapping(&m.shown)
	m.heir, as.gone = as.gone, m
}

// maxBatch is the most pages entered into the tables in one go: what a read fault maps,
// its own page included, docs/pager.md 4.2.
const maxBatch = 16

// mapResident maps up to n pages from address va on that have content and are
// not mapped yet, without asking, committing or dirtying anything, and gives
// how many it got through: it stops at the first page without content, and
// where one batch ends. Pages the VMO tracks are mapped read-only.
//
// Pre: va is page aligned, the pages lie in m.
// Locks: l.mu, or all, and the VMO's lock held. Errors: ErrNoMemory.
func (m *Mapping) mapResident(l *Lane, va, n uint64) (uint64, zx.Status) {
	var frames [maxBatch]mmu.Frame
	off, limit := m.off+va-m.base, m.limitLocked()
	if off >= limit {
		return 0, zx.OK
	}
	i, writable := m.v.PeekPages(off, frames[:min(n, maxBatch, (limit-off)>>zx.PageShift)])
	if i == 0 {
		return 0, zx.OK
	}
	leaf := m.readable
	if writable {
		leaf = m.writable
	}
	return uint64(i), l.table.MapMissing(zx.VirtAddr(va), frames[:i], leaf)
}
