package vmo

import (
	"fmt"
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// scriptPager is the provider of a source, and the threads that ask: it writes
// down what is asked and lets nobody wait.
type scriptPager struct {
	PageSource
	log []asked
}

// asked is one request that reached the pager.
type asked struct {
	kind     RequestKind
	off, len uint64 // pages
}

func (s *scriptPager) Send(r *PageRequest) {
	s.log = append(s.log, asked{r.Kind, r.Offset / pg, r.Length / pg})
}
func (s *scriptPager) Clear(*PageRequest)                 {}
func (s *scriptPager) Swap(r, heir *PageRequest)          {}
func (s *scriptPager) OnDetach()                          {}
func (s *scriptPager) OnGone()                            {}
func (s *scriptPager) Later(work func(b *zx.Budget) bool) { go finish(work) }

// finish does all of a work.
func finish(work func(b *zx.Budget) bool) {
	for work(&zx.Budget{}) {
	}
}
func (s *scriptPager) Awaited()                               {}
func (s *scriptPager) Wait(zx.ThreadState, zx.Time) zx.Status { return zx.ErrInternalIntrKilled }
func (s *scriptPager) Yield() zx.Status                       { return zx.OK }
func (s *scriptPager) Wake() bool                             { return false }

// bench is one paged VMO over a scriptPager.
type bench struct {
	t   *testing.T
	mem *mmu.Memory
	st  *Store
	src *scriptPager
	v   *VMO
	req PageRequest
}

func newBench(t *testing.T, pages uint64, traps bool) *bench {
	b := &bench{t: t, mem: mmu.NewSimulated(256), src: &scriptPager{}}
	b.src.Init(b.src, traps, &RequestStats{})
	b.st = NewStore(b.mem)
	b.req.Init(b.src)
	v, st := b.st.NewPaged(pages*pg, zx.VMOResizable, &b.src.PageSource)
	if st != zx.OK {
		t.Fatal(st)
	}
	b.v = v
	return b
}

// ok fails the test unless st is OK.
func (b *bench) ok(st zx.Status) {
	b.t.Helper()
	if st != zx.OK {
		b.t.Fatal(st)
	}
}

// supply fills pages with bytes, or with no page at all.
func (b *bench) supply(off, n uint64, markers bool) zx.Status {
	run := PageRun{Length: n * pg}
	if !markers {
		run.Length = 0
		for i := uint64(0); i < n; i++ {
			p, st := b.st.Append(&run)
			b.ok(st)
			for j := range p {
				p[j] = byte(off + i + 1)
			}
		}
	}
	return b.v.SupplyPages(off*pg, &run)
}

func (b *bench) state(page uint64) State {
	b.v.Lock()
	defer b.v.Unlock()
	return b.v.cow.state(page * pg)
}

func (b *bench) touch(page uint64, write bool) zx.Status {
	b.v.Lock()
	defer b.v.Unlock()
	_, st := b.v.RequirePage(nil, page*pg, write, &b.req)
	return st
}

// probe waits for page 2 in every way there is, and says which waits do ended
// and how.
func (b *bench) probe(do func(b *bench) zx.Status) string {
	var probes [RequestKinds]PageRequest
	for kind := range probes {
		if RequestKind(kind) == RequestRead || b.v.cow.traps {
			probes[kind].Init(b.src)
			b.src.Request(RequestKind(kind), 2*pg, pg, &probes[kind])
		}
	}
	do(b)
	said := ""
	for kind := range probes {
		switch r := &probes[kind]; {
		case r.waiter == nil || r.Outstanding:
		case r.Status != zx.OK:
			said = "fail"
		default:
			said += [...]string{"filled", "dirtied"}[kind]
		}
		b.src.Cancel(&probes[kind])
	}
	return said
}

// close ends the VMO and finds what it leaked.
func (b *bench) close() {
	b.t.Helper()
	b.v.Release()
	if left := b.mem.Outstanding(); len(left) != 0 {
		b.t.Fatalf("%d frames leaked: %v", len(left), left)
	}
	if s := b.st.Stats(); s.VMOs != 0 || s.Listed != 0 || s.Needed != 0 {
		b.t.Fatalf("left behind: %+v", s)
	}
}

// into brings page 2 of a fresh bench into a state.
func (b *bench) into(s State) {
	b.t.Helper()
	switch s {
	case Marker:
		b.ok(b.supply(2, 1, true))
	case Clean:
		b.ok(b.supply(2, 1, false))
	case Dirty, AwaitingClean:
		b.ok(b.supply(2, 1, false))
		if b.v.cow.traps {
			b.ok(b.v.DirtyPages(2*pg, pg, nil))
		} else {
			b.ok(b.touch(2, true))
		}
		if s == AwaitingClean {
			b.ok(b.v.WritebackBegin(2*pg, pg, false, nil))
		}
	case ZeroDirty, ZeroAwaiting:
		b.ok(b.v.Zero(2*pg, pg, &b.req))
		if s == ZeroAwaiting {
			b.ok(b.v.WritebackBegin(2*pg, pg, true, nil))
		}
	case ZeroUntracked:
		b.ok(b.v.SetStreamSize(2*pg, &b.req))
	}
	if got := b.state(2); got != s {
		b.t.Fatalf("set-up of %v gave %v", s, got)
	}
	b.src.log = nil
}

// TestStateTable is every state against every event of docs/pager.md 4.3,
// without and with TRAP_DIRTY, the compact table taken over cell by cell.
func TestStateTable(t *testing.T) {
	const A, M, C, D, W, ZD, ZA, ZU = Absent, Marker, Clean, Dirty, AwaitingClean, ZeroDirty, ZeroAwaiting, ZeroUntracked
	states := []State{A, M, C, D, W, ZD, ZA, ZU}
	killed := zx.ErrInternalIntrKilled
	type cell struct {
		to   State
		st   zx.Status
		asks string // the request made, if any
		ends string // the requests for the page that it ends, and how
	}
	ends := func(to State, st zx.Status, what string) cell { return cell{to: to, st: st, ends: what} }
	stay := func(s State) cell { return cell{to: s} }
	read := func(s State) cell { return cell{to: s, st: zx.ErrShouldWait, asks: "READ"} }
	ask := func(s State) cell { return cell{to: s, st: zx.ErrShouldWait, asks: "DIRTY"} }
	events := []struct {
		name string
		do   func(b *bench) zx.Status
		np   map[State]cell // what changes without TRAP_DIRTY; all else stays
		tr   map[State]cell // nil: as np
	}{
		{"read", func(b *bench) zx.Status { return b.touch(2, false) },
			map[State]cell{A: read(A)}, nil},
		{"write", func(b *bench) zx.Status { return b.touch(2, true) },
			map[State]cell{A: read(A), M: stay(D), C: stay(D), W: stay(D), ZD: stay(D), ZA: stay(D), ZU: stay(D)},
			map[State]cell{A: read(A), M: ask(M), C: ask(C), W: ask(W), ZD: ask(ZD), ZA: ask(ZA), ZU: ask(ZU)}},
		{"OP_DIRTY", func(b *bench) zx.Status { return b.v.DirtyPages(2*pg, pg, nil) },
			map[State]cell{A: {to: A, st: zx.ErrNotSupported}, M: {to: M, st: zx.ErrNotSupported}, C: {to: C, st: zx.ErrNotSupported},
				D: {to: D, st: zx.ErrNotSupported}, W: {to: W, st: zx.ErrNotSupported}, ZD: {to: ZD, st: zx.ErrNotSupported},
				ZA: {to: ZA, st: zx.ErrNotSupported}, ZU: {to: ZU, st: zx.ErrNotSupported}},
			map[State]cell{A: ends(A, zx.ErrNotFound, "dirtied"), M: ends(D, zx.OK, "dirtied"), C: ends(D, zx.OK, "dirtied"), W: ends(D, zx.OK, "dirtied"),
				ZD: ends(D, zx.OK, "dirtied"), ZA: ends(D, zx.OK, "dirtied"), ZU: ends(D, zx.OK, "dirtied")}},
		{"supply", func(b *bench) zx.Status { return b.supply(2, 1, false) },
			map[State]cell{A: ends(C, zx.OK, "filled")}, nil},
		{"supply nothing", func(b *bench) zx.Status { return b.supply(2, 1, true) },
			map[State]cell{A: ends(M, zx.OK, "filled")}, nil},
		{"WRITEBACK_BEGIN", func(b *bench) zx.Status { return b.v.WritebackBegin(2*pg, pg, false, nil) },
			map[State]cell{D: stay(W), ZD: stay(ZA)}, nil},
		{"WRITEBACK_BEGIN zero", func(b *bench) zx.Status { return b.v.WritebackBegin(2*pg, pg, true, nil) },
			map[State]cell{ZD: stay(ZA)}, nil},
		{"WRITEBACK_END", func(b *bench) zx.Status { return b.v.WritebackEnd(2*pg, pg, nil) },
			map[State]cell{W: stay(C), ZA: stay(A)}, nil},
		{"OP_ZERO", func(b *bench) zx.Status { return b.v.Zero(2*pg, pg, &b.req) },
			map[State]cell{A: ends(ZD, zx.OK, "filled"), C: stay(ZD), D: stay(ZD), W: stay(ZD), ZU: stay(ZD)}, nil},
		{"commit", func(b *bench) zx.Status { return b.v.Commit(2*pg, pg, &b.req) },
			map[State]cell{A: {to: A, st: killed, asks: "READ"}, M: stay(C), ZD: stay(D), ZA: stay(D), ZU: stay(D)},
			map[State]cell{A: {to: A, st: killed, asks: "READ"}, M: stay(C), ZD: {to: ZD, st: killed, asks: "DIRTY"}, ZA: {to: ZA, st: killed, asks: "DIRTY"}, ZU: {to: ZU, st: killed, asks: "DIRTY"}}},
		{"prefetch", func(b *bench) zx.Status { return b.v.Prefetch(2*pg, pg, &b.req) },
			map[State]cell{A: {to: A, st: killed, asks: "READ"}}, nil},
		{"evict", func(b *bench) zx.Status { b.st.Evict(100, nil); return zx.OK },
			map[State]cell{C: stay(A)}, nil},
		{"drop clean", func(b *bench) zx.Status { b.v.DropClean(); return zx.OK },
			map[State]cell{C: stay(A)}, nil},
		{"detach", func(b *bench) zx.Status { b.v.Detach(nil); return zx.OK },
			map[State]cell{M: stay(A), C: stay(A)}, nil},
		{"fail", func(b *bench) zx.Status { return b.v.Fail(2*pg, pg, zx.ErrIO, nil) },
			map[State]cell{A: ends(A, zx.OK, "fail"), M: ends(M, zx.OK, "fail"), C: ends(C, zx.OK, "fail"), D: ends(D, zx.OK, "fail"),
				W: ends(W, zx.OK, "fail"), ZD: ends(ZD, zx.OK, "fail"), ZA: ends(ZA, zx.OK, "fail"), ZU: ends(ZU, zx.OK, "fail")}, nil},
		{"untrack", func(b *bench) zx.Status { return b.v.SetStreamSize(2*pg, &b.req) },
			map[State]cell{A: ends(ZU, zx.OK, "filled"), M: stay(ZU), C: stay(ZU), D: stay(ZU), W: stay(ZU), ZD: stay(ZU), ZA: stay(ZU)}, nil},
		{"shrink and grow", func(b *bench) zx.Status {
			if st := b.v.SetSize(2*pg, &b.req); st != zx.OK {
				return st
			}
			b.src.log = nil
			return b.v.SetSize(5*pg, &b.req)
		}, map[State]cell{A: stay(ZD), M: stay(ZD), C: stay(ZD), D: stay(ZD), W: stay(ZD), ZA: stay(ZD), ZU: stay(ZD)}, nil},
	}
	cells := 0
	for _, traps := range []bool{false, true} {
		for _, ev := range events {
			for _, from := range states {
				t.Run(fmt.Sprintf("%v/%s/trap=%v", from, ev.name, traps), func(t *testing.T) {
					b := newBench(t, 5, traps)
					b.into(from)
					table := ev.np
					if traps && ev.tr != nil {
						table = ev.tr
					}
					want, changes := table[from]
					if !changes {
						want = stay(from)
					}
					st := ev.do(b)
					if got := b.state(2); got != want.to || st != want.st {
						t.Errorf("became %v with %v, want %v with %v", got, st, want.to, want.st)
					}
					asks := "" // what was asked about page 2
					for _, a := range b.src.log {
						if asks == "" && a.off <= 2 && 2 < a.off+a.len {
							asks = [...]string{"READ", "DIRTY"}[a.kind]
						}
					}
					if asks == "" && want.st == zx.OK || want.ends != "" {
						b.close()
						b = newBench(t, 5, traps)
						b.into(from)
						ends := b.probe(ev.do)
						if ends != want.ends && ev.name != "detach" && ev.name != "shrink and grow" {
							t.Errorf("requests for page 2: %q ended, want %q", ends, want.ends)
						}
					}
					if asks != want.asks {
						t.Errorf("asked %v, want %q", b.src.log, want.asks)
					}
					b.close()
				})
				cells++
			}
		}
	}
	t.Logf("%d cells", cells)
}
