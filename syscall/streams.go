package syscall

import (
	"encoding/binary"
	"sync"

	"faultline/object"
	"faultline/vmar"
	"faultline/zx"
)

// Options of the stream calls.
const (
	streamRead   = 1 << 0
	streamWrite  = 1 << 1
	streamAppend = 1 << 2

	writeAppend = 1 << 0 // of zx_stream_writev
)

// rightsStream is what a fresh stream handle carries beside READ and WRITE, which
// follow its mode. Source: Zircon rights (ZX_DEFAULT_STREAM_RIGHTS).
const rightsStream = zx.RightTransfer | zx.RightDuplicate | zx.RightWait | zx.RightInspect |
	zx.RightGetProperty | zx.RightSetProperty | zx.RightSignal

// Vectors of one call: their number, and the bytes they may name together.
const (
	iovecBytes      = 16
	streamVectors   = scratchBytes / iovecBytes // copied in at a time
	streamMaxVector = 1024
)

// Stream is a place in a VMO where reads and writes go on. Its end is the VMO's
// stream size.
type Stream struct {
	object.Base
	v      *VMO // one reference
	mode   uint32
	resize bool // the handle it was made from could

	mu   sync.Mutex
	seek uint64 // guarded by mu
}

// OnLastRef lets go of the VMO.
func (s *Stream) OnLastRef() { object.Unref(s.v) }

// RelatedKoid is the koid of the VMO.
func (s *Stream) RelatedKoid() zx.Koid { return s.v.Koid() }

// position is where the next read or write goes.
func (s *Stream) position() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seek
}

// moveTo makes at the position.
func (s *Stream) moveTo(at uint64) {
	s.mu.Lock()
	s.seek = at
	s.mu.Unlock()
}

// streamCreate is zx_stream_create.
func streamCreate(c *Context, options uint32, h zx.Handle, seek uint64, out userOut) zx.Status {
	if options&^(streamRead|streamWrite|streamAppend) != 0 {
		return zx.ErrInvalidArgs
	}
	var need, rights zx.Rights
	if options&streamRead != 0 {
		need |= zx.RightRead
		rights |= zx.RightRead
	}
	if options&streamWrite != 0 {
		need |= zx.RightWrite
		rights |= zx.RightWrite
	}
	o, have, st := c.Handles.GetRights(h, zx.ObjVMO, need)
	if st != zx.OK {
		return st
	}
	s := &Stream{v: o.(*VMO), mode: options, resize: have&zx.RightResize != 0, seek: seek}
	s.Base.Init(zx.ObjStream, 0)
	return c.give(s, rightsStream|rights, out)
}

// stream looks up a stream; the caller gives the reference back.
func (c *Context) stream(h zx.Handle, right zx.Rights) (*Stream, zx.Status) {
	o, st := c.Handles.Get(h, zx.ObjStream, right)
	s, _ := o.(*Stream)
	return s, st
}

// eachVector calls f with each of count vectors until it answers false: where its
// buffer is and how long.
//
// Errors: ErrInvalidArgs they cannot be read, or are too many or too long.
func (c *Context) eachVector(vectors userIn, count uint64, f func(buffer, length uint64) bool) zx.Status {
	if vectors == 0 || count > streamMaxVector {
		return zx.ErrInvalidArgs
	}
	le := binary.LittleEndian
	var total uint64
	for count > 0 {
		n := min(count, streamVectors)
		list := make([]byte, n*iovecBytes)
		if st := c.read(list, vectors); st != zx.OK {
			return st
		}
		for ; len(list) > 0; list = list[iovecBytes:] {
			buffer, length := le.Uint64(list), le.Uint64(list[8:])
			if total+length < total {
				return zx.ErrInvalidArgs
			}
			total += length
			if !f(buffer, length) {
				return zx.OK
			}
		}
		vectors += userIn(n * iovecBytes)
		count -= n
	}
	return zx.OK
}

// readAt copies out of the stream from at, and gives how far it came: to its end
// at most. A copy that fails after some vectors is a short one.
func (s *Stream) readAt(c *Context, vectors userIn, count, at uint64) (n uint64, st zx.Status) {
	turn := turn{zx.Budget{By: c.yielder}}
	bad := c.eachVector(vectors, count, func(buffer, length uint64) bool {
		end := s.v.VMO.StreamSize()
		if at+n < at || at+n >= end {
			return false
		}
		length = min(length, end-at-n)
		c.buffer = vmar.Copier{Space: c.Space, Base: zx.VirtAddr(buffer), Request: c.CopyRequest}
		if st = s.v.VMO.Read(&c.buffer, at+n, length, c.Request); st != zx.OK {
			return false
		}
		n += length
		st = turn.look(length)
		return st == zx.OK
	})
	return n, short(n, st, bad)
}

// turn bounds a copy of many vectors.
type turn struct{ zx.Budget }

// look counts a copy of n bytes. A thread that is to be suspended, which could not go
// on where it was, makes it a short copy.
//
// Errors: ErrShouldWait stop here | ErrInternalIntrKilled.
func (t *turn) look(n uint64) zx.Status {
	if !t.Spend(1 + int(n/zx.PageSize)*8) {
		return zx.OK
	}
	st := t.Look()
	if st == zx.ErrInternalIntrRetry {
		st = zx.ErrShouldWait
	}
	return st
}

// short is the answer of a copy that came n bytes far before st or bad: part of
// the bytes is a success, but a thread that must stop says so.
func short(n uint64, st, bad zx.Status) zx.Status {
	if bad != zx.OK {
		st = bad
	}
	if n > 0 && st != zx.ErrInternalIntrRetry && st != zx.ErrInternalIntrKilled {
		return zx.OK
	}
	return st
}

// writeAt copies into the stream at at, or behind its end if extend says so, and
// gives where and how far it came. The stream, and a VMO that can, grow to hold
// it.
//
// Errors: ErrFileBig at is past all offsets | ErrNoSpace there is room for none
// of it | those of vmo.Write.
func (s *Stream) writeAt(c *Context, vectors userIn, count, at uint64, extend bool) (from, n uint64, st zx.Status) {
	v, total := s.v.VMO, uint64(0)
	if st := c.eachVector(vectors, count, func(_, length uint64) bool { total += length; return true }); st != zx.OK {
		return at, 0, st
	}
	before := v.StreamSize()
	if extend {
		at = before
	}
	if at+total < at {
		return at, 0, zx.ErrFileBig
	}
	if total == 0 {
		return at, 0, zx.OK
	}
	end := at + total
	if end > v.Size() && v.Resizable() && s.resize {
		if st := v.SetSize(end, c.Request); st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry {
			return at, 0, st
		}
	}
	if end = min(end, v.Size()); end <= at {
		return at, 0, zx.ErrNoSpace
	}
	if end > v.StreamSize() {
		if st := v.SetStreamSize(end, c.Request); st != zx.OK {
			return at, 0, st
		}
	}
	turn := turn{zx.Budget{By: c.yielder}}
	bad := c.eachVector(vectors, count, func(buffer, length uint64) bool {
		length = min(length, end-at-n)
		if length == 0 {
			return true
		}
		c.buffer = vmar.Copier{Space: c.Space, Base: zx.VirtAddr(buffer), Request: c.CopyRequest}
		if st = v.Write(&c.buffer, at+n, length, c.Request); st != zx.OK {
			return false
		}
		n += length
		st = turn.look(length)
		return st == zx.OK
	})
	if st = short(n, st, bad); at+n < end && end > before {
		v.SetStreamSize(max(before, at+n), c.Request) // what was not written is no content
	}
	return at, n, st
}

// streamReadv is zx_stream_readv.
func streamReadv(c *Context, h zx.Handle, options uint32, vectors userIn, count uint64, actual userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	s, st := c.stream(h, zx.RightRead)
	if st != zx.OK {
		return st
	}
	at := s.position()
	n, st := s.readAt(c, vectors, count, at)
	if st == zx.OK {
		s.moveTo(at + n)
		st = c.optional64(actual, n)
	}
	object.Unref(s)
	return st
}

// streamReadvAt is zx_stream_readv_at.
func streamReadvAt(c *Context, h zx.Handle, options uint32, at uint64, vectors userIn, count uint64, actual userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	s, st := c.stream(h, zx.RightRead)
	if st != zx.OK {
		return st
	}
	n, st := s.readAt(c, vectors, count, at)
	if st == zx.OK {
		st = c.optional64(actual, n)
	}
	object.Unref(s)
	return st
}

// streamWritev is zx_stream_writev.
func streamWritev(c *Context, h zx.Handle, options uint32, vectors userIn, count uint64, actual userOut) zx.Status {
	if options&^writeAppend != 0 {
		return zx.ErrInvalidArgs
	}
	s, st := c.stream(h, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	at, n, st := s.writeAt(c, vectors, count, s.position(), options&writeAppend != 0 || s.mode&streamAppend != 0)
	if st == zx.OK {
		s.moveTo(at + n)
		st = c.optional64(actual, n)
	}
	object.Unref(s)
	return st
}

// streamWritevAt is zx_stream_writev_at.
func streamWritevAt(c *Context, h zx.Handle, options uint32, at uint64, vectors userIn, count uint64, actual userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	s, st := c.stream(h, zx.RightWrite)
	if st != zx.OK {
		return st
	}
	_, n, st := s.writeAt(c, vectors, count, at, false)
	if st == zx.OK {
		st = c.optional64(actual, n)
	}
	object.Unref(s)
	return st
}

// streamSeek is zx_stream_seek.
func streamSeek(c *Context, h zx.Handle, origin uint32, offset int64, out userOut) zx.Status {
	o, have, st := c.Handles.GetRights(h, zx.ObjStream, 0)
	if st != zx.OK {
		return st
	}
	defer object.Unref(o)
	if have&(zx.RightRead|zx.RightWrite) == 0 {
		return zx.ErrAccessDenied
	}
	s := o.(*Stream)
	var base uint64
	switch origin {
	case 0:
	case 1:
		base = s.position()
	case 2:
		base = s.v.VMO.StreamSize()
	default:
		return zx.ErrInvalidArgs
	}
	at := base + uint64(offset)
	if offset < 0 && at > base || offset > 0 && at < base {
		return zx.ErrInvalidArgs
	}
	s.moveTo(at)
	return c.optional64(out, at)
}
