package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// OpRange performs a zx_vmar_op_range operation on the mappings in [addr,
// addr+length), length rounded up to pages, one mapping after the other.
// rights are those of the handle r was named by; with OP_CHILDREN they reach
// the mappings of the regions in r too, but not for COMMIT, DECOMMIT and
// PREFETCH, which act as if they gave the mapping a permission, which a parent
// cannot. COMMIT, ALWAYS_NEED and PREFETCH also map what is then resident;
// MAP_RANGE maps what is and never waits. The caller has refused a buffer.
//
// Locks: none held, and none during the VMO's operation, which may wait on req.
// Errors: ErrInvalidArgs addr unaligned, length 0 or wrapping, unknown op |
// ErrBadState r is destroyed | ErrOutOfRange out of the region, or addr+length
// wraps | then for each mapping in turn: ErrBadState a gap before it |
// ErrInvalidArgs it is out of reach as told above | ErrAccessDenied COMMIT,
// DECOMMIT or ZERO and it can never be written, PREFETCH and it can never be read
// | what the VMO's operation answers. Earlier mappings have been served.
// Source: spec section 3.16, zx_vmar_op_range; RFC-0199.
func (r *VMAR) OpRange(op uint32, addr zx.VirtAddr, length uint64, rights zx.Rights, req *vmo.PageRequest) zx.Status {
	at := uint64(addr)
	size, ok := zx.RoundUp(length)
	if !ok || size == 0 || at&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	var need mmu.Prot
	maps := false
	below := rights&zx.RightOpChildren != 0
	switch op {
	case zx.VMAROpCommit:
		need, maps, below = mmu.Write, true, false
	case zx.VMAROpDecommit:
		need, below = mmu.Write, false
	case zx.VMAROpZero:
		need = mmu.Write
	case zx.VMAROpPrefetch:
		need, maps, below = mmu.Read, true, false
	case zx.VMAROpAlwaysNeed, zx.VMAROpMapRange:
		maps = true
	case zx.VMAROpDontNeed:
	default:
		return zx.ErrInvalidArgs
	}
	as := r.space
	for left := size; left != 0; { // not at < at+size, which may wrap
		as.mu.Lock()
		var m *Mapping
		st := zx.OK
		switch {
		case r.dead:
			st = zx.ErrBadState
		case !r.holds(at, left):
			st = zx.ErrOutOfRange
		default:
			var in *VMAR
			if in, m = r.find(at); m == nil {
				st = zx.ErrBadState
			} else if in != r && !below {
				st = zx.ErrInvalidArgs
			} else if (m.prot|m.max)&need != need {
				st = zx.ErrAccessDenied
			}
		}
		if st != zx.OK {
			as.mu.Unlock()
			return st
		}
		v, off, n := m.v, m.off+at-m.base, min(left, m.end()-at)
		v.Retain()
		as.mu.Unlock()
		st = perform(op, v, off, n, req)
		if st == zx.OK && maps {
			as.mapRange(at, n, v)
		}
		v.Release()
		if st != zx.OK {
			return st
		}
		at, left = at+n, left-n
	}
	return zx.OK
}

// perform does the VMO's part of an operation. Pre: op is known.
func perform(op uint32, v *vmo.VMO, off, n uint64, req *vmo.PageRequest) zx.Status {
	switch op {
	case zx.VMAROpCommit:
		return v.Commit(off, n, req)
	case zx.VMAROpDecommit:
		return v.Decommit(off, n)
	case zx.VMAROpZero:
		return v.Zero(off, n, req)
	case zx.VMAROpDontNeed:
		return v.DontNeed(off, n)
	case zx.VMAROpAlwaysNeed:
		return v.AlwaysNeed(off, n, req)
	case zx.VMAROpPrefetch:
		return v.Prefetch(off, n, req)
	}
	return zx.OK // MAP_RANGE: only the mapping
}

// mapRangePages is how many pages mapRange looks at before it gives up: a hint
// must not keep the machine busy for the size of a sparse VMO.
const mapRangePages = 1 << 18

// mapRange maps the resident pages of [at, at+size), as far as v is still
// mapped there. It is a convenience: what it leaves, faults will map.
//
// Locks: none held; takes as.mu and the VMO's for one batch of pages at a time.
func (as *AddressSpace) mapRange(at, size uint64, v *vmo.VMO) {
	size = min(size, mapRangePages*zx.PageSize)
	for end := at + size; at < end; {
		as.mu.Lock()
		m := as.find(at)
		if m == nil || m.v != v || m.prot&mmu.Read == 0 {
			as.mu.Unlock()
			return
		}
		v.Lock()
		off := m.off + at - m.base
		if off >= v.SizeLocked() {
			v.Unlock()
			as.mu.Unlock()
			return
		}
		n, st := m.mapResident(at, (min(end, m.end())-at)>>zx.PageShift, false)
		v.Unlock()
		as.mu.Unlock()
		if st != zx.OK {
			return
		}
		at += n << zx.PageShift
	}
}
