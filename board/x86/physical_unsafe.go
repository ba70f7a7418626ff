//go:build tamago

package x86

import (
	"fmt"
	"unsafe"

	"faultline/zx"
)

// bootMapped is the end of what the boot tables map.
const bootMapped = 1 << 32

// readPhysical is a PhysReader for memory that the boot tables map, and for
// page 0 as it was.
func readPhysical(addr zx.PhysAddr, n int) ([]byte, error) {
	end := uint64(addr) + uint64(n)
	if n < 0 || end < uint64(addr) || end > bootMapped {
		return nil, fmt.Errorf("physical memory [%#x, +%d) is not mapped at boot", addr, n)
	}
	if uint64(addr) >= zx.PageSize {
		return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(addr))), n), nil
	}
	b := make([]byte, n)
	low := copy(b, pageZero[addr:])
	if low < n {
		copy(b[low:], unsafe.Slice((*byte)(unsafe.Add(nil, zx.PageSize)), n-low))
	}
	return b, nil
}
