package vmo

import "faultline/zx"

// Zero makes n bytes at off read as zero. Whole pages of a pager's VMO become a
// dirty zero interval at once, absent or not, without asking the pager; markers
// stay what they are; those of a clone become its own. A partial page that does
// not read as zero yet is written like any other. A modification. What comes
// before an error stays zeroed: the pieces are done from left to right, and each
// is checked when its turn comes.
//
// Units: bytes, any alignment.
// Locks: none held; takes the VMO's.
// Errors: ErrOutOfRange wraps or leaves the VMO, also if it shrank meanwhile |
// the pager's code | ErrBadState the pager is gone, or a page must be written that
// is not cached | ErrTimedOut | ErrNoMemory |
// ErrInternalIntrKilled, ErrInternalIntrRetry.
// Flush: translations of the whole pages are removed and flushed.
// Source: docs/pager.md 3.9, ZERO.
func (v *VMO) Zero(off, n uint64, r *PageRequest) zx.Status {
	pos, end := off, off+n
	if v.fam.physical {
		return zx.ErrNotSupported
	}
	if end < off {
		return zx.ErrOutOfRange
	}
	for b := r.Budget(); ; {
		c := v.lock()
		st := v.zeroFrom(c, &pos, end, r, &b)
		v.Unlock()
		if st = v.sleep(st, r, &b); st != zx.ErrNext {
			return st
		}
	}
}

// errSpent is what a locked part answers that has done as much as one turn may:
// it goes on after a look at the world. Out of the package only faults answer it, as ErrAgain.
const errSpent zx.Status = 1

// turn gives where a piece of [pos, end) ends that costs about one turn of b, and
// counts it: by the slots and intervals that are there, whatever its size. It
// cuts no interval.
func (c *cowPages) turn(pos, end uint64, b *zx.Budget) uint64 { return c.turnOf(2, pos, end, b) }

// turnOf is turn where so many pages cost a unit.
func (c *cowPages) turnOf(pages int, pos, end uint64, b *zx.Budget) uint64 {
	if c.paged && end-pos > 16<<zx.PageShift {
		end = c.fam.source.cut(pos, end, b)
	}
	if n := end - pos; n <= 64<<zx.PageShift { // little, whatever is there
		b.Spend(int(n>>zx.PageShift)/4 + 1)
		return end
	}
	for full := false; pos < end && !full; {
		if iv := c.zeros.holding(pos); iv != nil {
			pos = min(iv.end, end)
			full = b.Spend(2)
			continue
		}
		slots, n, _ := c.tree.run(c.mem, pageIndex(pos), pageIndex(c.zeros.next(pos, end)))
		if slots != nil {
			n = min(n, uint64(pages*max(zx.BudgetUnits-b.Spent(), 1)))
			full = b.Spend(int(n) / pages)
		}
		pos += n << zx.PageShift
		full = b.Spend(1) || full
	}
	return pos
}

// sleep does what a stopped operation needs before it starts over: ErrNext says
// that it shall, anything else is the operation's answer. Locks: none held.
func (v *VMO) sleep(st zx.Status, r *PageRequest, b *zx.Budget) zx.Status {
	switch st {
	case errSpent:
		st = b.Look()
	case zx.ErrShouldWait:
		st = r.Wait()
	case zx.ErrNoMemory:
		st = v.MakeRoom(nil, b.By)
	default:
		return st
	}
	if st == zx.OK {
		return zx.ErrNext
	}
	return st
}

// goOn is sleep for an operation that has taken pages out of their VMO: it cannot
// be issued again, so no suspend stops its own work.
func (v *VMO) goOn(st zx.Status, r *PageRequest, b *zx.Budget) zx.Status {
	if next := v.sleep(st, r, b); next != zx.ErrInternalIntrRetry || st == zx.ErrShouldWait {
		return next
	}
	return zx.ErrNext
}

// zeroFrom is Zero from *pos on, until something is missing. Locks: the family's
// held.
func (v *VMO) zeroFrom(c *cowPages, pos *uint64, end uint64, r *PageRequest, b *zx.Budget) zx.Status {
	for {
		whole := *pos&zx.PageMask == 0 && end-*pos >= zx.PageSize
		stop := min(end, zx.RoundDown(*pos)+zx.PageSize)
		if whole {
			stop = zx.RoundDown(end)
		}
		st := v.checkRange(*pos, stop-*pos)
		switch {
		case st != zx.OK || stop == *pos:
		case whole:
			stop = c.turn(v.off+*pos, v.off+stop, b) - v.off
			var got uint64
			got, st = c.zeroPages(v.off+*pos, v.off+stop, r)
			*pos = got - v.off
		default:
			st = c.zeroBytes(v.off+*pos, v.off+stop, r)
		}
		if st != zx.OK || stop == end {
			return st
		}
		if *pos = stop; b.Spend(0) {
			return errSpent
		}
	}
}

// zeroBytes zeroes [from, to) inside one page, by a write unless the page reads
// as zero. Locks: the family's held. Errors: ErrBadState it is not cached | those
// of require.
func (c *cowPages) zeroBytes(from, to uint64, r *PageRequest) zx.Status {
	page := zx.RoundDown(from)
	if w := c.see(page); !w.ask && !w.s.hasPage() {
		return zx.OK
	}
	if c.cache != zx.CachePolicyCached {
		return zx.ErrBadState
	}
	p, st := c.require(page, page+zx.PageSize, true, r)
	if st != zx.OK {
		return st
	}
	clear(c.mem.Bytes(p.Frame)[from-page : to-page])
	c.modified = true
	return zx.OK
}

// zeroPages makes the whole pages [start, stop) zeros; a pinned one stays and is
// written, which may have to be asked for. It gives where it got, from where the next
// try must go on. Locks: the family's held.
// Errors: ErrNoMemory | errSpent | those of zeroBytes.
func (c *cowPages) zeroPages(start, stop uint64, r *PageRequest) (uint64, zx.Status) {
	for start < stop {
		pinned := c.nextPinned(start, stop)
		if st := c.zeroUnpinned(start, pinned); st != zx.OK {
			return start, st
		}
		if start = pinned; pinned < stop {
			if st := c.zeroBytes(pinned, pinned+zx.PageSize, r); st != zx.OK {
				return start, st
			}
			start += zx.PageSize
		}
	}
	return max(start, stop), zx.OK
}

// zeroUnpinned is zeroPages where nothing is pinned.
func (c *cowPages) zeroUnpinned(start, stop uint64) zx.Status {
	if start >= stop {
		return zx.OK
	}
	if !c.calm(start, stop) || !c.cleared(start, stop-start, false) {
		return errSpent
	}
	c.modified = true
	if !c.paged {
		if c.parent != nil {
			if st := c.zeros.reserve(1); st != zx.OK {
				return st
			}
		}
		c.dropPages(start, stop, allStates)
		c.coverShared(start, stop)
		return zx.OK
	}
	for pos := start; pos < stop; {
		if st := c.zeros.reserve(2); st != zx.OK {
			return st
		}
		if iv := c.zeros.holding(pos); iv != nil {
			end := min(iv.end, stop)
			// Untracked zeros round the whole range stay untracked.
			if iv.kind == zerosUntracked && (iv.start >= start || iv.end <= stop) {
				c.zeros.remove(pos, end)
				c.zeros.add(pos, end, zerosDirty)
			}
			pos = end
			continue
		}
		pos = c.zeroRun(pos, c.zeros.next(pos, stop))
	}
	return zx.OK
}

// coverShared puts zeros over what c would show of its parent in [start, stop),
// where it has no page, and frees what nobody sees any more.
//
// Pre: an interval is reserved; the range is not mapped.
func (c *cowPages) coverShared(start, stop uint64) {
	if stop = min(stop, c.parentLimit()); c.parent == nil || start >= stop {
		return
	}
	c.zeros.remove(start, stop)
	c.zeros.add(start, stop, zerosUntracked)
	c.parent.sweep(c.parentOff()+start, c.parentOff()+stop)
}

// zeroRun makes the front of [pos, limit), which meets no interval, a dirty
// zero interval, up to the first marker or the end of a leaf; markers at the
// front are passed over. It gives the position it reached.
func (c *cowPages) zeroRun(pos, limit uint64) uint64 {
	slots, n, _ := c.tree.run(c.mem, pageIndex(pos), pageIndex(limit))
	if slots == nil {
		end := pos + n<<zx.PageShift
		c.zeros.add(pos, end, zerosDirty)
		c.fam.source.Progress(RequestRead, pos, end-pos)
		return end
	}
	i := 0
	for i < len(slots) && slots[i].state() == Marker {
		i++
	}
	pos += uint64(i) << zx.PageShift
	absent, end := pos, pos // run of absent pages to report
	for ; i < len(slots) && slots[i].state() != Marker; i++ {
		end += zx.PageSize
		if slots[i] != 0 {
			if absent < end-zx.PageSize {
				c.fam.source.Progress(RequestRead, absent, end-zx.PageSize-absent)
			}
			absent = end
		}
	}
	if absent < end {
		c.fam.source.Progress(RequestRead, absent, end-absent)
	}
	if pos < end {
		c.dropPages(pos, end, allStates)
		c.zeros.add(pos, end, zerosDirty)
	}
	return end
}

// untrack makes [start, end) untracked zeros whatever was there, and says whether
// anything else was. Locks: the family's held. Pre: start < end, no page there is
// pinned or mapped, the VMO is paged, two intervals are reserved.
func (c *cowPages) untrack(start, end uint64) bool {
	if iv := c.zeros.holding(start); iv != nil && iv.kind == zerosUntracked && iv.end >= end {
		return false
	}
	c.progressAbsent(start, end)
	c.dropPages(start, end, allStates)
	c.zeros.remove(start, end)
	c.zeros.add(start, end, zerosUntracked)
	return true
}

// progressAbsent reports the absent pages of the range as if supplied.
func (c *cowPages) progressAbsent(start, end uint64) {
	for pos := c.firstAbsent(start, end); pos < end; pos = c.firstAbsent(pos, end) {
		run := c.absentEnd(pos, end)
		c.fam.source.Progress(RequestRead, pos, run-pos)
		pos = run
	}
}

// SetSize makes the VMO size bytes long, rounded up to a page, and its stream
// exactly size. What is cut off is dropped, the last pages first, dirty ones
// included, and who waits for it is woken: the size is seen to shrink in steps;
// what is added to a paged VMO is a dirty zero interval. The
// bytes from an unaligned size to the end of its page are zeroed by a write
// whose failure is ignored. A modification.
//
// Locks: none held; takes the VMO's.
// Errors, in this order: ErrOutOfRange the rounding wraps | ErrUnavailable not
// resizable | ErrOutOfRange too large | ErrBadState a page in the cut tail is
// pinned | ErrInvalidArgs a clone would
// wrap in the root | ErrNoMemory | ErrInternalIntrKilled, ErrInternalIntrRetry. Those
// that come of what happened meanwhile leave a part cut off.
// Flush: translations of what is cut off or added are removed and flushed.
// Source: docs/pager.md 3.13.
func (v *VMO) SetSize(size uint64, r *PageRequest) zx.Status {
	rounded, ok := zx.RoundUp(size)
	switch {
	case !ok:
		return zx.ErrOutOfRange
	case !v.Resizable():
		return zx.ErrUnavailable
	case rounded > zx.VMOMaxSize:
		return zx.ErrOutOfRange
	}
	b := r.Budget()
	for step := uint64(nodeSlots << zx.PageShift); ; {
		c := v.lock()
		st := zx.OK
		switch {
		case rounded < c.size && c.anyPinned(pageIndex(rounded), pageIndex(c.size)):
			st = zx.ErrBadState
		case c.parent != nil && c.wraps(rounded):
			st = zx.ErrInvalidArgs
		default:
			st = c.resizeTo(rounded, size, &step, &b)
		}
		v.Unlock()
		if st == zx.OK {
			break
		}
		if st = v.sleep(st, r, &b); st != zx.ErrNext {
			return st
		}
	}
	if size == rounded {
		return zx.OK
	}
	for {
		c := v.lock()
		st := zx.OK
		if c.stream == size && c.size == rounded { // not resized again meanwhile
			st = c.zeroBytes(size, rounded, r)
		}
		v.Unlock()
		switch st = v.sleep(st, r, &b); st {
		case zx.ErrNext:
		case zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry:
			return st
		default:
			return zx.OK
		}
	}
}

// wraps says whether an end of c at off would wrap in the top of the family.
func (c *cowPages) wraps(off uint64) bool {
	top, _ := c.projected(off)
	return top < off
}

// resizeTo moves the end of the node to size, and that of the stream to stream, as
// far as b allows; what is cut off goes from its end on, as turnBack has it. Errors:
// ErrNoMemory | errSpent.
func (c *cowPages) resizeTo(size, stream uint64, step *uint64, b *zx.Budget) zx.Status {
	for size < c.size {
		start, st := c.turnBack(size, c.size, step, b)
		if st == zx.OK {
			if st = c.resize(start); st == errSpent {
				*step = max(*step/2, zx.PageSize) // the same again
			}
		}
		if st != zx.OK {
			return st
		}
		c.stream = min(c.stream, start)
		c.modified = true
	}
	if size > c.size {
		if st := c.resize(size); st != zx.OK {
			return st
		}
	}
	c.stream = stream
	c.modified = true
	return zx.OK
}

// resize moves the end of the node. Locks: the family's held. Errors, nothing
// changed: ErrNoMemory | errSpent.
func (c *cowPages) resize(size uint64) zx.Status {
	if c.paged {
		if st := c.zeros.reserve(1); st != zx.OK {
			return st
		}
	}
	old := c.size
	switch {
	case size < old:
		if !c.clipChildren(size) || !c.calm(size, old) || !c.cleared(size, old-size, false) {
			return errSpent
		}
		if c.paged {
			c.progressAbsent(size, old)
			if c.traps {
				c.progressNonDirty(size, old)
			}
		}
		c.dropPages(size, old, allStates)
		c.zeros.remove(size, old)
		if end := c.parentLimit(); size < end {
			c.clipView(size)
			c.parent.sweep(c.parentOff()+size, c.parentOff()+end)
		}
	case size > old:
		if !c.cleared(old, size-old, false) {
			return errSpent
		}
		if c.paged {
			c.zeros.add(old, size, zerosDirty)
		}
	}
	c.size = size
	return zx.OK
}

// progressNonDirty reports everything in the range that is not dirty as if
// dirtied.
func (c *cowPages) progressNonDirty(start, end uint64) {
	for pos := start; pos < end; pos += zx.PageSize {
		dirty := c.tree.scan(c.mem, pageIndex(pos), pageIndex(end), 1<<Dirty) << zx.PageShift
		if pos < dirty {
			c.fam.source.Progress(RequestDirty, pos, dirty-pos)
		}
		pos = dirty
	}
}

// SetStreamSize makes the content size bytes long inside the VMO. What is added
// reads as zero and is dirty; what lies past the new end becomes untracked
// zeros. A modification when it zeroes anything or makes anything untracked.
//
// Locks: none held; takes the VMO's.
// Errors: ErrNotSupported a slice, contiguous or physical | OK when size is the current one | ErrOutOfRange past the VMO's end |
// ErrBadState a page past the new end is pinned | those of Zero; then the
// stream size is unchanged.
// Flush: translations from the smaller size on are removed and flushed.
// Source: docs/pager.md 3.14.
func (v *VMO) SetStreamSize(size uint64, r *PageRequest) zx.Status {
	if v.isSlice || v.fam.physical || v.fam.contiguous {
		return zx.ErrNotSupported
	}
	w := streamWork{pos: ^uint64(0), step: nodeSlots << zx.PageShift}
	for b := r.Budget(); ; {
		c := v.lock()
		st := c.setStreamLocked(size, &w, r, &b)
		v.Unlock()
		if st = v.sleep(st, r, &b); st != zx.ErrNext {
			return st
		}
	}
}

// streamWork is how far SetStreamSize got: what lies from pos on is done, and the
// whole pages before front.
type streamWork struct{ pos, step, front uint64 }

// setStreamLocked is SetStreamSize until something is missing or b is spent. The
// pages go from the end on, and the stream ends where they begin: so a shrinking
// one is in order after every step. Locks: the family's held.
func (c *cowPages) setStreamLocked(size uint64, w *streamWork, r *PageRequest, b *zx.Budget) zx.Status {
	if size == c.stream {
		return zx.OK
	}
	if size > c.size {
		return zx.ErrOutOfRange
	}
	lo, up := min(size, c.stream), pageUp(size)
	whole := pageUp(lo)
	if up < c.size && c.anyPinned(pageIndex(up), pageIndex(c.size)) {
		return zx.ErrBadState
	}
	if lo < whole {
		if st := c.zeroBytes(lo, whole, r); st != zx.OK {
			return st
		}
	}
	if front := max(whole, w.front); front < up {
		var st zx.Status
		if w.front, st = c.zeroPages(front, up, r); st != zx.OK {
			return st
		}
	}
	for end := min(w.pos, c.size); end > up; end = w.pos {
		start, st := c.turnBack(up, end, &w.step, b)
		if st == zx.OK {
			st = c.zeros.reserve(2)
		}
		switch {
		case st != zx.OK:
		case !c.paged:
			_, st = c.zeroPages(start, end, r)
		case c.calm(start, end) && c.cleared(start, end-start, false):
			c.modified = c.untrack(start, end) || c.modified
		default:
			st = errSpent
		}
		if st == errSpent {
			w.step = max(w.step/2, zx.PageSize) // the same again
		}
		if st != zx.OK {
			return st
		}
		if size < c.stream {
			c.stream = min(c.stream, start)
		}
		w.pos = start
	}
	if !c.cleared(zx.RoundDown(lo), whole-zx.RoundDown(lo), false) {
		return errSpent
	}
	c.stream = size
	return zx.OK
}

// turnBack is turn from the end on: it gives where a piece of [start, end) begins
// that ends at end. It tries *step bytes, a sixteenth if that is too much for a turn,
// and twice as many the next time. Errors: errSpent.
func (c *cowPages) turnBack(start, end uint64, step *uint64, b *zx.Budget) (uint64, zx.Status) {
	for !b.Spend(0) {
		if end-start > *step {
			start = end - *step
		}
		var cost zx.Budget
		if *step == zx.PageSize || c.turn(start, end, &cost) == end {
			b.Spend(cost.Spent())
			if *step <= zx.VMOMaxSize/2 {
				*step *= 2
			}
			return start, zx.OK
		}
		*step = max(*step>>4, zx.PageSize)
		b.Spend(zx.BudgetUnits / 8) // for the measuring
	}
	return 0, errSpent
}
