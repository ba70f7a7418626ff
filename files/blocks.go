package files

import "faultline/zx"

// Pieces of a file that lie near each other are read at once, with what lies
// between.
const (
	maxGap    = 16 << 10 // bytes of somebody else's between two pieces
	maxPieces = 256
)

// piece is a part of a read that is contiguous on the disk.
type piece struct {
	at, n int64 // bytes on the disk
	to    int64 // bytes from the read's beginning
}

// reader reads pages of files; its memory is made once.
type reader struct {
	disk   *disk
	bounce []byte // a whole read, and parts of blocks at both ends
	vec    [maxBlockRead/zx.PageSize + 1][]byte

	pages  [][]byte // being filled
	pieces [maxPieces]piece
	held   int // of pieces: those not read yet
}

func newReader(d *disk) *reader {
	return &reader{disk: d, bounce: make([]byte, maxBlockRead+2*maxBlock)}
}

// read fills whole pages, up to maxBlockRead bytes, with the file's bytes from
// off, page aligned; what lies at or past size is zero. With a scattering disk
// whole blocks go straight into the pages.
//
// Errors: those of chain.each | *DiskError.
func (r *reader) read(x *chain, pages [][]byte, off, size int64) error {
	r.pages, r.held = pages, 0
	stop := off + int64(len(pages))*zx.PageSize
	to := int64(0)
	err := x.each(off, min(stop, int64(x.count)*x.fat.geo.clusterBytes)-off, func(at, n int64) error {
		if r.held > 0 {
			lo, last := r.pieces[0].at, r.pieces[r.held-1]
			hi := last.at + last.n
			if at < hi || at-hi > maxGap || at+n-lo > maxBlockRead || r.held == maxPieces {
				if err := r.flush(); err != nil {
					return err
				}
			}
		}
		r.pieces[r.held] = piece{at, n, to}
		r.held++
		to += n
		return nil
	})
	if err == nil {
		err = r.flush()
	}
	for at := max(size, off); at < stop; at = (at &^ zx.PageMask) + zx.PageSize {
		clear(pages[(at-off)/zx.PageSize][at%zx.PageSize:])
	}
	return err
}

// flush reads the pieces held.
func (r *reader) flush() error {
	pieces := r.pieces[:r.held]
	r.held = 0
	if len(pieces) == 0 {
		return nil
	}
	edge := r.disk.block - 1
	first, last := pieces[0], pieces[len(pieces)-1]
	if r.disk.scatter != nil && len(pieces) == 1 && (first.at|first.n|first.to)&edge == 0 {
		return r.scatter(first)
	}
	lo := first.at &^ edge
	hi := (last.at + last.n + edge) &^ edge
	err := r.disk.read(r.bounce[:hi-lo], lo)
	if err != nil && len(pieces) == 1 {
		return err
	}
	for _, p := range pieces {
		from := r.bounce[p.at-lo:][:p.n]
		if err != nil {
			// What lies between may be what cannot be read.
			if err := r.disk.read(from, p.at); err != nil {
				return err
			}
		}
		for len(from) > 0 {
			n := copy(r.pages[p.to/zx.PageSize][p.to%zx.PageSize:], from)
			from, p.to = from[n:], p.to+int64(n)
		}
	}
	return nil
}

// scatter reads a piece straight into the pages.
func (r *reader) scatter(p piece) error {
	vec := r.vec[:0]
	for to, end := p.to, p.to+p.n; to < end; {
		into := to % zx.PageSize
		part := r.pages[to/zx.PageSize][into:min(zx.PageSize, into+end-to)]
		vec, to = append(vec, part), to+int64(len(part))
	}
	return r.disk.readScatter(vec, int(p.n), p.at)
}

// write stores p as the file's bytes from off, and nothing at or past size.
//
// Errors: those of chain.each | *DiskError.
func (x *chain) write(d *disk, p []byte, off, size int64) error {
	return x.each(off, min(int64(len(p)), size-off), func(at, n int64) error {
		err := d.write(p[:n], at)
		p = p[n:]
		return err
	})
}
