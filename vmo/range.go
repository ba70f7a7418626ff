package vmo

import (
	"faultline/mmu"
	"faultline/trace"
	"faultline/zx"
)

// roundRange rounds [off, off+length) outward to pages. ok is false when that
// wraps.
func roundRange(off, length uint64) (start, end uint64, ok bool) {
	end = off + length
	if end < off {
		return 0, 0, false
	}
	end, ok = zx.RoundUp(end)
	return zx.RoundDown(off), end, ok
}

// rangeOp is an operation on a page range that may have to wait. Its locked
// part does what it can from pos on below end and gives the position it reached.
type rangeOp uint8

const (
	opCommit rangeOp = iota
	opPrefetch
	opAlwaysNeed
)

// Commit gives every page of the range a page of its own: absent pages are
// asked for, markers become clean pages of zeros, pages of zero intervals
// become dirty ones (with TRAP_DIRTY after a DIRTY request). When the VMO
// shrinks meanwhile the range is trimmed. Not a modification.
//
// Units: bytes, rounded outward to pages.
// Locks: none held; takes the VMO's.
// Errors: ErrNotSupported the VMO is physical | ErrOutOfRange wraps or leaves the
// VMO | the pager's code | ErrBadState | ErrTimedOut | ErrNoMemory | ErrNotFound
// the VMO was discarded |
// ErrInternalIntrKilled, ErrInternalIntrRetry.
// Progress is kept on failure.
// Source: docs/pager.md 3.9, COMMIT.
func (v *VMO) Commit(off, length uint64, r *PageRequest) zx.Status {
	if v.fam.physical {
		return zx.ErrNotSupported
	}
	return v.overRange(opCommit, off, length, r)
}

// Prefetch asks for the absent pages of the range and commits nothing else.
// Otherwise as Commit. Source: docs/pager.md 3.9, PREFETCH.
func (v *VMO) Prefetch(off, length uint64, r *PageRequest) zx.Status {
	return v.overRange(opPrefetch, off, length, r)
}

// AlwaysNeed asks for the absent pages of the range and marks each page so that
// the evictor takes it last. What fails is passed over. On a VMO without a
// source it does nothing, whatever the range.
//
// Units: bytes, rounded outward to pages.
// Locks: none held; takes the VMO's.
// Errors: ErrOutOfRange | ErrInternalIntrKilled, ErrInternalIntrRetry.
// Source: docs/pager.md 8.
func (v *VMO) AlwaysNeed(off, length uint64, r *PageRequest) zx.Status {
	if v.fam.source == nil {
		return zx.OK
	}
	return v.overRange(opAlwaysNeed, off, length, r)
}

func (v *VMO) overRange(op rangeOp, off, length uint64, r *PageRequest) zx.Status {
	pos, end, ok := roundRange(off, length)
	if !ok {
		return zx.ErrOutOfRange
	}
	c := v.lock()
	if size := v.SizeLocked(); end > size || off > size {
		v.Unlock()
		return zx.ErrOutOfRange
	}
	pos, end = v.off+pos, v.off+end // from here on, of the node
	b := r.Budget()
	for first := true; ; first = false {
		if !first {
			c = v.lock()
			end = min(end, c.size) // it may have shrunk
		}
		var st zx.Status
		switch op {
		case opCommit:
			if c.discarded() {
				st = zx.ErrNotFound
			} else {
				pos, st = c.commitLocked(pos, end, r, &b)
			}
		case opPrefetch:
			pos, st = c.prefetchLocked(pos, end, r, &b)
		case opAlwaysNeed:
			pos, st = c.needLocked(pos, end, r, &b)
		}
		v.Unlock()
		switch st {
		case zx.ErrShouldWait:
			st = r.Wait()
		case zx.ErrNoMemory:
			st = v.MakeRoom(nil, b.By)
		case errSpent:
			if st = b.Look(); st != zx.OK {
				return st
			}
		case zx.ErrBadState:
			// The source went away under AlwaysNeed, which now sees that.
			if op != opAlwaysNeed {
				return st
			}
			st = zx.OK
		case zx.OK:
			return st
		}
		if st == zx.OK {
			continue
		}
		if op != opAlwaysNeed || st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry {
			return st
		}
		pos += zx.PageSize // pass over what failed
	}
}

// commitLocked is Commit until something is missing. Locks: the family's held.
func (c *cowPages) commitLocked(pos, end uint64, r *PageRequest, b *zx.Budget) (uint64, zx.Status) {
	plain := !c.paged && c.parent == nil && c.zeros.empty()
	for pos < end {
		idx := pageIndex(pos)
		if plain {
			at, st := c.commitRun(idx, pageIndex(end), b)
			if pos = at << zx.PageShift; st != zx.OK {
				return pos, st
			}
			continue
		}
		s := c.tree.get(c.mem, idx)
		st := zx.OK
		switch {
		case s.hasPage():
		case s.state() == Marker:
			_, st = c.materialize(pos, idx, Clean, nil)
		case !c.paged:
			_, st = c.require(pos, end, true, r)
		case c.zeros.holding(pos) == nil:
			st = c.ask(RequestRead, pos, c.absentEnd(pos, end), r)
		case c.traps:
			st = c.askDirty(pos, end, r)
		default:
			_, st = c.materialize(pos, idx, Dirty, nil)
		}
		if st != zx.OK {
			return pos, st
		}
		if pos += zx.PageSize; b.Spend(c.fam.lookCost()) {
			return pos, errSpent
		}
	}
	return pos, zx.OK
}

// commitRun commits pages from idx on, up to the end of a leaf, or to limit, and gives
// where it got. Pre: what c has no page for reads as zero, and no interval says so.
// Locks: the family's held. Errors: ErrNoMemory | errSpent.
func (c *cowPages) commitRun(idx, limit uint64, b *zx.Budget) (uint64, zx.Status) {
	if stop := min(limit, (idx|nodeMask)+1); c.fam.zeroMapped && !c.cleared(idx<<zx.PageShift, (stop-idx)<<zx.PageShift, false) {
		return idx, errSpent
	}
	turn := uint64(max(zx.BudgetUnits-b.Spent(), 1))
	slots, leaf, st := c.tree.fill(c.mem, idx, min(limit, idx+turn))
	if st != zx.OK {
		return idx, st
	}
	added := 0
	at := idx
	if leaf != 0 && c.mem.Meta(leaf).Live() == 0 {
		c.mem.PayAhead(len(slots)) // or for some at a time
	}
	for i := range slots {
		if slots[i] == 0 {
			var f mmu.Frame
			if f, st = c.mem.AllocZeroed(); st != zx.OK {
				break
			}
			c.mem.Meta(f).Set(c.id, at, 0)
			c.flushIfUncached(f)
			c.transition(&slots[i], pageSlot(f, Untracked))
			added++
		}
		at++
	}
	c.mem.Disown(0) // what was paid ahead for nothing
	if c.pages += uint64(added); added > 0 {
		c.tree.added(c.mem, leaf, added)
	} else {
		c.tree.prune(c.mem, idx)
	}
	if b.Spend(len(slots)) && at < limit && st == zx.OK {
		st = errSpent
	}
	return at, st
}

// prefetchLocked is Prefetch until something is missing. Locks: the family's held.
func (c *cowPages) prefetchLocked(pos, end uint64, r *PageRequest, b *zx.Budget) (uint64, zx.Status) {
	for c.fam.source != nil && pos < end {
		w := c.look(pos, end)
		if w.ask {
			if st := w.c.ask(RequestRead, w.at, w.at+w.end-pos, r); st != zx.OK {
				return pos, st
			}
			w.end = pos + zx.PageSize
		}
		if pos = w.end; b.Spend(c.fam.lookCost()) {
			return pos, errSpent
		}
	}
	return end, zx.OK
}

// needLocked is AlwaysNeed until something is missing. Locks: the family's held.
func (c *cowPages) needLocked(pos, end uint64, r *PageRequest, b *zx.Budget) (uint64, zx.Status) {
	for pos < end {
		switch w := c.look(pos, end); {
		case w.ask && !c.fam.source.Detached():
			if st := w.c.ask(RequestRead, w.at, w.at+w.end-pos, r); st != zx.OK {
				return pos, st
			}
		case w.c != nil && w.c.paged && !w.ask:
			w.c.markNeeded(pageIndex(w.at), pageIndex(w.at+w.end-pos))
			pos = w.end
		default:
			pos = w.end // none of them can be had, or marked
		}
		if b.Spend(nodeSlots/4 + c.fam.lookCost()) { // a leaf's worth of marks
			return pos, errSpent
		}
	}
	return end, zx.OK
}

// markNeeded marks the pages of [first, limit) ALWAYS_NEED.
func (c *cowPages) markNeeded(first, limit uint64) {
	age := &c.store.age
	for first < limit {
		slots, n, _ := c.tree.run(c.mem, first, limit)
		for _, s := range slots {
			if !s.hasPage() {
				continue
			}
			meta := c.mem.Meta(s.frame())
			if ageOf(meta) == ageNeeded {
				continue
			}
			age.mu.Lock()
			listed := meta.Next != 0
			age.remove(s.frame())
			setAge(meta, ageNeeded)
			if listed {
				age.push(meta, s.frame())
			}
			age.mu.Unlock()
		}
		first += n
	}
}

// DontNeed puts the clean pages of the range first in line for the evictor.
// A mark of AlwaysNeed stays. On a VMO without a source it does nothing.
//
// Units: bytes, rounded outward to pages.
// Locks: none held; takes the VMO's, and drops it where y, which may be nil, is to
// yield. Errors: ErrOutOfRange | those of y.
// Source: docs/pager.md 8.
func (v *VMO) DontNeed(off, length uint64, y zx.Yielder) zx.Status {
	if v.fam.source == nil || length == 0 && !v.isSlice {
		return zx.OK
	}
	start, end, ok := roundRange(off, length)
	if !ok {
		return zx.ErrOutOfRange
	}
	b := zx.Budget{By: y}
	for pos := v.off + start; ; {
		c := v.lock()
		size, st := v.SizeLocked(), zx.OK
		if end > size || off > size {
			st = zx.ErrOutOfRange
		}
		for stop := v.off + end; pos < stop && st == zx.OK; {
			w := c.look(pos, stop)
			if w.c != nil && w.c.paged && !w.ask {
				w.c.dontNeed(pageIndex(w.at), pageIndex(w.at+w.end-pos))
			}
			if pos = w.end; b.Spend(nodeSlots/4+c.fam.lookCost()) && pos < stop {
				st = errSpent
			}
		}
		v.Unlock()
		if st = v.sleep(st, nil, &b); st != zx.ErrNext {
			return st
		}
	}
}

// dontNeed is DontNeed for the pages [first, limit).
func (c *cowPages) dontNeed(first, limit uint64) {
	age := &c.store.age
	for first < limit {
		slots, n, _ := c.tree.run(c.mem, first, limit)
		age.mu.Lock()
		for i := len(slots) - 1; i >= 0; i-- {
			s := &slots[i]
			if s.state() != Clean || *s&slotPinned != 0 {
				continue
			}
			*s &^= slotReferenced
			age.remove(s.frame())
			age.pushFront(s.frame())
		}
		age.mu.Unlock()
		first += n
	}
}

// DropClean evicts every clean page of the VMO at once and gives how many:
// the console's `evict`. Pages marked ALWAYS_NEED go too.
//
// Locks: takes the VMO's.
// Source: docs/pager.md 8, eviction.
func (v *VMO) DropClean() (n int) {
	if !v.root {
		return 0
	}
	v.inTurns(nil, func(c *cowPages, pos, stop uint64) (done bool) {
		before := c.pages
		for !done {
			pos = c.tree.scan(c.mem, pageIndex(pos), pageIndex(stop), 1<<Clean) << zx.PageShift
			end := c.slotsEnd(pageIndex(pos), pageIndex(stop), 1<<Clean) << zx.PageShift
			if done = pos >= stop; done || !c.calm(pos, end) || !c.cleared(pos, end-pos, false) {
				break
			}
			c.dropPages(pos, end, 1<<Clean)
			if trace.On() {
				trace.Emit(trace.Evict, 0, uint64(c.shownBy()), pos, end-pos)
			}
			pos = end
		}
		c.reclaimed += before - c.pages
		v.store.evicted.Add(before - c.pages)
		n += int(before - c.pages)
		return done
	})
	return n
}

// Decommit frees the pages of the range of an anonymous VMO, which then reads
// as zero.
//
// Units: bytes. Locks: takes the VMO's, and drops it where y, which may be nil, is
// to yield.
// Errors, in this order: ErrOutOfRange wraps or leaves the VMO | OK for a length
// of 0 | ErrNotSupported it is contiguous or physical, a pager made the VMO, or it
// shares pages with a snapshot | ErrInvalidArgs not page aligned | ErrBadState a
// page is pinned | those of Yield.
// Source: docs/pager.md 3.9, DECOMMIT.
func (v *VMO) Decommit(off, length uint64, y zx.Yielder) zx.Status {
	start, end, b := v.off+off, v.off+off+length, zx.Budget{By: y}
	for pos := start; ; {
		c := v.lock()
		st := zx.OK
		switch {
		case c.fam.contiguous || c.fam.physical:
			st = zx.ErrNotSupported
		case v.checkRange(off, length) != zx.OK:
			st = zx.ErrOutOfRange
		case length == 0:
		case c.paged || c.parent != nil:
			st = zx.ErrNotSupported
		case (off|length)&zx.PageMask != 0:
			st = zx.ErrInvalidArgs
		case c.anyPinned(pageIndex(pos), pageIndex(end)):
			st = zx.ErrBadState
		default:
			stop := c.turn(pos, end, &b)
			if c.tree.scan(c.mem, pageIndex(pos), pageIndex(stop), allStates) < pageIndex(stop) { // or zeros are mapped, which stay
				if !c.cleared(pos, stop-pos, false) {
					st = errSpent
					break
				}
				c.dropPages(pos, stop, allStates)
			}
			if pos = stop; pos < end {
				st = errSpent
			}
		}
		v.Unlock()
		if st = v.sleep(st, nil, &b); st != zx.ErrNext {
			return st
		}
	}
}
