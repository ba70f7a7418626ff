package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDescriptors compares with values put together by hand from the manual's
// drawings (Intel SDM 3A figure 3-8 and 5-1).
func TestDescriptors(t *testing.T) {
	for _, d := range []struct {
		name      string
		got, want Descriptor
	}{
		{"kernel code", descKernelCode, 0x00209b0000000000},
		{"kernel data", descKernelData, 0x0000930000000000},
		{"user code", descUserCode, 0x0020fb0000000000},
		{"user data", descUserData, 0x0000f30000000000},
	} {
		if d.got != d.want {
			t.Errorf("%s: %#016x, want %#016x", d.name, d.got, d.want)
		}
	}
	low, high := tssDescriptor(0x1122334455667788, 104)
	if low != 0x5500896677880067 || high != 0x11223344 {
		t.Errorf("TSS: %#x %#x", low, high)
	}
}

// TestSelectors: SYSCALL and SYSRET compute selectors from STAR.
func TestSelectors(t *testing.T) {
	kernel, user := Selector(starValue>>32&0xffff), Selector(starValue>>48&0xffff)
	if kernel != SelKernelCode || kernel+8 != SelKernelData {
		t.Errorf("SYSCALL loads %#x, %#x", kernel, kernel+8)
	}
	if user+8 != SelUserData || user+16 != SelUserCode {
		t.Errorf("SYSRET loads SS %#x, CS %#x", user+8, user+16)
	}
	if star := starValue; uint32(star) != 0 {
		t.Errorf("STAR %#x", star)
	}
	if fmaskValue&(RFLAGS_IF|RFLAGS_DF|RFLAGS_TF|RFLAGS_AC|RFLAGS_NT) != RFLAGS_IF|RFLAGS_DF|RFLAGS_TF|RFLAGS_AC|RFLAGS_NT {
		t.Errorf("FMASK %#x", uint64(fmaskValue))
	}
}

func TestGates(t *testing.T) {
	if g := InterruptGate(0x1122334455667788, 2, true); g != (Gate{0x5566ee0200087788, 0x11223344}) {
		t.Errorf("%#x", g)
	}
	if g := InterruptGate(0x201000, 0, false); g != (Gate{0x00208e0000081000, 0}) {
		t.Errorf("%#x", g)
	}
	var ring3, stacks []Vector
	for v := Vector(0); v < VectorCount; v++ {
		if vectorFromRing3(v) {
			ring3 = append(ring3, v)
		}
		if vectorIST(v) != 0 {
			stacks = append(stacks, v)
		}
	}
	if !slices.Equal(ring3, []Vector{3, 4}) || !slices.Equal(stacks, []Vector{2, 8, 18}) {
		t.Errorf("INT n from ring 3: %d; stacks of their own: %d", ring3, stacks)
	}
}

func TestTSS(t *testing.T) {
	var tss TSS
	tss.init(&[istCount]uint64{0x1_0000_1000, 0x2_0000_2000, 0x3_0000_3000})
	tss.set(tssRSP0, 0x1122334455667788)
	want := TSS{}
	want[1], want[2] = 0x55667788, 0x11223344 // RSP0
	want[9], want[10] = 0x1000, 1             // IST1
	want[11], want[12] = 0x2000, 2
	want[13], want[14] = 0x3000, 3
	want[25] = 104 << 16
	if tss != want {
		t.Errorf("%#x\nwant %#x", tss, want)
	}
}

func TestTableRegister(t *testing.T) {
	if p := tableRegister(0x1122334455667788, 64); p != [10]byte{63, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11} {
		t.Errorf("% x", p)
	}
}

func TestTrapStackGuards(t *testing.T) {
	const start = 0x100000
	guards := TrapStackGuards(start)
	for i := range istCount {
		top := uintptr(start + (i+1)*2*trapStackPage) // as initTraps computes it
		if top-2*trapStackPage != guards[i] || slices.Contains(guards[:], top-trapStackPage) {
			t.Errorf("stack %d: top %#x, guards %#x", i, top, guards)
		}
	}
	if last := guards[istCount]; last+trapStackPage+fatalStackBytes != start+TrapStackBytes {
		t.Errorf("fatal stack above %#x ends at %#x", last, start+TrapStackBytes)
	}
}

func TestUserRFLAGS(t *testing.T) {
	if got := UserRFLAGS(0); got != 0x202 {
		t.Errorf("UserRFLAGS(0) = %#x", got)
	}
	// CF PF AF ZF SF TF IF DF OF NT RF AC ID and the constant one.
	if got, want := UserRFLAGS(1<<64-1), uint64(0x254fd7); got != want {
		t.Errorf("UserRFLAGS(all) = %#x, want %#x", got, want)
	}
	for range 1000 {
		in := rand.Uint64()
		out := UserRFLAGS(in)
		if out&(RFLAGS_IOPL|RFLAGS_VM|RFLAGS_VIF|RFLAGS_VIP) != 0 || out&RFLAGS_IF == 0 || out&RFLAGS_ONE == 0 ||
			(out^in)&rflagsUser != 0 || UserRFLAGS(out) != out {
			t.Fatalf("UserRFLAGS(%#x) = %#x", in, out)
		}
	}
}

func TestIsCanonical(t *testing.T) {
	for addr, want := range map[uint64]bool{
		0: true, 0x7fff_ffff_ffff: true, 0x8000_0000_0000: false, 1 << 63: false,
		0xffff_7fff_ffff_ffff: false, 0xffff_8000_0000_0000: true, 1<<64 - 1: true, 0x0000_8000_0000_1234: false,
	} {
		if IsCanonical(addr) != want {
			t.Errorf("IsCanonical(%#x) = %v", addr, !want)
		}
	}
}

// TestSetters: what would fault in ring 0 is refused and changes nothing.
func TestSetters(t *testing.T) {
	r := NewRegs()
	r.vector = VectorSyscall
	for _, set := range []func(uint64) bool{r.SetRIP, r.SetFSBase, r.SetGSBase} {
		before := *r
		if set(1<<47) || *r != before {
			t.Errorf("a wild address got in: %+v", *r)
		}
	}
	if !r.SetFSBase(0xffff_8000_0000_0000) || !r.SetGSBase(5) || r.Vector() != VectorSyscall {
		t.Error("bases")
	}
	if !r.SetRIP(0x7fff_ffff_ffff) || r.Vector() != VectorStart {
		t.Error("SetRIP after a SYSCALL must lead to IRETQ")
	}
	r.vector = VectorSyscall
	if r.SetRFLAGS(RFLAGS_IOPL | RFLAGS_TF); r.RFLAGS() != RFLAGS_TF|RFLAGS_IF|RFLAGS_ONE || r.Vector() != VectorStart {
		t.Errorf("RFLAGS %#x, %v", r.RFLAGS(), r.Vector())
	}
}

func TestErrorCodeVectors(t *testing.T) {
	want := map[Vector]bool{8: true, 10: true, 11: true, 12: true, 13: true, 14: true, 17: true, 21: true, 29: true, 30: true}
	for v := range VectorStart + 1 {
		if v.HasErrorCode() != want[v] {
			t.Errorf("vector %d", v)
		}
		if v.String() == "" {
			t.Errorf("vector %d has no name", v)
		}
	}
}

// TestAccess reads all 32 low page-fault codes.
func TestAccess(t *testing.T) {
	seen := map[string]ErrorCode{}
	for e := range ErrorCode(32) {
		s := e.Access()
		if old, dup := seen[s]; dup && (old^e)&^(PF_WR|PF_P) != 0 {
			t.Errorf("%#x and %#x are both %q", old, e, s)
		}
		seen[s] = e
	}
	if s := (PF_US | PF_WR | PF_P).Access(); s != "user write, not allowed" {
		t.Error(s)
	}
}
