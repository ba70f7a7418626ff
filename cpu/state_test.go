//go:build tamago

package cpu_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"faultline/cpu"
)

// TestSegmentBases: a thread's FS and GS bases reach ring 3, are its own to
// change where the CPU has FSGSBASE, and come back by every path, while the
// kernel's stay.
func TestSegmentBases(t *testing.T) {
	f := cpu.Detect()
	kernelFS, kernelGS := cpu.ReadFSBase(), cpu.ReadMSR(cpu.IA32_GS_BASE)
	for _, trap := range [][]byte{insSyscall, insUD2} {
		// MOV RAX, FS:[0]; MOV RDX, GS:[0]
		u := newRing3(t, []byte{0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0},
			[]byte{0x65, 0x48, 0x8b, 0x14, 0x25, 0, 0, 0, 0}, trap)
		binary.LittleEndian.PutUint64(u.data[0x100:], 0x1111)
		binary.LittleEndian.PutUint64(u.data[0x200:], 0x2222)
		u.SetFSBase(userData + 0x100)
		u.SetGSBase(userData + 0x200)
		if v := u.run(); u.RAX != 0x1111 || u.RDX != 0x2222 {
			t.Errorf("%v: FS:[0] = %#x, GS:[0] = %#x", v, u.RAX, u.RDX)
		}
		if u.FSBase() != userData+0x100 || u.GSBase() != userData+0x200 {
			t.Errorf("FS base %#x, GS base %#x", u.FSBase(), u.GSBase())
		}
		if f.FSGSBASE {
			// WRFSBASE RBX; WRGSBASE RBP; then read them where they are next.
			u.load([]byte{0xf3, 0x48, 0x0f, 0xae, 0xd3}, []byte{0xf3, 0x48, 0x0f, 0xae, 0xdd}, trap,
				[]byte{0xf3, 0x48, 0x0f, 0xae, 0xc0}, []byte{0xf3, 0x48, 0x0f, 0xae, 0xca}, // RDFSBASE RAX; RDGSBASE RDX
				insUD2)
			u.SetRIP(userCode)
			const fs, gs = 0x7fff_1234_5678, 0xffff_8000_0000_1000 // canonical, not ours
			u.RBX, u.RBP = fs, gs
			v := u.run()
			if u.FSBase() != fs || u.GSBase() != gs {
				t.Errorf("%v: FS base %#x, GS base %#x", v, u.FSBase(), u.GSBase())
			}
			if v == cpu.VectorInvalidOpcode {
				u.SetRIP(u.RIP() + 2)
			}
			u.run()
			if u.RAX != fs || u.RDX != gs {
				t.Errorf("back in ring 3 after %v: FS base %#x, GS base %#x", v, u.RAX, u.RDX)
			}
		}
		if cpu.ReadFSBase() != kernelFS || cpu.ReadMSR(cpu.IA32_GS_BASE) != kernelGS {
			t.Errorf("kernel FS base %#x, GS base %#x; were %#x, %#x",
				cpu.ReadFSBase(), cpu.ReadMSR(cpu.IA32_GS_BASE), kernelFS, kernelGS)
		}
	}
}

// TestVectorState inverts XMM0-15 (or YMM0-15), and changes MXCSR and the
// x87 stack, across a syscall and a fault, with another thread's in between.
func TestVectorState(t *testing.T) {
	f := cpu.Detect()
	avx := f.XSAVE && cpu.ReadXCR0()&cpu.XCR0_AVX != 0
	width := 16
	if avx {
		width = 32
	}
	before := cpu.ReadMXCSR()
	for _, trap := range [][]byte{insSyscall, insUD2} {
		var code [][]byte
		// Load every vector register from [RBX+i*32].
		for i := range byte(16) {
			code = append(code, moveVector(avx, i, false))
		}
		code = append(code,
			[]byte{0x0f, 0xae, 0x93, 0, 8, 0, 0}, // LDMXCSR [RBX+0x800]
			[]byte{0xd9, 0xe8},                   // FLD1
			[]byte{0xd9, 0xeb},                   // FLDPI
			[]byte{0xd9, 0xab, 4, 8, 0, 0},       // FLDCW [RBX+0x804]
			trap)
		resume := 0
		for _, c := range code {
			resume += len(c)
		}
		// Then store it all to [RBX+0x400+i*32] and on.
		for i := range byte(16) {
			code = append(code, moveVector(avx, i, true))
		}
		code = append(code,
			[]byte{0x0f, 0xae, 0x9b, 8, 8, 0, 0}, // STMXCSR [RBX+0x808]
			[]byte{0xd9, 0xbb, 12, 8, 0, 0},      // FNSTCW [RBX+0x80c]
			[]byte{0xdd, 0x9b, 0x10, 8, 0, 0},    // FSTP m64 [RBX+0x810]
			[]byte{0xdd, 0x9b, 0x18, 8, 0, 0},    // FSTP m64 [RBX+0x818]
			insSyscall)
		u, other := newRing3(t, code...), newRing3(t, code...)
		for n, th := range []*ring3{u, other} {
			for i := range 16 * 32 {
				th.data[i] = byte(i*7+1) ^ byte(n*0x5a)
			}
			binary.LittleEndian.PutUint32(th.data[0x800:], 0x9fc0|uint32(n)<<13) // flush to zero, rounding
			binary.LittleEndian.PutUint16(th.data[0x804:], 0x0f7f&^(uint16(n)<<8))
			th.RBX = userData
		}
		for _, th := range []*ring3{u, other, u, other} {
			if v := th.run(); v == cpu.VectorInvalidOpcode {
				th.SetRIP(userCode + uint64(resume))
			} else if v != cpu.VectorSyscall {
				t.Fatalf("%v at %#x", v, th.RIP())
			}
			if got := cpu.ReadMXCSR(); got&^0x3f != before&^0x3f {
				t.Errorf("kernel MXCSR %#x, was %#x", got, before)
			}
			useVectors()
		}
		for n, th := range []*ring3{u, other} {
			for i := range 16 {
				want, got := th.data[i*32:i*32+width], th.data[0x400+i*32:0x400+i*32+width]
				if !bytes.Equal(got, want) {
					t.Errorf("thread %d: vector register %d = % x, want % x", n, i, got, want)
				}
			}
			for _, field := range []struct {
				name     string
				off, len int
				want     uint64
			}{
				{"MXCSR", 0x808, 4, 0x9fc0 | uint64(n)<<13},
				{"FCW", 0x80c, 2, 0x0f7f &^ (uint64(n) << 8)},
				{"ST1", 0x810, 8, 0x400921fb54442d18},
				{"ST0", 0x818, 8, 0x3ff0000000000000},
			} {
				var b [8]byte
				copy(b[:], th.data[field.off:field.off+field.len])
				if got := binary.LittleEndian.Uint64(b[:]); got != field.want {
					t.Errorf("thread %d: %s = %#x, want %#x", n, field.name, got, field.want)
				}
			}
			if mx := binary.LittleEndian.Uint32(th.FP()[24:]); mx != 0x9fc0|uint32(n)<<13 {
				t.Errorf("thread %d: MXCSR saved as %#x", n, mx)
			}
		}
	}
}

// moveVector is VMOVDQU YMMi, [RBX+i*32] (or MOVDQU XMMi), or the store to
// [RBX+0x400+i*32].
func moveVector(avx bool, i byte, store bool) []byte {
	op, disp := byte(0x6f), uint32(i)*32
	if store {
		op, disp = 0x7f, disp+0x400
	}
	var code []byte
	if avx {
		code = []byte{0xc5, 0xfe &^ (i >> 3 << 7), op}
	} else {
		code = []byte{0xf3, 0x44 &^ ((1 - i>>3) << 2), 0x0f, op}
	}
	return binary.LittleEndian.AppendUint32(append(code, 0x83|i&7<<3), disp)
}

var sink [64]byte

// useVectors makes Go overwrite vector registers.
func useVectors() {
	var b [64]byte
	for i := range b {
		b[i] = byte(i)
	}
	copy(sink[:], b[:])
	if float64(sink[3])*1.5 != 4.5 {
		panic("floating point is broken")
	}
}

// TestFreshState: a new thread sees no one else's state: registers zero, vector
// registers zero, reset control words, null selectors.
func TestFreshState(t *testing.T) {
	// MOV DS/ES/FS/GS, RBX; PCMPEQB XMM0..: dirty everything
	dirty := newRing3(t, []byte{0x8e, 0xdb, 0x8e, 0xc3, 0x8e, 0xe3, 0x8e, 0xeb},
		[]byte{0x66, 0x0f, 0x74, 0xc0}, []byte{0x66, 0x44, 0x0f, 0x74, 0xff}, []byte{0xd9, 0xe8}, insSyscall)
	dirty.RBX = uint64(cpu.SelUserData)
	if v := dirty.run(); v != cpu.VectorSyscall {
		t.Fatalf("%v at %#x", v, dirty.RIP())
	}
	// Selectors to RAX, RCX, RDX, RSI; XMM0, XMM15, control words to [RBX].
	u := newRing3(t, []byte{0x8c, 0xd8, 0x8c, 0xc1, 0x8c, 0xe2, 0x8c, 0xee},
		[]byte{0xf3, 0x0f, 0x7f, 0x03}, []byte{0xf3, 0x44, 0x0f, 0x7f, 0x7b, 0x10},
		[]byte{0x0f, 0xae, 0x5b, 0x20}, // STMXCSR
		[]byte{0xd9, 0x7b, 0x24},       // FNSTCW
		[]byte{0xdd, 0x7b, 0x28},       // FNSTSW
		insSyscall)
	for i := range 0x40 {
		u.data[i] = 0xaa
	}
	u.RBX = userData
	for i, reg := range registers {
		if got := *reg.at(u.Regs); got != 0 && i != 3 && i != 4 {
			t.Errorf("%s = %#x at the start", reg.name, got)
		}
	}
	if v := u.run(); v != cpu.VectorSyscall {
		t.Fatalf("%v at %#x", v, u.RIP())
	}
	if u.RAX|u.RCX&0|u.RDX|u.RSI != 0 {
		t.Errorf("selectors DS %#x, FS %#x, GS %#x", u.RAX, u.RDX, u.RSI)
	}
	want := make([]byte, 0x30)
	binary.LittleEndian.PutUint32(want[0x20:], 0x1f80)
	binary.LittleEndian.PutUint16(want[0x24:], 0x37f)
	copy(want[0x26:], []byte{0xaa, 0xaa})
	copy(want[0x2a:], bytes.Repeat([]byte{0xaa}, 6))
	if got := u.data[:0x30]; !bytes.Equal(got, want) {
		t.Errorf("vector state\n% x, want\n% x", got, want)
	}
}

// TestManyThreads interleaves threads and checks that each counts for itself,
// by both ways back, with the collector running.
func TestManyThreads(t *testing.T) {
	var threads []*ring3
	for i := range 8 {
		trap := insSyscall
		if i%2 == 1 {
			trap = insINT3
		}
		code := append([]byte{0x48, 0x01, 0xd8}, trap...) // ADD RAX, RBX
		u := newRing3(t, code, jumpTo(userCode+uint64(len(code)), userCode))
		u.RBX = uint64(i + 1)
		threads = append(threads, u)
	}
	const rounds = 200
	garbage := make([][]byte, 16)
	for round := range rounds {
		for i := range threads {
			threads[(i*round)%len(threads)].run() // any order
			garbage[round%16] = make([]byte, 4096)
		}
	}
	total := uint64(0)
	for i, u := range threads {
		if u.RAX%uint64(i+1) != 0 {
			t.Errorf("thread %d: RAX %d", i, u.RAX)
		}
		total += u.RAX / uint64(i+1)
	}
	if want := uint64(rounds * len(threads)); total != want {
		t.Errorf("%d rounds counted, want %d", total, want)
	}
}
