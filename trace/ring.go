package trace

import (
	"sync/atomic"

	"faultline/zx"
)

// ringRecords is how many records a CPU's ring holds: 1 MiB of them.
const ringRecords = 1 << 14

// MaxCPUs is for how many CPUs there can be rings.
const MaxCPUs = 64

type slot [8]atomic.Uint64

type ring struct {
	next            atomic.Uint64 // records begun since boot
	process, thread atomic.Uint64 // koids of what runs on the CPU
	slots           []slot
	_               [16]byte // rings do not share a cache line
}

var (
	on    atomic.Bool
	kept  atomic.Uint64 // kinds to record, a bit each
	only  struct{ process, object atomic.Uint64 }
	rings [MaxCPUs]ring

	// What the machine supplies; see Init.
	clock = func() uint64 { return 0 }
	cpu   = func() int { return 0 }
)

// Init says how to read the time stamp counter and the number of this CPU.
// Neither may block or allocate. Called once, before the first Start.
func Init(timestamp func() uint64, thisCPU func() int) { clock, cpu = timestamp, thisCPU }

// On says whether anything is recorded. It is what a caller asks before it
// gathers what Emit wants.
func On() bool { return on.Load() }

// Filter says what to record. The zero value is everything.
type Filter struct {
	Kinds   []Kind  // none: all
	Process zx.Koid // 0: all; else only what happens while this process runs
	Object  uint64  // 0: all; else only records of this VMO
}

// Start makes room for the records of cpus CPUs, once, and begins to record.
func Start(cpus int, f Filter) {
	for i := range min(cpus, MaxCPUs) {
		if rings[i].slots == nil {
			rings[i].slots = make([]slot, ringRecords)
		}
	}
	mask := uint64(1)<<kinds - 1
	if len(f.Kinds) > 0 {
		mask = 0
		for _, k := range f.Kinds {
			mask |= 1 << k
		}
	}
	kept.Store(mask)
	only.process.Store(uint64(f.Process))
	only.object.Store(f.Object)
	on.Store(true)
}

// Stop ends the recording. What was recorded stays until it is overwritten.
func Stop() { on.Store(false) }

// Run says which thread this CPU runs from now on; 0, 0 for none. Records tell
// it.
func Run(process, thread zx.Koid) {
	r := &rings[cpu()]
	r.process.Store(uint64(process))
	r.thread.Store(uint64(thread))
}

// Emit leaves a record of what happens now on this CPU. Kind says what the rest
// means.
//
// Locks: any may be held. Allocates nothing.
func Emit(kind Kind, arg uint32, object, offset, length uint64) {
	c := cpu()
	r := &rings[c]
	if kept.Load()>>kind&1 == 0 || len(r.slots) == 0 {
		return
	}
	process := r.process.Load()
	if p := only.process.Load(); p != 0 && p != process {
		return
	}
	if o := only.object.Load(); o != 0 && o != object {
		return
	}
	n := r.next.Add(1)
	s := &r.slots[(n-1)%ringRecords]
	s[0].Store(0)
	s[1].Store(clock())
	s[2].Store(uint64(kind) | uint64(c)<<8 | uint64(arg)<<32)
	s[3].Store(process)
	s[4].Store(r.thread.Load())
	s[5].Store(object)
	s[6].Store(offset)
	s[7].Store(length)
	s[0].Store(n)
}

// Reader takes records out of the rings. Several may read; each has its own
// place.
type Reader struct {
	at   [MaxCPUs]uint64 // how many of each ring have been read
	Lost uint64          // records that were overwritten before they were read
}

// NewReader makes a Reader of what is recorded from now on.
func NewReader() *Reader {
	r := new(Reader)
	for i := range rings {
		r.at[i] = rings[i].next.Load()
	}
	return r
}

// Oldest makes a Reader of what the rings still hold.
func Oldest() *Reader {
	r := new(Reader)
	for i := range rings {
		if n := rings[i].next.Load(); n > ringRecords {
			r.at[i] = n - ringRecords
		}
	}
	return r
}

// Read fills out with the records that follow, one CPU's after another's, each
// CPU's in order, and gives how many. 0: there are no more for now.
func (r *Reader) Read(out []Record) (n int) {
	for c := range rings {
		ring := &rings[c]
		end := ring.next.Load()
		if end-r.at[c] > ringRecords {
			r.Lost += end - r.at[c] - ringRecords
			r.at[c] = end - ringRecords
		}
		for r.at[c] < end && n < len(out) {
			want := r.at[c] + 1
			switch got := ring.slots[r.at[c]%ringRecords].read(&out[n]); {
			case got == want:
				n++
			case got == 0 || got < want:
				end = r.at[c] // still being written
				continue
			default:
				r.Lost++
			}
			r.at[c]++
		}
	}
	return n
}

// read copies the slot and gives the number of the record in it, 0 for one that
// is being written.
func (s *slot) read(out *Record) uint64 {
	n := s[0].Load()
	if n == 0 {
		return 0
	}
	head := s[2].Load()
	*out = Record{
		Time: s[1].Load(), Kind: Kind(head), CPU: uint8(head >> 8), Arg: uint32(head >> 32),
		Process: zx.Koid(s[3].Load()), Thread: zx.Koid(s[4].Load()),
		Object: s[5].Load(), Offset: s[6].Load(), Length: s[7].Load(),
	}
	if s[0].Load() != n {
		return 0
	}
	return n
}
