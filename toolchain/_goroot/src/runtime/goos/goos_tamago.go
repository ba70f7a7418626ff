// Package goos stands where GOOSPKG would put a board's contract: it runs a
// GOOS=tamago program as an ordinary Linux process, with as many threads as the
// environment variable GOMAXPROCS says, else one. The standard library's tests
// use it, and programs that want no machine.
package goos

import (
	"internal/runtime/atomic"
	"unsafe"
)

const (
	ArenaBaseOffset     = 0
	HeapAddrBits        = 40
	LogHeapArenaBytes   = 22
	LogPallocChunkPages = 9
	MinPhysPageSize     = 4096
	StackSystem         = 512
)

var (
	RamStart       uint = 4 << 30
	RamSize        uint = 4 << 30 // reserved by CPUInit, used as touched
	RamStackOffset uint = 4096
)

var (
	Bloc   uintptr
	Exit   func(code int32)
	Idle   func(until int64)
	ProcID func() uint64
	Task   func(sp, mp, gp, fn unsafe.Pointer)
	Wake   func(procid uint64)
)

// The runtime's further hooks.
//
//go:linkname bootArgs runtime.bootArgs
var bootArgs []string

//go:linkname bootEnv runtime.bootEnv
var bootEnv []string

//go:linkname wallOffset runtime.wallOffset
var wallOffset int64

//go:linkname idleEndsProgram runtime.idleEndsProgram
var idleEndsProgram bool

//go:linkname cpuCount runtime.cpuCount
var cpuCount int32

//go:linkname rest runtime.rest
var rest func(until int64)

//go:linkname yield runtime.yield
var yield func()

//go:linkname consoleRead syscall.consoleRead
var consoleRead func(p []byte) int

//go:linkname hostFile syscall.hostFile
var hostFile func(path string) ([]byte, bool)

// initialSP is the stack that the kernel made: argc, argv, 0, envp, 0.
var initialSP uintptr

// CPUInit is the first code to run: it reserves memory, sets the stack and
// jumps to _rt0_tamago_start.
func CPUInit()

func sysExit(code int32)
func sysWrite(fd int, p unsafe.Pointer, n int)
func sysOpen(path *byte) int
func sysClose(fd int)
func sysRead(fd int, p unsafe.Pointer, n int) int
func sysClock(id int) int64
func sysRandom(p unsafe.Pointer, n int)
func sysFaultHandler()
func sysClone(sp, tls, fn unsafe.Pointer, id uintptr) int
func sysCall(number, a, b, c, d uintptr) int
func sysYield()

const (
	sysSigaltstack  = 131
	sysGettid       = 186
	sysFutex        = 202
	sysTimerCreate  = 222
	sysTimerSettime = 223
)

// tick is the time slice in nanoseconds: how long a goroutine that calls
// functions but never blocks may keep the processor.
const tick = 10e6

// A processor is a thread. Its number is what ProcID says.
const maxProcs = 16

var procs [maxProcs]struct {
	tid   int32
	woken uint32         // 1: Idle returns at once; what it sleeps on
	tls   [2]uintptr     // g, and what FS points at
	stack [32 << 10]byte // for signals: faults happen on goroutine stacks, which may be full
	_     [64]byte
}

var started atomic.Uint32 // processors besides the first

const (
	clockRealtime  = 0
	clockMonotonic = 1
)

func Hwinit0() {
	Bloc = uintptr(RamStart)
	sysFaultHandler()
	procInit(0)
	cpuCount = 1
	p := unsafe.Pointer(initialSP)
	for p = unsafe.Add(p, 8*(2+*(*int)(p))); *(*uintptr)(p) != 0; p = unsafe.Add(p, 8) {
		const name = "GOMAXPROCS="
		if s := cString(p); hasPrefix(s, name) {
			n := 0
			for _, c := range []byte(s[len(name):]) {
				n = 10*n + int(c-'0')
			}
			cpuCount = int32(max(1, min(n, maxProcs)))
		}
	}
}

// procInit is what each thread does first.
func procInit(id uintptr) {
	p := &procs[id]
	p.tid = int32(sysCall(sysGettid, 0, 0, 0, 0))
	stack := [3]uintptr{uintptr(unsafe.Pointer(&p.stack)), 0, unsafe.Sizeof(p.stack)}
	sysCall(sysSigaltstack, uintptr(unsafe.Pointer(&stack)), 0, 0, 0)

	// A timer that signals this thread.
	event := struct {
		value       uint64
		signo, kind int32
		tid         int32
		_           [11]int32
	}{signo: 14, kind: 4 /* SIGEV_THREAD_ID */, tid: p.tid}
	var timer int32
	sysCall(sysTimerCreate, clockMonotonic, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&timer)), 0)
	ticks := [4]int64{0, tick, 0, tick}
	sysCall(sysTimerSettime, uintptr(timer), 0, uintptr(unsafe.Pointer(&ticks)), 0)
}

// self is the number of the thread that calls.
func self() uintptr {
	tid := int32(sysCall(sysGettid, 0, 0, 0, 0))
	for i := range procs {
		if procs[i].tid == tid {
			return uintptr(i)
		}
	}
	sysExit(112)
	return 0
}

func procID() uint64 { return uint64(self()) }

func task(sp, mp, gp, fn unsafe.Pointer) {
	id := uintptr(started.Add(1))
	if id >= uintptr(cpuCount) {
		sysWrite(2, unsafe.Pointer(unsafe.StringData("one M too many\n")), 15)
		sysExit(113)
	}
	p := &procs[id]
	p.tls[0] = uintptr(gp)
	if sysClone(sp, unsafe.Pointer(&p.tls[1]), fn, id) < 0 {
		sysExit(114)
	}
}

func wake(id uint64) {
	const futexWakePrivate = 1 | 128
	p := &procs[id]
	if atomic.Xchg(&p.woken, 1) == 0 {
		sysCall(sysFutex, uintptr(unsafe.Pointer(&p.woken)), futexWakePrivate, 1, 0)
	}
}

func Hwinit1() {
	Exit = sysExit
	Idle = idle
	if cpuCount > 1 {
		Task, ProcID, Wake = task, procID, wake
		rest = idle
		yield = sysYield
	}
	idleEndsProgram = true
	wallOffset = sysClock(clockRealtime) - Nanotime()
	consoleRead = read
	hostFile = readFile

	p := unsafe.Pointer(initialSP)
	argc := *(*int)(p)
	p = unsafe.Add(p, 8)
	for range argc {
		bootArgs = append(bootArgs, cString(p))
		p = unsafe.Add(p, 8)
	}
	for p = unsafe.Add(p, 8); *(*uintptr)(p) != 0; p = unsafe.Add(p, 8) {
		s := cString(p)
		// The host's directories are not in this program's file system.
		if !hasPrefix(s, "TMPDIR=") && !hasPrefix(s, "HOME=") {
			bootEnv = append(bootEnv, s)
		}
	}
}

func cString(pp unsafe.Pointer) string {
	p := *(*unsafe.Pointer)(pp)
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return unsafe.String((*byte)(p), n)
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == prefix
}

func idle(until int64) {
	const futexWaitPrivate = 0 | 128
	ns := until - Nanotime()
	if ns <= 0 {
		return
	}
	p := &procs[self()]
	if atomic.Xchg(&p.woken, 0) == 0 {
		timeout := [2]int64{ns / 1e9, ns % 1e9}
		sysCall(sysFutex, uintptr(unsafe.Pointer(&p.woken)), futexWaitPrivate, 0, uintptr(unsafe.Pointer(&timeout)))
		atomic.Store(&p.woken, 0)
	}
}

func read(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	return max(0, sysRead(0, unsafe.Pointer(&p[0]), len(p)))
}

// readFile reads a file of the host, for tests that have test data. The host's
// scratch files are none of the program's business.
func readFile(path string) ([]byte, bool) {
	if hasPrefix(path, "/tmp/") {
		return nil, false
	}
	name := append([]byte(path), 0)
	fd := sysOpen(&name[0])
	if fd < 0 {
		return nil, false
	}
	defer sysClose(fd)
	var data []byte
	for {
		chunk := make([]byte, 1<<16)
		n := sysRead(fd, unsafe.Pointer(&chunk[0]), len(chunk))
		if n < 0 { // a directory
			return nil, false
		}
		if n == 0 {
			return data, true
		}
		data = append(data, chunk[:n]...)
	}
}

func InitRNG() {}

func GetRandomData(b []byte) {
	for len(b) > 0 {
		n := min(len(b), 256) // never interrupted
		sysRandom(unsafe.Pointer(&b[0]), n)
		b = b[n:]
	}
}

func Nanotime() int64 { return sysClock(clockMonotonic) }

var printed byte

func Printk(c byte) {
	printed = c
	sysWrite(1, unsafe.Pointer(&printed), 1)
}
