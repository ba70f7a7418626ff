package vmo

import (
	"faultline/mmu"
	"faultline/spin"
)

// Age lists: the order in which clean pages are evicted.
//
// Pages age through generations. The evictor looks at those of the oldest one; when
// it is through, the next is the oldest, and what was the oldest is the youngest:
//
//	          looked at: used               used again
//	new ---> gen 1 <----------+------> gen 3 (the youngest) --+
//	           |              |          |                    |
//	           +---- ages --> gen 0 <----+-- ages ------------+
//	                          |
//	                          +------> evicted: not used since the last look
//
// To look at a page is to unmap it and see whether it was used since it was mapped:
// by its accessed flag, or in a call. The first use tells nothing, for that is why
// the page is there: a page that is used once goes at the second look, however
// many there are of them, and one that is used again is safe until it was not used
// for as long as three generations of others take to go.
const (
	generations = 4
	ageNew      = 1               // how young a page is that arrives, or was used once
	ageHot      = generations - 1 // and one that was used again
	ageNeeded   = generations     // not an age: marked ALWAYS_NEED, evicted as the last resort
	ageLists    = generations + 1
)

// ageList holds the clean pages of all paged VMOs, oldest first, linked through
// Next and Prev of their Meta. The ends point at themselves, so a page is
// listed exactly when its Next is not 0.
//
// Membership is lazy: a page that becomes dirty stays listed, so that the write
// fault takes no system-wide lock; the evictor takes such pages off when it
// meets them, and WRITEBACK_END lists them again. While a page is listed, Owner
// and Index of its Meta do not change. A page is taken off before it is freed.
type ageList struct {
	mem    *mmu.Memory
	mu     spin.Lock
	head   [ageLists]mmu.Frame // by age, counted round from oldest on; then the needed
	tail   [ageLists]mmu.Frame
	oldest uint
	listed int // pages of the generations
	needed int // pages of ageNeeded
}

// Tags of a page's Meta, beside its pins. They are sticky until the page is freed.
// Written under the family's lock and ageList.mu, so that either guards reading.
const (
	tagNeeded uint16 = 1 << 0 // ALWAYS_NEED: it is on that list, if on any
	tagUsed   uint16 = 1 << 1 // the evictor found it used before
)

// of is the list of the pages of an age. Locks: a.mu held, as for all of the
// methods on lists below.
func (a *ageList) of(age uint) uint { return (a.oldest + age) % generations }

// push lists f, whose record is meta, as the youngest of an age, or of the needed.
// Pre: it is not listed.
func (a *ageList) push(meta *mmu.Meta, f mmu.Frame, age uint) {
	list := a.count(meta, a.of(age), 1)
	meta.Next = f
	if t := a.tail[list]; t != 0 {
		meta.Prev = t
		a.mem.Meta(t).Next = f
	} else {
		meta.Prev = f
		a.head[list] = f
	}
	a.tail[list] = f
}

// pushRun lists a chain of n new pages, none of them needed, linked first to last,
// whose ends point at themselves. front is the record of the first.
func (a *ageList) pushRun(front *mmu.Meta, first, last mmu.Frame, n int) {
	list := a.of(ageNew)
	if t := a.tail[list]; t != 0 {
		front.Prev = t
		a.mem.Meta(t).Next = first
	} else {
		a.head[list] = first
	}
	a.tail[list] = last
	a.listed += n
}

// pushFront lists f as the first to be looked at. Pre: it is not listed.
func (a *ageList) pushFront(f mmu.Frame) {
	meta := a.mem.Meta(f)
	list := a.count(meta, a.oldest, 1)
	meta.Prev = f
	if h := a.head[list]; h != 0 {
		meta.Next = h
		a.mem.Meta(h).Prev = f
	} else {
		meta.Next = f
		a.tail[list] = f
	}
	a.head[list] = f
}

// count counts n pages like meta's, and gives which list is its, if list is where it
// would be for its age.
func (a *ageList) count(meta *mmu.Meta, list uint, n int) uint {
	if meta.Tag()&tagNeeded != 0 {
		a.needed += n
		return ageNeeded
	}
	a.listed += n
	return list
}

// remove takes f off the list it is on, if any.
func (a *ageList) remove(f mmu.Frame) {
	meta := a.mem.Meta(f)
	next, prev := meta.Next, meta.Prev
	if next == 0 {
		return
	}
	a.count(meta, 0, -1)
	// Only an end of a list needs to know which list it is.
	switch {
	case prev == f && next == f:
		list := where(&a.head, f)
		a.head[list], a.tail[list] = 0, 0
	case prev == f:
		a.head[where(&a.head, f)] = next
		a.mem.Meta(next).Prev = next
	case next == f:
		a.tail[where(&a.tail, f)] = prev
		a.mem.Meta(prev).Next = prev
	default:
		a.mem.Meta(prev).Next = next
		a.mem.Meta(next).Prev = prev
	}
	meta.Next, meta.Prev = 0, 0
}

// where finds the list whose end f is.
func where(ends *[ageLists]mmu.Frame, f mmu.Frame) int {
	list := 0
	for ends[list] != f {
		list++
	}
	return list
}

// first gives the first page to look at, of the needed or of all others; 0 if there
// is none. A generation without pages is over.
func (a *ageList) first(needed bool) mmu.Frame {
	if needed {
		return a.head[ageNeeded]
	}
	if a.listed == 0 {
		return 0
	}
	for a.head[a.oldest] == 0 {
		a.oldest = a.of(1)
	}
	return a.head[a.oldest]
}

// list lists f, whose state became one that the evictor takes, unless it is.
//
// Locks: the family's held; takes a.mu.
func (a *ageList) list(f mmu.Frame, age uint) {
	meta := a.mem.Meta(f)
	a.mu.Lock()
	if meta.Next == 0 {
		a.push(meta, f, age)
	}
	a.mu.Unlock()
}

// spare lists f, which the evictor found used. Locks: as list.
func (a *ageList) spare(f mmu.Frame) {
	meta, age := a.mem.Meta(f), uint(ageNew)
	if meta.Tag()&tagUsed != 0 {
		age = ageHot
	}
	a.mu.Lock()
	meta.SetTag(meta.Tag() | tagUsed)
	if meta.Next == 0 {
		a.push(meta, f, age)
	}
	a.mu.Unlock()
}
