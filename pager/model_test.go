package pager

import (
	"flag"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"faultline/vmo"
	"faultline/zx"
)

// The model checker: random histories of all operations on one VMO, each step
// compared with a model that is written from the tables of the spec (3.5, 3.9,
// 3.13, 3.14, 4.3, 4.4, 5.2) and shares no code with the rooms. An operation
// that must wait is killed at once; what it asked for is compared.
//
// -model.time makes it run longer.

var modelTime = flag.Duration("model.time", 2*time.Second, "how long the model checker runs")

const (
	half     = pg / 2 // the unit of contents: half pages are filled with one byte
	window   = 24     // pages the history plays on
	modelMax = window + 6
)

// State letters of the model: 'Z' dirty zeros, 'U' untracked zeros.
type modelPage struct {
	st     byte // A M C D W Z U
	data   [2]byte
	needed bool
}

// model is what the spec says of one VMO. Page numbers are relative to base.
type model struct {
	base              uint64 // pages
	trap, detached    bool
	unbounded         bool
	size              int    // pages
	stream            uint64 // bytes, relative to base
	p                 [modelMax]modelPage
	acl               [modelMax]int // by first page of a run of Z: pages awaiting clean
	modified, resized bool
}

func (m *model) zero(i int) bool { return m.p[i].st == 'Z' || m.p[i].st == 'U' }

// runStart gives the first page of the zero run that i lies in.
func (m *model) runStart(i int) int {
	for i > 0 && m.p[i-1].st == m.p[i].st {
		i--
	}
	return i
}

func (m *model) runEnd(i int) int {
	for j := i; ; j++ {
		if j == m.size || m.p[j].st != m.p[i].st {
			return j
		}
	}
}

// leave takes page i out of its interval, if it is in one (4.4, Split).
func (m *model) leave(i int) {
	if m.p[i].st != 'Z' {
		return
	}
	next := i+1 < m.size && m.p[i+1].st == 'Z'
	if m.runStart(i) == i {
		if next {
			m.acl[i+1] = max(m.acl[i]-1, 0)
		}
	} else if next {
		m.acl[i+1] = 0
	}
}

// set changes a page that is, or becomes, no dirty zero.
func (m *model) set(i int, st byte) {
	m.leave(i)
	if st != 'C' && st != 'D' && st != 'W' {
		m.p[i] = modelPage{st: st}
		return
	}
	m.p[i].st = st
}

// real makes page i a page of zeros.
func (m *model) real(i int, st byte) {
	m.set(i, st)
	m.p[i].data = [2]byte{}
	m.p[i].needed = false
}

// zeroed makes page i part of a dirty interval (4.4, Create).
func (m *model) zeroed(i int) {
	if m.p[i].st == 'Z' {
		return
	}
	left := i > 0 && m.p[i-1].st == 'Z'
	m.p[i] = modelPage{st: 'Z'}
	if !left {
		m.acl[i] = 0
	}
}

func (m *model) awaiting(i int) bool {
	s := m.runStart(i)
	return m.p[i].st == 'Z' && i-s < m.acl[s]
}

// outcome is what an operation must answer: a status, or the request it waits
// on.
type outcome struct {
	st  zx.Status
	ask string
}

var fine = outcome{}

func (o outcome) String() string { return o.st.String() + " " + o.ask }

func (m *model) ask(kind byte, i, end int) outcome {
	if m.detached {
		return outcome{st: zx.ErrBadState}
	}
	return outcome{zx.ErrInternalIntrKilled, fmt.Sprintf("%c[%d,%d)", kind, m.base+uint64(i), end-i)}
}

// askRead trims to the absent run, askDirty to the run of non-dirty content.
func (m *model) askRead(i, limit int) outcome {
	end := i
	for end < limit && m.p[end].st == 'A' {
		end++
	}
	return m.ask('R', i, end)
}

func (m *model) askDirty(i, limit int) outcome {
	end := i
	for end < limit && m.p[end].st != 'A' && m.p[end].st != 'D' {
		end++
	}
	return m.ask('D', i, end)
}

// writable makes page i dirty, or says what must be asked (4.3, Write access).
func (m *model) writable(i, limit int) outcome {
	switch st := m.p[i].st; {
	case st == 'A':
		return m.askRead(i, limit)
	case st == 'D':
	case m.trap:
		return m.askDirty(i, limit)
	case st == 'C' || st == 'W':
		m.p[i].st = 'D'
	default:
		m.real(i, 'D')
	}
	return fine
}

func (m *model) read(a, b uint64) outcome {
	if b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	for h := a; h < b; h += half {
		if i := int(h / pg); m.p[i].st == 'A' {
			return m.askRead(i, int((b+pg-1)/pg))
		}
	}
	return fine
}

func (m *model) write(a, b uint64, v byte) outcome {
	if b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	for h := a; h < b; h += half {
		i := int(h / pg)
		if o := m.writable(i, min(int((b+pg-1)/pg), i+16)); o != fine {
			return o
		}
		m.p[i].data[h/half%2] = v
		m.modified = true
	}
	return fine
}

func (m *model) commit(i, end int) outcome {
	for ; i < end; i++ {
		switch m.p[i].st {
		case 'A':
			return m.askRead(i, end)
		case 'M':
			m.real(i, 'C')
		case 'Z', 'U':
			if m.trap {
				return m.askDirty(i, end)
			}
			m.real(i, 'D')
		}
	}
	return fine
}

func (m *model) prefetch(i, end int) outcome {
	for ; i < end; i++ {
		if m.p[i].st == 'A' {
			return m.askRead(i, end)
		}
	}
	return fine
}

func (m *model) need(i, end int) outcome {
	for ; i < end; i++ {
		if m.p[i].st == 'A' && !m.detached {
			return m.askRead(i, end)
		}
		if !m.zero(i) && m.p[i].st != 'M' && m.p[i].st != 'A' {
			m.p[i].needed = true
		}
	}
	return fine
}

func (m *model) supply(i, end int, pages func(int) (byte, bool)) outcome {
	if end > m.size {
		return outcome{st: zx.ErrOutOfRange}
	}
	if i == end {
		return fine
	}
	if m.detached {
		return outcome{st: zx.ErrBadState}
	}
	for ; i < end; i++ {
		if m.p[i].st != 'A' {
			continue
		}
		if v, ok := pages(i); ok {
			m.p[i] = modelPage{st: 'C', data: [2]byte{v, v}}
		} else {
			m.p[i] = modelPage{st: 'M'}
		}
	}
	return fine
}

func (m *model) opDirty(i, end int) outcome {
	switch {
	case !m.trap:
		return outcome{st: zx.ErrNotSupported}
	case end > m.size:
		return outcome{st: zx.ErrOutOfRange}
	case m.detached:
		return outcome{st: zx.ErrBadState}
	}
	for j := i; j < end; j++ {
		if m.p[j].st == 'A' {
			return outcome{st: zx.ErrNotFound}
		}
	}
	for ; i < end; i++ {
		switch m.p[i].st {
		case 'C', 'W':
			m.p[i].st = 'D'
		case 'M', 'Z', 'U':
			m.real(i, 'D')
		}
	}
	return fine
}

func (m *model) begin(i, end int, zeroOnly bool) outcome {
	if end > m.size {
		return outcome{st: zx.ErrOutOfRange}
	}
	for j := i; j < end; j++ {
		if m.p[j].st == 'D' && !zeroOnly {
			m.p[j].st = 'W'
		}
		if m.p[j].st == 'Z' && m.runStart(j) == j {
			m.acl[j] = max(m.acl[j], min(m.runEnd(j), end)-j)
		}
	}
	return fine
}

func (m *model) end(a, b int) outcome {
	if b > m.size {
		return outcome{st: zx.ErrOutOfRange}
	}
	mark := a
	for j := a; j < b; j++ {
		if m.p[j].st == 'W' {
			m.p[j].st = 'C'
		}
		if m.p[j].st != 'Z' || m.runStart(j) != j {
			continue
		}
		mark = max(mark, j+m.acl[j])
		stop := m.runEnd(j)
		// What the mark covers of the interval, up to b, goes.
		for k := j; k < stop && k < b && k < mark; k++ {
			m.set(k, 'A')
		}
		j = stop - 1
	}
	return fine
}

// partial is a write of zeros inside page i.
func (m *model) partial(i int, h uint64) outcome {
	if m.p[i].st == 'M' || m.zero(i) {
		return fine
	}
	if o := m.writable(i, i+1); o != fine {
		return o
	}
	m.p[i].data[h/half%2] = 0
	m.modified = true
	return fine
}

func (m *model) zeroRange(a, b uint64) outcome {
	if b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	if a == b {
		return fine
	}
	if a%pg != 0 {
		if o := m.partial(int(a/pg), a); o != fine {
			return o
		}
		a += half
	}
	if b%pg != 0 && b > a {
		if o := m.partial(int(b/pg), b-half); o != fine {
			return o
		}
		b -= half
	}
	m.wholeZero(int(a/pg), int(b/pg))
	return fine
}

func (m *model) wholeZero(i, end int) {
	if i >= end {
		return
	}
	m.modified = true
	// Untracked runs strictly round the range are left alone.
	inside := m.p[i].st == 'U' && m.runEnd(i) > end && m.runStart(i) < i
	if m.p[i].st == 'U' && m.unbounded && m.runEnd(i) == m.size && m.runStart(i) < i {
		inside = true // it goes on past the window
	}
	if inside {
		return
	}
	for ; i < end; i++ {
		if m.p[i].st != 'M' {
			m.zeroed(i)
		}
	}
	m.mergeRight(end)
}

// mergeRight: an interval absorbed on the right loses what it awaited. The
// run's own count sits at its start, so nothing is left to do; the function
// names the rule.
func (m *model) mergeRight(int) {}

func (m *model) setSize(b uint64) outcome {
	pages := int((b + pg - 1) / pg)
	for i := m.size; i < pages; i++ {
		m.p[i] = modelPage{st: 'A'}
	}
	old := m.size
	for i := pages; i < old; i++ {
		m.p[i] = modelPage{st: 'A'}
	}
	m.size = pages
	for i := old; i < pages; i++ {
		m.zeroed(i)
	}
	m.stream, m.modified = b, true
	if b%pg != 0 {
		if o := m.partial(pages-1, b); o.ask != "" {
			return o
		}
	}
	return fine
}

func (m *model) setStream(b uint64) outcome {
	if b == m.stream {
		return fine
	}
	if !m.unbounded && b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	lo, up := min(b, m.stream), int((b+pg-1)/pg)
	if lo%pg != 0 {
		if o := m.partial(int(lo/pg), lo); o != fine {
			return o
		}
		lo += half
	}
	m.wholeZero(int(lo/pg), up)
	if up < m.size || m.unbounded {
		m.modified = true
	}
	for i := up; i < m.size; i++ {
		m.set(i, 'U')
	}
	m.stream = b
	return fine
}

func (m *model) detach() {
	m.detached = true
	for i := 0; i < m.size; i++ {
		if m.p[i].st == 'C' || m.p[i].st == 'M' {
			m.p[i] = modelPage{st: 'A'}
		}
	}
}

func (m *model) evict(all bool) {
	for i := 0; i < m.size; i++ {
		if m.p[i].st == 'C' && (all || !m.p[i].needed) {
			m.p[i] = modelPage{st: 'A'}
		}
	}
}

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

func (m *modelThread) Wake() {}
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

// play runs one history.
func play(t *testing.T, d *dice) {
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
	for step := 0; step < 400 && len(d.data) > 0; step++ {
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
			for w.store.Reclaim(1000) {
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
			x := byte(step*3 + 1)
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
			value := func(i int) (byte, bool) { return byte(step + i), mask>>(i%8)&1 != 0 }
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
			got = w.pager.SupplyPages(v, base+uint64(a)*pg, uint64(b-a)*pg, aux, 0)
			aux.Release()
		case 8, 9:
			a, b := pages()
			note("OP_DIRTY %d %d", a, b)
			want = m.opDirty(a, b)
			got = do(func() zx.Status {
				return w.pager.OpRange(zx.PagerOpDirty, v, base+uint64(a)*pg, uint64(b-a)*pg, 0)
			})
		case 10, 11:
			a, b := pages()
			zeroOnly := uint64(d.roll(2))
			note("WRITEBACK_BEGIN %d %d zero %d", a, b, zeroOnly)
			want = m.begin(a, b, zeroOnly == 1)
			got = w.pager.OpRange(zx.PagerOpWritebackBegin, v, base+uint64(a)*pg, uint64(b-a)*pg, zeroOnly)
			for i := a; i < b && got == zx.OK; i++ {
				if f.m.ptes[m.base+uint64(i)].Writable {
					fail("page %d is writable after WRITEBACK_BEGIN", i)
				}
			}
		case 12, 13:
			a, b := pages()
			note("WRITEBACK_END %d %d", a, b)
			want = m.end(a, b)
			got = w.pager.OpRange(zx.PagerOpWritebackEnd, v, base+uint64(a)*pg, uint64(b-a)*pg, 0)
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
				got = v.DontNeed(base+uint64(a)*pg, uint64(b-a)*pg)
			}
		case 19:
			all := d.roll(3) == 0
			note("evict all=%v", all)
			m.evict(all)
			w.store.Evict(1000)
			if all {
				w.store.Reclaim(1000)
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
			x := byte(step*5 + 2)
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
				got = w.pager.Detach(v)
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
	if info.CommittedBytes != committed*pg {
		fail("%d pages committed, want %d", info.CommittedBytes/pg, committed)
	}
	if info.StreamSize != m.base*pg+m.stream {
		fail("stream size %#x, want %#x", info.StreamSize, m.base*pg+m.stream)
	}
	sink := SliceSink{Ranges: make([]zx.DirtyRange, 0, modelMax)}
	if _, _, st := f.w.pager.QueryDirtyRanges(f.v, m.base*pg, uint64(m.size)*pg, &sink, true); st != zx.OK {
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
		var p vmo.Page
		f.v.Lock()
		present := f.v.PeekPage(page*pg, &p)
		f.v.Unlock()
		if present && p.Frame != pte.Frame || !present && pte.Frame != f.w.mem.ZeroPage() {
			fail("page %d maps frame %#x, has %#x (present %v)", i, pte.Frame, p.Frame, present)
		}
	}
}

// accessAs is mapping.access for a thread that is killed when it waits.
func (m *mapping) accessAs(page uint64, write bool, b byte, req *vmo.PageRequest) (byte, zx.Status) {
	if e, ok := m.ptes[page]; !ok || write && !e.Writable {
		var p vmo.Page
		m.v.Lock()
		st := m.v.RequirePage(page*pg, write, req, &p)
		if st == zx.OK {
			m.ptes[page] = p
		}
		m.v.Unlock()
		if st == zx.ErrShouldWait {
			st = req.Wait()
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

// TestModel plays random histories against the model for -model.time.
func TestModel(t *testing.T) {
	deadline := time.Now().Add(*modelTime)
	n := 0
	for seed := int64(1); time.Now().Before(deadline) && !t.Failed(); seed++ {
		data := make([]byte, 1500)
		rand.New(rand.NewSource(seed)).Read(data)
		play(t, &dice{data})
		n++
	}
	t.Logf("%d histories", n)
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
