package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// Mapping shows part of a VMO in an address space. It implements vmo.Mapping
// and holds a reference to the VMO.
type Mapping struct {
	space *AddressSpace
	v     *vmo.VMO
	place vmo.MappingPlace // among the mappings of v

	// Guarded by space.mu and the VMO's lock: both to write, either to read.
	base uint64 // address, page aligned
	size uint64 // bytes, page aligned
	off  uint64 // bytes in the VMO, page aligned

	max  mmu.Prot // constant
	prot mmu.Prot // guarded by space.mu, as is what follows; see setProt
	// What a translation of a page may allow: what the mapping allows, less
	// writing when the page must not be written.
	readable, writable mmu.PTE
	next               uint64 // where the pages mapped by the last read fault end

	// No page of the VMO outside [shown, shownEnd) has a translation here, so
	// what happens to such a page need not look for one. Bytes; both 0 when
	// there is none. Guarded by the VMO's lock; space.mu too to widen it.
	shown, shownEnd uint64
}

// setProt sets what the mapping allows; translations are the caller's matter.
// Locks: space.mu held.
func (m *Mapping) setProt(p mmu.Prot) {
	m.prot = p
	m.readable = (p&mmu.Exec | mmu.Read).Leaf()
	m.writable = (p | mmu.Read).Leaf()
}

// show takes [off, off+length) of the VMO, about to get translations, into
// what is shown. Locks: space.mu and the VMO's lock held.
func (m *Mapping) show(off, length uint64) {
	if m.shownEnd == 0 {
		m.shown = off
	}
	m.shown, m.shownEnd = min(m.shown, off), max(m.shownEnd, off+length)
}

// UnmapRange implements vmo.Mapping: it removes the translations of what the
// mapping shows of [off, off+length).
//
// Locks: the VMO's lock held. Flush: done here.
func (m *Mapping) UnmapRange(off, length uint64) {
	if va, pages := m.clip(off, length); pages != 0 {
		var g mmu.Gather
		m.space.table.Unmap(va, pages, &g, nil)
		g.Flush(m.space.tlb)
		if pages<<zx.PageShift == m.shownEnd-m.shown {
			m.shown, m.shownEnd = 0, 0
		}
	}
}

// RemoveWriteRange implements vmo.Mapping: it takes write permission from the
// translations of what the mapping shows of [off, off+length).
//
// Locks: the VMO's lock held. Flush: done here.
func (m *Mapping) RemoveWriteRange(off, length uint64) {
	if va, pages := m.clip(off, length); pages != 0 {
		var g mmu.Gather
		m.space.table.RemoveWrite(va, pages, &g, nil)
		g.Flush(m.space.tlb)
	}
}

// clip gives where the mapping may have translations of [off, off+length) of the
// VMO: a page address and a number of pages, perhaps 0.
//
// Locks: the VMO's lock held.
func (m *Mapping) clip(off, length uint64) (zx.VirtAddr, uint64) {
	end := off + length
	if end < off {
		end = ^uint64(0)
	}
	lo, hi := max(off, m.shown), min(end, m.shownEnd)
	if lo >= hi {
		return 0, 0
	}
	return zx.VirtAddr(m.base + lo - m.off), (hi - lo + zx.PageMask) >> zx.PageShift
}

// end is the address after the last byte.
func (m *Mapping) end() uint64 { return m.base + m.size }

// split cuts m at address at and gives the part from there on, a mapping of
// its own that the VMO knows. Translations stay.
//
// Pre: base < at < end, page aligned. Locks: space.mu held; takes the VMO's.
func (m *Mapping) split(at uint64) *Mapping {
	right := &Mapping{
		space: m.space, v: m.v, max: m.max,
		base: at, size: m.end() - at, off: m.off + at - m.base,
	}
	right.setProt(m.prot)
	right.show(right.off, right.size) // more than there is harms nobody
	m.v.Retain()
	// For a moment both show the right part, which harms nobody; the other
	// order would leave it to neither.
	m.v.AddMapping(&right.place, right, right.off, right.size)
	m.v.Lock()
	m.size = at - m.base
	m.v.ShrinkMapping(&m.place, m.size)
	m.shown, m.shownEnd = m.off, m.off+m.size
	m.v.Unlock()
	m.space.count++
	return right
}

// forget ends the mapping. Pre: no translation of it is left; the region that
// held it no longer does.
//
// Locks: space.mu held; takes the VMO's.
func (m *Mapping) forget() {
	if m.space.last == m {
		m.space.last = &none
	}
	m.space.count--
	m.v.RemoveMapping(&m.place)
	m.v.Release()
}

// maxBatch is the most pages entered into the tables in one go: the budget of
// a fault-around, spec section 4.2.
const maxBatch = 16

// mapResident maps up to n pages from address va on that have content and are
// not mapped yet, without asking, committing or dirtying anything, and gives
// how many pages it got through: it stops at the first page without content if
// contiguous is set, and where one batch ends. Pages the VMO tracks are mapped
// read-only.
//
// Pre: va is page aligned, the pages lie in m.
// Locks: space.mu and the VMO's lock held. Errors: ErrNoMemory.
func (m *Mapping) mapResident(va, n uint64, contiguous bool) (uint64, zx.Status) {
	var frames [maxBatch]mmu.Frame
	off := m.off + va - m.base
	i, found, writable := peek(m.v, off, frames[:min(n, maxBatch)], contiguous)
	if !found {
		return uint64(i), zx.OK
	}
	leaf := m.readable
	if writable {
		leaf = m.writable
	}
	m.show(off, uint64(i)<<zx.PageShift)
	return uint64(i), m.space.table.MapMissing(zx.VirtAddr(va), frames[:i], leaf)
}

// peek collects the pages from off on that have content, all of which may be
// mapped writable or none, and gives how many places it filled: 0 stands for no
// page, at which contiguous stops. found says whether there is any page.
//
// Pre: frames is zero. Locks: the VMO's lock held.
func peek(v *vmo.VMO, off uint64, frames []mmu.Frame, contiguous bool) (n int, found, writable bool) {
	var p vmo.Page
	for i := range frames {
		if v.PeekPage(off, &p) {
			if p.Writable != writable {
				if found {
					return i, true, writable // the next batch has its own permissions
				}
				writable = p.Writable
			}
			frames[i], found = p.Frame, true
		} else if contiguous {
			return i, found, writable
		}
		off += zx.PageSize
	}
	return len(frames), found, writable
}
