package vmo

import (
	"fmt"
	"sync/atomic"

	"faultline/avl"
	"faultline/zx"
)

// VMO is a virtual memory object: what a handle and a mapping hold, a window on
// a page node. Most show a whole node that is theirs alone; a reference shows the
// node of another, a slice part of it. Make one with Store.New, Store.NewPaged or
// CreateChild.
type VMO struct {
	// Constant.
	fam       *family
	store     *Store
	id        uint32 // in the Store's registry
	koid      zx.Koid
	options   uint32
	root      bool   // made by NewPaged
	primary   bool   // came with its node; slices and references came later, and count nothing of it
	clone     bool   // a snapshot
	immutable bool   // an exact snapshot that nobody may write
	isSlice   bool   // shows [off, off+length) of the node, for good
	off       uint64 // bytes
	length    uint64 // of a slice, bytes

	// Guarded by the family's lock.
	cow                    *cowPages
	nextWindow, prevWindow *VMO // on the same node
	kin                    kinship

	name   atomic.Pointer[string]
	refs   atomic.Int32
	mapped int32 // mappings; guarded by the family's lock
}

// Koid is the VMO's identity, and that of the object that handles of it name.
func (v *VMO) Koid() zx.Koid { return v.koid }

// Store gives the Store the VMO belongs to.
func (v *VMO) Store() *Store { return v.store }

// Source gives the page source of a VMO that a pager made, nil of any other.
// Slices, clones and references have none of their own.
func (v *VMO) Source() *PageSource {
	if v.root {
		return v.fam.source
	}
	return nil
}

// Resizable says whether SetSize is allowed.
func (v *VMO) Resizable() bool { return v.options&zx.VMOResizable != 0 }

// Retain adds a reference. Pre: the caller has one.
func (v *VMO) Retain() { v.refs.Add(1) }

// tryRetain adds a reference unless the last one is gone.
func (v *VMO) tryRetain() bool {
	for {
		n := v.refs.Load()
		if n == 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release drops a reference. With the last one of a node's windows goes the
// node, if no child needs it: its source is detached and its pages freed, dirty
// ones included; see Store.SetLater for when. Handles, mappings and operations in progress hold
// references.
//
// Locks: none held that come after the VMO's.
// Source: docs/pager.md 2.3.
func (v *VMO) Release() {
	n := v.refs.Add(-1)
	if n > 0 {
		return
	}
	if n < 0 {
		panic(fmt.Sprintf("vmo.Release: VMO %d has %d references", v.koid, n))
	}
	c := v.lock()
	if v.mapped != 0 {
		panic(fmt.Sprintf("vmo.Release: VMO %d dies with %d mappings", v.koid, v.mapped))
	}
	more := v.pass(buryAtOnce)
	c.removeWindow(v)
	last := c.windows == nil
	if last {
		c.settle()
	}
	v.Unlock()
	s := v.store
	s.vmos.give(v.id)
	switch {
	case !more:
		v.goes()
	case s.later != nil:
		s.later(v.passSome)
	default:
		for v.passSome(&zx.Budget{}) {
		}
	}
	if !last {
		return
	}
	var b zx.Budget
	b.Spend(zx.BudgetUnits - buryAtOnce)
	switch more = s.bury(&b); {
	case more && s.later != nil:
		s.later(s.bury)
	case more:
		for more {
			more = s.bury(&zx.Budget{})
		}
	}
}

// passSome passes a turn's worth of the children of v, which died, on to its parent, and
// says whether there are more. Locks: none held.
func (v *VMO) passSome(b *zx.Budget) (more bool) {
	v.Lock()
	more = v.pass(passTurn)
	v.Unlock()
	b.Spend(zx.BudgetUnits)
	if !more {
		v.goes()
	}
	return more
}

// goes is the end of v.
func (v *VMO) goes() {
	if !v.primary || v.clone { // else it is a founder's
		v.store.account.Release(windowBytes)
	}
}

// buryAtOnce is how many units of a zx.Budget whoever ends a VMO does at once.
const buryAtOnce = 32

// addWindow makes v show c. Locks: the family's held.
func (c *cowPages) addWindow(v *VMO) {
	v.cow, v.nextWindow = c, c.windows
	if c.windows != nil {
		c.windows.prevWindow = v
	}
	c.windows = v
}

// removeWindow takes v off c. Locks: the family's held.
func (c *cowPages) removeWindow(v *VMO) {
	if v.prevWindow == nil {
		c.windows = v.nextWindow
	} else {
		v.prevWindow.nextWindow = v.nextWindow
	}
	if v.nextWindow != nil {
		v.nextWindow.prevWindow = v.prevWindow
	}
	v.nextWindow, v.prevWindow = nil, nil
}

// lock takes the family's lock and gives the node the VMO shows.
func (v *VMO) lock() *cowPages {
	v.fam.mu.Lock()
	return v.cow
}

// Lock takes the VMO's lock, for the fault path of vmar: Lock, RequirePage, map
// the page, Unlock. It is that of the whole family.
func (v *VMO) Lock() { v.fam.mu.Lock() }

// Unlock releases the VMO's lock.
func (v *VMO) Unlock() { v.fam.mu.Unlock() }

// Size gives the size in bytes, a multiple of the page size.
func (v *VMO) Size() uint64 {
	v.Lock()
	n := v.SizeLocked()
	v.Unlock()
	return n
}

// SizeLocked is Size with the VMO's lock held.
func (v *VMO) SizeLocked() uint64 {
	if v.isSlice {
		return v.length
	}
	return v.cow.size
}

// StreamSize gives the size of the content in bytes. References share it; that
// of a slice is its size.
func (v *VMO) StreamSize() uint64 {
	v.lock()
	n := v.StreamSizeLocked()
	v.Unlock()
	return n
}

// StreamSizeLocked is StreamSize with the VMO's lock held.
func (v *VMO) StreamSizeLocked() uint64 {
	if v.isSlice {
		return v.length
	}
	return v.cow.stream
}

// checkRange says whether [off, off+length) lies in the VMO. Locks: the VMO's
// held.
func (v *VMO) checkRange(off, length uint64) zx.Status {
	if !zx.InRange(off, length, v.SizeLocked()) {
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// MappingPlace is the place of a mapping among those of a VMO. It is part of the
// mapping. Guarded by the VMO's lock.
type MappingPlace struct {
	Mapping Mapping
	window  *VMO
	node    avl.Node[MappingPlace] // by offset in the page node; weights are ends
}

// AddMapping makes m, whose place p is, hear of every range of [off, off+size)
// that must be unmapped or write protected. The mapping holds its own reference
// to the VMO. It gives the cache policy, which stays while there are mappings.
// O(log n) in the mappings of the node.
//
// Locks: takes the VMO's.
func (v *VMO) AddMapping(p *MappingPlace, m Mapping, off, size uint64) (policy uint32) {
	c := v.lock()
	p.Mapping, p.window = m, v
	at := addSaturating(v.off, off)
	c.mappings.Insert(&p.node, p, at, addSaturating(at, size))
	v.mapped++
	policy = c.cache
	v.Unlock()
	return policy
}

// ShrinkMapping makes the range of a mapping size bytes long. Locks: the VMO's
// held.
func (v *VMO) ShrinkMapping(p *MappingPlace, size uint64) {
	v.cow.mappings.SetWeight(&p.node, addSaturating(p.node.Key(), size))
}

// RemoveMapping ends what AddMapping began. Pre: m has no translation left that
// nobody else will remove.
//
// Locks: takes the VMO's.
func (v *VMO) RemoveMapping(p *MappingPlace) {
	c := v.lock()
	v.fam.unmapped(p)
	c.mappings.Remove(&p.node)
	v.mapped--
	v.Unlock()
}

// TakeModified gives the modified flag and clears it if reset. Source: docs/pager.md
// 3.7.
//
// Locks: takes the VMO's.
func (v *VMO) TakeModified(reset bool) bool {
	c := v.lock()
	m := c.modified
	if reset {
		c.modified = false
	}
	v.Unlock()
	return m
}
