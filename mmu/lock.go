package mmu

import (
	"runtime"
	"sync/atomic"
)

// leafLock is the lock of a leaf: its holder takes no lock but a later leaf,
// never sleeps and soon lets go. So a waiter need not be woken, it tries
// again, and both ends cost two to four instructions where those of sync.Mutex
// cost fifteen together. On one CPU nobody ever waits: a goroutine of the
// kernel is not preempted. The zero leafLock is free.
type leafLock struct{ held uint32 }

// TryLock takes the lock if it is free, and says whether it did.
func (l *leafLock) TryLock() bool { return atomic.SwapUint32(&l.held, 1) == 0 }

// Lock takes the lock.
func (l *leafLock) Lock() {
	if atomic.SwapUint32(&l.held, 1) != 0 {
		l.wait()
	}
}

// wait is Lock of a lock that somebody holds. It only reads until the lock
// looks free, so that waiters do not fight the holder for the cache line.
func (l *leafLock) wait() {
	for {
		for atomic.LoadUint32(&l.held) != 0 {
			runtime.Gosched()
		}
		if l.TryLock() {
			return
		}
	}
}

// Unlock lets go. Pre: the caller holds the lock.
func (l *leafLock) Unlock() { atomic.StoreUint32(&l.held, 0) }
