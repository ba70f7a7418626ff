//go:build !race

package kernel

import (
	"sync/atomic"
	"unsafe"
)

// The scheduler's own way to put a goroutine to sleep, to wake it, and to let those
// run that this CPU has ready. The names are open to packages outside the standard library.

//go:linkname gopark runtime.gopark
func gopark(commit func(g uintptr, lock unsafe.Pointer) bool, lock unsafe.Pointer, reason, traceReason uint8, traceSkip int)

//go:linkname goyield runtime.goyield
func goyield()

//go:linkname goready runtime.goready
func goready(g uintptr, traceSkip int)

// assistHook is asked what whoever allocates does who owes the collector some marking:
// nothing yet, or a piece of it; else all. An official toolchain does not ask.
//
//go:linkname assistHook runtime.assistHook
var assistHook func() (later, piece bool)

// park sleeps until ready, unless state stops being parkEmpty first.
func park(state *atomic.Uintptr) { gopark(parkCommit, unsafe.Pointer(state), 0, 0, 1) }

// parkCommit records the sleeping goroutine; false calls the sleep off. A g is
// never freed, so a number may stand for it.
//
// Context: the scheduler's stack, no goroutine.
func parkCommit(g uintptr, lock unsafe.Pointer) bool {
	return (*atomic.Uintptr)(lock).CompareAndSwap(parkEmpty, g)
}

// ready makes a goroutine that sleeps in park runnable.
func ready(g uintptr) { goready(g, 1) }
