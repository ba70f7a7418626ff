package vmo

import (
	"flag"
	"math/rand"
	"sync"
	"testing"
	"time"

	"faultline/mmu"
	"faultline/zx"
)

var raceTime = flag.Duration("family.race", time.Second, "how long the race of families runs")

// racer is a thread that answers what it asks itself.
type racer struct {
	req  PageRequest
	root *VMO
	st   *Store
}

func (*racer) Yield() zx.Status { return zx.OK }
func (*racer) Wake() bool       { return false }
func (r *racer) Wait(zx.ThreadState, zx.Time) zx.Status {
	r.root.fam.source.Lock()
	off, length, kind := r.req.Offset, r.req.Length, r.req.Kind
	r.root.fam.source.Unlock()
	if kind == RequestDirty {
		r.root.DirtyPages(off, length, nil)
		return zx.OK
	}
	run := PageRun{}
	for run.Length < length {
		if p, st := r.st.Append(&run); st == zx.OK {
			p[0] = 1
		} else {
			break
		}
	}
	r.root.SupplyPages(off, &run)
	return zx.OK
}

// deafPager sends nothing anywhere.
type deafPager struct{ PageSource }

func (*deafPager) Send(*PageRequest)                  {}
func (*deafPager) Clear(*PageRequest)                 {}
func (*deafPager) Swap(r, heir *PageRequest)          {}
func (*deafPager) OnDetach()                          {}
func (*deafPager) OnGone()                            {}
func (*deafPager) Later(work func(b *zx.Budget) bool) { go finish(work) }
func (*deafPager) Awaited()                           {}

// TestFamiliesRace makes, uses and closes children of one root, anonymous or a
// pager's, from several threads, while pages are evicted and written back and in
// the end the root is detached. The race detector and simulated memory watch.
func TestFamiliesRace(t *testing.T) {
	for round, stop := 0, time.Now().Add(*raceTime); time.Now().Before(stop); round++ {
		familyRace(t, round%3 != 0, round%3 == 1)
	}
}

func familyRace(t *testing.T, paged, traps bool) {
	const pages = 16
	mem := mmu.NewSimulated(4000)
	st := NewStore(mem)
	src := &deafPager{}
	src.Init(src, traps, &RequestStats{})
	var root *VMO
	var status zx.Status
	if paged {
		root, status = st.NewPaged(pages*pg, zx.VMOResizable, &src.PageSource)
	} else {
		root, status = st.New(pages*pg, zx.VMOResizable)
	}
	if status != zx.OK {
		t.Fatal(status)
	}
	var wg sync.WaitGroup
	run := func(seed int64, f func(w *racer, r *rand.Rand, i int)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := &racer{root: root, st: st}
			w.req.Init(w)
			r := rand.New(rand.NewSource(seed))
			for i := 0; i < 150; i++ {
				f(w, r, i)
			}
		}()
	}
	kinds := []uint32{zx.VMOChildSnapshot, zx.VMOChildSnapshotAtLeastOnWrite, zx.VMOChildSnapshotModified, zx.VMOChildReference}
	for id := int64(0); id < 3; id++ {
		mine, pins := []*VMO{}, []func(){}
		run(id, func(w *racer, r *rand.Rand, i int) {
			v := root
			if len(mine) > 0 {
				v = mine[r.Intn(len(mine))]
			}
			at := uint64(r.Intn(pages)) * pg
			switch op := r.Intn(11); {
			case op < 3 && len(mine) < 6:
				from := v
				if r.Intn(2) == 0 {
					from = root
				}
				kind, size := kinds[r.Intn(len(kinds))], uint64(pages*pg)
				if kind == zx.VMOChildReference {
					size = 0
				}
				if c, st := from.CreateChild(kind, 0, size); st == zx.OK {
					mine = append(mine, c)
				}
			case op == 3 && len(mine) > 0:
				k := r.Intn(len(mine))
				mine[k].Release()
				mine = append(mine[:k], mine[k+1:]...)
			case op == 4:
				v.Zero(at, 2*pg, &w.req)
			case op == 5:
				v.Commit(at, pg, &w.req)
			case op == 6:
				var run PageRun
				if v != root && v.TakePages(at, pg, &run, &w.req) == zx.OK {
					st.Discard(&run)
				}
			case op < 9 && op > 6:
				// A device holds the page while the others go on.
				if v.Pin(at, pg, op == 8, &w.req) == zx.OK {
					held, f := v, v.PinnedAt(at)
					held.Retain()
					if held.PinnedAt(at) != f {
						t.Error("a pinned page moved")
					}
					pins = append(pins, func() { held.Unpin(at, pg, nil); held.Release() })
				}
			case op == 9:
				v.ReadBytes(make([]byte, pg), at, &w.req)
			default:
				v.WriteBytes([]byte{byte(i)}, at, &w.req)
			}
			v.Info()
			for len(pins) > 4 || i == 149 && len(pins) > 0 {
				pins[0]()
				pins = pins[1:]
			}
			if i == 149 {
				for _, c := range mine {
					c.Release()
				}
			}
		})
	}
	run(10, func(w *racer, r *rand.Rand, i int) {
		st.Evict(4, nil)
		if i%10 == 0 {
			root.DropClean()
		}
	})
	run(11, func(w *racer, r *rand.Rand, i int) {
		if paged {
			root.WritebackBegin(0, 4*pg, i%2 == 0, nil)
			root.WritebackEnd(0, 4*pg, nil)
		}
		if i%25 == 24 {
			root.SetSize(uint64(1+r.Intn(pages))*pg, &w.req)
		}
	})
	wg.Wait()
	if paged {
		root.Detach(nil)
	}
	root.Release()
	if left := mem.Outstanding(); len(left) != 0 {
		t.Fatalf("%d frames leaked", len(left))
	}
	if s := st.Stats(); s.VMOs != 0 || s.Nodes != 0 || s.Listed != 0 || s.Needed != 0 {
		t.Fatalf("left behind: %+v", s)
	}
}
