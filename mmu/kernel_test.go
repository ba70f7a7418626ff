package mmu

import (
	"testing"

	"faultline/zx"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// kernelRanges is a map such as the kernel's: page 0 a hole, text, rodata,
// data, RAM with a stack guard, a device, RAM above 4 GiB.
var kernelRanges = []KernelRange{
	{Start: 4 * kib, End: 2 * mib, Prot: Read | Write},
	{Start: 2 * mib, End: 5*mib + 12*kib, Prot: Read | Exec},
	{Start: 5*mib + 12*kib, End: 6 * mib, Prot: Read},
	{Start: 6 * mib, End: 64*mib + 16*kib, Prot: Read | Write},
	{Start: 64*mib + 20*kib, End: 3 * gib, Prot: Read | Write},
	{Start: 0xfee0_0000, End: 0xfee0_1000, Prot: Read | Write, Device: true},
	{Start: 4 * gib, End: 9 * gib, Prot: Read | Write},
	{Start: highDevice, End: highDevice + 4*kib, Prot: Read | Write, Device: true},
}

// highDevice are registers where firmware puts them when there is no room below.
const highDevice = 896 * gib

func TestKernelTable(t *testing.T) {
	for _, have := range []KernelFeatures{{}, {Pages1G: true, Global: true}} {
		m := NewSimulated(128)
		kt, err := m.NewKernelTable(kernelRanges, have)
		if err != nil {
			t.Fatal(err)
		}
		covered := uint64(0)
		sizes := map[uint64]int{}
		at := uint64(0)
		for at < 16*gib {
			tr, ok := sdmWalk(m, kt.Root(), at)
			want := KernelRange{}
			for _, r := range kernelRanges {
				if zx.PhysAddr(at) >= r.Start && zx.PhysAddr(at) < r.End {
					want = r
				}
			}
			if ok != (want.End != 0) {
				t.Fatalf("%#x mapped %v", at, ok)
			}
			if !ok {
				at += 4 * kib
				if at >= 9*gib {
					at += gib // thin out the emptiness above
				}
				continue
			}
			if tr.w && tr.x || tr.u || uint64(tr.pa) != at || at+tr.size > uint64(want.End) ||
				tr.w != (want.Prot&Write != 0) || tr.x != (want.Prot&Exec != 0) || tr.device != want.Device || tr.global != have.Global {
				t.Fatalf("%#x: %+v, want %+v", at, tr, want)
			}
			sizes[tr.size]++
			covered += tr.size
			at += tr.size
		}
		tr, ok := sdmWalk(m, kt.Root(), DeviceAddress(highDevice))
		if !ok || tr.pa != highDevice || !tr.device || tr.x || tr.u || DeviceAddress(highDevice)>>47 != 1<<17-1 {
			t.Fatalf("%#x: %v, %+v", DeviceAddress(highDevice), ok, tr)
		}
		covered += tr.size
		want := uint64(0)
		for _, r := range kernelRanges {
			want += uint64(r.End - r.Start)
		}
		if covered != want || sizes[2*mib] == 0 || sizes[4*kib] == 0 || (sizes[gib] != 0) != have.Pages1G {
			t.Fatalf("covered %#x of %#x with %v", covered, want, sizes)
		}
		user, st := m.NewPageTable(kt)
		if st != zx.OK {
			t.Fatal(st)
		}
		if e, level := user.lookup(2*mib + 5); level == LevelPML4 || e.Prot() != Read|Exec || e&PTE_US != 0 {
			t.Fatalf("a process sees kernel text as %v at level %d", e, level)
		}
		if tr, ok := sdmWalk(m, user.Root(), DeviceAddress(highDevice)); !ok || tr.pa != highDevice || tr.u {
			t.Fatalf("a process's root has the high device: %v, %+v", ok, tr)
		}
		f, _ := m.Alloc()
		user.Lane(0).Map(0x80_0000_0000, f, Read.Leaf())
		if _, ok := sdmWalk(m, kt.Root(), 0x80_0000_0000); ok {
			t.Fatal("the kernel's root sees a process's page")
		}
		user.Destroy()
		if _, ok := sdmWalk(m, kt.Root(), 2*mib); !ok {
			t.Fatal("destroying a process took the kernel's tables")
		}
		m.Free(f)
		kt.DestroyKernel()
		if left := m.Outstanding(); left != nil {
			t.Fatalf("leaked %v", left)
		}
	}
}

func TestKernelTableRefuses(t *testing.T) {
	m := NewSimulated(128)
	for name, r := range map[string][]KernelRange{
		"W and X":        {{Start: 4096, End: 8192, Prot: Read | Write | Exec}},
		"no read":        {{Start: 4096, End: 8192, Prot: Write}},
		"unaligned":      {{Start: 4096, End: 8193, Prot: Read}},
		"empty":          {{Start: 4096, End: 4096, Prot: Read}},
		"overlap":        {{Start: 4096, End: 12288, Prot: Read}, {Start: 8192, End: 16384, Prot: Read}},
		"beyond PML4[0]": {{Start: 511 * gib, End: 513 * gib, Prot: Read}},
		"high RAM":       {{Start: 513 * gib, End: 514 * gib, Prot: Read}},
		"high, no canon": {{Start: 1 << 47, End: 1<<47 + gib, Prot: Read, Device: true}},
	} {
		if _, err := m.NewKernelTable(r, KernelFeatures{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for n := 0; n < 12; n++ {
		m.FailAfter(n)
		kt, err := m.NewKernelTable(kernelRanges, KernelFeatures{})
		m.FailAfter(-1)
		if err == nil {
			kt.DestroyKernel()
		}
		if left := m.Outstanding(); left != nil {
			t.Fatalf("after failure at %d (%v): leaked %v", n, err, left)
		}
	}
}
