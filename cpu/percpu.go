package cpu

import "math/bits"

// MaxCPUs is how many CPUs there can be; a bit each in the runtime's word of idle ones.
const MaxCPUs = 64

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
	self    uint64
	id      uint32

	// For the fatal path, which finds the block by the GDT in it, not by GS.
	reporting uint32 // not 0: the CPU has trapped for good; another trap just ends
	stopped   uint32 // not 0: trap is whole, and the CPU halts for another's report
	trap      KernelTrap
	gdt       [gdtEntries]Descriptor

	// For a CPU on its way in: see ap_amd64.go.
	state  uint32
	apicID uint32
	stack  uint64 // until it has a task's
	taskSP uint64
	taskG  uint64
	taskFn uint64
	tls    [2]uint64 // g, and what kernFS points at; not of the boot CPU
	gdtr   [10]byte
	_      [6]byte
	ist    []byte // keeps its memory
}

// boot is the block of the boot CPU. Like the variables below it is initialized by
// the linker: Init runs before package initialization, which must not undo it.
var boot = block{}

// blocks has the block of each CPU, by its number; the boot CPU is 0.
var blocks = [MaxCPUs]*block{&boot}

// What all CPUs share.
var (
	fpSize   uintptr = fxsaveBytes // of a Regs' floating-point area
	idt      [VectorCount]Gate
	idtr     [10]byte
	window   Range
	onFatal  func(*KernelTrap)
	fatalTop uint64 // top of the fatal stack: one CPU reports
	bootG0   uint64 // the g to run the report on
	reporter uint64 // block of the CPU that reports; 0 is none

	exitPort    uint16 // how the machine ends when a report does not end it
	consolePort uint16
	exitValue   uint32
)

// ID is the number of the CPU that calls it, from 0. It means something only
// while the goroutine cannot move to another CPU.
//
//go:nosplit
func ID() int { return int(thisBlock().id) }

// TakeInterrupt removes and returns an interrupt that arrived during
// WaitForInterrupt on this CPU, the highest vector (so the highest priority)
// first. The caller writes the EOI. A spurious interrupt, which gets no EOI,
// is dropped here.
//
// Context: IF=0, as all of ring 0, so the bits need no lock.
func TakeInterrupt() (v Vector, ok bool) { return takeHighest(&thisBlock().pending) }

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

// TakeOne removes the interrupt with vector v, if it arrived, as TakeInterrupt.
//
//go:nosplit
func TakeOne(v Vector) bool {
	p := &thisBlock().pending
	was := p[v/64]
	p[v/64] &^= 1 << (v % 64)
	return was>>(v%64)&1 != 0
}

// PendingInterrupts says whether TakeInterrupt has anything to return.
func PendingInterrupts() bool {
	p := &thisBlock().pending
	return p[0]|p[1]|p[2]|p[3]&^(1<<(VectorSpurious%64)) != 0
}
