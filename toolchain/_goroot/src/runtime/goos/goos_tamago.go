// Package goos stands where GOOSPKG would put a board's contract: it runs a
// GOOS=tamago program as an ordinary Linux process on one thread. The standard
// library's tests use it, and programs that want no machine.
package goos

import "unsafe"

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
func sysSleep(ns int64)
func sysFaultHandler()
func sysTicks(value *[4]int64)

// tick is the time slice in microseconds: how long a goroutine that calls
// functions but never blocks may keep the processor.
const tick = 10e3

const (
	clockRealtime  = 0
	clockMonotonic = 1
)

func Hwinit0() {
	Bloc = uintptr(RamStart)
	sysFaultHandler()
}

func Hwinit1() {
	Exit = sysExit
	Idle = idle
	idleEndsProgram = true
	wallOffset = sysClock(clockRealtime) - Nanotime()
	consoleRead = read
	hostFile = readFile
	sysTicks(&[4]int64{0, tick, 0, tick})

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
	if ns := until - Nanotime(); ns > 0 {
		sysSleep(ns)
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
