//go:build tamago

package x86

import (
	"fmt"
	"unsafe"

	"faultline/cpu"
	"faultline/zx"
)

// ReadPhysical is a PhysReader for memory that the boot tables map, and for
// page 0 as it was.
func ReadPhysical(addr zx.PhysAddr, n int) ([]byte, error) {
	end := uint64(addr) + uint64(n)
	if n < 0 || end < uint64(addr) || end > bootMapped {
		return nil, fmt.Errorf("physical memory [%#x, +%d) is not mapped at boot", addr, n)
	}
	if uint64(addr) >= zx.PageSize {
		return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(addr))), n), nil
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = peek[uint8](uint64(addr) + uint64(i))
	}
	return b, nil
}

// deviceRanges are the registers that drivers use, as far as known.
var deviceRanges []Range

// upperHalf is where the kernel sees what lies at physical addresses of user space,
// from lowerEnd on. Package mmu's DeviceAddress is the same rule.
const (
	lowerEnd  = 1 << 39
	upperHalf = 0xffff_8000_0000_0000
)

// mapDevice lets a driver reach the registers, or other memory of a device, at r: now,
// by the boot tables, and under the kernel's tables, which map Machine.Devices. It gives
// the virtual address of r.Start.
//
// Pre: the boot tables are in place.
// Errors: r is not within the first 128 TiB, or holds RAM.
func mapDevice(r Range) (uint64, error) {
	if r.Start >= r.End || r.End > 1<<47 {
		return 0, fmt.Errorf("device memory %v cannot be mapped", r)
	}
	if boot, err := Boot(); err == nil && boot.Map.RAMIn(r) != 0 {
		return 0, fmt.Errorf("device memory %v is RAM", r)
	}
	deviceRanges = append(deviceRanges, pages(r))
	return mapBoot(r), nil
}

// mapBoot has the boot tables map r, and gives the virtual address of r.Start.
//
// Pre: r ends within the first 128 TiB.
func mapBoot(r Range) uint64 {
	va := uint64(r.Start)
	if va >= lowerEnd {
		va |= upperHalf
	}
	if uint64(r.End) <= bootMapped {
		return va
	}
	const large, entries = 2 << 20, 512
	const present, write, writeThrough, uncached, size = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 7
	for pa := uint64(r.Start) &^ (large - 1); pa < uint64(r.End); pa += large {
		table := (*[entries]uint64)(unsafe.Add(nil, uintptr(cpu.ReadCR3()&^(zx.PageSize-1))))
		for shift := 39; shift > 21; shift -= 9 {
			e := &table[(va-uint64(r.Start)+pa)>>shift%entries]
			if *e&present == 0 {
				page := alignedPage()
				bootTablePages = append(bootTablePages, page)
				*e = AddressOf(page) | present | write
			}
			table = (*[entries]uint64)(unsafe.Add(nil, uintptr(*e&0x000f_ffff_ffff_f000)))
		}
		if e := &table[pa>>21%entries]; *e == 0 {
			*e = pa | present | write | writeThrough | uncached | size
		}
	}
	return va
}

// keeps is keepsWord of any address.
func keeps(addr uint64) bool {
	return keepsWord(mapBoot(Range{zx.PhysAddr(addr), zx.PhysAddr(addr) + 8}))
}

// bootTablePages keeps what mapBoot added to the boot tables from the collector.
var bootTablePages [][]byte
