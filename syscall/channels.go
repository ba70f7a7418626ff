package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/zx"
)

// channelReadMayDiscard is ZX_CHANNEL_READ_MAY_DISCARD.
const channelReadMayDiscard = 1

// txidBytes is what a message of zx_channel_call begins with.
const txidBytes = 4

// channelCreate is zx_channel_create.
func channelCreate(c *Context, options uint32, out0, out1 userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewChannel); st != zx.OK {
		return st
	}
	a, b := object.NewChannel()
	return c.givePair(a, object.RightsChannel, out0, b, object.RightsChannel, out1)
}

// channelRead is zx_channel_read. The message has left the channel when it is
// copied out: a bad pointer loses it, its handles are closed.
func channelRead(c *Context, h zx.Handle, options uint32, bytes, handles userOut, numBytes, numHandles uint32, actualBytes, actualHandles userOut) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjChannel, zx.RightRead)
	if st != zx.OK {
		return st
	}
	if options&^channelReadMayDiscard != 0 {
		object.Unref(o)
		return zx.ErrNotSupported
	}
	ch := o.(*object.Channel)
	m, nb, nm, result := ch.Read(numBytes, numHandles)
	if result == zx.ErrBufferTooSmall && options&channelReadMayDiscard != 0 {
		// Another thread may read between these two reads: then its message
		// is not the one that is told.
		if m, _, _, st := ch.Read(object.ChannelMaxBytes, object.ChannelMaxHandles); st == zx.OK {
			m.Discard()
		}
	}
	object.Unref(o)
	if result != zx.OK && result != zx.ErrBufferTooSmall {
		return result
	}
	st = zx.OK
	if actualBytes != 0 {
		st = c.write32(actualBytes, uint32(nb))
	}
	if actualHandles != 0 && st == zx.OK {
		st = c.write32(actualHandles, uint32(nm))
	}
	if result == zx.ErrBufferTooSmall {
		if st != zx.OK {
			return st
		}
		return result
	}
	if st != zx.OK {
		m.Discard()
		return st
	}
	return c.deliver(m, bytes, handles)
}

// deliver copies a message to ring 3, the bytes before the handles, and ends it.
// On error its handles are closed.
//
// Errors: ErrInvalidArgs a pointer | ErrNoMemory the table is full.
func (c *Context) deliver(m *object.Message, bytes, handles userOut) zx.Status {
	if len(m.Bytes) > 0 {
		if st := c.write(bytes, m.Bytes); st != zx.OK {
			m.Discard()
			return st
		}
	}
	if len(m.Handles) == 0 {
		m.Free()
		return zx.OK
	}
	st := zx.OK
	values := make([]byte, 0, handleBytes*object.ChannelMaxHandles)
	for len(m.Handles) > 0 {
		var h zx.Handle
		if h, st = c.Handles.Give(m.Handles[0]); st != zx.OK {
			break
		}
		m.Handles = m.Handles[1:]
		values = binary.LittleEndian.AppendUint32(values, uint32(h))
	}
	m.Discard() // what is left
	if st == zx.OK {
		st = c.write(handles, values)
	}
	if st != zx.OK {
		for ; len(values) > 0; values = values[handleBytes:] {
			c.Handles.Close(zx.Handle(binary.LittleEndian.Uint32(values)))
		}
	}
	return st
}

// channelWrite is zx_channel_write. Whatever happens, the handles are the
// caller's no more.
func channelWrite(c *Context, h zx.Handle, options uint32, bytes userIn, numBytes uint32, handles userIn, numHandles uint32) zx.Status {
	if options != 0 {
		c.dropHandles(handles, numHandles)
		return zx.ErrInvalidArgs
	}
	o, st := c.Handles.Get(h, zx.ObjChannel, zx.RightWrite)
	if st != zx.OK {
		c.dropHandles(handles, numHandles)
		return st
	}
	m, st := c.message(o, bytes, numBytes, handles, numHandles, 0)
	if st == zx.OK {
		if st = o.(*object.Channel).Write(m); st != zx.OK {
			m.Discard()
		}
	}
	object.Unref(o)
	return c.channelFull(st)
}

// channelFull makes the program pay for a channel that nobody reads.
func (c *Context) channelFull(st zx.Status) zx.Status {
	if st == zx.ErrShouldWait {
		c.Thread.RaisePolicy(zx.PolicyChannelFull)
	}
	return st
}

// message copies in what is to be written to the channel o: at least least
// bytes, and the handles, which leave the table. On error they are closed.
//
// Errors, in this order: ErrOutOfRange numBytes or numHandles is above the limit |
// ErrNoMemory | ErrInvalidArgs bytes | ErrInvalidArgs numBytes is below least |
// ErrInvalidArgs handles | for the first bad handle: ErrBadHandle |
// ErrNotSupported it is o's | ErrAccessDenied it lacks TRANSFER.
func (c *Context) message(o object.Object, bytes userIn, numBytes uint32, handles userIn, numHandles, least uint32) (*object.Message, zx.Status) {
	m, st := object.NewMessage(c.Account, numBytes, numHandles)
	if st != zx.OK {
		c.dropHandles(handles, numHandles)
		return nil, st
	}
	if numBytes > 0 {
		st = c.read(m.Bytes, bytes)
	}
	if st == zx.OK && numBytes < least {
		st = zx.ErrInvalidArgs
	}
	if st != zx.OK {
		m.Free()
		c.dropHandles(handles, numHandles)
		return nil, st
	}
	if numHandles == 0 {
		return m, zx.OK
	}
	values := c.scratch[:handleBytes*numHandles]
	if st := c.read(values, handles); st != zx.OK {
		m.Free()
		return nil, st
	}
	for ; len(values) > 0; values = values[handleBytes:] {
		one, s := c.Handles.Take(zx.Handle(binary.LittleEndian.Uint32(values)), zx.ObjNone, 0)
		if s == zx.OK {
			if one.Object == o {
				s = zx.ErrNotSupported
			} else if one.Rights&zx.RightTransfer == 0 {
				s = zx.ErrAccessDenied
			}
			m.Handles = append(m.Handles, one)
		}
		if st == zx.OK {
			st = s
		}
	}
	if st != zx.OK {
		m.Discard()
		return nil, st
	}
	return m, zx.OK
}

// dropHandles closes the handles of a message that is not sent: as many as a
// process can have, for the count may be anything.
func (c *Context) dropHandles(handles userIn, count uint32) {
	count = min(count, object.HandleLimit)
	for count > 0 {
		n := min(count, scratchBytes/handleBytes)
		values := c.scratch[:n*handleBytes]
		if c.read(values, handles) != zx.OK {
			return
		}
		for ; len(values) > 0; values = values[handleBytes:] {
			c.Handles.Close(zx.Handle(binary.LittleEndian.Uint32(values)))
		}
		handles += userIn(n * handleBytes)
		count -= n
	}
}

// channelCallArgsBytes is the size of zx_channel_call_args_t: wr_bytes,
// wr_handles, rd_bytes, rd_handles, wr_num_bytes, wr_num_handles, rd_num_bytes,
// rd_num_handles.
const channelCallArgsBytes = 48

// channelWait is a channelCall in progress.
type channelWait struct {
	object.Call
	bytes, handles             userOut // where the reply goes
	maxBytes, maxHandles       uint32
	actualBytes, actualHandles userOut
}

// channelCall is zx_channel_call. A suspend stops the thread in the middle and
// does not end the wait: the message cannot be sent again.
func channelCall(c *Context, h zx.Handle, options uint32, deadline zx.Time, args userIn, actualBytes, actualHandles userOut) zx.Status {
	record := c.scratch[:channelCallArgsBytes]
	if st := c.read(record, args); st != zx.OK {
		return st
	}
	le := binary.LittleEndian
	wrBytes, wrHandles := userIn(le.Uint64(record[0:])), userIn(le.Uint64(record[8:]))
	wrNumBytes, wrNumHandles := le.Uint32(record[32:]), le.Uint32(record[36:])
	w := &channelWait{
		bytes: userOut(le.Uint64(record[16:])), handles: userOut(le.Uint64(record[24:])),
		maxBytes: le.Uint32(record[40:]), maxHandles: le.Uint32(record[44:]),
		actualBytes: actualBytes, actualHandles: actualHandles,
	}
	if options != 0 {
		c.dropHandles(wrHandles, wrNumHandles)
		return zx.ErrInvalidArgs
	}
	o, st := c.Handles.Get(h, zx.ObjChannel, zx.RightRead|zx.RightWrite)
	if st != zx.OK {
		c.dropHandles(wrHandles, wrNumHandles)
		return st
	}
	m, st := c.message(o, wrBytes, wrNumBytes, wrHandles, wrNumHandles, txidBytes)
	if st == zx.OK {
		if st = w.Begin(o.(*object.Channel), c.Waiter, m); st == zx.OK {
			c.wait.object, c.wait.call = o, w
			return c.sleep(zx.ThreadBlockedChannel, deadline, channelWoken)
		}
		m.Discard()
		st = c.channelFull(st)
	}
	object.Unref(o)
	return st
}

// channelWoken goes on with a channelCall.
func channelWoken(c *Context, woken zx.Status) zx.Status {
	w := c.wait.call
	st := w.Answer(woken)
	if st == zx.ErrShouldWait || st == zx.ErrInternalIntrRetry {
		return c.sleep(zx.ThreadBlockedChannel, c.wait.deadline, channelWoken)
	}
	reply := w.End()
	o := c.wait.object
	c.wait.object, c.wait.call = nil, nil
	defer object.Unref(o)
	if st == zx.OK {
		if uint64(len(reply.Bytes)) > uint64(w.maxBytes) || uint64(len(reply.Handles)) > uint64(w.maxHandles) {
			st = zx.ErrBufferTooSmall
		} else if st = c.write32(w.actualBytes, uint32(len(reply.Bytes))); st == zx.OK {
			st = c.write32(w.actualHandles, uint32(len(reply.Handles)))
		}
	}
	if st == zx.OK {
		return c.deliver(reply, w.bytes, w.handles)
	}
	if reply != nil {
		reply.Discard()
	}
	return st
}
