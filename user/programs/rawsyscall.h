// rawsyscall.h: a system call with every register as asked, whatever the SDK's
// stubs would make of it.
#ifndef PROGRAMS_RAWSYSCALL_H_
#define PROGRAMS_RAWSYSCALL_H_

#include <stdint.h>

// raw_syscall issues call number with the eight arguments and gives RAX.
static inline uint64_t raw_syscall(uint64_t number, const uint64_t a[8]) {
  register uint64_t r10 __asm__("r10") = a[3];
  register uint64_t r8 __asm__("r8") = a[4];
  register uint64_t r9 __asm__("r9") = a[5];
  register uint64_t r12 __asm__("r12") = a[6];
  register uint64_t r13 __asm__("r13") = a[7];
  __asm__ volatile("syscall"
                   : "+a"(number)
                   : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9), "r"(r12), "r"(r13)
                   : "rcx", "r11", "memory");
  return number;
}

#endif  // PROGRAMS_RAWSYSCALL_H_
