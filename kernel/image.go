package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"faultline/mmu"
	"faultline/vmar"
	"faultline/zx"
)

// Limits of a ring-3 program image. They bound what one file can make the
// kernel allocate before the program has run an instruction.
const (
	maxImageFile     = 64 << 20  // bytes of the ELF file
	maxImageMemory   = 256 << 20 // bytes from the lowest to the highest segment
	maxImageSegments = 16
)

// segment is one PT_LOAD of a program, rounded out to whole pages.
type segment struct {
	start, end uint64 // bytes relative to the load bias, page aligned, [start, end)
	fileAt     uint64 // where data begins, relative to the load bias
	data       []byte
	prot       mmu.Prot
}

// image is a checked ELF64 program: everything the loader needs, and nothing
// that it would have to check again.
type image struct {
	pie      bool   // ET_DYN: the loader chooses the bias
	entry    uint64 // relative to the load bias
	segments []segment
}

// parseImage checks an ELF file and describes its segments. It accepts a
// static executable (ET_EXEC) and a static position-independent one (ET_DYN
// without an interpreter). An error names the value that is wrong.
//
// Source: System V ABI, AMD64 supplement, chapter 5; ELF-64 object format.
func parseImage(file []byte) (*image, error) {
	if len(file) > maxImageFile {
		return nil, fmt.Errorf("program file has %d bytes, more than the limit of %d", len(file), maxImageFile)
	}
	if !bytes.HasPrefix(file, []byte(elf.ELFMAG)) {
		return nil, fmt.Errorf("not a readable ELF file: it begins with %q", file[:min(len(file), 8)])
	}
	if len(file) > elf.EI_CLASS && elf.Class(file[elf.EI_CLASS]) != elf.ELFCLASS64 {
		return nil, fmt.Errorf("not an x86-64 ELF file: %v", elf.Class(file[elf.EI_CLASS]))
	}
	h, progs, err := programHeaders(file)
	if err != nil {
		return nil, err
	}
	if data, machine := elf.Data(h.Ident[elf.EI_DATA]), elf.Machine(h.Machine); data != elf.ELFDATA2LSB || machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("not an x86-64 ELF file: %v, %v", data, machine)
	}
	typ := elf.Type(h.Type)
	if typ != elf.ET_EXEC && typ != elf.ET_DYN {
		return nil, fmt.Errorf("not an executable: ELF type %v", typ)
	}
	img := &image{pie: typ == elf.ET_DYN, entry: h.Entry}
	for i := range progs {
		p := &progs[i]
		switch elf.ProgType(p.Type) {
		case elf.PT_INTERP:
			return nil, fmt.Errorf("program header %d asks for an interpreter: link the program statically", i)
		case elf.PT_NOTE:
			if zx.InRange(p.Off, p.Filesz, uint64(len(file))) && linuxNote(file[p.Off:][:p.Filesz]) {
				return nil, fmt.Errorf("the program is built for Linux: a note of its C library says so. Build it with make program or user/cc")
			}
		case elf.PT_LOAD:
			if p.Memsz == 0 {
				continue
			}
			s, err := parseSegment(file, p)
			if err != nil {
				return nil, fmt.Errorf("program header %d: %w", i, err)
			}
			img.segments = append(img.segments, s)
		}
	}
	return img, img.check()
}

// programHeaders reads the header and the program headers of an ELF64 file, of which
// file is at least the beginning. What sections it has does not matter to who runs it.
func programHeaders(file []byte) (h elf.Header64, list []elf.Prog64, err error) {
	le, size := binary.LittleEndian, uint64(binary.Size(elf.Prog64{}))
	if _, err := binary.Decode(file, le, &h); err != nil || !bytes.HasPrefix(file, []byte(elf.ELFMAG)) {
		return h, nil, fmt.Errorf("not a readable ELF file: it begins with % x", file[:min(len(file), 8)])
	}
	if uint64(h.Phentsize) != size || !zx.InRange(h.Phoff, uint64(h.Phnum)*size, uint64(len(file))) {
		return h, nil, fmt.Errorf("not a readable ELF file: %d program headers of %d bytes at %#x", h.Phnum, h.Phentsize, h.Phoff)
	}
	list = make([]elf.Prog64, h.Phnum)
	_, err = binary.Decode(file[h.Phoff:], le, list)
	return h, list, err
}

// linuxNote says whether notes hold that which the GNU C library puts into every
// program: that it is for Linux. Its system calls would be ours by number only.
// Source: Linux Standard Base, ABI note tag; System V ABI, note section.
func linuxNote(notes []byte) bool {
	const header, ntGNUABITag, abiLinux = 12, 1, 0
	le := binary.LittleEndian
	for len(notes) >= header {
		name, desc, typ := uint64(le.Uint32(notes)), uint64(le.Uint32(notes[4:])), le.Uint32(notes[8:])
		at := header + (name+3)&^3
		next := at + (desc+3)&^3
		if next > uint64(len(notes)) {
			break
		}
		if typ == ntGNUABITag && name == 4 && string(notes[header:][:4]) == "GNU\x00" && desc >= 4 {
			return le.Uint32(notes[at:]) == abiLinux
		}
		notes = notes[next:]
	}
	return false
}

// parseSegment checks one PT_LOAD against the file it lies in.
func parseSegment(file []byte, p *elf.Prog64) (segment, error) {
	flags := elf.ProgFlag(p.Flags)
	if p.Filesz > p.Memsz {
		return segment{}, fmt.Errorf("file size %#x exceeds memory size %#x", p.Filesz, p.Memsz)
	}
	if !zx.InRange(p.Off, p.Filesz, uint64(len(file))) {
		return segment{}, fmt.Errorf("file range %#x+%#x lies outside the file of %#x bytes (truncated?)", p.Off, p.Filesz, len(file))
	}
	if p.Vaddr+p.Memsz < p.Vaddr {
		return segment{}, fmt.Errorf("memory range %#x+%#x wraps", p.Vaddr, p.Memsz)
	}
	end, ok := zx.RoundUp(p.Vaddr + p.Memsz)
	if !ok {
		return segment{}, fmt.Errorf("memory range %#x+%#x wraps", p.Vaddr, p.Memsz)
	}
	if flags&elf.PF_W != 0 && flags&elf.PF_X != 0 {
		return segment{}, fmt.Errorf("segment at %#x is both writable and executable", p.Vaddr)
	}
	s := segment{
		start:  zx.RoundDown(p.Vaddr),
		end:    end,
		fileAt: p.Vaddr,
		data:   file[p.Off : p.Off+p.Filesz],
		prot:   mmu.Read, // every segment is readable: x86-64 cannot express less
	}
	if flags&elf.PF_W != 0 {
		s.prot |= mmu.Write
	}
	if flags&elf.PF_X != 0 {
		s.prot |= mmu.Exec
	}
	return s, nil
}

// check judges the segments together: number, order, size, entry.
func (img *image) check() error {
	if len(img.segments) == 0 {
		return fmt.Errorf("no loadable segment")
	}
	if len(img.segments) > maxImageSegments {
		return fmt.Errorf("%d loadable segments, more than the limit of %d", len(img.segments), maxImageSegments)
	}
	for i := 1; i < len(img.segments); i++ {
		if a, b := img.segments[i-1], img.segments[i]; b.start < a.end {
			return fmt.Errorf("segments overlap or are out of order: [%#x, %#x) and [%#x, %#x)", a.start, a.end, b.start, b.end)
		}
	}
	if lo, hi := img.bounds(); hi-lo > maxImageMemory {
		return fmt.Errorf("program spans %#x bytes of memory, more than the limit of %#x", hi-lo, maxImageMemory)
	}
	if lo, hi := img.bounds(); !img.pie && (lo < uint64(vmar.UserBase) || hi > uint64(vmar.UserEnd)) {
		return fmt.Errorf("the program is linked at %#x, but programs lie in [%#x, %#x): link it position-independent (-static-pie) or up there (-Wl,-Ttext-segment=0x8000200000)",
			lo, uint64(vmar.UserBase), uint64(vmar.UserEnd))
	}
	for _, s := range img.segments {
		if s.prot&mmu.Exec != 0 && img.entry >= s.start && img.entry < s.end {
			return nil
		}
	}
	return fmt.Errorf("entry point %#x lies in no executable segment", img.entry)
}

// bounds gives the page-aligned span of the image, relative to the load bias.
func (img *image) bounds() (lo, hi uint64) {
	return img.segments[0].start, img.segments[len(img.segments)-1].end
}
