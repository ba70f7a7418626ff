#include "go_asm.h"
#include "textflag.h"

// Traps that hit ring 0, and those that are fatal from anywhere.

// ring0Trap
// On entry: from trapFast or trapSlow; ring 0's stack, GS and FS (unless the
// fault hit between a swapgs and its neighbours); IF=0. The frame:
//
//	+48  SS
//	+40  RSP
//	+32  RFLAGS
//	+24  CS
//	+16  RIP
//	+8   error code
//	+0   vector
//
// On exit: IRETQ to WaitForInterrupt, or to fatalTrap with the frame untouched.
TEXT ·ring0Trap(SB), NOSPLIT|NOFRAME, $0-0
	CMPQ 0(SP), $const_VectorFirstInterrupt
	JLT fatal
	PUSHQ AX
	LEAQ ·WaitForInterrupt(SB), AX
	ADDQ $const_haltOffset, AX
	CMPQ 24(SP), AX // RIP
	JNE stray
	MOVQ 8(SP), AX
	BTSQ AX, block_pending(GS)
	POPQ AX
	ADDQ $16, SP
	IRETQ

stray:
	POPQ AX

fatal:
	JMP ·fatalTrap(SB)

// fatalTrap
// On entry: as ring0Trap, or from an NMI, #DF or #MC entry on its IST stack with
// anything in GS and FS: the GDT tells the block it lies in.
// On exit: none. The first CPU here reports; others record where they were, and
// halt: the reporter stops them so.
TEXT ·fatalTrap(SB), NOSPLIT|NOFRAME, $0-0
	CLD
	PUSHQ BX
	PUSHQ AX
	SUBQ $16, SP
	SGDT 6(SP)
	MOVQ 8(SP), BX
	SUBQ $block_gdt, BX
	ADDQ $16, SP
	CMPL block_reporting(BX), $0
	JNE again
	MOVL $1, block_reporting(BX)
	POPQ (block_trap+KernelTrap_RAX)(BX)
	POPQ (block_trap+KernelTrap_RBX)(BX)
	MOVQ CX, (block_trap+KernelTrap_RCX)(BX)
	MOVQ DX, (block_trap+KernelTrap_RDX)(BX)
	MOVQ SI, (block_trap+KernelTrap_RSI)(BX)
	MOVQ DI, (block_trap+KernelTrap_RDI)(BX)
	MOVQ BP, (block_trap+KernelTrap_RBP)(BX)
	MOVQ R8, (block_trap+KernelTrap_R8)(BX)
	MOVQ R9, (block_trap+KernelTrap_R9)(BX)
	MOVQ R10, (block_trap+KernelTrap_R10)(BX)
	MOVQ R11, (block_trap+KernelTrap_R11)(BX)
	MOVQ R12, (block_trap+KernelTrap_R12)(BX)
	MOVQ R13, (block_trap+KernelTrap_R13)(BX)
	MOVQ R14, (block_trap+KernelTrap_R14)(BX)
	MOVQ R15, (block_trap+KernelTrap_R15)(BX)
	POPQ (block_trap+KernelTrap_Vector)(BX)
	POPQ (block_trap+KernelTrap_ErrorCode)(BX)
	POPQ (block_trap+KernelTrap_RIP)(BX)
	POPQ (block_trap+KernelTrap_CS)(BX)
	POPQ (block_trap+KernelTrap_RFLAGS)(BX)
	POPQ (block_trap+KernelTrap_RSP)(BX)
	POPQ (block_trap+KernelTrap_SS)(BX)
	XORL AX, AX
	LOCK
	CMPXCHGQ BX, ·reporter(SB)
	JEQ first
	MOVL $1, block_stopped(BX)

stop:
	HLT
	JMP stop

first:
	MOVQ ·fatalTop(SB), SP
	PUSHQ $const_RFLAGS_ONE // AC, NT
	POPFQ
	LDMXCSR block_mxcsr(BX)
	// GS before it is overwritten, then all bases as Go wants them.
	MOVL $const_IA32_GS_BASE, CX
	RDMSR
	MOVL AX, (block_trap+KernelTrap_GSBase)(BX)
	MOVL DX, (block_trap+KernelTrap_GSBase+4)(BX)
	MOVQ BX, AX
	MOVQ AX, DX
	SHRQ $32, DX
	WRMSR
	MOVL $const_IA32_FS_BASE, CX
	RDMSR
	MOVL AX, (block_trap+KernelTrap_FSBase)(BX)
	MOVL DX, (block_trap+KernelTrap_FSBase+4)(BX)
	MOVL block_kernFS(BX), AX
	MOVL (block_kernFS+4)(BX), DX
	WRMSR
	// g becomes the boot CPU's g0, whose lower stack bound is below this stack.
	MOVQ (TLS), AX
	MOVQ AX, (block_trap+KernelTrap_g)(BX)
	MOVQ ·bootG0(SB), AX
	MOVQ AX, (TLS)
	XORL BP, BP
	CALL ·reportFatal(SB)
	JMP ·fatalEnd(SB)

again:
	CMPQ BX, ·reporter(SB)
	JNE stop
	LEAQ ·againText(SB), SI
	MOVL $const_againBytes, CX
	MOVWLZX ·consolePort(SB), DX
	TESTL DX, DX
	JEQ end
	REP; OUTSB

end:
	JMP ·fatalEnd(SB)

// func fatalEnd()
// On entry: anything, SP not used.
TEXT ·fatalEnd(SB), NOSPLIT|NOFRAME, $0-0
	CLI
	MOVL ·exitValue(SB), AX
	MOVWLZX ·exitPort(SB), DX
	TESTL DX, DX
	JEQ halt
	OUTL

halt:
	HLT
	JMP halt

// func Resume(rip, rsp, rax, rbx uint64)
// On exit: to rip, with g and the stack as they were, and fatalTrap as new.
TEXT ·Resume(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ block_self(GS), CX
	MOVQ (block_trap+KernelTrap_g)(CX), AX
	MOVQ AX, (TLS)
	MOVL $0, block_reporting(CX)
	MOVQ $0, ·reporter(SB)
	MOVQ rip+0(FP), DX
	MOVQ rax+16(FP), AX
	MOVQ rbx+24(FP), BX
	MOVQ rsp+8(FP), SP
	JMP DX

DATA ·againText+0(SB)/8, $"\r\ntrap i"
DATA ·againText+8(SB)/8, $"n report"
DATA ·againText+16(SB)/2, $"\r\n"
GLOBL ·againText(SB), RODATA|NOPTR, $18

// func stackPointer() uint64
TEXT ·stackPointer(SB), NOSPLIT, $0-8
	MOVQ SP, AX
	MOVQ AX, ret+0(FP)
	RET

// func haltAddr() uint64
TEXT ·haltAddr(SB), NOSPLIT, $0-8
	LEAQ ·WaitForInterrupt(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func blockAddr() uint64
TEXT ·blockAddr(SB), NOSPLIT, $0-8
	MOVQ block_self(GS), AX
	MOVQ AX, ret+0(FP)
	RET
