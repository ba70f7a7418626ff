package vmo

import (
	"runtime"

	"faultline/account"
	"faultline/avl"
	"faultline/zx"
)

// clearing is the removal of translations, or of their write permission, from all
// mappings that show [lo, hi) of top. What takes longer than a turn the family keeps.
// Then no fault enters a translation of the family, so that what is removed stays so;
// whoever meets it works on it; and whose it is finds it done, and does what it is
// for before the lock is dropped. If he does not come, killed perhaps, it is given up.
//
//	       too many for a turn           walk                  its maker, or patience is out
//	(none) ------------------> (walking) ----> (done, waiting) ----------------------------> (none)
//
// It stands before a mapping of one node. A mapping that goes is passed over; when
// nodes come and go it begins again. New mappings have no translations.
type clearing struct {
	top    *cowPages
	lo, hi uint64
	writes bool // only write permission, of the windows of top: no other maps its pages writable
	d      descent
	next   *avl.Node[MappingPlace] // of the node the descent is at, nil: none is left
	done   bool
	asked  int
}

// clearUnits is what clearing may take of a turn, beside what else is done in it: a
// mapping or a node is one, and one more for each 8 pages.
const clearUnits = zx.BudgetUnits / 2

// patience is how many faults may yield to the maker of a clearing that is done.
const patience = 1 << 14

// ErrAgain is what RequirePage answers when it has done as much as one turn may:
// GoOn, and start over.
const ErrAgain = errSpent

// clearingOf is one that has not begun. Where it does not last nothing is allocated.
func clearingOf(c *cowPages, off, end uint64, writes bool) clearing {
	return clearing{top: c, lo: off, hi: end, writes: writes, d: c.descend(off, end), next: c.mappings.Heavy(0, off+1)}
}

// walk clears until that costs most or all is done, and gives the cost.
func (k *clearing) walk(most int) (cost int) {
	one := k.hi-k.lo == zx.PageSize
	for cost < most && !k.done {
		n := k.d.at
		lo, hi := k.d.here()
		if n != k.top {
			hi = min(hi, n.parentLimit())
		}
		if k.next != nil && k.next.Key() < hi {
			m := k.next.Owner()
			k.next = k.next.Heavier(lo + 1)
			cost += 1 + n.clear(m, lo, hi, k.writes)
			continue
		}
		if k.writes {
			k.done = true
			break
		}
		// Of one page, nodes that have their own are passed over.
		if n = k.d.next(n != k.top && one && n.owns(lo)); n == nil {
			k.done = true
			break
		}
		lo, _ = k.d.here()
		if cost++; one && n.owns(lo) {
			k.next = nil
		} else {
			k.next = n.mappings.Heavy(0, lo+1)
		}
	}
	return cost
}

// clear removes the translations of what m shows of [off, end) of c, but for pinned
// pages, and gives how many times 8 pages that may be, as far as they count.
func (c *cowPages) clear(m *MappingPlace, off, end uint64, writes bool) int {
	f := Mapping.UnmapRange
	if writes {
		f = Mapping.RemoveWriteRange
	}
	base := m.window.off
	off = max(off, base)
	if c.pinned == 0 {
		f(m.Mapping, off-base, end-off)
	} else {
		c.unpinned(off, end, func(off, end uint64) { f(m.Mapping, off-base, end-off) })
	}
	return int(min((min(end, m.node.Weight())-max(off, m.node.Key()))>>(zx.PageShift+3), clearUnits))
}

// cleared says that nothing maps [off, off+length) of c, pinned pages apart, or with
// writes that its windows do not map it writable; that stays so until the lock is
// dropped. False: it takes longer than a turn, and the operation answers errSpent.
//
// Locks: the family's held. Flush: done.
func (c *cowPages) cleared(off, length uint64, writes bool) bool {
	fam, end := c.fam, off+length
	k := fam.clearing
	switch {
	case length == 0:
		return true
	case k == nil && fam.clearCost >= clearUnits:
		fam.clearCost = 0
		return false
	case k == nil:
		now := clearingOf(c, off, end, writes)
		spent := fam.clearCost
		if fam.clearCost += now.walk(clearUnits - spent); now.done {
			return true
		}
		if fam.clearCost = 0; spent == 0 {
			fam.clearing = new(clearing)
			*fam.clearing = now
		}
		return false
	case k.top == c && (off < k.lo || k.hi < end || k.writes && !writes) && off <= k.hi && k.lo <= end:
		*k = clearingOf(c, min(k.lo, off), max(k.hi, end), k.writes && writes) // wider than the last time
		return false
	}
	mine := k.top == c && k.lo <= off && k.hi >= end && (!k.writes || writes)
	if k.help(mine); !mine || !k.done {
		return false
	}
	fam.clearing = nil
	return true
}

// help does a turn's worth of a clearing. If it is done it waits for its maker.
func (k *clearing) help(mine bool) {
	if !k.done {
		k.walk(clearUnits)
		return
	}
	if k.asked++; !mine && k.asked > patience {
		k.top.fam.clearing = nil
	}
}

// reshaped has a clearing begin again, since nodes of the family came or went.
func (f *family) reshaped() {
	if k := f.clearing; k != nil && !k.done {
		*k = clearingOf(k.top, k.lo, k.hi, k.writes)
	}
}

// unmapped tells a clearing that m goes.
func (f *family) unmapped(m *MappingPlace) {
	if k := f.clearing; k != nil && k.next == &m.node {
		lo, _ := k.d.here()
		k.next = k.next.Heavier(lo + 1)
	}
}

// Held says that no translation may be entered now: as if RequirePage had answered
// ErrAgain. Locks: the VMO's held.
func (v *VMO) Held() bool { return v.fam.clearing != nil }

// GoOn does what an operation on v that met st needs before it starts over, which is
// what OK says: memory after ErrNoMemory (see MakeRoom), time for others after
// ErrAgain. Anything else is the operation's answer.
//
// Locks: none held; takes the VMO's.
// Errors: st | ErrNoMemory | those of y.
func (v *VMO) GoOn(st zx.Status, by *account.Account, y zx.Yielder) zx.Status {
	switch st {
	case zx.ErrNoMemory:
		return v.MakeRoom(by, y)
	case ErrAgain:
		v.Lock()
		if k := v.fam.clearing; k != nil {
			k.help(false)
		}
		v.Unlock()
		if y != nil {
			return y.Yield()
		}
		runtime.Gosched()
		return zx.OK
	}
	return st
}

// unmap removes the translations of [off, off+length) everywhere at once: in the
// windows of the node and of those below that see it there. For what ring 3 cannot
// make many of; else see cleared.
//
// Flush: done.
func (c *cowPages) unmap(off, length uint64) {
	if length != 0 {
		k := clearingOf(c, off, off+length, false)
		k.walk(int(^uint(0) >> 1))
	}
}

// clearedOfZeros is cleared where only the shared zero page can be mapped, left behind
// by a WRITEBACK_END perhaps.
func (c *cowPages) clearedOfZeros(off, end uint64) bool {
	return !c.fam.zeroMapped || c.cleared(off, end-off, false)
}

// shownOnce says that at most one mapping shows anything of c.
func (c *cowPages) shownOnce() bool {
	return c.children.Empty() && (c.mappings.Empty() || c.mappings.Single())
}
