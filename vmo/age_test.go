package vmo

import (
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"time"

	"faultline/mmu"
	"faultline/zx"
)

// reader reads a paged VMO through a mapping, and supplies what is missing.
type reader struct {
	v      *VMO
	src    scriptPager
	req    PageRequest
	mapped map[uint64]bool // by page: whether it was accessed
	place  MappingPlace
}

func (r *reader) UnmapRange(off, length uint64) {
	for p := off / pg; p < (off+length)/pg; p++ {
		delete(r.mapped, p)
	}
}
func (r *reader) RemoveWriteRange(off, length uint64) {}
func (r *reader) Accessed(off, length uint64) (pages uint64) {
	for p := uint64(0); p < length/pg; p++ {
		if r.mapped[off/pg+p] {
			pages |= 1 << p
		}
	}
	return pages
}

func newReader(t *testing.T, st *Store, pages uint64) *reader {
	r := &reader{mapped: map[uint64]bool{}}
	r.src.Init(&r.src, false, &RequestStats{})
	r.req.Init(&r.src)
	v, status := st.NewPaged(pages*pg, 0, &r.src.PageSource)
	if status != zx.OK {
		t.Fatal(status)
	}
	r.v = v
	v.AddMapping(&r.place, r, 0, pages*pg)
	return r
}

// read reads a page as a thread of ring 3 does, and says whether it was there.
func (r *reader) read(t *testing.T, st *Store, page uint64) bool {
	if _, ok := r.mapped[page]; ok {
		r.mapped[page] = true
		return true
	}
	fault := func() zx.Status {
		r.v.Lock()
		defer r.v.Unlock()
		_, st := r.v.RequirePage(nil, page*pg, false, &r.req)
		return st
	}
	found := fault()
	if found != zx.OK {
		var run PageRun
		if _, status := st.Append(&run); status != zx.OK {
			t.Fatal(status)
		}
		r.v.SupplyPages(page*pg, &run)
		if status := fault(); status != zx.OK {
			t.Fatal(status)
		}
	}
	r.mapped[page] = true
	return found == zx.OK
}

func (r *reader) close() {
	r.v.RemoveMapping(&r.place)
	r.v.Release()
}

// TestHotSetSurvivesScan reads a quarter of memory again and again, beside an
// endless scan of a file four times as large as memory. At least 90 % of its reads
// find the page.
func TestHotSetSurvivesScan(t *testing.T) {
	const memory = 512
	for _, c := range []struct {
		random bool
		scans  int // pages of the scan for each page of the set
		before int // and those that were read before
	}{{false, 1, 0}, {true, 1, 0}, {false, 2, 0}, {true, 2, 0}, {false, 1, 4 * memory}, {true, 2, 4 * memory}} {
		t.Run(fmt.Sprintf("random=%v,scans=%d,before=%d", c.random, c.scans, c.before), func(t *testing.T) {
			mem := mmu.NewSimulated(memory)
			st := NewStore(mem)
			hot, scan := newReader(t, st, memory/4), newReader(t, st, 4*memory)
			dice, at, reads, hits := rand.New(rand.NewSource(1)), uint64(0), 0, 0
			scanned := func(n int) {
				for range n {
					scan.read(t, st, at%(4*memory))
					at++
					// As kernel's evictor does.
					if low, free := memory/64, mem.Stats().Free; free < low {
						st.Evict(2*low-free, nil)
					}
				}
			}
			scanned(c.before)
			for i := range 16 * memory {
				page := uint64(i) % (memory / 4)
				if c.random {
					page = uint64(dice.Intn(memory / 4))
				}
				found := hot.read(t, st, page)
				if i >= 8*memory { // it has found its place
					reads++
					if found {
						hits++
					}
				}
				scanned(c.scans)
			}
			t.Logf("%d of %d reads find the page: %.1f %%", hits, reads, 100*float64(hits)/float64(reads))
			if hits*10 < reads*9 {
				t.Errorf("%d of %d reads find the page", hits, reads)
			}
			hot.close()
			scan.close()
		})
	}
}

// TestReclaimWaitsForHands runs out of memory while all that could go is in the
// hand of an evictor on another CPU: that counts as coming, and what is marked
// ALWAYS_NEED stays.
func TestReclaimWaitsForHands(t *testing.T) {
	b := newBench(t, 8, false)
	b.into(Clean) // page 2
	b.ok(b.supply(3, 1, false))
	b.ok(b.v.AlwaysNeed(3*pg, pg, &b.req))
	eater, st := b.st.New(300*pg, 0)
	b.ok(st)
	var at uint64
	for b.mem.Stats().Free > 0 {
		b.ok(eater.Commit(at*pg, pg, &b.req))
		at++
	}
	batch := b.popped(1)
	var wg sync.WaitGroup
	var got zx.Status
	wg.Go(func() {
		var r PageRequest
		r.Init(b.src)
		got = eater.Commit(at*pg, pg, &r)
	})
	time.Sleep(10 * time.Millisecond) // it comes that far
	if n := b.v.cow.evict(false, batch, nil); n != 1 {
		t.Errorf("freed %d, want 1", n)
	}
	b.st.evicted.Add(1)
	b.st.hands.Add(-1)
	wg.Wait()
	if got != zx.OK {
		t.Errorf("commit: %v, though a page was coming", got)
	}
	if s := b.state(3); s != Clean {
		t.Errorf("the page that is needed is %v", s)
	}
	eater.Release()
	b.close()
}
