package vmo

import (
	"fmt"
	"math/rand"
	"reflect"
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

const pg = zx.PageSize

// zeroRun is an interval in a list.
type zeroRun struct {
	start, end, awaiting uint64
	kind                 zeroKind
}

// iv writes an interval in pages.
func iv(start, end, awaiting uint64) zeroRun {
	return zeroRun{start: start * pg, end: end * pg, awaiting: awaiting * pg}
}

// newIntervals gives an empty list, with room for what a test may add.
func newIntervals() *intervals {
	return &intervals{pool: &intervalPool{mem: mmu.NewSimulated(20)}}
}

// list writes the intervals down.
func (z *intervals) list() (l []zeroRun) {
	for n := z.tree.First(); n != nil; n = n.Next() {
		v := n.Owner()
		l = append(l, zeroRun{v.start, v.end, v.awaiting, v.kind})
	}
	if len(l) != int(z.n) {
		panic(fmt.Sprintf("%d intervals, counted %d", len(l), z.n))
	}
	return l
}

// naiveIntervals is section 4.4 of the contract written down page by page: slow,
// and in another shape than intervals.
type naiveIntervals struct{ list []zeroRun }

// drop takes one page out.
func (n *naiveIntervals) drop(p uint64) {
	var out []zeroRun
	for _, v := range n.list {
		switch {
		case p < v.start || p >= v.end:
			out = append(out, v)
			continue
		case p > v.start:
			out = append(out, zeroRun{v.start, p, v.awaiting, v.kind})
		}
		if p+pg < v.end {
			right := zeroRun{start: p + pg, end: v.end, kind: v.kind}
			if p == v.start && v.awaiting > pg {
				right.awaiting = v.awaiting - pg
			}
			out = append(out, right)
		}
	}
	n.list = out
}

// create adds a range that meets none.
func (n *naiveIntervals) create(s, e uint64, kind zeroKind) {
	v := zeroRun{s, e, 0, kind}
	var out []zeroRun
	for _, o := range n.list {
		switch {
		case o.kind == kind && o.end == v.start:
			v.start, v.awaiting = o.start, o.awaiting
		case o.kind == kind && o.start == v.end:
			v.end = o.end
		default:
			out = append(out, o)
		}
	}
	at := 0
	for at < len(out) && out[at].start < v.start {
		at++
	}
	n.list = append(out[:at:at], append([]zeroRun{v}, out[at:]...)...)
}

func (n *naiveIntervals) begin(a, b uint64) {
	for i := range n.list {
		v := &n.list[i]
		if v.kind == zerosDirty && a <= v.start && v.start < b {
			if l := min(v.end, b) - v.start; l > v.awaiting {
				v.awaiting = l
			}
		}
	}
}

func (n *naiveIntervals) end(a, b uint64) {
	m := a
	for _, v := range append([]zeroRun(nil), n.list...) {
		if v.kind != zerosDirty || v.start < a || v.start >= b {
			continue
		}
		if v.start+v.awaiting > m {
			m = v.start + v.awaiting
		}
		var cut uint64
		switch {
		case v.end <= b && v.end-pg < m:
			cut = v.end - v.start
		case v.end <= b && m > v.start:
			cut = m - v.start
		case v.end > b && min(m, b) > v.start:
			cut = min(m, b) - v.start
		}
		for p := v.start; p < v.start+cut; p += pg {
			n.drop(p)
		}
	}
}

// intervalHistory runs operations on both, drawn by rng.
func intervalHistory(t *testing.T, rng *rand.Rand, steps int) {
	z := newIntervals()
	var n naiveIntervals
	var history []string
	for step := 0; step < steps; step++ {
		a := uint64(rng.Intn(24)) * pg
		b := a + uint64(rng.Intn(8)+1)*pg
		z.reserve(1)
		switch op := rng.Intn(5); op {
		case 0, 1:
			kind := zeroKind(rng.Intn(2))
			free := true
			for p := a; p < b; p += pg {
				free = free && z.holding(p) == nil
			}
			if !free {
				continue
			}
			history = append(history, fmt.Sprintf("add %d %d %d", a/pg, b/pg, kind))
			z.add(a, b, kind)
			n.create(a, b, kind)
		case 2:
			history = append(history, fmt.Sprintf("remove %d %d", a/pg, b/pg))
			z.remove(a, b)
			for p := a; p < b; p += pg {
				n.drop(p)
			}
		case 3:
			history = append(history, fmt.Sprintf("begin %d %d", a/pg, b/pg))
			z.begin(a, b, b)
			n.begin(a, b)
		case 4:
			history = append(history, fmt.Sprintf("end %d %d", a/pg, b/pg))
			z.finish(a, b, b, a)
			n.end(a, b)
		}
		if len(z.list())+len(n.list) > 0 && !reflect.DeepEqual(z.list(), n.list) {
			t.Fatalf("after %v:\n got %+v\nwant %+v", history, z.list(), n.list)
		}
	}
	z.clear()
	if left := z.pool.mem.Outstanding(); len(left) != 0 || !z.empty() {
		t.Fatalf("%d frames left after %v", len(left), history)
	}
}

func TestIntervalsAgainstNaive(t *testing.T) {
	for seed := int64(0); seed < 200; seed++ {
		intervalHistory(t, rand.New(rand.NewSource(seed)), 200)
	}
}

func FuzzIntervals(f *testing.F) {
	f.Add([]byte("the promise reaches the new zeros"))
	f.Fuzz(func(t *testing.T, data []byte) {
		intervalHistory(t, rand.New(&bytesSource{data}), min(len(data)/2, 1000))
	})
}

// TestIntervalConsequences is the list "Consequences to test" of spec section
// 4.4, and its rules one by one.
func TestIntervalConsequences(t *testing.T) {
	tests := []struct {
		name string
		do   func(z *intervals)
		want []zeroRun
	}{
		{"create extends the left one and keeps its promise", func(z *intervals) {
			z.add(1*pg, 3*pg, zerosDirty)
			z.begin(0, 9*pg, 9*pg)
			z.add(3*pg, 5*pg, zerosDirty)
		}, []zeroRun{iv(1, 5, 2)}},
		{"create absorbs the right one, whose promise is lost", func(z *intervals) {
			z.add(3*pg, 5*pg, zerosDirty)
			z.begin(0, 9*pg, 9*pg)
			z.add(1*pg, 3*pg, zerosDirty)
		}, []zeroRun{iv(1, 5, 0)}},
		{"kinds do not merge", func(z *intervals) {
			z.add(1*pg, 3*pg, zerosDirty)
			z.add(3*pg, 5*pg, zerosUntracked)
		}, []zeroRun{iv(1, 3, 0), {3 * pg, 5 * pg, 0, zerosUntracked}}},
		{"a split keeps the promise on the left", func(z *intervals) {
			z.add(0, 6*pg, zerosDirty)
			z.begin(0, 6*pg, 6*pg)
			z.remove(2*pg, 3*pg)
		}, []zeroRun{iv(0, 2, 6), iv(3, 6, 0)}},
		{"a split at the front shortens it", func(z *intervals) {
			z.add(0, 6*pg, zerosDirty)
			z.begin(0, 4*pg, 4*pg)
			z.remove(0, 1*pg)
		}, []zeroRun{iv(1, 6, 3)}},
		{"only a prefix can be cleaned", func(z *intervals) {
			z.add(0, 6*pg, zerosDirty)
			z.begin(2*pg, 6*pg, 6*pg)
			z.finish(2*pg, 6*pg, 6*pg, 2*pg)
		}, []zeroRun{iv(0, 6, 0)}},
		{"a shorter begin does not shorten the first", func(z *intervals) {
			z.add(1*pg, 5*pg, zerosDirty)
			z.begin(1*pg, 5*pg, 5*pg)
			z.begin(1*pg, 3*pg, 3*pg)
		}, []zeroRun{iv(1, 5, 4)}},
		{"an end within the promise clips to its own end", func(z *intervals) {
			z.add(1*pg, 5*pg, zerosDirty)
			z.begin(1*pg, 5*pg, 5*pg)
			z.finish(1*pg, 3*pg, 3*pg, 1*pg)
		}, []zeroRun{iv(3, 5, 2)}},
		{"the mark carries the promise over pages written meanwhile", func(z *intervals) {
			z.add(1*pg, 6*pg, zerosDirty)
			z.begin(1*pg, 6*pg, 6*pg)
			z.remove(2*pg, 3*pg)
			z.remove(4*pg, 5*pg)
			z.finish(1*pg, 6*pg, 6*pg, 1*pg)
		}, nil},
		{"a partial promise carried over a split", func(z *intervals) {
			z.add(1*pg, 6*pg, zerosDirty)
			z.begin(1*pg, 4*pg, 4*pg)
			z.remove(2*pg, 3*pg)
			z.finish(1*pg, 4*pg, 4*pg, 1*pg)
		}, []zeroRun{iv(4, 6, 0)}},
		{"shrink and regrow: the old promise reaches the new zeros", func(z *intervals) {
			z.add(1*pg, 5*pg, zerosDirty)
			z.begin(1*pg, 5*pg, 5*pg)
			z.remove(2*pg, 5*pg)
			z.add(2*pg, 5*pg, zerosDirty)
			z.finish(1*pg, 5*pg, 5*pg, 1*pg)
		}, nil},
		{"untracked intervals are never begun nor ended", func(z *intervals) {
			z.add(0, 4*pg, zerosUntracked)
			z.begin(0, 4*pg, 4*pg)
			z.finish(0, 4*pg, 4*pg, 0)
		}, []zeroRun{{0, 4 * pg, 0, zerosUntracked}}},
		{"end without begin", func(z *intervals) {
			z.add(0, 4*pg, zerosDirty)
			z.finish(0, 4*pg, 4*pg, 0)
		}, []zeroRun{iv(0, 4, 0)}},
	}
	for _, tt := range tests {
		z := newIntervals()
		z.reserve(10)
		tt.do(z)
		if len(z.list()) != len(tt.want) || len(z.list()) > 0 && !reflect.DeepEqual(z.list(), tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, z.list(), tt.want)
		}
	}
}
