//go:build tamago

#include "go_asm.h"
#include "textflag.h"

// func loadThreadPC() uintptr
TEXT ·loadThreadPC(SB), NOSPLIT, $0-8
	LEAQ ·loadThread(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// On entry: ring 3, DI = the load, RSP of no use.
TEXT ·loadThread(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ DI, BX
	MOVQ load_address(BX), SI
	MOVQ load_out(BX), DX
	TESTQ SI, SI
	JEQ read
	MOVQ load_pages(BX), CX
next:
	MOVQ (SI), AX
	MOVQ AX, (DX)
	ADDQ $4096, SI
	ADDQ $8, DX
	DECQ CX
	JNE next
	JMP exit
read:
	MOVQ load_vmo(BX), DI
	MOVQ DX, SI
	MOVQ load_offset(BX), DX
	MOVQ load_size(BX), R10
	MOVL $const_sysVMORead, AX
	SYSCALL
	MOVQ AX, load_status(BX)
exit:
	MOVL $const_sysThreadExit, AX
	SYSCALL
	INT $3
