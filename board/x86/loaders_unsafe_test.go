//go:build !tamago

package x86

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"faultline/zx"
)

// tags builds Multiboot2 boot information.
func tags(list ...[]byte) []byte {
	b := make([]byte, 8)
	for _, t := range append(list, tag(tagEnd, nil)) {
		b = append(b, t...)
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return b
}

func tag(kind uint32, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(8+len(data)))
	return append(b, data...)
}

func words(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}

// region is an entry of a memory map, with padding to n bytes.
func region(start, size uint64, kind MemoryKind, n int) []byte {
	return append(words(start, size, uint32(kind)), make([]byte, n-20)...)
}

func multibootSample() []byte {
	return tags(
		tag(tagCommandLine, []byte("console=ttyS0\x00")),
		tag(tagLoaderName, []byte("GRUB 2.06\x00")),
		tag(tagModule, append(words(uint32(0x4000000), uint32(0x4000100)), "disk.img\x00"...)),
		tag(tagMemoryMap, bytes.Join([][]byte{words(uint32(24), uint32(0)),
			region(0, 0x9fc00, MemoryRAM, 24), region(1<<20, 0xff00000, MemoryRAM, 24), region(0xfffc0000, 0x40000, MemoryReserved, 24)}, nil)),
		tag(tagFramebuffer, words(uint64(0xfd000000), uint32(4096), uint32(1024), uint32(768), uint8(32), uint8(1), uint16(0), [6]byte{})),
		tag(tagACPI1, []byte("RSD PTR old")),
		tag(tagACPI2, []byte("RSD PTR new")),
	)
}

func TestParseMultiboot2(t *testing.T) {
	m := append(make(fakeMemory, 0x1000), multibootSample()...)
	info, err := m.parse(LoaderMultiboot2, 0x1000)
	if err != nil {
		t.Fatal(err)
	}
	want := &BootInfo{
		Loader: LoaderMultiboot2, Name: "GRUB 2.06", CommandLine: "console=ttyS0",
		Modules: []Module{{Range{0x4000000, 0x4000100}, "disk.img"}},
		RSDP:    zx.PhysAddr(bytes.Index(m, []byte("RSD PTR new"))),
		Screen:  Framebuffer{0xfd000000, 1024, 768, 4096, false},
		Map: MemoryMap{
			{Range{0, 0x9fc00}, MemoryRAM},
			{Range{1 << 20, 1 << 28}, MemoryRAM},
			{Range{0xfffc0000, 1 << 32}, MemoryReserved},
		},
		Reserved: []Range{{0x1000, zx.PhysAddr(len(m))}, {0x4000000, 0x4000100}},
	}
	info.Reserved = joinRanges(info.Reserved) // texts lie within the tags
	if !reflect.DeepEqual(info, want) {
		t.Errorf("got  %+v\nwant %+v", info, want)
	}
	// Cut short anywhere it is refused, or loses what was cut off, and says no more.
	sample := multibootSample()
	for n := range len(sample) {
		cut := bytes.Clone(sample[:n])
		if n >= 4 {
			binary.LittleEndian.PutUint32(cut, uint32(n))
		}
		if info, err := fakeMemory(cut).parse(LoaderMultiboot2, 0); err == nil {
			t.Errorf("cut to %d of %d bytes: accepted as %+v", n, len(sample), info)
		}
	}
}

// zeroPage makes boot_params with a command line at 0x2000.
func zeroPage() fakeMemory {
	m := make(fakeMemory, 0x3000)
	le := binary.LittleEndian
	le.PutUint32(m[setupMagicAt:], setupMagic)
	m[setupLoaderType] = 0xb0
	le.PutUint32(m[setupCmdline:], 0x2000)
	copy(m[0x2000:], "cmds=ls\x00")
	le.PutUint32(m[setupRamdisk:], 0x4000000)
	le.PutUint32(m[setupRamdiskBytes:], 0x100)
	m[zeroPageE820Count] = 2
	copy(m[zeroPageE820:], region(0, 0x9fc00, MemoryRAM, 20))
	copy(m[zeroPageE820+e820Bytes:], region(1<<20, 0xff00000, MemoryRAM, 20))
	m[screenIsVGA] = screenEFI
	le.PutUint16(m[screenWidth:], 1024)
	le.PutUint16(m[screenHeight:], 768)
	le.PutUint16(m[screenDepth:], 32)
	le.PutUint16(m[screenPitch:], 4096)
	le.PutUint32(m[screenBase:], 0x80000000)
	le.PutUint32(m[screenBaseHi:], 1)
	return m
}

func TestParseLinux(t *testing.T) {
	info, err := zeroPage().parse(LoaderLinux, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := &BootInfo{
		Loader: LoaderLinux, Name: "QEMU", CommandLine: "cmds=ls",
		Modules:  []Module{{Range{0x4000000, 0x4000100}, "initrd"}},
		Screen:   Framebuffer{0x180000000, 1024, 768, 4096, false},
		Map:      MemoryMap{{Range{0, 0x9fc00}, MemoryRAM}, {Range{1 << 20, 1 << 28}, MemoryRAM}},
		Reserved: []Range{{0, 0x1000}, {0x2000, 0x2008}, {0x4000000, 0x4000100}},
	}
	if !reflect.DeepEqual(info, want) {
		t.Errorf("got  %+v\nwant %+v", info, want)
	}
	for name, spoil := range map[string]func(m fakeMemory){
		"magic":     func(m fakeMemory) { m[setupMagicAt]++ },
		"regions":   func(m fakeMemory) { m[zeroPageE820Count] = 129 },
		"wild text": func(m fakeMemory) { m[setupCmdline+3] = 0x80 },
	} {
		m := zeroPage()
		spoil(m)
		if info, err := m.parse(LoaderLinux, 0); err == nil {
			t.Errorf("%s: accepted as %+v", name, info)
		}
	}
}

func FuzzParseMultiboot2(f *testing.F) {
	f.Add(multibootSample())
	f.Fuzz(func(t *testing.T, b []byte) {
		if info, err := fakeMemory(b).parse(LoaderMultiboot2, 0); err == nil && info == nil {
			t.Fatal("neither result nor error")
		}
		ramOf(t, LoaderMultiboot2, b, 0)
	})
}

func FuzzParseLinux(f *testing.F) {
	f.Add([]byte(zeroPage()))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := zeroPage()
		copy(m, b)
		if info, err := m.parse(LoaderLinux, 0); err == nil && info == nil {
			t.Fatal("neither result nor error")
		}
		ramOf(t, LoaderLinux, m, 0)
	})
}

// ramOf calls ramFrom with what lies at an address of b.
func ramOf(t *testing.T, by Loader, b []byte, at uint64) (n uint64) {
	fakeMemory(b).use(func() { n = ramFrom(imageBase, by, at) })
	if n != 0 && imageBase+n < imageBase {
		t.Fatalf("RAM of %#x bytes", n)
	}
	return n
}

// TestRAMFrom compares what is found before the runtime starts with what the parsers
// say afterwards.
func TestRAMFrom(t *testing.T) {
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var regions []MemoryRegion
		var entries []byte
		n := rnd.IntN(6)
		stride := 20
		by := LoaderLinux
		if seed%2 == 0 {
			stride, by = 24+8*rnd.IntN(2), LoaderMultiboot2
		}
		for range n {
			start, size := uint64(rnd.IntN(64))<<20, uint64(rnd.IntN(40))<<20
			kind := MemoryKind(1 + rnd.IntN(2)*rnd.IntN(5))
			regions = append(regions, MemoryRegion{Range{zx.PhysAddr(start), zx.PhysAddr(start + size)}, kind})
			entries = append(entries, region(start, size, kind, stride)...)
		}
		module := Range{zx.PhysAddr(rnd.IntN(100)) << 20, 0}
		module.End = module.Start + zx.PhysAddr(rnd.IntN(3))<<20
		var b []byte
		if by == LoaderLinux {
			b = zeroPage()
			b[zeroPageE820Count] = uint8(n)
			copy(b[zeroPageE820:], entries)
			binary.LittleEndian.PutUint32(b[setupRamdisk:], uint32(module.Start))
			binary.LittleEndian.PutUint32(b[setupRamdiskBytes:], uint32(module.Bytes()))
			binary.LittleEndian.PutUint32(b[setupCmdline:], 0)
		} else {
			b = tags(tag(tagModule, words(uint32(module.Start), uint32(module.End))), tag(tagMemoryMap, append(words(uint32(stride), uint32(0)), entries...)))
		}
		var want uint64
		for _, r := range NewMemoryMap(regions).Usable([]Range{module}) {
			if r.Start <= imageBase && imageBase < r.End {
				want = uint64(r.End) - imageBase
			}
		}
		if got := ramOf(t, by, b, 0); got != want {
			t.Fatalf("seed %d, %v: %#x bytes, want %#x of %v without %v", seed, by, got, want, regions, module)
		}
	}
	m := bootMemory()
	m[0x1004] = 0
	if n := ramOf(t, LoaderPVH, m, 0x1000); n != 0 {
		t.Errorf("PVH version 0, which has no memory map: %#x bytes of RAM", n)
	}
}

func TestFramebufferCheck(t *testing.T) {
	good := Framebuffer{0xfd000000, 1024, 768, 4096, false}
	for _, f := range []Framebuffer{{0xfd000001, 1024, 768, 4096, false}, {0xfd000000, 1024, 768, 1024, false}, {0xfd000000, 1 << 30, 768, 1 << 31, false}, {0, 1024, 768, 4096, false}, {1 << 63, 1024, 768, 4096, false}} {
		if f.check(); f != (Framebuffer{}) {
			t.Errorf("kept %+v", f)
		}
	}
	if f := good; true {
		if f.check(); f != good {
			t.Errorf("dropped %+v", good)
		}
	}
	if s := Loader(9).String(); !strings.Contains(s, "9") {
		t.Errorf("loader 9 is %q", s)
	}
}

// TestEFIRegions has a firmware's map with holes, and with everything that stays the
// firmware's in its midst: no byte of that is handed out, and what boot services had is.
func TestEFIRegions(t *testing.T) {
	const mib = 1 << 20
	free := map[uint32]bool{1: true, 2: true, 3: true, 4: true, 7: true}
	for _, stride := range []uint64{40, 48} {
		for seed := range uint64(500) {
			rnd := rand.New(rand.NewPCG(seed, stride))
			var raw []byte
			var owner [128]uint32 // by MiB: 0 is a hole, else the type and one
			for at := 0; at < len(owner); {
				n := min(1+rnd.IntN(12), len(owner)-at)
				if kind := uint32(rnd.IntN(18)); kind < 16 {
					for i := range n {
						owner[at+i] = kind + 1
					}
					d := append(words(kind, uint32(0), uint64(at)*mib, uint64(0), uint64(n)*mib/efiPage, uint64(15)), make([]byte, stride-40)...)
					raw = append(raw, d...)
				}
				at += n
			}
			info := make([]byte, pvhInfoBytes+maxEntries*pvhEntryBytes)
			at := uint64(uintptr(unsafe.Pointer(&info[0])))
			n := efiRegions(uint64(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))), uint64(len(raw)), stride, at+pvhInfoBytes, maxEntries)
			copy(info, words(uint32(pvhMagic), uint32(1), [32]byte{}, uint64(pvhInfoBytes), n))
			said, err := fakeMemory(info).parse(LoaderUEFI, 0)
			if err != nil {
				t.Fatal(err)
			}
			var got [128]bool
			for _, r := range said.Map.Usable(nil) {
				for p := r.Start / mib; p < r.End/mib; p++ {
					got[p] = true
				}
			}
			for i, o := range owner {
				if got[i] != (o != 0 && free[o-1]) {
					t.Fatalf("seed %d: MiB %d has type %d: handed out is %v", seed, i, int(o)-1, got[i])
				}
			}
			// The kernel's place must be free up to the next thing that is not.
			want := uint64(0)
			for i := imageBase / mib; i < len(owner) && got[i]; i++ {
				want += mib
			}
			if free := ramOf(t, LoaderUEFI, info, 0); free != want {
				t.Fatalf("seed %d: %#x bytes at the kernel's place, want %#x", seed, free, want)
			}
		}
	}
}

// TestReachable: what lies outside of the boot tables is no table.
func TestReachable(t *testing.T) {
	defer func(end uint64) { bootMapped = end }(bootMapped)
	bootMapped = 1 << 32
	for _, c := range []struct {
		addr, n uint64
		want    bool
	}{{0, 1, true}, {1<<32 - 56, 56, true}, {1<<32 - 55, 56, false}, {1 << 32, 0, false}, {1<<64 - 8, 16, false}, {8, 1<<64 - 1, false}} {
		if reachable(c.addr, c.n) != c.want {
			t.Errorf("[%#x, +%#x): %v", c.addr, c.n, !c.want)
		}
	}
	for _, by := range []Loader{LoaderPVH, LoaderMultiboot2, LoaderLinux, LoaderUEFI} {
		if n := ramFrom(imageBase, by, 1<<32-4); n != 0 {
			t.Errorf("%v at the end of what is mapped: %#x bytes of RAM", by, n)
		}
		if n := ramOf(t, by, words(uint32(multibootMax), uint32(0)), 0); n != 0 {
			t.Errorf("%v of eight bytes: %#x bytes of RAM", by, n)
		}
	}
}
