package x86

// RAMDisk is a disk in memory that the loader filled. What is written to it lasts until
// the machine goes off.
//
// Locks: none; callers do not write what others read.
type RAMDisk []byte

// Sectors is the capacity, in sectors of SectorBytes.
func (d RAMDisk) Sectors() uint64 { return uint64(len(d) / SectorBytes) }

// BlockBytes is the size of what can be read or written at once.
func (d RAMDisk) BlockBytes() int { return SectorBytes }

// ReadOnly says whether writes are refused.
func (d RAMDisk) ReadOnly() bool { return false }

// Flush does nothing: nothing here is durable.
func (d RAMDisk) Flush() error { return nil }

// Read fills p from the disk, beginning at a sector.
//
// Errors: ErrDiskRange, ErrDiskShape (p is no whole number of sectors).
func (d RAMDisk) Read(sector uint64, p []byte) error { return d.move(DiskRead, sector, p) }

// Write writes p to the disk, beginning at a sector. Errors: those of Read.
func (d RAMDisk) Write(sector uint64, p []byte) error { return d.move(DiskWrite, sector, p) }

func (d RAMDisk) move(op DiskOp, sector uint64, p []byte) error {
	r := NewRequest(op, sector, p)
	n := uint64(len(p) / SectorBytes)
	switch {
	case len(p)%SectorBytes != 0:
		r.fail(blkPending, ErrDiskShape)
	case sector > d.Sectors() || n > d.Sectors()-sector:
		r.fail(blkPending, ErrDiskRange)
	case op == DiskRead:
		copy(p, d[sector*SectorBytes:])
	default:
		copy(d[sector*SectorBytes:], p)
	}
	return r.Err
}
