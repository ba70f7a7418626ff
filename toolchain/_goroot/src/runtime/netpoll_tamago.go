package runtime

import (
	"internal/runtime/atomic"
	"runtime/goos"
)

// The poller has no descriptors to watch. It is the place where one M waits
// for a timer or an interrupt on a machine with several processors (a lone one
// waits in idleBeforePark), and where interrupts become runnable goroutines.

var (
	netpollSleeper atomic.Uint64 // procid+1 of the M in netpoll, or 0
	netpollBroken  atomic.Uint32 // a break is asked for
	netpollInited  atomic.Uint32 // for the timers; there is nothing to initialize
)

func netpollGenericInit() { netpollInited.Store(1) }

func netpollinited() bool { return true }

// netpollAnyWaiters reports whether something other than a timer can make a
// goroutine runnable: an interrupt.
func netpollAnyWaiters() bool {
	return relayPending.Load() != 0 || goos.Idle != nil && !idleEndsProgram
}

func netpollAdjustWaiters(delta int32) {}

func netpollBreak() {
	netpollBroken.Store(1)
	if id := netpollSleeper.Load(); id != 0 {
		wakeProcessor(id - 1)
	}
}

// netpoll waits once, up to delay (for ever if negative), and returns the
// goroutine that serves relayed interrupts if there are any.
func netpoll(delay int64) (gList, int32) {
	if delay != 0 {
		until := int64(maxWhen)
		if delay > 0 {
			until = nanotime() + delay
		}
		netpollSleeper.Store(getg().m.procid + 1)
		for netpollBroken.Load() == 0 && relayPending.Load() == 0 {
			waitForInterrupt(until)
			if goos.Idle != nil || nanotime() >= until {
				break
			}
		}
		netpollSleeper.Store(0)
		netpollBroken.Store(0)
	}
	var list gList
	if relayPending.Load() != 0 {
		if gp := relayWaiter.Swap(0); gp != 0 {
			list.push(guintptr(gp).ptr())
		}
	}
	return list, 0
}
