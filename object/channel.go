package object

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"faultline/zx"
)

// Limits of one message, and of the messages waiting at one end.
const (
	ChannelMaxBytes   = 65536
	ChannelMaxHandles = 64
	ChannelMaxPending = 3500
)

// ChannelMemory bounds the bytes of all messages that wait in channels: they lie
// in the kernel's heap, which ring 3 must not be able to fill.
const ChannelMemory = 16 << 20

// channelMemory is the bytes of messages that exist now.
var channelMemory atomic.Int64

// messageOverhead is what a message costs beside its bytes, and handleOverhead
// what each handle in it does.
const (
	messageOverhead = 128
	handleOverhead  = 256
)

// RightsChannel is what a fresh channel handle carries: TRANSFER, WAIT, INSPECT,
// READ, WRITE, SIGNAL, SIGNAL_PEER. Source: Zircon rights
// (ZX_DEFAULT_CHANNEL_RIGHTS).
const RightsChannel = zx.RightTransfer | zx.RightWait | zx.RightInspect | zx.RightRead | zx.RightWrite |
	zx.RightSignal | zx.RightSignalPeer

// message is bytes and handles on their way to one end.
type message struct {
	next    *message
	bytes   []byte
	handles []Moving
}

// newMessage makes a message of bytes, which it keeps, and a copy of handles.
//
// Errors: ErrNoMemory the messages of all channels take ChannelMemory.
func newMessage(bytes []byte, handles []Moving) (*message, zx.Status) {
	m := &message{bytes: bytes}
	if len(handles) > 0 {
		m.handles = append(m.handles, handles...)
	}
	if channelMemory.Add(m.cost()) > ChannelMemory {
		m.forget()
		return nil, zx.ErrNoMemory
	}
	return m, zx.OK
}

// cost is what the message counts for in channelMemory.
func (m *message) cost() int64 {
	return messageOverhead + int64(len(m.bytes)) + handleOverhead*int64(len(m.handles))
}

// forget uncounts a message that leaves the channel.
func (m *message) forget() { channelMemory.Add(-m.cost()) }

// txid is the transaction number a message begins with: 0 for one too short.
func (m *message) txid() uint32 {
	if len(m.bytes) < txidBytes {
		return 0
	}
	return binary.LittleEndian.Uint32(m.bytes)
}

// txidBytes is the size of a transaction number. Those the kernel gives out have
// txidKernel set, so that they differ from those of programs.
const (
	txidBytes         = 4
	txidKernel uint32 = 1 << 31
)

// Channel is one end of a channel: the messages its peer has written and this
// end has not read.
//
//	         Write at the peer               last handle of the peer
//	(empty) <-----------------> (readable)   ----------------------> PEER_CLOSED
//	         Read of the last
//
// Signals: READABLE while messages wait, WRITABLE while the peer lives,
// PEER_CLOSED after.
type Channel struct {
	Base
	pair *channelPair
	peer *Channel // constant

	// Guarded by pair.mu.
	head, tail *message
	pending    int
	closed     bool   // this end: no handle is left
	calls      *Call  // waiting for their replies at this end
	lastTxid   uint32 // given to a call at this end
}

// Call is one zx_channel_call: a message sent from an end and the wait for the
// message that answers it, which begins with the same transaction number.
//
//	            Begin          reply written, either end closed
//	(nothing) --------> (sent) ---------------------------------> (done)
//	                      |  End                                    | Reply
//	                      v                                         v
//	                  (nothing) <-----------------------------------+
type Call struct {
	channel *Channel
	waiter  Waiter
	next    *Call    // guarded by pair.mu, as the rest
	waiting bool     // on channel.calls
	txid    uint32   // constant
	reply   *message // if it came
	status  zx.Status
}

// channelPair is what two ends share. Its lock comes before those of Base.
type channelPair struct{ mu sync.Mutex }

// NewChannel makes a channel and gives its two ends.
func NewChannel() (a, b *Channel) {
	pair := new(channelPair)
	a, b = &Channel{pair: pair}, &Channel{pair: pair}
	a.peer, b.peer = b, a
	a.Base.Init(zx.ObjChannel, zx.SignalWritable)
	b.Base.Init(zx.ObjChannel, zx.SignalWritable)
	return a, b
}

// Write sends a message to the peer: bytes, which are the channel's from now on,
// and the handles, which are the peer's on success and stay the caller's
// otherwise. A message that answers a call at the peer goes to the caller.
//
// Locks: none held; takes those of the pair and the peer.
// Errors: ErrOutOfRange more than ChannelMaxBytes or ChannelMaxHandles |
// ErrNoMemory ChannelMemory is used up | ErrPeerClosed | ErrShouldWait
// ChannelMaxPending messages wait at the peer.
func (c *Channel) Write(bytes []byte, handles []Moving) zx.Status {
	m, st := checkMessage(bytes, handles)
	if st != zx.OK {
		return st
	}
	if c.unreadable(handles) {
		unreads.discard(m)
		return zx.OK
	}
	c.pair.mu.Lock()
	st = c.send(m)
	c.pair.mu.Unlock()
	if st != zx.OK {
		m.forget()
	}
	return st
}

// checkMessage makes a message within the limits.
func checkMessage(bytes []byte, handles []Moving) (*message, zx.Status) {
	if len(bytes) > ChannelMaxBytes || len(handles) > ChannelMaxHandles {
		return nil, zx.ErrOutOfRange
	}
	return newMessage(bytes, handles)
}

// unreadable says that handles has every handle of the peer: a message with
// them, waiting there, would keep its reader and itself alive for ever. Such a
// message ends at once, and the peer with it, as if somebody had noticed.
func (c *Channel) unreadable(handles []Moving) bool {
	n := 0
	for i := range handles {
		if handles[i].Object == Object(c.peer) {
			n++
		}
	}
	return n > 0 && n == c.peer.Handles()
}

// send gives m to the peer. Locks: pair.mu held.
func (c *Channel) send(m *message) zx.Status {
	p := c.peer
	if p.closed {
		return zx.ErrPeerClosed
	}
	if p.calls != nil && p.answer(m) {
		return zx.OK
	}
	if p.pending >= ChannelMaxPending {
		return zx.ErrShouldWait
	}
	if p.tail == nil {
		p.head = m
		p.UpdateSignals(0, zx.SignalReadable)
	} else {
		p.tail.next = m
	}
	p.tail = m
	p.pending++
	return zx.OK
}

// answer hands m to the call at this end that waits for it, if one does.
// Locks: pair.mu held.
func (c *Channel) answer(m *message) bool {
	txid := m.txid()
	for k := c.calls; k != nil; k = k.next {
		if k.txid == txid {
			k.reply = m
			k.finish(zx.OK)
			return true
		}
	}
	return false
}

// finish ends the wait of k with st. Pre: k waits. Locks: pair.mu held.
func (k *Call) finish(st zx.Status) {
	k.leave()
	k.status = st
	k.waiter.Wake()
}

// leave takes k off its channel's list. Pre: k waits. Locks: pair.mu held.
func (k *Call) leave() {
	at := &k.channel.calls
	for *at != k {
		at = &(*at).next
	}
	*at, k.next, k.waiting = k.next, nil, false
}

// Begin sends a message as Write does, with a fresh transaction number in its
// first four bytes, and makes k the wait of w for the reply. After success the
// caller ends k by End. Pre: bytes has at least four bytes; k is zero.
//
// Locks, errors: as Write.
func (k *Call) Begin(c *Channel, w Waiter, bytes []byte, handles []Moving) zx.Status {
	m, st := checkMessage(bytes, handles)
	if st != zx.OK {
		return st
	}
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	c.lastTxid = (c.lastTxid + 1) | txidKernel
	*k = Call{channel: c, waiter: w, txid: c.lastTxid}
	binary.LittleEndian.PutUint32(bytes, k.txid)
	if c.closed {
		st = zx.ErrCanceled
	} else if c.unreadable(handles) {
		st = zx.ErrPeerClosed // the caller discards them
	} else {
		st = c.send(m)
	}
	if st != zx.OK {
		m.forget()
		return st
	}
	k.next, c.calls, k.waiting = c.calls, k, true
	return zx.OK
}

// Answer goes on with the wait for the reply after a sleep, of which woken is
// the outcome.
//
// Locks: none held.
// Errors: OK the reply is there | ErrPeerClosed | ErrCanceled this end was
// closed | ErrShouldWait sleep again | woken itself: the caller may sleep again,
// or End.
func (k *Call) Answer(woken zx.Status) zx.Status {
	k.channel.pair.mu.Lock()
	defer k.channel.pair.mu.Unlock()
	switch {
	case !k.waiting && woken != zx.ErrInternalIntrKilled:
		return k.status
	case woken == zx.OK:
		return zx.ErrShouldWait
	}
	return woken
}

// End forgets the call and gives the reply, if it came: then bytes is not nil
// and the handles are the caller's.
func (k *Call) End() (bytes []byte, handles []Moving) {
	mu := &k.channel.pair.mu
	mu.Lock()
	if k.waiting {
		k.leave()
	}
	m := k.reply
	k.reply = nil
	mu.Unlock()
	if m == nil {
		return nil, nil
	}
	m.forget()
	return m.bytes, m.handles
}

// Read takes the oldest message if it has at most maxBytes and maxHandles, and
// gives it; the handles are then the caller's. When it is larger it stays, and
// the two lengths tell how large it is.
//
// Locks: none held; takes those of the pair and this end.
// Errors: ErrShouldWait there is none | ErrPeerClosed there is none and will be
// none | ErrBufferTooSmall.
func (c *Channel) Read(maxBytes, maxHandles int) (bytes []byte, handles []Moving, st zx.Status) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	if st := c.empty(); st != zx.OK {
		return nil, nil, st
	}
	m := c.head
	if len(m.bytes) > maxBytes || len(m.handles) > maxHandles {
		return m.bytes, m.handles, zx.ErrBufferTooSmall
	}
	m.forget()
	c.head = m.next
	c.pending--
	if c.head == nil {
		c.tail = nil
		c.UpdateSignals(zx.SignalReadable, 0)
	}
	return m.bytes, m.handles, zx.OK
}

// empty is the status of a read when no message waits. Locks: pair.mu held.
func (c *Channel) empty() zx.Status {
	switch {
	case c.head != nil:
		return zx.OK
	case c.peer.closed:
		return zx.ErrPeerClosed
	}
	return zx.ErrShouldWait
}

// Close ends this end: its messages and their handles go, the peer sees
// PEER_CLOSED. For an end that never had a handle; others close with their last
// one. Again is allowed.
//
// Locks: none held.
func (c *Channel) Close() {
	c.pair.mu.Lock()
	if c.closed {
		c.pair.mu.Unlock()
		return
	}
	c.closed = true
	unread := c.head
	c.head, c.tail, c.pending = nil, nil, 0
	for c.calls != nil {
		c.calls.finish(zx.ErrCanceled)
	}
	for p := c.peer; p.calls != nil; {
		p.calls.finish(zx.ErrPeerClosed)
	}
	c.peer.UpdateSignals(zx.SignalWritable, zx.SignalPeerClosed)
	c.pair.mu.Unlock()
	if unread != nil {
		unreads.discard(unread)
	}
}

// discarder ends messages that nobody will read. Their handles may be the last
// ones of channels with unread messages in turn, however deep: those join the
// list of whoever is at work, for a stack has an end.
type discarder struct {
	mu   sync.Mutex
	list *message // guarded by mu
	busy bool     // somebody works on list; guarded by mu
}

// unreads is the discarder of all channels.
var unreads discarder

// discard ends the messages of list. Locks: none held.
func (d *discarder) discard(list *message) {
	last := list
	for last.next != nil {
		last = last.next
	}
	d.mu.Lock()
	last.next, d.list = d.list, list
	if d.busy {
		d.mu.Unlock()
		return
	}
	d.busy = true
	for d.list != nil {
		m := d.list
		d.list = m.next
		d.mu.Unlock()
		m.forget()
		for _, h := range m.handles {
			h.Discard()
		}
		d.mu.Lock()
	}
	d.busy = false
	d.mu.Unlock()
}

// RelatedKoid is the koid of the peer.
func (c *Channel) RelatedKoid() zx.Koid { return c.peer.Koid() }

// OnZeroHandles closes this end with its last handle.
func (c *Channel) OnZeroHandles() { c.Close() }
