package vmo

import (
	"fmt"

	"faultline/account"
	"faultline/avl"
	"faultline/mmu"
	"faultline/zx"
)

// zeroKind is what kind of zeros an interval holds.
type zeroKind uint8

// Kinds of zero intervals. Source: docs/pager.md 4.4.
const (
	zerosDirty     zeroKind = iota // the pager has yet to hear of them
	zerosUntracked                 // past the stream size, or a child's own; no pager hears
)

// interval is a run of zeros without pages: bytes [start, end), page aligned.
type interval struct {
	node       avl.Node[interval] // by start; weights are ends
	start, end uint64
	// awaiting is how many bytes from start on were promised by a
	// WRITEBACK_BEGIN; it may reach past end. Zero for untracked intervals.
	awaiting uint64
	kind     zeroKind

	frame mmu.Frame // that it lies in
	next  *interval // of those set aside, or free
}

// intervals is the zero intervals of one node: disjoint, ascending, intervals of
// one kind never touching. Every offset inside has an empty slot in the tree.
// They lie in frames, so that their number is bounded by memory alone; finding
// one costs O(log n). Guarded by the family's lock.
type intervals struct {
	tree   avl.Tree[interval]
	pool   *intervalPool
	by     *account.Account // pays for them, set aside or not. Constant
	spare  *interval        // set aside by reserve
	n      int32
	spares int32
}

func (z *intervals) empty() bool { return z.tree.Empty() }

// reserve sets memory aside for n intervals, of which add and remove take one at
// most each. Errors: ErrNoMemory.
func (z *intervals) reserve(n int) zx.Status {
	for int(z.spares) < n {
		if st := z.by.ChargeFrames(int64(intervalBytes)); st != zx.OK {
			return st
		}
		iv, st := z.pool.take()
		if st != zx.OK {
			z.by.ReleaseFrames(int64(intervalBytes))
			return st
		}
		iv.next = z.spare
		z.spare = iv
		z.spares++
	}
	return zx.OK
}

// insert adds an interval from those set aside.
func (z *intervals) insert(start, end, awaiting uint64, kind zeroKind) {
	iv := z.spare
	if iv == nil {
		panic(fmt.Sprintf("vmo.intervals: no memory set aside for [%#x, %#x)", start, end))
	}
	z.spare = iv.next
	z.spares--
	z.n++
	iv.start, iv.end, iv.awaiting, iv.kind, iv.next = start, end, awaiting, kind, nil
	z.tree.Insert(&iv.node, iv, start, end)
}

// delete takes an interval out.
func (z *intervals) delete(iv *interval) {
	z.tree.Remove(&iv.node)
	z.n--
	z.give(iv)
}

// give lets go of an interval.
func (z *intervals) give(iv *interval) {
	z.pool.give(iv)
	z.by.ReleaseFrames(int64(intervalBytes))
}

// setEnd moves the end of an interval.
func (z *intervals) setEnd(iv *interval, end uint64) {
	iv.end = end
	z.tree.SetWeight(&iv.node, end)
}

// setStart moves the start of an interval, over nothing.
func (z *intervals) setStart(iv *interval, start uint64) {
	z.tree.Remove(&iv.node)
	iv.start = start
	z.tree.Insert(&iv.node, iv, start, iv.end)
}

// clear drops every interval and what is set aside.
func (z *intervals) clear() {
	for n := z.tree.First(); n != nil; n = z.tree.First() {
		z.delete(n.Owner())
	}
	for iv := z.spare; iv != nil; {
		next := iv.next
		z.give(iv)
		iv = next
	}
	z.spare, z.spares = nil, 0
}

// of gives the interval of a node, or nil.
func of(n *avl.Node[interval]) *interval {
	if n == nil {
		return nil
	}
	return n.Owner()
}

// at gives the first interval that ends after off, or nil.
func (z *intervals) at(off uint64) *interval {
	iv := of(z.tree.Floor(off))
	if iv == nil {
		return of(z.tree.First())
	}
	if iv.end <= off {
		return iv.after()
	}
	return iv
}

// after gives the next interval, or nil.
func (iv *interval) after() *interval { return of(iv.node.Next()) }

// holding gives the interval that off lies in, or nil.
func (z *intervals) holding(off uint64) *interval {
	if iv := of(z.tree.Floor(off)); iv != nil && iv.end > off {
		return iv
	}
	return nil
}

// next gives the start of the first interval at or after off, or limit; off
// itself when it lies in one.
func (z *intervals) next(off, limit uint64) uint64 {
	if z.empty() {
		return limit
	}
	if iv := z.at(off); iv != nil {
		return min(max(iv.start, off), limit)
	}
	return limit
}

// add makes [start, end) an interval with nothing awaiting. One of the same
// kind that touches it on the left is extended and keeps its awaiting length;
// one on the right is absorbed and loses it. Pre: the range is free of
// intervals and not empty; one is reserved.
func (z *intervals) add(start, end uint64, kind zeroKind) {
	right := z.at(start)
	if start >= end || right != nil && right.start < end {
		panic(fmt.Sprintf("vmo.intervals.add: [%#x, %#x) is empty or meets another: %+v", start, end, right))
	}
	var left *interval
	if start > 0 {
		left = z.holding(start - 1)
	}
	if right != nil && (right.start != end || right.kind != kind) {
		right = nil
	}
	if left != nil && left.kind != kind {
		left = nil
	}
	if right != nil {
		end = right.end
		z.delete(right)
	}
	if left != nil {
		z.setEnd(left, end)
	} else {
		z.insert(start, end, 0, kind)
	}
}

// clipStart takes n bytes from the front of the interval. Pre: it is longer.
func (z *intervals) clipStart(iv *interval, n uint64) {
	z.setStart(iv, iv.start+n)
	iv.awaiting -= min(iv.awaiting, n)
}

// remove takes [start, end) out of every interval. What stays on the left keeps
// its awaiting length (it may then be longer than the piece); what stays on the
// right keeps what reaches it only if nothing stays on the left. Pre: one is
// reserved, if the range lies inside another.
func (z *intervals) remove(start, end uint64) {
	if z.empty() {
		return
	}
	for iv := z.at(start); iv != nil && iv.start < end; {
		next := iv.after()
		switch {
		case iv.start >= start && iv.end <= end:
			z.delete(iv)
		case iv.start >= start:
			z.clipStart(iv, end-iv.start)
			return
		case iv.end <= end:
			z.setEnd(iv, start)
		default:
			stop := iv.end
			z.setEnd(iv, start)
			z.insert(end, stop, 0, iv.kind)
			return
		}
		iv = next
	}
}

// begin records that the dirty intervals that start in [start, stop) are being
// written back, up to end. Source: docs/pager.md 4.4, WRITEBACK_BEGIN.
func (z *intervals) begin(start, stop, end uint64) {
	for iv := z.firstStarting(start); iv != nil && iv.start < stop; iv = iv.after() {
		if iv.kind == zerosDirty {
			iv.awaiting = max(iv.awaiting, min(iv.end, end)-iv.start)
		}
	}
}

// finish drops what was written back of the dirty intervals that start in
// [start, stop), a piece of a range that reaches to end. The mark, start at first,
// carries a promise over the pieces its interval was split into meanwhile, and
// from one piece of the range to the next. Source: docs/pager.md 4.4,
// WRITEBACK_END.
func (z *intervals) finish(start, stop, end, mark uint64) uint64 {
	for iv := z.firstStarting(start); iv != nil && iv.start < stop; {
		next := iv.after()
		if iv.kind == zerosDirty {
			mark = max(mark, addSaturating(iv.start, iv.awaiting))
			clip := min(mark, end)
			switch {
			case iv.end <= end && mark >= iv.end:
				z.delete(iv)
			case clip > iv.start:
				z.clipStart(iv, clip-iv.start)
			}
		}
		iv = next
	}
	return mark
}

// firstStarting gives the first interval that starts at or after off, or nil.
func (z *intervals) firstStarting(off uint64) *interval { return of(z.tree.Heavy(off, 0)) }

// state gives the Zero state of off, or Absent outside every interval.
func (z *intervals) state(off uint64) State {
	if z.empty() {
		return Absent
	}
	iv := z.holding(off)
	switch {
	case iv == nil:
		return Absent
	case iv.kind == zerosUntracked:
		return ZeroUntracked
	case off-iv.start < iv.awaiting:
		return ZeroAwaiting
	}
	return ZeroDirty
}

// addSaturating is a+b, or the largest number when that wraps.
func addSaturating(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return ^uint64(0)
}

// pageUp rounds a size that is known not to wrap.
func pageUp(n uint64) uint64 { return (n + zx.PageMask) &^ zx.PageMask }
