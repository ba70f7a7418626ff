package syscall

import (
	"faultline/object"
	"faultline/zx"
)

// portBindToInterrupt is ZX_PORT_BIND_TO_INTERRUPT.
const portBindToInterrupt = 1

func portCreate(c *Context, options uint32, out userOut) zx.Status {
	if st := c.policy(zx.PolicyNewPort); st != zx.OK {
		return st
	}
	if options&^portBindToInterrupt != 0 {
		return zx.ErrInvalidArgs
	}
	return c.give(object.NewPort(), zx.RightsPort, out)
}

// portWait is zx_port_wait. The packet has left the port when it is copied out:
// a bad pointer loses it.
//
//go:nosplit
func portWait(c *Context, h zx.Handle, deadline zx.Time, out userOut) zx.Status {
	k := &c.recent.read
	if k.handle != h || k.version != c.Handles.Version() {
		if st := k.find(c.Handles, h, zx.RightRead); st != zx.OK {
			return st
		}
	}
	if k.port.Take(&c.wait.place) != zx.OK {
		c.wait.queue, c.wait.out = k.port, out
		return c.sleep(zx.ThreadBlockedPort, deadline, portWoken)
	}
	return c.writePacket(out, &c.wait.place.Packet)
}

// portWoken goes on with a portWait that slept.
//
//go:nosplit
func portWoken(c *Context, woken zx.Status) zx.Status {
	if n := &c.wait.place; !n.Served() {
		if st := c.wait.queue.Answer(n, woken); st != zx.OK {
			return st
		}
	}
	if c.Space.CopyPacket(zx.VirtAddr(c.wait.out), &c.wait.place.Packet, true) { // writePacket, by hand
		return zx.OK
	}
	return c.writePacket(c.wait.out, &c.wait.place.Packet)
}

func portQueue(c *Context, h zx.Handle, packet userIn) zx.Status {
	k := &c.recent.write
	if k.handle != h || k.version != c.Handles.Version() {
		if st := k.find(c.Handles, h, zx.RightWrite); st != zx.OK {
			return st
		}
	}
	p := k.port
	st := zx.OK
	if !c.Space.CopyPacket(zx.VirtAddr(packet), &c.packet, false) {
		st = c.read(c.packet.Bytes()[:], packet)
	}
	if st == zx.OK {
		st = p.QueueUser(c.Account, &c.packet)
	}
	if st == zx.ErrShouldWait {
		c.Thread.RaisePolicy(zx.PolicyPortFull)
	}
	return st
}

func portCancel(c *Context, h, source zx.Handle, key uint64) zx.Status {
	return with(c, h, zx.ObjPort, zx.RightWrite, func(p *object.Port, _ zx.Rights) zx.Status {
		return with(c, source, zx.ObjNone, zx.RightWait, func(o object.Object, _ zx.Rights) zx.Status {
			if !waitable(o) {
				return zx.ErrNotSupported
			}
			from := object.Source{Table: c.Handles, Handle: source}
			return cancelled(o.ObjectBase().CancelAsync(from, p, key, c.yielder))
		})
	})
}

func portCancelKey(c *Context, h zx.Handle, options uint32, key uint64) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, h, zx.ObjPort, zx.RightWrite, func(p *object.Port, _ zx.Rights) zx.Status {
		return cancelled(p.CancelKey(key, c.yielder))
	})
}

// cancelled is the answer of a call that ended n waits.
func cancelled(n int) zx.Status {
	if n == 0 {
		return zx.ErrNotFound
	}
	return zx.OK
}
