package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// OpRange performs a zx_vmar_op_range operation on the mappings in [addr,
// addr+length), length rounded up to pages, one mapping after the other.
// buffered says that the caller gave a buffer, for which no operation has a use.
// rights are those of the handle r was named by; with OP_CHILDREN they reach
// the mappings of the regions in r too, but not for COMMIT, DECOMMIT and
// PREFETCH, which act as if they gave the mapping a permission, which a parent
// cannot. COMMIT, ALWAYS_NEED and PREFETCH also map what is then resident;
// MAP_RANGE maps what is and never waits.
//
// Locks: none held, and none during the VMO's operation, which may wait on req.
// Errors: ErrInvalidArgs unknown op | ErrAccessDenied COMMIT, DECOMMIT or ZERO
// without WRITE, PREFETCH or MAP_RANGE without READ among rights |
// ErrInvalidArgs buffered, addr unaligned, length 0 or wrapping | ErrOutOfRange
// out of the region, or addr+length wraps | ErrBadState r is destroyed | then for
// each mapping in turn: ErrBadState a gap before it | ErrInvalidArgs it is out of
// reach as told above | ErrOutOfRange the range goes past the stream of a
// mapping that faults there | ErrAccessDenied COMMIT, DECOMMIT or ZERO and it can
// never be written, PREFETCH and it can never be read | what the VMO's operation
// answers | what the thread's budget answers. Earlier mappings have been served.
// Source: docs/pager.md 3.16, zx_vmar_op_range; RFC-0199.
func (r *VMAR) OpRange(op uint32, addr zx.VirtAddr, length uint64, buffered bool, rights zx.Rights, req *vmo.PageRequest) zx.Status {
	var need mmu.Prot
	maps := false
	below := rights&zx.RightOpChildren != 0
	right := zx.Rights(0)
	switch op {
	case zx.VMAROpCommit:
		right, need, maps, below = zx.RightWrite, mmu.Write, true, false
	case zx.VMAROpDecommit:
		right, need, below = zx.RightWrite, mmu.Write, false
	case zx.VMAROpZero:
		right, need = zx.RightWrite, mmu.Write
	case zx.VMAROpPrefetch:
		right, need, maps, below = zx.RightRead, mmu.Read, true, false
	case zx.VMAROpMapRange:
		right, maps = zx.RightRead, true
	case zx.VMAROpAlwaysNeed:
		maps = true
	case zx.VMAROpDontNeed:
	default:
		return zx.ErrInvalidArgs
	}
	if rights&right != right {
		return zx.ErrAccessDenied
	}
	at := uint64(addr)
	size, ok := zx.RoundUp(length)
	if buffered || !ok || size == 0 || at&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	if !r.holds(at, size) {
		return zx.ErrOutOfRange
	}
	l, b := r.space.mine(), req.Budget()
	for end := at + size; at < end; {
		l.mu.Lock()
		m, st := r.mayOperate(at, end, need, below)
		if st != zx.OK {
			l.mu.Unlock()
			return st
		}
		v, off, n := m.v, m.off+at-m.base, min(end, m.end())-at
		v.Retain()
		l.mu.Unlock()
		st = perform(op, v, off, n, req)
		if st == zx.OK && maps {
			st = l.mapRange(at, n, v, &b)
		}
		v.Release()
		if st == zx.OK && b.Spend(1) {
			st = b.Look()
		}
		if st != zx.OK {
			return st
		}
		at += n
	}
	return zx.OK
}

// mayOperate gives the mapping at va, if OpRange may act on it up to end. Locks:
// space locked. Errors: those of OpRange from a destroyed region on.
func (r *VMAR) mayOperate(va, end uint64, need mmu.Prot, below bool) (*Mapping, zx.Status) {
	if r.dead {
		return nil, zx.ErrBadState
	}
	m := r.find(va)
	switch {
	case m == nil:
		return nil, zx.ErrBadState
	case m.parent != r && !below:
		return nil, zx.ErrInvalidArgs
	case m.streamed && m.off+min(end, m.end())-m.base > m.limit():
		return nil, zx.ErrOutOfRange
	case (m.prot|m.max)&need != need:
		return nil, zx.ErrAccessDenied
	}
	return m, zx.OK
}

// perform does the VMO's part of an operation. Pre: op is known.
func perform(op uint32, v *vmo.VMO, off, n uint64, req *vmo.PageRequest) zx.Status {
	switch op {
	case zx.VMAROpCommit:
		return v.Commit(off, n, req)
	case zx.VMAROpDecommit:
		return v.Decommit(off, n, req.Yielder())
	case zx.VMAROpZero:
		return v.Zero(off, n, req)
	case zx.VMAROpDontNeed:
		return v.DontNeed(off, n, req.Yielder())
	case zx.VMAROpAlwaysNeed:
		return v.AlwaysNeed(off, n, req)
	case zx.VMAROpPrefetch:
		return v.Prefetch(off, n, req)
	}
	return zx.OK // MAP_RANGE: only the mapping
}

// mapRangePages is how many pages of one mapping mapRange maps before it gives
// up: a hint must not go on for the size of a VMO full of zeros.
const mapRangePages = 1 << 18

// mapRange maps the resident pages of [at, at+size), as far as v is still
// mapped there. It is a convenience: what it leaves, faults will map.
//
// Locks: none held; takes l.mu and the VMO's for one batch of pages at a time.
// Errors: what b answers.
func (l *Lane) mapRange(at, size uint64, v *vmo.VMO, b *zx.Budget) zx.Status {
	end := at + size
	for mapped := uint64(0); at < end && mapped < mapRangePages; {
		n := l.mapBatch(&at, end, v)
		if n == 0 && at < end {
			return zx.OK // nothing more can be mapped
		}
		if mapped += n; b.Spend(int(n) + 2*v.LookCost()) {
			if st := b.Look(); st != zx.OK {
				return st
			}
		}
	}
	return zx.OK
}

// mapBatch maps the first few resident pages of [*at, end), moves at behind them
// and gives how many there were. With at short of end and no page, there is
// nothing more to do.
//
// Locks: takes l.mu and the VMO's.
func (l *Lane) mapBatch(at *uint64, end uint64, v *vmo.VMO) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.find(*at)
	if m == nil || m.v != v || m.prot&mmu.Read == 0 {
		return 0
	}
	v.Lock()
	defer v.Unlock()
	end = min(end, m.end())
	n, st := m.mapResident(l, *at, (end-*at)>>zx.PageShift)
	if n == 0 && st == zx.OK { // nothing here, so look for more
		off := v.NextContent(m.off+*at-m.base, m.off+end-m.base)
		if *at = m.base + off - m.off; *at >= end {
			return 0
		}
		n, st = m.mapResident(l, *at, (end-*at)>>zx.PageShift)
	}
	if st != zx.OK {
		return 0
	}
	*at += n << zx.PageShift
	return n
}
