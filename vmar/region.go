package vmar

import (
	"faultline/avl"
	"faultline/mmu"
	"faultline/zx"
)

const (
	canMapRWX = zx.VMCanMapRead | zx.VMCanMapWrite | zx.VMCanMapExecute
	permRWX   = zx.VMPermRead | zx.VMPermWrite | zx.VMPermExecute
)

// maxDepth is how many regions may lie in one another, so that a fault finds
// its mapping in bounded time.
const maxDepth = 64

// VMAR is a region of an address space. Mappings and smaller regions live in
// it without overlapping.
//
//	alive --Destroy, of it or of what holds it--> dead --its last child is gone--> gone
//
// A dead region answers ErrBadState for ever; until it is gone it keeps its
// place, and whatever is left in it is still mapped. remove alone makes it gone.
type VMAR struct {
	place
	space *AddressSpace
	flags uint32 // CAN_MAP bits: what may be mapped in it
	depth int    // how many regions it lies in

	// Guarded by the space.
	children   avl.Tree[place] // by address; the weight of each is the free space before it
	regions    avl.Tree[VMAR]  // those of the children that are regions, by address
	sibling    avl.Node[VMAR]  // the place in the regions of the parent
	dead, gone bool
}

// place is where a mapping or a region is in the region that holds it.
type place struct {
	node    avl.Node[place]
	parent  *VMAR    // nil for the root; constant
	mapping *Mapping // one of the two is nil: what is in the place; constant
	region  *VMAR

	// Of a mapping guarded by the space and the VMO's lock: both to write, either
	// to read. Of a region constant.
	base uint64 // address, page aligned
	size uint64 // bytes, page aligned
}

// end is the address after the last byte.
func (p *place) end() uint64 { return p.base + p.size }

// Space is the address space the region belongs to.
func (r *VMAR) Space() *AddressSpace { return r.space }

// Base is the address of the region's first byte.
func (r *VMAR) Base() zx.VirtAddr { return zx.VirtAddr(r.base) }

// Size is the size of the region in bytes.
func (r *VMAR) Size() uint64 { return r.size }

// Rights gives what a fresh handle of the region carries beside
// zx.RightsVMAR: one right for each permission it allows.
func (r *VMAR) Rights() zx.Rights { return zx.Rights(mappable(r.flags)) * zx.RightRead }

// holding gives the child that has va, or nil. Locks: space locked.
func (r *VMAR) holding(va uint64) *place {
	if n := r.children.Floor(va); n != nil {
		if c := n.Owner(); va-c.base < c.size {
			return c
		}
	}
	return nil
}

// next gives the first child that begins at va or later, or nil. Locks: the space
// locked.
func (r *VMAR) next(va uint64) *place {
	if n := r.children.Heavy(va, 0); n != nil {
		return n.Owner()
	}
	return nil
}

// find gives the mapping that holds va, in r or below it, unless it is being
// removed; nil if there is none. Locks: space locked.
func (r *VMAR) find(va uint64) *Mapping {
	for {
		c := r.holding(va)
		switch {
		case c == nil:
			return nil
		case c.region != nil:
			r = c.region
		case c.mapping.dying:
			return nil
		default:
			return c.mapping
		}
	}
}

// insert puts c, whose place is free, into r. Locks: space locked.
func (r *VMAR) insert(c *place) {
	free := c.base - r.base
	if n := r.children.Floor(c.base); n != nil {
		free = c.base - n.Owner().end()
	}
	r.children.Insert(&c.node, c, c.base, free)
	if c.region != nil {
		r.regions.Insert(&c.region.sibling, c.region, c.base, 0)
	}
	if next := c.node.Next(); next != nil {
		r.children.SetWeight(next, next.Key()-c.end())
	}
}

// remove takes c out of r. Locks: space locked.
func (r *VMAR) remove(c *place) {
	next, free := c.node.Next(), c.node.Weight()+c.size
	r.children.Remove(&c.node)
	if next != nil {
		r.children.SetWeight(next, next.Weight()+free)
	}
	if c.region != nil {
		r.regions.Remove(&c.region.sibling)
		c.region.dead, c.region.gone = true, true
		r.space.account.Release(childBytes)
	}
}

// regionIn says whether some of a region in r lies in [lo, hi). Locks: the space
// locked.
func (r *VMAR) regionIn(lo, hi uint64) bool {
	n := r.regions.Floor(hi - 1)
	return n != nil && n.Owner().end() > lo
}

// holds says whether [va, va+size) lies in r; size is not 0.
func (r *VMAR) holds(va, size uint64) bool {
	return size != 0 && va >= r.base && zx.InRange(va-r.base, size, r.size)
}

// cutAll is a permission no mapping has.
const cutAll = mmu.Prot(0xff)

// cut makes lo and hi boundaries of what is in r or below: mappings across them
// are split, but for those that have permissions keep, and dying ones.
//
// Locks: space locked; takes VMO locks. Errors: ErrNoMemory the account is
// spent, nothing is cut.
func (r *VMAR) cut(lo, hi uint64, keep mmu.Prot) zx.Status {
	n := 0
	across := func(va uint64) *Mapping {
		if m := r.find(va); m != nil && m.base < va && m.prot != keep {
			return m
		}
		return nil
	}
	for _, va := range [...]uint64{lo, hi} {
		if across(va) != nil {
			n++
		}
	}
	st := r.space.charge(n)
	for _, va := range [...]uint64{lo, hi} {
		if m := across(va); m != nil && st == zx.OK {
			m.parent.insert(&m.split(va).place)
		}
	}
	return st
}

// placeCost is what the end of a mapping or region spends of a budget: up to 5,000
// instructions, where much is overwritten.
const placeCost = 7

// clear removes what lies in [lo, hi), until all of it is gone or b is spent:
// translations first, then mappings and regions, the inner ones before the
// outer. It says whether all is gone.
// Pre: nothing lies across lo or hi. Locks: space locked, in a slice; takes VMO
// locks. Flush: done here.
func (r *VMAR) clear(lo, hi uint64, b *zx.Budget) bool {
	as := r.space
	// One that a stopped operation left dying goes whole.
	if c := r.holding(lo); c != nil && c.mapping != nil && c.mapping.dying {
		lo = c.base
	}
	if c := r.holding(hi); c != nil && c.mapping != nil && c.mapping.dying {
		hi = c.end()
	}
	c := r.next(lo)
	if c == nil || c.base >= hi {
		return true
	}
	// What lies below upto has no translation from now on: nothing enters one
	// while the space is locked.
	var g mmu.Gather
	upto := c.base + as.table.Unmap(zx.VirtAddr(c.base), (hi-c.base)>>zx.PageShift, &g, b)<<zx.PageShift
	g.Flush(as.tlb)
	for ; c != nil && c.base < hi; c = r.next(lo) {
		for c.region != nil && !c.region.children.Empty() {
			c.region.dead = true
			c = c.region.children.First().Owner()
			b.Spend(placeCost)
		}
		if c.mapping != nil {
			if c.end() > upto {
				c.mapping.die() // or faults would undo the work of this slice
				return false
			}
			c.mapping.forget()
		}
		c.parent.remove(c)
		if b.Spend(placeCost) {
			return false
		}
	}
	return true
}

// Destroy unmaps everything in the region and ends it and the regions in it.
// Its place becomes free for others. The root region may be destroyed too. A
// call that y stopped goes on when it is made again; what it left goes with the
// region that holds r, or with the space.
//
// Locks: none held; locks the space, takes VMO locks one at a time.
// Errors: ErrBadState destroyed already | what y answers.
func (r *VMAR) Destroy(y zx.Yielder) zx.Status {
	b, begun := zx.Budget{By: y}, false
	return r.space.inSlices(&b, func() (bool, zx.Status) {
		if r.gone {
			if begun {
				return true, zx.OK // somebody else ended it meanwhile
			}
			return true, zx.ErrBadState
		}
		begun, r.dead = true, true
		if !r.clear(r.base, r.end(), &b) {
			return false, zx.OK
		}
		if r.parent != nil {
			r.parent.remove(&r.place)
		}
		r.gone = true
		return true, zx.OK
	})
}

// fit finds the lowest free address for size bytes aligned to align below limit,
// all absolute addresses. It may unlock the space meanwhile.
//
// Locks: space locked.
// Errors: ErrNoResources it fits nowhere | ErrBadState r was destroyed | those of
// b.Look.
func (r *VMAR) fit(size, align, limit uint64, b *zx.Budget) (uint64, zx.Status) {
	limit = min(limit, r.end())
	for n := r.children.Heavy(0, size); n != nil; {
		free := n.Key() - n.Weight()
		if at, ok := within(free, min(n.Key(), limit), size, align); ok {
			return at, zx.OK
		}
		if free >= limit {
			return 0, zx.ErrNoResources
		}
		if !b.Spend(1) {
			n = n.Heavier(size)
			continue
		}
		key := n.Key() + 1
		r.space.unlock()
		st := b.Look()
		r.space.lock()
		if st == zx.OK && r.dead {
			st = zx.ErrBadState
		}
		if st != zx.OK {
			return 0, st
		}
		n = r.children.Heavy(key, size)
	}
	free := r.base
	if n := r.children.Last(); n != nil {
		free = n.Owner().end()
	}
	if at, ok := within(free, limit, size, align); ok {
		return at, zx.OK
	}
	return 0, zx.ErrNoResources
}

// within gives the first place of size bytes aligned to align in [at, end).
func within(at, end, size, align uint64) (uint64, bool) {
	start := (at + align - 1) &^ (align - 1)
	return start, start >= at && start <= end && size <= end-start
}

// spot decides where a new child goes: the checks that Allocate and Map share,
// in order. Without SPECIFIC that is the lowest free address. It may unlock the
// space meanwhile.
//
// Locks: space locked.
// Errors: ErrBadState r is destroyed | ErrAccessDenied r does not allow a
// permission of need (CAN_MAP bits) | ErrInvalidArgs SPECIFIC and
// OFFSET_IS_UPPER_LIMIT together, an offset with neither, an unaligned offset |
// ErrAccessDenied r does not allow SPECIFIC | ErrInvalidArgs out of the region |
// ErrAlreadyExists occupied | ErrInvalidArgs a region is in the way of an
// overwrite | ErrNoResources no room | those of b.Look.
// Source: docs/pager.md 3.16 step 9.
func (r *VMAR) spot(options, need uint32, off, size uint64, b *zx.Budget) (uint64, zx.Status) {
	specific := options&(zx.VMSpecific|zx.VMSpecificOverwrite) != 0
	upper := options&zx.VMOffsetIsUpperLimit != 0
	switch {
	case r.dead:
		return 0, zx.ErrBadState
	case need&^r.flags != 0:
		return 0, zx.ErrAccessDenied
	case specific && upper, !specific && !upper && off != 0, off&zx.PageMask != 0:
		return 0, zx.ErrInvalidArgs
	case (specific || upper) && r.flags&zx.VMCanMapSpecific == 0:
		return 0, zx.ErrAccessDenied
	}
	align := max(uint64(1)<<(options>>zx.VMAlignShift), zx.PageSize)
	if !specific {
		limit := r.end()
		if upper {
			if off > r.size || size > off {
				return 0, zx.ErrInvalidArgs
			}
			limit = r.base + off
		}
		return r.fit(size, align, limit, b)
	}
	at := r.base + off
	if !zx.InRange(off, size, r.size) || at&(align-1) != 0 {
		return 0, zx.ErrInvalidArgs
	}
	switch c := r.next(at); {
	case options&zx.VMSpecificOverwrite != 0:
		if r.regionIn(at, at+size) {
			return 0, zx.ErrInvalidArgs
		}
	case r.holding(at) != nil, c != nil && c.base < at+size:
		return 0, zx.ErrAlreadyExists
	}
	return at, zx.OK
}

// alignMask is the option bits that hold the alignment.
const alignMask uint32 = 0xff << zx.VMAlignShift

// alignOK says whether the alignment that options ask for is one there is.
func alignOK(options uint32) bool {
	shift := options >> zx.VMAlignShift
	return shift == 0 || shift >= 10 && shift <= 32
}

// Allocate makes a region of size bytes inside r. rights are those of the handle
// r was named by; y lets others run while it looks for a place.
//
// Locks: none held; locks the space.
// Errors: ErrInvalidArgs an option that is not CAN_MAP, SPECIFIC, COMPACT,
// OFFSET_IS_UPPER_LIMIT or an alignment | ErrAccessDenied a CAN_MAP bit without
// the right | ErrInvalidArgs size 0, unaligned or larger than r | those of spot
// | ErrNoMemory the account is spent, or maxDepth reached.
// Source: docs/pager.md 3.16, zx_vmar_allocate.
func (r *VMAR) Allocate(options uint32, off, size uint64, rights zx.Rights, y zx.Yielder) (*VMAR, zx.VirtAddr, zx.Status) {
	const known = canMapRWX | zx.VMCanMapSpecific | zx.VMSpecific | zx.VMCompact | zx.VMOffsetIsUpperLimit | alignMask
	if options&^known != 0 || !alignOK(options) {
		return nil, 0, zx.ErrInvalidArgs
	}
	if mappable(options)&^granted(rights) != 0 {
		return nil, 0, zx.ErrAccessDenied
	}
	if size == 0 || size&zx.PageMask != 0 || size > r.size {
		return nil, 0, zx.ErrInvalidArgs
	}
	as, b := r.space, zx.Budget{By: y}
	as.lock()
	defer as.unlock()
	at, st := r.spot(options, options&canMapRWX, off, size, &b)
	if st != zx.OK {
		return nil, 0, st
	}
	if r.depth == maxDepth || as.charge(1) != zx.OK {
		return nil, 0, zx.ErrNoMemory
	}
	sub := &VMAR{space: as, flags: options & (canMapRWX | zx.VMCanMapSpecific), depth: r.depth + 1}
	sub.place = place{parent: r, region: sub, base: at, size: size}
	r.insert(&sub.place)
	return sub, zx.VirtAddr(at), zx.OK
}
