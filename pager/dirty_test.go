package pager

import (
	"fmt"
	"math/rand"
	"testing"

	"faultline/zx"
)

// both runs a scenario without and with TRAP_DIRTY. td is DIRTY requests that
// only the second sends: the packet is demanded and acknowledged.
func both(name string, run func(w *world, option uint32, td func(f *file, off, n uint64))) []scenario {
	var out []scenario
	for _, option := range []uint32{0, trap} {
		label := fmt.Sprintf("%s/trap=%v", name, option != 0)
		out = append(out, scenario{label, func(w *world) {
			run(w, option, func(f *file, off, n uint64) {
				w.t.Helper()
				if option != 0 {
					w.expect(fmt.Sprintf("D[%d,%d)", off, n))
					f.dirty(off, n)
				}
				w.quiet()
			})
		}})
	}
	return out
}

// zero starts an OP_ZERO of bytes.
func (f *file) zero(off, n uint64) *thread {
	return f.w.start(func(th *thread) zx.Status { return f.v.Zero(off, n, &th.req) })
}

// poke starts a one-byte write.
func (f *file) poke(page uint64, b byte) *thread {
	return f.w.start(func(th *thread) zx.Status { return f.v.WriteBytes([]byte{b}, page*pg, &th.req) })
}

func TestDirtyTracking(t *testing.T) {
	runAll(t, []scenario{
		{"25 W024 without TRAP_DIRTY", func(w *world) {
			f := w.create(1, 0)
			f.supply(0, 1)
			f.ranges()
			w.ended(f.poke(0, 0x77), zx.OK)
			w.quiet()
			f.ranges("{0,1}")
			f.wb(0, 1)
			f.ranges("{0,1}")
			f.end(0, 1)
			f.ranges()
			w.ended(f.store(0, 0x55), zx.OK)
			f.ranges("{0,1}")
			w.finish(f)
		}},
		{"26 W006 W007 the first write asks, the second does not", func(w *world) {
			f := w.create(1, trap)
			f.supply(0, 1)
			w.ended(f.load(0, tag(0)), zx.OK)
			a := f.store(0, 0xcc)
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.ended(a, zx.OK)
			w.ended(f.store(0, 0xdd), zx.OK)
			w.quiet()
			f.wb(0, 1)
			f.end(0, 1)
			b := f.store(0, 0xee)
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
		{"27 W003 W004 runs of a write, single pages of stores", func(w *world) {
			f := w.create(20, trap)
			f.supply(0, 20)
			a := f.write(11, 5, 0)
			w.expect("D[11,5)")
			f.dirty(11, 5)
			w.ended(a, zx.OK)
			b := f.store(2, 1)
			w.expect("D[2,1)")
			f.dirty(2, 5)
			w.ended(b, zx.OK)
			for p := uint64(3); p < 7; p++ {
				w.ended(f.store(p, 1), zx.OK)
			}
			w.quiet()
			f.ranges("{2,5}", "{11,5}")
			w.finish(f)
		}},
		{"28 W005 reads never ask", func(w *world) {
			f := w.create(3, trap)
			a := f.load(0, tag(0))
			w.expect("R[0,1)")
			f.supply(0, 3)
			w.ended(a, zx.OK)
			w.ended(f.read(0, 3), zx.OK)
			f.ranges()
			w.finish(f)
		}},
		{"29 W002 OP_DIRTY that nobody waits for", func(w *world) {
			f := w.create(1, trap)
			f.supply(0, 1)
			f.dirty(0, 1)
			f.ranges("{0,1}")
			f.modified(false)
			f.content(0, tag(0))
			w.finish(f)
		}},
		{"31 W022 a store while it is written back", func(w *world) {
			f := w.create(1, trap)
			f.supply(0, 1)
			f.dirty(0, 1)
			w.ended(f.store(0, 0xbb), zx.OK)
			f.wb(0, 1)
			a := f.store(0, 0xcc)
			w.expect("D[0,1)")
			f.fail(0, 1)
			w.ended(a, zx.ErrIO)
			f.ranges("{0,1}")
			w.ended(f.load(0, 0xbb), zx.OK)
			f.end(0, 1)
			f.ranges()
			b := f.store(0, 0xdd)
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.ended(b, zx.OK)
			f.ranges("{0,1}")
			w.finish(f)
		}},
		{"4.5 the ack may find the page clean", func(w *world) {
			f := w.create(1, trap)
			f.supply(0, 1)
			f.dirty(0, 1)
			f.wb(0, 1)
			a := f.poke(0, 1)
			w.expect("D[0,1)")
			f.end(0, 1)
			f.dirty(0, 1)
			w.ended(a, zx.OK)
			f.ranges("{0,1}")
			w.finish(f)
		}},
		{"W009 overlapping writes", func(w *world) {
			f := w.create(20, trap)
			f.supply(0, 20)
			a := f.write(4, 5, 0xaa)
			w.expect("D[4,5)")
			b := f.write(2, 7, 0xbb)
			w.expect("D[2,2)")
			f.dirty(4, 5)
			w.ended(a, zx.OK)
			f.dirty(2, 2)
			w.ended(b, zx.OK)
			f.ranges("{2,7}")
			c := f.write(11, 5, 0xcc)
			w.expect("D[11,5)")
			d := f.write(15, 4, 0xdd)
			w.quiet()
			f.dirty(11, 5)
			w.ended(c, zx.OK)
			w.expect("D[16,3)")
			f.dirty(16, 3)
			w.ended(d, zx.OK)
			f.ranges("{2,7}", "{11,8}")
			w.finish(f)
		}},
		{"5.2 the order inside one write", func(w *world) {
			f := w.create(4, trap)
			f.supply(0, 2)
			a := f.write(0, 4, 5)
			w.expect("D[0,2)")
			f.dirty(0, 2)
			w.expect("R[2,2)")
			f.supply(2, 2)
			w.expect("D[2,2)")
			f.dirty(2, 2)
			w.ended(a, zx.OK)
			f.content(0, 5, 5, 5, 5)
			w.finish(f)
		}},
		{"W012 W015 markers", func(w *world) {
			f := w.create(10, trap)
			f.mark(0, 2)
			f.committed(0)
			a := f.write(0, 2, 0xaa)
			w.expect("D[0,2)")
			f.dirty(0, 2)
			w.ended(a, zx.OK)
			f.committed(2)
			f.mark(2, 1)
			f.supply(3, 1)
			f.supply(4, 2)
			f.mark(6, 3)
			b := f.write(2, 8, 0xcc)
			w.expect("D[2,7)")
			f.dirty(2, 7)
			w.expect("R[9,1)")
			f.supply(9, 1)
			w.expect("D[9,1)")
			f.dirty(9, 1)
			w.ended(b, zx.OK)
			f.ranges("{0,10}")
			f.content(0, 0xaa, 0xaa, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc)
			w.finish(f)
		}},
		{"W016 W099 commit does not dirty", func(w *world) {
			f := w.create(6, trap)
			f.supply(0, 2)
			a := f.commit(0, 5)
			w.expect("R[2,3)")
			f.supply(2, 3)
			w.ended(a, zx.OK)
			f.mark(5, 1)
			w.ended(f.commit(0, 6), zx.OK)
			f.committed(6)
			f.ranges()
			f.modified(false)
			w.finish(f)
		}},
		{"W100 commit of a zero interval asks on over clean pages", func(w *world) {
			f := w.create(3, trap)
			f.supply(2, 1)
			w.ended(f.zero(pg, pg), zx.OK)
			f.supply(0, 1)
			a := f.commit(0, 3)
			w.expect("D[1,2)")
			f.dirty(1, 2)
			w.ended(a, zx.OK)
			f.ranges("{1,2}")
			w.finish(f)
		}},
		{"W108 a large write in batches of 16", func(w *world) {
			f := w.create(130, trap)
			a := f.write(2, 128, 9)
			for k := uint64(0); k < 8; k++ {
				s := 2 + 16*k
				w.expect(fmt.Sprintf("R[%d,16)", s))
				f.supply(s, 8)
				f.supply(s+8, 8)
				w.expect(fmt.Sprintf("D[%d,16)", s))
				f.dirty(s, 8)
				f.dirty(s+8, 8)
			}
			w.ended(a, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"W116 42 evicted while it waits for its ack", func(w *world) {
			f := w.create(3, trap)
			f.supply(0, 3)
			a := f.write(0, 3, 0xaa)
			w.expect("D[0,3)")
			w.must(f.v.AlwaysNeed(0, pg, &w.self.req))
			w.must(f.v.AlwaysNeed(2*pg, pg, &w.self.req))
			w.must(f.v.DontNeed(pg, pg, nil))
			if n := w.store.Evict(10, nil); n != 1 {
				w.t.Fatalf("evicted %d, want 1", n)
			}
			if st := f.op(zx.PagerOpDirty, 0, 3, 0); st != zx.ErrNotFound {
				w.t.Fatalf("OP_DIRTY over an absent page: %v", st)
			}
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.expect("R[1,1)")
			f.supply(1, 1)
			w.expect("D[1,2)")
			f.dirty(1, 2)
			w.ended(a, zx.OK)
			f.content(0, 0xaa, 0xaa, 0xaa)
			w.finish(f)
		}},
		{"W101 W103 the ack comes too late", func(w *world) {
			f := w.create(1, trap|rsz)
			f.supply(0, 1)
			f.resize(2)
			a := f.poke(1, 0xaa)
			w.expect("D[1,1)")
			f.wb0(1, 1)
			f.end(1, 1)
			f.ranges()
			w.quiet()
			if st := f.op(zx.PagerOpDirty, 1, 1, 0); st != zx.ErrNotFound {
				w.t.Fatal(st)
			}
			w.expect("R[1,1)")
			f.supply(1, 1)
			w.expect("D[1,1)")
			f.dirty(1, 1)
			w.ended(a, zx.OK)
			b := f.poke(0, 0xaa)
			w.expect("D[0,1)")
			w.ended(f.zero(0, pg), zx.OK)
			f.ranges("{0,1}z", "{1,1}")
			f.wb0(0, 1)
			f.end(0, 1)
			if st := f.op(zx.PagerOpDirty, 0, 1, 0); st != zx.ErrNotFound {
				w.t.Fatal(st)
			}
			w.expect("R[0,1)")
			f.mark(0, 1)
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.ended(b, zx.OK)
			f.ranges("{0,2}")
			w.finish(f)
		}},
		{"3.5.2 OP_DIRTY past the end releases who is inside", func(w *world) {
			f := w.create(2, trap)
			f.supply(0, 2)
			a := f.write(0, 2, 1)
			w.expect("D[0,2)")
			if st := f.op(zx.PagerOpDirty, 1, 2, 0); st != zx.ErrOutOfRange {
				w.t.Fatal(st)
			}
			w.expect("D[0,2)")
			if st := f.op(zx.PagerOpDirty, 3, 1, 0); st != zx.ErrOutOfRange {
				w.t.Fatal(st)
			}
			w.quiet() // nothing released
			f.dirty(0, 2)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
		{"W098 a large range at once", func(w *world) {
			f := w.create(100, trap|rsz)
			f.mark(0, 100)
			f.resize(200)
			f.committed(0)
			f.dirty(0, 200)
			f.committed(200)
			f.ranges("{0,200}")
			w.finish(f)
		}},
		{"OP_DIRTY is all or nothing", func(w *world) {
			f := w.create(40, trap|rsz)
			f.mark(0, 20)
			f.resize(3000)
			before := len(w.mem.Outstanding())
			a := f.poke(0, 1)
			w.expect("D[0,1)")
			for _, n := range []uint64{3000, 2999} {
				if st := f.op(zx.PagerOpDirty, 0, n, 0); st != zx.ErrNotFound {
					w.t.Fatal(st)
				}
				w.expect("D[0,1)") // released each time
			}
			f.mark(20, 20)
			w.mem.FailAfter(30)
			if st := f.op(zx.PagerOpDirty, 0, 60, 0); st != zx.ErrNoMemory {
				w.t.Fatal(st)
			}
			w.expect("D[0,1)")
			w.mem.FailAfter(-1)
			f.resize(1 << 20)
			if st := f.op(zx.PagerOpDirty, 0, 1<<20, 0); st != zx.ErrNoMemory {
				w.t.Fatal(st)
			}
			w.expect("D[0,1)")
			if got := len(w.mem.Outstanding()); got != before {
				w.t.Fatalf("%d frames in use, were %d", got, before)
			}
			f.ranges(fmt.Sprintf("{40,%d}z", 1<<20-40))
			f.dirty(0, 1)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
	})
}

func TestWriteback(t *testing.T) {
	var list []scenario
	list = append(list, both("30 W020 begin, write, end", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(1, option)
		f.supply(0, 1)
		a := f.poke(0, 0xaa)
		td(f, 0, 1)
		w.ended(a, zx.OK)
		f.wb(0, 1)
		b := f.poke(0, 0x77)
		td(f, 0, 1)
		w.ended(b, zx.OK)
		f.end(0, 1)
		f.ranges("{0,1}")
		f.wb(0, 1)
		f.end(0, 1)
		f.ranges()
		w.finish(f)
	})...)
	list = append(list, both("33 W029 zeros and pages never merge", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(1, option|rsz)
		f.supply(0, 1)
		f.resize(3)
		a := f.poke(0, tag(0))
		td(f, 0, 1)
		w.ended(a, zx.OK)
		b := f.poke(2, 0)
		td(f, 2, 1)
		w.ended(b, zx.OK)
		w.ended(f.load(1, 0), zx.OK) // the gap is mapped now
		f.ranges("{0,1}", "{1,1}z", "{2,1}")
		f.wb(0, 3)
		f.end(0, 3)
		f.ranges()
		// The zeros linger in the mapping, though the page is absent now.
		w.ended(f.load(1, 0), zx.OK)
		w.quiet()
		c := f.read(1, 1)
		w.expect("R[1,1)")
		f.supply(1, 1)
		w.ended(c, zx.OK)
		w.ended(f.load(1, tag(1)), zx.OK) // and are gone with the supply
		w.finish(f)
	})...)
	list = append(list, both("38 writing into an interval under write-back", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(1, option|rsz)
		f.supply(0, 1)
		f.resize(6)
		for _, p := range []uint64{2, 4} {
			a := f.write(p, 1, 0xaa)
			td(f, p, 1)
			w.ended(a, zx.OK)
		}
		f.ranges("{1,1}z", "{2,1}", "{3,1}z", "{4,1}", "{5,1}z")
		f.wb(1, 5)
		a := f.write(3, 2, 0xbb)
		td(f, 3, 2)
		w.ended(a, zx.OK)
		f.end(1, 5)
		f.ranges("{3,2}")
		w.finish(f)
	})...)
	list = append(list, both("W034 W047 32 begin with IS_ZERO", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(1, option|rsz)
		f.supply(0, 1)
		f.resize(4)
		f.wb0(1, 3)
		a := f.poke(2, 0xaa)
		td(f, 2, 1)
		w.ended(a, zx.OK)
		f.ranges("{1,1}z", "{2,1}", "{3,1}z")
		f.end(1, 3)
		f.ranges("{2,1}")
		f.wb0(0, 4)
		f.end(0, 4)
		f.ranges("{2,1}") // pages are left alone
		f.wb(0, 4)
		f.end(0, 4)
		f.ranges()
		w.finish(f)
	})...)
	list = append(list, both("W036 W037 random writes during it", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		for seed := int64(0); seed < 8; seed++ {
			rng := rand.New(rand.NewSource(seed))
			f := w.create(1, option|rsz)
			f.supply(0, 1)
			f.resize(41)
			begun := uint64(40)
			if seed%2 == 1 {
				begun = 20
			}
			f.wb0(1, begun)
			var written [41]bool
			for p := uint64(1); p < 41; {
				n := uint64(0)
				for p+n < 41 && n < 16 && rng.Intn(2) == 0 {
					n++
				}
				if n > 0 {
					a := f.write(p, n, 0xaa)
					td(f, p, n)
					w.ended(a, zx.OK)
					for i := p; i < p+n; i++ {
						written[i] = true
					}
				}
				p += n + 1
			}
			f.end(1, begun)
			var want []string
			for p := 1; p < 41; {
				q := p
				for q < 41 && written[q] == written[p] && (written[p] || q >= int(begun)+1 == (p >= int(begun)+1)) {
					q++
				}
				if written[p] {
					want = append(want, fmt.Sprintf("{%d,%d}", p, q-p))
				} else if p >= int(begun)+1 {
					want = append(want, fmt.Sprintf("{%d,%d}z", p, q-p))
				}
				p = q
			}
			f.ranges(want...)
			f.wb(0, 41)
			f.end(0, 41)
			f.ranges()
			f.drop()
			w.expect("COMPLETE")
		}
		w.finish()
	})...)
	list = append(list, both("W038 W039 resizes during it", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(1, option|rsz)
		end := func(off, n uint64) {
			w.t.Helper()
			if st := f.op(zx.PagerOpWritebackEnd, off, n, 0); st != zx.ErrOutOfRange {
				w.t.Fatalf("END past the end: %v", st)
			}
		}
		f.supply(0, 1)
		f.resize(3)
		f.wb0(1, 2)
		f.resize(2)
		f.ranges("{1,1}z")
		end(1, 2)
		f.ranges("{1,1}z")
		f.end(1, 1)
		f.ranges()
		f.resize(3)
		f.ranges("{2,1}z")
		f.supply(1, 1)
		f.content(0, tag(0), tag(1), 0)
		f.wb0(2, 1)
		f.resize(2)
		end(2, 1)
		f.ranges()
		f.resize(3)
		f.wb0(2, 1)
		f.resize(1)
		end(2, 1)
		f.ranges()
		f.resize(3)
		f.wb0(1, 1)
		f.resize(2)
		f.ranges("{1,1}z")
		f.end(1, 1)
		f.ranges()
		w.finish(f)
	})...)
	list = append(list, both("W042 to W044 W048 to W051 orders", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		setup := func() *file {
			f := w.create(1, option|rsz)
			f.supply(0, 1)
			f.resize(10)
			for _, p := range []uint64{1, 6, 9} {
				a := f.poke(p, 0xaa)
				td(f, p, 1)
				w.ended(a, zx.OK)
			}
			f.ranges("{1,1}", "{2,4}z", "{6,1}", "{7,2}z", "{9,1}")
			return f
		}
		parts := [][2]uint64{{1, 1}, {2, 4}, {6, 1}, {7, 2}, {9, 1}}
		whole := [][2]uint64{{1, 9}}
		mixed := [][2]uint64{parts[3], parts[0], parts[2], parts[1], parts[4]}
		for _, c := range [][2][][2]uint64{{whole, whole}, {mixed, mixed}, {mixed, whole}, {whole, mixed}, {parts, parts}} {
			f := setup()
			for _, r := range c[0] {
				f.wb(r[0], r[1])
			}
			for _, r := range c[1] {
				f.end(r[0], r[1])
			}
			f.ranges()
			f.drop()
			w.expect("COMPLETE")
		}
		f := w.create(1, option|rsz)
		f.supply(0, 1)
		f.resize(5)
		f.wb0(1, 1)
		f.end(1, 1)
		f.ranges("{2,3}z")
		f.wb0(2, 1)
		f.end(2, 1)
		f.ranges("{3,2}z")
		f.wb0(3, 2)
		f.end(3, 2)
		f.ranges()
		f.resize(10)
		f.ranges("{5,5}z")
		f.end(1, 2)
		f.end(5, 2)
		f.wb0(5, 2)
		f.wb0(5, 2)
		f.wb0(7, 3)
		f.end(5, 2)
		f.end(7, 3)
		f.ranges("{7,3}z")
		f.end(5, 2)
		f.wb(7, 3)
		f.end(7, 3)
		f.ranges()
		w.finish(f)
	})...)
	list = append(list, scenario{"W033 after the gap was cleaned", func(w *world) {
		f := w.create(1, trap|rsz)
		f.supply(0, 1)
		f.resize(3)
		a := f.write(2, 1, 0xaa)
		w.expect("D[2,1)")
		f.dirty(2, 1)
		w.ended(a, zx.OK)
		f.wb(1, 2)
		f.end(1, 2)
		f.ranges()
		b := f.write(1, 1, 0xbb)
		w.expect("R[1,1)")
		f.supply(1, 1)
		w.expect("D[1,1)")
		c := f.write(2, 1, 0xcc)
		w.expect("D[2,1)")
		f.dirty(1, 2)
		w.ended(b, zx.OK)
		w.ended(c, zx.OK)
		f.ranges("{1,2}")
		f.content(0, tag(0), 0xbb, 0xcc)
		w.finish(f)
	}})
	runAll(t, list)
}
