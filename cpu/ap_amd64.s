#include "go_asm.h"
#include "textflag.h"

// apEntry: an application processor in long mode.
// On entry: from the trampoline; RBX the block, no stack, no GDT of ours, IF=0.
// On exit: at the block's task, on its stack, all as on the boot CPU.
TEXT ·apEntry(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ block_stack(BX), SP
	// Go looks for g behind FS, and so far is content with any.
	MOVL $const_IA32_FS_BASE, CX
	MOVL block_kernFS(BX), AX
	MOVL (block_kernFS+4)(BX), DX
	WRMSR
	BYTE $0xdb; BYTE $0xe3 // FNINIT
	LDMXCSR block_mxcsr(BX)
	SUBQ $32, SP
	MOVQ BX, 16(SP)
	MOVQ BX, 0(SP)
	CALL ·joinCPU(SB)
	MOVQ 16(SP), BX
	CMPB 8(SP), $0
	JEQ stop
	MOVL $const_apWaiting, block_state(BX)

wait:
	PAUSE
	MOVQ block_taskFn(BX), R12
	TESTQ R12, R12
	JEQ wait
	MOVQ block_taskSP(BX), SP
	MOVQ block_taskG(BX), AX
	MOVQ AX, (TLS)
	CALL R12 // does not return

stop:
	HLT
	JMP stop

// func apEntryAddr() uint64
TEXT ·apEntryAddr(SB), NOSPLIT, $0-8
	LEAQ ·apEntry(SB), AX
	MOVQ AX, ret+0(FP)
	RET
