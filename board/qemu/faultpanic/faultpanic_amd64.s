//go:build tamago

#include "go_asm.h"
#include "textflag.h"

// The frames, and what faultPanic wants: the faulting RIP on top of the
// interrupted stack (a call through nil has left its own return address there),
// a signal number in AX, an address in BX.
//
//	+40  SS
//	+32  RSP
//	+24  RFLAGS
//	+16  CS
//	+8   RIP
//	+0   error code, which #DE has not: its frame is 8 lower

// pageFault
// On entry: #PF from either ring, IF=0.
// On exit: to faultPanic, or to the former entry with the frame untouched.
TEXT ·pageFault(SB), NOSPLIT|NOFRAME, $0-0
	TESTB	$3, 16(SP)
	JNE	user
	MOVQ	CR2, BX
	MOVL	$const_signalFault, AX
	ADDQ	$8, SP
	JMP	·panicAt(SB)
user:
	PUSHQ	·formerPageFault(SB)
	BYTE	$0xc3				// RET; the assembler wants pushes in pairs

// generalProtection
// On entry: #GP from either ring, IF=0. Go code gets there by an address that
// is not canonical, which the CPU keeps to itself.
// On exit: as pageFault.
TEXT ·generalProtection(SB), NOSPLIT|NOFRAME, $0-0
	TESTB	$3, 16(SP)
	JNE	user
	MOVQ	$const_noAddress, BX
	MOVL	$const_signalFault, AX
	ADDQ	$8, SP
	JMP	·panicAt(SB)
user:
	PUSHQ	·formerGeneralProtection(SB)
	BYTE	$0xc3				// RET; the assembler wants pushes in pairs

// divideError
// On entry: #DE from either ring, IF=0.
// On exit: as pageFault.
TEXT ·divideError(SB), NOSPLIT|NOFRAME, $0-0
	TESTB	$3, 8(SP)
	JNE	user
	XORL	BX, BX
	MOVL	$const_signalDivide, AX
	JMP	·panicAt(SB)
user:
	PUSHQ	·formerDivideError(SB)
	BYTE	$0xc3				// RET; the assembler wants pushes in pairs

// panicAt leaves the exception for faultPanic.
// On entry: SP at the frame's RIP; AX, BX as faultPanic wants them. The new top
// of the interrupted stack may lie in the frame, which has been read by then.
TEXT ·panicAt(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ	0(SP), DX			// RIP
	MOVQ	24(SP), CX			// RSP
	TESTQ	DX, DX
	JEQ	called
	SUBQ	$8, CX
	MOVQ	DX, (CX)
called:
	MOVQ	CX, SP
	MOVQ	·target(SB), DX
	JMP	DX

// func tableRegister() uint64
TEXT ·tableRegister(SB), NOSPLIT, $16-8
	MOVQ	IDTR, 0(SP)
	MOVQ	2(SP), AX
	MOVQ	AX, ret+0(FP)
	RET

// func entries() (pf, gp, de uint64)
TEXT ·entries(SB), NOSPLIT, $0-24
	LEAQ	·pageFault(SB), AX
	MOVQ	AX, pf+0(FP)
	LEAQ	·generalProtection(SB), AX
	MOVQ	AX, gp+8(FP)
	LEAQ	·divideError(SB), AX
	MOVQ	AX, de+16(FP)
	RET
