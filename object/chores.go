package object

import (
	"runtime"
	"sync/atomic"

	"faultline/spin"
	"faultline/zx"
)

// A chore is what is left of a deed whose length ring 3 has chosen: observers to
// be told of a signal, packets and messages to be ended. A little is done at once;
// the rest in pieces, by the thread whose deed it was, before it enters ring 3
// again, and by a goroutine if that thread does not come to it, or if it was nobody's.
// Threads of other processes do none of it. Nobody need wait for it but who wants to see the deed done.
//
//	Do, Later               step, again and again
//	---------> (its maker's) ------------------------> (nothing)
type chore struct {
	// step does a part of the work, as much as b allows, and says whether there
	// is more. Locks: none held.
	step  func(b *zx.Budget) (more bool)
	maker *Maker
	next  *chore
	order uint64
	busy  bool // somebody is at it
}

// Maker is who makes chores: a process, whose threads' time they take. The zero value has none.
// Guarded by chores.mu.
type Maker struct {
	head, tail *chore // the oldest first
	next, prev *Maker // in chores.makers while it has some
}

// chores is all there are.
var chores struct {
	mu      spin.Lock // a leaf
	makers  *Maker    // that have chores
	nobody  Maker     // of what is no process's
	made    uint64
	workers int // at a step
	maker   func() *Maker
	remind  func(of *Maker)
	helpers atomic.Int32 // goroutines of remind
}

// choresAtOnce is how many units of a zx.Budget a deed does at once. Who does many
// such deeds counts each as that.
const choresAtOnce = 32

// OnChores has maker say whose deed it is that is done here, nil for no process's, and
// remind called when chores of that maker are left to do: under any lock, so that it may
// only wake somebody, who calls Work. Without, a goroutine does them. maker may be wrong
// about a goroutine of the kernel: so a deed asks once.
func OnChores(maker func() *Maker, remind func(of *Maker)) {
	chores.maker, chores.remind = maker, remind
}

// who is whose deed is done here, nil for no process's.
func who() *Maker {
	if chores.maker == nil {
		return nil
	}
	return chores.maker()
}

// Later leaves a chore. Locks: any.
func Later(step func(b *zx.Budget) (more bool)) {
	m := who()
	push(m, step)
	remind(m)
}

func push(m *Maker, step func(b *zx.Budget) (more bool)) {
	if m == nil {
		m = &chores.nobody
	}
	c := &chore{step: step, maker: m}
	chores.mu.Lock()
	defer chores.mu.Unlock()
	chores.made++
	c.order = chores.made
	if m.head != nil {
		m.tail.next = c
	} else {
		m.head = c
		if m.next = chores.makers; m.next != nil {
			m.next.prev = m
		}
		chores.makers = m
	}
	m.tail = c
}

// remind says that m, nil for no process, has work left. Locks: any.
func remind(m *Maker) {
	if chores.remind != nil {
		chores.remind(m)
	} else {
		chores.helpers.Add(1)
		go func() {
			for WorkAll(nil) {
			}
			chores.helpers.Add(-1)
		}()
	}
}

// Do begins the work of step and leaves what is too much. If it is part of a chore
// it only leaves it, for a stack has an end. Locks: none held.
func Do(step func(b *zx.Budget) (more bool)) {
	m := who()
	push(m, step)
	chores.mu.Lock()
	first := chores.workers == 0
	chores.mu.Unlock()
	var b zx.Budget
	if first && !b.Spend(zx.BudgetUnits-choresAtOnce) {
		for {
			c, _ := takeChore(m, ^uint64(0))
			if c == nil || c.finish(c.step(&b)) || b.Spend(1) {
				break
			}
		}
	}
	if left(m) && (first || chores.remind != nil) {
		remind(m) // on a host the first of them does
	}
}

// left says whether there are chores of m, nil for anybody.
func left(m *Maker) bool {
	chores.mu.Lock()
	defer chores.mu.Unlock()
	if m == nil {
		return chores.makers != nil
	}
	return m.head != nil
}

// takeChore gives a chore of m, nil for anybody, that is not younger than until and
// nobody is at, nil if there is none; more says whether there are others.
func takeChore(m *Maker, until uint64) (c *chore, more bool) {
	chores.mu.Lock()
	defer chores.mu.Unlock()
	of := m
	if m == nil {
		of = chores.makers
	}
	for ; of != nil; of = of.next {
		for c = of.head; c != nil && c.order <= until; c = c.next {
			if !c.busy {
				c.busy = true
				chores.workers++
				return c, true
			}
			more = true
		}
		if m != nil {
			break
		}
	}
	return nil, more
}

// finish ends a step of c, and c unless there is more, which it passes on.
func (c *chore) finish(more bool) bool {
	chores.mu.Lock()
	defer chores.mu.Unlock()
	c.busy = false
	chores.workers--
	if more {
		return true
	}
	m := c.maker
	at, before := &m.head, (*chore)(nil)
	for *at != c { // the first, or behind those that others are at
		before, at = *at, &(*at).next
	}
	if *at = c.next; c.next == nil {
		m.tail = before
	}
	if m.head == nil {
		if m.next != nil {
			m.next.prev = m.prev
		}
		if m.prev != nil {
			m.prev.next = m.next
		} else {
			chores.makers = m.next
		}
		m.next, m.prev = nil, nil
	}
	return false
}

// Work does the chores of m, nil for anybody, that there are now, yielding by y, nil for
// nobody. It says whether it did: it stops early only when y says that the thread is being
// killed.
//
// Locks: none held.
func Work(m *Maker, y zx.Yielder) (done bool) {
	chores.mu.Lock()
	until := chores.made
	chores.mu.Unlock()
	for b := (zx.Budget{By: y}); ; {
		c, more := takeChore(m, until)
		if !more {
			return true
		}
		if c == nil {
			runtime.Gosched() // others are at what is left
		} else if !c.finish(c.step(&b)) && !b.Spend(1) {
			continue
		}
		if b.Look() == zx.ErrInternalIntrKilled {
			return false
		}
	}
}

// worksMost is how often WorkAll looks for chores that came of others. Somebody on
// another CPU may make new ones without end.
const worksMost = 1024

// WorkAll is Work for whom is here until there are none: also those that come of them,
// but leaves what comes worksMost chores deep to others, and says whether it left any.
// y's answers are ignored.
//
// Locks: none held.
func WorkAll(y zx.Yielder) (more bool) {
	m := who()
	for n := 0; n < worksMost; {
		if !left(m) {
			return false
		}
		if Work(m, y) {
			n++
		}
	}
	return true
}
