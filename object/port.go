package object

import (
	"fmt"
	"sync/atomic"

	"faultline/account"
	"faultline/spin"
	"faultline/zx"
)

// PortUserPacketLimit is how many user packets one port holds. Packets of the
// kernel are never counted and never refused. Source: docs/pager.md 1.6.
const PortUserPacketLimit = 4096

// spares bounds the user packets that a port keeps for reuse. They are in what
// the port itself is charged for, and so is a PortWaiter.
const spares = 4

// What is charged for a user packet, and for a port. The tests hold all such
// figures against the types.
var (
	packetBytes = account.Bytes(136)
	portBytes   = account.Bytes(280) + account.Bytes(80) + spares*packetBytes
)

// PacketOwner is told when a packet it queued has left the port.
type PacketOwner interface {
	// PacketDequeued says that a waiter took k from the queue (or
	// zx_port_cancel_key did, which counts as taken). k is idle again and may
	// be queued at once. It is not called for a packet that a waiter had from
	// Port.Queue itself, nor for one that Port.Cancel withdrew, nor when the
	// last handle of the port closes.
	//
	// Locks: none of package object's held.
	PacketDequeued(k *PortPacket)
}

// packetKind says who owns the memory of a packet.
type packetKind uint8

const (
	packetKernel packetKind = iota // intrusive, part of its owner
	packetUser                     // allocated here for zx_port_queue
	packetSignal                   // part of a registration

	packetScanned packetKind = 1 << 7 // besides: a sweep stands here
)

// PortPacket is a place in a port's queue: an intrusive node that its owner
// embeds, so that queueing allocates nothing.
//
//	        Queue            Take takes it, CancelKey: PacketDequeued
//	(idle) -------> (queued) ----------------------------------------> (idle)
//	 ^  ^               | \
//	 |  |    Cancel     |  \  last handle of the port closed: nobody is told
//	 |  +---------------+   +-------------------------------> (dropped), for good
//	 +-- Queue gives it to a thread in line, which says so
type PortPacket struct {
	// Packet is what the waiter receives. It is read when the packet is
	// dequeued; write it only while the packet is idle.
	Packet zx.Packet

	owner      PacketOwner      // may be nil
	port       *Port            // guarded by port.mu: the queue it is in, nil while idle
	next, prev *PortPacket      // guarded by port.mu
	source     Source           // of a signal packet: the handle it watches
	account    *account.Account // pays for a user or signal packet
	kind       packetKind
}

// Init makes k an idle kernel packet; owner (may be nil) hears of its delivery.
func (k *PortPacket) Init(owner PacketOwner) { k.owner = owner }

// Port is a queue of packets, or of threads that wait for one, or neither: a
// packet for which a thread sleeps in line is that thread's at once.
type Port struct {
	Base

	mu         spin.Lock
	head, tail *PortPacket   // tail only while head is not nil
	waitHead   *PortWaiter   // nil while head is not
	waitTail   *PortWaiter   // only while waitHead is not nil
	spare      *PortPacket   // idle user packets, by next
	spares     int           // how many
	users      int           // user packets queued
	closed     bool          // no handle left
	place      *PortWaiter   // for the next Wait
	watching   *registration // registered for zx_object_wait_async, by portNext
	sweeps     *sweep        // that are under way
}

// PortWaiter is the place of one thread in the line of a port. It belongs to the
// thread and is reused. Init it once.
//
//	        Take: nothing queued           Queue: the packet is here
//	(idle) ----------------------> (in line) -------------> (served)
//	   ^                             |   | Queue, but         |
//	   |             Answer: given up|   | the thread is      | Answer
//	   +-----------------------------+   v awake already      |
//	   +---------------------------- (looks at the queue) <---+
type PortWaiter struct {
	Packet zx.Packet // what Take or Answer took

	w     Waiter
	next  *PortWaiter   // guarded by the port's mu, as the rest
	place atomic.Uint32 // written under mu
}

// Values of PortWaiter.place.
const (
	placeNone uint32 = iota
	placeInLine
	placeServed
)

// Init says whose place n is.
func (n *PortWaiter) Init(w Waiter) { n.w = w }

// Served says, after Take answered Waiting and a sleep, that the packet is here:
// Answer would say OK.
func (n *PortWaiter) Served() bool { return n.place.Load() == placeServed }

// KernelBytes is what a port is charged for.
func (*Port) KernelBytes() int64 { return portBytes }

// NewPort makes an empty port.
func NewPort() *Port {
	p := new(Port)
	p.Base.Init(zx.ObjPort, 0)
	return p
}

// Queue gives k to the first thread in line, or appends it. taken says that a
// thread has it: k is idle again, as after PacketDequeued, which is not called.
// Pre: k is idle.
//
// Locks: takes Port.mu; callable under any lock above it.
// Errors: ErrBadHandle the last handle of the port is closed; k stays idle.
// Source: docs/pager.md 5.6.
//
//go:nosplit
func (p *Port) Queue(k *PortPacket) (taken bool, st zx.Status) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false, zx.ErrBadHandle
	}
	taken = p.serve(&k.Packet)
	if !taken {
		p.append(k)
	}
	p.mu.Unlock()
	return taken, zx.OK
}

// QueueUser forces the type of packet to USER and gives a copy to the first thread
// in line, or appends it; then a pays.
//
// Locks: takes Port.mu.
// Errors: ErrBadHandle the port is closed | ErrShouldWait PortUserPacketLimit
// user packets are queued already | ErrNoMemory.
// Source: docs/pager.md 3.17.
func (p *Port) QueueUser(a *account.Account, packet *zx.Packet) zx.Status {
	packet.Type = zx.PacketUser
	p.mu.Lock()
	st := zx.OK
	if p.closed {
		st = zx.ErrBadHandle
	} else if !p.serve(packet) {
		st = p.appendUser(a, packet)
	}
	p.mu.Unlock()
	return st
}

// appendUser is QueueUser with nobody in line. Locks: mu held.
func (p *Port) appendUser(a *account.Account, packet *zx.Packet) zx.Status {
	if p.users >= PortUserPacketLimit {
		return zx.ErrShouldWait
	}
	k := p.spare
	if k == nil || k.account != a {
		if st := a.Charge(packetBytes); st != zx.OK {
			return st
		}
	}
	if k != nil {
		p.spare, k.next = k.next, nil
		p.spares--
		if k.account != a {
			k.settle()
		}
	} else {
		k = &PortPacket{kind: packetUser}
	}
	k.Packet, k.account = *packet, a
	p.users++
	p.append(k)
	return zx.OK
}

// Cancel withdraws k and says whether it was still queued. False means that k
// was idle, was dropped with its port, or has been taken: then PacketDequeued
// has run or is about to.
//
// Locks: takes Port.mu; callable under any lock above it. O(1).
func (p *Port) Cancel(k *PortPacket) bool {
	p.mu.Lock()
	queued := k.port == p && !p.closed
	if queued {
		p.unlink(k)
	}
	p.mu.Unlock()
	return queued
}

// Take takes the oldest packet into n.Packet. If there is none it puts n in line:
// the caller sleeps, then asks Answer.
//
// Locks: none held; takes Port.mu. PacketDequeued of the packet's owner runs
// on this thread before Take returns, as before Answer does.
// Errors: OK taken | Waiting in line.
// Source: docs/pager.md 3.17.
//
//go:nosplit
func (p *Port) Take(n *PortWaiter) zx.Status {
	p.mu.Lock()
	if p.head != nil {
		p.take(n) // and unlocks
		return zx.OK
	}
	n.next = nil
	n.place.Store(placeInLine)
	if p.waitHead == nil {
		p.waitHead = n
	} else {
		p.waitTail.next = n
	}
	p.waitTail = n
	p.mu.Unlock()
	return Waiting
}

// Answer goes on with a wait after a sleep, of which woken is the outcome. A
// queued packet is taken even when the deadline is past. Closing the port does
// not end the wait.
//
// Locks: none held; takes Port.mu.
// Errors: OK n.Packet is there | Waiting still in line: sleep again | woken
// itself. n is idle, or served, after all but Waiting.
// Source: docs/pager.md 3.17.
func (p *Port) Answer(n *PortWaiter, woken zx.Status) zx.Status {
	p.mu.Lock()
	if n.Served() { // also if the thread was interrupted since
		p.mu.Unlock()
		return zx.OK
	}
	switch {
	case p.head != nil && (woken == zx.OK || woken == zx.ErrTimedOut):
		p.take(n) // and unlocks
		return zx.OK
	case woken != zx.OK:
		// A thread that was killed or suspended takes nothing: the packet would
		// be lost with it.
		if n.place.Load() == placeInLine {
			p.leave(n)
		}
		p.mu.Unlock()
		return woken
	case n.place.Load() == placeNone:
		// Woken for a packet that another thread took: keep the turn.
		n.next = p.waitHead
		n.place.Store(placeInLine)
		if p.waitHead == nil {
			p.waitTail = n
		}
		p.waitHead = n
	}
	p.mu.Unlock()
	return Waiting
}

// Wait is Take, a sleep of w, and Answer until there is one.
//
// Errors: OK | what w.Wait answers: ErrTimedOut, ErrInternalIntrKilled,
// ErrInternalIntrRetry.
func (p *Port) Wait(w Waiter, deadline zx.Time, out *zx.Packet) zx.Status {
	p.mu.Lock()
	n := p.place
	p.place = nil
	p.mu.Unlock()
	if n == nil {
		n = new(PortWaiter)
	}
	n.w = w
	st := p.Take(n)
	for st == Waiting {
		st = p.Answer(n, w.Wait(zx.ThreadBlockedPort, deadline))
	}
	if st == zx.OK {
		*out = n.Packet
	}
	p.mu.Lock()
	p.place = n
	p.mu.Unlock()
	return st
}

// take moves the oldest packet into n, which is in no line, and tells the
// packet's owner. Pre: there is a packet. Locks: mu held; released here.
func (p *Port) take(n *PortWaiter) {
	k := p.head
	n.Packet = k.Packet
	owner := k.owner
	next := k.next
	if p.head = next; next != nil {
		next.prev, k.next = nil, nil
	}
	k.port = nil
	if k.kind != packetKernel {
		p.retire(k, next)
	}
	p.mu.Unlock()
	if owner != nil {
		owner.PacketDequeued(k)
	}
}

// serve wakes the first thread that sleeps in line and gives it a copy of packet;
// false if none does. One that something else has woken looks at the queue by
// itself when it runs. Locks: mu held.
//
//go:nosplit
func (p *Port) serve(packet *zx.Packet) bool {
	for n := p.waitHead; n != nil; n = p.waitHead {
		p.waitHead = n.next
		if n.w.Wake() {
			n.Packet = *packet
			n.place.Store(placeServed) // at last: the thread looks without the lock
			return true
		}
		n.place.Store(placeNone)
	}
	return false
}

// CancelKey removes every queued packet that carries key, page requests
// included, and every registration of zx_object_wait_async that does. It tells
// the owners of kernel packets as if they had been delivered, and says how many
// it removed. It yields by y as often as it must, whose answers it ignores but for a
// kill.
//
// Locks: none held; takes Port.mu, then each object's.
// Source: docs/pager.md 3.17 (zx_port_cancel_key; the kernel quirk is not
// reproduced).
func (p *Port) CancelKey(key uint64, y zx.Yielder) int { return p.sweep(nil, key, true, y) }

// sweep is a way through the registrations of a port and its packets, in pieces:
// where the next one begins. What goes meanwhile moves it on.
type sweep struct {
	observer *registration
	packet   *PortPacket
	next     *sweep
}

// sweepPiece is how many registrations or packets a piece looks at, of which one
// that is removed counts as alertWeight.
const sweepPiece = 512

// sweep removes the packets that carry key, and with registrations also those: of
// any source, or only signal packets of the one given. It says how many it removed.
// A registration that fires meanwhile is a packet.
func (p *Port) sweep(source *Source, key uint64, registrations bool, y zx.Yielder) (removed int) {
	s := new(sweep)
	p.mu.Lock()
	if p.closed { // what it has is being forgotten
		p.mu.Unlock()
		return 0
	}
	s.next, p.sweeps = p.sweeps, s
	if registrations {
		s.observer = p.watching
	}
	s.packet = p.head
	p.stand(s)
	p.mu.Unlock()
	b := zx.Budget{By: y}
	for _, piece := range []func(*sweep, *Source, uint64) (int, bool){p.sweepObservers, p.sweepPackets} {
		for more := true; more; {
			n := 0
			n, more = piece(s, source, key)
			removed += n
			if b.Spend(sweepPiece/2) && b.Look() == zx.ErrInternalIntrKilled {
				break
			}
		}
	}
	p.mu.Lock()
	at := &p.sweeps
	for *at != s {
		at = &(*at).next
	}
	*at = s.next
	p.mu.Unlock()
	return removed
}

// stand marks where s stands. Locks: mu held.
func (p *Port) stand(s *sweep) {
	if s.observer != nil {
		s.observer.scanned = true
	}
	if s.packet != nil {
		s.packet.kind |= packetScanned
	}
}

// sweepObservers is a piece of sweep, and says whether more is left. Locks: none held.
func (p *Port) sweepObservers(s *sweep, source *Source, key uint64) (removed int, more bool) {
	var found []*registration
	p.mu.Lock()
	for n := sweepPiece; s.observer != nil && n > 0 && !p.closed; n-- {
		o := s.observer
		if s.observer = o.portNext; o.packet.Packet.Key == key && (source == nil || o.source == *source) {
			found = append(found, o)
			n -= alertWeight - 1
		}
	}
	if p.closed {
		s.observer, s.packet = nil, nil
	}
	p.stand(s)
	more = s.observer != nil
	p.mu.Unlock()
	for _, o := range found {
		b := o.of
		b.mu.Lock()
		if o.base != nil {
			b.remove(&o.Observer)
			p.unwatch(o)
			removed++
		}
		b.mu.Unlock()
	}
	return removed, more
}

// sweepPackets is sweepObservers for packets.
func (p *Port) sweepPackets(s *sweep, source *Source, key uint64) (removed int, more bool) {
	var told *PortPacket // removed kernel packets, by next
	p.mu.Lock()
	for n := sweepPiece; s.packet != nil && n > 0; n-- {
		k := s.packet
		s.packet = k.next
		kind := k.kind &^ packetScanned
		if k.Packet.Key != key || source != nil && (kind != packetSignal || k.source != *source) {
			continue
		}
		owner := k.owner
		p.unlink(k)
		removed++
		n -= alertWeight - 1
		if owner != nil {
			k.next, told = told, k
		}
	}
	p.stand(s)
	more = s.packet != nil
	p.mu.Unlock()
	for told != nil {
		k := told
		told, k.next = k.next, nil
		k.owner.PacketDequeued(k)
	}
	return removed, more
}

// OnZeroHandles drops what is queued and refuses more. Threads that wait keep
// waiting; owners of dropped packets are not told, so a page source's slot
// stays busy. Source: docs/pager.md 2.3.
func (p *Port) OnZeroHandles() {
	p.mu.Lock()
	p.closed = true
	dropped := p.head
	for k := p.spare; k != nil; k = k.next {
		k.settle()
	}
	p.head, p.tail, p.spare = nil, nil, nil
	p.users, p.spares = 0, 0
	for s := p.sweeps; s != nil; s = s.next {
		s.packet, s.observer = nil, nil
	}
	p.mu.Unlock()
	Do(func(b *zx.Budget) bool {
		for k := dropped; k != nil; k = dropped {
			dropped = k.next
			// k.port stays set: a dropped packet is never idle again.
			k.next, k.prev = nil, nil
			k.settle()
			if b.Spend(2) {
				return true
			}
		}
		return p.forgetSome(b)
	})
}

// Depth gives the number of queued packets, for reports and tests.
func (p *Port) Depth() int {
	p.mu.Lock()
	n := 0
	for k := p.head; k != nil; k = k.next {
		n++
	}
	p.mu.Unlock()
	return n
}

// append puts k behind all that are queued. Pre: nobody is in line. Locks: mu held.
func (p *Port) append(k *PortPacket) {
	if k.port != nil {
		k.busy(p)
	}
	k.port = p
	if p.head == nil {
		p.head = k
	} else {
		k.prev, p.tail.next = p.tail, k
	}
	p.tail = k
}

// busy reports that k, which p is to queue, is not idle.
func (k *PortPacket) busy(p *Port) {
	panic(fmt.Sprintf("object.Port.Queue: packet is not idle: port koid %d, packet in port koid %d, key %#x type %d",
		p.koid, k.port.koid, k.Packet.Key, k.Packet.Type))
}

// unlink takes k out of the queue and recycles a user packet. Locks: mu held.
func (p *Port) unlink(k *PortPacket) {
	next, prev := k.next, k.prev
	if prev == nil {
		p.head = next
	} else {
		prev.next, k.prev = next, nil
	}
	if next == nil {
		p.tail = prev
	} else {
		next.prev, k.next = prev, nil
	}
	k.port = nil
	if k.kind != packetKernel {
		p.retire(k, next)
	}
}

// settle gives back what a packet that belongs to no source was charged for.
func (k *PortPacket) settle() {
	switch k.kind &^ packetScanned {
	case packetUser:
		k.account.Release(packetBytes)
	case packetSignal:
		k.account.Release(observerBytes)
	}
	k.account = nil
}

// retire ends a packet that does not belong to its source, and tells sweeps that
// stand at it of the next one. Locks: mu held.
func (p *Port) retire(k, next *PortPacket) {
	if k.kind&packetScanned != 0 {
		for s := p.sweeps; s != nil; s = s.next {
			if s.packet == k {
				s.packet = next
			}
		}
		if k.kind &^= packetScanned; next != nil {
			next.kind |= packetScanned
		}
		if k.kind == packetKernel {
			return
		}
	}
	if k.kind == packetUser {
		p.users--
		if p.spares < spares {
			p.spares++
			k.next, p.spare = p.spare, k // and stays paid for
			return
		}
	}
	k.settle()
}

// leave takes n out of the line, which is rare and looks through it. Locks: mu
// held.
func (p *Port) leave(n *PortWaiter) {
	var before *PortWaiter
	for at := p.waitHead; at != n; at = at.next {
		before = at
	}
	if before == nil {
		p.waitHead = n.next
	} else {
		before.next = n.next
	}
	if p.waitTail == n {
		p.waitTail = before
	}
	n.place.Store(placeNone)
}
