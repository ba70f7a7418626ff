package x86

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"faultline/zx"
)

// Tags of Multiboot2's boot information. Source: Multiboot2 specification 2.0, 3.6.
const (
	multibootMax = 1 << 20 // bytes of all of it

	tagEnd         = 0
	tagCommandLine = 1
	tagLoaderName  = 2
	tagModule      = 3
	tagMemoryMap   = 6
	tagFramebuffer = 8
	tagACPI1       = 14 // each followed by a copy of the root pointer
	tagACPI2       = 15
)

var errCutShort = errors.New("boot: Multiboot2 tags are cut short")

// ParseMultiboot2 reads the boot information at addr.
//
// Errors: it has no end, a tag reaches past it, or memory that read refuses.
func ParseMultiboot2(addr zx.PhysAddr, read PhysReader) (*BootInfo, error) {
	le := binary.LittleEndian
	b, err := read(addr, 8)
	if err != nil {
		return nil, fmt.Errorf("boot: Multiboot2 information at %#x: %w", addr, err)
	}
	total := le.Uint32(b)
	if total < 16 || total > multibootMax {
		return nil, fmt.Errorf("boot: Multiboot2 information at %#x of %d bytes", addr, total)
	}
	if b, err = read(addr, int(total)); err != nil {
		return nil, fmt.Errorf("boot: Multiboot2 information at %#x: %w", addr, err)
	}
	info := &BootInfo{}
	info.reserve(addr, int(total))
	text := func(b []byte) string {
		s, _, _ := strings.Cut(string(b), "\x00")
		return s
	}
	var regions []MemoryRegion
	for at := 8; ; {
		if at+8 > len(b) {
			return nil, errCutShort
		}
		kind, size := le.Uint32(b[at:]), int(le.Uint32(b[at+4:]))
		if kind == tagEnd {
			break
		}
		if size < 8 || size > len(b)-at {
			return nil, errCutShort
		}
		data := b[at+8 : at+size]
		switch {
		case kind == tagCommandLine:
			info.CommandLine = text(data)
		case kind == tagLoaderName:
			info.Name = text(data)
		case kind == tagModule && len(data) >= 8:
			start, end := zx.PhysAddr(le.Uint32(data)), zx.PhysAddr(le.Uint32(data[4:]))
			if end < start || len(info.Modules) == maxModules {
				return nil, fmt.Errorf("boot: Multiboot2 module %d at [%#x, %#x)", len(info.Modules), start, end)
			}
			m := Module{Range{start, end}, text(data[8:])}
			info.Modules = append(info.Modules, m)
			info.Reserved = append(info.Reserved, m.Range)
		case kind == tagMemoryMap && len(data) >= 8:
			stride := int(le.Uint32(data))
			if stride < 24 || (len(data)-8)/stride > maxEntries {
				return nil, fmt.Errorf("boot: Multiboot2 memory map of %d bytes, %d an entry", len(data), stride)
			}
			for data = data[8:]; len(data) >= stride; data = data[stride:] {
				regions = append(regions, regionOf(data))
			}
		case kind == tagFramebuffer && len(data) >= 22:
			const rgb, text = 1, 2
			if kind := data[21]; kind == text || kind == rgb && data[20] == 32 {
				info.Screen = Framebuffer{
					Address: le.Uint64(data), Pitch: le.Uint32(data[8:]), Width: le.Uint32(data[12:]), Height: le.Uint32(data[16:]), Text: kind == text,
				}
			}
		case kind == tagACPI2, kind == tagACPI1 && info.RSDP == 0:
			info.RSDP = addr + zx.PhysAddr(at) + 8
		}
		at += (size + 7) &^ 7
	}
	if regions != nil {
		info.Map = NewMemoryMap(regions)
	}
	return info, nil
}

// regionOf reads an entry of a memory map, the same for all loaders: start, length,
// E820's kind.
func regionOf(b []byte) MemoryRegion {
	le := binary.LittleEndian
	start, size := le.Uint64(b), le.Uint64(b[8:])
	if start+size < start { // up to the end of the address space
		size = -start - 1
	}
	return MemoryRegion{Range{zx.PhysAddr(start), zx.PhysAddr(start + size)}, MemoryKind(le.Uint32(b[16:]))}
}
