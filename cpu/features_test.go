package cpu

import (
	"slices"
	"strings"
	"testing"
)

type leaf struct {
	leaf, subleaf      uint32
	eax, ebx, ecx, edx uint32
}

// recordings are what QEMU 7.2's models answered.
var recordings = map[string][]leaf{
	"max": {
		{0x0, 0, 0x0000000d, 0x68747541, 0x444d4163, 0x69746e65},
		{0x1, 0, 0x00060fb1, 0x00000800, 0xfed8320b, 0x0fcbfbfd},
		{0x7, 0, 0x00000000, 0x01d843a9, 0x8001020c, 0x00000000},
		{0xd, 0, 0x0000021f, 0x00000340, 0x00000a88, 0x00000000},
		{0xd, 1, 0x00000005, 0x000003c8, 0x00000000, 0x00000000},
		{0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447},
		{0x80000000, 0, 0x8000000a, 0x68747541, 0x444d4163, 0x69746e65},
		{0x80000001, 0, 0x00060fb1, 0x00000000, 0x00000075, 0xedd3fbfd},
		{0x80000002, 0, 0x554d4551, 0x47435420, 0x55504320, 0x72657620},
		{0x80000003, 0, 0x6e6f6973, 0x352e3220, 0x0000002b, 0x00000000},
		{0x80000004, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000007, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000008, 0, 0x00003928, 0x00000000, 0x00000000, 0x00000000},
	},
	"EPYC": {
		{0x0, 0, 0x0000000d, 0x68747541, 0x444d4163, 0x69746e65},
		{0x1, 0, 0x00800f12, 0x00000800, 0xfed8320b, 0x078bfbfd},
		{0x7, 0, 0x00000000, 0x009801a9, 0x00000000, 0x00000000},
		{0xd, 0, 0x00000007, 0x00000340, 0x00000340, 0x00000000},
		{0xd, 1, 0x00000005, 0x00000340, 0x00000000, 0x00000000},
		{0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447},
		{0x80000000, 0, 0x8000001e, 0x68747541, 0x444d4163, 0x69746e65},
		{0x80000001, 0, 0x00800f12, 0x00000000, 0x00000075, 0x2dd3fbfd},
		{0x80000002, 0, 0x20444d41, 0x43595045, 0x6f725020, 0x73736563},
		{0x80000003, 0, 0x0000726f, 0x00000000, 0x00000000, 0x00000000},
		{0x80000004, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000007, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000008, 0, 0x00003028, 0x00000000, 0x00000000, 0x00000000},
	},
	"Skylake-Client": {
		{0x0, 0, 0x0000000d, 0x756e6547, 0x6c65746e, 0x49656e69},
		{0x1, 0, 0x000506e3, 0x00000800, 0xfed83203, 0x078bfbfd},
		{0x7, 0, 0x00000000, 0x001803a9, 0x00000000, 0x00000000},
		{0xd, 0, 0x00000007, 0x00000340, 0x00000340, 0x00000000},
		{0xd, 1, 0x00000005, 0x00000340, 0x00000000, 0x00000000},
		{0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447},
		{0x80000000, 0, 0x80000008, 0x756e6547, 0x6c65746e, 0x49656e69},
		{0x80000001, 0, 0x000506e3, 0x00000000, 0x00000021, 0x28100800},
		{0x80000002, 0, 0x65746e49, 0x6f43206c, 0x50206572, 0x65636f72},
		{0x80000003, 0, 0x726f7373, 0x6b532820, 0x6b616c79, 0x49202c65},
		{0x80000004, 0, 0x2c535242, 0x206f6e20, 0x29585354, 0x00000000},
		{0x80000007, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000008, 0, 0x00003028, 0x00000000, 0x00000000, 0x00000000},
	},
	"qemu64": {
		{0x0, 0, 0x0000000d, 0x68747541, 0x444d4163, 0x69746e65},
		{0x1, 0, 0x00060fb1, 0x00000800, 0x80002001, 0x078bfbfd},
		{0x7, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x40000000, 0, 0x40000001, 0x54474354, 0x43544743, 0x47435447},
		{0x80000000, 0, 0x8000000a, 0x68747541, 0x444d4163, 0x69746e65},
		{0x80000001, 0, 0x00060fb1, 0x00000000, 0x00000005, 0x2193fbfd},
		{0x80000002, 0, 0x554d4551, 0x72695620, 0x6c617574, 0x55504320},
		{0x80000003, 0, 0x72657620, 0x6e6f6973, 0x352e3220, 0x0000002b},
		{0x80000004, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000007, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
		{0x80000008, 0, 0x00003028, 0x00000000, 0x00000000, 0x00000000},
	},
}

// replay answers from a recording, and fails the test when asked for a leaf
// the CPU does not have.
func replay(t *testing.T, leaves []leaf) CPUIDFunc {
	return func(l, sub uint32) (a, b, c, d uint32) {
		for _, r := range leaves {
			if r.leaf == l && r.subleaf == sub {
				return r.eax, r.ebx, r.ecx, r.edx
			}
		}
		t.Errorf("asked for leaf %#x, %d", l, sub)
		return 0, 0, 0, 0
	}
}

func TestDecodeFeatures(t *testing.T) {
	for name, want := range map[string]struct {
		vendor, brand string
		optional      string
		family, model uint32
		physBits      uint32
		xcr0, cr4     uint64
	}{
		"max": {"AuthenticAMD", "QEMU TCG CPU version 2.5+",
			"PGE PAT FSGSBASE SMEP SMAP UMIP XSAVE XSAVEOPT AVX PDPE1GB RDRAND ERMS RDTSCP CX16", 15, 0x6b, 40,
			XCR0_X87 | XCR0_SSE | XCR0_AVX,
			CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE},
		"EPYC": {"AuthenticAMD", "AMD EPYC Processor",
			"PGE PAT FSGSBASE SMEP SMAP XSAVE XSAVEOPT AVX PDPE1GB RDRAND RDTSCP CX16", 23, 1, 40,
			XCR0_X87 | XCR0_SSE | XCR0_AVX,
			CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE},
		"Skylake-Client": {"GenuineIntel", "Intel Core Processor (Skylake, IBRS, no TSX)",
			"PGE PAT FSGSBASE SMEP SMAP XSAVE XSAVEOPT AVX RDRAND ERMS RDTSCP CX16", 6, 94, 40,
			XCR0_X87 | XCR0_SSE | XCR0_AVX,
			CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_OSXSAVE},
		"qemu64": {"AuthenticAMD", "QEMU Virtual CPU version 2.5+",
			"PGE PAT CX16", 15, 0x6b, 40,
			XCR0_X87 | XCR0_SSE,
			CR4_PGE},
	} {
		t.Run(name, func(t *testing.T) {
			f := DecodeFeatures(replay(t, recordings[name]))
			if m := f.Missing(); len(m) != 0 {
				t.Errorf("missing %v", m)
			}
			if f.Vendor != want.vendor || f.Brand != want.brand || f.HypervisorVendor != "TCGTCGTCGTCG" {
				t.Errorf("%q, %q, %q", f.Vendor, f.Brand, f.HypervisorVendor)
			}
			if f.Family != want.family || f.Model != want.model || f.PhysBits != want.physBits {
				t.Errorf("family %d, model %d, %d address bits", f.Family, f.Model, f.PhysBits)
			}
			got, wanted := f.Optional(), strings.Fields(want.optional)
			slices.Sort(got)
			slices.Sort(wanted)
			if !slices.Equal(got, wanted) {
				t.Errorf("optional %v\nwant     %v", got, wanted)
			}
			if x := f.xcr0(); x != want.xcr0 {
				t.Errorf("XCR0 %#x, want %#x", x, want.xcr0)
			}
			const always = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE
			if cr4 := f.cr4(CR4_PAE | CR4_TSD); cr4 != want.cr4|always {
				t.Errorf("CR4 %#x, want %#x", cr4, want.cr4|always)
			}
			if f.TSCHz != 0 || f.TSCDeadline || f.InvariantTSC {
				t.Errorf("TSC %d Hz, deadline %v, invariant %v", f.TSCHz, f.TSCDeadline, f.InvariantTSC)
			}
		})
	}
}

func TestFrequencyLeaves(t *testing.T) {
	base := []leaf{
		{0, 0, 0x16, 0, 0, 0}, {1, 0, 0, 0, 0, 0}, {7, 0, 0, 0, 0, 0}, {0x80000000, 0, 0, 0, 0, 0},
	}
	hypervisor := []leaf{
		{0, 0, 1, 0, 0, 0}, {1, 0, 0, 0, 1 << 31, 0}, {0x80000000, 0, 0, 0, 0, 0},
		{0x40000000, 0, 0x40000010, 0, 0, 0},
	}
	for _, tt := range []struct {
		name      string
		leaves    []leaf
		tsc, apic uint64
	}{
		{"15H with crystal", append(slices.Clone(base), leaf{0x15, 0, 2, 250, 24_000_000, 0}), 3_000_000_000, 24_000_000},
		{"15H without, 16H", append(slices.Clone(base), leaf{0x15, 0, 2, 216, 0, 0}, leaf{0x16, 0, 2600, 3500, 100, 0}), 2_600_000_000, 0},
		{"empty", append(slices.Clone(base), leaf{0x15, 0, 0, 0, 0, 0}), 0, 0},
		{"hypervisor", append(hypervisor, leaf{0x40000010, 0, 2_400_000, 1_000_000, 0, 0}), 2_400_000_000, 1_000_000_000},
	} {
		f := DecodeFeatures(replay(t, tt.leaves))
		if f.TSCHz != tt.tsc || f.APICHz != tt.apic {
			t.Errorf("%s: TSC %d, APIC %d; want %d, %d", tt.name, f.TSCHz, f.APICHz, tt.tsc, tt.apic)
		}
	}
}

// TestMissing: a CPU with nothing is refused in words, not asked for leaves.
func TestMissing(t *testing.T) {
	f := DecodeFeatures(replay(t, []leaf{{0, 0, 0, 0, 0, 0}, {0x80000000, 0, 0, 0, 0, 0}}))
	missing := strings.Join(f.Missing(), ", ")
	for _, want := range []string{"long mode", "NX", "SYSCALL", "SSE2", "APIC", "TSC"} {
		if !strings.Contains(missing, want) {
			t.Errorf("%q does not name %s", missing, want)
		}
	}
}

// TestAVX512 has no emulated CPU; the leaves are a server's.
func TestAVX512(t *testing.T) {
	leaves := []leaf{
		{0, 0, 0xd, 0, 0, 0}, {1, 0, 0, 0, 1<<26 | 1<<28, 0}, {7, 0, 0, 1 << 16, 0, 0},
		{0xd, 0, 0xe7, 576, 2688, 0}, {0xd, 1, 1, 0, 0, 0}, {0x80000000, 0, 0, 0, 0, 0},
	}
	f := DecodeFeatures(replay(t, leaves))
	if want := XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512; !f.AVX512F || f.xcr0() != want {
		t.Errorf("XCR0 %#x, want %#x", f.xcr0(), want)
	}
	leaves[3].eax = 0x27 // a hypervisor that takes two of the three components away
	f = DecodeFeatures(replay(t, leaves))
	if want := XCR0_X87 | XCR0_SSE | XCR0_AVX; f.AVX512F || f.xcr0() != want {
		t.Errorf("XCR0 %#x, want %#x", f.xcr0(), want)
	}
}
