package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"runtime/goos"
)

// Idle processors.
//
// An M is a processor, and there are as many as Ps: an M that finds nothing to do
// keeps its P and has the board halt. So none is ever made when a goroutine is to
// run, which is when stock Go wants a thread more; the world's start gives
// each P its M.
//
//	looking   --found nothing: own bit set, all queues looked at again--> halted
//	halted    --somebody took the bit, a timer, an interrupt, a stop of the world--> looking
//
// Whoever makes work takes the bit of a halted M, counts it as spinning on its
// behalf, and wakes it. Making work and then looking at the bits, and setting the bit and then
// looking for work, are each in that order for all to see (both are locked
// instructions), so one of the two sees the other.

// idleProcs has a bit for each M, by procid, that halts or is about to.
var idleProcs uint64

// idleBeforePark lets a processor that found nothing to do wait, with its P, and
// reports whether the scheduler should look again. So Idle may run any Go code
// that does not block.
func idleBeforePark(pollUntil int64) bool {
	if goos.Idle == nil {
		procyield(30)
		return goos.Task != nil
	}
	if gomaxprocs == 1 && pollUntil == 0 && idleEndsProgram {
		return false
	}
	if relayPending.Load() != 0 && relayWaiter.Load() != 0 {
		return true
	}
	mp := getg().m
	pp := mp.p.ptr()
	bit := uint64(1) << mp.procid
	if gomaxprocs != 1 {
		atomic.Or64(&idleProcs, bit)
		if mp.spinning {
			mp.spinning = false
			if sched.nmspinning.Add(-1) < 0 {
				throw("idle: negative nmspinning")
			}
		}
		// Once more, now that whoever makes work sees the bit.
		if sched.gcwaiting.Load() || pp.runSafePointFn != 0 || pinReady(mp) || workWaits(&pollUntil) {
			stopIdling(mp, bit)
			procyield(1) // what waits may be another's to run: in an emulator of one processor at a time he needs his turn
			return true
		}
	}
	if pollUntil == 0 {
		pollUntil = maxWhen
	}
	// The P counts as running; book the time as idle all the same.
	now := nanotime()
	pp.limiterEvent.start(limiterEventIdle, now)
	goos.Idle(pollUntil)
	end := nanotime()
	pp.limiterEvent.stop(limiterEventIdle, end)
	sched.idleTime.Add(end - now)
	if gomaxprocs != 1 {
		stopIdling(mp, bit)
	}
	return true
}

// stopIdling takes the M's bit back. If somebody else took it, the M is spinning
// and counted already.
func stopIdling(mp *m, bit uint64) {
	if atomic.And64(&idleProcs, ^bit)&bit == 0 {
		mp.spinning = true
	}
}

// workWaits reports whether a goroutine waits for a processor. If none does,
// it lowers until to the first timer of any P, for a P whose M is out of Go sees
// to none.
func workWaits(until *int64) bool {
	if !sched.runq.empty() {
		return true
	}
	for _, pp := range allp {
		if !runqempty(pp) {
			return true
		}
		if when := pp.timers.wakeTime(); when != 0 && (*until == 0 || when < *until) {
			*until = when
		}
	}
	return false
}

// someIdle reports whether there is a processor to wake.
func someIdle() bool { return atomic.Load64(&idleProcs) != 0 || sched.npidle.Load() != 0 }

// wakeIdleProc wakes one halted processor, which becomes a spinning M, and
// reports whether there was one. The caller has counted it in nmspinning.
func wakeIdleProc() bool {
	for {
		old := atomic.Load64(&idleProcs)
		if old == 0 {
			return false
		}
		id := sys.TrailingZeros64(old)
		if atomic.Cas64(&idleProcs, old, old&^(1<<id)) {
			wakeProcessor(uint64(id))
			return true
		}
	}
}

// noticeStop makes an M that halts look at what has been asked of it or its P.
func noticeStop(mp *m) {
	if atomic.Load64(&idleProcs)&(1<<mp.procid) != 0 {
		wakeProcessor(mp.procid)
	}
}

// startIdlePs gives each idle P an M. Ms park only while the world is stopped, in
// one step with the stop of their P, so there is one for each idle P, or can be made.
//
// Pre: preemption is off.
func startIdlePs() {
	for {
		lock(&sched.lock)
		pp, _ := pidleget(0)
		unlock(&sched.lock)
		if pp == nil {
			return
		}
		startm(pp, false, false)
	}
}
