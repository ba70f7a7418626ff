package x86

import (
	"sync/atomic"
	"unsafe"

	"faultline/zx"
)

// What runs before there is a Go runtime: nothing here may allocate, panic, grow the
// stack, or use a table of absolute addresses.

// imageBase is where the image is linked to lie: the -T of the link, less the page of
// its headers.
const imageBase = 16 << 20

// chipset is where every PC has its interrupt controllers, and its firmware up to 4 GiB.
const chipset = 0xfec00000

// windowLeast is the smallest heap window, with the image.
const windowLeast = 80 << 20

const efiPage = 4096 // of UEFI's memory map

// bootMapped is the end of what the boot tables map.
var bootMapped uint64 = 1 << 32

// reachable says whether n bytes at addr can be read.
//
//go:nosplit
func reachable(addr, n uint64) bool { return addr < bootMapped && n <= bootMapped-addr }

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

// mmioRead loads a device register of width 1, 2 or 4 bytes: one access of this width, in
// program order, which the compiler promises for ordinary memory only where it does not
// see what is called.
//
// Pre: addr is mapped, uncached, and aligned to the width.
// Context: any; no allocation.
//
//go:nosplit
//go:noinline
func mmioRead(addr, width uint64) uint32 {
	switch width {
	case 1:
		return uint32(load[uint8](addr))
	case 2:
		return uint32(load[uint16](addr))
	}
	return load[uint32](addr)
}

// mmioWrite stores to a device register, as mmioRead loads.
//
//go:nosplit
//go:noinline
func mmioWrite(addr, width uint64, v uint32) {
	switch width {
	case 1:
		store(addr, uint8(v))
	case 2:
		store(addr, uint16(v))
	default:
		store(addr, v)
	}
}

// Where peek sees page 0, and all other memory: at its copy from prepare on, and at 0. A
// test has its memory elsewhere.
var pageZeroAt, memoryAt uint64

// peek reads a T that a loader left at a physical address.
//
// Pre: reachable.
//
//go:nosplit
//go:nocheckptr
func peek[T uint8 | uint16 | uint32 | uint64](addr uint64) T {
	if addr < zx.PageSize {
		return load[T](pageZeroAt + addr)
	}
	return load[T](memoryAt + addr)
}

// toldEarly is ramFrom's.
var toldEarly told

// ramFrom is how many bytes of RAM lie from address base on, in one piece and free of
// what the loader left for us. It is 0 if the loader's information makes no sense; but
// what is good of it counts, so that there is a runtime to tell what is not.
//
//go:nosplit
func ramFrom(base uint64, by Loader, info uint64) uint64 {
	t := &toldEarly
	t.take(by, info)
	first := uint64(1<<64 - 1) // lowest address from base on that is taken
	for i := range t.own {
		first = taken(first, base, t.own[i].at, t.own[i].bytes)
	}
	for i := range t.count {
		first = taken(first, base, t.modules[i].memory.at, t.modules[i].memory.bytes)
	}
	if t.line.at != 0 {
		first = taken(first, base, t.line.at, t.line.bytes)
	}

	// Neighbours may be pieces of one; in any order.
	table, end := t.table, base
	for range table.n {
		before := end
		for i := range table.n {
			at := table.at + i*table.stride
			start, size := peek[uint64](at), peek[uint64](at+8)
			if MemoryKind(peek[uint32](at+16)) == MemoryRAM && start <= end && start+size > end {
				end = start + size
			}
		}
		if end == before {
			break
		}
	}
	for i := range table.n {
		at := table.at + i*table.stride
		if kind := MemoryKind(peek[uint32](at + 16)); kind != MemoryRAM && kind != 0 {
			first = taken(first, base, peek[uint64](at), peek[uint64](at+8))
		}
	}
	return min(end, max(first, base)) - base
}

// keepsWord says whether the eight bytes at a physical address are memory. They are as they
// were afterwards.
//
//go:nosplit
//go:nocheckptr
func keepsWord(addr uint64) bool {
	p := (*uint64)(unsafe.Add(nil, uintptr(addr)))
	v := atomic.LoadUint64(p)
	atomic.SwapUint64(p, ^v)
	return atomic.SwapUint64(p, v) == ^v
}

// presentEnd is where the RAM ends that begins at start and is said to reach to end: there
// if its last word keeps what is written, or else on the page that bisection finds.
//
//go:nosplit
func presentEnd(start, end uint64, keeps func(uint64) bool) uint64 {
	if keeps((end - 8) &^ 7) {
		return end
	}
	start = (start + 4095) &^ 4095
	for start < end && end-start > 4096 {
		if middle := start + ((end-start)/2+4095)&^4095; keeps(middle - 8) {
			start = middle
		} else {
			end = middle
		}
	}
	return start
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

// efiRegions writes the PVH memory map to at, at most most entries, from size bytes of
// the firmware's at raw, stride bytes a descriptor, and gives their number. What the
// firmware keeps when its boot services end, and every kind that is not known, is
// reserved. Source: UEFI 2.10, 7.2.3 (memory types and their use after ExitBootServices).
//
//go:nosplit
func efiRegions(raw, size, stride, at, most uint64) (n uint32) {
	for d := raw; d+40 <= raw+size && uint64(n) < most; d += stride {
		start, bytes := load[uint64](d+8), load[uint64](d+24)*efiPage
		kind := MemoryReserved
		if t := load[uint32](d); t >= 1 && t <= 4 || t == 7 { // loader, boot services, conventional
			kind = MemoryRAM
		} else if t == 8 {
			kind = MemoryBad
		} else if t == 9 {
			kind = MemoryACPI
		} else if t == 10 {
			kind = MemoryNVS
		}
		if last := at - pvhEntryBytes; n > 0 && load[uint64](last)+load[uint64](last+8) == start && load[uint32](last+16) == uint32(kind) {
			store(last+8, load[uint64](last+8)+bytes)
			continue
		}
		store(at, start)
		store(at+8, bytes)
		store(at+16, uint64(kind))
		at += pvhEntryBytes
		n++
	}
	return n
}
