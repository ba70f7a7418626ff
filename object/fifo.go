package object

import (
	"sync"

	"faultline/account"
	"faultline/zx"
)

// FIFOMaxBytes is the largest elements times size of one end of a fifo. Source:
// ZX_FIFO_MAX_SIZE_BYTES.
const FIFOMaxBytes = 4096

// fifoBytes is what one end costs beside its ring.
var fifoBytes = account.Bytes(256)

// RightsFIFO is what a fresh handle of a fifo carries. Source: Zircon rights
// (ZX_DEFAULT_FIFO_RIGHTS).
const RightsFIFO = RightsEventPair | zx.RightRead | zx.RightWrite

// FIFO is one end of a pair of rings of elements of one size: what the peer has
// written and this end has not read.
//
//	         Write at the peer            last handle of the peer
//	(empty) -----------------> (readable) ----------------------> PEER_CLOSED
//	         Read of the last
//
// Signals: READABLE while elements wait, WRITABLE while the peer lives and has
// room, PEER_CLOSED after.
type FIFO struct {
	Base
	peer *FIFO       // constant
	mu   *sync.Mutex // of both; comes before those of Base
	size int         // bytes of an element; constant

	// Guarded by mu.
	ring   []byte // nil: this end is closed
	at     int    // of the oldest element
	used   int    // bytes
	closed bool
}

// NewFIFO makes a fifo for count elements of size bytes each way.
//
// Errors: ErrOutOfRange one is 0, or together they are above FIFOMaxBytes.
func NewFIFO(count, size uint64) (a, b *FIFO, st zx.Status) {
	if count == 0 || size == 0 || count > FIFOMaxBytes || size > FIFOMaxBytes || count*size > FIFOMaxBytes {
		return nil, nil, zx.ErrOutOfRange
	}
	mu := new(sync.Mutex)
	a = &FIFO{mu: mu, size: int(size), ring: make([]byte, count*size)}
	b = &FIFO{mu: mu, size: int(size), ring: make([]byte, count*size)}
	a.peer, b.peer = b, a
	a.Base.Init(zx.ObjFIFO, zx.SignalWritable)
	b.Base.Init(zx.ObjFIFO, zx.SignalWritable)
	return a, b, zx.OK
}

// KernelBytes is what the end costs.
func (f *FIFO) KernelBytes() int64 { return fifoBytes + account.Bytes(uintptr(len(f.ring))) }

// Room is the size of an element and of the ring, in bytes.
func (f *FIFO) Room() (element, all int) { return f.size, FIFOMaxBytes / f.size * f.size }

// Write puts as many of the elements in p into the peer's ring as fit, and gives
// their number. len(p) is a multiple of the element's size, and not 0.
//
// Locks: takes those of the pair and both ends.
// Errors: ErrPeerClosed | ErrShouldWait there is no room.
func (f *FIFO) Write(p []byte) (n int, st zx.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to := f.peer
	if to.closed {
		return 0, zx.ErrPeerClosed
	}
	p = p[:min(len(p), len(to.ring)-to.used)]
	if len(p) == 0 {
		return 0, zx.ErrShouldWait
	}
	end := (to.at + to.used) % len(to.ring)
	copy(to.ring, p[copy(to.ring[end:], p):])
	to.used += len(p)
	to.UpdateSignals(0, zx.SignalReadable)
	if to.used == len(to.ring) {
		f.UpdateSignals(zx.SignalWritable, 0)
	}
	return len(p) / f.size, zx.OK
}

// Read takes the oldest elements, as many as fit p, and gives their number.
// len(p) is a multiple of the element's size, and not 0.
//
// Locks: takes those of the pair and both ends.
// Errors: ErrShouldWait there is none | ErrPeerClosed nor will be.
func (f *FIFO) Read(p []byte) (n int, st zx.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.used == 0 {
		if f.peer.closed {
			return 0, zx.ErrPeerClosed
		}
		return 0, zx.ErrShouldWait
	}
	p = p[:min(len(p), f.used)]
	copy(p[copy(p, f.ring[f.at:]):], f.ring)
	f.at = (f.at + len(p)) % len(f.ring)
	f.used -= len(p)
	if f.used == 0 {
		f.UpdateSignals(zx.SignalReadable, 0)
	}
	if !f.peer.closed {
		f.peer.UpdateSignals(0, zx.SignalWritable)
	}
	return len(p) / f.size, zx.OK
}

// SignalPeer changes the signals of the other end. See Peered.
func (f *FIFO) SignalPeer(clear, set zx.Signals) zx.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.peer.closed {
		return zx.ErrPeerClosed
	}
	f.peer.UpdateSignals(clear, set)
	return zx.OK
}

// RelatedKoid is the koid of the peer.
func (f *FIFO) RelatedKoid() zx.Koid { return f.peer.Koid() }

// OnZeroHandles drops what nobody will read and tells the peer.
func (f *FIFO) OnZeroHandles() {
	f.mu.Lock()
	f.closed = true
	f.ring, f.used = nil, 0
	f.peer.UpdateSignals(zx.SignalWritable, zx.SignalPeerClosed)
	f.mu.Unlock()
}
