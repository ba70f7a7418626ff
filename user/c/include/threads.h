// threads.h: C11 threads. A thread of thrd_create has errno, __thread and a
// stack of 256 KiB above a page that nothing may touch.
#ifndef ZX_THREADS_H_
#define ZX_THREADS_H_

#include <stddef.h>
#include <time.h>
#include <zx/types.h>

#ifdef __cplusplus
extern "C" {
#else
#define thread_local _Thread_local
#endif

typedef struct zx_thread* thrd_t;
typedef int (*thrd_start_t)(void*);

enum { thrd_success, thrd_busy, thrd_error, thrd_nomem, thrd_timedout };

int thrd_create(thrd_t* thread, thrd_start_t main, void* argument);
// thrd_create_sized is thrd_create with a name for people and a stack of at
// least that many bytes.
int thrd_create_sized(thrd_t* thread, thrd_start_t main, void* argument, const char* name, size_t stack);
int thrd_join(thrd_t thread, int* result);
int thrd_detach(thrd_t thread);
thrd_t thrd_current(void);
int thrd_equal(thrd_t a, thrd_t b);
int thrd_sleep(const struct timespec* duration, struct timespec* remaining);
void thrd_yield(void);
void thrd_exit(int result) __attribute__((__noreturn__));
// thrd_get_zx_handle gives the thread's handle, which stays the library's.
zx_handle_t thrd_get_zx_handle(thrd_t thread);

enum { mtx_plain = 0, mtx_recursive = 1, mtx_timed = 2 };

typedef struct {
  zx_futex_t lock;
  int type;
  int depth;
  thrd_t owner;
} mtx_t;

int mtx_init(mtx_t* mutex, int type);
void mtx_destroy(mtx_t* mutex);
int mtx_lock(mtx_t* mutex);
int mtx_timedlock(mtx_t* __restrict mutex, const struct timespec* __restrict until);
int mtx_trylock(mtx_t* mutex);
int mtx_unlock(mtx_t* mutex);

typedef struct {
  zx_futex_t count;
} cnd_t;

int cnd_init(cnd_t* condition);
void cnd_destroy(cnd_t* condition);
int cnd_signal(cnd_t* condition);
int cnd_broadcast(cnd_t* condition);
int cnd_wait(cnd_t* condition, mtx_t* mutex);
int cnd_timedwait(cnd_t* __restrict condition, mtx_t* __restrict mutex, const struct timespec* __restrict until);

typedef zx_futex_t once_flag;
#define ONCE_FLAG_INIT 0
void call_once(once_flag* flag, void (*f)(void));

// At most 64 keys, which are not given out again.
typedef unsigned tss_t;
typedef void (*tss_dtor_t)(void*);
#define TSS_DTOR_ITERATIONS 4
int tss_create(tss_t* key, tss_dtor_t destructor);
void tss_delete(tss_t key);
void* tss_get(tss_t key);
int tss_set(tss_t key, void* value);

#ifdef __cplusplus
}
#endif

#endif  // ZX_THREADS_H_
