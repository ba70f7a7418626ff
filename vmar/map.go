package vmar

import (
	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// prot gives the permissions of PERM options.
func prot(options uint32) (p mmu.Prot) {
	if options&zx.VMPermRead != 0 {
		p |= mmu.Read
	}
	if options&zx.VMPermWrite != 0 {
		p |= mmu.Write
	}
	if options&zx.VMPermExecute != 0 {
		p |= mmu.Exec
	}
	return p
}

// permsOK says whether the PERM options are a set a mapping may have: writing
// and executing come only with reading.
func permsOK(options uint32) bool {
	return options&(zx.VMPermWrite|zx.VMPermExecute) == 0 || options&zx.VMPermRead != 0
}

// Map shows [vmoOff, vmoOff+length) of v in r, length rounded up to pages, and
// gives the address. The range may reach past the end of v; touching that part
// faults. vmoRights and rights are those of the handles that named v and r; a
// caller inside the kernel passes zx.RightMap and what it grants.
//
// Locks: none held; takes space.mu, then VMO locks one at a time.
// Errors, in this order: ErrAccessDenied v's handle lacks MAP | ErrInvalidArgs
// WRITE or EXECUTE without READ, MAP_RANGE with SPECIFIC_OVERWRITE, a CAN_MAP
// bit, an unknown option | ErrAccessDenied a permission that one of the handles
// does not have | ErrNotSupported REQUIRE_NON_RESIZABLE and v is resizable, or v
// is discardable and ALLOW_FAULTS is missing |
// ErrInvalidArgs vmoOff unaligned, length 0 or wrapping | those of spot |
// ErrNoMemory MaxChildren reached.
// Source: spec section 3.16, zx_vmar_map steps 2 to 9.
func (r *VMAR) Map(options uint32, off uint64, v *vmo.VMO, vmoOff, length uint64, vmoRights, rights zx.Rights) (zx.VirtAddr, zx.Status) {
	const known = permRWX | zx.VMCompact | zx.VMSpecific | zx.VMSpecificOverwrite | zx.VMMapRange |
		zx.VMRequireNonResizable | zx.VMAllowFaults | zx.VMOffsetIsUpperLimit | zx.VMPermReadIfXOM | alignMask
	if options&zx.VMPermReadIfXOM != 0 && options&zx.VMPermExecute != 0 {
		options |= zx.VMPermRead // x86-64 has no execute-only pages
	}
	both := vmoRights & rights
	switch {
	case vmoRights&zx.RightMap == 0:
		return 0, zx.ErrAccessDenied
	case !permsOK(options),
		options&zx.VMMapRange != 0 && options&zx.VMSpecificOverwrite != 0,
		options&(canMapRWX|zx.VMCanMapSpecific) != 0,
		options&^known != 0:
		return 0, zx.ErrInvalidArgs
	case !allowed(options, zx.VMPermRead, zx.VMPermWrite, zx.VMPermExecute, both):
		return 0, zx.ErrAccessDenied
	case options&zx.VMRequireNonResizable != 0 && v.Resizable(),
		options&zx.VMAllowFaults == 0 && v.Discardable():
		return 0, zx.ErrNotSupported
	}
	size, ok := zx.RoundUp(length)
	if !ok || size == 0 || vmoOff&zx.PageMask != 0 || vmoOff+size < vmoOff {
		return 0, zx.ErrInvalidArgs
	}
	as := r.space
	as.mu.Lock()
	// The CAN_MAP bit of a permission is the PERM bit, seven places up.
	at, st := r.spot(options, (options&permRWX)*zx.VMCanMapRead, off, size)
	if st != zx.OK {
		as.mu.Unlock()
		return 0, st
	}
	if !as.roomFor(1 + r.cuts(at, at+size)) {
		as.mu.Unlock()
		return 0, zx.ErrNoMemory
	}
	if options&zx.VMSpecificOverwrite != 0 {
		r.clear(at, at+size)
	}
	m := &Mapping{space: as, v: v, base: at, size: size, off: vmoOff, max: r.most(both)}
	m.setProt(prot(options))
	v.Retain()
	v.AddMapping(&m.place, m, vmoOff, size)
	as.count++
	r.insert(child{base: at, end: at + size, mapping: m})
	as.mu.Unlock()
	if options&zx.VMMapRange != 0 {
		as.mapRange(at, size, v)
	}
	return zx.VirtAddr(at), zx.OK
}

// most gives the most that a mapping in r may ever allow, made through handles
// with both rights.
func (r *VMAR) most(both zx.Rights) (p mmu.Prot) {
	if both&zx.RightRead != 0 && r.flags&zx.VMCanMapRead != 0 {
		p |= mmu.Read
	}
	if both&zx.RightWrite != 0 && r.flags&zx.VMCanMapWrite != 0 {
		p |= mmu.Write
	}
	if both&zx.RightExecute != 0 && r.flags&zx.VMCanMapExecute != 0 {
		p |= mmu.Exec
	}
	return p
}

// Unmap removes what is mapped in [addr, addr+length), length rounded up to
// pages. Mappings that reach out of the range are cut; regions wholly inside
// die, if rights, those of the handle r was named by, have OP_CHILDREN. Page
// requests of threads that sleep on a fault there go on: when they end, the
// thread finds no mapping. Nothing mapped is no error.
//
// Locks: none held; takes space.mu, then VMO locks one at a time.
// Errors: ErrBadState r is destroyed | ErrInvalidArgs addr unaligned, length 0 or
// wrapping, out of the region, a region in the range that reaches out of it or
// without the right | ErrNoMemory a mapping must be split and MaxChildren is
// reached.
// Flush: done here. Source: spec section 3.16, zx_vmar_unmap; RFC-0199.
func (r *VMAR) Unmap(addr zx.VirtAddr, length uint64, rights zx.Rights) zx.Status {
	as := r.space
	as.mu.Lock()
	defer as.mu.Unlock()
	lo := uint64(addr)
	size, ok := zx.RoundUp(length)
	switch {
	case r.dead:
		return zx.ErrBadState
	case !ok || lo&zx.PageMask != 0 || !r.holds(lo, size):
		return zx.ErrInvalidArgs
	}
	for i := r.index(lo); i < len(r.children) && r.children[i].base < lo+size; i++ {
		c := &r.children[i]
		if c.region != nil && (rights&zx.RightOpChildren == 0 || c.base < lo || c.end > lo+size) {
			return zx.ErrInvalidArgs
		}
	}
	if !as.roomFor(r.cuts(lo, lo+size)) {
		return zx.ErrNoMemory
	}
	r.clear(lo, lo+size)
	return zx.OK
}

// Protect sets the permissions of the mappings in [addr, addr+length), length
// rounded up to pages. Permissions that go are gone at once; one that comes is
// only recorded: the access that needs it faults first, so dirty tracking sees
// it. rights are those of the handle r was named by; with OP_CHILDREN they
// reach the mappings of the regions in r too, but only to take permissions.
//
// Locks: none held; takes space.mu, then VMO locks one at a time.
// Errors, nothing changed: ErrInvalidArgs an option that is not a permission, or
// WRITE or EXECUTE without READ | ErrAccessDenied a permission the handle lacks
// | ErrBadState r is destroyed | ErrInvalidArgs addr unaligned, length 0 or
// wrapping, out of the region | then for each mapping in turn: ErrNotFound a
// hole before it | ErrAccessDenied more than it may ever allow | ErrInvalidArgs
// it is in a region in r and the handle lacks OP_CHILDREN | ErrAccessDenied it
// is, and would gain a permission | last ErrNoMemory a mapping must be split
// and MaxChildren is reached.
// Flush: done here. Source: spec section 3.16, zx_vmar_protect; RFC-0199.
func (r *VMAR) Protect(options uint32, addr zx.VirtAddr, length uint64, rights zx.Rights) zx.Status {
	if options&zx.VMPermReadIfXOM != 0 {
		options &^= zx.VMPermReadIfXOM
		if options&zx.VMPermExecute != 0 {
			options |= zx.VMPermRead
		}
	}
	if options&^permRWX != 0 || !permsOK(options) {
		return zx.ErrInvalidArgs
	}
	if !allowed(options, zx.VMPermRead, zx.VMPermWrite, zx.VMPermExecute, rights) {
		return zx.ErrAccessDenied
	}
	as := r.space
	as.mu.Lock()
	defer as.mu.Unlock()
	lo := uint64(addr)
	size, ok := zx.RoundUp(length)
	switch {
	case r.dead:
		return zx.ErrBadState
	case !ok || lo&zx.PageMask != 0 || !r.holds(lo, size):
		return zx.ErrInvalidArgs
	}
	hi, want := lo+size, prot(options)
	for at := lo; at < hi; {
		in, m := r.find(at)
		switch {
		case m == nil:
			return zx.ErrNotFound
		case want&^m.max != 0:
			return zx.ErrAccessDenied
		case in != r && rights&zx.RightOpChildren == 0:
			return zx.ErrInvalidArgs
		case in != r && want&^m.prot != 0:
			return zx.ErrAccessDenied
		}
		at = m.end()
	}
	if !as.roomFor(r.cuts(lo, hi)) {
		return zx.ErrNoMemory
	}
	r.cutUnless(lo, want)
	r.cutUnless(hi, want)
	for at := lo; at < hi; {
		_, m := r.find(at)
		m.setProt(want)
		at = m.end()
	}
	var g mmu.Gather
	as.table.Protect(addr, size>>zx.PageShift, want, &g, nil)
	g.Flush(as.tlb)
	return zx.OK
}

// cutUnless makes va a boundary of the mapping that lies across it, in r or
// below, unless that has permissions p already. Locks: space.mu held.
func (r *VMAR) cutUnless(va uint64, p mmu.Prot) {
	if in, m := r.find(va); m != nil && m.prot != p {
		in.cut(va)
	}
}
