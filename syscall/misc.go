package syscall

import "faultline/zx"

// debugWriteLimit is the most zx_debug_write takes, in bytes.
const debugWriteLimit = 65536

// debugWrite is zx_debug_write.
func debugWrite(c *Context, buffer userIn, size uint64) zx.Status {
	if size > debugWriteLimit {
		return zx.ErrInvalidArgs
	}
	for size > 0 {
		p := c.scratch[:min(size, scratchBytes)]
		if st := c.read(p, buffer); st != zx.OK {
			return st
		}
		c.Process.DebugWrite(p)
		buffer += userIn(len(p))
		size -= uint64(len(p))
	}
	return zx.OK
}

// clockGetMonotonic is zx_clock_get_monotonic.
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
		return c.sleep(zx.ThreadBlockedSleeping, c.wait.deadline, nanosleepWoken)
	case zx.ErrTimedOut:
		return zx.OK
	}
	return woken
}

// systemGetPageSize is zx_system_get_page_size.
func systemGetPageSize(*Context) uint32 { return zx.PageSize }

// cprngDraw is zx_cprng_draw.
func cprngDraw(c *Context, buffer userOut, size uint64) zx.Status {
	for size > 0 {
		p := c.scratch[:min(size, scratchBytes)]
		c.System.Random(p)
		if st := c.write(buffer, p); st != zx.OK {
			clear(p)
			return st
		}
		buffer += userOut(len(p))
		size -= uint64(len(p))
	}
	clear(c.scratch[:])
	return zx.OK
}
