//go:build tamago

package x86

import "unsafe"

// The UEFI application: it asks the firmware for everything a kernel wants to know,
// writes it down as PVH start info, and leaves boot services.
//
// It runs before the runtime, wherever the firmware has put the image, so the rules
// of early_unsafe.go hold; calls of the firmware go through efiCall.
// Source: UEFI 2.10: 4.3 (system table), 7.2 (memory), 7.3 (protocols), 7.4.6
// (ExitBootServices), 9.1 (loaded image), 12.9 (graphics output), 13.9 (block I/O).

const (
	efiConOut       = 64 // in the system table
	efiBootServices = 96
	efiTableCount   = 104
	efiTables       = 112

	efiOutputString = 8 // in the text output protocol

	efiAllocatePages    = 40 // in the boot services
	efiGetMemoryMap     = 56
	efiHandleProtocol   = 152
	efiExitBootServices = 232
	efiLocateDevicePath = 184
	efiLocateHandles    = 312 // LocateHandleBuffer
	efiLocateProtocol   = 320

	efiAnyBelow   = 1 // AllocateMaxAddress
	efiLoaderData = 2
	efiByProtocol = 2

	// Parts of the memory that efiBoot hands to the kernel.
	efiInfoModule  = 0x40   // one entry of a PVH module list
	efiInfoText    = 0x80   // text of the module
	efiInfoCmdline = 0x100  // command line
	efiInfoMap     = 0x1000 // PVH memory map
	efiInfoRaw     = 0x8000 // memory map as the firmware writes it
	efiInfoBytes   = 0x18000

	efiRamdiskMost = 512 << 20
)

// A GUID as two words.
type guid struct{ lo, hi uint64 }

var (
	guidLoadedImage = guid{0x11d295625b1b31a1, 0x3b7269c9a0003f8e}
	guidGraphics    = guid{0x4a3823dc9042a9de, 0x6a5180d0de7afb96}
	guidBlockIO     = guid{0x11d26459964e5b21, 0x3b7269c9a000398e}
	guidLoadFile2   = guid{0x403efcb34006c0c1, 0x6de024876c4a6d99}
	guidACPI2       = guid{0x11d3e4f18868e871, 0x81883cc7800022bc}
	guidACPI1       = guid{0x11d32d88eb9d2d30, 0x4dc13f279000169a}

	// initrdPath is the device path at which a loader offers Linux an initrd: one vendor
	// node, one end node.
	initrdPath = [3]uint64{0x5568e42700140304, 0x55ca74ac4f3d68fc, 0x0004ff7f68cc3152}

	// efiVideo is what the firmware says of its screen; the first word has a value so
	// that it lies in the data segment, as loader does.
	efiVideo = Framebuffer{Pitch: 1}
)

//go:nosplit
func (g *guid) at() uint64 { return uint64(uintptr(unsafe.Pointer(g))) }

//go:nosplit
func addressOf64(p *uint64) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

// efiPages allocates n pages below limit; 0 if there are none.
//
//go:nosplit
func efiPages(services, n, limit uint64) uint64 {
	at := limit
	if efiCall(services, efiAllocatePages, efiAnyBelow, efiLoaderData, n, addressOf64(&at), 0) != 0 {
		return 0
	}
	return at
}

// efiBoot prepares the kernel that lies at base, bytes long, and leaves boot
// services. It returns where a copy of the image may be made that is out of the way
// of the kernel's own place, and the PVH start info; a copy of 0 says that it
// has not left them.
//
//go:nosplit
func efiBoot(handle, system, base, bytes uint64) (copy, info uint64) {
	services := load[uint64](system + efiBootServices)
	info = efiPages(services, efiInfoBytes/efiPage, 1<<32-1)
	for range 16 {
		at := efiPages(services, (bytes+efiPage-1)/efiPage, 1<<32-1)
		if at == 0 || at+bytes <= imageBase || at >= imageBase+bytes {
			copy = at
			break
		}
	}
	if info == 0 || copy == 0 {
		efiSay(system, "faultline: no memory below 4 GiB\r\n")
		return 0, 0
	}
	for at := info; at < info+efiInfoMap; at += 8 {
		store[uint64](at, 0)
	}
	store[uint32](info, pvhMagic)
	store[uint32](info+4, 1)
	store(info+24, info+efiInfoCmdline)
	efiCommandLine(services, handle, info+efiInfoCmdline, efiInfoMap-efiInfoCmdline-1)
	efiFindACPI(system, info)
	efiFindScreen(services)
	if !efiLoadInitrd(services, info) {
		efiLoadRamdisk(services, info)
	}

	store(info+40, info+efiInfoMap)
	for range 8 {
		key, ok := efiMemory(services, info)
		// The kernel's place must be free; what boot services have there goes with them.
		if free := ramFrom(imageBase, LoaderUEFI, info); !ok || free < windowLeast {
			efiSay(system, "faultline: firmware keeps memory between 16 and 96 MiB for itself\r\n")
			return 0, 0
		}
		if efiCall(services, efiExitBootServices, handle, key, 0, 0, 0) == 0 {
			return copy, info
		} // else the map has changed meanwhile: take it again
	}
	efiSay(system, "faultline: firmware does not end its boot services\r\n")
	return 0, 0
}

// efiSay prints text on the firmware's console.
//
//go:nosplit
func efiSay(system uint64, text string) {
	out := load[uint64](system + efiConOut)
	for i := range len(text) {
		wide := uint64(*(*byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(text)), i)))
		efiCall(out, efiOutputString, out, addressOf64(&wide), 0, 0, 0)
	}
}

// efiCommandLine copies the application's load options to at if they are text.
//
//go:nosplit
func efiCommandLine(services, handle, at, most uint64) {
	var image uint64
	if efiCall(services, efiHandleProtocol, handle, guidLoadedImage.at(), addressOf64(&image), 0, 0) != 0 {
		return
	}
	n, from := uint64(load[uint32](image+48))/2, load[uint64](image+56)
	for i := range min(n, most) {
		c := load[uint16](from + 2*i)
		if c == 0 {
			return
		}
		if c < ' ' || c > '~' { // not text, or not for us
			store[uint8](at, 0)
			return
		}
		store(at+i, uint8(c))
	}
}

// efiFindACPI notes the root pointer, of the newest version there is.
//
//go:nosplit
func efiFindACPI(system, info uint64) {
	at := load[uint64](system + efiTables)
	for i := range min(load[uint64](system+efiTableCount), 1024) {
		entry := at + i*24
		id := guid{load[uint64](entry), load[uint64](entry + 8)}
		if id == guidACPI2 || id == guidACPI1 && load[uint64](info+32) == 0 {
			store(info+32, load[uint64](entry+16))
		}
	}
}

// efiFindScreen notes the framebuffer if it has 32 bits a pixel.
//
//go:nosplit
func efiFindScreen(services uint64) {
	var graphics uint64
	if efiCall(services, efiLocateProtocol, guidGraphics.at(), 0, addressOf64(&graphics), 0, 0) != 0 {
		return
	}
	mode := load[uint64](graphics + 24)
	what := load[uint64](mode + 8)
	if load[uint32](what+12) > 1 { // neither RGB nor BGR with a spare byte
		return
	}
	efiVideo.Address = load[uint64](mode + 24)
	efiVideo.Width, efiVideo.Height = load[uint32](what+4), load[uint32](what+8)
	efiVideo.Pitch = 4 * load[uint32](what+32)
}

// efiLoadInitrd takes the file that a loader offers to Linux, and says whether there
// was one. Source: Linux, "EFI Boot Stub"; UEFI 2.10, 13.2 (LoadFile2).
//
//go:nosplit
func efiLoadInitrd(services, info uint64) bool {
	path, handle, file := addressOf64(&initrdPath[0]), uint64(0), uint64(0)
	if efiCall(services, efiLocateDevicePath, guidLoadFile2.at(), addressOf64(&path), addressOf64(&handle), 0, 0) != 0 ||
		efiCall(services, efiHandleProtocol, handle, guidLoadFile2.at(), addressOf64(&file), 0, 0) != 0 {
		return false
	}
	size := uint64(0)
	efiCall(file, 0, file, path, 0, addressOf64(&size), 0) // "too small", and how large it is
	if size == 0 || size > efiRamdiskMost {
		return false
	}
	at := efiPages(services, (size+efiPage-1)/efiPage, 1<<32-1)
	if at == 0 || efiCall(file, 0, file, path, 0, addressOf64(&size), at) != 0 {
		return false
	}
	efiModule(info, at, size)
	return true
}

// efiModule notes the one module there is.
//
//go:nosplit
func efiModule(info, at, bytes uint64) {
	module := info + efiInfoModule
	store[uint32](info+12, 1)
	store(info+16, module)
	store(module, at)
	store(module+8, bytes)
	store(module+16, info+efiInfoText)
	store[uint64](info+efiInfoText, 0x6b7369646d6172) // "ramdisk"
}

// efiLoadRamdisk reads the first FAT32 partition with the label FAULTLINE into memory,
// and hands it on as a module: the kernel has no driver for a USB stick.
//
//go:nosplit
func efiLoadRamdisk(services, info uint64) {
	var n, handles uint64
	if efiCall(services, efiLocateHandles, efiByProtocol, guidBlockIO.at(), 0, addressOf64(&n), addressOf64(&handles)) != 0 {
		return
	}
	sector := info + efiInfoRaw // free until efiMemory
	for i := range min(n, 256) {
		var device uint64
		if efiCall(services, efiHandleProtocol, load[uint64](handles+8*i), guidBlockIO.at(), addressOf64(&device), 0, 0) != 0 {
			continue
		}
		media := load[uint64](device + 8)
		id, block, last := load[uint32](media), uint64(load[uint32](media+12)), load[uint64](media+24)
		const readBlocks, present, logical = 24, 5, 6
		if load[uint8](media+present) == 0 || load[uint8](media+logical) == 0 || block < 512 || block > efiPage || last >= efiRamdiskMost/512 {
			continue
		}
		if efiCall(device, readBlocks, device, uint64(id), 0, block, sector) != 0 ||
			load[uint64](sector+71) != 0x4e494c544c554146 || load[uint16](sector+82) != 0x4146 { // "FAULTLIN", "FA"
			continue
		}
		bytes := (last + 1) * block
		at := efiPages(services, (bytes+efiPage-1)/efiPage, 1<<32-1)
		if bytes > efiRamdiskMost || at == 0 || efiCall(device, readBlocks, device, uint64(id), 0, bytes, at) != 0 {
			return
		}
		efiModule(info, at, bytes)
		return
	}
}

// efiMemory writes the PVH memory map from the firmware's and gives its key.
//
//go:nosplit
func efiMemory(services, info uint64) (key uint64, ok bool) {
	size, stride, version := uint64(efiInfoBytes-efiInfoRaw), uint64(0), uint64(0)
	raw := info + efiInfoRaw
	if efiCall(services, efiGetMemoryMap, addressOf64(&size), raw, addressOf64(&key), addressOf64(&stride), addressOf64(&version)) != 0 || stride < 40 {
		return 0, false
	}
	store(info+48, efiRegions(raw, size, stride, info+efiInfoMap, maxEntries))
	return key, true
}
