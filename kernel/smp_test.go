//go:build !tamago

// On the host only: what waits here for a CPU does not give its own to a timer.

package kernel

import (
	"sync/atomic"
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
		c.crossing.enter()
		if now := c.crossing.user.Load(); now == 0 || now == last {
			t.Errorf("in ring 3 for stay %d, after stay %d", now, last)
		}
		last = c.crossing.user.Load()
		c.crossing.user.Store(0)
	}
}

// TestShootdownRaces: nobody in ring 3 goes by a translation of before a shootdown that
// has ended, while one CPU changes the translation all the time, and another goes in and
// out as the executor does. A store of theirs that is no locked instruction comes late
// here too, on a machine that runs two threads at once.
func TestShootdownRaces(t *testing.T) {
	const root, enough = 0x1000, 100_000
	var entry, announced, stale, kicks atomic.Uint64
	var kick, stop atomic.Bool
	me, it := &percpu{}, &percpu{id: 1}
	k := &Kernel{cpus: []*percpu{me, it}, machine: kicked{do: func(int) {
		kicks.Add(1)
		kick.Store(true)
	}}}
	x := &it.crossing
	x.root.Store(root)
	done := make(chan bool)
	go func() {
		defer close(done)
		for cached := uint64(0); !stop.Load(); {
			if x.enter() {
				cached = entry.Load()
			}
			for n := 0; n < 200 && !kick.Load(); n++ {
				if cached < announced.Load() {
					stale.Add(1)
				}
			}
			x.user.Store(0)
			kick.Store(false)
		}
	}()
	end := time.Now().Add(20 * time.Second)
	for n := uint64(1); kicks.Load() < enough && stale.Load() == 0; n++ {
		entry.Store(n)
		k.shootdown(root, me)
		announced.Store(n)
		if n%1024 == 0 && time.Now().After(end) {
			t.Logf("a busy machine: %d times only that one found the other in ring 3", kicks.Load())
			break
		}
	}
	stop.Store(true)
	<-done
	if stale.Load() != 0 {
		t.Errorf("a translation of before was used, after %d kicks", kicks.Load())
	}
}
