package x86

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"faultline/zx"
)

// fakeMemory is physical memory, from 0 on, for what reads what a loader left.
type fakeMemory []byte

// use has f see m.
func (m fakeMemory) use(f func()) {
	defer func(at, zero, end uint64) { memoryAt, pageZeroAt, bootMapped = at, zero, end }(memoryAt, pageZeroAt, bootMapped)
	memoryAt, pageZeroAt, bootMapped = AddressOf(m), AddressOf(m), uint64(len(m))
	f()
	runtime.KeepAlive(m)
}

func (m fakeMemory) parse(by Loader, addr zx.PhysAddr) (info *BootInfo, err error) {
	m.use(func() { info, err = ParseBoot(by, addr) })
	return info, err
}

// bootMemory lays out a version 1 start info at 0x1000 with one module.
func bootMemory() fakeMemory {
	m := make(fakeMemory, 0x8000)
	le := binary.LittleEndian
	le.PutUint32(m[0x1000:], pvhMagic)
	le.PutUint32(m[0x1004:], 1)
	le.PutUint32(m[0x100c:], 1)
	le.PutUint64(m[0x1010:], 0x2000)
	le.PutUint64(m[0x1018:], 0x3ffe) // across a page
	le.PutUint64(m[0x1020:], 0xe0000)
	le.PutUint64(m[0x1028:], 0x5a8)
	le.PutUint32(m[0x1030:], 3)
	le.PutUint64(m[0x2000:], 0x400000)
	le.PutUint64(m[0x2008:], 0x1234)
	le.PutUint64(m[0x2010:], 0x6000)
	copy(m[0x3ffe:], "console=ttyS0\x00")
	copy(m[0x6000:], "module text\x00")
	for i, e := range []struct {
		start, size uint64
		kind        uint32
	}{{0x100000, 0xff00000, 1}, {0, 0x9fc00, 1}, {0xfffc0000, 0x40000, 2}} {
		at := 0x5a8 + i*pvhEntryBytes
		le.PutUint64(m[at:], e.start)
		le.PutUint64(m[at+8:], e.size)
		le.PutUint32(m[at+16:], e.kind)
	}
	return m
}

func TestParsePVH(t *testing.T) {
	info, err := bootMemory().parse(LoaderPVH, 0x1000)
	if err != nil {
		t.Fatal(err)
	}
	want := &BootInfo{
		Loader:      LoaderPVH,
		CommandLine: "console=ttyS0",
		Modules:     []Module{{Range{0x400000, 0x401234}, "module text"}},
		RSDP:        0xe0000,
		Map: MemoryMap{
			{Range{0, 0x9fc00}, MemoryRAM},
			{Range{0x100000, 0x10000000}, MemoryRAM},
			{Range{0xfffc0000, 0x100000000}, MemoryReserved},
		},
		Reserved: []Range{
			{0x1000, 0x1038}, {0x2000, 0x2020}, {0x5a8, 0x5f0},
			{0x3ffe, 0x400c}, {0x6000, 0x600c}, {0x400000, 0x401234},
		},
	}
	if !reflect.DeepEqual(info, want) {
		t.Errorf("got  %+v\nwant %+v", info, want)
	}
}

func TestParsePVHRefuses(t *testing.T) {
	le := binary.LittleEndian
	for name, spoil := range map[string]func(m fakeMemory){
		"magic":            func(m fakeMemory) { m[0x1000]++ },
		"many modules":     func(m fakeMemory) { le.PutUint32(m[0x100c:], 1e9) },
		"many entries":     func(m fakeMemory) { le.PutUint32(m[0x1030:], 1e9) },
		"wild modules":     func(m fakeMemory) { le.PutUint64(m[0x1010:], 1<<63) },
		"wrapping module":  func(m fakeMemory) { le.PutUint64(m[0x2008:], 1<<64-1) },
		"wild text":        func(m fakeMemory) { le.PutUint64(m[0x1018:], 1<<40) },
		"wild module text": func(m fakeMemory) { le.PutUint64(m[0x2010:], 1<<40) },
		"wild map":         func(m fakeMemory) { le.PutUint64(m[0x1028:], 1<<64-8) },
		"endless text": func(m fakeMemory) {
			for i := 0x6000; i < len(m); i++ {
				m[i] = 'x'
			}
		},
	} {
		m := bootMemory()
		spoil(m)
		if info, err := m.parse(LoaderPVH, 0x1000); err == nil {
			t.Errorf("%s: accepted as %+v", name, info)
		}
	}
	if _, err := bootMemory().parse(LoaderPVH, 0); err == nil {
		t.Error("no start info: accepted")
	}
}

func TestParsePVHVersion0(t *testing.T) {
	m := bootMemory()
	m[0x1004] = 0
	info, err := m.parse(LoaderPVH, 0x1000)
	if err != nil || info.Map != nil || info.CommandLine != "console=ttyS0" {
		t.Errorf("got %+v, %v", info, err)
	}
}

func FuzzParsePVH(f *testing.F) {
	f.Add([]byte(bootMemory()[:0x2040]))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := bootMemory()
		copy(m, b)
		info, err := m.parse(LoaderPVH, 0x1000)
		if err == nil && info == nil {
			t.Fatal("neither result nor error")
		}
	})
}

// TestMemoryMapModel compares NewMemoryMap and Usable with a model that knows
// the kind of each page.
func TestMemoryMapModel(t *testing.T) {
	const span = 64
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var kinds [span]MemoryKind
		var regions []MemoryRegion
		for range rnd.IntN(8) {
			a, b := rnd.IntN(span), rnd.IntN(span)
			k := MemoryKind(1 + rnd.IntN(5))
			regions = append(regions, MemoryRegion{Range{zx.PhysAddr(a) << 12, zx.PhysAddr(b) << 12}, k})
			for i := a; i < b; i++ {
				kinds[i] = max(kinds[i], k)
			}
		}
		m := NewMemoryMap(regions)
		var got [span]MemoryKind
		last := MemoryRegion{}
		for _, r := range m {
			if r.Start >= r.End || r.Start < last.End || r.Start == last.End && r.Kind == last.Kind && last.End != 0 {
				t.Fatalf("seed %d: %v after %v", seed, r, last)
			}
			last = r
			for p := r.Start >> 12; p < r.End>>12; p++ {
				got[p] = r.Kind
			}
		}
		if got != kinds {
			t.Fatalf("seed %d: got %v, want %v of %v", seed, got, kinds, regions)
		}

		var reserved []Range
		var usable [span]bool
		for i, k := range kinds {
			usable[i] = k == MemoryRAM
		}
		for range rnd.IntN(5) {
			// Bytes, not pages: a page touched is a page lost.
			a, b := rnd.IntN(span<<12), rnd.IntN(span<<12)
			reserved = append(reserved, Range{zx.PhysAddr(a), zx.PhysAddr(b)})
			if a < b {
				for p := a >> 12; p <= (b-1)>>12; p++ {
					usable[p] = false
				}
			}
		}
		var gotUsable [span]bool
		end := zx.PhysAddr(0)
		for _, r := range m.Usable(reserved) {
			if r.Start >= r.End || r.Start < end || (r.Start|r.End)&zx.PageMask != 0 {
				t.Fatalf("seed %d: usable %v after %#x", seed, r, end)
			}
			end = r.End
			for p := r.Start >> 12; p < r.End>>12; p++ {
				gotUsable[p] = true
			}
		}
		if gotUsable != usable {
			t.Fatalf("seed %d: usable %v, want %v of %v without %v", seed, gotUsable, usable, m, reserved)
		}
	}
}

// TestMemoryMapBelieve: what a loader calls RAM is RAM only as far as it keeps what is
// written there, and nowhere where it cannot be.
func TestMemoryMapBelieve(t *testing.T) {
	const mib = 1 << 20
	window := Range{16 * mib, 96 * mib}
	ram := func(start, end zx.PhysAddr) MemoryRegion { return MemoryRegion{Range{start, end}, MemoryRAM} }
	for name, c := range map[string]struct {
		said MemoryMap
		real zx.PhysAddr // end of what there is below 4 GiB
		high zx.PhysAddr // and above
		want []Range
		lies int
	}{
		"truth":         {MemoryMap{ram(0, 0x9fc00), ram(mib, 256*mib)}, 256 * mib, 0, []Range{{0, 0x9fc00}, {mib, 256 * mib}}, 0},
		"too much":      {MemoryMap{ram(mib, 1<<30)}, 256 * mib, 0, []Range{{mib, 256 * mib}}, 1},
		"none":          {MemoryMap{ram(mib, 96*mib), ram(512*mib, 513*mib)}, 256 * mib, 0, []Range{{mib, 96 * mib}}, 1},
		"without end":   {MemoryMap{ram(mib, 1<<63)}, 256 * mib, 5 << 30, []Range{{mib, 256 * mib}, {1 << 32, 5 << 30}}, 2},
		"a word":        {MemoryMap{ram(mib, 96*mib), ram(300*mib, 300*mib+8)}, 256 * mib, 0, []Range{{mib, 96 * mib}}, 1},
		"not a word":    {MemoryMap{ram(mib, 96*mib), ram(200*mib, 200*mib+1)}, 256 * mib, 0, []Range{{mib, 96 * mib}, {200 * mib, 200*mib + 1}}, 0},
		"APIC and BIOS": {MemoryMap{ram(mib, 1<<32)}, 1 << 32, 0, []Range{{mib, 0xfec00000}}, 0},
	} {
		m, problems := c.said.believe(window, 40, func(at uint64) bool {
			if at%8 != 0 || at >= 1<<40 || at >= uint64(window.Start) && at < uint64(window.End) {
				t.Fatalf("%s: looked at %#x", name, at)
			}
			return at < uint64(c.real) || at >= 1<<32 && at < uint64(c.high)
		})
		var got []Range
		for _, r := range m {
			if r.Kind == MemoryRAM {
				got = append(got, r.Range)
			}
		}
		if !slices.Equal(got, c.want) || len(problems) != c.lies {
			t.Errorf("%s: %v, %v; want %v", name, got, problems, c.want)
		}
	}
	if n := presentEnd(16*mib, 4096*mib, func(at uint64) bool { return at < 77*mib }); n != 77*mib {
		t.Errorf("ends at %#x", n)
	}
}

func TestUsablePartialPages(t *testing.T) {
	m := NewMemoryMap([]MemoryRegion{{Range{0x500, 0x9fc00}, MemoryRAM}})
	if got, want := m.Usable(nil), []Range{{0x1000, 0x9f000}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestJoinRanges(t *testing.T) {
	got := joinRanges([]Range{pages(Range{0x5800, 0x5801}), pages(Range{0x1fff, 0x2001}), {0x3000, 0x4000}})
	if want := []Range{{0x1000, 0x4000}, {0x5000, 0x6000}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMMIOSlots(t *testing.T) {
	got := mmioSlots("quiet virtio_mmio.device=512@0xfeb02e00:12 virtio_mmio.device=4K@0xfeb03000:13:7 " +
		"virtio_mmio.device= virtio_mmio.device=512 virtio_mmio.device=x@y:1 virtio_mmio.device=512@0xffffffffffffff00:1 " +
		"virtio_mmio.device=512@0x3:1 virtio_mmio.device=8@0x1000:1 virtio_mmio.device=@:")
	want := []Range{{0xfeb02e00, 0xfeb03000}, {0xfeb03000, 0xfeb04000}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestExitValue(t *testing.T) {
	for code, want := range map[int32]uint8{0: 0x10, 1: 0x12, 2: 0x13, 0x6e: 0x7f, 0x6f: 0x7f, 256: 0x7f, -1: 0x7f, -1 << 31: 0x7f} {
		if got := ExitValue(code); got != want {
			t.Errorf("code %d: %#x, want %#x", code, got, want)
		}
	}
}
