//go:build tamago

#include "textflag.h"

// func mmioRead8(addr uint64) uint8
TEXT ·mmioRead8(SB), NOSPLIT, $0-9
	MOVQ	addr+0(FP), AX
	MOVBLZX	(AX), AX
	MOVB	AX, ret+8(FP)
	RET

// func mmioRead16(addr uint64) uint16
TEXT ·mmioRead16(SB), NOSPLIT, $0-10
	MOVQ	addr+0(FP), AX
	MOVWLZX	(AX), AX
	MOVW	AX, ret+8(FP)
	RET

// func mmioRead32(addr uint64) uint32
TEXT ·mmioRead32(SB), NOSPLIT, $0-12
	MOVQ	addr+0(FP), AX
	MOVL	(AX), AX
	MOVL	AX, ret+8(FP)
	RET

// func mmioWrite8(addr uint64, v uint8)
TEXT ·mmioWrite8(SB), NOSPLIT, $0-9
	MOVQ	addr+0(FP), DI
	MOVB	v+8(FP), AX
	MOVB	AX, (DI)
	RET

// func mmioWrite16(addr uint64, v uint16)
TEXT ·mmioWrite16(SB), NOSPLIT, $0-10
	MOVQ	addr+0(FP), DI
	MOVW	v+8(FP), AX
	MOVW	AX, (DI)
	RET

// func mmioWrite32(addr uint64, v uint32)
TEXT ·mmioWrite32(SB), NOSPLIT, $0-12
	MOVQ	addr+0(FP), DI
	MOVL	v+8(FP), AX
	MOVL	AX, (DI)
	RET
