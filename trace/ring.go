package trace

import (
	"cmp"
	"slices"
	"sync/atomic"

	"faultline/zx"
)

// ringRecords is how many records a CPU's ring holds: 1 MiB of them.
const ringRecords = 1 << 14

// MaxCPUs is for how many CPUs there can be rings.
const MaxCPUs = 64

// slot has the record's number first, then the record: see the package comment.
type slot struct {
	number atomic.Uint64
	record Record // but for CPU, which is the ring's
}

type ring struct {
	next            atomic.Uint64 // records begun since boot
	process, thread uint64        // koids of what runs on the CPU
	_               [40]byte      // slots are cache lines
	slots           [ringRecords]slot
}

var (
	kept   atomic.Uint64 // kinds to record, a bit each; 0: nothing
	choosy bool          // only says something
	only   Filter        // its Process and Object
	rings  [MaxCPUs]atomic.Pointer[ring]
)

// On says whether anything is recorded. It is what a caller asks before it
// gathers what Emit wants.
func On() bool { return kept.Load() != 0 }

// Filter says what to record. The zero value is everything.
type Filter struct {
	Kinds   []Kind  // none: all
	Process zx.Koid // 0: all; else only what happens while this process runs
	Object  uint64  // 0: all; else only records of this VMO
}

// Start makes room for the records of cpus CPUs, once, and begins to record.
func Start(cpus int, f Filter) {
	Stop()
	for i := range rings[:min(cpus, MaxCPUs)] {
		if rings[i].Load() == nil {
			rings[i].Store(new(ring))
		}
	}
	mask := uint64(1)<<kinds - 1
	if len(f.Kinds) > 0 {
		mask = 0
		for _, k := range f.Kinds {
			mask |= 1 << k
		}
	}
	only.Process, only.Object = f.Process, f.Object
	choosy = f.Process != 0 || f.Object != 0
	kept.Store(mask)
}

// Stop ends the recording. What was recorded stays until it is overwritten.
func Stop() { kept.Store(0) }

// Run says which thread this CPU runs from now on; 0, 0 for none. Records tell
// it.
//
//go:norace
func Run(process, thread zx.Koid) {
	if r := here(); r != nil {
		r.process, r.thread = uint64(process), uint64(thread)
	}
}

// Emit leaves a record of what happens now on this CPU. Kind says what the rest
// means.
//
// Locks: any may be held. Allocates nothing.
func Emit(kind Kind, arg uint32, object, offset, length uint64) {
	if kept.Load()>>(kind%64)&1 != 0 {
		leave(kind, arg, object, offset, length)
	}
}

// Reader takes records out of the rings. Several may read; each has its own
// place.
type Reader struct {
	at    [MaxCPUs]uint64 // how many of each ring have been read
	Lost  uint64          // records that were overwritten before they were read
	torn  uint64          // CPUs that have lost some just before the next, a bit each
	whole uint64          // the time since when none has lost any
}

// NewReader makes a Reader of what is recorded from now on.
func NewReader() *Reader {
	r := new(Reader)
	for i := range rings {
		if ring := rings[i].Load(); ring != nil {
			r.at[i] = ring.next.Load()
		}
	}
	return r
}

// Read fills out with the records that follow, one CPU's after another's, each
// CPU's in order, and gives how many. 0: there are no more for now.
func (r *Reader) Read(out []Record) (n int) {
	for c := range rings {
		ring := rings[c].Load()
		if ring == nil {
			continue
		}
		for n < len(out) {
			at, next := r.at[c], ring.next.Load()
			if over := next - at; over > ringRecords {
				r.Lost += over - ringRecords
				r.at[c] = next - ringRecords
				r.torn |= 1 << c
				continue
			}
			if at == next || !ring.slots[at%ringRecords].read(at+1, &out[n]) {
				break // still being written
			}
			if ring.next.Load()-at <= ringRecords {
				if r.torn>>c&1 != 0 {
					r.torn &^= 1 << c
					r.whole = max(r.whole, out[n].Time)
				}
				out[n].CPU = uint8(c)
				r.at[c], n = at+1, n+1
			}
		}
	}
	return n
}

// All reads what happened until now, in order of time, since no ring has lost any: what
// is older counts as lost, but for what each CPU then ran.
func (r *Reader) All(now uint64) (list []Record) {
	var some [256]Record
	for n := r.Read(some[:]); n > 0; n = r.Read(some[:]) {
		list = append(list, some[:n]...)
	}
	var running [MaxCPUs]Record
	list = slices.DeleteFunc(list, func(x Record) bool {
		if x.Time >= r.whole {
			return x.Time > now
		}
		r.Lost++
		if x.Kind == Switch {
			x.Time = r.whole
			running[x.CPU] = x
		}
		return true
	})
	for _, x := range running {
		if x.Kind == Switch {
			list = slices.Insert(list, 0, x)
		}
	}
	slices.SortStableFunc(list, func(a, b Record) int { return cmp.Compare(a.Time, b.Time) })
	return list
}

// read copies the slot if it has that record. Whoever calls it looks again whether
// the ring has come round meanwhile.
//
//go:norace
func (s *slot) read(number uint64, out *Record) bool {
	if s.number.Load() < number {
		return false
	}
	*out = s.record
	return true
}
