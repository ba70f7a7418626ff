// stdlib.h: memory, numbers from text, sorting, and the end of the program.
#ifndef ZX_STDLIB_H_
#define ZX_STDLIB_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 0x7fffffff

// Memory: aligned to 16 bytes. Blocks above 128 KiB are mappings of their own,
// which free gives back to the kernel.
void* malloc(size_t size) __attribute__((__malloc__));
void* calloc(size_t count, size_t size) __attribute__((__malloc__));
void* realloc(void* p, size_t size);
void* aligned_alloc(size_t align, size_t size) __attribute__((__malloc__));
void free(void* p);

// The strto family reads a number in the base, or in the one its prefix tells
// (0x, 0) when base is 0. A number that does not fit gives the nearest limit and
// errno ERANGE. *end is the first character not used.
long strtol(const char* text, char** end, int base);
long long strtoll(const char* text, char** end, int base);
unsigned long strtoul(const char* text, char** end, int base);
unsigned long long strtoull(const char* text, char** end, int base);
int atoi(const char* text);
long atol(const char* text);
long long atoll(const char* text);

typedef struct {
  int quot, rem;
} div_t;
typedef struct {
  long quot, rem;
} ldiv_t;
typedef struct {
  long long quot, rem;
} lldiv_t;

// Rounded to the nearest; strtold gives what strtod does. Hexadecimal, inf and nan too.
double strtod(const char* __restrict text, char** __restrict end);
float strtof(const char* __restrict text, char** __restrict end);
long double strtold(const char* __restrict text, char** __restrict end);
double atof(const char* text);

int abs(int n);
long labs(long n);
long long llabs(long long n);
div_t div(int n, int d);
ldiv_t ldiv(long n, long d);
lldiv_t lldiv(long long n, long long d);

void qsort(void* base, size_t count, size_t size, int (*compare)(const void*, const void*));
void* bsearch(const void* key, const void* base, size_t count, size_t size, int (*compare)(const void*, const void*));

int rand(void);
void srand(unsigned seed);

// getenv looks in environ, which whoever started the program gave it; the
// console gives none.
char* getenv(const char* name);
extern char** environ;

// atexit has f called by exit, the newest first.
int atexit(void (*f)(void));

// exit runs what atexit noted and the destructors, sends what printf holds and
// ends the process with the code; _Exit only sends.
void exit(int code) __attribute__((__noreturn__));
void _Exit(int code) __attribute__((__noreturn__));

// abort ends the process at an undefined instruction, so that the console
// shows where.
void abort(void) __attribute__((__noreturn__));

#ifdef __cplusplus
}
#endif

#endif  // ZX_STDLIB_H_
