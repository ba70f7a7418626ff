package object

import "faultline/zx"

// RightsEvent is what a fresh event handle carries: TRANSFER, DUPLICATE, WAIT,
// INSPECT, SIGNAL. Source: Zircon rights (ZX_DEFAULT_EVENT_RIGHTS).
const RightsEvent = zx.RightTransfer | zx.RightDuplicate | zx.RightWait | zx.RightInspect | zx.RightSignal

// Event is an object that is nothing but its signals.
type Event struct{ Base }

// NewEvent makes an event with no signal asserted.
func NewEvent() *Event {
	e := new(Event)
	e.Base.Init(zx.ObjEvent, 0)
	return e
}
