package cpu

import "math/bits"

// block is what one CPU's stubs need. GS points at it whenever Go runs;
// offsets come from go_asm.h.
//
// Drawn with its offsets:
//
//	+0   current   the Regs that TSS.RSP0 points into; 0 on the slow path
//	+8   scratch   user RSP for the three instructions before SYSCALL has a stack
//	+16  kernFS    FS base of this CPU's M; g is at kernFS-8
//	+24  mxcsr     Go's MXCSR
//	+28  slow      not 0: no FSGSBASE, XSAVEOPT or SMAP; execSlow and trapSlow
//	+32  xsave     not 0: XSAVE/XRSTOR, else FXSAVE/FXRSTOR (slow path only)
//	+36  tss       RSP0 at +40, so aligned
//	     pending   one bit a vector: interrupts taken in WaitForInterrupt
type block struct {
	current uint64
	scratch uint64
	kernFS  uint64
	mxcsr   uint32
	slow    uint32
	xsave   uint32
	tss     TSS
	pending [VectorCount / 64]uint64

	// For the fatal path, which finds the block without GS.
	fatalTop  uint64 // top of the fatal stack
	g0        uint64 // the g to run the report on
	exitValue uint32
	exitPort  uint16
	conPort   uint16
	reporting uint32 // not 0: a report is under way; the next trap just exits

	fpSize  uintptr // bytes of a Regs' floating-point area
	gdt     [gdtEntries]Descriptor
	idt     [VectorCount]Gate
	window  Range
	onFatal func(*KernelTrap)
}

// boot is the block of the boot CPU. One CPU: the fatal path and the helpers
// below name it directly; with more, they find theirs by the TSS selector (STR)
// and by GS. Initialized by the linker: Init runs before package initialization,
// which must not undo it.
var boot = block{fpSize: fxsaveBytes}

// TakeInterrupt removes and returns an interrupt that arrived during
// WaitForInterrupt on this CPU, the highest vector (so the highest priority)
// first. The caller writes the EOI. A spurious interrupt, which gets no EOI,
// is dropped here.
//
// Context: IF=0, as all of ring 0, so the bits need no lock.
func TakeInterrupt() (v Vector, ok bool) { return takeHighest(&boot.pending) }

func takeHighest(pending *[VectorCount / 64]uint64) (Vector, bool) {
	pending[VectorSpurious/64] &^= 1 << (VectorSpurious % 64)
	for i := len(pending) - 1; i >= 0; i-- {
		if word := pending[i]; word != 0 {
			bit := 63 - bits.LeadingZeros64(word)
			pending[i] = word &^ (1 << bit)
			return Vector(i*64 + bit), true
		}
	}
	return 0, false
}

// PendingInterrupts says whether TakeInterrupt has anything to return.
func PendingInterrupts() bool {
	p := &boot.pending
	return p[0]|p[1]|p[2]|p[3]&^(1<<(VectorSpurious%64)) != 0
}
