package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// require is Fault that waits for the page, on the caller's stack.
//
// Errors: ErrNotFound registers of a device | as Fault but for ErrShouldWait |
// those of vmo.PageRequest.Wait.
func (l *Lane) require(va zx.VirtAddr, need mmu.Prot, r *vmo.PageRequest) zx.Status {
	l.mu.Lock()
	m := l.find(uint64(va))
	registers := m != nil && m.cache&mmu.PTE_MMIO != 0
	l.mu.Unlock()
	if registers { // the kernel cannot copy there
		return zx.ErrNotFound
	}
	st := l.Fault(va, need, r)
	for st == zx.ErrShouldWait {
		if st = r.Wait(); st == zx.OK {
			st = l.Fault(va, need, r)
		}
	}
	return st
}

// Fault is TryFault that makes room where there is no memory, for as long as there
// is something to take from others, and gives others time where that is needed.
//
// Errors: as TryFault but ErrAgain; ErrNoMemory nothing could be reclaimed | those of
// Yield.
func (l *Lane) Fault(va zx.VirtAddr, need mmu.Prot, r *vmo.PageRequest) zx.Status {
	for {
		st := l.TryFault(va, need, r)
		if st != zx.ErrNoMemory && st != vmo.ErrAgain {
			return st
		}
		l.mu.Lock()
		m := l.find(uint64(va))
		l.mu.Unlock()
		if m == nil {
			return zx.ErrNotFound
		}
		if st = m.v.GoOn(st, l.space.account, r.Budget().By); st != zx.OK {
			return st
		}
	}
}

// TryFault makes the page at va good for an access that needs need: OK means run the
// thread on from the same instruction, whether the page was mapped now or was good
// already (a spurious fault). ErrShouldWait means that r, the thread's page
// request, is registered: the caller calls r.Await, sleeps, asks r.Answer, and on
// OK calls again. Any other status is fatal, the synth_code of the exception.
// Allocates nothing.
//
// On a read that goes on where the last one ended, pages after it that have
// content come along: a program that walks through a file pays for a sixteenth of
// the faults, one that jumps about pays nothing. Nor does one that waited for its
// page: what follows is seldom there before it, and the next fault finds out.
//
// Locks: none held; takes the lane's, then the VMO's.
// Errors: ErrShouldWait | ErrNotFound not a user address, or no mapping (any
// more) | ErrAccessDenied | ErrOutOfRange past the end of the VMO | ErrBadState
// the pager is gone | ErrNoMemory, vmo.ErrAgain: ask Fault.
// Flush: done here.
// Source: docs/pager.md 6.1 steps 2 to 6.
//
//go:nosplit
func (l *Lane) TryFault(va zx.VirtAddr, need mmu.Prot, r *vmo.PageRequest) zx.Status {
	l.mu.Lock()
	m := l.last // usually; va, if it is no user address, is in no mapping
	page := uint64(va) &^ zx.PageMask
	if page-m.base >= m.size {
		if m = l.find(page); m == nil {
			l.mu.Unlock()
			return zx.ErrNotFound
		}
	}
	if need&^m.prot != 0 {
		l.mu.Unlock()
		return zx.ErrAccessDenied
	}
	v, off := m.v, m.off+page-m.base
	v.Lock()
	var p vmo.Page
	st := zx.ErrOutOfRange
	if !m.streamed || off < m.limitLocked() {
		p, st = v.RequirePage(&m.shown, off, need&mmu.Write != 0, r)
	}
	if st == zx.OK && v.Held() {
		st = vmo.ErrAgain
	}
	if st == zx.OK {
		leaf := m.readable
		if p.Writable {
			leaf = m.writable
		}
		var stale bool
		if stale, st = l.table.Map(zx.VirtAddr(page), p.Frame, leaf); stale {
			l.space.tlb.Invalidate(l.space.CR3(), zx.VirtAddr(page), zx.VirtAddr(page+zx.PageSize))
		}
		if need&mmu.Write == 0 && st == zx.OK {
			next := page + zx.PageSize
			if page == m.next && !v.JustMade(p.Frame) && l.space.around > 1 {
				next = l.enterAround(m, next)
			}
			m.next = next
		}
	} else if need&mmu.Write == 0 {
		m.next = 0 // nothing comes along when the page is there at last
	}
	m.v.Unlock()
	l.mu.Unlock()
	return st
}

// tableSpan is the bytes that one page table translates.
const tableSpan = 512 * zx.PageSize

// enterAround maps the pages from va on that have content, up to the first
// that has none, within the mapping and within the page table of the page
// before va, and gives the address it reached. What it cannot do it leaves.
//
// Locks: l.mu and the VMO's lock held.
func (l *Lane) enterAround(m *Mapping, va uint64) uint64 {
	end := min(m.end(), ((va-1)|(tableSpan-1))+1)
	n := min(l.space.around-1, (end-va)>>zx.PageShift)
	for n > 0 {
		done, st := m.mapResident(l, va, n)
		if done == 0 || st != zx.OK {
			break
		}
		va += done << zx.PageShift
		n -= done
	}
	return va
}
