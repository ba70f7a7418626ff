package vmo

import (
	"faultline/zx"
)

// settling is what is to be put right in a family after a node lost its last window,
// or its view of some of its parent. Until it is done everything means the same, but
// pages may be kept that nobody sees. It goes in turns (bury), one of a family at a
// time, the oldest first:
//
//	sweep: frees the pages of [lo, hi) of at that nobody sees, then of the hidden
//	nodes above, where they are shown there
//	merge: makes c, hidden, one with its only child, if it has only one
type settling struct {
	fam      *family
	at       *cowPages // what is swept; nil: it is done
	from, hi uint64
	lo       uint64    // up to where it is swept
	c, child *cowPages // c: nil if nothing is to be merged
	merged   uint64    // up to where c is one with child

	behind, last *settling // of the same family: those that wait
	next         *settling // of another family; guarded by Store.mu
}

// unsettle leaves r to be done. Where there is nobody to do it (Store.SetLater) it is
// done. Locks: the family's held.
func (s *stock) unsettle(r *settling) {
	f := r.fam
	switch head := f.unsettled; {
	case s.later == nil:
		for !r.step(&zx.Budget{}) {
		}
	case head == nil:
		f.unsettled, r.last = r, r
		s.mu.Lock()
		s.unsettled, r.next = r, s.unsettled
		s.mu.Unlock()
		s.later(s.bury)
	case r.c == nil && head.last.c == nil && head.last.at == r.at && head.last.hi == r.from:
		head.last.hi = r.hi
	default:
		head.last.behind, head.last = r, r
	}
}

// settled takes away what was first to be done, and gives what is next. Locks: the
// family's held.
func (f *family) settled() *settling {
	r := f.unsettled
	if f.unsettled = r.behind; r.behind != nil {
		r.behind.last = r.last
	}
	return r.behind
}

// sweep has the pages of [lo, hi) of c freed that nobody sees any more, and of the
// hidden nodes it shows there, up to the first node that is not hidden: what that one
// does not have it sees itself.
//
// Pre: what went out of sight is not mapped. Locks: the family's held.
func (c *cowPages) sweep(lo, hi uint64) {
	if c.hidden() && lo < hi {
		c.store.unsettle(&settling{fam: c.fam, at: c, from: lo, lo: lo, hi: hi})
	}
}

// settle puts a family right after the last window of c was closed: a node that nobody
// needs dies and what only it saw is freed; a hidden one with a single child becomes
// one with it. Locks: the family's held.
func (c *cowPages) settle() {
	lo, hi := uint64(0), c.size
	for c != nil && c.windows == nil {
		if !c.children.Empty() {
			if !c.paged {
				c.store.unsettle(&settling{fam: c.fam, at: c, from: lo, lo: lo, hi: hi, c: c})
			}
			return
		}
		parent := c.parent
		if lo, hi = c.parentOff(), c.parentOff()+c.parentLimit(); parent != nil {
			c.disown()
		}
		c.die()
		c = parent
	}
}

// step does a turn's worth, and says whether that was all. Locks: the family's held.
func (r *settling) step(b *zx.Budget) (done bool) {
	for at := r.at; at != nil && !at.dead && at.hidden() && r.from < r.hi; at = r.at {
		if !r.sweepNode(b) {
			return false
		}
		if r.at = at.parent; r.at != nil {
			off := at.parentOff()
			r.hi = min(r.hi, at.parentLimit()) + off
			r.from += off
			r.lo = r.from
		}
	}
	r.at = nil
	if c := r.c; c != nil && !c.dead {
		if n := c.children.First(); n.Next() == nil {
			return r.merge(n.Owner(), b)
		}
	}
	return true
}

// sweepNode sweeps at, and says whether it is through.
func (r *settling) sweepNode(b *zx.Budget) bool {
	for c := r.at; r.lo < r.hi; {
		if b.Spend(0) {
			return false
		}
		stop := c.turn(r.lo, r.hi, b)
		for pos := c.firstPage(r.lo, stop); pos < stop; pos = c.firstPage(r.lo, stop) {
			if r.lo = c.seenTo(pos, stop, b); r.lo == pos {
				r.lo += zx.PageSize
				c.dropPages(pos, r.lo, allStates)
			}
			if b.Spend(1) {
				return false
			}
		}
		r.lo = stop
	}
	return true
}

// merge makes c one with its only child: what the child sees of c and does not have
// becomes its own, and it hangs on the parent of c. When memory is short they stay two,
// and mean the same. It says whether it is through.
func (r *settling) merge(child *cowPages, b *zx.Budget) bool {
	c, off := r.c, child.parentOff()
	end := off + child.parentLimit()
	if off == 0 && end >= c.size && child.pages == 0 && child.zeros.empty() {
		// All changes hands, and the name of the pages with it.
		c.tree, child.tree = child.tree, c.tree
		c.pages, child.pages = child.pages, c.pages
		c.mem, child.mem = child.mem, c.mem // who pays for them
		c.zeros, child.zeros = child.zeros, c.zeros
		c.store.nodes.swap(c, child)
	} else {
		if r.child != child {
			r.child, r.merged = child, off
		}
		for r.merged < end {
			if b.Spend(0) {
				return false
			}
			for stop := c.turn(r.merged, end, b); r.merged < stop; {
				to, st := child.inherit(c, r.merged-off, stop-off)
				if st != zx.OK {
					return true
				}
				if r.merged = to + off; b.Spend(1) {
					return false
				}
			}
		}
	}
	child.disown()
	if p := c.parent; p != nil {
		lo, seen := c.parentOff(), c.parentLimit()
		p.adopt(child, lo+off, min(end, max(seen, off))-off)
		c.disown()
		if r.behind != nil { // which may have to do with c
			p.sweep(lo, lo+seen)
		}
	}
	c.die()
	return true
}

// inherit makes its own what c sees of its parent from, which has no other child, at
// the front of [pos, stop), and gives where it got. Errors: ErrNoMemory.
func (c *cowPages) inherit(from *cowPages, pos, stop uint64) (uint64, zx.Status) {
	off := c.parentOff()
	if c.owns(pos) {
		return c.ownedEnd(pos, stop), zx.OK
	}
	if iv := from.zeros.holding(pos + off); iv != nil {
		if st := c.zeros.reserve(1); st != zx.OK {
			return pos, st
		}
		end := c.absentEnd(pos, min(iv.end-off, stop))
		c.zeros.add(pos, end, zerosUntracked)
		return end, zx.OK
	}
	if !from.owns(pos + off) {
		return from.absentEnd(pos+off, stop+off) - off, zx.OK
	}
	return pos + zx.PageSize, c.take(from, pos+off, pos)
}
