package vmo

import (
	"faultline/mmu"
	"faultline/zx"
)

// DirtyPages makes every page of the range dirty, all of them or none: the
// pager's OP_DIRTY. Markers and pages of zero intervals become pages of zeros.
// Requests for what changed progress. Not a modification.
//
// Units: bytes, page aligned.
// Locks: none held; takes v.mu.
// Errors, in this order: ErrOutOfRange wraps | ErrNotSupported without
// TRAP_DIRTY | ErrOutOfRange starts past the end; and, after releasing every
// DIRTY waiter that meets the part of the range inside the VMO: ErrOutOfRange
// ends past the end | ErrBadState detached | ErrNotFound a page is absent |
// ErrNoMemory.
// Flush: translations of the zero page that pages replace are removed; those of
// resident pages stay as they are.
// Source: spec section 3.5.2.
func (v *VMO) DirtyPages(off, length uint64) zx.Status {
	if off+length < off {
		return zx.ErrOutOfRange
	}
	if !v.traps {
		return zx.ErrNotSupported
	}
	for {
		v.mu.Lock()
		if length == zx.PageSize && v.dirtyOne(off) {
			v.mu.Unlock()
			return zx.OK
		}
		if off > v.size {
			v.mu.Unlock()
			return zx.ErrOutOfRange
		}
		st := v.dirtyLocked(off, off+length)
		if st != zx.OK && st != zx.ErrNoMemory {
			v.releaseDirty(off, length)
		}
		v.mu.Unlock()
		if st == zx.ErrNoResources {
			return zx.ErrNoMemory
		}
		if st != zx.ErrNoMemory {
			return st
		}
		if !v.store.Reclaim(reclaimPages) {
			v.mu.Lock()
			v.releaseDirty(off, length)
			v.mu.Unlock()
			return st
		}
	}
}

// dirtyOne is dirtyLocked for one page that is clean or awaits being so; it says
// whether that is the case. Locks: v.mu held.
func (v *VMO) dirtyOne(off uint64) bool {
	if off >= v.size || v.source.Detached() {
		return false
	}
	idx := pageIndex(off)
	s := v.tree.near(idx)
	if s == nil {
		s = v.tree.walk(v.mem, idx)
	}
	if s == nil || 1<<s.state()&(1<<Clean|1<<AwaitingClean) == 0 {
		return false
	}
	v.transition(s, s.in(Dirty))
	v.source.Progress(RequestDirty, off, zx.PageSize)
	return true
}

// releaseDirty lets the DIRTY waiters of the range look again.
func (v *VMO) releaseDirty(off, length uint64) {
	if end := min(off+length, v.size); off < end {
		v.source.Release(RequestDirty, off, end-off)
	}
}

// dirtyLocked is DirtyPages with v.mu held and off inside the VMO. On error
// nothing has changed.
func (v *VMO) dirtyLocked(off, end uint64) zx.Status {
	switch {
	case end > v.size:
		return zx.ErrOutOfRange
	case v.source.Detached():
		return zx.ErrBadState
	case v.firstAbsent(off, end) < end:
		return zx.ErrNotFound
	}
	var fresh PageRun
	if st := v.prepareDirty(off, end, &fresh); st != zx.OK {
		return st
	}
	if fresh.pages > 0 {
		v.unmapZeros(off, end-off)
		v.zeros.remove(off, end)
	}
	first, limit := pageIndex(off), pageIndex(end)
	news := first // start of the run of pages that changed
	for idx := first; idx < limit; {
		slots, n, leaf := v.tree.run(v.mem, idx, limit)
		added := 0
		for i := range slots {
			s, at := slots[i], idx+uint64(i)
			switch {
			case s.state() == Dirty:
				v.dirtied(news, at)
				news = at + 1
			case s.hasPage():
				v.transition(&slots[i], s.in(Dirty))
			default:
				if s == 0 {
					added++
				}
				f := fresh.pop(v.mem)
				v.mem.Meta(f).Set(v.id, at, 0)
				v.transition(&slots[i], pageSlot(f, Dirty))
				v.pages++
			}
		}
		v.tree.added(v.mem, leaf, added)
		idx += n
	}
	v.dirtied(news, limit)
	return zx.OK
}

// dirtied reports the pages [first, end) as newly dirty.
func (v *VMO) dirtied(first, end uint64) {
	if first < end {
		v.source.Progress(RequestDirty, first<<zx.PageShift, (end-first)<<zx.PageShift)
	}
}

// prepareDirty gathers what dirtying [off, end) needs: a page of zeros for each
// offset without a page, and the leaves to put them in. Pre: nothing there is
// absent. On NO_MEMORY all is given back.
func (v *VMO) prepareDirty(off, end uint64, fresh *PageRun) zx.Status {
	need := 0
	for pos := off; pos < end; {
		if iv := v.zeros.holding(pos); iv != nil {
			stop := min(iv.end, end)
			n := pageIndex(stop - pos)
			if n > uint64(v.mem.Stats().Total) {
				return zx.ErrNoResources // more than eviction could ever free
			}
			need += int(n)
			pos = stop
			continue
		}
		stop := v.zeros.next(pos, end)
		for first, limit := pageIndex(pos), pageIndex(stop); first < limit; {
			slots, n, _ := v.tree.run(v.mem, first, limit)
			for _, s := range slots {
				if s.state() == Marker {
					need++
				}
			}
			first += n
		}
		pos = stop
	}
	for ; need > 0; need-- {
		f, st := v.mem.AllocZeroed()
		if st != zx.OK {
			v.store.Discard(fresh)
			return st
		}
		fresh.append(v.mem, f, 0)
	}
	if fresh.pages == 0 {
		return zx.OK
	}
	st := v.tree.reserve(v.mem, pageIndex(off), pageIndex(end))
	if st != zx.OK {
		v.store.Discard(fresh)
	}
	return st
}

// pop takes the first page of the run.
func (r *PageRun) pop(m *mmu.Memory) mmu.Frame {
	f := r.head
	meta := m.Meta(f)
	r.head = meta.Next
	if r.head == 0 {
		r.tail = 0
	}
	meta.Next = 0
	r.pages--
	return f
}

// WritebackBegin says that the pager is about to save the range: dirty pages
// await being clean, dirty zero intervals that start in it remember how far it
// reached, and every translation of it loses write permission. With zeroOnly
// the pages are left alone, so that what was written since the query is not
// lost.
//
// Units: bytes, page aligned.
// Locks: none held; takes v.mu. Errors: ErrOutOfRange wraps or leaves the VMO.
// Flush: done.
// Source: spec section 3.5.3.
func (v *VMO) WritebackBegin(off, length uint64, zeroOnly bool) zx.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st := v.checkRange(off, length); st != zx.OK || length == 0 {
		return st
	}
	end := off + length
	if !zeroOnly {
		for idx, limit := pageIndex(off), pageIndex(end); idx < limit; {
			slots, n, _ := v.tree.run(v.mem, idx, limit)
			for i := range slots {
				if s := slots[i]; s&(slotStateMask|slotPinned) == slot(Dirty) {
					v.transition(&slots[i], s.in(AwaitingClean))
				}
			}
			idx += n
		}
	}
	v.zeros.begin(off, end)
	for _, m := range v.mappings {
		m.RemoveWriteRange(off, length)
	}
	return zx.OK
}

// WritebackEnd says that the range was saved: pages still awaiting are clean,
// and what WritebackBegin remembered of dirty zero intervals is absent again.
// Without a begin it does nothing.
//
// Units: bytes, page aligned.
// Locks: none held; takes v.mu. Errors: ErrOutOfRange wraps or leaves the VMO.
// Flush: none; translations of the zero page where zeros became absent linger
// until something is supplied there.
// Source: spec section 3.5.4.
func (v *VMO) WritebackEnd(off, length uint64) zx.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st := v.checkRange(off, length); st != zx.OK || length == 0 {
		return st
	}
	end := off + length
	age := &v.store.age
	for idx, limit := pageIndex(off), pageIndex(end); idx < limit; {
		slots, n, _ := v.tree.run(v.mem, idx, limit)
		if slots != nil {
			age.mu.Lock()
			for i := range slots {
				s := slots[i]
				if s.state() != AwaitingClean {
					continue
				}
				v.transition(&slots[i], s.in(Clean))
				if meta := v.mem.Meta(s.frame()); meta.Next == 0 {
					age.pushLocked(listFor(meta), s.frame())
				}
			}
			age.mu.Unlock()
		}
		idx += n
	}
	v.zeros.end(off, end)
	return zx.OK
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
// Locks: none held; takes v.mu.
// Errors: ErrOutOfRange wraps or leaves the VMO | what sink answers.
// Source: spec section 3.6.
func (v *VMO) EnumerateDirty(off, length uint64, sink DirtySink, countAll bool) (actual, avail uint64, st zx.Status) {
	v.mu.Lock()
	if st = v.checkRange(off, length); st != zx.OK {
		v.mu.Unlock()
		return 0, 0, st
	}
	pos, end := zx.RoundDown(off), pageUp(off+length)
	full := false
	for {
		next, r := v.nextDirty(pos, min(end, v.size))
		if r.Length == 0 {
			break
		}
		if !full {
			switch st = sink.Emit(r); st {
			case zx.OK:
				actual++
			case zx.ErrBufferTooSmall:
				full = true
			case zx.ErrShouldWait:
				v.mu.Unlock()
				if st = sink.Resolve(); st != zx.OK {
					return actual, avail, st
				}
				v.mu.Lock()
				continue
			default:
				v.mu.Unlock()
				return actual, avail, st
			}
		}
		if full && !countAll {
			break
		}
		avail++
		pos = next
	}
	v.mu.Unlock()
	return actual, avail, zx.OK
}

// nextDirty gives the first dirty range from pos on, clipped to [pos, end), and
// where to go on; its length is 0 when there is none.
func (v *VMO) nextDirty(pos, end uint64) (next uint64, r zx.DirtyRange) {
	const dirty = 1<<Dirty | 1<<AwaitingClean
	if pos >= end {
		return end, r
	}
	limit := pageIndex(end)
	page := v.tree.scan(v.mem, pageIndex(pos), limit, dirty) << zx.PageShift
	for i := v.zeros.at(pos); i < len(v.zeros.list) && v.zeros.list[i].start < min(page, end); i++ {
		if iv := &v.zeros.list[i]; iv.kind == zerosDirty {
			start, stop := max(pos, iv.start), min(iv.end, end)
			return stop, zx.DirtyRange{Offset: start, Length: stop - start, Options: zx.VMODirtyRangeIsZero}
		}
	}
	stop := page
	for stop < end {
		slots, _, _ := v.tree.run(v.mem, pageIndex(stop), limit)
		i := 0
		for i < len(slots) && dirty>>slots[i].state()&1 != 0 {
			i++
		}
		stop += uint64(i) << zx.PageShift
		if slots == nil || i < len(slots) {
			break
		}
	}
	return stop, zx.DirtyRange{Offset: page, Length: stop - page}
}

// Fail fails the requests of both kinds that meet the range; no page changes.
//
// Units: bytes, page aligned.
// Locks: none held; takes v.mu.
// Errors: ErrOutOfRange wraps or leaves the VMO | ErrBadState detached.
// Source: spec section 3.5.1, steps 8 to 10.
func (v *VMO) Fail(off, length uint64, status zx.Status) zx.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st := v.checkRange(off, length); st != zx.OK {
		return st
	}
	if v.source.Detached() {
		return zx.ErrBadState
	}
	if length != 0 {
		v.source.Fail(off, length, status)
	}
	return zx.OK
}

// Detach ends the VMO's tie to its pager: requests are let go, clean pages and
// markers dropped, everything unmapped. What is dirty, and every zero interval,
// stays. Again is allowed.
//
// Locks: none held; takes v.mu. Flush: done.
// Source: spec section 2.3.
func (v *VMO) Detach() {
	v.mu.Lock()
	v.source.Detach()
	v.unmap(0, v.size)
	v.dropPages(0, v.size, 1<<Clean|1<<Marker)
	v.mu.Unlock()
}
