package files

import (
	"errors"

	"faultline/vmo"
	"faultline/zx"
)

// scratch is the memory of the serving goroutine, made once.
type scratch struct {
	run    vmo.PageRun
	rest   vmo.PageRun // what lies behind a page held back
	pages  [maxBlockRead / zx.PageSize][]byte
	states [maxBlockRead / zx.PageSize]vmo.State
	reader *reader
}

// errNoFrames is the error of a supply that found no page frame.
var errNoFrames = errors.New("no memory for the page")

// serveRead answers a READ packet: the pages asked for, then read-ahead.
// Context: the serving goroutine.
func (f *File) serveRead(off, length uint64) {
	f.count(func(s *Stats) { s.Reads++ })
	f.answer(off, length, func(at, length uint64) {
		for end := at + length; at < end; at += maxBlockRead {
			n := min(end-at, maxBlockRead)
			if err := f.supply(at, n, noStream); err != nil {
				f.salvage(at, n, err)
			}
		}
	})
	f.readAhead(f.streams.request(off, length))
}

// answer has good answer a request, but for the pages with an injected failure.
func (f *File) answer(off, length uint64, good func(off, length uint64)) {
	for end := off + length; off < end; {
		failure, st := f.nextFailure(off, end)
		if off < failure {
			good(off, failure-off)
		}
		if off = failure; off < end {
			f.fail(off, zx.PageSize, st)
			off += zx.PageSize
		}
	}
}

// noStream is no stream: pages that somebody waits for.
const noStream = -1

// supply reads [off, off+length) from the disk into fresh pages and gives them
// to the VMO. What is read ahead of a stream, if it is more than a few pages,
// goes without the page in the middle, which is held back. On error nothing was
// supplied.
func (f *File) supply(off, length uint64, stream int) error {
	s, store := &f.volume.scratch, f.volume.store
	n := int(length / zx.PageSize)
	back := n // number of the page held back
	f.drop(off, length, false)
	if stream != noStream && n >= firstWindow/zx.PageSize {
		back = n / 2
		f.holdNothing(stream)
	}
	for i := range n {
		run := &s.run
		if i == back {
			s.pages[i] = f.held[stream].page[:]
			continue
		} else if i > back {
			run = &s.rest
		}
		page, st := store.Append(run)
		if st != zx.OK {
			s.discard(store)
			return errNoFrames
		}
		s.pages[i] = page[:]
	}
	for current := false; !current; {
		f.mu.Lock()
		writes := f.writes
		f.mu.Unlock()
		if err := s.reader.read(f.chain, s.pages[:n], int64(off), f.size); err != nil {
			s.discard(store)
			return err
		}
		f.mu.Lock()
		// What was written meanwhile may have been there before, taken from
		// what is held back, and be evicted by now: read it again.
		if current = writes == f.writes; current && back < n {
			f.held[stream].off, f.held[stream].valid = off+uint64(back)*zx.PageSize, true
		}
		f.mu.Unlock()
	}
	if back == n {
		return f.give(off, &s.run, n, stream != noStream)
	}
	return errors.Join(f.give(off, &s.run, back, true), f.give(off+uint64(back+1)*zx.PageSize, &s.rest, n-back-1, true))
}

// holdNothing makes the page that a stream holds the serving goroutine's.
func (f *File) holdNothing(stream int) {
	f.mu.Lock()
	f.held[stream].valid, f.held[stream].taken = false, false
	f.mu.Unlock()
	if f.held[stream].page == nil {
		f.held[stream].page = new([zx.PageSize]byte)
	}
}

// discard gives the pages back.
func (s *scratch) discard(store *vmo.Store) {
	store.Discard(&s.run)
	store.Discard(&s.rest)
}

// give supplies a run of n pages at off.
func (f *File) give(off uint64, run *vmo.PageRun, n int, ahead bool) error {
	// Counted first: who waits for the pages may look at the counts before this
	// goroutine runs on. SupplyRun empties the run in any case. A detached VMO
	// has released its waiters already.
	f.countSupply(uint64(n), ahead)
	st := f.volume.pager.SupplyRun(f.vmo, off, run)
	if st != zx.OK {
		f.countSupply(-uint64(n), ahead)
	}
	if st == zx.ErrNoMemory {
		return errNoFrames
	}
	return nil
}

// countSupply adds n pages to those supplied.
func (f *File) countSupply(n uint64, ahead bool) {
	f.count(func(s *Stats) {
		s.PagesSupplied += n
		if ahead {
			s.PagesAhead += n
		}
	})
}

// salvage serves page by page what could not be supplied at once, and fails
// the pages that cannot be had.
func (f *File) salvage(off, length uint64, err error) {
	for at := off; at < off+length; at += zx.PageSize {
		if length > zx.PageSize {
			err = f.supply(at, zx.PageSize, noStream)
		}
		if err == nil {
			continue
		}
		st := zx.ErrIO
		if err == errNoFrames {
			st = zx.ErrNoSpace // the closest word a pager may use
		}
		f.count(func(s *Stats) { s.LastError = err })
		f.fail(at, zx.PageSize, st)
	}
}

// serveDirty answers a DIRTY packet. Context: the serving goroutine.
func (f *File) serveDirty(off, length uint64) {
	f.count(func(s *Stats) { s.Dirties++ })
	if f.volume.ro {
		f.fail(off, length, zx.ErrBadState)
		return
	}
	f.answer(off, length, f.dirty)
}

// Dirty implements vmo.Direct: a write trap needs nothing of the disk, nor of the
// serving goroutine, unless it fails or a view must get a page first.
func (f *File) Dirty(off uint64) zx.Status {
	if f.volume.ro || f.snapped.Load() {
		return zx.ErrShouldWait
	}
	if good, _ := f.nextFailure(off, off+zx.PageSize); good == off {
		return zx.ErrShouldWait
	}
	f.count(func(s *Stats) { s.Dirties++; s.PagesDirtied++ })
	return zx.OK
}

// dirty acknowledges writes. NOT_FOUND means that a page was evicted since the
// request: its writer has been released, reads the page again and asks anew.
// Every other error released its writers too. Views that show the pages get their
// own first.
func (f *File) dirty(off, length uint64) {
	n := length / zx.PageSize
	if f.freeze(off, length) != zx.OK {
		f.count(func(s *Stats) { s.LastError = errNoFrames })
		f.fail(off, length, zx.ErrNoSpace)
		return
	}
	f.count(func(s *Stats) { s.PagesDirtied += n })
	st := f.volume.pager.OpRange(zx.PagerOpDirty, f.vmo, off, length, 0, nil)
	if st != zx.OK {
		f.count(func(s *Stats) { s.PagesDirtied -= n })
	}
	if st == zx.ErrNoMemory {
		f.count(func(s *Stats) { s.LastError = errNoFrames })
	}
}

// fail answers requests for a range with OP_FAIL.
func (f *File) fail(off, length uint64, st zx.Status) {
	f.count(func(s *Stats) { s.PagesFailed += length / zx.PageSize })
	f.volume.pager.Fail(f.vmo, off, length, st)
}
