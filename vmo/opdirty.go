package vmo

import (
	"faultline/zx"
)

// dirtying is an OP_DIRTY of more than a turn: all pages of [off, end) or none. Its
// family keeps it from turn to turn.
//
//	         all is there                  memory is there         first piece               all
//	checking -------------> gathering pages ---------------> ready -----------> converting ----> converted
//	   ^                           |                           |
//	   +---- something changed ----+---------------------------+
//
// Until it converts it may be given up, and nothing has changed. While it converts it
// cannot fail, and whoever would see what is half done, or change the range, does a
// part of it first (calm). The evictor passes the range over all the time.
type dirtying struct {
	off, end uint64 // bytes
	pos      uint64 // up to where the phase has come
	phase    dirtyPhase
	need     int     // pages of zeros it takes
	fresh    PageRun // those there are
	leaves   uint64  // up to where there are leaves for them; 0 if none was looked for
	news     uint64  // first page that became dirty and was not reported
}

type dirtyPhase uint8

const (
	dirtyChecking  dirtyPhase = iota
	dirtyGathering            // pages of zeros, and the leaves to put them in
	dirtyReady
	dirtyConverting // the only phase that changes pages
	dirtyConverted
)

// DirtyPages makes every page of the range dirty, all of them or none: the
// pager's OP_DIRTY. Markers and pages of zero intervals become pages of zeros.
// Requests for what changed progress. Not a modification.
//
// Units: bytes, page aligned.
// Locks: none held; takes the VMO's, and drops it where y, which may be nil, is to
// yield.
// Errors, in this order: ErrOutOfRange wraps | ErrNotSupported without
// TRAP_DIRTY | ErrOutOfRange starts past the end; and, after releasing every
// DIRTY waiter that meets the part of the range inside the VMO: ErrOutOfRange
// ends past the end | ErrBadState detached | ErrNotFound a page is absent |
// ErrNoMemory | ErrInternalIntrKilled. Without: ErrInternalIntrRetry.
// Flush: translations of the zero page that pages replace are removed; those of
// resident pages stay as they are.
// Source: docs/pager.md 3.5.2.
func (v *VMO) DirtyPages(off, length uint64, y zx.Yielder) zx.Status {
	if off+length < off {
		return zx.ErrOutOfRange
	}
	if !v.cow.traps {
		return zx.ErrNotSupported
	}
	if length == zx.PageSize { // the usual single page
		c := v.lock()
		done := c.dirtyOne(off)
		v.Unlock()
		if done {
			return zx.OK
		}
	}
	return v.dirtyPages(off, length, y)
}

// dirtyPages is DirtyPages after its first two checks, of any number of pages.
func (v *VMO) dirtyPages(off, length uint64, y zx.Yielder) zx.Status {
	b := zx.Budget{By: y}
	// What is gathered is given back when memory is short: so ask for more each
	// time.
	for want := reclaimPages; ; want *= 2 {
		st := v.dirtyAll(off, off+length, &b)
		if st == zx.ErrNoMemory {
			if st = v.makeRoom(nil, want, y); st == zx.OK {
				continue
			}
		}
		switch st {
		case zx.OK, zx.ErrInternalIntrRetry:
			return st
		case errBefore:
			return zx.ErrOutOfRange
		case zx.ErrNoResources:
			st = zx.ErrNoMemory
		}
		v.releaseDirty(off, off+length, &b)
		return st
	}
}

// errBefore is what dirtyAll answers where the range starts past the end.
const errBefore zx.Status = 2

// releaseDirty lets the DIRTY waiters of the range look again.
func (v *VMO) releaseDirty(off, end uint64, b *zx.Budget) {
	for more := true; more; {
		c := v.lock()
		if end = min(end, c.size); off < end {
			stop := c.fam.source.cut(off, end, b)
			c.fam.source.Release(RequestDirty, off, stop-off)
			off = stop
		}
		more = off < end
		v.Unlock()
		if more {
			b.Look() // it ends nevertheless
		}
	}
}

// dirtyAll is DirtyPages once. Locks: none held. Errors: errBefore | as DirtyPages |
// ErrNoResources memory could never suffice.
func (v *VMO) dirtyAll(off, end uint64, b *zx.Budget) zx.Status {
	now := dirtying{off: off, end: end, pos: off, news: pageIndex(off)}
	d := &now
	for mine := false; ; {
		c := v.lock()
		st := errSpent
		switch {
		case !mine && off > c.size:
			st = errBefore
		case !mine && c.fam.dirtying != nil: // one at a time
			c.calm(c.fam.dirtying.off, c.fam.dirtying.end)
		default:
			if st = c.makeDirty(d, b); st == errSpent && !mine {
				d = new(dirtying)
				*d, mine = now, true
				c.fam.dirtying = d
			}
		}
		if st == errSpent {
			v.Unlock()
			if st = b.Look(); st == zx.OK {
				continue
			}
			c = v.lock()
			switch {
			case mine && d.phase == dirtyConverted:
				st = zx.OK
			case mine && d.phase == dirtyConverting:
				v.Unlock()
				if st == zx.ErrInternalIntrRetry || v.store.later == nil {
					continue // it cannot stop any more
				}
				v.Retain()
				v.store.later(func(b *zx.Budget) bool { return v.dirtyRest(d, b) })
				return st
			}
		}
		if st != zx.OK {
			c.giveUp(d)
		}
		c.mem.Disown(d.fresh.pages)
		v.Unlock()
		if d.fresh.pages > 0 {
			d.fresh.Yielder = b.By
			v.store.Discard(&d.fresh)
		}
		return st
	}
}

// dirtyRest ends an OP_DIRTY whose thread was killed, and says whether there is more
// to do.
func (v *VMO) dirtyRest(d *dirtying, b *zx.Budget) bool {
	c := v.lock()
	if c.makeDirty(d, b) == errSpent {
		v.Unlock()
		return true
	}
	c.mem.Disown(d.fresh.pages)
	v.Unlock()
	v.store.Discard(&d.fresh)
	v.Release()
	return false
}

// calm says that no OP_DIRTY is making pages of [off, end) dirty. One that is gets on
// by a turn; one that only looks at them begins again.
//
// Locks: the family's held.
func (c *cowPages) calm(off, end uint64) bool {
	d := c.fam.dirtying
	if d == nil || !c.paged || end <= d.off || d.end <= off {
		return true
	}
	if d.phase == dirtyConverting {
		var b zx.Budget
		b.Spend(zx.BudgetUnits / 2)
		return c.makeDirty(d, &b) == zx.OK
	}
	d.phase, d.pos, d.need = dirtyChecking, d.off, 0
	return true
}

// holds says whether the page idx must stay for d, which may be nil.
func (d *dirtying) holds(idx uint64) bool {
	return d != nil && pageIndex(d.off) <= idx && idx < pageIndex(d.end)
}

// giveUp ends d before it has changed anything: no node is left that it made.
func (c *cowPages) giveUp(d *dirtying) {
	if c.fam.dirtying == d {
		c.fam.dirtying = nil
	}
	if d.leaves == 0 {
		return
	}
	c.tree.keep = false
	for idx := pageIndex(d.off); idx < pageIndex(d.leaves); idx = (idx | nodeMask) + 1 {
		c.tree.prune(c.mem, idx)
	}
	c.tree.prune(c.mem, pageIndex(d.end)-1)
}

// makeDirty gets d on by a turn. On an error nothing has changed but what d gathered.
//
// Locks: the family's held. Errors: errSpent | those of DirtyPages past errBefore |
// ErrNoResources.
func (c *cowPages) makeDirty(d *dirtying, b *zx.Budget) zx.Status {
	for {
		switch {
		case d.phase >= dirtyConverting:
		case d.end > c.size:
			return zx.ErrOutOfRange
		case c.fam.source.Detached():
			return zx.ErrBadState
		}
		var st zx.Status
		switch {
		case d.pos < d.end:
			st = c.dirtyPiece(d, b)
		case d.phase >= dirtyReady:
			c.dirtied(d.news, pageIndex(d.end))
			if c.fam.dirtying == d {
				c.fam.dirtying = nil
			}
			c.tree.keep = false
			d.phase = dirtyConverted
			return zx.OK
		case d.need > c.mem.Stats().Total:
			return zx.ErrNoResources // more than eviction could ever free
		case d.phase == dirtyChecking && d.need > 0:
			// The last leaf first, so that the tree is high enough for page 0 to keep
			// its place.
			c.tree.keep = true
			d.phase, d.pos, d.leaves = dirtyGathering, d.off, max(d.leaves, d.off+1)
			_, st = c.tree.leaf(c.mem, pageIndex(d.end)-1)
		default:
			if st = c.gather(d, b); st == zx.OK {
				d.phase, d.pos = dirtyReady, d.off
			}
		}
		if st == zx.OK && b.Spend(0) && d.pos < d.end {
			st = errSpent
		}
		if st != zx.OK {
			return st
		}
	}
}

// dirtyPiece does the work of a phase on the next piece of the range.
func (c *cowPages) dirtyPiece(d *dirtying, b *zx.Budget) zx.Status {
	switch d.phase {
	case dirtyChecking:
		return c.checkDirty(d, b)
	case dirtyGathering:
		b.Spend(2)
		_, st := c.tree.leaf(c.mem, pageIndex(d.pos))
		if st == zx.OK {
			d.pos = min(d.end, ((pageIndex(d.pos)|nodeMask)+1)<<zx.PageShift)
			d.leaves = max(d.leaves, d.pos)
		}
		return st
	}
	return c.convert(d, b)
}

// gather gets the pages of zeros that are missing. Errors: errSpent | ErrNoMemory.
func (c *cowPages) gather(d *dirtying, b *zx.Budget) zx.Status {
	for d.fresh.pages < d.need {
		if b.Spend(1) {
			return errSpent
		}
		f, st := c.mem.AllocZeroed()
		if st != zx.OK {
			return st
		}
		d.fresh.append(c.mem, f, 0)
	}
	return zx.OK
}

// checkDirty looks at a piece of the range: whether all is there, and how many pages
// of zeros it takes.
func (c *cowPages) checkDirty(d *dirtying, b *zx.Budget) zx.Status {
	stop := c.turn(d.pos, d.end, b)
	for pos := d.pos; pos < stop; {
		if iv := c.zeros.holding(pos); iv != nil {
			end := min(iv.end, stop)
			d.need = int(min(uint64(d.need)+pageIndex(end-pos), 1<<53))
			pos = end
			continue
		}
		slots, n, _ := c.tree.run(c.mem, pageIndex(pos), pageIndex(c.zeros.next(pos, stop)))
		if slots == nil {
			return zx.ErrNotFound
		}
		for _, s := range slots {
			switch s.state() {
			case Absent:
				return zx.ErrNotFound
			case Marker:
				d.need++
			}
		}
		pos += n << zx.PageShift
	}
	d.pos = stop
	return zx.OK
}

// convert makes the next piece of the range dirty. Errors: errSpent | before the first:
// ErrNoMemory.
func (c *cowPages) convert(d *dirtying, b *zx.Budget) zx.Status {
	idx := pageIndex(d.pos)
	limit := min(pageIndex(d.end), (idx|nodeMask)+1)
	limit = min(limit, idx+4*uint64(max(zx.BudgetUnits-b.Spent(), 1)))
	limit = pageIndex(c.fam.source.cut(d.pos, limit<<zx.PageShift, b))
	if d.need > 0 {
		if d.phase == dirtyReady { // the first piece may cut an interval in two, no other does
			if st := c.zeros.reserve(1); st != zx.OK {
				return st
			}
		}
		if !c.clearedOfZeros(d.pos, limit<<zx.PageShift) {
			return errSpent
		}
		c.zeros.remove(d.pos, limit<<zx.PageShift)
	}
	d.phase = dirtyConverting
	slots, n, leaf := c.tree.run(c.mem, idx, limit)
	added := 0
	for i := range slots {
		s, at := slots[i], idx+uint64(i)
		switch {
		case s.state() == Dirty:
			c.dirtied(d.news, at)
			d.news = at + 1
		case s.hasPage():
			c.transition(&slots[i], s.in(Dirty))
		default:
			if s == 0 {
				added++
			}
			f := d.fresh.pop(c.mem)
			c.mem.Meta(f).Set(c.id, at, 0)
			c.transition(&slots[i], pageSlot(f, Dirty))
			c.pages++
		}
	}
	c.tree.added(c.mem, leaf, added)
	b.Spend(int(n)/4 + 1)
	if d.pos = (idx + n) << zx.PageShift; b.Spend(0) {
		c.dirtied(d.news, idx+n)
		d.news = idx + n
	}
	return zx.OK
}

// dirtied reports the pages [first, end) as newly dirty.
func (c *cowPages) dirtied(first, end uint64) {
	if first < end {
		c.fam.source.Progress(RequestDirty, first<<zx.PageShift, (end-first)<<zx.PageShift)
	}
}

// dirtyOne makes one page dirty that is clean or awaits being so; it says whether that
// is the case. Locks: the family's held.
func (c *cowPages) dirtyOne(off uint64) bool {
	if off >= c.size || c.fam.source.Detached() {
		return false
	}
	idx := pageIndex(off)
	s := c.tree.near(idx)
	if s == nil {
		s = c.tree.walk(c.mem, idx)
	}
	if s == nil || 1<<s.state()&(1<<Clean|1<<AwaitingClean) == 0 {
		return false
	}
	c.transition(s, s.in(Dirty))
	c.fam.source.Progress(RequestDirty, off, zx.PageSize)
	return true
}
