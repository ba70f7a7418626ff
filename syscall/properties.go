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
	n, st := uint64(0), zx.ErrWrongType
	switch property {
	case propName:
		if named, ok := o.(Named); ok {
			copy(p[:maxName-1], named.Name())
			return zx.OK
		}
	case propRegisterFS:
		if st = c.self(o); st == zx.OK {
			n = c.Thread.FSBase()
		}
	case propRegisterGS:
		if st = c.self(o); st == zx.OK {
			n = c.Thread.GSBase()
		}
	case propVMOContentSize:
		if v, ok := o.(*VMO); ok {
			n, st = v.ContentSize(), zx.OK
		}
	case propExceptionState:
		if x, ok := o.(Exception); ok {
			n, st = uint64(x.ExceptionState()), zx.OK
		}
	case propExceptionStrategy:
		if x, ok := o.(Exception); ok {
			n, st = bit(x.SecondChance(), 1), zx.OK
		}
	}
	if st == zx.OK {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], n)
		copy(p, word[:])
	}
	return st
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
		set, st := c.setter(o, have, property)
		if st != zx.OK {
			return st
		}
		clear(c.scratch[:8])
		if st = c.read(c.scratch[:n], value); st != zx.OK {
			return st
		}
		return set(binary.LittleEndian.Uint64(c.scratch[:]))
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

// setter gives what sets a property of o but its name, if a handle with rights have
// may do that.
func (c *Context) setter(o object.Object, have zx.Rights, property uint32) (set func(n uint64) zx.Status, st zx.Status) {
	switch property {
	case propRegisterFS:
		return c.Thread.SetFSBase, c.self(o)
	case propRegisterGS:
		return c.Thread.SetGSBase, c.self(o)
	case propVMOContentSize:
		v, ok := o.(*VMO)
		switch {
		case !ok:
			return nil, zx.ErrWrongType
		case have&zx.RightWrite == 0:
			return nil, zx.ErrAccessDenied
		}
		return func(n uint64) zx.Status { return v.SetContentSize(n, c.Request) }, zx.OK
	}
	x, ok := o.(Exception)
	if !ok {
		return nil, zx.ErrWrongType
	}
	if property == propExceptionState {
		return func(n uint64) zx.Status { return x.SetExceptionState(uint32(n)) }, zx.OK
	}
	return func(n uint64) zx.Status {
		if st := x.SetSecondChance(x.SecondChance()); st != zx.OK {
			return st // before the sense of the value
		}
		if n > 1 {
			return zx.ErrInvalidArgs
		}
		return x.SetSecondChance(n == 1)
	}, zx.OK
}
