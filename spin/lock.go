// Package spin is the lock of what is held for a moment: tables, queues, the
// structures of a fault.
//
// Its holder never sleeps and soon lets go. So a waiter need not be woken: it
// tries again, and both ends cost two to four instructions where those of
// sync.Mutex cost fifteen together; a fault takes some twenty locks. On one CPU
// nobody ever waits, for a goroutine of the kernel is not preempted, except where
// the collector stops it: a waiter that has looked for a while lets others run.
package spin

import (
	"runtime"
	"sync/atomic"
)

// Lock is free when it is zero. It must not be copied, nor held across anything
// that sleeps.
type Lock struct{ held uint32 }

// TryLock takes the lock if it is free, and says whether it did.
func (l *Lock) TryLock() bool { return atomic.SwapUint32(&l.held, 1) == 0 }

// Lock takes the lock.
func (l *Lock) Lock() {
	if atomic.SwapUint32(&l.held, 1) != 0 {
		l.wait()
	}
}

// looks is how often a waiter looks before it lets others run: some 2,000 cycles,
// longer than nearly everybody holds a lock, shorter than two switches of goroutines.
const looks = 50

// wait is Lock of a lock that somebody holds. It only reads until the lock
// looks free, so that waiters do not fight the holder for the cache line.
func (l *Lock) wait() {
	for {
		for n := 1; atomic.LoadUint32(&l.held) != 0; n++ {
			if pause(); n%looks == 0 {
				runtime.Gosched()
			}
		}
		if l.TryLock() {
			return
		}
	}
}

// Unlock lets go. Pre: the caller holds the lock.
func (l *Lock) Unlock() { atomic.StoreUint32(&l.held, 0) }
