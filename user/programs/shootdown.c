// shootdown [ROUNDS]: on every CPU but this one a thread uses one page of memory as
// fast as it can, while this one changes what is mapped there. When a call has
// returned, no CPU may go by the translation of before:
//
//   read     the page shows a number that only grows; nobody reads less than the
//            number that was announced before
//   write    stores of before do not arrive any more at the page that was replaced
//   execute  as read, for a function that returns the number
//
// Each round lasts until every thread has looked twice, so that none sleeps through it.
// And each look comes after a long stretch of work in which an emulator does not ask for
// interrupts (LINGER): a CPU that is kicked, but not waited for, is mostly there.
//
// Without a second CPU it says so, and does the same with one.
#include "file.h"

enum { MOST = 7, STACK = 16 << 10 };

static uint8_t stacks[MOST][STACK] __attribute__((aligned(16)));
static zx_vaddr_t place;        // of the page
static uint32_t announced;      // the number it shows at least
static bool stop;
static uint32_t stale[MOST];    // how often a thread saw less
static uint64_t turns[MOST];
static uint32_t ended;

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("shootdown: %s: %s", what, zx_status_get_string(st));
  }
}

// LINGER is 400 instructions that take long: one block of QEMU's translator, together
// with what follows, if no page ends in it.
#define LINGER __asm__ volatile(".rept 100\n\tfldpi\n\tfldpi\n\tfpatan\n\tfstp %%st(0)\n\t.endr" : : : "st", "st(1)", "memory")
#define IN_ONE_PAGE __attribute__((aligned(2048)))

static bool stopped(void) { return __atomic_load_n(&stop, __ATOMIC_ACQUIRE); }

static void leave(void) {
  __atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
  zx_thread_exit();
}

IN_ONE_PAGE static void reader(uintptr_t i, uintptr_t unused) {
  (void)unused;
  while (!stopped()) {
    LINGER;
    uint32_t least = __atomic_load_n(&announced, __ATOMIC_ACQUIRE);
    if (*(volatile uint32_t*)place < least) {
      stale[i]++;
    }
    __atomic_store_n(&turns[i], turns[i] + 1, __ATOMIC_RELEASE);
  }
  leave();
}

static void caller(uintptr_t i, uintptr_t unused) {
  (void)unused;
  while (!stopped()) {
    uint32_t least = __atomic_load_n(&announced, __ATOMIC_ACQUIRE);
    if (((uint32_t(*)(void))place)() < least) {
      stale[i]++;
    }
    __atomic_store_n(&turns[i], turns[i] + 1, __ATOMIC_RELEASE);
  }
  leave();
}

IN_ONE_PAGE static void writer(uintptr_t i, uintptr_t unused) {
  (void)unused;
  for (uint32_t n = 1; !stopped(); n++) {
    LINGER;
    ((volatile uint32_t*)place)[1 + i] = n;
    __atomic_store_n(&turns[i], turns[i] + 1, __ATOMIC_RELEASE);
  }
  leave();
}

// page makes a page that holds number, or a function that returns it.
static zx_handle_t page(uint32_t number, bool code) {
  zx_handle_t vmo;
  check("zx_vmo_create", zx_vmo_create(ZX_PAGE_SIZE, 0, &vmo));
  uint8_t text[6] = {0xb8, (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16), (uint8_t)(number >> 24), 0xc3};
  check("zx_vmo_write", code ? zx_vmo_write(vmo, text, 0, sizeof(text)) : zx_vmo_write(vmo, &number, 0, sizeof(number)));
  if (code) {
    check("zx_vmo_replace_as_executable", zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo));
  }
  return vmo;
}

// show maps vmo at place, in the stead of what is there.
static void show(zx_handle_t vmo, zx_vm_option_t options) {
  static zx_vaddr_t base;
  if (place == 0) {
    check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, 0, ZX_PAGE_SIZE, &place));
    zx_info_vmar_t info;
    check("ZX_INFO_VMAR", zx_object_get_info(zx_vmar_root_self(), ZX_INFO_VMAR, &info, sizeof(info), NULL, NULL));
    base = info.base;
    return;
  }
  zx_vaddr_t at;
  check("zx_vmar_map, again", zx_vmar_map(zx_vmar_root_self(), options | ZX_VM_SPECIFIC_OVERWRITE, place - base, vmo, 0, ZX_PAGE_SIZE, &at));
}

// look waits until every thread has looked twice.
static void look(uint32_t threads) {
  uint64_t from[MOST];
  for (uint32_t i = 0; i < threads; i++) {
    from[i] = __atomic_load_n(&turns[i], __ATOMIC_ACQUIRE);
  }
  for (uint32_t i = 0; i < threads; i++) {
    while (__atomic_load_n(&turns[i], __ATOMIC_ACQUIRE) < from[i] + 2) {
      zx_nanosleep(zx_deadline_after(ZX_USEC(50)));
    }
  }
}

static void start(uint32_t threads, void (*entry)(uintptr_t, uintptr_t)) {
  stop = false;
  ended = announced = 0;
  for (uint32_t i = 0; i < threads; i++) {
    zx_handle_t t;
    stale[i] = 0;
    turns[i] = 0;
    check("zx_thread_create", zx_thread_create(zx_process_self(), "user", 4, 0, &t));
    check("zx_thread_start", zx_thread_start(t, (zx_vaddr_t)entry, (zx_vaddr_t)stacks[i] + STACK - 8, i, 0));
    zx_handle_close(t);
  }
  look(threads);
}

static void end(const char* what, uint32_t threads, uint32_t more) {
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < threads) {
    zx_nanosleep(zx_deadline_after(ZX_USEC(100)));
  }
  uint64_t n = 0;
  for (uint32_t i = 0; i < threads; i++) {
    more += stale[i];
    n += turns[i];
  }
  if (more != 0) {
    fail("shootdown: %s: %u stale in %lu turns", what, more, n);
  }
  printf("%s holds, %lu turns\n", what, n);
}

static void replaced(const char* what, uint32_t threads, uint32_t rounds, bool code) {
  const zx_vm_option_t options = ZX_VM_PERM_READ | (code ? ZX_VM_PERM_EXECUTE : ZX_VM_PERM_WRITE);
  zx_handle_t vmo = page(0, code);
  show(vmo, options);
  start(threads, code ? caller : reader);
  for (uint32_t k = 1; k <= rounds; k++) {
    zx_handle_t next = page(k, code);
    show(next, options);
    __atomic_store_n(&announced, k, __ATOMIC_RELEASE);
    look(threads);
    zx_handle_close(vmo);  // its frame is free, and soon another's
    vmo = next;
  }
  end(what, threads, 0);
  zx_handle_close(vmo);
}

// arrives says whether a store comes to vmo within some time.
static bool arrives(zx_handle_t vmo, uint32_t threads) {
  uint32_t before[1 + MOST], after[1 + MOST];
  check("zx_vmo_read", zx_vmo_read(vmo, before, 0, sizeof(before)));
  look(threads);
  check("zx_vmo_read", zx_vmo_read(vmo, after, 0, sizeof(after)));
  return memcmp(before + 1, after + 1, threads * sizeof(uint32_t)) != 0;
}

static void written(uint32_t threads, uint32_t rounds) {
  const zx_vm_option_t options = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
  zx_handle_t vmo = page(0, false);
  show(vmo, options);
  start(threads, writer);
  uint32_t late = 0;
  for (uint32_t k = 1; k <= rounds; k++) {
    zx_handle_t next = page(k, false);
    show(next, options);
    late += arrives(vmo, threads);
    zx_handle_close(vmo);
    vmo = next;
  }
  end("write", threads, late);
  zx_handle_close(vmo);
}

int main(int argc, char** argv) {
  uint32_t rounds = argc > 1 ? (uint32_t)number("ROUNDS", argv[1]) : 300;
  uint32_t cpus = zx_system_get_num_cpus(), threads = cpus - 1;
  if (threads == 0) {
    printf("one CPU: there is no other to shoot at\n");
    threads = 1;
  }
  if (threads > MOST) {
    threads = MOST;
  }
  replaced("read", threads, rounds, false);
  written(threads, rounds);
  place = 0;
  replaced("execute", threads, rounds, true);
  printf("shootdown holds on %u CPUs\n", cpus);
  return 0;
}
