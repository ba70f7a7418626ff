package object

import (
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
// A collection goes in pieces, as a chore, while handles move. So what is reached is
// marked, and whoever moves an end into or out of a queue meanwhile marks it too: he
// could reach it.
//
//	      Collect              list seen         none found          list seen
//	(idle) -----> (roots: list) --------> (marking) ------> (sweeping: list) ----> (idle)
//
// Messages that nobody will read leave their queue when they are ended (discard); an
// end knows of them until then.
//
// Locks: mu comes before the locks of all pairs. While it is held no handle of an
// end moves into or out of a queue.
var transit inTransit

type inTransit struct {
	mu    spin.Lock
	list  *Channel // by transNext, transPrev; guarded by mu, as the rest
	phase transitPhase
	epoch uint32   // of the collection: reached ends have it
	at    *Channel // in list: the next to look at
	found *Channel // reached, to be looked into, by Channel.found
	again bool     // another one is wanted
}

type transitPhase uint8

const (
	transitIdle transitPhase = iota
	transitRoots
	transitMarking
	transitSweeping
)

// enter says that m, with handles of ends, is in the queue of c now. Locks: mu and
// c's pair held.
func (t *inTransit) enter(c *Channel, m *Message) {
	if c.holds == 0 {
		if c.transNext, c.transPrev = t.list, nil; t.list != nil {
			t.list.transPrev = c
		}
		t.list = c
	}
	c.holds += m.ends
	t.move(m, 1)
	t.reach(c)
}

// leave undoes enter. Locks: mu held.
func (t *inTransit) leave(c *Channel, m *Message) {
	t.move(m, -1)
	if c.scan == m {
		c.scan = m.next
		c.scanOn()
	}
	if c.holds -= m.ends; c.holds > 0 {
		return
	}
	if t.at == c {
		t.at = c.transNext
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

// move counts the ends in m as queued n times more.
func (t *inTransit) move(m *Message, n int) {
	for i := range m.Handles {
		if end, ok := m.Handles[i].Object.(*Channel); ok {
			end.queued += n
			t.reach(end)
		}
	}
}

// reach marks c as reached if a collection is under way.
func (t *inTransit) reach(c *Channel) {
	if t.phase != transitIdle && c.reached != t.epoch && c.holds > 0 {
		c.reached = t.epoch
		c.found, t.found = t.found, c
	}
}

// scanOn moves c.scan to a message with ends, from which only leave moves it on.
func (c *Channel) scanOn() {
	for c.scan != nil && c.scan.ends == 0 {
		c.scan = c.scan.next
	}
}

// Collect has what waits in the queues of channel ends freed that nobody can reach:
// a chore. It is called when a process has ended and its handles are closed: that may
// have been the last to reach them.
//
// Locks: none held; takes transit.mu.
func Collect() {
	t := &transit
	t.mu.Lock()
	idle := t.phase == transitIdle && t.list != nil
	if t.again = t.phase != transitIdle; idle {
		t.start()
	}
	t.mu.Unlock()
	if idle {
		Do(t.step)
	}
}

// start begins a collection.
func (t *inTransit) start() {
	t.phase, t.at, t.again = transitRoots, t.list, false
	t.epoch++
}

// step is a piece of a collection.
func (t *inTransit) step(b *zx.Budget) (more bool) {
	var dead *Message
	t.mu.Lock()
	for !b.Spend(transitUnits) && t.phase != transitIdle {
		for n := transitPiece; n > 0 && t.phase != transitIdle; n-- {
			if all := t.one(dead); all != dead {
				dead = all
				n -= transitPiece / 2
				b.Spend(choresAtOnce)
			}
		}
	}
	if more = t.phase != transitIdle; !more && t.again && t.list != nil {
		t.start()
		more = true
	}
	t.mu.Unlock()
	if dead != nil {
		discard(dead)
	}
	return more
}

// transitPiece is how many ends or messages are looked at for transitUnits.
const (
	transitPiece = 8
	transitUnits = 4
)

// one looks at one end or message; dead, which it adds to, is what nobody can reach.
func (t *inTransit) one(dead *Message) *Message {
	c := t.at
	switch {
	case t.found != nil:
		t.look(t.found)
	case t.phase == transitRoots && c != nil:
		if t.at = c.transNext; c.Handles() > c.queued {
			t.reach(c)
		}
	case t.phase == transitRoots:
		t.phase = transitMarking
	case t.phase == transitMarking:
		t.phase, t.at = transitSweeping, t.list
	case c != nil:
		if t.at = c.transNext; c.reached != t.epoch {
			c.pair.mu.Lock()
			first, last := c.takeAll()
			c.pair.mu.Unlock()
			if first != nil {
				last.next, dead = dead, first
			}
		}
	default:
		t.phase = transitIdle
	}
	return dead
}

// look looks into a message of c, which was found, and lets c go after the last one.
func (t *inTransit) look(c *Channel) {
	c.pair.mu.Lock()
	if !c.scanning {
		c.scanning, c.scan = true, c.head
		c.scanOn()
	}
	m := c.scan
	if m != nil {
		c.scan = m.next
		c.scanOn()
	}
	done := c.scan == nil
	c.pair.mu.Unlock()
	if done {
		c.scanning = false
		t.found, c.found = c.found, nil
	}
	for i := 0; m != nil && i < len(m.Handles); i++ {
		if end, ok := m.Handles[i].Object.(*Channel); ok {
			t.reach(end)
		}
	}
}

// discard ends the messages of list, which may be empty and is of one end or of
// several: a chore. Their handles may be the last ones of channels with unread
// messages in turn, however deep. Locks: none held.
func discard(list *Message) {
	if list == nil {
		return
	}
	Do(func(b *zx.Budget) bool {
		for m := list; m != nil; m = list {
			m.leaveQueue()
			for len(m.Handles) > 0 {
				h := m.Handles[0]
				m.Handles = m.Handles[1:]
				h.Discard()
				if b.Spend(choresAtOnce / 2) {
					return true
				}
			}
			list = m.next
			m.Free()
			if b.Spend(1) {
				return true
			}
		}
		return false
	})
}

// leaveQueue undoes enter for a message that was taken off its queue unread.
func (m *Message) leaveQueue() {
	if m.unread != nil {
		transit.mu.Lock()
		transit.leave(m.unread, m)
		transit.mu.Unlock()
		m.unread = nil
	}
}
