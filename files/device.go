package files

import (
	"fmt"
	"math"
	"sync"
)

// sectorBytes is the unit of disk addresses and of sector numbers in reports.
const sectorBytes = 512

// BlockDevice is a disk: a virtio or NVMe one, a RAM disk, a file. A place on it
// is a number of sectors of 512 bytes, whatever its own blocks are; every
// transfer begins and ends at a multiple of BlockBytes. Calls may come from
// several goroutines at once.
//
// Errors: Read and Write return a non-nil error unless all of p was
// transferred; what a failed Write stored is unknown. After Flush returns nil,
// all that was written before survives a power cut.
type BlockDevice interface {
	Read(sector uint64, p []byte) error
	Write(sector uint64, p []byte) error
	Flush() error
	Sectors() uint64 // of 512 bytes
	BlockBytes() int // a power of two from 512 to 4096
	ReadOnly() bool
}

// ScatterReader is a BlockDevice that reads into several buffers in one
// operation. With it blocks go from the disk straight into the page frames;
// without it they are copied once. Each buffer is whole blocks; there are at
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

// disk checks and counts what a BlockDevice is asked, and reads and writes any
// bytes of it. Offsets are bytes.
type disk struct {
	dev     BlockDevice
	scatter ScatterReader // nil if dev is none
	size    int64         // bytes, whole blocks
	block   int64         // bytes

	partial sync.Mutex // held from the reading of a part of a block to its writing
	bounce  []byte     // one block, guarded by partial

	mu    sync.Mutex
	stats DiskStats // guarded by mu
}

// newDisk takes a device.
//
// Errors: its blocks have a size that cannot be.
func newDisk(dev BlockDevice) (*disk, error) {
	block := int64(dev.BlockBytes())
	if block < sectorBytes || block > maxBlock || block&(block-1) != 0 {
		return nil, fmt.Errorf("the disk has blocks of %d bytes", block)
	}
	size := int64(min(dev.Sectors(), math.MaxInt64/sectorBytes)) * sectorBytes
	d := &disk{dev: dev, size: size &^ (block - 1), block: block, bounce: make([]byte, block)}
	d.scatter, _ = dev.(ScatterReader)
	return d, nil
}

// maxBlock is the most bytes one block of a disk may have.
const maxBlock = 4096

// piece is the first part of a transfer of length bytes at off: whole blocks, or
// a part of one block.
func (d *disk) piece(length int, off int64) (n int, whole bool) {
	into := off & (d.block - 1)
	if n = length &^ int(d.block-1); into == 0 && n > 0 {
		return n, true
	}
	return int(min(int64(length), d.block-into)), false
}

// read fills p from off.
func (d *disk) read(p []byte, off int64) error {
	for len(p) > 0 {
		n, whole := d.piece(len(p), off)
		var err error
		if whole {
			err = d.transfer("read", p[:n], off, d.dev.Read)
		} else {
			d.partial.Lock()
			if err = d.transfer("read", d.bounce, off&^(d.block-1), d.dev.Read); err == nil {
				copy(p[:n], d.bounce[off&(d.block-1):])
			}
			d.partial.Unlock()
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// write stores p at off. A block that p covers in part keeps the rest of what it
// has, though it be another file's that is written at the same time.
func (d *disk) write(p []byte, off int64) error {
	for len(p) > 0 {
		n, whole := d.piece(len(p), off)
		var err error
		if whole {
			err = d.transfer("write", p[:n], off, d.dev.Write)
		} else {
			err = d.patch(p[:n], off)
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// patch stores p in the midst of one block.
func (d *disk) patch(p []byte, off int64) error {
	d.partial.Lock()
	defer d.partial.Unlock()
	start := off &^ (d.block - 1)
	if err := d.transfer("read", d.bounce, start, d.dev.Read); err != nil {
		return err
	}
	copy(d.bounce[off-start:], p)
	return d.transfer("write", d.bounce, start, d.dev.Write)
}

// transfer has the device do op on whole blocks.
func (d *disk) transfer(op string, p []byte, off int64, do func(uint64, []byte) error) error {
	if err := d.check(op, len(p), off); err != nil {
		return err
	}
	return d.judge(op, len(p), off, do(uint64(off/sectorBytes), p))
}

// check refuses a transfer that is not inside the disk.
func (d *disk) check(op string, n int, off int64) error {
	if off < 0 || off > d.size || int64(n) > d.size-off {
		return &DiskError{op, off / sectorBytes, int64(n) / sectorBytes,
			fmt.Errorf("bytes [%#x, %#x) are not on a disk of %#x bytes", off, off+int64(n), d.size)}
	}
	return nil
}

// readScatter fills bufs, n bytes in all, from off, all of it whole blocks. Pre:
// d.scatter is set.
func (d *disk) readScatter(bufs [][]byte, n int, off int64) error {
	if err := d.check("read", n, off); err != nil {
		return err
	}
	return d.judge("read", n, off, d.scatter.ReadScatter(uint64(off/sectorBytes), bufs))
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
