// What libstdc++'s headers ask of threads, over threads.h.
#ifndef ZX_GTHR_H_
#define ZX_GTHR_H_
#pragma GCC system_header

#include <threads.h>

#define __GTHREADS 1
#define __GTHREADS_CXX0X 1
#define __GTHREAD_ONCE_INIT ONCE_FLAG_INIT
#define __GTHREAD_COND_INIT {0}
#define __GTHREAD_HAS_COND 1
#define __GTHREAD_MUTEX_INIT {0, mtx_plain, 0, 0}
#define __GTHREAD_RECURSIVE_MUTEX_INIT {0, mtx_recursive, 0, 0}

typedef mtx_t __gthread_mutex_t;
typedef mtx_t __gthread_recursive_mutex_t;
typedef cnd_t __gthread_cond_t;
typedef once_flag __gthread_once_t;
typedef tss_t __gthread_key_t;
typedef struct timespec __gthread_time_t;
typedef thrd_t __gthread_t;

static inline int __gthread_active_p(void) { return 1; }
static inline int __gthread_once(__gthread_once_t* once, void (*f)(void)) { return call_once(once, f), 0; }
static inline int __gthread_mutex_lock(__gthread_mutex_t* m) { return mtx_lock(m); }
static inline int __gthread_mutex_trylock(__gthread_mutex_t* m) { return mtx_trylock(m); }
static inline int __gthread_mutex_timedlock(__gthread_mutex_t* m, const __gthread_time_t* t) { return mtx_timedlock(m, t); }
static inline int __gthread_mutex_unlock(__gthread_mutex_t* m) { return mtx_unlock(m); }
static inline int __gthread_mutex_destroy(__gthread_mutex_t* m) { return mtx_destroy(m), 0; }
static inline int __gthread_recursive_mutex_lock(__gthread_mutex_t* m) { return mtx_lock(m); }
static inline int __gthread_recursive_mutex_trylock(__gthread_mutex_t* m) { return mtx_trylock(m); }
static inline int __gthread_recursive_mutex_timedlock(__gthread_mutex_t* m, const __gthread_time_t* t) { return mtx_timedlock(m, t); }
static inline int __gthread_recursive_mutex_unlock(__gthread_mutex_t* m) { return mtx_unlock(m); }
static inline int __gthread_recursive_mutex_destroy(__gthread_mutex_t* m) { return mtx_destroy(m), 0; }
static inline int __gthread_cond_wait(__gthread_cond_t* c, __gthread_mutex_t* m) { return cnd_wait(c, m); }
static inline int __gthread_cond_timedwait(__gthread_cond_t* c, __gthread_mutex_t* m, const __gthread_time_t* t) { return cnd_timedwait(c, m, t); }
static inline int __gthread_cond_wait_recursive(__gthread_cond_t* c, __gthread_mutex_t* m) { return cnd_wait(c, m); }
static inline int __gthread_cond_signal(__gthread_cond_t* c) { return cnd_signal(c); }
static inline int __gthread_cond_broadcast(__gthread_cond_t* c) { return cnd_broadcast(c); }
static inline int __gthread_cond_destroy(__gthread_cond_t* c) { return cnd_destroy(c), 0; }
static inline int __gthread_yield(void) { return thrd_yield(), 0; }
static inline __gthread_t __gthread_self(void) { return thrd_current(); }
static inline int __gthread_equal(__gthread_t a, __gthread_t b) { return a == b; }

#endif  // ZX_GTHR_H_
