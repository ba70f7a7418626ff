#include "go_asm.h"
#include "textflag.h"
#include "swapgs_amd64.h"

// Ring 0 -> ring 3: the only way out. The way back in is entry_amd64.s.
//
// The instruction count of this file and its twin is a published figure;
// count before adding a line.

// LOAD_MOST loads every integer register that SYSRET leaves alone, except
// RSP and RSI, from the Regs at SI.
#define LOAD_MOST \
	MOVQ Regs_R15(SI), R15; \
	MOVQ Regs_R14(SI), R14; \
	MOVQ Regs_R13(SI), R13; \
	MOVQ Regs_R12(SI), R12; \
	MOVQ Regs_R10(SI), R10; \
	MOVQ Regs_R9(SI), R9; \
	MOVQ Regs_R8(SI), R8; \
	MOVQ Regs_RBP(SI), BP; \
	MOVQ Regs_RDI(SI), DI; \
	MOVQ Regs_RDX(SI), DX; \
	MOVQ Regs_RBX(SI), BX; \
	MOVQ Regs_RAX(SI), AX

// func Exec(r *Regs)
// On entry: ring 0, goroutine stack, GS our block, FS the M's, IF=0.
// On exit to ring 3: the thread's registers, user GS and FS bases.
// Returns: by trapFast, trapSlow, syscallFast or syscallSlow, to our caller,
// with SP and BP as here. Everything else is clobbered; as after every ABI0
// call, the compiled caller zeroes X15 and reloads R14 with g.
TEXT ·Exec(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ r+0(FP), SI
	PUSHQ BP
	MOVQ SP, Regs_kernSP(SI)
	CMPQ SI, block_current(GS)
	JNE other

same:
	MOVL $-1, AX // XCR0 is in the low half: EDX does not matter
	XRSTOR64 const_regsBytes(SI)
	MOVQ Regs_fsBase(SI), AX
	WRFSBASEQ AX
	MOVQ Regs_gsBase(SI), AX
	SWAPGS_TO_USER
	WRGSBASEQ AX
	CMPQ Regs_vector(SI), $const_VectorSyscall
	JNE iret

	// Answer a SYSCALL. RIP is canonical: the hardware latched it, or
	// SetRIP would have asked for IRETQ. CS and SS come from STAR.
	LOAD_MOST
	MOVQ Regs_rip(SI), CX
	MOVQ Regs_rflags(SI), R11
	MOVQ Regs_RSP(SI), SP
	MOVQ Regs_RSI(SI), SI
	SYSRETQ

iret:
	LOAD_MOST
	MOVQ Regs_RCX(SI), CX
	MOVQ Regs_R11(SI), R11
	LEAQ Regs_rip(SI), SP // the frame IRETQ wants lies there
	MOVQ Regs_RSI(SI), SI
	IRETQ

other:
	// Another thread than last time, or the slow path.
	CMPQ SI, Regs_self(SI)
	JNE bad
	// A trap from ring 3 pushes its frame into this Regs.
	LEAQ const_regsFrame(SI), AX
	MOVQ AX, (block_tss+const_tssRSP0)(GS)
	// The last thread's selectors do not leak into this one. This loses the
	// FS base (reloaded on the way back in) and the user's GS base.
	XORL AX, AX
	MOVW AX, DS
	MOVW AX, ES
	MOVW AX, FS
	SWAPGS_TO_USER
	MOVW AX, GS
	SWAPGS_TO_KERNEL
	CMPL block_slow(GS), $0
	JNE slow
	MOVQ SI, block_current(GS)
	JMP same

slow:
	JMP ·execSlow(SB)

bad:
	// Not made by NewRegs, or copied: a kernel bug.
	UD2

// func execSlow()
// On entry: as at label slow above, SI the Regs.
TEXT ·execSlow(SB), NOSPLIT|NOFRAME, $0-0
	MOVL $-1, AX
	MOVL $-1, DX
	CMPL block_xsave(GS), $0
	JEQ fxrstor
	XRSTOR64 const_regsBytes(SI)
	JMP bases

fxrstor:
	FXRSTOR64 const_regsBytes(SI)

bases:
	MOVL $const_IA32_FS_BASE, CX
	MOVL Regs_fsBase(SI), AX
	MOVL (Regs_fsBase+4)(SI), DX
	WRMSR
	MOVL $const_IA32_KERNEL_GS_BASE, CX
	MOVL Regs_gsBase(SI), AX
	MOVL (Regs_gsBase+4)(SI), DX
	WRMSR
	MOVQ SI, block_current(GS) // syscallSlow finds it here
	SWAPGS_TO_USER
	CMPQ Regs_vector(SI), $const_VectorSyscall
	JNE iret
	LOAD_MOST
	MOVQ Regs_rip(SI), CX
	MOVQ Regs_rflags(SI), R11
	MOVQ Regs_RSP(SI), SP
	MOVQ Regs_RSI(SI), SI
	SYSRETQ

iret:
	LOAD_MOST
	MOVQ Regs_RCX(SI), CX
	MOVQ Regs_R11(SI), R11
	LEAQ Regs_rip(SI), SP
	MOVQ Regs_RSI(SI), SI
	IRETQ
