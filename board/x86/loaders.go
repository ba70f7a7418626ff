package x86

// Layout of hvm_start_info and what it points to. Source: Xen, public/arch-x86/hvm/start_info.h.
const (
	pvhMagic      = 0x336ec578
	pvhInfoBytes  = 56 // version 1
	pvhInfoBytes0 = 40 // version 0: no memory map
	pvhEntryBytes = 24 // hvm_memmap_table_entry
	pvhModBytes   = 32 // hvm_modlist_entry
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

// What is the most that any loader passes.
const (
	maxEntries = 1024 // of a memory map
	maxModules = 64
	maxText    = 64 << 10
)

// told is what a loader passed, as numbers: texts are not read yet, and where memory is said
// to be nobody has looked. It is taken twice, by ramFrom before there is a runtime and by
// ParseBoot, so the rules of early_unsafe.go hold.
type told struct {
	own     [3]extent // memory of the information, of a list of modules, of a memory map
	table   memoryTable
	modules [maxModules]struct{ memory, text extent }
	count   uint64 // of modules
	line    extent // command line
	name    extent // of the loader
	rsdp    uint64
	screen  Framebuffer

	fault fault // the first
	at    [2]uint64
}

// extent is a piece of memory; a text ends at its end or at a NUL before that.
type extent struct{ at, bytes uint64 }

// memoryTable is a loader's memory map in memory: n entries, each with its start, its
// length, and the E820 kind at offset 16, which is how all loaders have it.
type memoryTable struct{ at, n, stride uint64 }

// fault is why what a loader passed makes no sense.
type fault uint8

const (
	faultLoader fault = 1 + iota
	faultInfo
	faultMagic
	faultTag
	faultModules
	faultModule
	faultMap
)

// faults are the words for each, behind the loader's name, with both values of told.at.
var faults = [...]string{
	faultLoader:  "is no loader we know (%d, %#x)",
	faultInfo:    "information at %#x of %d bytes",
	faultMagic:   "information at %#x has magic %#x",
	faultTag:     "tags are cut short: %#x of %#x",
	faultModules: "has %d modules at %#x",
	faultModule:  "module at [%#x, %#x)",
	faultMap:     "memory map of %d entries at %#x",
}

// fail notes a fault if it is the first.
//
//go:nosplit
func (t *told) fail(f fault, a, b uint64) {
	if t.fault == 0 {
		t.fault, t.at = f, [2]uint64{a, b}
	}
}

// take takes what the loader passed at info.
//
//go:nosplit
func (t *told) take(by Loader, info uint64) {
	*t = told{}
	if by == LoaderPVH || by == LoaderUEFI {
		t.pvh(info)
	} else if by == LoaderMultiboot2 {
		t.multiboot2(info)
	} else if by == LoaderLinux {
		t.linux(info)
	} else {
		t.fail(faultLoader, uint64(by), info)
	}
	t.screen.check()
}

// module notes a module.
//
//go:nosplit
func (t *told) module(start, end uint64, text extent) {
	if end < start {
		t.fail(faultModule, start, end)
	} else if t.count == maxModules {
		t.fail(faultModules, t.count+1, start)
	} else {
		t.modules[t.count].memory = extent{start, end - start}
		t.modules[t.count].text = text
		t.count++
	}
}

// memory notes the memory map.
//
//go:nosplit
func (t *told) memory(at, n, stride uint64) {
	if n > maxEntries || n > 0 && !reachable(at, n*stride) {
		t.fail(faultMap, n, at)
		return
	}
	t.table = memoryTable{at, n, stride}
}

// pvh takes the PVH start info.
//
//go:nosplit
func (t *told) pvh(info uint64) {
	if !reachable(info, pvhInfoBytes0) {
		t.fail(faultInfo, info, pvhInfoBytes0)
		return
	}
	if m := peek[uint32](info); m != pvhMagic {
		t.fail(faultMagic, info, uint64(m))
		return
	}
	t.own[0] = extent{info, pvhInfoBytes}
	t.line = extent{peek[uint64](info + 24), maxText}
	t.rsdp = peek[uint64](info + 32)
	list, n := peek[uint64](info+16), uint64(peek[uint32](info+12))
	if n > maxModules || n > 0 && !reachable(list, n*pvhModBytes) {
		t.fail(faultModules, n, list)
		return
	}
	t.own[1] = extent{list, n * pvhModBytes}
	for m := list; m < list+n*pvhModBytes; m += pvhModBytes {
		start := peek[uint64](m)
		t.module(start, start+peek[uint64](m+8), extent{peek[uint64](m + 16), maxText})
	}
	if version := peek[uint32](info + 4); version == 0 {
		return
	}
	if !reachable(info, pvhInfoBytes) {
		t.fail(faultInfo, info, pvhInfoBytes)
		return
	}
	t.memory(peek[uint64](info+40), uint64(peek[uint32](info+48)), pvhEntryBytes)
	t.own[2] = extent{t.table.at, t.table.n * pvhEntryBytes}
}

// multiboot2 takes Multiboot2's boot information.
//
//go:nosplit
func (t *told) multiboot2(info uint64) {
	total := uint64(0)
	if reachable(info, 8) {
		total = uint64(peek[uint32](info))
	}
	if total < 16 || total > multibootMax || !reachable(info, total) {
		t.fail(faultInfo, info, total)
		return
	}
	t.own[0] = extent{info, total}
	for at, end := info+8, info+total; t.fault == 0; {
		if at+8 > end {
			t.fail(faultTag, at-info, total)
			return
		}
		kind, size := peek[uint32](at), uint64(peek[uint32](at+4))
		if kind == tagEnd {
			return
		}
		if size < 8 || size > end-at {
			t.fail(faultTag, at-info, total)
			return
		}
		data, n := at+8, size-8
		if kind == tagCommandLine {
			t.line = extent{data, n}
		} else if kind == tagLoaderName {
			t.name = extent{data, n}
		} else if kind == tagModule && n >= 8 {
			t.module(uint64(peek[uint32](data)), uint64(peek[uint32](data+4)), extent{data + 8, n - 8})
		} else if kind == tagMemoryMap && n >= 8 {
			if stride := uint64(peek[uint32](data)); stride < 24 {
				t.fail(faultMap, stride, data)
			} else {
				t.memory(data+8, (n-8)/stride, stride)
			}
		} else if kind == tagFramebuffer && n >= 22 {
			const rgb, text = 1, 2
			if kind := peek[uint8](data + 21); kind == text || kind == rgb && peek[uint8](data+20) == 32 {
				t.screen = Framebuffer{
					Address: peek[uint64](data), Pitch: peek[uint32](data + 8),
					Width: peek[uint32](data + 12), Height: peek[uint32](data + 16), Text: kind == text,
				}
			}
		} else if kind == tagACPI2 || kind == tagACPI1 && t.rsdp == 0 {
			t.rsdp = data
		}
		at += (size + 7) &^ 7
	}
}

// linux takes Linux's boot_params.
//
//go:nosplit
func (t *told) linux(info uint64) {
	if !reachable(info, zeroPageBytes) {
		t.fail(faultInfo, info, zeroPageBytes)
		return
	}
	if m := peek[uint32](info + setupMagicAt); m != setupMagic {
		t.fail(faultMagic, info, uint64(m))
		return
	}
	t.own[0] = extent{info, zeroPageBytes}
	t.rsdp = peek[uint64](info + zeroPageRSDP)
	t.line = extent{uint64(peek[uint32](info + setupCmdline)), maxText}
	if start, n := uint64(peek[uint32](info+setupRamdisk)), uint64(peek[uint32](info+setupRamdiskBytes)); start != 0 && n != 0 {
		t.module(start, start+n, extent{})
	}
	if kind := peek[uint8](info + screenIsVGA); kind == screenText {
		cols := uint32(peek[uint8](info + screenCols))
		t.screen = Framebuffer{Address: vgaText, Width: cols, Height: uint32(peek[uint8](info + screenLines)), Pitch: 2 * cols, Text: true}
	} else if (kind == screenVESA || kind == screenEFI) && peek[uint16](info+screenDepth) == 32 {
		t.screen = Framebuffer{
			Address: uint64(peek[uint32](info+screenBaseHi))<<32 | uint64(peek[uint32](info+screenBase)),
			Width:   uint32(peek[uint16](info + screenWidth)), Height: uint32(peek[uint16](info + screenHeight)),
			Pitch: uint32(peek[uint16](info + screenPitch)),
		}
	}
	n := uint64(peek[uint8](info + zeroPageE820Count))
	if n > zeroPageMaxE820 {
		t.fail(faultMap, n, info+zeroPageE820)
		return
	}
	t.memory(info+zeroPageE820, n, e820Bytes)
}
