package vmo

import (
	"faultline/mmu"
	"faultline/spin"
)

// age says how long ago a clean page was used, as far as the evictor knows. To look
// at a page is to unmap it and see whether it was used since it was mapped: by its
// accessed flag, or in a call.
//
//	        used                 used
//	new ----------> old --------------------> hot <--+ used
//	  |              | ^                       | |   |
//	  | not used     | +------- not used ------+ +---+
//	  +--> evicted <-+ not used
//
// The first use tells nothing, for that is why the page is there: a page that is
// used once goes at its second look, however many there are of them, and one that
// is used again must be found unused twice. There are newShare old ones for one that is
// new: a page is old for as long as most of memory takes to go, so that a set nearly as
// large is told from a scan. A hot page is looked at beside hotShare new ones, so that
// one that is used at random has had time for it. (Shares by simulation: with half old
// and a hot one for each new, a quarter of memory read at random lost 13 % to a scan.)
type age uint16

const (
	ageNew    age = iota // not looked at yet
	ageOld               // used before the last look
	ageHot               // used between two looks
	ageNeeded            // marked ALWAYS_NEED: evicted as the last resort
	ages
)

const (
	newShare = 3
	hotShare = 8
)

// looked is what becomes of a page that was looked at. One that may not go now counts
// as used, or it would be looked at again and again.
func (a age) looked(used bool) (to age, stays bool) {
	switch {
	case a == ageNeeded:
		return a, true
	case used && a == ageNew:
		return ageOld, true
	case used:
		return ageHot, true
	}
	return ageOld, a == ageHot
}

// ageList holds the clean pages of all paged VMOs by age, the longest there first,
// linked through Next and Prev of their Meta. The ends point at themselves, so a page
// is listed exactly when its Next is not 0. A page's age is in its tag, under tagAge,
// and outlives its place on the list: it is new when it gets its frame.
//
// Membership is lazy: a page that becomes dirty stays listed, so that the write
// fault takes no system-wide lock; the evictor takes such pages off when it
// meets them, and WRITEBACK_END lists them again. While a page is listed, Owner
// and Index of its Meta do not change. A page is taken off before it is freed.
//
// Locks: all methods want mu held but for list and grow, which take it. A tag is
// written under the family's lock and mu, so that either guards reading.
type ageList struct {
	mem  *mmu.Memory
	mu   spin.Lock
	head [ages]mmu.Frame
	tail [ages]mmu.Frame
	n    [ages]int
	// behind is not above 0: so many new ones are looked at before the next hot one.
	behind int
}

// tagAge is where a page's tag has its age, beside its pins.
const tagAge uint16 = 1<<pinShift - 1

func ageOf(meta *mmu.Meta) age { return age(meta.Tag() & tagAge) }

// listed is how many there are that are not needed.
func (a *ageList) listed() int { return a.n[ageNew] + a.n[ageOld] + a.n[ageHot] }

// push lists f, whose record is meta, as the last of its age. Pre: it is not listed.
func (a *ageList) push(meta *mmu.Meta, f mmu.Frame) {
	list := ageOf(meta)
	meta.Next, meta.Prev = f, f
	a.pushRun(list, meta, f, f, 1)
}

// pushRun lists a chain of n pages of one age, linked first to last, whose ends
// point at themselves. front is the record of the first.
func (a *ageList) pushRun(list age, front *mmu.Meta, first, last mmu.Frame, n int) {
	if t := a.tail[list]; t != 0 {
		front.Prev = t
		a.mem.Meta(t).Next = first
	} else {
		a.head[list] = first
	}
	a.tail[list] = last
	a.n[list] += n
}

// pushFront lists f, unless it is needed, as the first to be looked at, and to go
// unless it is used again. Pre: it is not listed.
func (a *ageList) pushFront(f mmu.Frame) {
	meta := a.mem.Meta(f)
	if ageOf(meta) == ageNeeded {
		a.push(meta, f)
		return
	}
	setAge(meta, ageOld)
	meta.Next, meta.Prev = f, f
	if h := a.head[ageOld]; h != 0 {
		meta.Next = h
		a.mem.Meta(h).Prev = f
	} else {
		a.tail[ageOld] = f
	}
	a.head[ageOld] = f
	a.n[ageOld]++
}

// remove takes f off the list it is on, if any.
func (a *ageList) remove(f mmu.Frame) {
	meta := a.mem.Meta(f)
	next, prev := meta.Next, meta.Prev
	if next == 0 {
		return
	}
	list := ageOf(meta)
	switch {
	case prev == f && next == f:
		a.head[list], a.tail[list] = 0, 0
	case prev == f:
		a.head[list] = next
		a.mem.Meta(next).Prev = next
	case next == f:
		a.tail[list] = prev
		a.mem.Meta(prev).Next = prev
	default:
		a.mem.Meta(prev).Next = next
		a.mem.Meta(next).Prev = prev
	}
	a.n[list]--
	meta.Next, meta.Prev = 0, 0
}

func setAge(meta *mmu.Meta, to age) { meta.SetTag(meta.Tag()&^tagAge | uint16(to)) }

// next is the age whose first page is to be looked at, among the needed or among all
// others; its list may be empty only if there is none.
func (a *ageList) next(needed bool) age {
	if needed {
		return ageNeeded
	}
	switch n := &a.n; {
	case n[ageNew] == 0 && n[ageOld] == 0:
		return ageHot
	case n[ageNew] <= n[ageOld]/newShare:
		return ageOld
	case n[ageHot] == 0 || a.behind < 0:
		return ageNew
	}
	return ageHot
}

// took counts n pages taken off a list to be looked at.
func (a *ageList) took(list age, n int) {
	switch {
	case list == ageNew:
		a.behind = min(a.behind+n, 0)
	case list == ageHot:
		a.behind -= hotShare * n
	}
}

// list lists f, whose state became one that the evictor takes, unless it is.
//
// Locks: the family's held; takes a.mu.
func (a *ageList) list(f mmu.Frame) {
	meta := a.mem.Meta(f)
	a.mu.Lock()
	if meta.Next == 0 {
		a.push(meta, f)
	}
	a.mu.Unlock()
}

// grow lists f as the last of an age. Locks: as list.
func (a *ageList) grow(f mmu.Frame, to age) {
	a.mu.Lock()
	a.remove(f) // listed again since the evictor took it off, perhaps
	meta := a.mem.Meta(f)
	setAge(meta, to)
	a.push(meta, f)
	a.mu.Unlock()
}
