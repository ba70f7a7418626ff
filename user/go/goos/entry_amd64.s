//go:build tamago

#include "textflag.h"
#include "go_asm.h"

// Where the heap goes in the root region, which begins at 0x80_0000_0000.
#define ROOT_BASE	0x8000000000
#define PERM		0x13	// ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC
#define PA_THREAD_SELF	2
#define PA_VMAR_ROOT	4
#define PROP_FS		4	// ZX_PROP_REGISTER_FS

// The kernel enters with DI = the start block. A program that another one
// started is entered with DI = a channel that holds the handles, SI = the block.
TEXT ·CPUInit(SB),NOSPLIT|NOFRAME,$0
	SUBQ	$512, SP
	ANDQ	$~15, SP
	TESTQ	SI, SI
	JEQ	ready
	// zx_channel_read(channel, 0, nil, handles, 0, 64, nil, nil)
	MOVQ	SI, BX
	MOVQ	DI, ·startChannel(SB)
	XORL	SI, SI
	XORL	DX, DX
	MOVQ	SP, R10
	XORL	R8, R8
	MOVL	$64, R9
	XORL	R12, R12
	XORL	R13, R13
	MOVL	$const_sysChannelRead, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	fail
	MOVL	24(BX), CX
	XORL	AX, AX
next:
	CMPL	AX, CX
	JGE	taken
	MOVL	(SP)(AX*4), DX
	MOVL	DX, 36(BX)(AX*8)
	INCL	AX
	JMP	next
taken:
	MOVQ	·startChannel(SB), DI
	MOVL	$const_sysHandleClose, AX
	SYSCALL
	MOVQ	BX, DI
ready:
	MOVQ	DI, ·startBlock(SB)
	MOVQ	DI, BX

	// The handles of the first thread (R14) and the root region (R15).
	MOVL	24(BX), CX
	XORL	AX, AX
find:
	CMPL	AX, CX
	JGE	found
	MOVL	32(BX)(AX*8), DX
	CMPL	DX, $PA_THREAD_SELF
	JNE	2(PC)
	MOVL	36(BX)(AX*8), R14
	CMPL	DX, $PA_VMAR_ROOT
	JNE	2(PC)
	MOVL	36(BX)(AX*8), R15
	INCL	AX
	JMP	find
found:
	MOVL	R14, ·threadSelf(SB)
	MOVQ	$·setTLS(SB), AX
	MOVQ	AX, runtime·setTLS(SB)

	// zx_vmo_create(RamSize, 0, &vmo)
	MOVQ	·RamSize(SB), DI
	XORL	SI, SI
	MOVQ	SP, DX
	MOVL	$const_sysVMOCreate, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	fail

	// zx_vmar_map(root, PERM, RamStart - base, vmo, 0, RamSize, &at)
	MOVL	R15, DI
	MOVL	$PERM, SI
	MOVQ	$ROOT_BASE, AX
	MOVQ	·RamStart(SB), DX
	SUBQ	AX, DX
	MOVL	(SP), R10
	XORL	R8, R8
	MOVQ	·RamSize(SB), R9
	LEAQ	8(SP), R12
	MOVL	$const_sysVMARMap, AX
	SYSCALL
	TESTQ	AX, AX
	JNE	fail
	MOVL	(SP), DI
	MOVL	$const_sysHandleClose, AX
	SYSCALL

	MOVQ	·RamStart(SB), SP
	ADDQ	·RamSize(SB), SP
	SUBQ	·RamStackOffset(SB), SP
	JMP	_rt0_tamago_start(SB)
fail:
	LEAQ	why<>(SB), DI
	MOVL	$41, SI
	MOVL	$const_sysDebugWrite, AX
	SYSCALL
	MOVL	$2, DI
	MOVL	$const_sysProcessExit, AX
	SYSCALL
	INT	$3

DATA	why<>+0(SB)/8, $"goos: th"
DATA	why<>+8(SB)/8, $"ere is n"
DATA	why<>+16(SB)/8, $"o memory"
DATA	why<>+24(SB)/8, $" for the"
DATA	why<>+32(SB)/8, $" heap..."
DATA	why<>+40(SB)/1, $"\n"
GLOBL	why<>(SB), RODATA, $41

// Makes DI the FS base of the first thread; runtime·settls calls it.
TEXT ·setTLS(SB),NOSPLIT|NOFRAME,$0
	MOVL	·threadSelf(SB), R8
	JMP	setFS<>(SB)

// FS base = DI, for the thread whose handle is in R8.
TEXT setFS<>(SB),NOSPLIT|NOFRAME,$0
	PUSHQ	DI
	MOVL	R8, DI
	MOVL	$PROP_FS, SI
	MOVQ	SP, DX
	MOVL	$8, R10
	MOVL	$const_sysObjectSetProperty, AX
	SYSCALL
	POPQ	DI
	TESTQ	AX, AX
	JEQ	2(PC)
	INT	$3
	RET

// A processor's thread: DI is its entry of procs, SI its handle. Its g is in the
// word below FS base.
TEXT ·enterThread(SB),NOSPLIT|NOFRAME,$0
	MOVQ	24(DI), R12	// fn
	MOVL	SI, R8
	ADDQ	$16, DI		// &tls[1]
	CALL	setFS<>(SB)
	XORL	BP, BP
	CALL	R12
	INT	$3

// func enterThreadPC() uintptr
TEXT ·enterThreadPC(SB),NOSPLIT,$0-8
	MOVQ	$·enterThread(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func fsWord() uintptr
TEXT ·fsWord(SB),NOSPLIT,$0-8
	MOVQ	0(FS), AX
	MOVQ	AX, ret+0(FP)
	RET

// func call(number, a, b, c, d, e, f uintptr) int64
TEXT ·call(SB),NOSPLIT,$0-64
	MOVQ	number+0(FP), AX
	MOVQ	a+8(FP), DI
	MOVQ	b+16(FP), SI
	MOVQ	c+24(FP), DX
	MOVQ	d+32(FP), R10
	MOVQ	e+40(FP), R8
	MOVQ	f+48(FP), R9
	SYSCALL
	MOVQ	AX, ret+56(FP)
	RET

// func swap(p *uint32, v uint32) uint32
TEXT ·swap(SB),NOSPLIT,$0-20
	MOVQ	p+0(FP), DX
	MOVL	v+8(FP), AX
	XCHGL	AX, (DX)
	MOVL	AX, ret+16(FP)
	RET

// func add(p *uint32, d uint32) uint32
TEXT ·add(SB),NOSPLIT,$0-20
	MOVQ	p+0(FP), DX
	MOVL	d+8(FP), AX
	MOVL	AX, CX
	LOCK
	XADDL	AX, (DX)
	ADDL	CX, AX
	MOVL	AX, ret+16(FP)
	RET
