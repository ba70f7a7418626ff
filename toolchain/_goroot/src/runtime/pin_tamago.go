package runtime

import (
	"internal/runtime/atomic"
	_ "unsafe" // for go:linkname
)

// Pinned goroutines.
//
// A goroutine may belong to a processor, and runs there only: what it holds of that
// processor is its own as long as it does not yield. g.lockedm names the M, but the
// M is not the goroutine's, as a locked thread is. Pinned goroutines that are ready
// wait in a queue of the M from which nobody steals.

// pinGoroutine pins the goroutine that calls it to the processor with this number,
// and goes on there; ^0 sets it free. A board's variable of that name finds out whether the toolchain has it.
//
//go:linkname pinGoroutine
var pinGoroutine = func(procid uint64) {
	gp := getg()
	if procid == ^uint64(0) {
		gp.lockedm = 0
		return
	}
	if procid >= uint64(getCPUCount()) {
		throw("pin: no such processor")
	}
	mp := (*uintptr)(&pins[procid].m)
	for atomic.Loaduintptr(mp) == 0 {
		Gosched() // it is on its way
	}
	gp.lockedm = muintptr(atomic.Loaduintptr(mp))
	Gosched() // into the queue there
}

// pinTurns is how many other goroutines may go before one that is pinned.
const pinTurns = 16

// atOnce takes the goroutine that is next on this processor, or returns nil: in its turn,
// and while others may want a say, the scheduler looks at everything. So a timer waits
// for as many goroutines as one that is pinned may.
func atOnce(mp *m, pp *p) *g {
	if pp.schedtick%pinTurns == 0 || gcBlackenEnabled != 0 || !sched.runq.empty() || pinReady(mp) {
		return nil
	}
	gp, _ := runqget(pp)
	return gp
}

// pins has what is pinned to each processor, by procid.
var pins [64]struct {
	lock  mutex
	queue gQueue // guarded by lock
	m     muintptr
	turns uint32 // the M's own
	_     [64]byte
}

// pinPut makes gp, which is pinned, ready.
func pinPut(gp *g) {
	mp := gp.lockedm.ptr()
	q := &pins[mp.procid]
	lock(&q.lock)
	q.queue.pushBack(gp)
	unlock(&q.lock)
	if mp != getg().m {
		noticeStop(mp)
	}
}

// pinSort makes those of q ready that are pinned, and leaves the others there.
func pinSort(q *gQueue) {
	for n := q.size; n > 0; n-- {
		if gp := q.pop(); gp.lockedm != 0 {
			pinPut(gp)
		} else {
			q.pushBack(gp)
		}
	}
}

// pinReady reports whether a goroutine waits in the M's queue.
func pinReady(mp *m) bool {
	return atomic.Loaduintptr((*uintptr)(&pins[mp.procid].queue.head)) != 0
}

// pinGet takes a goroutine from the M's queue, or returns nil. In its turn it is one
// that others have been before long enough.
func pinGet(mp *m, inTurn bool) *g {
	if !pinReady(mp) {
		return nil
	}
	q := &pins[mp.procid]
	if q.turns++; inTurn && q.turns < pinTurns {
		return nil
	}
	q.turns = 0
	lock(&q.lock)
	gp := q.queue.pop()
	unlock(&q.lock)
	return gp
}
