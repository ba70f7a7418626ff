package vmo

import (
	"faultline/avl"
	"faultline/zx"
)

// CheckChild is the part of CreateChild that comes before the handle is looked
// up: steps 1 and 2 of docs/pager.md 3.15.
func CheckChild(options uint32, size uint64) zx.Status {
	if _, ok := zx.RoundUp(size); !ok {
		return zx.ErrOutOfRange
	}
	if options&zx.VMOChildNoWrite != 0 && options&zx.VMOChildResizable != 0 {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}

// childKinds are the kinds of children, in the order in which they are looked
// for.
var childKinds = [...]uint32{
	zx.VMOChildSlice, zx.VMOChildReference, zx.VMOChildSnapshot,
	zx.VMOChildSnapshotAtLeastOnWrite, zx.VMOChildSnapshotModified,
}

// CreateChild is CreateChildFor by the Store that made v.
func (v *VMO) CreateChild(options uint32, off, size uint64) (*VMO, zx.Status) {
	return v.CreateChildFor(v.store, options, off, size, nil)
}

// CreateChildFor makes a child of v that shows [off, off+size): a slice or a
// reference shows the very pages, a snapshot shows them until one side writes.
// It has one reference, and keeps the pages it needs, but not v. Costs the same
// for any size.
//
// The caller rounds nothing, and has done CheckChild, which is repeated.
//
// The Store by pays for it, and y, which may be nil, yields.
//
// Units: bytes.
// Locks: takes the family's.
// Errors, in this order: those of CheckChild | ErrNotSupported discardable |
// ErrInvalidArgs no kind, or an option the kind does not allow | ErrNoMemory | those
// of the kind (slice, reference, snapshot) | those of y.
// Flush: done; an exact snapshot takes write permission from the mappings of
// the node.
// Source: docs/pager.md 3.15, 7.
func (v *VMO) CreateChildFor(by *Store, options uint32, off, size uint64, y zx.Yielder) (*VMO, zx.Status) {
	if st := CheckChild(options, size); st != zx.OK {
		return nil, st
	}
	if v.Discardable() {
		return nil, zx.ErrNotSupported
	}
	kind := uint32(0)
	for _, k := range childKinds {
		if kind == 0 && options&k != 0 {
			kind = k
		}
	}
	allowed := kind | zx.VMOChildNoWrite
	if kind != zx.VMOChildSlice {
		allowed |= zx.VMOChildResizable
	}
	if kind == 0 || options&^allowed != 0 {
		return nil, zx.ErrInvalidArgs
	}
	if st := by.account.Charge(windowBytes); st != zx.OK {
		return nil, st
	}
	for b := (zx.Budget{By: y}); ; {
		child, st := v.createChild(by, kind, options, off, size)
		if st == zx.OK {
			return child, zx.OK
		}
		if st == errSpent {
			st = b.Look()
		}
		if st != zx.OK {
			by.account.Release(windowBytes)
			return nil, st
		}
	}
}

// createChild is CreateChildFor of a kind, until a turn is spent. Locks: takes the
// family's.
func (v *VMO) createChild(by *Store, kind, options uint32, off, size uint64) (*VMO, zx.Status) {
	child := &VMO{store: by}
	c := v.lock()
	defer v.Unlock()
	var st zx.Status
	childOptions := uint32(0)
	switch kind {
	case zx.VMOChildSlice:
		st = v.slice(child, off, pageUp(size))
	case zx.VMOChildReference:
		st = v.reference(child, options, off, size)
		childOptions = v.options
	default:
		if options&zx.VMOChildResizable != 0 {
			childOptions = zx.VMOResizable
		}
		child.primary, child.clone = true, true
		child.immutable = kind == zx.VMOChildSnapshot && options&zx.VMOChildNoWrite != 0
		st = v.snapshot(c, child, kind, off, size)
	}
	if st != zx.OK {
		return nil, st
	}
	by.initVMO(child, v.fam, childOptions)
	v.bear(child)
	return child, zx.OK
}

// slice makes child show [off, off+size) of what v shows.
//
// Errors, in this order: ErrInvalidArgs off is unaligned | ErrOutOfRange too
// large | ErrInvalidArgs it leaves v | ErrNotSupported v is resizable |
// ErrBadState it is not cached, unless it is contiguous or physical.
// Source: docs/pager.md 7.1.
func (v *VMO) slice(child *VMO, off, size uint64) zx.Status {
	switch {
	case off&zx.PageMask != 0:
		return zx.ErrInvalidArgs
	case size > zx.VMOMaxSize:
		return zx.ErrOutOfRange
	case !zx.InRange(off, size, v.SizeLocked()):
		return zx.ErrInvalidArgs
	case v.Resizable():
		return zx.ErrNotSupported
	case v.cow.cache != zx.CachePolicyCached && !v.fam.contiguous && !v.fam.physical:
		return zx.ErrBadState
	}
	child.isSlice, child.off, child.length = true, v.off+off, size
	v.cow.addWindow(child)
	return zx.OK
}

// reference makes child show all that v shows, and its size and stream size.
//
// Errors, in this order: ErrInvalidArgs a range | ErrNotSupported v is a slice,
// contiguous or physical, or RESIZABLE is asked for and v is not | ErrBadState it
// is not cached.
// Source: docs/pager.md 7.1.
func (v *VMO) reference(child *VMO, options uint32, off, size uint64) zx.Status {
	switch {
	case off != 0 || size != 0:
		return zx.ErrInvalidArgs
	case v.fam.physical, v.fam.contiguous, v.isSlice, options&zx.VMOChildResizable != 0 && !v.Resizable():
		return zx.ErrNotSupported
	case v.cow.cache != zx.CachePolicyCached:
		return zx.ErrBadState
	}
	v.cow.addWindow(child)
	return zx.OK
}

// snapshot makes child show [off, off+size) of what v shows, each page until it
// or, of an exact snapshot, v writes it.
//
// Errors, in this order: ErrInvalidArgs off is unaligned | ErrOutOfRange too
// large, the range wraps, or leaves a slice | ErrNotSupported SNAPSHOT below a
// pager | ErrInvalidArgs it wraps in the root | ErrNotSupported an exact one of a
// slice | ErrBadState of exact ones: a page of the node is pinned |
// ErrNotSupported of exact ones: the family's shape.
// Source: docs/pager.md 7.1.
func (v *VMO) snapshot(c *cowPages, child *VMO, kind uint32, off, size uint64) zx.Status {
	length := pageUp(size)
	switch {
	case c.fam.physical:
		return zx.ErrNotSupported
	case c.fam.contiguous, off&zx.PageMask != 0:
		return zx.ErrInvalidArgs
	case length > zx.VMOMaxSize, off+length < off, v.isSlice && !zx.InRange(off, length, v.length):
		return zx.ErrOutOfRange
	case c.cache != zx.CachePolicyCached:
		return zx.ErrBadState
	case kind == zx.VMOChildSnapshot && c.fam.root != nil:
		return zx.ErrNotSupported
	}
	top, depth := c.projected(v.off + off)
	switch {
	case top+length < length:
		return zx.ErrInvalidArgs
	case depth >= deepest:
		return zx.ErrNoMemory
	}
	exact := kind == zx.VMOChildSnapshot || kind == zx.VMOChildSnapshotModified && c.parent != nil
	oneWay := !exact && c.fam.root != nil && (c.parent == nil || !c.parent.hidden())
	switch {
	case oneWay:
	case v.isSlice:
		return zx.ErrNotSupported
	case c.pinned != 0:
		return zx.ErrBadState
	case c.paged || !c.children.Empty():
		return zx.ErrNotSupported
	}
	at, from, limit := c.hangPoint(v.off+off, length, oneWay)
	if !oneWay && at == c && c.parent != nil && !c.parent.hidden() && !c.parent.paged {
		return zx.ErrNotSupported
	}
	by := child.store
	if st := by.account.Charge(nodeBytes); st != zx.OK {
		return st
	}
	if !oneWay && at == c {
		if st := c.hide(); st != zx.OK {
			by.account.Release(nodeBytes)
			return st
		}
	}
	n := &cowPages{}
	by.initCow(n, c.fam, length, by.mem.PaidBy(by.account))
	n.stream = size
	n.addWindow(child)
	c.fam.deep.Store(max(c.fam.deep.Load(), int32(depth)+2))
	at.adopt(n, from, limit)
	return zx.OK
}

// deepest is how many nodes may be above one: who looks for a page goes through all.
const deepest = 1000

// projected gives where off lies in the top of the family, and how many nodes there
// are above c.
func (c *cowPages) projected(off uint64) (top uint64, depth int) {
	for ; c.parent != nil; c = c.parent {
		off += c.parentOff()
		depth++
	}
	return off, depth
}

// lookCost is what it costs of a turn to find out who has a page.
func (f *family) lookCost() int { return 1 + int(f.deep.Load())/4 }

// LookCost is what it costs of a zx.Budget to find out what v shows at an offset.
// Locks: none.
func (v *VMO) LookCost() int { return v.fam.lookCost() }

// hangPoint gives the node below which a snapshot of [off, off+length) of c
// hangs, from where, and how much of it it sees: the lowest that has anything
// there. An exact one stops below a node that somebody can write.
func (c *cowPages) hangPoint(off, length uint64, oneWay bool) (at *cowPages, from, limit uint64) {
	limit = min(length, max(c.size, off)-off)
	for c.parent != nil && (oneWay || c.parent.hidden()) && !c.ownsAny(off, off+limit) {
		limit = min(limit, max(c.parentLimit(), off)-off)
		off += c.parentOff()
		c = c.parent
	}
	return c, off, limit
}

// hide makes c a hidden node: its windows, with their mappings, go to a new node
// below it that has nothing yet. Errors: ErrNoMemory | errSpent.
func (c *cowPages) hide() zx.Status {
	if !c.cleared(0, c.size, true) {
		return errSpent
	}
	by := c.store.PaidBy(c.mem.Payer())
	if st := by.account.Charge(nodeBytes); st != zx.OK {
		return st
	}
	n := &cowPages{}
	by.initCow(n, c.fam, c.size, by.mem.PaidBy(by.account))
	n.stream, n.reclaimed = c.stream, c.reclaimed
	n.windows, n.mappings = c.windows, c.mappings
	for w := n.windows; w != nil; w = w.nextWindow {
		w.cow = n
	}
	c.windows, c.mappings = nil, avl.Tree[MappingPlace]{}
	c.adopt(n, 0, c.size)
	return zx.OK
}
