package files

import "faultline/zx"

// Read-ahead windows, bytes. A stream that stays sequential doubles its window
// from the first to the last; random access has none.
const (
	firstWindow = 16 << 10
	lastWindow  = maxBlockRead
	streamCount = 4 // streams one file is watched for
)

// stream is one reader's progress through a file, as far as its requests show.
type stream struct {
	next   uint64 // where the next request lies if it is sequential
	window uint64 // read-ahead of the last request
	used   uint64 // when, by the file's count of requests
}

// streams guesses which requests belong together. A pager hears only of pages
// that are missing, so a sequential reader shows as requests that each begin
// where the last read-ahead ended, or a little later when some of the pages
// were there already.
//
// A reader should not have to wait there. So the page in the middle of a window
// is read, but held back: the fault on it is answered at once (Fill), and shows
// that the next window is due while the rest of this one is still to be read.
type streams struct {
	list  [streamCount]stream
	count uint64
}

// held is the page that a stream's read-ahead holds back.
type held struct {
	page  *[zx.PageSize]byte // of the serving goroutine while valid is not set
	off   uint64
	valid bool // it is what the disk has, and the page is absent
	taken bool // somebody came here; read on
}

// request takes a request for [off, off+length), decides how much to read behind
// it, and gives the stream it belongs to. The stream then expects its next request
// at or after the end.
func (s *streams) request(off, length uint64) (stream int) {
	s.count++
	oldest := 0
	for i := range s.list {
		t := &s.list[i]
		if t.used != 0 && off >= t.next && off-t.next <= max(t.window, firstWindow) {
			s.advance(i, off+length)
			return i
		}
		if t.used < s.list[oldest].used {
			oldest = i
		}
	}
	t := &s.list[oldest]
	t.window, t.used = 0, s.count
	if off == 0 { // who begins at the front mostly goes on
		t.window = firstWindow
	}
	t.next = off + length + t.window
	return oldest
}

// advance widens the window of a stream that has come to off.
func (s *streams) advance(i int, off uint64) {
	t := &s.list[i]
	t.window = min(max(2*t.window, firstWindow), lastWindow)
	t.used, t.next = s.count, off+t.window
}

// readAhead reads the window of a stream, up to where it expects the next request.
func (f *File) readAhead(stream int) {
	t := f.streams.list[stream]
	if n := f.clipAhead(t.next-t.window, t.window); n > 0 {
		// Nobody waits for these pages: an error will show when somebody does.
		_ = f.supply(t.next-t.window, n, stream)
	}
}

// readOn reads the next window of each stream whose held page was taken.
// Context: the serving goroutine.
func (f *File) readOn() {
	for i := range f.held {
		f.mu.Lock()
		due := f.held[i].taken
		f.held[i].taken = false
		f.mu.Unlock()
		if t := &f.streams.list[i]; due && t.window > 0 && t.next < uint64(f.size) {
			f.streams.advance(i, t.next)
			f.readAhead(i)
		}
	}
}

// Fill implements vmo.Direct: it gives the page if a read-ahead holds it. Nothing
// else can be had without the disk.
func (f *File) Fill(off uint64, page *[zx.PageSize]byte) zx.Status {
	f.mu.Lock()
	for i := range f.held {
		h := &f.held[i]
		if _, fails := f.failureLocked(off); fails || !h.valid || h.off != off {
			continue
		}
		*page = *h.page
		h.valid, h.taken = false, true
		f.stats.PagesSupplied++
		f.stats.PagesAhead++
		f.mu.Unlock()
		// A full port has a request of this file too, or the reader asks itself.
		f.volume.port.QueueUser(nil, &zx.Packet{Key: f.key})
		return zx.OK
	}
	f.mu.Unlock()
	return zx.ErrShouldWait
}

// drop forgets what is held of [off, off+length), because it gets into the VMO by
// another way, or changes on the disk: a held page is never older than that.
func (f *File) drop(off, length uint64, written bool) {
	f.mu.Lock()
	if written {
		f.writes++
	}
	for i := range f.held {
		if h := &f.held[i]; h.valid && overlap(h.off, zx.PageSize, off, length) {
			h.valid = false
		}
	}
	f.mu.Unlock()
}

// clipAhead cuts the read-ahead at [off, off+length) to what helps: it ends at
// the last page of the file, at the first page with content, and before the
// first injected failure.
func (f *File) clipAhead(off, length uint64) uint64 {
	end := min(off+length, pageEnd(f.size))
	if end <= off {
		return 0
	}
	states := f.volume.scratch.states[:(end-off)/zx.PageSize]
	n := uint64(f.vmo.States(off, states))
	for i := range n {
		if states[i] != absent {
			n = i
			break
		}
	}
	clear, _ := f.nextFailure(off, off+n*zx.PageSize)
	return clear - off
}
