package vmo

import (
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// Page is what RequirePage found.
type Page struct {
	Frame mmu.Frame
	// Writable says that the page may be mapped writable, if the mapping
	// allows. False also means that it must not become so; where it is so
	// already, it may stay.
	Writable bool
}

// RequirePage makes the page at off ready for one access of the user mapping whose
// place is by. It is the VMO's part of a page fault: the caller maps the page, in
// place of what by shows there, before it unlocks. A resolved write marks the VMO
// modified. With a nil by the access is no mapping's.
//
// Units: off in bytes, page aligned.
// Locks: the VMO's held by the caller (Lock, Unlock).
// Errors: ErrOutOfRange past the end | ErrShouldWait r is registered: unlock,
// r.Wait, start over from the look-up of the mapping | ErrNoMemory: unlock,
// Store.Reclaim, start over | ErrBadState the pager is gone | ErrNotFound the VMO
// was discarded | ErrAgain: unlock, GoOn, start over.
// Flush: translations of the shared zero page that a new page replaces are
// removed and flushed here; that of by is the caller's matter.
// Source: docs/pager.md 4.2, 4.3, 6.1 steps 5 and 6.
//
//go:nosplit
func (v *VMO) RequirePage(by *MappingPlace, off uint64, write bool, r *PageRequest) (Page, zx.Status) {
	c := v.cow
	if v.isSlice {
		if off >= v.length {
			return Page{}, zx.ErrOutOfRange
		}
		off += v.off
	} else if off >= c.size {
		return Page{}, zx.ErrOutOfRange
	}
	if c.fam.physical {
		return Page{c.base + mmu.Frame(pageIndex(off)), true}, zx.OK
	}
	// The usual cases in few instructions; require knows them all. Each is of
	// one page, so that what is asked for needs no measuring.
	idx := pageIndex(off)
	s := c.tree.near(idx)
	if s == nil {
		s = c.tree.walk(c.mem, idx)
	}
	switch {
	case s == nil || *s == 0:
		switch {
		case c.parent != nil, !c.zeros.empty() && c.zeros.holding(off) != nil:
		case c.paged:
			if s := c.fam.source; s.direct == nil {
				return Page{}, s.Request(RequestRead, off, zx.PageSize, r)
			}
			return c.requireAnswered(RequestRead, off, write, r)
		case write && !c.discarded():
			f, st := c.materialize(off, idx, Untracked, by)
			return Page{f, true}, st
		}
	case s.hasPage():
		p := *s
		if state := p.state(); state == Dirty || state == Untracked {
			if write {
				c.modified = true
				return Page{p.frame(), true}, zx.OK
			}
			// The first store to a dirty page still faults, so that it counts
			// as a modification.
			return Page{p.frame(), state == Untracked}, zx.OK
		}
		if !write {
			*s = p | slotReferenced
			return Page{p.frame(), false}, zx.OK
		}
		if c.traps {
			*s = p | slotReferenced
			if s := c.fam.source; s.direct == nil {
				return Page{}, s.Request(RequestDirty, off, zx.PageSize, r)
			}
			return c.requireAnswered(RequestDirty, off, write, r)
		}
		c.transition(s, p.in(Dirty)|slotReferenced)
		c.modified = true
		return Page{p.frame(), true}, zx.OK
	case !write && s.state() == Marker:
		c.fam.zeroMapped = true
		return Page{c.mem.ZeroPage(), false}, zx.OK
	}
	p, st := c.require(off, off+zx.PageSize, write, r)
	if st == zx.OK {
		if write {
			c.modified = true
		} else if p.Frame == c.mem.ZeroPage() {
			c.fam.zeroMapped = true
		}
	}
	return p, st
}

// requireAnswered is RequirePage of a page that a Direct is asked for.
func (c *cowPages) requireAnswered(kind RequestKind, off uint64, write bool, r *PageRequest) (Page, zx.Status) {
	st := c.ask(kind, off, off+zx.PageSize, r)
	p, st := c.requireAnswer(st, off, off+zx.PageSize, write, r)
	if st == zx.OK && write {
		c.modified = true
	}
	return p, st
}

// PeekPages gives the pages from off on that have content for read-only
// translations, without asking, committing or dirtying anything: for
// ZX_VM_MAP_RANGE and fault-around. It gives how many there are, at most as frames
// has room for, up to the first without content or that may be mapped otherwise
// than the first. Pages of an anonymous VMO that is written through the mapping may
// be mapped writable.
//
// Pre: off is page aligned. Locks: the VMO's held.
// Source: docs/pager.md 3.16, 4.2.
func (v *VMO) PeekPages(off uint64, frames []mmu.Frame) (n int, writable bool) {
	size := v.SizeLocked()
	if off >= size || v.Held() {
		return 0, false
	}
	c := v.cow
	zero := c.mem.ZeroPage()
	idx, limit := pageIndex(v.off+off), pageIndex(v.off+size)
	for n < len(frames) && idx < limit {
		if c.fam.physical {
			frames[n], writable = c.base+mmu.Frame(idx), true
			n, idx = n+1, idx+1
			continue
		}
		slots, _, _ := c.tree.run(c.mem, idx, min(limit, idx+uint64(len(frames)-n)))
		was := n
		for _, s := range slots {
			f, may := s.frame(), s.state() == Untracked
			if s.state() == Marker {
				f, c.fam.zeroMapped = zero, true
			} else if !s.hasPage() {
				break
			}
			if n > 0 && may != writable {
				break
			}
			frames[n], writable = f, may
			n++
		}
		if idx += uint64(n - was); n > was {
			continue
		}
		if n > 0 && c.fam.deep.Load() > shallow {
			break
		}
		w, f := c.see(idx<<zx.PageShift), zero
		if w.s.hasPage() {
			f = w.s.frame()
		}
		may := w.c == c && w.s.state() == Untracked
		if w.c == nil || w.ask || n > 0 && may != writable {
			break
		}
		if !w.s.hasPage() {
			c.fam.zeroMapped = true
		}
		frames[n], writable = f, may
		n, idx = n+1, idx+1
	}
	return n, writable
}

// shallow is how deep a family may be of which PeekPages gives more than one page that
// is not of the node itself, and look tells of as much as it is asked.
const shallow = 64

// NextContent gives the first offset in [off, limit) at which PeekPages may find
// content, or limit. What is absent is passed over, however much it is.
//
// Units: bytes, page aligned. Locks: the VMO's held.
func (v *VMO) NextContent(off, limit uint64) uint64 {
	to := v.off + min(limit, v.SizeLocked())
	for off += v.off; off < to; {
		if v.fam.physical {
			return off - v.off
		}
		w := v.cow.look(off, to)
		if w.c != nil && !w.ask {
			return off - v.off
		}
		off = w.end
	}
	return limit
}

// require makes the page at off readable or, if write is set, dirty. Where the
// pager is needed it asks for at most [off, limit) (docs/pager.md 5.2) and
// answers ErrShouldWait. A page that only reads as zero is given as the shared
// zero page. Everything that needs a page comes through here.
//
// Pre: off below v.size, off and limit page aligned, limit past off.
// Locks: the VMO's held.
// Errors: as RequirePage.
func (c *cowPages) require(off, limit uint64, write bool, r *PageRequest) (Page, zx.Status) {
	idx := pageIndex(off)
	s := c.tree.near(idx)
	if s == nil {
		s = c.tree.walk(c.mem, idx)
	}
	var p slot
	if s != nil {
		p = *s
	}
	switch p.state() {
	case Dirty, Untracked:
		return Page{p.frame(), true}, zx.OK

	case Clean, AwaitingClean:
		if write && !c.traps {
			c.transition(s, p.in(Dirty))
		}
		*s |= slotReferenced
		if write && c.traps {
			return c.requireAnswer(c.askDirty(off, limit, r), off, limit, write, r)
		}
		return Page{p.frame(), write}, zx.OK

	case Marker:
		return c.requireZero(off, limit, idx, write, r)

	case Absent:
		switch {
		case !c.zeros.empty() && c.zeros.holding(off) != nil:
		case c.paged:
			return c.requireAnswer(c.ask(RequestRead, off, c.absentEnd(off, limit), r), off, limit, write, r)
		case c.parent != nil && off < c.parentLimit():
			return c.requireShared(off, limit, write, r)
		}
		return c.requireZero(off, limit, idx, write, r)
	}
	panic(fmt.Sprintf("vmo.require: node %d page %#x has state %v", c.id, idx, p.state()))
}

// requireAnswer is require after the pager was asked, which said st.
func (c *cowPages) requireAnswer(st zx.Status, off, limit uint64, write bool, r *PageRequest) (Page, zx.Status) {
	if st != zx.OK {
		return Page{}, st
	}
	return c.require(off, limit, write, r)
}

// requireShared is require for what c shows of its parent. A write gives c a page
// of its own: that of a hidden node if nobody else sees it, else a copy.
func (c *cowPages) requireShared(off, limit uint64, write bool, r *PageRequest) (Page, zx.Status) {
	w := c.parent.see(off + c.parentOff())
	if w.ask {
		w = c.look(off, limit)
		return c.requireAnswer(w.c.ask(RequestRead, w.at, w.at+w.end-off, r), off, limit, write, r)
	}
	shared := w.s.hasPage()
	if !write {
		if !shared {
			return Page{c.mem.ZeroPage(), false}, zx.OK
		}
		if w.s.state() == Clean {
			*w.c.tree.find(w.c.mem, pageIndex(w.at)) |= slotReferenced
		}
		return Page{w.s.frame(), false}, zx.OK
	}
	if shared && w.c.hidden() && !w.c.seen(w.at, c) {
		return Page{w.s.frame(), true}, c.take(w.c, w.at, off)
	}
	if (shared || c.fam.zeroMapped) && !c.cleared(off, zx.PageSize, false) {
		return Page{}, errSpent
	}
	var f mmu.Frame
	var st zx.Status
	if shared {
		f, st = c.mem.Alloc()
	} else {
		f, st = c.mem.AllocZeroed()
	}
	if st != zx.OK {
		return Page{}, st
	}
	s, st := c.tree.insert(c.mem, pageIndex(off))
	if st != zx.OK {
		c.mem.Free(f)
		return Page{}, st
	}
	if shared {
		c.mem.Copy(f, w.s.frame())
	}
	c.own(s, off, f)
	return Page{f, true}, zx.OK
}

// requireZero is require for an offset that reads as zero and has no page.
func (c *cowPages) requireZero(off, limit, idx uint64, write bool, r *PageRequest) (Page, zx.Status) {
	if c.discarded() {
		return Page{}, zx.ErrNotFound
	}
	if !write {
		return Page{c.mem.ZeroPage(), false}, zx.OK
	}
	to := Untracked
	if c.paged {
		if c.traps {
			return c.requireAnswer(c.askDirty(off, limit, r), off, limit, write, r)
		}
		to = Dirty
	}
	f, st := c.materialize(off, idx, to, nil)
	return Page{f, true}, st
}

// askDirty asks whether the run of non-dirty content at off may become dirty.
func (c *cowPages) askDirty(off, limit uint64, r *PageRequest) zx.Status {
	return c.ask(RequestDirty, off, c.nonDirtyEnd(off, limit), r)
}

// ask asks the pager for [off, end). OK means that a Direct has answered for the
// page at off: look again. Errors: those of PageSource.Request | what the Direct
// failed the page with | ErrNoMemory there is no page for it.
func (c *cowPages) ask(kind RequestKind, off, end uint64, r *PageRequest) zx.Status {
	s := c.fam.source
	if s.direct != nil && !r.Outstanding && !s.Detached() {
		if st := c.answer(kind, off); st != zx.ErrShouldWait {
			return st
		}
	}
	return s.Request(kind, off, end-off, r)
}

// materialize replaces zeros without a page (a marker, a page of a zero
// interval, an absent page of an anonymous VMO) by a page of zeros in state to.
// On error nothing has changed.
//
// Locks: the VMO's held. Flush: translations of the shared zero page are removed,
// but in the mapping at by, which is replaced by the caller.
func (c *cowPages) materialize(off, idx uint64, to State, by *MappingPlace) (mmu.Frame, zx.Status) {
	if c.fam.zeroMapped && (by == nil || !c.mappings.Single() || !c.children.Empty()) && !c.cleared(off, zx.PageSize, false) {
		return 0, errSpent
	}
	if !c.zeros.empty() {
		if st := c.zeros.reserve(1); st != zx.OK {
			return 0, st
		}
	}
	f, st := c.mem.AllocZeroed()
	if st != zx.OK {
		return 0, st
	}
	s, st := c.tree.insert(c.mem, idx)
	if st != zx.OK {
		c.mem.Free(f)
		return 0, st
	}
	c.place(s, off, idx, f, to)
	return f, zx.OK
}

// place puts f, full of zeros, into the slot s of a page that reads as zero.
// Pre: s is counted in the tree; no zeros are mapped there.
func (c *cowPages) place(s *slot, off, idx uint64, f mmu.Frame, to State) {
	if *s == 0 && !c.zeros.empty() {
		c.zeros.remove(off, off+zx.PageSize)
	}
	c.mem.Meta(f).Set(c.id, idx, 0)
	c.flushIfUncached(f)
	c.transition(s, pageSlot(f, to))
	c.pages++
	if to == Clean {
		c.store.age.list(f)
	}
}
