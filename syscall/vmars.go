package syscall

import (
	"faultline/object"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// allowXOM turns PERM_READ_IF_XOM_UNSUPPORTED into what it means here: the
// page tables of x86-64 know no execute-only pages.
func allowXOM(options uint32) uint32 {
	if options&zx.VMPermReadIfXOM != 0 {
		options = options&^zx.VMPermReadIfXOM | zx.VMPermRead
	}
	return options
}

// rightsFor gives the rights that options ask of a region's handle, where
// read, write and execute are the option bits that ask.
func rightsFor(options, read, write, execute uint32) (r zx.Rights) {
	if options&read != 0 {
		r |= zx.RightRead
	}
	if options&write != 0 {
		r |= zx.RightWrite
	}
	if options&execute != 0 {
		r |= zx.RightExecute
	}
	return r
}

func vmarAllocate(c *Context, parent zx.Handle, options uint32, offset, size uint64, out, addr userOut) zx.Status {
	need := rightsFor(options, zx.VMCanMapRead, zx.VMCanMapWrite, zx.VMCanMapExecute)
	return with(c, parent, zx.ObjVMAR, need, func(p *VMAR, have zx.Rights) zx.Status {
		r, base, st := p.Region.Allocate(options, offset, size, have, c.yielder)
		if st != zx.OK {
			return st
		}
		h, st := c.add(NewVMAR(r), zx.RightsVMAR|r.Rights())
		if st != zx.OK {
			r.Destroy(nil)
			return st
		}
		if st = c.write32(out, uint32(h)); st == zx.OK {
			st = c.write64(addr, uint64(base))
		}
		if st != zx.OK {
			c.Handles.Close(h)
			r.Destroy(nil)
		}
		return st
	})
}

func vmarDestroy(c *Context, h zx.Handle) zx.Status {
	return with(c, h, zx.ObjVMAR, zx.RightOpChildren, func(o *VMAR, _ zx.Rights) zx.Status {
		if o.Region == o.Region.Space().Root() {
			return zx.ErrNotSupported
		}
		return o.Region.Destroy(c.yielder)
	})
}

// writeOrExecute applies the policy of memory that is both.
func (c *Context) writeOrExecute(options uint32) zx.Status {
	if both := zx.VMPermWrite | zx.VMPermExecute; options&both != both {
		return zx.OK
	}
	return c.policy(zx.PolicyVMARWX)
}

func vmarMap(c *Context, h zx.Handle, options uint32, offset uint64, vmoHandle zx.Handle, vmoOffset, length uint64, out userOut) zx.Status {
	o, rights, st := c.Handles.GetRights(h, zx.ObjVMAR, 0)
	if st != zx.OK {
		return st
	}
	v, vmoRights, st := c.Handles.GetRights(vmoHandle, zx.ObjVMO, 0)
	if st == zx.OK {
		st = c.mapVMO(o.(*VMAR).Region, rights, options, offset, v.(*VMO).VMO, vmoRights, vmoOffset, length, out)
		object.Unref(v)
	}
	object.Unref(o)
	return st
}

// mapVMO is vmarMap with its handles looked up.
func (c *Context) mapVMO(r *vmar.VMAR, rights zx.Rights, options uint32, offset uint64, v *vmo.VMO, vmoRights zx.Rights, vmoOffset, length uint64, out userOut) zx.Status {
	if st := c.writeOrExecute(options); st != zx.OK {
		return st
	}
	addr, st := r.Map(allowXOM(options), offset, v, vmoOffset, length, vmoRights, rights, c.yielder)
	if st != zx.OK {
		return st
	}
	if st = c.write64(out, uint64(addr)); st != zx.OK {
		r.Unmap(addr, length, rights, nil)
	}
	return st
}

func vmarUnmap(c *Context, h zx.Handle, addr zx.VirtAddr, length uint64) zx.Status {
	return with(c, h, zx.ObjVMAR, 0, func(o *VMAR, have zx.Rights) zx.Status {
		return o.Region.Unmap(addr, length, have, c.yielder)
	})
}

// vmarProtect is zx_vmar_protect. The rights come before the sense of the
// options.
func vmarProtect(c *Context, h zx.Handle, options uint32, addr zx.VirtAddr, length uint64) zx.Status {
	options = allowXOM(options)
	need := rightsFor(options, zx.VMPermRead, zx.VMPermWrite, zx.VMPermExecute)
	return with(c, h, zx.ObjVMAR, need, func(o *VMAR, have zx.Rights) zx.Status {
		if st := c.writeOrExecute(options); st != zx.OK {
			return st
		}
		return o.Region.Protect(options, addr, length, have, c.yielder)
	})
}

func vmarOpRange(c *Context, h zx.Handle, op uint32, addr zx.VirtAddr, length uint64, buffer userOut, bufferSize uint64) zx.Status {
	return with(c, h, zx.ObjVMAR, 0, func(o *VMAR, have zx.Rights) zx.Status {
		return o.Region.OpRange(op, addr, length, buffer != 0 || bufferSize != 0, have, c.Request)
	})
}
