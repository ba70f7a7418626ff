#include "go_asm.h"
#include "textflag.h"

// One instruction each. Mode: ring 0. Stack, FS, GS: Go's. IF: 0.
// Clobbers: what ABI0 allows. Source: Intel SDM 2.

// func ReadMSR(msr MSR) uint64
TEXT ·ReadMSR(SB), NOSPLIT, $0-16
	MOVL msr+0(FP), CX
	RDMSR
	SHLQ $32, DX
	ORQ DX, AX
	MOVQ AX, ret+8(FP)
	RET

// func WriteMSR(msr MSR, v uint64)
TEXT ·WriteMSR(SB), NOSPLIT, $0-16
	MOVL msr+0(FP), CX
	MOVQ v+8(FP), AX
	MOVQ AX, DX
	SHRQ $32, DX
	WRMSR
	RET

// func ReadCR0() uint64
TEXT ·ReadCR0(SB), NOSPLIT, $0-8
	MOVQ CR0, AX
	MOVQ AX, ret+0(FP)
	RET

// func WriteCR0(v uint64)
TEXT ·WriteCR0(SB), NOSPLIT, $0-8
	MOVQ v+0(FP), AX
	MOVQ AX, CR0
	RET

// func ReadCR2() uint64
TEXT ·ReadCR2(SB), NOSPLIT, $0-8
	MOVQ CR2, AX
	MOVQ AX, ret+0(FP)
	RET

// func ReadCR3() uint64
TEXT ·ReadCR3(SB), NOSPLIT, $0-8
	MOVQ CR3, AX
	MOVQ AX, ret+0(FP)
	RET

// func WriteCR3(v uint64)
TEXT ·WriteCR3(SB), NOSPLIT, $0-8
	MOVQ v+0(FP), AX
	MOVQ AX, CR3
	RET

// func ReadCR4() uint64
TEXT ·ReadCR4(SB), NOSPLIT, $0-8
	MOVQ CR4, AX
	MOVQ AX, ret+0(FP)
	RET

// func WriteCR4(v uint64)
TEXT ·WriteCR4(SB), NOSPLIT, $0-8
	MOVQ v+0(FP), AX
	MOVQ AX, CR4
	RET

// func ReadXCR0() uint64
TEXT ·ReadXCR0(SB), NOSPLIT, $0-8
	XORL CX, CX
	XGETBV
	SHLQ $32, DX
	ORQ DX, AX
	MOVQ AX, ret+0(FP)
	RET

// func WriteXCR0(v uint64)
TEXT ·WriteXCR0(SB), NOSPLIT, $0-8
	XORL CX, CX
	MOVQ v+0(FP), AX
	MOVQ AX, DX
	SHRQ $32, DX
	XSETBV
	RET

// func InvalidatePage(va uint64)
TEXT ·InvalidatePage(SB), NOSPLIT, $0-8
	MOVQ va+0(FP), AX
	INVLPG (AX)
	RET

// func ReadTSC() uint64
TEXT ·ReadTSC(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ $32, DX
	ORQ DX, AX
	MOVQ AX, ret+0(FP)
	RET

// func CPUID(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)
TEXT ·CPUID(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL subleaf+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET

// func RDRAND() (v uint64, ok bool)
TEXT ·RDRAND(SB), NOSPLIT, $0-9
	RDRANDQ AX
	SETCS ok+8(FP)
	MOVQ AX, v+0(FP)
	RET

// func RDSEED() (v uint64, ok bool)
TEXT ·RDSEED(SB), NOSPLIT, $0-9
	RDSEEDQ AX
	SETCS ok+8(FP)
	MOVQ AX, v+0(FP)
	RET

// func Pause()
TEXT ·Pause(SB), NOSPLIT, $0-0
	PAUSE
	RET

// func WaitForInterrupt()
// On entry: IF=0. On exit: IF=0. The interrupt entry (fault_amd64.s) knows a
// legal ring-0 interrupt by its return address: right behind this HLT, at
// const_haltOffset. STI's shadow lets none in before the HLT.
TEXT ·WaitForInterrupt(SB), NOSPLIT|NOFRAME, $0-0
	STI
	HLT
	CLI
	RET

// func Halt()
TEXT ·Halt(SB), NOSPLIT|NOFRAME, $0-0
	CLI
halt:
	HLT
	JMP halt

// func ReadDR6() uint64
TEXT ·ReadDR6(SB), NOSPLIT, $0-8
	MOVQ DR6, AX
	MOVQ AX, ret+0(FP)
	RET

// func WriteDR6(v uint64)
TEXT ·WriteDR6(SB), NOSPLIT, $0-8
	MOVQ v+0(FP), AX
	MOVQ AX, DR6
	RET

// func ReadDR7() uint64
TEXT ·ReadDR7(SB), NOSPLIT, $0-8
	MOVQ DR7, AX
	MOVQ AX, ret+0(FP)
	RET

// func writeDR7(v uint64)
TEXT ·writeDR7(SB), NOSPLIT, $0-8
	MOVQ v+0(FP), AX
	MOVQ AX, DR7
	RET

// func writeDR0to3(dr *[4]uint64)
TEXT ·writeDR0to3(SB), NOSPLIT, $0-8
	MOVQ dr+0(FP), CX
	MOVQ 0(CX), AX
	MOVQ AX, DR0
	MOVQ 8(CX), AX
	BYTE $0x0f; BYTE $0x23; BYTE $0xc8 // MOVQ AX, DR1, which the assembler lacks
	MOVQ 16(CX), AX
	MOVQ AX, DR2
	MOVQ 24(CX), AX
	MOVQ AX, DR3
	RET

// func ReadMXCSR() uint32
TEXT ·ReadMXCSR(SB), NOSPLIT, $0-4
	STMXCSR ret+0(FP)
	RET

// func loadGDT(p *[10]byte)
TEXT ·loadGDT(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	LGDT (AX)
	RET

// func loadIDT(p *[10]byte)
TEXT ·loadIDT(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	LIDT (AX)
	RET

// func loadTR(sel Selector)
TEXT ·loadTR(SB), NOSPLIT, $0-2
	MOVW sel+0(FP), AX
	LTR AX
	RET

// func loadLDT(sel Selector)
TEXT ·loadLDT(SB), NOSPLIT, $0-2
	MOVW sel+0(FP), AX
	LLDT AX
	RET

// func loadSegments(code, data Selector, fsBase uint64)
TEXT ·loadSegments(SB), NOSPLIT|NOFRAME, $0-16
	MOVWLZX code+0(FP), BX
	MOVWLZX data+2(FP), CX
	MOVQ fsBase+8(FP), SI
	MOVW CX, SS
	MOVW CX, DS
	MOVW CX, ES
	XORL AX, AX
	MOVW AX, FS
	MOVW AX, GS
	MOVL SI, AX
	MOVQ SI, DX
	SHRQ $32, DX
	MOVL $0xc0000100, CX // IA32_FS_BASE
	WRMSR
	// CS changes by a far return to our own return address.
	POPQ AX
	PUSHQ BX
	PUSHQ AX
	RETFQ

// func storeGDT(p *[10]byte)
TEXT ·storeGDT(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	SGDT (AX)
	RET

// func storeIDT(p *[10]byte)
TEXT ·storeIDT(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	SIDT (AX)
	RET

// func readTR() Selector
TEXT ·readTR(SB), NOSPLIT, $0-2
	BYTE $0x0f; BYTE $0x00; BYTE $0xc8 // STR EAX, which Go does not know
	MOVW AX, ret+0(FP)
	RET

// func getg() uint64
TEXT ·getg(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX
	MOVQ AX, ret+0(FP)
	RET

// func ReadRFLAGS() uint64
TEXT ·ReadRFLAGS(SB), NOSPLIT, $0-8
	PUSHFQ
	POPQ AX
	MOVQ AX, ret+0(FP)
	RET
