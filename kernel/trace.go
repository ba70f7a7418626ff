package kernel

import (
	"sync"
	"sync/atomic"

	"faultline/mmu"
	"faultline/vmar"
	"faultline/zx"
)

// TraceRecords is how many page faults the trace remembers.
const TraceRecords = 512

// FaultRecord is one page fault of ring 3, from the trap to the decision.
type FaultRecord struct {
	Number          uint64  // of the fault, from 1; the trace counts on while it is off and on
	At              zx.Time // when it was taken
	Took            zx.Time // until it was decided, waiting for a pager included
	Process, Thread zx.Koid
	Address         zx.VirtAddr
	RIP             zx.VirtAddr
	Code            mmu.PageFaultError
	// Status is OK for a thread that runs on, ErrInternalIntrKilled for one
	// killed meanwhile; any other is the synth_code of its exception.
	Status zx.Status
	VMO    uint32 // id of the VMO the address shows; 0 if nothing is mapped
	Offset uint64 // of the page in the VMO, bytes
	Zero   bool   // it got the shared zero page, read-only
}

// faultTrace is the page faults lately taken: a ring of fixed size. Recording
// allocates nothing; while it is off, a fault pays for one load and one branch.
//
//	      StartTrace              StopTrace
//	(off) ----------> (on, ring) ----------> (off, ring kept for reading)
type faultTrace struct {
	on atomic.Bool

	mu     sync.Mutex
	ring   []FaultRecord // guarded by mu; made by the first StartTrace
	number uint64        // of the last record; guarded by mu
}

// StartTrace makes every page fault of ring 3 leave a record from now on, and
// forgets those there are.
func (k *Kernel) StartTrace() {
	t := &k.trace
	t.mu.Lock()
	if t.ring == nil {
		t.ring = make([]FaultRecord, TraceRecords)
	}
	clear(t.ring)
	t.mu.Unlock()
	t.on.Store(true)
}

// StopTrace ends the recording. The records stay.
func (k *Kernel) StopTrace() { k.trace.on.Store(false) }

// Tracing says whether faults are recorded.
func (k *Kernel) Tracing() bool { return k.trace.on.Load() }

// FaultRecords gives the last n records, the oldest first, and how many faults
// were recorded since boot.
func (k *Kernel) FaultRecords(n int) (list []FaultRecord, total uint64) {
	t := &k.trace
	t.mu.Lock()
	total = t.number
	first := uint64(1)
	if n = min(max(n, 0), TraceRecords); total > uint64(n) {
		first = total - uint64(n) + 1
	}
	for i := first; i <= total; i++ {
		if r := t.ring[i%TraceRecords]; r.Number == i {
			list = append(list, r)
		}
	}
	t.mu.Unlock()
	return list, total
}

// show fills in the VMO and offset that r's address shows in space, if any, and
// whether the zero page stands there now.
func (r *FaultRecord) show(memory *mmu.Memory, space *vmar.AddressSpace) {
	page := r.Address &^ zx.PageMask
	if m, ok := space.MappingAt(page); ok {
		r.VMO, r.Offset = m.VMO, m.Offset+uint64(page-m.Base)
	}
	chain, level := space.Chain(page)
	if e := chain[mmu.LevelPML4-level].PTE; level == mmu.LevelPT && e.Present() {
		r.Zero = e.Frame() == memory.ZeroPage()
	}
}

// traceFault records the page fault that ended with st.
func (t *Thread) traceFault(st zx.Status) {
	p := t.process
	k := p.kernel
	r := FaultRecord{At: t.began, Took: k.Now() - t.began, Process: p.Koid(), Thread: t.Koid(),
		Address: zx.VirtAddr(t.regs.CR2()), RIP: zx.VirtAddr(t.regs.RIP()),
		Code: mmu.PageFaultError(t.regs.ErrorCode()), Status: st}
	t.began = 0
	r.show(k.Memory, p.space)
	k.trace.add(&r)
}

// add puts a record into the ring.
func (t *faultTrace) add(r *FaultRecord) {
	t.mu.Lock()
	t.number++
	r.Number = t.number
	t.ring[r.Number%uint64(len(t.ring))] = *r
	t.mu.Unlock()
}
