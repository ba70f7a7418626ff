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
// Locks: takes v.mu. What two calls tell is not of one moment.
func (v *VMO) Runs(off uint64, out []Run) (n int, next uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for n < len(out) && off < v.size {
		r := v.runAt(off)
		out[n] = r
		n++
		off = r.Offset + r.Length
	}
	return n, off
}

// runAt gives the longest run that begins at off. Pre: off below v.size. Locks:
// v.mu held.
func (v *VMO) runAt(off uint64) Run {
	state, end := v.state(off), v.size
	switch state {
	case Absent:
		end = v.absentEnd(off, end)
	case ZeroDirty, ZeroAwaiting, ZeroUntracked:
		iv := v.zeros.holding(off)
		end = min(end, iv.end)
		if state == ZeroAwaiting {
			end = min(end, addSaturating(iv.start, iv.awaiting))
		}
	default:
		end = v.slotsEnd(pageIndex(off), pageIndex(end), state) << zx.PageShift
	}
	return Run{state, off, end - off}
}

// slotsEnd gives the first page in [idx, limit) whose slot is not in state, or
// limit. Locks: v.mu held.
func (v *VMO) slotsEnd(idx, limit uint64, state State) uint64 {
	for idx < limit {
		slots, n, _ := v.tree.run(v.mem, idx, limit)
		if slots == nil {
			return idx
		}
		for i, s := range slots {
			if s.state() != state {
				return idx + uint64(i)
			}
		}
		idx += n
	}
	return limit
}

// ByID gives the VMO with that id and a reference to it, which the caller
// releases; nil when there is none.
func (s *Store) ByID(id uint32) *VMO {
	if id == 0 {
		return nil
	}
	return s.lookup(id)
}

// Nodes counts the frames the VMO's tree is made of, beside its pages.
//
// Locks: takes v.mu.
func (v *VMO) Nodes() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tree.nodes(v.mem)
}
