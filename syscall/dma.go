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

func resourceCreate(c *Context, parent zx.Handle, options uint32, base, size uint64, name userIn, nameSize uint64, out userOut) zx.Status {
	return with(c, parent, zx.ObjResource, zx.RightWrite, func(p *dma.Resource, _ zx.Rights) zx.Status {
		if nameSize > 0 { // read, for the address may be bad, and shown nowhere
			if st := c.read(c.scratch[:min(nameSize, maxName)], name); st != zx.OK {
				return st
			}
		}
		r, st := p.Mint(options, base, size)
		return c.made(r, st, dma.RightsResource, out)
	})
}

func iommuCreate(c *Context, resource zx.Handle, kind uint32, desc userIn, size uint64, out userOut) zx.Status {
	return with(c, resource, zx.ObjResource, 0, func(r *dma.Resource, _ zx.Rights) zx.Status {
		i, st := dma.NewIOMMU(r, kind, size)
		if st == zx.OK {
			st = c.read(c.scratch[:1], desc)
		}
		return c.made(i, st, dma.RightsIOMMU, out)
	})
}

func btiCreate(c *Context, iommu zx.Handle, options uint32, id uint64, out userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, iommu, zx.ObjIOMMU, 0, func(i *dma.IOMMU, _ zx.Rights) zx.Status {
		return c.give(dma.NewBTI(i), dma.RightsBTI, out)
	})
}

// btiPin is zx_bti_pin. Source: docs/pager.md 4.6, 9, bti_pin.
func btiPin(c *Context, h zx.Handle, options uint32, vmoHandle zx.Handle, offset, size uint64, addrs userOut, count uint64, out userOut) zx.Status {
	return with(c, h, zx.ObjBTI, zx.RightMap, func(b *dma.BTI, _ zx.Rights) zx.Status {
		if (offset|size)&zx.PageMask != 0 || count > maxPinAddresses {
			return zx.ErrInvalidArgs
		}
		return with(c, vmoHandle, zx.ObjVMO, zx.RightMap, func(v *VMO, have zx.Rights) zx.Status {
			return c.pin(b, options, v.VMO, have, offset, size, addrs, count, out)
		})
	})
}

// pin is btiPin through b of what v has, whose handle has those rights.
func (c *Context) pin(b *dma.BTI, options uint32, v *vmo.VMO, have zx.Rights, offset, size uint64, addrs userOut, count uint64, out userOut) zx.Status {
	need := rightsFor(options, zx.BTIPermRead|zx.BTIPermExecute, zx.BTIPermWrite, 0)
	const perms = zx.BTIPermRead | zx.BTIPermWrite | zx.BTIPermExecute
	compress, contiguous := options&zx.BTICompress != 0, options&zx.BTIContiguous != 0
	switch {
	case have&need != need:
		return zx.ErrAccessDenied
	case compress && contiguous, contiguous && !v.Contiguous() && !v.Physical(),
		options&^(perms|zx.BTICompress|zx.BTIContiguous) != 0, size == 0:
		return zx.ErrInvalidArgs
	}
	p, st := b.Pin(v, offset, size, options&zx.BTIPermWrite != 0, c.Request)
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
	return with(c, h, zx.ObjNone, 0, func(o object.Object, _ zx.Rights) zx.Status {
		st := zx.ErrWrongType
		if p, ok := o.(*dma.PMT); ok {
			st = p.Unpin(c.Request)
		}
		c.Handles.Close(h)
		return st
	})
}

func btiReleaseQuarantine(c *Context, h zx.Handle) zx.Status {
	return with(c, h, zx.ObjBTI, zx.RightWrite, func(b *dma.BTI, _ zx.Rights) zx.Status {
		b.ReleaseQuarantine(c.Request)
		return zx.OK
	})
}

func vmoCreateContiguous(c *Context, h zx.Handle, size uint64, align uint32, out userOut) zx.Status {
	if size == 0 || size&zx.PageMask != 0 || align != 0 && (align < zx.PageShift || align > 63) {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	return with(c, h, zx.ObjBTI, zx.RightMap, func(*dma.BTI, zx.Rights) zx.Status {
		v, st := c.Store.NewContiguous(size, int(align), c.Request)
		return c.giveVMO(v, st, zx.KoidInvalid, out)
	})
}

// vmoCreatePhysical is zx_vmo_create_physical. RAM is nobody's to give.
func vmoCreatePhysical(c *Context, h zx.Handle, base, size uint64, out userOut) zx.Status {
	if size == 0 || size&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	return with(c, h, zx.ObjResource, 0, func(r *dma.Resource, _ zx.Rights) zx.Status {
		st := r.Covers(zx.ResourceKindMMIO, base, size)
		switch {
		case st != zx.OK:
			return st
		case base&zx.PageMask != 0 || base+size < base:
			return zx.ErrInvalidArgs
		case !c.System.NoRAM(zx.PhysAddr(base), size):
			return zx.ErrAccessDenied
		}
		v, st := c.Store.NewPhysical(zx.PhysAddr(base), size)
		return c.giveVMO(v, st, zx.KoidInvalid, out)
	})
}

func vmoSetCachePolicy(c *Context, h zx.Handle, policy uint32) zx.Status {
	if policy > zx.CachePolicyWriteCombining {
		return zx.ErrInvalidArgs
	}
	return with(c, h, zx.ObjVMO, zx.RightMap, func(o *VMO, _ zx.Rights) zx.Status {
		return o.VMO.SetCachePolicy(policy, c.Request)
	})
}

func vmoTransferData(c *Context, dst zx.Handle, options uint32, offset, length uint64, src zx.Handle, srcOffset uint64) zx.Status {
	if options != 0 || (offset|length|srcOffset)&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, dst, zx.ObjVMO, zx.RightWrite, func(to *VMO, _ zx.Rights) zx.Status {
		return with(c, src, zx.ObjVMO, zx.RightRead|zx.RightWrite, func(from *VMO, _ zx.Rights) zx.Status {
			if to == from && offset == srcOffset {
				return zx.OK
			}
			run := vmo.PageRun{Yielder: c.Request.Yielder()}
			if st := from.VMO.TakePages(srcOffset, length, &run, c.Request); st != zx.OK {
				return st
			}
			return to.VMO.TransferPages(offset, &run)
		})
	})
}
