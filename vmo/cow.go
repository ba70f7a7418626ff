package vmo

import (
	"sync/atomic"

	"faultline/avl"
	"faultline/mmu"
	"faultline/spin"
	"faultline/zx"
)

// cowPages is a page node: pages by offset, with their states. Handles and
// mappings hold windows on it (VMO); the ones that show its pages by
// copy-on-write are its children. Package documentation draws a family.
type cowPages struct {
	fam   *family // constant, as is what follows up to traps
	store *Store
	mem   *mmu.Memory
	paged bool // the root of a pager's family: absent pages are asked for
	traps bool // TRAP_DIRTY

	// Guarded by fam.mu, as is everything below.
	dead      bool
	modified  bool   // since the last query with RESET; of a pager's root
	id        uint32 // in Store: the Owner of the frames
	size      uint64 // bytes, a multiple of the page size
	stream    uint64 // bytes
	tree      tree
	zeros     intervals
	pages     uint64       // resident pages
	reclaimed uint64       // pages the evictor took: committed_change_events
	discard   *discardable // nil unless the VMO is
	pinned    uint64       // pages that are pinned
	pins      uint64       // their pins

	base  mmu.Frame // of physical memory; constant
	cache uint32    // cache policy

	windows  *VMO // that show it, through VMO.nextWindow
	mappings avl.Tree[MappingPlace]

	// What it does not have in [0, parentLimit) it shows of its parent, there
	// parentOff further on; what lies beyond reads as zero.
	parent   *cowPages
	sibling  avl.Node[cowPages] // among the parent's children
	children avl.Tree[cowPages] // by parentOff, weights are where what they see ends
}

// parentOff and parentLimit are kept in sibling. Pre: there is a parent, or there
// never was.
func (c *cowPages) parentOff() uint64   { return c.sibling.Key() }
func (c *cowPages) parentLimit() uint64 { return c.sibling.Weight() - c.sibling.Key() }

// family is what the nodes of one tree share.
type family struct {
	mu         spin.Lock
	source     *PageSource  // nil without a pager
	root       *cowPages    // the pager's; nil without one
	zeroMapped bool         // the shared zero page may be mapped somewhere
	clearing   *clearing    // in progress
	clearCost  int          // of a turn, so far
	nodes      int32        // that are not decayed
	deep       atomic.Int32 // how many nodes there ever were above one
	dirtying   *dirtying    // of root: an OP_DIRTY in several turns

	founder *cowPages // the first node, dead perhaps; constant

	// Constant once made; neither kind has clones.
	contiguous bool // its pages lie in a row, and stay
	physical   bool // it shows memory that is no RAM, from cowPages.base on

	unsettled *settling // the first of what is to be put right

	_ [0]byte // of nobody else's cache line: a fault writes mu
}

// hidden says whether nobody has a handle on the node: it only keeps what its
// children share. The root of a pager's family is never hidden.
func (c *cowPages) hidden() bool { return c.windows == nil && !c.paged }

// transition is in slot.go; state gives the state of the page that holds off, of
// what the node has itself.
func (c *cowPages) state(off uint64) State {
	if s := c.tree.get(c.mem, pageIndex(off)); s != 0 {
		return s.state()
	}
	return c.zeros.state(off)
}

// owns says whether the node itself has content at off: a page, a marker or
// zeros.
func (c *cowPages) owns(off uint64) bool { return c.state(off) != Absent }

// absentEnd gives the end of the absent run that starts at off, at most limit.
// Pre: off is absent, both are page aligned.
func (c *cowPages) absentEnd(off, limit uint64) uint64 {
	end := off + zx.PageSize
	if end < limit { // mostly not
		limit = c.zeros.next(off, limit)
	}
	if end >= limit {
		return end
	}
	return c.tree.scan(c.mem, pageIndex(off), pageIndex(limit), allStates) << zx.PageShift
}

// ownedEnd gives the end of a run of content that starts at off, at most limit:
// of slots in use up to the end of their leaf, or of zeros. Pre: off is owned.
func (c *cowPages) ownedEnd(off, limit uint64) uint64 {
	if iv := c.zeros.holding(off); iv != nil {
		return min(iv.end, limit)
	}
	slots, _, _ := c.tree.run(c.mem, pageIndex(off), pageIndex(limit))
	i := 0
	for i < len(slots) && slots[i] != 0 {
		i++
	}
	return off + uint64(i)<<zx.PageShift
}

// ownsAny says whether the node has content in [off, end).
func (c *cowPages) ownsAny(off, end uint64) bool {
	return off < end && (c.owns(off) || c.absentEnd(off, end) < end)
}

// firstAbsent gives the first absent offset from pos on, or end.
func (c *cowPages) firstAbsent(pos, end uint64) uint64 {
	for pos < end && c.owns(pos) {
		pos = c.ownedEnd(pos, end)
	}
	return min(pos, end)
}

// nonDirtyEnd gives the end of the run from off on that has content but is not
// dirty: clean and awaiting-clean pages, markers and zero intervals. At most
// limit; off itself when its page is dirty or absent.
func (c *cowPages) nonDirtyEnd(off, limit uint64) uint64 {
	for off < limit {
		slots, _, _ := c.tree.run(c.mem, pageIndex(off), pageIndex(limit))
		i := 0
		for i < len(slots) && slots[i] != 0 && slots[i].state() != Dirty {
			i++
		}
		off += uint64(i) << zx.PageShift
		if i < len(slots) && slots[i] != 0 {
			return off
		}
		if slots == nil || i < len(slots) {
			iv := c.zeros.holding(off)
			if iv == nil {
				return off
			}
			off = iv.end
		}
	}
	return min(off, limit)
}

// dropAtOnce is how many pages are taken off the age lists while others wait for them.
const dropAtOnce = 64

// dropPages empties the slots in [start, end) that are in one of the states of
// mask, frees their pages, and prunes the tree. Pinned pages stay. Pre: what is
// dropped is not mapped.
func (c *cowPages) dropPages(start, end uint64, mask uint16) {
	first, limit := pageIndex(start), pageIndex(end)
	age := &c.store.age
	for first < limit {
		slots, n, leaf := c.tree.run(c.mem, first, limit)
		gone, pages, chain := 0, 0, mmu.Frame(0)
		if slots != nil && c.paged {
			n = min(n, dropAtOnce)
			slots = slots[:n]
			age.mu.Lock()
		}
		for i := range slots {
			s := slots[i]
			if mask>>s.state()&1 == 0 || s&slotPinned != 0 {
				continue
			}
			c.transition(&slots[i], 0)
			gone++
			if f := s.frame(); f != 0 {
				if c.paged {
					age.remove(f)
				}
				c.mem.Meta(f).Next = chain
				chain = f
				pages++
			}
		}
		if slots != nil && c.paged {
			age.mu.Unlock()
		}
		c.pages -= uint64(pages)
		c.mem.FreeRun(chain, pages)
		c.tree.gone(c.mem, first, leaf, gone)
		first += n
	}
}

// shown calls f for each mapping in windows of the node that shows some of
// [off, end), with that as a range of the window.
func (c *cowPages) shown(off, end uint64, f func(m Mapping, off, length uint64)) {
	for n := c.mappings.Heavy(0, off+1); n != nil && n.Key() < end; n = n.Heavier(off + 1) {
		m := n.Owner()
		lo, hi := max(off, m.window.off)-m.window.off, end-m.window.off
		f(m.Mapping, lo, hi-lo)
	}
}

// accessed says which of the pages in [off, end), 64 at most, were accessed since
// they were mapped, in the windows of the node and of those below.
func (c *cowPages) accessed(off, end uint64) (pages uint64) {
	d := c.descend(off, end)
	for n := c; n != nil; n = d.next(false) {
		lo, hi := d.here()
		if n != c {
			hi = min(hi, n.parentLimit())
		}
		n.shown(lo, hi, func(m Mapping, at, length uint64) {
			first := hi - length + d.down // of what the window shows, in c
			pages |= m.Accessed(at, length) << ((first - off) >> zx.PageShift)
		})
	}
	return pages
}
