package syscall

import (
	"faultline/dma"
	"faultline/vmo"
	"faultline/zx"
)

func vmoCreate(c *Context, size uint64, options uint32, out userOut) zx.Status {
	if st := c.policy(zx.PolicyNewVMO); st != zx.OK {
		return st
	}
	v, st := c.Store.New(size, options)
	return c.giveVMO(v, st, zx.KoidInvalid, out)
}

func vmoReplaceAsExecutable(c *Context, h, vmex zx.Handle, out userOut) zx.Status {
	var st zx.Status
	if vmex == zx.HandleInvalid {
		st = c.policy(zx.PolicyAmbientMarkVMOExec)
	} else {
		st = with(c, vmex, zx.ObjResource, 0, func(r *dma.Resource, _ zx.Rights) zx.Status {
			if !r.Is(zx.ResourceKindSystem, zx.ResourceSystemVMEX) {
				return zx.ErrWrongType
			}
			return zx.OK
		})
	}
	if st != zx.OK {
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

func vmoRead(c *Context, h zx.Handle, buffer userOut, offset, size uint64) zx.Status {
	return with(c, h, zx.ObjVMO, zx.RightRead, func(o *VMO, _ zx.Rights) zx.Status {
		return c.copyVMO(o.VMO, zx.VirtAddr(buffer), offset, size, false)
	})
}

func vmoWrite(c *Context, h zx.Handle, buffer userIn, offset, size uint64) zx.Status {
	return with(c, h, zx.ObjVMO, zx.RightWrite, func(o *VMO, _ zx.Rights) zx.Status {
		return c.copyVMO(o.VMO, zx.VirtAddr(buffer), offset, size, true)
	})
}

func vmoGetSize(c *Context, h zx.Handle, out userOut) zx.Status {
	return with(c, h, zx.ObjVMO, 0, func(o *VMO, _ zx.Rights) zx.Status { return c.write64(out, o.VMO.Size()) })
}

func vmoGetStreamSize(c *Context, h zx.Handle, out userOut) zx.Status {
	return with(c, h, zx.ObjVMO, 0, func(o *VMO, _ zx.Rights) zx.Status { return c.write64(out, o.VMO.StreamSize()) })
}

// vmoSetSize is zx_vmo_set_size. The right RESIZE is looked at only on a
// resizable VMO: any other answers ErrUnavailable.
func vmoSetSize(c *Context, h zx.Handle, size uint64) zx.Status {
	return with(c, h, zx.ObjVMO, zx.RightWrite, func(o *VMO, have zx.Rights) zx.Status {
		if o.VMO.Resizable() && have&zx.RightResize == 0 {
			return zx.ErrAccessDenied
		}
		return o.sized(o.VMO.SetSize(size, c.Request))
	})
}

func vmoSetStreamSize(c *Context, h zx.Handle, size uint64) zx.Status {
	return with(c, h, zx.ObjVMO, zx.RightWrite, func(o *VMO, _ zx.Rights) zx.Status {
		return o.sized(o.VMO.SetStreamSize(size, c.Request))
	})
}

// sized forgets the content size if st says that a size was set.
func (o *VMO) sized(st zx.Status) zx.Status {
	if st == zx.OK {
		o.content.Store(0)
	}
	return st
}

// vmoOpRange is zx_vmo_op_range. Only LOCK has a use for the buffer.
func vmoOpRange(c *Context, h zx.Handle, op uint32, offset, size uint64, buffer userOut, bufferSize uint64) zx.Status {
	return with(c, h, zx.ObjVMO, 0, func(o *VMO, have zx.Rights) zx.Status {
		if op == zx.VMOOpLock && have&(zx.RightRead|zx.RightWrite) != 0 {
			return vmoLock(c, o.VMO, offset, size, buffer, bufferSize)
		}
		return rangeOp(c, o.VMO, have, op, offset, size)
	})
}

// vmoLock is ZX_VMO_OP_LOCK. The lock is undone when its report cannot be given.
func vmoLock(c *Context, v *vmo.VMO, offset, size uint64, buffer userOut, bufferSize uint64) zx.Status {
	state, st := v.LockContent(offset, size, c.Request.Yielder())
	if st != zx.OK {
		return st
	}
	if bufferSize < zx.VMOLockStateBytes {
		st = zx.ErrInvalidArgs
	} else {
		st = c.write(buffer, c.scratch[:copy(c.scratch[:], zx.Bytes(&state))])
	}
	if st != zx.OK {
		v.UndoLock()
	}
	return st
}

// rangeOp checks the right that op needs, then performs it. Source: docs/pager.md 3.9.
func rangeOp(c *Context, v *vmo.VMO, have zx.Rights, op uint32, offset, size uint64) zx.Status {
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
	switch op {
	case zx.VMOOpCommit:
		return v.Commit(offset, size, c.Request)
	case zx.VMOOpDecommit:
		return v.Decommit(offset, size, c.Request.Yielder())
	case zx.VMOOpZero:
		return v.Zero(offset, size, c.Request)
	case zx.VMOOpPrefetch:
		return v.Prefetch(offset, size, c.Request)
	case zx.VMOOpAlwaysNeed:
		return v.AlwaysNeed(offset, size, c.Request)
	case zx.VMOOpDontNeed:
		return v.DontNeed(offset, size, c.Request.Yielder())
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

// vmoCreateChild is zx_vmo_create_child. Source: docs/pager.md 3.15.
func vmoCreateChild(c *Context, h zx.Handle, options uint32, offset, size uint64, out userOut) zx.Status {
	if st := vmo.CheckChild(options, size); st != zx.OK {
		return st
	}
	need := zx.RightDuplicate | zx.RightRead
	if options&zx.VMOChildReference != 0 && options&zx.VMOChildResizable != 0 {
		need |= zx.RightResize
	}
	return with(c, h, zx.ObjVMO, need, func(parent *VMO, have zx.Rights) zx.Status {
		v, st := parent.VMO.CreateChildFor(c.Store, options, offset, size, c.Thread)
		if st != zx.OK {
			return st
		}
		child := NewVMO(v, zx.KoidInvalid)
		if name := parent.Name(); name != "" && have&zx.RightGetProperty != 0 {
			child.SetName(name)
		}
		return c.give(child, childRights(options, have), out)
	})
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
