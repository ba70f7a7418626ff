package syscall

import (
	"faultline/object"
	"faultline/zx"
)

// exceptionDebugger is ZX_EXCEPTION_CHANNEL_DEBUGGER, the one option of
// zx_task_create_exception_channel.
const exceptionDebugger = 1

// rightsExceptionChannel is what the handle of an exception channel carries.
// Source: docs/pager.md 3.18.
const rightsExceptionChannel = zx.RightTransfer | zx.RightWait | zx.RightRead

func taskCreateExceptionChannel(c *Context, h zx.Handle, options uint32, out userOut) zx.Status {
	return with(c, h, zx.ObjNone, 0, func(o object.Object, have zx.Rights) zx.Status {
		need := zx.RightInspect | zx.RightDuplicate | zx.RightTransfer | zx.RightManageThread
		switch o.ObjectBase().Type() {
		case zx.ObjThread:
		case zx.ObjProcess, zx.ObjJob:
			need |= zx.RightEnumerate
		default:
			return zx.ErrWrongType
		}
		if have&need != need {
			return zx.ErrAccessDenied
		}
		if options&^exceptionDebugger != 0 {
			return zx.ErrInvalidArgs
		}
		channel, st := o.(Task).CreateExceptionChannel(options, have)
		return c.made(channel, st, rightsExceptionChannel, out)
	})
}

func exceptionGetThread(c *Context, h zx.Handle, out userOut) zx.Status {
	return with(c, h, zx.ObjException, 0, func(x Exception, _ zx.Rights) zx.Status {
		t, rights := x.ExceptionThread()
		return c.share(t, rights, out)
	})
}

func exceptionGetProcess(c *Context, h zx.Handle, out userOut) zx.Status {
	return with(c, h, zx.ObjException, 0, func(x Exception, _ zx.Rights) zx.Status {
		p, rights := x.ExceptionProcess()
		return c.share(p, rights, out)
	})
}

// taskKill is zx_task_kill. Unlike Zircon of late, it takes a thread too. A job
// takes all it holds along.
func taskKill(c *Context, h zx.Handle) zx.Status {
	return with(c, h, zx.ObjNone, 0, func(o object.Object, have zx.Rights) zx.Status {
		k, ok := o.(Killer)
		switch {
		case !ok:
			return zx.ErrWrongType
		case have&zx.RightDestroy == 0:
			return zx.ErrAccessDenied
		}
		k.Kill()
		return zx.OK
	})
}

// rightsSuspendToken is what the handle of a suspend token carries. Source:
// Zircon rights (ZX_DEFAULT_SUSPEND_TOKEN_RIGHTS).
const rightsSuspendToken = zx.RightTransfer | zx.RightInspect

func taskSuspend(c *Context, h zx.Handle, out userOut) zx.Status {
	return with(c, h, zx.ObjNone, 0, func(o object.Object, have zx.Rights) zx.Status {
		switch typ := o.ObjectBase().Type(); {
		case typ != zx.ObjProcess && typ != zx.ObjThread:
			return zx.ErrWrongType
		case have&zx.RightWrite == 0:
			return zx.ErrAccessDenied
		case o == object.Object(c.Thread) || o == object.Object(c.Process):
			return zx.ErrNotSupported
		}
		token, st := o.(Suspender).Suspend()
		return c.made(token, st, rightsSuspendToken, out)
	})
}

// taskSuspendToken is zx_task_suspend_token, the older name.
func taskSuspendToken(c *Context, h zx.Handle, out userOut) zx.Status { return taskSuspend(c, h, out) }

// registerBytes is the size of the registers of each kind that
// zx_thread_read_state knows.
var registerBytes = map[uint32]int{zx.StateGeneralRegs: 160, zx.StateFPRegs: 160, zx.StateVectorRegs: 2120, zx.StateDebugRegs: 48, zx.StateSingleStep: 4}

// registers gives memory for the registers of a kind.
//
// Errors: ErrInvalidArgs no such kind | ErrBufferTooSmall size is below it.
func (c *Context) registers(kind uint32, size uint64) ([]byte, zx.Status) {
	n, ok := registerBytes[kind]
	switch {
	case !ok:
		return nil, zx.ErrInvalidArgs
	case size < uint64(n):
		return nil, zx.ErrBufferTooSmall
	case n > scratchBytes:
		return make([]byte, n), zx.OK
	}
	return c.scratch[:n], zx.OK
}

func threadReadState(c *Context, h zx.Handle, kind uint32, buffer userOut, size uint64) zx.Status {
	return with(c, h, zx.ObjThread, zx.RightRead, func(t Thread, _ zx.Rights) zx.Status {
		p, st := c.registers(kind, size)
		if st == zx.OK {
			st = t.ReadState(kind, p)
		}
		if st != zx.OK {
			return st
		}
		return c.write(buffer, p)
	})
}

func threadWriteState(c *Context, h zx.Handle, kind uint32, buffer userIn, size uint64) zx.Status {
	return with(c, h, zx.ObjThread, zx.RightWrite, func(t Thread, _ zx.Rights) zx.Status {
		p, st := c.registers(kind, size)
		if st == zx.OK {
			st = c.read(p, buffer)
		}
		if st != zx.OK {
			return st
		}
		return t.WriteState(kind, p)
	})
}
