//go:build tamago

#include "go_asm.h"
#include "textflag.h"

// The way in from PVH. The first half runs in 32-bit protected mode although
// Go's assembler encodes for 64-bit mode, so it keeps to instructions whose
// encoding is the same in both: no REX prefix (so no R8-R15, no Q suffix but
// on PUSH and POP), no RIP-relative operand, no one-byte INC or DEC.

#define PVH_MEMMAP 40
#define PVH_MEMMAP_ENTRIES 48

#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define CPUID_LM (1<<29)
#define CPUID_NX (1<<20)
#define CR0_PG_WP_NE_ET_MP_PE 0x80010033
#define CR4_PAE_OSFXSR_OSXMMEXCPT 0x620

#define PTE_P 1
#define PTE_RW 2
#define PTE_PCD 0x10
#define PTE_PS 0x80

// Frames of the boot tables, in pages from the first aligned one.
#define PML4 0x0000
#define PDPT 0x1000
#define PT0  0x2000
#define PD   0x3000
#define BOOT_TABLES 0x7000

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10

#define RAM_START 0x1000000
#define RAM_LEAST  0x06000000
#define WINDOW_MIN 0x05000000
#define WINDOW_MAX 0x40000000
#define WINDOW_GRAIN 0x200000

// Words of bootPointers.
#define P_TABLES 0
#define P_STACK  8
#define P_GDTR   16
#define P_LONG   24
#define P_NOLM   32

GLOBL bootTables<>(SB), NOPTR, $(BOOT_TABLES+0x1000)
GLOBL bootStack<>(SB), NOPTR, $0x2000
GLOBL bootIDT<>(SB), NOPTR, $0x200
GLOBL bootIDTR<>(SB), NOPTR, $16

DATA bootGDT<>+0x00(SB)/8, $0
DATA bootGDT<>+0x08(SB)/8, $0x00af9b000000ffff // 64-bit code, ring 0
DATA bootGDT<>+0x10(SB)/8, $0x00cf93000000ffff // data, ring 0
GLOBL bootGDT<>(SB), NOPTR, $0x18

DATA bootGDTR<>+0(SB)/2, $0x17
DATA bootGDTR<>+2(SB)/8, $bootGDT<>(SB)
GLOBL bootGDTR<>(SB), NOPTR, $16

DATA noLongMode<>+0x00(SB)/8, $"faultlin"
DATA noLongMode<>+0x08(SB)/8, $"e: this "
DATA noLongMode<>+0x10(SB)/8, $"CPU has "
DATA noLongMode<>+0x18(SB)/8, $"no 64-bi"
DATA noLongMode<>+0x20(SB)/8, $"t mode (" 
DATA noLongMode<>+0x28(SB)/8, $"CPUID LM"
DATA noLongMode<>+0x30(SB)/4, $")  \n"
GLOBL noLongMode<>(SB), NOPTR, $0x38

// Absolute addresses for code that cannot form them itself.
DATA bootPointers<>+P_TABLES(SB)/8, $bootTables<>+0xfff(SB)
DATA bootPointers<>+P_STACK(SB)/8, $bootStack<>+0x2000(SB)
DATA bootPointers<>+P_GDTR(SB)/8, $bootGDTR<>(SB)
DATA bootPointers<>+P_LONG(SB)/8, $longmode<>(SB)
DATA bootPointers<>+P_NOLM(SB)/8, $noLongMode<>(SB)
GLOBL bootPointers<>(SB), NOPTR, $40

// cpuinit is the first code of the image; runtime/goos.CPUInit jumps here.
//
// Entry: 32-bit protected mode, paging off, flat segments, IF=0, EBX = physical
// address of hvm_start_info, no stack (Xen, "x86/HVM direct boot ABI").
// Exit: to longmode below.
TEXT cpuinit(SB), NOSPLIT|NOFRAME, $0
	CLI
	CLD

	// Mask both 8259s: their power-on vectors are exceptions to us.
	MOVL	$0xff, AX
	MOVL	$0x21, DX
	OUTB
	MOVL	$0xa1, DX
	OUTB

	// Where are we? One borrowed doubleword of low memory serves as a stack
	// for a CALL to the next instruction, and is put back.
	MOVL	$0x8000, SP
	MOVL	-4(SP), SI
	BYTE	$0xe8; LONG $0
	BYTE	$0x5d				// POP EBP: its own address
	MOVL	SI, -4(SP)
	// LEA's displacement counts from its end, 4+6+1 bytes past the POP. In 32-bit mode it
	// is taken as absolute.
	LEAL	bootPointers<>(SB), DI
	LEAL	11(BP)(DI*1), BP

	MOVL	P_STACK(BP), SP
	MOVL	BX, SI				// CPUID takes EBX

	MOVL	$0x80000000, AX
	CPUID
	CMPL	AX, $0x80000001
	JCS	nolm
	MOVL	$0x80000001, AX
	CPUID
	TESTL	$CPUID_LM, DX
	JEQ	nolm
	ANDL	$CPUID_NX, DX			// kept for EFER
	PUSHQ	DX

	MOVL	P_TABLES(BP), DI
	ANDL	$~0xfff, DI			// first aligned page
	MOVL	DI, CR3

	LEAL	(PDPT|PTE_RW|PTE_P)(DI), AX
	MOVL	AX, PML4(DI)
	LEAL	(PD|PTE_RW|PTE_P)(DI), AX
	MOVL	AX, (PDPT+0)(DI)
	ADDL	$0x1000, AX
	MOVL	AX, (PDPT+8)(DI)
	ADDL	$0x1000, AX
	MOVL	AX, (PDPT+16)(DI)
	ADDL	$0x1000, AX
	MOVL	AX, (PDPT+24)(DI)

	// 4 GiB by 2 MiB pages; the last GiB holds devices.
	MOVL	$(PTE_PS|PTE_RW|PTE_P), AX
	LEAL	PD(DI), DX
large:
	MOVL	AX, (DX)
	ADDL	$8, DX
	ADDL	$0x200000, AX
	JCS	mapped
	CMPL	AX, $0xc0000000
	JCS	large
	ORL	$PTE_PCD, AX
	JMP	large
mapped:
	// The first 2 MiB by 4 KiB pages: longmode removes page 0.
	LEAL	(PT0|PTE_RW|PTE_P)(DI), AX
	MOVL	AX, PD(DI)
	MOVL	$(PTE_RW|PTE_P), AX
	LEAL	PT0(DI), DX
small:
	MOVL	AX, (DX)
	ADDL	$8, DX
	ADDL	$0x1000, AX
	CMPL	AX, $0x200000
	JCS	small

	MOVL	$CR4_PAE_OSFXSR_OSXMMEXCPT, AX
	MOVL	AX, CR4
	MOVL	$MSR_EFER, CX
	RDMSR
	POPQ	DX
	SHRL	$9, DX				// CPUID NX (bit 20) is EFER.NXE (bit 11)
	ORL	DX, AX
	ORL	$EFER_LME, AX
	XORL	DX, DX
	WRMSR
	MOVL	$CR0_PG_WP_NE_ET_MP_PE, AX
	MOVL	AX, CR0

	MOVL	P_GDTR(BP), AX
	LGDT	(AX)
	PUSHQ	$KERNEL_CS
	MOVL	P_LONG(BP), AX
	PUSHQ	AX
	BYTE	$0xcb				// RETF

nolm:
	MOVL	P_NOLM(BP), SI
	MOVL	$const_com1, DX
text:
	MOVL	(SI), AX
	ANDL	$0xff, AX
	JEQ	fail
	OUTB
	ADDL	$1, SI
	JMP	text
fail:
	MOVL	$const_exitUnfit, AX
	MOVL	$const_ExitPort, DX
	OUTB
stop:
	HLT
	JMP	stop

// longmode finishes what Go needs and goes to the runtime.
//
// Entry: 64-bit mode, boot tables, IF=0, ESI = hvm_start_info, boot stack.
// Exit: to _rt0_tamago_start on g0's stack, IDT loaded, RamSize set.
TEXT longmode<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	$KERNEL_DS, AX
	MOVW	AX, DS
	MOVW	AX, ES
	MOVW	AX, SS
	XORL	AX, AX
	MOVW	AX, FS
	MOVW	AX, GS
	MOVL	SP, SP				// upper half is undefined after the switch
	MOVL	SI, SI
	MOVQ	SI, ·startInfo(SB)

	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ·bootTSC(SB)

	FINIT
	MOVL	$0x1f80, -8(SP)
	LDMXCSR	-8(SP)

	// An interrupt gate for each exception, to one CALL in trapEntries.
	LEAQ	bootIDT<>(SB), DI
	LEAQ	trapEntries<>(SB), BX
	MOVL	$32, CX
gate:
	MOVQ	BX, AX
	ANDL	$0xffff, AX
	ORL	$(KERNEL_CS<<16), AX
	MOVL	AX, (DI)
	MOVQ	BX, AX
	ANDL	$0xffff0000, AX
	ORL	$0x8e00, AX			// present, 64-bit interrupt gate
	MOVL	AX, 4(DI)
	MOVQ	BX, AX
	SHRQ	$32, AX
	MOVQ	AX, 8(DI)
	ADDQ	$5, BX
	ADDQ	$16, DI
	DECL	CX
	JNE	gate
	LEAQ	bootIDTR<>(SB), AX
	MOVW	$0x1ff, (AX)
	LEAQ	bootIDT<>(SB), BX
	MOVQ	BX, 2(AX)
	LIDT	(AX)

	// The heap window: 3/8 of the RAM region that holds RAM_START.
	XORL	R10, R10			// bytes of the region from RAM_START
	CMPL	(SI), $const_pvhMagic
	JNE	sized
	MOVQ	PVH_MEMMAP(SI), DI
	MOVL	PVH_MEMMAP_ENTRIES(SI), CX
entry:
	TESTL	CX, CX
	JEQ	sized
	CMPL	16(DI), $const_MemoryRAM
	JNE	next
	MOVQ	(DI), AX
	CMPQ	AX, $RAM_START
	JHI	next
	MOVQ	8(DI), DX
	ADDQ	AX, DX
	SUBQ	$RAM_START, DX
	JCS	next
	MOVQ	DX, R10
next:
	ADDQ	$24, DI
	DECL	CX
	JMP	entry
sized:
	MOVQ	R10, ·lowRAM(SB)
	CMPQ	R10, $RAM_LEAST
	JCC	enough
	LEAQ	smallText<>(SB), SI
	CALL	putText<>(SB)
	MOVL	$const_exitUnfit, AX
	MOVL	$const_ExitPort, DX
	OUTB
	HLT
enough:
	SHRQ	$3, R10
	LEAQ	(R10)(R10*2), AX
	CMPQ	AX, $WINDOW_MAX
	JLS	notmax
	MOVQ	$WINDOW_MAX, AX
notmax:
	CMPQ	AX, $WINDOW_MIN
	JCC	notmin
	MOVQ	$WINDOW_MIN, AX
notmin:
	ANDQ	$~(WINDOW_GRAIN-1), AX
	MOVQ	AX, runtime∕goos·RamSize(SB)

	// SeaBIOS leaves the memory map in page 0: copy the page for ParsePVH,
	// then let nil pointers fault.
	XORL	SI, SI
	LEAQ	·pageZero(SB), DI
	MOVL	$(0x1000/8), CX
	REP; MOVSQ
	MOVQ	CR3, BX
	MOVQ	$0, PT0(BX)
	MOVQ	BX, CR3

	MOVQ	runtime∕goos·RamSize(SB), AX
	ADDQ	runtime∕goos·RamStart(SB), AX
	SUBQ	runtime∕goos·RamStackOffset(SB), AX
	MOVQ	AX, SP
	XORL	BP, BP
	JMP	_rt0_tamago_start(SB)

// trapEntries are the gates' targets: 32 CALLs of five bytes each, so that
// the return address tells the vector.
TEXT trapEntries<>(SB), NOSPLIT|NOFRAME, $0
#define CALL4 \
	CALL	earlyTrap<>(SB) \
	CALL	earlyTrap<>(SB) \
	CALL	earlyTrap<>(SB) \
	CALL	earlyTrap<>(SB)
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4

// earlyTrap says which exception came before cpu.Init had a handler for it,
// then ends the machine. Nothing is known of the stack but that it was
// writable a moment ago; g is not touched.
//
//	+8  error code, or RIP
//	+0  address past the CALL in trapEntries
TEXT earlyTrap<>(SB), NOSPLIT|NOFRAME, $0
	POPQ	R12
	LEAQ	trapEntries<>(SB), AX
	SUBQ	AX, R12				// 5*(vector+1)
	XORL	DX, DX
	MOVQ	R12, AX
	MOVL	$5, CX
	DIVL	CX
	LEAQ	-1(AX), R12
	MOVQ	(SP), R13			// error code or RIP
	MOVQ	8(SP), R14			// RIP or CS
	MOVQ	CR2, R15
	LEAQ	trapText<>(SB), SI
	CALL	putText<>(SB)
	MOVQ	R12, BX
	CALL	putHex<>(SB)
	MOVQ	R13, BX
	CALL	putHex<>(SB)
	MOVQ	R14, BX
	CALL	putHex<>(SB)
	MOVQ	R15, BX
	CALL	putHex<>(SB)
	LEAQ	trapEnd<>(SB), SI
	CALL	putText<>(SB)
	MOVL	$const_exitTrap, AX
	MOVL	$const_ExitPort, DX
	OUTB
dead:
	HLT
	JMP	dead

DATA trapText<>+0x00(SB)/8, $"faultlin"
DATA trapText<>+0x08(SB)/8, $"e: early"
DATA trapText<>+0x10(SB)/8, $" excepti"
DATA trapText<>+0x18(SB)/8, $"on, vect"
DATA trapText<>+0x20(SB)/8, $"or, two "
DATA trapText<>+0x28(SB)/8, $"words of"
DATA trapText<>+0x30(SB)/8, $" its fra"
DATA trapText<>+0x38(SB)/8, $"me, CR2:"
GLOBL trapText<>(SB), NOPTR, $0x48
DATA smallText<>+0x00(SB)/8, $"faultlin"
DATA smallText<>+0x08(SB)/8, $"e: too l"
DATA smallText<>+0x10(SB)/8, $"ittle RA"
DATA smallText<>+0x18(SB)/8, $"M, or no"
DATA smallText<>+0x20(SB)/8, $" PVH mem"
DATA smallText<>+0x28(SB)/8, $"ory map:"
DATA smallText<>+0x30(SB)/8, $" 128 MiB"
DATA smallText<>+0x38(SB)/8, $" at leas"
DATA smallText<>+0x40(SB)/4, $"t\r\n\n"
GLOBL smallText<>(SB), NOPTR, $0x48
DATA trapEnd<>+0x00(SB)/2, $"\r\n"
GLOBL trapEnd<>(SB), NOPTR, $8

// putText writes the NUL-ended text at RSI to COM1. Clobbers AX, DX, SI.
TEXT putText<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	$const_com1, DX
more:
	MOVBLZX	(SI), AX
	TESTL	AX, AX
	JEQ	done
	OUTB
	INCQ	SI
	JMP	more
done:
	RET

// putHex writes a space and RBX in hexadecimal. Clobbers AX, BX, CX, DX.
TEXT putHex<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	$const_com1, DX
	MOVL	$0x20, AX
	OUTB
	MOVL	$16, CX
digit:
	ROLQ	$4, BX
	MOVL	BX, AX
	ANDL	$15, AX
	CMPL	AX, $10
	JCS	decimal
	ADDL	$('a'-'0'-10), AX
decimal:
	ADDL	$'0', AX
	OUTB
	DECL	CX
	JNE	digit
	RET
