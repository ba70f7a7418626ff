// Zircon's words for what compilers offer.
#pragma once

#ifdef __cplusplus
#define __BEGIN_CDECLS extern "C" {
#define __END_CDECLS }
#else
#define __BEGIN_CDECLS
#define __END_CDECLS
#endif

#define __NO_RETURN __attribute__((__noreturn__))
#define __ALIGNED(x) __attribute__((__aligned__(x)))
#define __PACKED __attribute__((__packed__))
#define __UNUSED __attribute__((__unused__))
#define __USED __attribute__((__used__))
#define __WEAK __attribute__((__weak__))
#define __NO_INLINE __attribute__((__noinline__))
#define __ALWAYS_INLINE __attribute__((__always_inline__))
#define __EXPORT __attribute__((__visibility__("default")))
#define __LOCAL __attribute__((__visibility__("hidden")))
#define __PRINTFLIKE(format, first) __attribute__((__format__(__printf__, format, first)))
#define unlikely(x) __builtin_expect(!!(x), 0)
#define likely(x) __builtin_expect(!!(x), 1)
