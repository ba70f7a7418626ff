package pager

import (
	"flag"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

var (
	modelTime = flag.Duration("model.time", 2*time.Second, "how long the model checker runs")
	modelOps  = flag.Int("model.ops", 0, "run the model checker for so many operations instead")
	modelSeed = flag.Int64("model.seed", 1, "the first history of the model checker")
)

// dice is where a history comes from: random bytes, or a fuzzer's.
type dice struct{ data []byte }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	v := int(d.data[0])
	d.data = d.data[1:]
	return v % n
}

// modelThread is a waiter that is killed as soon as it waits, after writing
// down what is on the port.
type modelThread struct {
	w     *world
	asked string
}

func (*modelThread) Yield() zx.Status { return zx.OK }
func (m *modelThread) Wake() bool     { return false }
func (m *modelThread) Wait(zx.ThreadState, zx.Time) zx.Status {
	var p zx.Packet
	for m.w.port.Wait(m.w.self, 0, &p) == zx.OK {
		m.asked += seen(&p)
	}
	return zx.ErrInternalIntrKilled
}

var modelStates = map[byte]vmo.State{
	'A': vmo.Absent, 'M': vmo.Marker, 'C': vmo.Clean, 'D': vmo.Dirty, 'W': vmo.AwaitingClean, 'U': vmo.ZeroUntracked,
}

// play runs one history and says how many operations it had.
func play(t *testing.T, d *dice) (ops int) {
	w := newWorld(t, 220, Config{})
	th := &modelThread{w: w}
	var req vmo.PageRequest
	req.Init(th)
	kind := d.roll(12)
	m := &model{trap: kind&1 != 0, unbounded: kind >= 8}
	if kind&2 != 0 {
		m.base = 1024 - 10 // the window lies across two leaves of the tree
	}
	if kind&4 != 0 {
		m.base += 1 << 28 // and 1 TiB up
	}
	options := uint32(rsz)
	base := m.base * pg
	m.size, m.stream = window, window*pg
	for i := range m.p {
		m.p[i].st = 'A'
	}
	if m.unbounded {
		options = zx.VMOUnbounded
		m.size, m.stream = modelMax, window*pg
		for i := window; i < modelMax; i++ {
			m.p[i].st = 'U'
		}
	}
	if m.trap {
		options |= trap
	}
	v, st := w.pager.CreateVMO(w.store, options, w.port, 3, base+window*pg)
	w.must(st)
	f := &file{w: w, v: v, m: w.mapVMO(v)}

	var history []string
	fail := func(format string, args ...any) {
		t.Helper()
		for i, h := range history {
			t.Logf("%3d %s", i, h)
		}
		t.Fatalf("trap %v unbounded %v base %#x: %s", m.trap, m.unbounded, m.base, fmt.Sprintf(format, args...))
	}
	// bytes draws a range of half pages, pages one of whole pages; mostly
	// inside the VMO.
	limit := func() int { return min(m.size+1, modelMax) }
	pages := func() (int, int) {
		a := d.roll(limit())
		return a, min(a+d.roll(9), max(limit(), a))
	}
	bytesRange := func() (uint64, uint64) {
		a := uint64(d.roll(2 * limit()))
		b := min(a+uint64(d.roll(14)), uint64(2*limit()))
		return a * half, max(a, b) * half
	}
	inside := func(i, end int) (int, int) { return min(i, m.size), min(end, m.size) }
	buf := make([]byte, (modelMax+2)*pg)
	for ; ops < 400 && len(d.data) > 0; ops++ {
		th.asked = ""
		var want outcome
		var got zx.Status
		note := func(format string, args ...any) { history = append(history, fmt.Sprintf(format, args...)) }
		// Now and then memory runs out in the middle: the operation must answer
		// NO_MEMORY and, done again, end as if nothing had been. Clean pages
		// go first, since the operation would evict them.
		starve := d.roll(10)
		if starve < 4 {
			m.evict(true)
			for w.store.Reclaim(1000, nil) {
			}
		}
		do := func(op func() zx.Status) zx.Status {
			if starve < 4 {
				w.mem.FailAfter(starve)
				st := op()
				w.mem.FailAfter(-1)
				if st != zx.ErrNoMemory {
					return st
				}
				note("  starved after %d frames", starve)
			}
			return op()
		}
		switch op := d.roll(26); op {
		case 0, 1:
			a, b := bytesRange()
			note("read %d %d", a/half, b/half)
			want = m.read(a, b)
			got = v.ReadBytes(buf[:b-a], base+a, &req)
			if want == fine && got == zx.OK {
				for h := a; h < b; h += half {
					if x := m.p[h/pg].data[h/half%2]; buf[h-a] != x || buf[h-a+half-1] != x {
						fail("half page %d reads %#x, want %#x", h/half, buf[h-a], x)
					}
				}
			}
		case 2, 3, 4:
			a, b := bytesRange()
			x := byte(ops*3 + 1)
			note("write %d %d %#x", a/half, b/half, x)
			for i := range buf[:b-a] {
				buf[i] = x
			}
			want = m.write(a, b, x)
			got = do(func() zx.Status { return v.WriteBytes(buf[:b-a], base+a, &req) })
		case 5, 6, 7:
			a, b := pages()
			mask := d.roll(256)
			note("supply %d %d mask %#x", a, b, mask)
			value := func(i int) (byte, bool) { return byte(ops + i), mask>>(i%8)&1 != 0 }
			want = m.supply(a, b, value)
			aux, _ := w.store.New(uint64(b-a)*pg, 0)
			for i := a; i < b; i++ {
				if x, ok := value(i); ok {
					for j := range buf[:pg] {
						buf[j] = x
					}
					w.must(aux.WriteBytes(buf[:pg], uint64(i-a)*pg, &req))
				}
			}
			got = w.pager.SupplyPages(v, base+uint64(a)*pg, uint64(b-a)*pg, aux, 0, &req)
			aux.Release()
		case 8, 9:
			a, b := pages()
			note("OP_DIRTY %d %d", a, b)
			want = m.opDirty(a, b)
			got = do(func() zx.Status {
				return w.pager.OpRange(zx.PagerOpDirty, v, base+uint64(a)*pg, uint64(b-a)*pg, 0, nil)
			})
		case 10, 11:
			a, b := pages()
			zeroOnly := uint64(d.roll(2))
			note("WRITEBACK_BEGIN %d %d zero %d", a, b, zeroOnly)
			want = m.begin(a, b, zeroOnly == 1)
			got = w.pager.OpRange(zx.PagerOpWritebackBegin, v, base+uint64(a)*pg, uint64(b-a)*pg, zeroOnly, nil)
			for i := a; i < b && got == zx.OK; i++ {
				if f.m.ptes[m.base+uint64(i)].Writable {
					fail("page %d is writable after WRITEBACK_BEGIN", i)
				}
			}
		case 12, 13:
			a, b := pages()
			note("WRITEBACK_END %d %d", a, b)
			want = m.end(a, b)
			got = w.pager.OpRange(zx.PagerOpWritebackEnd, v, base+uint64(a)*pg, uint64(b-a)*pg, 0, nil)
		case 14, 15:
			a, b := bytesRange()
			note("ZERO %d %d", a/half, b/half)
			want = m.zeroRange(a, b)
			got = do(func() zx.Status { return v.Zero(base+a, b-a, &req) })
		case 16:
			a, b := inside(pages())
			note("commit %d %d", a, b)
			want = m.commit(a, b)
			got = v.Commit(base+uint64(a)*pg, uint64(b-a)*pg, &req)
		case 17:
			a, b := inside(pages())
			note("prefetch %d %d", a, b)
			want = m.prefetch(a, b)
			got = v.Prefetch(base+uint64(a)*pg, uint64(b-a)*pg, &req)
		case 18:
			a, b := inside(pages())
			if d.roll(2) == 0 {
				note("ALWAYS_NEED %d %d", a, b)
				want = m.need(a, b)
				got = v.AlwaysNeed(base+uint64(a)*pg, uint64(b-a)*pg, &req)
			} else {
				note("DONT_NEED %d %d", a, b)
				got = v.DontNeed(base+uint64(a)*pg, uint64(b-a)*pg, nil)
			}
		case 19:
			all := d.roll(3) == 0
			note("evict all=%v", all)
			m.evict(all)
			w.store.Evict(1000, nil)
			if all {
				w.store.Reclaim(1000, nil)
			}
		case 20:
			b := uint64(d.roll(2*modelMax)) * half
			note("set_size %d", b/half)
			want = m.setSizeAny(b)
			got = v.SetSize(base+b, &req)
		case 21:
			b := uint64(d.roll(2*modelMax)) * half
			note("set_stream_size %d", b/half)
			want = m.setStream(b)
			got = do(func() zx.Status { return v.SetStreamSize(base+b, &req) })
		case 22, 23, 24:
			i := d.roll(modelMax)
			if i >= m.size {
				continue
			}
			store := op != 22
			page := m.base + uint64(i)
			pte, mapped := f.m.ptes[page]
			x := byte(ops*5 + 2)
			note("touch %d store=%v (mapped %v writable %v)", i, store, mapped, pte.Writable)
			if !mapped || store && !pte.Writable {
				if store {
					if want = m.writable(i, i+1); want == fine {
						m.modified = true
					}
				} else {
					want = m.read(uint64(i)*pg, uint64(i)*pg+half)
					if want.ask != "" {
						want = m.askRead(i, i+1)
					}
				}
			}
			var seen byte
			got = do(func() (st zx.Status) { seen, st = f.m.accessAs(page, store, x, &req); return st })
			if want == fine && got == zx.OK {
				if store {
					if m.p[i].st != 'D' {
						fail("a store went through to page %d in state %c", i, m.p[i].st)
					}
					// The instruction wrote one byte: fill the half with it.
					p := w.mem.Bytes(f.m.ptes[page].Frame)
					for j := range p[:half] {
						p[j] = x
					}
					m.p[i].data[0] = x
				} else if seen != m.p[i].data[0] {
					fail("a load of page %d gave %#x, want %#x", i, seen, m.p[i].data[0])
				}
			}
		case 25:
			if d.roll(20) == 0 {
				note("detach")
				m.detach()
				got = w.pager.Detach(v, nil)
			} else {
				reset := d.roll(2) == 0
				note("modified? reset=%v", reset)
				if flag := v.TakeModified(reset); flag != m.modified {
					fail("modified is %v, want %v", flag, m.modified)
				}
				if reset {
					m.modified = false
				}
			}
		}
		if got != want.st || th.asked != want.ask {
			fail("%v %s, want %v", got, th.asked, want)
		}
		m.compare(f, fail)
	}
	if p, ok := w.packet(); ok && seen(&p) != "COMPLETE" {
		fail("packet %s is left", seen(&p))
	}
	w.finish(f)
	return ops
}

// setSizeAny is set_size, which an unbounded VMO refuses.
func (m *model) setSizeAny(b uint64) outcome {
	if m.unbounded {
		return outcome{st: zx.ErrUnavailable}
	}
	return m.setSize(b)
}

// compare checks everything that can be seen against the model.
func (m *model) compare(f *file, fail func(string, ...any)) {
	var states [modelMax]vmo.State
	n := f.v.States(m.base*pg, states[:])
	if n != m.size {
		fail("%d pages, want %d", n, m.size)
	}
	committed := uint64(0)
	var ranges []zx.DirtyRange
	for i := 0; i < m.size; i++ {
		st := m.p[i].st
		want := modelStates[st]
		if st == 'Z' {
			want = vmo.ZeroDirty
			if m.awaiting(i) {
				want = vmo.ZeroAwaiting
			}
		}
		if states[i] != want {
			fail("page %d is %v, want %v", i, states[i], want)
		}
		at := (m.base + uint64(i)) * pg
		extend := func(options uint64) {
			if k := len(ranges) - 1; k >= 0 && ranges[k].Options == options && ranges[k].Offset+ranges[k].Length == at {
				ranges[k].Length += pg
				return
			}
			ranges = append(ranges, zx.DirtyRange{Offset: at, Length: pg, Options: options})
		}
		switch st {
		case 'C':
			committed++
		case 'D', 'W':
			committed++
			extend(0)
		case 'Z':
			extend(1)
		}
	}
	info := f.v.Info()
	if info.Committed.Bytes != committed*pg {
		fail("%d pages committed, want %d", info.Committed.Bytes/pg, committed)
	}
	if info.StreamSize != m.base*pg+m.stream {
		fail("stream size %#x, want %#x", info.StreamSize, m.base*pg+m.stream)
	}
	sink := SliceSink{Ranges: make([]zx.DirtyRange, 0, modelMax), Room: modelMax}
	if _, _, st := f.w.pager.QueryDirtyRanges(f.v, m.base*pg, uint64(m.size)*pg, &sink, true, nil); st != zx.OK {
		fail("query: %v", st)
	}
	if fmt.Sprint(sink.Ranges) != fmt.Sprint(ranges) {
		fail("dirty ranges %v, want %v", sink.Ranges, ranges)
	}
	// What is mapped is what is there, writable only if dirty. The zero page
	// may linger where a WRITEBACK_END made zeros absent.
	for page, pte := range f.m.ptes {
		i := int(page - m.base)
		if i >= m.size {
			fail("page %d is mapped past the end", i)
		}
		if pte.Writable && m.p[i].st != 'D' {
			fail("page %d is mapped writable in state %c", i, m.p[i].st)
		}
		var p [1]mmu.Frame
		f.v.Lock()
		n, _ := f.v.PeekPages(page*pg, p[:])
		f.v.Unlock()
		present := n == 1
		if present && p[0] != pte.Frame || !present && pte.Frame != f.w.mem.ZeroPage() {
			fail("page %d maps frame %#x, has %#x (present %v)", i, pte.Frame, p[0], present)
		}
	}
}

// accessAs is mapping.access for a thread that is killed when it waits.
func (m *mapping) accessAs(page uint64, write bool, b byte, req *vmo.PageRequest) (byte, zx.Status) {
	for e, ok := m.ptes[page]; !ok || write && !e.Writable; e, ok = m.ptes[page] {
		m.v.Lock()
		p, st := m.v.RequirePage(&m.place, page*pg, write, req)
		if st == zx.OK {
			m.ptes[page] = p
		}
		m.v.Unlock()
		switch {
		case st == zx.ErrShouldWait:
			return 0, req.Wait()
		case st == vmo.ErrAgain:
			st = m.v.GoOn(st, nil, nil)
		}
		if st != zx.OK {
			return 0, st
		}
	}
	p := m.w.mem.Bytes(m.ptes[page].Frame)
	if write {
		p[0] = b
	}
	return p[0], zx.OK
}

// TestModel plays random histories against the model for -model.time, or for
// -model.ops operations.
func TestModel(t *testing.T) {
	deadline := time.Now().Add(*modelTime)
	ops, seed := 0, *modelSeed
	defer func() {
		if t.Failed() {
			t.Logf("-model.seed=%d", seed)
		}
	}()
	for ; !t.Failed() && (ops < *modelOps || *modelOps == 0 && time.Now().Before(deadline)); seed++ {
		data := make([]byte, 1500)
		rand.New(rand.NewSource(seed)).Read(data)
		ops += play(t, &dice{data})
	}
	t.Logf("%d operations in histories %d to %d", ops, *modelSeed, seed-1)
}

// FuzzModel lets the fuzzer write the histories.
func FuzzModel(f *testing.F) {
	for seed := int64(1); seed < 8; seed++ {
		data := make([]byte, 400)
		rand.New(rand.NewSource(seed)).Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { play(t, &dice{data}) })
}
