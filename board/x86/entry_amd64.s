//go:build tamago

#include "go_asm.h"
#include "textflag.h"

// The ways in. Every loader has an entry below, all come together in start. That
// runs in 32-bit protected mode although Go's assembler encodes for 64-bit mode, so
// it keeps to instructions whose encoding is the same in both: no REX prefix (so no
// R8-R15, no Q suffix but on PUSH and POP), no RIP-relative operand, no one-byte INC
// or DEC.

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
#define BOOT_CS32 0x18

#define MSR_FS_BASE 0xc0000100

#define RAM_START const_imageBase

// Words of bootPointers.
#define P_TABLES 0
#define P_STACK  8
#define P_GDTR   16
#define P_LONG   24
#define P_NOLM   32
#define P_HERE   40
#define P_EDATA  48
#define P_END    56
#define P_LOADER 64
#define P_INFO   72
#define P_PLACED 80
#define P_SELF   88
#define P_EFI    120

// STAGE leaves a mark of how far the machine has come, see docs/bringup.md.
// Clobbers AX, DX.
#define STAGE(code) \
	MOVL	$code, AX \
	MOVL	$0x80, DX \
	OUTB

// MARK is STAGE and a character on COM1, but where DI is the loader PVH: its users
// pipe what the machine writes.
#define MARK(code, char, quiet) \
	STAGE(code) \
	CMPL	DI, $const_LoaderPVH \
	JEQ	quiet \
	MOVL	$const_com1, DX \
	MOVL	$char, AX \
	OUTB \
quiet:

GLOBL bootTables<>(SB), NOPTR, $(BOOT_TABLES+0x1000)
GLOBL bootStack<>(SB), NOPTR, $0x2000

DATA bootGDT<>+0x00(SB)/8, $0
DATA bootGDT<>+0x08(SB)/8, $0x00af9b000000ffff // 64-bit code, ring 0
DATA bootGDT<>+0x10(SB)/8, $0x00cf93000000ffff // data, ring 0
DATA bootGDT<>+0x18(SB)/8, $0x00cf9b000000ffff // 32-bit code, ring 0
GLOBL bootGDT<>(SB), NOPTR, $0x20

DATA bootGDTR<>+0(SB)/2, $0x1f
DATA bootGDTR<>+2(SB)/8, $bootGDT<>(SB)
GLOBL bootGDTR<>(SB), NOPTR, $16

DATA bootIDTR<>+0(SB)/2, $0x1ff
DATA bootIDTR<>+2(SB)/8, $·bootIDT(SB)
GLOBL bootIDTR<>(SB), NOPTR, $16

// Absolute addresses for code that cannot form them itself.
DATA bootPointers<>+P_TABLES(SB)/8, $bootTables<>+0xfff(SB)
DATA bootPointers<>+P_STACK(SB)/8, $bootStack<>+0x2000(SB)
DATA bootPointers<>+P_GDTR(SB)/8, $bootGDTR<>(SB)
DATA bootPointers<>+P_LONG(SB)/8, $longmode<>(SB)
DATA bootPointers<>+P_NOLM(SB)/8, $·noLongMode(SB)
DATA bootPointers<>+P_HERE(SB)/8, $here<>+6(SB)
DATA bootPointers<>+P_EDATA(SB)/8, $runtime·edata(SB)
DATA bootPointers<>+P_END(SB)/8, $runtime·end(SB)
DATA bootPointers<>+P_LOADER(SB)/8, $·loader(SB)
DATA bootPointers<>+P_INFO(SB)/8, $·startInfo(SB)
DATA bootPointers<>+P_PLACED(SB)/8, $placed<>(SB)
DATA bootPointers<>+P_SELF(SB)/8, $bootPointers<>(SB)
// Entries that cmd/mkimage finds by name; this keeps the linker from dropping them.
DATA bootPointers<>+96(SB)/8, $·multiboot2Entry(SB)
DATA bootPointers<>+104(SB)/8, $·linuxEntry32(SB)
DATA bootPointers<>+112(SB)/8, $·linuxEntry64(SB)
DATA bootPointers<>+P_EFI(SB)/8, $·efiEntry(SB)
GLOBL bootPointers<>(SB), NOPTR, $128

// cpuinit is the entry for PVH; runtime/goos.CPUInit jumps here.
//
// Entry: 32-bit protected mode, paging off, flat segments, IF=0, EBX = physical
// address of hvm_start_info, no stack (Xen, "x86/HVM direct boot ABI").
TEXT cpuinit(SB), NOSPLIT|NOFRAME, $0
	MOVL	$const_LoaderPVH, DI
	JMP	start<>(SB)

// multiboot2Entry is the entry for Multiboot2.
//
// Entry: as for PVH, EBX = physical address of the boot information (Multiboot2
// specification 3.3). GRUB jumps here whether it came from BIOS or UEFI.
TEXT ·multiboot2Entry(SB), NOSPLIT|NOFRAME, $0
	MOVL	$const_LoaderMultiboot2, DI
	JMP	start<>(SB)

// linuxEntry32 is the 32-bit entry of the Linux boot protocol.
//
// Entry: as for PVH, ESI = physical address of boot_params (Linux, x86 boot
// protocol, "32-bit boot protocol").
TEXT ·linuxEntry32(SB), NOSPLIT|NOFRAME, $0
	MOVL	SI, BX
	MOVL	$const_LoaderLinux, DI
	JMP	start<>(SB)

// linuxEntry64 is the 64-bit entry of the Linux boot protocol.
//
// Entry: 64-bit mode, this image and boot_params mapped 1:1 and below 4 GiB, IF=0,
// RSI = boot_params.
TEXT ·linuxEntry64(SB), NOSPLIT|NOFRAME, $0
	LEAQ	bootStack<>+0x2000(SB), SP
	MOVL	SI, BX
	MOVL	$const_LoaderLinux, DI
	JMP	leaveLong<>(SB)

// efiEntry is the entry of a UEFI application.
//
// Entry: 64-bit mode, mapped 1:1, a stack of 128 KiB, boot services running, RCX =
// image handle, RDX = system table (UEFI 2.10, 2.3.4). All Go code called from here
// runs without a runtime, see efi_unsafe.go.
// Exit: to start, in the copy of the image that efiBoot made; or back to the firmware.
TEXT ·efiEntry(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	BX
	PUSHQ	SI
	PUSHQ	DI
	PUSHQ	BP
	PUSHQ	R12
	PUSHQ	R13
	PUSHQ	R14
	PUSHQ	R15
	SUBQ	$56, SP
	MOVQ	CX, 0(SP)
	MOVQ	DX, 8(SP)
	STAGE(const_stageEFI)
	// Where are we? This is the only code that asks before it uses an address.
	LEAQ	·efiEntry(SB), AX
	SUBQ	bootPointers<>+P_EFI(SB), AX
	ADDQ	$RAM_START, AX
	MOVQ	AX, 16(SP)
	MOVQ	bootPointers<>+P_END(SB), AX
	SUBQ	$RAM_START, AX
	MOVQ	AX, 24(SP)
	MOVL	$MSR_FS_BASE, CX
	RDMSR
	MOVL	AX, 48(SP)
	MOVL	DX, 52(SP)
	CALL	noTLS<>(SB)
	CALL	·efiBoot(SB)			// handle, table, base, bytes -> copy, info
	MOVQ	32(SP), DI
	MOVQ	40(SP), BX
	TESTQ	DI, DI
	JEQ	refused
	CLI
	CLD
	// Boot services are over. Take what the image has become to the copy, and go on
	// there: start may overwrite the place where firmware had it.
	MOVQ	16(SP), SI
	LEAQ	leaveLong<>(SB), AX
	SUBQ	SI, AX
	ADDQ	DI, AX
	LEAQ	bootStack<>+0x2000(SB), SP
	SUBQ	SI, SP
	ADDQ	DI, SP
	MOVQ	bootPointers<>+P_EDATA(SB), CX
	SUBQ	$RAM_START, CX
	REP; MOVSB
	MOVL	$const_LoaderUEFI, DI
	JMP	AX
refused:
	MOVL	$MSR_FS_BASE, CX
	MOVL	48(SP), AX
	MOVL	52(SP), DX
	WRMSR
	MOVQ	$0x8000000000000001, AX		// EFI_LOAD_ERROR
	ADDQ	$56, SP
	POPQ	R15
	POPQ	R14
	POPQ	R13
	POPQ	R12
	POPQ	BP
	POPQ	DI
	POPQ	SI
	POPQ	BX
	RET

// noTLS makes -8(FS) readable: the way from assembly to Go loads g from there, and
// before the runtime there is none. Clobbers AX, CX, DX.
TEXT noTLS<>(SB), NOSPLIT|NOFRAME, $0
	LEAQ	noG<>+8(SB), AX
	MOVQ	AX, DX
	SHRQ	$32, DX
	MOVL	$MSR_FS_BASE, CX
	WRMSR
	RET
GLOBL noG<>(SB), NOPTR, $16

// leaveLong goes from 64-bit mode to start.
//
// Entry: 64-bit mode, IF=0, mapped 1:1 below 4 GiB, a few words of stack; BX, DI as
// start wants them.
TEXT leaveLong<>(SB), NOSPLIT|NOFRAME, $0
	CLI
	LEAQ	bootGDT<>(SB), AX
	SUBQ	$16, SP
	MOVW	$0x1f, (SP)
	MOVQ	AX, 2(SP)
	LGDT	(SP)
	LEAQ	compatible<>(SB), AX
	PUSHQ	$BOOT_CS32
	PUSHQ	AX
	BYTE	$0x48; BYTE $0xcb		// RETFQ

// compatible turns paging and long mode off.
// Entry: 32-bit compatibility mode.
TEXT compatible<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	$KERNEL_DS, AX
	MOVW	AX, DS
	MOVW	AX, ES
	MOVW	AX, SS
	MOVL	$0x33, AX			// NE, ET, MP, PE
	MOVL	AX, CR0
	MOVL	$MSR_EFER, CX
	XORL	AX, AX
	XORL	DX, DX
	WRMSR
	MOVL	AX, CR4				// PAE, LA57, PCIDE
	JMP	start<>(SB)

// start puts the image where it is linked to run, builds boot page tables and
// goes to longmode.
//
// Entry: 32-bit protected mode, paging off, flat segments, DI = which loader, BX =
// what it passed. The image lies where the loader put it.
TEXT start<>(SB), NOSPLIT|NOFRAME, $0
	CLI
	CLD
	MARK(const_stageStart, 's', quiet)

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
	JMP	here<>(SB)

TEXT here<>(SB), NOSPLIT|NOFRAME, $0
	BYTE	$0xe8; LONG $0
	BYTE	$0x5d				// POP EBP: its own address
	MOVL	SI, -4(SP)
	MOVL	BP, AX
	// LEA's displacement counts from its end, 1+4+2+6 bytes past the POP's beginning. In
	// 32-bit mode it is taken as absolute.
	LEAL	bootPointers<>(SB), CX
	LEAL	13(BP)(CX*1), BP
	ADDL	$1, AX				// past the POP, as P_HERE
	SUBL	P_HERE(BP), AX			// how far from home
	MOVL	P_INFO(BP), CX
	MOVL	BX, (CX)(AX*1)
	MOVL	P_LOADER(BP), CX
	MOVL	DI, (CX)(AX*1)
	TESTL	AX, AX
	JEQ	home

	// Copy the image to its place and clear the rest of it. The two must not
	// overlap: this code would be overwritten while it runs.
	MOVL	$RAM_START, DI
	LEAL	(DI)(AX*1), SI
	MOVL	P_EDATA(BP), CX
	SUBL	DI, CX
	MOVL	P_END(BP), DX
	SUBL	DI, DX				// bytes in memory
	CMPL	AX, DX
	JLT	maybe
apart:
	REP; MOVSB
	MOVL	P_END(BP), CX
	SUBL	DI, CX
	XORL	AX, AX
	REP; STOSB
home:
	MOVL	P_PLACED(BP), AX
	MOVL	P_SELF(BP), BP
	JMP	AX
maybe:
	ADDL	DX, AX
	JLE	apart
	STAGE(const_stageOverlap)
stuck:
	HLT
	JMP	stuck

// placed goes on where the image is linked to run.
//
// Entry: as start, BP = bootPointers.
TEXT placed<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	P_LOADER(BP), DI
	MOVL	(DI), DI
	MARK(const_stagePlaced, 'p', quiet)
	MOVL	P_STACK(BP), SP
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
	STAGE(const_stageNoLong)
	MOVL	P_NOLM(BP), SI
	MOVL	(SI), SI
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
// Entry: 64-bit mode, boot tables, IF=0, boot stack.
// Exit: to _rt0_tamago_start on g0's stack, after prepare.
TEXT longmode<>(SB), NOSPLIT|NOFRAME, $0
	MOVL	$KERNEL_DS, AX
	MOVW	AX, DS
	MOVW	AX, ES
	MOVW	AX, SS
	XORL	AX, AX
	MOVW	AX, FS
	MOVW	AX, GS
	MOVL	SP, SP				// upper half is undefined after the switch
	MOVL	·loader(SB), DI
	MARK(const_stageLong, 'l', quiet)

	FINIT
	MOVL	$0x1f80, -8(SP)
	LDMXCSR	-8(SP)
	CALL	noTLS<>(SB)
	LEAQ	trapEntries<>(SB), AX
	SUBQ	$16, SP
	MOVQ	AX, 0(SP)
	CALL	·earlyGates(SB)
	LEAQ	bootIDTR<>(SB), AX
	LIDT	(AX)
	CALL	·prepare(SB)

	MOVL	·loader(SB), DI
	MARK(const_stageRuntime, 'r', ready)
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
	CALL	earlyEntry<>(SB) \
	CALL	earlyEntry<>(SB) \
	CALL	earlyEntry<>(SB) \
	CALL	earlyEntry<>(SB)
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4
	CALL4

// earlyEntry has earlyTrap tell of an exception. Nothing is known of the stack but that it
// was writable a moment ago.
//
//	+8  error code, or RIP
//	+0  address past the CALL in trapEntries
TEXT earlyEntry<>(SB), NOSPLIT|NOFRAME, $0
	POPQ	AX
	LEAQ	trapEntries<>(SB), CX
	SUBQ	CX, AX
	MOVQ	(SP), CX			// error code or RIP
	MOVQ	8(SP), DX			// RIP or CS
	SUBQ	$32, SP
	MOVQ	AX, 0(SP)
	MOVQ	CX, 8(SP)
	MOVQ	DX, 16(SP)
	CALL	·earlyTrap(SB)
