//go:build tamago

#include "textflag.h"

// func syscall8(number, a0, a1, a2, a3, a4, a5, a6, a7 uintptr) uintptr
TEXT ·syscall8(SB),NOSPLIT,$0-80
	MOVQ	number+0(FP), AX
	MOVQ	a0+8(FP), DI
	MOVQ	a1+16(FP), SI
	MOVQ	a2+24(FP), DX
	MOVQ	a3+32(FP), R10
	MOVQ	a4+40(FP), R8
	MOVQ	a5+48(FP), R9
	MOVQ	a6+56(FP), R12
	MOVQ	a7+64(FP), R13
	SYSCALL
	MOVQ	AX, ret+72(FP)
	RET
