package object

import (
	"sync"
	"time"

	"faultline/account"
	"faultline/zx"
)

// RightsTimer is what a fresh timer handle carries. Source: Zircon rights
// (ZX_DEFAULT_TIMER_RIGHTS).
const RightsTimer = zx.RightTransfer | zx.RightDuplicate | zx.RightWait | zx.RightInspect | zx.RightWrite | zx.RightSignal

// timerBytes is what a timer costs.
var timerBytes = account.Bytes(256) + account.Bytes(128)

// Timer is an object that asserts SIGNALED at a deadline.
//
//	          Set                deadline
//	(idle) --------> (set) ------------------> (idle, SIGNALED)
//	   ^              | ^ |                      |
//	   +--------------+ +-+ Set                  | Set: deasserted
//	    Cancel         <-------------------------+
type Timer struct {
	Base
	now func() zx.Time // constant

	mu       sync.Mutex // comes before that of Base
	set      bool
	deadline zx.Time
	alarm    *time.Timer // made by the first Set
}

// NewTimer makes a timer on the clock that now reads.
func NewTimer(now func() zx.Time) *Timer {
	t := &Timer{now: now}
	t.Base.Init(zx.ObjTimer, 0)
	return t
}

// KernelBytes is what the timer costs, its alarm included.
func (*Timer) KernelBytes() int64 { return timerBytes }

// Set deasserts SIGNALED and asserts it at deadline, at once if that is past.
// An earlier deadline counts no more.
func (t *Timer) Set(deadline zx.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.UpdateSignals(zx.SignalSignaled, 0)
	t.set, t.deadline = true, deadline
	t.wait()
}

// wait asserts the signal if the deadline has come, or sets the alarm for it.
// Locks: mu held.
func (t *Timer) wait() {
	now := t.now()
	if t.deadline <= now {
		t.set = false
		t.UpdateSignals(0, zx.SignalSignaled)
		return
	}
	left := time.Duration(t.deadline - now) // both are past the boot: no wrap
	if t.alarm == nil {
		t.alarm = time.AfterFunc(left, t.rang)
	} else {
		t.alarm.Reset(left)
	}
}

// rang is the alarm's: it may be late, or of a deadline that was changed.
func (t *Timer) rang() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set {
		t.wait()
	}
}

// Cancel forgets the deadline and deasserts SIGNALED.
func (t *Timer) Cancel() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set = false
	if t.alarm != nil {
		t.alarm.Stop()
	}
	t.UpdateSignals(zx.SignalSignaled, 0)
}

// OnZeroHandles lets go of the clock.
func (t *Timer) OnZeroHandles() { t.Cancel() }
