// Where a program starts and ends.
//
// The kernel enters _start with RDI = the start block and RSP = 16n-8, as a
// call would leave it, so _start is an ordinary C function. A program started
// by zx_program_start is entered with RDI = a channel that holds its handles
// and RSI = the start block. The image is a static PIE whose relocations it
// applies itself, before it touches anything that needs one.
#include "internal.h"

#include <assert.h>
#include <stdbool.h>

int main(int argc, char** argv, char** envp);

// The pieces of ELF used here (System V gABI 5, psABI x86-64 4.4).
typedef struct {
  int64_t tag;
  uint64_t value;
} elf_dyn;

typedef struct {
  uint64_t offset;
  uint64_t info;
  int64_t addend;
} elf_rela;

typedef struct {
  uint32_t name;
  uint8_t info, other;
  uint16_t section;
  uint64_t value, size;
} elf_sym;

enum {
  DT_NULL = 0, DT_PLTRELSZ = 2, DT_SYMTAB = 6, DT_RELA = 7, DT_RELASZ = 8, DT_JMPREL = 23,
  DT_RELRSZ = 35, DT_RELR = 36,
  R_X86_64_64 = 1, R_X86_64_GLOB_DAT = 6, R_X86_64_JUMP_SLOT = 7, R_X86_64_RELATIVE = 8,
  R_X86_64_DTPMOD64 = 16, R_X86_64_DTPOFF64 = 17, R_X86_64_TPOFF64 = 18, R_X86_64_IRELATIVE = 37,
};

#define HIDDEN __attribute__((visibility("hidden")))
extern HIDDEN const char __ehdr_start[];  // linker: the image's first byte
extern HIDDEN const elf_dyn _DYNAMIC[];  // linker: the dynamic section
typedef void function(void);
extern HIDDEN function *const __preinit_array_start[], *const __preinit_array_end[];
extern HIDDEN function *const __init_array_start[], *const __init_array_end[];
extern HIDDEN function *const __fini_array_start[], *const __fini_array_end[];

static zx_start_block_t* start;

char** environ;

// What C++ hands to __cxa_atexit: the one image there is.
HIDDEN void* __dso_handle = &__dso_handle;

#define EARLY static inline __attribute__((always_inline))

// refuse ends a program that cannot be made to run, before anything of C does.
EARLY _Noreturn void refuse(void) {
  static const char why[] = "start: the image has a relocation that user/c/start.c does not know\n";
  zx_debug_write(why, sizeof(why) - 1);
  abort();
}

// apply performs count relocations. An indirect function's resolver may use
// whatever the others fill in, so those come in a second pass.
EARLY void apply(uint64_t base, const elf_rela* rela, uint64_t bytes, const elf_sym* symbols, bool indirect) {
  for (; bytes >= sizeof(*rela); bytes -= sizeof(*rela), rela++) {
    uint64_t* at = (uint64_t*)(base + rela->offset);
    const elf_sym* symbol = &symbols[rela->info >> 32];
    // An undefined symbol that the link let pass is a weak one: null.
    uint64_t value = symbol->section != 0 ? base + symbol->value : 0;
    uint32_t kind = (uint32_t)rela->info;
    if ((kind == R_X86_64_IRELATIVE) != indirect) continue;
    switch (kind) {
      case R_X86_64_RELATIVE: *at = base + (uint64_t)rela->addend; break;
      case R_X86_64_IRELATIVE: *at = ((uint64_t(*)(void))(base + (uint64_t)rela->addend))(); break;
      case R_X86_64_64: *at = value + (uint64_t)rela->addend; break;
      case R_X86_64_GLOB_DAT: case R_X86_64_JUMP_SLOT: *at = value; break;
      case R_X86_64_DTPMOD64: *at = 1; break;
      case R_X86_64_DTPOFF64: *at = symbol->value + (uint64_t)rela->addend; break;
      case R_X86_64_TPOFF64: *at = symbol->value + (uint64_t)rela->addend - zx_tls_size(); break;
      default: refuse();
    }
  }
}

// relocate adds the load address to what the linker listed.
EARLY void relocate(void) {
  uint64_t base = (uint64_t)__ehdr_start;
  const elf_rela *rela = NULL, *plt = NULL;
  const uint64_t* relr = NULL;
  const elf_sym* symbols = NULL;
  uint64_t rela_size = 0, plt_size = 0, relr_size = 0;
  for (const elf_dyn* d = _DYNAMIC; d->tag != DT_NULL; d++) {
    switch (d->tag) {
      case DT_SYMTAB: symbols = (const elf_sym*)(base + d->value); break;
      case DT_RELA: rela = (const elf_rela*)(base + d->value); break;
      case DT_RELASZ: rela_size = d->value; break;
      case DT_JMPREL: plt = (const elf_rela*)(base + d->value); break;
      case DT_PLTRELSZ: plt_size = d->value; break;
      case DT_RELR: relr = (const uint64_t*)(base + d->value); break;
      case DT_RELRSZ: relr_size = d->value; break;
    }
  }
  // Compact relative relocations: an address, then bitmaps of the 63 words
  // after it (gABI, SHT_RELR).
  for (uint64_t* next = NULL; relr_size >= 8; relr_size -= 8, relr++) {
    if ((*relr & 1) == 0) {
      next = (uint64_t*)(base + *relr);
      *next++ += base;
      continue;
    }
    uint64_t* at = next;
    for (uint64_t bits = *relr >> 1; bits != 0; bits >>= 1, at++) {
      if (bits & 1) *at += base;
    }
    next += 63;
  }
  for (int indirect = 0; indirect < 2; indirect++) {
    apply(base, rela, rela_size, symbols, indirect);
    apply(base, plt, plt_size, symbols, indirect);
  }
}

_Noreturn void _start(uint64_t rdi, zx_start_block_t* rsi) {
  relocate();
  start = rsi != NULL ? rsi : (zx_start_block_t*)rdi;
  if (start->version < ZX_START_VERSION) abort();
  if (rsi != NULL) {
    zx_handle_t channel = (zx_handle_t)rdi, handles[ZX_CHANNEL_MAX_MSG_HANDLES];
    uint32_t count = 0;
    zx_status_t status = zx_channel_read(channel, 0, NULL, handles, 0, ZX_CHANNEL_MAX_MSG_HANDLES, NULL, &count);
    if (status != ZX_OK || count != start->handle_count) abort();
    for (uint32_t i = 0; i < count; i++) start->handles[i].handle = handles[i];
    zx_handle_close(channel);
  }
  environ = start->argv + start->argc + 1;
  zx_threads_init();
  for (function* const* f = __preinit_array_start; f < __preinit_array_end; f++) (*f)();
  typedef void constructor(int, char**, char**);
  for (function* const* f = __init_array_start; f < __init_array_end; f++) {
    ((constructor*)*f)((int)start->argc, start->argv, environ);
  }
  exit(main((int)start->argc, start->argv, environ));
}

static zx_start_handle_t* find(uint32_t id) {
  for (uint32_t i = 0; i < start->handle_count; i++) {
    if (start->handles[i].id == id) return &start->handles[i];
  }
  return NULL;
}

zx_handle_t zx_start_handle(uint32_t id) {
  const zx_start_handle_t* found = find(id);
  return found != NULL ? found->handle : ZX_HANDLE_INVALID;
}

zx_handle_t zx_take_startup_handle(uint32_t id) {
  zx_start_handle_t* found = find(id);
  if (found == NULL) return ZX_HANDLE_INVALID;
  zx_handle_t handle = found->handle;
  found->handle = ZX_HANDLE_INVALID;
  return handle;
}

zx_handle_t zx_process_self(void) { return zx_start_handle(PA_HND(PA_PROC_SELF, 0)); }
zx_handle_t zx_thread_self(void) { return zx_start_handle(PA_HND(PA_THREAD_SELF, 0)); }
zx_handle_t zx_vmar_root_self(void) { return zx_start_handle(PA_HND(PA_VMAR_ROOT, 0)); }
zx_handle_t zx_job_default(void) { return zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)); }

// What exit runs, the newest first. The blocks are never freed: the end of the
// process does that.
enum { EXITS = 32 };
static struct exits {
  struct exits* older;
  int count;
  struct {
    void (*f)(void*);
    void* argument;
  } list[EXITS];
} first_exits, *exits = &first_exits;
static zx_lock_t exits_lock;

int __cxa_atexit(void (*f)(void*), void* argument, void* dso) {
  (void)dso;
  zx_lock(&exits_lock);
  if (exits->count == EXITS) {
    struct exits* more = calloc(1, sizeof(*more));
    if (more == NULL) {
      zx_unlock(&exits_lock);
      return -1;
    }
    more->older = exits;
    exits = more;
  }
  exits->list[exits->count].f = f;
  exits->list[exits->count++].argument = argument;
  zx_unlock(&exits_lock);
  return 0;
}

static void call_plain(void* f) { ((function*)f)(); }

int atexit(void (*f)(void)) { return __cxa_atexit(call_plain, (void*)f, NULL); }

// run_exits runs what atexit noted, also what it notes meanwhile.
static void run_exits(void) {
  for (;;) {
    zx_lock(&exits_lock);
    while (exits->count == 0 && exits->older != NULL) exits = exits->older;
    if (exits->count == 0) {
      zx_unlock(&exits_lock);
      return;
    }
    int i = --exits->count;
    void (*f)(void*) = exits->list[i].f;
    void* argument = exits->list[i].argument;
    zx_unlock(&exits_lock);
    f(argument);
  }
}

_Noreturn void exit(int code) {
  zx_thread_ends();
  run_exits();
  for (function* const* f = __fini_array_end; f > __fini_array_start;) (*--f)();
  _Exit(code);
}

_Noreturn void _Exit(int code) {
  zx_flush_out();
  zx_process_exit(code);
  __builtin_unreachable();
}

_Noreturn void abort(void) { __builtin_trap(); }

_Noreturn void zx_assert_failed(const char* condition, const char* file, int at) {
  printf("%s:%d: assertion failed: %s\n", file, at, condition);
  abort();
}

_Noreturn void __stack_chk_fail(void) {
  static const char why[] = "stack protector: a function has overwritten its frame\n";
  zx_debug_write(why, sizeof(why) - 1);
  abort();
}
