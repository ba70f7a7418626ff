package runtime

import (
	"internal/abi"
	"internal/runtime/atomic"
	"runtime/goos"
	"unsafe"
)

// Hooks beyond those of package goos. A board sets them by declaring a variable
// linked to the name; with a toolchain that lacks them that is harmless.
var (
	// bootArgs and bootEnv, set no later than in Hwinit1, become os.Args and
	// the environment.
	//go:linkname bootArgs
	bootArgs []string
	//go:linkname bootEnv
	bootEnv []string

	// wallOffset is what to add to Nanotime for the time since 1970.
	//go:linkname wallOffset
	wallOffset int64

	// idleEndsProgram says that nothing but a timer ever ends Idle: waiting
	// without one is a deadlock then, and reported.
	//go:linkname idleEndsProgram
	idleEndsProgram bool

	// cpuCount is how many processors Task can put to work, the first
	// included; 0 is 1. GOMAXPROCS takes no more. Set in Hwinit0 it is GOMAXPROCS
	// from the start; later, the board calls GOMAXPROCS.
	//go:linkname cpuCount
	cpuCount int32

	// rest is Idle for an M without a P: it may touch nothing of Go's heap or
	// scheduler. Without it such an M spins; the world is stopped then.
	//go:linkname rest
	rest func(until int64)

	// setTLS is the address of a routine that makes DI the FS base of the first
	// thread, for a program in ring 3 that is no Linux process. Code that runs
	// before the runtime sets it.
	//go:linkname setTLS
	setTLS uintptr

	// yield gives other threads of this machine a turn, where there are any.
	// It is nosplit.
	//go:linkname yield
	yield func()
)

type mOS struct {
	waitsemacount uint32
}

type sigset struct{}
type gsignalStack struct{}

func osinit() {
	physPageSize = 4096
	initInterruptHooks()
	goos.Hwinit0()
	initBloc()
	numCPUStartup = getCPUCount()
	getg().m.procid = 0
}

// hwinit1 runs on the boot stack right after schedinit.
func hwinit1() {
	goos.Hwinit1()
	if len(bootArgs) > 0 {
		argslice = bootArgs
	}
	if len(bootEnv) > 0 {
		envs = append(envs, bootEnv...)
	}
	// The clock may have started only now; the scheduler takes a zero time
	// of last poll for a poll in progress.
	sched.lastpoll.Store(max(nanotime(), 1))
}

func getCPUCount() int32 { return max(1, cpuCount) }

func goenvs() { envs = make([]string, 0) }

// Hooks are ordinary Go code and may need more stack than a goroutine has left
// where the runtime cannot grow it: they run on the scheduler's stack.

// Not so the clock, which the scheduler reads at every other step: it is
// nosplit, as the runtime's clocks are everywhere, and the linker checks that it
// fits the stack that is always left.

//go:nosplit
func nanotime1() int64 { return goos.Nanotime() }

//go:nosplit
func walltime() (sec int64, nsec int32) {
	t := nanotime1() + wallOffset
	sec = t / 1e9
	nsec = int32(t % 1e9)
	if nsec < 0 {
		nsec += 1e9
		sec--
	}
	return sec, nsec
}

//go:linkname syscall_now syscall.now
func syscall_now() (sec int64, nsec int32) { return walltime() }

var rngReady bool

func readRandom(r []byte) int {
	systemstack(func() {
		if !rngReady {
			goos.InitRNG()
			rngReady = true
		}
		goos.GetRandomData(r)
	})
	return len(r)
}

//go:nosplit
func write1(fd uintptr, p unsafe.Pointer, n int32) int32 {
	if fd != 1 && fd != 2 {
		return -9 // EBADF
	}
	systemstack(func() {
		for i := int32(0); i < n; i++ {
			goos.Printk(*(*byte)(add(p, uintptr(i))))
		}
	})
	return n
}

//go:nosplit
func exit(code int32) {
	systemstack(func() {
		if goos.Exit != nil {
			goos.Exit(code)
		}
	})
	for {
		procyield(1000)
	}
}

func exitThread(wait *atomic.Uint32) {
	throw("exitThread")
}

//go:nosplit
func crash() { exit(2) }

func open(name *byte, mode, perm int32) int32        { return -1 }
func closefd(fd int32) int32                         { return -1 }
func read(fd int32, p unsafe.Pointer, n int32) int32 { return -1 }

//go:nosplit
func osyield() {
	if yield != nil {
		yield()
		return
	}
	procyield(10)
}

//go:nosplit
func osyield_no_g() { osyield() }

//go:nosplit
func usleep(usec uint32) {
	deadline := nanotime1() + int64(usec)*1000
	for nanotime1() < deadline {
		procyield(10)
	}
}

//go:nosplit
func usleep_no_g(usec uint32) { usleep(usec) }

// noteAwait is notetsleepg for an M that must not give up its P.
func noteAwait(n *note, ns int64) bool {
	deadline := int64(maxWhen)
	if ns >= 0 {
		deadline = nanotime() + ns
	}
	for atomic.Loaduintptr(&n.key) != locked {
		if nanotime() >= deadline {
			return false
		}
		timeSleep(100e3)
	}
	return true
}

// newosproc hands a new M to a processor that the board has ready.
//
//go:nowritebarrier
func newosproc(mp *m) {
	if goos.Task == nil {
		throw("newosproc: goos.Task is not set")
	}
	goos.Task(unsafe.Pointer(mp.g0.stack.hi), unsafe.Pointer(mp), unsafe.Pointer(mp.g0), unsafe.Pointer(abi.FuncPCABI0(mstart)))
}

func mpreinit(mp *m) {
	mp.gsignal = malg(32 * 1024)
	mp.gsignal.m = mp
}

func minit() {
	mp := getg().m
	if goos.ProcID != nil {
		mp.procid = goos.ProcID()
	}
	pins[mp.procid].m.set(mp)
}

func unminit() {}

//go:nowritebarrierrec
func mdestroy(mp *m) {}

//go:nosplit
func semacreate(mp *m) {}

// semasleep waits on the M's semaphore: for ever if ns < 0. Rest may return
// early, and must not lose a Wake that came after its processor last left it.
//
//go:nosplit
func semasleep(ns int64) int32 {
	mp := getg().m
	deadline := int64(maxWhen)
	if ns >= 0 {
		deadline = nanotime1() + ns
	}
	for i := 0; ; i++ {
		v := atomic.Load(&mp.waitsemacount)
		if v > 0 {
			if atomic.Cas(&mp.waitsemacount, v, v-1) {
				return 0
			}
			continue
		}
		if ns >= 0 && nanotime1() >= deadline {
			return -1
		}
		switch {
		case rest != nil:
			systemstack(func() { rest(deadline) })
		case i%16 != 0:
			procyield(30)
		default:
			osyield()
		}
	}
}

//go:nosplit
func semawakeup(mp *m) {
	atomic.Xadd(&mp.waitsemacount, 1)
	wakeProcessor(mp.procid)
}

//go:nosplit
func wakeProcessor(procid uint64) {
	systemstack(func() {
		if goos.Wake != nil {
			goos.Wake(procid)
		}
	})
}

// There is no signal stack, no asynchronous preemption of Go code and no profiler.
// But a processor may be out of Go, in ring 3 say, and not look at its goroutine's
// stack guard: it is kicked.

const preemptMSupported = true

func preemptM(mp *m) { wakeProcessor(mp.procid) }

func sigsave(p *sigset)              {}
func msigrestore(sigmask sigset)     {}
func clearSignalHandlers()           {}
func sigblock(exiting bool)          {}
func initsig(preinit bool)           {}
func setProcessCPUProfiler(hz int32) {}
func setThreadCPUProfiler(hz int32)  {}

//go:linkname os_sigpipe os.sigpipe
func os_sigpipe() {}

// CPU returns the processor's brand string.
func CPU() string {
	var brand [48]byte
	for i := uint32(0); i < 3; i++ {
		a, b, c, d := cpuidTamago(0x80000002+i, 0)
		for j, r := range [4]uint32{a, b, c, d} {
			*(*uint32)(unsafe.Pointer(&brand[i*16+uint32(j)*4])) = r
		}
	}
	n := 0
	for n < len(brand) && brand[n] != 0 {
		n++
	}
	return string(brand[:n])
}

func cpuidTamago(eax, ecx uint32) (a, b, c, d uint32)

//go:linkname syscall_consoleWrite syscall.consoleWrite
func syscall_consoleWrite(p []byte) {
	lock(&consoleLock)
	for len(p) > 0 {
		n := min(len(p), 1<<20)
		write1(1, unsafe.Pointer(&p[0]), int32(n))
		p = p[n:]
	}
	unlock(&consoleLock)
}

// consoleLock keeps the writes of several processors whole.
var consoleLock mutex

//go:linkname syscall_runtimeRelay syscall.runtimeRelay
func syscall_runtimeRelay(sig int) bool {
	bit := uint64(1) << (sig % _NSIG)
	if sig <= 0 || sig >= _NSIG || relayWanted.Load()&bit == 0 {
		return false
	}
	for {
		old := relayPending.Load()
		if relayPending.CompareAndSwap(old, old|bit) {
			return true
		}
	}
}
