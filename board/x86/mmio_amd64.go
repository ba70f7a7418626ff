//go:build tamago

package x86

// Loads and stores of device registers: one access of exactly this width each,
// in program order. The compiler promises neither for ordinary memory.
//
// Pre: addr is mapped, uncached, and aligned to the width.
// Context: any; nosplit, no allocation.

func mmioRead8(addr uint64) uint8
func mmioRead16(addr uint64) uint16
func mmioRead32(addr uint64) uint32
func mmioWrite8(addr uint64, v uint8)
func mmioWrite16(addr uint64, v uint16)
func mmioWrite32(addr uint64, v uint32)

// Load32 reads the doubleword at addr, which a device may write at any time.
//
// Pre: addr is mapped and aligned.
// Context: any; nosplit, no allocation.
//
//go:nosplit
func Load32(addr uint64) uint32 { return mmioRead32(addr) }
