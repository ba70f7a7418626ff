//go:build !tamago

package cpu

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"

	"faultline/trace"
)

// TestLayout: what the stubs and the CPU take for granted.
func TestLayout(t *testing.T) {
	var r Regs
	if got := unsafe.Sizeof(r); got != regsBytes || got%64 != 0 {
		t.Errorf("Regs is %d bytes", got)
	}
	// The pushes of PUSH_GENERAL, from RAX down to R15, then the entry's two
	// words and the CPU's five.
	for i, off := range []uintptr{
		unsafe.Offsetof(r.R15), unsafe.Offsetof(r.R14), unsafe.Offsetof(r.R13), unsafe.Offsetof(r.R12),
		unsafe.Offsetof(r.R11), unsafe.Offsetof(r.R10), unsafe.Offsetof(r.R9), unsafe.Offsetof(r.R8),
		unsafe.Offsetof(r.RBP), unsafe.Offsetof(r.RDI), unsafe.Offsetof(r.RSI), unsafe.Offsetof(r.RDX),
		unsafe.Offsetof(r.RCX), unsafe.Offsetof(r.RBX), unsafe.Offsetof(r.RAX),
		unsafe.Offsetof(r.vector), unsafe.Offsetof(r.errc), unsafe.Offsetof(r.rip), unsafe.Offsetof(r.cs),
		unsafe.Offsetof(r.rflags), unsafe.Offsetof(r.RSP), unsafe.Offsetof(r.ss),
	} {
		if off != uintptr(i)*8 {
			t.Errorf("word %d of Regs is at %d", i, off)
		}
	}
	if regsFrame != unsafe.Offsetof(r.fsBase) || regsFrame%16 != 0 {
		t.Errorf("the frame ends at %d", regsFrame)
	}
	var b block
	for _, field := range []struct {
		name string
		off  uintptr
		want uintptr
	}{
		{"current", unsafe.Offsetof(b.current), 0}, {"scratch", unsafe.Offsetof(b.scratch), 8},
		{"kernFS", unsafe.Offsetof(b.kernFS), 16}, {"mxcsr", unsafe.Offsetof(b.mxcsr), 24},
		{"slow", unsafe.Offsetof(b.slow), 28}, {"xsave", unsafe.Offsetof(b.xsave), 32}, {"tss", unsafe.Offsetof(b.tss), 36},
		{"id", unsafe.Offsetof(b.id), trace.GSID},
	} {
		if field.off != field.want {
			t.Errorf("block.%s is at %d, drawn at %d", field.name, field.off, field.want)
		}
	}
	if (unsafe.Offsetof(b.tss)+tssRSP0)%8 != 0 {
		t.Error("TSS.RSP0 is not aligned: its store would not be atomic")
	}
	if unsafe.Sizeof(idt) != VectorCount*16 || unsafe.Sizeof(b.tss) != tssBytes {
		t.Error("IDT or TSS has the wrong size")
	}
	if againBytes != 18 {
		t.Error("againText")
	}
}

func TestNewRegs(t *testing.T) {
	for range 100 {
		_ = make([]byte, rand.IntN(200)) // move the allocator
		r := NewRegs()
		at := uintptr(unsafe.Pointer(r))
		if at%64 != 0 {
			t.Fatalf("Regs at %#x", at)
		}
		if r.self != uint64(at) {
			t.Fatal("self")
		}
		if r.cs != 0x2b || r.ss != 0x23 || r.RFLAGS() != 0x202 || r.Vector() != VectorStart || r.RAX|r.R15|r.RSP|r.RIP() != 0 {
			t.Fatalf("%+v", *r)
		}
		fp := r.FP()
		if len(fp) != fxsaveBytes || fp[0] != 0x7f || fp[1] != 3 || fp[24] != 0x80 || fp[25] != 0x1f {
			t.Fatalf("FP area % x", fp)
		}
	}
}

// TestVectorEntries reads the machine code of both tables.
func TestVectorEntries(t *testing.T) {
	checkVectors(vectorsFast())
	checkVectors(vectorsSlow())
	for v := Vector(0); v < VectorCount; v++ {
		fast := codeAt(vectorsFast()+uint64(v)*vectorEntryBytes, vectorEntryBytes)
		slow := codeAt(vectorsSlow()+uint64(v)*vectorEntryBytes, vectorEntryBytes)
		at := 2 // of the JMP: behind the PUSH of the vector,
		if v >= 0x80 {
			at = 5
		}
		if !v.HasErrorCode() {
			at += 2 // and that of the zero
		}
		to := func(code []byte, table uint64) uint64 {
			rel := int32(binary.LittleEndian.Uint32(code[at+1:]))
			return table + uint64(v)*vectorEntryBytes + uint64(at) + 5 + uint64(int64(rel))
		}
		same := to(fast, vectorsFast()) == to(slow, vectorsSlow())
		if want := vectorIST(v) != istNone; same != want {
			t.Errorf("vector %d: the tables agree: %v; on a stack of its own: %v", v, same, want)
		}
	}
}

// TestHaltOffset: the interrupt entry knows WaitForInterrupt by its bytes.
func TestHaltOffset(t *testing.T) {
	code := codeAt(haltAddr(), 4)
	if want := []byte{0xfb, 0xf4, 0xfa, 0xc3}; !bytes.Equal(code, want) {
		t.Errorf("WaitForInterrupt is % x, want % x (STI, HLT, CLI, RET)", code, want)
	}
	if haltOffset != 2 {
		t.Error("haltOffset")
	}
}
