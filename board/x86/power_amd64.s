//go:build tamago

#include "textflag.h"

GLOBL noIDTR<>(SB), NOPTR, $16 // limit 0

// func tripleFault()
TEXT ·tripleFault(SB), NOSPLIT, $0-0
	LEAQ	noIDTR<>(SB), AX
	LIDT	(AX)
	BYTE	$0x0f; BYTE $0x0b // UD2
	RET
