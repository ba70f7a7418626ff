package vmo

import (
	"fmt"
	"sync"
	"sync/atomic"

	"faultline/mmu"
	"faultline/zx"
)

// VMO is a virtual memory object: pages by offset. Make one with Store.New or
// Store.NewPaged.
type VMO struct {
	mu sync.Mutex

	// Guarded by mu.
	size       uint64 // bytes, a multiple of the page size
	tree       tree
	zeros      intervals
	mappings   []Mapping
	stream     uint64 // bytes
	pages      uint64 // resident pages: what committed_bytes counts
	reclaimed  uint64 // pages the evictor took: committed_change_events
	modified   bool   // since the last query with RESET
	zeroMapped bool   // the shared zero page may be mapped somewhere
	discard    discardable

	// Constant.
	paged   bool
	traps   bool // TRAP_DIRTY
	source  *PageSource
	store   *Store
	mem     *mmu.Memory
	id      uint32
	options uint32

	refs atomic.Int32
}

// ID is the number of the VMO in its Store. It is reused after the VMO's death.
func (v *VMO) ID() uint32 { return v.id }

// Store gives the Store the VMO belongs to.
func (v *VMO) Store() *Store { return v.store }

// Source gives the page source of a paged VMO, nil otherwise. Slices, clones
// and references have none of their own.
func (v *VMO) Source() *PageSource { return v.source }

// Paged says whether the VMO has a page source.
func (v *VMO) Paged() bool { return v.paged }

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

// Release drops a reference; with the last one the source is closed and every
// page freed, dirty ones included. Handles, mappings and operations in progress
// hold references.
//
// Locks: none held that come after the VMO's.
// Source: spec section 2.3.
func (v *VMO) Release() {
	n := v.refs.Add(-1)
	if n > 0 {
		return
	}
	if n < 0 {
		panic(fmt.Sprintf("vmo.Release: VMO %d has %d references", v.id, n))
	}
	if v.paged {
		v.source.Detach()
	}
	if v.Discardable() {
		v.store.mu.Lock()
		v.store.discards.remove(v)
		v.store.mu.Unlock()
	}
	v.mu.Lock()
	if len(v.mappings) != 0 {
		panic(fmt.Sprintf("vmo.Release: VMO %d dies with %d mappings", v.id, len(v.mappings)))
	}
	v.dropPages(0, v.size, allStates)
	v.tree.destroy(v.mem)
	v.zeros.list = nil
	v.mu.Unlock()
	v.store.unregister(v)
}

// Lock takes the VMO's lock, for the fault path of vmar: Lock, RequirePage, map
// the page, Unlock.
func (v *VMO) Lock() { v.mu.Lock() }

// Unlock releases the VMO's lock.
func (v *VMO) Unlock() { v.mu.Unlock() }

// Size gives the size in bytes, a multiple of the page size.
func (v *VMO) Size() uint64 {
	v.mu.Lock()
	n := v.size
	v.mu.Unlock()
	return n
}

// SizeLocked is Size with the VMO's lock held.
func (v *VMO) SizeLocked() uint64 { return v.size }

// StreamSize gives the size of the content in bytes.
func (v *VMO) StreamSize() uint64 {
	v.mu.Lock()
	n := v.stream
	v.mu.Unlock()
	return n
}

// AddMapping makes m hear of every range that must be unmapped or write
// protected. The mapping holds its own reference to the VMO.
//
// Locks: takes v.mu.
func (v *VMO) AddMapping(m Mapping) {
	v.mu.Lock()
	v.mappings = append(v.mappings, m)
	v.mu.Unlock()
}

// RemoveMapping ends what AddMapping began. Pre: m has no translation left that
// nobody else will remove.
//
// Locks: takes v.mu.
func (v *VMO) RemoveMapping(m Mapping) {
	v.mu.Lock()
	for i, o := range v.mappings {
		if o == m {
			last := len(v.mappings) - 1
			v.mappings[i] = v.mappings[last]
			v.mappings[last] = nil
			v.mappings = v.mappings[:last]
			break
		}
	}
	v.mu.Unlock()
}

// unmap removes the translations of [off, off+length) everywhere.
func (v *VMO) unmap(off, length uint64) {
	if length == 0 {
		return
	}
	for _, m := range v.mappings {
		m.UnmapRange(off, length)
	}
}

// unmapZeros removes what translations of the shared zero page may linger in
// the range. It is all that can be mapped where no page is: so a VMO of which
// no zero was ever mapped, the usual case, pays nothing here.
func (v *VMO) unmapZeros(off, length uint64) {
	if v.zeroMapped {
		v.unmap(off, length)
	}
}

// checkRange is the range check of most operations.
func (v *VMO) checkRange(off, length uint64) zx.Status {
	if !zx.InRange(off, length, v.size) {
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// state gives the state of the page that holds off. Locks: v.mu held.
func (v *VMO) state(off uint64) State {
	if s := v.tree.get(v.mem, pageIndex(off)); s != 0 {
		return s.state()
	}
	return v.zeros.state(off)
}

// absentEnd gives the end of the absent run that starts at off, at most limit.
// Pre: off is absent, both are page aligned.
func (v *VMO) absentEnd(off, limit uint64) uint64 {
	limit = v.zeros.next(off, limit)
	if end := off + zx.PageSize; end >= limit {
		return end
	}
	return v.tree.scan(v.mem, pageIndex(off), pageIndex(limit), allStates) << zx.PageShift
}

// nonDirtyEnd gives the end of the run from off on that has content but is not
// dirty: clean and awaiting-clean pages, markers and zero intervals. At most
// limit; off itself when its page is dirty or absent.
func (v *VMO) nonDirtyEnd(off, limit uint64) uint64 {
	for off < limit {
		slots, _, _ := v.tree.run(v.mem, pageIndex(off), pageIndex(limit))
		i := 0
		for i < len(slots) && slots[i] != 0 && slots[i].state() != Dirty {
			i++
		}
		off += uint64(i) << zx.PageShift
		if i < len(slots) && slots[i] != 0 {
			return off
		}
		if slots == nil || i < len(slots) {
			iv := v.zeros.holding(off)
			if iv == nil {
				return off
			}
			off = iv.end
		}
	}
	return min(off, limit)
}

// dropPages empties the slots in [start, end) that are in one of the states of
// mask, frees their pages, and prunes the tree. Pinned pages stay. Pre: what is
// dropped is not mapped.
func (v *VMO) dropPages(start, end uint64, mask uint16) {
	first, limit := pageIndex(start), pageIndex(end)
	age := &v.store.age
	for first < limit {
		slots, n, leaf := v.tree.run(v.mem, first, limit)
		gone := 0
		if slots != nil && v.paged {
			age.mu.Lock()
		}
		for i := range slots {
			s := slots[i]
			if mask>>s.state()&1 == 0 || s&slotPinned != 0 {
				continue
			}
			v.transition(&slots[i], 0)
			gone++
			if s.hasPage() {
				v.pages--
				if v.paged {
					age.removeLocked(s.frame())
				}
				v.mem.Free(s.frame())
			}
		}
		if slots != nil && v.paged {
			age.mu.Unlock()
		}
		v.tree.gone(v.mem, first, leaf, gone)
		first += n
	}
}

// Info is what the console and zx_object_get_info tell of a VMO.
type Info struct {
	ID             uint32
	Size           uint64 // bytes
	StreamSize     uint64
	CommittedBytes uint64 // real pages only
	ChangeEvents   uint64 // pages the evictor took
	MetadataBytes  uint64 // nodes, intervals and frame records of the pages
	ZeroDirty      uint64 // bytes of dirty zero intervals
	ZeroUntracked  uint64 // bytes past the stream size
	Intervals      int
	Mappings       int
	References     int
	Options        uint32
	Paged          bool
	TrapsDirty     bool
	Modified       bool
	Detached       bool
	Locks          uint64 // of a discardable VMO
	Discarded      bool   // and not locked since
}

// Info counts at this moment.
//
// Locks: takes v.mu.
func (v *VMO) Info() Info {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := Info{
		ID: v.id, Size: v.size, StreamSize: v.stream,
		CommittedBytes: v.pages << zx.PageShift, ChangeEvents: v.reclaimed,
		MetadataBytes: uint64(v.tree.nodes(v.mem))<<zx.PageShift + uint64(len(v.zeros.list))*intervalBytes + v.pages*mmu.MetaBytes,
		ZeroDirty:     v.zeros.bytes(zerosDirty), ZeroUntracked: v.zeros.bytes(zerosUntracked),
		Intervals: len(v.zeros.list), Mappings: len(v.mappings), References: int(v.refs.Load()),
		Options: v.options, Paged: v.paged, TrapsDirty: v.traps, Modified: v.modified,
		Locks: v.discard.locks, Discarded: v.discard.state == discardDone,
	}
	if v.paged {
		i.Detached = v.source.Detached()
	}
	return i
}

// intervalBytes is the size of an interval.
const intervalBytes = 32

// States writes the states of the pages from off on into out and gives how many
// pages of the VMO there were: the picture the console draws.
//
// Locks: takes v.mu.
func (v *VMO) States(off uint64, out []State) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range out {
		at := off + uint64(i)<<zx.PageShift
		if at >= v.size {
			return i
		}
		out[i] = v.state(at)
	}
	return len(out)
}

// TakeModified gives the modified flag and clears it if reset. Source: spec
// section 3.7.
//
// Locks: takes v.mu.
func (v *VMO) TakeModified(reset bool) bool {
	v.mu.Lock()
	m := v.modified
	if reset {
		v.modified = false
	}
	v.mu.Unlock()
	return m
}
