// stdio.h: formatted output to the kernel's debug log.
#ifndef ZX_STDIO_H_
#define ZX_STDIO_H_

#include <stdarg.h>
#include <stddef.h>

// printf understands d i u x X o c s p and %%, with the flags "-", "0", "+",
// " " and "#", width and precision (both may be "*"), and the sizes hh h l ll
// j z t. Lines go out whole, at their newline.
int printf(const char* format, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char* format, va_list args);
int snprintf(char* out, size_t size, const char* format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char* out, size_t size, const char* format, va_list args);
int puts(const char* text);
int putchar(int c);

// zx_write_out puts bytes behind what printf has written.
void zx_write_out(const char* bytes, size_t count);

// zx_flush_out sends an unfinished line; exit does it too.
void zx_flush_out(void);

#endif  // ZX_STDIO_H_
