package syscall

import (
	"faultline/object"
	"faultline/zx"
)

// debugWriteLimit is the most zx_debug_write takes, in bytes.
const debugWriteLimit = 65536

func debugWrite(c *Context, buffer userIn, size uint64) zx.Status {
	if size > debugWriteLimit {
		return zx.ErrInvalidArgs
	}
	// A byte takes up to a hundred instructions to get through the port.
	return c.inPieces(uint64(buffer), size, scratchBytes/8, func(at, n uint64) zx.Status {
		p := c.scratch[:n]
		st := c.read(p, userIn(at))
		if st == zx.OK {
			c.Process.DebugWrite(p)
		}
		return st
	})
}

// progress is how far a call came that was interrupted, and will be issued again
// with the same arguments.
type progress struct {
	at, size, done uint64
	st             zx.Status // so far, for handle_close_many
}

// inPieces calls f with pieces of [at, at+size), each of at most scratchBytes and
// worth units of a zx.Budget, until it fails. Between two pieces others may run; a
// thread that is to be suspended goes on where it stopped when the call is issued
// again.
//
// Errors: those of f | ErrInternalIntrKilled | ErrInternalIntrRetry.
func (c *Context) inPieces(at, size uint64, units int, f func(at, n uint64) zx.Status) zx.Status {
	b, done := zx.Budget{By: c.yielder}, uint64(0)
	if p := c.progress; p.at == at && p.size == size {
		done = p.done
	}
	c.progress = progress{}
	for done < size {
		n := min(size-done, scratchBytes)
		if st := f(at+done, n); st != zx.OK {
			return st
		}
		if done += n; b.Spend(units) && done < size {
			if st := b.Look(); st != zx.OK {
				c.progress = progress{at: at, size: size, done: done}
				return st
			}
		}
	}
	return zx.OK
}

// Forget says that a call that answered ErrInternalIntrRetry will not be issued
// again.
func (c *Context) Forget() { c.progress = progress{} }

func clockGetMonotonic(c *Context) zx.Time { return c.System.Now() }

// nanosleep is zx_nanosleep. A deadline in the past still sleeps, which lets
// other threads run.
func nanosleep(c *Context, deadline zx.Time) zx.Status {
	return c.sleep(zx.ThreadBlockedSleeping, deadline, nanosleepWoken)
}

// nanosleepWoken goes on with a nanosleep.
func nanosleepWoken(c *Context, woken zx.Status) zx.Status {
	switch woken {
	case zx.OK: // for nothing
		return object.Waiting
	case zx.ErrTimedOut:
		return zx.OK
	}
	return woken
}

func systemGetPageSize(*Context) uint32 { return zx.PageSize }

func systemGetNumCpus(c *Context) uint32 { return uint32(c.System.NumCPUs()) }

// cprngDraw is zx_cprng_draw. A piece takes 5,500 instructions.
func cprngDraw(c *Context, buffer userOut, size uint64) zx.Status {
	st := c.inPieces(uint64(buffer), size, 8, func(at, n uint64) zx.Status {
		p := c.scratch[:n]
		c.System.Random(p)
		return c.write(userOut(at), p)
	})
	clear(c.scratch[:])
	return st
}
