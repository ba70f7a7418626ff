package pager

import (
	"fmt"
	"math/rand"
	"testing"

	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// plainRequest is a request as section 5 of the contract tells of it.
type plainRequest struct {
	id                   int
	kind                 vmo.RequestKind
	off, end, need, wake uint64
	early, out, woken    bool
	status               zx.Status
	hangs                *plainRequest
	waiters              []*plainRequest
}

// plainSource is sections 5.3 to 5.7 with lists and loops, sharing nothing with
// vmo.PageSource and Proxy.
type plainSource struct {
	prim [2][]*plainRequest
	line []*plainRequest // FIFO; the first is in the slot if slot is set
	slot *plainRequest
	busy bool
	sent []string // packets a pager took
	wire string   // the packet in the slot, as it was put there
}

func (s *plainSource) put() {
	if !s.busy && len(s.line) > 0 {
		r := s.line[0]
		s.line = s.line[1:]
		s.slot, s.busy = r, true
		s.wire = fmt.Sprintf("%c[%d,%d)", "RD"[r.kind], r.off, r.end-r.off)
	}
}

func (s *plainSource) take() {
	if s.slot != nil {
		s.sent = append(s.sent, s.wire)
		s.slot, s.busy = nil, false
		s.put()
	}
}

func without(list []*plainRequest, r *plainRequest) []*plainRequest {
	var out []*plainRequest
	for _, o := range list {
		if o != r {
			out = append(out, o)
		}
	}
	return out
}

func (s *plainSource) request(r *plainRequest, kind vmo.RequestKind, off, end uint64, early bool) {
	if r.out {
		if r.kind == kind && off >= r.off && off < r.end {
			r.wake, r.woken = off, false
			return
		}
		s.cancel(r)
	}
	*r = plainRequest{id: r.id, kind: kind, off: off, end: end, wake: off, early: early, out: true}
	var next *plainRequest // the primary with the smallest end past off
	for _, p := range s.prim[kind] {
		if p.end > off && (next == nil || p.end < next.end) {
			next = p
		}
	}
	if next != nil && next.off <= off {
		r.end = min(end, next.end)
		r.hangs = next
		next.waiters = append(next.waiters, r)
		return
	}
	if next != nil {
		r.end = min(end, next.off)
	}
	r.need = r.end - r.off
	s.prim[kind] = append(s.prim[kind], r)
	s.line = append(s.line, r)
	s.put()
}

func (s *plainSource) remove(r *plainRequest) {
	s.prim[r.kind] = without(s.prim[r.kind], r)
	s.line = without(s.line, r)
	if s.slot == r {
		s.slot, s.busy = nil, false
		s.put()
	}
}

func (s *plainSource) complete(r *plainRequest) {
	s.remove(r)
	for _, o := range append(r.waiters, r) {
		o.out, o.woken, o.hangs = false, true, nil
	}
	r.waiters = nil
}

// ordered gives the primaries of a kind that meet [a, b), ascending.
func (s *plainSource) ordered(kind vmo.RequestKind, a, b uint64) []*plainRequest {
	var out []*plainRequest
	for at := uint64(0); at < 64; at++ {
		for _, r := range s.prim[kind] {
			if r.off == at && r.off < b && r.end > a {
				out = append(out, r)
			}
		}
	}
	return out
}

func (s *plainSource) progress(kind vmo.RequestKind, a, b uint64, st zx.Status) {
	for _, r := range s.ordered(kind, a, b) {
		if st != zx.OK {
			for _, o := range append([]*plainRequest{r}, r.waiters...) {
				if first := max(a, o.off); first < min(b, o.end) && (first == o.off || first == o.wake) {
					o.status = st
				}
			}
		}
		lo, hi := max(a, r.off), min(b, r.end)
		if hi-lo >= r.need {
			s.complete(r)
			continue
		}
		r.need -= hi - lo
		if r.early && lo == r.wake {
			r.wake, r.woken = hi, true
			for _, o := range r.waiters {
				if !o.early || o.wake >= hi {
					continue
				}
				was := o.wake
				if o.wake, o.woken = r.end, true; was >= lo {
					o.wake = min(hi, o.end)
				}
			}
		}
	}
}

func (s *plainSource) cancel(r *plainRequest) {
	if !r.out {
		return
	}
	r.out = false
	if p := r.hangs; p != nil {
		p.waiters = without(p.waiters, r)
		r.hangs = nil
		return
	}
	if len(r.waiters) == 0 {
		s.remove(r)
		return
	}
	heir := r.waiters[0]
	heir.off, heir.end, heir.need, heir.hangs = r.off, r.end, r.need, nil
	heir.waiters = r.waiters[1:]
	for _, o := range heir.waiters {
		o.hangs = heir
	}
	r.waiters = nil
	for i, p := range s.prim[r.kind] {
		if p == r {
			s.prim[r.kind][i] = heir
		}
	}
	for i, p := range s.line {
		if p == r {
			s.line[i] = heir
		}
	}
	if s.slot == r {
		s.slot = heir
	}
}

// counter is a Waiter that only counts.
type counter struct{ n int }

func (c *counter) Wait(zx.ThreadState, zx.Time) zx.Status { return zx.ErrTimedOut }
func (*counter) Yield() zx.Status                         { return zx.OK }
func (c *counter) Wake() bool                             { c.n++; return false }

// TestSourceAgainstPlain runs random requests, answers, failures, cancellations
// and deliveries on both.
func TestSourceAgainstPlain(t *testing.T) {
	for seed := int64(0); seed < 600; seed++ {
		sourceHistory(t, rand.New(rand.NewSource(seed)), seed)
	}
}

func sourceHistory(t *testing.T, rng *rand.Rand, seed int64) {
	const threads = 7
	port := object.NewPort()
	src, _ := newProxy(New(NewSystem(Config{})), nil, port, 1, true)
	var plain plainSource
	var reqs [threads]vmo.PageRequest
	var wakes [threads]counter
	var plains [threads]*plainRequest
	for i := range reqs {
		reqs[i].Init(&wakes[i])
		plains[i] = &plainRequest{id: i}
	}
	var history, sent []string
	for step := 0; step < 120; step++ {
		i := rng.Intn(threads)
		r, p := &reqs[i], plains[i]
		a := uint64(rng.Intn(20))
		b := a + 1 + uint64(rng.Intn(10))
		kind := vmo.RequestKind(rng.Intn(2))
		note := func(f string, args ...any) { history = append(history, fmt.Sprintf(f, args...)) }
		switch rng.Intn(9) {
		case 0, 1, 2:
			if p.out && !p.woken {
				continue // asleep
			}
			early := rng.Intn(2) == 0
			if p.out {
				early = p.early
				if rng.Intn(2) == 0 {
					kind, a = p.kind, min(p.wake, p.end-1) // where it would go on
					b = max(b, a+1)
				}
			}
			note("%d asks %d [%d,%d) early %v", i, kind, a, b, early)
			r.Early = early
			if st := src.Request(kind, a*pg, (b-a)*pg, r); st != zx.ErrShouldWait {
				t.Fatalf("request: %v", st)
			}
			plain.request(p, kind, a, b, early)
		case 3, 4:
			note("progress %d [%d,%d)", kind, a, b)
			src.Progress(kind, a*pg, (b-a)*pg)
			plain.progress(kind, a, b, zx.OK)
		case 5:
			note("fail [%d,%d)", a, b)
			src.Fail(a*pg, (b-a)*pg, zx.ErrIO)
			plain.progress(0, a, b, zx.ErrIO)
			plain.progress(1, a, b, zx.ErrIO)
		case 6:
			note("cancel %d", i)
			src.Cancel(r)
			plain.cancel(p)
		case 7:
			var k zx.Packet
			if port.Wait(&counter{}, 0, &k) == zx.OK {
				sent = append(sent, seen(&k))
				note("taken %s", seen(&k))
			}
			plain.take()
		case 8:
			if rng.Intn(4) == 0 {
				note("release %d [%d,%d)", kind, a, b)
				src.Release(kind, a*pg, (b-a)*pg)
				for _, r := range plain.ordered(kind, a, b) {
					plain.complete(r)
				}
			}
		}
		if fmt.Sprint(sent) != fmt.Sprint(plain.sent) {
			t.Fatalf("seed %d: packets %v, want %v after %q", seed, sent, plain.sent, history)
		}
		if got, want := port.Depth() == 1, plain.slot != nil; got != want {
			t.Fatalf("seed %d: a packet queued: %v, want %v after %q", seed, got, want, history)
		}
		for i := range reqs {
			r, p := &reqs[i], plains[i]
			if r.Outstanding != p.out || (r.Outstanding || p.woken) && (r.Woken.Load() != p.woken || r.Status != p.status) {
				t.Fatalf("seed %d: request %d: out %v woken %v status %v, want %v %v %v after %q", seed, i, r.Outstanding, r.Woken.Load(), r.Status, p.out, p.woken, p.status, history)
			}
			if r.Outstanding && (r.Offset != p.off*pg || r.End() != p.end*pg || r.WakeAt != p.wake*pg || r.Hangs != (p.hangs != nil) || !r.Hangs && r.Pending != p.need*pg) {
				t.Fatalf("seed %d: request %d is [%d,%d) pending %d wake %d, want %+v after %q", seed, i, r.Offset/pg, r.End()/pg, r.Pending/pg, r.WakeAt/pg, *p, history)
			}
			if r.Woken.Load() && wakes[i].n == 0 {
				t.Fatalf("seed %d: request %d was never woken", seed, i)
			}
		}
	}
	src.Detach()
	for i := range reqs {
		if reqs[i].Outstanding {
			t.Fatalf("seed %d: request %d outlived a detach", seed, i)
		}
	}
	var k zx.Packet
	for want := true; ; want = false {
		if port.Wait(&counter{}, 0, &k) != zx.OK {
			if want {
				t.Fatalf("seed %d: no COMPLETE", seed)
			}
			break
		}
		if k.PageRequest().Command != zx.PageComplete || !want {
			t.Fatalf("seed %d: packet %s after a detach", seed, seen(&k))
		}
	}
}
