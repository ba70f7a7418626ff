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
// refuses every access that needs one, until it is locked. Guarded by VMO.mu.
type discardState uint8

const (
	discardNew discardState = iota
	discardLocked
	discardUnlocked
	discardDone
)

// discardable is the part of a VMO with the option DISCARDABLE. Guarded by
// VMO.mu but for the links.
type discardable struct {
	state discardState
	locks uint64 // LOCKs and TRY_LOCKs without their UNLOCK

	next, prev *VMO // of Store.discards; guarded by Store.mu
	listed     bool // guarded by Store.mu
}

// discardList is the unlocked discardable VMOs, the longest unlocked first.
// Guarded by Store.mu.
type discardList struct{ head, tail *VMO }

func (l *discardList) push(v *VMO) {
	d := &v.discard
	d.prev, d.next, d.listed = l.tail, nil, true
	if l.tail == nil {
		l.head = v
	} else {
		l.tail.discard.next = v
	}
	l.tail = v
}

// remove takes v off the list if it is there.
func (l *discardList) remove(v *VMO) {
	d := &v.discard
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

// checkLock is the checks of the lock operations, v.mu held.
func (v *VMO) checkLock(off, length uint64) zx.Status {
	switch {
	case !v.Discardable():
		return zx.ErrNotSupported
	case off != 0 || length != v.size:
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// LockContent keeps the pages of a discardable VMO from being discarded until
// UnlockContent was called as often, and tells what had been discarded before:
// all or nothing. It commits nothing.
//
// Locks: takes v.mu.
// Errors, in this order: ErrNotSupported not discardable | ErrOutOfRange the
// range is not the whole VMO.
// Source: zx_vmo_op_range, ZX_VMO_OP_LOCK.
func (v *VMO) LockContent(off, length uint64) (state zx.VMOLockState, st zx.Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st = v.checkLock(off, length); st != zx.OK {
		return state, st
	}
	state.Offset, state.Size = off, length
	if v.discard.state == discardDone {
		state.DiscardedSize = v.size
	}
	v.lockContent()
	return state, zx.OK
}

// TryLockContent is LockContent that refuses a VMO that was discarded.
//
// Errors, in this order: those of LockContent | ErrUnavailable it was discarded.
// Source: zx_vmo_op_range, ZX_VMO_OP_TRY_LOCK.
func (v *VMO) TryLockContent(off, length uint64) zx.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st := v.checkLock(off, length); st != zx.OK {
		return st
	}
	if v.discard.state == discardDone {
		return zx.ErrUnavailable
	}
	v.lockContent()
	return zx.OK
}

// lockContent counts a lock. Locks: v.mu held.
func (v *VMO) lockContent() {
	if v.discard.locks++; v.discard.locks > 1 {
		return
	}
	v.discard.state = discardLocked
	v.store.mu.Lock()
	v.store.discards.remove(v)
	v.store.mu.Unlock()
}

// UnlockContent takes one lock back; after the last one the VMO may be
// discarded.
//
// Locks: takes v.mu.
// Errors, in this order: ErrNotSupported, ErrOutOfRange as LockContent |
// ErrBadState it is not locked.
// Source: zx_vmo_op_range, ZX_VMO_OP_UNLOCK.
func (v *VMO) UnlockContent(off, length uint64) zx.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st := v.checkLock(off, length); st != zx.OK {
		return st
	}
	if v.discard.locks == 0 {
		return zx.ErrBadState
	}
	v.unlockContent()
	return zx.OK
}

// UndoLock takes back a LockContent that just succeeded but cannot be reported,
// whatever the size is now.
//
// Locks: takes v.mu.
func (v *VMO) UndoLock() {
	v.mu.Lock()
	if v.discard.locks > 0 { // another thread may have unlocked too often
		v.unlockContent()
	}
	v.mu.Unlock()
}

// unlockContent uncounts a lock. Pre: there is one. Locks: v.mu held.
func (v *VMO) unlockContent() {
	if v.discard.locks--; v.discard.locks > 0 {
		return
	}
	v.discard.state = discardUnlocked
	v.store.mu.Lock()
	v.store.discards.push(v)
	v.store.mu.Unlock()
}

// discardVMOs discards unlocked discardable VMOs, the longest unlocked first,
// until want pages were freed, and gives how many were.
//
// Locks: none held; takes one VMO's at a time.
func (s *Store) discardVMOs(want int) (freed int) {
	for freed < want {
		s.mu.Lock()
		v := s.discards.head
		for v != nil && !v.tryRetain() {
			v = v.discard.next // it is going away and takes itself off
		}
		if v != nil {
			s.discards.remove(v)
		}
		s.mu.Unlock()
		if v == nil {
			break
		}
		freed += v.discardPages()
		v.Release()
	}
	s.discarded.Add(uint64(freed))
	return freed
}

// discardPages drops the pages of v if it is still unlocked, and gives how many.
// Flush: done. Locks: takes v.mu.
func (v *VMO) discardPages() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.discard.state != discardUnlocked {
		return 0
	}
	v.discard.state = discardDone
	before := v.pages
	v.unmap(0, v.size)
	v.dropPages(0, v.size, allStates)
	v.reclaimed += before - v.pages
	return int(before - v.pages)
}
