//go:build tamago

// Package goos is the machine of a Go program in ring 3 of Faultline: memory, clock
// and threads by system calls. GOOSPKG=.../user/go makes it package runtime/goos.
//
// Memory is one VMO, whose pages the kernel makes as they are touched. A processor of the
// Go scheduler is a thread of the kernel. A fault of the program ends it, with
// the console's report: there is no signal to make a panic of.
package goos

import "unsafe"

// What the runtime asks of its memory.
const (
	ArenaBaseOffset     = 0
	HeapAddrBits        = 40
	LogHeapArenaBytes   = 22
	LogPallocChunkPages = 9
	MinPhysPageSize     = 4096
	StackSystem         = 0
)

// The heap, and the first stack at its end. CPUInit maps it.
var (
	RamStart       uint = 0xc0_0000_0000
	RamSize        uint = 2 << 30
	RamStackOffset uint = 4096
)

// The runtime's hooks: see docs/toolchain.md.
var (
	Bloc   uintptr
	Exit   func(code int32)
	Idle   func(until int64)
	ProcID func() uint64
	Task   func(sp, mp, gp, fn unsafe.Pointer)
	Wake   func(procid uint64)
)

//go:linkname bootArgs runtime.bootArgs
var bootArgs []string

//go:linkname bootEnv runtime.bootEnv
var bootEnv []string

//go:linkname cpuCount runtime.cpuCount
var cpuCount int32

//go:linkname rest runtime.rest
var rest func(until int64)

//go:linkname yield runtime.yield
var yield func()

// startBlock is the start block (docs/abi.md); startChannel the channel that holds
// its handles, if another program started this one.
var (
	startBlock   unsafe.Pointer
	startChannel uintptr
)

// threadSelf is the handle of the first thread.
var threadSelf uint32

// block is the part of the start block in front of the handles.
type block struct {
	version, argc uint32
	argv          unsafe.Pointer
	imageBase     uint64
	handles, envc uint32
}

type startHandle struct{ id, handle uint32 }

// Ids of the start handles that are used here.
const paProcSelf = 1

func start() *block { return (*block)(startBlock) }

// StartHandle gives the start handle of that id, 0 if there is none.
func StartHandle(id uint32) uint32 {
	b := start()
	for i := range b.handles {
		h := (*startHandle)(unsafe.Add(unsafe.Pointer(b), 32+8*uintptr(i)))
		if h.id == id {
			return h.handle
		}
	}
	return 0
}

// maxProcs is how many threads run Go code at most: a call that waits keeps
// one, so there are more than CPUs.
const maxProcs = 8

// A processor is a thread. Its number is what ProcID says.
var procs [maxProcs]struct {
	woken  uint32     // 1: Idle returns at once; what it sleeps on
	handle uint32     // of the thread
	tls    [2]uintptr // g, and what FS points at: the processor's number
	fn     uintptr
	_      [88]byte
}

var started uint32 // processors besides the first

func Hwinit0() {
	Bloc = uintptr(RamStart)
	cpuCount = maxProcs
}

func Hwinit1() {
	Exit, Idle = exit, idle
	Task, ProcID, Wake = task, procID, wake
	rest = idle
	yield = osYield

	b := start()
	p := b.argv
	for range b.argc {
		bootArgs = append(bootArgs, text(p))
		p = unsafe.Add(p, 8)
	}
	p = unsafe.Add(p, 8)
	for range b.envc {
		bootEnv = append(bootEnv, text(p))
		p = unsafe.Add(p, 8)
	}
}

// text copies the string that the word at pp points to.
func text(pp unsafe.Pointer) string {
	p := *(*unsafe.Pointer)(pp)
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return unsafe.String((*byte)(p), n)
}

// self is the number of the processor that calls: a thread's second TLS word holds
// it, the first one's is not ours and not a small number.
func self() uintptr {
	if n := fsWord(); n < maxProcs {
		return n
	}
	return 0
}

func procID() uint64 { return uint64(self()) }

// fail ends the program with a sentence: something that the runtime cannot do
// without was refused.
func fail(what string) {
	call(sysDebugWrite, uintptr(unsafe.Pointer(unsafe.StringData(what))), uintptr(len(what)), 0, 0, 0, 0)
	call(sysProcessExit, 2, 0, 0, 0, 0, 0)
}

func task(sp, mp, gp, fn unsafe.Pointer) {
	id := uintptr(add(&started, 1))
	if id >= maxProcs {
		fail("goos: one M too many\n")
	}
	p := &procs[id]
	p.tls = [2]uintptr{uintptr(gp), id}
	p.fn = uintptr(fn)
	const name = "go"
	st := call(sysThreadCreate, uintptr(StartHandle(paProcSelf)), uintptr(unsafe.Pointer(unsafe.StringData(name))), uintptr(len(name)), 0,
		uintptr(unsafe.Pointer(&p.handle)), 0)
	if st == 0 {
		// RDI is the processor, RSI its handle.
		st = call(sysThreadStart, uintptr(p.handle), enterThreadPC(), uintptr(sp)-64, uintptr(unsafe.Pointer(p)), uintptr(p.handle), 0)
	}
	if st != 0 {
		fail("goos: a thread could not be started\n")
	}
}

func idle(until int64) {
	p := &procs[self()]
	if swap(&p.woken, 0) == 0 {
		call(sysFutexWait, uintptr(unsafe.Pointer(&p.woken)), 0, 0, uintptr(until), 0, 0)
		swap(&p.woken, 0)
	}
}

func wake(id uint64) {
	p := &procs[id]
	if swap(&p.woken, 1) == 0 {
		call(sysFutexWake, uintptr(unsafe.Pointer(&p.woken)), 1, 0, 0, 0, 0)
	}
}

//go:nosplit
func osYield() { call(sysNanosleep, 0, 0, 0, 0, 0, 0) }

func InitRNG() {}

func GetRandomData(b []byte) {
	if len(b) > 0 {
		call(sysCprngDraw, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0, 0)
	}
}

//go:nosplit
func Nanotime() int64 { return call(sysClockGetMonotonic, 0, 0, 0, 0, 0, 0) }

// line holds what is printed until its newline.
var (
	line [256]byte
	held uintptr
)

func flush() {
	if held > 0 {
		call(sysDebugWrite, uintptr(unsafe.Pointer(&line)), held, 0, 0, 0, 0)
		held = 0
	}
}

func Printk(c byte) {
	line[held] = c
	held++
	if c == '\n' || held == uintptr(len(line)) {
		flush()
	}
}

func exit(code int32) {
	flush()
	call(sysProcessExit, uintptr(code), 0, 0, 0, 0, 0)
}
