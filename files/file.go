package files

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"faultline/spin"
	"faultline/vmo"
	"faultline/zx"
)

const absent = vmo.Absent

// maxBlockRead is the most bytes one supply reads, a multiple of the page size.
const maxBlockRead = 256 << 10

// Stats counts what the pager did for one file since it was opened.
type Stats struct {
	Reads         uint64 // READ packets
	Dirties       uint64 // DIRTY packets
	PagesSupplied uint64 // all pages supplied
	PagesAhead    uint64 // those of them that were read ahead
	PagesDirtied  uint64 // pages acknowledged with OP_DIRTY
	PagesWritten  uint64 // pages written back
	PagesFailed   uint64 // pages answered with OP_FAIL
	LastError     error  // why the last one that was not injected failed
}

// Failure is an injected one: requests that touch the range are answered with
// OP_FAIL(Status).
type Failure struct {
	Offset, Length uint64 // bytes
	Status         zx.Status
}

// FailStatuses lists what a pager may fail a request with. Source: docs/pager.md
// 3.5.1.
var FailStatuses = []zx.Status{zx.ErrIO, zx.ErrIODataIntegrity, zx.ErrBadState, zx.ErrNoSpace, zx.ErrBufferTooSmall}

// File is one opened file: a pager-backed VMO and the blocks behind it.
type File struct {
	volume  *Volume
	name    string // path as the disk spells it, no leading slash
	size    int64  // bytes
	place   int64  // of its entry on the disk: what makes it this file and no other
	key     uint64
	chain   *chain
	vmo     *vmo.VMO
	of      *File // what it is a frozen view of, nil for a file
	closing atomic.Bool
	snapped atomic.Bool // there is a view, or will be

	streams streams // the serving goroutine's

	syncing sync.Mutex // one writeback at a time

	mu       spin.Lock
	stats    Stats             // guarded by mu
	failures []Failure         // guarded by mu; the newest first
	views    []*File           // guarded by mu; never changed, but replaced or appended to
	held     [streamCount]held // guarded by mu
	writes   uint64            // block writes of syncs; guarded by mu
}

// Name is the file's path as the disk spells it.
func (f *File) Name() string { return f.name }

// Size is the file's length in bytes. It never changes while the file is open.
func (f *File) Size() int64 { return f.size }

// Key is the key of the file's packets.
func (f *File) Key() uint64 { return f.key }

// VMO is the file's memory: whole pages, zero past the end of the file. Hand
// it to a process to map. The file holds one reference.
func (f *File) VMO() *vmo.VMO { return f.vmo }

// Stats counts at this moment.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

func (f *File) count(change func(*Stats)) {
	f.mu.Lock()
	change(&f.stats)
	f.mu.Unlock()
}

// InjectFailure makes requests for [offset, offset+length) fail with st until
// LiftFailures, and drops the file's clean pages so that the next touch asks.
// A newer failure hides an older one.
//
// Errors: the file is a view | st is not one a pager may fail with | the range is empty, wraps, or
// begins past the end of the file. Each names the value.
func (f *File) InjectFailure(offset, length uint64, st zx.Status) error {
	switch {
	case f.of != nil:
		return fmt.Errorf("%q: %w", f.name, errView)
	case !slices.Contains(FailStatuses, st):
		return fmt.Errorf("status %v: a pager may fail with %v only", st, FailStatuses)
	case length == 0:
		return fmt.Errorf("length 0: nothing to fail")
	case offset+length < offset:
		return fmt.Errorf("range %#x+%#x wraps", offset, length)
	case offset >= uint64(f.size):
		return fmt.Errorf("offset %#x is past the end: %q has %d bytes", offset, f.name, f.size)
	}
	f.mu.Lock()
	f.failures = append([]Failure{{offset, length, st}}, f.failures...)
	f.mu.Unlock()
	f.vmo.DropClean()
	return nil
}

// LiftFailures removes the injected failures that touch [offset,
// offset+length) and gives how many there were.
func (f *File) LiftFailures(offset, length uint64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.failures)
	f.failures = slices.DeleteFunc(f.failures, func(x Failure) bool { return overlap(x.Offset, x.Length, offset, length) })
	return before - len(f.failures)
}

// Failures lists the injected failures, the newest first.
func (f *File) Failures() []Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.failures)
}

// overlap says whether two ranges share a byte; either may reach past 2^64.
func overlap(a, aLength, b, bLength uint64) bool {
	if a < b {
		return b-a < aLength && bLength != 0
	}
	return a-b < bLength && aLength != 0
}

// failureLocked is the injected failure of requests for the page at off, if there is one.
// Locks: mu held.
func (f *File) failureLocked(off uint64) (st zx.Status, ok bool) {
	for _, x := range f.failures {
		if overlap(x.Offset, x.Length, off, zx.PageSize) {
			return x.Status, true
		}
	}
	return zx.OK, false
}

// nextFailure gives where in [start, end) the first page with an injected
// failure begins (end if none does), and that failure's status. Pages are
// judged whole; start and end are page aligned.
func (f *File) nextFailure(start, end uint64) (uint64, zx.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for at := start; at < end && len(f.failures) > 0; at += zx.PageSize {
		if st, ok := f.failureLocked(at); ok {
			return at, st
		}
	}
	return end, zx.OK
}

// Evict drops the file's clean pages and gives how many there were. The pager
// is not told: the next touch asks again.
func (f *File) Evict() int { return f.vmo.DropClean() }

// ReadAt fills p from the file's VMO, faulting pages in as any reader does. w
// is the calling thread's. Pre: the range lies in the file.
//
// Locks: none held.
// Errors: those of vmo.VMO.Read.
func (f *File) ReadAt(w vmo.Waiter, p []byte, off uint64) zx.Status {
	var r vmo.PageRequest
	r.Init(w)
	return f.vmo.ReadBytes(p, off, &r)
}

// WriteAt stores p into the file's VMO, as any writer does: the pages are dirty
// until a sync. Otherwise as ReadAt.
//
// Errors: those of vmo.VMO.Write; the pager's code if the disk is read-only.
func (f *File) WriteAt(w vmo.Waiter, p []byte, off uint64) zx.Status {
	var r vmo.PageRequest
	r.Init(w)
	return f.vmo.WriteBytes(p, off, &r)
}

// DiskSHA256 is the digest of the file's bytes as they are on the disk now, read
// past the VMO and the pager: what a reader through the pager must get while
// nothing is dirty.
//
// Errors: *DiskError | the FAT has changed.
func (f *File) DiskSHA256() ([sha256.Size]byte, error) {
	sum, p := sha256.New(), make([]byte, maxBlockRead)
	err := f.chain.each(0, f.size, func(at, n int64) error {
		for end := at + n; at < end; at += maxBlockRead {
			part := p[:min(end-at, maxBlockRead)]
			if err := f.volume.disk.read(part, at); err != nil {
				return err
			}
			sum.Write(part)
		}
		return nil
	})
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

// Close ends the file: no page can be asked for any more, and COMPLETE takes it
// out of the volume's table. Mappings that remain keep what dirty pages there
// are. A view is just forgotten.
//
// Locks: takes Volume.mu. Errors: pages are dirty: nothing is done; Sync first.
func (f *File) Close() error {
	if f.of != nil {
		f.forsake()
		return nil
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	ranges, st := f.volume.pager.DirtyRanges(f.vmo)
	if st != zx.OK {
		return fmt.Errorf("%q: %w", f.name, st)
	}
	if n := len(ranges); n > 0 {
		return fmt.Errorf("%q has %d dirty ranges: sync it first", f.name, n)
	}
	f.release()
	return nil
}

// release detaches the file from its pager and drops the file's reference.
func (f *File) release() {
	if f.closing.Swap(true) {
		return
	}
	f.volume.pager.Detach(f.vmo, nil)
	f.vmo.Release()
}

// pageEnd rounds a file size up to a page.
func pageEnd(size int64) uint64 { return (uint64(size) + zx.PageMask) &^ zx.PageMask }
