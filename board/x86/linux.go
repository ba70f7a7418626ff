package x86

import (
	"encoding/binary"
	"fmt"

	"faultline/zx"
)

// Layout of boot_params, the "zero page". Source: Linux, "The Linux/x86 Boot
// Protocol" and "Zero Page".
const (
	zeroPageBytes     = 4096
	zeroPageRSDP      = 0x070
	zeroPageE820Count = 0x1e8
	setupMagicAt      = 0x202 // "HdrS"
	setupLoaderType   = 0x210
	setupRamdisk      = 0x218
	setupRamdiskBytes = 0x21c
	setupCmdline      = 0x228
	zeroPageE820      = 0x2d0
	zeroPageMaxE820   = 128
	e820Bytes         = 20

	// In screen_info, at the beginning of the page.
	screenCols   = 0x07
	screenLines  = 0x0e
	screenIsVGA  = 0x0f
	screenWidth  = 0x12
	screenHeight = 0x14
	screenDepth  = 0x16
	screenBase   = 0x18
	screenPitch  = 0x24
	screenBaseHi = 0x3a
	screenText   = 0x01
	screenVESA   = 0x23
	screenEFI    = 0x70

	setupMagic = 0x53726448
)

// ParseLinux reads the boot_params at addr.
//
// Errors: no loader of Linux wrote them, or memory that read refuses.
func ParseLinux(addr zx.PhysAddr, read PhysReader) (*BootInfo, error) {
	le := binary.LittleEndian
	b, err := read(addr, zeroPageBytes)
	if err != nil {
		return nil, fmt.Errorf("boot: boot_params at %#x: %w", addr, err)
	}
	if m := le.Uint32(b[setupMagicAt:]); m != setupMagic {
		return nil, fmt.Errorf("boot: boot_params at %#x have magic %#x, want %#x", addr, m, setupMagic)
	}
	info := &BootInfo{RSDP: zx.PhysAddr(le.Uint64(b[zeroPageRSDP:])), Name: linuxLoaders[b[setupLoaderType]>>4]}
	info.reserve(addr, zeroPageBytes)
	if at := zx.PhysAddr(le.Uint32(b[setupCmdline:])); at != 0 {
		if info.CommandLine, err = info.text(at, read); err != nil {
			return nil, fmt.Errorf("boot: command line at %#x: %w", at, err)
		}
	}
	if start, n := zx.PhysAddr(le.Uint32(b[setupRamdisk:])), zx.PhysAddr(le.Uint32(b[setupRamdiskBytes:])); start != 0 && n != 0 {
		m := Module{Range{start, start + n}, "initrd"}
		info.Modules = append(info.Modules, m)
		info.Reserved = append(info.Reserved, m.Range)
	}
	if b[screenIsVGA] == screenText {
		cols := uint32(b[screenCols])
		info.Screen = Framebuffer{Address: vgaText, Width: cols, Height: uint32(b[screenLines]), Pitch: 2 * cols, Text: true}
	} else if kind := b[screenIsVGA]; (kind == screenVESA || kind == screenEFI) && le.Uint16(b[screenDepth:]) == 32 {
		info.Screen = Framebuffer{
			Address: uint64(le.Uint32(b[screenBaseHi:]))<<32 | uint64(le.Uint32(b[screenBase:])),
			Width:   uint32(le.Uint16(b[screenWidth:])), Height: uint32(le.Uint16(b[screenHeight:])),
			Pitch: uint32(le.Uint16(b[screenPitch:])),
		}
	}
	n := int(b[zeroPageE820Count])
	if n > zeroPageMaxE820 {
		return nil, fmt.Errorf("boot: boot_params list %d memory regions", n)
	}
	var regions []MemoryRegion
	for i := range n {
		regions = append(regions, regionOf(b[zeroPageE820+i*e820Bytes:]))
	}
	if regions != nil {
		info.Map = NewMemoryMap(regions)
	}
	return info, nil
}

// linuxLoaders are the loaders' names by their type, which is in the upper half of a byte.
var linuxLoaders = map[uint8]string{0: "LILO", 3: "SYSLINUX", 7: "GRUB", 8: "U-Boot", 9: "Xen", 11: "QEMU"}
