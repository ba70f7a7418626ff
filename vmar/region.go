package vmar

import (
	"slices"

	"faultline/mmu"
	"faultline/zx"
)

const (
	canMapRWX = zx.VMCanMapRead | zx.VMCanMapWrite | zx.VMCanMapExecute
	permRWX   = zx.VMPermRead | zx.VMPermWrite | zx.VMPermExecute
)

// VMAR is a region of an address space. Mappings and smaller regions live in
// it without overlapping. Once destroyed it answers ErrBadState for ever.
type VMAR struct {
	space  *AddressSpace
	parent *VMAR // nil for the root
	base   uint64
	size   uint64
	flags  uint32 // CAN_MAP bits: what may be mapped in it

	// Guarded by space.mu.
	children []child // by address
	dead     bool
}

// child is a mapping or a region, with its bounds beside it so that a search
// touches nothing else. The bounds of a mapping are the Mapping's own.
type child struct {
	base, end uint64
	mapping   *Mapping // one of the two is nil
	region    *VMAR
}

// Space is the address space the region belongs to.
func (r *VMAR) Space() *AddressSpace { return r.space }

// Base is the address of the region's first byte.
func (r *VMAR) Base() zx.VirtAddr { return zx.VirtAddr(r.base) }

// Size is the size of the region in bytes.
func (r *VMAR) Size() uint64 { return r.size }

// Rights gives what a fresh handle of the region carries beside
// zx.RightsVMAR: one right for each permission it allows.
func (r *VMAR) Rights() (rights zx.Rights) {
	if r.flags&zx.VMCanMapRead != 0 {
		rights |= zx.RightRead
	}
	if r.flags&zx.VMCanMapWrite != 0 {
		rights |= zx.RightWrite
	}
	if r.flags&zx.VMCanMapExecute != 0 {
		rights |= zx.RightExecute
	}
	return rights
}

// index gives the first child that ends after va. Locks: space.mu held.
func (r *VMAR) index(va uint64) int {
	lo, hi := 0, len(r.children)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if r.children[mid].end > va {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// find gives the mapping that holds va, in r or below it, and the region it is
// in, or the innermost region that has va and nil. Locks: space.mu held.
func (r *VMAR) find(va uint64) (*VMAR, *Mapping) {
	for {
		i := r.index(va)
		if i == len(r.children) || va < r.children[i].base {
			return r, nil
		}
		if m := r.children[i].mapping; m != nil {
			return r, m
		}
		r = r.children[i].region
	}
}

// insert adds a child whose place is free. Locks: space.mu held.
func (r *VMAR) insert(c child) {
	r.children = slices.Insert(r.children, r.index(c.base), c)
}

// holds says whether [va, va+size) lies in r; size is not 0.
func (r *VMAR) holds(va, size uint64) bool {
	return size != 0 && va >= r.base && zx.InRange(va-r.base, size, r.size)
}

// cut makes va a boundary between children: a mapping across it is split.
// Pre: no region lies across va. Locks: space.mu held.
func (r *VMAR) cut(va uint64) {
	i := r.index(va)
	if i == len(r.children) || r.children[i].base >= va {
		return
	}
	c := &r.children[i]
	right := child{base: va, end: c.end, mapping: c.mapping.split(va)}
	c.end = va
	r.children = slices.Insert(r.children, i+1, right)
}

// cuts counts the mappings in r and below that lie across lo or hi, each to be
// split there. Locks: space.mu held.
func (r *VMAR) cuts(lo, hi uint64) (n int) {
	for _, va := range [...]uint64{lo, hi} {
		if _, m := r.find(va); m != nil && m.base < va {
			n++
		}
	}
	return n
}

// clear removes everything in [lo, hi): translations first, then whatever of
// mappings lies there; regions die.
// Pre: no region lies across lo or hi. Locks: space.mu held; takes VMO locks.
func (r *VMAR) clear(lo, hi uint64) {
	r.cut(lo)
	r.cut(hi)
	first := r.index(lo)
	limit := first
	for limit < len(r.children) && r.children[limit].base < hi {
		limit++
	}
	if first == limit {
		return
	}
	r.unmapPages(r.children[first].base, r.children[limit-1].end)
	for _, c := range r.children[first:limit] {
		c.kill()
	}
	r.children = slices.Delete(r.children, first, limit)
}

// unmapPages removes the translations of [lo, hi). Flush: done here.
func (r *VMAR) unmapPages(lo, hi uint64) {
	var g mmu.Gather
	r.space.table.Unmap(zx.VirtAddr(lo), (hi-lo)>>zx.PageShift, &g, nil)
	g.Flush(r.space.tlb)
}

// kill ends what c holds. Pre: no translation of it is left.
// Locks: space.mu held; takes VMO locks.
func (c *child) kill() {
	if c.mapping != nil {
		c.mapping.forget()
		return
	}
	for i := range c.region.children {
		c.region.children[i].kill()
	}
	c.region.children = nil
	c.region.dead = true
	c.region.space.areas--
}

// Destroy unmaps everything in the region and ends it and the regions in it.
// Its place becomes free for others. The root region may be destroyed too.
//
// Locks: none held; takes space.mu, then VMO locks one at a time.
// Errors: ErrBadState destroyed already.
func (r *VMAR) Destroy() zx.Status {
	as := r.space
	as.mu.Lock()
	defer as.mu.Unlock()
	if r.dead {
		return zx.ErrBadState
	}
	if r.parent == nil {
		as.areas++ // kill counts it off, but it was never counted
	}
	if len(r.children) != 0 {
		r.unmapPages(r.children[0].base, r.children[len(r.children)-1].end)
	}
	(&child{region: r}).kill()
	if p := r.parent; p != nil {
		i := p.index(r.base)
		p.children = slices.Delete(p.children, i, i+1)
	}
	return zx.OK
}

// appendMappings lists the mappings in r by address. Locks: space.mu held.
func (r *VMAR) appendMappings(list []MappingInfo) []MappingInfo {
	for i := range r.children {
		if m := r.children[i].mapping; m != nil {
			list = append(list, m.info())
		} else {
			list = r.children[i].region.appendMappings(list)
		}
	}
	return list
}

// guard is the unmapped space left on both sides of what is placed for the
// caller: running off the end of a mapping faults.
const guard = zx.PageSize

// place finds the lowest free address for size bytes aligned to align below
// limit, all absolute addresses. Locks: space.mu held.
// Errors: ErrNoResources it fits nowhere.
func (r *VMAR) place(size, align, limit uint64) (uint64, zx.Status) {
	at := r.base
	for i := 0; ; i++ {
		// The gap before child i, or after the last.
		gapEnd := min(limit, r.base+r.size)
		if i < len(r.children) {
			gapEnd = min(gapEnd, r.children[i].base-guard)
		}
		start := (at + align - 1) &^ (align - 1)
		if start >= at && start <= gapEnd && size <= gapEnd-start {
			return start, zx.OK
		}
		if i == len(r.children) || r.children[i].base >= limit {
			return 0, zx.ErrNoResources
		}
		at = r.children[i].end + guard
	}
}

// spot decides where a new child goes: the checks that Allocate and Map share,
// in order. overwrite says that mappings in the way are to be cleared.
//
// Locks: space.mu held.
// Errors: ErrBadState r is destroyed | ErrInvalidArgs size 0 | ErrAccessDenied
// r does not allow a permission of need (CAN_MAP bits) | ErrInvalidArgs SPECIFIC
// and OFFSET_IS_UPPER_LIMIT together, an offset with neither, an unaligned
// offset | ErrAccessDenied r does not allow SPECIFIC | ErrInvalidArgs a bad
// alignment, out of the region | ErrAlreadyExists occupied | ErrInvalidArgs a
// region is in the way of an overwrite | ErrNoResources no room.
// Source: spec section 3.16 step 9.
func (r *VMAR) spot(options, need uint32, off, size uint64) (uint64, zx.Status) {
	specific := options&(zx.VMSpecific|zx.VMSpecificOverwrite) != 0
	upper := options&zx.VMOffsetIsUpperLimit != 0
	alignShift := options >> zx.VMAlignShift
	switch {
	case r.dead:
		return 0, zx.ErrBadState
	case size == 0:
		return 0, zx.ErrInvalidArgs
	case need&^r.flags != 0:
		return 0, zx.ErrAccessDenied
	case specific && upper, !specific && !upper && off != 0, off&zx.PageMask != 0:
		return 0, zx.ErrInvalidArgs
	case (specific || upper) && r.flags&zx.VMCanMapSpecific == 0:
		return 0, zx.ErrAccessDenied
	case alignShift != 0 && (alignShift < 10 || alignShift > 32):
		return 0, zx.ErrInvalidArgs
	}
	align := max(uint64(1)<<alignShift, zx.PageSize)
	if !specific {
		limit := r.base + r.size
		if upper {
			if off > r.size || size > off {
				return 0, zx.ErrInvalidArgs
			}
			limit = r.base + off
		}
		return r.place(size, align, limit)
	}
	if !zx.InRange(off, size, r.size) {
		return 0, zx.ErrInvalidArgs
	}
	at := r.base + off
	if at&(align-1) != 0 {
		return 0, zx.ErrInvalidArgs
	}
	for i := r.index(at); i < len(r.children) && r.children[i].base < at+size; i++ {
		if options&zx.VMSpecificOverwrite == 0 {
			return 0, zx.ErrAlreadyExists
		}
		if r.children[i].region != nil {
			return 0, zx.ErrInvalidArgs
		}
	}
	return at, zx.OK
}

// Allocate makes a region of size bytes, rounded up to pages, inside r. rights
// are those of the handle r was named by.
//
// Locks: takes space.mu.
// Errors: ErrInvalidArgs an option that is not CAN_MAP, SPECIFIC, COMPACT,
// OFFSET_IS_UPPER_LIMIT or an alignment | ErrAccessDenied a CAN_MAP bit without
// the right | ErrInvalidArgs the rounding wraps | those of spot | ErrNoMemory
// MaxChildren reached.
func (r *VMAR) Allocate(options uint32, off, size uint64, rights zx.Rights) (*VMAR, zx.VirtAddr, zx.Status) {
	const known = canMapRWX | zx.VMCanMapSpecific | zx.VMSpecific | zx.VMCompact | zx.VMOffsetIsUpperLimit | alignMask
	if options&^known != 0 {
		return nil, 0, zx.ErrInvalidArgs
	}
	if !allowed(options, zx.VMCanMapRead, zx.VMCanMapWrite, zx.VMCanMapExecute, rights) {
		return nil, 0, zx.ErrAccessDenied
	}
	size, ok := zx.RoundUp(size)
	if !ok {
		return nil, 0, zx.ErrInvalidArgs
	}
	as := r.space
	as.mu.Lock()
	defer as.mu.Unlock()
	at, st := r.spot(options, options&canMapRWX, off, size)
	if st != zx.OK {
		return nil, 0, st
	}
	if !as.roomFor(1) {
		return nil, 0, zx.ErrNoMemory
	}
	as.areas++
	sub := &VMAR{space: as, parent: r, base: at, size: size, flags: options & (canMapRWX | zx.VMCanMapSpecific)}
	r.insert(child{base: at, end: at + size, region: sub})
	return sub, zx.VirtAddr(at), zx.OK
}

// alignMask is the option bits that hold the alignment.
const alignMask uint32 = 0xff << zx.VMAlignShift

// allowed says whether rights cover each of three options that is set.
func allowed(options, read, write, execute uint32, rights zx.Rights) bool {
	return (options&read == 0 || rights&zx.RightRead != 0) &&
		(options&write == 0 || rights&zx.RightWrite != 0) &&
		(options&execute == 0 || rights&zx.RightExecute != 0)
}
