package pager

import (
	"errors"
	"fmt"
	"sync"

	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// Handler is how a Server answers for one VMO.
type Handler struct {
	// Read fills page, the page of the VMO at off. An error fails the page: the
	// zx.Status in it if a pager may use that one, else zx.ErrIO.
	Read func(page []byte, off uint64) error
	// Dirty is asked before pages of a VMO with zx.VMOTrapDirty become dirty; an
	// error refuses. nil: they always may.
	Dirty func(off, length uint64) error
	// Complete is told when nobody uses the VMO any more. nil: nobody need know.
	Complete func()
}

// Server is a pager written in Go, as a goroutine: it makes VMOs and answers for
// them by Handlers. Files and others that want more make a Pager themselves.
type Server struct {
	pager *Pager
	port  *object.Port
	store *vmo.Store

	mu       sync.Mutex
	handlers map[uint64]served // by key; guarded by mu
	key      uint64            // the last one; guarded by mu
	closed   bool              // guarded by mu
}

type served struct {
	vmo *vmo.VMO
	Handler
}

// keyStop is the key of the packet that ends Serve.
const keyStop = 0

// NewServer makes a server with no VMOs. It answers as soon as Serve runs.
func NewServer(sys *System, store *vmo.Store) *Server {
	return &Server{pager: New(sys), port: object.NewPort(), store: store, handlers: map[uint64]served{}}
}

// CreateVMO makes a VMO of size bytes whose pages come from h. options are those
// of zx_pager_create_vmo.
//
// Errors: those of Pager.CreateVMO | ErrInvalidArgs h cannot read.
func (s *Server) CreateVMO(size uint64, options uint32, h Handler) (*vmo.VMO, error) {
	if h.Read == nil {
		return nil, zx.ErrInvalidArgs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key++
	v, st := s.pager.CreateVMO(s.store, options, s.port, s.key, size)
	if st != zx.OK {
		return nil, st
	}
	s.handlers[s.key] = served{v, h}
	return v, nil
}

// Serve answers requests until Close. w is the calling goroutine's.
func (s *Server) Serve(w vmo.Waiter) {
	for {
		var p zx.Packet
		if st := s.port.Wait(w, zx.TimeInfinite, &p); st != zx.OK {
			continue // for nothing: goroutines are not interrupted
		}
		if p.Type != zx.PacketPageRequest {
			return // of Close
		}
		s.mu.Lock()
		h, ok := s.handlers[p.Key]
		s.mu.Unlock()
		if !ok {
			continue // the goodbye of a VMO that Close let go
		}
		switch r := p.PageRequest(); r.Command {
		case zx.PageRead:
			s.read(h, r.Offset, r.Length)
		case zx.PageDirty:
			s.dirty(h, r.Offset, r.Length)
		case zx.PageComplete:
			s.mu.Lock()
			delete(s.handlers, p.Key)
			s.mu.Unlock()
			if h.Complete != nil {
				h.Complete()
			}
		}
	}
}

// read answers a READ request page by page: who waits for the first ones need
// not wait for the last.
func (s *Server) read(h served, off, length uint64) {
	for end := off + length; off < end; off += zx.PageSize {
		var run vmo.PageRun
		page, st := s.store.Append(&run)
		err := error(st)
		if st == zx.OK {
			err = h.Read(page[:], off)
		}
		if err != nil {
			s.store.Discard(&run)
			s.pager.Fail(h.vmo, off, zx.PageSize, failStatus(err))
			continue
		}
		if st := s.pager.SupplyRun(h.vmo, off, &run); st == zx.ErrNoMemory {
			s.pager.Fail(h.vmo, off, zx.PageSize, zx.ErrNoSpace)
		}
	}
}

// dirty answers a DIRTY request.
func (s *Server) dirty(h served, off, length uint64) {
	if h.Dirty != nil {
		if err := h.Dirty(off, length); err != nil {
			s.pager.Fail(h.vmo, off, length, failStatus(err))
			return
		}
	}
	// On an error, pages that were evicted meanwhile say, who waits looks again.
	s.pager.OpRange(zx.PagerOpDirty, h.vmo, off, length, 0, nil)
}

// failStatus is the status with which a pager fails pages because of err.
func failStatus(err error) zx.Status {
	var st zx.Status
	switch {
	case errors.As(err, &st) && failCode(st):
		return st
	case errors.As(err, &st) && st == zx.ErrNoMemory:
		return zx.ErrNoSpace
	}
	return zx.ErrIO
}

// Pager gives the pager itself, for the calls that a Server does not wrap.
func (s *Server) Pager() *Pager { return s.pager }

// Close ends Serve, and answers nothing any more: what would ask finds
// ErrBadState.
func (s *Server) Close() {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	clear(s.handlers)
	s.mu.Unlock()
	if !closed {
		s.pager.Close()
		s.port.QueueUser(nil, &zx.Packet{Key: keyStop})
	}
}

// WriteBackResult says what WriteBack wrote.
type WriteBackResult struct {
	Ranges int    // dirty ranges, zero intervals included
	Pages  uint64 // pages of those ranges
}

// WriteBack writes the dirty pages of v: query, WRITEBACK_BEGIN of each range,
// then write with their content piece by piece through buf, whole pages each,
// then flush, then WRITEBACK_END of each range. Stores that happen meanwhile are
// trapped again and stay dirty. On an error no write-back ends: all that was
// dirty stays dirty, and is written by the next WriteBack. One at a time for a
// VMO.
//
// Pre: len(buf) is a multiple of the page size, not 0. w is the calling
// goroutine's.
// Locks: none held.
// Errors: those of write and flush | the zx.Status of a refused operation.
func (p *Pager) WriteBack(w vmo.Waiter, v *vmo.VMO, buf []byte, write func(p []byte, off uint64) error, flush func() error) (WriteBackResult, error) {
	var result WriteBackResult
	ranges, st := p.DirtyRanges(v)
	if st != zx.OK {
		return result, fmt.Errorf("query_dirty_ranges: %w", st)
	}
	if len(ranges) == 0 {
		return result, nil
	}
	for _, r := range ranges {
		if st := p.OpRange(zx.PagerOpWritebackBegin, v, r.Offset, r.Length, r.Options, nil); st != zx.OK {
			return result, fmt.Errorf("WRITEBACK_BEGIN of %#x+%#x: %w", r.Offset, r.Length, st)
		}
	}
	var request vmo.PageRequest
	request.Init(w)
	for _, r := range ranges {
		for at := r.Offset; at < r.Offset+r.Length; at += uint64(len(buf)) {
			n := min(uint64(len(buf)), r.Offset+r.Length-at)
			// A zero interval reads as zeros, or as what was stored since.
			if st := v.ReadBytes(buf[:n], at, &request); st != zx.OK {
				return result, fmt.Errorf("cannot read dirty pages at %#x: %w", at, st)
			}
			if err := write(buf[:n], at); err != nil {
				return result, fmt.Errorf("at %#x: %w; its pages stay dirty", at, err)
			}
		}
	}
	if err := flush(); err != nil {
		return result, fmt.Errorf("%w; its pages stay dirty", err)
	}
	for _, r := range ranges {
		if st := p.OpRange(zx.PagerOpWritebackEnd, v, r.Offset, r.Length, 0, nil); st != zx.OK {
			return result, fmt.Errorf("WRITEBACK_END of %#x+%#x: %w", r.Offset, r.Length, st)
		}
		result.Ranges++
		result.Pages += r.Length / zx.PageSize
	}
	return result, nil
}
