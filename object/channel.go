package object

import (
	"sync"

	"faultline/zx"
)

// Limits of one message, and of the messages waiting at one end.
const (
	ChannelMaxBytes   = 65536
	ChannelMaxHandles = 64
	ChannelMaxPending = 3500
)

// message is bytes and handles on their way to one end.
type message struct {
	next    *message
	bytes   []byte
	handles []Moving
}

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
	closed     bool // this end: no handle is left
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

// Write sends a message to the peer: a copy of bytes, and the handles, which
// are the peer's on success and stay the caller's otherwise.
//
// Locks: none held; takes those of the pair and the peer.
// Errors: ErrOutOfRange more than ChannelMaxBytes or ChannelMaxHandles |
// ErrPeerClosed | ErrShouldWait ChannelMaxPending messages wait at the peer.
func (c *Channel) Write(bytes []byte, handles []Moving) zx.Status {
	if len(bytes) > ChannelMaxBytes || len(handles) > ChannelMaxHandles {
		return zx.ErrOutOfRange
	}
	m := &message{bytes: append([]byte(nil), bytes...), handles: append([]Moving(nil), handles...)}
	p := c.peer
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	switch {
	case p.closed:
		return zx.ErrPeerClosed
	case p.pending >= ChannelMaxPending:
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

// Next tells the sizes of the oldest message.
//
// Errors: ErrShouldWait there is none | ErrPeerClosed there is none and will be
// none.
func (c *Channel) Next() (bytes, handles int, st zx.Status) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	if st := c.empty(); st != zx.OK {
		return 0, 0, st
	}
	return len(c.head.bytes), len(c.head.handles), zx.OK
}

// Read takes the oldest message if it has at most maxBytes and maxHandles, and
// gives it; the handles are then the caller's. When it is larger it stays, and
// the two lengths tell how large it is.
//
// Locks: none held; takes those of the pair and this end.
// Errors: as Next | ErrBufferTooSmall.
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
	c.peer.UpdateSignals(zx.SignalWritable, zx.SignalPeerClosed)
	c.pair.mu.Unlock()
	for ; unread != nil; unread = unread.next {
		for _, h := range unread.handles {
			h.Discard()
		}
	}
}

// OnZeroHandles closes this end with its last handle.
func (c *Channel) OnZeroHandles() { c.Close() }
