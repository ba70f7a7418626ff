//go:build tamago

#include "textflag.h"

// func efiCall(table, offset, a, b, c, d, e uint64) uint64
//
// Four arguments in registers, the rest behind 32 bytes of the callee's own; the
// stack is a multiple of 16.
TEXT ·efiCall(SB), NOSPLIT, $64-64
	MOVQ	table+0(FP), AX
	ADDQ	offset+8(FP), AX
	MOVQ	(AX), AX
	MOVQ	a+16(FP), CX
	MOVQ	b+24(FP), DX
	MOVQ	c+32(FP), R8
	MOVQ	d+40(FP), R9
	MOVQ	e+48(FP), R10
	MOVQ	SP, BX				// kept by the callee
	ANDQ	$~15, SP
	MOVQ	R10, 32(SP)
	CALL	AX
	MOVQ	BX, SP
	MOVQ	AX, ret+56(FP)
	RET
