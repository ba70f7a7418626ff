//go:build !tamago

// On the host only: what waits here for a CPU does not give its own to a timer.

package kernel

import (
	"testing"
	"time"
)

// kicked is a board whose CPUs do something when they are kicked.
type kicked struct {
	Board
	do func(cpu int)
}

func (b kicked) Kick(cpu int) { b.do(cpu) }

// TestShootdown: a CPU in ring 3 with the page table is marked, then kicked, and waited
// for until it has left, though it may be back already; no other is disturbed.
func TestShootdown(t *testing.T) {
	const root, other = 0x1000, 0x2000
	for _, c := range []struct {
		name         string
		root         uint64
		user, after  uint64 // before it is kicked, and then
		kicks, marks bool
	}{
		{"in ring 3", root, 5, 0, true, true},
		{"in ring 3, and back at once", root, 5, 6, true, true},
		{"in ring 0", root, 0, 0, false, true},
		{"elsewhere", other, 5, 5, false, false},
	} {
		me, it, kicks := &percpu{}, &percpu{id: 1}, 0
		it.crossing.root.Store(c.root)
		it.crossing.user.Store(c.user)
		k := &Kernel{cpus: []*percpu{me, it}}
		k.machine = kicked{do: func(cpu int) {
			if kicks++; cpu != 1 || !it.crossing.stale.Load() {
				t.Errorf("%s: CPU %d kicked, marked %v", c.name, cpu, it.crossing.stale.Load())
			}
			time.AfterFunc(time.Millisecond, func() { it.crossing.user.Store(c.after) })
		}}
		done := make(chan bool)
		go func() {
			k.shootdown(root, me)
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: still waits", c.name)
		}
		if kicks == 1 != c.kicks || it.crossing.stale.Load() != c.marks || it.crossing.user.Load() != c.after {
			t.Errorf("%s: %d kicks, marked %v, user %d", c.name, kicks, it.crossing.stale.Load(), it.crossing.user.Load())
		}
	}
}

// TestEnter: a CPU that goes to ring 3 says so, each time by another number.
func TestEnter(t *testing.T) {
	c, last := &percpu{}, uint64(0)
	for range 3 {
		c.enter()
		if now := c.crossing.user.Load(); now == 0 || now == last {
			t.Errorf("in ring 3 for stay %d, after stay %d", now, last)
		}
		last = c.crossing.user.Load()
		c.crossing.user.Store(0)
	}
}
