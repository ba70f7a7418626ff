package vmo

import (
	"math/rand"
	"testing"
)

// check demands that the tree below s is ordered, ranked and knows its reach,
// and gives its height.
func (s *span) check(t *testing.T) int {
	if s == nil {
		return 0
	}
	m := s.hi
	for _, c := range []*span{s.left, s.right} {
		if c != nil {
			if c.up != s || c.rank > s.rank {
				t.Fatalf("[%d,%d): child [%d,%d) hangs wrongly", s.lo, s.hi, c.lo, c.hi)
			}
			m = max(m, c.max)
		}
	}
	if s.left != nil && s.left.lo > s.lo || s.right != nil && s.right.lo < s.lo || s.max != m {
		t.Fatalf("[%d,%d) max %d, want %d", s.lo, s.hi, s.max, m)
	}
	return 1 + max(s.left.check(t), s.right.check(t))
}

func TestSpansAgainstList(t *testing.T) {
	for seed := int64(0); seed < 50; seed++ {
		r := rand.New(rand.NewSource(seed))
		var tree spans
		var list []*span
		for i := 0; i < 400; i++ {
			if len(list) > 0 && r.Intn(3) == 0 {
				k := r.Intn(len(list))
				tree.remove(list[k])
				list = append(list[:k], list[k+1:]...)
			} else {
				lo := uint64(r.Intn(100))
				s := &span{lo: lo, hi: lo + 1 + uint64(r.Intn(1+r.Intn(40)))}
				tree.insert(s)
				list = append(list, s)
			}
			if len(list) > 0 && r.Intn(4) == 0 {
				s := list[r.Intn(len(list))]
				tree.resize(s, s.lo, s.lo+1+uint64(r.Intn(20)))
			}
			if tree.root != nil && tree.root.up != nil {
				t.Fatal("the root hangs")
			}
			tree.root.check(t)
			lo := uint64(r.Intn(130))
			hi := lo + uint64(r.Intn(30))
			want := map[*span]bool{}
			for _, s := range list {
				if s.lo < hi && s.hi > lo {
					want[s] = true
				}
			}
			last := uint64(0)
			n := 0
			for s := tree.first(lo, hi); s != nil; s = s.next(lo, hi) {
				if !want[s] || s.lo < last {
					t.Fatalf("seed %d: [%d,%d) does not meet [%d,%d), or comes after %d", seed, s.lo, s.hi, lo, hi, last)
				}
				last = s.lo
				n++
			}
			if n != len(want) {
				t.Fatalf("seed %d: %d spans meet [%d,%d), found %d", seed, len(want), lo, hi, n)
			}
			if tree.alone() != (len(list) == 1) {
				t.Fatal("alone")
			}
		}
	}
}

// TestSpansStayShallow inserts in order, the worst case of a plain tree.
func TestSpansStayShallow(t *testing.T) {
	var tree spans
	all := make([]span, 1<<14)
	for i := range all {
		all[i] = span{lo: uint64(i), hi: uint64(i) + 1}
		tree.insert(&all[i])
	}
	if h := tree.root.check(t); h > 60 {
		t.Errorf("%d spans in a tree of height %d", len(all), h)
	}
	order := rand.New(rand.NewSource(1)).Perm(len(all))
	for _, i := range order {
		tree.remove(&all[i])
	}
	if tree.root != nil {
		t.Error("something stays")
	}
}
