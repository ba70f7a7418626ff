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
// anything in GS and FS. One CPU: names the boot CPU's block.
// On exit: none.
TEXT ·fatalTrap(SB), NOSPLIT|NOFRAME, $0-0
	CLD
	CMPL ·boot+block_reporting(SB), $0
	JNE again
	MOVL $1, ·boot+block_reporting(SB)
	MOVQ AX, ·fatal+KernelTrap_RAX(SB)
	MOVQ BX, ·fatal+KernelTrap_RBX(SB)
	MOVQ CX, ·fatal+KernelTrap_RCX(SB)
	MOVQ DX, ·fatal+KernelTrap_RDX(SB)
	MOVQ SI, ·fatal+KernelTrap_RSI(SB)
	MOVQ DI, ·fatal+KernelTrap_RDI(SB)
	MOVQ BP, ·fatal+KernelTrap_RBP(SB)
	MOVQ R8, ·fatal+KernelTrap_R8(SB)
	MOVQ R9, ·fatal+KernelTrap_R9(SB)
	MOVQ R10, ·fatal+KernelTrap_R10(SB)
	MOVQ R11, ·fatal+KernelTrap_R11(SB)
	MOVQ R12, ·fatal+KernelTrap_R12(SB)
	MOVQ R13, ·fatal+KernelTrap_R13(SB)
	MOVQ R14, ·fatal+KernelTrap_R14(SB)
	MOVQ R15, ·fatal+KernelTrap_R15(SB)
	POPQ ·fatal+KernelTrap_Vector(SB)
	POPQ ·fatal+KernelTrap_ErrorCode(SB)
	POPQ ·fatal+KernelTrap_RIP(SB)
	POPQ ·fatal+KernelTrap_CS(SB)
	POPQ ·fatal+KernelTrap_RFLAGS(SB)
	POPQ ·fatal+KernelTrap_RSP(SB)
	POPQ ·fatal+KernelTrap_SS(SB)
	MOVQ ·boot+block_fatalTop(SB), SP
	PUSHQ $const_RFLAGS_ONE // AC, NT
	POPFQ
	LDMXCSR ·boot+block_mxcsr(SB)
	// GS before it is overwritten, then all bases as Go wants them.
	MOVL $const_IA32_GS_BASE, CX
	RDMSR
	MOVL AX, ·fatal+KernelTrap_GSBase(SB)
	MOVL DX, ·fatal+KernelTrap_GSBase+4(SB)
	LEAQ ·boot(SB), AX
	MOVQ AX, DX
	SHRQ $32, DX
	WRMSR
	MOVL $const_IA32_FS_BASE, CX
	RDMSR
	MOVL AX, ·fatal+KernelTrap_FSBase(SB)
	MOVL DX, ·fatal+KernelTrap_FSBase+4(SB)
	MOVL ·boot+block_kernFS(SB), AX
	MOVL ·boot+block_kernFS+4(SB), DX
	WRMSR
	// g becomes g0, whose lower stack bound is below this stack.
	MOVQ (TLS), AX
	MOVQ AX, ·fatal+KernelTrap_g(SB)
	MOVQ ·boot+block_g0(SB), AX
	MOVQ AX, (TLS)
	XORL BP, BP
	CALL ·reportFatal(SB)
	JMP ·fatalEnd(SB)

again:
	LEAQ ·againText(SB), SI
	MOVL $const_againBytes, CX
	MOVWLZX ·boot+block_conPort(SB), DX
	TESTL DX, DX
	JEQ end
	REP; OUTSB

end:
	JMP ·fatalEnd(SB)

// func fatalEnd()
// On entry: anything, SP not used.
TEXT ·fatalEnd(SB), NOSPLIT|NOFRAME, $0-0
	CLI
	MOVL ·boot+block_exitValue(SB), AX
	MOVWLZX ·boot+block_exitPort(SB), DX
	TESTL DX, DX
	JEQ halt
	OUTL

halt:
	HLT
	JMP halt

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
