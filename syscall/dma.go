package syscall

import (
	"encoding/binary"

	"faultline/dma"
	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// maxPinAddresses is how many addresses zx_bti_pin gives at most.
const maxPinAddresses = 32768

// get looks up a handle of a type whose objects are all T; the caller gives the
// reference back by Unref.
func get[T object.Object](c *Context, h zx.Handle, typ zx.ObjType, rights zx.Rights) (t T, st zx.Status) {
	o, st := c.Handles.Get(h, typ, rights)
	if st == zx.OK {
		t = o.(T)
	}
	return t, st
}

// resourceCreate is zx_resource_create.
func resourceCreate(c *Context, parent zx.Handle, options uint32, base, size uint64, name userIn, nameSize uint64, out userOut) zx.Status {
	p, st := get[*dma.Resource](c, parent, zx.ObjResource, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	defer object.Unref(p)
	if nameSize > 0 { // read, for the address may be bad, and shown nowhere
		if st = c.read(c.scratch[:min(nameSize, maxName)], name); st != zx.OK {
			return st
		}
	}
	r, st := p.Mint(options, base, size)
	if st != zx.OK {
		return st
	}
	return c.give(r, dma.RightsResource, out)
}

// iommuCreate is zx_iommu_create.
func iommuCreate(c *Context, resource zx.Handle, kind uint32, desc userIn, size uint64, out userOut) zx.Status {
	r, st := get[*dma.Resource](c, resource, zx.ObjResource, 0)
	if st != zx.OK {
		return st
	}
	defer object.Unref(r)
	i, st := dma.NewIOMMU(r, kind, size)
	if st == zx.OK {
		st = c.read(c.scratch[:1], desc)
	}
	if st != zx.OK {
		return st
	}
	return c.give(i, dma.RightsIOMMU, out)
}

// btiCreate is zx_bti_create.
func btiCreate(c *Context, iommu zx.Handle, options uint32, id uint64, out userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	i, st := get[*dma.IOMMU](c, iommu, zx.ObjIOMMU, 0)
	if st != zx.OK {
		return st
	}
	defer object.Unref(i)
	return c.give(dma.NewBTI(i), dma.RightsBTI, out)
}

// btiPin is zx_bti_pin.
//
// Source: docs/pager.md 4.6, 9, bti_pin.
func btiPin(c *Context, h zx.Handle, options uint32, vmoHandle zx.Handle, offset, size uint64, addrs userOut, count uint64, out userOut) zx.Status {
	b, st := get[*dma.BTI](c, h, zx.ObjBTI, zx.RightMap)
	if st != zx.OK {
		return st
	}
	defer object.Unref(b)
	if (offset|size)&zx.PageMask != 0 || count > maxPinAddresses {
		return zx.ErrInvalidArgs
	}
	o, have, st := c.Handles.GetRights(vmoHandle, zx.ObjVMO, zx.RightMap)
	if st != zx.OK {
		return st
	}
	v := o.(*VMO)
	defer object.Unref(v)
	need := zx.Rights(0)
	if options&(zx.BTIPermRead|zx.BTIPermExecute) != 0 {
		need |= zx.RightRead
	}
	if options&zx.BTIPermWrite != 0 {
		need |= zx.RightWrite
	}
	const perms = zx.BTIPermRead | zx.BTIPermWrite | zx.BTIPermExecute
	compress, contiguous := options&zx.BTICompress != 0, options&zx.BTIContiguous != 0
	switch {
	case have&need != need:
		return zx.ErrAccessDenied
	case compress && contiguous, contiguous && !v.VMO.Contiguous() && !v.VMO.Physical(),
		options&^(perms|zx.BTICompress|zx.BTIContiguous) != 0, size == 0:
		return zx.ErrInvalidArgs
	}
	p, st := b.Pin(v.VMO, offset, size, options&zx.BTIPermWrite != 0, c.Request)
	if st != zx.OK {
		return st
	}
	expected := size >> zx.PageShift // COMPRESS: of the smallest contiguity, a page
	if contiguous {
		expected = 1
	}
	if options&perms == 0 || count != expected {
		st = zx.ErrInvalidArgs
	}
	turn := c.Request.Budget()
	for i := uint64(0); i < count && st == zx.OK; {
		n := 0
		for ; n+8 <= scratchBytes && i < count; i, n = i+1, n+8 {
			binary.LittleEndian.PutUint64(c.scratch[n:], uint64(p.Address(i)))
		}
		st = c.write(addrs, c.scratch[:n])
		addrs += userOut(n)
		if st == zx.OK && turn.Spend(n/8) {
			st = turn.Look()
		}
	}
	handle := zx.HandleInvalid
	if st == zx.OK {
		if st = p.Bill(c.Account, objectBytes); st == zx.OK {
			handle, st = c.Handles.Add(p, dma.RightsPMT)
		}
	}
	if st != zx.OK {
		p.Unpin(c.Request)
		object.Drop(p)
		return st
	}
	if st = c.write32(out, uint32(handle)); st != zx.OK {
		p.Unpin(c.Request) // or closing the handle would put it in quarantine
		c.Handles.Close(handle)
	}
	return st
}

// pmtUnpin is zx_pmt_unpin. The handle is gone, whatever it was.
func pmtUnpin(c *Context, h zx.Handle) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjNone, 0)
	if st != zx.OK {
		return st
	}
	if p, ok := o.(*dma.PMT); ok {
		st = p.Unpin(c.Request)
	} else {
		st = zx.ErrWrongType
	}
	c.Handles.Close(h)
	object.Unref(o)
	return st
}

// btiReleaseQuarantine is zx_bti_release_quarantine.
func btiReleaseQuarantine(c *Context, h zx.Handle) zx.Status {
	b, st := get[*dma.BTI](c, h, zx.ObjBTI, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	b.ReleaseQuarantine(c.Request)
	object.Unref(b)
	return zx.OK
}

// vmoCreateContiguous is zx_vmo_create_contiguous.
func vmoCreateContiguous(c *Context, h zx.Handle, size uint64, align uint32, out userOut) zx.Status {
	if size == 0 || size&zx.PageMask != 0 || align != 0 && (align < zx.PageShift || align > 63) {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	b, st := get[*dma.BTI](c, h, zx.ObjBTI, zx.RightMap)
	if st != zx.OK {
		return st
	}
	defer object.Unref(b)
	v, st := c.Store.NewContiguous(size, int(align), c.Request)
	if st != zx.OK {
		return st
	}
	o := NewVMO(v, zx.KoidInvalid)
	return c.give(o, o.Rights(), out)
}

// vmoCreatePhysical is zx_vmo_create_physical. RAM is nobody's to give.
func vmoCreatePhysical(c *Context, h zx.Handle, base, size uint64, out userOut) zx.Status {
	if size == 0 || size&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	r, st := get[*dma.Resource](c, h, zx.ObjResource, 0)
	if st != zx.OK {
		return st
	}
	defer object.Unref(r)
	if st = r.Covers(zx.ResourceKindMMIO, base, size); st != zx.OK {
		return st
	}
	if base&zx.PageMask != 0 || base+size < base {
		return zx.ErrInvalidArgs
	}
	if !c.System.NoRAM(zx.PhysAddr(base), size) {
		return zx.ErrAccessDenied
	}
	v, st := c.Store.NewPhysical(zx.PhysAddr(base), size)
	if st != zx.OK {
		return st
	}
	o := NewVMO(v, zx.KoidInvalid)
	return c.give(o, o.Rights(), out)
}

// vmoSetCachePolicy is zx_vmo_set_cache_policy.
func vmoSetCachePolicy(c *Context, h zx.Handle, policy uint32) zx.Status {
	if policy > zx.CachePolicyWriteCombining {
		return zx.ErrInvalidArgs
	}
	o, st := c.vmo(h, zx.RightMap)
	if st != zx.OK {
		return st
	}
	st = o.VMO.SetCachePolicy(policy, c.Request)
	object.Unref(o)
	return st
}

// vmoTransferData is zx_vmo_transfer_data.
func vmoTransferData(c *Context, dst zx.Handle, options uint32, offset, length uint64, src zx.Handle, srcOffset uint64) zx.Status {
	if options != 0 || (offset|length|srcOffset)&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	to, st := c.vmo(dst, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	defer object.Unref(to)
	from, st := c.vmo(src, zx.RightRead|zx.RightWrite)
	if st != zx.OK {
		return st
	}
	defer object.Unref(from)
	if to == from && offset == srcOffset {
		return zx.OK
	}
	run := vmo.PageRun{Yielder: c.Request.Waiter()}
	if st = from.VMO.TakePages(srcOffset, length, &run, c.Request); st != zx.OK {
		return st
	}
	return to.VMO.TransferPages(offset, &run)
}
