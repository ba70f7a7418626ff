package files

import (
	"fmt"

	"faultline/vmo"
	"faultline/zx"
)

// writeChunk is the most bytes one block write of a sync carries.
const writeChunk = 128 << 10

// SyncResult says what a Sync wrote.
type SyncResult struct {
	Ranges int    // dirty ranges, zero intervals included
	Pages  uint64 // pages of those ranges
	Bytes  uint64 // bytes of the file written
}

// rangeSink keeps every dirty range of a query.
type rangeSink struct{ ranges []zx.DirtyRange }

// Emit implements vmo.DirtySink.
func (k *rangeSink) Emit(r zx.DirtyRange) zx.Status {
	k.ranges = append(k.ranges, r)
	return zx.OK
}

// Resolve implements vmo.DirtySink; memory of the kernel is never missing.
func (k *rangeSink) Resolve() zx.Status { return zx.OK }

// dirtyRanges asks the pager for every dirty range of the file.
func (f *File) dirtyRanges() ([]zx.DirtyRange, zx.Status) {
	var sink rangeSink
	_, _, st := f.volume.pager.QueryDirtyRanges(f.vmo, 0, pageEnd(f.size), &sink, false)
	return sink.ranges, st
}

// DirtyRanges lists what a Sync would write, in file order.
func (f *File) DirtyRanges() []zx.DirtyRange {
	ranges, _ := f.dirtyRanges()
	return ranges
}

// Sync writes the file's dirty pages to the disk: query, WRITEBACK_BEGIN of
// each range, block writes, flush, WRITEBACK_END of each range. Stores that
// happen meanwhile are trapped again and stay dirty. w is the calling thread's.
//
// A failure ends no writeback: every page that was dirty stays dirty, and the
// next Sync writes all of it again.
//
// Locks: none held; takes File.syncing.
// Errors: *DiskError with the sector | the status of a refused operation.
func (f *File) Sync(w vmo.Waiter) (SyncResult, error) {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	var result SyncResult
	ranges, st := f.dirtyRanges()
	if st != zx.OK {
		return result, fmt.Errorf("%q: query_dirty_ranges: %w", f.name, st)
	}
	if len(ranges) == 0 {
		return result, nil
	}
	p := f.volume.pager
	for _, r := range ranges {
		if st := p.OpRange(zx.PagerOpWritebackBegin, f.vmo, r.Offset, r.Length, r.Options); st != zx.OK {
			return result, fmt.Errorf("%q: WRITEBACK_BEGIN of %#x+%#x: %w", f.name, r.Offset, r.Length, st)
		}
	}
	var request vmo.PageRequest
	request.Init(w)
	buf := make([]byte, writeChunk)
	for _, r := range ranges {
		for at := r.Offset; at < r.Offset+r.Length; at += writeChunk {
			n := min(writeChunk, r.Offset+r.Length-at)
			// A zero interval reads as zeros, or as what was stored since.
			if st := f.vmo.ReadBytes(buf[:n], at, &request); st != zx.OK {
				return result, fmt.Errorf("%q: cannot read dirty pages at %#x: %w", f.name, at, st)
			}
			if err := f.chain.write(f.volume.disk, buf[:n], int64(at), f.size); err != nil {
				return result, fmt.Errorf("%q at %#x: %w; its pages stay dirty", f.name, at, err)
			}
			result.Bytes += min(at+n, uint64(f.size)) - at
		}
	}
	if err := f.volume.disk.flush(); err != nil {
		return result, fmt.Errorf("%q: %w; its pages stay dirty", f.name, err)
	}
	for _, r := range ranges {
		if st := p.OpRange(zx.PagerOpWritebackEnd, f.vmo, r.Offset, r.Length, 0); st != zx.OK {
			return result, fmt.Errorf("%q: WRITEBACK_END of %#x+%#x: %w", f.name, r.Offset, r.Length, st)
		}
		result.Ranges++
		result.Pages += r.Length / zx.PageSize
	}
	f.count(func(s *Stats) { s.PagesWritten += result.Pages })
	return result, nil
}
