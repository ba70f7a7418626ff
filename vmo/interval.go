package vmo

import (
	"fmt"
	"slices"

	"faultline/zx"
)

// zeroKind is what kind of zeros an interval holds.
type zeroKind uint8

// Kinds of zero intervals. Source: spec section 4.4.
const (
	zerosDirty     zeroKind = iota // the pager has yet to hear of them
	zerosUntracked                 // past the stream size; the pager never hears
)

// interval is a run of zeros without pages: bytes [start, end), page aligned.
type interval struct {
	start, end uint64
	// awaiting is how many bytes from start on were promised by a
	// WRITEBACK_BEGIN; it may reach past end. Zero for untracked intervals.
	awaiting uint64
	kind     zeroKind
}

// intervals is the zero intervals of one VMO: disjoint, ascending, intervals of
// one kind never touching. Every offset inside has an empty slot in the tree.
// Guarded by the VMO's lock.
type intervals struct{ list []interval }

func (z *intervals) empty() bool { return len(z.list) == 0 }

func (z *intervals) count() int { return len(z.list) }

func (z *intervals) clear() { z.list = nil }

// reserve sets memory aside for n more intervals. Errors: ErrNoMemory.
func (z *intervals) reserve(n int) zx.Status { return zx.OK }

// at gives the position of the first interval that ends after off.
func (z *intervals) at(off uint64) int {
	lo, hi := 0, len(z.list)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if z.list[mid].end > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// holding gives the interval that off lies in, or nil. Good until the next
// change of the list.
func (z *intervals) holding(off uint64) *interval {
	if len(z.list) == 0 {
		return nil
	}
	if i := z.at(off); i < len(z.list) && z.list[i].start <= off {
		return &z.list[i]
	}
	return nil
}

// next gives the start of the first interval at or after off, or limit; off
// itself when it lies in one.
func (z *intervals) next(off, limit uint64) uint64 {
	if i := z.at(off); i < len(z.list) {
		return min(max(z.list[i].start, off), limit)
	}
	return limit
}

// add makes [start, end) an interval with nothing awaiting. One of the same
// kind that touches it on the left is extended and keeps its awaiting length;
// one on the right is absorbed and loses it. Pre: the range is free of
// intervals and not empty.
func (z *intervals) add(start, end uint64, kind zeroKind) {
	i := z.at(start)
	if start >= end || i < len(z.list) && z.list[i].start < end {
		panic(fmt.Sprintf("vmo.intervals.add: [%#x, %#x) is empty or meets another: %+v", start, end, z.list))
	}
	left := i > 0 && z.list[i-1].end == start && z.list[i-1].kind == kind
	right := i < len(z.list) && z.list[i].start == end && z.list[i].kind == kind
	switch {
	case left && right:
		z.list[i-1].end = z.list[i].end
		z.list = slices.Delete(z.list, i, i+1)
	case left:
		z.list[i-1].end = end
	case right:
		z.list[i].start, z.list[i].awaiting = start, 0
	default:
		z.list = slices.Insert(z.list, i, interval{start: start, end: end, kind: kind})
	}
}

// clipStart takes n bytes from the front of the interval. Pre: it is longer.
func (iv *interval) clipStart(n uint64) {
	iv.start += n
	iv.awaiting -= min(iv.awaiting, n)
}

// remove takes [start, end) out of every interval. What stays on the left keeps
// its awaiting length (it may then be longer than the piece); what stays on the
// right keeps what reaches it only if nothing stays on the left.
func (z *intervals) remove(start, end uint64) {
	i := z.at(start)
	for i < len(z.list) && z.list[i].start < end {
		iv := &z.list[i]
		switch {
		case iv.start >= start && iv.end <= end:
			z.list = slices.Delete(z.list, i, i+1)
		case iv.start >= start:
			iv.clipStart(end - iv.start)
			return
		case iv.end <= end:
			iv.end = start
			i++
		default:
			right := interval{start: end, end: iv.end, kind: iv.kind}
			iv.end = start
			z.list = slices.Insert(z.list, i+1, right)
			return
		}
	}
}

// begin records that the dirty intervals that start in [start, end) are being
// written back, up to end. Source: spec section 4.4, WRITEBACK_BEGIN.
func (z *intervals) begin(start, end uint64) {
	for i := z.firstStarting(start); i < len(z.list) && z.list[i].start < end; i++ {
		if iv := &z.list[i]; iv.kind == zerosDirty {
			iv.awaiting = max(iv.awaiting, min(iv.end, end)-iv.start)
		}
	}
}

// end drops what was written back of the dirty intervals that start in
// [start, end), and says whether anything was. The mark carries a promise over
// the pieces its interval was split into meanwhile. Source: spec section 4.4,
// WRITEBACK_END.
func (z *intervals) end(start, end uint64) (dropped bool) {
	mark := start
	i := z.firstStarting(start)
	for i < len(z.list) && z.list[i].start < end {
		iv := &z.list[i]
		if iv.kind != zerosDirty {
			i++
			continue
		}
		mark = max(mark, addSaturating(iv.start, iv.awaiting))
		stop := min(mark, end)
		switch {
		case iv.end <= end && mark >= iv.end:
			z.list = slices.Delete(z.list, i, i+1)
			dropped = true
			continue
		case stop > iv.start:
			iv.clipStart(stop - iv.start)
			dropped = true
		}
		i++
	}
	return dropped
}

// firstStarting gives the position of the first interval that starts at or
// after off.
func (z *intervals) firstStarting(off uint64) int {
	i := z.at(off)
	if i < len(z.list) && z.list[i].start < off {
		i++
	}
	return i
}

// state gives the Zero state of off, or Absent outside every interval.
func (z *intervals) state(off uint64) State {
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

// bytes counts the zeros of one kind.
func (z *intervals) bytes(kind zeroKind) uint64 {
	var n uint64
	for _, iv := range z.list {
		if iv.kind == kind {
			n += iv.end - iv.start
		}
	}
	return n
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

// intervalBytes is the size of an interval.
const intervalBytes = 32
