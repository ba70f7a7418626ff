package syscall

import (
	"faultline/object"
	"faultline/vmar"
	"faultline/zx"
)

// debugCopyLimit is the most zx_process_read_memory and zx_process_write_memory
// copy, in bytes.
const debugCopyLimit = 64 << 20

// processReadMemory is zx_process_read_memory.
func processReadMemory(c *Context, h zx.Handle, at zx.VirtAddr, buffer userOut, size uint64, actual userOut) zx.Status {
	return c.debugCopy(h, zx.RightRead, at, zx.VirtAddr(buffer), size, actual, false)
}

// processWriteMemory is zx_process_write_memory.
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
	o, st := c.Handles.Get(h, zx.ObjProcess, right)
	if st != zx.OK {
		return st
	}
	p := o.(Process)
	defer object.Unref(p)
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
	if limit := v.Size(); off < limit {
		n = min(n, limit-off, size)
	} else {
		return zx.ErrOutOfRange
	}
	c.buffer = vmar.Copier{Space: c.Space, Base: buffer, Request: c.CopyRequest}
	if write {
		st = v.Write(&c.buffer, off, n, c.Request)
	} else {
		st = v.Read(&c.buffer, off, n, c.Request)
	}
	if st != zx.OK {
		return st
	}
	return c.optional64(actual, n)
}

// rightsProgram is what a handle of a program's file carries.
const rightsProgram = zx.RightsVMO &^ (zx.RightWrite | zx.RightSetProperty | zx.RightSignal)

// systemGetProgram is zx_system_get_program.
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
