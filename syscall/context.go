package syscall

import (
	"faultline/object"
	"faultline/pager"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// Process is a process object as the calls see it. kernel implements it; every
// object of type zx.ObjProcess in a handle table is one.
type Process interface {
	object.Object
	// CreateThread makes a thread that has not started, with no handle. name
	// is at most 31 bytes.
	//
	// Errors: ErrBadState the process is ending | ErrNoMemory.
	CreateThread(name string) (Thread, zx.Status)
	// Exit ends the process with code: every thread of it stops at its next
	// chance, the caller's own when Dispatch returns. It does not block.
	Exit(code int64)
	// DebugWrite puts bytes of the program on the console. p is only valid
	// during the call.
	DebugWrite(p []byte)
}

// Thread is a thread object as the calls see it. kernel implements it; every
// object of type zx.ObjThread in a handle table is one.
type Thread interface {
	object.Object
	// Start lets the thread run at entry with RSP = stack, RDI = arg1, RSI =
	// arg2 and all else zero. entry has been checked to be a user address.
	//
	// Errors: ErrBadState it was started before, or is ending | ErrNoMemory.
	Start(entry, stack zx.VirtAddr, arg1, arg2 uint64) zx.Status
	// Exit ends the thread when Dispatch returns. It does not block.
	Exit()
	// Info tells what zx_info_thread_t tells.
	Info() ThreadInfo
}

// ThreadInfo is zx_info_thread_t.
type ThreadInfo struct {
	State zx.ThreadState
	// WaitExceptionChannel is the kind of exception channel a thread blocked
	// in an exception waits for, 0 for none.
	WaitExceptionChannel uint32
	// Affinity is the processors the thread may run on.
	Affinity [8]uint64
}

// System is what the calls need of the machine.
type System interface {
	// Now gives the monotonic clock.
	Now() zx.Time
	// Random fills p with random bytes.
	Random(p []byte)
}

// scratchBytes is the size of the largest record copied through Context.
const scratchBytes = 256

// Context is the thread that makes a call. kernel makes one for each thread,
// fills in the exported fields once, and passes it to each Dispatch of that
// thread; it is never shared.
type Context struct {
	Process Process
	Thread  Thread
	System  System
	Handles *object.HandleTable
	Space   *vmar.AddressSpace
	Store   *vmo.Store
	Pagers  *pager.System
	// Waiter is the thread's own.
	Waiter object.Waiter
	// Request serves the waits of the call itself, and ends when the thread
	// is suspended. CopyRequest serves the faults on user memory while the
	// kernel copies: such a wait is not interrupted by a suspend (spec
	// section 5.7).
	Request, CopyRequest *vmo.PageRequest

	// Scratch of the call in progress: buffers that would otherwise be
	// allocated for each call.
	packet  zx.Packet
	scratch [scratchBytes]byte
	buffer  vmar.Copier
	dirty   dirtySink
}
