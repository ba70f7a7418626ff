// The part of a Linux image that a loader enters in real mode: it asks the BIOS for
// the memory map, makes the boot_params that the 32-bit entry wants, and goes there.
// setup.go says how it becomes part of faultline.efi.
//
// Entry: real mode, DS = ES = SS = where this was loaded, CS = DS+0x20, a stack.
// Source: Linux, "The Linux/x86 Boot Protocol"; ACPI 6.5, 15.1 (E820).
#define SETUP 0x268           /* this code, behind the header */
#define HEADER 0x1f1          /* first byte of the header */
#define PARAMS 0x1000         /* boot_params, behind what was loaded */
#define E820_COUNT 0x1e8
#define E820_TABLE 0x2d0
#define CODE32 0x214          /* header: the 32-bit entry */
#define E820_MOST 128
#define SMAP 0x534d4150

	.code16
	.org 0
	.globl _start
_start:
	cld
	mov	%ds, %ax
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x8000, %esp

	// boot_params: empty but for the header as the loader has filled it in.
	mov	$PARAMS, %di
	mov	$0x400, %cx
	xor	%eax, %eax
	rep stosl
	mov	$HEADER, %si
	mov	$(PARAMS + HEADER), %di
	mov	$(SETUP - HEADER), %cx
	rep movsb

	// The BIOS has left VGA in text mode: 80 by 25, kind 1.
	movb	$80, PARAMS + 0x07
	movb	$25, PARAMS + 0x0e
	movb	$1, PARAMS + 0x0f

	// The memory map.
	xor	%ebx, %ebx
	mov	$(PARAMS + E820_TABLE), %di
1:	mov	$0xe820, %eax
	mov	$SMAP, %edx
	mov	$20, %ecx
	int	$0x15
	jc	2f
	cmp	$SMAP, %eax
	jne	2f
	add	$20, %di
	incb	PARAMS + E820_COUNT
	cmpb	$E820_MOST, PARAMS + E820_COUNT
	je	2f
	test	%ebx, %ebx
	jnz	1b
2:
	// The second mebibyte's line, for a PC that has it off.
	cli
	inb	$0x92, %al
	or	$2, %al
	and	$0xfe, %al
	outb	%al, $0x92

	// Segments of 4 GiB. Addresses count from DS, wherever that is.
	xor	%ebx, %ebx
	mov	%ds, %bx
	shl	$4, %ebx
	lea	gdt - _start + SETUP(%ebx), %eax
	mov	%eax, SETUP + gdtr - _start + 2
	lgdtl	SETUP + gdtr - _start
	lea	flat - _start + SETUP(%ebx), %eax
	mov	%eax, SETUP + far - _start
	lea	PARAMS(%ebx), %esi
	mov	CODE32, %edi
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	*(SETUP + far - _start)

	.code32
flat:
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	jmp	*%edi

far:	.long	0
	.word	0x10
gdtr:	.word	0x1f
	.long	0
	.balign	8
gdt:	.quad	0, 0
	.quad	0x00cf9b000000ffff        // 0x10: code
	.quad	0x00cf93000000ffff        // 0x18: data
