package x86

import (
	"encoding/binary"
	"errors"
	"fmt"

	"faultline/zx"
)

// Layout of hvm_start_info and what it points to. Source: Xen, public/arch-x86/hvm/start_info.h.
const (
	pvhMagic      = 0x336ec578
	pvhInfoBytes  = 56 // version 1
	pvhInfoBytes0 = 40 // version 0: no memory map
	pvhEntryBytes = 24 // hvm_memmap_table_entry
	pvhModBytes   = 32 // hvm_modlist_entry
)

var errNoStartInfo = errors.New("boot: no PVH start info: was the image loaded by PVH?")

// ParsePVH reads the PVH start info at addr and all that it points to.
//
// Errors: a wrong magic, a table longer than any loader would write, or memory
// that read refuses.
func ParsePVH(addr zx.PhysAddr, read PhysReader) (*BootInfo, error) {
	le := binary.LittleEndian
	if addr == 0 {
		return nil, errNoStartInfo
	}
	b, err := read(addr, pvhInfoBytes0)
	if err != nil {
		return nil, fmt.Errorf("boot: PVH start info at %#x: %w", addr, err)
	}
	if m := le.Uint32(b); m != pvhMagic {
		return nil, fmt.Errorf("boot: PVH start info at %#x has magic %#x, want %#x", addr, m, pvhMagic)
	}
	version := le.Uint32(b[4:])
	nmods := le.Uint32(b[12:])
	mods := zx.PhysAddr(le.Uint64(b[16:]))
	cmdline := zx.PhysAddr(le.Uint64(b[24:]))
	info := &BootInfo{RSDP: zx.PhysAddr(le.Uint64(b[32:]))}
	info.reserve(addr, pvhInfoBytes)

	if cmdline != 0 {
		if info.CommandLine, err = info.text(cmdline, read); err != nil {
			return nil, fmt.Errorf("boot: PVH command line at %#x: %w", cmdline, err)
		}
	}
	if nmods > maxModules {
		return nil, fmt.Errorf("boot: PVH start info lists %d modules", nmods)
	}
	for i := range zx.PhysAddr(nmods) {
		b, err := read(mods+i*pvhModBytes, pvhModBytes)
		if err != nil {
			return nil, fmt.Errorf("boot: PVH module %d: %w", i, err)
		}
		start, size, text := le.Uint64(b), le.Uint64(b[8:]), zx.PhysAddr(le.Uint64(b[16:]))
		if start+size < start {
			return nil, fmt.Errorf("boot: PVH module %d at %#x has %#x bytes", i, start, size)
		}
		m := Module{Range: Range{zx.PhysAddr(start), zx.PhysAddr(start + size)}}
		if text != 0 {
			if m.CommandLine, err = info.text(text, read); err != nil {
				return nil, fmt.Errorf("boot: PVH module %d: %w", i, err)
			}
		}
		info.Modules = append(info.Modules, m)
		info.Reserved = append(info.Reserved, m.Range)
	}
	if nmods > 0 {
		info.reserve(mods, int(nmods)*pvhModBytes)
	}
	if version == 0 {
		return info, nil
	}

	if b, err = read(addr, pvhInfoBytes); err != nil {
		return nil, fmt.Errorf("boot: PVH start info at %#x: %w", addr, err)
	}
	table, n := zx.PhysAddr(le.Uint64(b[40:])), le.Uint32(b[48:])
	if n > maxEntries {
		return nil, fmt.Errorf("boot: PVH memory map has %d entries", n)
	}
	if n == 0 {
		return info, nil
	}
	info.reserve(table, int(n)*pvhEntryBytes)
	var regions []MemoryRegion
	for i := range zx.PhysAddr(n) {
		b, err := read(table+i*pvhEntryBytes, pvhEntryBytes)
		if err != nil {
			return nil, fmt.Errorf("boot: PVH memory map: %w", err)
		}
		regions = append(regions, regionOf(b))
	}
	info.Map = NewMemoryMap(regions)
	return info, nil
}
