package vmo

import (
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// State is the state of one page offset. Source: docs/pager.md 4.1.
type State uint8

// States. Those up to Untracked are stored in slots; the Zero states are empty
// slots inside an interval.
const (
	Absent        State = iota // A: not known; of an anonymous VMO: zero
	Marker                     // M: clean zeros without a page
	Clean                      // C
	Dirty                      // D
	AwaitingClean              // W
	Untracked                  // U: a page of an anonymous VMO
	ZeroDirty                  // ZD
	ZeroAwaiting               // ZA
	ZeroUntracked              // ZU
	stateCount
)

var stateNames = [stateCount]string{"A", "M", "C", "D", "W", "U", "ZD", "ZA", "ZU"}

// String gives the contract's letters.
func (s State) String() string {
	if s >= stateCount {
		return fmt.Sprintf("State(%d)", uint8(s))
	}
	return stateNames[s]
}

// hasPage says whether a page of memory stands behind the state.
func (s State) hasPage() bool { return s >= Clean && s <= Untracked }

// slot is what a VMO knows of one page, in 32 bits:
//
//	31                    5   4      3     2     0
//	[        frame         ] [ref] [pin] [ state ]
//
// The zero slot is Absent (or a Zero state). ref is set on access and gives the
// page a second chance with the evictor; pin says that the page is pinned.
// Guarded by the VMO's lock.
type slot uint32

const (
	slotStateMask  slot = 7
	slotPinned     slot = 1 << 3
	slotReferenced slot = 1 << 4
	slotFrameShift      = 5

	// maxFrame is the largest frame a slot can name: 512 GiB of RAM, all
	// that the kernel's window shows.
	maxFrame = 1<<(32-slotFrameShift) - 1
)

func (s slot) state() State     { return State(s & slotStateMask) }
func (s slot) frame() mmu.Frame { return mmu.Frame(s >> slotFrameShift) }
func (s slot) hasPage() bool    { return s >= 1<<slotFrameShift }

// in is s moved to another state, its page and bits kept.
func (s slot) in(st State) slot { return s&^slotStateMask | slot(st) }

// pageSlot is the slot of a page just filled.
func pageSlot(f mmu.Frame, st State) slot {
	return slot(f)<<slotFrameShift | slot(st)
}

// edges says, by state, to which states a slot may move: a bit each. An empty
// slot becomes Dirty when a page of a zero interval is written.
var edges = [8]uint32{
	Absent:        1<<Marker | 1<<Clean | 1<<Dirty | 1<<Untracked,
	Marker:        1<<Clean | 1<<Dirty | 1<<Absent,
	Clean:         1<<Dirty | 1<<Absent,
	Dirty:         1<<AwaitingClean | 1<<Absent,
	AwaitingClean: 1<<Clean | 1<<Dirty | 1<<Absent,
	Untracked:     1 << Absent,
}

// transition moves *s to a new state and page. Every change of a page's state
// happens here; an arrow that package documentation does not draw panics.
//
// Locks: the VMO's held. The caller keeps the counts of tree and VMO.
func (c *cowPages) transition(s *slot, to slot) {
	if edges[*s&slotStateMask]&(1<<(to&slotStateMask)) == 0 {
		badTransition(s, to)
	}
	*s = to
}

func badTransition(s *slot, to slot) {
	from := *s
	panic(fmt.Sprintf("vmo.transition: no such arrow: %v frame %#x to %v frame %#x",
		from.state(), from.frame(), to.state(), to.frame()))
}

// pageIndex is the number of the page that holds byte off.
func pageIndex(off uint64) uint64 { return off >> zx.PageShift }
