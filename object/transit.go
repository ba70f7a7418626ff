package object

import (
	"runtime"

	"faultline/spin"
	"faultline/zx"
)

// transit knows of the channel ends whose handles wait in queues of channels, so
// that those which nobody can reach any more are found.
//
// A queue keeps the handles in it, and with them the queues of those ends, so
// ends that wait in each other's queues would keep each other for ever, and
// whatever else waits there. An end is reached from a handle outside of all
// queues, or from the queue of an end that is reached; all others are garbage
// (collect).
//
//	end.queued   handles of the end that wait in queues; all it has: none outside
//	end.holds    handles of ends that wait in the end's queue
//	transit.list the ends whose holds is not 0
//
// Locks: mu comes before the locks of all pairs. While it is held no handle of an
// end moves into or out of a queue.
var transit inTransit

type inTransit struct {
	mu   spin.Lock
	list *Channel // by transNext, transPrev; guarded by mu
}

// enter says that m, with handles of ends, is in the queue of c now. Locks: mu and
// c's pair held.
func (t *inTransit) enter(c *Channel, m *Message) {
	for i := range m.Handles {
		if end, ok := m.Handles[i].Object.(*Channel); ok {
			end.queued++
		}
	}
	if c.holds == 0 {
		if c.transNext, c.transPrev = t.list, nil; t.list != nil {
			t.list.transPrev = c
		}
		t.list = c
	}
	c.holds += m.ends
}

// leave undoes enter.
func (t *inTransit) leave(c *Channel, m *Message) {
	for i := range m.Handles {
		if end, ok := m.Handles[i].Object.(*Channel); ok {
			end.queued--
		}
	}
	if c.holds -= m.ends; c.holds > 0 {
		return
	}
	if c.transPrev == nil {
		t.list = c.transNext
	} else {
		c.transPrev.transNext = c.transNext
	}
	if c.transNext != nil {
		c.transNext.transPrev = c.transPrev
	}
	c.transNext, c.transPrev = nil, nil
}

// Collect frees what waits in the queues of channel ends that nobody can reach.
// It is called when a process has ended and its handles are closed: that may have
// been the last to reach them.
//
// Locks: none held; takes transit.mu, then those of pairs one at a time.
func Collect() { unreads.discard(transit.garbage()) }

// garbage takes what waits at ends that nobody can reach.
func (t *inTransit) garbage() (all *Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []*Channel // reached, to be looked into
	reach := func(c *Channel) {
		if !c.reached && c.holds > 0 {
			c.reached = true
			found = append(found, c)
		}
	}
	for c := t.list; c != nil; c = c.transNext {
		c.reached = false
	}
	for c := t.list; c != nil; c = c.transNext {
		if c.Handles() > c.queued {
			reach(c)
		}
	}
	for len(found) > 0 {
		c := found[len(found)-1]
		found = found[:len(found)-1]
		c.pair.mu.Lock()
		for m := c.head; m != nil; m = m.next {
			for i := 0; m.ends > 0 && i < len(m.Handles); i++ {
				if end, ok := m.Handles[i].Object.(*Channel); ok {
					reach(end)
				}
			}
		}
		c.pair.mu.Unlock()
	}
	for c := t.list; c != nil; {
		next := c.transNext
		if !c.reached {
			c.pair.mu.Lock()
			list := c.takeAll() // leaves t.list
			c.pair.mu.Unlock()
			for list != nil {
				m := list
				list, m.next = m.next, all
				all = m
			}
		}
		c = next
	}
	return all
}

// discarder ends messages that nobody will read. Their handles may be the last
// ones of channels with unread messages in turn, however deep: those join the
// list of whoever is at work, for a stack has an end.
//
// Who closes a channel works off discardNow handles and messages; a goroutine
// does the rest, and lets others run in between. The end of a process waits until
// all is done (DiscardAll), so that what it had is gone with it.
type discarder struct {
	mu      spin.Lock
	list    *Message // guarded by mu
	workers int      // on list; guarded by mu
}

// unreads is the discarder of all channels.
var unreads discarder

// discardNow is how many messages and handles end at once.
const discardNow = zx.BudgetUnits

// discard ends the messages of list, which may be empty. Locks: none held.
func (d *discarder) discard(list *Message) {
	if list == nil {
		return
	}
	last := list
	for last.next != nil {
		last = last.next
	}
	d.mu.Lock()
	last.next, d.list = d.list, list
	if d.workers > 0 {
		d.mu.Unlock()
		return
	}
	d.workers = 1
	d.mu.Unlock()
	if d.work() {
		go func() {
			for d.work() {
				runtime.Gosched()
			}
		}()
	}
}

// work ends some messages, and says whether there are more; if not, the caller is
// no worker any more. Pre: the caller is one.
func (d *discarder) work() (more bool) {
	for n := 0; n < discardNow; {
		d.mu.Lock()
		m := d.list
		if m == nil {
			d.workers--
			d.mu.Unlock()
			return false
		}
		d.list = m.next
		d.mu.Unlock()
		n += 1 + len(m.Handles)
		m.Discard()
	}
	return true
}

// DiscardAll ends all messages that nobody will read, yielding by y, whose answer is
// ignored, as often as it must.
//
// Locks: none held.
func DiscardAll(y zx.Yielder) {
	unreads.mu.Lock()
	unreads.workers++
	unreads.mu.Unlock()
	for b := (zx.Budget{By: y}); unreads.work(); {
		b.Look()
	}
}
