// libstdc++'s configuration, less what this C library has no part of: wide
// characters, locales, files, Linux. Templates are instantiated where they are
// used, for libstdc++ itself is not linked.
#pragma GCC system_header
#define _GLIBCXX_EXTERN_TEMPLATE 0
#include_next <bits/c++config.h>

#undef _GLIBCXX_USE_WCHAR_T
#undef _GLIBCXX_HAVE_WCHAR_H
#undef _GLIBCXX_USE_C99_WCHAR
#undef _GLIBCXX_USE_C99_STDLIB
#undef _GLIBCXX11_USE_C99_STDLIB
#undef _GLIBCXX98_USE_C99_STDLIB
#undef _GLIBCXX_HAVE_LINUX_FUTEX
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK
