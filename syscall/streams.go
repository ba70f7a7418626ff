package syscall

import (
	"encoding/binary"
	"sync"

	"faultline/object"
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

func streamCreate(c *Context, options uint32, h zx.Handle, seek uint64, out userOut) zx.Status {
	if options&^(streamRead|streamWrite|streamAppend) != 0 {
		return zx.ErrInvalidArgs
	}
	need := rightsFor(options, streamRead, streamWrite, 0)
	o, have, st := c.Handles.GetRights(h, zx.ObjVMO, need)
	if st != zx.OK {
		return st
	}
	s := &Stream{v: o.(*VMO), mode: options, resize: have&zx.RightResize != 0, seek: seek}
	s.Base.Init(zx.ObjStream, 0)
	return c.give(s, rightsStream|need, out)
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
		if st = c.copyVMO(s.v.VMO, zx.VirtAddr(buffer), at+n, length, false); st != zx.OK {
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
		if st = c.copyVMO(v, zx.VirtAddr(buffer), at+n, length, true); st != zx.OK {
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

// stream calls f with a stream and tells how many bytes it has moved.
func (c *Context) stream(h zx.Handle, right zx.Rights, actual userOut, f func(s *Stream) (n uint64, st zx.Status)) zx.Status {
	return with(c, h, zx.ObjStream, right, func(s *Stream, _ zx.Rights) zx.Status {
		n, st := f(s)
		if st != zx.OK {
			return st
		}
		return c.optional64(actual, n)
	})
}

func streamReadv(c *Context, h zx.Handle, options uint32, vectors userIn, count uint64, actual userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return c.stream(h, zx.RightRead, actual, func(s *Stream) (uint64, zx.Status) {
		at := s.position()
		n, st := s.readAt(c, vectors, count, at)
		if st == zx.OK {
			s.moveTo(at + n)
		}
		return n, st
	})
}

func streamReadvAt(c *Context, h zx.Handle, options uint32, at uint64, vectors userIn, count uint64, actual userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return c.stream(h, zx.RightRead, actual, func(s *Stream) (uint64, zx.Status) {
		return s.readAt(c, vectors, count, at)
	})
}

func streamWritev(c *Context, h zx.Handle, options uint32, vectors userIn, count uint64, actual userOut) zx.Status {
	if options&^writeAppend != 0 {
		return zx.ErrInvalidArgs
	}
	return c.stream(h, zx.RightWrite, actual, func(s *Stream) (uint64, zx.Status) {
		at, n, st := s.writeAt(c, vectors, count, s.position(), options&writeAppend != 0 || s.mode&streamAppend != 0)
		if st == zx.OK {
			s.moveTo(at + n)
		}
		return n, st
	})
}

func streamWritevAt(c *Context, h zx.Handle, options uint32, at uint64, vectors userIn, count uint64, actual userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return c.stream(h, zx.RightWrite, actual, func(s *Stream) (uint64, zx.Status) {
		_, n, st := s.writeAt(c, vectors, count, at, false)
		return n, st
	})
}

func streamSeek(c *Context, h zx.Handle, origin uint32, offset int64, out userOut) zx.Status {
	return with(c, h, zx.ObjStream, 0, func(s *Stream, have zx.Rights) zx.Status {
		if have&(zx.RightRead|zx.RightWrite) == 0 {
			return zx.ErrAccessDenied
		}
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
	})
}
