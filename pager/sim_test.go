package pager

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"faultline/mmu"
	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

const pg = zx.PageSize

// world is a machine of the host: memory, a pager with a port, a clock turned
// by hand, and threads that only run until they all sleep (settle). A test
// starts one thread after another and so sees one order of events.
type world struct {
	t     *testing.T
	mem   *mmu.Memory
	store *vmo.Store
	sys   *System
	pager *Pager
	port  *object.Port
	self  *thread // the test's own thread, which must not block
	logs  []string

	mu      sync.Mutex
	cond    *sync.Cond
	threads []*thread
	now     zx.Time
}

func newWorld(t *testing.T, frames int, cfg Config) *world {
	t.Helper()
	w := &world{t: t, mem: mmu.NewSimulated(frames), port: object.NewPort(), now: clockStart}
	w.cond = sync.NewCond(&w.mu)
	w.store = vmo.NewStore(w.mem)
	cfg.Now = w.clock
	cfg.Log = func(line string) { w.logs = append(w.logs, line) }
	w.sys = NewSystem(cfg)
	w.pager = New(w.sys)
	w.self = w.newThread()
	w.self.strict = true
	return w
}

func (w *world) clock() zx.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// clockStart is the time at which a world begins.
const clockStart zx.Time = 1e9

// advance looks at the waits as the watchdog does, turns the clock, lets
// sleepers time out, and looks again.
func (w *world) advance(d zx.Time) {
	w.settle()
	w.sys.Tick(w.clock())
	defer w.settle()
	defer func() { w.sys.Tick(w.clock()) }()
	w.mu.Lock()
	w.now += d
	for _, th := range w.threads {
		th.cond.Signal()
	}
	w.mu.Unlock()
	w.settle()
}

// thread is a vmo.Waiter with the request of one thread.
type thread struct {
	w        *world
	req      vmo.PageRequest
	strict   bool // must not sleep
	sleeping bool
	state    zx.ThreadState
	deadline zx.Time
	cond     *sync.Cond // on w.mu
	token    bool
	poke     zx.Status
	done     bool
	result   zx.Status
	detail   string // what a check of its own found wrong
}

func (w *world) newThread() *thread {
	th := &thread{w: w, cond: sync.NewCond(&w.mu)}
	th.req.Init(th)
	return th
}

func (*thread) Yield() zx.Status { return zx.OK }
func (th *thread) Wake() bool {
	th.w.mu.Lock()
	defer th.w.mu.Unlock()
	slept := th.asleep()
	th.token = true
	th.cond.Signal()
	return slept
}

func (th *thread) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	w := th.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case th.token:
			th.token = false
			return zx.OK
		case th.poke != zx.OK:
			st := th.poke
			th.poke = zx.OK
			return st
		case w.now >= deadline:
			return zx.ErrTimedOut
		case th.strict:
			return zx.ErrInternalIntrKilled // would block
		}
		th.sleeping, th.state, th.deadline = true, state, deadline
		w.cond.Signal()
		th.cond.Wait()
		th.sleeping = false
	}
}

// asleep says that nothing will wake th but the test. Locks: w.mu held.
func (th *thread) asleep() bool {
	return th.sleeping && !th.token && th.poke == zx.OK && th.w.now < th.deadline
}

// start runs f on a thread of its own until all sleep.
func (w *world) start(f func(th *thread) zx.Status) *thread {
	th := w.newThread()
	w.mu.Lock()
	w.threads = append(w.threads, th)
	w.mu.Unlock()
	go func() {
		st := f(th)
		w.mu.Lock()
		th.done, th.result = true, st
		w.cond.Signal()
		w.mu.Unlock()
	}()
	w.settle()
	return th
}

// settle waits until every thread sleeps or is done: also those that are woken by
// what an operation has left for later.
func (w *world) settle() {
	object.WorkAll(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		busy := false
		for _, th := range w.threads {
			busy = busy || !th.done && !th.asleep()
		}
		if !busy {
			return
		}
		w.cond.Wait()
	}
}

// interrupt ends the sleep of th with st: killed or suspended.
func (w *world) interrupt(th *thread, st zx.Status) {
	w.mu.Lock()
	th.poke = st
	th.cond.Signal()
	w.mu.Unlock()
	w.settle()
}

// ended demands that th is done with st.
func (w *world) ended(th *thread, st zx.Status) {
	w.t.Helper()
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !th.done || th.result != st {
		w.t.Fatalf("thread: done %v with %v, want %v", th.done, th.result, st)
	}
	if th.detail != "" {
		w.t.Fatal(th.detail)
	}
}

// blocked demands that th waits for the pager.
func (w *world) blocked(th *thread) {
	w.t.Helper()
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	if th.done || th.state != zx.ThreadBlockedPager {
		w.t.Fatalf("thread: done %v (%v) in state %#x, want it blocked on the pager", th.done, th.result, th.state)
	}
}

// packet takes the next packet off the port.
func (w *world) packet() (zx.Packet, bool) {
	var p zx.Packet
	st := w.port.Wait(w.newThread(), 0, &p)
	return p, st == zx.OK
}

// seen spells a packet: R[0,1), D[2,3), COMPLETE.
func seen(p *zx.Packet) string {
	r := p.PageRequest()
	switch r.Command {
	case zx.PageComplete:
		if r.Offset != 0 || r.Length != 0 {
			return fmt.Sprintf("COMPLETE with %+v", r)
		}
		return "COMPLETE"
	case zx.PageRead:
		return fmt.Sprintf("R[%d,%d)", r.Offset/pg, r.Length/pg)
	}
	return fmt.Sprintf("D[%d,%d)", r.Offset/pg, r.Length/pg)
}

// expect demands exactly these packets, in order, and then quiet.
func (w *world) expect(want ...string) {
	w.t.Helper()
	w.settle()
	for _, s := range want {
		p, ok := w.packet()
		if !ok {
			w.t.Fatalf("no packet, want %s", s)
		}
		if p.Type != zx.PacketPageRequest || p.Status != zx.OK {
			w.t.Fatalf("packet %+v: wrong type or status", p)
		}
		if got := seen(&p); got != s {
			w.t.Fatalf("packet %s, want %s", got, s)
		}
		// Every field the kernel does not name is zero.
		if again := zx.PageRequestPacket(p.Key, p.PageRequest()); again != p {
			w.t.Fatalf("packet %+v has stray bits", p)
		}
	}
	w.quiet()
}

// quiet demands an empty port.
func (w *world) quiet() {
	w.t.Helper()
	w.settle()
	if p, ok := w.packet(); ok {
		w.t.Fatalf("packet %s key %d, want none", seen(&p), p.Key)
	}
}

// must fails the test unless st is OK.
func (w *world) must(st zx.Status) {
	w.t.Helper()
	if st != zx.OK {
		w.t.Fatal(st)
	}
}

// file is a paged VMO whose page i is supplied full of tag(i), with one mapping.
type file struct {
	w *world
	v *vmo.VMO
	m *mapping
}

func (w *world) create(pages uint64, options uint32) *file {
	w.t.Helper()
	v, st := w.pager.CreateVMO(w.store, options, w.port, 7, pages*pg)
	w.must(st)
	f := &file{w: w, v: v}
	f.m = w.mapVMO(v)
	return f
}

// drop closes the file's handle and mapping.
func (f *file) drop() {
	f.m.UnmapRange(0, ^uint64(0)&^zx.PageMask)
	f.v.RemoveMapping(&f.m.place)
	f.v.Release()
}

// finish ends a test: no thread is left, no frame leaks.
func (w *world) finish(files ...*file) {
	w.t.Helper()
	w.settle()
	for _, th := range w.threads {
		if !th.done {
			w.t.Fatalf("a thread still sleeps in state %#x", th.state)
		}
		if th.detail != "" {
			w.t.Fatal(th.detail)
		}
	}
	for _, f := range files {
		f.drop()
	}
	if left := w.mem.Outstanding(); len(left) != 0 {
		w.t.Fatalf("%d frames leaked: %v", len(left), left)
	}
	if s := w.store.Stats(); s.VMOs != 0 || s.Listed+s.Needed != 0 {
		w.t.Fatalf("left behind: %+v", s)
	}
}

func tag(page uint64) byte { return byte(page*7 + 3) }

// aux makes an anonymous VMO of n pages; page i holds tag(first+i) unless empty.
func (w *world) aux(first, n uint64, empty bool) *vmo.VMO {
	w.t.Helper()
	a, st := w.store.New(n*pg, 0)
	w.must(st)
	if !empty {
		for i := uint64(0); i < n; i++ {
			w.must(a.WriteBytes(bytes.Repeat([]byte{tag(first + i)}, pg), i*pg, &w.self.req))
		}
	}
	return a
}

func (f *file) trySupply(off, n uint64, empty bool) zx.Status {
	a := f.w.aux(off, n, empty)
	defer a.Release()
	st := f.w.pager.SupplyPages(f.v, off*pg, n*pg, a, 0, &f.w.self.req)
	f.w.settle()
	return st
}

func (f *file) supply(off, n uint64) { f.w.t.Helper(); f.w.must(f.trySupply(off, n, false)) }
func (f *file) mark(off, n uint64)   { f.w.t.Helper(); f.w.must(f.trySupply(off, n, true)) }

func (f *file) op(op zx.PagerOp, off, n, data uint64) zx.Status {
	st := f.w.pager.OpRange(op, f.v, off*pg, n*pg, data, nil)
	f.w.settle()
	return st
}

func (f *file) dirty(off, n uint64) { f.w.t.Helper(); f.w.must(f.op(zx.PagerOpDirty, off, n, 0)) }
func (f *file) fail(off, n uint64) {
	f.w.t.Helper()
	code := int64(zx.ErrIO)
	f.w.must(f.op(zx.PagerOpFail, off, n, uint64(code)))
}
func (f *file) wb(off, n uint64) {
	f.w.t.Helper()
	f.w.must(f.op(zx.PagerOpWritebackBegin, off, n, 0))
}
func (f *file) wb0(off, n uint64) {
	f.w.t.Helper()
	f.w.must(f.op(zx.PagerOpWritebackBegin, off, n, zx.VMODirtyRangeIsZero))
}
func (f *file) end(off, n uint64) {
	f.w.t.Helper()
	f.w.must(f.op(zx.PagerOpWritebackEnd, off, n, 0))
}

func (f *file) resize(pages uint64) {
	f.w.t.Helper()
	f.w.must(f.v.SetSize(pages*pg, &f.w.self.req))
	f.w.settle()
}

// ranges demands the dirty ranges, spelled {0,1} or {0,1}z.
func (f *file) ranges(want ...string) {
	f.w.t.Helper()
	sink := SliceSink{Ranges: make([]zx.DirtyRange, 0, 64), Room: 64}
	actual, avail, st := f.w.pager.QueryDirtyRanges(f.v, 0, f.v.Size(), &sink, true, nil)
	f.w.must(st)
	var got []string
	for _, r := range sink.Ranges {
		s := fmt.Sprintf("{%d,%d}", r.Offset/pg, r.Length/pg)
		if r.Options == zx.VMODirtyRangeIsZero {
			s += "z"
		}
		got = append(got, s)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || actual != avail || int(actual) != len(want) {
		f.w.t.Fatalf("dirty ranges %v (actual %d, avail %d), want %v", got, actual, avail, want)
	}
}

// committed demands a number of resident pages.
func (f *file) committed(pages uint64) {
	f.w.t.Helper()
	if got := f.v.Info().Committed.Bytes / pg; got != pages {
		f.w.t.Fatalf("%d pages committed, want %d", got, pages)
	}
}

// modified demands the flag and resets it.
func (f *file) modified(want bool) {
	f.w.t.Helper()
	got, st := f.w.pager.QueryVMOStats(f.v, zx.PagerResetVMOStats, 4)
	f.w.must(st)
	if (got == zx.PagerVMOStatsModified) != want {
		f.w.t.Fatalf("modified is %d, want %v", got, want)
	}
}

// content demands pages of bytes, read on the test's thread: it must not block.
func (f *file) content(off uint64, want ...byte) {
	f.w.t.Helper()
	buf := make([]byte, len(want)*pg)
	f.w.must(f.v.ReadBytes(buf, off*pg, &f.w.self.req))
	for i, b := range want {
		if !bytes.Equal(buf[i*pg:(i+1)*pg], bytes.Repeat([]byte{b}, pg)) {
			f.w.t.Fatalf("page %d begins with %#x, want it full of %#x", off+uint64(i), buf[i*pg], b)
		}
	}
}

// read, write, commit, load and store start threads.
func (f *file) read(off, n uint64) *thread {
	return f.w.start(func(th *thread) zx.Status {
		return f.v.ReadBytes(make([]byte, n*pg), off*pg, &th.req)
	})
}

func (f *file) write(off, n uint64, b byte) *thread {
	return f.w.start(func(th *thread) zx.Status {
		return f.v.WriteBytes(bytes.Repeat([]byte{b}, int(n*pg)), off*pg, &th.req)
	})
}

func (f *file) commit(off, n uint64) *thread {
	return f.w.start(func(th *thread) zx.Status { return f.v.Commit(off*pg, n*pg, &th.req) })
}

func (f *file) load(page uint64, want byte) *thread {
	return f.w.start(func(th *thread) zx.Status {
		got, st := f.m.load(page, th)
		if st == zx.OK && got != want {
			th.detail = fmt.Sprintf("page %d holds %#x, want %#x", page, got, want)
		}
		return st
	})
}

func (f *file) store(page uint64, b byte) *thread {
	return f.w.start(func(th *thread) zx.Status { return f.m.store(page, b, th) })
}

// mapping is a whole VMO mapped readable and writable: what vmar does, small.
type mapping struct {
	w     *world
	v     *vmo.VMO
	place vmo.MappingPlace
	mu    sync.Mutex // the page-table lock
	ptes  map[uint64]vmo.Page
	// faults counts, for tests that a store must or must not trap.
	faults int
}

func (w *world) mapVMO(v *vmo.VMO) *mapping {
	m := &mapping{w: w, v: v, ptes: map[uint64]vmo.Page{}}
	v.AddMapping(&m.place, m, 0, 1<<62)
	return m
}

func (m *mapping) UnmapRange(off, length uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.ptes {
		if p*pg >= off && p*pg-off < length {
			delete(m.ptes, p)
		}
	}
}

func (m *mapping) Accessed(off, length uint64) uint64 { return 0 }

func (m *mapping) RemoveWriteRange(off, length uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, e := range m.ptes {
		if p*pg >= off && p*pg-off < length {
			e.Writable = false
			m.ptes[p] = e
		}
	}
}

// access is one instruction of a user program: the byte at the front of a page.
func (m *mapping) access(page uint64, write bool, b byte, th *thread) (byte, zx.Status) {
	for {
		m.mu.Lock()
		if e, ok := m.ptes[page]; ok && (e.Writable || !write) {
			p := m.w.mem.Bytes(e.Frame)
			if write {
				p[0] = b
			}
			b = p[0]
			m.mu.Unlock()
			return b, zx.OK
		}
		m.faults++
		m.mu.Unlock()
		m.v.Lock()
		p, st := m.v.RequirePage(&m.place, page*pg, write, &th.req)
		if st == zx.OK {
			m.mu.Lock()
			m.ptes[page] = p
			m.mu.Unlock()
		}
		m.v.Unlock()
		switch st {
		case zx.OK:
		case zx.ErrShouldWait:
			if st = th.req.Wait(); st != zx.OK {
				return 0, st
			}
		case zx.ErrNoMemory:
			if !m.w.store.Reclaim(32, nil) {
				return 0, st
			}
		default:
			return 0, st
		}
	}
}

func (m *mapping) load(page uint64, th *thread) (byte, zx.Status) {
	return m.access(page, false, 0, th)
}

func (m *mapping) store(page uint64, b byte, th *thread) zx.Status {
	_, st := m.access(page, true, b, th)
	return st
}
