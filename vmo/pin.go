package vmo

import (
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// maxPins is how often a page may be pinned at a time. Source: docs/pager.md 4.6, 9.
const maxPins = 31

// The pins of a page are counted in the tag of its frame record, beside those of
// its age; slotPinned says that there are any. The pages of a contiguous VMO
// have one more, for as long as they live.
const (
	pinShift        = 2
	pinOne   uint16 = 1 << pinShift
)

// pinBatch is how many pages are pinned or unpinned under the lock at once.
const pinBatch = 128

// Pin gives every page of [off, off+length) a page as Commit does, one that is
// dirty already if write is set, and holds it where it is until Unpin: it is not
// freed, moved or unmapped by anything. A write pin is a modification once all of
// it is pinned. Of a snapshot the pages are copied first.
//
// Units: bytes, page aligned.
// Locks: none held; takes the VMO's.
// Errors, nothing pinned: ErrOutOfRange wraps, leaves the VMO, or is cut off
// meanwhile | ErrUnavailable a page has maxPins | those of Commit.
// Source: docs/pager.md 4.6 as 11 replaces it.
func (v *VMO) Pin(off, length uint64, write bool, r *PageRequest) zx.Status {
	b, pos := r.Budget(), off
	for {
		c := v.lock()
		st := v.checkRange(off, length)
		switch {
		case st != zx.OK:
		case c.fam.physical:
			pos = off + length
		default:
			pos, st = c.pinLocked(v.off+pos, v.off+off+length, write, r, &b)
			pos -= v.off
		}
		done := st == zx.OK && pos == off+length
		c.modified = c.modified || done && write
		v.Unlock()
		if done {
			return zx.OK
		}
		if st == zx.OK { // the budget is spent
			st = b.Look()
		} else {
			st = v.sleep(st, r, &b)
		}
		if st != zx.OK && st != zx.ErrNext {
			v.Unpin(off, pos-off, r)
			return st
		}
	}
}

// pinLocked pins pages from pos on until end, until b is spent, or until something
// is missing, and gives the position it reached. Locks: the family's held.
func (c *cowPages) pinLocked(pos, end uint64, write bool, r *PageRequest, b *zx.Budget) (uint64, zx.Status) {
	if c.discarded() {
		return pos, zx.ErrNotFound
	}
	for pos < end {
		got, st := pos, zx.OK
		if write {
			if _, st = c.require(pos, end, true, r); st == zx.OK {
				got += zx.PageSize
			}
		} else {
			stop := end // what may be asked for
			if c.fam.source == nil {
				stop = min(end, pos+pinBatch*zx.PageSize)
			}
			var turn zx.Budget // pinning counts
			if got, st = c.commitLocked(pos, stop, r, &turn); st == errSpent && got > pos {
				st = zx.OK
			}
		}
		for ; pos < got; pos += zx.PageSize {
			s := c.tree.find(c.mem, pageIndex(pos))
			if !c.addPin(s, 1) {
				return pos, zx.ErrUnavailable
			}
			if b.Spend(1) {
				return pos + zx.PageSize, zx.OK
			}
		}
		if st != zx.OK {
			return pos, st
		}
	}
	return pos, zx.OK
}

// addPin changes the pins of the page in s by n, and says whether it may. Locks:
// the family's held.
func (c *cowPages) addPin(s *slot, n int) bool {
	most := maxPins
	if c.fam.contiguous {
		most++
	}
	meta := c.mem.Meta(s.frame())
	// The tag is also the age list's.
	c.store.age.mu.Lock()
	defer c.store.age.mu.Unlock()
	pins := int(meta.Tag()>>pinShift) + n
	if pins > most {
		return false
	}
	if pins < 0 {
		panic(fmt.Sprintf("vmo.addPin: node %d frame %#x has %d pins", c.id, s.frame(), pins))
	}
	meta.SetTag(meta.Tag()&(pinOne-1) | uint16(pins)<<pinShift)
	c.pins += uint64(n)
	switch {
	case pins == 0:
		*s &^= slotPinned
		c.pinned--
	case *s&slotPinned == 0:
		*s |= slotPinned
		c.pinned++
	}
	return true
}

// Unpin ends what Pin began. It yields by r, which may be nil, and goes on
// whatever that says. Pre: the range was pinned.
//
// Units: bytes, page aligned. Locks: none held; takes the VMO's.
func (v *VMO) Unpin(off, length uint64, r *PageRequest) {
	b := r.Budget()
	for end := off + length; off < end; {
		c := v.lock()
		stop := min(end, off+pinBatch*zx.PageSize)
		for ; off < stop && !c.fam.physical; off += zx.PageSize {
			c.addPin(c.tree.find(c.mem, pageIndex(v.off+off)), -1)
		}
		off = stop
		v.Unlock()
		if b.Spend(pinBatch) {
			b.Look()
		}
	}
}

// PinnedAt gives the frame of the page at off. Pre: it is pinned, or the VMO is
// physical.
//
// Locks: takes the VMO's.
func (v *VMO) PinnedAt(off uint64) mmu.Frame {
	c := v.lock()
	defer v.Unlock()
	if c.fam.physical {
		return c.base + mmu.Frame(pageIndex(v.off+off))
	}
	return c.tree.get(c.mem, pageIndex(v.off+off)).frame()
}

// nextPinned gives the first offset in [off, end) whose page is pinned, or end.
// Locks: the family's held.
func (c *cowPages) nextPinned(off, end uint64) uint64 {
	if c.pinned == 0 {
		return end
	}
	for idx, limit := pageIndex(off), pageIndex(end); idx < limit; {
		slots, n, _ := c.tree.run(c.mem, idx, limit)
		for i, s := range slots {
			if s&slotPinned != 0 {
				return (idx + uint64(i)) << zx.PageShift
			}
		}
		idx += n
	}
	return end
}

// anyPinned says whether a page of [first, limit) is pinned.
func (c *cowPages) anyPinned(first, limit uint64) bool {
	return first < limit && c.nextPinned(first<<zx.PageShift, limit<<zx.PageShift) < limit<<zx.PageShift
}

// unpinned calls f with the parts of [off, end) between pinned pages, whose
// translations nothing may touch.
func (c *cowPages) unpinned(off, end uint64, f func(off, end uint64)) {
	for off < end {
		stop := c.nextPinned(off, end)
		if off < stop {
			f(off, stop)
		}
		off = stop + zx.PageSize
	}
}

// NewContiguous makes an anonymous VMO whose pages lie in a row in physical
// memory, the first at a multiple of 1<<align bytes, for as long as it lives.
//
// Units: size in bytes, page aligned, not 0.
// Locks: none held. Errors: ErrOutOfRange too large | ErrNoMemory | those of the
// budget of r.
// Source: docs/pager.md 4.6, 9, zx_vmo_create_contiguous.
func (s *Store) NewContiguous(size uint64, align int, r *PageRequest) (*VMO, zx.Status) {
	if size > zx.VMOMaxSize {
		return nil, zx.ErrOutOfRange
	}
	if pageIndex(size) > 1<<mmu.MaxOrder || align > mmu.MaxOrder+zx.PageShift {
		return nil, zx.ErrNoMemory // whatever is evicted
	}
	v, st := s.newRoot(nil, size, size, 0)
	if st != zx.OK {
		return nil, st
	}
	c := v.lock()
	paid := c.mem.PayAhead(int(pageIndex(size)))
	v.Unlock()
	if !paid {
		v.Release()
		return nil, zx.ErrNoMemory
	}
	b := r.Budget()
	f, st := s.mem.AllocContiguous(pageIndex(size), max(align-zx.PageShift, 0), &b)
	for st == zx.ErrNoMemory && s.Reclaim(reclaimPages, b.By) {
		f, st = s.mem.AllocContiguous(pageIndex(size), max(align-zx.PageShift, 0), &b)
	}
	if st != zx.OK {
		v.Release()
		return nil, st
	}
	c.fam.contiguous = true
	for idx := uint64(0); idx < pageIndex(size); idx++ {
		page := f + mmu.Frame(idx)
		if st == zx.OK && b.Spend(1) {
			st = b.Look()
		}
		if st == zx.OK {
			s.mem.Zero(page)
			v.Lock()
			var to *slot
			if to, st = c.tree.insert(c.mem, idx); st == zx.OK {
				c.mem.Adopt(1) // which is paid
				c.own(to, idx<<zx.PageShift, page)
				c.addPin(to, 1)
			}
			v.Unlock()
		}
		if st != zx.OK {
			s.mem.Free(page)
		}
	}
	if st != zx.OK {
		v.Release()
		return nil, st
	}
	return v, zx.OK
}

// NewPhysical makes a VMO that shows the physical memory [base, base+size), which
// is no RAM of the Store's, uncached.
//
// Units: bytes, page aligned, not 0. Locks: none held. Errors: ErrNoMemory.
// Source: docs/pager.md 4.6, 9, zx_vmo_create_physical.
func (s *Store) NewPhysical(base zx.PhysAddr, size uint64) (*VMO, zx.Status) {
	v, st := s.newRoot(nil, size, size, 0)
	if st != zx.OK {
		return nil, st
	}
	v.fam.physical, v.cow.base, v.cow.cache = true, mmu.FrameAt(base), zx.CachePolicyUncached
	return v, zx.OK
}

// Contiguous and Physical say what kind of memory the VMO shows.
func (v *VMO) Contiguous() bool { return v.fam.contiguous }

// Physical says that the VMO shows memory that is no RAM.
func (v *VMO) Physical() bool { return v.fam.physical }

// SetCachePolicy says how mappings of the VMO are to be cached. The pages of one
// that is no longer CACHED leave the caches before it answers.
//
// Locks: takes the VMO's.
// Errors: ErrBadState mapped, has children, is a child; of RAM: pinned, or a
// pager or a lock could take its pages and policy is not CACHED | those of the
// budget of r, with pages left in the caches: call again.
// Source: docs/pager.md 4.6, 9, zx_vmo_set_cache_policy.
func (v *VMO) SetCachePolicy(policy uint32, r *PageRequest) zx.Status {
	c := v.lock()
	extra := c.pins // but for the pins by which a contiguous VMO holds its own pages
	if c.fam.contiguous {
		extra -= c.pinned
	}
	st := zx.OK
	switch {
	case c.fam.physical && policy == c.cache:
	case extra != 0,
		v.mapped != 0, v.kin.children != 0, v.kin.parent != nil, !v.primary, !c.mappings.Empty(), c.parent != nil, !c.children.Empty(),
		(c.fam.source != nil || v.Discardable()) && policy != zx.CachePolicyCached:
		st = zx.ErrBadState
	default:
		c.cache = policy
	}
	v.Unlock()
	b := r.Budget()
	for pos := uint64(0); st == zx.OK && policy != zx.CachePolicyCached; st = b.Look() {
		c, spent := v.lock(), false
		for pos = c.firstPage(pos, c.size); pos < c.size && !spent; pos = c.firstPage(pos+zx.PageSize, c.size) {
			c.flushIfUncached(c.tree.get(c.mem, pageIndex(pos)).frame())
			spent = b.Spend(1)
		}
		end := pos >= c.size
		v.Unlock()
		if end {
			break
		}
	}
	return st
}

// flushIfUncached takes f, a page of c that the kernel wrote, out of the caches if
// no mapping of c uses them.
func (c *cowPages) flushIfUncached(f mmu.Frame) {
	if c.cache != zx.CachePolicyCached {
		c.mem.FlushCache(f)
	}
}

// TransferPages makes the pages of run the content of [off, off+run.Length),
// whatever was there; where run has none it reads as zero. run is empty
// afterwards, even on error. Contiguous and physical memory stay as they are:
// ErrNotSupported before all else. A run of length 0 may go anywhere.
//
// Pre: off page aligned.
// Locks: none held; takes the VMO's.
// Errors: ErrNotSupported a pager made the VMO | ErrOutOfRange the range wraps or
// leaves the VMO | ErrBadState a page is pinned; and, with the front done:
// ErrNoMemory | those of run.Yielder.
// Source: docs/pager.md 4.6, 9, zx_vmo_transfer_data.
func (v *VMO) TransferPages(off uint64, run *PageRun) zx.Status {
	switch {
	case v.fam.contiguous, v.fam.physical:
		v.store.Discard(run)
		return zx.ErrNotSupported
	case run.Length == 0:
		return zx.OK
	}
	defer v.store.Discard(run)
	b := zx.Budget{By: run.Yielder}
	for done := uint64(0); ; {
		c := v.lock()
		st := v.checkRange(off, run.Length)
		switch {
		case c.paged || c.fam.physical:
			st = zx.ErrNotSupported
		case st == zx.OK && c.anyPinned(pageIndex(v.off+off+done), pageIndex(v.off+off+run.Length)):
			st = zx.ErrBadState
		}
		if st == zx.OK {
			st = c.transferLocked(v.off+off, &done, run, &b)
		}
		v.Unlock()
		if st = v.goOn(st, nil, &b); st != zx.ErrNext {
			return st
		}
	}
}

// transferBatch is how many pages change hands before a look at the budget.
const transferBatch = 64

// transferLocked is TransferPages from *done bytes on, until b is spent. Nothing
// there is pinned, so nothing is asked. Locks: the family's held.
func (c *cowPages) transferLocked(off uint64, done *uint64, run *PageRun, b *zx.Budget) zx.Status {
	for *done < run.Length {
		if b.Spend(0) {
			return errSpent
		}
		next := run.Length // where run has a page
		if _, _, at := run.next(c.mem, 0); at < pageIndex(next) {
			next = at << zx.PageShift
		}
		if *done < next {
			stop := c.turn(off+*done, off+next, b)
			if _, st := c.zeroPages(off+*done, stop, nil); st != zx.OK {
				return st
			}
			*done = stop - off
			continue
		}
		stop := min(run.Length, *done+transferBatch<<zx.PageShift)
		if _, st := c.zeroPages(off+*done, off+stop, nil); st != zx.OK {
			return st
		}
		for ; *done < stop; *done += zx.PageSize {
			if run.at(c.mem, pageIndex(*done)) {
				if st := c.receive(off+*done, run); st != zx.OK {
					return st
				}
			}
		}
		b.Spend(transferBatch)
	}
	return zx.OK
}

// receive makes the first page of run the one at pos, which is zeros, not mapped.
// Errors: ErrNoMemory, nothing changed.
func (c *cowPages) receive(pos uint64, run *PageRun) zx.Status {
	if st := c.zeros.reserve(1); st != zx.OK {
		return st
	}
	if c.mem.Adopt(1) == 0 {
		return zx.ErrNoMemory
	}
	s, st := c.tree.insert(c.mem, pageIndex(pos))
	if st != zx.OK {
		c.mem.Disown(1)
		return st
	}
	if !c.zeros.empty() {
		c.zeros.remove(pos, pos+zx.PageSize)
	}
	c.own(s, pos, run.pop(c.mem))
	return zx.OK
}
