package x86

import (
	"fmt"
	"sync/atomic"
)

// A split virtqueue, driver's side. Source: OASIS virtio 1.2, 2.7.
//
// The device may read the descriptors and write the used ring at any time, so
// nothing that the driver relies on is kept there: chains and free lists have
// a private copy, and what the device says is checked against it.

const (
	descNext  = 1 // the chain goes on
	descWrite = 2 // the device writes here

	ringMaxSize = 256
	noDesc      = 0xffff
)

// descriptor is struct virtq_desc.
type descriptor struct {
	addr   uint64
	length uint32
	flags  uint16
	next   uint16
}

// usedElem is struct virtq_used_elem.
type usedElem struct {
	id     uint32
	length uint32
}

// segment is one run of memory of a request.
type segment struct {
	addr   uint64
	length uint32
	write  bool // by the device
}

// ring is one virtqueue whose chains carry a T each. The caller locks it.
type ring[T any] struct {
	// Shared with the device.
	desc  []descriptor
	avail *atomic.Uint32 // flags, and idx in the upper half
	slots []uint16       // the available ring
	used  *atomic.Uint32 // flags, and idx in the upper half
	elems []usedElem     // the used ring

	memory ringMemory

	size     uint16
	free     uint16   // first free descriptor
	nfree    uint16   // how many
	next     []uint16 // links of free list and chains
	chains   []chain[T]
	availIdx uint16 // next to fill, published by publish
	usedIdx  uint16 // next to reap
	inFlight uint16 // chains pushed and not popped
}

// chain is what the driver knows of the chain that starts at one descriptor.
type chain[T any] struct {
	live     bool
	writable uint32 // bytes the device may write
	owner    T
}

// ringLayout gives the offsets of the three parts for a ring of n descriptors,
// and the bytes of the whole. Source: virtio 1.2, 2.7 (alignments 16, 2, 4).
func ringLayout(n int) (avail, used, bytes int) {
	avail = 16 * n
	used = (avail + 4 + 2*n + 2 + 3) &^ 3
	return avail, used, used + 4 + 8*n + 2
}

// openRing makes a ring, of as many descriptors as the device offers up to ringMaxSize and
// not fewer than least, makes it the device's, and lets that go to work.
func openRing[T any](t transport, queue uint16, least uint32, address func([]byte) uint64) (*ring[T], error) {
	most := t.queueMax(queue)
	if most < least || most > 32768 || most&(most-1) != 0 {
		return nil, fmt.Errorf("virtio: queue of %d descriptors", most)
	}
	r := newRing[T](uint16(min(most, ringMaxSize)))
	base := address(r.memory)
	avail, used, _ := ringLayout(int(r.size))
	t.setQueue(queue, r.size, base, base+uint64(avail), base+uint64(used))
	t.setStatus(t.status() | statusDriverOK)
	return r, nil
}

// newRing makes a ring of size descriptors, a power of two up to ringMaxSize.
func newRing[T any](size uint16) *ring[T] {
	r := &ring[T]{
		size:   size,
		nfree:  size,
		next:   make([]uint16, size),
		chains: make([]chain[T], size),
		memory: newRingMemory(int(size)),
	}
	r.desc, r.avail, r.slots, r.used, r.elems = r.memory.parts(int(size))
	for i := range r.next {
		r.next[i] = uint16(i) + 1
	}
	r.next[size-1] = noDesc
	return r
}

// push adds a chain of segments for owner; false if there are not enough
// free descriptors. The device does not see it before publish.
func (r *ring[T]) push(segs []segment, owner T) bool {
	if len(segs) == 0 || len(segs) > int(r.nfree) {
		return false
	}
	head := r.free
	var writable uint32
	at := head
	for i, s := range segs {
		d := descriptor{addr: s.addr, length: s.length}
		if s.write {
			d.flags = descWrite
			writable += s.length
		}
		after := r.next[at]
		if i+1 < len(segs) {
			d.flags |= descNext
			d.next = after
		} else {
			r.next[at] = noDesc
			r.free = after
		}
		r.desc[at] = d
		at = after
	}
	r.nfree -= uint16(len(segs))
	r.chains[head] = chain[T]{live: true, writable: writable, owner: owner}
	r.slots[r.availIdx%r.size] = head
	r.availIdx++
	r.inFlight++
	return true
}

// publish shows the device all chains pushed so far.
func (r *ring[T]) publish() { r.avail.Store(uint32(r.availIdx) << 16) }

// pop takes one finished chain and gives its owner. ok is false if none is finished.
//
// Errors: the device names a chain it was not given, or more bytes than it
// could have written. The ring must then not be used again.
func (r *ring[T]) pop() (owner T, ok bool, err error) {
	idx := uint16(r.used.Load() >> 16)
	ready := idx - r.usedIdx
	if ready == 0 {
		return owner, false, nil
	}
	if ready > r.inFlight {
		return owner, false, fmt.Errorf("virtio: device finished %d chains of %d", ready, r.inFlight)
	}
	e := r.elems[r.usedIdx%r.size]
	if e.id >= uint32(r.size) || !r.chains[e.id].live {
		return owner, false, fmt.Errorf("virtio: device finished chain %d, which it was not given", e.id)
	}
	c := &r.chains[e.id]
	if e.length > c.writable {
		return owner, false, fmt.Errorf("virtio: device wrote %d bytes into %d", e.length, c.writable)
	}
	owner = c.owner
	*c = chain[T]{}
	r.usedIdx++
	r.inFlight--
	last, n := uint16(e.id), uint16(1)
	for r.next[last] != noDesc {
		last = r.next[last]
		n++
	}
	r.next[last] = r.free
	r.free = uint16(e.id)
	r.nfree += n
	return owner, true, nil
}
