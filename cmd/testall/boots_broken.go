package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A loader that lies: the image's PVH entry is changed to a few instructions that spoil
// what QEMU's loader wrote, or that bring tables of their own, and go on at one of the
// kernel's entries.

// liarAt is where the instructions are, and behind them, a page on, their tables.
const liarAt, liesAt = 0x200000, 0x201000

var le = binary.LittleEndian

// liar is code and tables of one lying loader.
type liar struct {
	name  string
	entry string // of the kernel, which it goes to
	code  []byte // before that; EBX is the PVH start info
	lies  []byte // at liesAt
	says  string // what the console must show
	lives bool   // the kernel runs all the same
	smp   string // CPUs of the machine, one if empty
}

// multibootTags makes boot information of Multiboot2 with a memory map of 256 MiB; its
// size is as given, 0 for the right one.
func multibootTags(size uint32, more ...byte) []byte {
	b := make([]byte, 8)
	b = append(b, words32(6, 16+24, 24, 0, 0x100000, 0, 255<<20, 0, 1, 0)...)
	b = append(b, more...)
	b = append(b, words32(0, 8)...)
	if size == 0 {
		size = uint32(len(b))
	}
	le.PutUint32(b, size)
	return b
}

func words32(words ...uint32) (b []byte) {
	for _, w := range words {
		b = le.AppendUint32(b, w)
	}
	return b
}

// noise fills n bytes by a generator whose seed is given.
func noise(seed uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*1664525 + 1013904223
		b[i] = byte(seed >> 24)
	}
	return b
}

// acpiTable makes a table with a right checksum.
func acpiTable(name string, body []byte) []byte {
	b := append(make([]byte, 36), body...)
	copy(b, name)
	le.PutUint32(b[4:], uint32(len(b)))
	b[9] = -sum8(b)
	return b
}

func sum8(b []byte) (s byte) {
	for _, v := range b {
		s += v
	}
	return s
}

// acpiTables makes a root pointer at liesAt, an XSDT 0x100 on and the tables from 0x1000
// on, 0x1000 apart.
func acpiTables(tables ...[]byte) []byte {
	b := make([]byte, 0x1000*(1+len(tables)))
	var list []byte
	for i, t := range tables {
		copy(b[0x1000*(i+1):], t)
		list = le.AppendUint64(list, uint64(liesAt+0x1000*(i+1)))
	}
	copy(b, "RSD PTR ")
	copy(b[9:], "LIAR  ")
	b[15] = 2
	le.PutUint32(b[20:], 36)
	le.PutUint64(b[24:], liesAt+0x100)
	b[8] = -sum8(b[:20])
	b[32] = -sum8(b[:36])
	copy(b[0x100:], acpiTable("XSDT", list))
	return b
}

// liars lists them. Instructions: MOV BYTE/DWORD [EBX+n], MOV EBX/ESI.
func liars() []liar {
	const pvh, multiboot2, linux = "cpuinit", "faultline/board/x86.multiboot2Entry", "faultline/board/x86.linuxEntry32"
	set := func(at byte, v uint32) []byte { return append([]byte{0xc7, 0x43, at}, words32(v)...) }
	here := append([]byte{0xbb}, words32(liesAt)...) // MOV EBX
	zeroPage := append([]byte{0xbe}, words32(liesAt)...)
	noMap := `too little RAM at 16 MiB, or no map`
	page := noise(1, 0x1000)
	titled := noise(2, 0x1000)
	copy(titled[0x202:], "HdrS")
	quiet := make([]byte, 0x1000) // a memory map, and noise for a screen, modules and a command line
	copy(quiet[0x202:], "HdrS")
	quiet[0x1e8] = 1
	copy(quiet[0x2d0:], words32(0x100000, 0, 255<<20, 0, 1))
	copy(quiet, noise(3, 0x40))
	copy(quiet[0x218:], words32(0xfffff000, 0x7fffffff))
	copy(quiet[0x228:], words32(0xfffffff0))
	madt := func(entries ...byte) []byte { return acpiTable("APIC", append(words32(0xfee00000, 1), entries...)) }
	badSum := madt(0, 8, 0, 0, 1, 0, 0, 0)
	badSum[9]++
	long := acpiTable("FACP", nil)
	le.PutUint32(long[4:], 1<<31)
	rsdp := append(set(32, liesAt), set(36, 0)...)
	cpus := func(ids ...byte) (b []byte) {
		for _, id := range ids {
			b = append(b, 0, 8, id, id, 1, 0, 0, 0)
		}
		return b
	}
	many := make([]byte, 200)
	for i := range many {
		many[i] = byte(i)
	}
	spcr := func(space byte, address uint64) []byte {
		b := make([]byte, 44)
		b[4], b[5], b[7], b[22] = space, 8, 1, 7
		le.PutUint64(b[8:], address)
		return acpiTable("SPCR", b)
	}
	const kernelText = 0x1010000
	fb := append(words32(8, 32, kernelText, 0, 4096, 1024, 768), 32, 1, 0, 0)
	module := func(start, end uint32) []byte { return words32(3, 16, start, end) }
	tagOfMap := func(start, size uint64) []byte {
		return words32(6, 16+24, 24, 0, uint32(start), uint32(start>>32), uint32(size), uint32(size>>32), 1, 0)
	}
	overlap := acpiTables(madt(0, 8, 0, 0, 1, 0, 0, 0), madt())
	copy(overlap[0x1030:], overlap[0x2000:0x2040]) // the second begins within the first
	return []liar{
		{name: "PVH version 0", entry: pvh, code: set(4, 0), says: noMap},
		{name: "PVH without its magic", entry: pvh, code: set(0, 0), says: noMap},
		{name: "PVH with a map beyond memory", entry: pvh, code: append(set(40, 0xfffffff0), set(44, 0x7fff)...), says: noMap},
		{name: "PVH with a million regions", entry: pvh, code: set(48, 1e6), says: noMap},
		{name: "PVH with modules nowhere", entry: pvh, code: append(append(set(12, 3), set(16, 0xfffffff8)...), set(20, 0)...), says: noMap},
		{name: "PVH with a wild command line", entry: pvh, code: append(set(24, 0), set(28, 0x7fff)...), says: `PVH command line at 0x7fff00000000: physical memory .* is not mapped`},
		{name: "Multiboot2 of no size", entry: multiboot2, code: here, lies: multibootTags(1), says: noMap},
		{name: "Multiboot2 without end", entry: multiboot2, code: here, lies: multibootTags(8 + 40), says: `Multiboot2 tags are cut short`},
		{name: "Multiboot2 cut within a tag", entry: multiboot2, code: here, lies: multibootTags(8+40+8, words32(1, 4096)...), says: `Multiboot2 tags are cut short`},
		{name: "Multiboot2 with a tag of size 0", entry: multiboot2, code: here, lies: multibootTags(0, words32(1, 0)...), says: `Multiboot2 tags are cut short`},
		{name: "Multiboot2 module that ends before it begins", entry: multiboot2, code: here, lies: multibootTags(0, words32(3, 16, 0x300000, 0x200000)...), says: `Multiboot2 module at \[0x300000, 0x200000\)`},
		{name: "zero page of noise", entry: linux, code: zeroPage, lies: page, says: noMap},
		{name: "zero page of noise with its magic", entry: linux, code: zeroPage, lies: titled, says: noMap},
		{name: "zero page with wild pointers", entry: linux, code: zeroPage, lies: quiet, says: `option ".*": unknown; ignored`, lives: true},
		{name: "ACPI root pointer nowhere", entry: pvh, code: append(set(32, 0xfffffff0), set(36, 0x7fff)...), says: `acpi: root pointer at 0x7ffffffffff0: .* not mapped`, lives: true},
		{name: "ACPI root pointer of noise", entry: pvh, code: rsdp, lies: page, says: `acpi: no root pointer at 0x201000`, lives: true},
		{name: "ACPI with bad sums and lengths", entry: pvh, code: rsdp, lies: acpiTables(badSum, long),
			says: `"APIC" at 0x202000 has a wrong checksum(?s:.*)"FACP" at 0x203000 has 2147483648 bytes`, lives: true},
		{name: "ACPI entry without end", entry: pvh, code: rsdp, lies: acpiTables(madt(0, 8, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)), says: `APIC at 0x202000: entry of type 1 with 0 bytes`, lives: true},
		{name: "ACPI tables that overlap", entry: pvh, code: rsdp, lies: overlap, says: `loaded by PVH`, lives: true},
		{name: "ACPI that lists itself", entry: pvh, code: rsdp, lies: acpiTables(acpiTable("XSDT", words32(liesAt, 0, liesAt+0x100, 0))), says: `loaded by PVH`, lives: true},
		{name: "ACPI lists CPUs twice", entry: pvh, code: rsdp, lies: acpiTables(madt(cpus(0, 0, 1, 1, 1, 0)...)), smp: "2", says: `loaded by PVH\n(?s:.*)\n2 CPUs`, lives: true},
		{name: "ACPI lists CPUs that are not there", entry: pvh, code: rsdp, lies: acpiTables(madt(cpus(many...)...)), smp: "2", says: `4 CPUs do not answer: the rest is left out(?s:.*)\n2 CPUs`, lives: true},
		{name: "ACPI with its I/O APIC in the kernel", entry: pvh, code: rsdp, lies: acpiTables(madt(append(cpus(0), append([]byte{1, 12, 0, 0}, words32(kernelText, 0)...)...)...)),
			says: `I/O APIC: device memory \[0x1010000, 0x1011000\) is RAM`, lives: true},
		{name: "ACPI with its serial port in the kernel", entry: pvh, code: rsdp, lies: acpiTables(spcr(0, kernelText)), says: `serial port at 0x1010000: device memory .* is RAM`, lives: true},
		{name: "ACPI with its serial port nowhere", entry: pvh, code: rsdp, lies: acpiTables(spcr(0, 0xd0000000)), says: `serial port at 0xd0000000: nothing there`, lives: true},
		{name: "ACPI with a serial port that is none", entry: pvh, code: rsdp, lies: acpiTables(spcr(1, 0x9000)), says: `serial port at 0x9000: nothing there`, lives: true},
		{name: "Multiboot2 with its screen in the kernel", entry: multiboot2, code: here, lies: multibootTags(0, fb...), says: `screen: device memory \[0x1010000, .* is RAM`, lives: true},
		{name: "Multiboot2 module in the registers of the local APIC", entry: multiboot2, code: here, lies: multibootTags(0, module(0xfee00000, 0xfee01000)...), says: `module "": at \[0xfee00000, 0xfee01000\), where not all is RAM`, lives: true},
		{name: "Multiboot2 module of 3 GiB", entry: multiboot2, code: here, lies: multibootTags(0, module(0x8000000, 0xf0000000)...), says: `module "": at \[0x8000000, 0xf0000000\), where not all is RAM`, lives: true},
		{name: "Multiboot2 modules one over the other", entry: multiboot2, code: here, lies: multibootTags(0, append(append(module(0x8000000, 0x8010000), module(0x8001000, 0x8002000)...), module(0x8000000, 0x8000000)...)...), says: `loaded by Multiboot2`, lives: true},
		{name: "Multiboot2 with more RAM than there is", entry: multiboot2, code: here, lies: multibootTags(0, tagOfMap(0x100000, 16<<30)...), says: `memory map: no RAM at \[0x10000000, 0xfec00000\)`, lives: true},
		{name: "Multiboot2 with RAM without end", entry: multiboot2, code: here, lies: multibootTags(0, tagOfMap(0x100000, 1<<63)...), says: `memory map: no RAM at \[0x10000000, 0xfec00000\)`, lives: true},
	}
}

// liarBoots boot by each of them: a plain message, never silence.
func liarBoots() []boot {
	var list []boot
	for i, l := range liars() {
		machine := []string{"microvm", "q35", "pc"}[i%3]
		list = append(list, boot{name: "broken: " + l.name, smp: l.smp, special: func() (string, error) { return liarBoot(l, machine) }})
	}
	return list
}

// liarBoot makes the lying loader and boots by it.
func liarBoot(l liar, machine string) (output string, err error) {
	dir, err := os.MkdirTemp("", "liar-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	image, code := filepath.Join(dir, "liar.elf"), filepath.Join(dir, "code")
	entry, err := withPVHEntry(kernelImage(), image, liarAt, l.entry)
	if err != nil {
		return "", err
	}
	b := append(append(append([]byte{}, l.code...), 0xb8), words32(entry)...) // MOV EAX
	b = append(b, 0xff, 0xe0)                                                 // JMP EAX
	b = append(append(b, make([]byte, liesAt-liarAt-len(b))...), l.lies...)
	if err := os.WriteFile(code, b, 0o644); err != nil {
		return "", err
	}
	run := boot{image: image, machine: machine, mem: "256M", smp: l.smp, fails: !l.lives, commands: "cpus; mem", want: []string{l.says}, timeout: "60",
		flags: fmt.Sprintf("-device loader,file=%s,addr=%#x,force-raw=on", code, liarAt)}
	if l.lives {
		run.want = append(run.want, "free frames")
	}
	return run.run()
}

// heldBoot has UEFI hold the kernel's place: before the application's own entry each free
// MiB from 16 to 96 is allocated, as memory of a kind, and filled; a point on COM1 tells of each.
func heldBoot(kind uint32, run boot) (output string, err error) {
	dir, err := os.MkdirTemp("", "held-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	f, err := os.ReadFile(images()[0])
	if err != nil {
		return "", err
	}
	const entryAt, at = 0x68, 0x1400 // in the file; addresses in memory are the same
	code := []byte{
		0x51, 0x52, 0x48, 0x83, 0xec, 0x38, // PUSH RCX, RDX; SUB RSP, 56
		0xbb, 0, 0, 0, 1, // MOV EBX, 16 MiB
		0x48, 0x89, 0x5c, 0x24, 0x20, // MOV [RSP+32], RBX
		0x48, 0x8b, 0x44, 0x24, 0x38, 0x48, 0x8b, 0x40, 0x60, // RAX = boot services
		0xb9, 2, 0, 0, 0, 0xba, byte(kind), 0, 0, 0, 0x41, 0xb8, 0, 1, 0, 0, // at that address, kind, 256 pages
		0x4c, 0x8d, 0x4c, 0x24, 0x20, 0xff, 0x50, 0x28, // LEA R9, [RSP+32]; CALL AllocatePages
		0x48, 0x85, 0xc0, 0x75, 24, // TEST RAX, RAX; JNE
		0x48, 0x89, 0xdf, 0xb9, 0, 0, 4, 0, 0xb8, 0xcc, 0xcc, 0xcc, 0xcc, 0xf3, 0xab, // fill
		0x66, 0xba, 0xf8, 0x03, 0xb0, '.', 0xee, 0x90, 0x90, // OUTB
		0x81, 0xc3, 0, 0, 0x10, 0, 0x81, 0xfb, 0, 0, 0, 6, 0x72, 0xaf, // ADD EBX, 1 MiB; CMP; JB
		0x48, 0x8b, 0x54, 0x24, 0x38, 0x48, 0x8b, 0x4c, 0x24, 0x40, 0xe8, // as before: RDX, RCX; CALL
	}
	code = le.AppendUint32(code, le.Uint32(f[entryAt:])-at-uint32(len(code))-4)
	code = append(code, 0xb0, 0x22, 0xe6, 0xf4) // the application has come back: OUTB to the exit device
	if !bytes.Equal(f[at:at+len(code)], make([]byte, len(code))) {
		return "", errors.New("no room in the image")
	}
	copy(f[at:], code)
	le.PutUint32(f[entryAt:], at)
	run.image, run.loader = filepath.Join(dir, "held.elf"), "uefi"
	if err := errors.Join(os.WriteFile(run.image, nil, 0o644), os.WriteFile(filepath.Join(dir, "held.efi"), f, 0o644)); err != nil {
		return "", err
	}
	return run.run()
}

// withPVHEntry writes a copy of an ELF image whose PVH entry is another, and gives the
// address of one of its symbols.
func withPVHEntry(from, to string, entry uint32, symbol string) (address uint32, err error) {
	b, err := os.ReadFile(from)
	if err != nil {
		return 0, err
	}
	f, err := elf.Open(from)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if strings.TrimSuffix(s.Name, ".abi0") == symbol {
			address = uint32(s.Value)
		}
	}
	const xenPhys32Entry = 18
	found := false
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		for at, end := p.Off, p.Off+p.Filesz; at+12 <= end; {
			name, size := (le.Uint32(b[at:])+3)&^3, (le.Uint32(b[at+4:])+3)&^3
			if kind := le.Uint32(b[at+8:]); kind == xenPhys32Entry && string(b[at+12:at+16]) == "Xen\x00" {
				le.PutUint32(b[at+12+uint64(name):], entry)
				found = true
			}
			at += 12 + uint64(name) + uint64(size)
		}
	}
	if address == 0 || !found {
		return 0, errors.New(from + " has no PVH note or no symbol " + symbol)
	}
	return address, os.WriteFile(to, b, 0o755)
}
