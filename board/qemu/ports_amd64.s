//go:build tamago

#include "textflag.h"

// func in8(port uint16) uint8
TEXT ·in8(SB), NOSPLIT, $0-9
	MOVW	port+0(FP), DX
	INB
	MOVB	AX, ret+8(FP)
	RET

// func out8(port uint16, v uint8)
TEXT ·out8(SB), NOSPLIT, $0-3
	MOVW	port+0(FP), DX
	MOVB	v+2(FP), AX
	OUTB
	RET

// func rdtsc() uint64
TEXT ·rdtsc(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET
