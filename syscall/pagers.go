package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/pager"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

func pagerCreate(c *Context, options uint32, out userOut) zx.Status {
	if st := c.policy(zx.PolicyNewPager); st != zx.OK {
		return st
	}
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return c.give(pager.New(c.Pagers), zx.RightsPager, out)
}

func pagerCreateVMO(c *Context, pagerHandle zx.Handle, options uint32, port zx.Handle, key, size uint64, out userOut) zx.Status {
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	// By hand, as in vmarMap: with costs 60 a call here, 3 %.
	p, st := c.Handles.Get(pagerHandle, zx.ObjPager, zx.RightAttachVMO)
	if st != zx.OK {
		return st
	}
	to, st := c.Handles.Get(port, zx.ObjPort, zx.RightWrite)
	if st == zx.OK {
		var v *vmo.VMO
		v, st = p.(*pager.Pager).CreateVMO(c.Store, options, to.(*object.Port), key, size)
		st = c.giveVMO(v, st, p.ObjectBase().Koid(), out)
		object.Unref(to)
	}
	object.Unref(p)
	return st
}

// pair looks up a pager and a VMO that it made, and takes a reference to the VMO.
// The pager needs none: nothing ends with the last of them but its charge.
//
// Errors, in this order: those of the pager handle | those of the VMO handle |
// ErrInvalidArgs the pager did not make the VMO.
func (c *Context) pair(pagerHandle zx.Handle, pagerRights zx.Rights, vmoHandle zx.Handle, vmoRights zx.Rights) (*pager.Pager, *VMO, zx.Status) {
	po, st := c.Handles.Get(pagerHandle, zx.ObjPager, pagerRights)
	if st != zx.OK {
		return nil, nil, st
	}
	object.Unref(po)
	o, st := c.vmo(vmoHandle, vmoRights)
	if st == zx.OK && o.Pager != po.ObjectBase().Koid() {
		o.Unref(o)
		st = zx.ErrInvalidArgs
	}
	if st != zx.OK {
		return nil, nil, st
	}
	return po.(*pager.Pager), o, zx.OK
}

func pagerDetachVMO(c *Context, pagerHandle, vmoHandle zx.Handle) zx.Status {
	p, o, st := c.pair(pagerHandle, zx.RightAttachVMO|zx.RightManageVMO, vmoHandle, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	st = p.Detach(o.VMO, c.Request.Yielder())
	o.Unref(o)
	return st
}

//go:nosplit
func pagerSupplyPages(c *Context, pagerHandle, vmoHandle zx.Handle, offset, length uint64, aux zx.Handle, auxOffset uint64) zx.Status {
	if (offset|length|auxOffset)&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	o, a, st := c.supplier(pagerHandle, vmoHandle, aux)
	if st != zx.OK {
		return st
	}
	st = pager.Supply(o.VMO, offset, length, a.VMO, auxOffset, c.Request)
	a.Unref(a)
	o.Unref(o)
	return st
}

func pagerOpRange(c *Context, pagerHandle zx.Handle, op uint32, vmoHandle zx.Handle, offset, length, data uint64) zx.Status {
	if (offset|length)&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	p, o, st := c.managed(pagerHandle, vmoHandle)
	if st != zx.OK {
		return st
	}
	st = p.OpRange(zx.PagerOp(op), o.VMO, offset, length, data, c.Request.Yielder())
	o.Unref(o)
	return st
}

func pagerQueryDirtyRanges(c *Context, pagerHandle, vmoHandle zx.Handle, offset, length uint64, buffer userOut, size uint64, actual, avail userOut) zx.Status {
	p, o, st := c.pair(pagerHandle, zx.RightManageVMO, vmoHandle, zx.RightRead)
	if st != zx.OK {
		return st
	}
	c.dirty = dirtySink{
		buffer: vmar.Copier{Space: c.Space, Base: zx.VirtAddr(buffer), Request: c.CopyRequest},
		room:   size - size%zx.DirtyRangeBytes,
	}
	n, all, st := p.QueryDirtyRanges(o.VMO, offset, length, &c.dirty, avail != 0, c.Request.Yielder())
	o.Unref(o)
	if st != zx.OK {
		return st
	}
	if st := c.optional64(actual, n); st != zx.OK {
		return st
	}
	return c.optional64(avail, all)
}

// dirtySink writes dirty ranges to a user buffer. It implements vmo.DirtySink.
type dirtySink struct {
	buffer vmar.Copier
	pos    uint64 // bytes written, in whole ranges
	room   uint64 // bytes, a multiple of the size of a range
	next   zx.DirtyRange
	part   uint64 // bytes of next that could be written
}

// Emit implements vmo.DirtySink.
func (s *dirtySink) Emit(r zx.DirtyRange) zx.Status {
	if s.pos == s.room {
		return zx.ErrBufferTooSmall
	}
	s.next = r
	s.part = uint64(s.buffer.CopyOut(s.pos, zx.Bytes(&s.next)))
	if s.part < zx.DirtyRangeBytes {
		return zx.ErrShouldWait
	}
	s.pos += zx.DirtyRangeBytes
	return zx.OK
}

// Resolve implements vmo.DirtySink. The page to resolve is the one that stopped
// Emit, not always the one the range begins in.
func (s *dirtySink) Resolve() zx.Status {
	return copied(s.buffer.Resolve(s.pos+s.part, zx.DirtyRangeBytes-s.part, true))
}

// pagerQueryVMOStats is zx_pager_query_vmo_stats. A reset comes before the
// copy, and so is lost if the copy fails.
func pagerQueryVMOStats(c *Context, pagerHandle, vmoHandle zx.Handle, options uint32, buffer userOut, size uint64) zx.Status {
	p, o, st := c.pair(pagerHandle, zx.RightManageVMO, vmoHandle, zx.RightRead)
	if st != zx.OK {
		return st
	}
	modified, st := p.QueryVMOStats(o.VMO, options, size)
	o.Unref(o)
	if st != zx.OK {
		return st
	}
	binary.LittleEndian.PutUint32(c.scratch[:], modified)
	return c.write(buffer, c.scratch[:zx.PagerVMOStatsBytes])
}
