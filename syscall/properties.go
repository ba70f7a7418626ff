package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/zx"
)

// Properties. Source: docs/pager.md 1.4; Zircon object_get_property.
const (
	propRegisterGS        = 2
	propName              = 3
	propRegisterFS        = 4
	propExceptionState    = 16
	propVMOContentSize    = 17
	propExceptionStrategy = 18
)

// propBytes gives the size of a property's value.
//
// Errors: ErrNotSupported no such property.
func propBytes(property uint32) (uint64, zx.Status) {
	switch property {
	case propName:
		return maxName, zx.OK
	case propRegisterFS, propRegisterGS, propVMOContentSize:
		return 8, zx.OK
	case propExceptionState, propExceptionStrategy:
		return 4, zx.OK
	}
	return 0, zx.ErrNotSupported
}

// self checks that o is the calling thread.
//
// Errors: ErrWrongType | ErrAccessDenied another thread.
func (c *Context) self(o object.Object) zx.Status {
	if o.ObjectBase().Type() != zx.ObjThread {
		return zx.ErrWrongType
	}
	if o != object.Object(c.Thread) {
		return zx.ErrAccessDenied
	}
	return zx.OK
}

func objectGetProperty(c *Context, h zx.Handle, property uint32, value userOut, size uint64) zx.Status {
	if value == 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, h, zx.ObjNone, zx.RightGetProperty, func(o object.Object, _ zx.Rights) zx.Status {
		n, st := propBytes(property)
		switch {
		case st != zx.OK:
			return st
		case size < n:
			return zx.ErrBufferTooSmall
		}
		clear(c.scratch[:n])
		if st = c.getProperty(o, property, c.scratch[:n]); st != zx.OK {
			return st
		}
		return c.write(value, c.scratch[:n])
	})
}

// getProperty puts a property of o into p, zeroed and of its size.
func (c *Context) getProperty(o object.Object, property uint32, p []byte) zx.Status {
	le := binary.LittleEndian
	switch property {
	case propName:
		named, ok := o.(Named)
		if !ok {
			return zx.ErrWrongType
		}
		copy(p[:maxName-1], named.Name())
	case propRegisterFS, propRegisterGS:
		if st := c.self(o); st != zx.OK {
			return st
		}
		base := c.Thread.FSBase()
		if property == propRegisterGS {
			base = c.Thread.GSBase()
		}
		le.PutUint64(p, base)
	case propVMOContentSize:
		v, ok := o.(*VMO)
		if !ok {
			return zx.ErrWrongType
		}
		le.PutUint64(p, v.ContentSize())
	case propExceptionState, propExceptionStrategy:
		x, ok := o.(Exception)
		switch {
		case !ok:
			return zx.ErrWrongType
		case property == propExceptionState:
			le.PutUint32(p, x.ExceptionState())
		case x.SecondChance():
			le.PutUint32(p, 1)
		}
	}
	return zx.OK
}

func objectSetProperty(c *Context, h zx.Handle, property uint32, value userIn, size uint64) zx.Status {
	if value == 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, h, zx.ObjNone, zx.RightSetProperty, func(o object.Object, have zx.Rights) zx.Status {
		n, st := propBytes(property)
		switch {
		case st != zx.OK:
			return st
		case property == propName:
			return c.setName(o, value, size)
		case size < n:
			return zx.ErrBufferTooSmall
		}
		return c.setProperty(o, have, property, value, c.scratch[:n])
	})
}

// setName sets the name of o, cut at maxName-1 bytes or its first NUL.
func (c *Context) setName(o object.Object, name userIn, size uint64) zx.Status {
	text, st := c.readName(name, min(size, maxName-1))
	if st != zx.OK {
		return st
	}
	named, ok := o.(Named)
	if !ok {
		return zx.ErrWrongType
	}
	named.SetName(text)
	return zx.OK
}

// setProperty sets a property of o but its name to the value that p receives.
// have is what the handle carries.
func (c *Context) setProperty(o object.Object, have zx.Rights, property uint32, value userIn, p []byte) zx.Status {
	le := binary.LittleEndian
	switch property {
	case propRegisterFS, propRegisterGS:
		if st := c.self(o); st != zx.OK {
			return st
		}
		if st := c.read(p, value); st != zx.OK {
			return st
		}
		if property == propRegisterGS {
			return c.Thread.SetGSBase(le.Uint64(p))
		}
		return c.Thread.SetFSBase(le.Uint64(p))
	case propVMOContentSize:
		v, ok := o.(*VMO)
		if !ok {
			return zx.ErrWrongType
		}
		if have&zx.RightWrite == 0 {
			return zx.ErrAccessDenied
		}
		if st := c.read(p, value); st != zx.OK {
			return st
		}
		return v.SetContentSize(le.Uint64(p), c.Request)
	}
	x, ok := o.(Exception)
	if !ok {
		return zx.ErrWrongType
	}
	if st := c.read(p, value); st != zx.OK {
		return st
	}
	n := le.Uint32(p)
	if property == propExceptionState {
		return x.SetExceptionState(n)
	}
	if st := x.SetSecondChance(x.SecondChance()); st != zx.OK {
		return st // before the sense of the value
	}
	if n > 1 {
		return zx.ErrInvalidArgs
	}
	return x.SetSecondChance(n == 1)
}
