#include "textflag.h"

// One fixed-size entry a vector: it makes every frame look alike (an error
// code, then the vector) and says where it goes on.
// On entry: ring 0 from either ring, SP at the CPU's frame, IF=0.
// Installed by: initTraps, in the IDT. Checked by: checkVectors, at boot.

// UNPUSH is never reached: the assembler counts pushes down the page, and the
// linker would think the last entry to be 4 KiB deep in the stack.
#define UNPUSH POPQ AX

// NOCODE is a vector for which the CPU pushes no error code.
#define NOCODE(n, to) \
	PCALIGN $16; \
	PUSHQ $0; \
	PUSHQ $n; \
	JMP to(SB); \
	UNPUSH; \
	UNPUSH

// CODE is one for which it does: 8, 10-14, 17, 21, 29, 30, as in
// vectorsWithErrorCode. Source: Intel SDM 3A table 6-1, AMD APM 2 table 8-1.
#define CODE(n, to) \
	PCALIGN $16; \
	PUSHQ $n; \
	JMP to(SB); \
	UNPUSH

#define EIGHT(n, to) \
	NOCODE((n+0), to); \
	NOCODE((n+1), to); \
	NOCODE((n+2), to); \
	NOCODE((n+3), to); \
	NOCODE((n+4), to); \
	NOCODE((n+5), to); \
	NOCODE((n+6), to); \
	NOCODE((n+7), to)

#define SIXTYFOUR(n, to) \
	EIGHT((n+0), to); \
	EIGHT((n+8), to); \
	EIGHT((n+16), to); \
	EIGHT((n+24), to); \
	EIGHT((n+32), to); \
	EIGHT((n+40), to); \
	EIGHT((n+48), to); \
	EIGHT((n+56), to)

// The exceptions. NMI, #DF and #MC are fatal from either ring.
#define EXCEPTIONS(to) \
	NOCODE(0, to); \
	NOCODE(1, to); \
	NOCODE(2, ·fatalTrap); \
	NOCODE(3, to); \
	NOCODE(4, to); \
	NOCODE(5, to); \
	NOCODE(6, to); \
	NOCODE(7, to); \
	CODE(8, ·fatalTrap); \
	NOCODE(9, to); \
	CODE(10, to); \
	CODE(11, to); \
	CODE(12, to); \
	CODE(13, to); \
	CODE(14, to); \
	NOCODE(15, to); \
	NOCODE(16, to); \
	CODE(17, to); \
	NOCODE(18, ·fatalTrap); \
	NOCODE(19, to); \
	NOCODE(20, to); \
	CODE(21, to); \
	NOCODE(22, to); \
	NOCODE(23, to); \
	NOCODE(24, to); \
	NOCODE(25, to); \
	NOCODE(26, to); \
	NOCODE(27, to); \
	NOCODE(28, to); \
	CODE(29, to); \
	CODE(30, to); \
	NOCODE(31, to)

#define TABLE(to) \
	EXCEPTIONS(to); \
	EIGHT(32, to); \
	EIGHT(40, to); \
	EIGHT(48, to); \
	EIGHT(56, to); \
	SIXTYFOUR(64, to); \
	SIXTYFOUR(128, to); \
	SIXTYFOUR(192, to)

TEXT ·vectorTableFast(SB), NOSPLIT|NOFRAME, $0-0
	TABLE(·trapFast)

TEXT ·vectorTableSlow(SB), NOSPLIT|NOFRAME, $0-0
	TABLE(·trapSlow)

// func vectorsFast() uint64
TEXT ·vectorsFast(SB), NOSPLIT, $0-8
	LEAQ ·vectorTableFast(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// func vectorsSlow() uint64
TEXT ·vectorsSlow(SB), NOSPLIT, $0-8
	LEAQ ·vectorTableSlow(SB), AX
	MOVQ AX, ret+0(FP)
	RET
