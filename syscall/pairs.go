package syscall

import (
	"faultline/object"
	"faultline/zx"
)

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

func objectSignalPeer(c *Context, h zx.Handle, clearMask, setMask uint32) zx.Status {
	return with(c, h, zx.ObjNone, zx.RightSignalPeer, func(o object.Object, _ zx.Rights) zx.Status {
		allowed := zx.SignalUserAll
		if o.ObjectBase().Type() == zx.ObjEventPair {
			allowed |= zx.SignalSignaled
		}
		p, ok := o.(object.Peered)
		switch {
		case !ok:
			return zx.ErrNotSupported
		case zx.Signals(clearMask|setMask)&^allowed != 0:
			return zx.ErrInvalidArgs
		}
		return p.SignalPeer(zx.Signals(clearMask), zx.Signals(setMask))
	})
}

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

// fifo calls f with a fifo and a buffer for at most count elements, and tells how many
// elements of it f has moved.
//
// Errors: those of Get | ErrOutOfRange size is not the fifo's, or count is 0 | those of
// f | ErrInvalidArgs actual.
func (c *Context) fifo(h zx.Handle, right zx.Rights, size, count uint64, actual userOut, f func(*object.FIFO, []byte) (int, zx.Status)) zx.Status {
	return with(c, h, zx.ObjFIFO, right, func(o *object.FIFO, _ zx.Rights) zx.Status {
		element, all := o.Room()
		if size != uint64(element) || count == 0 {
			return zx.ErrOutOfRange
		}
		n, st := f(o, make([]byte, min(count, uint64(all/element))*size))
		if st != zx.OK {
			return st
		}
		return c.optional64(actual, uint64(n))
	})
}

func fifoWrite(c *Context, h zx.Handle, size uint64, data userIn, count uint64, actual userOut) zx.Status {
	return c.fifo(h, zx.RightWrite, size, count, actual, func(o *object.FIFO, p []byte) (int, zx.Status) {
		if st := c.read(p, data); st != zx.OK {
			return 0, st
		}
		return o.Write(p)
	})
}

// fifoRead is zx_fifo_read. Elements that cannot be copied out are lost.
func fifoRead(c *Context, h zx.Handle, size uint64, data userOut, count uint64, actual userOut) zx.Status {
	return c.fifo(h, zx.RightRead, size, count, actual, func(o *object.FIFO, p []byte) (int, zx.Status) {
		n, st := o.Read(p)
		if st == zx.OK {
			st = c.write(data, p[:uint64(n)*size])
		}
		return n, st
	})
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
	return with(c, h, zx.ObjTimer, zx.RightWrite, func(t *object.Timer, _ zx.Rights) zx.Status {
		t.Set(deadline)
		return zx.OK
	})
}

func timerCancel(c *Context, h zx.Handle) zx.Status {
	return with(c, h, zx.ObjTimer, zx.RightWrite, func(t *object.Timer, _ zx.Rights) zx.Status {
		t.Cancel()
		return zx.OK
	})
}
