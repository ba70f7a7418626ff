package vmo

import "faultline/zx"

// Waiter is one thread's means to sleep; kernel's Thread implements it.
type Waiter interface {
	// Wait sleeps until Wake, the deadline, or a kill or suspend of the
	// thread, and shows state meanwhile. Spurious OK is allowed.
	//
	// Locks: the caller holds none.
	// Errors: OK woken | ErrInternalIntrKilled | ErrInternalIntrRetry
	// (suspended) | ErrTimedOut.
	Wait(state zx.ThreadState, deadline zx.Time) zx.Status
	// Wake leaves one token for Wait, and says whether it ended a sleep that
	// nothing else had ended: not, if that is not known. It never blocks and may be
	// called under any lock; tokens do not add up.
	Wake() bool
	zx.Yielder
}

// Mapping is one mapping of a VMO in some address space; vmar implements it.
// Offsets and lengths are bytes in the VMO, page aligned; the range may reach
// beyond what the mapping shows, and the length may be enormous.
//
// Locks: called with the VMO's lock held; takes only the page-table lock.
// Flush: done before the call returns.
type Mapping interface {
	// UnmapRange removes every translation of the range.
	UnmapRange(off, length uint64)
	// RemoveWriteRange takes write permission from every translation of the
	// range.
	RemoveWriteRange(off, length uint64)
	// Accessed says which pages of the range, 64 at most, were accessed through the
	// mapping since they were mapped: bit i of the page i pages after off.
	Accessed(off, length uint64) (pages uint64)
}

// Copier is the far side of Read and Write: a buffer, usually of a user
// program, whose pages may be missing. Positions count bytes from its start.
type Copier interface {
	// CopyOut copies p into the buffer at pos; CopyIn fills p from it. They
	// stop at the first byte they cannot reach and return how many they
	// moved.
	//
	// Locks: the VMO's lock is held: they must not fault, wait, or take a VMO
	// or address-space lock.
	CopyOut(pos uint64, p []byte) int
	CopyIn(p []byte, pos uint64) int
	// Resolve makes [pos, pos+n) reachable, waiting if it must; write says
	// that CopyOut will follow. It uses a PageRequest of its own: the one
	// given to Read may still be outstanding. An error ends the operation
	// with that error.
	//
	// Locks: none held.
	Resolve(pos, n uint64, write bool) zx.Status
}
