package vmo

import (
	"sync/atomic"

	"faultline/zx"
)

// Waiter is one thread's means to sleep; kernel's Thread implements it.
type Waiter interface {
	// Wait sleeps until Wake, the deadline, or a kill or suspend of the
	// thread, and shows state meanwhile. Spurious OK is allowed.
	//
	// Locks: the caller holds none.
	// Errors: OK woken | ErrInternalIntrKilled | ErrInternalIntrRetry
	// (suspended) | ErrTimedOut.
	Wait(state zx.ThreadState, deadline zx.Time) zx.Status
	// Wake leaves one token for Wait. It never blocks and may be called under
	// any lock; tokens do not add up.
	Wake()
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

// RequestKind says what a page request asks for.
type RequestKind uint8

// Kinds of page requests. Source: spec section 5.1.
const (
	RequestRead  RequestKind = iota // fill these absent pages
	RequestDirty                    // may these pages become dirty?
	RequestKinds                    // how many kinds there are
)

// PageSource is who a paged VMO asks; pager implements it. Offsets and lengths
// are bytes in the VMO, page aligned.
//
// Locks: Request, Progress, Fail, Release and Detach are called with the VMO's lock
// held; Await and Answer with none; all take the source's own.
type PageSource interface {
	// TrapsDirty says whether writes must be asked for. Constant.
	TrapsDirty() bool
	// Detached says that nothing can be asked for any more.
	Detached() bool
	// Request registers r, or re-arms it when it is registered already and
	// off lies in it.
	//
	// Errors: ErrShouldWait registered | ErrBadState detached |
	// ErrNotSupported the kind is not.
	Request(kind RequestKind, off, length uint64, r *PageRequest) zx.Status
	// Progress says that the pages of the range are newly satisfied.
	Progress(kind RequestKind, off, length uint64)
	// Fail fails the requests of both kinds that intersect the range.
	Fail(off, length uint64, st zx.Status)
	// Release completes the requests of one kind that intersect the range
	// with success, whatever was satisfied: the waiters look again.
	Release(kind RequestKind, off, length uint64)
	// Detach completes every request with success and refuses more.
	Detach()
	// Close is Detach when the VMO itself is gone.
	Close()
	// Await says that the thread of r waits for its answer from now on.
	Await(r *PageRequest)
	// Answer says how the wait of r ended, woken being what ended the sleep;
	// see PageRequest.Answer.
	Answer(r *PageRequest, woken zx.Status) zx.Status
	// Cancel withdraws r if it is still registered.
	Cancel(r *PageRequest)
}

// PageRequest is the wait record of one thread. It lives on the thread, is
// reused from fault to fault, and nothing is allocated for it. A thread that
// copies user memory inside a VMO operation needs a second one for the copy.
//
// The exported fields belong to the page source it is registered with, and are
// guarded by that source's lock.
type PageRequest struct {
	waiter Waiter
	source PageSource // the last source asked; own thread only

	// Early says that the thread wants to look again as soon as the front of
	// its range is filled. Written by the owner before Request.
	Early bool

	Kind        RequestKind
	Outstanding bool      // registered: a primary, or attached to one
	Woken       bool      // Wake was meant for this registration
	Status      zx.Status // how it ended, OK so far
	Offset      uint64    // bytes; the range after cutting
	Length      uint64
	Pending     uint64 // bytes still missing; of a primary
	WakeAt      uint64 // early wake: progress that begins here wakes

	// Since is 0 while the thread does not wait, RequestUnseen while it waits and
	// nobody has looked at it, then when the source's watchdog first did. Written
	// by the owner around its sleep, by the watchdog in between.
	Since  atomic.Int64
	Warned uint32 // warnings about the wait in progress

	Primary                      *PageRequest // what this one hangs on, nil for a primary
	FirstOverlap, LastOverlap    *PageRequest // of a primary: who hangs on it
	NextOverlap, PreviousOverlap *PageRequest
	Packet                       PacketState // of a primary
	NextSend, PreviousSend       *PageRequest
}

// RequestUnseen is PageRequest.Since of a wait that nobody has looked at yet.
const RequestUnseen = -1

// PacketState is where the packet of a primary request is.
type PacketState uint8

// Places of a packet. Source: spec section 5.6.
const (
	PacketNone      PacketState = iota // never sent: an overlap waiter
	PacketWaiting                      // in the source's FIFO, the slot is busy
	PacketSlot                         // in the slot, on the port
	PacketDelivered                    // taken from the port, or lost with it
)

// Init makes r ready for the thread that w stands for.
func (r *PageRequest) Init(w Waiter) { r.waiter = w }

// End is the offset of the first byte after the range.
func (r *PageRequest) End() uint64 { return r.Offset + r.Length }

// Waiter is the thread behind r.
func (r *PageRequest) Waiter() Waiter { return r.waiter }

// Budget is a fresh budget of the thread behind r, or with a nil r one that
// never stops.
func (r *PageRequest) Budget() zx.Budget {
	if r == nil {
		return zx.Budget{}
	}
	return zx.Budget{By: r.waiter}
}

// Await begins the wait for the answer. Pre: the operation answered ErrShouldWait.
// The caller sleeps by whatever means its Waiter has, then asks Answer.
//
// Locks: none held.
func (r *PageRequest) Await() { r.source.Await(r) }

// Answer collects the answer after a sleep, of which woken is the outcome: OK
// woken, perhaps for nothing, or why it was given up. OK means look again, never
// that the page is there.
//
// Locks: none held.
// Errors: ErrShouldWait woken for nothing: sleep again | the pager's code |
// ErrTimedOut | woken itself. The request is not outstanding after any but the
// first.
// Source: spec sections 5.4, 5.7, 5.8.
func (r *PageRequest) Answer(woken zx.Status) zx.Status { return r.source.Answer(r, woken) }

// Wait is Await, a sleep of the Waiter, and Answer until there is one: for a
// caller in the midst of something, whose stack must wait with it.
//
// Locks: none held.
// Errors: those of Answer | ErrInternalIntrKilled | ErrInternalIntrRetry
// (suspended).
func (r *PageRequest) Wait() zx.Status {
	r.Await()
	for {
		st := r.Answer(r.waiter.Wait(zx.ThreadBlockedPager, zx.TimeInfinite))
		if st != zx.ErrShouldWait {
			return st
		}
	}
}

// done ends the operation r served and passes st on. If the operation asked
// for something, r may still be registered: an early-woken reader's is.
func (r *PageRequest) done(asked bool, st zx.Status) zx.Status {
	r.Early = false
	if asked {
		r.source.Cancel(r)
	}
	return st
}
