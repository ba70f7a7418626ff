package object

import (
	"faultline/spin"
	"faultline/zx"
)

// FutexTable is the futexes of one process: the threads that sleep until a
// number in its memory changes. A futex exists while somebody waits for it, and
// is named by its address. The zero value is an empty table.
//
// The caller looks at the number between Lock and Enqueue: whoever changes it
// and then wakes finds the waiter in the table.
type FutexTable struct {
	mu      spin.Lock
	buckets [futexBuckets]futexQueue // guarded by mu
}

const futexBuckets = 32

// futexQueue is the waiters of the futexes of one bucket, oldest first.
type futexQueue struct{ head, tail *FutexWaiter }

// FutexWaiter is the place of one thread in a FutexTable; it belongs to the
// thread and is reused. Init it once.
//
//	        Enqueue            Wake
//	(idle) --------> (waiting) ----> (idle, woken)
//	   ^                 | Requeue: elsewhere
//	   +-----------------+ Answer: given up
type FutexWaiter struct {
	w          Waiter
	address    zx.VirtAddr // guarded by the table's mu, as the rest
	next, prev *FutexWaiter
	waiting    bool
}

// Init says whose place n is.
func (n *FutexWaiter) Init(w Waiter) { n.w = w }

// bucket is the queue that holds the waiters at address.
func (t *FutexTable) bucket(address zx.VirtAddr) *futexQueue {
	return &t.buckets[(address>>2^address>>8)%futexBuckets]
}

// Lock keeps every waker out. The caller may look at user memory, but must not
// sleep.
func (t *FutexTable) Lock() { t.mu.Lock() }

// Unlock ends Lock.
func (t *FutexTable) Unlock() { t.mu.Unlock() }

// Enqueue makes n wait at address, behind all others. Pre: n is idle.
//
// Locks: Lock held.
func (t *FutexTable) Enqueue(n *FutexWaiter, address zx.VirtAddr) {
	n.address, n.waiting = address, true
	t.bucket(address).add(n)
}

// Answer goes on with the wait of n after a sleep, of which woken is the outcome:
// whatever else woke the thread, only Wake ends the wait well.
//
// Locks: none held.
// Errors: OK woken | Waiting sleep again | woken itself. n is idle after
// all but Waiting.
func (t *FutexTable) Answer(n *FutexWaiter, woken zx.Status) zx.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !n.waiting:
		return zx.OK // also if it was interrupted: the wake is not lost
	case woken == zx.OK:
		return Waiting
	}
	t.bucket(n.address).remove(n)
	n.waiting = false
	return woken
}

// futexPiece is how many threads one call of Wake or WakeAndRequeue is for.
const futexPiece = 128

// Wake wakes up to count threads that wait at address, those that wait longest
// first. Of very many it leaves some for another call, and says how many of count.
//
// Locks: none held; takes Waiter's.
func (t *FutexTable) Wake(address zx.VirtAddr, count uint32) (left uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wake(address, count)
}

// wake is Wake with mu held.
func (t *FutexTable) wake(address zx.VirtAddr, count uint32) (left uint32) {
	q := t.bucket(address)
	return q.each(address, count, func(n *FutexWaiter) {
		q.remove(n)
		n.waiting = false
		n.w.Wake()
	})
}

// each calls f with up to count waiters at address, which it takes off q. It stops
// after futexPiece and says how many of count are left then; 0 otherwise.
func (q *futexQueue) each(address zx.VirtAddr, count uint32, f func(*FutexWaiter)) (left uint32) {
	done := uint32(0)
	for n := q.head; n != nil && done < count; {
		if done == futexPiece {
			return count - done
		}
		next := n.next
		if n.address == address {
			f(n)
			done++
		}
		n = next
	}
	return 0
}

// WakeAndRequeue wakes up to count threads at from, and makes up to more of those
// left wait at to, behind all others. Of very many it leaves some for another call,
// and says how many of count and more.
//
// Pre: from is not to. Locks: Lock held.
func (t *FutexTable) WakeAndRequeue(from zx.VirtAddr, count uint32, to zx.VirtAddr, more uint32) (countLeft, moreLeft uint32) {
	if left := t.wake(from, count); left > 0 {
		return left, more
	}
	q, into := t.bucket(from), t.bucket(to)
	return 0, q.each(from, more, func(n *FutexWaiter) {
		q.remove(n)
		n.address = to
		into.add(n)
	})
}

func (q *futexQueue) add(n *FutexWaiter) {
	n.prev, n.next = q.tail, nil
	if q.tail == nil {
		q.head = n
	} else {
		q.tail.next = n
	}
	q.tail = n
}

func (q *futexQueue) remove(n *FutexWaiter) {
	if n.prev == nil {
		q.head = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		q.tail = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.next, n.prev = nil, nil
}
