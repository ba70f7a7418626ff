package vmo

import "faultline/zx"

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
// Locks: none held; takes v.mu.
// Errors: ErrOutOfRange wraps or leaves the VMO | the pager's code | ErrBadState
// | ErrTimedOut | ErrNoMemory | ErrNotFound the VMO was discarded |
// ErrInternalIntrKilled, ErrInternalIntrRetry.
// Progress is kept on failure.
// Source: spec section 3.9, COMMIT.
func (v *VMO) Commit(off, length uint64, r *PageRequest) zx.Status {
	return v.overRange(opCommit, off, length, r)
}

// Prefetch asks for the absent pages of the range and commits nothing else.
// Otherwise as Commit. Source: spec section 3.9, PREFETCH.
func (v *VMO) Prefetch(off, length uint64, r *PageRequest) zx.Status {
	return v.overRange(opPrefetch, off, length, r)
}

// AlwaysNeed asks for the absent pages of the range and marks each page so that
// the evictor takes it last. What fails is passed over. On a VMO without a
// source it does nothing, whatever the range.
//
// Units: bytes, rounded outward to pages.
// Locks: none held; takes v.mu.
// Errors: ErrOutOfRange | ErrInternalIntrKilled, ErrInternalIntrRetry.
// Source: spec section 8.
func (v *VMO) AlwaysNeed(off, length uint64, r *PageRequest) zx.Status {
	if !v.paged {
		return zx.OK
	}
	return v.overRange(opAlwaysNeed, off, length, r)
}

func (v *VMO) overRange(op rangeOp, off, length uint64, r *PageRequest) zx.Status {
	pos, end, ok := roundRange(off, length)
	if !ok {
		return zx.ErrOutOfRange
	}
	v.mu.Lock()
	if end > v.size || off > v.size {
		v.mu.Unlock()
		return zx.ErrOutOfRange
	}
	for first := true; ; first = false {
		if !first {
			v.mu.Lock()
			end = min(end, v.size) // it may have shrunk
		}
		var st zx.Status
		switch op {
		case opCommit:
			if v.discard.state == discardDone {
				st = zx.ErrNotFound
			} else {
				pos, st = v.commitLocked(pos, end, r)
			}
		case opPrefetch:
			pos, st = v.prefetchLocked(pos, end, r)
		case opAlwaysNeed:
			pos, st = v.needLocked(pos, end, r)
		}
		v.mu.Unlock()
		switch st {
		case zx.ErrShouldWait:
			st = r.Wait()
		case zx.ErrNoMemory:
			st = v.store.makeRoom()
		case zx.ErrBadState:
			// The source went away under AlwaysNeed, which now sees that.
			if op != opAlwaysNeed {
				return st
			}
			st = zx.OK
		default:
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

// commitLocked is Commit until something is missing. Locks: v.mu held.
func (v *VMO) commitLocked(pos, end uint64, r *PageRequest) (uint64, zx.Status) {
	for pos < end {
		idx := pageIndex(pos)
		s := v.tree.get(v.mem, idx)
		st := zx.OK
		switch {
		case s.hasPage():
		case s.state() == Marker:
			_, st = v.materialize(pos, idx, Clean)
		case !v.paged:
			_, st = v.materialize(pos, idx, Untracked)
		case v.zeros.holding(pos) == nil:
			st = v.ask(RequestRead, pos, v.absentEnd(pos, end), r)
		case v.traps:
			st = v.askDirty(pos, end, r)
		default:
			_, st = v.materialize(pos, idx, Dirty)
		}
		if st != zx.OK {
			return pos, st
		}
		pos += zx.PageSize
	}
	return pos, zx.OK
}

// prefetchLocked is Prefetch until something is missing. Locks: v.mu held.
func (v *VMO) prefetchLocked(pos, end uint64, r *PageRequest) (uint64, zx.Status) {
	if !v.paged {
		return end, zx.OK
	}
	if pos = v.firstAbsent(pos, end); pos >= end {
		return end, zx.OK
	}
	return pos, v.ask(RequestRead, pos, v.absentEnd(pos, end), r)
}

// firstAbsent gives the first absent offset from pos on, or end.
func (v *VMO) firstAbsent(pos, end uint64) uint64 {
	for pos < end {
		slots, _, _ := v.tree.run(v.mem, pageIndex(pos), pageIndex(end))
		i := 0
		for i < len(slots) && slots[i] != 0 {
			i++
		}
		pos += uint64(i) << zx.PageShift
		if slots == nil || i < len(slots) {
			iv := v.zeros.holding(pos)
			if iv == nil {
				return pos
			}
			pos = iv.end
		}
	}
	return min(pos, end)
}

// needLocked is AlwaysNeed until something is missing. Locks: v.mu held.
func (v *VMO) needLocked(pos, end uint64, r *PageRequest) (uint64, zx.Status) {
	for pos < end {
		absent := v.firstAbsent(pos, end)
		v.markNeeded(pageIndex(pos), pageIndex(absent))
		if pos = absent; pos >= end {
			break
		}
		runEnd := v.absentEnd(pos, end)
		if v.source.Detached() {
			pos = runEnd // none of them can be had
			continue
		}
		return pos, v.ask(RequestRead, pos, runEnd, r)
	}
	return end, zx.OK
}

// markNeeded marks the pages of [first, limit) ALWAYS_NEED.
func (v *VMO) markNeeded(first, limit uint64) {
	age := &v.store.age
	for first < limit {
		slots, n, _ := v.tree.run(v.mem, first, limit)
		for _, s := range slots {
			if !s.hasPage() {
				continue
			}
			meta := v.mem.Meta(s.frame())
			if meta.Tag()&tagNeeded != 0 {
				continue
			}
			// The tag picks the list, so both change under the list's lock.
			age.mu.Lock()
			listed := meta.Next != 0
			age.removeLocked(s.frame())
			meta.SetTag(meta.Tag() | tagNeeded)
			if listed {
				age.pushLocked(ageNeeded, s.frame())
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
// Locks: takes v.mu. Errors: ErrOutOfRange.
// Source: spec section 8.
func (v *VMO) DontNeed(off, length uint64) zx.Status {
	if !v.paged {
		return zx.OK
	}
	start, end, ok := roundRange(off, length)
	if !ok {
		return zx.ErrOutOfRange
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if end > v.size || off > v.size {
		return zx.ErrOutOfRange
	}
	age := &v.store.age
	for first, limit := pageIndex(start), pageIndex(end); first < limit; {
		slots, n, _ := v.tree.run(v.mem, first, limit)
		age.mu.Lock()
		for i := len(slots) - 1; i >= 0; i-- {
			s := &slots[i]
			if s.state() != Clean || *s&slotPinned != 0 {
				continue
			}
			*s &^= slotReferenced
			age.removeLocked(s.frame())
			age.pushFrontLocked(listFor(v.mem.Meta(s.frame())), s.frame())
		}
		age.mu.Unlock()
		first += n
	}
	return zx.OK
}

// DropClean evicts every clean page of the VMO at once and gives how many:
// the console's `evict`. Pages marked ALWAYS_NEED go too.
//
// Locks: takes v.mu.
// Source: spec section 8, eviction.
func (v *VMO) DropClean() int {
	if !v.paged {
		return 0
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.pages
	v.dropClean(1 << Clean)
	n := before - v.pages
	v.reclaimed += n
	v.store.evicted.Add(n)
	return int(n)
}

// dropClean empties the slots in one of the states of mask, none of which is
// mapped writable, page run by page run.
func (v *VMO) dropClean(mask uint16) {
	limit := pageIndex(v.size)
	for first := uint64(0); first < limit; {
		if first = v.tree.scan(v.mem, first, limit, mask); first == limit {
			break
		}
		slots, _, _ := v.tree.run(v.mem, first, limit)
		n := 0
		for n < len(slots) && mask>>slots[n].state()&1 != 0 {
			n++
		}
		start, end := first<<zx.PageShift, (first+uint64(n))<<zx.PageShift
		v.unmap(start, end-start)
		v.dropPages(start, end, mask)
		first += uint64(n)
	}
}

// Decommit frees the pages of the range of an anonymous VMO, which then reads
// as zero.
//
// Units: bytes. Locks: takes v.mu.
// Errors, in this order: ErrOutOfRange wraps or leaves the VMO | OK for a length
// of 0 | ErrNotSupported the VMO is paged | ErrInvalidArgs not page aligned |
// ErrBadState a page is pinned.
// Source: spec section 3.9, DECOMMIT.
func (v *VMO) Decommit(off, length uint64) zx.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.checkRange(off, length) != zx.OK:
		return zx.ErrOutOfRange
	case length == 0:
		return zx.OK
	case v.paged:
		return zx.ErrNotSupported
	case (off|length)&zx.PageMask != 0:
		return zx.ErrInvalidArgs
	case v.anyPinned(pageIndex(off), pageIndex(off+length)):
		return zx.ErrBadState
	}
	v.unmap(off, length)
	v.dropPages(off, off+length, allStates)
	return zx.OK
}
