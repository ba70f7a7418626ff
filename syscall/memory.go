package syscall

import (
	"faultline/zx"
)

// debugCopyLimit is the most zx_process_read_memory and zx_process_write_memory
// copy, in bytes.
const debugCopyLimit = 64 << 20

func processReadMemory(c *Context, h zx.Handle, at zx.VirtAddr, buffer userOut, size uint64, actual userOut) zx.Status {
	return c.debugCopy(h, zx.RightRead, at, zx.VirtAddr(buffer), size, actual, false)
}

func processWriteMemory(c *Context, h zx.Handle, at zx.VirtAddr, buffer userIn, size uint64, actual userOut) zx.Status {
	return c.debugCopy(h, zx.RightWrite, at, zx.VirtAddr(buffer), size, actual, true)
}

// debugCopy copies between the caller's buffer and what another process has
// mapped at at, to the end of that mapping: past its protection, into the VMO, as
// a debugger sets breakpoints. What could never be mapped writable is not written.
func (c *Context) debugCopy(h zx.Handle, right zx.Rights, at, buffer zx.VirtAddr, size uint64, actual userOut, write bool) zx.Status {
	if buffer == 0 || size == 0 || size > debugCopyLimit {
		return zx.ErrInvalidArgs
	}
	return with(c, h, zx.ObjProcess, right, func(p Process, _ zx.Rights) zx.Status {
		if p.Info().Exited {
			return zx.ErrBadState
		}
		v, off, n, writable, ok := p.Space().VMOAt(at)
		if !ok {
			return zx.ErrNoMemory
		}
		defer v.Release()
		if write && !writable {
			return zx.ErrAccessDenied
		}
		limit := v.Size()
		if off >= limit {
			return zx.ErrOutOfRange
		}
		n = min(n, limit-off, size)
		if st := c.copyVMO(v, buffer, off, n, write); st != zx.OK {
			return st
		}
		return c.optional64(actual, n)
	})
}

// rightsProgram is what a handle of a program's file carries.
const rightsProgram = zx.RightsVMO &^ (zx.RightWrite | zx.RightSetProperty | zx.RightSignal)

func systemGetProgram(c *Context, name userIn, size uint64, out userOut) zx.Status {
	text, st := c.readName(name, size)
	if st != zx.OK {
		return st
	}
	file := c.System.Program(text)
	if file == nil {
		return zx.ErrNotFound
	}
	v, st := c.Store.New(uint64(len(file)), 0)
	if st != zx.OK {
		return st
	}
	if st = v.WriteBytes(file, 0, c.Request); st != zx.OK {
		v.Release()
		return st
	}
	o := NewVMO(v, zx.KoidInvalid)
	o.SetName(text)
	return c.give(o, rightsProgram, out)
}
