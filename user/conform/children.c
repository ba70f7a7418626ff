// Children of pager VMOs.
#include "conform.h"

vmo_t* child(where_t at, vmo_t* parent, uint32_t options, uint64_t offset, uint64_t bytes) {
  line_is(at);
  vmo_t* v = free_vmo(at);
  zx_handle_t handle;
  zx_status_t status = zx_vmo_create_child(parent->handle, options, offset, bytes, &handle);
  if (status == ZX_ERR_NOT_SUPPORTED) {
    not_yet((options & ZX_VMO_CHILD_SLICE) != 0 ? "slices" : "clones");
  }
  status_is(at, "zx_vmo_create_child", ZX_OK, status);
  uint64_t pages = (bytes + PAGE - 1) / PAGE;
  *v = (vmo_t){.pager = parent->pager, .handle = handle, .key = parent->key + offset / sizeof(uint64_t), .pages = pages, .mapped = pages};
  zx_vm_option_t write = (options & ZX_VMO_CHILD_NO_WRITE) != 0 ? 0 : ZX_VM_PERM_WRITE;
  v->base = map_vmo(at, handle, ZX_VM_PERM_READ | write, 0, pages);
  return v;
}

void no_child(where_t at, vmo_t* parent, uint32_t options, uint64_t o, uint64_t n) {
  zx_handle_t handle;
  refused(at, "zx_vmo_create_child", zx_vmo_create_child(parent->handle, options, o * PAGE, n * PAGE, &handle));
}

void info_becomes(where_t at, vmo_t* v, const char* what, size_t field, uint64_t want) {
  line_is(at);
  zx_time_t deadline = later();
  for (;;) {
    uint8_t info[176];  // the newest layout, of which zx_info_vmo_t is the start
    status_is(at, "zx_object_get_info", ZX_OK, zx_object_get_info(v->handle, 23u | 3u << 28, info, sizeof(info), NULL, NULL));
    uint64_t got;
    memcpy(&got, info + field, sizeof(got));
    if (got == want) {
      return;
    }
    if (zx_clock_get_monotonic() > deadline) {
      differs(at, "%s of key %lu: expected %#lx, got %#lx", what, v->key, want, got);
    }
    pause_for(ZX_MSEC(50));
  }
}

void put_word(where_t at, vmo_t* v, uint64_t page, uint64_t word) {
  status_is(at, "zx_vmo_write", ZX_OK, zx_vmo_write(v->handle, &word, page * PAGE, sizeof(word)));
  want_bytes(v, page * PAGE, &word, sizeof(word));
}

uint64_t get_word(where_t at, vmo_t* v, uint64_t page) {
  uint64_t word = 0;
  status_is(at, "zx_vmo_read", ZX_OK, zx_vmo_read(v->handle, &word, page * PAGE, sizeof(word)));
  return word;
}
