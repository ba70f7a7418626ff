package x86

import "unsafe"

// What runs before there is a Go runtime: nothing here may allocate, panic, grow the
// stack, or use a table of absolute addresses.

// imageBase is where the image is linked to lie: the -T of the link, less the page of
// its headers.
const imageBase = 16 << 20

// load reads a T at a physical address.
//
//go:nosplit
//go:nocheckptr
func load[T uint8 | uint16 | uint32 | uint64](addr uint64) T {
	return *(*T)(unsafe.Add(nil, uintptr(addr)))
}

// store writes v at a physical address.
//
//go:nosplit
//go:nocheckptr
func store[T uint8 | uint16 | uint32 | uint64](addr uint64, v T) {
	*(*T)(unsafe.Add(nil, uintptr(addr))) = v
}

// memoryTable is a loader's memory map in memory: n entries, each with its start, its
// length, and the E820 kind at offset 16, which is how all loaders have it.
type memoryTable struct{ at, n, stride uint64 }

// ramFrom is how many bytes of RAM lie from address base on, in one piece and free of
// what the loader left for us. It is 0 if the loader's information makes no sense:
// it says less of it than ParsePVH and the like, and believes as little.
//
//go:nosplit
func ramFrom(base uint64, by Loader, info uint64) uint64 {
	var table memoryTable
	first := uint64(1<<64 - 1) // lowest address from base on that is taken
	if by == LoaderPVH || by == LoaderUEFI {
		if load[uint32](info) != pvhMagic || load[uint32](info+4) == 0 {
			return 0
		}
		table = memoryTable{load[uint64](info + 40), uint64(load[uint32](info + 48)), pvhEntryBytes}
		first = taken(first, base, info, pvhInfoBytes)
		modules := load[uint64](info + 16)
		for i := range min(uint64(load[uint32](info+12)), maxModules) {
			m := modules + i*pvhModBytes
			first = taken(first, base, load[uint64](m), load[uint64](m+8))
		}
	} else if by == LoaderMultiboot2 {
		end := info + uint64(min(load[uint32](info), multibootMax))
		first = taken(first, base, info, end-info)
		for at := info + 8; at+16 <= end; {
			kind, size := load[uint32](at), uint64(load[uint32](at+4))
			if size < 8 || size > end-at {
				break
			}
			if kind == tagMemoryMap && size >= 16 {
				stride := uint64(load[uint32](at + 8))
				if stride >= 24 {
					table = memoryTable{at + 16, (size - 16) / stride, stride}
				}
			} else if kind == tagModule && size >= 16 {
				start := uint64(load[uint32](at + 8))
				first = taken(first, base, start, uint64(load[uint32](at+12))-start)
			}
			at += (size + 7) &^ 7
		}
	} else if by == LoaderLinux {
		table = memoryTable{info + zeroPageE820, uint64(load[uint8](info + zeroPageE820Count)), e820Bytes}
		first = taken(first, base, info, zeroPageBytes)
		first = taken(first, base, uint64(load[uint32](info+setupRamdisk)), uint64(load[uint32](info+setupRamdiskBytes)))
		first = taken(first, base, uint64(load[uint32](info+setupCmdline)), maxCmdline)
	}
	if table.n > maxEntries {
		return 0
	}

	// Neighbours may be pieces of one; in any order.
	end := base
	for range table.n {
		before := end
		for i := range table.n {
			at := table.at + i*table.stride
			start, size := load[uint64](at), load[uint64](at+8)
			if MemoryKind(load[uint32](at+16)) == MemoryRAM && start <= end && start+size > end {
				end = start + size
			}
		}
		if end == before {
			break
		}
	}
	for i := range table.n {
		at := table.at + i*table.stride
		if kind := MemoryKind(load[uint32](at + 16)); kind != MemoryRAM && kind != 0 {
			first = taken(first, base, load[uint64](at), load[uint64](at+8))
		}
	}
	return min(end, max(first, base)) - base
}

// taken is first, or start if that is lower and [start, start+size) reaches past base.
//
//go:nosplit
func taken(first, base, start, size uint64) uint64 {
	if size == 0 || start+size <= base {
		return first
	}
	return min(first, start)
}
