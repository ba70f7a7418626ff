package syscall

import (
	"encoding/binary"

	"faultline/vmar"
	"faultline/zx"
)

// futexBytes is the size and alignment of a futex.
const futexBytes = 4

// futexAddress checks the address of a futex. What lies there is not looked at.
func futexAddress(at userIn) zx.Status {
	if va := zx.VirtAddr(at); va < vmar.UserBase || va >= vmar.UserEnd || va%futexBytes != 0 {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}

// lockFutex locks the futexes and compares the one at address: nobody who
// changes it then can wake before the caller has unlocked.
//
// Locks: Futexes locked on success only.
// Errors, in this order: ErrInvalidArgs it cannot be read | ErrBadState it is not
// current | those of futexOwner. ErrInternalIntrKilled at any time.
func (c *Context) lockFutex(at userIn, current int32, owner zx.Handle) zx.Status {
	p := c.scratch[:futexBytes]
	st := zx.OK
	if owner != zx.HandleInvalid {
		st = c.futexOwner(owner)
	}
	for {
		c.Futexes.Lock()
		if c.Space.TryCopyIn(p, zx.VirtAddr(at)) == futexBytes {
			break
		}
		c.Futexes.Unlock()
		if st := c.read(p, at); st != zx.OK { // brings the page in
			return st
		}
	}
	if int32(binary.LittleEndian.Uint32(p)) != current {
		st = zx.ErrBadState
	}
	if st != zx.OK {
		c.Futexes.Unlock()
	}
	return st
}

// futexOwner checks the new owner of a futex: a thread that has started and is
// not the caller. Ownership changes nothing here, for threads have no
// priorities to inherit.
func (c *Context) futexOwner(owner zx.Handle) zx.Status {
	return with(c, owner, zx.ObjThread, 0, func(t Thread, _ zx.Rights) zx.Status {
		if t == c.Thread || t.Info().State == zx.ThreadNew {
			return zx.ErrInvalidArgs
		}
		return zx.OK
	})
}

func futexWait(c *Context, at userIn, current int32, owner zx.Handle, deadline zx.Time) zx.Status {
	if st := futexAddress(at); st != zx.OK {
		return st
	}
	st := c.lockFutex(at, current, owner)
	if st != zx.OK {
		return st
	}
	c.Futexes.Enqueue(&c.wait.futex, zx.VirtAddr(at))
	c.Futexes.Unlock()
	return c.sleep(zx.ThreadBlockedFutex, deadline, futexWoken)
}

// futexWoken goes on with a futexWait.
func futexWoken(c *Context, woken zx.Status) zx.Status {
	return c.Futexes.Answer(&c.wait.futex, woken)
}

func futexWake(c *Context, at userIn, count uint32) zx.Status {
	if st := futexAddress(at); st != zx.OK {
		return st
	}
	for b := (zx.Budget{By: c.yielder}); count > 0; {
		// It cannot be issued again: a suspend waits.
		if count = c.Futexes.Wake(zx.VirtAddr(at), count); count > 0 && b.Look() == zx.ErrInternalIntrKilled {
			break
		}
	}
	return zx.OK
}

func futexRequeue(c *Context, at userIn, wakeCount uint32, current int32, requeue userIn, requeueCount uint32, owner zx.Handle) zx.Status {
	if st := futexAddress(at); st != zx.OK {
		return st
	}
	if st := futexAddress(requeue); st != zx.OK {
		return st
	}
	if at == requeue {
		return zx.ErrInvalidArgs
	}
	st := c.lockFutex(at, current, owner)
	if st != zx.OK {
		return st
	}
	for b := (zx.Budget{By: c.yielder}); ; c.Futexes.Lock() {
		wakeCount, requeueCount = c.Futexes.WakeAndRequeue(zx.VirtAddr(at), wakeCount, zx.VirtAddr(requeue), requeueCount)
		c.Futexes.Unlock()
		if wakeCount|requeueCount == 0 || b.Look() == zx.ErrInternalIntrKilled {
			return zx.OK
		}
	}
}
