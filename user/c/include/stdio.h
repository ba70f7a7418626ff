// stdio.h: formatted output to the kernel's console.
#ifndef ZX_STDIO_H_
#define ZX_STDIO_H_

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EOF (-1)

// stdout and stderr are the same stream. Lines go out whole, at their newline.
typedef struct zx_file FILE;
extern FILE* const stdout;
extern FILE* const stderr;

// printf is C's: d i u o x X c s p n f e g a and their capitals, every flag,
// width, precision and size, but for wide characters. Floating point is exact,
// rounded half to even.
int printf(const char* format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE* stream, const char* format, ...) __attribute__((format(printf, 2, 3)));
int sprintf(char* out, const char* format, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char* out, size_t size, const char* format, ...) __attribute__((format(printf, 3, 4)));
int vprintf(const char* format, va_list args);
int vfprintf(FILE* stream, const char* format, va_list args);
int vsprintf(char* out, const char* format, va_list args);
int vsnprintf(char* out, size_t size, const char* format, va_list args);
int puts(const char* text);
int fputs(const char* text, FILE* stream);
int putchar(int c);
int fputc(int c, FILE* stream);
size_t fwrite(const void* from, size_t size, size_t count, FILE* stream);
int fflush(FILE* stream);

// zx_write_out puts bytes behind what printf has written.
void zx_write_out(const char* bytes, size_t count);

// zx_flush_out sends an unfinished line; exit does it too.
void zx_flush_out(void);

#ifdef __cplusplus
}
#endif

#endif  // ZX_STDIO_H_
