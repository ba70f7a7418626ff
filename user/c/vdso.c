// Calls of Zircon's that need no kernel here.
#include "internal.h"

zx_status_t zx_handle_check_valid(zx_handle_t handle) {
  return zx_object_get_info(handle, ZX_INFO_HANDLE_VALID, NULL, 0, NULL, NULL);
}

zx_status_t zx_thread_legacy_yield(uint32_t options) {
  return options != 0 ? ZX_ERR_INVALID_ARGS : zx_nanosleep(0);
}

// The machine never sleeps: the clocks agree.
zx_instant_boot_t zx_clock_get_boot(void) { return zx_clock_get_monotonic(); }
zx_ticks_t zx_ticks_get(void) { return zx_clock_get_monotonic(); }
zx_ticks_t zx_ticks_get_boot(void) { return zx_clock_get_monotonic(); }
zx_ticks_t zx_ticks_per_second(void) { return 1000000000; }

// x86-64 keeps instruction fetch and devices coherent.
zx_status_t zx_cache_flush(const void* addr, size_t size, uint32_t options) {
  (void)addr;
  (void)size;
  switch (options) {
    case ZX_CACHE_FLUSH_INSN:
    case ZX_CACHE_FLUSH_DATA:
    case ZX_CACHE_FLUSH_INSN | ZX_CACHE_FLUSH_DATA:
    case ZX_CACHE_FLUSH_DATA | ZX_CACHE_FLUSH_INVALIDATE:
    case ZX_CACHE_FLUSH_INSN | ZX_CACHE_FLUSH_DATA | ZX_CACHE_FLUSH_INVALIDATE:
      return ZX_OK;
  }
  return ZX_ERR_INVALID_ARGS;
}

uint32_t zx_system_get_dcache_line_size(void) { return 64; }

zx_status_t zx_system_get_features(uint32_t kind, uint32_t* features) {
  switch (kind) {
    case ZX_FEATURE_KIND_CPU: *features = ZX_HAS_CPU_FEATURES; return ZX_OK;
    case ZX_FEATURE_KIND_HW_BREAKPOINT_COUNT: *features = 4; return ZX_OK;
    case ZX_FEATURE_KIND_HW_WATCHPOINT_COUNT: *features = 4; return ZX_OK;
    case ZX_FEATURE_KIND_VM: *features = 0; return ZX_OK;
  }
  return ZX_ERR_NOT_SUPPORTED;
}
