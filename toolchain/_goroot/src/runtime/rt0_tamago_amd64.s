#include "textflag.h"

// The ELF entry point, and the address in the PVH note. The mode of the
// processor is the board's business (a PVH monitor enters in 32-bit mode), so
// there must be nothing here but jumps that mean the same in all modes.
TEXT _rt0_amd64_tamago(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	JMP	runtime∕goos·CPUInit(SB)

// CPU initialization returns here in 64-bit mode, with the stack set.
TEXT _rt0_tamago_start(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	XORL	DI, DI	// argc
	XORL	SI, SI	// argv
	JMP	runtime·rt0_go(SB)
