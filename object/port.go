package object

import (
	"fmt"

	"faultline/account"
	"faultline/spin"
	"faultline/zx"
)

// PortUserPacketLimit is how many user packets one port holds. Packets of the
// kernel are never counted and never refused. Source: docs/pager.md 1.6.
const PortUserPacketLimit = 4096

// spares bounds the user packets, and the places in line, that a port keeps for
// reuse. They are in what the port itself is charged for.
const spares = 4

// What is charged for a user packet, and for a port. The tests hold all such
// figures against the types.
var (
	packetBytes = account.Bytes(136)
	portBytes   = account.Bytes(280) + spares*(packetBytes+account.Bytes(32))
)

// PacketOwner is told when a packet it queued has left the port.
type PacketOwner interface {
	// PacketDequeued says that k was handed to a waiter (or removed by
	// zx_port_cancel_key, which counts as handed out). k is idle again and
	// may be queued at once. It is not called for a packet that Port.Cancel
	// withdrew, nor when the last handle of the port closes.
	//
	// Locks: none of package object's held.
	PacketDequeued(k *PortPacket)
}

// packetKind says who owns the memory of a packet.
type packetKind uint8

const (
	packetKernel packetKind = iota // intrusive, part of its owner
	packetUser                     // allocated here for zx_port_queue
	packetSignal                   // part of an Observer of zx_object_wait_async
)

// PortPacket is a place in a port's queue: an intrusive node that its owner
// embeds, so that queueing allocates nothing.
//
//	        Queue            Wait takes it, CancelKey: PacketDequeued
//	(idle) -------> (queued) ----------------------------------------> (idle)
//	   ^                | \
//	   |     Cancel     |  \  last handle of the port closed: nobody is told
//	   +----------------+   +-------------------------------> (dropped), for good
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

// Port is one FIFO of packets and the threads that wait for them.
//
// A packet is taken by the waiter itself when it runs, not handed to it when
// queued: until then Cancel still withdraws it.
type Port struct {
	Base

	mu         spin.Lock
	head, tail *PortPacket // tail only while head is not nil
	waitHead   *PortWaiter
	waitTail   *PortWaiter // only while waitHead is not nil
	spare      *PortPacket // idle user packets, by next
	spareNodes *PortWaiter // idle waiter nodes, by next
	spares     int         // packets
	nodes      int         // waiter nodes
	users      int         // user packets queued
	closed     bool        // no handle left
	watching   *Observer   // registered for zx_object_wait_async, by portNext
}

// PortWaiter is a place in the line of waiting threads. Places belong to the
// port and are reused; one is in the line or was taken out by the Queue that
// woke its thread.
type PortWaiter struct {
	w      Waiter
	next   *PortWaiter
	inLine bool
}

// KernelBytes is what a port is charged for.
func (*Port) KernelBytes() int64 { return portBytes }

// NewPort makes an empty port.
func NewPort() *Port {
	p := new(Port)
	p.Base.Init(zx.ObjPort, 0)
	return p
}

// Queue appends k and wakes the first waiter. Pre: k is idle.
//
// Locks: takes Port.mu; callable under any lock above it.
// Errors: ErrBadHandle the last handle of the port is closed; k stays idle.
// Source: docs/pager.md 5.6.
func (p *Port) Queue(k *PortPacket) zx.Status {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return zx.ErrBadHandle
	}
	p.enqueue(k)
	p.mu.Unlock()
	return zx.OK
}

// QueueUser appends a copy of packet, for which a pays, with its type forced to
// USER and wakes the first waiter.
//
// Locks: takes Port.mu.
// Errors: ErrBadHandle the port is closed | ErrShouldWait PortUserPacketLimit
// user packets are queued already | ErrNoMemory.
// Source: docs/pager.md 3.17.
func (p *Port) QueueUser(a *account.Account, packet *zx.Packet) zx.Status {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return zx.ErrBadHandle
	}
	if p.users >= PortUserPacketLimit {
		p.mu.Unlock()
		return zx.ErrShouldWait
	}
	k := p.spare
	if k == nil || k.account != a {
		if st := a.Charge(packetBytes); st != zx.OK {
			p.mu.Unlock()
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
	k.Packet.Type = zx.PacketUser
	p.users++
	p.enqueue(k)
	p.mu.Unlock()
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

// Take takes the oldest packet into out. If there is none it puts w in line and
// gives its place: the caller sleeps, then asks Answer.
//
// Locks: none held; takes Port.mu. PacketDequeued of the packet's owner runs
// on this thread before Take returns, as before Answer does.
// Errors: OK taken | ErrShouldWait in line.
// Source: docs/pager.md 3.17.
func (p *Port) Take(w Waiter, out *zx.Packet) (*PortWaiter, zx.Status) {
	p.mu.Lock()
	if p.head != nil {
		p.take(out) // and unlocks
		return nil, zx.OK
	}
	n := p.joinLine(w)
	p.mu.Unlock()
	return n, zx.ErrShouldWait
}

// Answer goes on with a wait after a sleep, of which woken is the outcome. A
// queued packet is taken even when the deadline is past. Closing the port does
// not end the wait.
//
// Locks: none held; takes Port.mu.
// Errors: OK taken | ErrShouldWait still in line: sleep again | woken itself:
// out is untouched. n is no place any more after all but ErrShouldWait.
// Source: docs/pager.md 3.17.
func (p *Port) Answer(n *PortWaiter, woken zx.Status, out *zx.Packet) zx.Status {
	p.mu.Lock()
	if woken == zx.OK && !n.inLine && p.head != nil {
		p.keep(n)
		p.take(out) // and unlocks
		return zx.OK
	}
	switch {
	case woken != zx.OK && (woken != zx.ErrTimedOut || p.head == nil):
		// A thread that was killed or suspended takes nothing: its packet
		// would be lost with it.
		p.leave(n)
		if p.waitHead != nil && p.head != nil {
			p.wakeFirst() // the wake that this thread consumed
		}
		p.mu.Unlock()
		return woken
	case p.head != nil:
		p.leave(n)
		p.take(out) // and unlocks
		return zx.OK
	case !n.inLine:
		// Woken, but another thread took the packet: keep the turn.
		p.rejoinFront(n)
	}
	p.mu.Unlock()
	return zx.ErrShouldWait
}

// Wait is Take, a sleep of w, and Answer until there is one.
//
// Errors: OK | what w.Wait answers: ErrTimedOut, ErrInternalIntrKilled,
// ErrInternalIntrRetry.
func (p *Port) Wait(w Waiter, deadline zx.Time, out *zx.Packet) zx.Status {
	n, st := p.Take(w, out)
	for st == zx.ErrShouldWait {
		st = p.Answer(n, w.Wait(zx.ThreadBlockedPort, deadline), out)
	}
	return st
}

// take moves the oldest packet into out, wakes the next waiter if there are
// more, as one wake may have been meant for several, and tells the packet's
// owner. Pre: there is a packet. Locks: mu held; released here.
func (p *Port) take(out *zx.Packet) {
	k := p.head
	*out = k.Packet
	owner := k.owner
	next := k.next
	if p.head = next; next != nil {
		next.prev, k.next = nil, nil
		if p.waitHead != nil {
			p.wakeFirst()
		}
	}
	k.port = nil
	if k.kind != packetKernel {
		p.retire(k)
	}
	p.mu.Unlock()
	if owner != nil {
		owner.PacketDequeued(k)
	}
}

// CancelKey removes every queued packet that carries key, page requests
// included, and every registration of zx_object_wait_async that does. It tells
// the owners of kernel packets as if they had been delivered, and says how many
// it removed.
//
// Locks: none held; takes Port.mu, then each object's.
// Source: docs/pager.md 3.17 (zx_port_cancel_key; the kernel quirk is not
// reproduced).
func (p *Port) CancelKey(key uint64) int {
	var told *PortPacket // removed kernel packets, newest first, by next
	removed := p.cancelObservers(key)
	p.mu.Lock()
	for k := p.head; k != nil; {
		next := k.next
		if k.Packet.Key == key {
			owner := k.owner
			p.unlink(k)
			removed++
			if owner != nil {
				k.next, told = told, k
			}
		}
		k = next
	}
	p.mu.Unlock()
	for told != nil {
		k := told
		told, k.next = k.next, nil
		k.owner.PacketDequeued(k)
	}
	return removed
}

// cancelSource removes the queued signal packets that came of source and carry
// key, and says how many.
func (p *Port) cancelSource(source Source, key uint64) int {
	removed := 0
	p.mu.Lock()
	for k := p.head; k != nil; {
		next := k.next
		if k.kind == packetSignal && k.source == source && k.Packet.Key == key {
			p.unlink(k)
			removed++
		}
		k = next
	}
	p.mu.Unlock()
	return removed
}

// OnZeroHandles drops what is queued and refuses more. Threads that wait keep
// waiting; owners of dropped packets are not told, so a page source's slot
// stays busy. Source: docs/pager.md 2.3.
func (p *Port) OnZeroHandles() {
	p.mu.Lock()
	p.closed = true
	for k := p.head; k != nil; {
		next := k.next
		// k.port stays set: a dropped packet is never idle again.
		k.next, k.prev = nil, nil
		k.settle()
		k = next
	}
	for k := p.spare; k != nil; k = k.next {
		k.settle()
	}
	p.head, p.tail, p.spare, p.spareNodes = nil, nil, nil, nil
	p.users, p.spares, p.nodes = 0, 0, 0
	p.mu.Unlock()
	p.forgetObservers()
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

// enqueue appends k and wakes the first waiter. Locks: mu held.
func (p *Port) enqueue(k *PortPacket) {
	if k.port != nil {
		panic(fmt.Sprintf("object.Port.Queue: packet is not idle: port koid %d, packet in port koid %d, key %#x type %d",
			p.koid, k.port.koid, k.Packet.Key, k.Packet.Type))
	}
	k.port = p
	if p.head == nil {
		p.head = k
	} else {
		k.prev, p.tail.next = p.tail, k
	}
	p.tail = k
	if n := p.waitHead; n != nil {
		// wakeFirst, by hand.
		p.waitHead = n.next
		n.inLine = false
		n.w.Wake()
	}
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
		p.retire(k)
	}
}

// settle gives back what a packet that belongs to no source was charged for.
func (k *PortPacket) settle() {
	switch k.kind {
	case packetUser:
		k.account.Release(packetBytes)
	case packetSignal:
		k.account.Release(observerBytes)
	}
	k.account = nil
}

// retire ends a packet that does not belong to its source. Locks: mu held.
func (p *Port) retire(k *PortPacket) {
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

// wakeFirst takes the first waiter out of line and wakes it. Pre: there is one.
// Locks: mu held.
func (p *Port) wakeFirst() {
	n := p.waitHead
	p.waitHead = n.next
	n.inLine = false
	n.w.Wake()
}

// joinLine gives a waiter node for w, at the end of the line. Locks: mu held.
func (p *Port) joinLine(w Waiter) *PortWaiter {
	n := p.spareNodes
	if n == nil {
		n = new(PortWaiter)
	} else {
		p.spareNodes = n.next
		p.nodes--
	}
	n.w, n.next, n.inLine = w, nil, true
	if p.waitHead == nil {
		p.waitHead = n
	} else {
		p.waitTail.next = n
	}
	p.waitTail = n
	return n
}

// rejoinFront puts n back at the head of the line. Locks: mu held.
func (p *Port) rejoinFront(n *PortWaiter) {
	n.next, n.inLine = p.waitHead, true
	if p.waitHead == nil {
		p.waitTail = n
	}
	p.waitHead = n
}

// leave takes n out of the line and keeps it for reuse. Locks: mu held.
func (p *Port) leave(n *PortWaiter) {
	if n.inLine {
		p.leaveLine(n)
	}
	p.keep(n)
}

// keep keeps n, which is out of the line, for reuse. Locks: mu held.
func (p *Port) keep(n *PortWaiter) {
	n.w = nil
	if p.nodes < spares && !p.closed {
		p.nodes++
		n.next, p.spareNodes = p.spareNodes, n
	}
}

// leaveLine takes n out of the line, which is rare and looks through it. Locks:
// mu held.
func (p *Port) leaveLine(n *PortWaiter) {
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
	n.inLine = false
}
