package vmo

import (
	"faultline/mmu"
	"faultline/trace"
	"faultline/zx"
)

// Direct is a pager inside the kernel that answers for a page at once, on the
// stack of the thread that asks, before any packet is sent. Either method may say
// ErrShouldWait, not now: then the request goes its usual way. Any other status
// but OK is the answer to the thread, as that of a failed request. Neither may
// wait, nor take long, nor call anything of this package: the family is locked.
type Direct interface {
	// Fill writes the whole page at off, which is absent. Locks: the family's held.
	Fill(off uint64, page *[zx.PageSize]byte) zx.Status
	// Dirty says whether the page at off may become dirty. If it may, it is
	// before anybody else sees the family again. Locks: the family's held.
	Dirty(off uint64) zx.Status
}

// SetDirect has d asked first. Pre: nothing was asked yet.
func (s *PageSource) SetDirect(d Direct) { s.direct = d }

// answer has the source's Direct answer for the page at off.
//
// Locks: the family's held. Errors: those of Direct, ErrShouldWait also where its
// answer cannot be had at once | ErrNoMemory.
func (c *cowPages) answer(kind RequestKind, off uint64) (st zx.Status) {
	s, done := c.fam.source, false
	if kind == RequestRead {
		mem := c.store.mem // nobody's until supplyOne
		var f mmu.Frame
		if f, st = mem.Alloc(); st != zx.OK {
			return st
		}
		if st = s.direct.Fill(off, mem.Bytes(f)); st == zx.OK {
			s.made, done = f, c.supplyOne(off, f)
		}
		if !done {
			mem.Free(f)
		}
	} else if st = s.direct.Dirty(off); st == zx.OK {
		done = c.dirtyOne(off)
	}
	switch {
	case done:
		s.stats.Succeeded.Add(1)
		if trace.On() {
			c.traceAnswer(kind, off)
		}
	case st == zx.OK || st == zx.ErrShouldWait:
		return zx.ErrShouldWait
	default:
		s.stats.Failed.Add(1)
	}
	s.stats.Sent.Add(1)
	return st
}

// traceAnswer records an answer as if it came by a call.
func (c *cowPages) traceAnswer(kind RequestKind, off uint64) {
	if koid := uint64(c.shownBy()); kind == RequestRead {
		trace.Emit(trace.Supply, 0, koid, off, zx.PageSize)
	} else {
		trace.Emit(trace.Operation, uint32(zx.PagerOpDirty), koid, off, zx.PageSize)
	}
}

// JustMade says that a Direct of v's family has made the page f last: what follows
// that is seldom there. Locks: the VMO's held.
func (v *VMO) JustMade(f mmu.Frame) bool {
	s := v.fam.source
	return s != nil && s.made == f
}
