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

// DirtyRanges lists what a Sync would write, in file order.
func (f *File) DirtyRanges() []zx.DirtyRange {
	ranges, _ := f.volume.pager.DirtyRanges(f.vmo)
	return ranges
}

// Sync writes the file's dirty pages to the disk, as pager.WriteBack does. w is
// the calling thread's.
//
// Locks: none held; takes File.syncing.
// Errors: the file is a view | *DiskError with the sector | the status of a refused
// operation.
func (f *File) Sync(w vmo.Waiter) (SyncResult, error) {
	if f.of != nil {
		return SyncResult{}, fmt.Errorf("%q: %w", f.name, errView)
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	var result SyncResult
	done, err := f.volume.pager.WriteBack(w, f.vmo, make([]byte, writeChunk), func(p []byte, off uint64) error {
		f.drop(off, uint64(len(p)), true)
		result.Bytes += min(off+uint64(len(p)), uint64(f.size)) - off
		return f.chain.write(f.volume.disk, p, int64(off), f.size)
	}, f.volume.disk.flush)
	result.Ranges, result.Pages = done.Ranges, done.Pages
	if err != nil {
		return result, fmt.Errorf("%q: %w", f.name, err)
	}
	f.count(func(s *Stats) { s.PagesWritten += result.Pages })
	return result, nil
}
