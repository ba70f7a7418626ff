package kernel

import (
	"sync/atomic"

	"faultline/cpu"
	"faultline/syscall"
)

// A stretch is what ring 0 does for a thread between two looks at the world: from
// the trap to the entry into ring 3, or to a yield on the way. While the kernel
// leaves records it measures them all, in ticks of the time stamp counter; the
// longest is what others may have to wait for.
//
//	(ring 3) --trap--> (stretch) --yield--> (others run) --> (stretch) --> (ring 3)
//	                       `--- sleeps: measured no more --> (asleep)

// What a stretch may be besides a call.
const (
	stretchFault = syscall.Count + iota
	stretchEnd
	stretchKinds
)

// stretch is the one in progress on a CPU: the CPU's own.
type stretch struct {
	of   *Thread // nil: none
	what uint32
	from uint64
}

// stretches is the longest of each kind.
type stretches [stretchKinds]atomic.Uint64

// begin begins a stretch of t.
func (s *stretch) begin(t *Thread, what uint32) {
	*s = stretch{t, min(what, stretchKinds-1), cpu.ReadTSC()}
}

// end ends the stretch of t, if one is in progress.
func (c *percpu) endStretch(t *Thread) {
	s := &c.stretch
	if s.of != t {
		return
	}
	s.of = nil
	took, most := cpu.ReadTSC()-s.from, &c.kernel.stretches[s.what]
	for old := most.Load(); took > old && !most.CompareAndSwap(old, took); old = most.Load() {
	}
}

// resumeStretch begins the next stretch of what is in progress, after a yield.
func (t *Thread) resumeStretch(what uint32) { t.cpu.stretch.begin(t, what) }

// LongestStretch tells of the longest stretch measured since it was asked last,
// and what it was part of: a call, "page fault" or "end of a thread".
func (k *Kernel) LongestStretch() (ticks uint64, what string) {
	for i := range k.stretches {
		if n := k.stretches[i].Swap(0); n > ticks {
			switch ticks = n; uint32(i) {
			case stretchFault:
				what = "page fault"
			case stretchEnd:
				what = "end of a thread"
			default:
				what = syscall.Name(uint32(i))
			}
		}
	}
	return ticks, what
}
