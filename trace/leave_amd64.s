#include "go_asm.h"
#include "textflag.h"

// func leaveRecord()
// In: AX kind, BX arg, CX object, DI offset, SI length. Changes R8 to R11, AX, DX, X0.
// Nothing here can be preempted: the CPU stays the same from one end to the other.
TEXT ·leaveRecord(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ AX, R8
#ifdef GOOS_tamago
	RDTSC
	MOVLQZX const_GSID(GS), R9
#else
	MOVL ·hostTime(SB), AX
	MOVL ·hostTime+4(SB), DX
	MOVQ ·hostCPU(SB), R9
#endif
	LEAQ ·rings(SB), R10
	MOVQ (R10)(R9*8), R9
	TESTQ R9, R9
	JZ done
	CMPB ·choosy(SB), $0
	JNE choose
chosen:
	MOVL $1, R10
	LOCK
	XADDQ R10, ring_next(R9)
	LEAQ 1(R10), R11
	ANDQ $(const_ringRecords-1), R10
	SHLQ $6, R10
	MOVUPS ring_process(R9), X0
	MOVL AX, (ring_slots+slot_record+Record_Time)(R9)(R10*1)
	MOVL DX, (ring_slots+slot_record+Record_Time+4)(R9)(R10*1)
	MOVB R8, (ring_slots+slot_record+Record_Kind)(R9)(R10*1)
	MOVL BX, (ring_slots+slot_record+Record_Arg)(R9)(R10*1)
	MOVUPS X0, (ring_slots+slot_record+Record_Process)(R9)(R10*1)
	MOVQ CX, (ring_slots+slot_record+Record_Object)(R9)(R10*1)
	MOVQ DI, (ring_slots+slot_record+Record_Offset)(R9)(R10*1)
	MOVQ SI, (ring_slots+slot_record+Record_Length)(R9)(R10*1)
	MOVQ R11, (ring_slots+slot_number)(R9)(R10*1)
done:
	RET
choose:
	MOVQ ·only+Filter_Process(SB), R10
	CMPQ R10, ring_process(R9)
	JEQ object
	TESTQ R10, R10
	JNZ done
object:
	MOVQ ·only+Filter_Object(SB), R10
	CMPQ R10, CX
	JEQ chosen
	TESTQ R10, R10
	JZ chosen
	RET

// func leaveAddr() uintptr
TEXT ·leaveAddr(SB), NOSPLIT, $0-8
	LEAQ ·leaveRecord(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func here() *ring
TEXT ·here(SB), NOSPLIT, $0-8
#ifdef GOOS_tamago
	MOVLQZX const_GSID(GS), AX
#else
	MOVQ ·hostCPU(SB), AX
#endif
	LEAQ ·rings(SB), CX
	MOVQ (CX)(AX*8), AX
	MOVQ AX, ret+0(FP)
	RET
