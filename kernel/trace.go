package kernel

import (
	"sync"
	"sync/atomic"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// tracing is the kernel's part of package trace: it starts and stops it, and
// knows how time stamps and the clock go together.
type tracing struct {
	faults    atomic.Uint64 // page faults recorded since boot
	from      trace.Reader  // where the records of this recording begin
	tsc, time int64         // at the same moment, when it began

	mu    sync.Mutex
	ended map[zx.Koid]string // names of threads and processes that ended meanwhile; guarded by mu
}

// traceNames is how many names of what has ended are kept for the trace.
const traceNames = 4096

// traceEnded keeps the names of a thread that ends, and of its process.
func (k *Kernel) traceEnded(t *Thread) {
	k.trace.mu.Lock()
	if len(k.trace.ended) < traceNames {
		k.trace.ended[t.Koid()] = printable(t.Name())
		k.trace.ended[t.process.Koid()] = printable(t.process.Name())
	}
	k.trace.mu.Unlock()
}

// TraceName is the name of a thread or process that ended while the kernel left
// records; "" if it is not known.
func (k *Kernel) TraceName(koid zx.Koid) string {
	k.trace.mu.Lock()
	defer k.trace.mu.Unlock()
	return k.trace.ended[koid]
}

// StartTrace makes the kernel leave records from now on, and forgets those there
// are.
func (k *Kernel) StartTrace(f trace.Filter) {
	k.trace.mu.Lock()
	k.trace.ended = map[zx.Koid]string{}
	k.trace.mu.Unlock()
	k.trace.from = *trace.NewReader()
	k.trace.tsc, k.trace.time = int64(cpu.ReadTSC()), k.now()
	trace.Start(len(k.cpus), f)
	for _, c := range k.cpus {
		c.heed.Or(heedTrace)
	}
}

// StopTrace ends the recording. The records stay.
func (k *Kernel) StopTrace() { trace.Stop() }

// TraceTicks is how often the time stamp counter advances in a microsecond, by
// what has passed since StartTrace.
func (k *Kernel) TraceTicks() float64 {
	if passed := k.now() - k.trace.time; passed > 0 {
		return float64(int64(cpu.ReadTSC())-k.trace.tsc) * 1000 / float64(passed)
	}
	return 1000
}

// TraceRecords gives the records of the latest recording that the rings still
// hold, the oldest of each CPU first, how many were lost, and TraceTicks.
func (k *Kernel) TraceRecords() (list []trace.Record, lost uint64, ticks float64) {
	from := k.trace.from
	var some [256]trace.Record
	for n := from.Read(some[:]); n > 0; n = from.Read(some[:]) {
		list = append(list, some[:n]...)
	}
	return list, from.Lost, k.TraceTicks()
}

// FaultRecord is one page fault of ring 3, from the trap to the decision.
type FaultRecord struct {
	Number          uint64  // of the fault, from 1; it counts on while faults are not recorded
	At              zx.Time // when it was taken
	Took            zx.Time // until it was decided, waiting for a pager included
	Process, Thread zx.Koid
	Address         zx.VirtAddr
	RIP             zx.VirtAddr
	Code            mmu.PageFaultError
	// Status is OK for a thread that runs on, ErrInternalIntrKilled for one
	// killed meanwhile; any other is the synth_code of its exception.
	Status zx.Status
	VMO    zx.Koid // that the address shows; 0 if nothing is mapped
	Offset uint64  // of the page in the VMO, bytes
	Zero   bool    // it got the shared zero page, read-only
}

// FaultRecords gives the last n page faults recorded, the oldest first, and how
// many were since boot.
func (k *Kernel) FaultRecords(n int) (list []FaultRecord, total uint64) {
	records, _, ticks := k.TraceRecords()
	at := func(tsc uint64) zx.Time {
		return zx.Time(k.trace.time + int64(float64(int64(tsc)-k.trace.tsc)*1000/ticks))
	}
	begun := map[zx.Koid]trace.Record{}
	for _, r := range records {
		switch r.Kind {
		case trace.Fault:
			begun[r.Thread] = r
		case trace.FaultEnd:
			if b, ok := begun[r.Thread]; ok {
				list = append(list, FaultRecord{
					At: at(b.Time), Took: at(r.Time) - at(b.Time), Process: b.Process, Thread: b.Thread,
					Address: zx.VirtAddr(b.Offset), RIP: zx.VirtAddr(b.Length), Code: mmu.PageFaultError(b.Arg),
					Status: zx.Status(int32(r.Arg)), VMO: zx.Koid(r.Object), Offset: r.Offset, Zero: r.Length&trace.EndZero != 0,
				})
				delete(begun, r.Thread)
			}
		}
	}
	total = k.trace.faults.Load()
	for i := range list {
		list[i].Number = total - uint64(len(list)-1-i)
	}
	return list[max(0, len(list)-max(n, 0)):], total
}

// traceFault records the page fault that t has just taken.
func (t *Thread) traceFault() {
	t.traced = trace.Fault
	t.request.Kind = vmo.RequestKinds // none yet
	trace.Emit(trace.Fault, uint32(t.regs.ErrorCode()), 0, t.regs.CR2(), uint64(t.regs.RIP()))
}

// traceFaultEnd records that it ended with st.
func (t *Thread) traceFaultEnd(st zx.Status) {
	t.traced = 0
	if c := t.executor.cpu; c.traced != t {
		c.traceSwitch(t) // it waited, and the kernel ran meanwhile
	}
	p := t.process
	p.kernel.trace.faults.Add(1)
	koid, offset, zero := shown(p.kernel.Memory, p.space, zx.VirtAddr(t.regs.CR2()))
	how := uint64(0)
	if zero {
		how |= trace.EndZero
	}
	switch t.request.Kind {
	case vmo.RequestRead:
		how |= trace.EndRead
	case vmo.RequestDirty:
		how |= trace.EndDirty
	}
	trace.Emit(trace.FaultEnd, uint32(st), uint64(koid), offset, how)
}

// shown tells which VMO and offset of a page the address shows in space, if
// any, and whether the zero page stands there now.
func shown(memory *mmu.Memory, space *vmar.AddressSpace, va zx.VirtAddr) (koid zx.Koid, offset uint64, zero bool) {
	page := va &^ zx.PageMask
	if m, ok := space.MappingAt(page); ok {
		koid, offset = m.VMO, m.Offset+uint64(page-m.Base)
	}
	chain, level := space.Chain(page)
	if e := chain[mmu.LevelPML4-level].PTE; level == mmu.LevelPT && e.Present() {
		zero = e.Frame() == memory.ZeroPage()
	}
	return koid, offset, zero
}

// traceSyscall records the call that t makes.
func (t *Thread) traceSyscall() {
	t.traced = trace.Syscall
	trace.Emit(trace.Syscall, uint32(t.regs.RAX), 0, 0, 0)
}

// traceWake records that t may run on.
func (t *Thread) traceWake() { trace.Emit(trace.Wake, 0, uint64(t.Koid()), 0, 0) }

// traceEntry records what ends with the entry of t into ring 3: what the CPU ran
// before, a call, a page fault. It is looked at there because a CPU that leaves
// no records passes by without another instruction.
func (c *percpu) traceEntry(t *Thread) {
	if !trace.On() {
		c.heed.And(^heedTrace)
		return
	}
	if c.traced != t {
		c.traceSwitch(t)
	}
	switch t.traced {
	case trace.Fault:
		t.traceFaultEnd(zx.OK)
	case trace.Syscall:
		t.traced = 0
		trace.Emit(trace.SyscallEnd, 0, t.regs.RAX, 0, 0)
	}
}

// traceSwitch records that this CPU turns to t; nil: to the kernel's own work.
func (c *percpu) traceSwitch(t *Thread) {
	c.traced = t
	if t == nil {
		trace.Run(0, 0)
	} else {
		trace.Run(t.process.Koid(), t.Koid())
	}
	trace.Emit(trace.Switch, 0, 0, 0, 0)
}
