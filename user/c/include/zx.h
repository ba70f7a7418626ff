// zx.h: everything a ring-3 program needs: Zircon's types and calls, the
// handles a program starts with, and the small C library.
#ifndef ZX_H_
#define ZX_H_

#include <stddef.h>
#include <stdint.h>
#include <zx/types.h>

#include <zx/syscalls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Handles of the start block, by id: PA_HND(type, argument).
#define PA_HND(type, arg) (((uint32_t)(type) & 0xffu) | (((uint32_t)(arg) & 0xffffu) << 16))
#define PA_PROC_SELF 0x01u
#define PA_THREAD_SELF 0x02u
#define PA_JOB_DEFAULT 0x03u
#define PA_VMAR_ROOT 0x04u
#define PA_MMIO_RESOURCE 0x50u    // these two only by run -privileged
#define PA_SYSTEM_RESOURCE 0x54u
#define PA_USER0 0xF0u

// The start block: what RDI points to when a program starts (docs/abi.md).
typedef struct zx_start_handle {
  uint32_t id;
  zx_handle_t handle;
} zx_start_handle_t;

#ifdef __cplusplus  // which has no arrays without a length
#define ZX_FLEXIBLE 1
#else
#define ZX_FLEXIBLE
#endif

typedef struct zx_start_block {
  uint32_t version;  // ZX_START_VERSION
  uint32_t argc;
  char** argv;          // argc strings, a null pointer, envc strings and another
  uint64_t image_base;  // where the program was loaded
  uint32_t handle_count;
  uint32_t envc;
  zx_start_handle_t handles[ZX_FLEXIBLE];
} zx_start_block_t;

#define ZX_START_VERSION 1u

ZX_ASSERT_SIZE(zx_start_handle_t, 8);
ZX_ASSERT_AT(zx_start_block_t, version, 0);
ZX_ASSERT_AT(zx_start_block_t, argc, 4);
ZX_ASSERT_AT(zx_start_block_t, argv, 8);
ZX_ASSERT_AT(zx_start_block_t, image_base, 16);
ZX_ASSERT_AT(zx_start_block_t, handle_count, 24);
ZX_ASSERT_AT(zx_start_block_t, handles, 32);

#ifdef __cplusplus
extern "C" {
#endif

// zx_start_handle gives the start handle of that id, ZX_HANDLE_INVALID when
// the program was started without it. The handle stays the program's own.
zx_handle_t zx_start_handle(uint32_t id);

// zx_take_startup_handle gives the handle once: asked again, it gives
// ZX_HANDLE_INVALID.
zx_handle_t zx_take_startup_handle(uint32_t id);

// The handles every program has.
zx_handle_t zx_process_self(void);
zx_handle_t zx_thread_self(void);  // the initial thread's
zx_handle_t zx_vmar_root_self(void);
zx_handle_t zx_job_default(void);

// zx_status_get_string names a status, "ZX_ERR_..."; an unknown one is
// "(UNKNOWN)".
const char* zx_status_get_string(zx_status_t status);

// A program to start. What is null or 0 is left out.
typedef struct zx_program {
  const char* name;         // for people; argv[0] if null
  zx_handle_t job;          // where the process goes; zx_job_default() if none
  const char* const* argv;  // ends with a null pointer
  const char* const* envp;  // NAME=VALUE strings, ends with a null pointer
  const zx_start_handle_t* handles;  // what zx_start_handle gives there, with its id
  uint32_t handle_count;             // at most 60
} zx_program_t;

// zx_program_start starts the ELF file that is in a VMO, which needs READ, and gives
// a handle of its process if process is not null. The handles of what are the
// caller's no more, whatever happens; job and file stay. zx_program_start_named
// starts a program of the kernel image: ZX_ERR_NOT_FOUND there is none.
// Errors: ZX_ERR_NOT_SUPPORTED not a program that can run here |
// ZX_ERR_INVALID_ARGS a segment | ZX_ERR_OUT_OF_RANGE more than 60 handles, or
// arguments above 64 KiB | those of the calls that make a process.
zx_status_t zx_program_start(const zx_program_t* what, zx_handle_t file, zx_handle_t* process);
zx_status_t zx_program_start_named(const zx_program_t* what, const char* program, zx_handle_t* process);

// Calls of Zircon's that the library performs, without the kernel or by another
// call. zx_handle_check_valid answers ZX_ERR_BAD_HANDLE; zx_thread_legacy_yield
// wants options 0. Clocks and ticks are all nanoseconds since boot.
zx_status_t zx_handle_check_valid(zx_handle_t handle);
zx_status_t zx_thread_legacy_yield(uint32_t options);
zx_instant_boot_t zx_clock_get_boot(void);
zx_ticks_t zx_ticks_get(void);
zx_ticks_t zx_ticks_get_boot(void);
zx_ticks_t zx_ticks_per_second(void);
zx_status_t zx_cache_flush(const void* addr, size_t size, uint32_t options);
uint32_t zx_system_get_dcache_line_size(void);
zx_status_t zx_system_get_features(uint32_t kind, uint32_t* features);

// zx_vmar_unmap_handle_close_thread_exit unmaps, closes a handle and ends the
// calling thread; it returns only if the first fails. The stack may be what is
// unmapped. zx_futex_wake_handle_close_thread_exit sets *value_ptr, wakes, closes
// and ends, and touches no memory after the first of these.
zx_status_t zx_vmar_unmap_handle_close_thread_exit(zx_handle_t vmar, zx_vaddr_t addr, size_t size, zx_handle_t close_handle);
void zx_futex_wake_handle_close_thread_exit(const zx_futex_t* value_ptr, uint32_t wake_count, int32_t new_value, zx_handle_t close_handle)
    __attribute__((__noreturn__));

#ifdef __cplusplus
}
#endif

#endif  // ZX_H_
