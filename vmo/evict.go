package vmo

import (
	"runtime"

	"faultline/account"
	"faultline/mmu"
	"faultline/trace"
	"faultline/zx"
)

// evictBatch is how many pages the evictor looks at under one VMO lock, 64 at most.
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
// asks for the page again. It works in turns: y, which may be nil, yields between
// them, and it ends early where that says so.
//
// Locks: none held; takes one VMO's at a time.
// Source: docs/pager.md 8.
func (s *Store) Evict(n int, y zx.Yielder) int {
	b := zx.Budget{By: y}
	freed := s.discardVMOs(n, &b)
	if freed < n {
		more, _ := s.evict(false, n-freed, nil, &b)
		freed += more
	}
	return freed
}

// EvictOf frees about n clean pages of the program of a, and gives how many.
func (s *Store) EvictOf(a *account.Account, n int, y zx.Yielder) int {
	freed, _ := s.evict(false, n, a, &zx.Budget{By: y})
	return freed
}

// Reclaim makes room for an operation that met ErrNoMemory and dropped its
// locks: it evicts n pages, those marked ALWAYS_NEED as the last resort, and
// says whether any was freed, by whomever. On false the operation answers
// ErrNoMemory. It works in turns, as Evict does.
//
// Locks: none held.
func (s *Store) Reclaim(n int, y zx.Yielder) bool { return s.reclaim(n, nil, y) == zx.OK }

// reclaim is Reclaim of what the program of a has, or of all if a is nil.
//
// What somebody else has taken off the lists and not decided about is neither
// there nor free: it is waited for, which is no longer than he takes to look at a
// batch, before pages that are needed go or memory is said to be spent.
//
// Errors: ErrNoMemory | those of y.
func (s *Store) reclaim(n int, of *account.Account, y zx.Yielder) zx.Status {
	b := zx.Budget{By: y}
	for _, needed := range [...]bool{false, true} {
		for again := true; again; {
			was := s.taken()
			if s.bury(&zx.Budget{}) {
				return zx.OK
			}
			if of == nil && s.discardVMOs(n, &b) > 0 {
				return zx.OK
			}
			if freed, st := s.evict(needed, n, of, &b); freed > 0 || st != zx.OK {
				return st
			}
			again = s.hands.Load() != 0
			for s.hands.Load() != 0 && s.taken() == was {
				runtime.Gosched()
			}
			if s.taken() != was && (of == nil || !of.SpentPages()) {
				return zx.OK
			}
		}
	}
	return zx.ErrNoMemory
}

// taken grows with every page that memory pressure has taken and every turn of
// burying.
func (s *Store) taken() uint64 { return s.evicted.Load() + s.discarded.Load() + s.buried.Load() }

// MakeRoom makes room for an operation on v that met ErrNoMemory, dropped its
// locks and will start over: OK, or the ErrNoMemory it is to answer. Where the
// program that pays for the pages of v, or for those of by, has spent its share, it
// is the one that must part with pages. by may be nil, and so may y, which yields.
//
// Locks: none held; takes the VMO's.
// Errors: ErrNoMemory | those of y.
func (v *VMO) MakeRoom(by *account.Account, y zx.Yielder) zx.Status {
	return v.makeRoom(by, reclaimPages, y)
}

// makeRoom is MakeRoom for n pages.
func (v *VMO) makeRoom(by *account.Account, n int, y zx.Yielder) zx.Status {
	of := v.lock().mem.Payer()
	v.Unlock()
	if of.Spent() || by.Spent() {
		return zx.ErrNoMemory // of the heap: no page could help
	}
	if !of.SpentPages() {
		if of = by; !by.SpentPages() {
			of = nil
		}
	}
	return v.store.reclaim(n, of, y)
}

// reclaimPages is how much an operation that ran out of frames asks for.
const reclaimPages = 64

// evict frees about want pages, of the needed ones or of all others. If of is not
// nil they are those of its program: what others have counts as used. Errors: those of b.Look.
func (s *Store) evict(needed bool, want int, of *account.Account, b *zx.Budget) (freed int, st zx.Status) {
	s.age.mu.Lock()
	// A page goes after three looks: used, unused, unused; one more for those of others.
	left := 4 * s.age.listed()
	if needed {
		left = s.age.n[ageNeeded]
	}
	s.age.mu.Unlock()
	var batch [evictBatch]victim
	for freed < want && left > 0 {
		if b.Spend(0) {
			if st = b.Look(); st != zx.OK {
				break
			}
		}
		n, owner := s.pop(needed, batch[:min(evictBatch, want-freed)])
		if n == 0 {
			break
		}
		left -= n
		b.Spend(2 * n)
		// A node that is going away frees its pages itself, listed or not; one that
		// has the number of another by now has none of these pages.
		if c := s.nodes.get(owner); c != nil {
			got := c.evict(needed, batch[:n], of)
			s.evicted.Add(uint64(got))
			freed += got
		}
		s.hands.Add(int64(-n))
	}
	return freed, st
}

// pop takes the first pages off a list, as many as fit into batch and have one
// owner in common. They are in the caller's hand: the caller takes n off s.hands
// once it is done with them. Locks: takes that of the age lists.
func (s *Store) pop(needed bool, batch []victim) (n int, owner uint32) {
	a := &s.age
	a.mu.Lock()
	list := a.next(needed)
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
		a.remove(f)
		n++
	}
	a.took(list, n)
	s.hands.Add(int64(n))
	a.mu.Unlock()
	return n, owner
}

// evict drops those pages of batch that are still ours, clean, unpinned and not
// used since the last look. It gives how many were freed.
//
// Locks: takes the family's.
func (c *cowPages) evict(needed bool, batch []victim, of *account.Account) (freed int) {
	c.fam.mu.Lock()
	defer c.fam.mu.Unlock()
	if c.dead {
		return 0
	}
	foreign := of != nil && !of.SameProgram(c.mem.Payer())
	n := 0
	for _, v := range batch {
		s := c.tree.find(c.mem, v.index)
		if s == nil || s.frame() != v.frame || s.state() != Clean {
			continue
		}
		if foreign || *s&slotPinned != 0 || c.fam.dirtying.holds(v.index) || !needed && ageOf(c.mem.Meta(v.frame)) == ageNeeded { // since the pop
			c.grow(v.frame, true)
			continue
		}
		batch[n] = v
		n++
	}
	for run := batch[:n]; len(run) > 0; {
		k := 1
		for k < len(run) && run[k].index == run[0].index+uint64(k) {
			k++
		}
		freed += c.evictRun(needed, run[:k])
		run = run[k:]
	}
	return freed
}

// evictRun is evict of pages in a row that may go. Locks: the family's held.
func (c *cowPages) evictRun(needed bool, run []victim) (freed int) {
	off, length := run[0].index<<zx.PageShift, uint64(len(run))<<zx.PageShift
	used := c.accessed(off, off+length)
	k := clearingOf(c, off, off+length, false)
	if k.walk(clearUnits); !k.done { // too many have it mapped
		for _, v := range run {
			c.grow(v.frame, true)
		}
		return 0
	}
	for i, v := range run {
		slots, _, leaf := c.tree.run(c.mem, v.index, v.index+1)
		s := &slots[0]
		was := used>>i&1 != 0 || *s&slotReferenced != 0
		*s &^= slotReferenced
		if !needed && c.grow(v.frame, was) {
			continue
		}
		if trace.On() {
			trace.Emit(trace.Evict, 0, uint64(c.shownBy()), v.index<<zx.PageShift, zx.PageSize)
		}
		c.transition(s, 0)
		c.store.age.mu.Lock()
		c.store.age.remove(v.frame) // listed again since the pop, perhaps
		c.store.age.mu.Unlock()
		c.mem.Free(v.frame)
		c.tree.gone(c.mem, v.index, leaf, 1)
		c.pages--
		c.reclaimed++
		freed++
	}
	return freed
}

// grow lists f, which was looked at, anew if it is to stay. Locks: the family's held.
func (c *cowPages) grow(f mmu.Frame, used bool) (stays bool) {
	to, stays := ageOf(c.mem.Meta(f)).looked(used)
	if stays {
		c.store.age.grow(f, to)
	}
	return stays
}
