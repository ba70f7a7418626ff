// Where a program starts and ends.
//
// The kernel enters _start with RDI = the start block and RSP = 16n-8, as a
// call would leave it, so _start is an ordinary C function. The image is a
// static PIE whose relative relocations it applies itself, before it touches
// anything that needs one.
#include <assert.h>
#include <stdbool.h>
#include <zx.h>

int main(int argc, char** argv);

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

enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, R_X86_64_RELATIVE = 8 };

#define HIDDEN __attribute__((visibility("hidden")))
extern HIDDEN const char __ehdr_start[];  // linker: the image's first byte
extern HIDDEN const elf_dyn _DYNAMIC[];   // linker: the dynamic section

static zx_start_block_t* start;

// relocate adds the load address to every word the linker listed. False when
// the image holds a relocation of another kind, which the link forbids.
static inline __attribute__((always_inline)) bool relocate(void) {
  uint64_t base = (uint64_t)__ehdr_start;
  const elf_rela* rela = NULL;
  uint64_t size = 0;
  for (const elf_dyn* d = _DYNAMIC; d->tag != DT_NULL; d++) {
    if (d->tag == DT_RELA) rela = (const elf_rela*)(base + d->value);
    if (d->tag == DT_RELASZ) size = d->value;
  }
  for (; size >= sizeof(*rela); size -= sizeof(*rela), rela++) {
    if ((uint32_t)rela->info != R_X86_64_RELATIVE) return false;
    *(uint64_t*)(base + rela->offset) = base + (uint64_t)rela->addend;
  }
  return true;
}

_Noreturn void _start(zx_start_block_t* block) {
  if (!relocate() || block->version != ZX_START_VERSION) {
    abort();
  }
  start = block;
  exit(main((int)block->argc, block->argv));
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

_Noreturn void exit(int code) {
  zx_flush_out();
  zx_process_exit(code);
  __builtin_unreachable();
}

_Noreturn void abort(void) { __builtin_trap(); }

_Noreturn void zx_assert_failed(const char* condition, const char* file, int at) {
  printf("%s:%d: assertion failed: %s\n", file, at, condition);
  abort();
}
