// time.h: seconds and nanoseconds. There is no calendar: TIME_UTC counts from
// the boot.
#ifndef ZX_TIME_H_
#define ZX_TIME_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t time_t;

struct timespec {
  time_t tv_sec;
  long tv_nsec;
};

#define TIME_UTC 1

int timespec_get(struct timespec* out, int base);

#ifdef __cplusplus
}
#endif

#endif  // ZX_TIME_H_
