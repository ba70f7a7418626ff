// Starting a program: an ELF file in a VMO becomes a process with arguments, an
// environment and handles. What the file may be: docs/abi.md, Programs.
#include "internal.h"

#include <stdbool.h>

typedef struct {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, phoff, shoff;
  uint32_t flags;
  uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} elf_ehdr;

typedef struct {
  uint32_t type, flags;
  uint64_t offset, vaddr, paddr, filesz, memsz, align;
} elf_phdr;

enum {
  ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62, PT_LOAD = 1, PT_INTERP = 3, PF_X = 1, PF_W = 2,
  SEGMENTS = 16, STACK_BYTES = 256 << 10, START_BYTES = 64 << 10, COPY_BYTES = 64 << 10,
};

#define PIE_BIAS 0x200000ull  // above the start of the address space
#define PAGE_ROUND(n) (((n) + ZX_PAGE_MASK) & ~(uint64_t)ZX_PAGE_MASK)

// child is what is being made.
struct child {
  zx_handle_t process, root, thread, stack, channel, theirs;
  uint64_t base;   // of its address space
  uint64_t bias, entry, stack_top;
};

// copy moves bytes from the file into a fresh VMO.
static zx_status_t copy(zx_handle_t file, uint64_t from, zx_handle_t to, uint64_t at, uint64_t bytes) {
  char* buffer = malloc(COPY_BYTES);
  zx_status_t status = buffer != NULL ? ZX_OK : ZX_ERR_NO_MEMORY;
  while (status == ZX_OK && bytes > 0) {
    uint64_t n = bytes < COPY_BYTES ? bytes : COPY_BYTES;
    status = zx_vmo_read(file, buffer, from, n);
    if (status == ZX_OK) status = zx_vmo_write(to, buffer, at, n);
    from += n, at += n, bytes -= n;
  }
  free(buffer);
  return status;
}

static zx_status_t map_segment(struct child* c, zx_handle_t file, const elf_phdr* p) {
  uint64_t start = p->vaddr & ~(uint64_t)ZX_PAGE_MASK, end;
  if (p->filesz > p->memsz || __builtin_add_overflow(p->vaddr, p->memsz, &end) || end > UINT64_MAX - ZX_PAGE_SIZE ||
      (p->flags & (PF_W | PF_X)) == (PF_W | PF_X) || c->bias + start < c->base) {
    return ZX_ERR_INVALID_ARGS;
  }
  uint64_t size = PAGE_ROUND(end) - start;
  zx_handle_t vmo;
  zx_status_t status = zx_vmo_create(size, 0, &vmo);
  if (status == ZX_OK) status = copy(file, p->offset, vmo, p->vaddr - start, p->filesz);
  zx_vm_option_t options = ZX_VM_SPECIFIC | ZX_VM_PERM_READ;
  if (p->flags & PF_W) options |= ZX_VM_PERM_WRITE;
  if (status == ZX_OK && (p->flags & PF_X)) {
    options |= ZX_VM_PERM_EXECUTE;
    status = zx_vmo_replace_as_executable(vmo, ZX_HANDLE_INVALID, &vmo);
  }
  zx_vaddr_t at;
  if (status == ZX_OK) status = zx_vmar_map(c->root, options, c->bias + start - c->base, vmo, 0, size, &at);
  zx_handle_close(vmo);
  return status;
}

static zx_status_t load(struct child* c, zx_handle_t file) {
  elf_ehdr h;
  elf_phdr p[SEGMENTS * 4];
  zx_status_t status = zx_vmo_read(file, &h, 0, sizeof(h));
  if (status != ZX_OK) return status;
  if (memcmp(h.ident, "\177ELF\2\1", 6) != 0 || h.machine != EM_X86_64 || (h.type != ET_EXEC && h.type != ET_DYN) ||
      h.phentsize != sizeof(*p) || h.phnum > sizeof(p) / sizeof(*p)) {
    return ZX_ERR_NOT_SUPPORTED;
  }
  if ((status = zx_vmo_read(file, p, h.phoff, h.phnum * sizeof(*p))) != ZX_OK) return status;
  zx_info_vmar_t space;
  if ((status = zx_object_get_info(c->root, ZX_INFO_VMAR, &space, sizeof(space), NULL, NULL)) != ZX_OK) return status;
  c->base = space.base;
  c->bias = h.type == ET_DYN ? space.base + PIE_BIAS : 0;
  c->entry = c->bias + h.entry;
  for (int i = 0; i < h.phnum; i++) {
    if (p[i].type == PT_INTERP) return ZX_ERR_NOT_SUPPORTED;
    if (p[i].type != PT_LOAD || p[i].memsz == 0) continue;
    if ((status = map_segment(c, file, &p[i])) != ZX_OK) return status;
  }
  return ZX_OK;
}

// map_stack maps a stack above a page that stays unmapped.
static zx_status_t map_stack(struct child* c) {
  zx_handle_t region;
  zx_vaddr_t at;
  zx_status_t status = zx_vmo_create(STACK_BYTES, 0, &c->stack);
  if (status != ZX_OK) return status;
  status = zx_vmar_allocate(c->root, ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                            STACK_BYTES + ZX_PAGE_SIZE, &region, &at);
  if (status != ZX_OK) return status;
  status = zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC, ZX_PAGE_SIZE, c->stack, 0, STACK_BYTES, &at);
  c->stack_top = at + STACK_BYTES;
  zx_handle_close(region);
  return status;
}

static size_t text_bytes(const char* const* list, uint32_t* count) {
  size_t bytes = 0;
  for (*count = 0; list != NULL && list[*count] != NULL; ++*count) bytes += strlen(list[*count]) + 1;
  return bytes;
}

// put_texts copies strings behind the vector, and their addresses, in the child,
// into the vector.
static char* put_texts(char* text, uint64_t* vector, const char* const* list, uint32_t count, uint64_t shift) {
  for (uint32_t i = 0; i < count; i++) {
    vector[i] = (uint64_t)text + shift;
    text = stpcpy(text, list[i]) + 1;
  }
  vector[count] = 0;
  return text;
}

enum { OWN = 4 };  // handles that every program has

// put_block writes the start block to the end of the stack and gives its address.
static zx_status_t put_block(struct child* c, const zx_program_t* what, uint64_t* address) {
  uint32_t argc, envc;
  size_t texts = text_bytes(what->argv, &argc) + text_bytes(what->envp, &envc);
  uint32_t handles = OWN + what->handle_count;
  size_t vector_at = sizeof(zx_start_block_t) + handles * sizeof(zx_start_handle_t);
  vector_at = (vector_at + 7) & ~(size_t)7;
  size_t text_at = vector_at + (argc + envc + 2) * sizeof(uint64_t);
  size_t size = (text_at + texts + 15) & ~(size_t)15;
  if (size > START_BYTES) return ZX_ERR_OUT_OF_RANGE;
  char* buffer = calloc(1, size);
  if (buffer == NULL) return ZX_ERR_NO_MEMORY;
  *address = c->stack_top - size;
  uint64_t shift = *address - (uint64_t)buffer;
  zx_start_block_t* block = (zx_start_block_t*)buffer;
  block->version = ZX_START_VERSION;
  block->argc = argc;
  block->argv = (char**)(*address + vector_at);
  block->image_base = c->bias;
  block->handle_count = handles;
  block->envc = envc;
  static const uint32_t own[OWN] = {PA_PROC_SELF, PA_THREAD_SELF, PA_JOB_DEFAULT, PA_VMAR_ROOT};
  for (uint32_t i = 0; i < handles; i++) {
    block->handles[i].id = i < OWN ? PA_HND(own[i], 0) : what->handles[i - OWN].id;
  }
  uint64_t* vector = (uint64_t*)(buffer + vector_at);
  char* text = put_texts(buffer + text_at, vector, what->argv, argc, shift);
  put_texts(text, vector + argc + 1, what->envp, envc, shift);
  zx_status_t status = zx_vmo_write(c->stack, buffer, STACK_BYTES - size, size);
  free(buffer);
  return status;
}

// send_handles puts what the block lists, in that order, into the child's channel.
// The handles of what are gone then, whatever happens.
static zx_status_t send_handles(struct child* c, zx_handle_t job, const zx_program_t* what) {
  zx_handle_disposition_t d[ZX_CHANNEL_MAX_MSG_HANDLES];
  const zx_handle_t own[OWN] = {c->process, c->thread, job, c->root};
  for (uint32_t i = 0; i < OWN + what->handle_count; i++) {
    d[i] = (zx_handle_disposition_t){ZX_HANDLE_OP_DUPLICATE, 0, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SAME_RIGHTS, ZX_OK};
    if (i < OWN) {
      d[i].handle = own[i];
    } else {
      d[i].operation = ZX_HANDLE_OP_MOVE;
      d[i].handle = what->handles[i - OWN].handle;
    }
  }
  return zx_channel_write_etc(c->channel, 0, NULL, 0, d, OWN + what->handle_count);
}

zx_status_t zx_program_start(const zx_program_t* what, zx_handle_t file, zx_handle_t* process) {
  struct child c = {0};
  uint64_t block = 0;
  zx_handle_t job = what->job != ZX_HANDLE_INVALID ? what->job : zx_job_default();
  const char* name = what->name != NULL ? what->name : what->argv != NULL && what->argv[0] != NULL ? what->argv[0] : "program";
  zx_status_t status = what->handle_count > ZX_CHANNEL_MAX_MSG_HANDLES - OWN ? ZX_ERR_OUT_OF_RANGE : ZX_OK;
  if (status == ZX_OK) status = zx_process_create(job, name, strlen(name), 0, &c.process, &c.root);
  if (status == ZX_OK) status = load(&c, file);
  if (status == ZX_OK) status = map_stack(&c);
  if (status == ZX_OK) status = zx_thread_create(c.process, "initial-thread", 14, 0, &c.thread);
  if (status == ZX_OK) status = put_block(&c, what, &block);
  if (status == ZX_OK) status = zx_channel_create(0, &c.channel, &c.theirs);
  if (status == ZX_OK) {
    status = send_handles(&c, job, what);
  } else {
    for (uint32_t i = 0; i < what->handle_count; i++) zx_handle_close(what->handles[i].handle);
  }
  if (status == ZX_OK) {
    status = zx_process_start(c.process, c.thread, c.entry, (block & ~15ull) - 8, c.theirs, block);
    c.theirs = ZX_HANDLE_INVALID;
  }
  zx_handle_close(c.theirs);
  zx_handle_close(c.channel);
  zx_handle_close(c.stack);
  zx_handle_close(c.thread);
  zx_handle_close(c.root);
  if (status == ZX_OK && process != NULL) {
    *process = c.process;
  } else {
    zx_handle_close(c.process);  // which ends one that has not started
  }
  return status;
}

zx_status_t zx_program_start_named(const zx_program_t* what, const char* program, zx_handle_t* process) {
  zx_handle_t file;
  zx_status_t status = zx_system_get_program(program, strlen(program), &file);
  if (status != ZX_OK) {
    for (uint32_t i = 0; i < what->handle_count; i++) zx_handle_close(what->handles[i].handle);
    return status;
  }
  status = zx_program_start(what, file, process);
  zx_handle_close(file);
  return status;
}
