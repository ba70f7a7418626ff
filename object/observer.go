package object

import (
	"encoding/binary"

	"faultline/account"
	"faultline/avl"
	"faultline/zx"
)

// observerBytes is what a registration of zx_object_wait_async is charged for,
// until the packet it becomes is taken.
var observerBytes = account.Bytes(480)

// Source names the handle through which a wait was made: closing that handle
// ends the wait, closing another handle of the same object does not.
type Source struct {
	Table  *HandleTable
	Handle zx.Handle
}

// Observer is one wait on an object's signals: a thread's in zx_object_wait_one, which is
// reused from wait to wait, or of a registration of zx_object_wait_async.
type Observer struct {
	base       *Base     // guarded by base.mu, as the rest: nil once fired or cancelled
	next, prev *Observer // in base.watch.list
	handle     *handleWatch
	hNext      *Observer // in handle.list
	hPrev      *Observer
	since      uint64 // base.watch.changes when it was made
	trigger    zx.Signals
	source     Source
	of         *Base         // the object, also after base is nil
	async      *registration // nil for a thread

	// A thread's.
	waiter   Waiter
	observed zx.Signals // at the time it fired
	canceled bool
	spare    *watch // of the last object it was the last to observe: its own
}

// registration is one of zx_object_wait_async.
type registration struct {
	Observer
	port               *Port
	packet             PortPacket
	portNext, portPrev *registration // guarded by port.mu, as scanned
	scanned            bool          // a sweep of the port stands here
	now                func() zx.Time
	edge               bool
}

// watch is who observes an object's signals, made for the first observer and gone
// with the last. A change of signals that concerns many is told in pieces, as a
// chore: until it is done, later changes wait in line, and whoever comes later is
// told only of those.
type watch struct {
	list    *Observer // the newest first
	handles avl.Tree[handleWatch]
	only    handleWatch // the first handle's, so that one wait allocates once
	changes uint64      // so far
	late    []change    // not told yet to all; the first is being told
	at      *Observer   // whom to tell next
}

// change is one of the signals: the number it was, and what was asserted before
// and after.
type change struct {
	number   uint64
	old, now zx.Signals
}

// handleWatch is the observers through one handle.
type handleWatch struct {
	source Source
	list   *Observer // by hNext, the newest first
	count  int
	closed bool                  // the handle is; its observers are being ended
	node   avl.Node[handleWatch] // in watch.handles while it has an observer and is not closed
}

// watchAtOnce is how many observers are told of a change, or ended with their
// handle, before the rest becomes a chore; alertPiece is how many are looked at in
// a piece of it, of which one that is told counts as alertWeight.
const (
	watchAtOnce = 32
	alertPiece  = 512
	alertWeight = 16
)

// Signals gives the signals asserted now.
func (b *Base) Signals() zx.Signals { return zx.Signals(b.signals.Load()) }

// UpdateSignals deasserts clear, then asserts set, and fires the observers that
// this satisfies. Of very many some are fired a moment later, in their order, but
// before the thread whose call this is enters ring 3.
//
// Locks: takes Base.mu and, for zx_object_wait_async, Port.mu.
func (b *Base) UpdateSignals(clear, set zx.Signals) {
	b.mu.Lock()
	old := b.Signals()
	now := old&^clear | set
	if now != old {
		b.signals.Store(uint32(now))
		if w := b.watch; w != nil {
			b.changed(w, old, now)
		}
	}
	b.mu.Unlock()
}

// changed tells the observers of a change. Locks: mu held.
func (b *Base) changed(w *watch, old, now zx.Signals) {
	w.changes++
	c := change{w.changes, old, now}
	if len(w.late) == 0 {
		if w.at = w.list; b.alert(w, c, watchAtOnce*alertWeight) {
			return
		}
		Later(func(budget *zx.Budget) bool { return b.alertLate(w, budget) })
	}
	w.late = append(w.late, c)
}

// alert fires the observers from w.at on that c satisfies, until it has looked at
// so many, and says whether it came to the end. Locks: mu held.
func (b *Base) alert(w *watch, c change, most int) (done bool) {
	for ; w.at != nil && most > 0; most-- {
		o := w.at
		w.at = o.next
		active := c.now
		if o.async != nil && o.async.edge {
			active &^= c.old
		}
		if o.trigger&active != 0 && o.since < c.number && !o.handle.closed {
			b.fire(o, c.now)
			most -= alertWeight - 1
		}
	}
	return w.at == nil
}

// alertLate is the chore of telling all of the changes in w.late.
func (b *Base) alertLate(w *watch, budget *zx.Budget) (more bool) {
	for {
		b.mu.Lock()
		if b.watch != w || len(w.late) == 0 { // the last observer went meanwhile
			b.mu.Unlock()
			return false
		}
		if b.alert(w, w.late[0], alertPiece) && len(w.late) > 0 {
			w.late = w.late[1:]
			w.at = w.list
		}
		b.mu.Unlock()
		if budget.Spend(alertPiece / 2) {
			return true
		}
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
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Signals()
	if now&signals != 0 {
		return now, zx.OK
	}
	*o = Observer{trigger: signals, source: source, waiter: w, of: b, spare: o.spare}
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
	if o.base != nil && woken == zx.OK {
		return 0, Waiting
	}
	observed, st := o.observed, zx.OK
	switch {
	case o.base != nil:
		b.remove(o)
		observed, st = b.Signals(), woken
	case o.canceled:
		observed, st = observed|zx.SignalHandleClosed, zx.ErrCanceled
	}
	*o = Observer{spare: o.spare} // it keeps nothing alive
	return observed, st
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
	o := &registration{Observer: Observer{trigger: a.Signals, source: source, of: b}, port: a.Port, now: a.Now, edge: a.Edge}
	o.async = o
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
	b.add(&o.Observer)
	if now := b.Signals(); !a.Edge && now&a.Signals != 0 {
		b.fire(&o.Observer, now)
	}
	return zx.OK
}

// CancelAsync removes the registrations and queued packets that the handle
// source made on port with key, and says how many there were. It yields by y as
// often as it must, whose answers it ignores but for a kill.
//
// Locks: none held; takes Base.mu, then Port.mu.
// Source: docs/pager.md 3.17 (zx_port_cancel).
func (b *Base) CancelAsync(source Source, port *Port, key uint64, y zx.Yielder) (removed int) {
	b.mu.Lock()
	few := true
	if h := b.handleWatch(source); h != nil {
		few = h.count <= alertPiece
		for o := h.list; few && o != nil; {
			next := o.hNext
			if a := o.async; a != nil && a.port == port && a.packet.Packet.Key == key {
				b.remove(o)
				port.unwatch(a)
				removed++
			}
			o = next
		}
	}
	b.mu.Unlock()
	return removed + port.sweep(&source, key, !few, y)
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
	h := b.handleWatch(source)
	if h != nil {
		h.closed = true
		b.watch.handles.Remove(&h.node)
		b.cancelSome(h)
	}
	b.mu.Unlock()
	if h != nil && h.list != nil {
		Later(func(budget *zx.Budget) bool {
			for {
				b.mu.Lock()
				b.cancelSome(h)
				more := h.list != nil
				b.mu.Unlock()
				if !more || budget.Spend(3*watchAtOnce) {
					return more
				}
			}
		})
	}
}

// cancelSome ends some of the waits through the closed handle of h. Locks: mu held.
func (b *Base) cancelSome(h *handleWatch) {
	for n := watchAtOnce; h.list != nil && n > 0; n-- {
		o := h.list
		b.remove(o)
		if a := o.async; a != nil {
			a.port.unwatch(a)
			continue
		}
		o.observed, o.canceled = b.Signals(), true
		o.waiter.Wake()
	}
}

// handleWatch gives the observers through source, nil for none. Locks: mu held.
func (b *Base) handleWatch(source Source) *handleWatch {
	if b.watch == nil {
		return nil
	}
	for n := b.watch.handles.Heavy(uint64(source.Handle), 0); n != nil && n.Key() == uint64(source.Handle); n = n.Next() {
		if h := n.Owner(); h.source == source {
			return h
		}
	}
	return nil
}

// fire ends o's registration with the signals seen. Locks: mu held.
func (b *Base) fire(o *Observer, now zx.Signals) {
	b.remove(o)
	a := o.async
	if a == nil {
		o.observed = now
		o.waiter.Wake()
		return
	}
	pay := &a.packet.Packet.Payload
	binary.LittleEndian.PutUint32(pay[0:], uint32(o.trigger))
	binary.LittleEndian.PutUint32(pay[4:], uint32(now))
	binary.LittleEndian.PutUint64(pay[8:], 1)
	if a.now != nil {
		binary.LittleEndian.PutUint64(pay[16:], uint64(a.now()))
	}
	a.port.queueSignal(a)
}

// add registers o. Locks: mu held.
func (b *Base) add(o *Observer) {
	if b.watch == nil {
		if b.watch, o.spare = o.spare, nil; b.watch == nil {
			b.watch = new(watch)
		}
	}
	w, h := b.watch, b.handleWatch(o.source)
	if h == nil {
		if h = &w.only; h.count > 0 {
			h = new(handleWatch)
		}
		*h = handleWatch{source: o.source}
		w.handles.Insert(&h.node, h, uint64(o.source.Handle), 0)
	}
	o.base, o.handle, o.since = b, h, w.changes
	b.watched.Add(1)
	if o.next = w.list; o.next != nil {
		o.next.prev = o
	}
	w.list = o
	if o.hNext = h.list; o.hNext != nil {
		o.hNext.hPrev = o
	}
	h.list = o
	h.count++
}

// remove unregisters o. Locks: mu held.
func (b *Base) remove(o *Observer) {
	w, h := b.watch, o.handle
	if w.at == o {
		w.at = o.next
	}
	if o.prev == nil {
		w.list = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	}
	if o.hPrev == nil {
		h.list = o.hNext
	} else {
		o.hPrev.hNext = o.hNext
	}
	if o.hNext != nil {
		o.hNext.hPrev = o.hPrev
	}
	o.next, o.prev, o.hNext, o.hPrev, o.handle, o.base = nil, nil, nil, nil, nil, nil
	if h.count--; h.count == 0 && !h.closed {
		w.handles.Remove(&h.node)
	}
	if b.watched.Add(-1) == 0 {
		if b.watch = nil; o.async == nil && !w.only.closed { // else a chore may be at it
			*w = watch{}
			o.spare = w
		}
	}
}

// watch links o to the port, so that the port's end is the
// registration's end. Locks: the object's mu held; takes mu.
func (p *Port) watch(o *registration) zx.Status {
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
func (p *Port) unwatch(o *registration) {
	p.mu.Lock()
	if !p.closed {
		p.unlinkObserver(o)
		o.packet.settle()
	}
	p.mu.Unlock()
}

// queueSignal turns the registration o into its packet. Locks: the object's mu
// held; takes mu.
func (p *Port) queueSignal(o *registration) {
	p.mu.Lock()
	if !p.closed {
		p.unlinkObserver(o)
		if p.serve(&o.packet.Packet) {
			o.packet.settle()
		} else {
			p.append(&o.packet)
		}
	}
	p.mu.Unlock()
}

// unlinkObserver takes o off the list of registrations. Locks: mu held.
func (p *Port) unlinkObserver(o *registration) {
	if o.scanned {
		for s := p.sweeps; s != nil; s = s.next {
			if s.observer == o {
				s.observer = o.portNext
			}
		}
		o.scanned = false
		if o.portNext != nil {
			o.portNext.scanned = true
		}
	}
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

// forgetSome unregisters observers of a closed port, until b is spent, and says
// whether there are more. A port that is closed gets no new ones and unwatch leaves
// the list alone, so the list is this thread's. Locks: none held; takes each
// object's mu.
func (p *Port) forgetSome(budget *zx.Budget) (more bool) {
	for o := p.watching; o != nil; o = p.watching {
		p.watching = o.portNext
		o.portNext, o.portPrev = nil, nil
		b := o.of
		b.mu.Lock()
		if o.base != nil {
			b.remove(&o.Observer)
		}
		b.mu.Unlock()
		o.packet.settle()
		if budget.Spend(3) {
			return true
		}
	}
	return false
}
