package object

import "faultline/zx"

// WaitManyMax is how many objects one WaitMany takes. Source: Zircon
// object_wait_many (ZX_WAIT_MANY_MAX_ITEMS).
const WaitManyMax = 64

// WaitItem is one object of a WaitMany.
type WaitItem struct {
	Object  Object
	Source  Source
	Signals zx.Signals
	// Pending receives the signals seen last, with HANDLE_CLOSED if that
	// handle was closed.
	Pending zx.Signals

	observer Observer
}

// WaitMany sleeps until one of the items has one of its signals asserted, the
// deadline, or the close of the handle of an item. With no items it sleeps.
//
// Locks: none held; takes each Base.mu.
// Errors: OK | ErrTimedOut | ErrCanceled a handle was closed |
// ErrInternalIntrKilled | ErrInternalIntrRetry.
// Source: Zircon object_wait_many.
func WaitMany(w Waiter, items []WaitItem, deadline zx.Time) zx.Status {
	for i := range items {
		it := &items[i]
		it.observer = Observer{trigger: it.Signals, source: it.Source, waiter: w}
		b := it.Object.ObjectBase()
		b.mu.Lock()
		now := b.Signals()
		if now&it.Signals == 0 {
			b.add(&it.observer)
			b.mu.Unlock()
			continue
		}
		b.mu.Unlock()
		st, _ := finishMany(items[:i])
		for j := i; j < len(items); j++ {
			items[j].Pending = items[j].Object.ObjectBase().Signals()
		}
		return st
	}
	for {
		st := w.Wait(zx.ThreadBlockedWaitMany, deadline)
		if st == zx.OK && !fired(items) {
			continue
		}
		ended, any := finishMany(items)
		if any && st != zx.ErrInternalIntrKilled {
			return ended
		}
		return st
	}
}

// fired says whether a wait of items has ended.
func fired(items []WaitItem) bool {
	for i := range items {
		it := &items[i]
		b := it.Object.ObjectBase()
		b.mu.Lock()
		waiting := it.observer.base != nil
		b.mu.Unlock()
		if !waiting {
			return true
		}
	}
	return false
}

// finishMany takes the observers of items off their objects and fills in what
// is pending. It says whether a wait had ended, and how: ErrCanceled if a handle
// was closed.
func finishMany(items []WaitItem) (st zx.Status, any bool) {
	for i := range items {
		it := &items[i]
		b := it.Object.ObjectBase()
		b.mu.Lock()
		if it.observer.base != nil {
			b.remove(&it.observer)
			it.Pending = b.Signals()
		} else {
			any = true
			it.Pending = b.Signals() | it.observer.observed
			if it.observer.canceled {
				it.Pending |= zx.SignalHandleClosed
				st = zx.ErrCanceled
			}
		}
		b.mu.Unlock()
	}
	return st, any
}
