package vmo

import (
	"unsafe"

	"faultline/mmu"
	"faultline/zx"
)

// intervalBytes is the size of an interval.
const intervalBytes = uint64(unsafe.Sizeof(interval{}))

// slab is a frame of records. Its pointers lead into frames, which the collector
// neither owns nor scans.
type slab struct {
	slabHeader
	records [(zx.PageSize - unsafe.Sizeof(slabHeader{})) / unsafe.Sizeof(interval{})]interval
}

// slabAt reaches the slab kept in frame f.
func slabAt(m *mmu.Memory, f mmu.Frame) *slab {
	return (*slab)(unsafe.Pointer(m.Bytes(f)))
}
