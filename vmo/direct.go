package vmo

import (
	"faultline/trace"
	"faultline/zx"
)

// Direct is a pager inside the kernel that answers for a page at once, on the
// stack of the thread that asks, before any packet is sent. Either method may say
// ErrShouldWait, not now: then the request goes its usual way. Any other status
// but OK is the answer to the thread, as that of a failed request. Neither may
// wait for ring 3, nor for long.
type Direct interface {
	// Fill writes the whole page at off, which is absent. Locks: none held.
	Fill(off uint64, page *[zx.PageSize]byte) zx.Status
	// Dirty says whether the page at off may become dirty. If it may, it is
	// before anybody else sees the family again. Locks: the family's held; it
	// calls nothing of this package.
	Dirty(off uint64) zx.Status
}

// SetDirect has d asked first. Pre: nothing was asked yet.
func (s *PageSource) SetDirect(d Direct) { s.direct = d }

// offer asks the source's Direct for the first page of what r, which is not
// registered, wants. OK means look again: what was not answered is then asked by
// packet. Errors: those of Direct, but ErrShouldWait | ErrNoMemory.
func (r *PageRequest) offer() zx.Status {
	r.offered, r.tried = false, true
	s, c := r.source, r.source.fam.root
	var st zx.Status
	if r.Kind == RequestRead {
		st = s.fill(c, r.Offset)
	} else {
		c.fam.mu.Lock()
		if st = s.direct.Dirty(r.Offset); st == zx.OK {
			c.dirtyOne(r.Offset)
		}
		c.fam.mu.Unlock()
	}
	switch st {
	case zx.ErrShouldWait:
		return zx.OK
	case zx.OK:
		s.stats.Succeeded.Add(1)
		if trace.On() {
			r.traceAnswer(c)
		}
	default:
		s.stats.Failed.Add(1)
	}
	s.stats.Sent.Add(1)
	return st
}

// traceAnswer records that the Direct of c answered r, as if by a call.
func (r *PageRequest) traceAnswer(c *cowPages) {
	c.fam.mu.Lock()
	koid := uint64(c.shownBy())
	c.fam.mu.Unlock()
	if r.Kind == RequestRead {
		trace.Emit(trace.Supply, 0, koid, r.Offset, zx.PageSize)
	} else {
		trace.Emit(trace.Operation, uint32(zx.PagerOpDirty), koid, r.Offset, zx.PageSize)
	}
}

// fill makes the page at off, unless there is one by now.
func (s *PageSource) fill(c *cowPages, off uint64) zx.Status {
	mem := c.store.mem // nobody's until supplyOne
	f, st := mem.Alloc()
	for st == zx.ErrNoMemory && c.store.Reclaim(reclaimPages, nil) {
		f, st = mem.Alloc()
	}
	if st != zx.OK {
		return st
	}
	if st = s.direct.Fill(off, mem.Bytes(f)); st != zx.OK {
		mem.Free(f)
		return st
	}
	c.fam.mu.Lock()
	if !c.supplyOne(off, f) {
		mem.Free(f)
	}
	c.fam.mu.Unlock()
	return zx.OK
}
