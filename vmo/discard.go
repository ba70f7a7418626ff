package vmo

import "faultline/zx"

// discardState is where a discardable VMO is:
//
//	         LOCK, TRY_LOCK           last UNLOCK            memory is short
//	(new) ------------------> locked ------------> unlocked ----------------> discarded
//	                            ^  ^                   |                         |
//	                            |  +--LOCK, TRY_LOCK---+                         |
//	                            +---------------------LOCK-----------------------+
//
// Until its first lock a VMO is not discarded. A discarded one has no pages and
// refuses every access that needs one, until it is locked. It has no children.
// Guarded by the family's lock.
type discardState uint8

const (
	discardNew discardState = iota
	discardLocked
	discardUnlocked
	discardDone
)

// discardable is the part of the node of a VMO with the option DISCARDABLE.
// Guarded by the family's lock but for the links.
type discardable struct {
	state discardState
	locks uint64 // LOCKs and TRY_LOCKs without their UNLOCK

	next, prev *cowPages // of Store.discards; guarded by Store.mu
	listed     bool      // guarded by Store.mu
}

// discarded says whether the pages of c were taken and it was not locked since.
func (c *cowPages) discarded() bool { return c.discard != nil && c.discard.state == discardDone }

// discardList is the unlocked discardable VMOs, the longest unlocked first.
// Guarded by Store.mu.
type discardList struct{ head, tail *cowPages }

func (l *discardList) push(c *cowPages) {
	d := c.discard
	d.prev, d.next, d.listed = l.tail, nil, true
	if l.tail == nil {
		l.head = c
	} else {
		l.tail.discard.next = c
	}
	l.tail = c
}

// remove takes c off the list if it is there.
func (l *discardList) remove(c *cowPages) {
	d := c.discard
	if !d.listed {
		return
	}
	if d.prev == nil {
		l.head = d.next
	} else {
		d.prev.discard.next = d.next
	}
	if d.next == nil {
		l.tail = d.prev
	} else {
		d.next.discard.prev = d.prev
	}
	d.next, d.prev, d.listed = nil, nil, false
}

// Discardable says whether memory pressure may take the pages of the VMO.
func (v *VMO) Discardable() bool { return v.options&zx.VMODiscardable != 0 }

// checkLock is the checks of the lock operations, its lock held.
func (v *VMO) checkLock(off, length uint64) zx.Status {
	switch {
	case !v.Discardable():
		return zx.ErrNotSupported
	case off != 0 || length != v.SizeLocked():
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// LockContent keeps the pages of a discardable VMO from being discarded until
// UnlockContent was called as often, and tells what had been discarded before:
// all or nothing. It commits nothing. What is being discarded is first, in turns
// between which y, which may be nil, yields.
//
// Locks: takes the VMO's.
// Errors, in this order: ErrNotSupported not discardable | ErrOutOfRange the
// range is not the whole VMO | those of y.
// Source: zx_vmo_op_range, ZX_VMO_OP_LOCK.
func (v *VMO) LockContent(off, length uint64, y zx.Yielder) (state zx.VMOLockState, st zx.Status) {
	b := zx.Budget{By: y}
	for {
		c := v.lock()
		if st = v.checkLock(off, length); st != zx.OK {
			break
		}
		if c.discarded() && c.pages > 0 {
			c.discardPages(&b)
			v.Unlock()
			if st = b.Look(); st != zx.OK {
				return state, st
			}
			continue
		}
		state.Offset, state.Size = off, length
		if c.discarded() {
			state.DiscardedSize = c.size
		}
		c.lockContent()
		break
	}
	v.Unlock()
	return state, st
}

// TryLockContent is LockContent that refuses a VMO that was discarded.
//
// Errors, in this order: those of LockContent | ErrUnavailable it was discarded.
// Source: zx_vmo_op_range, ZX_VMO_OP_TRY_LOCK.
func (v *VMO) TryLockContent(off, length uint64) zx.Status {
	c := v.lock()
	defer v.Unlock()
	if st := v.checkLock(off, length); st != zx.OK {
		return st
	}
	if c.discarded() {
		return zx.ErrUnavailable
	}
	c.lockContent()
	return zx.OK
}

// lockContent counts a lock. Locks: the family's held.
func (c *cowPages) lockContent() {
	if c.discard.locks++; c.discard.locks > 1 {
		return
	}
	c.discard.state = discardLocked
	c.fam.clearing = nil // of a discard that does not come about
	c.store.mu.Lock()
	c.store.discards.remove(c)
	c.store.mu.Unlock()
}

// UnlockContent takes one lock back; after the last one the VMO may be
// discarded.
//
// Locks: takes the VMO's.
// Errors, in this order: ErrNotSupported, ErrOutOfRange as LockContent |
// ErrBadState it is not locked.
// Source: zx_vmo_op_range, ZX_VMO_OP_UNLOCK.
func (v *VMO) UnlockContent(off, length uint64) zx.Status {
	c := v.lock()
	defer v.Unlock()
	if st := v.checkLock(off, length); st != zx.OK {
		return st
	}
	if c.discard.locks == 0 {
		return zx.ErrBadState
	}
	c.unlockContent()
	return zx.OK
}

// UndoLock takes back a LockContent that just succeeded but cannot be reported,
// whatever the size is now.
//
// Locks: takes the VMO's.
func (v *VMO) UndoLock() {
	c := v.lock()
	if c.discard.locks > 0 { // another thread may have unlocked too often
		c.unlockContent()
	}
	v.Unlock()
}

// unlockContent uncounts a lock. Pre: there is one. Locks: the family's held.
func (c *cowPages) unlockContent() {
	if c.discard.locks--; c.discard.locks > 0 {
		return
	}
	c.discard.state = discardUnlocked
	c.store.mu.Lock()
	c.store.discards.push(c)
	c.store.mu.Unlock()
}

// discardVMOs discards unlocked discardable VMOs, the longest unlocked first,
// until want pages were freed, and gives how many were. It stops where b says so.
//
// Locks: none held; takes one VMO's at a time.
func (s *Store) discardVMOs(want int, b *zx.Budget) (freed int) {
	for freed < want {
		s.mu.Lock()
		c := s.discards.head
		if c != nil {
			s.hands.Add(1)
		}
		s.mu.Unlock()
		if c == nil {
			break
		}
		c.fam.mu.Lock()
		n, done := c.discardPages(b)
		if done {
			c.forgetDiscard()
		}
		c.fam.mu.Unlock()
		s.discarded.Add(uint64(n))
		s.hands.Add(-1)
		if freed += n; b.Spend(0) && b.Look() != zx.OK {
			break
		}
	}
	return freed
}

// discardPages drops pages of c if it is still unlocked and alive, as many as b
// allows, and gives how many and whether that is all. With the first one it is
// discarded. Flush: done. Locks: the family's held.
func (c *cowPages) discardPages(b *zx.Budget) (freed int, done bool) {
	switch {
	case c.dead || c.discard.state != discardUnlocked && c.discard.state != discardDone:
		return 0, true
	case c.discard.state == discardUnlocked && !c.cleared(0, c.size, false):
		b.Spend(zx.BudgetUnits)
		return 0, false
	}
	c.discard.state = discardDone
	first := c.firstPage(0, c.size)
	stop := c.turn(first, c.size, b)
	if c.pages > 0 && !c.cleared(first, stop-first, false) {
		b.Spend(zx.BudgetUnits)
		return 0, false
	}
	before := c.pages
	c.dropPages(first, stop, allStates)
	freed = int(before - c.pages)
	c.reclaimed += uint64(freed)
	return freed, c.pages == 0
}

// forgetDiscard takes c, which dies or has nothing, off the list of what may be
// discarded.
func (c *cowPages) forgetDiscard() {
	if c.discard == nil {
		return
	}
	c.store.mu.Lock()
	c.store.discards.remove(c)
	c.store.mu.Unlock()
}
