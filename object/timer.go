package object

import (
	"time"

	"faultline/avl"
	"faultline/spin"
	"faultline/zx"
)

// RightsTimer is what a fresh timer handle carries. Source: Zircon rights
// (ZX_DEFAULT_TIMER_RIGHTS).
const RightsTimer = zx.RightTransfer | zx.RightDuplicate | zx.RightWait | zx.RightInspect | zx.RightWrite | zx.RightSignal

// Timer is an object that asserts SIGNALED at a deadline.
//
//	          Set                deadline
//	(idle) --------> (set) ------------------> (idle, SIGNALED)
//	   ^              | ^ |                      |
//	   +--------------+ +-+ Set                  | Set: deasserted
//	    Cancel         <-------------------------+
type Timer struct {
	Base
	now  func() zx.Time  // constant
	node avl.Node[Timer] // in alarms.set while it is set; guarded by alarms.mu
}

// alarms is all timers that are set. One alarm of the Go runtime rings for the
// first of them: it makes a goroutine for each that rings, and ring 3 can have
// thousands ring at one moment.
//
//	         the first deadline               none is due any more
//	(quiet) --------------------> (ringing) -----------------------> (quiet)
var alarms struct {
	mu      spin.Lock       // comes before those of Base
	set     avl.Tree[Timer] // by deadline
	alarm   *time.Timer     // made by the first Set
	ringing bool            // a chore sees to those that are due
}

// NewTimer makes a timer on the clock that now reads.
func NewTimer(now func() zx.Time) *Timer {
	t := &Timer{now: now}
	t.Base.Init(zx.ObjTimer, 0)
	return t
}

// Set deasserts SIGNALED and asserts it at deadline, at once if that is past.
// An earlier deadline counts no more.
//
// Locks: none held; takes alarms.mu.
func (t *Timer) Set(deadline zx.Time) {
	alarms.mu.Lock()
	defer alarms.mu.Unlock()
	t.quiet()
	if deadline <= t.now() {
		t.UpdateSignals(0, zx.SignalSignaled)
		return
	}
	alarms.set.Insert(&t.node, t, uint64(deadline), 0)
	if alarms.set.First() == &t.node {
		armAlarm()
	}
}

// quiet forgets the deadline and deasserts SIGNALED. Locks: alarms.mu held.
func (t *Timer) quiet() {
	if t.node.In() {
		alarms.set.Remove(&t.node)
	}
	t.UpdateSignals(zx.SignalSignaled, 0)
}

// armAlarm has the alarm ring for the first timer. Locks: alarms.mu held.
func armAlarm() {
	n := alarms.set.First()
	if n == nil || alarms.ringing {
		return
	}
	left := time.Duration(zx.Time(n.Key()) - n.Owner().now()) // both are past the boot: no wrap
	if alarms.alarm == nil {
		alarms.alarm = time.AfterFunc(left, rang)
	} else {
		alarms.alarm.Reset(left)
	}
}

// rang is the alarm's: it may be early, for a timer that is set no more.
func rang() {
	alarms.mu.Lock()
	begin := !alarms.ringing
	alarms.ringing = true
	alarms.mu.Unlock()
	if begin {
		Do(ring)
	}
}

// ring asserts SIGNALED on timers that are due: a chore.
func ring(b *zx.Budget) (more bool) {
	alarms.mu.Lock()
	defer alarms.mu.Unlock()
	for n := alarms.set.First(); n != nil && zx.Time(n.Key()) <= n.Owner().now(); n = alarms.set.First() {
		t, units := n.Owner(), 1
		if t.watched.Load() != 0 {
			units = choresAtOnce / 2
		}
		alarms.set.Remove(n)
		if t.UpdateSignals(0, zx.SignalSignaled); b.Spend(units) {
			return true
		}
	}
	alarms.ringing = false
	armAlarm()
	return false
}

// Cancel forgets the deadline and deasserts SIGNALED.
//
// Locks: none held; takes alarms.mu.
func (t *Timer) Cancel() {
	alarms.mu.Lock()
	defer alarms.mu.Unlock()
	t.quiet()
}

// OnZeroHandles lets go of the clock.
func (t *Timer) OnZeroHandles() { t.Cancel() }
