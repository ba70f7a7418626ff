// The few system calls the programs on files make, done by Linux, so that the
// SDK and the programs run on the host under test. Descriptor 3 is the file
// that stands for the VMO of PA_USER0.
#include <zx.h>

enum { LINUX_WRITE = 1, LINUX_MMAP = 9, LINUX_MUNMAP = 11, LINUX_EXIT_GROUP = 231 };

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

zx_status_t zx_vmar_map(zx_handle_t vmar, zx_vm_option_t options, uint64_t vmar_offset,
                        zx_handle_t vmo, uint64_t vmo_offset, uint64_t len, zx_vaddr_t* at) {
  (void)vmar_offset;
  if (vmar != 7 || vmo != 11) return ZX_ERR_BAD_HANDLE;
  long prot = options & (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE);  // the same bits in Linux
  long got = linux_call(LINUX_MMAP, 0, (long)len, prot, 1 /* MAP_SHARED */, 3, (long)vmo_offset);
  if (got < 0 && got > -4096) return ZX_ERR_INVALID_ARGS;
  *at = (zx_vaddr_t)got;
  return ZX_OK;
}

zx_status_t zx_vmar_unmap(zx_handle_t vmar, zx_vaddr_t at, uint64_t len) {
  if (vmar != 7) return ZX_ERR_BAD_HANDLE;
  return linux_call(LINUX_MUNMAP, (long)at, (long)len, 0, 0, 0, 0) < 0 ? ZX_ERR_INVALID_ARGS : ZX_OK;
}

_Noreturn void _start(zx_start_block_t* block);

// linux_main turns Linux's initial stack, {argc, argv...}, into a start block
// and goes in as the kernel would.
__attribute__((used)) static _Noreturn void linux_main(uint64_t* stack) {
  static struct {
    zx_start_block_t block;
    zx_start_handle_t handles[4];
  } start;
  start.block.version = ZX_START_VERSION;
  start.block.argc = (uint32_t)stack[0];
  start.block.argv = (char**)(stack + 1);
  start.block.handle_count = 4;
  start.handles[0] = (zx_start_handle_t){PA_HND(PA_PROC_SELF, 0), 3};
  start.handles[1] = (zx_start_handle_t){PA_HND(PA_THREAD_SELF, 0), 5};
  start.handles[2] = (zx_start_handle_t){PA_HND(PA_VMAR_ROOT, 0), 7};
  start.handles[3] = (zx_start_handle_t){PA_HND(PA_USER0, 0), 11};
  _start(&start.block);
}

__asm__(
    ".globl linux_start\n"
    "linux_start:\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call linux_main\n");
