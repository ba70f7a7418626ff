package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/diskfs/go-diskfs/backend"
)

// sectorBytes is the unit of block I/O and of sector numbers in reports.
const sectorBytes = 512

// BlockDevice is the disk. Offsets and lengths are bytes and always multiples
// of 512; one call at a time is made.
//
// Errors: ReadAt and WriteAt return a non-nil error when fewer than len(p)
// bytes were transferred. After Flush returns nil, all that was written before
// survives a power cut.
type BlockDevice interface {
	io.ReaderAt
	io.WriterAt
	Flush() error
	Size() int64 // bytes
	ReadOnly() bool
}

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

// DiskStats counts block operations since the mount.
type DiskStats struct {
	Reads, ReadBytes   uint64
	Writes, WroteBytes uint64
	Flushes, Errors    uint64
}

// disk serialises and counts what a BlockDevice is asked.
type disk struct {
	dev  BlockDevice
	size int64 // bytes, a multiple of sectorBytes

	mu    sync.Mutex
	stats DiskStats // guarded by mu
}

func newDisk(dev BlockDevice) *disk {
	return &disk{dev: dev, size: dev.Size() &^ (sectorBytes - 1)}
}

// check refuses a transfer that is not whole sectors inside the disk.
func (d *disk) check(op string, p []byte, off int64) error {
	n := int64(len(p))
	if off < 0 || off%sectorBytes != 0 || n%sectorBytes != 0 || off > d.size || n > d.size-off {
		return &DiskError{op, off / sectorBytes, n / sectorBytes,
			fmt.Errorf("bytes [%#x, %#x) are not whole sectors of a disk of %#x bytes", off, off+n, d.size)}
	}
	return nil
}

// read fills p from off.
func (d *disk) read(p []byte, off int64) error {
	if err := d.check("read", p, off); err != nil || len(p) == 0 {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Reads++
	n, err := d.dev.ReadAt(p, off)
	d.stats.ReadBytes += uint64(max(n, 0))
	return d.judge("read", p, off, n, err)
}

// write stores p at off.
func (d *disk) write(p []byte, off int64) error {
	if err := d.check("write", p, off); err != nil || len(p) == 0 {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Writes++
	n, err := d.dev.WriteAt(p, off)
	d.stats.WroteBytes += uint64(max(n, 0))
	return d.judge("write", p, off, n, err)
}

// judge makes a DiskError of a failed or short transfer. io.EOF with a full
// transfer is success, as io.ReaderAt allows it. Locks: mu held.
func (d *disk) judge(op string, p []byte, off int64, n int, err error) error {
	if n == len(p) && (err == nil || errors.Is(err, io.EOF)) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	d.stats.Errors++
	return &DiskError{op, off / sectorBytes, int64(len(p)) / sectorBytes, err}
}

// flush makes all that was written durable.
func (d *disk) flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Flushes++
	if err := d.dev.Flush(); err != nil {
		d.stats.Errors++
		return &DiskError{Op: "flush", Err: err}
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
