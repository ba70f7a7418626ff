package console

import (
	"io"

	"faultline/account"
	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// Kernel is what the console needs of the kernel.
type Kernel interface {
	// Spawn starts a ring-3 program in a process of its own and returns at
	// once. Errors: no such program, or what stood in the way.
	Spawn(p Program) (Process, error)
	// Programs lists the names Spawn knows.
	Programs() []string

	// Processes lists those that live, oldest first; Threads every thread, those
	// of the kernel with Process 0.
	Processes() []ProcessInfo
	Threads() []ThreadInfo
	CPUs() []CPUInfo
	// Memory counts memory at this moment.
	Memory() MemoryInfo
	// Now is the monotonic clock.
	Now() zx.Time
	// Store has every VMO.
	Store() *vmo.Store
	// Handles lists every handle of every process.
	Handles() []HandleInfo
	// Counters gives the counts of pagers, the evictor and the account, by
	// Zircon's names.
	Counters() []pager.Counter
	// LogTo has the kernel write its warnings to w from now on.
	LogTo(w io.Writer)

	// StartTrace makes the kernel leave records, forgetting those there are;
	// StopTrace ends that and keeps them; trace.On says whether.
	StartTrace(f trace.Filter)
	StopTrace()
	// TraceRecords gives what is held, in order of time, how many records were
	// lost, and the ticks of a microsecond.
	TraceRecords() (list []trace.Record, lost uint64, ticks float64)
	TraceTicks() float64
	// TraceName is the name of a thread or process that has ended since.
	TraceName(koid zx.Koid) string
	// Measured calls f with what was measured since StartTrace.
	Measured(f func(*trace.Measurer))
}

// ProcessInfo tells of one process.
type ProcessInfo struct {
	Koid, Job zx.Koid
	Name      string
	Space     *vmar.AddressSpace
	// Account is what it makes the kernel keep, in bytes, Pages what it pays for.
	Account, Pages int64
	Kill           func() // ends it, and all in its job
}

// CPUInfo tells of one CPU.
type CPUInfo struct {
	Ready  int    // threads that wait for it
	Idle   bool   // it has nothing to do
	User   bool   // it is in ring 3
	Stays  uint64 // how often it has been there; 0 if there is one CPU
	Stolen uint64 // threads it took from others
}

// Program is a program to start.
type Program struct {
	Name string   // of a program built into the image, or of Image; also argv[0]
	Args []string // argv[1:]
	// Image is the program's ELF file; nil for a program built into the image.
	Image []byte
	// Handles[i] becomes the start handle PA_HND(PA_USER0, i).
	Handles []StartHandle
	// Privileged gives the program the root resources, and so the machine.
	Privileged bool
	// Output gets what the process writes with zx_debug_write; nil is the
	// console. Writes may come from another goroutine, but never two at once
	// and none after OnExit.
	Output io.Writer
	// OnExit is called once, when the process has ended and all its handles
	// are closed, from any goroutine. It does not block.
	OnExit func(Exit)
}

// StartHandle is one object a program starts with: VMO or Port is set.
type StartHandle struct {
	VMO    *vmo.VMO // the kernel takes a reference of its own
	Port   *object.Port
	Rights zx.Rights
}

// Process is a started process.
type Process interface {
	Koid() zx.Koid
	// Faults counts the page faults its threads have taken.
	Faults() uint64
	// Chain is the page-table chain of an address: one entry per level from
	// the PML4 down to the level in second place.
	Chain(va zx.VirtAddr) (chain [4]mmu.Entry, level int)
	// Kill ends the process, and those it has made in its job, with
	// ZX_TASK_RETCODE_SYSCALL_KILL; OnExit follows. It is harmless on an ended
	// process.
	Kill()
}

// Exit says how a process ended.
type Exit struct {
	Code      int64
	Faults    uint64     // page faults its threads took
	Exception *Exception // nil unless an exception killed it
}

// Exception is the report on the exception that killed a process.
type Exception struct {
	Process, Thread zx.Koid
	Report          zx.ExceptionReport
	RIP             zx.VirtAddr
	Instruction     string   // the instruction at RIP, disassembled
	Where           []string // what lay there, who called it: lines ready to print
	Registers       []string // lines ready to print
}

// ThreadInfo tells of one thread.
type ThreadInfo struct {
	Process, Thread  zx.Koid // 0 for a thread of the kernel
	ProcessName      string
	Name             string
	State            zx.ThreadState
	Runtime          zx.Time // how long it has run
	Faults, Syscalls uint64
}

// HandleInfo is a process's handle.
type HandleInfo struct {
	Process     zx.Koid
	ProcessName string
	Handle      zx.Handle
	Rights      zx.Rights
	Object      object.Object
}

// MemoryInfo tells of memory. All in bytes but for the counts of VMOs and pages.
type MemoryInfo struct {
	RAM       uint64 // what the machine has
	HeapUsed  uint64 // of the kernel's Go heap
	HeapLimit uint64
	// Collections counts the runs of the Go collector.
	Collections uint32
	Frames      mmu.Stats      // page frames outside the heap
	Store       vmo.StoreStats // VMOs and the evictor
	Handles     int            // of all processes, and the kernel's own
	Account     account.Info   // what programs make the kernel keep
}
