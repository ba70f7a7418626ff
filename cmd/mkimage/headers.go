package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

var le = binary.LittleEndian

// A Multiboot2 header lies within the first 32 KiB of the file; the linker leaves
// room in the page of the ELF headers. Source: Multiboot2 specification 2.0, 3.1.
const (
	multibootAt    = 0x900
	multibootMagic = 0xe85250d6
	multibootRoom  = 0x100
)

// Tags of the header. An optional one that the loader does not know is passed over.
const (
	tagEnd          = 0
	tagEntryAddress = 3
	tagFramebuffer  = 5
	tagPageAligned  = 6
	tagNothing      = 0x7fff
	tagOptional     = 1
)

// withoutFramebuffer changes a file that addMultiboot2 has made so that it asks for no
// pixels; b is changed.
func withoutFramebuffer(b []byte) []byte {
	for at := multibootAt + 16; le.Uint16(b[at:]) != tagEnd; at += int(le.Uint32(b[at+4:])+7) &^ 7 {
		if le.Uint16(b[at:]) == tagFramebuffer {
			le.PutUint16(b[at:], tagNothing)
		}
	}
	return b
}

// addMultiboot2 writes the header into the page of the ELF headers.
//
// Errors: there is no room.
func (k *kernel) addMultiboot2() error {
	var tags []byte
	tag := func(kind, flags uint16, words ...uint32) {
		tags = le.AppendUint16(tags, kind)
		tags = le.AppendUint16(tags, flags)
		tags = le.AppendUint32(tags, uint32(8+4*len(words)))
		for _, w := range words {
			tags = le.AppendUint32(tags, w)
		}
		for len(tags)%8 != 0 {
			tags = append(tags, 0)
		}
	}
	tag(tagEntryAddress, 0, uint32(k.symbols[entryMultiboot2]))
	tag(tagFramebuffer, tagOptional, 1024, 768, 32)
	tag(tagPageAligned, 0)
	tag(tagEnd, 0)
	header := le.AppendUint32(nil, multibootMagic)
	header = le.AppendUint32(header, 0) // i386, protected mode
	n := uint32(16 + len(tags))
	header = le.AppendUint32(header, n)
	header = le.AppendUint32(header, -(multibootMagic + n))
	header = append(header, tags...)
	room := k.file[multibootAt:][:multibootRoom]
	if len(header) > len(room) || !bytes.Equal(room, make([]byte, len(room))) {
		return errors.New("no room for the Multiboot2 header in the page of the ELF headers")
	}
	copy(room, header)
	return nil
}

// reserveHeap turns the last program header, which is PT_GNU_STACK and of no use here,
// into a segment without content or rights that covers the least heap the kernel
// wants: a loader then puts its modules elsewhere.
//
// Errors: the last program header is another one.
func (k *kernel) reserveHeap() error {
	at, size, n := le.Uint64(k.file[32:]), uint64(le.Uint16(k.file[54:])), uint64(le.Uint16(k.file[56:]))
	p := k.file[at+(n-1)*size:][:size]
	if elf.ProgType(le.Uint32(p)) != elf.PT_GNU_STACK {
		return errors.New("the last program header is not PT_GNU_STACK")
	}
	start := (k.base + k.bytes + 0xfff) &^ 0xfff
	le.PutUint32(p, uint32(elf.PT_LOAD))
	le.PutUint32(p[4:], 0)
	le.PutUint64(p[16:], start)
	le.PutUint64(p[24:], start)
	le.PutUint64(p[40:], k.base+windowLeast-start)
	le.PutUint64(p[48:], 0x1000)
	return nil
}

// The file for UEFI and for loaders of Linux:
//
//	0x0000  MZ and PE headers, Linux's header, setup code: eight sectors
//	0x1000  what Linux's loaders put at 1 MiB: a page with the two entries
//	0x2000  the image, as it lies in memory
//
// Source: Microsoft PE/COFF specification, 2 to 4; Linux, "The Linux/x86 Boot
// Protocol", 1.1 to 1.3.
const (
	sector       = 512
	setupSectors = 7 // besides the first
	stubAt       = (1 + setupSectors) * sector
	imageAt      = stubAt + 0x1000
	entry64At    = 0x200 // in the stub

	peAt        = 0x40
	linuxAt     = 0x1f1
	setupAt     = 0x268
	loadLow     = 0x100000
	windowLeast = 80 << 20 // board/x86 wants as much from its base on
)

// efi makes the file.
//
// Errors: the parts are too long for where they go.
func (k *kernel) efi(setup []byte) ([]byte, error) {
	if len(setup) > stubAt-setupAt {
		return nil, fmt.Errorf("setup code of %d bytes", len(setup))
	}
	if loadLow+0x1000+k.bytes > k.base {
		return nil, fmt.Errorf("an image of %d bytes, loaded at 1 MiB, reaches to its place at %#x", k.bytes, k.base)
	}
	f := make([]byte, imageAt, imageAt+len(k.flat)+sector)
	f = append(f, k.flat...)
	for len(f)%sector != 0 {
		f = append(f, 0)
	}
	k.pe(f)

	put8 := func(at int, v uint8) { f[at] = v }
	put16 := func(at int, v uint16) { le.PutUint16(f[at:], v) }
	put32 := func(at int, v uint32) { le.PutUint32(f[at:], v) }
	put8(linuxAt, setupSectors)
	put32(0x1f4, uint32((len(f)-stubAt+15)/16)) // syssize
	put16(0x1fa, 0xffff)                        // vid_mode: normal
	put16(0x1fe, 0xaa55)                        // boot_flag
	put8(0x200, 0xeb)                           // jump to the setup code
	put8(0x201, setupAt-0x202)
	copy(f[0x202:], "HdrS")
	put16(0x206, 0x020c) // version 2.12
	put8(0x211, 1)       // loadflags: LOADED_HIGH
	put32(0x214, loadLow)
	put32(0x22c, 0x7fffffff) // initrd_addr_max
	put32(0x230, 0x1000)     // kernel_alignment
	put16(0x236, 1)          // xloadflags: XLF_KERNEL_64
	put32(0x238, 2047)       // cmdline_size
	le.PutUint64(f[0x258:], loadLow)
	put32(0x260, uint32(k.base+windowLeast-loadLow)) // init_size
	copy(f[setupAt:], setup)

	jump := func(at int, entry string) {
		f[at] = 0xe9
		put32(at+1, uint32(imageAt+int(k.symbols[entry]-k.base)-(at+5)))
	}
	jump(stubAt, entryLinux32)
	jump(stubAt+entry64At, entryLinux64)
	return f, nil
}

// pe writes the MZ and PE headers of a UEFI application with one section. Addresses
// in memory are offsets in the file.
func (k *kernel) pe(f []byte) {
	copy(f, "MZ")
	le.PutUint32(f[0x3c:], peAt)
	memory := uint32(imageAt+k.bytes+0xfff) &^ 0xfff
	raw := uint32(len(f) - stubAt)
	const directories = 6
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			binary.Write(&b, le, v) // a bytes.Buffer takes everything
		}
	}
	b.WriteString("PE\x00\x00")
	put(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), // machine, sections
		uint16(112+8*directories), uint16(0x222)) // executable, large addresses, no debug information
	put(uint16(0x20b), uint16(0), raw, uint32(0), uint32(0),
		uint32(imageAt+k.symbols[entryEFI]-k.base), uint32(stubAt)) // entry, base of code
	put(uint64(0), uint32(0x1000), uint32(sector), uint64(0), uint64(0), // image base, alignments, versions
		memory, uint32(stubAt), uint32(0), uint16(10), uint16(0)) // sizes, checksum, UEFI application
	put(uint64(0), uint64(0), uint64(0), uint64(0), uint32(0), uint32(directories))
	b.Write(make([]byte, 8*directories))
	b.WriteString(".text\x00\x00\x00")
	put(memory-stubAt, uint32(stubAt), raw, uint32(stubAt), uint64(0), uint32(0),
		uint32(0xe0000020)) // code: execute, read, write
	copy(f[peAt:linuxAt], b.Bytes())
}
