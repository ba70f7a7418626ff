// What C++ code asks of its runtime, under the names the compiler gives it
// (Itanium C++ ABI): new, delete, calls of pure virtual functions. Static
// guards are in thread.c, __cxa_atexit in start.c. There are no exceptions:
// new that finds no memory aborts, new(std::nothrow) gives null.
#include "internal.h"

static void* must(void* p) {
  if (p == NULL) {
    printf("operator new: no memory\n");
    abort();
  }
  return p;
}

// operator new(size_t), new[](size_t); with std::nothrow_t const&; with
// std::align_val_t; with both.
void* _Znwm(size_t size) { return must(malloc(size)); }
void* _Znam(size_t size) { return must(malloc(size)); }
void* _ZnwmRKSt9nothrow_t(size_t size, const void* tag) { (void)tag; return malloc(size); }
void* _ZnamRKSt9nothrow_t(size_t size, const void* tag) { (void)tag; return malloc(size); }
void* _ZnwmSt11align_val_t(size_t size, size_t align) { return must(aligned_alloc(align, size)); }
void* _ZnamSt11align_val_t(size_t size, size_t align) { return must(aligned_alloc(align, size)); }
void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void* tag) { (void)tag; return aligned_alloc(align, size); }
void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void* tag) { (void)tag; return aligned_alloc(align, size); }

// operator delete(void*), delete[](void*); with a size, an alignment, both, nothrow.
void _ZdlPv(void* p) { free(p); }
void _ZdaPv(void* p) { free(p); }
void _ZdlPvm(void* p, size_t size) { (void)size; free(p); }
void _ZdaPvm(void* p, size_t size) { (void)size; free(p); }
void _ZdlPvSt11align_val_t(void* p, size_t align) { (void)align; free(p); }
void _ZdaPvSt11align_val_t(void* p, size_t align) { (void)align; free(p); }
void _ZdlPvmSt11align_val_t(void* p, size_t size, size_t align) { (void)size; (void)align; free(p); }
void _ZdaPvmSt11align_val_t(void* p, size_t size, size_t align) { (void)size; (void)align; free(p); }
void _ZdlPvRKSt9nothrow_t(void* p, const void* tag) { (void)tag; free(p); }
void _ZdaPvRKSt9nothrow_t(void* p, const void* tag) { (void)tag; free(p); }

// std::nothrow
const char _ZSt7nothrow[1];

_Noreturn void __cxa_pure_virtual(void) {
  printf("a pure virtual function was called\n");
  abort();
}

_Noreturn void __cxa_deleted_virtual(void) {
  printf("a deleted virtual function was called\n");
  abort();
}

// std::__throw_*: what header-only containers of libstdc++ call instead of a
// throw expression when exceptions are off, and its assertions.
#define THROWS(symbol, what)              \
  _Noreturn void symbol(const char* why) { \
    printf(what ": %s\n", why);           \
    abort();                              \
  }
THROWS(_ZSt20__throw_length_errorPKc, "std::length_error")
THROWS(_ZSt19__throw_logic_errorPKc, "std::logic_error")
THROWS(_ZSt20__throw_out_of_rangePKc, "std::out_of_range")
THROWS(_ZSt24__throw_invalid_argumentPKc, "std::invalid_argument")
THROWS(_ZSt24__throw_out_of_range_fmtPKcz, "std::out_of_range")

_Noreturn void _ZSt17__throw_bad_allocv(void) { must(NULL); abort(); }
_Noreturn void _ZSt28__throw_bad_array_new_lengthv(void) { must(NULL); abort(); }

_Noreturn void _ZSt25__throw_bad_function_callv(void) {
  printf("std::bad_function_call\n");
  abort();
}

// std::__throw_system_error(int), of std::mutex
_Noreturn void _ZSt20__throw_system_errori(int number) {
  printf("std::system_error: %d\n", number);
  abort();
}

// std::_Sp_make_shared_tag::_S_eq(std::type_info const&): without run-time types
// the address has said all there is to say.
_Bool _ZNSt19_Sp_make_shared_tag5_S_eqERKSt9type_info(const void* type) {
  (void)type;
  return 0;
}

// std::terminate
_Noreturn void _ZSt9terminatev(void) {
  printf("std::terminate\n");
  abort();
}
