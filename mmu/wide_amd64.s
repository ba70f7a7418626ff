#include "textflag.h"

// func haveAVX() bool
TEXT ·haveAVX(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $(3<<27), CX          // OSXSAVE and AVX
	CMPL CX, $(3<<27)
	JNE  no
	XORL CX, CX
	XGETBV
	ANDL $6, AX                // XMM and YMM state
	CMPL AX, $6
	JNE  no
	MOVB $1, ret+0(FP)
no:
	RET

#define ZERO128(off) \
	VMOVDQA Y0, (off+0)(DI);  \
	VMOVDQA Y0, (off+32)(DI); \
	VMOVDQA Y0, (off+64)(DI); \
	VMOVDQA Y0, (off+96)(DI)

#define ZERO512(off) \
	ZERO128(off); ZERO128(off+128); ZERO128(off+256); ZERO128(off+384)

// func zeroWide(p *[4096]byte)
TEXT ·zeroWide(SB), NOSPLIT, $0-8
	MOVQ  p+0(FP), DI
	VPXOR X0, X0, X0
	MOVL  $4, CX
loop:
	ZERO512(0)
	ZERO512(512)
	ADDQ  $1024, DI
	DECL  CX
	JNE   loop
	VZEROUPPER
	RET

#define COPY128(off) \
	VMOVDQA (off+0)(SI), Y0;  \
	VMOVDQA (off+32)(SI), Y1; \
	VMOVDQA (off+64)(SI), Y2; \
	VMOVDQA (off+96)(SI), Y3; \
	VMOVDQA Y0, (off+0)(DI);  \
	VMOVDQA Y1, (off+32)(DI); \
	VMOVDQA Y2, (off+64)(DI); \
	VMOVDQA Y3, (off+96)(DI)

// func copyWide(dst, src *[4096]byte)
TEXT ·copyWide(SB), NOSPLIT, $0-16
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVL $8, CX
loop:
	COPY128(0)
	COPY128(128)
	COPY128(256)
	COPY128(384)
	ADDQ $512, SI
	ADDQ $512, DI
	DECL CX
	JNE  loop
	VZEROUPPER
	RET

// func flushPage(p *[4096]byte)
TEXT ·flushPage(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), DI
	MOVL $64, CX
line:
	CLFLUSH (DI)
	ADDQ $64, DI
	DECL CX
	JNE  line
	MFENCE
	RET
