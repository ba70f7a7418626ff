package syscall

import (
	"faultline/dma"
	"faultline/object"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// vmoCreate is zx_vmo_create.
func vmoCreate(c *Context, size uint64, options uint32, out userOut) zx.Status {
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	v, st := c.Store.New(size, options)
	if st != zx.OK {
		return st
	}
	o := NewVMO(v, zx.KoidInvalid)
	return c.give(o, o.Rights(), out)
}

// vmoReplaceAsExecutable is zx_vmo_replace_as_executable.
func vmoReplaceAsExecutable(c *Context, h, vmex zx.Handle, out userOut) zx.Status {
	if vmex != zx.HandleInvalid {
		r, st := get[*dma.Resource](c, vmex, zx.ObjResource, 0)
		if st != zx.OK {
			return st
		}
		ok := r.Is(zx.ResourceKindSystem, zx.ResourceSystemVMEX)
		object.Unref(r)
		if !ok {
			return zx.ErrWrongType
		}
	} else if st := c.policy(zx.PolicyAmbientMarkVMOExec); st != zx.OK {
		return st
	}
	m, st := c.Handles.Take(h, zx.ObjVMO, 0)
	if st != zx.OK {
		return st
	}
	m.Rights |= zx.RightExecute
	fresh, st := c.Handles.Give(m)
	if st != zx.OK {
		m.Discard()
		return st
	}
	return c.report(fresh, out)
}

// vmoRead is zx_vmo_read.
func vmoRead(c *Context, h zx.Handle, buffer userOut, offset, size uint64) zx.Status {
	o, st := c.vmo(h, zx.RightRead)
	if st != zx.OK {
		return st
	}
	c.buffer = vmar.Copier{Space: c.Space, Base: zx.VirtAddr(buffer), Request: c.CopyRequest}
	st = o.VMO.Read(&c.buffer, offset, size, c.Request)
	object.Unref(o)
	return st
}

// vmoWrite is zx_vmo_write.
func vmoWrite(c *Context, h zx.Handle, buffer userIn, offset, size uint64) zx.Status {
	o, st := c.vmo(h, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	c.buffer = vmar.Copier{Space: c.Space, Base: zx.VirtAddr(buffer), Request: c.CopyRequest}
	st = o.VMO.Write(&c.buffer, offset, size, c.Request)
	object.Unref(o)
	return st
}

// vmoGetSize is zx_vmo_get_size.
func vmoGetSize(c *Context, h zx.Handle, out userOut) zx.Status {
	o, st := c.vmo(h, 0)
	if st != zx.OK {
		return st
	}
	size := o.VMO.Size()
	object.Unref(o)
	return c.write64(out, size)
}

// vmoGetStreamSize is zx_vmo_get_stream_size.
func vmoGetStreamSize(c *Context, h zx.Handle, out userOut) zx.Status {
	o, st := c.vmo(h, 0)
	if st != zx.OK {
		return st
	}
	size := o.VMO.StreamSize()
	object.Unref(o)
	return c.write64(out, size)
}

// vmoSetSize is zx_vmo_set_size. The right RESIZE is looked at only on a
// resizable VMO: any other answers ErrUnavailable.
func vmoSetSize(c *Context, h zx.Handle, size uint64) zx.Status {
	o, have, st := c.Handles.GetRights(h, zx.ObjVMO, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	v := o.(*VMO).VMO
	if v.Resizable() && have&zx.RightResize == 0 {
		st = zx.ErrAccessDenied
	} else if st = v.SetSize(size, c.Request); st == zx.OK {
		o.(*VMO).content.Store(0)
	}
	object.Unref(o)
	return st
}

// vmoSetStreamSize is zx_vmo_set_stream_size.
func vmoSetStreamSize(c *Context, h zx.Handle, size uint64) zx.Status {
	o, st := c.vmo(h, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	if st = o.VMO.SetStreamSize(size, c.Request); st == zx.OK {
		o.content.Store(0)
	}
	object.Unref(o)
	return st
}

// vmoOpRange is zx_vmo_op_range. Only LOCK has a use for the buffer.
func vmoOpRange(c *Context, h zx.Handle, op uint32, offset, size uint64, buffer userOut, bufferSize uint64) zx.Status {
	o, have, st := c.Handles.GetRights(h, zx.ObjVMO, 0)
	if st != zx.OK {
		return st
	}
	if op == zx.VMOOpLock && have&(zx.RightRead|zx.RightWrite) != 0 {
		st = vmoLock(c, o.(*VMO).VMO, offset, size, buffer, bufferSize)
	} else {
		st = rangeOp(c, o.(*VMO), have, op, offset, size)
	}
	object.Unref(o)
	return st
}

// vmoLock is ZX_VMO_OP_LOCK. The lock is undone when its report cannot be given.
func vmoLock(c *Context, v *vmo.VMO, offset, size uint64, buffer userOut, bufferSize uint64) zx.Status {
	state, st := v.LockContent(offset, size)
	if st != zx.OK {
		return st
	}
	if bufferSize < zx.VMOLockStateBytes {
		st = zx.ErrInvalidArgs
	} else {
		state.Encode((*[zx.VMOLockStateBytes]byte)(c.scratch[:]))
		st = c.write(buffer, c.scratch[:zx.VMOLockStateBytes])
	}
	if st != zx.OK {
		v.UndoLock()
	}
	return st
}

// rangeOp checks the right that op needs, then performs it.
//
// Source: docs/pager.md 3.9.
func rangeOp(c *Context, o *VMO, have zx.Rights, op uint32, offset, size uint64) zx.Status {
	var need zx.Rights
	switch op {
	case zx.VMOOpCacheInvalidate:
		// Invalidating loses data and is for debugging kernels.
		return zx.ErrNotSupported
	case zx.VMOOpCommit, zx.VMOOpDecommit, zx.VMOOpZero:
		need = zx.RightWrite
	case zx.VMOOpPrefetch, zx.VMOOpCacheSync, zx.VMOOpCacheClean, zx.VMOOpCacheCleanInvalidate:
		need = zx.RightRead
	case zx.VMOOpLock, zx.VMOOpTryLock, zx.VMOOpUnlock:
		if have&(zx.RightRead|zx.RightWrite) == 0 {
			return zx.ErrAccessDenied
		}
	case zx.VMOOpAlwaysNeed, zx.VMOOpDontNeed:
	default:
		return zx.ErrInvalidArgs
	}
	if have&need != need {
		return zx.ErrAccessDenied
	}
	v := o.VMO
	switch op {
	case zx.VMOOpCommit:
		return v.Commit(offset, size, c.Request)
	case zx.VMOOpDecommit:
		return v.Decommit(offset, size, c.Request.Waiter())
	case zx.VMOOpZero:
		return v.Zero(offset, size, c.Request)
	case zx.VMOOpPrefetch:
		return v.Prefetch(offset, size, c.Request)
	case zx.VMOOpAlwaysNeed:
		return v.AlwaysNeed(offset, size, c.Request)
	case zx.VMOOpDontNeed:
		return v.DontNeed(offset, size)
	case zx.VMOOpTryLock:
		return v.TryLockContent(offset, size)
	case zx.VMOOpUnlock:
		return v.UnlockContent(offset, size)
	}
	if v.Physical() {
		return zx.ErrNotSupported
	}
	// The caches of x86-64 are coherent with devices and instruction fetch: only
	// the arguments of the rest are left to check.
	if size == 0 {
		return zx.ErrInvalidArgs
	}
	if !zx.InRange(offset, size, v.Size()) {
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// vmoCreateChild is zx_vmo_create_child.
//
// Source: docs/pager.md 3.15.
func vmoCreateChild(c *Context, h zx.Handle, options uint32, offset, size uint64, out userOut) zx.Status {
	if st := vmo.CheckChild(options, size); st != zx.OK {
		return st
	}
	need := zx.RightDuplicate | zx.RightRead
	if options&zx.VMOChildReference != 0 && options&zx.VMOChildResizable != 0 {
		need |= zx.RightResize
	}
	o, have, st := c.Handles.GetRights(h, zx.ObjVMO, need)
	if st != zx.OK {
		return st
	}
	parent := o.(*VMO)
	v, st := parent.VMO.CreateChildFor(c.Store, options, offset, size, c.Thread)
	if st != zx.OK {
		object.Unref(o)
		return st
	}
	child := NewVMO(v, zx.KoidInvalid)
	if name := parent.Name(); name != "" && have&zx.RightGetProperty != 0 {
		child.SetName(name)
	}
	object.Unref(o)
	return c.give(child, childRights(options, have), out)
}

// childRights gives what a fresh handle of a child carries, made through a
// handle with rights have.
func childRights(options uint32, have zx.Rights) zx.Rights {
	have = have&^zx.RightResize | zx.RightGetProperty | zx.RightSetProperty
	if options&zx.VMOChildResizable != 0 {
		have |= zx.RightResize
	}
	switch {
	case options&zx.VMOChildNoWrite != 0:
		have &^= zx.RightWrite
	case options&(zx.VMOChildSlice|zx.VMOChildReference) == 0:
		have = have&^zx.RightExecute | zx.RightWrite
	}
	return have
}
