package object

import (
	"faultline/account"
	"faultline/zx"
)

// WaitManyMax is how many objects one wait takes. Source: Zircon
// object_wait_many (ZX_WAIT_MANY_MAX_ITEMS).
const WaitManyMax = 64

// WaitItemBytes is what a wait keeps for each of its items: the item, and the watch
// that the object may have for nobody else.
var WaitItemBytes = account.Bytes(320) + account.Bytes(192)

// WaitItem is one object of a wait for many.
type WaitItem struct {
	Object  Object
	Source  Source
	Signals zx.Signals
	// Pending receives the signals seen last, with HANDLE_CLOSED if that
	// handle was closed.
	Pending zx.Signals

	observer Observer
}

// WatchMany begins the wait of w for one of the signals of one of the items. If
// none is asserted the caller sleeps, then asks AnswerMany.
//
// Locks: none held; takes each Base.mu.
// Errors: OK | ErrCanceled a handle was closed meanwhile | Waiting.
// Source: Zircon object_wait_many.
func WatchMany(w Waiter, items []WaitItem) zx.Status {
	for i := range items {
		it := &items[i]
		if _, st := it.Object.ObjectBase().Watch(&it.observer, w, it.Source, it.Signals); st == Waiting {
			continue
		}
		st, _ := finishMany(items[:i])
		for j := i; j < len(items); j++ {
			items[j].Pending = items[j].Object.ObjectBase().Signals()
		}
		return st
	}
	return Waiting
}

// AnswerMany goes on with the wait after a sleep, of which woken is the outcome.
// With no items it waits for nothing but the end of the sleep.
//
// Locks: none held; takes each Base.mu.
// Errors: OK | ErrCanceled a handle was closed | Waiting sleep again |
// woken itself. Pending is filled in after all but Waiting.
func AnswerMany(items []WaitItem, woken zx.Status) zx.Status {
	if woken == zx.OK && !fired(items) {
		return Waiting
	}
	ended, any := finishMany(items)
	if any && woken != zx.ErrInternalIntrKilled {
		return ended
	}
	return woken
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
