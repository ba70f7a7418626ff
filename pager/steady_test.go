package pager

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"

	"faultline/mmu"
	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// nowhere is a waiter that never sleeps: what it waits for was done before.
type nowhere struct{ woken int }

func (n *nowhere) Wait(zx.ThreadState, zx.Time) zx.Status { return zx.OK }
func (*nowhere) Yield() zx.Status                         { return zx.OK }
func (n *nowhere) Wake() bool                             { n.woken++; return false }

// steady is the circle of one page: missing, asked, supplied, written, asked,
// acknowledged, written back, evicted.
type steady struct {
	t     testing.TB
	store *vmo.Store
	p     *Pager
	port  *object.Port
	v     *vmo.VMO
	aux   *vmo.VMO
	w     nowhere
	req   vmo.PageRequest
	fill  []byte
}

func newSteady(t testing.TB, pages uint64) *steady {
	s := &steady{t: t, port: object.NewPort(), fill: make([]byte, pg)}
	s.store = vmo.NewStore(mmu.NewSimulated(int(4*pages) + 64))
	s.p = New(NewSystem(Config{}))
	s.req.Init(&s.w)
	var st zx.Status
	if s.v, st = s.p.CreateVMO(s.store, trap, s.port, 1, pages*pg); st != zx.OK {
		t.Fatal(st)
	}
	if s.aux, st = s.store.New(pages*pg, 0); st != zx.OK {
		t.Fatal(st)
	}
	return s
}

func (s *steady) want(got, want zx.Status) {
	if got != want {
		s.t.Fatalf("%v, want %v", got, want)
	}
}

func (s *steady) require(off uint64, write bool) zx.Status {
	s.v.Lock()
	_, st := s.v.RequirePage(nil, off, write, &s.req)
	s.v.Unlock()
	return st
}

func (s *steady) packet(cmd zx.PageCommand, off uint64) {
	var p zx.Packet
	if st := s.port.Wait(&s.w, 0, &p); st != zx.OK || p.PageRequest().Command != cmd || p.PageRequest().Offset != off {
		s.t.Fatalf("packet %+v, %v", p.PageRequest(), st)
	}
}

func (s *steady) circle(off uint64) {
	s.want(s.require(off, true), zx.ErrShouldWait)
	s.packet(zx.PageRead, off)
	s.want(s.aux.WriteBytes(s.fill, off, &s.req), zx.OK)
	s.want(s.p.SupplyPages(s.v, off, pg, s.aux, off, &s.req), zx.OK)
	s.want(s.req.Wait(), zx.OK)
	s.want(s.require(off, false), zx.OK)
	s.want(s.require(off, true), zx.ErrShouldWait)
	s.packet(zx.PageDirty, off)
	s.want(s.p.OpRange(zx.PagerOpDirty, s.v, off, pg, 0, nil), zx.OK)
	s.want(s.req.Wait(), zx.OK)
	s.want(s.require(off, true), zx.OK)
	s.want(s.p.OpRange(zx.PagerOpWritebackBegin, s.v, off, pg, 0, nil), zx.OK)
	s.want(s.p.OpRange(zx.PagerOpWritebackEnd, s.v, off, pg, 0, nil), zx.OK)
	if s.store.Evict(1, nil) != 1 {
		s.t.Fatal("nothing evicted")
	}
}

// TestSteadyPathAllocates pins that the circle allocates nothing on the heap.
func TestSteadyPathAllocates(t *testing.T) {
	s := newSteady(t, 64)
	if n := testing.AllocsPerRun(200, func() { s.circle(5 * pg) }); n != 0 {
		t.Errorf("%v allocations a round, want 0", n)
	}
	if s.w.woken == 0 {
		t.Error("nobody was woken")
	}
	run := func() {
		var r vmo.PageRun
		for i := 0; i < 16; i++ {
			b, st := s.store.Append(&r)
			s.want(st, zx.OK)
			b[0] = 1
		}
		s.want(s.p.SupplyRun(s.v, 16*pg, &r), zx.OK)
		if s.v.DropClean() != 16 {
			t.Fatal("not all dropped")
		}
	}
	if n := testing.AllocsPerRun(50, run); n != 0 {
		t.Errorf("SupplyRun: %v allocations a round, want 0", n)
	}
}

// TestMetadataPerPage pins the bytes a resident page costs, all told.
func TestMetadataPerPage(t *testing.T) {
	const pages = 4096
	s := newSteady(t, pages)
	var r vmo.PageRun
	for i := 0; i < pages; i++ {
		_, st := s.store.Append(&r)
		s.want(st, zx.OK)
	}
	s.want(s.p.SupplyRun(s.v, 0, &r), zx.OK)
	if got := s.v.Info().MetadataBytes; got > 32*pages {
		t.Errorf("%d bytes for %d pages: %d a page, want at most 32", got, pages, got/pages)
	} else {
		t.Logf("%.2f bytes a page", float64(got)/pages)
	}
}

// TestNoByteLost runs four writers, a pager that answers, a write-back loop and
// the evictor against one VMO: what the writers wrote last is what the store
// holds in the end.
func TestNoByteLost(t *testing.T) {
	const pages, writers, rounds = 24, 4, 400
	mem := mmu.NewSimulated(400)
	store := vmo.NewStore(mem)
	port := object.NewPort()
	p := New(NewSystem(Config{}))
	v, st := p.CreateVMO(store, trap, port, 1, pages*pg)
	if st != zx.OK {
		t.Fatal(st)
	}
	disk := make([]byte, pages*pg)
	var diskMu sync.Mutex

	var servers, workers sync.WaitGroup
	servers.Add(1)
	go func() { // the pager
		defer servers.Done()
		w := newChanWaiter()
		var req vmo.PageRequest
		req.Init(w)
		for {
			var k zx.Packet
			if port.Wait(w, zx.TimeInfinite, &k) != zx.OK {
				return
			}
			if k.Type == zx.PacketUser {
				return
			}
			r := k.PageRequest()
			switch r.Command {
			case zx.PageRead:
				var run vmo.PageRun
				for off := r.Offset; off < r.Offset+r.Length; off += pg {
					b, st := store.Append(&run)
					if st != zx.OK {
						t.Errorf("append: %v", st)
						return
					}
					diskMu.Lock()
					copy(b[:], disk[off:off+pg])
					diskMu.Unlock()
				}
				if st := p.SupplyRun(v, r.Offset, &run); st != zx.OK {
					t.Errorf("supply: %v", st)
				}
			case zx.PageDirty:
				if st := p.OpRange(zx.PagerOpDirty, v, r.Offset, r.Length, 0, nil); st != zx.OK && st != zx.ErrNotFound {
					t.Errorf("dirty: %v", st)
				}
			}
		}
	}()
	saving := sync.Mutex{}
	writeBack := func(req *vmo.PageRequest) {
		saving.Lock()
		defer saving.Unlock()
		sink := SliceSink{Ranges: make([]zx.DirtyRange, 0, pages), Room: pages}
		p.QueryDirtyRanges(v, 0, pages*pg, &sink, false, nil)
		for _, r := range sink.Ranges {
			p.OpRange(zx.PagerOpWritebackBegin, v, r.Offset, r.Length, 0, nil)
			buf := make([]byte, r.Length)
			if st := v.ReadBytes(buf, r.Offset, req); st != zx.OK {
				t.Errorf("read back: %v", st)
			}
			diskMu.Lock()
			copy(disk[r.Offset:], buf)
			diskMu.Unlock()
			p.OpRange(zx.PagerOpWritebackEnd, v, r.Offset, r.Length, 0, nil)
		}
	}
	var stop atomic.Bool
	servers.Add(1)
	go func() { // write-back and eviction
		defer servers.Done()
		w := newChanWaiter()
		var req vmo.PageRequest
		req.Init(w)
		for !stop.Load() {
			writeBack(&req)
			store.Evict(5, nil)
		}
	}()
	var last [writers][pages]uint64
	for id := 0; id < writers; id++ {
		workers.Add(1)
		go func(id int) {
			defer workers.Done()
			w := newChanWaiter()
			var req vmo.PageRequest
			req.Init(w)
			rng := rand.New(rand.NewSource(int64(id)))
			buf := make([]byte, 8)
			for n := uint64(1); n <= rounds; n++ {
				page := uint64(rng.Intn(pages))
				off := page*pg + uint64(id)*8
				if st := v.ReadBytes(buf, off, &req); st != zx.OK {
					t.Errorf("read: %v", st)
					return
				}
				if got := binary.LittleEndian.Uint64(buf); got != last[id][page] {
					t.Errorf("writer %d page %d: %d came back as %d", id, page, last[id][page], got)
					return
				}
				binary.LittleEndian.PutUint64(buf, n)
				if st := v.WriteBytes(buf, off, &req); st != zx.OK {
					t.Errorf("write: %v", st)
					return
				}
				last[id][page] = n
			}
		}(id)
	}
	workers.Wait()
	stop.Store(true)
	var k zx.Packet
	var req vmo.PageRequest
	req.Init(newChanWaiter())
	writeBack(&req)
	port.QueueUser(nil, &k)
	servers.Wait()
	for id := range last {
		for page, want := range last[id] {
			if got := binary.LittleEndian.Uint64(disk[page*pg+id*8:]); got != want {
				t.Errorf("writer %d page %d: the disk has %d, want %d", id, page, got, want)
			}
		}
	}
	sink := SliceSink{Ranges: make([]zx.DirtyRange, 0, pages), Room: pages}
	if _, n, _ := p.QueryDirtyRanges(v, 0, pages*pg, &sink, true, nil); n != 0 {
		t.Errorf("%d dirty ranges left", n)
	}
	v.Release()
	if left := mem.Outstanding(); len(left) != 0 {
		t.Errorf("%d frames leaked", len(left))
	}
}

// chanWaiter sleeps for real.
type chanWaiter struct{ token chan struct{} }

func newChanWaiter() *chanWaiter { return &chanWaiter{make(chan struct{}, 1)} }

func (w *chanWaiter) Wait(zx.ThreadState, zx.Time) zx.Status {
	<-w.token
	return zx.OK
}

func (*chanWaiter) Yield() zx.Status { return zx.OK }
func (w *chanWaiter) Wake() bool {
	select {
	case w.token <- struct{}{}:
	default:
	}
	return false
}

// TestReclaim pages a VMO four times as large as memory in and out.
func TestReclaim(t *testing.T) {
	const pages = 400
	mem := mmu.NewSimulated(100)
	store := vmo.NewStore(mem)
	port := object.NewPort()
	p := New(NewSystem(Config{}))
	v, _ := p.CreateVMO(store, 0, port, 1, pages*pg)
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		w := newChanWaiter()
		for {
			var k zx.Packet
			port.Wait(w, zx.TimeInfinite, &k)
			r := k.PageRequest()
			if k.Type == zx.PacketUser {
				return
			}
			var run vmo.PageRun
			for i := uint64(0); i < r.Length && i < 16*pg; i += pg {
				b, st := store.Append(&run)
				if st != zx.OK {
					t.Errorf("append: %v", st)
					return
				}
				copy(b[:], bytes.Repeat([]byte{tag((r.Offset + i) / pg)}, pg))
			}
			if st := p.SupplyRun(v, r.Offset, &run); st != zx.OK {
				t.Errorf("supply: %v", st)
			}
		}
	}()
	var req vmo.PageRequest
	req.Init(newChanWaiter())
	buf := make([]byte, pg)
	for round := 0; round < 2; round++ {
		for i := uint64(0); i < pages; i++ {
			if st := v.ReadBytes(buf, i*pg, &req); st != zx.OK || buf[7] != tag(i) {
				t.Fatalf("page %d: %#x, %v", i, buf[7], st)
			}
		}
	}
	// An anonymous VMO takes the clean pages' place; past memory, NO_MEMORY.
	anon, _ := store.New(pages*pg, 0)
	if st := anon.Commit(0, 90*pg, &req); st != zx.OK {
		t.Errorf("commit of 90 of 100 frames: %v", st)
	}
	if st := anon.Commit(0, pages*pg, &req); st != zx.ErrNoMemory {
		t.Errorf("commit past memory: %v", st)
	}
	if got := v.Info().Committed.Bytes; got != 0 {
		t.Errorf("%d bytes survived", got)
	}
	anon.Release()
	var k zx.Packet
	port.QueueUser(nil, &k)
	done.Wait()
	v.Release()
	if left := mem.Outstanding(); len(left) != 0 {
		t.Errorf("%d frames leaked", len(left))
	}
}

func BenchmarkCircle(b *testing.B) {
	s := newSteady(b, 64)
	for b.Loop() {
		s.circle(5 * pg)
	}
}

// BenchmarkSupply and BenchmarkWriteback report time a page, in runs of 4096.
func BenchmarkSupply(b *testing.B) {
	const pages = 4096
	s := newSteady(b, pages)
	s.want(s.aux.Commit(0, pages*pg, &s.req), zx.OK)
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		s.want(s.p.SupplyPages(s.v, 0, pages*pg, s.aux, 0, &s.req), zx.OK)
		b.StopTimer()
		s.v.DropClean()
		s.want(s.aux.Commit(0, pages*pg, &s.req), zx.OK)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*pages), "ns/page")
}

func BenchmarkWriteback(b *testing.B) {
	const pages = 4096
	s := newSteady(b, pages)
	s.want(s.aux.Commit(0, pages*pg, &s.req), zx.OK)
	s.want(s.p.SupplyPages(s.v, 0, pages*pg, s.aux, 0, &s.req), zx.OK)
	s.want(s.p.OpRange(zx.PagerOpDirty, s.v, 0, pages*pg, 0, nil), zx.OK)
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		s.want(s.p.OpRange(zx.PagerOpWritebackBegin, s.v, 0, pages*pg, 0, nil), zx.OK)
		b.StopTimer()
		s.want(s.p.OpRange(zx.PagerOpDirty, s.v, 0, pages*pg, 0, nil), zx.OK)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*pages), "ns/page")
}
