// init: Linux's user pager, userfaultfd, measured as Faultline's is. It is
// /init of an initramfs that `make bench-peer` builds, runs the ladder in a
// child, and powers the machine off.
//
// How each side copies: UFFDIO_COPY copies each page once; Faultline's
// supply_pages moves page frames and copies nothing. Under icount every
// iteration of a REP instruction counts, so a page costs 512 with "rep movsq"
// and 4,096 with "rep movsb" (ERMS); CONTINUE, WRITEPROTECT and ZEROPAGE copy
// nothing.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define DIE(what)                                       \
  do {                                                  \
    printf("fail %s: %s\n", what, strerror(errno));     \
    _exit(1);                                           \
  } while (0)

// CHECK ends the benchmark when a call fails.
#define CHECK(call) ({ __typeof__(call) r_ = (call); if ((long)r_ == -1) DIE(#call); r_; })

static int uffd;
static uint8_t* area;
static uint64_t area_bytes;
static uint8_t source[BYTES] __attribute__((aligned(4096)));

static uint8_t* reserve(uint64_t bytes, int flags, int fd) {
  uint8_t* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE | flags, fd, 0);
  if (at == MAP_FAILED) DIE("mmap");
  CHECK(madvise(at, bytes, MADV_NOHUGEPAGE));
  CHECK(madvise(at, bytes, MADV_DONTFORK));
  return at;
}

// open_uffd watches area for what mode says.
static void open_uffd(uint64_t mode, uint64_t features) {
  uffd = (int)CHECK(syscall(SYS_userfaultfd, O_CLOEXEC));
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  CHECK(ioctl(uffd, UFFDIO_API, &api));
  struct uffdio_register reg = {.range = {(uintptr_t)area, area_bytes}, .mode = mode};
  CHECK(ioctl(uffd, UFFDIO_REGISTER, &reg));
}

// UFFDIO_MOVE came with Linux 6.8; older headers lack it.
// Source: Linux, Documentation/admin-guide/mm/userfaultfd.rst.
#ifndef UFFDIO_MOVE
struct uffdio_move {
  __u64 dst, src, len, mode;
  __s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#define UFFD_FEATURE_MOVE (1 << 16)
#endif

// The pages that move hands out, one for each of area's; NULL: pages are copied.
static uint8_t* stock;

static void move(uint64_t at, uint64_t bytes) {
  struct uffdio_move m = {.dst = at, .src = (uintptr_t)stock + at - (uintptr_t)area, .len = bytes};
  CHECK(ioctl(uffd, UFFDIO_MOVE, &m));
}

static void copy(uint64_t at, uint64_t bytes) {
  struct uffdio_copy c = {.dst = at, .src = (uintptr_t)source, .len = bytes};
  CHECK(ioctl(uffd, UFFDIO_COPY, &c));
}

static void proceed(uint64_t at, uint64_t bytes) {
  struct uffdio_continue c = {.range = {at, bytes}};
  CHECK(ioctl(uffd, UFFDIO_CONTINUE, &c));
}

static void zero(uint64_t at, uint64_t bytes) {
  struct uffdio_zeropage z = {.range = {at, bytes}};
  CHECK(ioctl(uffd, UFFDIO_ZEROPAGE, &z));
}

static void protect(uint64_t at, uint64_t bytes, bool on) {
  struct uffdio_writeprotect p = {.range = {at, bytes}, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0};
  CHECK(ioctl(uffd, UFFDIO_WRITEPROTECT, &p));
}

// Faults at or above held wait until let go, as in Faultline's benchscale.
static volatile uint64_t held = UINT64_MAX, holding, released, last;
static bool polls;  // the handler polls before it reads

// serve answers faults for ever.
static void* serve(void* unused) {
  (void)unused;
  int fd = uffd;
  for (;;) {
    struct uffd_msg m;
    if (polls) {
      struct pollfd p = {.fd = fd, .events = POLLIN};
      CHECK(poll(&p, 1, -1));
    }
    CHECK(read(fd, &m, sizeof(m)));
    uint64_t at = m.arg.pagefault.address & ~(PAGE - 1);
    if (at >= held) {
      holding++;
    } else if (m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
      protect(at, PAGE, false);
    } else if (m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR) {
      proceed(at, PAGE);
    } else if (stock) {
      move(at, PAGE);
    } else {
      copy(at, PAGE);
    }
  }
}

static pthread_t start(void* (*body)(void*), void* arg, size_t stack) {
  pthread_t t;
  pthread_attr_t a;
  pthread_attr_init(&a);
  pthread_attr_setstacksize(&a, stack);
  errno = pthread_create(&t, &a, body, arg);
  if (errno != 0) DIE("pthread_create");
  return t;
}

// begin makes the area of a rung; anonymous unless fd names a memory file.
static void begin(uint64_t bytes, int fd) {
  area_bytes = bytes;
  area = reserve(bytes, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd);
}

// end drops the area. A thread blocked on the descriptor stays blocked.
static void end(void) { CHECK(munmap(area, area_bytes)); }

static inline void load(int i, uint64_t page) {
  volatile uint8_t* at = area + page * PAGE;
  uint64_t started = now();
  (void)*at;
  sample(i, started);
}

static inline void store(int i, uint64_t page) {
  volatile uint8_t* at = area + page * PAGE;
  uint64_t started = now();
  *at = 1;
  sample(i, started);
}

static void loads(const char* rung) {
  for (int i = 0; i < COUNT; i++) load(i, (uint64_t)i);
  report(rung, COUNT);
}

static void stores(const char* rung) {
  for (int i = 0; i < COUNT; i++) store(i, (uint64_t)i);
  report(rung, COUNT);
}

// child runs serve in a process of its own until it is killed.
static pid_t child(void) {
  pid_t p = (pid_t)CHECK(fork());
  if (p == 0) serve(NULL);
  return p;
}

static void stop(pid_t p) {
  CHECK(kill(p, SIGKILL));
  CHECK(waitpid(p, NULL, 0));
}

static void missing(void) {
  for (int polling = 1; polling >= 0; polling--) {
    polls = polling;
    begin(BYTES, -1);
    open_uffd(UFFDIO_REGISTER_MODE_MISSING, 0);
    start(serve, NULL, 65536);
    loads(polling ? "missing_page_poll" : "missing_page");
    end();

    begin(BYTES, -1);
    open_uffd(UFFDIO_REGISTER_MODE_MISSING, 0);
    pid_t p = child();
    loads(polling ? "missing_page_process_poll" : "missing_page_process");
    stop(p);
    end();
  }
  begin(BYTES, -1);
  open_uffd(UFFDIO_REGISTER_MODE_MISSING, 0);
  start(serve, NULL, 65536);
  stores("missing_write");
  end();
}

// moving is missing with pages that are moved from elsewhere, as Faultline's
// supply moves them.
static void moving(void) {
  int probe = (int)CHECK(syscall(SYS_userfaultfd, O_CLOEXEC));
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_MOVE};
  int refused = ioctl(probe, UFFDIO_API, &api);
  close(probe);
  if (refused) {
    printf("skip missing_page_move no UFFDIO_MOVE\n");
    printf("skip move_page no UFFDIO_MOVE\n");
    return;
  }
  begin(BYTES, -1);
  open_uffd(UFFDIO_REGISTER_MODE_MISSING, UFFD_FEATURE_MOVE);
  stock = reserve(BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  memset(stock, 1, BYTES);
  start(serve, NULL, 65536);
  loads("missing_page_move");
  CHECK(madvise(area, BYTES, MADV_DONTNEED));
  memset(stock, 1, BYTES);
  uint64_t started = now();
  move((uintptr_t)area, BYTES);
  each("move_page", started, COUNT);
  CHECK(munmap(stock, BYTES));
  stock = NULL;
  end();
}

static void write_protect(void) {
  for (int process = 0; process < 2; process++) {
    begin(BYTES, -1);
    open_uffd(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
    copy((uintptr_t)area, BYTES);
    memset(area, 1, BYTES);
    uint64_t started = now();
    protect((uintptr_t)area, BYTES, true);
    each(process ? "protect_page_again" : "protect_page", started, COUNT);
    pid_t p = 0;
    if (process) {
      p = child();
    } else {
      start(serve, NULL, 65536);
    }
    stores(process ? "write_protect_process" : "write_protect");
    if (process) stop(p);
    protect((uintptr_t)area, BYTES, true);
    started = now();
    protect((uintptr_t)area, BYTES, false);
    each(process ? "unprotect_page_again" : "unprotect_page", started, COUNT);
    end();
  }
}

// Pages that are in a memory file already.
static void resident(void) {
  int fd = (int)CHECK(syscall(SYS_memfd_create, "pages", 0));
  CHECK(ftruncate(fd, BYTES));
  begin(BYTES, fd);
  memset(area, 1, BYTES);  // this mapping stays, as a pager's own would

  begin(BYTES, fd);
  open_uffd(UFFDIO_REGISTER_MODE_MINOR, UFFD_FEATURE_MINOR_SHMEM);
  start(serve, NULL, 65536);
  loads("minor_continue");
  end();

  begin(BYTES, fd);
  open_uffd(UFFDIO_REGISTER_MODE_MINOR, UFFD_FEATURE_MINOR_SHMEM);
  uint64_t started = now();
  proceed((uintptr_t)area, BYTES);
  each("continue_page", started, COUNT);
  end();

  // No userfaultfd: the kernel's own minor fault, no translation but a page.
  begin(BYTES, fd);
  stores("resident_write");
  end();
  begin(BYTES, fd);
  for (int i = 0; i < COUNT; i++) load(i, (uint64_t)i * 1237 % COUNT);
  report("resident_read_around", COUNT);
  end();
  begin(BYTES, fd);
  started = now();
  for (int i = 0; i < COUNT; i++) (void)*(volatile uint8_t*)(area + (uint64_t)i * PAGE);
  each("resident_scan_page", started, COUNT);
  end();
  begin(BYTES, fd);
  started = now();
  CHECK(madvise(area, BYTES, MADV_POPULATE_READ));
  each("populate_resident_page", started, COUNT);
  started = now();
  end();
  each("unmap_page", started, COUNT);
  close(fd);
}

static void bulk(void) {
  begin(BYTES, -1);
  open_uffd(UFFDIO_REGISTER_MODE_MISSING, 0);
  uint64_t started = now();
  copy((uintptr_t)area, BYTES);
  each("copy_page", started, COUNT);
  started = now();
  CHECK(madvise(area, BYTES, MADV_DONTNEED));
  each("dontneed_page", started, COUNT);
  started = now();
  zero((uintptr_t)area, BYTES);
  each("zeropage_page", started, COUNT);
  CHECK(madvise(area, BYTES, MADV_DONTNEED));
  for (int i = 0; i < COUNT; i++) {
    uint64_t from = now();
    copy((uintptr_t)area + (uint64_t)i * PAGE, PAGE);
    sample(i, from);
  }
  report("copy_one", COUNT);
  end();
}

static void anonymous(void) {
  begin(BYTES, -1);
  loads("zero_read_fault");
  end();
  begin(BYTES, -1);
  stores("zero_write_fault");
  end();
  begin(BYTES, -1);
  uint64_t started = now();
  CHECK(madvise(area, BYTES, MADV_POPULATE_WRITE));
  each("populate_anonymous_page", started, COUNT);
  end();
}

// copy_on_write measures the first store to a page that was shared by fork.
static void copy_on_write(void) {
  begin(BYTES, -1);
  CHECK(madvise(area, BYTES, MADV_DOFORK));
  memset(area, 1, BYTES);
  fflush(stdout);
  pid_t p = (pid_t)CHECK(fork());
  if (p == 0) {
    stores("fork_write_fault");
    fflush(stdout);
    _exit(0);
  }
  CHECK(waitpid(p, NULL, 0));
  end();
}

// Paging inside the thread that faults, by signals.
static void on_bus(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  copy((uintptr_t)info->si_addr & ~(PAGE - 1), PAGE);
}

static void on_segv(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  CHECK(mprotect((void*)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE));
}

static void signals(void) {
  struct sigaction bus = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
  CHECK(sigaction(SIGBUS, &bus, NULL));
  begin(BYTES, -1);
  open_uffd(UFFDIO_REGISTER_MODE_MISSING, UFFD_FEATURE_SIGBUS);
  loads("missing_page_sigbus");
  end();
  struct sigaction segv = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
  CHECK(sigaction(SIGSEGV, &segv, NULL));
  begin(BYTES, -1);
  memset(area, 1, BYTES);
  CHECK(mprotect(area, BYTES, PROT_READ));
  stores("mprotect_sigsegv");
  end();
  signal(SIGSEGV, SIG_DFL);
  signal(SIGBUS, SIG_DFL);
}

static int there, back;

static void* echo(void* unused) {
  (void)unused;
  uint64_t v;
  for (;;) {
    CHECK(read(there, &v, sizeof(v)));
    CHECK(write(back, &v, sizeof(v)));
  }
}

static void system_calls(void) {
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    getppid();
    sample(i, started);
  }
  report("null_syscall", COUNT);
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    int copy = dup(1);
    close(copy);
    sample(i, started);
  }
  report("dup_close", COUNT);
  there = CHECK(eventfd(0, 0));
  back = CHECK(eventfd(0, 0));
  uint64_t v = 1;
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    CHECK(write(there, &v, sizeof(v)));
    CHECK(read(there, &v, sizeof(v)));
    sample(i, started);
  }
  report("eventfd_write_read", COUNT);
  start(echo, NULL, 65536);
  v = 1;
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    CHECK(write(there, &v, sizeof(v)));
    CHECK(read(back, &v, sizeof(v)));
    sample(i, started);
  }
  report("eventfd_ping_pong", COUNT);
  uint32_t word = 0;
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    syscall(SYS_futex, &word, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0);
    sample(i, started);
  }
  report("futex_wake", COUNT);
}

static void sparse(uint64_t mebibytes) {
  static uint32_t unmapping[COUNT];
  char rung[64];
  uint64_t bytes = mebibytes << 20;
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sample(i, started);
    if (at == MAP_FAILED) DIE("mmap");
    uint32_t mapping = samples[i];
    started = now();
    CHECK(munmap(at, bytes));
    sample(i, started);
    unmapping[i] = samples[i];
    samples[i] = mapping;
  }
  snprintf(rung, sizeof(rung), "sparse_map/%lu", (unsigned long)mebibytes);
  report(rung, COUNT);
  memcpy(samples, unmapping, sizeof(samples));
  snprintf(rung, sizeof(rung), "sparse_unmap/%lu", (unsigned long)mebibytes);
  report(rung, COUNT);
}

#define ROUND 1024

// faults_in measures missing pages against the size of the area.
static void faults_in(uint64_t pages) {
  char rung[64];
  for (int spread = 0; spread < 2; spread++) {
    snprintf(rung, sizeof(rung), "fault_vmo_%s/%lu", spread ? "spread" : "near", (unsigned long)pages);
    for (int i = 0; i < COUNT; i++) {
      if (i % ROUND == 0) {
        begin(pages * PAGE, -1);
        open_uffd(UFFDIO_REGISTER_MODE_MISSING, 0);
        start(serve, NULL, 65536);
      }
      load(i, spread ? (uint64_t)i % ROUND * (pages / ROUND) : (pages - ROUND) / 2 + (uint64_t)i % ROUND);
      if (i % ROUND == ROUND - 1) end();
    }
    report(rung, COUNT);
  }
}

static void* waiter(void* at) {
  (void)*(volatile uint8_t*)at;
  last = now();
  __atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void until(volatile uint64_t* count, uint64_t n) {
  struct timespec t = {.tv_nsec = 100000};
  while (*count < n) nanosleep(&t, NULL);
}

// outstanding measures a missing page while other faults wait.
static void outstanding(uint64_t requests) {
  static pthread_t threads[4096];
  char rung[64];
  begin(3 * BYTES, -1);
  held = (uintptr_t)area + BYTES;
  holding = released = 0;
  open_uffd(UFFDIO_REGISTER_MODE_MISSING, 0);
  start(serve, NULL, 65536);
  for (uint64_t i = 0; i < requests - 1; i++) threads[i] = start(waiter, area + BYTES + 2 * i * PAGE, 16384);
  until(&holding, requests - 1);
  snprintf(rung, sizeof(rung), "outstanding/%lu", (unsigned long)requests);
  loads(rung);
  uint64_t started = now();
  zero((uintptr_t)area + BYTES, 2 * requests * PAGE);
  until(&released, requests - 1);
  if (requests > 1) {
    snprintf(rung, sizeof(rung), "outstanding_release/%lu", (unsigned long)requests);
    shared(rung, last - started, requests - 1);
  }
  for (uint64_t i = 0; i < requests - 1; i++) pthread_join(threads[i], NULL);
  held = UINT64_MAX;
  end();
}

static void ladder(void) {
  memset(source, 1, sizeof(source));
  calibrate();
  system_calls();
  missing();
  moving();
  write_protect();
  resident();
  bulk();
  anonymous();
  copy_on_write();
  signals();
  sparse(1);
  sparse(1 << 10);
  sparse(1 << 20);
  for (int shift = 10; shift <= 20; shift += 2) faults_in(1ull << shift);
  for (int n = 1; n <= 512; n *= 8) outstanding((uint64_t)n);
  outstanding(1024);
  outstanding(4096);
}

int main(void) {
  struct utsname u;
  CHECK(uname(&u));
  printf("bench boot 1 %lu\n", (unsigned long)now());
  printf("system %s %s\n", u.sysname, u.release);
  fflush(stdout);
  pid_t p = (pid_t)CHECK(fork());
  if (p == 0) {
    ladder();
    exit(0);
  }
  int status = 0;
  waitpid(p, &status, 0);
  printf("%s\n", WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "done" : "fail: the benchmark died");
  fflush(stdout);
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}
