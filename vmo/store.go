package vmo

import (
	"sync"
	"sync/atomic"

	"faultline/mmu"
	"faultline/zx"
)

// Store is the system-wide part of all VMOs: their frames, their ids, the age
// lists and the evictor. One per system.
type Store struct {
	mem *mmu.Memory
	age ageList

	mu       sync.Mutex
	vmos     []*VMO   // by id; slot 0 is never used
	free     []uint32 // ids given back
	discards discardList

	evicted, discarded atomic.Uint64
}

// NewStore makes a Store over mem.
func NewStore(mem *mmu.Memory) *Store {
	return &Store{mem: mem, age: ageList{mem: mem}, vmos: make([]*VMO, 1)}
}

// Memory gives the frames the Store allocates from.
func (s *Store) Memory() *mmu.Memory { return s.mem }

// ParseOptions does the checks of a creation call that need no object and gives
// the size of the VMO and of its stream, in bytes. Options must hold only what
// the kind of call allows beside allowed; DISCARDABLE is left to the caller.
//
// Errors, in this order: ErrInvalidArgs RESIZABLE with UNBOUNDED | ErrOutOfRange
// the rounding wraps | ErrInvalidArgs unknown option | ErrOutOfRange too large.
// Source: spec sections 3.2, 3.10.
func ParseOptions(size uint64, options uint32) (rounded uint64, st zx.Status) {
	const known = zx.VMOResizable | zx.VMODiscardable | zx.VMOUnbounded
	if options&zx.VMOResizable != 0 && options&zx.VMOUnbounded != 0 {
		return 0, zx.ErrInvalidArgs
	}
	if options&zx.VMOUnbounded != 0 {
		rounded = zx.VMOMaxSize
	} else {
		var ok bool
		if rounded, ok = zx.RoundUp(size); !ok {
			return 0, zx.ErrOutOfRange
		}
	}
	if options&^known != 0 {
		return 0, zx.ErrInvalidArgs
	}
	return rounded, zx.OK
}

// New makes an anonymous VMO of size bytes with one reference.
//
// Errors: those of ParseOptions | ErrOutOfRange larger than zx.VMOMaxSize.
// Source: spec section 3.10.
func (s *Store) New(size uint64, options uint32) (*VMO, zx.Status) {
	rounded, st := ParseOptions(size, options)
	switch {
	case st != zx.OK:
		return nil, st
	case rounded > zx.VMOMaxSize || size > rounded:
		return nil, zx.ErrOutOfRange
	}
	return s.register(&VMO{size: rounded, stream: size, options: options}), zx.OK
}

// NewPaged makes a VMO whose pages come from source, with one reference.
// TRAP_DIRTY is the source's matter and not an option here.
//
// Errors: those of ParseOptions | ErrInvalidArgs DISCARDABLE | ErrOutOfRange
// larger than zx.VMOMaxSize.
// Source: spec section 3.2, steps 5 to 8 and effects.
func (s *Store) NewPaged(size uint64, options uint32, source *PageSource) (*VMO, zx.Status) {
	rounded, st := ParseOptions(size, options)
	switch {
	case st != zx.OK:
		return nil, st
	case options&zx.VMODiscardable != 0:
		return nil, zx.ErrInvalidArgs
	case rounded > zx.VMOMaxSize || size > rounded:
		return nil, zx.ErrOutOfRange
	}
	v := &VMO{size: rounded, stream: size, options: options, source: source, paged: true, traps: source.TrapsDirty()}
	if up := pageUp(size); options&zx.VMOUnbounded != 0 && up < rounded {
		v.zeros.add(up, rounded, zerosUntracked)
	}
	return s.register(v), zx.OK
}

// register gives v its identity and first reference.
func (s *Store) register(v *VMO) *VMO {
	v.store, v.mem = s, s.mem
	v.refs.Store(1)
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		v.id = s.free[n-1]
		s.free = s.free[:n-1]
		s.vmos[v.id] = v
	} else {
		v.id = uint32(len(s.vmos))
		s.vmos = append(s.vmos, v)
	}
	s.mu.Unlock()
	return v
}

// unregister takes the identity back. Pre: v has no pages and no reference.
func (s *Store) unregister(v *VMO) {
	s.mu.Lock()
	s.vmos[v.id] = nil
	s.free = append(s.free, v.id)
	s.mu.Unlock()
}

// lookup gives the VMO with an id and a reference to it, or nil.
func (s *Store) lookup(id uint32) *VMO {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(id) >= len(s.vmos) {
		return nil
	}
	v := s.vmos[id]
	if v == nil || !v.tryRetain() {
		return nil
	}
	return v
}

// ForEach calls f with every VMO, in order of id, holding a reference but no
// lock.
func (s *Store) ForEach(f func(*VMO)) {
	s.mu.Lock()
	n := len(s.vmos)
	s.mu.Unlock()
	for id := 1; id < n; id++ {
		if v := s.lookup(uint32(id)); v != nil {
			f(v)
			v.Release()
		}
	}
}

// StoreStats counts pages at this moment.
type StoreStats struct {
	VMOs    int    // alive
	Listed  int    // clean pages the evictor may take, dirty ones not yet met included
	Needed  int    // the same, marked ALWAYS_NEED
	Evicted uint64 // pages of paged VMOs evicted since boot
	// Discarded is how many pages of discardable VMOs were taken since boot.
	Discarded uint64
}

// Stats counts pages at this moment.
func (s *Store) Stats() StoreStats {
	st := StoreStats{Evicted: s.evicted.Load(), Discarded: s.discarded.Load()}
	s.mu.Lock()
	st.VMOs = len(s.vmos) - 1 - len(s.free)
	s.mu.Unlock()
	s.age.mu.Lock()
	st.Listed, st.Needed = s.age.n[ageNormal], s.age.n[ageNeeded]
	s.age.mu.Unlock()
	return st
}

// evictBatch is how many pages the evictor looks at under one VMO lock.
const evictBatch = 32

// victim is a page taken off an age list; whether it may go is decided under
// its VMO's lock.
type victim struct {
	frame mmu.Frame
	index uint64
}

// Evict frees about n pages and gives how many it freed: first what unlocked
// discardable VMOs have, each as a whole, then clean pages, the longest unused
// first. Pages marked ALWAYS_NEED are spared. No pager is told: the next access
// asks for the page again.
//
// Locks: none held; takes one VMO's at a time.
// Source: spec section 8.
func (s *Store) Evict(n int) int {
	freed := s.discardVMOs(n)
	if freed < n {
		freed += s.evict(ageNormal, n-freed)
	}
	return freed
}

// Reclaim makes room for an operation that met ErrNoMemory and dropped its
// locks: it evicts n pages, those marked ALWAYS_NEED as the last resort, and
// says whether any was freed. On false the operation answers ErrNoMemory.
//
// Locks: none held.
func (s *Store) Reclaim(n int) bool {
	return s.Evict(n) > 0 || s.evict(ageNeeded, n) > 0
}

// makeRoom is Reclaim for an operation that will start over: OK, or the
// ErrNoMemory it is to answer.
func (s *Store) makeRoom() zx.Status {
	if s.Reclaim(reclaimPages) {
		return zx.OK
	}
	return zx.ErrNoMemory
}

// reclaimPages is how much an operation that ran out of frames asks for.
const reclaimPages = 64

func (s *Store) evict(list, want int) (freed int) {
	s.age.mu.Lock()
	// Every page gets at most its second chance in one call.
	budget := 2 * s.age.n[list]
	s.age.mu.Unlock()
	var batch [evictBatch]victim
	for freed < want && budget > 0 {
		n, owner := s.age.pop(list, batch[:min(evictBatch, want-freed)])
		if n == 0 {
			break
		}
		budget -= n
		// A VMO that is going away frees its pages itself, listed or not.
		if v := s.lookup(owner); v != nil {
			freed += v.evict(list, batch[:n])
			v.Release()
		}
	}
	s.evicted.Add(uint64(freed))
	return freed
}

// pop takes the oldest pages off a list, as many as fit into batch and have one
// owner in common. Locks: takes a.mu.
func (a *ageList) pop(list int, batch []victim) (n int, owner uint32) {
	a.mu.Lock()
	for n < len(batch) {
		f := a.head[list]
		if f == 0 {
			break
		}
		meta := a.mem.Meta(f)
		if n == 0 {
			owner = meta.Owner
		} else if meta.Owner != owner {
			break
		}
		batch[n] = victim{f, meta.Index()}
		a.removeLocked(f)
		n++
	}
	a.mu.Unlock()
	return n, owner
}

// evict drops those pages of batch that are still ours, clean, unpinned and not
// lately used; the last go back as the youngest. It gives how many were freed.
//
// Locks: takes v.mu.
func (v *VMO) evict(list int, batch []victim) (freed int) {
	v.mu.Lock()
	start, end := uint64(0), uint64(0) // run of pages to unmap, in bytes
	for i := range batch {
		f, idx := batch[i].frame, batch[i].index
		batch[i].frame = 0
		s := v.tree.find(v.mem, idx)
		if s == nil || s.frame() != f || s.state() != Clean {
			continue
		}
		needed := v.mem.Meta(f).Tag()&tagNeeded != 0 // perhaps only since the pop
		if *s&slotPinned != 0 || list == ageNormal && (needed || *s&slotReferenced != 0) {
			*s &^= slotReferenced
			v.store.age.push(f)
			continue
		}
		v.transition(s, 0)
		v.store.age.remove(f) // listed again since the pop, perhaps
		v.pages--
		v.reclaimed++
		freed++
		batch[i].frame = f
		if off := idx << zx.PageShift; off != end || start == end {
			v.unmap(start, end-start)
			start, end = off, off+zx.PageSize
		} else {
			end += zx.PageSize
		}
	}
	v.unmap(start, end-start)
	for i := range batch {
		if f := batch[i].frame; f != 0 {
			v.mem.Free(f)
			_, _, leaf := v.tree.run(v.mem, batch[i].index, batch[i].index+1)
			v.tree.gone(v.mem, batch[i].index, leaf, 1)
		}
	}
	v.mu.Unlock()
	return freed
}
