// checks.h: what tasks and jobs check with. A program counts its failures and
// goes on.
#ifndef PROGRAMS_CHECKS_H_
#define PROGRAMS_CHECKS_H_

#include <stdbool.h>

#include "child.h"

static int failures;
static const char* running;

// CHECK compares a number with what it must be.
#define CHECK(what, want)                                                                  \
  do {                                                                                     \
    int64_t got_ = (int64_t)(what), want_ = (int64_t)(want);                               \
    if (got_ != want_) {                                                                   \
      printf("%s: line %d: %s is %ld, not %ld\n", running, __LINE__, #what, got_, want_); \
      failures++;                                                                          \
    }                                                                                      \
  } while (0)

// SOON is a deadline that nothing reaches unless it hangs.
#define SOON zx_deadline_after(ZX_SEC(10))

// --- Threads

enum { THREADS = 8 };
static uint8_t stacks[THREADS][16384] __attribute__((aligned(16)));
static int stacks_used;

typedef void (*thread_fn)(uintptr_t arg1, uintptr_t arg2);

static inline zx_handle_t thread_new(thread_fn fn, uintptr_t arg1, uintptr_t arg2) {
  zx_handle_t t = ZX_HANDLE_INVALID;
  CHECK(zx_thread_create(zx_process_self(), "worker", 6, 0, &t), ZX_OK);
  uint8_t* top = stacks[stacks_used++ % THREADS] + sizeof(stacks[0]);
  CHECK(zx_thread_start(t, (zx_vaddr_t)fn, (zx_vaddr_t)top - 8, arg1, arg2), ZX_OK);
  return t;
}

static inline void thread_join(zx_handle_t t) {
  CHECK(zx_object_wait_one(t, ZX_THREAD_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(zx_handle_close(t), ZX_OK);
}

static inline zx_info_thread_t thread_info(zx_handle_t t) {
  zx_info_thread_t info = {0};
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD, &info, sizeof(info), NULL, NULL), ZX_OK);
  return info;
}

static inline void until_state(zx_handle_t t, uint32_t state) {
  zx_time_t end = SOON;
  while (thread_info(t).state != state && zx_clock_get_monotonic() < end) {
    zx_nanosleep(zx_deadline_after(ZX_USEC(100)));
  }
  CHECK(thread_info(t).state, state);
}

static inline zx_koid_t koid_of(zx_handle_t h) {
  zx_info_handle_basic_t info = {0};
  CHECK(zx_object_get_info(h, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL), ZX_OK);
  return info.koid;
}

// take reads one exception off its channel.
static inline zx_handle_t take(zx_handle_t channel, zx_exception_info_t* info) {
  zx_handle_t x = ZX_HANDLE_INVALID;
  uint32_t bytes = 0, handles = 0;
  CHECK(zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL), ZX_OK);
  CHECK(zx_channel_read(channel, 0, info, &x, sizeof(*info), 1, &bytes, &handles), ZX_OK);
  CHECK(bytes, sizeof(*info));
  CHECK(handles, 1);
  return x;
}

static inline void decide(zx_handle_t x, uint32_t state) {
  CHECK(zx_object_set_property(x, ZX_PROP_EXCEPTION_STATE, &state, sizeof(state)), ZX_OK);
  CHECK(zx_handle_close(x), ZX_OK);
}

#endif  // PROGRAMS_CHECKS_H_
