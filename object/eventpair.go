package object

import (
	"sync"

	"faultline/zx"
)

// Peered is an object that is one end of two.
type Peered interface {
	Object
	// SignalPeer deasserts and asserts signals of the other end.
	//
	// Locks: none held. Errors: ErrPeerClosed.
	SignalPeer(clear, set zx.Signals) zx.Status
}

// RightsEventPair is what a fresh handle of an event pair carries. Source: Zircon
// rights (ZX_DEFAULT_EVENTPAIR_RIGHTS).
const RightsEventPair = RightsEvent | zx.RightSignalPeer

// EventPair is one of two events, each of which can signal the other and sees its
// end: ZX_EVENTPAIR_PEER_CLOSED.
type EventPair struct {
	Base
	peer   *EventPair  // constant
	mu     *sync.Mutex // of both
	closed bool        // no handle is left; guarded by mu
}

// NewEventPair makes a pair with no signal asserted.
func NewEventPair() (a, b *EventPair) {
	mu := new(sync.Mutex)
	a, b = &EventPair{mu: mu}, &EventPair{mu: mu}
	a.peer, b.peer = b, a
	a.Base.Init(zx.ObjEventPair, 0)
	b.Base.Init(zx.ObjEventPair, 0)
	return a, b
}

// SignalPeer changes the signals of the other event. See Peered.
func (e *EventPair) SignalPeer(clear, set zx.Signals) zx.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.peer.closed {
		return zx.ErrPeerClosed
	}
	e.peer.UpdateSignals(clear, set)
	return zx.OK
}

// RelatedKoid is the koid of the peer.
func (e *EventPair) RelatedKoid() zx.Koid { return e.peer.Koid() }

// OnZeroHandles tells the peer.
func (e *EventPair) OnZeroHandles() {
	e.mu.Lock()
	e.closed = true
	e.peer.UpdateSignals(0, zx.SignalPeerClosed)
	e.mu.Unlock()
}

// SignalPeer changes the signals of the other end. See Peered.
func (c *Channel) SignalPeer(clear, set zx.Signals) zx.Status {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	if c.peer.closed {
		return zx.ErrPeerClosed
	}
	c.peer.UpdateSignals(clear, set)
	return zx.OK
}
