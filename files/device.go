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
// without it they are copied once. Each buffer is whole blocks.
type ScatterReader interface {
	ReadScatter(sector uint64, bufs [][]byte) error
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

// read fills p from off.
func (d *disk) read(p []byte, off int64) error { return d.move("read", p, off) }

// write stores p at off. A block that p covers in part keeps the rest of what it
// has, though it be another file's that is written at the same time.
func (d *disk) write(p []byte, off int64) error { return d.move("write", p, off) }

// move is read and write: whole blocks at once, what is left at both ends by way of its
// block.
func (d *disk) move(op string, p []byte, off int64) error {
	for len(p) > 0 {
		into := off & (d.block - 1)
		n := len(p) &^ int(d.block-1)
		var err error
		if into == 0 && n > 0 {
			err = d.blocks(op, p[:n], off)
		} else {
			n = int(min(int64(len(p)), d.block-into))
			err = d.part(op, p[:n], off-into, into)
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// part moves p, which lies in the block at start.
func (d *disk) part(op string, p []byte, start, into int64) error {
	d.partial.Lock()
	defer d.partial.Unlock()
	if err := d.blocks("read", d.bounce, start); err != nil {
		return err
	}
	if op == "read" {
		copy(p, d.bounce[into:])
		return nil
	}
	copy(d.bounce[into:], p)
	return d.blocks(op, d.bounce, start)
}

// blocks moves whole blocks.
func (d *disk) blocks(op string, p []byte, off int64) error {
	return d.transfer(op, len(p), off, func(sector uint64) error {
		if op == "read" {
			return d.dev.Read(sector, p)
		}
		return d.dev.Write(sector, p)
	})
}

// readScatter fills bufs, n bytes in all, from off, all of it whole blocks. Pre:
// d.scatter is set.
func (d *disk) readScatter(bufs [][]byte, n int, off int64) error {
	return d.transfer("read", n, off, func(sector uint64) error { return d.scatter.ReadScatter(sector, bufs) })
}

// flush makes all that was written durable.
func (d *disk) flush() error {
	return d.transfer("flush", 0, 0, func(uint64) error { return d.dev.Flush() })
}

// transfer has the device do op on n bytes at off, and counts it.
func (d *disk) transfer(op string, n int, off int64, do func(sector uint64) error) error {
	if off < 0 || off > d.size || int64(n) > d.size-off {
		return &DiskError{op, off / sectorBytes, int64(n) / sectorBytes,
			fmt.Errorf("bytes [%#x, %#x) are not on a disk of %#x bytes", off, off+int64(n), d.size)}
	}
	err := do(uint64(off / sectorBytes))
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		d.stats.Errors++
		return &DiskError{op, off / sectorBytes, int64(n) / sectorBytes, err}
	case op == "read":
		d.stats.Reads++
		d.stats.ReadBytes += uint64(n)
	case op == "write":
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
