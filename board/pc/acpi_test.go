package pc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"faultline/board/x86"
	"faultline/zx"
)

// memory is physical memory from 0 on.
type memory []byte

func (m memory) read(addr zx.PhysAddr, n int) ([]byte, error) {
	if n < 0 || uint64(addr)+uint64(n) > uint64(len(m)) || uint64(addr)+uint64(n) < uint64(addr) {
		return nil, fmt.Errorf("no memory at [%#x, +%d)", addr, n)
	}
	return m[addr:][:n], nil
}

// fix sets the checksum byte at of b.
func fix(b []byte, at int) {
	b[at] = 0
	b[at] = -sum(b)
}

// put writes a table with its header at an address.
func (m memory) put(at int, name string, body []byte) {
	b := append(make([]byte, headerBytes), body...)
	copy(b, name)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	fix(b, 9)
	copy(m[at:], b)
}

func words(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}

// sample is a machine with the root pointer at 0xf0010.
func sample() memory {
	m := make(memory, 1<<20)
	r := m[0xf0010:]
	copy(r, "RSD PTR ")
	copy(r[9:], "MAKER ")
	r[15] = 2
	binary.LittleEndian.PutUint32(r[16:], 0x1000) // RSDT
	binary.LittleEndian.PutUint32(r[20:], rsdpBytes2)
	binary.LittleEndian.PutUint64(r[24:], 0x2000) // XSDT
	fix(r[:rsdpBytes], 8)
	fix(r[:rsdpBytes2], 32)
	m.put(0x1000, "RSDT", words(uint32(0x3000), uint32(0x4000)))
	m.put(0x2000, "XSDT", words(uint64(0x3000), uint64(0), uint64(0x4000), uint64(0x6000), uint64(0x7000), uint64(0x8000), uint64(0x3000)))
	m.put(0x3000, "APIC", bytes.Join([][]byte{words(uint32(0xfee00000), uint32(1)),
		{0, 8, 0, 0, 1, 0, 0, 0}, {0, 8, 1, 2, 1, 0, 0, 0}, {0, 8, 2, 3, 0, 0, 0, 0}, // the last is disabled
		{1, 12, 0, 0}, words(uint32(0xfec00000), uint32(0)),
		{2, 10, 0, 0}, words(uint32(2), uint16(0)), {2, 10, 0, 9}, words(uint32(20), uint16(0xd)),
		{9, 16, 0, 0}, words(uint32(300), uint32(1), uint32(5)), {77, 3, 0}}, nil))
	facp := make([]byte, 276-headerBytes)
	at := func(n int) []byte { return facp[n-headerBytes:] }
	binary.LittleEndian.PutUint32(at(40), 0x5000)
	binary.LittleEndian.PutUint32(at(48), 0xb2)
	at(52)[0] = 0xf1
	binary.LittleEndian.PutUint32(at(64), 0x604)
	binary.LittleEndian.PutUint32(at(112), 1<<10)
	at(116)[0] = spaceIO
	binary.LittleEndian.PutUint64(at(120), 0xcf9)
	at(128)[0] = 0x0e
	m.put(0x4000, "FACP", facp)
	m.put(0x5000, "DSDT", []byte("\x41\xd0\x0a\x08\x41\xd0\x0a\x03 \x41\xd0\x0a\x03junk_S5_junk\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00\x00"))
	m.put(0x6000, "HPET", append(words(uint32(0), uint8(spaceMemory), [3]byte{}), words(uint64(0xfed00000), [4]byte{})...))
	m.put(0x7000, "MCFG", append(make([]byte, 8), words(uint64(0xb0000000), uint16(0), uint8(0), uint8(255), uint32(0))...))
	m.put(0x8000, "SPCR", append(words(uint8(0), [3]byte{}, uint8(spaceIO), uint8(8), uint8(0), uint8(1), uint64(0x2f8)), append(make([]byte, 6), 7, 0, 0)...))
	return m
}

func TestParse(t *testing.T) {
	m := sample()
	if at := FindRSDP(m.read); at != 0xf0010 {
		t.Fatalf("root pointer at %#x", at)
	}
	got := x86.Firmware{IOAPIC: 1, Serial: &x86.SerialPort{}, Power: x86.Power{PM1b: 1}, CPUs: []uint32{9}}
	got.GSI[4] = 4
	if err := Parse(&got, 0xf0010, m.read); err != nil {
		t.Fatal(err)
	}
	want := x86.Firmware{
		Name: "MAKER", CPUs: []uint32{0, 2, 300}, IOAPIC: 0xfec00000,
		GSI:         [16]uint32{0: 2, 4: 4, 9: 20},
		HostBridges: 2,
		Serial:      &x86.SerialPort{Port: 0x2f8, Baud: 115200},
		Power:       x86.Power{PM1a: 0x604, TypeA: 5, TypeB: 7, SMIPort: 0xb2, SMIEnable: 0xf1, ResetPort: 0xcf9, ResetValue: 0x0e},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseBroken(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(m memory)
		say   string
	}{
		"checksum":       {func(m memory) { m[0x3030]++ }, "APIC"},
		"length":         {func(m memory) { m[0x4007] = 0x80 }, "FACP"},
		"no length":      {func(m memory) { m[0x6004] = 0; m[0x6005] = 0 }, "HPET"},
		"DSDT away":      {func(m memory) { m[0x4000+43] = 0x7f; fix(m[0x4000:][:276], 9) }, "DSDT"},
		"endless entry":  {func(m memory) { m[0x3000+45] = 0; fix(m[0x3000:][:le(m, 0x3004)], 9) }, "entry of type 0 with 0 bytes"},
		"entry cut off":  {func(m memory) { m[0x3000+45] = 200; fix(m[0x3000:][:le(m, 0x3004)], 9) }, "with 200 bytes"},
		"short for what": {func(m memory) { m.put(0x8000, "SPCR", []byte{1}) }, "want 60"},
	} {
		m := sample()
		c.spoil(m)
		got := x86.Firmware{}
		err := Parse(&got, 0xf0010, m.read)
		if err != nil || len(got.Problems) == 0 || !strings.Contains(got.Problems[0].Error(), c.say) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, spoil := range map[string]func(m memory){
		"root pointer": func(m memory) { m[0xf0010] = 'X' },
		"its sum":      func(m memory) { m[0xf0019]++ },
		"root table":   func(m memory) { m[0x2000] = 'Y'; fix(m[0x2000:][:le(m, 0x2004)], 9) },
	} {
		m := sample()
		spoil(m)
		if got := (x86.Firmware{}); Parse(&got, 0xf0010, m.read) == nil || !reflect.DeepEqual(got, x86.Firmware{}) {
			t.Errorf("%s: accepted, or taken from: %+v", name, got)
		}
	}
	if got := (x86.Firmware{}); Parse(&got, 1<<40, sample().read) == nil {
		t.Errorf("beyond memory: %+v", got)
	}
}

func le(m memory, at int) uint32 { return binary.LittleEndian.Uint32(m[at:]) }

// FuzzParse changes the tables as it likes, with checksums that fit.
func FuzzParse(f *testing.F) {
	f.Add(uint16(0x3000), []byte{})
	f.Fuzz(func(t *testing.T, at uint16, change []byte) {
		m := sample()
		copy(m[at:], change)
		for a := 0x1000; a <= 0x8000; a += 0x1000 {
			if n := le(m, a+4); n >= headerBytes && int(n) < len(m)-a {
				fix(m[a:][:n], 9)
			}
		}
		got := x86.Firmware{}
		if err := Parse(&got, 0xf0010, m.read); err == nil && len(got.CPUs) > maxTable {
			t.Fatal(len(got.CPUs))
		}
	})
}

// FuzzSleepTypes reads any AML.
func FuzzSleepTypes(f *testing.F) {
	f.Add([]byte("\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00\x00"))
	f.Add([]byte("_S5_\x12"))
	f.Fuzz(func(t *testing.T, aml []byte) {
		if a, b, _ := sleepTypes(aml); a > 7 || b > 7 {
			t.Fatal(a, b)
		}
	})
}
