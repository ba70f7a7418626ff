package vmo

import (
	"sync/atomic"

	"faultline/avl"
	"faultline/mmu"
	"faultline/spin"
	"faultline/zx"
)

// RequestKind says what a page request asks for.
type RequestKind uint8

// Kinds of page requests. Source: docs/pager.md 5.1.
const (
	RequestRead  RequestKind = iota // fill these absent pages
	RequestDirty                    // may these pages become dirty?
	RequestKinds                    // how many kinds there are
)

// Command is the command of the packets that ask for the kind.
func (k RequestKind) Command() zx.PageCommand {
	if k == RequestDirty {
		return zx.PageDirty
	}
	return zx.PageRead
}

// Provider is who answers for the pages of a PageSource; pager implements it.
//
// Locks: all but Awaited and OnGone are called with the source's lock held.
type Provider interface {
	// Send has the new primary r asked of the pager.
	Send(r *PageRequest)
	// Clear says that nobody need answer r any more: it was resolved, or given
	// up, and may not have been delivered yet.
	Clear(r *PageRequest)
	// Swap puts heir, of the same range, in the place of r.
	Swap(r, heir *PageRequest)
	// OnDetach says that nothing will be asked again; every request was let go.
	OnDetach()
	// OnGone says that the VMO is no more, the last thing a provider hears. Locks:
	// the family's held.
	OnGone()
	// Awaited says that a thread begins to wait while RequestStats.Unwatched is set.
	Awaited()
	// Later has work done piece by piece, soon, until there is no more: PageSource.LetGo.
	// Locks: the source's held, the family's perhaps; it only takes note.
	Later(work func(b *zx.Budget) (more bool))
}

// RequestStats counts the requests of many sources.
type RequestStats struct {
	Sent, Succeeded, Failed atomic.Uint64
	Unwatched               atomic.Bool // the provider wants to hear of the next wait
}

// PageSource is what a paged VMO asks: it knows the requests that are
// outstanding, who waits for which, and how much of each is still missing. What
// becomes of a primary is its provider's matter. Offsets and lengths are bytes
// in the VMO, page aligned.
//
//	                    request                       progress covers it, Detach
//	(idle) ---------------+--> primary ------------------------------+
//	   ^                  |      |  ^ first overlap waiter of a      |
//	   |                  |      |  | cancelled primary              v
//	   |                  +--> overlap waiter, same end ---------> woken
//	   |   Cancel: killed, suspended, overtime      |                |
//	   +--------------------------------------------+----------------+
//
// A primary is disjoint from the others of its kind and known to the provider;
// an overlap waiter hangs on the primary that holds its first page. Woken means
// look again. Finding, adding and ending one costs O(log n) of the primaries.
//
// Locks: methods take the source's own unless they say that it is held. It comes
// after the VMO's. Source: docs/pager.md 5.3 to 5.7.
type PageSource struct {
	provider Provider
	direct   Direct    // nil if there is none; constant
	made     mmu.Frame // by it last; guarded by the family's lock
	fam      *family   // whose source it is; constant
	traps    bool
	stats    *RequestStats

	mu       spin.Lock
	detached atomic.Bool // asks nothing any more; written under mu
	sets     [RequestKinds]requestSet
	ending   *PageRequest // the primaries that are, through next
	leaving  bool         // detached, and requests are still to be let go
}

const (
	atOnce    = 4    // of those that hang on a primary, woken with it
	earlyMost = 32   // of these, looked at for an early wake
	failMost  = 8192 // of these, told of a FAIL of a part of the primary
	pieceOf   = 64   // primaries of a kind that a piece of an operation ends
	// What LetGo does in an eighth of a turn: threads woken, primaries ended.
	wakePiece, leavePiece = 64, 8
)

// Init makes s the source of one VMO, of which p answers. traps says whether
// writes must be asked for. Pre: s is zero.
func (s *PageSource) Init(p Provider, traps bool, stats *RequestStats) {
	s.provider, s.traps, s.stats = p, traps, stats
}

// Provider is who answers.
func (s *PageSource) Provider() Provider { return s.provider }

// TrapsDirty says whether writes must be asked for. Constant.
func (s *PageSource) TrapsDirty() bool { return s.traps }

// Detached says that nothing can be asked for any more.
func (s *PageSource) Detached() bool { return s.detached.Load() }

// Lock takes the lock that guards requests, for a Provider.
func (s *PageSource) Lock() { s.mu.Lock() }

// Unlock lets it go.
func (s *PageSource) Unlock() { s.mu.Unlock() }

// PageRequest is the wait record of one thread. It lives on the thread, is
// reused from fault to fault, and nothing is allocated for it. A thread that
// copies user memory inside a VMO operation needs a second one for the copy.
//
// The exported fields are guarded by the lock of the source it is registered
// with.
type PageRequest struct {
	waiter  Waiter
	yielder zx.Yielder  // the waiter: so no call looks up how that yields
	source  *PageSource // the last source asked; own thread only

	// Early says that the thread wants to look again as soon as the front of
	// its range is filled. Written by the owner before it asks.
	Early bool

	Kind        RequestKind
	Outstanding bool        // registered: a primary, or attached to one
	Hangs       bool        // attached to one
	Woken       atomic.Bool // Wake was meant for this registration; last of all that is written
	Status      zx.Status   // how it ended, OK so far
	Warned      uint32      // warnings about the wait in progress
	Offset      uint64      // bytes; the range after cutting
	Length      uint64
	Pending     uint64 // bytes still missing; of a primary
	WakeAt      uint64 // early wake: progress that begins here wakes

	// Since is 0 while the thread does not wait, RequestUnseen while it waits and
	// nobody has looked at it, then when the provider's watchdog first did. Written
	// by the owner around its sleep, by the watchdog in between.
	Since atomic.Int64

	// A primary and what hangs on it, in order of arrival, make a ring. One alone has
	// no neighbours.
	next, previous *PageRequest
	place          avl.Node[PageRequest] // of a primary, in its set

	nextEnd, previousEnd *PageRequest
	ending               bool // over, while others hang on it
	failed               bool // ended by a FAIL of all of it: Status is also theirs

	// The provider's.
	Packet                 PacketState
	NextSend, PreviousSend *PageRequest
}

// RequestUnseen is PageRequest.Since of a wait that nobody has looked at yet.
const RequestUnseen = -1

// PacketState is where the packet of a primary request is.
type PacketState uint8

// Places of a packet. Source: docs/pager.md 5.6.
const (
	PacketNone      PacketState = iota // never sent: an overlap waiter
	PacketWaiting                      // in the source's FIFO, the slot is busy
	PacketSlot                         // in the slot, on the port
	PacketDelivered                    // taken from the port, or lost with it
)

// Init makes r ready for the thread that w stands for.
func (r *PageRequest) Init(w Waiter) { r.waiter, r.yielder = w, w }

// End is the offset of the first byte after the range.
func (r *PageRequest) End() uint64 { return r.Offset + r.Length }

// Yielder is the thread behind r.
func (r *PageRequest) Yielder() zx.Yielder { return r.yielder }

// Budget is a fresh budget of the thread behind r, or with a nil r one that
// never stops.
func (r *PageRequest) Budget() zx.Budget {
	if r == nil {
		return zx.Budget{}
	}
	return zx.Budget{By: r.yielder}
}

// Await begins the wait for the answer. Pre: the operation answered ErrShouldWait.
// The caller sleeps by whatever means its Waiter has, then asks Answer. No clock
// is looked at: the provider's watchdog does.
//
// Locks: none held. Source: docs/pager.md 5.8.
func (r *PageRequest) Await() {
	r.Since.Store(RequestUnseen)
	if r.source.stats.Unwatched.Load() {
		r.unwatched()
	}
}

// unwatched tells the provider of a wait that nobody looks at.
func (r *PageRequest) unwatched() { r.source.provider.Awaited() }

// Answer collects the answer after a sleep, of which woken is the outcome: OK
// woken, perhaps for nothing, or why it was given up. OK means look again, never
// that the page is there.
//
// Locks: none held.
// Errors: ErrShouldWait woken for nothing: sleep again | the pager's code |
// ErrTimedOut | woken itself. The request is not outstanding after any but the
// first.
// Source: docs/pager.md 5.4, 5.7, 5.8.
//
//go:nosplit
func (r *PageRequest) Answer(woken zx.Status) zx.Status {
	if woken == zx.OK && !r.Early && r.Woken.Load() && r.Status == zx.OK {
		// Only an early request stands after it was woken.
		r.Woken.Store(false)
		r.Since.Store(0)
		return zx.OK
	}
	s, st := r.source, woken
	s.mu.Lock()
	switch {
	case st != zx.OK:
		s.cancel(r)
	case !r.Woken.Load():
		s.mu.Unlock()
		return zx.ErrShouldWait
	default:
		r.Woken.Store(false)
		if st = r.Status; st != zx.OK {
			s.cancel(r)
		}
	}
	s.mu.Unlock()
	r.Since.Store(0)
	return st
}

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

// Request registers r for [off, off+length), cut to what no other request of the
// kind covers, or hangs it on the request that covers off; one that is
// registered already and holds off is re-armed.
//
// Errors: ErrShouldWait registered | ErrNotSupported the source does not know
// the kind | ErrBadState detached.
// Source: docs/pager.md 5.3.
//
//go:nosplit
func (s *PageSource) Request(kind RequestKind, off, length uint64, r *PageRequest) zx.Status {
	s.mu.Lock()
	r.source = s
	set := &s.sets[kind]
	if !set.empty() || r.Outstanding || s.detached.Load() || !s.traps && kind == RequestDirty {
		st := s.request(kind, off, length, r)
		s.mu.Unlock()
		return st
	}
	// The only one of its kind: nothing to cut, nothing to hang on.
	r.Kind, r.Outstanding, r.Status = kind, true, zx.OK
	r.Offset, r.Length, r.WakeAt, r.Pending = off, length, off, length
	r.Woken.Store(false)
	set.last = r
	s.stats.Sent.Add(1)
	s.provider.Send(r)
	s.mu.Unlock()
	return zx.ErrShouldWait
}

// request is Request, whatever else is outstanding. Locks: s.mu held.
func (s *PageSource) request(kind RequestKind, off, length uint64, r *PageRequest) zx.Status {
	if r.Outstanding {
		// An early-woken reader: re-armed while it stays inside its own
		// request, without a new packet.
		if r.Kind == kind && off >= r.Offset && off < r.End() {
			r.WakeAt = off
			r.Woken.Store(false)
			return zx.ErrShouldWait
		}
		s.cancel(r)
	}
	if kind == RequestDirty && !s.traps {
		return zx.ErrNotSupported
	}
	if s.detached.Load() {
		return zx.ErrBadState
	}
	r.Kind, r.Outstanding, r.Status = kind, true, zx.OK
	r.Offset, r.WakeAt = off, off
	r.Woken.Store(false)
	set := &s.sets[kind]
	if p := set.first(off, off+length); p != nil {
		if p.Offset <= off {
			r.Length = min(length, p.End()-off)
			r.Packet = PacketNone
			p.attach(r)
			return zx.ErrShouldWait
		}
		length = p.Offset - off
	}
	r.Length, r.Pending = length, length
	set.add(r)
	s.stats.Sent.Add(1)
	s.provider.Send(r)
	return zx.ErrShouldWait
}

// requestSet is the outstanding primaries of one kind: disjoint, by offset.
type requestSet struct {
	// last is the one that came last, in no tree until another comes: mostly it is
	// also the first to be answered, however many wait.
	last *PageRequest
	tree avl.Tree[PageRequest] // without weights: the ends are in order too
}

func (q *requestSet) empty() bool { return q.last == nil && q.tree.Empty() }

func (q *requestSet) add(r *PageRequest) {
	if l := q.last; l != nil {
		q.tree.Insert(&l.place, l, l.Offset, 0)
	}
	q.last = r
}

func (q *requestSet) remove(r *PageRequest) {
	if q.last == r {
		q.last = nil
		return
	}
	q.tree.Remove(&r.place)
}

// first gives the first primary that meets [off, end), or nil.
func (q *requestSet) first(off, end uint64) *PageRequest {
	n := q.tree.Floor(off)
	switch {
	case n == nil:
		n = q.tree.First()
	case n.Owner().End() <= off:
		n = n.Next()
	}
	return q.sooner(n, off, end)
}

// after gives the primary after r that begins before end, or nil.
func (q *requestSet) after(r *PageRequest, end uint64) *PageRequest {
	n := r.place.Next()
	if q.last == r {
		n = q.tree.Heavy(r.Offset, 0)
	}
	return q.sooner(n, r.End(), end)
}

// sooner gives the first that meets [off, end) of the last one and that of n, the
// first node to come into question.
func (q *requestSet) sooner(n *avl.Node[PageRequest], off, end uint64) (r *PageRequest) {
	if n != nil && n.Key() < end {
		r = n.Owner()
	}
	if l := q.last; l != nil && l.End() > off && l.Offset < end && (r == nil || l.Offset < r.Offset) {
		r = l
	}
	return r
}

// attach hangs r on the primary p, last in line.
func (p *PageRequest) attach(r *PageRequest) {
	r.Hangs = true
	if p.next == nil {
		p.next, p.previous = p, p
	}
	r.previous, r.next = p.previous, p
	r.previous.next, p.previous = r, r
}

// unhang takes r out of its ring. If it was the primary, the next one is.
func (r *PageRequest) unhang() {
	if a, b := r.previous, r.next; a == b {
		a.next, a.previous = nil, nil
	} else {
		a.next, b.previous = b, a
	}
	r.Hangs, r.next, r.previous = false, nil, nil
}

// Progress says that the pages of the range are newly satisfied. Source: docs/pager.md
// 5.4.
//
//go:nosplit
func (s *PageSource) Progress(kind RequestKind, off, length uint64) {
	s.mu.Lock()
	set, end := &s.sets[kind], off+length
	if r := set.last; r != nil && off == r.Offset && end == r.End() && r.next == nil && r.Packet == PacketDelivered {
		// Just what the last one asked for, after its delivery: no searching,
		// nothing to withdraw.
		set.last = nil
		if r.Status == zx.OK {
			s.stats.Succeeded.Add(1)
			r.Outstanding = false
			r.Woken.Store(true)
			r.waiter.Wake()
		} else {
			s.resolved(r)
		}
		s.mu.Unlock()
		return
	}
	if set.empty() {
		s.mu.Unlock()
		return
	}
	for r := set.first(off, end); r != nil; {
		next := set.after(r, end)
		s.progress(r, off, end)
		r = next
	}
	s.mu.Unlock()
}

// progress counts [off, end) towards the primary r, which it meets. Locks: s.mu
// held, as for all below.
func (s *PageSource) progress(r *PageRequest, off, end uint64) {
	lo, hi := max(off, r.Offset), min(end, r.End())
	if hi-lo >= r.Pending {
		s.finish(r)
		return
	}
	r.Pending -= hi - lo
	if !r.Early || lo != r.WakeAt {
		return
	}
	r.WakeAt = hi
	r.wake()
	// Of many not all: who is not woken early waits for the end.
	n := 0
	for o := r.next; o != nil && o.Hangs && n < earlyMost; o = o.next {
		switch n++; {
		case !o.Early || o.WakeAt >= hi:
		case o.WakeAt >= lo:
			o.WakeAt = min(hi, o.End())
			o.wake()
		default:
			// What it waits for came out of order, before r got there. It looks
			// once, and waits for the end unless it asks anew.
			o.WakeAt = r.End()
			o.wake()
		}
	}
}

// wake has the thread of r look again.
func (r *PageRequest) wake() {
	r.Woken.Store(true)
	r.waiter.Wake()
}

// finish completes the primary r and all that hang on it, each with the status
// it recorded.
func (s *PageSource) finish(r *PageRequest) {
	s.sets[r.Kind].remove(r)
	s.provider.Clear(r)
	if s.wakeSome(r, atOnce) {
		return
	}
	if s.ending == nil && !s.leaving {
		s.provider.Later(s.LetGo)
	}
	s.end(r)
}

// wakeSome wakes up to n of those that hang on r, which is over, and then r itself if
// none is left.
func (s *PageSource) wakeSome(r *PageRequest, n int) (done bool) {
	for ; r.next != nil; n-- {
		if n == 0 {
			return false
		}
		o := r.next
		o.unhang()
		if r.failed {
			o.Status = r.Status
		}
		s.resolved(o)
	}
	r.failed = false
	s.resolved(r)
	return true
}

// end puts r, on which some hang, among those that are ending.
func (s *PageSource) end(r *PageRequest) {
	r.ending, r.nextEnd, r.previousEnd = true, s.ending, nil
	if s.ending = r; r.nextEnd != nil {
		r.nextEnd.previousEnd = r
	}
}

// unend takes it out.
func (s *PageSource) unend(r *PageRequest) {
	if r.previousEnd == nil {
		s.ending = r.nextEnd
	} else {
		r.previousEnd.nextEnd = r.nextEnd
	}
	if r.nextEnd != nil {
		r.nextEnd.previousEnd = r.previousEnd
	}
	r.ending, r.nextEnd, r.previousEnd = false, nil, nil
}

// LetGo wakes threads whose requests are over, as many as b allows, and says whether
// there are more; of a detached source, it ends them first.
//
// Locks: none held.
func (s *PageSource) LetGo(b *zx.Budget) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !b.Spend(zx.BudgetUnits / 8) {
		if r := s.ending; r != nil {
			if s.unend(r); !s.wakeSome(r, wakePiece) {
				s.end(r)
			}
		} else if !s.leaving || s.leave(leavePiece) && s.ending == nil {
			return false
		}
	}
	return true
}

// leave ends up to n requests of a source that detached, and says whether that is all.
func (s *PageSource) leave(n int) bool {
	for kind := range s.sets {
		if n = s.release(RequestKind(kind), 0, ^uint64(0), n); n == 0 {
			return false
		}
	}
	s.leaving = false
	s.provider.OnDetach()
	return true
}

// cut gives where a piece of [off, end) ends that ends no more requests than a part of
// a turn may, and counts these. Locks: takes the source's.
func (s *PageSource) cut(off, end uint64, b *zx.Budget) uint64 {
	s.mu.Lock()
	for kind := range s.sets {
		n := 0
		for r := s.sets[kind].first(off, end); r != nil; r = s.sets[kind].after(r, end) {
			if n++; n > pieceOf {
				end = r.Offset
				break
			}
		}
		b.Spend(8 * n)
	}
	s.mu.Unlock()
	return end
}

// resolved ends the registration of r and wakes its thread.
//
//go:nosplit
func (s *PageSource) resolved(r *PageRequest) {
	if r.Status == zx.OK {
		s.stats.Succeeded.Add(1)
	} else {
		s.stats.Failed.Add(1)
	}
	r.Outstanding = false
	r.wake()
}

// Fail fails the requests of both kinds that meet the range. Source: docs/pager.md
// 5.5, the newest rule.
func (s *PageSource) Fail(off, length uint64, st zx.Status) {
	s.mu.Lock()
	end := off + length
	for kind := range s.sets {
		for r := s.sets[kind].first(off, end); r != nil; {
			next := s.sets[kind].after(r, end)
			r.fail(off, end, st)
			// Of many not all are told of a part: the rest asks again for it.
			r.failed = off <= r.Offset && r.End() <= end
			for o, n := r.next, 0; o != nil && o.Hangs && n < failMost && !r.failed; o, n = o.next, n+1 {
				o.fail(off, end, st)
			}
			s.progress(r, off, end)
			r = next
		}
	}
	s.mu.Unlock()
}

// fail records st with r if the part of [off, end) inside it begins at its first
// page or where it wants to be woken.
func (r *PageRequest) fail(off, end uint64, st zx.Status) {
	lo, hi := max(off, r.Offset), min(end, r.End())
	if lo < hi && (lo == r.Offset || lo == r.WakeAt) {
		r.Status = st
	}
}

// Release completes the requests of one kind that meet the range, whatever was
// satisfied: the waiters look again. Source: docs/pager.md 3.5.2.
func (s *PageSource) Release(kind RequestKind, off, length uint64) {
	s.mu.Lock()
	s.release(kind, off, off+length, -1)
	s.mu.Unlock()
}

// release is Release of up to n, and gives how many of n are left.
func (s *PageSource) release(kind RequestKind, off, end uint64, n int) int {
	for r := s.sets[kind].first(off, end); r != nil && n != 0; n-- {
		next := s.sets[kind].after(r, end)
		s.finish(r)
		r = next
	}
	return n
}

// Cancel withdraws r if it is still registered.
func (s *PageSource) Cancel(r *PageRequest) {
	s.mu.Lock()
	s.cancel(r)
	s.mu.Unlock()
}

// cancel is Cancel: an overlap waiter just leaves; the place of a primary is
// taken by the first that hangs on it, range, count and packet as they are.
// Source: docs/pager.md 5.7.
func (s *PageSource) cancel(r *PageRequest) {
	if !r.Outstanding {
		return
	}
	r.Outstanding = false
	if r.Hangs {
		r.unhang()
		return
	}
	set, heir, ending := &s.sets[r.Kind], r.next, r.ending
	if ending {
		s.unend(r)
	} else if set.remove(r); heir == nil {
		s.provider.Clear(r)
	}
	if heir == nil {
		return
	}
	r.unhang()
	heir.Hangs = false
	if r.failed {
		heir.Status, heir.failed, r.failed = r.Status, true, false
	}
	heir.Offset, heir.Length, heir.Pending = r.Offset, r.Length, r.Pending
	if ending {
		s.end(heir)
		return
	}
	set.add(heir)
	s.provider.Swap(r, heir)
}

// GiveUp ends the wait of r, which is registered, with st: it took too long.
// Locks: the source's held.
func (s *PageSource) GiveUp(r *PageRequest, st zx.Status) {
	s.cancel(r)
	r.Status = st
	r.wake()
}

// Detach completes every request with the status it recorded and refuses more:
// who waits looks again, and learns that nobody answers any more, or ends with
// the code of a FAIL that has marked it already. Again is allowed. Source: docs/pager.md
// 2.3.
func (s *PageSource) Detach() {
	s.mu.Lock()
	s.DetachLocked()
	s.mu.Unlock()
}

// DetachLocked is Detach for a Provider. Locks: the source's held.
func (s *PageSource) DetachLocked() {
	if s.detached.Swap(true) {
		return
	}
	known := s.ending != nil
	s.leaving = true
	if all := s.leave(leavePiece); !known && (!all || s.ending != nil) {
		s.provider.Later(s.LetGo)
	}
}

// Each calls f with every request, READ before DIRTY and by offset, those that
// hang on a primary before it. f may GiveUp the one it is called with.
//
// Locks: the source's held.
func (s *PageSource) Each(f func(r *PageRequest)) {
	for kind := range s.sets {
		for r := s.sets[kind].first(0, ^uint64(0)); r != nil; {
			after := s.sets[kind].after(r, ^uint64(0))
			for o := r.next; o != nil && o.Hangs; {
				next := o.next
				f(o)
				o = next
			}
			f(r)
			r = after
		}
	}
}

// Primaries counts the outstanding primaries of a kind. Locks: the source's held.
func (s *PageSource) Primaries(kind RequestKind) (n int) {
	for r := s.sets[kind].first(0, ^uint64(0)); r != nil; r = s.sets[kind].after(r, ^uint64(0)) {
		n++
	}
	return n
}
