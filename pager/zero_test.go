package pager

import (
	"bytes"
	"fmt"
	"testing"

	"faultline/zx"
)

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
			f.modified(true)
			f.ranges()
			f.content(1, 0, 0)
			set(f, 2*pg)
			f.modified(true)
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
		{"not modified where nothing is zeroed", func(w *world) {
			f := w.create(3, 0)
			f.mark(1, 1)
			set(f, pg+10)
			f.modified(true)
			set(f, pg+20) // page 1 is a marker, the rest untracked already
			f.modified(false)
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
