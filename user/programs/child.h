// child.h: a second process that runs the program that starts it. It begins in
// main with argv[0] = "child", argv[1] = the role it is given, and a channel to
// its maker as the start handle PA_USER0. Its memory is a copy of its maker's
// image, taken when it is made.
#ifndef PROGRAMS_CHILD_H_
#define PROGRAMS_CHILD_H_

#include <zx.h>

#ifndef PA_JOB_DEFAULT
#define PA_JOB_DEFAULT 0x03u
#endif

#define CHILD_STACK ((uint64_t)64 << 10)
#define CHILD_HANDLES 5

// child_t is the maker's side. Close all three handles when done.
typedef struct child {
  zx_handle_t process;
  zx_handle_t thread;   // its first
  zx_handle_t channel;  // to its PA_USER0
} child_t;

// What lies at the end of the child's stack, at the same offsets for maker and
// child.
typedef struct child_start {
  zx_start_block_t block;
  zx_start_handle_t handles[CHILD_HANDLES];
  char* argv[3];
  char name[8];
  char role[32];
} child_start_t;

// The parts of an ELF file that are looked at here.
typedef struct child_segment {
  uint32_t type, flags;
  uint64_t offset, vaddr, paddr, filesz, memsz, align;
} child_segment_t;

extern __attribute__((visibility("hidden"))) const char __ehdr_start[];
_Noreturn void _start(zx_start_block_t* block);

// child_entry is where the child's first thread starts: its maker's first
// message carries the handles that the kernel gives a program of its own.
static _Noreturn void child_entry(zx_handle_t channel, child_start_t* at) {
  static const uint32_t ids[CHILD_HANDLES] = {PA_PROC_SELF, PA_THREAD_SELF, PA_VMAR_ROOT, PA_JOB_DEFAULT, PA_USER0};
  zx_handle_t handles[CHILD_HANDLES - 1];
  if (zx_channel_read(channel, 0, NULL, handles, 0, CHILD_HANDLES - 1, NULL, NULL) != ZX_OK) {
    zx_process_exit(99);
  }
  for (int i = 0; i < CHILD_HANDLES; i++) {
    at->handles[i].id = PA_HND(ids[i], 0);
    at->handles[i].handle = i < CHILD_HANDLES - 1 ? handles[i] : channel;
  }
  _start(&at->block);
}

// child_map maps size bytes of a new VMO, filled from data, at address at of
// the child. The VMO's handle is given when out is not null.
static zx_status_t child_map(zx_handle_t vmar, zx_vaddr_t base, zx_vaddr_t at, const void* data, uint64_t bytes, uint64_t size,
                             uint32_t flags, zx_handle_t* out) {
  zx_handle_t vmo;
  zx_status_t st = zx_vmo_create(size, 0, &vmo);
  if (st != ZX_OK) {
    return st;
  }
  zx_vm_option_t options = ZX_VM_PERM_READ | ZX_VM_SPECIFIC;
  if (bytes > 0) {
    st = zx_vmo_write(vmo, data, at % ZX_PAGE_SIZE, bytes);
  }
  if ((flags & 2) != 0) {
    options |= ZX_VM_PERM_WRITE;
  }
  if (st == ZX_OK && (flags & 1) != 0) {
    options |= ZX_VM_PERM_EXECUTE;
    st = zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo);
  }
  zx_vaddr_t mapped;
  if (st == ZX_OK) {
    st = zx_vmar_map(vmar, options, at - at % ZX_PAGE_SIZE - base, vmo, 0, size, &mapped);
  }
  if (st == ZX_OK && out != NULL) {
    *out = vmo;
  } else {
    zx_handle_close(vmo);
  }
  return st;
}

// child_fill gives the new process its memory, and the address of the start
// block in it.
static zx_status_t child_fill(zx_handle_t vmar, const char* role, zx_vaddr_t* start) {
  zx_info_vmar_t space;
  zx_status_t st = zx_object_get_info(vmar, ZX_INFO_VMAR, &space, sizeof(space), NULL, NULL);
  if (st != ZX_OK) {
    return st;
  }
  uint64_t image = (uint64_t)__ehdr_start;
  uint16_t count = *(const uint16_t*)(image + 56);
  const child_segment_t* s = (const child_segment_t*)(image + *(const uint64_t*)(image + 32));
  uint64_t end = 0;
  for (; count > 0; count--, s++) {
    uint64_t at = image + s->vaddr, into = at % ZX_PAGE_SIZE;
    if (s->type != 1 || s->memsz == 0) {
      continue;
    }
    uint64_t size = (into + s->memsz + ZX_PAGE_MASK) & ~(uint64_t)ZX_PAGE_MASK;
    st = child_map(vmar, space.base, at, (const void*)at, s->memsz, size, s->flags, NULL);
    if (st != ZX_OK) {
      return st;
    }
    if (at - into + size > end) {
      end = at - into + size;
    }
  }
  child_start_t top = {.block = {.version = ZX_START_VERSION, .argc = 2, .image_base = image, .handle_count = CHILD_HANDLES}};
  uint64_t stack = end + ZX_PAGE_SIZE;  // an unmapped page lies between
  *start = stack + CHILD_STACK - sizeof(top);
  child_start_t* there = (child_start_t*)*start;
  top.block.argv = there->argv;
  top.argv[0] = there->name;
  top.argv[1] = there->role;
  memcpy(top.name, "child", 6);
  for (size_t i = 0; role[i] != 0 && i + 1 < sizeof(top.role); i++) {
    top.role[i] = role[i];
  }
  zx_handle_t vmo;
  st = child_map(vmar, space.base, stack, NULL, 0, CHILD_STACK, 2, &vmo);
  if (st == ZX_OK) {
    st = zx_vmo_write(vmo, &top, CHILD_STACK - sizeof(top), sizeof(top));
    zx_handle_close(vmo);
  }
  return st;
}

// child_job is where children are made, if not in the job of their maker.
static zx_handle_t child_job;

static zx_handle_t child_job_now(void) { return child_job != 0 ? child_job : zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)); }

// child_create makes a process in role that has not started yet; out->thread is
// its first thread.
static zx_status_t child_create(const char* role, child_t* out, zx_handle_t* vmar, zx_vaddr_t* start) {
  *out = (child_t){0};
  zx_status_t st = zx_process_create(child_job_now(), role, strlen(role), 0, &out->process, vmar);
  if (st != ZX_OK) {
    return st;
  }
  st = child_fill(*vmar, role, start);
  if (st == ZX_OK) {
    st = zx_thread_create(out->process, "first", 5, 0, &out->thread);
  }
  return st;
}

// child_start makes a process in role and starts it.
static inline zx_status_t child_start(const char* role, child_t* out) {
  zx_handle_t vmar = ZX_HANDLE_INVALID, theirs = ZX_HANDLE_INVALID;
  zx_vaddr_t start;
  zx_flush_out();
  zx_status_t st = child_create(role, out, &vmar, &start);
  zx_handle_t handles[CHILD_HANDLES - 1] = {0};
  if (st == ZX_OK) {
    st = zx_channel_create(0, &out->channel, &theirs);
  }
  if (st == ZX_OK) {
    zx_handle_duplicate(out->process, ZX_RIGHT_SAME_RIGHTS, &handles[0]);
    zx_handle_duplicate(out->thread, ZX_RIGHT_SAME_RIGHTS, &handles[1]);
    zx_handle_duplicate(vmar, ZX_RIGHT_SAME_RIGHTS, &handles[2]);
    zx_handle_duplicate(child_job_now(), ZX_RIGHT_SAME_RIGHTS, &handles[3]);
    st = zx_channel_write(out->channel, 0, NULL, 0, handles, CHILD_HANDLES - 1);
  }
  if (st == ZX_OK) {
    st = zx_process_start(out->process, out->thread, (zx_vaddr_t)child_entry, start / 16 * 16 - 8, theirs, start);
    theirs = ZX_HANDLE_INVALID;
  }
  zx_handle_close(vmar);
  if (st != ZX_OK) {
    zx_handle_close(theirs);
    zx_handle_close(out->channel);
    zx_handle_close(out->thread);
    zx_handle_close(out->process);
    *out = (child_t){0};
  }
  return st;
}

// child_wait waits for the child's end and gives its return code.
static inline zx_status_t child_wait(const child_t* c, zx_time_t deadline, int64_t* code) {
  zx_status_t st = zx_object_wait_one(c->process, ZX_TASK_TERMINATED, deadline, NULL);
  zx_info_process_t info;
  if (st == ZX_OK) {
    st = zx_object_get_info(c->process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL);
    *code = info.return_code;
  }
  return st;
}

static inline void child_close(child_t* c) {
  zx_handle_close_many(&c->process, 3);
  *c = (child_t){0};
}

#endif  // PROGRAMS_CHILD_H_
