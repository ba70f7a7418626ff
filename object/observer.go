package object

import (
	"encoding/binary"

	"faultline/account"
	"faultline/avl"
	"faultline/zx"
)

// observerBytes is what a registration of zx_object_wait_async is charged for,
// until the packet it becomes is taken.
var observerBytes = account.Bytes(352)

// Source names the handle through which a wait was made: closing that handle
// ends the wait, closing another handle of the same object does not.
type Source struct {
	Table  *HandleTable
	Handle zx.Handle
}

// Observer is one wait on an object's signals: a thread in zx_object_wait_one
// or a registration of zx_object_wait_async.
type Observer struct {
	base       *Base // guarded by base.mu: nil once fired or cancelled
	next, prev *Observer
	trigger    zx.Signals
	source     Source

	of *Base // the object, also after base is nil; constant

	// zx_object_wait_one.
	waiter   Waiter
	observed zx.Signals // at the time it fired
	canceled bool

	// zx_object_wait_async.
	port               *Port
	packet             PortPacket
	portNext, portPrev *Observer // guarded by port.mu
	now                func() zx.Time
	edge               bool
	node               avl.Node[Observer] // in base's asyncWatch
}

// Signals gives the signals asserted now.
func (b *Base) Signals() zx.Signals { return zx.Signals(b.signals.Load()) }

// UpdateSignals deasserts clear, then asserts set, and fires the observers that
// this satisfies.
//
// Locks: takes Base.mu and, for zx_object_wait_async, Port.mu.
func (b *Base) UpdateSignals(clear, set zx.Signals) {
	b.mu.Lock()
	old := b.Signals()
	now := old&^clear | set
	if now != old {
		b.signals.Store(uint32(now))
		b.alert(b.observers, old, now)
		if b.async != nil {
			b.alert(b.async.list, old, now)
		}
	}
	b.mu.Unlock()
}

// alert fires those of a list that a change of signals satisfies. Locks: mu held.
func (b *Base) alert(list *Observer, old, now zx.Signals) {
	for o := list; o != nil; {
		next := o.next
		active := now
		if o.edge {
			active = now &^ old
		}
		if o.trigger&active != 0 {
			b.fire(o, now)
		}
		o = next
	}
}

// Watch begins the wait of w for one of signals, through the handle source, and
// gives the signals asserted now. If none of them is asserted o waits: the
// caller sleeps, then asks o.Answer.
//
// Locks: none held; takes Base.mu.
// Errors: OK asserted | Waiting.
// Source: docs/pager.md 3.17, Zircon object_wait_one.
func (b *Base) Watch(o *Observer, w Waiter, source Source, signals zx.Signals) (zx.Signals, zx.Status) {
	*o = Observer{trigger: signals, source: source, waiter: w, of: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Signals()
	if now&signals != 0 {
		return now, zx.OK
	}
	b.add(o)
	return now, Waiting
}

// Answer goes on with the wait o after a sleep, of which woken is the outcome,
// and gives the signals seen last.
//
// Locks: none held; takes Base.mu.
// Errors: OK asserted | ErrCanceled the handle was closed (the signals then
// include HANDLE_CLOSED) | Waiting sleep again | woken itself. o waits no
// more after all but Waiting.
func (o *Observer) Answer(woken zx.Status) (zx.Signals, zx.Status) {
	b := o.of
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case o.base != nil && woken == zx.OK:
		return 0, Waiting
	case o.base != nil:
		b.remove(o)
		return b.Signals(), woken
	case o.canceled:
		return o.observed | zx.SignalHandleClosed, zx.ErrCanceled
	}
	return o.observed, zx.OK
}

// AsyncWait says how zx_object_wait_async reports.
type AsyncWait struct {
	Port    *Port
	Key     uint64
	Signals zx.Signals
	Edge    bool             // only on a transition to asserted
	Account *account.Account // pays for the registration
	Now     func() zx.Time   // stamps the packet; nil leaves the timestamp zero
}

// WaitAsync registers a packet of type SIGNAL_ONE to be queued once, when one
// of a.Signals is asserted: at once if it is already, unless a.Edge.
//
// Locks: takes Base.mu and Port.mu.
// Errors: ErrBadHandle the port's last handle is closed | ErrNoMemory.
// Source: docs/pager.md 3.17.
func (b *Base) WaitAsync(source Source, a AsyncWait) zx.Status {
	if st := a.Account.Charge(observerBytes); st != zx.OK {
		return st
	}
	o := &Observer{trigger: a.Signals, source: source, port: a.Port, of: b, now: a.Now, edge: a.Edge}
	o.packet.account = a.Account
	o.packet.kind = packetSignal
	o.packet.source = source
	o.packet.Packet = zx.Packet{Key: a.Key, Type: zx.PacketSignalOne}
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := a.Port.watch(o); st != zx.OK {
		o.packet.settle()
		return st
	}
	b.add(o)
	if now := b.Signals(); !a.Edge && now&a.Signals != 0 {
		b.fire(o, now)
	}
	return zx.OK
}

// CancelAsync removes the registrations and queued packets that the handle
// source made on port with key, and says how many there were.
//
// Locks: none held; takes Base.mu, then Port.mu.
// Source: docs/pager.md 3.17 (zx_port_cancel).
func (b *Base) CancelAsync(source Source, port *Port, key uint64) int {
	removed := 0
	b.mu.Lock()
	b.ofHandle(source, func(o *Observer) {
		if o.port == port && o.packet.Packet.Key == key {
			b.remove(o)
			port.unwatch(o)
			removed++
		}
	})
	b.mu.Unlock()
	return removed + port.cancelSource(source, key)
}

// cancelHandle ends the waits made through source, a handle being closed.
// Packets already queued stay. A wait that begins at this moment, through a
// reference taken before, may miss it, with or without the look at watched.
// Locks: takes Base.mu, then Port.mu.
func (b *Base) cancelHandle(source Source) {
	if b.watched.Load() == 0 {
		return
	}
	b.mu.Lock()
	for o := b.observers; o != nil; {
		next := o.next
		if o.source == source {
			b.remove(o)
			o.observed, o.canceled = b.Signals(), true
			o.waiter.Wake()
		}
		o = next
	}
	b.ofHandle(source, func(o *Observer) {
		b.remove(o)
		o.port.unwatch(o)
	})
	b.mu.Unlock()
}

// asyncWatch is the registrations of zx_object_wait_async with an object: of
// which there may be very many, through many handles.
type asyncWatch struct {
	list     *Observer          // doubly linked, in no order
	byHandle avl.Tree[Observer] // keys are values of handles
}

// ofHandle calls f, which may remove it, with each registration made through
// source: O(log n) to find them. Locks: mu held.
func (b *Base) ofHandle(source Source, f func(*Observer)) {
	if b.async == nil {
		return
	}
	for n := b.async.byHandle.Heavy(uint64(source.Handle), 0); n != nil && n.Key() == uint64(source.Handle); {
		o := n.Owner()
		n = n.Next()
		if o.source == source {
			f(o)
		}
	}
}

// fire ends o's registration with the signals seen. Locks: mu held.
func (b *Base) fire(o *Observer, now zx.Signals) {
	b.remove(o)
	if o.port == nil {
		o.observed = now
		o.waiter.Wake()
		return
	}
	pay := &o.packet.Packet.Payload
	binary.LittleEndian.PutUint32(pay[0:], uint32(o.trigger))
	binary.LittleEndian.PutUint32(pay[4:], uint32(now))
	binary.LittleEndian.PutUint64(pay[8:], 1)
	if o.now != nil {
		binary.LittleEndian.PutUint64(pay[16:], uint64(o.now()))
	}
	o.port.queueSignal(o)
}

// add registers o. Locks: mu held.
func (b *Base) add(o *Observer) {
	o.base = b
	b.watched.Add(1)
	list := &b.observers
	if o.port != nil {
		if b.async == nil {
			b.async = new(asyncWatch)
		}
		list = &b.async.list
		b.async.byHandle.Insert(&o.node, o, uint64(o.source.Handle), 0)
	}
	o.next, o.prev = *list, nil
	if o.next != nil {
		o.next.prev = o
	}
	*list = o
}

// remove unregisters o. Locks: mu held.
func (b *Base) remove(o *Observer) {
	list := &b.observers
	if o.port != nil {
		list = &b.async.list
		b.async.byHandle.Remove(&o.node)
	}
	if o.prev == nil {
		*list = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	}
	o.next, o.prev, o.base = nil, nil, nil
	b.watched.Add(-1)
}

// watch links o to the port, so that the port's end is the
// registration's end. Locks: the object's mu held; takes mu.
func (p *Port) watch(o *Observer) zx.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return zx.ErrBadHandle
	}
	o.portNext, o.portPrev = p.watching, nil
	if o.portNext != nil {
		o.portNext.portPrev = o
	}
	p.watching = o
	return zx.OK
}

// unwatch undoes watch. Locks: the object's mu held; takes mu.
func (p *Port) unwatch(o *Observer) {
	p.mu.Lock()
	if !p.closed {
		p.unlinkObserver(o)
		o.packet.settle()
	}
	p.mu.Unlock()
}

// queueSignal turns the registration o into its packet. Locks: the object's mu
// held; takes mu.
func (p *Port) queueSignal(o *Observer) {
	p.mu.Lock()
	if !p.closed {
		p.unlinkObserver(o)
		if n := p.serve(); n != nil {
			n.Packet = o.packet.Packet
			o.packet.settle()
		} else {
			p.append(&o.packet)
		}
	}
	p.mu.Unlock()
}

// unlinkObserver takes o off the list of registrations. Locks: mu held.
func (p *Port) unlinkObserver(o *Observer) {
	if o.portPrev == nil {
		p.watching = o.portNext
	} else {
		o.portPrev.portNext = o.portNext
	}
	if o.portNext != nil {
		o.portNext.portPrev = o.portPrev
	}
	o.portNext, o.portPrev = nil, nil
}

// cancelObservers ends the registrations that carry key and says how many there
// were. One that fires meanwhile is a packet. Locks: none held; takes each
// object's mu, then p.mu.
func (p *Port) cancelObservers(key uint64) (removed int) {
	var found []*Observer
	p.mu.Lock()
	for o := p.watching; o != nil; o = o.portNext {
		if o.packet.Packet.Key == key {
			found = append(found, o)
		}
	}
	p.mu.Unlock()
	for _, o := range found {
		b := o.of
		b.mu.Lock()
		if o.base != nil {
			b.remove(o)
			p.unwatch(o)
			removed++
		}
		b.mu.Unlock()
	}
	return removed
}

// forgetObservers unregisters every observer of a closed port. A port that is
// closed gets no new ones and unwatch leaves the list alone, so the list is
// this thread's. Locks: none held; takes each object's mu.
func (p *Port) forgetObservers() {
	p.mu.Lock()
	list := p.watching
	p.watching = nil
	p.mu.Unlock()
	for o := list; o != nil; {
		next := o.portNext
		o.portNext, o.portPrev = nil, nil
		b := o.of
		b.mu.Lock()
		if o.base != nil {
			b.remove(o)
		}
		b.mu.Unlock()
		o.packet.settle()
		o = next
	}
}
