package syscall

import (
	"encoding/binary"

	"faultline/account"
	"faultline/object"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// userIn and userOut are addresses that ring 3 alleges to be readable or
// writable memory of its own. Nothing may be done with them but copying.
type (
	userIn  zx.VirtAddr
	userOut zx.VirtAddr
)

// copied turns the status of a copy into the answer of a call: every fault is
// ErrInvalidArgs, but a thread that is being killed or suspended stops.
func copied(st zx.Status) zx.Status {
	switch st {
	case zx.OK, zx.ErrInternalIntrKilled, zx.ErrInternalIntrRetry:
		return st
	}
	return zx.ErrInvalidArgs
}

// read fills p from src. p is part of c.scratch, or otherwise on the heap.
//
// Locks: none held; may wait for a pager.
// Errors: ErrInvalidArgs | ErrInternalIntrKilled | ErrInternalIntrRetry, unless
// CopyRequest is immune to suspends, as it should be.
func (c *Context) read(p []byte, src userIn) zx.Status {
	return copied(c.Space.CopyIn(p, zx.VirtAddr(src), c.CopyRequest))
}

// write copies p to dst. Otherwise as read.
func (c *Context) write(dst userOut, p []byte) zx.Status {
	return copied(c.Space.CopyOut(zx.VirtAddr(dst), p, c.CopyRequest))
}

// copyVMO copies n bytes between the caller's buffer and v at off: into v, or out of it.
//
// Errors: those of vmo.Read and vmo.Write.
func (c *Context) copyVMO(v *vmo.VMO, buffer zx.VirtAddr, off, n uint64, into bool) zx.Status {
	c.buffer = vmar.Copier{Space: c.Space, Base: buffer, Request: c.CopyRequest}
	if into {
		return v.Write(&c.buffer, off, n, c.Request)
	}
	return v.Read(&c.buffer, off, n, c.Request)
}

// writePacket is write of a packet.
//
//go:nosplit
func (c *Context) writePacket(dst userOut, p *zx.Packet) zx.Status {
	if c.Space.CopyPacket(zx.VirtAddr(dst), p, true) {
		return zx.OK
	}
	return c.write(dst, p.Bytes()[:])
}

// write32 and write64 copy one number to dst.
func (c *Context) write32(dst userOut, n uint32) zx.Status {
	binary.LittleEndian.PutUint32(c.scratch[:], n)
	return c.write(dst, c.scratch[:4])
}

func (c *Context) write64(dst userOut, n uint64) zx.Status {
	binary.LittleEndian.PutUint64(c.scratch[:], n)
	return c.write(dst, c.scratch[:8])
}

// optional64 is write64 unless dst is null.
func (c *Context) optional64(dst userOut, n uint64) zx.Status {
	if dst == 0 {
		return zx.OK
	}
	return c.write64(dst, n)
}

// with calls f with the object that h names, which is there as long as f runs, and the
// handle's rights.
//
// Errors: those of HandleTable.Get | those of f.
func with[T object.Object](c *Context, h zx.Handle, typ zx.ObjType, rights zx.Rights, f func(o T, have zx.Rights) zx.Status) zx.Status {
	o, have, st := c.Handles.GetRights(h, typ, rights)
	if st == zx.OK {
		st = f(o.(T), have)
		object.Unref(o)
	}
	return st
}

// objectBytes is what an object is charged for that says nothing of its own.
var objectBytes = account.Bytes(208)

// add makes a handle of the new object o, for which the process pays from now on,
// unless its maker has seen to that; on error o is gone.
//
// Errors: ErrNoMemory | ErrBadState the process is ending.
func (c *Context) add(o object.Object, rights zx.Rights) (zx.Handle, zx.Status) {
	bytes := objectBytes
	switch o := o.(type) {
	case *VMO:
		bytes = 0 // the VMO's own charge has it
	case interface{ KernelBytes() int64 }:
		bytes = o.KernelBytes()
	}
	h := zx.HandleInvalid
	st := o.ObjectBase().Bill(c.Account, bytes)
	if st == zx.OK {
		h, st = c.Handles.Add(o, rights)
	}
	if st != zx.OK {
		object.Drop(o)
	}
	return h, st
}

// give is add that writes the handle to out.
//
// Errors: those of add and of write.
func (c *Context) give(o object.Object, rights zx.Rights, out userOut) zx.Status {
	h, st := c.add(o, rights)
	if st != zx.OK {
		return st
	}
	return c.report(h, out)
}

// made is give of an object, unless st says that it could not be made.
func (c *Context) made(o object.Object, st zx.Status, rights zx.Rights, out userOut) zx.Status {
	if st != zx.OK {
		return st
	}
	return c.give(o, rights, out)
}

// giveVMO is made of v; the pager with that koid made it if any did.
func (c *Context) giveVMO(v *vmo.VMO, st zx.Status, pager zx.Koid, out userOut) zx.Status {
	if st != zx.OK {
		return st
	}
	o := NewVMO(v, pager)
	return c.give(o, o.Rights(), out)
}

// share makes a handle of o, which exists without it, and writes it to out.
//
// Errors: ErrAccessDenied no rights | as give.
func (c *Context) share(o object.Object, rights zx.Rights, out userOut) zx.Status {
	if rights == 0 {
		return zx.ErrAccessDenied
	}
	h, st := c.Handles.Add(o, rights)
	if st != zx.OK {
		return st
	}
	return c.report(h, out)
}

// givePair is give for two objects that are made together.
func (c *Context) givePair(a object.Object, aRights zx.Rights, aOut userOut, b object.Object, bRights zx.Rights, bOut userOut) zx.Status {
	h, st := c.add(a, aRights)
	if st != zx.OK {
		object.Drop(b)
		return st
	}
	k, st := c.add(b, bRights)
	if st != zx.OK {
		c.Handles.Close(h)
		return st
	}
	if st = c.write32(aOut, uint32(h)); st == zx.OK {
		st = c.write32(bOut, uint32(k))
	}
	if st != zx.OK {
		c.Handles.Close(h)
		c.Handles.Close(k)
	}
	return st
}

// report writes the fresh handle h to out, or closes it.
func (c *Context) report(h zx.Handle, out userOut) zx.Status {
	st := c.write32(out, uint32(h))
	if st != zx.OK {
		c.Handles.Close(h)
	}
	return st
}
