package pc

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"faultline/board/x86"
	"faultline/zx"
)

// Layout of the tables. Source: ACPI 6.5, 5.2 and 15.4; the SPCR table: Microsoft,
// "Serial Port Console Redirection Table".
const (
	rsdpBytes   = 20 // version 0
	rsdpBytes2  = 36
	headerBytes = 36
	maxTable    = 1 << 20
	maxTables   = 256

	spaceMemory = 0
	spaceIO     = 1

	// Where a BIOS keeps the root pointer.
	biosStart = 0xe0000
	biosEnd   = 0x100000
)

// FindRSDP looks for the root pointer where a BIOS keeps it; 0 if it is not there.
func FindRSDP(read x86.PhysReader) zx.PhysAddr {
	areas := []x86.Range{{Start: biosStart, End: biosEnd}}
	if b, err := read(0x40e, 2); err == nil { // segment of the extended BIOS data area
		if ebda := zx.PhysAddr(binary.LittleEndian.Uint16(b)) << 4; ebda >= 0x80000 && ebda < 0xa0000 {
			areas = append(areas, x86.Range{Start: ebda, End: ebda + 1024})
		}
	}
	for _, a := range areas {
		b, err := read(a.Start, int(a.Bytes()))
		for at := 0; err == nil && at+rsdpBytes <= len(b); at += 16 {
			if string(b[at:at+8]) == "RSD PTR " && sum(b[at:at+rsdpBytes]) == 0 {
				return a.Start + zx.PhysAddr(at)
			}
		}
	}
	return 0
}

// Parse fills p in from the tables behind the root pointer. A table that is broken is left
// out and named in Problems; nothing that a table says is believed before it is checked.
//
// Errors: there is no root table. Then p is as it was.
func Parse(p *x86.Firmware, rsdp zx.PhysAddr, read x86.PhysReader) error {
	le := binary.LittleEndian
	b, err := read(rsdp, rsdpBytes)
	if err != nil {
		return fmt.Errorf("acpi: root pointer at %#x: %w", rsdp, err)
	}
	if string(b[:8]) != "RSD PTR " || sum(b) != 0 {
		return fmt.Errorf("acpi: no root pointer at %#x: % x", rsdp, b)
	}
	name := string(bytes.TrimRight(b[9:15], " \x00"))
	root, width := zx.PhysAddr(le.Uint32(b[16:])), 4
	if b[15] >= 2 {
		if b, err = read(rsdp, rsdpBytes2); err == nil && sum(b) == 0 && le.Uint64(b[24:]) != 0 {
			root, width = zx.PhysAddr(le.Uint64(b[24:])), 8
		}
	}
	table, err := readTable(root, read)
	if err != nil {
		return fmt.Errorf("acpi: root table: %w", err)
	}
	if name := string(table[:4]); name != "XSDT" && name != "RSDT" {
		return fmt.Errorf("acpi: root table at %#x is a %q", root, name)
	}
	p.Name, p.Power, p.Serial, p.HostBridges = name, x86.Power{}, nil, 0
	seen := map[string]bool{}
	list := table[headerBytes:]
	for i := 0; i < maxTables && len(list) >= width; i++ {
		at := zx.PhysAddr(le.Uint32(list))
		if width == 8 {
			at = zx.PhysAddr(le.Uint64(list))
		}
		list = list[width:]
		if at == 0 {
			continue
		}
		b, err := readTable(at, read)
		if err != nil {
			p.Problems = append(p.Problems, err)
			continue
		}
		if name := string(b[:4]); !seen[name] { // the first of a kind counts
			seen[name] = true
			if err := take(p, name, b, read); err != nil {
				p.Problems = append(p.Problems, fmt.Errorf("%s at %#x: %w", name, at, err))
			}
		}
	}
	return nil
}

// take takes what a table says.
//
// Errors: it is too short for what it should hold.
func take(p *x86.Firmware, name string, b []byte, read x86.PhysReader) error {
	least := map[string]int{"APIC": 44, "FACP": 116, "SPCR": 60}[name]
	if len(b) < least {
		return fmt.Errorf("%d bytes, want %d", len(b), least)
	}
	switch name {
	case "APIC":
		return madt(p, b[44:])
	case "FACP":
		return fadt(p, b, read)
	case "SPCR":
		p.Serial = serialPort(b)
	}
	return nil
}

// madt reads the entries of the multiple APIC description table.
//
// Errors: an entry without end, or cut short. Those before it count.
func madt(p *x86.Firmware, list []byte) error {
	le := binary.LittleEndian
	const enabled = 1
	cpus := 0
	enable := func(id uint32) { // what was assumed goes with the first
		p.CPUs = append(p.CPUs[:cpus], id)
		cpus++
	}
	ioAPIC, moved := false, [len(p.GSI)]bool{} // the first of a kind counts
	for len(list) >= 2 {
		kind, size := list[0], int(list[1])
		least := map[uint8]int{0: 8, 1: 12, 2: 10, 9: 16}[kind]
		if size < max(2, least) || size > len(list) {
			return fmt.Errorf("entry of type %d with %d bytes, %d are left", kind, size, len(list))
		}
		e := list[:size]
		list = list[size:]
		switch {
		case kind == 0 && le.Uint32(e[4:])&enabled != 0 && e[3] != 0xff:
			enable(uint32(e[3]))
		case kind == 9 && le.Uint32(e[8:])&enabled != 0:
			enable(le.Uint32(e[4:]))
		case kind == 1 && !ioAPIC:
			ioAPIC = true
			p.IOAPIC, p.GSIBase = zx.PhysAddr(le.Uint32(e[4:])), le.Uint32(e[8:])
		case kind == 2 && e[2] == 0 && int(e[3]) < len(moved) && !moved[e[3]]: // ISA
			moved[e[3]] = true
			p.GSI[e[3]] = le.Uint32(e[4:])
		}
	}
	return nil
}

// fadt reads how to turn the machine off, and how to reset it.
func fadt(p *x86.Firmware, b []byte, read x86.PhysReader) error {
	le := binary.LittleEndian
	const resetSupported = 1 << 10
	word := func(at int) uint64 { // an older table is shorter
		if at+8 > len(b) {
			return 0
		}
		return le.Uint64(b[at:])
	}
	if flags := le.Uint32(b[112:]); len(b) >= 129 && flags&resetSupported != 0 && b[116] == spaceIO && word(120) <= 0xffff {
		p.Power.ResetPort, p.Power.ResetValue = uint16(word(120)), b[128]
	}
	dsdt := zx.PhysAddr(word(140))
	if dsdt == 0 {
		dsdt = zx.PhysAddr(le.Uint32(b[40:]))
	}
	aml, err := readTable(dsdt, read)
	if err != nil {
		return fmt.Errorf("DSDT: %w", err)
	}
	p.HostBridges = hostBridges(aml[headerBytes:])
	a, b2, ok := sleepTypes(aml[headerBytes:])
	if !ok {
		return nil
	}
	if len(b) >= 256 && b[244] == spaceIO && word(248) != 0 && word(248) <= 0xffff { // reduced hardware
		p.Power.SleepPort, p.Power.SleepType = uint16(word(248)), a
		return nil
	}
	if pm1a := le.Uint32(b[64:]); pm1a <= 0xffff {
		p.Power.PM1a, p.Power.TypeA = uint16(pm1a), a
	}
	if pm1b := le.Uint32(b[68:]); pm1b <= 0xffff {
		p.Power.PM1b, p.Power.TypeB = uint16(pm1b), b2
	}
	if smi := le.Uint32(b[48:]); smi <= 0xffff {
		p.Power.SMIPort, p.Power.SMIEnable = uint16(smi), b[52]
	}
	return nil
}

// sleepTypes finds the package \_S5 in the bytes of the differentiated system
// description table: what to write for soft off. An interpreter would do more; the
// package is data, and stands there as it is. Source: ACPI 6.5, 7.4.2 and 20.2.
func sleepTypes(aml []byte) (a, b uint8, ok bool) {
	const packageOp, bytePrefix, zero, one, ones = 0x12, 0x0a, 0x00, 0x01, 0xff
	value := func(p *[]byte) (v uint8, ok bool) {
		if len(*p) == 0 {
			return 0, false
		}
		switch c := (*p)[0]; {
		case c == zero, c == one, c == ones:
			*p = (*p)[1:]
			return c, true
		case c == bytePrefix && len(*p) >= 2:
			v, *p = (*p)[1], (*p)[2:]
			return v, true
		}
		return 0, false
	}
	for {
		at := bytes.Index(aml, []byte("_S5_"))
		if at < 0 {
			return 0, 0, false
		}
		aml = aml[at+4:]
		if len(aml) < 4 || aml[0] != packageOp {
			continue
		}
		p := aml[1:]
		lead := int(p[0] >> 6) // more bytes of the package's length
		if len(p) < lead+2 {
			continue
		}
		p = p[lead+2:] // and the number of elements
		if a, ok = value(&p); ok {
			b, _ = value(&p)
			return a & 7, b & 7, true
		}
	}
}

// hostBridges counts the devices of AML that are host bridges of PCI, by the way in which
// their ID is written: each has one of the two, or both. Source: ACPI 6.5, 5.6.7 and 6.1.5.
func hostBridges(aml []byte) int {
	return max(bytes.Count(aml, []byte("\x41\xd0\x0a\x03")), bytes.Count(aml, []byte("\x41\xd0\x0a\x08")))
}

// serialPort reads the console that firmware uses; nil if it is none of ours.
func serialPort(b []byte) *x86.SerialPort {
	le := binary.LittleEndian
	const uart16550, uart16550Subset, width32 = 0, 1, 32
	if kind := b[36]; kind != uart16550 && kind != uart16550Subset && kind != 0x12 {
		return nil
	}
	p := &x86.SerialPort{Baud: map[uint8]int{3: 9600, 4: 19200, 6: 57600, 7: 115200}[b[58]]}
	switch at := le.Uint64(b[44:]); {
	case b[40] == spaceIO && at != 0 && at <= 0xfff8:
		p.Port = uint16(at)
	case b[40] == spaceMemory && at != 0 && at < 1<<47:
		p.Memory, p.Stride = zx.PhysAddr(at), 1
		if b[41] == width32 || b[43] == 3 {
			p.Stride = 4
		}
	default:
		return nil
	}
	return p
}

// readTable reads a table with its header.
//
// Errors: a length that no table has, a wrong checksum, memory that read refuses.
func readTable(at zx.PhysAddr, read x86.PhysReader) ([]byte, error) {
	b, err := read(at, headerBytes)
	if err != nil {
		return nil, fmt.Errorf("table at %#x: %w", at, err)
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n < headerBytes || n > maxTable {
		return nil, fmt.Errorf("table %q at %#x has %d bytes", b[:4], at, n)
	}
	if b, err = read(at, int(n)); err != nil {
		return nil, fmt.Errorf("table at %#x: %w", at, err)
	}
	if s := sum(b); s != 0 {
		return nil, fmt.Errorf("table %q at %#x has a wrong checksum (%#x)", b[:4], at, s)
	}
	return b, nil
}

// sum is the checksum of ACPI: 0 for what is whole.
func sum(b []byte) (s uint8) {
	for _, v := range b {
		s += v
	}
	return s
}
