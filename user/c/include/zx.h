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
#define PA_USER0 0xF0u

// The start block: what RDI points to when a program starts (docs/abi.md).
typedef struct zx_start_handle {
  uint32_t id;
  zx_handle_t handle;
} zx_start_handle_t;

typedef struct zx_start_block {
  uint32_t version;  // ZX_START_VERSION
  uint32_t argc;
  char** argv;          // argc strings and a null pointer
  uint64_t image_base;  // where the program was loaded
  uint32_t handle_count;
  uint32_t reserved;
  zx_start_handle_t handles[];
} zx_start_block_t;

#define ZX_START_VERSION 1u

ZX_ASSERT_SIZE(zx_start_handle_t, 8);
ZX_ASSERT_AT(zx_start_block_t, version, 0);
ZX_ASSERT_AT(zx_start_block_t, argc, 4);
ZX_ASSERT_AT(zx_start_block_t, argv, 8);
ZX_ASSERT_AT(zx_start_block_t, image_base, 16);
ZX_ASSERT_AT(zx_start_block_t, handle_count, 24);
ZX_ASSERT_AT(zx_start_block_t, handles, 32);

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

#endif  // ZX_H_
