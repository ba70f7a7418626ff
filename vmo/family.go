package vmo

import (
	"faultline/mmu"
	"faultline/zx"
)

// This file walks families: up, to find who has what a node shows, and down, to
// find who sees what a node has. No walk recurses or allocates, however deep the
// family. What becomes of nodes that nobody has a handle on is in settle.go.

// sight is what a node shows at an offset: of whom, and what it is there.
type sight struct {
	c  *cowPages // who has it; nil for zeros that nobody has
	at uint64    // where, bytes
	s  slot      // 0 for zeros of an interval, and where a pager's root has nothing
	// end is where, in the node looked from, something else may begin.
	end uint64
	// ask says that it is a page the pager has not supplied.
	ask bool
}

// see looks up what c shows at off.
//
// Pre: off is page aligned. end of the answer is not set: it is off and a page.
func (c *cowPages) see(off uint64) sight {
	for {
		if s := c.tree.get(c.mem, pageIndex(off)); s != 0 {
			return sight{c: c, at: off, s: s}
		}
		if !c.zeros.empty() && c.zeros.holding(off) != nil {
			return sight{c: c, at: off}
		}
		up := off + c.sibling.Key() // in the parent, which wraps for no offset of c
		if c.parent == nil || up >= c.sibling.Weight() {
			if c.paged {
				return sight{c: c, at: off, ask: true}
			}
			return sight{}
		}
		off, c = up, c.parent
	}
}

// look is see that also tells up to where, at most limit, the same one has what
// c shows, or nobody has. In a deep family it looks no further than writeBatch.
func (c *cowPages) look(off, limit uint64) sight {
	var up uint64 // what was added to off on the way
	if c.fam.deep.Load() > shallow {
		limit = min(limit, off+writeBatch)
	}
	for {
		if c.owns(off) {
			return sight{c: c, at: off, s: c.tree.get(c.mem, pageIndex(off)), end: c.ownedEnd(off, limit) - up}
		}
		limit = c.absentEnd(off, limit)
		if c.parent == nil || off >= c.parentLimit() {
			v := sight{end: limit - up}
			if c.paged {
				v.c, v.at, v.ask = c, off, true
			}
			return v
		}
		limit = min(limit, c.parentLimit()) + c.parentOff()
		off += c.parentOff()
		up += c.parentOff()
		c = c.parent
	}
}

// descent is a walk over the nodes below top that see some of [lo, hi) of it,
// each before those below it.
type descent struct {
	top, at *cowPages
	lo, hi  uint64 // in top
	down    uint64 // what to take off for at
}

func (c *cowPages) descend(lo, hi uint64) descent { return descent{top: c, at: c, lo: lo, hi: hi} }

// here gives the range in the node the walk is at. Where a node between shows
// less of top than that one, it is too wide.
func (d *descent) here() (lo, hi uint64) {
	return max(d.lo, d.down) - d.down, max(d.hi, d.down) - d.down
}

// next gives the next node, or nil; past passes over all below the one before.
func (d *descent) next(past bool) *cowPages {
	lo, hi := d.here()
	if !past {
		if n := d.at.children.Heavy(0, lo+1); n != nil && n.Key() < hi {
			return d.enter(n.Owner())
		}
	}
	for d.at != d.top {
		c := d.at
		d.at, d.down = c.parent, d.down-c.parentOff()
		lo, hi = d.here()
		if n := c.sibling.Heavier(lo + 1); n != nil && n.Key() < hi {
			return d.enter(n.Owner())
		}
	}
	return nil
}

func (d *descent) enter(c *cowPages) *cowPages {
	d.at, d.down = c, d.down+c.parentOff()
	return c
}

// lookedAt is how many nodes a look for who sees a page goes through. Where there are
// more, somebody is taken to see it.
const lookedAt = 128

// sharers counts the nodes with windows that see what c has at off, itself
// included, up to most. Except does not count, nor does what sees it through
// another node with windows: that one has it on its behalf. It looks at lookedAt nodes,
// and gives how many it did.
func (c *cowPages) sharers(off uint64, except *cowPages, most int) (n, looked int) {
	if c.windows != nil {
		n++
	}
	d := c.descend(off, off+zx.PageSize)
	for b := d.next(false); b != nil && n < most; looked++ {
		if looked == lookedAt {
			return max(n, 1), looked
		}
		lo, _ := d.here()
		past := b == except || b.owns(lo)
		if !past && b.windows != nil {
			n++
			past = true
		}
		b = d.next(past)
	}
	return n, looked
}

// seen says whether anybody but except sees what c has at off.
func (c *cowPages) seen(off uint64, except *cowPages) bool {
	n, _ := c.sharers(off, except, 1)
	return n > 0
}

// seenTo gives the end of a run of [off, hi) that one node with windows sees of c,
// hidden; off if nobody sees that page.
func (c *cowPages) seenTo(off, hi uint64, cost *zx.Budget) uint64 {
	d := c.descend(off, off+zx.PageSize)
	looked := 0
	for b := d.next(false); b != nil; looked++ {
		if looked == lookedAt {
			return off + zx.PageSize
		}
		cost.Spend(looked & 1)
		lo, _ := d.here()
		past := b.owns(lo)
		if !past && b.windows != nil {
			return off + b.look(lo, lo+hi-off).end - lo
		}
		b = d.next(past)
	}
	return off
}

// firstPage gives the first offset from pos on whose slot is in use, or end.
func (c *cowPages) firstPage(pos, end uint64) uint64 {
	if pos >= end {
		return end
	}
	return c.tree.scan(c.mem, pageIndex(pos), pageIndex(end), allStates) << zx.PageShift
}

// adopt hangs child below c, which it sees from off on for limit bytes.
func (c *cowPages) adopt(child *cowPages, off, limit uint64) {
	c.fam.reshaped()
	child.parent = c
	c.children.Insert(&child.sibling, child, off, off+limit)
}

// disown takes child off its parent.
func (c *cowPages) disown() {
	c.parent.children.Remove(&c.sibling)
	c.parent = nil
	c.fam.reshaped()
}

// clipView ends what c sees of its parent at limit, for good.
func (c *cowPages) clipView(limit uint64) {
	if c.parent != nil && limit < c.parentLimit() {
		c.parent.children.SetWeight(&c.sibling, c.parentOff()+limit)
	}
}

// clipChildren ends what the children see of c at size, for good. False: it takes
// longer than a turn, and the operation answers errSpent.
func (c *cowPages) clipChildren(size uint64) bool {
	for n, left := c.children.Heavy(0, size+1), clipTurn; n != nil; n = c.children.Heavy(0, size+1) {
		child := n.Owner()
		end := max(size, child.parentOff()) - child.parentOff()
		if left--; left < 0 || !child.cleared(end, child.parentLimit()-end, false) {
			return false
		}
		child.clipView(end)
		if child.parentOff() > size { // its weight is its key, which is too heavy
			child.rehang(size)
		}
	}
	return true
}

// clipTurn is how many children are clipped in a turn.
const clipTurn = 128

// rehang moves c, which sees nothing of its parent, to off.
func (c *cowPages) rehang(off uint64) {
	p := c.parent
	c.disown()
	p.adopt(c, off, 0)
}

// die ends c, and leaves what it has to be buried. Pre: no windows, no children, no
// parent.
func (c *cowPages) die() {
	if c.paged {
		c.fam.source.Detach()
	}
	c.forgetDiscard()
	c.dead = true
	s := c.store
	s.mu.Lock()
	c.parent, s.graves = s.graves, c
	s.mu.Unlock()
}

// bury does a turn's worth of what dead VMOs leave: families are settled, and what
// dead nodes have is freed. It says whether there is more. Whoever is short of memory
// may do so as well.
//
// Locks: none held.
func (s *stock) bury(b *zx.Budget) (more bool) {
	s.mu.Lock()
	r, c := s.unsettled, s.graves
	switch {
	case r != nil:
		s.unsettled, r.next, c = r.next, nil, nil
	case c != nil:
		s.graves, c.parent = c.parent, nil
	default:
		s.mu.Unlock()
		return false
	}
	s.hands.Add(1)
	s.mu.Unlock()
	if r != nil {
		f := r.fam
		f.mu.Lock()
		if r.step(b) {
			r = f.settled()
		}
		f.mu.Unlock()
	} else {
		f := c.fam
		f.mu.Lock()
		if c.decay(b) {
			c = nil
		}
		f.mu.Unlock()
	}
	s.mu.Lock()
	if r != nil {
		r.next, s.unsettled = s.unsettled, r
	} else if c != nil {
		c.parent, s.graves = s.graves, c
	}
	more = s.graves != nil || s.unsettled != nil
	s.buried.Add(1)
	s.hands.Add(-1)
	s.mu.Unlock()
	return more
}

// decay frees a turn's worth of what c, dead, has, and says whether that was all.
// Locks: the family's held.
func (c *cowPages) decay(b *zx.Budget) bool {
	first := min(c.firstPage(0, c.size), c.zeros.next(0, c.size))
	stop := c.turn(first, c.size, b)
	if c.fam.contiguous {
		for pos := c.nextPinned(first, stop); pos < stop; pos = c.nextPinned(pos, stop) {
			c.addPin(c.tree.find(c.mem, pageIndex(pos)), -1)
		}
	}
	c.dropPages(first, stop, allStates)
	c.zeros.remove(first, stop)
	if stop < c.size || !c.tree.destroy(c.mem, b) {
		return false
	}
	c.zeros.clear()
	c.mem.Settle()
	if c.paged {
		c.fam.source.provider.OnGone()
	}
	c.store.nodes.give(c.id)
	f := c.fam
	if c != f.founder {
		c.store.account.Release(nodeBytes)
	}
	if f.nodes--; f.nodes == 0 {
		f.founder.store.account.Release(founderBytes)
	}
	return true
}

// take moves the page that from has at pos to off of c, which has nothing there.
// Whoever has it mapped may keep it so. Errors: ErrNoMemory, nothing changed.
func (c *cowPages) take(from *cowPages, pos, off uint64) zx.Status {
	to, st := c.tree.insert(c.mem, pageIndex(off))
	if st != zx.OK {
		return st
	}
	slots, _, leaf := from.tree.run(from.mem, pageIndex(pos), pageIndex(pos)+1)
	s := slots[0]
	from.transition(&slots[0], 0)
	from.tree.gone(from.mem, pageIndex(pos), leaf, 1)
	from.pages--
	from.mem.Disown(1)
	c.mem.Inherit(1)
	c.own(to, off, s.frame())
	return zx.OK
}

// own puts page f into the slot of off, as a page without a pager. Pre: the slot
// is empty and counted.
func (c *cowPages) own(s *slot, off uint64, f mmu.Frame) {
	c.mem.Meta(f).Set(c.id, pageIndex(off), 0)
	c.flushIfUncached(f)
	c.transition(s, pageSlot(f, Untracked))
	c.pages++
}
