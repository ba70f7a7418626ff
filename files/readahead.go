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
type streams struct {
	list  [streamCount]stream
	count uint64
}

// ahead takes a request for [off, off+length) and gives how much to read
// behind it. The stream then expects its next request at or after the end.
func (s *streams) ahead(off, length uint64) uint64 {
	s.count++
	oldest := &s.list[0]
	for i := range s.list {
		t := &s.list[i]
		if t.used != 0 && off >= t.next && off-t.next <= max(t.window, firstWindow) {
			t.window = min(max(2*t.window, firstWindow), lastWindow)
			t.used, t.next = s.count, off+length+t.window
			return t.window
		}
		if t.used < oldest.used {
			oldest = t
		}
	}
	window := uint64(0)
	if off == 0 { // who begins at the front mostly goes on
		window = firstWindow
	}
	*oldest = stream{next: off + length + window, window: window, used: s.count}
	return window
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
