package vmo

import (
	"faultline/zx"
)

// WritebackBegin says that the pager is about to save the range: dirty pages
// await being clean, dirty zero intervals that start in it remember how far it
// reached, and every translation of it loses write permission. With zeroOnly
// the pages are left alone, so that what was written since the query is not
// lost.
//
// Units: bytes, page aligned.
// Locks: none held; takes the VMO's. Errors: ErrOutOfRange wraps or leaves the VMO.
// Flush: done.
// Source: docs/pager.md 3.5.3.
func (v *VMO) WritebackBegin(off, length uint64, zeroOnly bool, y zx.Yielder) zx.Status {
	return v.writeback(off, length, y, func(c *cowPages, pos, stop, end uint64) bool {
		if !c.cleared(pos, stop-pos, true) {
			return false
		}
		if !zeroOnly {
			c.beginPages(pageIndex(pos), pageIndex(stop))
		}
		c.zeros.begin(pos, stop, end)
		return true
	})
}

// beginPages makes the dirty pages of [idx, limit) await being clean.
func (c *cowPages) beginPages(idx, limit uint64) {
	for idx < limit {
		slots, n, _ := c.tree.run(c.mem, idx, limit)
		for i := range slots {
			if s := &slots[i]; *s&(slotStateMask|slotPinned) == slot(Dirty) {
				c.transition(s, *s^slot(Dirty^AwaitingClean)) // in(AwaitingClean), known to be Dirty
			}
		}
		idx += n
	}
}

// writeback does piece after piece of the range; y, which may be nil, yields
// between two.
func (v *VMO) writeback(off, length uint64, y zx.Yielder, piece func(c *cowPages, pos, stop, end uint64) bool) zx.Status {
	b, end := zx.Budget{By: y}, off+length
	for pos := off; ; {
		c := v.lock()
		st := v.checkRange(off, length)
		if st == zx.OK && length != 0 {
			stop := c.turnOf(8, pos, end, &b) // a state and a bit each
			if c.calm(pos, stop) && piece(c, pos, stop, end) {
				pos = stop
			}
			if pos < end {
				st = errSpent
			}
		}
		v.Unlock()
		if st = v.sleep(st, nil, &b); st != zx.ErrNext {
			return st
		}
	}
}

// WritebackEnd says that the range was saved: pages still awaiting are clean,
// and what WritebackBegin remembered of dirty zero intervals is absent again.
// Without a begin it does nothing.
//
// Units: bytes, page aligned.
// Locks: none held; takes the VMO's. Errors: ErrOutOfRange wraps or leaves the VMO.
// Flush: none; translations of the zero page where zeros became absent linger
// until something is supplied there.
// Source: docs/pager.md 3.5.4.
func (v *VMO) WritebackEnd(off, length uint64, y zx.Yielder) zx.Status {
	mark := off
	return v.writeback(off, length, y, func(c *cowPages, pos, stop, end uint64) bool {
		c.endPages(pageIndex(pos), pageIndex(stop))
		mark = c.zeros.finish(pos, stop, end, mark)
		return true
	})
}

// endPages makes the pages of [idx, limit) that await being clean so.
func (c *cowPages) endPages(idx, limit uint64) {
	age := &c.store.age
	for idx < limit {
		slots, n, _ := c.tree.run(c.mem, idx, limit)
		if slots != nil {
			age.mu.Lock()
			for i := range slots {
				s := slots[i]
				if s.state() != AwaitingClean {
					continue
				}
				c.transition(&slots[i], s.in(Clean))
				if meta := c.mem.Meta(s.frame()); meta.Next == 0 {
					age.push(meta, s.frame())
				}
			}
			age.mu.Unlock()
		}
		idx += n
	}
}

// DirtySink takes the dirty ranges of a query.
type DirtySink interface {
	// Emit takes the next range. ErrBufferTooSmall: no room, r was not
	// taken. ErrShouldWait: the buffer's page is missing; Resolve is called
	// and r comes again, as it then is. Anything else ends the query.
	//
	// Locks: the VMO's lock is held: it must not fault or wait.
	Emit(r zx.DirtyRange) zx.Status
	// Resolve makes the next Emit possible. An error ends the query.
	//
	// Locks: none held.
	Resolve() zx.Status
}

// EnumerateDirty gives the dirty ranges of [off, off+length) to sink in
// ascending order, the range rounded outward to pages. actual is how many sink
// took. With countAll the scan goes on when sink is full and avail counts every
// range; otherwise it stops there.
//
// Locks: none held; takes the VMO's.
// Errors: ErrOutOfRange wraps or leaves the VMO | what sink answers.
// Source: docs/pager.md 3.6.
func (v *VMO) EnumerateDirty(off, length uint64, sink DirtySink, countAll bool, y zx.Yielder) (actual, avail uint64, st zx.Status) {
	b := zx.Budget{By: y}
	c := v.lock()
	if st = v.checkRange(off, length); st != zx.OK {
		v.Unlock()
		return 0, 0, st
	}
	pos, end := zx.RoundDown(off), pageUp(off+length)
	piece := pos // up to where it is searched before a look at the world
	full := false
	for {
		if b.Spend(0) {
			v.Unlock()
			if st = b.Look(); st != zx.OK {
				return actual, avail, st
			}
			c = v.lock()
		}
		if end = min(end, c.size); pos >= end {
			break
		}
		if c.fam.dirtying != nil && !c.calm(pos, end) {
			b.Spend(zx.BudgetUnits)
			continue
		}
		if pos >= piece {
			piece = c.turn(pos, end, &b)
		}
		next, r := c.nextDirty(pos, min(piece, end), end)
		if r.Length == 0 {
			pos = piece
			continue
		}
		if !full {
			switch st = sink.Emit(r); st {
			case zx.OK:
				actual++
			case zx.ErrBufferTooSmall:
				full = true
			case zx.ErrShouldWait:
				v.Unlock()
				if st = sink.Resolve(); st != zx.OK {
					return actual, avail, st
				}
				c = v.lock()
				continue
			default:
				v.Unlock()
				return actual, avail, st
			}
		}
		if full && !countAll {
			break
		}
		avail++
		pos = next
		b.Spend(1)
	}
	v.Unlock()
	return actual, avail, zx.OK
}

// nextDirty gives the first dirty range that begins in [pos, limit), clipped to
// end, and where to go on; its length is 0 when there is none. Each page and
// interval is looked at once, however many calls a query takes.
func (c *cowPages) nextDirty(pos, limit, end uint64) (next uint64, r zx.DirtyRange) {
	const dirty = 1<<Dirty | 1<<AwaitingClean
	for pos < limit {
		zeros := limit
		if !c.zeros.empty() {
			zeros = c.zeros.next(pos, limit)
		}
		for idx, until := pageIndex(pos), pageIndex(zeros); idx < until; {
			slots, n, _ := c.tree.run(c.mem, idx, until)
			i := 0
			for i < len(slots) && dirty>>slots[i].state()&1 == 0 {
				i++
			}
			if i == len(slots) {
				idx += n
				continue
			}
			first := idx + uint64(i)
			for i < len(slots) && dirty>>slots[i].state()&1 != 0 {
				i++
			}
			stop := idx + uint64(i)
			if i == len(slots) {
				stop = c.slotsEnd(stop, pageIndex(c.zeros.next(stop<<zx.PageShift, end)), dirty)
			}
			return stop << zx.PageShift, zx.DirtyRange{Offset: first << zx.PageShift, Length: (stop - first) << zx.PageShift}
		}
		if zeros == limit {
			break
		}
		iv := c.zeros.holding(zeros)
		pos = min(iv.end, end)
		if iv.kind == zerosDirty {
			return pos, zx.DirtyRange{Offset: zeros, Length: pos - zeros, Options: zx.VMODirtyRangeIsZero}
		}
	}
	return limit, r
}

// Fail fails the requests of both kinds that meet the range; no page changes.
//
// Units: bytes, page aligned.
// Locks: none held; takes the VMO's, and drops it where y, which may be nil, is to
// yield.
// Errors: ErrOutOfRange wraps or leaves the VMO | ErrBadState detached |
// ErrInternalIntrKilled.
// Source: docs/pager.md 3.5.1, steps 8 to 10.
func (v *VMO) Fail(off, length uint64, status zx.Status, y zx.Yielder) zx.Status {
	b := zx.Budget{By: y}
	for pos, end := off, off+length; ; {
		c := v.lock()
		st := v.checkRange(off, length)
		switch source := c.fam.source; {
		case st != zx.OK:
		case source.Detached():
			st = zx.ErrBadState
		case length != 0:
			stop := source.cut(pos, end, &b)
			source.Fail(pos, stop-pos, status)
			if pos = stop; pos < end {
				st = errSpent
			}
		}
		v.Unlock()
		if st = v.goOn(st, nil, &b); st != zx.ErrNext {
			return st
		}
	}
}

// Detach ends the VMO's tie to its pager: requests are let go, clean pages and
// markers dropped, everything unmapped. What is dirty, and every zero interval,
// stays. Again is allowed.
//
// Locks: none held; takes the VMO's, and drops it where y, which may be nil, is to
// yield. Flush: done.
// Errors: those of Yield, with the tie ended; the rest is done by the next Detach.
// Source: docs/pager.md 2.3.
func (v *VMO) Detach(y zx.Yielder) zx.Status {
	v.Lock()
	v.fam.source.Detach()
	v.Unlock()
	return v.inTurns(y, func(c *cowPages, pos, stop uint64) bool {
		if !c.calm(pos, stop) || !c.cleared(pos, stop-pos, false) {
			return false
		}
		c.dropPages(pos, stop, 1<<Clean|1<<Marker)
		return true
	})
}

// inTurns does all of the node piece by piece, each until f says that it is done.
// Locks: none held; f has the family's. Errors: those of y.
func (v *VMO) inTurns(y zx.Yielder, f func(c *cowPages, pos, stop uint64) bool) zx.Status {
	b := zx.Budget{By: y}
	for pos := uint64(0); ; {
		c := v.lock()
		if pos < c.size {
			stop := c.turn(pos, c.size, &b)
			if f(c, pos, stop) {
				pos = stop
			}
		}
		more := pos < c.size
		v.Unlock()
		if !more {
			return zx.OK
		}
		if st := b.Look(); st != zx.OK {
			return st
		}
	}
}
