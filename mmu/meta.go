package mmu

import (
	"sync/atomic"

	"faultline/zx"
)

// Frame is a physical page number: the physical address divided by the page
// size. Zero is no frame (physical page 0 is never handed out).
type Frame uint32

// Addr gives the physical address of the frame's first byte.
func (f Frame) Addr() zx.PhysAddr { return zx.PhysAddr(f) << zx.PageShift }

// FrameAt gives the frame that holds pa.
func FrameAt(pa zx.PhysAddr) Frame { return Frame(pa >> zx.PageShift) }

// Owner values the allocator and the page tables write. A frame's owner may
// write anything below OwnerReserved.
const (
	OwnerNone     uint32 = 0           // allocated, not claimed yet
	OwnerReserved uint32 = 0xffff_fff0 // first value that is not an owner's to use
	OwnerZeroed   uint32 = 0xffff_fffb // free, and full of zeros
	OwnerZero     uint32 = 0xffff_fffc // the shared zero page
	OwnerTable    uint32 = 0xffff_fffd // a page table
	OwnerBlock    uint32 = 0xffff_fffe // the first frame of a free block
	OwnerFree     uint32 = 0xffff_ffff // free, and no more is known of it
)

// MetaBytes is the size of one Meta; the figure counts against the 32 bytes
// of metadata a resident page may cost.
const MetaBytes = 20

// Geometry of the packed word of a Meta.
const (
	indexHighBits = 20 // a page index has 52 bits: 32 in low, 20 in high
	indexHighMask = 1<<indexHighBits - 1

	// MetaTagBits is how many bits of Tag the frame's owner may use.
	MetaTagBits = 12
	metaTagMask = 1<<MetaTagBits - 1
)

// Meta is the record of one frame: flat, free of pointers, reached by frame
// number. While a frame is allocated every field belongs to its owner and is
// guarded by the owner's lock; Alloc hands it out all zero. Tables and other
// nodes of a tree count their entries in use with Live and AddLive, where a page
// has its index; an unlinked table uses Next to queue on a Gather; a free frame
// and the first of a free block have their own uses.
type Meta struct {
	Owner      uint32 // whose page this is; see the Owner constants
	Next, Prev Frame  // one doubly linked list of the owner's choice
	live       uint32 // Index, bits 31:0; of a node, its entries in use
	high       uint32 // Index, bits 51:32, then the tag
}

// Live is the number of entries in use of the node kept in the frame.
func (m *Meta) Live() uint32 { return m.live }

// AddLive changes that number by n.
func (m *Meta) AddLive(n int) { m.live += uint32(n) }

// addLive is AddLive that gives the result, for page tables, whose entries several
// CPUs write at once; n wraps.
func (m *Meta) addLive(n uint32) uint32 { return atomic.AddUint32(&m.live, n) }

// Index is the page index the owner keeps here, 52 bits.
func (m *Meta) Index() uint64 { return uint64(m.live) | uint64(m.high&indexHighMask)<<32 }

// Tag is MetaTagBits bits whose meaning is the owner's.
func (m *Meta) Tag() uint16 { return uint16(m.high >> indexHighBits) }

// SetTag stores the tag. Bits above MetaTagBits are dropped.
func (m *Meta) SetTag(t uint16) {
	m.high = m.high&indexHighMask | uint32(t&metaTagMask)<<indexHighBits
}

// Set stores owner, index and tag at once and leaves the list links alone.
// Pre: index below 1<<52, tag below 1<<MetaTagBits.
func (m *Meta) Set(owner uint32, index uint64, tag uint16) {
	m.Owner = owner
	m.live = uint32(index)
	m.high = uint32(index>>32)&indexHighMask | uint32(tag)<<indexHighBits
}
