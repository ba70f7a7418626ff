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
//
//go:nosplit
func (f *Framebuffer) check() {
	text := f.Text && f.Address == vgaText && f.Width >= 40 && f.Width <= 132 && f.Height >= 20 && f.Height <= 60 && f.Pitch == 2*f.Width
	pixels := !f.Text && f.Address != 0 && f.Address%4 == 0 && f.Address < 1<<47 && f.Width >= 80 && f.Height >= 16 &&
		f.Width <= 1<<14 && f.Height <= 1<<14 && f.Pitch%4 == 0 && f.Pitch >= 4*f.Width && f.Pitch <= 1<<17
	if !text && !pixels {
		*f = Framebuffer{}
	}
}

// linuxLoaders are the loaders' names by their type, which is in the upper half of a byte.
var linuxLoaders = map[uint8]string{0: "LILO", 3: "SYSLINUX", 7: "GRUB", 8: "U-Boot", 9: "Xen", 11: "QEMU"}

// ParseBoot reads what the loader passed at addr.
//
// Errors: it makes no sense, or lies where the boot tables map nothing; an unknown loader.
func ParseBoot(by Loader, addr zx.PhysAddr) (*BootInfo, error) {
	t := new(told)
	t.take(by, uint64(addr))
	if t.fault != 0 {
		return nil, fmt.Errorf("boot: %v "+faults[t.fault], by, t.at[0], t.at[1])
	}
	info := &BootInfo{Loader: by, RSDP: zx.PhysAddr(t.rsdp), Screen: t.screen}
	for _, x := range t.own {
		info.reserve(x.at, x.bytes)
	}
	var err error
	if info.CommandLine, err = info.text(t.line); err != nil {
		return nil, fmt.Errorf("boot: %v command line at %#x: %w", by, t.line.at, err)
	}
	if info.Name, err = info.text(t.name); err != nil {
		return nil, fmt.Errorf("boot: %v name at %#x: %w", by, t.name.at, err)
	}
	if by == LoaderLinux {
		info.Name = linuxLoaders[peek[uint8](uint64(addr)+setupLoaderType)>>4]
	}
	for i, x := range t.modules[:t.count] {
		m := Module{Range: Range{zx.PhysAddr(x.memory.at), zx.PhysAddr(x.memory.at + x.memory.bytes)}, CommandLine: "initrd"}
		if by != LoaderLinux {
			if m.CommandLine, err = info.text(x.text); err != nil {
				return nil, fmt.Errorf("boot: %v module %d: %w", by, i, err)
			}
		}
		info.Modules = append(info.Modules, m)
		info.reserve(x.memory.at, x.memory.bytes)
	}
	var regions []MemoryRegion
	for i := range t.table.n {
		at := t.table.at + i*t.table.stride
		start, size := peek[uint64](at), peek[uint64](at+8)
		if start+size < start { // up to the end of the address space
			size = -start - 1
		}
		regions = append(regions, MemoryRegion{Range{zx.PhysAddr(start), zx.PhysAddr(start + size)}, MemoryKind(peek[uint32](at + 16))})
	}
	info.Map = NewMemoryMap(regions)
	return info, nil
}

func (info *BootInfo) reserve(at, bytes uint64) {
	if bytes > 0 {
		info.Reserved = append(info.Reserved, Range{zx.PhysAddr(at), zx.PhysAddr(at + bytes)})
	}
}

// text reads a text and reserves its memory; at 0 there is none.
func (info *BootInfo) text(x extent) (string, error) {
	var s []byte
	for i := uint64(0); x.at != 0 && i < x.bytes; i++ {
		if !reachable(x.at+i, 1) {
			return "", fmt.Errorf("physical memory at %#x is not mapped", x.at+i)
		}
		c := peek[uint8](x.at + i)
		if c == 0 {
			info.reserve(x.at, i+1)
			return string(s), nil
		}
		s = append(s, c)
	}
	if x.bytes == maxText && x.at != 0 {
		return "", fmt.Errorf("no end within %d bytes", maxText)
	}
	return string(s), nil
}
