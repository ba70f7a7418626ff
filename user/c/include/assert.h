// assert.h: a condition that must hold.
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
  ((condition) ? (void)0 : zx_assert_failed(#condition, __FILE__, __LINE__))
#endif

#ifndef ZX_ASSERT_H_
#define ZX_ASSERT_H_
#ifdef __cplusplus
extern "C"
#else
#define static_assert _Static_assert
#endif
    void zx_assert_failed(const char* condition, const char* file, int line)
    __attribute__((__noreturn__));
#endif
