package object

import (
	"encoding/binary"

	"faultline/account"
	"faultline/spin"
	"faultline/zx"
)

// Limits of one message, and of the messages waiting at one end.
const (
	ChannelMaxBytes   = 65536
	ChannelMaxHandles = 64
	ChannelMaxPending = 3500
)

// RightsChannel is what a fresh channel handle carries: TRANSFER, WAIT, INSPECT,
// READ, WRITE, SIGNAL, SIGNAL_PEER. Source: Zircon rights
// (ZX_DEFAULT_CHANNEL_RIGHTS).
const RightsChannel = zx.RightTransfer | zx.RightWait | zx.RightInspect | zx.RightRead | zx.RightWrite |
	zx.RightSignal | zx.RightSignalPeer

// channelBytes is what one end is charged for. What a message is: messageBytes,
// and its bytes and handles.
var (
	channelBytes = account.Bytes(200)
	messageBytes = account.Bytes(96)
)

// Message is bytes and handles on their way to one end.
type Message struct {
	Bytes   []byte
	Handles []Moving

	next    *Message
	ends    int      // how many of Handles are of channel ends, once it was written
	unread  *Channel // whose queue it was taken off unread, if ends are in it
	account *account.Account
	bill    int64
}

// NewMessage makes a message with room for so many bytes and no handle yet, for
// which a pays until Free.
//
// Errors: ErrOutOfRange more than ChannelMaxBytes or ChannelMaxHandles |
// ErrNoMemory.
func NewMessage(a *account.Account, bytes, handles uint32) (*Message, zx.Status) {
	if bytes > ChannelMaxBytes || handles > ChannelMaxHandles {
		return nil, zx.ErrOutOfRange
	}
	m := &Message{account: a, bill: messageBytes}
	if bytes > 0 {
		m.bill += account.Bytes(uintptr(bytes))
	}
	if handles > 0 {
		m.bill += account.Bytes(24 * uintptr(handles))
	}
	if st := a.Charge(m.bill); st != zx.OK {
		return nil, st
	}
	m.Bytes = make([]byte, bytes)
	if handles > 0 {
		m.Handles = make([]Moving, 0, handles)
	}
	return m, zx.OK
}

// Free ends a message whose handles have gone elsewhere.
func (m *Message) Free() { m.account.Release(m.bill) }

// Discard ends a message and closes its handles. Locks: none held.
func (m *Message) Discard() {
	m.next = nil
	discard(m)
}

// countEnds sets m.ends.
func (m *Message) countEnds() {
	m.ends = 0
	for i := range m.Handles {
		if _, ok := m.Handles[i].Object.(*Channel); ok {
			m.ends++
		}
	}
}

// txid is the transaction number a message begins with: 0 for one too short.
func (m *Message) txid() uint32 {
	if len(m.Bytes) < txidBytes {
		return 0
	}
	return binary.LittleEndian.Uint32(m.Bytes)
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
	head, tail *Message
	pending    int
	closed     bool   // this end: no handle is left
	calls      *Call  // waiting for their replies at this end
	lastTxid   uint32 // given to a call at this end

	// Guarded by transit.mu: see there.
	queued               int // handles of this end that wait in queues
	holds                int // handles of channel ends that wait at this end
	transNext, transPrev *Channel
	found                *Channel
	reached              uint32
	scanning             bool
	scan                 *Message // the next to look into; guarded also by pair.mu
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
	reply   *Message // if it came
	status  zx.Status
}

// channelPair is what two ends share. Its lock comes before those of Base.
type channelPair struct{ mu spin.Lock }

// KernelBytes is what an end is charged for.
func (*Channel) KernelBytes() int64 { return channelBytes }

// NewChannel makes a channel and gives its two ends.
func NewChannel() (a, b *Channel) {
	pair := new(channelPair)
	a, b = &Channel{pair: pair}, &Channel{pair: pair}
	a.peer, b.peer = b, a
	a.Base.Init(zx.ObjChannel, zx.SignalWritable)
	b.Base.Init(zx.ObjChannel, zx.SignalWritable)
	return a, b
}

// Write sends m to the peer, whose it is on success; otherwise it stays the
// caller's. A message that answers a call at the peer goes to the caller.
//
// Locks: none held; takes transit.mu, those of the pair and the peer.
// Errors: ErrPeerClosed | ErrShouldWait ChannelMaxPending messages wait at the
// peer.
func (c *Channel) Write(m *Message) zx.Status {
	m.countEnds()
	unlock := c.lock(m.ends > 0)
	defer unlock()
	return c.send(m)
}

// lock takes the lock of the pair, and before it that of the ends in transit if
// transit is set. It gives what undoes that.
func (c *Channel) lock(transits bool) (unlock func()) {
	if !transits {
		c.pair.mu.Lock()
		return c.pair.mu.Unlock
	}
	transit.mu.Lock()
	c.pair.mu.Lock()
	return func() {
		c.pair.mu.Unlock()
		transit.mu.Unlock()
	}
}

// send gives m to the peer. Locks: pair.mu held, and transit.mu if m.ends is not 0.
func (c *Channel) send(m *Message) zx.Status {
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
	if m.ends > 0 {
		transit.enter(p, m)
	}
	return zx.OK
}

// answer hands m to the call at this end that waits for it, if one does.
// Locks: pair.mu held.
func (c *Channel) answer(m *Message) bool {
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

// Begin sends m as Write does, with a fresh transaction number in its first four
// bytes, and makes k the wait of w for the reply. After success the caller ends k
// by End. Pre: m has at least four bytes; k is zero.
//
// Locks: as Write. Errors: as Write | ErrCanceled c was closed.
func (k *Call) Begin(c *Channel, w Waiter, m *Message) zx.Status {
	m.countEnds()
	unlock := c.lock(m.ends > 0)
	defer unlock()
	c.lastTxid = (c.lastTxid + 1) | txidKernel
	*k = Call{channel: c, waiter: w, txid: c.lastTxid}
	binary.LittleEndian.PutUint32(m.Bytes, k.txid)
	if c.closed {
		return zx.ErrCanceled
	}
	if st := c.send(m); st != zx.OK {
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
// closed | Waiting sleep again | woken itself: the caller may sleep again,
// or End.
func (k *Call) Answer(woken zx.Status) zx.Status {
	k.channel.pair.mu.Lock()
	defer k.channel.pair.mu.Unlock()
	switch {
	case !k.waiting && woken != zx.ErrInternalIntrKilled:
		return k.status
	case woken == zx.OK:
		return Waiting
	}
	return woken
}

// End forgets the call and gives the reply, the caller's, if it came.
func (k *Call) End() *Message {
	mu := &k.channel.pair.mu
	mu.Lock()
	defer mu.Unlock()
	if k.waiting {
		k.leave()
	}
	m := k.reply
	k.reply = nil
	return m
}

// Read takes the oldest message if it has at most maxBytes and maxHandles, and
// gives it: it is then the caller's. bytes and handles tell how large it is, also
// when it is larger, and stays.
//
// Locks: none held; takes transit.mu, those of the pair and this end.
// Errors: ErrShouldWait there is none | ErrPeerClosed there is none and will be
// none | ErrBufferTooSmall.
func (c *Channel) Read(maxBytes, maxHandles uint32) (m *Message, bytes, handles int, st zx.Status) {
	unlock := c.lock(false)
	if c.head != nil && c.head.ends > 0 {
		unlock()
		unlock = c.lock(true) // by now another message may be first
	}
	defer unlock()
	if st := c.empty(); st != zx.OK {
		return nil, 0, 0, st
	}
	m = c.head
	bytes, handles = len(m.Bytes), len(m.Handles)
	if uint64(bytes) > uint64(maxBytes) || uint64(handles) > uint64(maxHandles) {
		return nil, bytes, handles, zx.ErrBufferTooSmall
	}
	if m.ends > 0 {
		transit.leave(c, m)
	}
	c.head = m.next
	c.pending--
	if c.head == nil {
		c.tail = nil
		c.UpdateSignals(zx.SignalReadable, 0)
	}
	return m, bytes, handles, zx.OK
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
	unlock := c.lock(true)
	if c.closed {
		unlock()
		return
	}
	c.closed = true
	unread, _ := c.takeAll()
	calls := c.calls != nil || c.peer.calls != nil
	c.peer.UpdateSignals(zx.SignalWritable, zx.SignalPeerClosed)
	unlock()
	discard(unread)
	if calls {
		Do(c.endCalls)
	}
}

// endCalls ends the calls at both ends, of which c is closed, so that there come
// no new ones: a chore.
func (c *Channel) endCalls(b *zx.Budget) (more bool) {
	for {
		n := 0
		c.pair.mu.Lock()
		for ; n < watchAtOnce && c.calls != nil; n++ {
			c.calls.finish(zx.ErrCanceled)
		}
		for ; n < watchAtOnce && c.peer.calls != nil; n++ {
			c.peer.calls.finish(zx.ErrPeerClosed)
		}
		c.pair.mu.Unlock()
		if n < watchAtOnce {
			return false
		}
		if b.Spend(n) {
			return true
		}
	}
}

// takeAll takes all messages off the queue, for discard. Locks: transit.mu and
// pair.mu held.
func (c *Channel) takeAll() (first, last *Message) {
	first, last = c.head, c.tail
	for m := first; m != nil && c.holds > 0; m = m.next {
		if m.ends > 0 {
			m.unread = c
		}
	}
	c.head, c.tail, c.pending, c.scan = nil, nil, 0, nil
	return first, last
}

// RelatedKoid is the koid of the peer.
func (c *Channel) RelatedKoid() zx.Koid { return c.peer.Koid() }

// OnZeroHandles closes this end with its last handle.
func (c *Channel) OnZeroHandles() { c.Close() }
