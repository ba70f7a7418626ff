package syscall

import (
	"bytes"

	"faultline/object"
	"faultline/zx"
)

// maxName is ZX_MAX_NAME_LEN, the terminating NUL included.
const maxName = 32

func processExit(c *Context, code int64) zx.Status {
	c.Process.Exit(code)
	return zx.OK
}

func threadExit(c *Context) zx.Status {
	c.Thread.Exit()
	return zx.OK
}

// readName copies a name in, cut at maxName-1 bytes or its first NUL.
func (c *Context) readName(name userIn, size uint64) (string, zx.Status) {
	if name == 0 {
		return "", zx.ErrInvalidArgs
	}
	n := min(size, maxName)
	if n > 0 {
		if st := c.read(c.scratch[:n], name); st != zx.OK {
			return "", st
		}
	}
	b := c.scratch[:min(n, maxName-1)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b), zx.OK
}

func threadCreate(c *Context, process zx.Handle, name userIn, nameSize uint64, options uint32, out userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	text, st := c.readName(name, nameSize)
	if st != zx.OK {
		return st
	}
	return with(c, process, zx.ObjProcess, zx.RightManageThread, func(p Process, _ zx.Rights) zx.Status {
		t, st := p.CreateThread(text)
		return c.made(t, st, zx.RightsThread, out)
	})
}

func threadStart(c *Context, h zx.Handle, entry, stack zx.VirtAddr, arg1, arg2 uint64) zx.Status {
	return with(c, h, zx.ObjThread, zx.RightManageThread, func(t Thread, _ zx.Rights) zx.Status {
		return t.Start(entry, stack, arg1, arg2)
	})
}

func processCreate(c *Context, job zx.Handle, name userIn, nameSize uint64, options uint32, out, vmarOut userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewProcess); st != zx.OK {
		return st
	}
	text, st := c.readName(name, nameSize)
	if st != zx.OK {
		return st
	}
	return with(c, job, zx.ObjJob, zx.RightManageProcess, func(j Job, _ zx.Rights) zx.Status {
		p, root, st := c.Process.CreateProcess(j, text)
		if st != zx.OK {
			return st
		}
		return c.givePair(p, zx.RightsProcess, out, NewVMAR(root), zx.RightsVMAR|root.Rights(), vmarOut)
	})
}

// processStart is zx_process_start. Whatever happens, arg1 is the caller's no
// more.
func processStart(c *Context, process, thread zx.Handle, entry, stack zx.VirtAddr, arg1 zx.Handle, arg2 uint64) zx.Status {
	taken := false
	st := with(c, process, zx.ObjProcess, zx.RightWrite, func(p Process, _ zx.Rights) zx.Status {
		return with(c, thread, zx.ObjThread, zx.RightWrite, func(t Thread, _ zx.Rights) (st zx.Status) {
			var m object.Moving
			if taken = true; arg1 != zx.HandleInvalid {
				if m, st = c.Handles.Take(arg1, zx.ObjNone, 0); st != zx.OK {
					return st
				}
				if m.Rights&zx.RightTransfer == 0 {
					m.Discard()
					return zx.ErrAccessDenied
				}
			}
			st = p.StartThread(t, entry, stack, m, arg2)
			if st != zx.OK && m.Object != nil {
				m.Discard()
			}
			return st
		})
	})
	if !taken {
		c.Handles.Close(arg1)
	}
	return st
}
