package files

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"github.com/diskfs/go-diskfs/backend"
)

// sectorBytes is the unit of block I/O and of sector numbers in reports.
const sectorBytes = 512

// BlockDevice is the disk, in sectors of 512 bytes. Buffers are whole sectors.
// Calls may come from several goroutines at once.
//
// Errors: Read and Write return a non-nil error unless all of p was
// transferred. After Flush returns nil, all that was written before survives a
// power cut.
type BlockDevice interface {
	Read(sector uint64, p []byte) error
	Write(sector uint64, p []byte) error
	Flush() error
	Sectors() uint64
	ReadOnly() bool
}

// ScatterReader is a BlockDevice that reads into several buffers in one
// operation. With it blocks go from the disk straight into the page frames;
// without it they are copied once. Each buffer is whole sectors; there are at
// most maxScatter.
type ScatterReader interface {
	ReadScatter(sector uint64, bufs [][]byte) error
}

// maxScatter is the most buffers one ReadScatter gets.
const maxScatter = 64

// DiskError is a failed block operation.
type DiskError struct {
	Op     string // "read", "write" or "flush"
	Sector int64  // the first 512-byte sector; meaningless for a flush
	Count  int64  // sectors asked for
	Err    error
}

// Error names the operation, the sectors and the device's word.
func (e *DiskError) Error() string {
	if e.Op == "flush" {
		return fmt.Sprintf("disk flush failed: %v", e.Err)
	}
	return fmt.Sprintf("disk %s of %d sectors at sector %d failed: %v", e.Op, e.Count, e.Sector, e.Err)
}

// Unwrap gives the device's error.
func (e *DiskError) Unwrap() error { return e.Err }

// DiskStats counts block operations since the mount; failed ones in Errors alone.
type DiskStats struct {
	Reads, ReadBytes   uint64
	Writes, WroteBytes uint64
	Flushes, Errors    uint64
}

// disk checks and counts what a BlockDevice is asked. Offsets are bytes.
type disk struct {
	dev     BlockDevice
	scatter ScatterReader // nil if dev is none
	size    int64         // bytes

	mu    sync.Mutex
	stats DiskStats // guarded by mu
}

func newDisk(dev BlockDevice) *disk {
	const most = math.MaxInt64 / sectorBytes
	d := &disk{dev: dev, size: int64(min(dev.Sectors(), most)) * sectorBytes}
	d.scatter, _ = dev.(ScatterReader)
	return d
}

// check refuses a transfer that is not whole sectors inside the disk.
func (d *disk) check(op string, n int, off int64) error {
	count := int64(n)
	if off < 0 || off%sectorBytes != 0 || count%sectorBytes != 0 || off > d.size || count > d.size-off {
		return &DiskError{op, off / sectorBytes, count / sectorBytes,
			fmt.Errorf("bytes [%#x, %#x) are not whole sectors of a disk of %#x bytes", off, off+count, d.size)}
	}
	return nil
}

// read fills p from off.
func (d *disk) read(p []byte, off int64) error {
	if err := d.check("read", len(p), off); err != nil || len(p) == 0 {
		return err
	}
	return d.judge("read", len(p), off, d.dev.Read(uint64(off/sectorBytes), p))
}

// readScatter fills bufs, n bytes in all, from off. Pre: d.scatter is set.
func (d *disk) readScatter(bufs [][]byte, n int, off int64) error {
	if err := d.check("read", n, off); err != nil {
		return err
	}
	return d.judge("read", n, off, d.scatter.ReadScatter(uint64(off/sectorBytes), bufs))
}

// write stores p at off.
func (d *disk) write(p []byte, off int64) error {
	if err := d.check("write", len(p), off); err != nil || len(p) == 0 {
		return err
	}
	return d.judge("write", len(p), off, d.dev.Write(uint64(off/sectorBytes), p))
}

// flush makes all that was written durable.
func (d *disk) flush() error { return d.judge("flush", 0, 0, d.dev.Flush()) }

// judge counts an operation and makes a DiskError of a failed one.
func (d *disk) judge(op string, n int, off int64, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.stats.Errors++
		return &DiskError{op, off / sectorBytes, int64(n) / sectorBytes, err}
	}
	switch op {
	case "read":
		d.stats.Reads++
		d.stats.ReadBytes += uint64(n)
	case "write":
		d.stats.Writes++
		d.stats.WroteBytes += uint64(n)
	default:
		d.stats.Flushes++
	}
	return nil
}

func (d *disk) statistics() DiskStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// storage shows a disk to the library. The library drops the errors of some
// reads, so the first one is kept in err for the caller to look at.
type storage struct {
	disk *disk
	err  error // first failed read since the caller cleared it
}

var _ backend.Storage = (*storage)(nil)

// ReadAt reads whole sectors; the library asks for nothing else.
func (s *storage) ReadAt(p []byte, off int64) (int, error) {
	if err := s.disk.read(p, off); err != nil {
		if s.err == nil {
			s.err = err
		}
		return 0, err
	}
	return len(p), nil
}

// Writable refuses: nothing of the library's is ever written.
func (s *storage) Writable() (backend.WritableFile, error) { return nil, backend.ErrIncorrectOpenMode }

// Sys refuses: no operating system is beneath.
func (s *storage) Sys() (*os.File, error) { return nil, backend.ErrNotSuitable }

// Path is empty: the disk is not a file.
func (s *storage) Path() string { return "" }

// Read refuses: the library reads by offset.
func (s *storage) Read([]byte) (int, error) { return 0, backend.ErrNotSuitable }

// Seek refuses: the library reads by offset.
func (s *storage) Seek(int64, int) (int64, error) { return 0, backend.ErrNotSuitable }

// Close does nothing.
func (s *storage) Close() error { return nil }

// Stat describes the disk.
func (s *storage) Stat() (fs.FileInfo, error) { return diskInfo{s.disk.size}, nil }

type diskInfo struct{ size int64 }

func (i diskInfo) Name() string       { return "disk" }
func (i diskInfo) Size() int64        { return i.size }
func (i diskInfo) Mode() fs.FileMode  { return fs.ModeDevice }
func (i diskInfo) ModTime() time.Time { return time.Time{} }
func (i diskInfo) IsDir() bool        { return false }
func (i diskInfo) Sys() any           { return nil }
