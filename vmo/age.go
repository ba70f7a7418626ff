package vmo

import (
	"faultline/mmu"
	"faultline/spin"
)

// Age lists: the order in which clean pages would be evicted.
const (
	ageNormal = iota // evicted when memory is short
	ageNeeded        // marked ALWAYS_NEED: evicted as the last resort
	ageLists
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
	mem  *mmu.Memory
	mu   spin.Lock
	head [ageLists]mmu.Frame
	tail [ageLists]mmu.Frame
	n    [ageLists]int
}

// tagNeeded is the ALWAYS_NEED mark in a page's Meta tag, sticky until the page
// is freed. Guarded by the VMO's lock.
const tagNeeded uint16 = 1 << 0

// listFor says which list a page belongs on. Locks: the owner's VMO.
func listFor(meta *mmu.Meta) int {
	if meta.Tag()&tagNeeded != 0 {
		return ageNeeded
	}
	return ageNormal
}

// pushLocked lists f as the youngest. Pre: f is not listed. Locks: a.mu held.
func (a *ageList) pushLocked(list int, f mmu.Frame) {
	meta := a.mem.Meta(f)
	meta.Next = f
	if t := a.tail[list]; t != 0 {
		meta.Prev = t
		a.mem.Meta(t).Next = f
	} else {
		meta.Prev = f
		a.head[list] = f
	}
	a.tail[list] = f
	a.n[list]++
}

// pushRunLocked lists a chain of n pages linked first to last, whose ends
// point at themselves, as the youngest. Locks: a.mu held.
func (a *ageList) pushRunLocked(list int, first, last mmu.Frame, n int) {
	if t := a.tail[list]; t != 0 {
		a.mem.Meta(first).Prev = t
		a.mem.Meta(t).Next = first
	} else {
		a.head[list] = first
	}
	a.tail[list] = last
	a.n[list] += n
}

// pushFrontLocked lists f as the oldest. Pre: f is not listed. Locks: a.mu held.
func (a *ageList) pushFrontLocked(list int, f mmu.Frame) {
	meta := a.mem.Meta(f)
	meta.Prev = f
	if h := a.head[list]; h != 0 {
		meta.Next = h
		a.mem.Meta(h).Prev = f
	} else {
		meta.Next = f
		a.tail[list] = f
	}
	a.head[list] = f
	a.n[list]++
}

// removeLocked takes f off the list it is on, if any. Locks: a.mu held.
func (a *ageList) removeLocked(f mmu.Frame) {
	meta := a.mem.Meta(f)
	next, prev := meta.Next, meta.Prev
	if next == 0 {
		return
	}
	// Only an end of a list needs to know which list it is.
	list := ageNormal
	switch {
	case prev == f && next == f:
		if a.head[list] != f {
			list = ageNeeded
		}
		a.head[list], a.tail[list] = 0, 0
	case prev == f:
		if a.head[list] != f {
			list = ageNeeded
		}
		a.head[list] = next
		a.mem.Meta(next).Prev = next
	case next == f:
		if a.tail[list] != f {
			list = ageNeeded
		}
		a.tail[list] = prev
		a.mem.Meta(prev).Next = prev
	default:
		a.mem.Meta(prev).Next = next
		a.mem.Meta(next).Prev = prev
		if meta.Tag()&tagNeeded != 0 {
			list = ageNeeded
		}
	}
	a.n[list]--
	meta.Next, meta.Prev = 0, 0
}

// remove takes f off the list it is on, if any. Locks: the owner's VMO held;
// takes a.mu.
func (a *ageList) remove(f mmu.Frame) {
	a.mu.Lock()
	a.removeLocked(f)
	a.mu.Unlock()
}

// push lists f if it is not listed. Locks: the owner's VMO held; takes a.mu.
func (a *ageList) push(f mmu.Frame) {
	meta := a.mem.Meta(f)
	a.mu.Lock()
	if meta.Next == 0 {
		a.pushLocked(listFor(meta), f)
	}
	a.mu.Unlock()
}
