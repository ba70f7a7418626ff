package pager

import (
	"fmt"
	"sync"
	"sync/atomic"

	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// Source is the tie between one VMO and its pager: it implements
// vmo.PageSource.
type Source struct {
	sys   *System
	pager *Pager
	traps bool

	// The proxy's part, see packet.go.
	port *object.Port
	key  uint64
	id   uint32 // of the VMO; 0 while that is being made. Guarded by mu

	mu       sync.Mutex
	detached atomic.Bool // asks nothing any more; written under mu
	orphaned bool        // the pager is closed: says nothing any more
	sets     [vmo.RequestKinds]requestSet

	packet   object.PortPacket
	busy     bool             // the slot holds a packet, or lost one with its port
	active   *vmo.PageRequest // whose packet is in the slot
	complete completeState
	fifo     sendQueue

	next, prev *Source // guarded by pager.mu
	listed     bool    // guarded by pager.mu
}

// requestSet is the outstanding primaries of one kind: disjoint, ascending.
// Its array is kept, so that a steady state allocates nothing.
type requestSet struct{ list []*vmo.PageRequest }

// after gives the position of the primary with the smallest end past off.
func (q *requestSet) after(off uint64) int {
	lo, hi := 0, len(q.list)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if q.list[mid].End() > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// insert puts r at position i.
func (q *requestSet) insert(i int, r *vmo.PageRequest) {
	q.list = append(q.list, nil)
	copy(q.list[i+1:], q.list[i:])
	q.list[i] = r
}

// delete takes out position i.
func (q *requestSet) delete(i int) {
	last := len(q.list) - 1
	copy(q.list[i:], q.list[i+1:])
	q.list[last] = nil
	q.list = q.list[:last]
}

// find gives the position of the primary r.
func (q *requestSet) find(r *vmo.PageRequest) int {
	i := q.after(r.Offset)
	if i >= len(q.list) || q.list[i] != r {
		panic(fmt.Sprintf("pager.requestSet.find: primary [%#x, %#x) is not in its set of %d", r.Offset, r.End(), len(q.list)))
	}
	return i
}

// newSource makes the source of a VMO that does not exist yet.
func newSource(p *Pager, port *object.Port, key uint64, traps bool) *Source {
	s := &Source{sys: p.sys, pager: p, traps: traps, port: port, key: key}
	for kind := range s.sets {
		s.sets[kind].list = make([]*vmo.PageRequest, 0, 4)
	}
	s.packet.Init(s)
	s.packet.Packet = zx.PageRequestPacket(key, zx.PageRequest{})
	return s
}

// Pager gives the pager the source belongs to.
func (s *Source) Pager() *Pager { return s.pager }

// Key gives the key of the source's packets.
func (s *Source) Key() uint64 { return s.key }

// TrapsDirty implements vmo.PageSource.
func (s *Source) TrapsDirty() bool { return s.traps }

// Detached implements vmo.PageSource.
func (s *Source) Detached() bool { return s.detached.Load() }

// Request implements vmo.PageSource: it registers r for [off, off+length), cut
// to what no other request of the kind covers, or hangs it on the request that
// covers off.
//
// Source: spec section 5.3.
func (s *Source) Request(kind vmo.RequestKind, off, length uint64, r *vmo.PageRequest) zx.Status {
	s.mu.Lock()
	set := &s.sets[kind]
	if len(set.list) != 0 || r.Outstanding || s.detached.Load() || !s.traps && kind == vmo.RequestDirty {
		st := s.request(kind, off, length, r)
		s.mu.Unlock()
		return st
	}
	// The only one of its kind: nothing to cut, nothing to hang on.
	r.Kind, r.Outstanding, r.Woken, r.Status = kind, true, false, zx.OK
	r.Offset, r.Length, r.WakeAt, r.Pending = off, length, off, length
	set.list = append(set.list, r)
	s.sys.requests.Add(1)
	s.send(r)
	s.mu.Unlock()
	return zx.ErrShouldWait
}

// request is Request, whatever else is outstanding. Locks: s.mu held.

func (s *Source) request(kind vmo.RequestKind, off, length uint64, r *vmo.PageRequest) zx.Status {
	if r.Outstanding {
		// An early-woken reader: re-armed while it stays inside its own
		// request, without a new packet.
		if r.Kind == kind && off >= r.Offset && off < r.End() {
			r.WakeAt, r.Woken = off, false
			return zx.ErrShouldWait
		}
		s.cancel(r)
	}
	if kind == vmo.RequestDirty && !s.traps {
		return zx.ErrNotSupported
	}
	if s.detached.Load() {
		return zx.ErrBadState
	}
	r.Kind, r.Outstanding, r.Woken, r.Status = kind, true, false, zx.OK
	r.Offset, r.Length, r.WakeAt = off, length, off

	set := &s.sets[kind]
	i := set.after(off)
	if i < len(set.list) {
		p := set.list[i]
		if p.Offset <= off {
			r.Length = min(length, p.End()-off)
			r.Packet = vmo.PacketNone
			s.attach(p, r)
			return zx.ErrShouldWait
		}
		r.Length = min(length, p.Offset-off)
	}
	r.Pending = r.Length
	set.insert(i, r)
	s.sys.requests.Add(1)
	s.send(r)
	return zx.ErrShouldWait
}

// attach hangs r on the primary p, last in line.
func (s *Source) attach(p, r *vmo.PageRequest) {
	r.Primary = p
	r.PreviousOverlap, r.NextOverlap = p.LastOverlap, nil
	if p.LastOverlap == nil {
		p.FirstOverlap = r
	} else {
		p.LastOverlap.NextOverlap = r
	}
	p.LastOverlap = r
}

// unhang takes the overlap waiter r off its primary.
func (s *Source) unhang(r *vmo.PageRequest) {
	p := r.Primary
	if r.PreviousOverlap == nil {
		p.FirstOverlap = r.NextOverlap
	} else {
		r.PreviousOverlap.NextOverlap = r.NextOverlap
	}
	if r.NextOverlap == nil {
		p.LastOverlap = r.PreviousOverlap
	} else {
		r.NextOverlap.PreviousOverlap = r.PreviousOverlap
	}
	r.Primary, r.NextOverlap, r.PreviousOverlap = nil, nil, nil
}

// Progress implements vmo.PageSource. Source: spec section 5.4.
func (s *Source) Progress(kind vmo.RequestKind, off, length uint64) {
	s.mu.Lock()
	end := off + length
	set := &s.sets[kind]
	if len(set.list) == 1 {
		// The only one of its kind, answered in full after delivery: no
		// searching, nothing to withdraw.
		r := set.list[0]
		if off <= r.Offset && end >= r.End() && r.FirstOverlap == nil && r.Packet == vmo.PacketDelivered {
			set.list[0] = nil
			set.list = set.list[:0]
			s.resolved(r)
			s.mu.Unlock()
			return
		}
	}
	for i := set.after(off); i < len(set.list) && set.list[i].Offset < end; {
		if !s.progress(set, i, off, end) {
			i++
		}
	}
	s.mu.Unlock()
}

// progress counts [off, end) towards the primary at position i, which it
// meets, and says whether that completed it (and took it out of the set).
func (s *Source) progress(set *requestSet, i int, off, end uint64) bool {
	r := set.list[i]
	lo, hi := max(off, r.Offset), min(end, r.End())
	if hi-lo >= r.Pending {
		s.finish(set, i)
		return true
	}
	r.Pending -= hi - lo
	if r.Early && lo == r.WakeAt {
		r.WakeAt = hi
		wake(r)
		for o := r.FirstOverlap; o != nil; o = o.NextOverlap {
			switch {
			case !o.Early || o.WakeAt >= hi:
			case o.WakeAt >= lo:
				o.WakeAt = min(hi, o.End())
				wake(o)
			default:
				// What it waits for came out of order, before r got there.
				// It looks once, and waits for the end unless it asks anew.
				o.WakeAt = r.End()
				wake(o)
			}
		}
	}
	return false
}

// wake has the thread of r look again.
func wake(r *vmo.PageRequest) {
	r.Woken = true
	r.Waiter().Wake()
}

// finish completes the primary at position i and all that hang on it, each with
// the status it recorded.
func (s *Source) finish(set *requestSet, i int) {
	r := set.list[i]
	set.delete(i)
	s.withdraw(r)
	for o := r.FirstOverlap; o != nil; {
		next := o.NextOverlap
		o.Primary, o.NextOverlap, o.PreviousOverlap = nil, nil, nil
		s.resolved(o)
		o = next
	}
	r.FirstOverlap, r.LastOverlap = nil, nil
	s.resolved(r)
}

// resolved ends the registration of r and wakes its thread.
func (s *Source) resolved(r *vmo.PageRequest) {
	if r.Status == zx.OK {
		s.sys.succeeded.Add(1)
	} else {
		s.sys.failed.Add(1)
	}
	r.Outstanding = false
	wake(r)
}

// Fail implements vmo.PageSource. Source: spec section 5.5, the newest rule.
func (s *Source) Fail(off, length uint64, st zx.Status) {
	s.mu.Lock()
	end := off + length
	for kind := range s.sets {
		set := &s.sets[kind]
		for i := set.after(off); i < len(set.list) && set.list[i].Offset < end; {
			r := set.list[i]
			failOne(r, off, end, st)
			for o := r.FirstOverlap; o != nil; o = o.NextOverlap {
				failOne(o, off, end, st)
			}
			if !s.progress(set, i, off, end) {
				i++
			}
		}
	}
	s.mu.Unlock()
}

// failOne records st with r if the part of [off, end) inside it begins at its
// first page or where it wants to be woken.
func failOne(r *vmo.PageRequest, off, end uint64, st zx.Status) {
	lo, hi := max(off, r.Offset), min(end, r.End())
	if lo < hi && (lo == r.Offset || lo == r.WakeAt) {
		r.Status = st
	}
}

// Release implements vmo.PageSource. Source: spec section 3.5.2.
func (s *Source) Release(kind vmo.RequestKind, off, length uint64) {
	s.mu.Lock()
	set := &s.sets[kind]
	for i := set.after(off); i < len(set.list) && set.list[i].Offset < off+length; {
		s.finish(set, i)
	}
	s.mu.Unlock()
}

// Cancel implements vmo.PageSource.
func (s *Source) Cancel(r *vmo.PageRequest) {
	s.mu.Lock()
	s.cancel(r)
	s.mu.Unlock()
}

// cancel withdraws r if it is registered: an overlap waiter just leaves; the
// place of a primary is taken by the first that hangs on it, range, count and
// packet as they are. Source: spec section 5.7. Locks: s.mu held.
func (s *Source) cancel(r *vmo.PageRequest) {
	if !r.Outstanding {
		return
	}
	r.Outstanding = false
	if r.Primary != nil {
		s.unhang(r)
		return
	}
	set := &s.sets[r.Kind]
	i := set.find(r)
	heir := r.FirstOverlap
	if heir == nil {
		set.delete(i)
		s.withdraw(r)
		return
	}
	s.unhang(heir)
	heir.Offset, heir.Length, heir.Pending = r.Offset, r.Length, r.Pending
	heir.FirstOverlap, heir.LastOverlap = r.FirstOverlap, r.LastOverlap
	r.FirstOverlap, r.LastOverlap = nil, nil
	for o := heir.FirstOverlap; o != nil; o = o.NextOverlap {
		o.Primary = heir
	}
	set.list[i] = heir
	s.bequeath(r, heir)
}

// Await implements vmo.PageSource. It looks at no clock: System.Watch does.
// Source: spec section 5.8.
func (s *Source) Await(r *vmo.PageRequest) {
	r.Since.Store(vmo.RequestUnseen)
	if s.sys.idle.Load() {
		s.sys.rouse()
	}
}

// Answer implements vmo.PageSource. Source: spec section 5.7.
func (s *Source) Answer(r *vmo.PageRequest, woken zx.Status) zx.Status {
	st := woken
	s.mu.Lock()
	switch {
	case st != zx.OK:
		s.cancel(r)
	case !r.Woken:
		s.mu.Unlock()
		return zx.ErrShouldWait
	default:
		r.Woken = false
		if st = r.Status; st != zx.OK {
			s.cancel(r)
		}
	}
	s.mu.Unlock()
	r.Since.Store(0)
	return st
}

// Detach implements vmo.PageSource: the VMO was detached by its pager.
// Source: spec section 2.3.
func (s *Source) Detach() {
	s.mu.Lock()
	s.detach()
	s.mu.Unlock()
}

// detach lets every request go and queues COMPLETE, once. Locks: s.mu held.
func (s *Source) detach() {
	if s.detached.Load() {
		return
	}
	s.detached.Store(true)
	s.letGo()
	s.sendComplete()
}

// letGo completes every request with the status it recorded: who waits looks
// again, and learns that nobody answers any more, or ends with the code of the
// FAIL that has marked it already.
func (s *Source) letGo() {
	// First the FIFO, so that withdrawing the slot sends nothing.
	s.fifo.dropAll()
	for kind := range s.sets {
		set := &s.sets[kind]
		for len(set.list) > 0 {
			s.finish(set, len(set.list)-1)
		}
	}
}

// Close implements vmo.PageSource: the VMO is gone. Source: spec section 2.3.
func (s *Source) Close() { s.Detach() }

// orphan is Detach because the pager was closed: nothing will be said any more,
// and what was not delivered is withdrawn, COMPLETE included.
func (s *Source) orphan() {
	s.mu.Lock()
	s.orphaned = true
	s.detached.Store(true)
	s.letGo()
	s.withdrawComplete()
	s.mu.Unlock()
}

// SourceInfo is what the console tells of a source.
type SourceInfo struct {
	Key          uint64
	VMO          uint32 // its id
	TrapsDirty   bool
	Detached     bool
	PagerClosed  bool
	Reads        int  // outstanding READ primaries
	Dirties      int  // outstanding DIRTY primaries
	PacketQueued bool // the slot is taken
	OnPort       bool // by a request's packet that nobody has taken from the port
	GoodbyeDue   bool // COMPLETE is still to be taken from the port
}

// Info tells the source's state at this moment.
func (s *Source) Info() SourceInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info()
}

// info is Info. Locks: s.mu held.
func (s *Source) info() SourceInfo {
	return SourceInfo{
		Key: s.key, VMO: s.id, TrapsDirty: s.traps, Detached: s.detached.Load(), PagerClosed: s.orphaned,
		Reads: len(s.sets[vmo.RequestRead].list), Dirties: len(s.sets[vmo.RequestDirty].list),
		PacketQueued: s.busy, OnPort: s.active != nil,
		GoodbyeDue: s.complete == completeWaiting || s.complete == completeSlot,
	}
}
