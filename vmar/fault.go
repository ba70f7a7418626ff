package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// reclaimPages is how many frames a fault that found none asks the evictor for.
const reclaimPages = 64

// Access is what a page fault wanted to do.
type Access struct {
	Need mmu.Prot // Read, or Write instead; Exec besides for an instruction fetch
}

// DecodeAccess gives the access behind a page-fault error code. User mode and
// the present bit decide nothing here: every mapping is for user mode, and a
// present page may lack a permission or none.
//
// Errors: ErrNotSupported a bit this kernel has no meaning for, the reserved-bit
// flag included. Source: spec section 6.1 steps 1 and 4, SDM 3A 4.7.
func DecodeAccess(code mmu.PageFaultError) (Access, zx.Status) {
	if code.Unknown() != 0 {
		return Access{}, zx.ErrNotSupported
	}
	need := mmu.Read
	if code&mmu.PF_WR != 0 {
		need = mmu.Write
	}
	if code&mmu.PF_ID != 0 {
		need |= mmu.Exec
	}
	return Access{need}, zx.OK
}

// Fault decides a page fault of user mode at va: OK means run the thread on
// from the same instruction, whether the page was mapped now, was good already
// (a spurious fault), or the thread is to be suspended. Any other status but
// ErrInternalIntrKilled is fatal, the synth_code of the exception.
//
// r is the thread's page request; the thread may sleep on it, with no lock
// held. Allocates nothing.
//
// Locks: none held; takes as.mu, then the VMO's.
// Errors: ErrNotSupported unknown bits in code | ErrNotFound not a user
// address, or no mapping (any more) | ErrAccessDenied | ErrOutOfRange past the
// end of the VMO | ErrBadState the pager is gone | what the pager failed the
// page with | ErrTimedOut | ErrNoMemory nothing could be reclaimed |
// ErrInternalIntrKilled the thread is being killed.
// Flush: done here.
// Source: spec section 6.1.
func (as *AddressSpace) Fault(va zx.VirtAddr, code mmu.PageFaultError, r *vmo.PageRequest) zx.Status {
	a, st := DecodeAccess(code)
	if st != zx.OK {
		return st
	}
	st = as.resolve(uint64(va), a.Need, r)
	if st == zx.ErrInternalIntrRetry {
		return zx.OK // suspended: it faults again when it runs on
	}
	return st
}

// resolve makes the page at va good for an access that needs need: steps 2 to
// 6 of spec section 6.1. Errors: as Fault, and ErrInternalIntrRetry when the
// thread was suspended.
func (as *AddressSpace) resolve(va uint64, need mmu.Prot, r *vmo.PageRequest) zx.Status {
	if !isUser(va) {
		return zx.ErrNotFound
	}
	for {
		as.mu.Lock()
		m := as.find(va)
		if m == nil {
			as.mu.Unlock()
			return zx.ErrNotFound
		}
		if m.prot&need != need {
			as.mu.Unlock()
			return zx.ErrAccessDenied
		}
		v := m.v
		v.Lock()
		st := as.enter(m, va&^zx.PageMask, need, r)
		v.Unlock()
		as.mu.Unlock()
		switch st {
		case zx.ErrShouldWait:
			if st = r.Wait(); st != zx.OK {
				return st
			}
		case zx.ErrNoMemory:
			if !v.Store().Reclaim(reclaimPages) {
				return st
			}
		default:
			return st
		}
	}
}

// enter gets the page at va, page aligned, from the VMO and enters it into the
// tables. On a read that goes on where the last one ended, pages after it that
// have content come along: a program that walks through a file pays for a
// sixteenth of the faults, one that jumps about pays nothing.
//
// Locks: as.mu and the VMO's lock held. Errors: as vmo.RequirePage.
func (as *AddressSpace) enter(m *Mapping, va uint64, need mmu.Prot, r *vmo.PageRequest) zx.Status {
	write := need&mmu.Write != 0
	var p vmo.Page
	if st := m.v.RequirePage(m.off+va-m.base, write, r, &p); st != zx.OK {
		return st
	}
	var g mmu.Gather
	if st := as.table.Map(zx.VirtAddr(va), p.Frame, m.leaf(p.Writable), &g); st != zx.OK {
		return st
	}
	if !g.Empty() {
		g.Flush(as.tlb)
	}
	if !write {
		next := va + zx.PageSize
		if va == m.next && as.around > 1 {
			next = as.enterAround(m, next)
		}
		m.next = next
	}
	return zx.OK
}

// tableSpan is the bytes that one page table translates.
const tableSpan = 512 * zx.PageSize

// enterAround maps the pages from va on that have content, up to the first
// that has none, within the mapping and within the page table of the page
// before va, and gives the address it reached. What it cannot do it leaves.
//
// Locks: as.mu and the VMO's lock held.
func (as *AddressSpace) enterAround(m *Mapping, va uint64) uint64 {
	end := min(m.end(), ((va-1)|(tableSpan-1))+1)
	n := min(as.around-1, (end-va)>>zx.PageShift)
	for n > 0 {
		done, st := m.mapResident(va, n, true)
		if done == 0 || st != zx.OK {
			break
		}
		va += done << zx.PageShift
		n -= done
	}
	return va
}
