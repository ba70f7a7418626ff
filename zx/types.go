package zx

import "sync/atomic"

// Geometry of x86-64 small pages. Source: Intel SDM 3A 4.5.
const (
	PageShift = 12
	PageSize  = 1 << PageShift
	PageMask  = PageSize - 1
)

// VirtAddr is an address in an address space (zx_vaddr_t), in bytes.
type VirtAddr uint64

// PhysAddr is a physical address (zx_paddr_t), in bytes. It is never a Go
// pointer: only mmu turns one into memory.
type PhysAddr uint64

// Handle names an object in one process's handle table. Zero is never valid;
// the two low bits of a valid handle are always 1.
type Handle uint32

// HandleInvalid is the handle that names nothing.
const HandleInvalid Handle = 0

// Koid is a kernel object's identity: unique since boot, never reused.
type Koid uint64

// KoidInvalid is no object's koid.
const KoidInvalid Koid = 0

// koids counts the koids given out. Koids below the first one are never used,
// so that small numbers in a dump are not mistaken for objects.
var koids atomic.Uint64

const firstKoid = 1024

// NewKoid gives the next koid.
func NewKoid() Koid { return Koid(firstKoid + koids.Add(1)) }

// Time is a point on, or a length of, the monotonic clock, in nanoseconds.
type Time int64

// TimeInfinite is the deadline that never comes.
const TimeInfinite Time = 1<<63 - 1

// RoundUp rounds n bytes up to a page; ok is false when that wraps.
func RoundUp(n uint64) (rounded uint64, ok bool) {
	rounded = (n + PageMask) &^ PageMask
	return rounded, rounded >= n
}

// RoundDown rounds n bytes down to a page.
func RoundDown(n uint64) uint64 { return n &^ PageMask }

// InRange says whether [off, off+length) lies within [0, max), without
// wrapping; off == max with length 0 is in range.
func InRange(off, length, max uint64) bool { return off <= max && length <= max-off }

// ObjType is an object's type (zx_obj_type_t).
type ObjType uint32

// Object types, docs/pager.md 1.1.
const (
	ObjNone         ObjType = 0
	ObjProcess      ObjType = 1
	ObjThread       ObjType = 2
	ObjVMO          ObjType = 3
	ObjChannel      ObjType = 4
	ObjEvent        ObjType = 5
	ObjPort         ObjType = 6
	ObjResource     ObjType = 15
	ObjEventPair    ObjType = 16
	ObjJob          ObjType = 17
	ObjVMAR         ObjType = 18
	ObjFIFO         ObjType = 19
	ObjTimer        ObjType = 22
	ObjIOMMU        ObjType = 23
	ObjBTI          ObjType = 24
	ObjPMT          ObjType = 26
	ObjSuspendToken ObjType = 27
	ObjPager        ObjType = 28
	ObjException    ObjType = 29
	ObjStream       ObjType = 31
)

// Rights is the set of rights a handle carries (zx_rights_t).
type Rights uint32

// Rights, docs/pager.md 1.2.
const (
	RightDuplicate     Rights = 1 << 0
	RightTransfer      Rights = 1 << 1
	RightRead          Rights = 1 << 2
	RightWrite         Rights = 1 << 3
	RightExecute       Rights = 1 << 4
	RightMap           Rights = 1 << 5
	RightGetProperty   Rights = 1 << 6
	RightSetProperty   Rights = 1 << 7
	RightEnumerate     Rights = 1 << 8
	RightDestroy       Rights = 1 << 9
	RightSetPolicy     Rights = 1 << 10
	RightGetPolicy     Rights = 1 << 11
	RightSignal        Rights = 1 << 12
	RightSignalPeer    Rights = 1 << 13
	RightWait          Rights = 1 << 14
	RightInspect       Rights = 1 << 15
	RightManageJob     Rights = 1 << 16
	RightManageProcess Rights = 1 << 17
	RightManageThread  Rights = 1 << 18
	RightOpChildren    Rights = 1 << 21
	RightResize        Rights = 1 << 22
	RightAttachVMO     Rights = 1 << 23
	RightManageVMO     Rights = 1 << 24
	RightSame          Rights = 1 << 31
)

// Default rights of fresh handles, docs/pager.md 1.2.
const (
	RightsPager          = RightInspect | RightTransfer | RightAttachVMO | RightManageVMO
	RightsVMO     Rights = 0xD0EF
	RightsPort    Rights = 0x800F
	RightsVMAR    Rights = 0x208003
	RightsThread  Rights = 0x4D2CF
	RightsProcess Rights = 0x4D3CF | RightManageProcess
	RightsJob            = RightsProcess | RightSetPolicy | RightGetPolicy | RightManageJob
)

// Signals is a set of signals (zx_signals_t).
type Signals uint32

// Signals, docs/pager.md 1.4.
const (
	SignalReadable        Signals = 1 << 0
	SignalWritable        Signals = 1 << 1
	SignalPeerClosed      Signals = 1 << 2
	SignalVMOZeroChildren Signals = 1 << 3
	SignalSignaled        Signals = 1 << 3
	SignalTaskTerminated  Signals = 1 << 3
	SignalThreadRunning   Signals = 1 << 4
	SignalJobNoJobs       Signals = 1 << 4
	SignalJobNoProcesses  Signals = 1 << 5
	SignalJobNoChildren   Signals = 1 << 6
	SignalThreadSuspended Signals = 1 << 5
	SignalHandleClosed    Signals = 1 << 23
	SignalUserAll         Signals = 0xff << 24
)

// ThreadState is zx_info_thread_t.state: the basic state in the low byte, the
// reason of a wait above it.
type ThreadState uint32

// Thread states, docs/pager.md 1.4.
const (
	ThreadNew              ThreadState = 0
	ThreadRunning          ThreadState = 1
	ThreadSuspended        ThreadState = 2
	ThreadBlocked          ThreadState = 3
	ThreadDying            ThreadState = 4
	ThreadDead             ThreadState = 5
	ThreadBlockedException ThreadState = 0x0103
	ThreadBlockedSleeping  ThreadState = 0x0203
	ThreadBlockedFutex     ThreadState = 0x0303
	ThreadBlockedPort      ThreadState = 0x0403
	ThreadBlockedChannel   ThreadState = 0x0503
	ThreadBlockedWaitOne   ThreadState = 0x0603
	ThreadBlockedWaitMany  ThreadState = 0x0703
	ThreadBlockedPager     ThreadState = 0x0903
)
