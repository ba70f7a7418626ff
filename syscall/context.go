package syscall

import (
	"faultline/account"
	"faultline/object"
	"faultline/pager"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// Task is what processes, threads and jobs have in common.
type Task interface {
	object.Object
	// CreateExceptionChannel makes the channel that exceptions of the task are
	// offered on and gives the end to read. rights is what the handles of
	// threads and processes got from such an exception carry.
	//
	// Errors: ErrInvalidArgs the debugger option for a thread |
	// ErrNotSupported for a job | ErrAlreadyBound | ErrBadState the task is
	// ending.
	CreateExceptionChannel(options uint32, rights zx.Rights) (*object.Channel, zx.Status)
}

// Suspender is a task that can be stopped for a while: a process or thread.
type Suspender interface {
	// Suspend stops the task at its next chance and gives the token that
	// keeps it so while a handle of it is open.
	//
	// Errors: ErrBadState it is ending.
	Suspend() (object.Object, zx.Status)
}

// Killer is a task that can be ended by others.
type Killer interface {
	// Kill ends the task at its next chance. It does not block, and does
	// nothing to a task that has ended.
	Kill()
}

// Named is an object with a name for people: at most maxName-1 bytes.
type Named interface {
	Name() string
	SetName(string)
}

// Related is an object that belongs to another, whose koid it tells.
type Related interface{ RelatedKoid() zx.Koid }

// Process is a process object as the calls see it. kernel implements it; every
// object of type zx.ObjProcess in a handle table is one.
type Process interface {
	Task
	Suspender
	Killer
	Named
	// CreateProcess makes a process in job with an empty address space, with no
	// handle, and gives its root region. name is at most 31 bytes.
	//
	// Errors: ErrNoMemory | ErrBadState job was killed.
	CreateProcess(job Job, name string) (Process, *vmar.VMAR, zx.Status)
	// CreateThread makes a thread that has not started, with no handle. name
	// is at most 31 bytes.
	//
	// Errors: ErrBadState the process is ending | ErrNoMemory.
	CreateThread(name string) (Thread, zx.Status)
	// StartThread lets the first thread of the process run, as Thread.Start
	// does; RDI is the handle that arg1 becomes in this process, 0 if arg1 has
	// no object. arg1 is the process's own on success only.
	//
	// Errors: ErrAccessDenied t is of another process | ErrBadState the process
	// was started before, or is ending, or t is | ErrInvalidArgs entry or stack |
	// ErrNoMemory.
	StartThread(t Thread, entry, stack zx.VirtAddr, arg1 object.Moving, arg2 uint64) zx.Status
	// Exit ends the process with code: every thread of it stops at its next
	// chance, the caller's own when Dispatch returns. It does not block.
	Exit(code int64)
	// Info tells what zx_info_process_t tells.
	Info() ProcessInfo
	// Space is the address space of the process, Handles its handles.
	Space() *vmar.AddressSpace
	Handles() *object.HandleTable
	// NextThread is the thread that has started and not ended after the one with
	// that koid.
	NextThread(koid zx.Koid) (zx.Koid, bool)
	// Policy is what the process may do.
	Policy() *zx.Policy
	// DebugWrite puts bytes of the program on the console. p is only valid
	// during the call.
	DebugWrite(p []byte)
}

// Job is a job object as the calls see it. kernel implements it; every object of
// type zx.ObjJob in a handle table is one.
type Job interface {
	Task
	Killer
	Named
	// CreateJob makes a job below, with no handle.
	//
	// Errors: ErrNoMemory | ErrOutOfRange it would lie too deep | ErrBadState the
	// job was killed.
	CreateJob() (Job, zx.Status)
	// SetPolicy adds to what the processes of the job may do; absolute refuses
	// what a job above has settled otherwise. On error nothing is changed.
	//
	// Errors: ErrBadState the job has a job or process | those of zx.Policy.Add.
	SetPolicy(rules []zx.PolicyRule, absolute bool) zx.Status
	// Info tells what zx_info_job_t tells.
	Info() JobInfo
	// NextJob and NextProcess are what lies directly in the job after the one with
	// that koid.
	NextJob(koid zx.Koid) (zx.Koid, bool)
	NextProcess(koid zx.Koid) (zx.Koid, bool)
}

// JobInfo is zx_info_job_t.
type JobInfo struct {
	ReturnCode int64 // once killed
	Exited     bool
}

// ProcessInfo is zx_info_process_t.
type ProcessInfo struct {
	ReturnCode       int64   // once Exited
	StartTime        zx.Time // of the first thread
	Started          bool
	Exited           bool
	DebuggerAttached bool
}

// Thread is a thread object as the calls see it. kernel implements it; every
// object of type zx.ObjThread in a handle table is one.
type Thread interface {
	Task
	zx.Yielder // for the zx.Budget of a call that may be long
	Suspender
	Killer
	Named
	// Start lets the thread run at entry with RSP = stack, RDI = arg1, RSI =
	// arg2 and all else zero.
	//
	// Errors: ErrInvalidArgs entry or stack is no user address | ErrBadState it was started before, or is ending, or its process
	// was not started | ErrNoMemory.
	Start(entry, stack zx.VirtAddr, arg1, arg2 uint64) zx.Status
	// Exit ends the thread when Dispatch returns. It does not block.
	Exit()
	// Info tells what zx_info_thread_t and zx_info_thread_stats_t tell.
	Info() ThreadInfo
	// ExceptionReport is the report of the exception the thread is in.
	//
	// Errors: ErrBadState it is in none.
	ExceptionReport() (zx.ExceptionReport, zx.Status)
	// ReadState copies the registers of kind, one that registerBytes knows,
	// into p, which has that size. WriteState is the reverse.
	//
	// Errors: ErrBadState the thread is neither suspended nor in an exception
	// | ErrInvalidArgs WriteState: RIP or a breakpoint is no user address, or a
	// value the CPU would refuse; nothing is changed.
	ReadState(kind uint32, p []byte) zx.Status
	WriteState(kind uint32, p []byte) zx.Status
	// FSBase and GSBase are the segment bases of the calling thread; the
	// setters answer ErrInvalidArgs for no canonical address.
	FSBase() uint64
	GSBase() uint64
	SetFSBase(base uint64) zx.Status
	SetGSBase(base uint64) zx.Status
	// RaisePolicy makes the calling thread take a policy exception with that
	// synth code when Dispatch returns.
	RaisePolicy(c zx.PolicyCondition)
}

// Exception is an exception object as the calls see it: a thread that a handler
// decides about. kernel implements it; every object of type zx.ObjException in
// a handle table is one.
type Exception interface {
	object.Object
	// ExceptionThread and ExceptionProcess give who is in trouble, and the
	// rights a handle of it carries: none if the channel is not one for it.
	ExceptionThread() (Thread, zx.Rights)
	ExceptionProcess() (Process, zx.Rights)
	// ExceptionState is what becomes of the thread when the last handle is
	// closed. Errors: ErrInvalidArgs no such state.
	ExceptionState() uint32
	SetExceptionState(state uint32) zx.Status
	// SecondChance says whether a debugger wants to see the exception again
	// after other handlers. Errors: ErrBadState the handler is no debugger.
	SecondChance() bool
	SetSecondChance(bool) zx.Status
}

// ThreadInfo is zx_info_thread_t.
type ThreadInfo struct {
	State zx.ThreadState
	// WaitExceptionChannel is the kind of exception channel a thread blocked
	// in an exception waits for, 0 for none.
	WaitExceptionChannel uint32
	// Affinity is the processors the thread may run on.
	Affinity [8]uint64
	Runtime  zx.Time // how long it has run
	LastCPU  uint32  // where it ran last, or runs; all ones if nowhere
}

// System is what the calls need of the machine.
type System interface {
	// Now gives the monotonic clock.
	Now() zx.Time
	// Random fills p with random bytes.
	Random(p []byte)
	// NumCPUs is how many CPUs run threads.
	NumCPUs() int
	// Program gives the ELF file of a program of the image; nil if there is none.
	Program(name string) []byte
	// NoRAM says that [base, base+size) is no memory of the kernel's or of
	// programs, and that page tables can name it.
	NoRAM(base zx.PhysAddr, size uint64) bool
}

// Registers is the integer registers of a thread at its SYSCALL, RSP apart, in the
// order in which package cpu keeps them. Dispatch only reads them.
type Registers [15]uint64

// Places in Registers: the arguments in their order, and the number.
const (
	rdi, rsi, rdx, r10, r8, r9, r12, r13 = 9, 10, 11, 5, 7, 6, 3, 2

	rax = 14
)

// Number is that of the call.
func (r *Registers) Number() uint64 { return r[rax] }

// Count is the number of system calls; higher numbers answer ErrBadSyscall.
const Count = uint32(len(names))

// Name gives the name of call n; "" if there is none.
func Name(n uint32) string {
	if n >= Count {
		return ""
	}
	return "zx_" + names[n]
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
	// Account pays for what the process makes the kernel keep.
	Account *account.Account
	Handles *object.HandleTable
	Space   *vmar.Lane // of the CPU that runs the thread
	Store   *vmo.Store
	Pagers  *pager.System
	// Futexes are those of Process.
	Futexes *object.FutexTable
	// Waiter is the thread's own: see Init.
	Waiter object.Waiter
	// Request serves the waits of the call itself, and ends when the thread
	// is suspended. CopyRequest serves the faults on user memory while the
	// kernel copies: such a wait is not interrupted by a suspend (docs/pager.md
	// 5.7).
	Request, CopyRequest *vmo.PageRequest

	yielder  zx.Yielder // Thread, asked once: the runtime looks in a table for what it does not remember
	wait     wait       // of the call in progress
	progress progress   // of a call that will be issued again
	recent   recent

	// Scratch of the call in progress: buffers that would otherwise be
	// allocated for each call.
	packet  zx.Packet
	scratch [scratchBytes]byte
	buffer  vmar.Copier
	dirty   dirtySink
}

// Init completes a Context whose exported fields are filled in.
func (c *Context) Init() {
	c.yielder = c.Thread
	c.wait.place.Init(c.Waiter)
	c.wait.futex.Init(c.Waiter)
}
