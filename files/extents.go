package files

import (
	"fmt"
	"sort"

	"faultline/zx"
)

// extent is one run of a file that is contiguous on the disk, in bytes.
type extent struct {
	file, disk, length int64
}

// extents is a file's place on the disk, ascending and without holes; all
// three fields are multiples of 512.
type extents []extent

// at gives the index of the extent that holds file offset off.
func (x extents) at(off int64) int {
	return sort.Search(len(x), func(i int) bool { return x[i].file+x[i].length > off })
}

// read fills p with the file's bytes from off, a multiple of 512; what lies at
// or past size is zero. len(p) is a multiple of 512.
func (x extents) read(d *disk, p []byte, off, size int64) error {
	end := min(off+int64(len(p)), (size+sectorBytes-1)&^(sectorBytes-1))
	for i, at := x.at(off), off; at < end; i++ {
		if i == len(x) {
			panic(fmt.Sprintf("files.extents.read: no extent: offset %#x size %#x", at, size))
		}
		n := min(end, x[i].file+x[i].length) - at
		if err := d.read(p[at-off:][:n], x[i].disk+at-x[i].file); err != nil {
			return err
		}
		at += n
	}
	if size < off+int64(len(p)) {
		clear(p[max(size-off, 0):])
	}
	return nil
}

// write stores p as the file's bytes from off, a multiple of 512, and nothing
// at or past size. A last sector that the file shares with nobody but its own
// slack keeps the slack as it is on the disk.
func (x extents) write(d *disk, p []byte, off, size int64) error {
	end := min(off+int64(len(p)), size)
	whole := end &^ (sectorBytes - 1)
	i := x.at(off)
	for at := off; at < whole; i++ {
		n := min(whole, x[i].file+x[i].length) - at
		if err := d.write(p[at-off:][:n], x[i].disk+at-x[i].file); err != nil {
			return err
		}
		at += n
	}
	if end <= whole || end <= off {
		return nil
	}
	var sector [sectorBytes]byte
	last := x[x.at(whole)]
	at := last.disk + whole - last.file
	if err := d.read(sector[:], at); err != nil {
		return err
	}
	copy(sector[:], p[whole-off:end-off])
	return d.write(sector[:], at)
}

// readPages fills whole pages with the file's bytes from off, page aligned;
// what lies at or past size is zero. With a scattering disk the blocks go
// straight into the pages; otherwise through bounce, which has room for all.
// vec is scratch of maxScatter entries.
func (x extents) readPages(d *disk, pages [][]byte, off, size int64, bounce []byte, vec [][]byte) error {
	if d.scatter == nil {
		p := bounce[:len(pages)*zx.PageSize]
		if err := x.read(d, p, off, size); err != nil {
			return err
		}
		for i := range pages {
			copy(pages[i], p[i*zx.PageSize:])
		}
		return nil
	}
	stop := off + int64(len(pages))*zx.PageSize
	end := min(stop, (size+sectorBytes-1)&^(sectorBytes-1))
	for i, at := x.at(off), off; at < end; i++ {
		limit := min(end, x[i].file+x[i].length)
		for at < limit {
			from, n := x[i].disk+at-x[i].file, 0
			vec = vec[:0]
			for at < limit && len(vec) < maxScatter {
				page, into := (at-off)/zx.PageSize, (at-off)%zx.PageSize
				piece := pages[page][into:min(zx.PageSize, into+limit-at)]
				vec = append(vec, piece)
				n += len(piece)
				at += int64(len(piece))
			}
			if err := d.readScatter(vec, n, from); err != nil {
				return err
			}
		}
	}
	for at := max(size, off); at < stop; at = (at &^ zx.PageMask) + zx.PageSize {
		clear(pages[(at-off)/zx.PageSize][at%zx.PageSize:])
	}
	return nil
}
