package vmo

import (
	"sync/atomic"

	"faultline/account"
	"faultline/mmu"
	"faultline/spin"
	"faultline/zx"
)

// Store makes VMOs, for which somebody pays, or the kernel. All Stores of a system
// share what they have in common: the frames, the ids, the age lists, the evictor.
type Store struct {
	*stock
	account *account.Account // pays; nil is the kernel
}

// stock is the system-wide part of all VMOs.
type stock struct {
	mem *mmu.Memory
	age ageList

	vmos  registry[VMO]
	nodes registry[cowPages]
	zeros intervalPool

	mu        spin.Lock
	discards  discardList // guarded by mu
	graves    *cowPages   // dead nodes, through parent; guarded by mu
	unsettled *settling   // the first of each family, through next; guarded by mu
	later     func(work func(b *zx.Budget) (more bool))

	// hands counts the pages and discardable VMOs that somebody has taken off their
	// list and decides about: it grows under the list's lock.
	hands              atomic.Int64
	evicted, discarded atomic.Uint64
	buried             atomic.Uint64 // turns
}

// NewStore makes a Store over mem.
func NewStore(mem *mmu.Memory) *Store {
	s := &Store{stock: &stock{mem: mem, age: ageList{mem: mem}}}
	s.zeros.mem = mem
	s.vmos.id = func(v *VMO) *uint32 { return &v.id }
	s.nodes.id = func(c *cowPages) *uint32 { return &c.id }
	return s
}

// PaidBy gives a Store of the same system that makes VMOs for which a pays: their
// records while they live, and the page frames they have.
func (s *Store) PaidBy(a *account.Account) *Store { return &Store{s.stock, a} }

// SetLater has do called with work that is to be done piece by piece, soon, until there
// is no more: what a VMO had takes long to free, and a family to be put right. Any lock
// may be held then, so that it only takes note. Without it that is done at once. Pre:
// there is no VMO yet.
func (s *Store) SetLater(do func(work func(b *zx.Budget) (more bool))) { s.later = do }

// Account is who pays, nil if the kernel does.
func (s *Store) Account() *account.Account { return s.account }

// Memory gives the frames the Store allocates from.
func (s *Store) Memory() *mmu.Memory { return s.mem }

// ParseOptions does the checks of a creation call that need no object and gives
// the size of the VMO and of its stream, in bytes. Options must hold only what
// the kind of call allows beside allowed; DISCARDABLE is left to the caller.
//
// Errors, in this order: ErrInvalidArgs RESIZABLE with UNBOUNDED | ErrOutOfRange
// the rounding wraps | ErrInvalidArgs unknown option | ErrOutOfRange too large.
// Source: docs/pager.md 3.2, 3.10.
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
// Errors: those of ParseOptions | ErrOutOfRange larger than zx.VMOMaxSize |
// ErrNoMemory. Source: docs/pager.md 3.10.
func (s *Store) New(size uint64, options uint32) (*VMO, zx.Status) {
	rounded, st := ParseOptions(size, options)
	switch {
	case st != zx.OK:
		return nil, st
	case rounded > zx.VMOMaxSize || size > rounded:
		return nil, zx.ErrOutOfRange
	}
	return s.newRoot(nil, rounded, size, options)
}

// NewPaged makes a VMO whose pages come from source, with one reference.
// TRAP_DIRTY is the source's matter and not an option here.
//
// Errors: those of ParseOptions | ErrInvalidArgs DISCARDABLE | ErrOutOfRange
// larger than zx.VMOMaxSize | ErrNoMemory.
// Source: docs/pager.md 3.2, steps 5 to 8 and effects.
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
	v, st := s.newRoot(source, rounded, size, options)
	if st != zx.OK {
		return nil, st
	}
	c := v.cow
	if up := pageUp(size); options&zx.VMOUnbounded != 0 && up < rounded {
		if st := c.zeros.reserve(1); st != zx.OK {
			v.Release() // not the source's yet
			return nil, st
		}
		c.zeros.add(up, rounded, zerosUntracked)
	}
	source.fam = c.fam
	v.root, c.paged, c.traps, c.fam.root = true, true, source.TrapsDirty(), c
	return v, zx.OK
}

// What a window, a node and a founder are charged for: themselves, their places in the
// registries, the object that names the window, and the node's account of its frames.
// TestChildCosts measures them.
var (
	windowBytes  = account.Bytes(160) + account.Bytes(208) + 16
	nodeBytes    = account.Bytes(288) + account.Bytes(128) + 16
	founderBytes = account.Bytes(640) + account.Bytes(208) + 32
)

// founder is a VMO with a node of its own in a new family, in one piece of memory. As
// long as one of its parts is in use none is free, and so it is charged for until the
// family is gone.
type founder struct {
	vmo    VMO
	node   cowPages
	_      [16]byte
	family family // at a cache line's beginning
	owned  mmu.Owned
}

// newRoot makes a VMO with a node of its own in a new family, and its first
// reference. Errors: ErrNoMemory.
func (s *Store) newRoot(source *PageSource, size, stream uint64, options uint32) (*VMO, zx.Status) {
	if st := s.account.Charge(founderBytes); st != zx.OK {
		return nil, st
	}
	n := &founder{}
	v, c, f := &n.vmo, &n.node, &n.family
	f.source, f.founder = source, c
	if options&zx.VMODiscardable != 0 {
		c.discard = &discardable{}
	}
	s.initCow(c, f, size, n.owned.Init(s.mem, s.account))
	c.stream = stream
	s.initVMO(v, f, options)
	v.primary = true
	c.addWindow(v)
	return v, zx.OK
}

// initVMO makes v, zero but for what its maker knows, ready with one reference.
func (s *Store) initVMO(v *VMO, f *family, options uint32) {
	v.fam, v.store, v.options, v.koid = f, s, options, zx.NewKoid()
	v.refs.Store(1)
	s.vmos.take(v)
}

// initCow makes c, which is zero, an empty node whose frames are of mem. Pre: it is
// charged. Locks: the family's held, if it has other nodes.
func (s *Store) initCow(c *cowPages, f *family, size uint64, mem *mmu.Memory) {
	c.fam, c.store, c.mem, c.size = f, s, mem, size
	f.nodes++
	c.zeros.pool, c.zeros.by = &s.zeros, s.account
	s.nodes.take(c)
}

// registry gives things numbers, from 1 on, and finds them by these. A number
// given back is used again. It grows by a block at a time, which moves nothing.
type registry[T any] struct {
	id func(*T) *uint32 // where a thing keeps its number

	mu     spin.Lock
	blocks []*registryBlock[T]
	most   uint32 // the greatest number there ever was
	used   int
	free   uint32 // a number not in use, 0 for none; registryBlock.free has the others
}

// blockNumbers fills a block of 4 KiB, with what the allocator keeps of it.
const blockNumbers = 340

// registryBlock is what has blockNumbers numbers in a row, or the number that was
// given back before one that nothing has.
type registryBlock[T any] struct {
	thing [blockNumbers]*T
	free  [blockNumbers]uint32
}

// at gives where to find what has a number. Pre: 0 < id <= most.
func (r *registry[T]) at(id uint32) (b *registryBlock[T], i uint32) {
	return r.blocks[(id-1)/blockNumbers], (id - 1) % blockNumbers
}

// take gives t a number.
func (r *registry[T]) take(t *T) {
	r.mu.Lock()
	id := r.free
	if id == 0 {
		if r.most%blockNumbers == 0 {
			r.blocks = append(r.blocks, new(registryBlock[T]))
		}
		r.most++
		id = r.most
	}
	b, i := r.at(id)
	if r.free == id {
		r.free = b.free[i]
	}
	b.thing[i], *r.id(t) = t, id
	r.used++
	r.mu.Unlock()
}

// give takes a number back.
func (r *registry[T]) give(id uint32) {
	r.mu.Lock()
	b, i := r.at(id)
	b.thing[i], b.free[i] = nil, r.free
	r.free = id
	r.used--
	r.mu.Unlock()
}

// swap lets a and b change numbers.
func (r *registry[T]) swap(a, b *T) {
	r.mu.Lock()
	*r.id(a), *r.id(b) = *r.id(b), *r.id(a)
	for _, t := range [...]*T{a, b} {
		block, i := r.at(*r.id(t))
		block.thing[i] = t
	}
	r.mu.Unlock()
}

// get gives what has a number, or nil.
func (r *registry[T]) get(id uint32) *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == 0 || id > r.most {
		return nil
	}
	b, i := r.at(id)
	return b.thing[i]
}

// count gives how many numbers are in use, and the greatest there ever was.
func (r *registry[T]) count() (used, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used, int(r.most)
}

// ForEach calls f with every VMO, holding a reference but no lock, until f
// answers false.
func (s *Store) ForEach(f func(*VMO) bool) {
	_, most := s.vmos.count()
	for id := 1; id <= most; id++ {
		if v := s.vmos.get(uint32(id)); v != nil && v.tryRetain() {
			on := f(v)
			v.Release()
			if !on {
				return
			}
		}
	}
}

// StoreStats counts pages at this moment.
type StoreStats struct {
	VMOs    int    // alive
	Nodes   int    // page nodes alive
	Listed  int    // clean pages the evictor may take, dirty ones not yet met included
	Needed  int    // the same, marked ALWAYS_NEED
	Evicted uint64 // pages of paged VMOs evicted since boot
	// Discarded is how many pages of discardable VMOs were taken since boot.
	Discarded uint64
}

// Stats counts pages at this moment.
func (s *Store) Stats() StoreStats {
	st := StoreStats{Evicted: s.evicted.Load(), Discarded: s.discarded.Load()}
	st.VMOs, _ = s.vmos.count()
	st.Nodes, _ = s.nodes.count()
	s.age.mu.Lock()
	st.Listed, st.Needed = s.age.listed(), s.age.n[ageNeeded]
	s.age.mu.Unlock()
	return st
}
