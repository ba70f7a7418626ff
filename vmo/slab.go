package vmo

import (
	"faultline/mmu"
	"faultline/spin"
	"faultline/zx"
)

// intervalPool is the memory of zero intervals: frames cut into records, those
// that have a free one in a list through their Meta. A frame goes back when the
// last of its records does.
//
// Locks: mu is a leaf but for the frame allocator's.
type intervalPool struct {
	mem *mmu.Memory

	mu   spin.Lock
	open mmu.Frame // the first frame with a free record
}

// slabHeader is what stands before the records of a frame.
type slabHeader struct {
	free *interval
	used int
}

// take gives a record whose contents are undefined. Errors: ErrNoMemory.
func (p *intervalPool) take() (*interval, zx.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == 0 {
		f, st := p.mem.AllocZeroed()
		if st != zx.OK {
			return nil, st
		}
		p.mem.Meta(f).Owner = ownerNode
		h := slabAt(p.mem, f)
		for i := range h.records {
			iv := &h.records[i]
			iv.frame, iv.next, h.free = f, h.free, iv
		}
		p.push(f)
	}
	h := slabAt(p.mem, p.open)
	iv := h.free
	h.free = iv.next
	h.used++
	if h.free == nil {
		p.unlink(p.open)
	}
	return iv, zx.OK
}

// give takes a record back.
func (p *intervalPool) give(iv *interval) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := iv.frame
	h := slabAt(p.mem, f)
	if h.free == nil {
		p.push(f)
	}
	iv.next, h.free = h.free, iv
	if h.used--; h.used == 0 {
		p.unlink(f)
		p.mem.Free(f)
	}
}

// push makes f the first with a free record. Locks: p.mu held.
func (p *intervalPool) push(f mmu.Frame) {
	meta := p.mem.Meta(f)
	meta.Next, meta.Prev = p.open, 0
	if p.open != 0 {
		p.mem.Meta(p.open).Prev = f
	}
	p.open = f
}

// unlink takes f off the list. Locks: p.mu held.
func (p *intervalPool) unlink(f mmu.Frame) {
	meta := p.mem.Meta(f)
	if meta.Prev == 0 {
		p.open = meta.Next
	} else {
		p.mem.Meta(meta.Prev).Next = meta.Next
	}
	if meta.Next != 0 {
		p.mem.Meta(meta.Next).Prev = meta.Prev
	}
	meta.Next, meta.Prev = 0, 0
}
