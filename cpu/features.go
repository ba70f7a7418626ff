package cpu

import "encoding/binary"

// CPUIDFunc answers CPUID: the instruction, or a recording of it.
type CPUIDFunc func(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// Features is what a CPU says about itself, under the manuals' names.
// Source: Intel SDM 2A CPUID, AMD APM 3 appendix E.
type Features struct {
	Vendor string // "GenuineIntel", "AuthenticAMD", ...
	Brand  string // "" when the CPU gives none
	Family uint32
	Model  uint32

	MaxLeaf, MaxExtended, MaxHypervisor uint32

	// Leaf 1.
	FPU, TSC, MSR, PAE, MCE, CX8, APIC, SEP, PGE, PAT, FXSR, SSE, SSE2 bool
	SSE3, CX16, X2APIC, TSCDeadline, XSAVE, AVX, RDRAND, Hypervisor    bool
	// Leaf 7.
	FSGSBASE, SMEP, ERMS, RDSEED, SMAP, AVX512F, UMIP, PKU bool
	// Leaf 0xd.
	XSAVEOPT bool
	XCR0     uint64 // components the CPU offers
	// Extended leaves.
	SYSCALL, NX, LM, PDPE1GB, RDTSCP, InvariantTSC bool
	PhysBits                                       uint32 // physical address bits

	HypervisorVendor string // "TCGTCGTCGTCG", "KVMKVMKVM", ...

	// TSC frequency as the CPU or hypervisor tells it, Hz; 0 when not told.
	TSCHz uint64
	// Local APIC timer frequency before its divider, Hz; 0 when not told.
	APICHz uint64
}

// Detect reads the features of the CPU it runs on.
func Detect() *Features { return DecodeFeatures(CPUID) }

// DecodeFeatures reads features through id. A leaf the CPU does not have is
// not asked for, and its features are absent.
func DecodeFeatures(id CPUIDFunc) *Features {
	f := new(Features)
	max, b, c, d := id(0, 0)
	f.MaxLeaf, f.Vendor = max, text(b, d, c)
	f.leaf1(id)
	if f.MaxLeaf >= 7 {
		_, b, c, _ := id(7, 0)
		f.FSGSBASE = has(b, 0)
		f.SMEP = has(b, 7)
		f.ERMS = has(b, 9)
		f.AVX512F = has(b, 16)
		f.RDSEED = has(b, 18)
		f.SMAP = has(b, 20)
		f.UMIP = has(c, 2)
		f.PKU = has(c, 3)
	}
	if f.MaxLeaf >= 0xd && f.XSAVE {
		a, _, _, d := id(0xd, 0)
		f.XCR0 = uint64(d)<<32 | uint64(a)
		a, _, _, _ = id(0xd, 1)
		f.XSAVEOPT = has(a, 0)
	}
	// Without XSAVE nobody can keep their state.
	f.AVX = f.AVX && f.XCR0&XCR0_AVX != 0
	f.AVX512F = f.AVX512F && f.AVX && f.XCR0&XCR0_AVX512 == XCR0_AVX512
	f.extended(id)
	if f.Hypervisor {
		max, b, c, d := id(0x40000000, 0)
		f.MaxHypervisor, f.HypervisorVendor = max, text(b, c, d)
	}
	f.frequency(id)
	return f
}

func (f *Features) leaf1(id CPUIDFunc) {
	if f.MaxLeaf < 1 {
		return
	}
	a, _, c, d := id(1, 0)
	f.Family, f.Model = a>>8&0xf, a>>4&0xf
	if f.Family == 6 || f.Family == 15 {
		f.Model |= a >> 16 & 0xf << 4
	}
	if f.Family == 15 {
		f.Family += a >> 20 & 0xff
	}
	f.FPU = has(d, 0)
	f.TSC = has(d, 4)
	f.MSR = has(d, 5)
	f.PAE = has(d, 6)
	f.MCE = has(d, 7)
	f.CX8 = has(d, 8)
	f.APIC = has(d, 9)
	f.SEP = has(d, 11)
	f.PGE = has(d, 13)
	f.PAT = has(d, 16)
	f.FXSR = has(d, 24)
	f.SSE = has(d, 25)
	f.SSE2 = has(d, 26)
	f.SSE3 = has(c, 0)
	f.CX16 = has(c, 13)
	f.X2APIC = has(c, 21)
	f.TSCDeadline = has(c, 24)
	f.XSAVE = has(c, 26)
	f.AVX = has(c, 28)
	f.RDRAND = has(c, 30)
	f.Hypervisor = has(c, 31)
}

func (f *Features) extended(id CPUIDFunc) {
	max, _, _, _ := id(0x80000000, 0)
	if max < 0x80000000 || max > 0x8000ffff {
		return // no extended leaves: the CPU answered with something else
	}
	f.MaxExtended = max
	if max >= 0x80000001 {
		_, _, _, d := id(0x80000001, 0)
		f.SYSCALL = has(d, 11)
		f.NX = has(d, 20)
		f.PDPE1GB = has(d, 26)
		f.RDTSCP = has(d, 27)
		f.LM = has(d, 29)
	}
	if max >= 0x80000004 {
		for leaf := uint32(0x80000002); leaf <= 0x80000004; leaf++ {
			a, b, c, d := id(leaf, 0)
			f.Brand += text(a, b, c, d)
		}
	}
	if max >= 0x80000007 {
		_, _, _, d := id(0x80000007, 0)
		f.InvariantTSC = has(d, 8)
	}
	f.PhysBits = 36
	if max >= 0x80000008 {
		a, _, _, _ := id(0x80000008, 0)
		f.PhysBits = a & 0xff
	}
}

// frequency learns the TSC's frequency: leaf 15H gives the ratio to the
// crystal and perhaps the crystal's; leaf 16H the base frequency, which is the
// TSC's where 15H leaves the crystal out; hypervisors tell it in 0x40000010
// (kHz). Source: Intel SDM 3B 18.7.3.
func (f *Features) frequency(id CPUIDFunc) {
	if f.MaxLeaf >= 0x15 {
		den, num, crystal, _ := id(0x15, 0)
		if den != 0 && num != 0 && crystal != 0 {
			f.TSCHz = uint64(crystal) * uint64(num) / uint64(den)
			f.APICHz = uint64(crystal)
		} else if den != 0 && num != 0 && f.MaxLeaf >= 0x16 {
			mhz, _, _, _ := id(0x16, 0)
			f.TSCHz = uint64(mhz&0xffff) * 1_000_000
		}
	}
	if f.MaxHypervisor >= 0x40000010 && f.MaxHypervisor < 0x40010000 {
		tsc, apic, _, _ := id(0x40000010, 0)
		if tsc != 0 {
			f.TSCHz = uint64(tsc) * 1000
		}
		if apic != 0 {
			f.APICHz = uint64(apic) * 1000
		}
	}
}

// Missing lists what the kernel cannot do without and this CPU lacks; empty on
// a CPU it can run on.
func (f *Features) Missing() []string {
	var missing []string
	for _, need := range [...]struct {
		has  bool
		name string
	}{
		{f.LM, "long mode"},
		{f.NX, "NX (no-execute pages)"},
		{f.SYSCALL, "SYSCALL"},
		{f.FPU, "x87"},
		{f.FXSR, "FXSAVE"},
		{f.SSE && f.SSE2, "SSE2"},
		{f.TSC, "TSC"},
		{f.MSR, "MSRs"},
		{f.APIC, "local APIC"},
		{f.PAE, "PAE"},
		{f.CX8, "CMPXCHG8B"},
	} {
		if !need.has {
			missing = append(missing, need.name)
		}
	}
	return missing
}

// Optional names the optional features f has, for the boot log.
func (f *Features) Optional() []string {
	var names []string
	for _, opt := range [...]struct {
		has  bool
		name string
	}{
		{f.PGE, "PGE"}, {f.PAT, "PAT"}, {f.FSGSBASE, "FSGSBASE"}, {f.SMEP, "SMEP"}, {f.SMAP, "SMAP"}, {f.UMIP, "UMIP"},
		{f.XSAVE, "XSAVE"}, {f.XSAVEOPT, "XSAVEOPT"}, {f.AVX, "AVX"}, {f.AVX512F, "AVX512F"},
		{f.PDPE1GB, "PDPE1GB"}, {f.RDRAND, "RDRAND"}, {f.RDSEED, "RDSEED"},
		{f.TSCDeadline, "TSC-deadline"}, {f.InvariantTSC, "invariant-TSC"},
		{f.X2APIC, "x2APIC"}, {f.ERMS, "ERMS"}, {f.RDTSCP, "RDTSCP"}, {f.CX16, "CX16"},
	} {
		if opt.has {
			names = append(names, opt.name)
		}
	}
	return names
}

func has(reg uint32, bit uint) bool { return reg>>bit&1 != 0 }

// text is the string in regs, without padding.
func text(regs ...uint32) string {
	var b []byte
	for _, r := range regs {
		b = binary.LittleEndian.AppendUint32(b, r)
	}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}
