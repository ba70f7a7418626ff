package mmu

import (
	"unsafe"

	"faultline/zx"
)

// Window says where physical memory appears in the address space: the byte at
// physical address p is at Base+p. The zero Window is the identity map of the
// running kernel; simulated memory has its own.
type Window struct{ base unsafe.Pointer }

// Identity is the kernel's own window: physical address equals virtual.
func Identity() Window { return Window{} }

// page reaches the bytes of f. On metal the pointer leads outside the Go heap,
// which the collector ignores.
func (w Window) page(f Frame) *[zx.PageSize]byte {
	return (*[zx.PageSize]byte)(unsafe.Add(w.base, uintptr(f)<<zx.PageShift))
}

// target reaches the bytes of the page a leaf leads to.
func (w Window) target(leaf PTE) *[zx.PageSize]byte {
	return (*[zx.PageSize]byte)(unsafe.Add(w.base, uintptr(leaf&pteAddr)))
}

// packetAt reaches the packet at so many bytes in a page. Pre: all of it is there.
func packetAt(page *[zx.PageSize]byte, at uint64) *zx.Packet {
	return (*zx.Packet)(unsafe.Add(unsafe.Pointer(page), at))
}

// table reaches f as a page table.
func (w Window) table(f Frame) *table {
	return (*table)(unsafe.Add(w.base, uintptr(f)<<zx.PageShift))
}

// metas lays an array of n records over the frames from f on. The records are
// not cleared: Alloc clears each before its first use.
func (w Window) metas(f Frame, n int) []Meta {
	return unsafe.Slice((*Meta)(unsafe.Pointer(w.page(f))), n)
}

// Sizes of assignment that the compiler turns into straight 16-byte moves: a
// larger one becomes a loop or a call. The loops below do four of them a round,
// for CPUs without the 32-byte moves of wide_amd64.s.
const (
	zeroChunk = 128
	copyChunk = 64
)

// zeroPage clears a page, in 355 instructions.
func zeroPage(p *[zx.PageSize]byte) {
	for i := uintptr(0); i < zx.PageSize; i += 4 * zeroChunk {
		at := unsafe.Add(unsafe.Pointer(p), i)
		*(*[zeroChunk]byte)(at) = [zeroChunk]byte{}
		*(*[zeroChunk]byte)(unsafe.Add(at, zeroChunk)) = [zeroChunk]byte{}
		*(*[zeroChunk]byte)(unsafe.Add(at, 2*zeroChunk)) = [zeroChunk]byte{}
		*(*[zeroChunk]byte)(unsafe.Add(at, 3*zeroChunk)) = [zeroChunk]byte{}
	}
}

// copyPage copies a page, in about 650 instructions. Pre: the pages are distinct.
func copyPage(dst, src *[zx.PageSize]byte) {
	for i := uintptr(0); i < zx.PageSize; i += 4 * copyChunk {
		to, from := unsafe.Add(unsafe.Pointer(dst), i), unsafe.Add(unsafe.Pointer(src), i)
		*(*[copyChunk]byte)(to) = *(*[copyChunk]byte)(from)
		*(*[copyChunk]byte)(unsafe.Add(to, copyChunk)) = *(*[copyChunk]byte)(unsafe.Add(from, copyChunk))
		*(*[copyChunk]byte)(unsafe.Add(to, 2*copyChunk)) = *(*[copyChunk]byte)(unsafe.Add(from, 2*copyChunk))
		*(*[copyChunk]byte)(unsafe.Add(to, 3*copyChunk)) = *(*[copyChunk]byte)(unsafe.Add(from, 3*copyChunk))
	}
}

// simulatedWindow gives a window onto a slab of n zeroed pages on the host,
// page aligned like the real ones.
func simulatedWindow(n int) Window {
	slab := make([]byte, (n+1)*zx.PageSize)
	base := unsafe.Pointer(&slab[0])
	if over := uintptr(base) & zx.PageMask; over != 0 {
		base = unsafe.Add(base, zx.PageSize-over)
	}
	return Window{base: base}
}

// Compile-time proof that the sizes the package counts with are true.
var (
	_ [MetaBytes]struct{}   = [unsafe.Sizeof(Meta{})]struct{}{}
	_ [zx.PageSize]struct{} = [unsafe.Sizeof(table{})]struct{}{}
)
