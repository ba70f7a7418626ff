package pager

import (
	"fmt"
	"testing"

	"faultline/vmo"
	"faultline/zx"
)

const (
	trap = zx.VMOTrapDirty
	rsz  = zx.VMOResizable
)

// scenario is one entry of the acceptance list, by the numbers of spec section
// 9 and, where they go further, of the behaviour catalogues.
type scenario struct {
	name string
	run  func(w *world)
}

func runAll(t *testing.T, list []scenario) {
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) { s.run(newWorld(t, 3000, Config{})) })
	}
}

func TestBasic(t *testing.T) {
	runAll(t, []scenario{
		{"1 read of one absent page through a mapping", func(w *world) {
			f := w.create(1, 0)
			th := f.load(0, tag(0))
			w.blocked(th)
			w.expect("R[0,1)")
			f.supply(0, 1)
			w.ended(th, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"2 read of 5 pages, commit of 555", func(w *world) {
			f := w.create(600, 0)
			a := f.read(0, 5)
			w.expect("R[0,5)")
			f.supply(0, 5)
			w.ended(a, zx.OK)
			b := f.commit(5, 555)
			w.expect("R[5,555)")
			f.supply(5, 555)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
		{"3 commit of 33 pages with page 16 resident", func(w *world) {
			f := w.create(33, 0)
			f.supply(16, 1)
			a := f.commit(0, 33)
			w.expect("R[0,16)")
			f.supply(0, 16)
			w.expect("R[17,16)")
			f.supply(17, 16)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
		{"4 one commit, 32 supplies; growing supplies", func(w *world) {
			f := w.create(64, 0)
			a := f.commit(0, 32)
			w.expect("R[0,32)")
			for i := uint64(0); i < 32; i++ {
				w.blocked(a)
				f.supply(i, 1)
			}
			w.ended(a, zx.OK)
			b := f.commit(32, 8)
			w.expect("R[32,8)")
			for n := uint64(1); n <= 8; n++ {
				w.blocked(b)
				f.supply(32, n)
			}
			w.ended(b, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"5 one supply spanning several requests", func(w *world) {
			f := w.create(12, 0)
			a, b, c := f.commit(0, 3), f.commit(3, 3), f.commit(6, 6)
			w.expect("R[0,3)", "R[3,3)", "R[6,6)")
			f.supply(0, 10)
			w.ended(a, zx.OK)
			w.ended(b, zx.OK)
			w.blocked(c)
			f.supply(10, 2)
			w.ended(c, zx.OK)
			w.finish(f)
		}},
		{"6 two threads on one page", func(w *world) {
			f := w.create(1, 0)
			a, b := f.load(0, tag(0)), f.load(0, tag(0))
			w.expect("R[0,1)")
			f.supply(0, 1)
			w.ended(a, zx.OK)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
		{"7 supply before any access", func(w *world) {
			f := w.create(2, 0)
			f.supply(0, 2)
			w.ended(f.load(1, tag(1)), zx.OK)
			w.ended(f.read(0, 2), zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"8 supplying over a resident page", func(w *world) {
			f := w.create(3, 0)
			f.supply(1, 1)
			w.must(f.v.WriteBytes([]byte{0xee}, pg+5, &w.self.req))
			f.supply(0, 3)
			buf := make([]byte, 8)
			w.must(f.v.ReadBytes(buf, pg, &w.self.req))
			if buf[5] != 0xee || buf[0] != tag(1) {
				w.t.Fatalf("page 1 was replaced: % x", buf)
			}
			f.content(0, tag(0))
			f.content(2, tag(2))
			w.finish(f)
		}},
		{"9 supply from an empty aux", func(w *world) {
			f := w.create(1, 0)
			f.mark(0, 1)
			f.content(0, 0)
			f.committed(0)
			f.supply(0, 1)
			f.content(0, 0)
			f.ranges()
			w.must(f.v.WriteBytes([]byte{1}, 0, &w.self.req))
			f.committed(1)
			f.ranges("{0,1}")
			w.finish(f)
		}},
		{"10 shrink to nothing under a reader", func(w *world) {
			f := w.create(2, rsz)
			a, b, c := f.load(0, 0), f.read(0, 2), f.commit(0, 2)
			w.expect("R[0,1)")
			f.resize(0)
			w.ended(a, zx.ErrOutOfRange)
			w.ended(b, zx.ErrOutOfRange)
			w.ended(c, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"11 commit, supply of the tail, shrink", func(w *world) {
			f := w.create(3, rsz)
			a := f.commit(0, 3)
			w.expect("R[0,3)")
			f.supply(2, 1)
			f.resize(1)
			w.blocked(a)
			f.supply(0, 1)
			w.ended(a, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"12 suspend and resume of a reader", func(w *world) {
			f := w.create(1, 0)
			again := func(th *thread) (st zx.Status) {
				for st = zx.ErrInternalIntrRetry; st == zx.ErrInternalIntrRetry; {
					_, st = f.m.load(0, th)
				}
				return st
			}
			a := w.start(again)
			w.expect("R[0,1)")
			w.interrupt(a, zx.ErrInternalIntrRetry)
			w.blocked(a)
			w.expect("R[0,1)")
			f.supply(0, 1)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
		{"5.6 one slot, FIFO, withdrawal", func(w *world) {
			f := w.create(8, trap)
			f.supply(7, 1)
			a, b, c, d := f.read(0, 1), f.read(2, 1), f.write(7, 1, 9), f.read(4, 1)
			if n := w.port.Depth(); n != 1 {
				w.t.Fatalf("%d packets on the port, want 1", n)
			}
			f.supply(2, 1) // withdrawn from the line
			w.ended(b, zx.OK)
			f.supply(0, 1) // withdrawn from the slot
			w.ended(a, zx.OK)
			w.expect("D[7,1)", "R[4,1)")
			f.dirty(7, 1)
			f.supply(4, 1)
			w.ended(c, zx.OK)
			w.ended(d, zx.OK)
			w.finish(f)
		}},
		{"5.7 cancelled primary: the first waiter takes over", func(w *world) {
			f := w.create(8, 0)
			a, b, c := f.commit(0, 4), f.commit(1, 2), f.read(3, 1)
			w.interrupt(a, zx.ErrInternalIntrKilled)
			w.ended(a, zx.ErrInternalIntrKilled)
			w.expect("R[0,4)") // the packet stayed
			f.supply(1, 3)
			w.blocked(b)
			w.blocked(c)
			f.supply(0, 1)
			w.ended(b, zx.OK)
			w.ended(c, zx.OK)
			w.finish(f)
		}},
		{"5.7 cancelled alone: the packet goes", func(w *world) {
			f := w.create(8, 0)
			a, b := f.commit(0, 4), f.commit(4, 4)
			w.interrupt(a, zx.ErrInternalIntrKilled)
			w.expect("R[4,4)")
			w.interrupt(b, zx.ErrInternalIntrKilled)
			f.supply(4, 4) // answers nothing
			c := f.commit(0, 8)
			w.expect("R[0,4)")
			f.supply(0, 4)
			w.ended(c, zx.OK)
			w.finish(f)
		}},
		{"P012 P047 many requests", func(w *world) {
			f := w.create(257, 0)
			var all []*thread
			for i := uint64(0); i < 257; i++ {
				all = append(all, f.load(i, tag(i)))
			}
			for i := uint64(0); i < 257; i++ {
				p, ok := w.packet()
				if want := fmt.Sprintf("R[%d,1)", i); !ok || seen(&p) != want {
					w.t.Fatalf("packet %s, want %s", seen(&p), want)
				}
				f.supply(i, 1)
				w.ended(all[i], zx.OK)
			}
			g := w.create(105, 0)
			all = nil
			for i := uint64(0); i < 15; i++ {
				all = append(all, g.commit(7*i, 7))
				w.expect(fmt.Sprintf("R[%d,7)", 7*i))
			}
			for i := uint64(0); i < 21; i++ {
				all = append(all, g.commit(5*i, 5))
				w.quiet()
			}
			for i := uint64(0); i < 35; i++ {
				g.supply(3*i, 3)
			}
			for _, th := range all {
				w.ended(th, zx.OK)
			}
			w.finish(f, g)
		}},
		{"P046 5.3 overlap and cutting", func(w *world) {
			f := w.create(32, 0)
			a := f.commit(8, 16)
			b := f.commit(0, 32)
			w.expect("R[8,16)", "R[0,8)")
			f.supply(0, 24)
			w.expect("R[24,8)")
			f.supply(24, 8)
			w.ended(a, zx.OK)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
		{"5.4 a fault sleeps for the whole primary", func(w *world) {
			f := w.create(11, 0)
			a, b := f.commit(0, 11), f.load(3, tag(3))
			w.expect("R[0,11)")
			f.supply(0, 5)
			w.blocked(a)
			w.blocked(b)
			f.supply(5, 6)
			w.ended(a, zx.OK)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
		{"P083 P084 P086 prefetch and hints", func(w *world) {
			f := w.create(30, rsz)
			hint := func(off, n uint64) *thread {
				return w.start(func(th *thread) zx.Status { return f.v.AlwaysNeed(off, n, &th.req) })
			}
			a := hint(10*pg, 5*pg)
			w.expect("R[10,5)")
			f.supply(10, 5)
			w.ended(a, zx.OK)
			a = hint(15*pg-8, 16)
			w.expect("R[15,1)")
			f.supply(15, 1)
			w.ended(a, zx.OK)
			w.must(f.v.DontNeed(32, 20*pg-64, nil))
			for _, r := range [][2]uint64{{25 * pg, 10 * pg}, {30 * pg, 20 * pg}, {pg, ^uint64(0)}} {
				if a, b := f.v.AlwaysNeed(r[0], r[1], &w.self.req), f.v.DontNeed(r[0], r[1], nil); a != zx.ErrOutOfRange || b != a {
					w.t.Fatalf("hints over %#x: %v and %v", r, a, b)
				}
			}
			anon, _ := w.store.New(20, 0)
			w.must(anon.AlwaysNeed(0, 20*pg, &w.self.req))
			w.must(anon.DontNeed(0, 20*pg, nil))
			anon.Release()
			// A failed page is passed over; a cut range is trimmed.
			a = hint(16*pg, 3*pg)
			w.expect("R[16,3)")
			f.fail(16, 3)
			w.expect("R[17,2)")
			f.resize(18)
			w.blocked(a)
			f.supply(17, 1)
			w.ended(a, zx.OK)
			b := w.start(func(th *thread) zx.Status { return f.v.Prefetch(pg+1, pg, &th.req) })
			w.expect("R[1,2)")
			f.fail(1, 2)
			w.ended(b, zx.ErrIO)
			// Marked pages outlive the others.
			w.must(f.v.AlwaysNeed(10*pg, pg, &w.self.req))
			for w.store.Evict(100, nil) > 0 {
			}
			var st [18]vmo.State
			f.v.States(0, st[:])
			if st[10] != vmo.Clean || st[17] != vmo.Clean {
				w.t.Fatalf("marked pages are %v and %v", st[10], st[17])
			}
			if !w.store.Reclaim(100, nil) {
				w.t.Fatal("the last resort freed nothing")
			}
			f.committed(0)
			w.finish(f)
		}},
		{"8 eviction", func(w *world) {
			f := w.create(4, 0)
			f.supply(0, 4)
			w.must(f.v.WriteBytes([]byte{1}, 2*pg, &w.self.req))
			w.ended(f.load(1, tag(1)), zx.OK)
			if n := w.store.Evict(100, nil); n != 3 {
				w.t.Fatalf("evicted %d, want 3", n)
			}
			f.committed(1)
			if got := f.v.Info().ChangeEvents; got != 3 {
				w.t.Fatalf("%d change events, want 3", got)
			}
			w.quiet()
			a := f.load(1, tag(1)) // unmapped
			w.expect("R[1,1)")
			f.supply(1, 1)
			w.ended(a, zx.OK)
			f.ranges("{2,1}")
			w.finish(f)
		}},
		{"5.8 overtime", func(w *world) {
			w.sys.cfg.OvertimeWait, w.sys.cfg.OvertimeTimeout = 20, 50
			f := w.create(2, 0)
			a := f.read(0, 1)
			w.advance(20)
			w.advance(20)
			w.blocked(a)
			if len(w.logs) != 2 {
				w.t.Fatalf("%d warnings, want 2: %q", len(w.logs), w.logs)
			}
			w.advance(10)
			w.ended(a, zx.ErrTimedOut)
			w.quiet() // its packet was withdrawn
			w.finish(f)
		}},
	})
}

func TestEarlyWake(t *testing.T) {
	runAll(t, []scenario{
		{"P096 as the front is supplied", func(w *world) {
			f := w.create(130, 0)
			buf := make([]byte, 128*pg)
			a := w.start(func(th *thread) zx.Status { return f.v.ReadBytes(buf, 2*pg, &th.req) })
			w.expect("R[2,128)")
			for i := uint64(0); i < 128; i += 32 {
				w.blocked(a)
				f.supply(2+i, 32)
				if got := buf[(i+31)*pg]; got != tag(2+i+31) {
					w.t.Fatalf("page %d not read yet: %#x", 2+i+31, got)
				}
			}
			w.ended(a, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"P097 out of order", func(w *world) {
			f := w.create(128, 0)
			buf := make([]byte, 128*pg)
			a := w.start(func(th *thread) zx.Status { return f.v.ReadBytes(buf, 0, &th.req) })
			w.expect("R[0,128)")
			f.supply(16, 16)
			f.supply(48, 16)
			if buf[0] != 0 {
				w.t.Fatal("read too early")
			}
			f.supply(0, 16)
			if buf[31*pg] != tag(31) || buf[32*pg] != 0 {
				w.t.Fatal("pages 0 to 31 are not what was read")
			}
			f.supply(32, 16)
			if buf[63*pg] != tag(63) {
				w.t.Fatal("pages 32 to 63 were not read")
			}
			f.supply(64, 64)
			w.ended(a, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"P099 with a resize", func(w *world) {
			f := w.create(16, rsz)
			a := f.read(0, 16)
			w.expect("R[0,16)")
			f.supply(0, 1)
			w.blocked(a)
			f.resize(8)
			f.supply(1, 7)
			w.ended(a, zx.ErrOutOfRange)
			w.finish(f)
		}},
		{"P070 failure where it wants to go on", func(w *world) {
			f := w.create(3, 0)
			a := f.read(0, 3)
			w.expect("R[0,3)")
			f.supply(0, 1)
			w.blocked(a)
			f.fail(1, 1)
			w.ended(a, zx.ErrIO)
			w.quiet()
			b := f.read(0, 3) // nothing outstanding is left behind
			w.expect("R[1,2)")
			f.supply(1, 2)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
		{"P071 failure inside another's request", func(w *world) {
			f := w.create(4, 0)
			a, b := f.read(0, 4), f.read(1, 1)
			w.expect("R[0,4)")
			f.fail(1, 1)
			w.blocked(a)
			w.blocked(b)
			f.supply(0, 1)
			w.blocked(a)
			w.blocked(b)
			f.supply(2, 2)
			w.ended(b, zx.ErrIO)
			w.expect("R[1,1)")
			f.supply(1, 3)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
		{"overlap waiters that read wake too", func(w *world) {
			f := w.create(8, 0)
			a, b, c := f.read(0, 8), f.read(2, 2), f.load(3, tag(3))
			w.expect("R[0,8)")
			f.supply(0, 4)
			w.ended(b, zx.OK)
			w.blocked(a)
			w.blocked(c) // a fault is not early
			f.supply(4, 4)
			w.ended(a, zx.OK)
			w.ended(c, zx.OK)
			w.finish(f)
		}},
		{"5.4 what an overlap waiter wants comes before its turn", func(w *world) {
			f := w.create(92, 0)
			buf := make([]byte, 26*pg)
			a := f.read(0, 92)
			w.expect("R[0,92)")
			b := w.start(func(th *thread) zx.Status { return f.v.ReadBytes(buf, 16*pg, &th.req) })
			f.supply(0, 8)
			f.supply(16, 1)
			f.supply(8, 8)
			w.blocked(b)
			if buf[0] != 0 {
				w.t.Fatal("page 16 was read though the first reader was not there")
			}
			f.supply(17, 1)
			w.blocked(a)
			w.blocked(b)
			if buf[0] != tag(16) || buf[pg] != tag(17) {
				w.t.Fatalf("pages 16 and 17 are not read: %#x, %#x", buf[0], buf[pg])
			}
			f.supply(18, 74)
			w.ended(a, zx.OK)
			w.ended(b, zx.OK)
			w.quiet()
			w.finish(f)
		}},
		{"a killed reader that was woken early", func(w *world) {
			f := w.create(8, 0)
			a, b := f.read(0, 8), f.commit(6, 2)
			w.expect("R[0,8)")
			f.supply(0, 2)
			w.interrupt(a, zx.ErrInternalIntrKilled)
			w.ended(a, zx.ErrInternalIntrKilled)
			w.blocked(b) // b has the whole request now
			f.supply(2, 6)
			w.ended(b, zx.OK)
			w.finish(f)
		}},
	})
}

func TestFailure(t *testing.T) {
	runAll(t, []scenario{
		{"14 15 16 every code, and not sticky", func(w *world) {
			f := w.create(11, 0)
			for _, code := range []zx.Status{zx.ErrIO, zx.ErrIODataIntegrity, zx.ErrBadState, zx.ErrNoSpace, zx.ErrBufferTooSmall} {
				a, b, c := f.commit(0, 11), f.read(0, 11), f.load(0, 0)
				w.expect("R[0,11)")
				w.must(f.op(zx.PagerOpFail, 0, 11, uint64(int64(code))))
				w.ended(a, code)
				w.ended(b, code)
				w.ended(c, code)
				w.quiet()
			}
			a := f.commit(0, 11)
			w.expect("R[0,11)")
			f.supply(0, 11)
			w.ended(a, zx.OK)
			w.finish(f)
		}},
		{"17 many commits", func(w *world) {
			f := w.create(3, 0)
			var all []*thread
			for i := 0; i < 10; i++ {
				all = append(all, f.commit(0, 3))
			}
			w.expect("R[0,3)")
			f.fail(0, 3)
			for _, th := range all {
				w.ended(th, zx.ErrIO)
			}
			w.finish(f)
		}},
		{"18 one VMO does not disturb another", func(w *world) {
			f, g := w.create(1, 0), w.create(1, 0)
			a, b := f.load(0, 0), g.load(0, tag(0))
			w.expect("R[0,1)", "R[0,1)")
			f.fail(0, 1)
			w.ended(a, zx.ErrIO)
			w.blocked(b)
			g.supply(0, 1)
			w.ended(b, zx.OK)
			w.finish(f, g)
		}},
		{"P066 P067 P068 overlapping and redundant", func(w *world) {
			for _, failFirst := range []bool{false, true} {
				f := w.create(11, 0)
				a, b, c := f.commit(0, 2), f.commit(9, 2), f.commit(5, 2)
				w.expect("R[0,2)", "R[9,2)", "R[5,2)")
				if failFirst {
					f.fail(1, 9)
					f.supply(0, 1)
				} else {
					f.supply(0, 1)
					f.fail(1, 9)
				}
				f.supply(10, 1)
				w.expect("R[1,1)")
				f.fail(1, 9)
				w.ended(a, zx.ErrIO)
				w.ended(b, zx.ErrIO)
				w.ended(c, zx.ErrIO)
				for i := uint64(0); i < 11; i++ {
					f.fail(i, 1)
				}
				w.quiet()
				f.drop()
				w.expect("COMPLETE")
			}
			w.finish()
		}},
		{"W115 part of a DIRTY request", func(w *world) {
			f := w.create(5, trap)
			f.supply(0, 5)
			a := f.write(0, 5, 0xaa)
			w.expect("D[0,5)")
			f.dirty(0, 3)
			f.fail(3, 2)
			w.expect("D[3,2)")
			f.fail(3, 2)
			w.ended(a, zx.ErrIO)
			f.ranges("{0,3}")
			f.content(0, 0xaa, 0xaa, 0xaa, tag(3), tag(4))
			f.wb(0, 3)
			f.end(0, 3)
			f.ranges()
			w.finish(f)
		}},
		{"W011 W014 W076 a failed write changes nothing", func(w *world) {
			f := w.create(3, trap)
			f.supply(0, 1)
			f.mark(1, 1)
			a := f.store(0, 0xcc)
			w.expect("D[0,1)")
			f.fail(0, 1)
			w.ended(a, zx.ErrIO)
			b := f.write(1, 1, 0xdd)
			w.expect("D[1,1)")
			f.fail(1, 1)
			w.ended(b, zx.ErrIO)
			f.ranges()
			f.modified(false)
			f.content(0, tag(0), 0)
			f.committed(1)
			w.finish(f)
		}},
	})
}

func TestDetachAndClose(t *testing.T) {
	runAll(t, []scenario{
		{"19 no requests", func(w *world) {
			f := w.create(1, 0)
			w.must(w.pager.Detach(f.v, nil))
			w.expect("COMPLETE")
			w.must(w.pager.Detach(f.v, nil))
			w.quiet() // no second one
			w.finish(f)
		}},
		{"20 a reader waits", func(w *world) {
			f := w.create(4, trap)
			f.supply(3, 1)
			a, b, c := f.load(0, 0), f.read(0, 2), f.write(3, 1, 1)
			w.must(w.pager.Detach(f.v, nil))
			w.ended(a, zx.ErrBadState)
			w.ended(b, zx.ErrBadState)
			w.ended(c, zx.ErrBadState)
			w.expect("COMPLETE") // and none of the requests
			w.finish(f)
		}},
		{"20 a reader waits whose first page failed", func(w *world) {
			// The code was recorded, and is what it ends with.
			f := w.create(8, 0)
			a, b := f.write(0, 4, 1), f.write(0, 2, 1)
			f.fail(0, 1)
			c := f.read(4, 2) // hangs on nothing that failed
			w.must(w.pager.Detach(f.v, nil))
			w.ended(a, zx.ErrIO)
			w.ended(b, zx.ErrIO)
			w.ended(c, zx.ErrBadState)
			w.expect("COMPLETE")
			w.finish(f)
		}},
		{"21 W064 what is dirty stays", func(w *world) {
			f := w.create(5, rsz)
			f.supply(0, 3)
			f.mark(3, 1)
			w.must(f.v.WriteBytes([]byte{tag(1)}, pg, &w.self.req))
			w.must(f.v.WriteBytes([]byte{tag(2)}, 2*pg, &w.self.req))
			f.wb(2, 1)
			f.resize(6)
			w.must(w.pager.Detach(f.v, nil))
			w.expect("COMPLETE")
			f.committed(2)
			f.ranges("{1,2}", "{5,1}z")
			f.content(1, tag(1), tag(2))
			f.content(5, 0)
			for _, page := range []uint64{0, 3, 4} {
				w.ended(f.read(page, 1), zx.ErrBadState)
			}
			if st := f.trySupply(0, 1, false); st != zx.ErrBadState {
				w.t.Fatalf("supply after detach: %v", st)
			}
			code := int64(zx.ErrIO)
			if st := f.op(zx.PagerOpFail, 0, 1, uint64(code)); st != zx.ErrBadState {
				w.t.Fatalf("FAIL after detach: %v", st)
			}
			// Without TRAP_DIRTY writing what is resident still works.
			w.ended(f.write(2, 1, 0x11), zx.OK)
			w.ended(f.write(5, 1, 0x22), zx.OK)
			f.resize(7)
			f.ranges("{1,2}", "{5,1}", "{6,1}z")
			f.wb(0, 7)
			f.end(0, 7)
			f.ranges()
			w.must(w.pager.Detach(f.v, nil))
			f.committed(0)
			w.finish(f)
		}},
		{"W067 W069 TRAP_DIRTY after detach", func(w *world) {
			f := w.create(2, trap)
			f.supply(0, 2)
			f.dirty(0, 1)
			f.wb(0, 1)
			w.must(w.pager.Detach(f.v, nil))
			w.expect("COMPLETE")
			w.ended(f.write(0, 1, 1), zx.ErrBadState)
			w.ended(f.store(0, 1), zx.ErrBadState)
			f.ranges("{0,1}")
			f.end(0, 1)
			f.ranges()
			if st := f.op(zx.PagerOpDirty, 0, 1, 0); st != zx.ErrBadState {
				w.t.Fatalf("OP_DIRTY after detach: %v", st)
			}
			w.finish(f)
		}},
		{"22 the last reference", func(w *world) {
			f := w.create(1, 0)
			f.supply(0, 1)
			f.v.Retain()
			f.drop()
			w.quiet()
			f.v.Release()
			w.expect("COMPLETE")
			w.finish()
		}},
		{"23 P025 P029 closing the pager", func(w *world) {
			f, g := w.create(3, 0), w.create(1, 0)
			f.supply(0, 1)
			w.must(f.v.WriteBytes([]byte{tag(0)}, 0, &w.self.req))
			f.supply(1, 1)
			a, b := f.load(2, 0), f.read(2, 1)
			g.drop() // its COMPLETE is not taken
			w.pager.Close()
			w.ended(a, zx.ErrBadState)
			w.ended(b, zx.ErrBadState)
			w.quiet()
			f.content(0, tag(0), tag(1))
			f.ranges("{0,1}")
			w.ended(f.read(2, 1), zx.ErrBadState)
			if _, st := w.pager.CreateVMO(w.store, 0, w.port, 1, pg); st != zx.ErrBadState {
				w.t.Fatalf("create on a closed pager: %v", st)
			}
			f.drop()
			w.quiet()
			w.finish()
		}},
		{"24 P031 closing the port", func(w *world) {
			f := w.create(4, 0)
			a, b := f.load(0, tag(0)), f.load(1, 0)
			w.port.OnZeroHandles()
			c := f.load(2, tag(2)) // never asked for, and yet
			f.supply(0, 1)
			w.ended(a, zx.OK)
			f.supply(2, 1)
			w.ended(c, zx.OK)
			w.blocked(b)
			w.must(w.pager.Detach(f.v, nil))
			w.ended(b, zx.ErrBadState)
			w.quiet()
			w.finish(f)
		}},
		{"two VMOs: COMPLETE behind a packet in the slot", func(w *world) {
			f := w.create(2, 0)
			a := f.read(0, 1)
			w.interrupt(a, zx.ErrInternalIntrKilled)
			b := f.read(1, 1)
			w.must(w.pager.Detach(f.v, nil))
			w.ended(b, zx.ErrBadState)
			w.expect("COMPLETE")
			w.finish(f)
		}},
	})
}
