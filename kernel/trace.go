package kernel

import (
	"sync"
	"time"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/pager"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// tracing is the kernel's part of package trace: it starts and stops it, knows how
// time stamps and the clock go together, and measures.
type tracing struct {
	tsc, time int64        // at the same moment, when the kernel booted
	from      trace.Reader // where the records of this recording begin

	mu       sync.Mutex
	ended    map[zx.Koid]string // names of threads and processes that ended meanwhile; guarded by mu
	measurer *trace.Measurer    // guarded by mu
	measured trace.Reader       // where it is; guarded by mu
	busy     bool               // a goroutine measures; guarded by mu
}

// measureEvery is the time after which records are measured, before the rings are
// full.
const measureEvery = 20 * time.Millisecond

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

// initTrace is the part of booting that has to do with traces.
func (k *Kernel) initTrace() {
	k.trace.tsc, k.trace.time = int64(cpu.ReadTSC()), k.now()
	k.trace.measurer = trace.NewMeasurer(k.pagerOf)
}

// pagerOf gives the koid of the pager of a VMO; KoidInvalid for none.
func (k *Kernel) pagerOf(koid zx.Koid) zx.Koid {
	if v := k.Store.ByKoid(koid); v != nil {
		defer v.Release()
		if s := pager.ProxyOf(v); s != nil {
			return s.Pager().Koid()
		}
	}
	return zx.KoidInvalid
}

// StartTrace makes the kernel leave records from now on, and measure latencies of
// them, and forgets what there is.
func (k *Kernel) StartTrace(f trace.Filter) {
	x := &k.trace
	x.mu.Lock()
	x.ended = map[zx.Koid]string{}
	x.from = *trace.NewReader()
	x.measured, x.measurer = x.from, trace.NewMeasurer(k.pagerOf)
	trace.Start(len(k.cpus), f)
	if !x.busy {
		x.busy = true
		go k.measure()
	}
	x.mu.Unlock()
	for _, c := range k.cpus {
		c.heed.Or(heedTrace)
	}
}

// StopTrace ends the recording. The records stay.
func (k *Kernel) StopTrace() { trace.Stop() }

// measure takes records as they come, as long as there are any.
func (k *Kernel) measure() {
	for on := true; on; {
		time.Sleep(measureEvery)
		k.Measured(func(*trace.Measurer) {
			on = trace.On()
			k.trace.busy = on
		})
	}
}

// Measured calls f with what was measured since StartTrace.
func (k *Kernel) Measured(f func(*trace.Measurer)) {
	x := &k.trace
	x.mu.Lock()
	defer x.mu.Unlock()
	x.measurer.Take(&x.measured, cpu.ReadTSC())
	f(x.measurer)
}

// TraceTicks is how often the time stamp counter advances in a microsecond.
func (k *Kernel) TraceTicks() float64 {
	return float64(int64(cpu.ReadTSC())-k.trace.tsc) * 1000 / float64(max(k.now()-k.trace.time, 1))
}

// TraceRecords gives the records of the latest recording that the rings still
// hold, the oldest first, how many were lost, and TraceTicks.
func (k *Kernel) TraceRecords() (list []trace.Record, lost uint64, ticks float64) {
	k.trace.mu.Lock()
	from := k.trace.from
	k.trace.mu.Unlock()
	list = from.All(cpu.ReadTSC())
	return list, from.Lost, k.TraceTicks()
}

// traceTrap records why t has just left ring 3.
func (t *Thread) traceTrap() {
	switch v := t.regs.Vector(); {
	case v == cpu.VectorPageFault:
		t.traced = trace.Fault
		t.request.Kind = vmo.RequestKinds // none yet
		trace.Emit(trace.Fault, uint32(t.regs.ErrorCode()), 0, t.regs.CR2(), uint64(t.regs.RIP()))
		t.cpu.stretch.begin(t, stretchFault)
	case v == cpu.VectorSyscall:
		t.traced = trace.Syscall
		trace.Emit(trace.Syscall, uint32(t.regs.RAX), 0, 0, 0)
		t.cpu.stretch.begin(t, uint32(t.regs.RAX))
	case v >= cpu.VectorFirstInterrupt:
		trace.Emit(trace.Interrupt, uint32(v), 0, 0, 0)
	}
}

// traceFaultEnd records that it ended with st.
func (t *Thread) traceFaultEnd(st zx.Status) {
	t.traced = 0
	if c := t.cpu; c.traced != t {
		c.traceSwitch(t) // it waited, and the kernel ran meanwhile
	}
	p := t.process
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

// traceWake records that t may run on.
func (t *Thread) traceWake() {
	trace.Emit(trace.Wake, 0, uint64(t.Koid()), 0, 0)
	if s := &t.process.kernel.here().stretch; s.of == t {
		s.of = nil
	}
}

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
	c.endStretch(t)
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
