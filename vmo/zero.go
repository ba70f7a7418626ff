package vmo

import "faultline/zx"

// Zero makes n bytes at off read as zero. Whole pages of a paged VMO become a
// dirty zero interval at once, absent or not, without asking the pager;
// markers stay what they are. A partial page that does not read as zero yet is
// written like any other. A modification.
//
// Units: bytes, any alignment.
// Locks: none held; takes v.mu.
// Errors: ErrOutOfRange wraps or leaves the VMO, also if it shrank meanwhile |
// the pager's code | ErrBadState | ErrTimedOut | ErrNoMemory |
// ErrInternalIntrKilled, ErrInternalIntrRetry.
// Flush: translations of the whole pages are removed and flushed.
// Source: spec section 3.9, ZERO.
func (v *VMO) Zero(off, n uint64, r *PageRequest) zx.Status {
	var z zeroing
	for {
		v.mu.Lock()
		st := v.checkRange(off, n)
		if st == zx.OK && n != 0 {
			st = v.zeroLocked(&z, off, off+n, r)
		}
		v.mu.Unlock()
		if st = v.sleep(st, r); st != zx.ErrNext {
			return st
		}
	}
}

// sleep does what a stopped operation needs before it starts over: ErrNext says
// that it shall, anything else is the operation's answer. Locks: none held.
func (v *VMO) sleep(st zx.Status, r *PageRequest) zx.Status {
	switch st {
	case zx.ErrShouldWait:
		st = r.Wait()
	case zx.ErrNoMemory:
		st = v.store.makeRoom()
	default:
		return st
	}
	if st == zx.OK {
		return zx.ErrNext
	}
	return st
}

// zeroing is what a Zero has done before it had to wait.
type zeroing struct{ head, tail bool }

// zeroLocked zeroes [off, end), the partial pages first. Locks: v.mu held.
func (v *VMO) zeroLocked(z *zeroing, off, end uint64, r *PageRequest) zx.Status {
	start, stop := pageUp(off), zx.RoundDown(end)
	if start > stop {
		return v.zeroBytes(off, end, r)
	}
	if !z.head && off < start {
		if st := v.zeroBytes(off, start, r); st != zx.OK {
			return st
		}
		z.head = true
	}
	if !z.tail && stop < end {
		if st := v.zeroBytes(stop, end, r); st != zx.OK {
			return st
		}
		z.tail = true
	}
	v.zeroPages(start, stop)
	return zx.OK
}

// zeroBytes zeroes [from, to) inside one page, by a write unless the page reads
// as zero. Locks: v.mu held.
func (v *VMO) zeroBytes(from, to uint64, r *PageRequest) zx.Status {
	page := zx.RoundDown(from)
	s := v.tree.get(v.mem, pageIndex(page))
	if !s.hasPage() && (s.state() == Marker || !v.paged || v.zeros.holding(page) != nil) {
		return zx.OK
	}
	var p Page
	if st := v.require(page, page+zx.PageSize, true, r, &p); st != zx.OK {
		return st
	}
	clear(v.mem.Bytes(p.Frame)[from-page : to-page])
	v.modified = true
	return zx.OK
}

// zeroPages makes the whole pages [start, stop) zeros. Locks: v.mu held.
func (v *VMO) zeroPages(start, stop uint64) {
	if start >= stop {
		return
	}
	v.modified = true
	v.unmap(start, stop-start)
	if !v.paged {
		v.dropPages(start, stop, allStates)
		return
	}
	for pos := start; pos < stop; {
		if iv := v.zeros.holding(pos); iv != nil {
			end := min(iv.end, stop)
			// Untracked zeros round the whole range stay untracked.
			if iv.kind == zerosUntracked && (iv.start >= start || iv.end <= stop) {
				v.zeros.remove(pos, end)
				v.zeros.add(pos, end, zerosDirty)
			}
			pos = end
			continue
		}
		pos = v.zeroRun(pos, v.zeros.next(pos, stop))
	}
}

// zeroRun makes the front of [pos, limit), which meets no interval, a dirty
// zero interval, up to the first marker or the end of a leaf; markers at the
// front are passed over. It gives the position it reached.
func (v *VMO) zeroRun(pos, limit uint64) uint64 {
	slots, n, _ := v.tree.run(v.mem, pageIndex(pos), pageIndex(limit))
	if slots == nil {
		end := pos + n<<zx.PageShift
		v.zeros.add(pos, end, zerosDirty)
		v.source.Progress(RequestRead, pos, end-pos)
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
				v.source.Progress(RequestRead, absent, end-zx.PageSize-absent)
			}
			absent = end
		}
	}
	if absent < end {
		v.source.Progress(RequestRead, absent, end-absent)
	}
	if pos < end {
		v.dropPages(pos, end, allStates)
		v.zeros.add(pos, end, zerosDirty)
	}
	return end
}

// untrack makes [start, v.size) untracked zeros whatever was there, and says
// whether anything else was. Locks: v.mu held. Pre: start below v.size, no page
// there is pinned, the VMO is paged.
func (v *VMO) untrack(start uint64) bool {
	if iv := v.zeros.holding(start); iv != nil && iv.kind == zerosUntracked && iv.end >= v.size {
		return false
	}
	v.unmap(start, v.size-start)
	v.progressAbsent(start, v.size)
	v.dropPages(start, v.size, allStates)
	v.zeros.remove(start, v.size)
	v.zeros.add(start, v.size, zerosUntracked)
	return true
}

// progressAbsent reports the absent pages of the range as if supplied.
func (v *VMO) progressAbsent(start, end uint64) {
	for pos := v.firstAbsent(start, end); pos < end; pos = v.firstAbsent(pos, end) {
		run := v.absentEnd(pos, end)
		v.source.Progress(RequestRead, pos, run-pos)
		pos = run
	}
}

// SetSize makes the VMO size bytes long, rounded up to a page, and its stream
// exactly size. What is cut off is dropped, dirty pages included, and who waits
// for it is woken; what is added to a paged VMO is a dirty zero interval. The
// bytes from an unaligned size to the end of its page are zeroed by a write
// whose failure is ignored. A modification.
//
// Locks: none held; takes v.mu.
// Errors, in this order: ErrOutOfRange the rounding wraps | ErrUnavailable not
// resizable | ErrOutOfRange too large | ErrBadState a page in the cut tail is
// pinned | ErrInternalIntrKilled, ErrInternalIntrRetry with the size set.
// Flush: translations of what is cut off or added are removed and flushed.
// Source: spec section 3.13.
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
	v.mu.Lock()
	if rounded < v.size && v.anyPinned(pageIndex(rounded), pageIndex(v.size)) {
		v.mu.Unlock()
		return zx.ErrBadState
	}
	v.resize(rounded)
	v.stream = size
	v.modified = true
	if size == rounded {
		v.mu.Unlock()
		return zx.OK
	}
	for {
		st := v.zeroBytes(size, rounded, r)
		v.mu.Unlock()
		switch st = v.sleep(st, r); st {
		case zx.ErrNext:
		case zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry:
			return st
		default:
			return zx.OK
		}
		v.mu.Lock()
		if v.stream != size || v.size != rounded {
			v.mu.Unlock()
			return zx.OK // resized again meanwhile
		}
	}
}

// resize moves the end of the VMO. Locks: v.mu held.
func (v *VMO) resize(size uint64) {
	old := v.size
	switch {
	case size < old:
		v.unmap(size, old-size)
		if v.paged {
			v.progressAbsent(size, old)
			if v.traps {
				v.progressNonDirty(size, old)
			}
		}
		v.dropPages(size, old, allStates)
		v.zeros.remove(size, old)
	case size > old:
		v.unmap(old, size-old)
		if v.paged {
			v.zeros.add(old, size, zerosDirty)
		}
	}
	v.size = size
}

// progressNonDirty reports everything in the range that is not dirty as if
// dirtied.
func (v *VMO) progressNonDirty(start, end uint64) {
	for pos := start; pos < end; pos += zx.PageSize {
		dirty := v.tree.scan(v.mem, pageIndex(pos), pageIndex(end), 1<<Dirty) << zx.PageShift
		if pos < dirty {
			v.source.Progress(RequestDirty, pos, dirty-pos)
		}
		pos = dirty
	}
}

// SetStreamSize makes the content size bytes long inside the VMO. What is added
// reads as zero and is dirty; what lies past the new end becomes untracked
// zeros. A modification when it zeroes anything or makes anything untracked.
//
// Locks: none held; takes v.mu.
// Errors: OK when size is the current one | ErrOutOfRange past the VMO's end |
// ErrBadState a page past the new end is pinned | those of Zero; then the
// stream size is unchanged.
// Flush: translations from the smaller size on are removed and flushed.
// Source: spec section 3.14.
func (v *VMO) SetStreamSize(size uint64, r *PageRequest) zx.Status {
	for {
		v.mu.Lock()
		st := v.setStreamLocked(size, r)
		v.mu.Unlock()
		if st = v.sleep(st, r); st != zx.ErrNext {
			return st
		}
	}
}

func (v *VMO) setStreamLocked(size uint64, r *PageRequest) zx.Status {
	if size == v.stream {
		return zx.OK
	}
	if size > v.size {
		return zx.ErrOutOfRange
	}
	lo, up := min(size, v.stream), pageUp(size)
	whole := pageUp(lo)
	if up < v.size && v.anyPinned(pageIndex(up), pageIndex(v.size)) {
		return zx.ErrBadState
	}
	if lo < whole {
		if st := v.zeroBytes(lo, whole, r); st != zx.OK {
			return st
		}
	}
	v.zeroPages(whole, up)
	if up < v.size {
		if v.paged {
			v.modified = v.untrack(up) || v.modified
		} else {
			v.zeroPages(up, v.size)
		}
	}
	if from := zx.RoundDown(lo); from < v.size {
		v.unmap(from, v.size-from)
	}
	v.stream = size
	return zx.OK
}
