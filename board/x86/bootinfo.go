package x86

import (
	"fmt"

	"faultline/zx"
)

// Loader says by which protocol the image was entered.
type Loader uint32

// The protocols.
const (
	LoaderPVH        Loader = 1 // QEMU, Xen, Firecracker, cloud-hypervisor
	LoaderMultiboot2 Loader = 2 // GRUB, iPXE
	LoaderLinux      Loader = 3 // whatever loads Linux
	LoaderUEFI       Loader = 4 // the firmware itself
)

func (l Loader) String() string {
	if l >= LoaderPVH && l <= LoaderUEFI {
		return [...]string{"PVH", "Multiboot2", "the Linux boot protocol", "UEFI"}[l-LoaderPVH]
	}
	return fmt.Sprintf("loader %d", uint32(l))
}

// What is the most that any loader passes.
const (
	maxEntries = 1024 // of a memory map
	maxModules = 64
	maxCmdline = 64 << 10
)

// PhysReader gives n bytes of physical memory at addr. The caller does not
// write to them.
type PhysReader func(addr zx.PhysAddr, n int) ([]byte, error)

// Module is one file that the loader put into memory.
type Module struct {
	Range       Range
	CommandLine string
}

// BootInfo is what the loader said.
type BootInfo struct {
	Loader      Loader
	Name        string // the loader's own name; "" if it gave none
	CommandLine string
	Modules     []Module
	RSDP        zx.PhysAddr // ACPI root pointer; 0 if the loader gave none
	Screen      Framebuffer
	Map         MemoryMap // nil if the loader gave none
	Reserved    []Range   // memory that holds the above
}

// Framebuffer is a screen: of 32-bit pixels, blue in the lowest byte or red, which is
// the same to white on black; or of characters, as VGA has them. Address 0 is none.
type Framebuffer struct {
	Address              uint64
	Width, Height, Pitch uint32 // pixels or characters, lines, bytes of a line
	Text                 bool   // characters
}

// vgaText is where VGA has its characters.
const vgaText = 0xb8000

// Memory is what f covers.
func (f Framebuffer) Memory() Range {
	return Range{zx.PhysAddr(f.Address), zx.PhysAddr(f.Address + uint64(f.Pitch)*uint64(f.Height))}
}

// check drops a framebuffer that cannot be one.
func (f *Framebuffer) check() {
	text := f.Text && f.Address == vgaText && f.Width >= 40 && f.Width <= 132 && f.Height >= 20 && f.Height <= 60 && f.Pitch == 2*f.Width
	pixels := !f.Text && f.Address != 0 && f.Address%4 == 0 && f.Address < 1<<47 && f.Width >= 80 && f.Height >= 16 &&
		f.Width <= 1<<14 && f.Height <= 1<<14 && f.Pitch%4 == 0 && f.Pitch >= 4*f.Width && f.Pitch <= 1<<17
	if !text && !pixels {
		*f = Framebuffer{}
	}
}

// ParseBoot reads what the loader passed at addr.
//
// Errors: those of ParsePVH, ParseMultiboot2 and ParseLinux; an unknown loader.
func ParseBoot(by Loader, addr zx.PhysAddr, read PhysReader) (info *BootInfo, err error) {
	switch by {
	case LoaderPVH, LoaderUEFI:
		info, err = ParsePVH(addr, read)
	case LoaderMultiboot2:
		info, err = ParseMultiboot2(addr, read)
	case LoaderLinux:
		info, err = ParseLinux(addr, read)
	default:
		err = fmt.Errorf("boot: entered by %v", by)
	}
	if err == nil {
		info.Loader = by
		info.Screen.check()
	}
	return info, err
}

func (info *BootInfo) reserve(addr zx.PhysAddr, n int) {
	info.Reserved = append(info.Reserved, Range{addr, addr + zx.PhysAddr(n)})
}

// text reads a NUL-terminated string, page by page so that it never asks for
// more than one page beyond the end.
func (info *BootInfo) text(addr zx.PhysAddr, read PhysReader) (string, error) {
	var s []byte
	for len(s) < maxCmdline {
		at := addr + zx.PhysAddr(len(s))
		b, err := read(at, zx.PageSize-int(at&zx.PageMask))
		if err != nil {
			return "", err
		}
		for i, c := range b {
			if c == 0 {
				s = append(s, b[:i]...)
				info.reserve(addr, len(s)+1)
				return string(s), nil
			}
		}
		s = append(s, b...)
	}
	return "", fmt.Errorf("no end within %d bytes", maxCmdline)
}
