#include "textflag.h"

#define SYS_read		0
#define SYS_write		1
#define SYS_open		2
#define SYS_close		3
#define SYS_mmap		9
#define SYS_rt_sigaction	13
#define SYS_rt_sigreturn	15
#define SYS_sched_yield		24
#define SYS_clone		56
#define SYS_clock_gettime	228
#define SYS_exit_group		231
#define SYS_getrandom		318

// VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS
#define CLONE_FLAGS		0xd0f00

TEXT ·CPUInit(SB),NOSPLIT|NOFRAME,$0
	MOVQ	SP, ·initialSP(SB)
	MOVQ	·RamStart(SB), DI
	MOVQ	·RamSize(SB), SI
	MOVL	$3, DX		// PROT_READ | PROT_WRITE
	MOVL	$0x104022, R10	// MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE
	MOVQ	$-1, R8
	MOVL	$0, R9
	MOVL	$SYS_mmap, AX
	SYSCALL
	CMPQ	AX, ·RamStart(SB)
	JEQ	mapped
	MOVL	$111, DI	// a status that no test uses
	MOVL	$SYS_exit_group, AX
	SYSCALL
mapped:
	MOVQ	·RamStart(SB), SP
	ADDQ	·RamSize(SB), SP
	SUBQ	·RamStackOffset(SB), SP
	JMP	_rt0_tamago_start(SB)

// func sysExit(code int32)
TEXT ·sysExit(SB),NOSPLIT,$0-4
	MOVL	code+0(FP), DI
	MOVL	$SYS_exit_group, AX
	SYSCALL
	RET

// func sysWrite(fd int, p unsafe.Pointer, n int)
TEXT ·sysWrite(SB),NOSPLIT,$0-24
	MOVQ	fd+0(FP), DI
	MOVQ	p+8(FP), SI
	MOVQ	n+16(FP), DX
	MOVL	$SYS_write, AX
	SYSCALL
	RET

// func sysRead(fd int, p unsafe.Pointer, n int) int
TEXT ·sysRead(SB),NOSPLIT,$0-32
	MOVQ	fd+0(FP), DI
	MOVQ	p+8(FP), SI
	MOVQ	n+16(FP), DX
	MOVL	$SYS_read, AX
	SYSCALL
	MOVQ	AX, ret+24(FP)
	RET

// func sysOpen(path *byte) int
TEXT ·sysOpen(SB),NOSPLIT,$0-16
	MOVQ	path+0(FP), DI
	MOVL	$0, SI		// O_RDONLY
	MOVL	$0, DX
	MOVL	$SYS_open, AX
	SYSCALL
	MOVQ	AX, ret+8(FP)
	RET

// func sysClose(fd int)
TEXT ·sysClose(SB),NOSPLIT,$0-8
	MOVQ	fd+0(FP), DI
	MOVL	$SYS_close, AX
	SYSCALL
	RET

// func sysClock(id int) int64
TEXT ·sysClock(SB),NOSPLIT,$16-16
	MOVQ	id+0(FP), DI
	LEAQ	0(SP), SI
	MOVL	$SYS_clock_gettime, AX
	SYSCALL
	MOVQ	0(SP), AX
	IMULQ	$1000000000, AX
	ADDQ	8(SP), AX
	MOVQ	AX, ret+8(FP)
	RET

// func sysRandom(p unsafe.Pointer, n int)
TEXT ·sysRandom(SB),NOSPLIT,$0-16
	MOVQ	p+0(FP), DI
	MOVQ	n+8(FP), SI
	MOVL	$0, DX
	MOVL	$SYS_getrandom, AX
	SYSCALL
	RET

// func sysCall(number, a, b, c, d uintptr) int
TEXT ·sysCall(SB),NOSPLIT,$0-48
	MOVQ	number+0(FP), AX
	MOVQ	a+8(FP), DI
	MOVQ	b+16(FP), SI
	MOVQ	c+24(FP), DX
	MOVQ	d+32(FP), R10
	SYSCALL
	MOVQ	AX, ret+40(FP)
	RET

// func sysYield()
TEXT ·sysYield(SB),NOSPLIT,$0-0
	MOVL	$SYS_sched_yield, AX
	SYSCALL
	RET

// func sysClone(sp, tls, fn unsafe.Pointer, id uintptr) int
//
// Starts a thread whose g is in the word below tls: procInit(id), then fn,
// which does not return.
TEXT ·sysClone(SB),NOSPLIT,$0-40
	MOVL	$CLONE_FLAGS, DI
	MOVQ	sp+0(FP), SI
	MOVQ	tls+8(FP), R8
	MOVQ	fn+16(FP), R12
	MOVQ	id+24(FP), R13
	XORL	DX, DX
	XORL	R10, R10
	MOVL	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, ret+32(FP)
	RET
child:
	SUBQ	$32, SP
	XORL	BP, BP
	MOVQ	R12, 16(SP)
	MOVQ	R13, 0(SP)
	CALL	·procInit(SB)
	MOVQ	16(SP), R12
	CALL	R12
	INT	$3

// func sysFaultHandler()
//
// Has faults in Go code become panics.
TEXT ·sysFaultHandler(SB),NOSPLIT,$64-0
	MOVQ	$fault<>(SB), AX
	MOVQ	AX, 0(SP)
	MOVQ	$0x4c000004, 8(SP)	// SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER
	MOVQ	$sigreturn<>(SB), AX
	MOVQ	AX, 16(SP)
	MOVQ	$0, 24(SP)
	MOVL	$11, R12		// SIGSEGV
	CALL	sigaction<>(SB)
	MOVL	$7, R12			// SIGBUS
	CALL	sigaction<>(SB)
	MOVL	$8, R12			// SIGFPE
	CALL	sigaction<>(SB)

	MOVQ	$ticked<>(SB), AX
	MOVQ	AX, 0(SP)
	MOVQ	$0x1c000004, 8(SP)	// SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_RESTART: one at a time
	MOVL	$14, R12		// SIGALRM
	CALL	sigaction<>(SB)
	RET

TEXT ticked<>(SB),NOSPLIT|NOFRAME,$0
	JMP	runtime·preemptTick(SB)

TEXT sigaction<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ	R12, DI
	LEAQ	8(SP), SI
	MOVL	$0, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigaction, AX
	SYSCALL
	RET

TEXT sigreturn<>(SB),NOSPLIT|NOFRAME,$0
	MOVL	$SYS_rt_sigreturn, AX
	SYSCALL
	INT	$3

// Signal number in DI, siginfo in SI, ucontext in DX. Makes the interrupted code
// appear to have called runtime·faultPanic with the signal in AX and the address
// in BX.
TEXT fault<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ	168(DX), AX	// RIP
	TESTQ	AX, AX
	JEQ	called		// of a nil function: its caller's address is on top
	MOVQ	160(DX), CX	// RSP
	SUBQ	$8, CX
	MOVQ	AX, (CX)
	MOVQ	CX, 160(DX)
called:
	MOVQ	$runtime·faultPanic(SB), AX
	MOVQ	AX, 168(DX)
	MOVQ	DI, 144(DX)	// RAX
	MOVQ	16(SI), AX
	MOVQ	AX, 128(DX)	// RBX
	RET
