package pager

import (
	"fmt"
	"testing"

	"faultline/mmu"
	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// tagger is a pager that is a function: it fills page i with tag(i), and refuses
// what a test asks it to.
type tagger struct {
	asked       []uint64 // pages, writes as ^page
	fill, dirty map[uint64]zx.Status
}

func (d *tagger) Fill(off uint64, page *[zx.PageSize]byte) zx.Status {
	d.asked = append(d.asked, off/pg)
	for i := range page {
		page[i] = tag(off / pg)
	}
	return d.fill[off/pg]
}

func (d *tagger) Dirty(off uint64) zx.Status {
	d.asked = append(d.asked, ^(off / pg))
	return d.dirty[off/pg]
}

// TestDirect: a function answers at once, says not now, or fails the page; what it
// leaves is asked by packet.
func TestDirect(t *testing.T) {
	w := newWorld(t, 600, Config{})
	f := w.create(16, zx.VMOTrapDirty)
	d := &tagger{
		fill:  map[uint64]zx.Status{3: zx.ErrShouldWait, 4: zx.ErrIO, 9: zx.ErrShouldWait},
		dirty: map[uint64]zx.Status{1: zx.ErrShouldWait, 2: zx.ErrNoSpace},
	}
	w.pager.ServeDirect(f.v, d)

	w.ended(f.load(0, tag(0)), zx.OK)
	w.ended(f.load(0, tag(0)), zx.OK)
	w.ended(f.load(4, 0), zx.ErrIO)
	w.quiet()
	f.committed(1)
	th := f.load(3, tag(3))
	w.blocked(th)
	w.expect("R[3,1)")
	f.supply(3, 1)
	w.ended(th, zx.OK)

	w.ended(f.store(0, 77), zx.OK)
	w.ended(f.load(1, tag(1)), zx.OK)
	w.quiet()
	th = f.store(1, 78)
	w.blocked(th)
	w.expect("D[1,1)")
	f.dirty(1, 1)
	w.ended(th, zx.OK)
	w.ended(f.store(2, 79), zx.ErrNoSpace)
	f.ranges("{0,2}")

	// A long read asks page by page; only what is left goes by packet.
	th = f.read(5, 8)
	w.expect("R[9,4)")
	f.supply(9, 1)
	w.quiet()
	f.supply(10, 3)
	w.ended(th, zx.OK)
	w.ended(f.write(5, 4, 80), zx.OK)
	w.quiet()
	f.ranges("{0,2}", "{5,4}")
	f.content(5, 80, 80, 80, 80, tag(9))

	want := []uint64{0, 4, 3, ^uint64(0), 1, ^uint64(1), 2, ^uint64(2), 5, 6, 7, 8, 9, ^uint64(5), ^uint64(6), ^uint64(7), ^uint64(8)}
	if len(d.asked) != len(want) {
		t.Fatalf("asked for %d, want %d", d.asked, want)
	}
	for i := range want {
		if d.asked[i] != want[i] {
			t.Fatalf("asked for %d, want %d", d.asked, want)
		}
	}
	f.v.Source().Detach()
	w.expect("COMPLETE")
	w.ended(f.load(15, 0), zx.ErrBadState)
	w.finish(f)
}

// TestDirectAgrees: pages that a function and a goroutine answer for come to the
// same, whatever is done with them.
func TestDirectAgrees(t *testing.T) {
	for _, direct := range []bool{true, false} {
		w := newWorld(t, 600, Config{})
		f := w.create(12, zx.VMOTrapDirty)
		if direct {
			w.pager.ServeDirect(f.v, &tagger{})
		}
		serve := func(th *thread) {
			for w.settle(); !direct && !th.done; w.settle() {
				p, ok := w.packet()
				if !ok {
					t.Fatal("a thread waits for nothing")
				}
				q := p.PageRequest()
				if q.Command == zx.PageRead {
					f.supply(q.Offset/pg, q.Length/pg)
				} else {
					f.dirty(q.Offset/pg, q.Length/pg)
				}
			}
			w.ended(th, zx.OK)
		}
		serve(f.read(1, 4))
		serve(f.write(3, 4, 9))
		serve(f.load(0, tag(0)))
		serve(f.store(8, 5))
		f.wb(3, 2)
		serve(f.store(4, 6))
		f.end(3, 2)
		serve(f.commit(0, 12))
		w.quiet()
		f.ranges("{4,3}", "{8,1}")
		f.committed(12)
		f.content(0, tag(0), tag(1), tag(2), 9)
		f.content(9, tag(9), tag(10), tag(11))
		w.finish(f)
	}
}

var _ vmo.Direct = (*tagger)(nil)

// zeros answers for every page of a VMO at once.
type zeros struct{ asked int }

func (z *zeros) Fill(off uint64, page *[zx.PageSize]byte) zx.Status {
	z.asked++
	clear(page[:])
	return zx.OK
}

func (z *zeros) Dirty(off uint64) zx.Status { return zx.OK }

// A pager in the kernel's own program may answer on the stack of who asks, without
// a packet and a goroutine.
func ExamplePager_ServeDirect() {
	store := vmo.NewStore(mmu.NewSimulated(256))
	p := New(NewSystem(Config{}))
	defer p.Close()
	v, st := p.CreateVMO(store, 0, object.NewPort(), 1, 8*zx.PageSize)
	if st != zx.OK {
		panic(st)
	}
	defer v.Release()
	z := &zeros{}
	p.ServeDirect(v, z)
	var b [1]byte
	for off := int64(0); off < 4*zx.PageSize; off += zx.PageSize / 2 {
		v.Bytes(vmo.NewWaiter()).ReadAt(b[:], off)
	}
	fmt.Println(z.asked, "pages were asked for")
	// Output: 4 pages were asked for
}
