package trace

import (
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
	words  [7]uint64
}

type ring struct {
	next            atomic.Uint64 // records begun since boot
	process, thread atomic.Uint64 // koids of what runs on the CPU
	slots           *[ringRecords]slot
	_               [32]byte // rings do not share a cache line
}

var (
	on     atomic.Bool
	kept   atomic.Uint64 // kinds to record, a bit each
	choosy atomic.Bool   // only says something
	only   struct{ process, object atomic.Uint64 }
	rings  [MaxCPUs]ring

	// stamp is what the machine supplies; see Init.
	stamp = func() (cpu int, time uint64) { return 0, 0 }
)

// Init says how to read the number of this CPU and its time stamp counter, which
// may neither block nor allocate. Called once, before the first Start.
func Init(machine func() (cpu int, time uint64)) { stamp = machine }

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
			rings[i].slots = new([ringRecords]slot)
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
	choosy.Store(f.Process != 0 || f.Object != 0)
	on.Store(true)
}

// Stop ends the recording. What was recorded stays until it is overwritten.
func Stop() { on.Store(false) }

// Run says which thread this CPU runs from now on; 0, 0 for none. Records tell
// it.
func Run(process, thread zx.Koid) {
	cpu, _ := stamp()
	r := &rings[cpu%MaxCPUs]
	r.process.Store(uint64(process))
	r.thread.Store(uint64(thread))
}

// Emit leaves a record of what happens now on this CPU. Kind says what the rest
// means.
//
// Locks: any may be held. Allocates nothing.
//
// The words of a slot are stored as they are: atomic stores cost three times as
// much, and whoever reads them meanwhile throws them away.
//
//go:norace
func Emit(kind Kind, arg uint32, object, offset, length uint64) {
	if kept.Load()>>(kind%64)&1 == 0 {
		return
	}
	cpu, now := stamp()
	r := &rings[uint(cpu)%MaxCPUs]
	slots, process := r.slots, r.process.Load()
	if slots == nil {
		return
	}
	if choosy.Load() && !chosen(process, object) {
		return
	}
	n := r.next.Add(1)
	s := &slots[(n-1)%ringRecords]
	s.number.Store(0)
	w := &s.words // a composite literal would be copied
	w[0] = now
	w[1] = uint64(kind) | uint64(cpu)<<8 | uint64(arg)<<32
	w[2] = process
	w[3] = r.thread.Load()
	w[4] = object
	w[5] = offset
	w[6] = length
	s.number.Store(n)
}

// chosen says whether a record of object that process leaves is wanted.
//
//go:noinline
func chosen(process, object uint64) bool {
	p, o := only.process.Load(), only.object.Load()
	return (p == 0 || p == process) && (o == 0 || o == object)
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
	n := s.number.Load()
	if n == 0 {
		return 0
	}
	word := func(i int) uint64 { return atomic.LoadUint64(&s.words[i]) }
	*out = Record{
		Time: word(0), Kind: Kind(word(1)), CPU: uint8(word(1) >> 8), Arg: uint32(word(1) >> 32),
		Process: zx.Koid(word(2)), Thread: zx.Koid(word(3)), Object: word(4), Offset: word(5), Length: word(6),
	}
	if s.number.Load() != n {
		return 0
	}
	return n
}
