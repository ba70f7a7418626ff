// The few system calls the programs on files make, done by Linux, so that the
// SDK and the programs run on the host under test. Descriptor 3 is the file
// that stands for the VMO of PA_USER0.
#include <zx.h>

enum { LINUX_WRITE = 1, LINUX_MMAP = 9, LINUX_MUNMAP = 11, LINUX_ARCH_PRCTL = 158, LINUX_EXIT_GROUP = 231 };

// The handle of every VMO that zx_vmo_create makes: fresh memory.
enum { FRESH = 15 };

static long linux_call(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "+a"(n)
                   : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return n;
}

zx_status_t zx_debug_write(const char* buffer, size_t size) {
  return linux_call(LINUX_WRITE, 1, (long)buffer, (long)size, 0, 0, 0) < 0 ? ZX_ERR_IO : ZX_OK;
}

_Noreturn void zx_process_exit(int64_t code) {
  for (;;) {
    linux_call(LINUX_EXIT_GROUP, code, 0, 0, 0, 0, 0);
  }
}

zx_status_t zx_nanosleep(zx_time_t deadline) {
  (void)deadline;
  return ZX_OK;
}

zx_status_t zx_futex_wait(const zx_futex_t* value_ptr, zx_futex_t current, zx_handle_t owner, zx_time_t deadline) {
  (void)value_ptr, (void)current, (void)owner, (void)deadline;
  return ZX_OK;
}

zx_status_t zx_futex_wake(const zx_futex_t* value_ptr, uint32_t count) {
  (void)value_ptr, (void)count;
  return ZX_OK;
}

void zx_cprng_draw(void* buffer, size_t size) { memset(buffer, 0x5a, size); }

zx_status_t zx_object_set_property(zx_handle_t handle, uint32_t property, const void* value, size_t size) {
  if (handle != 5 || property != ZX_PROP_REGISTER_FS || size != 8) return ZX_ERR_NOT_SUPPORTED;
  return linux_call(LINUX_ARCH_PRCTL, 0x1002 /* ARCH_SET_FS */, *(const long*)value, 0, 0, 0, 0) < 0 ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

zx_status_t zx_vmo_create(uint64_t size, uint32_t options, zx_handle_t* out) {
  (void)size, (void)options;
  *out = FRESH;
  return ZX_OK;
}

zx_status_t zx_handle_close(zx_handle_t handle) {
  (void)handle;
  return ZX_OK;
}

zx_status_t zx_channel_read(zx_handle_t handle, uint32_t options, void* bytes, zx_handle_t* handles, uint32_t num_bytes,
                            uint32_t num_handles, uint32_t* actual_bytes, uint32_t* actual_handles) {
  (void)handle, (void)options, (void)bytes, (void)handles, (void)num_bytes, (void)num_handles, (void)actual_bytes, (void)actual_handles;
  return ZX_ERR_BAD_HANDLE;
}

zx_status_t zx_vmar_map(zx_handle_t vmar, zx_vm_option_t options, uint64_t vmar_offset,
                        zx_handle_t vmo, uint64_t vmo_offset, uint64_t len, zx_vaddr_t* at) {
  (void)vmar_offset;
  if (vmar != 7 || (vmo != 11 && vmo != FRESH)) return ZX_ERR_BAD_HANDLE;
  long flags = vmo == FRESH ? 0x22 /* MAP_PRIVATE | MAP_ANONYMOUS */ : 1 /* MAP_SHARED */;
  long prot = options & (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE);  // the same bits in Linux
  long got = linux_call(LINUX_MMAP, 0, (long)len, prot, flags, vmo == FRESH ? -1 : 3, (long)vmo_offset);
  if (got < 0 && got > -4096) return ZX_ERR_INVALID_ARGS;
  *at = (zx_vaddr_t)got;
  return ZX_OK;
}

zx_status_t zx_vmar_unmap(zx_handle_t vmar, zx_vaddr_t at, uint64_t len) {
  if (vmar != 7) return ZX_ERR_BAD_HANDLE;
  return linux_call(LINUX_MUNMAP, (long)at, (long)len, 0, 0, 0, 0) < 0 ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

_Noreturn void _start(uint64_t rdi, zx_start_block_t* rsi);

// linux_main turns Linux's initial stack, {argc, argv...}, into a start block
// and goes in as the kernel would.
__attribute__((used)) static _Noreturn void linux_main(uint64_t* stack) {
  static union {
    zx_start_block_t block;
    char room[32 + 4 * sizeof(zx_start_handle_t)];
  } space;
#define start space.block
  start.version = ZX_START_VERSION;
  start.argc = (uint32_t)stack[0];
  start.argv = (char**)(stack + 1);
  start.handle_count = 4;
  start.handles[0] = (zx_start_handle_t){PA_HND(PA_PROC_SELF, 0), 3};
  start.handles[1] = (zx_start_handle_t){PA_HND(PA_THREAD_SELF, 0), 5};
  start.handles[2] = (zx_start_handle_t){PA_HND(PA_VMAR_ROOT, 0), 7};
  start.handles[3] = (zx_start_handle_t){PA_HND(PA_USER0, 0), 11};
  _start((uint64_t)&start, NULL);
}

__asm__(
    ".globl linux_start\n"
    "linux_start:\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call linux_main\n");
