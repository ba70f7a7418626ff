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
	Length  uint64     // bytes, page aligned
	Yielder zx.Yielder // on whose behalf it is supplied; nil never yields
	head    mmu.Frame
	last    *mmu.Meta // of the last page
	pages   int
}

// append adds the page f, whose record is meta, at position idx, after all before it.
func (r *PageRun) append(m *mmu.Memory, f mmu.Frame, idx uint64) {
	meta := m.Meta(f)
	meta.Set(mmu.OwnerNone, idx, 0)
	meta.Next = 0
	if r.last == nil {
		r.head = f
	} else {
		r.last.Next = f
	}
	r.last = meta
	r.pages++
}

// at says whether the first page of the run is the one for position idx.
func (r *PageRun) at(m *mmu.Memory, idx uint64) bool {
	return r.head != 0 && m.Meta(r.head).Index() == idx
}

// next gives the first page of the run, its record, and where it belongs if position
// 0 belongs at base; nowhere if there is none.
func (r *PageRun) next(m *mmu.Memory, base uint64) (f mmu.Frame, meta *mmu.Meta, at uint64) {
	if f = r.head; f == 0 {
		return 0, nil, ^uint64(0)
	}
	meta = m.Meta(f)
	return f, meta, base + meta.Index()
}

// pop takes the first page of the run. Pre: there is one.
func (r *PageRun) pop(m *mmu.Memory) mmu.Frame {
	f := r.head
	meta := m.Meta(f)
	r.head, meta.Next = meta.Next, 0
	if r.pages--; r.head == 0 {
		r.last = nil
	}
	return f
}

// Append makes the run one page longer and gives the bytes of the new page for
// the caller to fill; their contents are undefined.
//
// Locks: none held: it may evict.
// Errors: ErrNoMemory.
func (s *Store) Append(r *PageRun) (*[zx.PageSize]byte, zx.Status) {
	f, st := s.mem.Alloc()
	for st == zx.ErrNoMemory && s.Reclaim(reclaimPages, nil) {
		f, st = s.mem.Alloc()
	}
	if st != zx.OK {
		return nil, st
	}
	r.append(s.mem, f, pageIndex(r.Length))
	r.Length += zx.PageSize
	return s.mem.Bytes(f), zx.OK
}

// Discard frees the pages left in r, in turns, and empties it. Locks: none held.
func (s *Store) Discard(r *PageRun) {
	for b := (zx.Budget{By: r.Yielder}); r.pages > discardTurn; b.Look() {
		r.head = s.mem.FreeRun(r.head, discardTurn)
		r.pages -= discardTurn
	}
	s.mem.FreeRun(r.head, r.pages)
	*r = PageRun{}
}

// discardTurn is how many frames are freed in a turn.
const discardTurn = 4096

// TakePages moves the pages of [off, off+length) out of a VMO that no pager made
// into run; the range then reads as zero, mapped or not. What it shares is copied
// first, which may need the pager of an ancestor.
//
// Pre: off and length page aligned; run is empty.
// Locks: none held; takes the VMO's.
// Errors, the VMO untouched: ErrNotSupported it is contiguous or physical |
// ErrOutOfRange the range wraps or leaves the VMO | ErrNotSupported a pager made
// the VMO | ErrBadState a page is pinned. A length of 0 is OK before any of them
// but the first and the wrap. While copying: those of Commit, with the front of
// the range taken and lost.
// Source: docs/pager.md 3.4 step 6.
func (v *VMO) TakePages(off, length uint64, run *PageRun, r *PageRequest) zx.Status {
	if v.fam.contiguous || v.fam.physical {
		return zx.ErrNotSupported
	}
	if off+length < off {
		return zx.ErrOutOfRange
	}
	if length == 0 {
		return zx.OK
	}
	done := uint64(0)
	for b := r.Budget(); ; {
		c := v.lock()
		st := v.takeLocked(c, off, length, &done, run, r, &b)
		v.Unlock()
		if done == 0 {
			st = v.sleep(st, r, &b)
		} else {
			st = v.goOn(st, r, &b)
		}
		if st == zx.ErrNext {
			continue
		}
		if st != zx.OK {
			v.store.Discard(run)
		}
		run.Length = length
		return st
	}
}

// takeLocked is TakePages from *done bytes on, until something is missing.
func (v *VMO) takeLocked(c *cowPages, off, length uint64, done *uint64, run *PageRun, r *PageRequest, b *zx.Budget) zx.Status {
	if st := v.checkRange(off, length); st != zx.OK {
		return st
	}
	if c.paged {
		return zx.ErrNotSupported
	}
	start, end := v.off+off, v.off+off+length
	base := pageIndex(start)
	if *done == 0 && c.anyPinned(base, pageIndex(end)) {
		return zx.ErrBadState
	}
	if c.parent != nil {
		// Each page is made its own, so that it can be taken, and zeros put
		// over what the parent shows in its place.
		for pos := start + *done; pos < end; pos, *done = pos+zx.PageSize, *done+zx.PageSize {
			if b.Spend(c.fam.lookCost()) {
				return errSpent
			}
			if st := c.takeShared(pos, pos+zx.PageSize, base, run, r); st != zx.OK {
				return st
			}
		}
		return zx.OK
	}
	pos := start + *done
	stop := c.turn(pos, end, b)
	if !c.cleared(pos, stop-pos, false) {
		return errSpent
	}
	c.takeOwn(pageIndex(pos), pageIndex(stop), base, run)
	if *done = stop - start; stop < end {
		return errSpent
	}
	return zx.OK
}

// takeOwn takes the pages [first, limit) of c itself.
func (c *cowPages) takeOwn(first, limit, base uint64, run *PageRun) {
	for idx := first; idx < limit; {
		slots, n, leaf := c.tree.run(c.mem, idx, limit)
		taken := 0
		for i := range slots {
			s := slots[i]
			if s == 0 {
				continue
			}
			c.transition(&slots[i], 0)
			run.append(c.mem, s.frame(), idx+uint64(i)-base)
			taken++
		}
		c.mem.Disown(taken)
		// The leaf stays, empty or not: an aux VMO is filled again.
		if leaf != 0 && taken > 0 {
			c.mem.Meta(leaf).AddLive(-taken)
		}
		c.pages -= uint64(taken)
		idx += n
	}
}

// takeShared takes the page [pos, end) of a child.
func (c *cowPages) takeShared(pos, end, base uint64, run *PageRun, r *PageRequest) zx.Status {
	if st := c.zeros.reserve(1); st != zx.OK {
		return st
	}
	if w := c.see(pos); w.ask || w.s.hasPage() {
		if _, st := c.require(pos, end, true, r); st != zx.OK {
			return st
		}
	}
	if !c.cleared(pos, end-pos, false) {
		return errSpent
	}
	c.takeOwn(pageIndex(pos), pageIndex(end), base, run)
	c.coverShared(pos, end)
	return zx.OK
}

// SupplyPages gives the pages of run to the absent offsets of
// [off, off+run.Length): a page makes its offset Clean, a missing one makes it
// a Marker. Offsets with content keep it, and what was supplied there is
// freed. Requests for what was absent progress. run is empty afterwards, even
// on error.
//
// Pre: off page aligned.
// Locks: none held; takes the VMO's.
// Errors: ErrOutOfRange the range wraps or leaves the VMO | ErrBadState the
// source is detached | ErrNoMemory with the front of the range supplied.
// Flush: done.
// Source: docs/pager.md 3.4 step 7 and "Insertion".
func (v *VMO) SupplyPages(off uint64, run *PageRun) zx.Status {
	if !v.root {
		panic(fmt.Sprintf("vmo.SupplyPages: VMO %d has no source", v.koid))
	}
	if run.Length == zx.PageSize && run.pages == 1 { // the usual single page
		c := v.lock()
		supplied := c.supplyOne(off, run.head)
		v.Unlock()
		if supplied {
			*run = PageRun{}
			return zx.OK
		}
	}
	st := zx.OK
	switch {
	case off+run.Length < off:
		st = zx.ErrOutOfRange
	case run.Length != 0:
		b := zx.Budget{By: run.Yielder}
		for done := uint64(0); ; {
			c := v.lock()
			st = c.supplyLocked(off, &done, run, &b)
			v.Unlock()
			if st = v.goOn(st, nil, &b); st != zx.ErrNext {
				break
			}
		}
	}
	v.store.Discard(run)
	return st
}

// SupplyFrom is TakePages and SupplyPages: the pages [auxOff, auxOff+length) of aux
// become the content of v from off on. r serves the waits of TakePages, its thread
// yields.
//
// Pre: off, length and auxOff page aligned; v has a source.
// Locks: none held; takes the lock of aux, then that of v.
// Errors, in this order: those of TakePages | those of SupplyPages.
//
//go:nosplit
func (v *VMO) SupplyFrom(off, length uint64, aux *VMO, auxOff uint64, r *PageRequest) zx.Status {
	f := mmu.Frame(0)
	if length == zx.PageSize { // the usual single page
		if a := aux.lock(); auxOff < aux.SizeLocked() {
			f = a.takeOne(aux.off + auxOff)
		}
		aux.Unlock()
	}
	if f == 0 {
		return v.supplyRun(off, length, aux, auxOff, r)
	}
	c := v.lock()
	supplied := c.supplyOne(off, f)
	v.Unlock()
	if supplied {
		return zx.OK
	}
	return v.supplyTaken(off, f, r)
}

// supplyRun is SupplyFrom of any number of pages.
func (v *VMO) supplyRun(off, length uint64, aux *VMO, auxOff uint64, r *PageRequest) zx.Status {
	run := PageRun{Yielder: r.Yielder()}
	if st := aux.TakePages(auxOff, length, &run, r); st != zx.OK {
		return st
	}
	return v.SupplyPages(off, &run)
}

// supplyTaken supplies the page f, which is not so easy.
func (v *VMO) supplyTaken(off uint64, f mmu.Frame, r *PageRequest) zx.Status {
	run := PageRun{Length: zx.PageSize, Yielder: r.Yielder()}
	run.append(v.store.mem, f, 0)
	return v.SupplyPages(off, &run)
}

// takeOne takes the page at off out of an anonymous VMO; 0 if there is none, or
// none that may be taken. Locks: the family's held.
//
//go:nosplit
func (c *cowPages) takeOne(off uint64) mmu.Frame {
	if c.paged || c.fam.physical || c.parent != nil {
		return 0
	}
	idx := pageIndex(off)
	s := c.tree.near(idx)
	if s == nil {
		s = c.tree.walk(c.mem, idx)
	}
	if s == nil || *s&(slotStateMask|slotPinned) != slot(Untracked) {
		return 0
	}
	if !c.mappings.Empty() {
		if !c.shownOnce() {
			return 0
		}
		c.unmap(off, zx.PageSize)
	}
	f := s.frame()
	c.transition(s, 0)
	c.tree.count(idx, -1) // the leaf stays, empty or not
	c.pages--
	c.mem.Disown(1)
	return f
}

// supplyOne makes f the page at off, if there is nothing yet and not much to do, and
// says whether it did. Locks: the family's held.
//
//go:nosplit
func (c *cowPages) supplyOne(off uint64, f mmu.Frame) bool {
	if off >= c.size || c.fam.source.Detached() || !c.zeros.empty() && c.zeros.holding(off) != nil {
		return false
	}
	if c.fam.zeroMapped {
		if !c.shownOnce() {
			return false
		}
		c.unmap(off, zx.PageSize)
	}
	idx := pageIndex(off)
	s := c.tree.near(idx)
	if s == nil {
		if _, st := c.tree.leaf(c.mem, idx); st != zx.OK {
			return false
		}
		s = c.tree.find(c.mem, idx)
	}
	if *s != 0 || c.mem.Adopt(1) == 0 {
		return false
	}
	c.transition(s, pageSlot(f, Clean))
	c.tree.count(idx, 1)
	c.pages++
	meta := c.mem.Meta(f)
	meta.Set(c.id, idx, 0)
	meta.Next, meta.Prev = f, f
	age := &c.store.age
	age.mu.Lock()
	age.pushRun(ageNew, meta, f, f, 1)
	age.mu.Unlock()
	c.fam.source.Progress(RequestRead, off, zx.PageSize)
	return true
}

// supplyLocked supplies from *done bytes into the run on and moves *done.
func (c *cowPages) supplyLocked(off uint64, done *uint64, run *PageRun, b *zx.Budget) zx.Status {
	if !zx.InRange(off, run.Length, c.size) {
		return zx.ErrOutOfRange
	}
	if c.fam.source.Detached() {
		return zx.ErrBadState
	}
	p := supply{c: c, run: run, base: pageIndex(off)}
	idx, limit := p.base+pageIndex(*done), p.base+pageIndex(run.Length)
	p.news = idx
	stop := pageIndex(c.fam.source.cut(idx<<zx.PageShift, limit<<zx.PageShift, b))
	st := zx.OK
	for idx < stop && st == zx.OK {
		if iv := c.zeros.holding(idx << zx.PageShift); iv != nil {
			idx = p.keep(idx, min(stop, pageIndex(iv.end)), b)
		} else if end := min(pageIndex(c.zeros.next(idx<<zx.PageShift, stop<<zx.PageShift)), (idx|nodeMask)+1); !c.clearedOfZeros(idx<<zx.PageShift, end<<zx.PageShift) {
			st = errSpent
		} else {
			idx, st = p.fill(idx, end, b)
		}
		if b.Spend(1) && st == zx.OK {
			break
		}
	}
	if idx < limit && st == zx.OK {
		st = errSpent
	}
	c.supplied(p.news, idx)
	*done = (idx - p.base) << zx.PageShift
	return st
}

// supply is the state of supplyLocked.
type supply struct {
	c    *cowPages
	run  *PageRun
	base uint64 // page of the run's position 0
	news uint64 // where the run of new pages begins that is not reported yet
}

// keep passes over the pages from idx on that lie in a zero interval which reaches
// to stop, and gives where it got.
func (p *supply) keep(idx, stop uint64, b *zx.Budget) uint64 {
	p.c.supplied(p.news, idx)
	for p.run.head != 0 {
		at := p.base + p.c.mem.Meta(p.run.head).Index()
		if at >= stop {
			break
		}
		p.c.store.mem.Free(p.run.pop(p.c.mem))
		if b.Spend(1) {
			stop = at + 1
		}
	}
	p.news = stop
	return stop
}

// fill supplies the pages from idx on up to the end of a leaf, or to stop, and gives
// where it got. None of them lies in a zero interval. Errors: ErrNoMemory.
func (p *supply) fill(idx, stop uint64, b *zx.Budget) (uint64, zx.Status) {
	c, mem, run := p.c, p.c.mem, p.run
	slots, leaf, st := c.tree.fill(mem, idx, stop)
	if st != zx.OK {
		return idx, st
	}
	paid := mem.Adopt(min(run.pages, len(slots)))
	used, added := 0, 0
	// Linked as the age list wants it.
	var first, last mmu.Frame
	var before *mmu.Meta
	at := idx
	next, meta, nextAt := run.next(mem, p.base)
	for i := range slots {
		s := &slots[i]
		if next == 0 && *s == 0 { // zeros, often many
			c.transition(s, slot(Marker))
			added++
			at++
			continue
		}
		switch {
		case *s != 0:
			if nextAt == at {
				c.store.mem.Free(run.pop(mem))
				next, meta, nextAt = run.next(mem, p.base)
			}
			c.supplied(p.news, at)
			p.news = at + 1
		case nextAt != at:
			c.transition(s, slot(Marker))
			added++
		case used == paid:
			st = zx.ErrNoMemory
		default:
			f := next
			c.transition(s, pageSlot(f, Clean))
			meta.Set(c.id, at, 0)
			if before == nil {
				first, last = f, f
			} else {
				before.Next = f
			}
			meta.Prev, last, before = last, f, meta
			run.head = meta.Next
			next, meta, nextAt = run.next(mem, p.base)
			used++
		}
		if st != zx.OK {
			break
		}
		at++
	}
	if used > 0 {
		before.Next = last
		c.store.age.mu.Lock()
		c.store.age.pushRun(ageNew, mem.Meta(first), first, last, used)
		c.store.age.mu.Unlock()
	}
	if run.pages -= used; run.head == 0 {
		run.last = nil
	}
	mem.Disown(paid - used)
	c.pages += uint64(used)
	if added += used; added > 0 {
		c.tree.added(mem, leaf, added)
	} else {
		c.tree.prune(mem, idx)
	}
	b.Spend(len(slots) / 4)
	return at, st
}

// supplied reports the new pages [first, end).
func (c *cowPages) supplied(first, end uint64) {
	if first < end {
		c.fam.source.Progress(RequestRead, first<<zx.PageShift, (end-first)<<zx.PageShift)
	}
}
