package vmo

import (
	"io"
	"sync"

	"faultline/zx"
)

// Bytes reads and writes a VMO from Go: an io.ReaderAt and io.WriterAt whose
// pages come from the pager as for any other reader and writer. It ends with the
// VMO's size; a read past it gives io.EOF, a write io.ErrShortWrite.
//
// Safe for use by several goroutines, one at a time at the VMO.
type Bytes struct {
	v  *VMO
	mu sync.Mutex
	r  PageRequest // guarded by mu
}

var (
	_ io.ReaderAt = (*Bytes)(nil)
	_ io.WriterAt = (*Bytes)(nil)
)

// Bytes gives access to v for goroutines that wait by w, which is used for
// nothing else meanwhile.
func (v *VMO) Bytes(w Waiter) *Bytes {
	b := &Bytes{v: v}
	b.r.Init(w)
	return b
}

// ReadAt implements io.ReaderAt. Errors: io.EOF | a zx.Status of VMO.Read.
func (b *Bytes) ReadAt(p []byte, off int64) (int, error) {
	return b.move(p, off, io.EOF, b.v.ReadBytes)
}

// WriteAt implements io.WriterAt. Errors: io.ErrShortWrite | a zx.Status of
// VMO.Write.
func (b *Bytes) WriteAt(p []byte, off int64) (int, error) {
	return b.move(p, off, io.ErrShortWrite, b.v.WriteBytes)
}

// move moves what of p lies inside the VMO; end is the error if not all does.
func (b *Bytes) move(p []byte, off int64, end error, do func([]byte, uint64, *PageRequest) zx.Status) (int, error) {
	if off < 0 {
		return 0, zx.ErrOutOfRange
	}
	size := b.v.Size()
	inside := uint64(len(p))
	if at := uint64(off); at >= size {
		inside = 0
	} else {
		inside = min(inside, size-at)
	}
	if inside == 0 && len(p) > 0 {
		return 0, end
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := do(p[:inside], uint64(off), &b.r); st != zx.OK {
		return 0, st
	}
	if inside < uint64(len(p)) {
		return int(inside), end
	}
	return len(p), nil
}
