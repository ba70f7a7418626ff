package vmo

import "faultline/zx"

// Run is pages in a row that are in one state.
type Run struct {
	State  State
	Offset uint64 // bytes
	Length uint64 // bytes, not zero
}

// Runs writes the runs of the VMO from off on into out, longest possible each,
// and gives how many it wrote and the offset that the next call goes on at: the
// size of the VMO when it wrote all. The cost is that of the pages and intervals
// that exist, however large the VMO.
//
// Units: off in bytes, page aligned.
// Locks: takes the VMO's. What two calls tell is not of one moment.
func (v *VMO) Runs(off uint64, out []Run) (n int, next uint64) {
	c := v.lock()
	defer v.Unlock()
	for size := v.SizeLocked(); n < len(out) && off < size; n++ {
		r := c.runAt(v.off+off, v.off+size)
		r.Offset -= v.off
		out[n] = r
		off = r.Offset + r.Length
	}
	return n, off
}

// States writes the states of the pages from off on into out and gives how many
// pages of the VMO there were: the picture the console draws. Pages that it shows
// of an ancestor are absent.
//
// Locks: takes the VMO's.
func (v *VMO) States(off uint64, out []State) int {
	c := v.lock()
	defer v.Unlock()
	for i := range out {
		at := off + uint64(i)<<zx.PageShift
		if at >= v.SizeLocked() {
			return i
		}
		out[i] = c.state(v.off + at)
	}
	return len(out)
}

// runAt gives the longest run that begins at off, up to end. Pre: off below end.
// Locks: the family's held.
func (c *cowPages) runAt(off, end uint64) Run {
	state := c.state(off)
	switch state {
	case Absent:
		end = c.absentEnd(off, end)
	case ZeroDirty, ZeroAwaiting, ZeroUntracked:
		iv := c.zeros.holding(off)
		end = min(end, iv.end)
		if state == ZeroAwaiting {
			end = min(end, addSaturating(iv.start, iv.awaiting))
		}
	default:
		end = c.slotsEnd(pageIndex(off), pageIndex(end), 1<<state) << zx.PageShift
	}
	return Run{state, off, end - off}
}

// slotsEnd gives the first page in [idx, limit) whose slot is in none of the
// states of mask, or limit. Locks: the family's held.
func (c *cowPages) slotsEnd(idx, limit uint64, mask uint16) uint64 {
	for idx < limit {
		slots, n, _ := c.tree.run(c.mem, idx, limit)
		if slots == nil {
			return idx
		}
		for i, s := range slots {
			if mask>>s.state()&1 == 0 {
				return idx + uint64(i)
			}
		}
		idx += n
	}
	return limit
}

// ByKoid gives the VMO with that koid and a reference to it, which the caller
// releases; nil when there is none. It looks at every VMO.
func (s *Store) ByKoid(koid zx.Koid) (found *VMO) {
	s.ForEach(func(v *VMO) bool {
		if v.koid == koid {
			v.Retain()
			found = v
		}
		return found == nil
	})
	return found
}

// shownBy is the koid of the VMO that came with the node; KoidInvalid if it is
// gone, or there was none. Locks: the family's held.
func (c *cowPages) shownBy() zx.Koid {
	for v := c.windows; v != nil; v = v.nextWindow {
		if v.primary {
			return v.koid
		}
	}
	return zx.KoidInvalid
}

// Nodes counts the frames the VMO's tree is made of, beside its pages.
//
// Locks: takes the VMO's.
func (v *VMO) Nodes() int {
	c := v.lock()
	defer v.Unlock()
	if !v.primary {
		return 0
	}
	return int(c.tree.nodes)
}
