package object

import (
	"fmt"
	"math"
	"sync/atomic"

	"faultline/account"
	"faultline/spin"
	"faultline/zx"
)

// Waiting is what a wait answers that has not ended: the thread sleeps, then asks
// again. It is no status of Zircon's, and none that ring 3 may see.
const Waiting zx.Status = math.MinInt32

// Waiter is one thread's means to sleep. kernel's Thread implements it; every
// room that blocks declares the same two methods.
type Waiter interface {
	// Wait sleeps until Wake, the deadline, or a kill or suspend of the
	// thread, and shows state meanwhile.
	//
	// Locks: the caller holds none.
	// Errors: OK woken (perhaps for nothing: look again) |
	// ErrInternalIntrKilled | ErrInternalIntrRetry (suspended) | ErrTimedOut.
	Wait(state zx.ThreadState, deadline zx.Time) zx.Status
	// Wake leaves one token for Wait, and says whether it ended a sleep that
	// nothing else had ended: not, if that is not known. It never blocks and may be
	// called under any lock; tokens do not add up.
	Wake() bool
}

// Object is what a handle names. A type becomes one by embedding Base and
// calling Base.Init; it overrides the two callbacks as it needs.
type Object interface {
	// ObjectBase gives the shared part.
	ObjectBase() *Base
	// OnZeroHandles runs when the last handle has been closed. It may run
	// again if a handle is made anew. Locks: none held.
	OnZeroHandles()
	// OnLastRef runs when no handle and no reference remains. Locks: none held.
	OnLastRef()
}

// Base is the part every object shares. The zero value is not ready: Init.
type Base struct {
	koid    zx.Koid
	typ     zx.ObjType
	handles atomic.Int32
	refs    atomic.Int32
	account *account.Account // pays for the object; nil the kernel; see Bill
	bill    int64            // bytes

	mu      spin.Lock
	signals atomic.Uint32 // zx.Signals; written under mu, read freely
	watched atomic.Int32  // how many observers; written under mu, read freely
	watch   *watch        // the observers, nil for none; guarded by mu
}

// Init gives the object a koid and its type. Signals start as given.
func (b *Base) Init(typ zx.ObjType, signals zx.Signals) { b.InitKoid(zx.NewKoid(), typ, signals) }

// InitKoid is Init of what has a koid already.
func (b *Base) InitKoid(koid zx.Koid, typ zx.ObjType, signals zx.Signals) {
	b.koid = koid
	b.typ = typ
	b.signals.Store(uint32(signals))
}

// ObjectBase makes every type that embeds Base an Object.
func (b *Base) ObjectBase() *Base { return b }

// OnZeroHandles does nothing; types with something to close override it.
func (b *Base) OnZeroHandles() {}

// OnLastRef does nothing; types that own something outside the Go heap
// override it.
func (b *Base) OnLastRef() {}

// Koid gives the object's identity.
func (b *Base) Koid() zx.Koid { return b.koid }

// Type gives the object's type.
func (b *Base) Type() zx.ObjType { return b.typ }

// Handles gives the number of handles that name the object now.
func (b *Base) Handles() int { return int(b.handles.Load()) }

// Ref takes a reference. Pre: the caller has one, or the handle table's lock
// keeps a handle alive.
func (b *Base) Ref() { b.refs.Add(1) }

// TryRef takes a reference unless the object has ended, or another CPU takes or
// gives back one at this moment, and says whether it did.
func (b *Base) TryRef() bool {
	n := b.refs.Load()
	return n > 0 && b.refs.CompareAndSwap(n, n+1)
}

// Unref gives a reference of o back; the last one ends the object.
//
// Locks: none held.
func Unref(o Object) { o.ObjectBase().Unref(o) }

// Unref is the function Unref for a caller that knows the type: o is the object
// that b is the base of. It is small enough to be part of the caller.
//
// Locks: none held.
func (b *Base) Unref(o Object) {
	if n := b.refs.Add(-1); n <= 0 {
		ended(o, n)
	}
}

// ended ends o, which has n references left.
func ended(o Object, n int32) {
	if n < 0 {
		panic(fmt.Sprintf("object.Unref: reference count below zero: koid %d type %d refs %d",
			o.ObjectBase().koid, o.ObjectBase().typ, n))
	}
	o.OnLastRef()
	o.ObjectBase().settle()
}

// Bill has a pay bytes for the object while it lives, unless it is paid for
// already. Pre: nobody else knows the object yet.
//
// Errors: ErrNoMemory.
func (b *Base) Bill(a *account.Account, bytes int64) zx.Status {
	if b.account != nil {
		return zx.OK
	}
	st := a.Charge(bytes)
	if st == zx.OK {
		b.account, b.bill = a, bytes
	}
	return st
}

// Account pays for the object.
func (b *Base) Account() *account.Account { return b.account }

// settle ends Bill with the object.
func (b *Base) settle() {
	b.account.Release(b.bill)
	b.account = nil
}

// Drop ends an object that was created but never got a handle (the table was
// full, the result could not be written).
//
// Locks: none held.
func Drop(o Object) {
	o.OnZeroHandles()
	o.OnLastRef()
	o.ObjectBase().settle()
}

// dropHandle undoes what HandleTable.Add counted, and says whether it was the last.
func dropHandle(o Object) (last bool) {
	if last = o.ObjectBase().handles.Add(-1) == 0; last {
		o.OnZeroHandles()
	}
	Unref(o)
	return last
}
