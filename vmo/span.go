package vmo

// span is a range [lo, hi) and its place in spans. It is part of what it stands
// for: a tree of spans allocates nothing. One that is in no tree has no links.
type span struct {
	lo, hi uint64
	max    uint64 // the largest hi of the subtree

	left, right, up *span
	rank            uint32 // a parent's is no smaller than its children's
	owner           any    // what the span is part of
}

// spans is an ordered tree of ranges, which may overlap, by lo: a treap, of
// which each subtree knows how far its ranges reach. All but a walk costs
// O(log n). The zero spans is empty. Guarded by the lock of what it is part of.
type spans struct {
	root *span
	seed uint32 // of the next rank
}

// insert adds s. Pre: lo, hi and owner are set, s is in no tree.
func (t *spans) insert(s *span) {
	t.seed = t.seed*1664525 + 1013904223
	s.left, s.right, s.up, s.max, s.rank = nil, nil, nil, s.hi, t.seed
	p := &t.root
	for n := *p; n != nil; n = *p {
		s.up = n
		n.max = max(n.max, s.hi)
		if s.lo < n.lo {
			p = &n.left
		} else {
			p = &n.right
		}
	}
	*p = s
	for s.up != nil && s.up.rank < s.rank {
		t.lift(s)
	}
}

// remove takes s out. Pre: it is in t.
func (t *spans) remove(s *span) {
	for s.left != nil && s.right != nil {
		if s.left.rank >= s.right.rank {
			t.lift(s.left)
		} else {
			t.lift(s.right)
		}
	}
	below := s.left
	if below == nil {
		below = s.right
	}
	if below != nil {
		below.up = s.up
	}
	t.place(s, below)
	for n := s.up; n != nil; n = n.up {
		old := n.max
		if n.reach(); n.max == old {
			break
		}
	}
	s.left, s.right, s.up = nil, nil, nil
}

// resize changes the range of s, which keeps its place in the order. Pre: no
// span lies between the old lo and the new.
func (t *spans) resize(s *span, lo, hi uint64) {
	s.lo, s.hi = lo, hi
	for n := s; n != nil; n = n.up {
		n.reach()
	}
}

// lift makes s the parent of its parent; the order stays.
func (t *spans) lift(s *span) {
	p := s.up
	t.place(p, s)
	s.up = p.up
	var moved *span
	if p.left == s {
		moved = s.right
		p.left, s.right = moved, p
	} else {
		moved = s.left
		p.right, s.left = moved, p
	}
	if moved != nil {
		moved.up = p
	}
	p.up = s
	s.max = p.max
	p.reach()
}

// place puts s where old hangs.
func (t *spans) place(old, s *span) {
	switch up := old.up; {
	case up == nil:
		t.root = s
	case up.left == old:
		up.left = s
	default:
		up.right = s
	}
}

// reach computes max from the children's.
func (s *span) reach() {
	m := s.hi
	if s.left != nil {
		m = max(m, s.left.max)
	}
	if s.right != nil {
		m = max(m, s.right.max)
	}
	s.max = m
}

// first gives the first span that meets [lo, hi), or nil.
func (t *spans) first(lo, hi uint64) *span { return t.root.first(lo, hi) }

func (s *span) first(lo, hi uint64) *span {
	for s != nil && s.max > lo {
		switch {
		case s.left != nil && s.left.max > lo:
			// If none there meets the range, all that reach it begin after
			// its end, and so does what comes later.
			s = s.left
		case s.lo >= hi:
			return nil
		case s.hi > lo:
			return s
		default:
			s = s.right
		}
	}
	return nil
}

// next gives the span after s that meets [lo, hi), or nil.
func (s *span) next(lo, hi uint64) *span {
	if s.right != nil && s.right.max > lo {
		return s.right.first(lo, hi)
	}
	for p := s.up; p != nil; s, p = p, p.up {
		if p.left != s {
			continue
		}
		switch {
		case p.lo >= hi:
			return nil
		case p.hi > lo:
			return p
		case p.right != nil && p.right.max > lo:
			return p.right.first(lo, hi)
		}
	}
	return nil
}

// alone says that t holds exactly one span.
func (t *spans) alone() bool {
	return t.root != nil && t.root.left == nil && t.root.right == nil
}
