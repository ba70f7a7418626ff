// Checks, memory, time, chance.
#include "conform.h"

static where_t last;  // the line the test has come to
static uint64_t seed, state;

void line_is(where_t at) { last = at; }

static void say(where_t at, const char* format, va_list args) {
  char text[400];
  vsnprintf(text, sizeof(text), format, args);
  printf("differs: %s:%d: %s\n", at.file, at.line, text);
}

_Noreturn void differs(where_t at, const char* format, ...) {
  static int ending;
  if (__atomic_exchange_n(&ending, 1, __ATOMIC_ACQ_REL) != 0) {
    zx_nanosleep(ZX_TIME_INFINITE);  // another thread is saying why
  }
  va_list args;
  va_start(args, format);
  say(at, format, args);
  va_end(args);
  if (state != 0) {
    printf("  seed %#lx\n", seed);
  }
  show_packets();
  show_workers();
  exit(1);
}

_Noreturn void not_yet(const char* feature) {
  printf("not-yet: %s\n", feature);
  exit(77);
}

void equal(where_t at, const char* what, uint64_t want, uint64_t got) {
  line_is(at);
  if (want != got) {
    differs(at, "%s: expected %#lx, got %#lx", what, want, got);
  }
}

void status_is(where_t at, const char* what, zx_status_t want, zx_status_t got) {
  line_is(at);
  if (want != got) {
    differs(at, "%s: expected %s, got %s (%d)", what, want == ZX_OK ? "ZX_OK" : zx_status_get_string(want),
            zx_status_get_string(got), got);
  }
}

void refused(where_t at, const char* what, zx_status_t got) {
  line_is(at);
  if (got == ZX_OK) {
    differs(at, "%s: expected an error, got ZX_OK", what);
  }
}

zx_handle_t fewer(zx_handle_t handle, zx_rights_t rights) {
  zx_info_handle_basic_t info;
  zx_handle_t weak;
  OK(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  OK(zx_handle_duplicate(handle, info.rights & ~rights, &weak));
  return weak;
}

zx_time_t later(void) { return zx_deadline_after(PATIENCE); }

void pause_for(zx_duration_t time) { zx_nanosleep(zx_deadline_after(time)); }

// chance draws from xorshift64*: what a failing test prints leads back to it.
bool chance(unsigned n) {
  if (state == 0) {
    zx_cprng_draw(&seed, sizeof(seed));
    seed |= 1;
    state = seed;
  }
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (state * 0x2545f4914f6cdd1dull >> 33) % n == 0;
}

// --- Memory

static struct {
  const uint8_t* base;
  uint64_t bytes;
} maps[512];

static zx_handle_t plains[512];

uint8_t* map_vmo(where_t at, zx_handle_t vmo, zx_vm_option_t options, uint64_t o, uint64_t n) {
  zx_vaddr_t base = 0;
  status_is(at, "zx_vmar_map", ZX_OK,
            zx_vmar_map(zx_vmar_root_self(), options, 0, vmo, o * PAGE, n * PAGE, &base));
  for (size_t i = 0; i < COUNT(maps); i++) {
    if (maps[i].base == NULL) {
      maps[i].base = (const uint8_t*)base;
      maps[i].bytes = n * PAGE;
      return (uint8_t*)base;
    }
  }
  differs(at, "more than %zu mappings", COUNT(maps));
}

void unmap(where_t at, const void* address) {
  for (size_t i = 0; i < COUNT(maps); i++) {
    if (maps[i].base == address) {
      maps[i].base = NULL;
      status_is(at, "zx_vmar_unmap", ZX_OK,
                zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)address, maps[i].bytes));
      return;
    }
  }
  differs(at, "nothing was mapped at %p", address);
}

uint8_t* buffer(where_t at, uint64_t bytes) {
  zx_handle_t vmo;
  uint64_t pages = (bytes + PAGE - 1) / PAGE;
  status_is(at, "zx_vmo_create", ZX_OK, zx_vmo_create(pages * PAGE, 0, &vmo));
  uint8_t* base = map_vmo(at, vmo, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, pages);
  zx_handle_close(vmo);
  return base;
}

zx_handle_t plain(where_t at, uint64_t n) {
  for (size_t i = 0; i < COUNT(plains); i++) {
    if (plains[i] == ZX_HANDLE_INVALID) {
      status_is(at, "zx_vmo_create", ZX_OK, zx_vmo_create(n * PAGE, 0, &plains[i]));
      return plains[i];
    }
  }
  differs(at, "more than %zu plain VMOs", COUNT(plains));
}

void take_down_memory(void) {
  for (size_t i = 0; i < COUNT(maps); i++) {
    if (maps[i].base != NULL) {
      UNMAP(maps[i].base);
    }
  }
  for (size_t i = 0; i < COUNT(plains); i++) {
    OK(zx_handle_close(plains[i]));
  }
}

// --- The watchdog

// Long enough for the slowest test on a slow machine.
#define WATCH ZX_SEC(30)

static void watch(void) {
  zx_nanosleep(zx_deadline_after(WATCH));
  differs(last, "the test stands still behind this line");
}

void start_watchdog(void) {
  static uint8_t stack[16384] __attribute__((aligned(16)));
  zx_handle_t thread;
  OK(zx_thread_create(zx_process_self(), "watchdog", 8, 0, &thread));
  OK(zx_thread_start(thread, (zx_vaddr_t)watch, (zx_vaddr_t)stack + sizeof(stack) - 8, 0, 0));
  OK(zx_handle_close(thread));
}
