package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"faultline/mmu"
)

// part is one program header of a made-up program.
type part struct {
	typ              elf.ProgType
	flags            elf.ProgFlag
	off, vaddr       uint64
	fileSize, memory uint64
}

// makeELF builds an ELF64 executable of the given parts and total length.
func makeELF(typ elf.Type, entry uint64, length int, parts ...part) []byte {
	var b bytes.Buffer
	h := elf.Header64{
		Type: uint16(typ), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: entry,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(parts)), Shentsize: 64,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	binary.Write(&b, binary.LittleEndian, &h)
	for _, p := range parts {
		binary.Write(&b, binary.LittleEndian, &elf.Prog64{
			Type: uint32(p.typ), Flags: uint32(p.flags), Off: p.off, Vaddr: p.vaddr, Filesz: p.fileSize, Memsz: p.memory,
		})
	}
	for b.Len() < length {
		b.WriteByte(byte(b.Len()))
	}
	return b.Bytes()
}

var text = part{elf.PT_LOAD, elf.PF_R | elf.PF_X, 0, 0, 0x300, 0x300}

func TestParseImage(t *testing.T) {
	data := part{elf.PT_LOAD, elf.PF_R | elf.PF_W, 0x310, 0x2310, 0x20, 0x3000}
	img, err := parseImage(makeELF(elf.ET_DYN, 0x100, 0x400, text, data))
	if err != nil {
		t.Fatal(err)
	}
	if !img.pie || img.entry != 0x100 || len(img.segments) != 2 {
		t.Errorf("pie %v entry %#x segments %d, want true 0x100 2", img.pie, img.entry, len(img.segments))
	}
	s := img.segments[1]
	if s.start != 0x2000 || s.end != 0x6000 || s.fileAt != 0x2310 || len(s.data) != 0x20 || s.prot != mmu.Read|mmu.Write {
		t.Errorf("data segment [%#x, %#x) file at %#x, %d bytes, %v", s.start, s.end, s.fileAt, len(s.data), s.prot)
	}
	if s.data[0] != 0x10 {
		t.Errorf("data begins with %#x, want the file's byte at 0x310", s.data[0])
	}
}

// TestParseImageSections: section headers are nobody's business here.
func TestParseImageSections(t *testing.T) {
	file := makeELF(elf.ET_DYN, 0x100, 0x400, text)
	for name, spoil := range map[string]func(*elf.Header64){
		"past the end": func(h *elf.Header64) { h.Shoff, h.Shnum = 1<<40, 9 },
		"negative":     func(h *elf.Header64) { h.Shoff, h.Shnum = 1<<63, 1 },
		"no number":    func(h *elf.Header64) { h.Shoff, h.Shnum = 0x10, 0 },
		"no table":     func(h *elf.Header64) { h.Shoff, h.Shnum = 0, 3 },
		"no names":     func(h *elf.Header64) { h.Shoff, h.Shnum, h.Shstrndx = 0x40, 1, 77 },
		"junk":         func(h *elf.Header64) { h.Shoff, h.Shnum, h.Shstrndx = 0x33, 4, 1 },
	} {
		var h elf.Header64
		if err := binary.Read(bytes.NewReader(file), binary.LittleEndian, &h); err != nil {
			t.Fatal(err)
		}
		spoil(&h)
		var b bytes.Buffer
		binary.Write(&b, binary.LittleEndian, &h)
		img, err := parseImage(append(b.Bytes(), file[b.Len():]...))
		if err != nil || len(img.segments) != 1 || img.segments[0].data[0] != elf.ELFMAG[0] {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseImageRefuses(t *testing.T) {
	load := func(flags elf.ProgFlag, off, vaddr, fileSize, memory uint64) part {
		return part{elf.PT_LOAD, flags, off, vaddr, fileSize, memory}
	}
	rw := elf.PF_R | elf.PF_W
	many := make([]part, maxImageSegments+1)
	for i := range many {
		many[i] = load(elf.PF_R|elf.PF_X, 0, uint64(i)<<12, 16, 16)
	}
	// A build id, then the tag of the ABI.
	linux := []byte("\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00GNU\x00ID\x00\x00" +
		"\x04\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00GNU\x00\x00\x00\x00\x00\x03\x00\x00\x00")
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":       {nil, "not a readable ELF"},
		"text":        {[]byte("#!/bin/sh\n"), `it begins with "#!/bin/s"`},
		"32 bits":     {[]byte("\x7fELF\x01\x01\x01"), "ELFCLASS32"},
		"truncated":   {makeELF(elf.ET_DYN, 0x100, 0x400, text, load(rw, 0x3f0, 0x2000, 0x20, 0x20)), "truncated"},
		"relocatable": {makeELF(elf.ET_REL, 0x100, 0x400, text), "not an executable"},
		"interpreter": {makeELF(elf.ET_DYN, 0x100, 0x400, part{typ: elf.PT_INTERP}, text), "interpreter"},
		"no segment":  {makeELF(elf.ET_DYN, 0x100, 0x400), "no loadable segment"},
		"w+x":         {makeELF(elf.ET_DYN, 0x100, 0x400, load(rw|elf.PF_X, 0, 0, 0x300, 0x300)), "both writable and executable"},
		"overlap":     {makeELF(elf.ET_DYN, 0x100, 0x400, text, load(rw, 0, 0x800, 8, 8)), "overlap"},
		"order":       {makeELF(elf.ET_DYN, 0x3100, 0x400, load(rw, 0, 0x5000, 8, 8), load(elf.PF_X, 0, 0x3000, 0x300, 0x300)), "out of order"},
		"wrap":        {makeELF(elf.ET_DYN, 0x100, 0x400, text, load(rw, 0, ^uint64(0)-0x100, 8, 0x1000)), "wraps"},
		"wrap page":   {makeELF(elf.ET_DYN, 0x100, 0x400, text, load(rw, 0, ^uint64(0)-0x100, 8, 0x80)), "wraps"},
		"huge":        {makeELF(elf.ET_DYN, 0x100, 0x400, text, load(rw, 0, 1<<40, 8, 0x1000)), "more than the limit"},
		"file > mem":  {makeELF(elf.ET_DYN, 0x100, 0x400, text, load(rw, 0, 0x2000, 0x80, 8)), "exceeds memory size"},
		"entry":       {makeELF(elf.ET_DYN, 0x2000, 0x400, text, load(rw, 0, 0x2000, 8, 8)), "no executable segment"},
		"many":        {makeELF(elf.ET_DYN, 0, 0x800, many...), "more than the limit of 16"},
		"low":         {makeELF(elf.ET_EXEC, 0x400100, 0x400, load(elf.PF_R|elf.PF_X, 0, 0x400000, 0x300, 0x300)), "linked at 0x400000, but programs lie in [0x8000000000"},
		"linux":       {append(makeELF(elf.ET_DYN, 0x100, 0x400, text, part{typ: elf.PT_NOTE, off: 0x400, fileSize: 44}), linux...), "built for Linux"},
	} {
		_, err := parseImage(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

// FuzzParseImage: whatever the file, an answer and no panic; an accepted image
// keeps the promises the loader relies on.
func FuzzParseImage(f *testing.F) {
	f.Add(makeELF(elf.ET_DYN, 0x100, 0x400, text))
	f.Fuzz(func(t *testing.T, file []byte) {
		img, err := parseImage(file)
		if err != nil {
			return
		}
		end := uint64(0)
		for _, s := range img.segments {
			if s.start < end || s.end <= s.start || s.fileAt < s.start || s.fileAt+uint64(len(s.data)) > s.end {
				t.Fatalf("segment [%#x, %#x) with %d bytes at %#x after %#x", s.start, s.end, len(s.data), s.fileAt, end)
			}
			end = s.end
		}
	})
}

func TestStartBlock(t *testing.T) {
	const top = 0x80_0000_8000
	b, err := startBlock([]string{"sum", "12"}, 0x80_0020_0000, []handleID{{1, 7}, {0x100f0, 11}}, top)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	base := uint64(top - len(b))
	if base%16 != 0 || le.Uint32(b) != 1 || le.Uint32(b[4:]) != 2 || le.Uint64(b[16:]) != 0x80_0020_0000 || le.Uint32(b[24:]) != 2 {
		t.Errorf("header % x at %#x", b[:32], base)
	}
	if got := [4]uint32{le.Uint32(b[32:]), le.Uint32(b[36:]), le.Uint32(b[40:]), le.Uint32(b[44:])}; got != [4]uint32{1, 7, 0x100f0, 11} {
		t.Errorf("handles %#x", got)
	}
	argv := b[le.Uint64(b[8:])-base:]
	for i, want := range []string{"sum", "12"} {
		at := le.Uint64(argv[8*i:]) - base
		if got := string(b[at : at+uint64(len(want))+1]); got != want+"\x00" {
			t.Errorf("argv[%d] = %q, want %q", i, got, want)
		}
	}
	if le.Uint64(argv[16:]) != 0 {
		t.Errorf("argv[2] = %#x, want null", le.Uint64(argv[16:]))
	}
	if _, err := startBlock([]string{strings.Repeat("x", startMaxArg)}, 0, nil, top); err == nil {
		t.Error("64 KiB of arguments were accepted")
	}
}

func TestImageRanges(t *testing.T) {
	window := mmu.Range{Start: 0x200000, End: 0x900000}
	header := func(parts ...part) []byte {
		return makeELF(elf.ET_EXEC, 0x201000, headerBytes, parts...)[:headerBytes]
	}
	ranges, end, err := imageRanges(header(
		part{elf.PT_NOTE, elf.PF_R, 0, 0x200f00, 8, 8},
		part{elf.PT_LOAD, elf.PF_R | elf.PF_X, 0, 0x200000, 0x1234, 0x1234},
		part{elf.PT_LOAD, elf.PF_R, 0x2000, 0x202000, 0x800, 0x800},
		part{elf.PT_LOAD, elf.PF_R | elf.PF_W, 0x3000, 0x203000, 0x10, 0x2001}), window)
	want := []mmu.KernelRange{
		{Start: 0x200000, End: 0x202000, Prot: mmu.Read | mmu.Exec},
		{Start: 0x202000, End: 0x203000, Prot: mmu.Read},
		{Start: 0x203000, End: 0x206000, Prot: mmu.Read | mmu.Write},
	}
	if err != nil || end != 0x206000 || len(ranges) != len(want) {
		t.Fatalf("%v, end %#x, error %v", ranges, end, err)
	}
	for i := range want {
		if ranges[i] != want[i] {
			t.Errorf("range %d is %+v, want %+v", i, ranges[i], want[i])
		}
	}
	for name, h := range map[string][]byte{
		"no magic": make([]byte, headerBytes),
		"order": header(part{elf.PT_LOAD, elf.PF_R, 0, 0x204000, 8, 8},
			part{elf.PT_LOAD, elf.PF_R, 0, 0x202000, 8, 8}),
		"outside": header(part{elf.PT_LOAD, elf.PF_R, 0, 0x8ff000, 8, 0x2000}),
	} {
		if _, _, err := imageRanges(h, window); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
