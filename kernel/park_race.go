//go:build race

package kernel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// The race detector cannot follow a goroutine onto the scheduler's stack, so
// under it a sleeper polls.

func park(state *atomic.Uintptr) {
	for state.Load() == parkEmpty {
		time.Sleep(10 * time.Microsecond)
	}
}

func ready(uintptr) { panic("kernel.ready: nobody sleeps in the scheduler under the race detector") }

func goyield() { runtime.Gosched() }

var assistHook func() (later, piece bool)
