#include "textflag.h"

// Port I/O. Ring 0 only; clobbers what Go's ABI0 lets a callee clobber.
// Source: Intel SDM 1 chapter 19.

// func In8(port Port) uint8
TEXT ·In8(SB), NOSPLIT, $0-9
	MOVW port+0(FP), DX
	INB
	MOVB AX, ret+8(FP)
	RET

// func In16(port Port) uint16
TEXT ·In16(SB), NOSPLIT, $0-10
	MOVW port+0(FP), DX
	INW
	MOVW AX, ret+8(FP)
	RET

// func In32(port Port) uint32
TEXT ·In32(SB), NOSPLIT, $0-12
	MOVW port+0(FP), DX
	INL
	MOVL AX, ret+8(FP)
	RET

// func Out8(port Port, v uint8)
TEXT ·Out8(SB), NOSPLIT, $0-3
	MOVW port+0(FP), DX
	MOVB v+2(FP), AX
	OUTB
	RET

// func Out16(port Port, v uint16)
TEXT ·Out16(SB), NOSPLIT, $0-4
	MOVW port+0(FP), DX
	MOVW v+2(FP), AX
	OUTW
	RET

// func Out32(port Port, v uint32)
TEXT ·Out32(SB), NOSPLIT, $0-8
	MOVW port+0(FP), DX
	MOVL v+4(FP), AX
	OUTL
	RET

// func InBytes(port Port, p []byte)
TEXT ·InBytes(SB), NOSPLIT, $0-32
	MOVW port+0(FP), DX
	MOVQ p_base+8(FP), DI
	MOVQ p_len+16(FP), CX
	CLD
	REP; INSB
	RET

// func OutBytes(port Port, p []byte)
TEXT ·OutBytes(SB), NOSPLIT, $0-32
	MOVW port+0(FP), DX
	MOVQ p_base+8(FP), SI
	MOVQ p_len+16(FP), CX
	CLD
	REP; OUTSB
	RET
