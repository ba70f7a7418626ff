// stdlib.h: numbers from text, and the end of the program.
#ifndef ZX_STDLIB_H_
#define ZX_STDLIB_H_

#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

// strtoull reads a number in the base, or in the one its prefix tells (0x, 0)
// when base is 0. A number that does not fit gives ULLONG_MAX. *end is the
// first character not used.
unsigned long long strtoull(const char* text, char** end, int base);
unsigned long strtoul(const char* text, char** end, int base);
int atoi(const char* text);

// exit sends what printf holds and ends the process with the code.
_Noreturn void exit(int code);

// abort ends the process at an undefined instruction, so that the console
// shows where.
_Noreturn void abort(void);

#endif  // ZX_STDLIB_H_
