package object

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"faultline/zx"
)

// settle does what other tests have left, and waits for who is at it.
func settle() {
	for WorkAll(nil) || chores.helpers.Load() > 0 {
		runtime.Gosched()
	}
}

// TestChoresWithoutEnd: who waits for what has come of his deed does not wait for
// somebody who makes chores for ever; the rest is done when he stops.
func TestChoresWithoutEnd(t *testing.T) {
	settle()
	OnChores(nil, func(*Maker) {})
	defer OnChores(nil, nil)
	var made, done atomic.Int32
	var endless func(*zx.Budget) bool
	endless = func(*zx.Budget) bool {
		if done.Add(1); made.Load() < 10*worksMost {
			made.Add(1)
			Later(endless)
		}
		return false
	}
	made.Add(1)
	Later(endless)
	if !WorkAll(nil) || done.Load() > 2*worksMost {
		t.Errorf("%d chores done of what never ends", done.Load())
	}
	for WorkAll(nil) {
	}
	if done.Load() != made.Load() {
		t.Errorf("%d chores done of %d", done.Load(), made.Load())
	}
}

// TestOwnChores: a thread does what it left itself, and nothing of others.
func TestOwnChores(t *testing.T) {
	settle()
	var a, b Maker
	here := &a
	OnChores(func() *Maker { return here }, func(*Maker) {})
	defer OnChores(nil, nil)
	var done []string
	leave := func(m *Maker, what string, steps int) {
		here = m
		Later(func(*zx.Budget) bool {
			done = append(done, what)
			steps--
			return steps > 0
		})
	}
	leave(&a, "a", 2)
	leave(nil, "nobody", 1)
	leave(&b, "b", 3)
	leave(&a, "A", 1)
	here = &a
	if WorkAll(nil); fmt.Sprint(done) != "[a a A]" {
		t.Errorf("a did %v", done)
	}
	done = nil
	if here = &b; WorkAll(nil) || fmt.Sprint(done) != "[b b b]" {
		t.Errorf("b did %v", done)
	}
	leave(&b, "b", 1)
	done = nil
	if here = nil; WorkAll(nil) || len(done) != 2 || chores.makers != nil || a.head != nil || b.head != nil || b.next != nil || b.prev != nil {
		t.Errorf("the kernel did %v", done)
	}
}

// TestDeedAsksOnce: a deed of the kernel's is nobody's to its end, and done by who works for
// anybody, though a thread's turn begins meanwhile: its executor waited for a lock.
func TestDeedAsksOnce(t *testing.T) {
	settle()
	var a Maker
	here, reminded, done := (*Maker)(nil), 0, 0
	OnChores(func() *Maker {
		m := here
		here = &a
		return m
	}, func(of *Maker) {
		if reminded++; of != nil {
			t.Error("a thread is reminded of what it has not left")
		}
	})
	defer OnChores(nil, nil)
	step := func(*zx.Budget) bool {
		done++
		return done < 2
	}
	Do(step)
	if done != 1 || reminded != 1 {
		t.Errorf("%d steps of a deed, reminded %d times", done, reminded)
	}
	if Work(nil, nil); done != 2 {
		t.Errorf("%d steps of the rest", done)
	}
	here, done = nil, 1
	Later(step)
	if Work(nil, nil); done != 2 || reminded != 2 {
		t.Errorf("%d steps of what was left, reminded %d times", done, reminded)
	}
}

// killed is a thread that is being killed, and what its CPU does when it yields.
type killed struct{ others func() }

func (k killed) Yield() zx.Status {
	k.others()
	return zx.ErrInternalIntrKilled
}

// TestChoresOfTheKilled: who ends does all that is left of it, however much, and waits
// for what another is at.
func TestChoresOfTheKilled(t *testing.T) {
	settle()
	var m Maker
	OnChores(func() *Maker { return &m }, func(*Maker) {})
	defer OnChores(nil, nil)
	done, steps := 0, 0
	for range 2 * worksMost {
		Later(func(b *zx.Budget) bool {
			done++
			b.Spend(zx.BudgetUnits)
			return false
		})
	}
	c, _ := takeChore(&m, ^uint64(0)) // another is
	others := func() {
		if steps++; steps == 3*worksMost && c.finish(c.step(&zx.Budget{})) {
			t.Error("there is more")
		}
	}
	if WorkAll(killed{others}) || done != 2*worksMost {
		t.Errorf("%d chores done of %d", done, 2*worksMost)
	}
}
