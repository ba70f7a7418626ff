//go:build tamago

package cpu_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"faultline/cpu"
)

func TestMSR(t *testing.T) {
	const v = 0x7fff_dead_beef_1230 & (1<<47 - 1)
	old := cpu.ReadMSR(cpu.IA32_KERNEL_GS_BASE)
	cpu.WriteMSR(cpu.IA32_KERNEL_GS_BASE, v)
	if got := cpu.ReadMSR(cpu.IA32_KERNEL_GS_BASE); got != v {
		t.Errorf("wrote %#x, read %#x", uint64(v), got)
	}
	cpu.WriteMSR(cpu.IA32_KERNEL_GS_BASE, old)
	if efer := cpu.ReadMSR(cpu.IA32_EFER); efer&(cpu.EFER_SCE|cpu.EFER_NXE|cpu.EFER_LMA) != cpu.EFER_SCE|cpu.EFER_NXE|cpu.EFER_LMA {
		t.Errorf("EFER %#x", efer)
	}
}

func TestControlRegisters(t *testing.T) {
	f := cpu.Detect()
	cr0 := cpu.ReadCR0()
	if want := cpu.CR0_PE | cpu.CR0_PG | cpu.CR0_WP | cpu.CR0_NE | cpu.CR0_MP; cr0&want != want || cr0&(cpu.CR0_EM|cpu.CR0_TS) != 0 {
		t.Errorf("CR0 %#x", cr0)
	}
	cpu.WriteCR0(cr0 | cpu.CR0_AM)
	if got := cpu.ReadCR0(); got != cr0|cpu.CR0_AM {
		t.Errorf("CR0 %#x, wrote %#x", got, cr0|cpu.CR0_AM)
	}
	cpu.WriteCR0(cr0)

	cr4 := cpu.ReadCR4()
	for _, bit := range []struct {
		has  bool
		mask uint64
		name string
	}{
		{true, cpu.CR4_PAE | cpu.CR4_OSFXSR | cpu.CR4_OSXMMEXCPT, "PAE|OSFXSR|OSXMMEXCPT"},
		{f.PGE, cpu.CR4_PGE, "PGE"}, {f.SMEP, cpu.CR4_SMEP, "SMEP"}, {f.SMAP, cpu.CR4_SMAP, "SMAP"},
		{f.UMIP, cpu.CR4_UMIP, "UMIP"}, {f.FSGSBASE, cpu.CR4_FSGSBASE, "FSGSBASE"}, {f.XSAVE, cpu.CR4_OSXSAVE, "OSXSAVE"},
	} {
		if (cr4&bit.mask == bit.mask) != bit.has {
			t.Errorf("CR4 %#x, %s offered: %v", cr4, bit.name, bit.has)
		}
	}
	cpu.WriteCR4(cr4 ^ cpu.CR4_DE)
	if got := cpu.ReadCR4(); got != cr4^cpu.CR4_DE {
		t.Errorf("CR4 %#x, wrote %#x", got, cr4^cpu.CR4_DE)
	}
	cpu.WriteCR4(cr4)

	u := newRing3(t, insLoadRAX)
	cpu.WriteCR3(u.root)
	if got := cpu.ReadCR3(); got != u.root {
		t.Errorf("CR3 %#x, wrote %#x", got, u.root)
	}
	u.RBX = userHole + 0x123
	if u.run(); cpu.ReadCR2() != userHole+0x123 {
		t.Errorf("CR2 %#x", cpu.ReadCR2())
	}
	if f.XSAVE {
		x := cpu.ReadXCR0()
		if x&3 != 3 || x&^f.XCR0 != 0 {
			t.Errorf("XCR0 %#x, CPU offers %#x", x, f.XCR0)
		}
		cpu.WriteXCR0(3)
		if got := cpu.ReadXCR0(); got != 3 {
			t.Errorf("XCR0 %#x, wrote 3", got)
		}
		cpu.WriteXCR0(x)
	}
}

// TestInvalidate changes mappings that the TLB holds.
func TestInvalidate(t *testing.T) {
	const va, pteG = userCode + 0x8005, 0x100
	for _, tt := range []struct {
		name       string
		global     uint64
		invalidate func()
	}{
		{"page", 0, func() { cpu.InvalidatePage(va) }},
		{"page, global", pteG, func() { cpu.InvalidatePage(va) }},
		{"all", 0, cpu.InvalidateAll},
		{"global", pteG, cpu.InvalidateGlobal},
		{"global, none", 0, cpu.InvalidateGlobal},
	} {
		u := newRing3(t, insNOP)
		a, b := newPage(), newPage()
		a[5], b[5] = 0xaa, 0xbb
		u.pt[8] = a.addr() | pteP | pteRW | tt.global // supervisor: ring 0 looks
		cpu.WriteCR3(u.root)
		if got := peek(va); got != 0xaa {
			t.Fatalf("%s: first %#x", tt.name, got)
		}
		u.pt[8] = b.addr() | pteP | pteRW | tt.global
		tt.invalidate()
		if got := peek(va); got != 0xbb {
			t.Errorf("%s: then %#x", tt.name, got)
		}
		u.pt[8] = 0
		cpu.InvalidatePage(va)
	}
}

func TestTSC(t *testing.T) {
	a := cpu.ReadTSC()
	cpu.Pause()
	if b := cpu.ReadTSC(); b <= a {
		t.Errorf("TSC went from %d to %d", a, b)
	}
}

func TestCPUID(t *testing.T) {
	max, b, c, d := cpu.CPUID(0, 0)
	if max == 0 || b == 0 || c == 0 || d == 0 {
		t.Errorf("leaf 0: %#x %#x %#x %#x", max, b, c, d)
	}
	if max >= 0xd {
		_, b0, _, _ := cpu.CPUID(0xd, 0)
		_, b2, _, _ := cpu.CPUID(0xd, 2)
		if b0 != 0 && b0 == b2 {
			t.Errorf("the subleaf does not reach the CPU: %#x", b0)
		}
	}
	f := cpu.Detect()
	if len(f.Missing()) != 0 {
		t.Errorf("missing %v", f.Missing())
	}
	t.Logf("%s %s: %v, TSC %d Hz", f.Vendor, f.Brand, f.Optional(), f.TSCHz)
}

func TestRandom(t *testing.T) {
	f := cpu.Detect()
	for _, src := range []struct {
		name string
		has  bool
		read func() (uint64, bool)
	}{{"RDRAND", f.RDRAND, cpu.RDRAND}, {"RDSEED", f.RDSEED, cpu.RDSEED}} {
		if !src.has {
			continue
		}
		seen := map[uint64]bool{}
		for range 10 {
			if v, ok := src.read(); ok {
				seen[v] = true
			}
		}
		if len(seen) < 2 {
			t.Errorf("%s: %d different values of 10", src.name, len(seen))
		}
	}
}

// TestPorts uses the scratch register of the first serial port and the
// signature of QEMU's firmware configuration device.
func TestPorts(t *testing.T) {
	const modem, scratch = 0x3fc, 0x3ff
	cpu.Out8(scratch, 0x5a)
	if got := cpu.In8(scratch); got != 0x5a {
		t.Errorf("Out8, In8: %#x", got)
	}
	cpu.Out16(scratch-1, 0xa500)
	if got := cpu.In16(scratch - 1); got>>8 != 0xa5 {
		t.Errorf("Out16, In16: %#x", got)
	}
	old := cpu.In32(modem)
	cpu.Out32(modem, old&0xff|0x3c<<24)
	if got := cpu.In32(modem); got>>24 != 0x3c || got&0xff != old&0xff {
		t.Errorf("Out32, In32: %#x, was %#x", got, old)
	}
	cpu.OutBytes(scratch, []byte{1, 2, 0x77})
	if got := cpu.In8(scratch); got != 0x77 {
		t.Errorf("OutBytes: %#x", got)
	}
	cpu.Out16(0x510, 0)
	var sig [4]byte
	cpu.InBytes(0x511, sig[:])
	if !bytes.Equal(sig[:], []byte("QEMU")) {
		t.Skipf("no fw_cfg to read from: % x", sig)
	}
	if got := cpu.In32(0x514); got != binary.LittleEndian.Uint32([]byte("QEMU")) {
		t.Errorf("In32 of the DMA signature: %#x", got)
	}
}

func TestRFLAGS(t *testing.T) {
	if got := cpu.ReadRFLAGS(); got&(cpu.RFLAGS_IF|cpu.RFLAGS_ONE) != cpu.RFLAGS_ONE {
		t.Errorf("RFLAGS %#x: interrupts on?", got)
	}
}

func TestDebugRegisters(t *testing.T) {
	cpu.WriteDR6(0xffff0ff0 | 1<<14)
	if got := cpu.ReadDR6(); got&(1<<14) == 0 {
		t.Errorf("DR6 %#x", got)
	}
	cpu.WriteDR6(0xffff0ff0)
	if got := cpu.ReadDR6(); got&(1<<14) != 0 {
		t.Errorf("DR6 %#x", got)
	}
	if got := cpu.ReadDR7(); got&0xff != 0 {
		t.Errorf("DR7 %#x: breakpoints armed", got)
	}
}
