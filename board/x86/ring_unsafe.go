package x86

import (
	"sync/atomic"
	"unsafe"

	"faultline/zx"
)

// ringMemory is the part of a ring that the device sees: 16-byte aligned, and
// in the Go heap, whose objects do not move and whose virtual addresses are
// physical ones.
type ringMemory []byte

func newRingMemory(n int) ringMemory {
	_, _, bytes := ringLayout(n)
	return aligned(bytes, 16)
}

// parts views the memory as descriptor table, available ring and used ring of n
// elements. The two index words are 32 bits wide so that sync/atomic can order
// them against the elements; flags stay 0.
func (m ringMemory) parts(n int) (desc []descriptor, avail *atomic.Uint32, slots []uint16, used *atomic.Uint32, elems []usedElem) {
	a, u, bytes := ringLayout(n)
	if len(m) < bytes {
		panic("x86.ringMemory.parts: memory is too small")
	}
	p := unsafe.Pointer(unsafe.SliceData(m))
	return unsafe.Slice((*descriptor)(p), n),
		(*atomic.Uint32)(unsafe.Add(p, a)), unsafe.Slice((*uint16)(unsafe.Add(p, a+4)), n),
		(*atomic.Uint32)(unsafe.Add(p, u)), unsafe.Slice((*usedElem)(unsafe.Add(p, u+4)), n)
}

// AddressOf is where p lies in memory.
func AddressOf(p []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) }

// aligned is memory in the Go heap, of so many bytes, that begins at a multiple of to.
func aligned(bytes, to int) []byte {
	b := make([]byte, bytes+to)
	skip := -int(AddressOf(b)) & (to - 1)
	return b[skip : skip+bytes : skip+bytes]
}

// alignedPage is a page of memory in the Go heap.
func alignedPage() []byte { return aligned(zx.PageSize, zx.PageSize) }

// lastWords views the last doubleword of each of n elements of b, size bytes long.
func lastWords(b []byte, size, n int) []*atomic.Uint32 {
	if size%4 != 0 || len(b) < size*n {
		panic("x86.lastWords: memory is too small")
	}
	words := make([]*atomic.Uint32, n)
	for i := range words {
		words[i] = (*atomic.Uint32)(unsafe.Pointer(&b[(i+1)*size-4]))
	}
	return words
}
