package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/zx"
)

// handleClose is zx_handle_close.
func handleClose(c *Context, h zx.Handle) zx.Status {
	return c.Handles.Close(h)
}

// handleBytes is the size of a handle in user memory.
const handleBytes = 4

// closeManyLimit bounds the time one zx_handle_close_many takes.
const closeManyLimit = 1 << 20

// handleCloseMany is zx_handle_close_many. A process has no more handles than
// object.HandleLimit, but nothing forbids naming one twice.
func handleCloseMany(c *Context, handles userIn, count uint64) zx.Status {
	if count > closeManyLimit {
		return zx.ErrInvalidArgs
	}
	result := zx.OK
	for count > 0 {
		n := min(count, scratchBytes/handleBytes)
		if st := c.read(c.scratch[:n*handleBytes], handles); st != zx.OK {
			return st
		}
		for i := range n {
			h := zx.Handle(binary.LittleEndian.Uint32(c.scratch[i*handleBytes:]))
			if st := c.Handles.Close(h); st != zx.OK {
				result = st
			}
		}
		handles += userIn(n * handleBytes)
		count -= n
	}
	return result
}

// handleDuplicate is zx_handle_duplicate.
func handleDuplicate(c *Context, h zx.Handle, rights zx.Rights, out userOut) zx.Status {
	d, st := c.Handles.Duplicate(h, rights)
	if st != zx.OK {
		return st
	}
	return c.report(d, out)
}

// handleReplace is zx_handle_replace.
func handleReplace(c *Context, h zx.Handle, rights zx.Rights, out userOut) zx.Status {
	d, st := c.Handles.Replace(h, rights)
	if st != zx.OK {
		return st
	}
	return c.report(d, out)
}

// eventCreate is zx_event_create.
func eventCreate(c *Context, options uint32, out userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return c.give(object.NewEvent(), object.RightsEvent, out)
}

// waitable says whether objects of a type have signals to wait for: those whose
// fresh handles carry WAIT.
func waitable(typ zx.ObjType) bool {
	switch typ {
	case zx.ObjPort, zx.ObjVMAR, zx.ObjPager, zx.ObjSuspendToken, zx.ObjException:
		return false
	}
	return true
}

// objectSignal is zx_object_signal.
func objectSignal(c *Context, h zx.Handle, clearMask, setMask uint32) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjNone, zx.RightSignal)
	if st != zx.OK {
		return st
	}
	b := o.ObjectBase()
	allowed := zx.SignalUserAll
	if b.Type() == zx.ObjEvent {
		allowed |= zx.SignalSignaled
	}
	switch {
	case !waitable(b.Type()):
		st = zx.ErrNotSupported
	case zx.Signals(clearMask|setMask)&^allowed != 0:
		st = zx.ErrInvalidArgs
	default:
		b.UpdateSignals(zx.Signals(clearMask), zx.Signals(setMask))
	}
	object.Unref(o)
	return st
}

// objectWaitOne is zx_object_wait_one.
func objectWaitOne(c *Context, h zx.Handle, signals zx.Signals, deadline zx.Time, out userOut) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjNone, zx.RightWait)
	if st != zx.OK {
		return st
	}
	b := o.ObjectBase()
	if !waitable(b.Type()) {
		object.Unref(o)
		return zx.ErrNotSupported
	}
	observed, st := b.WaitOne(c.Waiter, object.Source{Table: c.Handles, Handle: h}, signals, deadline)
	object.Unref(o)
	if st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry {
		return st
	}
	if out != 0 {
		if st := c.write32(out, uint32(observed)); st != zx.OK {
			return st
		}
	}
	return st
}

// objectWaitAsync is zx_object_wait_async.
func objectWaitAsync(c *Context, h, port zx.Handle, key uint64, signals zx.Signals, options uint32) zx.Status {
	if options&^(zx.WaitAsyncTimestamp|zx.WaitAsyncEdge) != 0 {
		return zx.ErrInvalidArgs
	}
	po, st := c.Handles.Get(port, zx.ObjPort, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	defer object.Unref(po)
	o, st := c.Handles.Get(h, zx.ObjNone, zx.RightWait)
	if st != zx.OK {
		return st
	}
	defer object.Unref(o)
	if !waitable(o.ObjectBase().Type()) {
		return zx.ErrNotSupported
	}
	wait := object.AsyncWait{
		Port: po.(*object.Port), Key: key, Signals: signals,
		Edge: options&zx.WaitAsyncEdge != 0,
	}
	if options&zx.WaitAsyncTimestamp != 0 {
		wait.Now = c.System.Now
	}
	return o.ObjectBase().WaitAsync(object.Source{Table: c.Handles, Handle: h}, wait)
}

// waitItemBytes is the size of zx_wait_item_t: handle, waitfor, pending.
const waitItemBytes = 12

// objectWaitMany is zx_object_wait_many.
func objectWaitMany(c *Context, items userOut, count uint64, deadline zx.Time) zx.Status {
	if count > object.WaitManyMax {
		return zx.ErrOutOfRange
	}
	records := make([]byte, count*waitItemBytes)
	if count > 0 {
		if st := c.read(records, userIn(items)); st != zx.OK {
			return st
		}
	}
	le := binary.LittleEndian
	waits := make([]object.WaitItem, 0, count)
	st := zx.OK
	for at := 0; at < len(records) && st == zx.OK; at += waitItemBytes {
		h := zx.Handle(le.Uint32(records[at:]))
		var o object.Object
		if o, st = c.Handles.Get(h, zx.ObjNone, zx.RightWait); st != zx.OK {
			break
		}
		waits = append(waits, object.WaitItem{
			Object: o, Source: object.Source{Table: c.Handles, Handle: h}, Signals: zx.Signals(le.Uint32(records[at+4:])),
		})
		if !waitable(o.ObjectBase().Type()) {
			st = zx.ErrNotSupported
		}
	}
	done := st == zx.OK
	if done {
		st = object.WaitMany(c.Waiter, waits, deadline)
	}
	for i := range waits {
		le.PutUint32(records[i*waitItemBytes+8:], uint32(waits[i].Pending))
		object.Unref(waits[i].Object)
	}
	if !done || st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry || count == 0 {
		return st
	}
	if st := c.write(items, records); st != zx.OK {
		return st
	}
	return st
}
