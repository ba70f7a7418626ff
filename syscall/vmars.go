package syscall

import (
	"faultline/object"
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

// vmarAllocate is zx_vmar_allocate.
func vmarAllocate(c *Context, parent zx.Handle, options uint32, offset, size uint64, out, addr userOut) zx.Status {
	need := rightsFor(options, zx.VMCanMapRead, zx.VMCanMapWrite, zx.VMCanMapExecute)
	p, have, st := c.vmar(parent, need)
	if st != zx.OK {
		return st
	}
	r, base, st := p.Region.Allocate(options, offset, size, have, c.yielder)
	object.Unref(p)
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
}

// vmarDestroy is zx_vmar_destroy.
func vmarDestroy(c *Context, h zx.Handle) zx.Status {
	o, _, st := c.vmar(h, zx.RightOpChildren)
	if st != zx.OK {
		return st
	}
	if o.Region == o.Region.Space().Root() {
		st = zx.ErrNotSupported
	} else {
		st = o.Region.Destroy(c.yielder)
	}
	object.Unref(o)
	return st
}

// writeOrExecute applies the policy of memory that is both.
func (c *Context) writeOrExecute(options uint32) zx.Status {
	if both := zx.VMPermWrite | zx.VMPermExecute; options&both != both {
		return zx.OK
	}
	return c.policy(zx.PolicyVMARWX)
}

// vmarMap is zx_vmar_map.
func vmarMap(c *Context, h zx.Handle, options uint32, offset uint64, vmoHandle zx.Handle, vmoOffset, length uint64, out userOut) zx.Status {
	o, rights, st := c.vmar(h, 0)
	if st != zx.OK {
		return st
	}
	vo, vmoRights, st := c.Handles.GetRights(vmoHandle, zx.ObjVMO, 0)
	if st != zx.OK {
		object.Unref(o)
		return st
	}
	addr := zx.VirtAddr(0)
	if st = c.writeOrExecute(options); st == zx.OK {
		addr, st = o.Region.Map(allowXOM(options), offset, vo.(*VMO).VMO, vmoOffset, length, vmoRights, rights, c.yielder)
	}
	object.Unref(vo)
	if st == zx.OK {
		if st = c.write64(out, uint64(addr)); st != zx.OK {
			o.Region.Unmap(addr, length, rights, nil)
		}
	}
	object.Unref(o)
	return st
}

// vmarUnmap is zx_vmar_unmap.
func vmarUnmap(c *Context, h zx.Handle, addr zx.VirtAddr, length uint64) zx.Status {
	o, have, st := c.vmar(h, 0)
	if st != zx.OK {
		return st
	}
	st = o.Region.Unmap(addr, length, have, c.yielder)
	object.Unref(o)
	return st
}

// vmarProtect is zx_vmar_protect. The rights come before the sense of the
// options.
func vmarProtect(c *Context, h zx.Handle, options uint32, addr zx.VirtAddr, length uint64) zx.Status {
	options = allowXOM(options)
	o, have, st := c.vmar(h, rightsFor(options, zx.VMPermRead, zx.VMPermWrite, zx.VMPermExecute))
	if st != zx.OK {
		return st
	}
	if st = c.writeOrExecute(options); st == zx.OK {
		st = o.Region.Protect(options, addr, length, have, c.yielder)
	}
	object.Unref(o)
	return st
}

// vmarOpRange is zx_vmar_op_range.
func vmarOpRange(c *Context, h zx.Handle, op uint32, addr zx.VirtAddr, length uint64, buffer userOut, bufferSize uint64) zx.Status {
	o, have, st := c.vmar(h, 0)
	if st != zx.OK {
		return st
	}
	st = o.Region.OpRange(op, addr, length, buffer != 0 || bufferSize != 0, have, c.Request)
	object.Unref(o)
	return st
}
