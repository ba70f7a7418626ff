// internal.h: what the files of the C library know of one another.
#ifndef ZX_INTERNAL_H_
#define ZX_INTERNAL_H_

#include <errno.h>
#include <zx.h>

// A lock that needs no thread pointer: 0 free, 1 held, 2 held and waited for.
typedef zx_futex_t zx_lock_t;
void zx_lock(zx_lock_t* lock);
void zx_unlock(zx_lock_t* lock);

// zx_threads_init gives the initial thread its thread-local storage.
void zx_threads_init(void);

// zx_thread_ends runs the destructors of the calling thread's objects.
void zx_thread_ends(void);

// zx_tls_size is the size of the image's thread-local block, rounded so that
// the thread pointer behind it is aligned.
size_t zx_tls_size(void);

// zx_map_pages maps a fresh VMO of that many bytes, a multiple of the page
// size; NULL when there is no memory.
void* zx_map_pages(size_t bytes);

#endif  // ZX_INTERNAL_H_
