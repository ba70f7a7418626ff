#include "go_asm.h"
#include "go_tls.h"
#include "textflag.h"

#define MSR_FS_BASE	0xc0000100
#define SYS_arch_prctl	158
#define ARCH_SET_FS	0x1002

// func settls()
//
// Makes -8(FS) address 0(DI). The privilege level, in the low bits of CS,
// decides how: ring 0 writes the register, ring 3 asks whoever runs it: by
// setTLS, if the first code to run has set that, else as a Linux process.
TEXT runtime·settls(SB),NOSPLIT,$0
	ADDQ	$8, DI
	MOVW	CS, AX
	ANDL	$3, AX
	JNE	ring3

	MOVL	$MSR_FS_BASE, CX
	MOVL	DI, AX
	MOVQ	DI, DX
	SHRQ	$32, DX
	WRMSR
	RET
ring3:
	MOVQ	runtime·setTLS(SB), AX
	TESTQ	AX, AX
	JEQ	linux
	CALL	AX
	RET
linux:
	MOVQ	DI, SI
	MOVL	$ARCH_SET_FS, DI
	MOVL	$SYS_arch_prctl, AX
	SYSCALL
	CMPQ	AX, $0
	JEQ	2(PC)
	CALL	runtime·abort(SB)
	RET

// func cpuidTamago(eax, ecx uint32) (a, b, c, d uint32)
TEXT runtime·cpuidTamago(SB),NOSPLIT,$0-24
	MOVL	eax+0(FP), AX
	MOVL	ecx+4(FP), CX
	CPUID
	MOVL	AX, a+8(FP)
	MOVL	BX, b+12(FP)
	MOVL	CX, c+16(FP)
	MOVL	DX, d+20(FP)
	RET

// A fault in Go code as a panic. A board's exception handler makes the faulting
// code appear to have called this: it pushes the faulting RIP on the stack
// that was current there (unless RIP is zero, when the return address of the
// call through nil is already on top), puts a signal number in AX (11 page
// fault, 7 other bad access, 8 divide error) and the address in BX, and
// returns from the exception to here.
TEXT runtime·faultPanic(SB),NOSPLIT|NOFRAME,$0
	CLD
	get_tls(R14)
	MOVQ	g(R14), R14
	MOVL	AX, g_sig(R14)
	MOVQ	BX, g_sigcode1(R14)
	MOVQ	0(SP), CX
	MOVQ	CX, g_sigpc(R14)
	JMP	·sigpanic0(SB)

// What a timer interrupt may call, in the context that it interrupted: asks the
// goroutine that the processor runs to yield at its next function call. Nothing
// else does, for there is no monitor thread. Uses AX and CX.
TEXT runtime·preemptTick(SB),NOSPLIT|NOFRAME,$0
	get_tls(CX)
	MOVQ	g(CX), AX
	TESTQ	AX, AX
	JEQ	none
	MOVQ	g_m(AX), AX
	MOVQ	m_curg(AX), CX
	TESTQ	CX, CX
	JEQ	none
	MOVB	$1, g_preempt(CX)
	MOVQ	$const_stackPreempt, AX
	MOVQ	AX, g_stackguard0(CX)
none:
	RET
