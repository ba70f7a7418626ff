// errno.h: the number of the last error, one for each thread.
#ifndef ZX_ERRNO_H_
#define ZX_ERRNO_H_

#ifdef __cplusplus
extern "C" {
#endif

// A thread that zx_thread_start made, and not thrd_create, has no errno.
int* __errno_location(void);
#define errno (*__errno_location())

#define ENOENT 2
#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define EBUSY 16
#define EINVAL 22
#define EDOM 33
#define ERANGE 34
#define EILSEQ 84
#define ETIMEDOUT 110

#ifdef __cplusplus
}
#endif

#endif  // ZX_ERRNO_H_
