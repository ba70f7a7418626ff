package runtime

import (
	"internal/runtime/atomic"
	"unsafe"
)

// Signals are what an interrupt handler relays to ordinary goroutines. The
// handler only sets a bit (os/signal.Relay); the scheduler, which polls when it
// has nothing else to run and after every Idle, readies the receiver.

const _NSIG = 64

var (
	relayPending atomic.Uint64  // signals relayed and not received
	relayWaiter  atomic.Uintptr // the goroutine in signal_recv, parked
	relayWanted  atomic.Uint64  // signals enabled by os/signal
)

// relayWord is relayPending for os/signal's assembly.
//
//go:linkname relayWord
var relayWord = &relayPending

//go:linkname signal_recv os/signal.signal_recv
func signal_recv() uint32 {
	for {
		pending := relayPending.Load()
		if pending == 0 {
			gopark(parkRelayWaiter, nil, waitReasonZero, traceBlockGeneric, 1)
			continue
		}
		for s := uint32(0); s < _NSIG; s++ {
			bit := uint64(1) << s
			if pending&bit == 0 {
				continue
			}
			clearBit(&relayPending, bit)
			if relayWanted.Load()&bit != 0 {
				return s
			}
		}
	}
}

func clearBit(w *atomic.Uint64, bit uint64) {
	for {
		old := w.Load()
		if w.CompareAndSwap(old, old&^bit) {
			return
		}
	}
}

func parkRelayWaiter(gp *g, _ unsafe.Pointer) bool {
	relayWaiter.Store(uintptr(unsafe.Pointer(gp)))
	// A signal that came before the store found nobody to wake: stay awake,
	// unless the poller has already taken the goroutine.
	if relayPending.Load() != 0 && relayWaiter.CompareAndSwap(uintptr(unsafe.Pointer(gp)), 0) {
		return false
	}
	return true
}

// signalWaiting reports whether the receiver is parked, for os/signal.Waiting.
//
//go:linkname signalWaiting os/signal.signalWaiting
func signalWaiting() bool { return relayWaiter.Load() != 0 }

//go:linkname signalWaitUntilIdle os/signal.signalWaitUntilIdle
func signalWaitUntilIdle() {
	for relayPending.Load()&relayWanted.Load() != 0 {
		Gosched()
	}
}

//go:linkname signal_enable os/signal.signal_enable
func signal_enable(s uint32) {
	for {
		old := relayWanted.Load()
		if relayWanted.CompareAndSwap(old, old|1<<(s%_NSIG)) {
			return
		}
	}
}

//go:linkname signal_disable os/signal.signal_disable
func signal_disable(s uint32) { clearBit(&relayWanted, 1<<(s%_NSIG)) }

//go:linkname signal_ignore os/signal.signal_ignore
func signal_ignore(s uint32) { signal_disable(s) }

//go:linkname signal_ignored os/signal.signal_ignored
func signal_ignored(s uint32) bool { return relayWanted.Load()&(1<<(s%_NSIG)) == 0 }

func sigenable(uint32)  {}
func sigdisable(uint32) {}
func sigignore(uint32)  {}
