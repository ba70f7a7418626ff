// smp: what several CPUs do at once on Linux, measured as Faultline's benchsmp is: the
// same rows by the same code. It is /init of an initramfs that `make bench-smp-peer`
// builds, and powers the machine off.
//
// A page of the bulk_supply and pager_fault rows is copied by UFFDIO_COPY, where
// Faultline moves it; each thread has a userfaultfd and, for pager_fault, a handler.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "benchsmp.h"

#define PAGE 4096ull
#define BYTES (PAGES * PAGE)

static _Noreturn void done_with(const char* what) {
  if (what != NULL) {
    printf("fail %s: %s\n", what, strerror(errno));
  }
  fflush(stdout);
  reboot(RB_AUTOBOOT);
  for (;;) {
    pause();
  }
}

#define CHECK(call) ({ __typeof__(call) r_ = (call); if ((long)r_ == -1) done_with(#call); r_; })

static uint8_t *own[MOST], *watched[MOST], *common;
static uint8_t source[BYTES] __attribute__((aligned(4096)));
static int uffds[MOST];

static uint64_t clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void sleep_for(uint64_t time) { nanosleep(&(struct timespec){.tv_nsec = (long)time}, NULL); }

static void start(void* (*body)(void*), uint32_t i) {
  pthread_t t;
  errno = pthread_create(&t, NULL, body, (void*)(uintptr_t)i);
  if (errno != 0) {
    done_with("pthread_create");
  }
  pthread_detach(t);
}

static void* work(void* i) {
  worker((uint32_t)(uintptr_t)i);
  return NULL;
}

static void start_worker(uint32_t i) { start(work, i); }

static uint64_t null_call(uint32_t thread, uint64_t turn) {
  (void)thread, (void)turn;
  for (int i = 0; i < 200; i++) {
    getppid();
  }
  return 200;
}

// touch stores to UNIT pages of some, and gives all back when it comes to their end.
static uint64_t touch(volatile uint8_t* at, uint64_t pages, uint64_t turn, int advice) {
  uint64_t from = turn * UNIT % pages;
  if (from == 0) {
    CHECK(madvise((void*)at, pages * PAGE, advice));
  }
  for (uint64_t i = from; i < from + UNIT; i++) {
    at[i * PAGE] = 1;
  }
  return UNIT;
}

static uint64_t independent_fault(uint32_t thread, uint64_t turn) { return touch(own[thread], PAGES, turn, MADV_DONTNEED); }

static uint64_t shared_fault(uint32_t thread, uint64_t turn) {
  return touch(common + thread * (BYTES / crew), PAGES / crew, turn, MADV_REMOVE);
}

static uint64_t bulk_commit(uint32_t thread, uint64_t turn) {
  (void)turn;
  CHECK(madvise(own[thread], BYTES, MADV_POPULATE_WRITE));
  CHECK(madvise(own[thread], BYTES, MADV_DONTNEED));
  return PAGES;
}

static uint64_t bulk_supply(uint32_t thread, uint64_t turn) {
  (void)turn;
  CHECK(madvise(watched[thread], BYTES, MADV_DONTNEED));
  struct uffdio_copy c = {.dst = (uintptr_t)watched[thread], .src = (uintptr_t)source, .len = BYTES};
  CHECK(ioctl(uffds[thread], UFFDIO_COPY, &c));
  return PAGES;
}

static uint64_t pager_fault(uint32_t thread, uint64_t turn) { return touch(watched[thread], PAGES, turn, MADV_DONTNEED); }

static void* serve(void* thread) {
  int fd = uffds[(uintptr_t)thread];
  for (;;) {
    struct uffd_msg m;
    CHECK(read(fd, &m, sizeof(m)));
    struct uffdio_copy c = {.dst = m.arg.pagefault.address & ~(PAGE - 1), .src = (uintptr_t)source, .len = PAGE};
    CHECK(ioctl(fd, UFFDIO_COPY, &c));
  }
}

static const work_t works[] = {{"plain_loop", plain_loop},     {"null_call", null_call},     {"independent_fault", independent_fault},
                               {"shared_fault", shared_fault}, {"bulk_commit", bulk_commit}, {"bulk_supply", bulk_supply},
                               {"pager_fault", pager_fault}};

static uint8_t* reserve(int flags, int fd) {
  uint8_t* at = CHECK((uint8_t*)mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags, fd, 0));
  CHECK(madvise(at, BYTES, MADV_NOHUGEPAGE));
  return at;
}

int main(void) {
  uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
  if (cpus > MOST) {
    cpus = MOST;
  }
  memset(source, 1, sizeof(source));
  int fd = CHECK((int)syscall(SYS_memfd_create, "pages", 0));
  CHECK(ftruncate(fd, BYTES));
  common = reserve(MAP_SHARED, fd);
  for (uint32_t i = 0; i < cpus; i++) {
    own[i] = reserve(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    watched[i] = reserve(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uffds[i] = CHECK((int)syscall(SYS_userfaultfd, O_CLOEXEC));
    struct uffdio_api api = {.api = UFFD_API};
    CHECK(ioctl(uffds[i], UFFDIO_API, &api));
    struct uffdio_register reg = {.range = {(uintptr_t)watched[i], BYTES}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK(ioctl(uffds[i], UFFDIO_REGISTER, &reg));
    start(serve, i);
  }
  measure(works, sizeof(works) / sizeof(works[0]), cpus, 5);
  done_with(NULL);
}
