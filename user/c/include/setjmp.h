// setjmp.h: leave several functions at once.
#ifndef ZX_SETJMP_H_
#define ZX_SETJMP_H_

#ifdef __cplusplus
extern "C" {
#endif

// RBX, RBP, R12 to R15, RSP, RIP, and MXCSR with the x87 control word.
typedef unsigned long jmp_buf[9];

int setjmp(jmp_buf at) __attribute__((__returns_twice__));
void longjmp(jmp_buf at, int value) __attribute__((__noreturn__));

#ifdef __cplusplus
}
#endif

#endif  // ZX_SETJMP_H_
