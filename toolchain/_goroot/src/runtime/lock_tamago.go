package runtime

import "internal/runtime/atomic"

// Runtime locks for Ms that are processors, which are never descheduled while
// they hold one.
//
// The stock locks queue waiters and sample contention, for machines with many
// threads; most of their instructions serve that. Here the scheduler takes several
// locks for each goroutine it switches to. So a lock is one word, taken by one
// compare and swap, and a waiter spins, looking at it less and less often.
//
// Not there: the profile of contention on runtime locks.

const (
	mutex_unlocked = 0
	mutex_locked   = 1

	active_spin     = 4
	active_spin_cnt = 30
)

// mWaitList is what an M keeps of the locks it waits for: nothing.
type mWaitList struct{}

func lockVerifyMSize() {}

func mutexContended(l *mutex) bool { return false }

func lock(l *mutex) { lockWithRank(l, getLockRank(l)) }

func lock2(l *mutex) {
	mp := getg().m
	mp.locks++
	if !atomic.Casuintptr(&l.key, mutex_unlocked, mutex_locked) {
		lockSpin(l)
	}
}

// lockSpin takes l when the M that holds it lets go.
//
//go:noinline
func lockSpin(l *mutex) {
	if sched.mnext == 1 {
		throw("runtime: lock held by this very M")
	}
	pause := uint32(active_spin_cnt / 4)
	for {
		for i := 1; atomic.Loaduintptr(&l.key) != mutex_unlocked; i++ {
			procyield(pause)
			if pause < 8*active_spin_cnt {
				pause *= 2
			} else if i%active_spin == 0 {
				osyield()
			}
		}
		if atomic.Casuintptr(&l.key, mutex_unlocked, mutex_locked) {
			return
		}
	}
}

func unlock(l *mutex) { unlockWithRank(l) }

// The race with a preemption request is the stock one: an M that holds locks
// is not preempted, and looks again when it gives up the last.
//
//go:nowritebarrier
func unlock2(l *mutex) {
	if l.key == mutex_unlocked {
		throw("runtime: unlock of unlocked lock")
	}
	atomic.Storeuintptr(&l.key, mutex_unlocked)
	gp := getg()
	mp := gp.m
	mp.locks--
	if mp.locks == 0 && gp.preempt {
		gp.stackguard0 = stackPreempt
	}
}
