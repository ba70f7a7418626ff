package vmar

import (
	"faultline/vmo"
	"faultline/zx"
)

// Entry is a region or mapping, as zx_info_maps_t tells of it.
type Entry struct {
	Base  zx.VirtAddr
	Size  uint64 // bytes
	Depth int    // 1 is the root, and 2 what lies in it
	// Of a mapping; nil and 0 of a region.
	VMO    *vmo.VMO // with a reference for the caller
	Offset uint64   // bytes in the VMO
	Perms  uint32   // zx.VMPermRead and so on
}

// After gives the region or mapping that follows e: a region comes before what lies
// in it, and all else goes by address, so that base and depth tell what is done
// even when e has gone meanwhile. After the zero Entry comes the root. It takes
// O(log n) at each depth.
//
// Locks: takes that of a lane.
func (as *AddressSpace) After(e Entry) (next Entry, ok bool) {
	as.lanes[0].mu.Lock()
	defer as.lanes[0].mu.Unlock()
	p := &as.root.place
	if e.Depth > 0 {
		p = as.root.after(uint64(e.Base), e.Depth)
	}
	if p == nil {
		return Entry{}, false
	}
	next = Entry{Base: zx.VirtAddr(p.base), Size: p.size, Depth: p.depth()}
	if m := p.mapping; m != nil {
		m.v.Retain()
		next.VMO, next.Offset, next.Perms = m.v, m.off, uint32(m.prot)
	}
	return next, true
}

// after gives the first place below r that comes after base and depth. Locks:
// space locked.
func (r *VMAR) after(base uint64, depth int) *place {
	c := r.holding(base)
	switch {
	case c == nil:
		return r.next(base)
	case c.base == base && c.depth() > depth:
		return c
	}
	if c.region != nil {
		if p := c.region.after(base, depth); p != nil {
			return p
		}
	}
	return r.next(c.end())
}

// depth is how deep p lies; the address space itself is at 0.
func (p *place) depth() int {
	if p.parent == nil {
		return 1
	}
	return p.parent.depth + 2
}
