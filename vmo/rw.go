package vmo

import (
	"faultline/zx"
)

// writeBatch is how far a write asks ahead, in bytes: 16 pages. Source: docs/pager.md
// 5.2.
const writeBatch = 16 * zx.PageSize

// copyUnits is what a page costs of a turn: it may be copied twice, from a parent
// and then from the far side, where a fault must find it first.
const copyUnits = 8

// Read copies n bytes at off into buf. Bytes already copied stay when it
// fails. Whenever the lock was dropped the whole range is checked anew.
//
// Locks: none held; takes the VMO's.
// Errors: ErrNotSupported the VMO is physical | ErrBadState it is not cached |
// ErrOutOfRange the range wraps or leaves the VMO, also if it shrank
// meanwhile | the pager's code | ErrBadState the pager is gone | ErrTimedOut |
// ErrNotFound the VMO was discarded |
// ErrNoMemory | what buf.Resolve answers | ErrInternalIntrKilled,
// ErrInternalIntrRetry.
// Source: docs/pager.md 3.8.
func (v *VMO) Read(buf Copier, off, n uint64, r *PageRequest) zx.Status {
	return v.copyRange(side{user: buf}, off, n, false, r)
}

// Write copies n bytes from buf to off. Otherwise as Read. The VMO counts as
// modified once a byte was copied.
func (v *VMO) Write(buf Copier, off, n uint64, r *PageRequest) zx.Status {
	return v.copyRange(side{user: buf}, off, n, true, r)
}

// ReadBytes is Read into kernel memory.
func (v *VMO) ReadBytes(p []byte, off uint64, r *PageRequest) zx.Status {
	return v.copyRange(side{kernel: p}, off, uint64(len(p)), false, r)
}

// WriteBytes is Write from kernel memory.
func (v *VMO) WriteBytes(p []byte, off uint64, r *PageRequest) zx.Status {
	return v.copyRange(side{kernel: p}, off, uint64(len(p)), true, r)
}

// side is the far side of a copy: a Copier, or else bytes of the kernel.
type side struct {
	user   Copier
	kernel []byte
}

// move copies between page bytes p and the far side at pos.
func (b *side) move(pos uint64, p []byte, write bool) int {
	switch {
	case b.user == nil && write:
		return copy(p, b.kernel[pos:])
	case b.user == nil:
		return copy(b.kernel[pos:], p)
	case write:
		return b.user.CopyIn(p, pos)
	}
	return b.user.CopyOut(pos, p)
}

// copyRange is Read and Write.
func (v *VMO) copyRange(b side, off, n uint64, write bool, r *PageRequest) zx.Status {
	end := off + n
	if end < off {
		return zx.ErrOutOfRange
	}
	r.Early = !write
	pos, asked, ahead, turn := off, false, write, r.Budget()
	for {
		c := v.lock()
		st := v.checkRange(off, n)
		switch {
		case c.fam.physical:
			st = zx.ErrNotSupported
		case c.cache != zx.CachePolicyCached:
			st = zx.ErrBadState
		}
		if st == zx.OK {
			pos, st = c.copyLocked(&b, v.off+off, v.off+pos, v.off+end, write, r, &turn)
			if pos -= v.off; st == zx.OK {
				v.Unlock()
				return r.done(asked, zx.OK)
			}
		}
		v.Unlock()
		switch st {
		case zx.ErrShouldWait:
			asked = true
			st = r.Wait()
		case zx.ErrNext: // the far side is missing a page
			if st = b.user.Resolve(pos-off, end-pos, !write); st == zx.OK && ahead {
				ahead = false
				st = b.resolveRest(pos-off, n, &turn)
			}
		case zx.ErrNoMemory:
			st = v.MakeRoom(nil, turn.By)
		case errSpent:
			st = turn.Look()
		}
		if st != zx.OK {
			return r.done(asked, st)
		}
	}
}

// resolveRest makes the rest of a write's source, [pos, n), reachable before
// more is stored, so that a source which cannot be read is found out at once.
// Done once a call: what is evicted meanwhile is resolved page by page. The far
// side need not be page aligned, so its last byte is resolved by itself.
//
// Locks: none held. Source: docs/pager.md 3.8.
func (b *side) resolveRest(pos, n uint64, turn *zx.Budget) zx.Status {
	for pos += zx.PageSize; pos < n; pos += zx.PageSize {
		st := b.user.Resolve(pos, n-pos, false)
		if st == zx.OK && turn.Spend(2) {
			st = turn.Look()
		}
		if st != zx.OK {
			return st
		}
	}
	return b.user.Resolve(n-1, 1, false)
}

// copyLocked copies from pos on until the end, or until something is missing,
// and gives the position it reached.
//
// Locks: the family's held.
// Errors: those of require | ErrNext the far side must be resolved | errSpent.
func (c *cowPages) copyLocked(b *side, off, pos, end uint64, write bool, r *PageRequest, turn *zx.Budget) (uint64, zx.Status) {
	limit := pageUp(end)
	for pos < end {
		page := zx.RoundDown(pos)
		ask := limit
		if write && limit-page > writeBatch {
			ask = page + writeBatch
		}
		p, st := c.require(page, ask, write, r)
		if st != zx.OK {
			return pos, st
		}
		chunk := c.mem.Bytes(p.Frame)[pos-page : min(end-page, zx.PageSize)]
		moved := b.move(pos-off, chunk, write)
		if moved > 0 {
			pos += uint64(moved)
			c.modified = c.modified || write
		}
		if moved < len(chunk) {
			if write && !c.traps {
				c.dirtyAhead(page, ask, r)
			}
			return pos, zx.ErrNext
		}
		if turn.Spend(copyUnits+c.fam.lookCost()) && pos < end {
			return pos, errSpent
		}
	}
	return pos, zx.OK
}

// dirtyAhead makes the resident pages of a write's batch dirty. Pages become
// dirty when they are looked up, a batch at a time, even if the copy then fails
// for want of the source.
func (c *cowPages) dirtyAhead(off, limit uint64, r *PageRequest) {
	for ; off < limit; off += zx.PageSize {
		if w := c.see(off); w.ask {
			return
		}
		if _, st := c.require(off, limit, true, r); st != zx.OK {
			return
		}
	}
}
