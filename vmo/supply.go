package vmo

import (
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// PageRun is a range of pages on the way from one owner to another: taken out
// of a VMO, or filled by a pager inside the kernel, and given to SupplyPages.
// Pages may be missing; they supply zeros. The pages hang together by their
// frame records, so a run of any length allocates nothing. A run belongs to one
// thread. The zero value is an empty run.
type PageRun struct {
	Length     uint64 // bytes, page aligned
	head, tail mmu.Frame
	pages      int
}

// Pages is how many pages the run holds.
func (r *PageRun) Pages() int { return r.pages }

// append adds the page f at position idx, after all before it.
func (r *PageRun) append(m *mmu.Memory, f mmu.Frame, idx uint64) {
	meta := m.Meta(f)
	meta.Set(mmu.OwnerNone, idx, 0)
	meta.Next, meta.Prev = 0, 0
	if r.tail == 0 {
		r.head = f
	} else {
		m.Meta(r.tail).Next = f
	}
	r.tail = f
	r.pages++
}

// Append makes the run one page longer and gives the bytes of the new page for
// the caller to fill; their contents are undefined.
//
// Locks: none held: it may evict.
// Errors: ErrNoMemory.
func (s *Store) Append(r *PageRun) (*[zx.PageSize]byte, zx.Status) {
	f, st := s.mem.Alloc()
	for st == zx.ErrNoMemory && s.Reclaim(reclaimPages) {
		f, st = s.mem.Alloc()
	}
	if st != zx.OK {
		return nil, st
	}
	r.append(s.mem, f, pageIndex(r.Length))
	r.Length += zx.PageSize
	return s.mem.Bytes(f), zx.OK
}

// Discard frees the pages left in r and empties it.
func (s *Store) Discard(r *PageRun) {
	for f := r.head; f != 0; {
		next := s.mem.Meta(f).Next
		s.mem.Free(f)
		f = next
	}
	*r = PageRun{}
}

// TakePages moves the pages of [off, off+length) out of an anonymous VMO into
// run; the range then reads as zero, mapped or not.
//
// Pre: off and length page aligned; run is empty.
// Locks: none held; takes v.mu.
// Errors, the VMO untouched: ErrOutOfRange the range wraps or leaves the VMO |
// ErrNotSupported the VMO is paged | ErrBadState a page is pinned. A length of
// 0 is OK before any of them but the wrap.
// Source: spec section 3.4 step 6.
func (v *VMO) TakePages(off, length uint64, run *PageRun) zx.Status {
	if off+length < off {
		return zx.ErrOutOfRange
	}
	if length == 0 {
		return zx.OK
	}
	v.mu.Lock()
	st := v.takeLocked(off, length, run)
	v.mu.Unlock()
	return st
}

func (v *VMO) takeLocked(off, length uint64, run *PageRun) zx.Status {
	if st := v.checkRange(off, length); st != zx.OK {
		return st
	}
	if v.paged {
		return zx.ErrNotSupported
	}
	first, limit := pageIndex(off), pageIndex(off+length)
	if v.anyPinned(first, limit) {
		return zx.ErrBadState
	}
	v.unmap(off, length)
	for idx := first; idx < limit; {
		slots, n, leaf := v.tree.run(v.mem, idx, limit)
		taken := 0
		for i := range slots {
			s := slots[i]
			if s == 0 {
				continue
			}
			v.transition(&slots[i], 0)
			run.append(v.mem, s.frame(), idx+uint64(i)-first)
			taken++
		}
		// The leaf stays, empty or not: an aux VMO is filled again.
		if leaf != 0 && taken > 0 {
			v.mem.Meta(leaf).AddLive(-taken)
		}
		v.pages -= uint64(taken)
		idx += n
	}
	run.Length = length
	return zx.OK
}

// anyPinned says whether a page of [first, limit) is pinned. Pinning is not
// here yet: nothing is.
func (v *VMO) anyPinned(first, limit uint64) bool { return false }

// SupplyPages gives the pages of run to the absent offsets of
// [off, off+run.Length): a page makes its offset Clean, a missing one makes it
// a Marker. Offsets with content keep it, and what was supplied there is
// freed. Requests for what was absent progress. run is empty afterwards, even
// on error.
//
// Pre: off page aligned.
// Locks: none held; takes v.mu.
// Errors: ErrOutOfRange the range wraps or leaves the VMO | ErrBadState the
// source is detached | ErrNoMemory with the front of the range supplied.
// Flush: done.
// Source: spec section 3.4 step 7 and "Insertion".
func (v *VMO) SupplyPages(off uint64, run *PageRun) zx.Status {
	if !v.paged {
		panic(fmt.Sprintf("vmo.SupplyPages: VMO %d has no source", v.id))
	}
	st := zx.OK
	switch {
	case off+run.Length < off:
		st = zx.ErrOutOfRange
	case run.Length != 0:
		for done := uint64(0); ; {
			v.mu.Lock()
			st = v.supplyLocked(off, &done, run)
			v.mu.Unlock()
			if st != zx.ErrNoMemory || !v.store.Reclaim(reclaimPages) {
				break
			}
		}
	}
	v.store.Discard(run)
	return st
}

// SupplyPage is TakePages and SupplyPages of the usual single page: the page of
// aux at auxOff becomes the content of v at off. handled says whether it was
// that easy; if not, nothing happened and the two calls are to be made.
//
// Pre: off and auxOff page aligned; v has a source.
// Locks: none held; takes the lock of aux, then v.mu.
// Errors: those of SupplyPages.
func (v *VMO) SupplyPage(off uint64, aux *VMO, auxOff uint64) (st zx.Status, handled bool) {
	aux.mu.Lock()
	f := aux.takeOne(auxOff)
	aux.mu.Unlock()
	if f == 0 {
		return zx.OK, false
	}
	v.mu.Lock()
	supplied := v.supplyOne(off, f)
	v.mu.Unlock()
	if supplied {
		return zx.OK, true
	}
	run := PageRun{Length: zx.PageSize}
	run.append(v.mem, f, 0)
	return v.SupplyPages(off, &run), true
}

// takeOne takes the page at off out of an anonymous VMO; 0 if there is none, or
// none that may be taken. Locks: v.mu held.
func (v *VMO) takeOne(off uint64) mmu.Frame {
	if off >= v.size || v.paged {
		return 0
	}
	idx := pageIndex(off)
	s := v.tree.find(v.mem, idx)
	if s == nil || *s&(slotStateMask|slotPinned) != slot(Untracked) {
		return 0
	}
	if len(v.mappings) != 0 {
		v.unmap(off, zx.PageSize)
	}
	f := s.frame()
	v.transition(s, 0)
	v.tree.count(idx, -1) // the leaf stays, empty or not
	v.pages--
	return f
}

// supplyOne makes f the page at off, if there is nothing yet, and says whether
// it did. Locks: v.mu held.
func (v *VMO) supplyOne(off uint64, f mmu.Frame) bool {
	if off >= v.size || v.source.Detached() || len(v.zeros.list) != 0 && v.zeros.holding(off) != nil {
		return false
	}
	idx := pageIndex(off)
	s := v.tree.near(idx)
	if s == nil {
		if _, st := v.tree.leaf(v.mem, idx); st != zx.OK {
			return false
		}
		s = v.tree.find(v.mem, idx)
	}
	if *s != 0 {
		return false
	}
	v.transition(s, pageSlot(f, Clean))
	v.tree.count(idx, 1)
	v.pages++
	v.mem.Meta(f).Set(v.id, idx, 0)
	age := &v.store.age
	age.mu.Lock()
	age.pushLocked(ageNormal, f)
	age.mu.Unlock()
	v.unmapZeros(off, zx.PageSize)
	v.source.Progress(RequestRead, off, zx.PageSize)
	return true
}

// supplyLocked supplies from *done bytes into the run on and moves *done.
func (v *VMO) supplyLocked(off uint64, done *uint64, run *PageRun) zx.Status {
	if st := v.checkRange(off, run.Length); st != zx.OK {
		return st
	}
	if v.source.Detached() {
		return zx.ErrBadState
	}
	base := pageIndex(off)
	limit := base + pageIndex(run.Length)
	idx := base + pageIndex(*done)
	// The run of newly inserted pages that is not reported yet.
	news := idx
	var zeroStart, zeroEnd uint64 // the next zero interval, in pages
	st := zx.OK
	for idx < limit {
		slots, leaf, s := v.tree.fill(v.mem, idx, limit)
		if s != zx.OK {
			st = s
			break
		}
		var chain supplyChain
		added := 0
		for i := range slots {
			if idx >= zeroEnd && len(v.zeros.list) != 0 {
				zeroStart, zeroEnd = v.nextZeros(idx)
			}
			f := run.take(v.mem, idx-base)
			if slots[i] != 0 || idx >= zeroStart && idx < zeroEnd {
				if f != 0 {
					v.mem.Free(f)
				}
				v.supplied(news, idx)
				news = idx + 1
			} else {
				if f != 0 {
					v.transition(&slots[i], pageSlot(f, Clean))
					chain.append(v, f, idx)
				} else {
					v.transition(&slots[i], slot(Marker))
				}
				added++
			}
			idx++
		}
		v.pages += uint64(chain.n)
		if added > 0 {
			v.tree.added(v.mem, leaf, added)
		} else {
			v.tree.prune(v.mem, idx-1)
		}
		chain.list(&v.store.age)
	}
	v.supplied(news, idx)
	*done = (idx - base) << zx.PageShift
	return st
}

// nextZeros gives the zero interval that holds page idx or follows it, in
// pages; beyond the last one it is one that never comes.
func (v *VMO) nextZeros(idx uint64) (start, end uint64) {
	if i := v.zeros.at(idx << zx.PageShift); i < len(v.zeros.list) {
		return pageIndex(v.zeros.list[i].start), pageIndex(v.zeros.list[i].end)
	}
	return ^uint64(0), ^uint64(0)
}

// supplied unmaps and reports the new pages [first, end). What may be mapped
// there is the shared zero page, left behind by a WRITEBACK_END.
func (v *VMO) supplied(first, end uint64) {
	if first >= end {
		return
	}
	off, n := first<<zx.PageShift, (end-first)<<zx.PageShift
	v.unmapZeros(off, n)
	v.source.Progress(RequestRead, off, n)
}

// take gives the page of the run at position idx, 0 where it has none. Pre:
// ascending calls.
func (r *PageRun) take(m *mmu.Memory, idx uint64) mmu.Frame {
	f := r.head
	if f == 0 {
		return 0
	}
	meta := m.Meta(f)
	if meta.Index() != idx {
		return 0
	}
	r.head = meta.Next
	if r.head == 0 {
		r.tail = 0
	}
	r.pages--
	return f
}

// supplyChain is new clean pages on the way to the age list, linked as it
// wants them.
type supplyChain struct {
	first, last mmu.Frame
	n           int
}

func (c *supplyChain) append(v *VMO, f mmu.Frame, idx uint64) {
	meta := v.mem.Meta(f)
	meta.Set(v.id, idx, 0)
	meta.Next = f
	if c.n == 0 {
		meta.Prev = f
		c.first = f
	} else {
		meta.Prev = c.last
		v.mem.Meta(c.last).Next = f
	}
	c.last = f
	c.n++
}

func (c *supplyChain) list(a *ageList) {
	if c.n == 0 {
		return
	}
	a.mu.Lock()
	a.pushRunLocked(ageNormal, c.first, c.last, c.n)
	a.mu.Unlock()
}
