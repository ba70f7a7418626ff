package runtime

import (
	"internal/runtime/atomic"
	"runtime/goos"
)

// The poller has no descriptors to watch. It is the place where relayed
// interrupts become runnable goroutines. Processors wait in idleBeforePark.

var (
	netpollInited atomic.Uint32 // for the timers; there is nothing to initialize
	netpollBroken atomic.Uint32 // a wait in netpoll is to end
)

func netpollGenericInit() { netpollInited.Store(1) }

func netpollinited() bool { return true }

// netpollAnyWaiters reports whether something other than a timer can make a
// goroutine runnable: an interrupt.
func netpollAnyWaiters() bool {
	return relayPending.Load() != 0 || goos.Idle != nil && !idleEndsProgram
}

func netpollAdjustWaiters(delta int32) {}

func netpollBreak() { netpollBroken.Store(1) }

// netpoll returns the goroutine that serves relayed interrupts, if there are
// any. Only without Idle does it ever wait.
func netpoll(delay int64) (gList, int32) {
	if delay != 0 {
		until := int64(maxWhen)
		if delay > 0 {
			until = nanotime() + delay
		}
		for netpollBroken.Swap(0) == 0 && relayPending.Load() == 0 && nanotime() < until {
			procyield(30)
		}
	}
	var list gList
	if relayPending.Load() != 0 {
		if gp := relayWaiter.Swap(0); gp != 0 {
			list.push(guintptr(gp).ptr())
		}
	}
	return list, 0
}
