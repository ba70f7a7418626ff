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

// RequirePage makes the page at off ready for one access of a user mapping. It
// is the VMO's part of a page fault: the caller maps the page before it
// unlocks. A resolved write marks the VMO modified.
//
// Units: off in bytes, page aligned.
// Locks: v.mu held by the caller (Lock, Unlock).
// Errors: ErrOutOfRange past the end | ErrShouldWait r is registered: unlock,
// r.Wait, start over from the look-up of the mapping | ErrNoMemory: unlock,
// Store.Reclaim, start over | ErrBadState the pager is gone | ErrNotFound the VMO
// was discarded.
// Flush: translations of the shared zero page that a new page replaces are
// removed and flushed here; the caller's own are its own matter.
// Source: spec sections 4.2, 4.3, 6.1 steps 5 and 6.
func (v *VMO) RequirePage(off uint64, write bool, r *PageRequest, out *Page) zx.Status {
	if off >= v.size {
		return zx.ErrOutOfRange
	}
	// The usual cases in few instructions; require knows them all. Each is of
	// one page, so that what is asked for needs no measuring.
	idx := pageIndex(off)
	s := v.tree.near(idx)
	if s == nil {
		s = v.tree.walk(v.mem, idx)
	}
	switch {
	case s == nil || *s == 0:
		if v.paged && (len(v.zeros.list) == 0 || v.zeros.holding(off) == nil) {
			return v.ask(RequestRead, off, off+zx.PageSize, r)
		}
	case s.hasPage():
		p := *s
		if state := p.state(); state == Dirty || state == Untracked {
			out.Frame = p.frame()
			if write {
				out.Writable, v.modified = true, true
			} else {
				// The first store to a dirty page still faults, so that
				// it counts as a modification.
				out.Writable = state == Untracked
			}
			return zx.OK
		}
		if !write {
			*s = p | slotReferenced
			out.Frame, out.Writable = p.frame(), false
			return zx.OK
		}
		if v.traps {
			*s = p | slotReferenced
			return v.ask(RequestDirty, off, off+zx.PageSize, r)
		}
	}
	st := v.require(off, off+zx.PageSize, write, r, out)
	if st == zx.OK {
		if write {
			v.modified = true
		} else if out.Frame == v.mem.ZeroPage() {
			v.zeroMapped = true
		}
	}
	return st
}

// PeekPage gives the page at off for a read-only translation if there is
// content, without asking, committing or dirtying anything: for
// ZX_VM_MAP_RANGE and fault-around. Pages of an anonymous VMO that is written
// through the mapping may be mapped writable.
//
// Locks: v.mu held.
// Source: spec sections 3.16, 4.2.
func (v *VMO) PeekPage(off uint64, out *Page) bool {
	if off >= v.size {
		return false
	}
	if s := v.tree.get(v.mem, pageIndex(off)); s.hasPage() {
		out.Frame, out.Writable = s.frame(), s.state() == Untracked
		return true
	} else if s == 0 && (!v.paged || v.zeros.holding(off) == nil) {
		return false
	}
	out.Frame, out.Writable = v.mem.ZeroPage(), false
	v.zeroMapped = true
	return true
}

// require makes the page at off readable or, if write is set, dirty. Where the
// pager is needed it asks for at most [off, limit) (spec section 5.2) and
// answers ErrShouldWait. A page that only reads as zero is given as the shared
// zero page. Everything that needs a page comes through here.
//
// Pre: off below v.size, off and limit page aligned, limit past off.
// Locks: v.mu held.
// Errors: as RequirePage.
func (v *VMO) require(off, limit uint64, write bool, r *PageRequest, out *Page) zx.Status {
	idx := pageIndex(off)
	s := v.tree.find(v.mem, idx)
	var p slot
	if s != nil {
		p = *s
	}
	switch p.state() {
	case Dirty, Untracked:
		out.Frame, out.Writable = p.frame(), true
		return zx.OK

	case Clean, AwaitingClean:
		if write && !v.traps {
			v.transition(s, p.in(Dirty))
		}
		*s |= slotReferenced
		if write && v.traps {
			return v.askDirty(off, limit, r)
		}
		out.Frame, out.Writable = p.frame(), write
		return zx.OK

	case Marker:
		return v.requireZero(off, limit, idx, write, r, out)

	case Absent:
		if v.paged && v.zeros.holding(off) == nil {
			return v.ask(RequestRead, off, v.absentEnd(off, limit), r)
		}
		return v.requireZero(off, limit, idx, write, r, out)
	}
	panic(fmt.Sprintf("vmo.require: VMO %d page %#x has state %v", v.id, idx, p.state()))
}

// requireZero is require for an offset that reads as zero and has no page.
func (v *VMO) requireZero(off, limit, idx uint64, write bool, r *PageRequest, out *Page) zx.Status {
	if v.discard.state == discardDone {
		return zx.ErrNotFound
	}
	if !write {
		out.Frame, out.Writable = v.mem.ZeroPage(), false
		return zx.OK
	}
	to := Untracked
	if v.paged {
		if v.traps {
			return v.askDirty(off, limit, r)
		}
		to = Dirty
	}
	f, st := v.materialize(off, idx, to)
	out.Frame, out.Writable = f, true
	return st
}

// askDirty asks whether the run of non-dirty content at off may become dirty.
func (v *VMO) askDirty(off, limit uint64, r *PageRequest) zx.Status {
	return v.ask(RequestDirty, off, v.nonDirtyEnd(off, limit), r)
}

// ask registers r for [off, end).
func (v *VMO) ask(kind RequestKind, off, end uint64, r *PageRequest) zx.Status {
	return v.source.Request(kind, off, end-off, r)
}

// materialize replaces zeros without a page (a marker, a page of a zero
// interval, an absent page of an anonymous VMO) by a page of zeros in state to.
// On error nothing has changed.
//
// Locks: v.mu held. Flush: translations of the shared zero page are removed.
func (v *VMO) materialize(off, idx uint64, to State) (mmu.Frame, zx.Status) {
	f, st := v.mem.AllocZeroed()
	if st != zx.OK {
		return 0, st
	}
	s, st := v.tree.insert(v.mem, idx)
	if st != zx.OK {
		v.mem.Free(f)
		return 0, st
	}
	v.place(s, off, idx, f, to)
	return f, zx.OK
}

// place puts f, full of zeros, into the slot s of a page that reads as zero.
// Pre: s is counted in the tree.
func (v *VMO) place(s *slot, off, idx uint64, f mmu.Frame, to State) {
	v.unmapZeros(off, zx.PageSize)
	if *s == 0 && len(v.zeros.list) != 0 {
		v.zeros.remove(off, off+zx.PageSize)
	}
	v.mem.Meta(f).Set(v.id, idx, 0)
	v.transition(s, pageSlot(f, to))
	v.pages++
	if to == Clean {
		v.store.age.push(f)
	}
}
