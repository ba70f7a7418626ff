#include "go_asm.h"
#include "textflag.h"
#include "swapgs_amd64.h"

// Ring 3 -> ring 0: store the thread's registers into its Regs, put Go's world
// back, and return from the Exec that entered ring 3.
//
// A trap from ring 3 needs no stack: TSS.RSP0 points into the Regs, so that
// the CPU pushes its frame where it belongs, and the pushes of PUSH_GENERAL
// fill the rest downwards until SP is the Regs itself.
//
//	+176  (RSP0)
//	+168  SS      pushed by the CPU
//	+160  RSP
//	+152  RFLAGS
//	+144  CS
//	+136  RIP
//	+128  error code, by the CPU or the entry
//	+120  vector, by the entry
//	+112  RAX ... +0 R15
//
// The instruction count of this file and its twin exec_amd64.s is a
// published figure; count before adding a line.

#define PUSH_GENERAL \
	PUSHQ AX; \
	PUSHQ BX; \
	PUSHQ CX; \
	PUSHQ DX; \
	PUSHQ SI; \
	PUSHQ DI; \
	PUSHQ BP; \
	PUSHQ R8; \
	PUSHQ R9; \
	PUSHQ R10; \
	PUSHQ R11; \
	PUSHQ R12; \
	PUSHQ R13; \
	PUSHQ R14; \
	PUSHQ R15

// STORE_SYSCALL does for SYSCALL what the CPU and PUSH_GENERAL do for a trap:
// SP is the Regs; RCX is RIP and R11 RFLAGS. CS and SS never change. The
// error code is left as it was.
#define STORE_SYSCALL \
	MOVQ CX, Regs_rip(SP); \
	MOVQ R11, Regs_rflags(SP); \
	MOVQ $const_VectorSyscall, Regs_vector(SP); \
	MOVQ AX, Regs_RAX(SP); \
	MOVQ BX, Regs_RBX(SP); \
	MOVQ CX, Regs_RCX(SP); \
	MOVQ DX, Regs_RDX(SP); \
	MOVQ SI, Regs_RSI(SP); \
	MOVQ DI, Regs_RDI(SP); \
	MOVQ BP, Regs_RBP(SP); \
	MOVQ R8, Regs_R8(SP); \
	MOVQ R9, Regs_R9(SP); \
	MOVQ R10, Regs_R10(SP); \
	MOVQ R11, Regs_R11(SP); \
	MOVQ R12, Regs_R12(SP); \
	MOVQ R13, Regs_R13(SP); \
	MOVQ R14, Regs_R14(SP); \
	MOVQ R15, Regs_R15(SP); \
	MOVQ block_scratch(GS), AX; \
	MOVQ AX, Regs_RSP(SP)

// RETURN is RET to Exec's caller: the stack that was pushed to above is another
// one, so the assembler's count of PUSH and POP is of no use.
#define RETURN BYTE $0xc3

// TO_GO_FAST ends both fast entries. SP is the Regs, GS our block.
#define TO_GO_FAST \
	RDFSBASEQ AX; \
	MOVQ AX, Regs_fsBase(SP); \
	MOVL $-1, AX; \
	XSAVEOPT64 const_regsBytes(SP); \
	LDMXCSR block_mxcsr(GS); \
	MOVQ block_kernFS(GS), AX; \
	WRFSBASEQ AX; \
	MOVQ Regs_kernSP(SP), SP; \
	POPQ BP; \
	RETURN

// trapFast: an exception or interrupt, through a fixed-size entry.
// On entry: SP at the vector in the frame drawn above, in the Regs from ring 3
// or on the interrupted stack from ring 0; GS, FS of the ring interrupted; IF=0.
// From ring 3, on exit: returned from Exec, all its promises kept.
// From ring 0: to ring0Trap with the frame untouched.
// Installed by: initTraps, in the IDT, by way of vectors_amd64.s.
TEXT ·trapFast(SB), NOSPLIT|NOFRAME, $0-0
	TESTB $3, 24(SP) // the ring in CS
	JEQ ring0
	PUSH_GENERAL
	RDGSBASEQ AX
	SWAPGS_TO_KERNEL
	MOVQ AX, Regs_gsBase(SP)
	MOVQ CR2, AX
	MOVQ AX, Regs_cr2(SP)
	CLD  // an interrupt gate leaves DF
	CLAC // and AC
	TO_GO_FAST

ring0:
	JMP ·ring0Trap(SB)

// syscallEntryFast: SYSCALL.
// On entry: ring 0, the user's stack (not to be trusted) and bases, RCX = RIP,
// R11 = RFLAGS, IF and all else in fmaskValue clear.
// On exit: returned from Exec.
// Installed by: initSyscall, in IA32_LSTAR.
TEXT ·syscallEntryFast(SB), NOSPLIT|NOFRAME, $0-0
	SWAPGS_TO_KERNEL
	MOVQ SP, block_scratch(GS)
	MOVQ block_current(GS), SP
	STORE_SYSCALL
	SWAPGS_TO_USER
	RDGSBASEQ AX
	SWAPGS_TO_KERNEL
	MOVQ AX, Regs_gsBase(SP)
	TO_GO_FAST

// TO_GO_SLOW ends both slow entries: bases by MSR, XSAVE or FXSAVE. SP is the
// Regs, GS our block, so the user's base is in IA32_KERNEL_GS_BASE.
#define TO_GO_SLOW \
	MOVQ $0, block_current(GS); \
	MOVL $const_IA32_KERNEL_GS_BASE, CX; \
	RDMSR; \
	MOVL AX, Regs_gsBase(SP); \
	MOVL DX, (Regs_gsBase+4)(SP); \
	MOVL $const_IA32_FS_BASE, CX; \
	RDMSR; \
	MOVL AX, Regs_fsBase(SP); \
	MOVL DX, (Regs_fsBase+4)(SP); \
	JMP ·toGoSlow(SB)

// trapSlow: as trapFast.
TEXT ·trapSlow(SB), NOSPLIT|NOFRAME, $0-0
	TESTB $3, 24(SP)
	JEQ ring0
	PUSH_GENERAL
	SWAPGS_TO_KERNEL
	MOVQ CR2, AX
	MOVQ AX, Regs_cr2(SP)
	PUSHQ $const_RFLAGS_ONE // DF and AC; CLAC may not exist here
	POPFQ
	TO_GO_SLOW

ring0:
	JMP ·ring0Trap(SB)

// syscallEntrySlow: as syscallEntryFast.
TEXT ·syscallEntrySlow(SB), NOSPLIT|NOFRAME, $0-0
	SWAPGS_TO_KERNEL
	MOVQ SP, block_scratch(GS)
	MOVQ block_current(GS), SP
	STORE_SYSCALL
	TO_GO_SLOW

// toGoSlow: the rest of TO_GO_SLOW, SP still the Regs.
TEXT ·toGoSlow(SB), NOSPLIT|NOFRAME, $0-0
	CMPL block_xsave(GS), $0
	JEQ fxsave
	MOVL $-1, AX
	MOVL $-1, DX
	XSAVE64 const_regsBytes(SP)
	JMP go

fxsave:
	FXSAVE64 const_regsBytes(SP)

go:
	LDMXCSR block_mxcsr(GS)
	MOVL $const_IA32_FS_BASE, CX
	MOVL block_kernFS(GS), AX
	MOVL (block_kernFS+4)(GS), DX
	WRMSR
	MOVQ Regs_kernSP(SP), SP
	POPQ BP
	RETURN

// func syscallFast() uint64
TEXT ·syscallFast(SB), NOSPLIT, $0-8
	LEAQ ·syscallEntryFast(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func syscallSlow() uint64
TEXT ·syscallSlow(SB), NOSPLIT, $0-8
	LEAQ ·syscallEntrySlow(SB), AX
	MOVQ AX, ret+0(FP)
	RET
