package object

import (
	"runtime"

	"faultline/spin"
	"faultline/zx"
)

// A chore is what is left of a deed whose length ring 3 has chosen: observers to
// be told of a signal, packets and messages to be ended. A little is done at once;
// the rest in pieces, by the thread whose deed it was, before it enters ring 3
// again, and by a goroutine if that thread does not come to it. Nobody need wait
// for it but who wants to see the deed done.
//
//	Do, later             step, again and again
//	---------> (chores) ------------------------> (nothing)
type chore struct {
	// step does a part of the work, as much as b allows, and says whether there
	// is more. Locks: none held.
	step  func(b *zx.Budget) (more bool)
	next  *chore
	order uint64
	busy  bool // somebody is at it
}

// chores is all there are, the oldest first.
var chores struct {
	mu         spin.Lock // a leaf
	head, tail *chore
	made       uint64
	workers    int // at a step
	remind     func()
}

// choresAtOnce is how many units of a zx.Budget a deed does at once. Who does many
// such deeds counts each as that.
const choresAtOnce = 32

// OnChores has remind called when chores are left to do: under any lock, so that it
// may only wake somebody, who calls Work. Without, a goroutine does them.
func OnChores(remind func()) { chores.remind = remind }

// later leaves a chore. Locks: any.
func later(step func(b *zx.Budget) (more bool)) {
	push(step)
	Remind()
}

func push(step func(b *zx.Budget) (more bool)) {
	c := &chore{step: step}
	chores.mu.Lock()
	chores.made++
	c.order = chores.made
	if chores.head == nil {
		chores.head = c
	} else {
		chores.tail.next = c
	}
	chores.tail = c
	chores.mu.Unlock()
}

// Remind says that there is work left, of the kernel's perhaps. Locks: any.
func Remind() {
	if chores.remind != nil {
		chores.remind()
	} else {
		go func() {
			for WorkAll(nil) {
			}
		}()
	}
}

// Do begins the work of step and leaves what is too much. If it is part of a chore
// it only leaves it, for a stack has an end. Locks: none held.
func Do(step func(b *zx.Budget) (more bool)) {
	push(step)
	chores.mu.Lock()
	first := chores.workers == 0
	chores.mu.Unlock()
	var b zx.Budget
	if first && !b.Spend(zx.BudgetUnits-choresAtOnce) {
		for {
			c, _ := takeChore(^uint64(0))
			if c == nil || c.finish(c.step(&b)) {
				break
			}
		}
	}
	chores.mu.Lock()
	left := chores.head != nil
	chores.mu.Unlock()
	if left && (first || chores.remind != nil) {
		Remind() // on a host the first of them does
	}
}

// takeChore gives a chore not younger than until that nobody is at, nil if there is
// none; more says whether there are others.
func takeChore(until uint64) (c *chore, more bool) {
	chores.mu.Lock()
	defer chores.mu.Unlock()
	for c = chores.head; c != nil && c.order <= until; c = c.next {
		if !c.busy {
			c.busy = true
			chores.workers++
			return c, true
		}
		more = true
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
	at, before := &chores.head, (*chore)(nil)
	for *at != c { // the first, or behind those that others are at
		before, at = *at, &(*at).next
	}
	if *at = c.next; c.next == nil {
		chores.tail = before
	}
	return false
}

// Work does the chores that there are now, yielding by y, nil for nobody. It stops
// early only when y says that the thread is being killed.
//
// Locks: none held.
func Work(y zx.Yielder) {
	chores.mu.Lock()
	until := chores.made
	chores.mu.Unlock()
	for b := (zx.Budget{By: y}); ; {
		c, more := takeChore(until)
		if !more {
			return
		}
		if c == nil {
			runtime.Gosched() // others are at what is left
		} else if !c.finish(c.step(&b)) && !b.Spend(1) {
			continue
		}
		if b.Look() == zx.ErrInternalIntrKilled {
			return
		}
	}
}

// worksMost is how often WorkAll looks for chores that came of others. Somebody on
// another CPU may make new ones without end.
const worksMost = 1024

// WorkAll does chores until there are none: also those that come of them, but leaves
// what comes worksMost chores deep to others, and says whether it left any. y's
// answers are ignored.
//
// Locks: none held.
func WorkAll(y zx.Yielder) (more bool) {
	for range worksMost {
		chores.mu.Lock()
		left := chores.head != nil
		chores.mu.Unlock()
		if !left {
			return false
		}
		Work(y)
	}
	return true
}
