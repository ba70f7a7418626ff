package vmo

import (
	"sync"
	"testing"
	"time"
)

// popped takes the pages off their list as the evictor does before it has the
// VMO's lock.
func (b *bench) popped(n int) []victim {
	b.t.Helper()
	batch := make([]victim, n)
	if got, owner := b.st.pop(false, batch); got != n || owner != b.v.cow.id {
		b.t.Fatalf("popped %d pages of %d, want %d", got, owner, n)
	}
	return batch
}

// TestEvictBetweenPopAndLock has something happen to a page that the evictor
// took off its list, before it has the VMO's lock.
func TestEvictBetweenPopAndLock(t *testing.T) {
	for _, c := range []struct {
		name  string
		event func(b *bench)
		state State
		freed int
	}{
		{"nothing", func(b *bench) {}, Absent, 1},
		{"listed by DONT_NEED", func(b *bench) { b.ok(b.v.DontNeed(0, 8*pg, nil)) }, Absent, 1},
		{"listed by WRITEBACK_END", func(b *bench) {
			b.ok(b.touch(2, true))
			b.ok(b.v.WritebackBegin(0, 8*pg, false, nil))
			b.ok(b.v.WritebackEnd(0, 8*pg, nil))
			b.ok(b.v.DontNeed(0, 8*pg, nil)) // not lately used
		}, Absent, 1},
		{"ALWAYS_NEED", func(b *bench) { b.ok(b.v.AlwaysNeed(2*pg, pg, &b.req)) }, Clean, 0},
		{"used", func(b *bench) { b.ok(b.touch(2, false)) }, Clean, 0},
		{"written", func(b *bench) { b.ok(b.touch(2, true)) }, Dirty, 0},
		{"dropped", func(b *bench) { b.v.DropClean() }, Absent, 0},
		{"dropped and supplied", func(b *bench) {
			b.v.DropClean()
			b.ok(b.supply(2, 1, false))
			b.ok(b.touch(2, false))
		}, Clean, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 8, false)
			b.into(Clean)
			batch := b.popped(1)
			c.event(b)
			if n := b.v.cow.evict(false, batch, nil); n != c.freed {
				t.Errorf("freed %d, want %d", n, c.freed)
			}
			if s := b.state(2); s != c.state {
				t.Errorf("state %v, want %v", s, c.state)
			}
			b.close()
		})
	}
}

// TestEvictRaces evicts while pages are supplied, written back, dropped and
// hinted at, while the VMO changes its size, and in the end is detached; simulated
// memory watches the frames.
func TestEvictRaces(t *testing.T) {
	for stop, round := time.Now().Add(*raceTime), 0; round == 0 || time.Now().Before(stop); round++ {
		evictRace(t)
	}
}

func evictRace(t *testing.T) {
	b := newBench(t, 64, false)
	var wg sync.WaitGroup
	run := func(f func(i int, r *PageRequest)) {
		wg.Go(func() {
			var r PageRequest
			r.Init(b.src)
			for i := range 1000 {
				f(i, &r)
			}
		})
	}
	run(func(i int, _ *PageRequest) { b.supply(uint64(i%64), 1, false) })
	run(func(int, *PageRequest) { b.st.Evict(8, nil) })
	run(func(int, *PageRequest) { b.st.Reclaim(2, nil) })
	run(func(i int, _ *PageRequest) { b.v.DontNeed(uint64(i%64)*pg, pg, nil) })
	run(func(i int, r *PageRequest) {
		b.v.Lock()
		b.v.RequirePage(nil, uint64(i*7%64)*pg, true, r)
		b.v.Unlock()
	})
	run(func(int, *PageRequest) {
		b.v.WritebackBegin(0, 32*pg, false, nil)
		b.v.WritebackEnd(0, 32*pg, nil)
	})
	run(func(i int, r *PageRequest) {
		switch {
		case i == 800:
			b.v.Detach(nil)
		case i%50 == 0:
			b.v.DropClean()
		case i%20 == 0:
			b.v.SetSize(uint64(32+i%32)*pg, r)
		}
		b.v.AlwaysNeed(uint64(i*5%64)*pg, pg, r)
	})
	wg.Wait()
	b.close()
}
