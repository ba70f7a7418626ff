package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/zx"
)

// channelReadMayDiscard is ZX_CHANNEL_READ_MAY_DISCARD.
const channelReadMayDiscard = 1

// channelWriteUseIovec is ZX_CHANNEL_WRITE_USE_IOVEC.
const channelWriteUseIovec = 2

// txidBytes is what a message of zx_channel_call begins with.
const txidBytes = 4

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

// channelRead is zx_channel_read and zx_channel_read_etc: what the latter gives of a
// handle is a zx_handle_info_t. The message has left the channel when it is copied out:
// a bad pointer loses it, its handles are closed.
func channelRead(c *Context, h zx.Handle, options uint32, bytes, handles userOut, numBytes, numHandles uint32, actualBytes, actualHandles userOut, etc bool) zx.Status {
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
	return c.deliver(m, bytes, handles, etc)
}

// handleInfoBytes is the size of zx_handle_info_t: handle, type, rights, unused.
const handleInfoBytes = 16

// deliver copies a message to ring 3, the bytes before the handles, and ends it.
// etc says that handles are told as zx_handle_info_t. On error its handles are
// closed.
//
// Errors: ErrInvalidArgs a pointer | ErrNoMemory the table is full.
func (c *Context) deliver(m *object.Message, bytes, handles userOut, etc bool) zx.Status {
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
	st, each := zx.OK, handleBytes
	if etc {
		each = handleInfoBytes
	}
	values := make([]byte, 0, each*len(m.Handles))
	le := binary.LittleEndian
	for len(m.Handles) > 0 {
		var h zx.Handle
		one := m.Handles[0]
		typ := one.Object.ObjectBase().Type()
		if h, st = c.Handles.Give(one); st != zx.OK {
			break
		}
		m.Handles = m.Handles[1:]
		values = le.AppendUint32(values, uint32(h))
		if etc {
			values = le.AppendUint32(le.AppendUint32(values, uint32(typ)), uint32(one.Rights))
			values = le.AppendUint32(values, 0)
		}
	}
	m.Discard() // what is left
	if st == zx.OK {
		st = c.write(handles, values)
	}
	if st != zx.OK {
		for ; len(values) > 0; values = values[each:] {
			c.Handles.Close(zx.Handle(le.Uint32(values)))
		}
	}
	return st
}

// outgoing is a message as ring 3 describes it.
type outgoing struct {
	bytes, handles       userIn
	numBytes, numHandles uint32
	least                uint32 // bytes it must have
	vector               bool   // bytes is zx_channel_iovec_t, numBytes of them
	etc                  bool   // handles is zx_handle_disposition_t
}

// channelWrite is zx_channel_write and zx_channel_write_etc. Handles to be moved are the
// caller's no more, whatever happens.
func channelWrite(c *Context, h zx.Handle, options uint32, bytes userIn, numBytes uint32, handles userIn, numHandles uint32, etc bool) zx.Status {
	w := &outgoing{bytes: bytes, numBytes: numBytes, handles: handles, numHandles: numHandles, etc: etc,
		vector: options&channelWriteUseIovec != 0}
	if options&^channelWriteUseIovec != 0 {
		c.drop(w)
		return zx.ErrInvalidArgs
	}
	o, st := c.Handles.Get(h, zx.ObjChannel, zx.RightWrite)
	if st != zx.OK {
		c.drop(w)
		return st
	}
	m, st := c.message(o, w)
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

// message copies in what is to be written to the channel o: at least w.least
// bytes, and the handles, which leave the table. On error they are closed.
//
// Errors, in this order: ErrOutOfRange bytes or handles are above the limit |
// ErrNoMemory | ErrInvalidArgs bytes | ErrInvalidArgs they are fewer than least |
// ErrInvalidArgs handles | for the first bad handle: what take says.
func (c *Context) message(o object.Object, w *outgoing) (*object.Message, zx.Status) {
	list, n, st := c.parts(w)
	var m *object.Message
	if st == zx.OK {
		m, st = object.NewMessage(c.Account, n, w.numHandles)
	}
	if st != zx.OK {
		c.drop(w)
		return nil, st
	}
	at, b := uint32(0), zx.Budget{By: c.yielder}
	for b.Spend(len(list) / channelIovecBytes / 16); len(list) > 0; list = list[channelIovecBytes:] {
		p := partAt(list)
		if p.length > 0 {
			st = c.read(m.Bytes[at:at+p.length], p.buffer)
		}
		if st != zx.OK {
			break
		}
		at += p.length
		if b.Spend(1) {
			if st := b.Look(); st != zx.OK { // nothing is done yet
				m.Free()
				return nil, st
			}
		}
	}
	if st == zx.OK && n < w.least {
		st = zx.ErrInvalidArgs
	}
	if st != zx.OK {
		m.Free()
		c.drop(w)
		return nil, st
	}
	if w.numHandles == 0 {
		return m, zx.OK
	}
	if st = c.take(o, w, m); st != zx.OK {
		m.Discard()
		return nil, st
	}
	return m, zx.OK
}

// part is a piece of a message's bytes.
type part struct {
	buffer   userIn
	length   uint32
	reserved uint32
}

// partAt gives the first of a list of zx_channel_iovec_t.
func partAt(list []byte) part {
	le := binary.LittleEndian
	return part{userIn(le.Uint64(list)), le.Uint32(list[8:]), le.Uint32(list[12:])}
}

// channelIovecBytes is the size of zx_channel_iovec_t: buffer, capacity, reserved.
const (
	channelIovecBytes = 16
	channelMaxIovecs  = 8192
)

// parts gives the pieces of a message's bytes, as zx_channel_iovec_t, and their sum.
//
// Errors: ErrOutOfRange too many bytes, handles or pieces | ErrInvalidArgs.
func (c *Context) parts(w *outgoing) (list []byte, n uint32, st zx.Status) {
	if w.numHandles > object.ChannelMaxHandles || !w.vector && w.numBytes > object.ChannelMaxBytes ||
		w.vector && w.numBytes > channelMaxIovecs {
		return nil, 0, zx.ErrOutOfRange
	}
	if !w.vector {
		if w.numBytes > 0 {
			list = binary.LittleEndian.AppendUint64(make([]byte, 0, channelIovecBytes), uint64(w.bytes))
			list = binary.LittleEndian.AppendUint64(list, uint64(w.numBytes))
		}
		return list, w.numBytes, zx.OK
	}
	list = make([]byte, w.numBytes*channelIovecBytes)
	if len(list) > 0 {
		if st := c.read(list, w.bytes); st != zx.OK {
			return nil, 0, st
		}
	}
	for i := 0; i < len(list); i += channelIovecBytes {
		switch p := partAt(list[i : i+channelIovecBytes]); {
		case p.reserved != 0:
			return nil, 0, zx.ErrInvalidArgs
		case p.length > object.ChannelMaxBytes-n:
			return nil, 0, zx.ErrOutOfRange
		default:
			n += p.length
		}
	}
	return list, n, zx.OK
}

// dispositionBytes is the size of zx_handle_disposition_t: operation, handle,
// type, rights, result.
const (
	dispositionBytes = 20
	opMove           = 0
	opDuplicate      = 1
)

// take moves the handles of w, at most as many as a message holds, into m. With
// dispositions it tells each one's result if one failed.
//
// Errors: ErrInvalidArgs they cannot be read | of the first bad handle:
// ErrBadHandle | ErrNotSupported it is o's | ErrAccessDenied it lacks TRANSFER, or
// DUPLICATE to be duplicated | ErrWrongType | ErrInvalidArgs no such operation, or
// rights that it has not.
func (c *Context) take(o object.Object, w *outgoing, m *object.Message) zx.Status {
	each := uint32(handleBytes)
	if w.etc {
		each = dispositionBytes
	}
	all := make([]byte, w.numHandles*each)
	if st := c.read(all, w.handles); st != zx.OK {
		return st
	}
	le, first := binary.LittleEndian, zx.OK
	for list := all; len(list) > 0; list = list[each:] {
		d := disposition{handle: zx.Handle(le.Uint32(list)), rights: zx.RightSame}
		if w.etc {
			d = disposition{le.Uint32(list), zx.Handle(le.Uint32(list[4:])), zx.ObjType(le.Uint32(list[8:])), zx.Rights(le.Uint32(list[12:]))}
		}
		one, st := c.takeOne(o, d)
		if one.Object != nil {
			m.Handles = append(m.Handles, one)
		}
		if w.etc {
			le.PutUint32(list[16:], uint32(st))
		}
		if first == zx.OK {
			first = st
		}
	}
	if w.etc && first != zx.OK {
		c.write(userOut(w.handles), all)
	}
	return first
}

// disposition is zx_handle_disposition_t without its result.
type disposition struct {
	operation uint32
	handle    zx.Handle
	typ       zx.ObjType
	rights    zx.Rights
}

// takeOne performs d for a message to o. A handle that was moved is given also on
// error. Errors: see take.
func (c *Context) takeOne(o object.Object, d disposition) (m object.Moving, st zx.Status) {
	need := zx.RightTransfer
	switch d.operation {
	case opMove:
		m, st = c.Handles.Take(d.handle, zx.ObjNone, 0)
	case opDuplicate:
		need |= zx.RightDuplicate
		var from object.Object
		var have zx.Rights
		if from, have, st = c.Handles.GetRights(d.handle, zx.ObjNone, 0); st == zx.OK {
			m = object.NewMoving(from, have)
			object.Unref(from)
		}
	default:
		return m, zx.ErrInvalidArgs
	}
	if st != zx.OK {
		return m, st
	}
	switch {
	case m.Object == o:
		st = zx.ErrNotSupported
	case m.Rights&need != need:
		st = zx.ErrAccessDenied
	case d.typ != zx.ObjNone && m.Object.ObjectBase().Type() != d.typ:
		st = zx.ErrWrongType
	case d.rights != zx.RightSame && d.rights&^m.Rights != 0:
		st = zx.ErrInvalidArgs
	case d.rights != zx.RightSame:
		m.Rights = d.rights
	}
	return m, st
}

// drop closes the handles of a message that is not sent: as many as a process can
// have, for the count may be anything. Those to be duplicated stay.
func (c *Context) drop(w *outgoing) {
	each := uint32(handleBytes)
	if w.etc {
		each = dispositionBytes
	}
	le, at, b := binary.LittleEndian, w.handles, zx.Budget{By: c.yielder}
	for count := min(w.numHandles, object.HandleLimit); count > 0; {
		// It cannot be issued again; the thread stops when it is done.
		if b.Spend(scratchBytes/int(each)) && b.Look() == zx.ErrInternalIntrKilled {
			return
		}
		n := min(count, scratchBytes/each)
		list := c.scratch[:n*each]
		if c.read(list, at) != zx.OK {
			return
		}
		for ; len(list) > 0; list = list[each:] {
			switch {
			case !w.etc:
				c.Handles.Close(zx.Handle(le.Uint32(list)))
			case le.Uint32(list) == opMove:
				c.Handles.Close(zx.Handle(le.Uint32(list[4:])))
			}
		}
		at += userIn(n * each)
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
	etc                        bool // handles are told as zx_handle_info_t
}

// channelCall is zx_channel_call and zx_channel_call_etc. A suspend stops the thread in
// the middle and does not end the wait: the message cannot be sent again.
func channelCall(c *Context, h zx.Handle, options uint32, deadline zx.Time, args userIn, actualBytes, actualHandles userOut, etc bool) zx.Status {
	record := c.scratch[:channelCallArgsBytes]
	if st := c.read(record, args); st != zx.OK {
		return st
	}
	le := binary.LittleEndian
	out := &outgoing{
		bytes: userIn(le.Uint64(record[0:])), handles: userIn(le.Uint64(record[8:])),
		numBytes: le.Uint32(record[32:]), numHandles: le.Uint32(record[36:]),
		least: txidBytes, vector: options&channelWriteUseIovec != 0, etc: etc,
	}
	w := &channelWait{
		bytes: userOut(le.Uint64(record[16:])), handles: userOut(le.Uint64(record[24:])),
		maxBytes: le.Uint32(record[40:]), maxHandles: le.Uint32(record[44:]),
		actualBytes: actualBytes, actualHandles: actualHandles, etc: etc,
	}
	if options&^channelWriteUseIovec != 0 {
		c.drop(out)
		return zx.ErrInvalidArgs
	}
	o, st := c.Handles.Get(h, zx.ObjChannel, zx.RightRead|zx.RightWrite)
	if st != zx.OK {
		c.drop(out)
		return st
	}
	m, st := c.message(o, out)
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
	if st == object.Waiting || st == zx.ErrInternalIntrRetry {
		return object.Waiting
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
		return c.deliver(reply, w.bytes, w.handles, w.etc)
	}
	if reply != nil {
		reply.Discard()
	}
	return st
}
