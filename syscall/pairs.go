package syscall

import (
	"faultline/object"
	"faultline/zx"
)

// eventpairCreate is zx_eventpair_create.
func eventpairCreate(c *Context, options uint32, out0, out1 userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewEventPair); st != zx.OK {
		return st
	}
	a, b := object.NewEventPair()
	return c.givePair(a, object.RightsEventPair, out0, b, object.RightsEventPair, out1)
}

// objectSignalPeer is zx_object_signal_peer.
func objectSignalPeer(c *Context, h zx.Handle, clearMask, setMask uint32) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjNone, zx.RightSignalPeer)
	if st != zx.OK {
		return st
	}
	allowed := zx.SignalUserAll
	if o.ObjectBase().Type() == zx.ObjEventPair {
		allowed |= zx.SignalSignaled
	}
	p, ok := o.(object.Peered)
	switch {
	case !ok:
		st = zx.ErrNotSupported
	case zx.Signals(clearMask|setMask)&^allowed != 0:
		st = zx.ErrInvalidArgs
	default:
		st = p.SignalPeer(zx.Signals(clearMask), zx.Signals(setMask))
	}
	object.Unref(o)
	return st
}

// fifoCreate is zx_fifo_create.
func fifoCreate(c *Context, count, size uint64, options uint32, out0, out1 userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewFIFO); st != zx.OK {
		return st
	}
	a, b, st := object.NewFIFO(count, size)
	if st != zx.OK {
		return st
	}
	return c.givePair(a, object.RightsFIFO, out0, b, object.RightsFIFO, out1)
}

// fifoBuffer checks a call on a fifo and gives it with a buffer for at most count
// elements; the caller gives the reference back.
//
// Errors: those of Get | ErrOutOfRange size is not the fifo's, or count is 0.
func (c *Context) fifoBuffer(h zx.Handle, right zx.Rights, size, count uint64) (*object.FIFO, []byte, zx.Status) {
	o, st := c.Handles.Get(h, zx.ObjFIFO, right)
	if st != zx.OK {
		return nil, nil, st
	}
	f := o.(*object.FIFO)
	element, all := f.Room()
	if size != uint64(element) || count == 0 {
		object.Unref(o)
		return nil, nil, zx.ErrOutOfRange
	}
	return f, make([]byte, min(count, uint64(all/element))*size), zx.OK
}

// fifoWrite is zx_fifo_write.
func fifoWrite(c *Context, h zx.Handle, size uint64, data userIn, count uint64, actual userOut) zx.Status {
	f, p, st := c.fifoBuffer(h, zx.RightWrite, size, count)
	if st != zx.OK {
		return st
	}
	n := 0
	if st = c.read(p, data); st == zx.OK {
		n, st = f.Write(p)
	}
	object.Unref(f)
	if st != zx.OK {
		return st
	}
	return c.optional64(actual, uint64(n))
}

// fifoRead is zx_fifo_read. Elements that cannot be copied out are lost.
func fifoRead(c *Context, h zx.Handle, size uint64, data userOut, count uint64, actual userOut) zx.Status {
	f, p, st := c.fifoBuffer(h, zx.RightRead, size, count)
	if st != zx.OK {
		return st
	}
	n, st := f.Read(p)
	object.Unref(f)
	if st == zx.OK {
		st = c.write(data, p[:uint64(n)*size])
	}
	if st != zx.OK {
		return st
	}
	return c.optional64(actual, uint64(n))
}

// Clocks and options of zx_timer_create.
const (
	clockMonotonic = 0
	clockBoot      = 1
	timerSlackLate = 2 // the last of CENTER, EARLY and LATE
)

// timerCreate is zx_timer_create. The machine never sleeps: both clocks agree.
func timerCreate(c *Context, options, clock uint32, out userOut) zx.Status {
	if options > timerSlackLate || clock != clockMonotonic && clock != clockBoot {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewTimer); st != zx.OK {
		return st
	}
	return c.give(object.NewTimer(c.System.Now), object.RightsTimer, out)
}

// timerSet is zx_timer_set. Slack allows a timer to be early or late; it is
// neither.
func timerSet(c *Context, h zx.Handle, deadline zx.Time, slack int64) zx.Status {
	if slack < 0 {
		return zx.ErrOutOfRange
	}
	o, st := c.Handles.Get(h, zx.ObjTimer, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	o.(*object.Timer).Set(deadline)
	object.Unref(o)
	return zx.OK
}

// timerCancel is zx_timer_cancel.
func timerCancel(c *Context, h zx.Handle) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjTimer, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	o.(*object.Timer).Cancel()
	object.Unref(o)
	return zx.OK
}
