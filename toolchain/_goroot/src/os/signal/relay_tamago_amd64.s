#include "textflag.h"

// func Relay(sig syscall.Signal)
TEXT ·Relay(SB),NOSPLIT,$0-8
	MOVQ	sig+0(FP), CX
	MOVQ	$1, AX
	SHLQ	CX, AX
	MOVQ	runtime·relayWord(SB), BX
	LOCK
	ORQ	AX, (BX)
	RET
