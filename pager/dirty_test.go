package pager

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	"faultline/vmo"
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
			w.must(f.v.DontNeed(pg, pg))
			if n := w.store.Evict(10); n != 1 {
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

func TestResizeAndZero(t *testing.T) {
	var list []scenario
	list = append(list,
		scenario{"34 W027 grow reads zero", func(w *world) {
			f := w.create(2, rsz)
			f.resize(4)
			a := f.read(0, 4)
			w.expect("R[0,2)")
			f.supply(0, 2)
			w.ended(a, zx.OK)
			f.content(0, tag(0), tag(1), 0, 0)
			f.committed(2)
			f.supply(2, 2)
			f.content(2, 0, 0)
			f.committed(2)
			w.ended(f.write(2, 2, 0xaa), zx.OK)
			f.committed(4)
			f.ranges("{2,2}")
			w.finish(f)
		}},
		scenario{"35 36 W028 DIRTY runs over zeros", func(w *world) {
			f := w.create(2, trap|rsz)
			f.supply(0, 2)
			f.resize(3)
			a := f.write(1, 2, 0xaa)
			w.expect("D[1,2)")
			f.dirty(1, 2)
			w.ended(a, zx.OK)
			f.resize(6)
			b := f.write(4, 1, 0xbb)
			w.expect("D[4,1)")
			f.dirty(4, 1)
			w.ended(b, zx.OK)
			f.ranges("{1,2}", "{3,1}z", "{4,1}", "{5,1}z")
			f.resize(8)
			c := f.write(0, 8, 0xcc)
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.expect("D[3,1)")
			f.dirty(3, 1)
			w.expect("D[5,3)")
			f.dirty(5, 3)
			w.ended(c, zx.OK)
			f.ranges("{0,8}")
			w.finish(f)
		}},
		scenario{"37 W030 shrink under all kinds of waiters", func(w *world) {
			f := w.create(5, trap|rsz)
			f.mark(1, 1)
			f.supply(3, 1)
			f.resize(6)
			a, b, c, d := f.poke(1, 1), f.poke(3, 1), f.poke(5, 1), f.read(2, 1)
			w.expect("D[1,1)", "D[3,1)", "D[5,1)", "R[2,1)")
			f.resize(1)
			for _, th := range []*thread{a, b, c, d} {
				w.ended(th, zx.ErrOutOfRange)
			}
			for _, p := range []uint64{1, 3, 5} {
				if st := f.op(zx.PagerOpDirty, p, 1, 0); st != zx.ErrOutOfRange {
					w.t.Fatal(st)
				}
			}
			if st := f.trySupply(2, 1, false); st != zx.ErrOutOfRange {
				w.t.Fatal(st)
			}
			f.ranges()
			w.finish(f)
		}},
		scenario{"3.13 a request that straddles the cut", func(w *world) {
			f := w.create(6, rsz)
			a := f.commit(0, 6)
			f.resize(4) // before the packet is taken: it is not rewritten
			w.expect("R[0,6)")
			if st := f.trySupply(0, 6, false); st != zx.ErrOutOfRange {
				w.t.Fatal(st)
			}
			w.blocked(a)
			f.supply(0, 4)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
		scenario{"3.13 unaligned sizes", func(w *world) {
			f := w.create(3, rsz)
			f.supply(0, 2)
			w.must(f.v.SetSize(pg+100, &w.self.req))
			if f.v.Size() != 2*pg || f.v.StreamSize() != pg+100 {
				w.t.Fatalf("size %d stream %d", f.v.Size(), f.v.StreamSize())
			}
			buf := make([]byte, pg)
			w.must(f.v.ReadBytes(buf, pg, &w.self.req))
			if buf[99] != tag(1) || buf[100] != 0 || buf[pg-1] != 0 {
				w.t.Fatalf("tail % x", buf[96:104])
			}
			f.ranges("{1,1}")
			g := w.create(3, rsz|trap)
			a := w.start(func(th *thread) zx.Status { return g.v.SetSize(pg+8, &th.req) })
			w.expect("R[1,1)")
			g.supply(1, 1)
			w.expect("D[1,1)")
			g.fail(1, 1)
			w.ended(a, zx.OK) // its failure is ignored
			g.ranges()
			w.finish(f, g)
		}},
		scenario{"40 W059 partial page", func(w *world) {
			f := w.create(2, trap|rsz)
			f.resize(3)
			w.ended(f.zero(pg, pg), zx.OK)
			f.ranges("{1,2}z")
			a := f.zero(pg-8, 8)
			w.expect("R[0,1)")
			f.supply(0, 1)
			w.expect("D[0,1)")
			f.dirty(0, 1)
			w.ended(a, zx.OK)
			f.ranges("{0,1}", "{1,2}z")
			w.ended(f.zero(pg+8, pg), zx.OK) // inside zeros nothing happens
			f.ranges("{0,1}", "{1,2}z")
			w.finish(f)
		}},
		scenario{"W061 markers stay", func(w *world) {
			f := w.create(5, 0)
			f.supply(0, 1)
			f.mark(1, 1)
			f.supply(2, 1)
			f.mark(3, 2)
			w.ended(f.zero(pg, pg), zx.OK)
			w.ended(f.zero(3*pg, 2*pg), zx.OK)
			f.content(0, tag(0), 0, tag(2), 0, 0)
			f.ranges()
			w.finish(f)
		}},
	)
	list = append(list, both("39 W052 to W055 whole pages", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(3, option|rsz)
		f.supply(0, 1)
		w.ended(f.load(0, tag(0)), zx.OK)
		w.ended(f.zero(0, 2*pg), zx.OK)
		w.quiet()
		w.ended(f.load(0, 0), zx.OK)
		f.content(0, 0, 0)
		f.ranges("{0,2}z")
		f.committed(0)
		f.resize(4)
		w.ended(f.zero(3*pg, pg), zx.OK)
		f.ranges("{0,2}z", "{3,1}z")
		a := f.poke(1, 0xaa)
		td(f, 1, 1)
		w.ended(a, zx.OK)
		f.ranges("{0,1}z", "{1,1}", "{3,1}z")
		w.ended(f.zero(0, 4*pg), zx.OK)
		f.ranges("{0,4}z")
		f.committed(0)
		w.finish(f)
	})...)
	list = append(list, both("W057 resize under partial zeroing", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(4, option|rsz)
		f.supply(0, 1)
		a, b := f.zero(pg+8, 2*pg), f.zero(2*pg, pg-8)
		w.expect("R[1,1)", "R[2,1)")
		f.resize(1)
		w.ended(a, zx.ErrOutOfRange)
		w.ended(b, zx.ErrOutOfRange)
		f.content(0, tag(0))
		w.finish(f)
	})...)
	list = append(list, both("W060 W063 W102 zeroing and requests", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(2, option|rsz)
		f.supply(0, 1)
		a := f.read(1, 1)
		w.expect("R[1,1)")
		w.ended(f.zero(pg, pg), zx.OK)
		w.ended(a, zx.OK)
		f.ranges("{1,1}z")
		f.wb0(1, 1)
		w.ended(f.zero(0, pg), zx.OK)
		f.end(1, 1)
		f.ranges("{0,2}z")
		f.wb0(0, 2)
		f.end(0, 2)
		f.ranges()
		w.quiet()
		w.finish(f)
	})...)
	list = append(list, both("W097 commit and resize", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(2, option|rsz)
		f.supply(0, 1)
		a := f.commit(0, 2)
		w.expect("R[1,1)")
		f.resize(1)
		w.ended(a, zx.OK)
		f.content(0, tag(0))
		f.ranges()
		w.finish(f)
	})...)
	runAll(t, list)
}

func TestStreamSize(t *testing.T) {
	set := func(f *file, size uint64) {
		f.w.t.Helper()
		f.w.must(f.v.SetStreamSize(size, &f.w.self.req))
	}
	runAll(t, []scenario{
		{"W110 unbounded", func(w *world) {
			v, st := w.pager.CreateVMO(w.store, trap|zx.VMOUnbounded, w.port, 1, 2*pg)
			w.must(st)
			f := &file{w: w, v: v, m: w.mapVMO(v)}
			f.modified(false)
			f.ranges()
			f.content(2, 0, 0, 0)
			set(f, 5*pg)
			f.modified(true)
			f.ranges("{2,3}z")
			f.content(2, 0, 0, 0, 0)
			set(f, pg)
			f.modified(true)
			f.ranges()
			f.content(1, 0, 0)
			w.quiet()
			w.finish(f)
		}},
		{"W111 untracked zeros absorb", func(w *world) {
			f := w.create(3, trap)
			set(f, 2*pg)
			f.modified(true)
			set(f, pg)
			f.ranges()
			f.content(1, 0, 0)
			set(f, 2*pg)
			f.dirty(1, 1)
			f.ranges("{1,1}")
			f.content(2, 0)
			set(f, pg)
			f.ranges()
			f.content(1, 0, 0)
			if st := f.v.SetStreamSize(3*pg+1, &w.self.req); st != zx.ErrOutOfRange {
				w.t.Fatal(st)
			}
			w.finish(f)
		}},
		{"W112 untracked zeros absorb pages", func(w *world) {
			v, st := w.pager.CreateVMO(w.store, trap|zx.VMOUnbounded, w.port, 1, 2*pg)
			w.must(st)
			f := &file{w: w, v: v, m: w.mapVMO(v)}
			for _, p := range []uint64{4, 5, 8} {
				a := f.poke(p, 42)
				w.expect(fmt.Sprintf("D[%d,1)", p))
				f.dirty(p, 1)
				w.ended(a, zx.OK)
			}
			f.ranges("{4,2}", "{8,1}")
			f.content(2, 0, 0)
			set(f, 7*pg)
			f.modified(true)
			f.ranges("{2,5}z")
			f.content(2, 0, 0, 0, 0, 0, 0, 0, 0)
			set(f, pg)
			f.ranges()
			f.content(1, 0, 0, 0)
			f.committed(0)
			w.finish(f)
		}},
		{"partial pages", func(w *world) {
			f := w.create(3, 0)
			f.supply(0, 3)
			set(f, pg+10)
			f.ranges("{1,1}")
			buf := make([]byte, pg)
			w.must(f.v.ReadBytes(buf, pg, &w.self.req))
			if buf[9] != tag(1) || buf[10] != 0 {
				w.t.Fatalf("tail % x", buf[8:12])
			}
			// Bytes written past the stream are zeroed when it grows over them.
			w.must(f.v.WriteBytes(bytes.Repeat([]byte{9}, 100), pg+50, &w.self.req))
			set(f, 2*pg+10)
			w.must(f.v.ReadBytes(buf, pg, &w.self.req))
			if !bytes.Equal(buf[10:], make([]byte, pg-10)) {
				w.t.Fatal("the stream grew over old bytes")
			}
			f.ranges("{1,1}", "{2,1}z")
			w.finish(f)
		}},
		{"3.9 the quirk: zeroing strictly inside untracked zeros", func(w *world) {
			f := w.create(8, 0)
			set(f, 2*pg)
			w.ended(f.zero(4*pg, pg), zx.OK)
			f.ranges()
			w.ended(f.zero(pg, 2*pg), zx.OK)
			f.ranges("{1,2}z")
			w.ended(f.zero(6*pg, 2*pg), zx.OK)
			f.ranges("{1,2}z", "{6,2}z")
			w.finish(f)
		}},
	})
}

// faultyBuffer is a user buffer whose bytes are missing until resolved.
type faultyBuffer struct {
	data     []byte
	present  uint64
	step     uint64
	fail     zx.Status
	resolved int
	between  func()
}

func (b *faultyBuffer) CopyOut(pos uint64, p []byte) int {
	n := min(uint64(len(p)), b.present-min(pos, b.present))
	return copy(b.data[pos:pos+n], p)
}

func (b *faultyBuffer) CopyIn(p []byte, pos uint64) int {
	n := min(uint64(len(p)), b.present-min(pos, b.present))
	return copy(p[:n], b.data[pos:])
}

func (b *faultyBuffer) Resolve(pos, n uint64, write bool) zx.Status {
	b.resolved++
	if b.fail != zx.OK {
		return b.fail
	}
	b.present = min(pos+b.step, uint64(len(b.data)))
	if b.between != nil {
		b.between()
	}
	return zx.OK
}

func TestModified(t *testing.T) {
	list := both("W077 W079 user buffers", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(2, option|rsz)
		f.supply(0, 2)
		if option != 0 {
			f.dirty(0, 2)
		}
		bad := &faultyBuffer{data: make([]byte, 2*pg), fail: zx.ErrIO}
		if st := f.v.Write(bad, 0, 2*pg, &w.self.req); st != zx.ErrIO {
			w.t.Fatal(st)
		}
		f.modified(false)
		f.content(0, tag(0), tag(1))
		f.ranges("{0,2}")
		good := &faultyBuffer{data: bytes.Repeat([]byte{5}, 2*pg), step: 1000}
		w.must(f.v.Write(good, 0, 2*pg, &w.self.req))
		f.modified(true)
		f.content(0, 5, 5)
		back := &faultyBuffer{data: make([]byte, 2*pg), step: 3000}
		w.must(f.v.Read(back, 0, 2*pg, &w.self.req))
		if !bytes.Equal(back.data, good.data) || back.resolved != 3 {
			w.t.Fatalf("read back wrong after %d resolutions", back.resolved)
		}
		// Shrunk while the buffer was resolved: the whole range is judged anew.
		cut := &faultyBuffer{data: make([]byte, 2*pg), step: 100, between: func() { f.resize(1) }}
		if st := f.v.Read(cut, 0, 2*pg, &w.self.req); st != zx.ErrOutOfRange {
			w.t.Fatal(st)
		}
		w.finish(f)
	})
	list = append(list, both("43 W070 to W075 what modifies", func(w *world, option uint32, td func(f *file, off, n uint64)) {
		f := w.create(2, option|rsz)
		f.supply(0, 2)
		f.mark(0, 2)
		if option != 0 {
			f.dirty(0, 2)
		}
		f.modified(false)
		w.ended(f.load(0, tag(0)), zx.OK)
		w.ended(f.read(0, 2), zx.OK)
		w.ended(f.commit(0, 2), zx.OK)
		f.wb(0, 2)
		f.end(0, 2)
		f.modified(false)
		a := f.store(0, 1)
		td(f, 0, 1)
		w.ended(a, zx.OK)
		f.modified(true)
		f.modified(false)
		a = f.poke(1, 1)
		td(f, 1, 1)
		w.ended(a, zx.OK)
		f.modified(true)
		w.ended(f.write(0, 0, 1), zx.OK)
		f.modified(false)
		w.ended(f.zero(0, pg), zx.OK)
		f.modified(true)
		f.resize(0)
		f.modified(true)
		f.resize(2)
		f.modified(true)
		f.resize(2)
		f.modified(true)
		f.content(0, 0, 0)
		f.ranges("{0,2}z")
		if st := f.v.SetSize(^uint64(0), &w.self.req); st != zx.ErrOutOfRange {
			w.t.Fatal(st)
		}
		if _, st := w.pager.QueryVMOStats(f.v, 0, 4); st != zx.OK {
			w.t.Fatal(st)
		}
		f.modified(false)
		w.finish(f)
	})...)
	runAll(t, list)
}

func TestArguments(t *testing.T) {
	w := newWorld(t, 200, Config{})
	f, plain := w.create(1, trap), w.aux(0, 1, false)
	g := w.create(1, 0)
	other := New(w.sys)
	foreign, st := other.CreateVMO(w.store, 0, w.port, 9, pg)
	w.must(st)
	check := func(what string, got, want zx.Status) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	// 45
	check("pager_create(1)", CheckOptions(1), zx.ErrInvalidArgs)
	for _, c := range []struct {
		options uint32
		size    uint64
		want    zx.Status
	}{
		{^uint32(0), pg, zx.ErrInvalidArgs},
		{rsz | zx.VMOUnbounded, ^uint64(0), zx.ErrInvalidArgs},
		{1 << 10, ^uint64(0), zx.ErrOutOfRange},
		{1 << 10, pg, zx.ErrInvalidArgs},
		{zx.VMODiscardable, pg, zx.ErrInvalidArgs},
		{zx.VMODiscardable, ^uint64(0), zx.ErrOutOfRange},
		{0, ^uint64(0), zx.ErrOutOfRange},
		{0, zx.VMOMaxSize + 1, zx.ErrOutOfRange},
	} {
		_, st := w.pager.CreateVMO(w.store, c.options, w.port, 1, c.size)
		check(fmt.Sprintf("create_vmo(%#x, %#x)", c.options, c.size), st, c.want)
	}
	big, st := w.pager.CreateVMO(w.store, 0, w.port, 1, zx.VMOMaxSize)
	w.must(st)
	big.Release()
	if _, ok := w.packet(); !ok {
		t.Error("no COMPLETE of the largest VMO")
	}
	check("detach of a plain VMO", w.pager.Detach(plain), zx.ErrInvalidArgs)
	check("detach of a foreign VMO", w.pager.Detach(foreign), zx.ErrInvalidArgs)
	// 46
	check("unaligned supply", w.pager.SupplyPages(foreign, 1, 0, plain, 0), zx.ErrInvalidArgs)
	check("unaligned aux", w.pager.SupplyPages(f.v, 0, 0, plain, 8), zx.ErrInvalidArgs)
	check("foreign VMO", w.pager.SupplyPages(foreign, 0, pg, plain, 0), zx.ErrInvalidArgs)
	check("pager-owned aux", w.pager.SupplyPages(f.v, 0, pg, g.v, 0), zx.ErrNotSupported)
	check("aux out of bounds", w.pager.SupplyPages(f.v, 0, pg, plain, pg), zx.ErrOutOfRange)
	check("aux wraps", w.pager.SupplyPages(f.v, 0, 2*pg, plain, ^uint64(0)&^zx.PageMask), zx.ErrOutOfRange)
	var b [1]byte
	w.must(plain.ReadBytes(b[:], 0, &w.self.req))
	check("aux untouched", zx.Status(b[0]), zx.Status(tag(0)))
	check("zero length out of bounds", w.pager.SupplyPages(f.v, 8*pg, 0, plain, 8*pg), zx.OK)
	check("destination out of bounds", w.pager.SupplyPages(f.v, pg, pg, plain, 0), zx.ErrOutOfRange)
	w.must(plain.ReadBytes(b[:], 0, &w.self.req))
	check("aux emptied all the same", zx.Status(b[0]), 0)
	// op_range
	code := func(st zx.Status) uint64 { return uint64(int64(st)) }
	op := func(op zx.PagerOp, v *vmo.VMO, off, n, data uint64) zx.Status {
		return w.pager.OpRange(op, v, off, n, data)
	}
	for o := zx.PagerOpFail; o <= zx.PagerOpWritebackEnd; o++ {
		check("unaligned offset", op(o, foreign, 1, 0, 0), zx.ErrInvalidArgs)
		check("unaligned length", op(o, f.v, 0, 1, 0), zx.ErrInvalidArgs)
		check("plain", op(o, plain, 0, 0, 0), zx.ErrInvalidArgs)
		check("foreign", op(o, foreign, 0, 0, 0), zx.ErrInvalidArgs)
		data := uint64(0)
		if o == zx.PagerOpFail {
			data = code(zx.ErrBadState)
		}
		check("out of range", op(o, f.v, pg, pg, data), zx.ErrOutOfRange)
		check("wraps", op(o, f.v, pg, ^uint64(0)&^zx.PageMask, data), zx.ErrOutOfRange)
		if o != zx.PagerOpFail {
			check("data", op(o, f.v, 0, 0, 100), zx.ErrInvalidArgs)
		}
	}
	check("op 0", op(0, f.v, 0, 0, 77), zx.ErrNotSupported)
	check("op 5", op(5, f.v, 0, 0, 77), zx.ErrNotSupported)
	for _, data := range []uint64{0, 0x11ffffffff, code(zx.ErrInternal), 100, code(zx.ErrNoMemory), uint64(uint32(code(zx.ErrIO)))} {
		check("FAIL data", op(zx.PagerOpFail, f.v, 0, 0, data), zx.ErrInvalidArgs)
	}
	check("DIRTY without TRAP_DIRTY", op(zx.PagerOpDirty, g.v, 0, 0, 0), zx.ErrNotSupported)
	check("DIRTY of an absent page", op(zx.PagerOpDirty, f.v, 0, pg, 0), zx.ErrNotFound)
	check("DIRTY of nothing", op(zx.PagerOpDirty, f.v, pg, 0, 0), zx.OK)
	check("IS_ZERO", op(zx.PagerOpWritebackBegin, f.v, 0, 0, 1), zx.OK)
	// queries
	query := func(v *vmo.VMO, off, n uint64, room int, all bool) (uint64, uint64, zx.Status) {
		return w.pager.QueryDirtyRanges(v, off, n, &SliceSink{Ranges: make([]zx.DirtyRange, 0, room)}, all)
	}
	for _, v := range []*vmo.VMO{plain, foreign} {
		_, _, st := query(v, 0, pg, 1, true)
		check("query of what is not ours", st, zx.ErrInvalidArgs)
		_, st = w.pager.QueryVMOStats(v, 100, 0)
		check("stats of what is not ours", st, zx.ErrInvalidArgs)
	}
	_, _, st = query(f.v, pg, pg, 1, true)
	check("query out of range", st, zx.ErrOutOfRange)
	_, st = w.pager.QueryVMOStats(f.v, 100, 3)
	check("small stats buffer", st, zx.ErrBufferTooSmall)
	_, st = w.pager.QueryVMOStats(f.v, 100, 4)
	check("stats options", st, zx.ErrInvalidArgs)
	// W107
	h := w.create(3, 0)
	h.mark(0, 1)
	h.mark(2, 1)
	w.ended(h.poke(0, 42), zx.OK)
	w.ended(h.poke(2, 42), zx.OK)
	for _, c := range []struct {
		off, n        uint64
		room          int
		all           bool
		actual, avail uint64
	}{
		{0, pg, 0, false, 0, 0}, {0, 3 * pg, 1, false, 1, 1}, {0, 3 * pg, 1, true, 1, 2}, {0, 3 * pg, 2, false, 2, 2},
		{0, 3 * pg, 0, true, 0, 2}, {2*pg + 5, 0, 4, true, 1, 1}, {2 * pg, 0, 4, true, 0, 0}, {pg, pg, 4, true, 0, 0}, {pg - 1, pg + 2, 4, true, 2, 2},
	} {
		actual, avail, st := query(h.v, c.off, c.n, c.room, c.all)
		if actual != c.actual || avail != c.avail || st != zx.OK {
			t.Errorf("query %+v: %d of %d, %v", c, actual, avail, st)
		}
	}
	// 47
	check("resize of a fixed VMO", f.v.SetSize(2*pg, &w.self.req), zx.ErrUnavailable)
	check("decommit of a paged VMO", f.v.Decommit(1, 5), zx.ErrNotSupported)
	check("decommit out of range", f.v.Decommit(0, 2*pg), zx.ErrOutOfRange)
	check("decommit of nothing", f.v.Decommit(pg, 0), zx.OK)
	check("unaligned decommit", plain.Decommit(0, 5), zx.ErrInvalidArgs)
	check("decommit", plain.Decommit(0, pg), zx.OK)
	check("anonymous TRAP_DIRTY", func() zx.Status { _, st := w.store.New(pg, trap); return st }(), zx.ErrInvalidArgs)
	check("read past the end", f.v.ReadBytes(make([]byte, 2), pg-1, &w.self.req), zx.ErrOutOfRange)
	check("read that wraps", f.v.ReadBytes(make([]byte, 2), ^uint64(0), &w.self.req), zx.ErrOutOfRange)
	check("read of nothing at the end", f.v.ReadBytes(nil, pg, &w.self.req), zx.OK)
	plain.Release()
	foreign.Release()
	w.finish(f, g, h)
}
