package vmar

import (
	"sync"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// CopyIn copies len(dst) bytes of user memory at src, resolving the faults a
// load by the program itself would take. The kernel never dereferences the
// address: it walks the page tables and copies through the physical window.
//
// r must not be in use by an operation further out. Suspending the thread does
// not end a wait unless r's Waiter says so.
//
// Locks: none held; locks a lane, takes VMO locks and the page-table lock.
// Errors: ErrNotFound [src, src+len(dst)) is not user space, wraps, or has a
// hole | the others of Fault | ErrInternalIntrRetry. dst is then undefined.
// Source: docs/pager.md 6.2.
//
// A copy that needs no fault, the usual one, takes 20 instructions besides those
// of mmu.PageTable.CopyIn.
func (l *Lane) CopyIn(dst []byte, src zx.VirtAddr, r *vmo.PageRequest) zx.Status {
	n := l.table.CopyIn(dst, src)
	if n == len(dst) {
		return zx.OK
	}
	return l.copyRest(dst, src, n, false, r)
}

// copyRest is CopyIn, or CopyOut if out is set, of which n bytes are done, not all.
func (l *Lane) copyRest(p []byte, va zx.VirtAddr, n int, out bool, r *vmo.PageRequest) zx.Status {
	for n < len(p) {
		p, va = p[n:], va+zx.VirtAddr(n)
		if st := l.Resolve(va, uint64(len(p)), out, r); st != zx.OK {
			return st
		}
		if out {
			n = l.table.CopyOut(va, p)
		} else {
			n = l.table.CopyIn(p, va)
		}
	}
	return zx.OK
}

// CopyOut copies src to user memory at dst as stores by the program would: it
// may ask pagers, and dirties pages. What was copied before an error stays.
// Otherwise as CopyIn.
func (l *Lane) CopyOut(dst zx.VirtAddr, src []byte, r *vmo.PageRequest) zx.Status {
	n := l.table.CopyOut(dst, src)
	if n == len(src) {
		return zx.OK
	}
	return l.copyRest(src, dst, n, true, r)
}

// CopyPacket copies the packet at va to p, or p to va if out is set, if that takes
// no look at anything but the page tables used last; if not it does nothing, and
// says so: CopyIn and CopyOut know the rest.
//
// Locks: none held; takes the page-table lock.
func (l *Lane) CopyPacket(va zx.VirtAddr, p *zx.Packet, out bool) bool {
	return l.table.CopyPacket(va, p, out)
}

// Bytes reads and writes user memory from Go, an io.ReaderAt and io.WriterAt
// whose offsets are addresses: faults are resolved as for the program itself.
type Bytes struct {
	as *AddressSpace
	mu sync.Mutex
	r  vmo.PageRequest // guarded by mu
}

// Bytes gives access to as for goroutines that wait by w, which is used for
// nothing else meanwhile.
func (as *AddressSpace) Bytes(w vmo.Waiter) *Bytes {
	b := &Bytes{as: as}
	b.r.Init(w)
	return b
}

// ReadAt implements io.ReaderAt. Errors: a zx.Status of AddressSpace.CopyIn.
func (b *Bytes) ReadAt(p []byte, va int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := b.as.mine().CopyIn(p, zx.VirtAddr(va), &b.r); st != zx.OK {
		return 0, st
	}
	return len(p), nil
}

// WriteAt implements io.WriterAt. Errors: a zx.Status of AddressSpace.CopyOut.
func (b *Bytes) WriteAt(p []byte, va int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if st := b.as.mine().CopyOut(zx.VirtAddr(va), p, &b.r); st != zx.OK {
		return 0, st
	}
	return len(p), nil
}

// TryCopyIn copies what is mapped of user memory at src, up to the first page
// that is not, and gives the number of bytes. It resolves nothing.
//
// Locks: any may be held; takes the page-table lock.
func (l *Lane) TryCopyIn(dst []byte, src zx.VirtAddr) int {
	return l.table.CopyIn(dst, src)
}

// Resolve takes the fault that kept a TryCopy from the page at va, the first
// of [va, va+n); the copy is then tried again.
//
// Locks: none held.
// Errors: ErrNotFound the range is not user space or wraps | as CopyIn.
func (l *Lane) Resolve(va zx.VirtAddr, n uint64, write bool, r *vmo.PageRequest) zx.Status {
	if !isUserRange(uint64(va), n) {
		return zx.ErrNotFound
	}
	need := mmu.Read
	if write {
		need = mmu.Write
	}
	return l.require(va, need, r)
}

// Copier is a buffer in user memory as the far side of vmo.Read and vmo.Write.
// It implements vmo.Copier.
type Copier struct {
	Space   *Lane
	Base    zx.VirtAddr
	Request *vmo.PageRequest // not the one given to Read or Write
}

// CopyOut implements vmo.Copier.
func (c *Copier) CopyOut(pos uint64, p []byte) int {
	return c.Space.table.CopyOut(c.Base+zx.VirtAddr(pos), p)
}

// CopyIn implements vmo.Copier.
func (c *Copier) CopyIn(p []byte, pos uint64) int {
	return c.Space.table.CopyIn(p, c.Base+zx.VirtAddr(pos))
}

// Resolve implements vmo.Copier.
func (c *Copier) Resolve(pos, n uint64, write bool) zx.Status {
	return c.Space.Resolve(c.Base+zx.VirtAddr(pos), n, write, c.Request)
}
