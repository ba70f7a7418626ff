package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// PERM options are the bits of mmu.Prot, CAN_MAP options and the rights READ, WRITE
// and EXECUTE the same bits further up.
const (
	_ = -(uint(zx.VMPermRead^uint32(mmu.Read)) | uint(zx.VMPermWrite^uint32(mmu.Write)) | uint(zx.VMPermExecute^uint32(mmu.Exec)))
	_ = -(uint(zx.VMCanMapWrite/zx.VMCanMapRead^uint32(mmu.Write)) | uint(zx.VMCanMapExecute/zx.VMCanMapRead^uint32(mmu.Exec)))
	_ = -(uint(zx.RightWrite/zx.RightRead^zx.Rights(mmu.Write)) | uint(zx.RightExecute/zx.RightRead^zx.Rights(mmu.Exec)))
)

// prot gives the permissions of PERM options.
func prot(options uint32) mmu.Prot { return mmu.Prot(options & permRWX) }

// mappable gives the permissions of CAN_MAP options.
func mappable(options uint32) mmu.Prot { return prot(options / zx.VMCanMapRead) }

// granted gives the permissions that rights grant.
func granted(rights zx.Rights) mmu.Prot { return prot(uint32(rights / zx.RightRead)) }

// permsOK says whether the PERM options are a set a mapping may have: writing
// and executing come only with reading.
func permsOK(options uint32) bool {
	return options&(zx.VMPermWrite|zx.VMPermExecute) == 0 || options&zx.VMPermRead != 0
}

// Map shows [vmoOff, vmoOff+length) of v in r, length rounded up to pages, and
// gives the address. The range may reach past the end of v; touching that part
// faults. vmoRights and rights are those of the handles that named v and r; a
// caller inside the kernel passes zx.RightMap and what it grants. y lets others
// run while a place is sought, much is overwritten or much is mapped. What is
// overwritten goes in slices, so an overwrite that y stops leaves a part.
//
// Locks: none held; locks the space, takes VMO locks one at a time.
// Errors, in this order: ErrNotSupported FAULT_BEYOND_STREAM_SIZE of a physical or
// contiguous VMO | ErrAccessDenied v's handle lacks MAP | ErrInvalidArgs
// WRITE or EXECUTE without READ, MAP_RANGE with SPECIFIC_OVERWRITE, a CAN_MAP
// bit | ErrAccessDenied a permission that one of the handles does not have |
// ErrInvalidArgs FAULT_BEYOND_STREAM_SIZE without ALLOW_FAULTS | ErrNotSupported
// REQUIRE_NON_RESIZABLE and v is resizable, or v is discardable and ALLOW_FAULTS
// is missing | ErrInvalidArgs an unknown option or alignment, vmoOff unaligned,
// length 0 | ErrOutOfRange length or vmoOff+length wraps | those of spot |
// ErrNoMemory the account is spent | what y answers.
// Source: docs/pager.md 3.16, zx_vmar_map steps 2 to 9, and 11.
func (r *VMAR) Map(options uint32, off uint64, v *vmo.VMO, vmoOff, length uint64, vmoRights, rights zx.Rights, y zx.Yielder) (zx.VirtAddr, zx.Status) {
	const known = permRWX | zx.VMCompact | zx.VMSpecific | zx.VMSpecificOverwrite | zx.VMMapRange |
		zx.VMRequireNonResizable | zx.VMAllowFaults | zx.VMOffsetIsUpperLimit | zx.VMPermReadIfXOM | zx.VMFaultBeyondStreamSize | alignMask
	if options&zx.VMPermReadIfXOM != 0 && options&zx.VMPermExecute != 0 {
		options |= zx.VMPermRead // x86-64 has no execute-only pages
	}
	both := vmoRights & rights
	switch {
	case options&zx.VMFaultBeyondStreamSize != 0 && (v.Physical() || v.Contiguous()):
		return 0, zx.ErrNotSupported
	case vmoRights&zx.RightMap == 0:
		return 0, zx.ErrAccessDenied
	case !permsOK(options),
		options&zx.VMMapRange != 0 && options&zx.VMSpecificOverwrite != 0,
		options&(canMapRWX|zx.VMCanMapSpecific) != 0:
		return 0, zx.ErrInvalidArgs
	case prot(options)&^granted(both) != 0:
		return 0, zx.ErrAccessDenied
	case options&zx.VMFaultBeyondStreamSize != 0 && options&zx.VMAllowFaults == 0:
		return 0, zx.ErrInvalidArgs
	case options&zx.VMRequireNonResizable != 0 && v.Resizable(),
		options&zx.VMAllowFaults == 0 && v.Discardable():
		return 0, zx.ErrNotSupported
	case options&^known != 0, !alignOK(options), vmoOff&zx.PageMask != 0, length == 0:
		return 0, zx.ErrInvalidArgs
	}
	size, ok := zx.RoundUp(length)
	if !ok || vmoOff+size < vmoOff {
		return 0, zx.ErrOutOfRange
	}
	as, b := r.space, zx.Budget{By: y}
	var at uint64
	charged := false
	st := as.inSlices(&b, func() (bool, zx.Status) {
		var st zx.Status
		// The CAN_MAP bit of a permission is the PERM bit, seven places up.
		if at, st = r.spot(options, (options&permRWX)*zx.VMCanMapRead, off, size, &b); st != zx.OK {
			return false, st
		}
		if !charged {
			if st = as.charge(1); st != zx.OK {
				return false, st
			}
			charged = true
		}
		if options&zx.VMSpecificOverwrite != 0 {
			if st = r.cut(at, at+size, cutAll); st != zx.OK {
				return false, st
			}
			if !r.clear(at, at+size, &b) {
				return false, zx.OK
			}
		}
		m := r.newMapping(at, size, v, vmoOff, prot(options), mappable(r.flags)&granted(both))
		m.streamed = options&zx.VMFaultBeyondStreamSize != 0
		r.insert(&m.place)
		return true, zx.OK
	})
	if st != zx.OK {
		if charged {
			as.account.Release(childBytes)
		}
		return 0, st
	}
	if options&zx.VMMapRange != 0 {
		as.mine().mapRange(at, size, v, &b) // a convenience: stopped, it is as good as done
	}
	return zx.VirtAddr(at), zx.OK
}

// Unmap removes what is mapped in [addr, addr+length), length rounded up to
// pages. Mappings that reach out of the range are cut; regions wholly inside
// die, if rights, those of the handle r was named by, have OP_CHILDREN. Page
// requests of threads that sleep on a fault there go on: when they end, the
// thread finds no mapping. Nothing mapped is no error. Much goes in slices; a
// call that y stopped is made again for the rest.
//
// Locks: none held; locks the space, takes VMO locks one at a time.
// Errors: ErrBadState r is destroyed | ErrInvalidArgs addr unaligned, length 0 or
// wrapping, out of the region, a region in the range that reaches out of it or
// without the right | ErrNoMemory a mapping must be split and the account is
// spent | what y answers.
// Flush: done here. Source: docs/pager.md 3.16, zx_vmar_unmap; RFC-0199.
func (r *VMAR) Unmap(addr zx.VirtAddr, length uint64, rights zx.Rights, y zx.Yielder) zx.Status {
	b, lo := zx.Budget{By: y}, uint64(addr)
	size, ok := zx.RoundUp(length)
	hi := lo + size
	return r.space.inSlices(&b, func() (bool, zx.Status) {
		switch {
		case r.dead:
			return false, zx.ErrBadState
		case !ok || lo&zx.PageMask != 0 || !r.holds(lo, size):
			return false, zx.ErrInvalidArgs
		case r.regionAcross(lo), r.regionAcross(hi), rights&zx.RightOpChildren == 0 && r.regionIn(lo, hi):
			return false, zx.ErrInvalidArgs
		}
		if st := r.cut(lo, hi, cutAll); st != zx.OK {
			return false, st
		}
		return r.clear(lo, hi, &b), zx.OK
	})
}

// regionAcross says whether a region in r begins before va and ends after it.
// Locks: space locked.
func (r *VMAR) regionAcross(va uint64) bool {
	c := r.holding(va)
	return c != nil && c.region != nil && c.base < va
}

// Protect sets the permissions of the mappings in [addr, addr+length), length
// rounded up to pages. Permissions that go are gone when it returns; one that
// comes is only recorded: the access that needs it faults first, so dirty
// tracking sees it. rights are those of the handle r was named by; with
// OP_CHILDREN they reach the mappings of the regions in r too, but only to take
// permissions. Much goes in slices; a call that y stopped is made again.
//
// Locks: none held; locks the space, takes VMO locks one at a time.
// Errors, nothing changed unless others changed the range meanwhile:
// ErrInvalidArgs an option that is not a permission, or WRITE or EXECUTE without
// READ | ErrAccessDenied a permission the handle lacks | ErrBadState r is
// destroyed | ErrInvalidArgs addr unaligned, length 0 or wrapping, out of the
// region | then for each mapping in turn: ErrNotFound a hole before it |
// ErrAccessDenied more than it may ever allow | ErrInvalidArgs it is in a region
// in r and the handle lacks OP_CHILDREN | ErrAccessDenied it is, and would gain
// a permission | then ErrNoMemory a mapping must be split and the account is
// spent | what y answers.
// Flush: done here. Source: docs/pager.md 3.16, zx_vmar_protect; RFC-0199.
func (r *VMAR) Protect(options uint32, addr zx.VirtAddr, length uint64, rights zx.Rights, y zx.Yielder) zx.Status {
	if options&zx.VMPermReadIfXOM != 0 {
		options &^= zx.VMPermReadIfXOM
		if options&zx.VMPermExecute != 0 {
			options |= zx.VMPermRead
		}
	}
	if options&^permRWX != 0 || !permsOK(options) {
		return zx.ErrInvalidArgs
	}
	if prot(options)&^granted(rights) != 0 {
		return zx.ErrAccessDenied
	}
	as, b, lo, want := r.space, zx.Budget{By: y}, uint64(addr), prot(options)
	size, ok := zx.RoundUp(length)
	hi := lo + size
	looked, at := lo, lo // how far all was found good, and how far it is done
	return as.inSlices(&b, func() (bool, zx.Status) {
		switch {
		case r.dead:
			return false, zx.ErrBadState
		case !ok || lo&zx.PageMask != 0 || !r.holds(lo, size):
			return false, zx.ErrInvalidArgs
		}
		for looked < hi {
			m, st := r.mayProtect(looked, want, rights)
			if st != zx.OK {
				return false, st
			}
			if looked = m.end(); b.Spend(1) {
				return false, zx.OK
			}
		}
		if st := r.cut(lo, hi, want); st != zx.OK {
			return false, st
		}
		end := at
		for full := false; end < hi && !full; full = b.Spend(1) {
			m, st := r.mayProtect(end, want, rights)
			if st != zx.OK {
				return false, st
			}
			m.setProt(want)
			end = min(hi, m.end())
		}
		// What is not taken in this slice stays for one after it; a fault
		// meanwhile enters no more than the mapping now allows.
		var g mmu.Gather
		at += as.table.Protect(zx.VirtAddr(at), (end-at)>>zx.PageShift, want, &g, &b) << zx.PageShift
		g.Flush(as.tlb)
		return at == hi, zx.OK
	})
}

// mayProtect gives the mapping at va, in r or below, if it may be given the
// permissions want through a handle with rights. Locks: space locked.
// Errors: those of Protect for one mapping.
func (r *VMAR) mayProtect(va uint64, want mmu.Prot, rights zx.Rights) (*Mapping, zx.Status) {
	m := r.find(va)
	switch {
	case m == nil:
		return nil, zx.ErrNotFound
	case want&^m.max != 0:
		return nil, zx.ErrAccessDenied
	case m.parent != r && rights&zx.RightOpChildren == 0:
		return nil, zx.ErrInvalidArgs
	case m.parent != r && want&^m.prot != 0:
		return nil, zx.ErrAccessDenied
	}
	return m, zx.OK
}
