// The frame of the tests of single calls, and the rows of making and detaching.
#include "calls.h"

scene_t scene;

static zx_handle_t kept[8];
static size_t kept_count;

static zx_rights_t rights_of(zx_handle_t handle) {
  zx_info_handle_basic_t info;
  OK(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  return info.rights;
}

zx_handle_t lesser(zx_handle_t handle, zx_rights_t without) {
  zx_handle_t copy;
  OK(zx_handle_duplicate(handle, rights_of(handle) & ~without, &copy));
  CHECK(kept_count < COUNT(kept));
  kept[kept_count++] = copy;
  return copy;
}

void deprive(zx_handle_t* handle, zx_rights_t without) {
  OK(zx_handle_replace(*handle, rights_of(*handle) & ~without, handle));
}

static zx_handle_t stale(void) {
  zx_handle_t event;
  OK(zx_event_create(0, &event));
  OK(zx_handle_close(event));
  return event;
}

static zx_handle_t pick(which_t which, zx_handle_t good, zx_rights_t lacks) {
  switch (which) {
    case NIL: return ZX_HANDLE_INVALID;
    case STALE: return stale();
    case OTHER: return scene.event;
    case FOREIGN: good = scene.foreign->handle; break;
    case ANON: good = scene.anon; break;
    default: break;
  }
  return lacks == 0 ? good : lesser(good, lacks);
}

zx_handle_t row_pager(const row_t* r) {
  pager_t* p = scene.v->pager;
  if (r->pager_lacks != 0) {
    deprive(&p->pager, r->pager_lacks);  // pager handles have no copies
  }
  return pick(r->pager, p->pager, 0);
}

zx_handle_t row_vmo(const row_t* r) { return pick(r->vmo, scene.v->handle, r->vmo_lacks); }

zx_handle_t row_source(const row_t* r) { return pick(r->third, scene.anon, r->third_lacks); }

zx_handle_t row_port(const row_t* r) { return pick(r->third, scene.v->pager->port, r->third_lacks); }

void* row_memory(memory_t kind, uint64_t bytes) {
  uint8_t* base;
  switch (kind) {
    case NULL_POINTER: return NULL;
    case KERNEL_SPACE: return (void*)0xffffffff00000000;
    case HOLE:
      base = BUFFER(bytes);
      UNMAP(base);
      return base;
    case READ_ONLY: return MAP_VMO(scene.anon, ZX_VM_PERM_READ, 0, 4);
    case PAST_END: return MAP_VMO(scene.anon, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 4, 4);
    default: return scene.fine = BUFFER(bytes);
  }
}

static vmo_t* scene_vmo(pager_t* p, uint32_t state) {
  uint32_t options = ((state & RESIZES) != 0 ? ZX_VMO_RESIZABLE : 0) | ((state & TRAPS_WRITES) != 0 ? ZX_VMO_TRAP_DIRTY : 0);
  vmo_t* v = NEW_VMO(p, 4, options);
  if ((state & ABSENT_PAGES) == 0) {
    SUPPLY(v, 0, 4);
  }
  for (uint64_t page = 0; page < 4 && (state & DIRTY_PAGES) != 0; page += 2) {
    if (v->traps) {
      OPD(v, page, 1);
    } else {
      NOW_BYTE(v, page, 0xdd);
    }
  }
  if ((state & DIRTY_PAGES) != 0) {
    zx_pager_vmo_stats_t stats;
    OK(zx_pager_query_vmo_stats(p->pager, v->handle, ZX_PAGER_RESET_VMO_STATS, &stats, sizeof(stats)));
  }
  if ((state & SMALL_STREAM) != 0) {
    OK(zx_vmo_set_stream_size(v->handle, PAGE));
  }
  if ((state & FLAGGED) != 0) {
    NOW_BYTE(v, 0, 0xf1);
  }
  if ((state & CUT_OFF) != 0) {
    DETACH(v);
    COMPLETE(p, v->key);
  }
  return v;
}

void run_row(variant_t how) {
  (void)how;
  const row_t* r = running->row;
  scene.v = scene_vmo(PAGER(), r->state);
  scene.foreign = NEW_VMO(PAGER(), 4, r->state & TRAPS_WRITES ? ZX_VMO_TRAP_DIRTY : 0);
  scene.anon = PLAIN(4);
  uint8_t* full = BUFFER(4 * PAGE);
  memset(full, 0xa5, 4 * PAGE);
  OK(zx_vmo_write(scene.anon, full, 0, 4 * PAGE));
  OK(zx_event_create(0, &scene.event));
  zx_status_t got = r->call(r);
  if (got == ZX_OK && scene.made != ZX_HANDLE_INVALID) {
    scene.made_rights = rights_of(scene.made);
  }
  STATUS(r->want, got);
  if (r->after != NULL) {
    r->after(r);
  }
  QUIET(scene.v);
  if (got == ZX_OK) {
    OK(zx_handle_close(scene.made));
  } else {
    EQUAL(ZX_HANDLE_INVALID, scene.made);
  }
  for (size_t i = 0; i < kept_count; i++) {
    OK(zx_handle_close(kept[i]));
  }
  OK(zx_handle_close(scene.event));
}

// --- What comes of it

static void has_rights(const row_t* r) { EQUAL(r->data, scene.made_rights); }

static void has_size(const row_t* r) {
  uint64_t size = 1, stream = 1;
  OK(zx_vmo_get_size(scene.made, &size));
  OK(zx_vmo_get_stream_size(scene.made, &stream));
  EQUAL(r->data, size);
  EQUAL(r->size, stream);
}

static void has_pages(const row_t* r) {
  uint64_t size = 1;
  OK(zx_vmo_get_size(scene.made, &size));
  EQUAL(r->data, size);
}

static void has_nothing_dirty(const row_t* r) {
  (void)r;
  size_t avail = 1;
  zx_pager_vmo_stats_t stats = {1};
  zx_handle_t p = scene.v->pager->pager;
  OK(zx_pager_query_dirty_ranges(p, scene.made, 0, MAX_SIZE, NULL, 0, NULL, &avail));
  OK(zx_pager_query_vmo_stats(p, scene.made, 0, &stats, sizeof(stats)));
  EQUAL(0, avail);
  EQUAL(0, stats.modified);
}

// out is where a call puts a handle it makes.
static zx_handle_t* out(const row_t* r) { return r->buffer == FINE ? &scene.made : row_memory(r->buffer, PAGE); }

// --- zx_pager_create

static zx_status_t create(const row_t* r) { return zx_pager_create(r->options, out(r)); }

// --- zx_pager_create_vmo

static zx_status_t create_vmo(const row_t* r) {
  return zx_pager_create_vmo(row_pager(r), r->options, row_port(r), 7, r->size, out(r));
}

// --- zx_pager_detach_vmo

static zx_status_t detach_vmo(const row_t* r) { return zx_pager_detach_vmo(row_pager(r), row_vmo(r)); }

static void completes(const row_t* r) {
  (void)r;
  COMPLETE(scene.v->pager, scene.v->key);
  COMMITTED(scene.v, 0);
}

static void completes_once(const row_t* r) {
  (void)r;
  zx_port_packet_t packet;
  STATUS(ZX_ERR_TIMED_OUT, zx_port_wait(scene.v->pager->port, 0, &packet));
}

// nothing_done: still attached, all pages there.
static void nothing_done(const row_t* r) {
  (void)r;
  COMMITTED(scene.v, 4);
  CONTENT_READ(scene.v, 0, 4);
  completes_once(r);
}

// --- zx_vmo_create

static zx_status_t anonymous(const row_t* r) { return zx_vmo_create(r->size, r->options, out(r)); }

#define ATTACH ZX_RIGHT_ATTACH_VMO
#define MANAGE ZX_RIGHT_MANAGE_VMO
#define BOTH_OF (ZX_VMO_RESIZABLE | ZX_VMO_UNBOUNDED)
#define BADH ZX_ERR_BAD_HANDLE
#define TYPE ZX_ERR_WRONG_TYPE
#define DENIED ZX_ERR_ACCESS_DENIED
#define ARGS ZX_ERR_INVALID_ARGS
#define RANGE ZX_ERR_OUT_OF_RANGE

static const test_t tests[] = {
    CALL("E-pager_create-2a", create, ARGS, .options = 1),
    CALL("E-pager_create-2b", create, ARGS, .options = ~0u),
    CALL("E-pager_create-2c", create, ARGS, .options = 1u << 31),
    CALL("E-pager_create-4", create, ZX_OK, .data = 0x01808002, .after = has_rights),
    CALL("E-pager_create-out-null", create, ARGS, .buffer = NULL_POINTER),
    CALL("E-pager_create-out-kernel", create, ARGS, .buffer = KERNEL_SPACE),
    CALL("E-pager_create-out-hole", create, ARGS, .buffer = HOLE),
    CALL("E-pager_create-out-read-only", create, ARGS, .buffer = READ_ONLY),

    CALL("E-pager_create_vmo-2a", create_vmo, BADH, .pager = NIL, .size = PAGE),
    CALL("E-pager_create_vmo-2b", create_vmo, BADH, .pager = STALE, .size = PAGE),
    CALL("E-pager_create_vmo-2c", create_vmo, TYPE, .pager = OTHER, .size = PAGE),
    CALL("E-pager_create_vmo-2d", create_vmo, DENIED, .pager_lacks = ATTACH, .size = PAGE),
    CALL("E-pager_create_vmo-2e", create_vmo, ZX_OK, .pager_lacks = MANAGE, .size = PAGE),
    CALL("E-pager_create_vmo-2before3a", create_vmo, BADH, .pager = NIL, .third = OTHER, .size = PAGE),
    CALL("E-pager_create_vmo-2before3b", create_vmo, TYPE, .pager = OTHER, .third = NIL, .size = PAGE),
    CALL("E-pager_create_vmo-2before3c", create_vmo, DENIED, .pager_lacks = ATTACH, .third = NIL, .size = PAGE),
    CALL("E-pager_create_vmo-2before5", create_vmo, DENIED, .pager_lacks = ATTACH, .options = ~0u, .size = ~0ul),
    CALL("E-pager_create_vmo-3a", create_vmo, BADH, .third = NIL, .size = PAGE),
    CALL("E-pager_create_vmo-3b", create_vmo, BADH, .third = STALE, .size = PAGE),
    CALL("E-pager_create_vmo-3c", create_vmo, TYPE, .third = OTHER, .size = PAGE),
    CALL("E-pager_create_vmo-3d", create_vmo, DENIED, .third_lacks = ZX_RIGHT_WRITE, .size = PAGE),
    CALL("E-pager_create_vmo-3e", create_vmo, ZX_OK, .third_lacks = ZX_RIGHT_READ, .size = PAGE),
    CALL("E-pager_create_vmo-3before5a", create_vmo, BADH, .third = NIL, .options = ~0u, .size = PAGE),
    CALL("E-pager_create_vmo-3before5b", create_vmo, TYPE, .third = OTHER, .size = ~0ul),
    CALL("E-pager_create_vmo-3before5c", create_vmo, DENIED, .third_lacks = ZX_RIGHT_WRITE, .options = 1, .size = PAGE),
    CALL("E-pager_create_vmo-5a", create_vmo, ARGS, .options = BOTH_OF, .size = PAGE),
    CALL("E-pager_create_vmo-5b", create_vmo, ARGS, .options = ~0u, .size = PAGE),
    CALL("E-pager_create_vmo-5c", create_vmo, ARGS, .options = BOTH_OF, .size = ~0ul),
    CALL("E-pager_create_vmo-5d", create_vmo, RANGE, .size = ~0ul),
    CALL("E-pager_create_vmo-5e", create_vmo, RANGE, .size = TOP + 1),
    CALL("E-pager_create_vmo-5f", create_vmo, RANGE, .options = ZX_VMO_TRAP_DIRTY, .size = ~0ul),
    CALL("E-pager_create_vmo-5g", create_vmo, ARGS, .options = 1u << 0, .size = PAGE),
    CALL("E-pager_create_vmo-5h", create_vmo, ARGS, .options = 1u << 5, .size = PAGE),
    CALL("E-pager_create_vmo-5i", create_vmo, ARGS, .options = 1u << 31, .size = PAGE),
    CALL("E-pager_create_vmo-5j", create_vmo, RANGE, .options = 1u << 5, .size = ~0ul),
    CALL("E-pager_create_vmo-5before7", create_vmo, ARGS, .options = 1u << 5, .size = TOP),
    CALL("E-pager_create_vmo-6a", create_vmo, ARGS, .options = ZX_VMO_DISCARDABLE, .size = PAGE),
    CALL("E-pager_create_vmo-6b", create_vmo, ARGS, .options = ZX_VMO_DISCARDABLE | ZX_VMO_TRAP_DIRTY, .size = PAGE),
    CALL("E-pager_create_vmo-5before6", create_vmo, RANGE, .options = ZX_VMO_DISCARDABLE, .size = ~0ul),
    CALL("E-pager_create_vmo-6before7", create_vmo, ARGS, .options = ZX_VMO_DISCARDABLE, .size = TOP),
    CALL("E-pager_create_vmo-7a", create_vmo, RANGE, .size = TOP),
    CALL("E-pager_create_vmo-7b", create_vmo, RANGE, .size = MAX_SIZE + 1),
    CALL("E-pager_create_vmo-7c", create_vmo, ZX_OK, .size = MAX_SIZE, .data = MAX_SIZE, .after = has_size),
    CALL("E-pager_create_vmo-8a", create_vmo, ZX_OK, .size = 0, .data = 0, .after = has_size),
    CALL("E-pager_create_vmo-8b", create_vmo, ZX_OK, .size = 1, .data = PAGE, .after = has_size),
    CALL("E-pager_create_vmo-8c", create_vmo, ZX_OK, .size = PAGE + 1, .data = 2 * PAGE, .after = has_size),
    CALL("E-pager_create_vmo-8d", create_vmo, ZX_OK, .size = PAGE, .data = 0xD0EF, .after = has_rights),
    CALL("E-pager_create_vmo-8e", create_vmo, ZX_OK, .options = ZX_VMO_RESIZABLE, .size = PAGE, .data = 0x40D0EF, .after = has_rights),
    CALL("E-pager_create_vmo-8f", create_vmo, ZX_OK, .options = ZX_VMO_TRAP_DIRTY, .size = PAGE, .data = 0xD0EF, .after = has_rights),
    CALL("E-pager_create_vmo-8g", create_vmo, ZX_OK, .options = ZX_VMO_UNBOUNDED, .size = 5, .data = MAX_SIZE, .after = has_size),
    CALL("E-pager_create_vmo-8h", create_vmo, ZX_OK, .options = ZX_VMO_UNBOUNDED, .size = 5, .after = has_nothing_dirty),
    CALL("E-pager_create_vmo-out-null", create_vmo, ARGS, .size = PAGE, .buffer = NULL_POINTER),
    CALL("E-pager_create_vmo-out-hole", create_vmo, ARGS, .size = PAGE, .buffer = HOLE),
    CALL("E-pager_create_vmo-out-kernel", create_vmo, ARGS, .size = PAGE, .buffer = KERNEL_SPACE),
    CALL("E-pager_create_vmo-7before-out", create_vmo, RANGE, .size = TOP, .buffer = NULL_POINTER),

    CALL("E-pager_detach_vmo-1a", detach_vmo, BADH, .pager = NIL, .after = nothing_done),
    CALL("E-pager_detach_vmo-1b", detach_vmo, BADH, .pager = STALE, .after = nothing_done),
    CALL("E-pager_detach_vmo-1c", detach_vmo, TYPE, .pager = OTHER, .after = nothing_done),
    CALL("E-pager_detach_vmo-1d", detach_vmo, DENIED, .pager_lacks = ATTACH, .after = nothing_done),
    CALL("E-pager_detach_vmo-1e", detach_vmo, DENIED, .pager_lacks = MANAGE, .after = nothing_done),
    CALL("E-pager_detach_vmo-1f", detach_vmo, DENIED, .pager_lacks = ATTACH | MANAGE, .after = nothing_done),
    CALL("E-pager_detach_vmo-1before2a", detach_vmo, TYPE, .pager = OTHER, .vmo = NIL),
    CALL("E-pager_detach_vmo-1before2b", detach_vmo, DENIED, .pager_lacks = MANAGE, .vmo = NIL),
    CALL("E-pager_detach_vmo-2a", detach_vmo, BADH, .vmo = NIL),
    CALL("E-pager_detach_vmo-2b", detach_vmo, BADH, .vmo = STALE),
    CALL("E-pager_detach_vmo-2c", detach_vmo, TYPE, .vmo = OTHER),
    CALL("E-pager_detach_vmo-2d", detach_vmo, DENIED, .vmo_lacks = ZX_RIGHT_WRITE, .after = nothing_done),
    CALL("E-pager_detach_vmo-2before3a", detach_vmo, DENIED, .vmo = FOREIGN, .vmo_lacks = ZX_RIGHT_WRITE),
    CALL("E-pager_detach_vmo-2before3b", detach_vmo, DENIED, .vmo = ANON, .vmo_lacks = ZX_RIGHT_WRITE),
    CALL("E-pager_detach_vmo-3a", detach_vmo, ARGS, .vmo = FOREIGN, .after = nothing_done),
    CALL("E-pager_detach_vmo-3b", detach_vmo, ARGS, .vmo = ANON, .after = nothing_done),
    CALL("E-pager_detach_vmo-4a", detach_vmo, ZX_OK, .after = completes),
    CALL("E-pager_detach_vmo-4b", detach_vmo, ZX_OK, .state = CUT_OFF, .after = completes_once),
    CALL("E-pager_detach_vmo-4c", detach_vmo, ZX_OK, .state = ABSENT_PAGES, .after = completes),
    CALL("E-pager_detach_vmo-4d", detach_vmo, ZX_OK, .vmo_lacks = ZX_RIGHT_READ | ZX_RIGHT_MAP, .after = completes),

    CALL("E-vmo_create-1a", anonymous, ARGS, .options = BOTH_OF, .size = PAGE),
    CALL("E-vmo_create-1before2", anonymous, ARGS, .options = BOTH_OF, .size = ~0ul),
    CALL("E-vmo_create-2a", anonymous, RANGE, .size = ~0ul),
    CALL("E-vmo_create-2b", anonymous, RANGE, .size = TOP + 1),
    CALL("E-vmo_create-2before3", anonymous, RANGE, .options = 1u << 5, .size = ~0ul),
    CALL("E-vmo_create-3a", anonymous, ARGS, .options = ZX_VMO_TRAP_DIRTY, .size = PAGE),
    CALL("E-vmo_create-3b", anonymous, ARGS, .options = 1u << 0, .size = PAGE),
    CALL("E-vmo_create-3c", anonymous, ARGS, .options = 1u << 5, .size = PAGE),
    CALL("E-vmo_create-3d", anonymous, ARGS, .options = ~0u, .size = PAGE),
    CALL("E-vmo_create-3before4", anonymous, ARGS, .options = ZX_VMO_TRAP_DIRTY, .size = TOP),
    CALL("E-vmo_create-4a", anonymous, RANGE, .size = TOP),
    CALL("E-vmo_create-4b", anonymous, RANGE, .size = MAX_SIZE + 1),
    CALL("E-vmo_create-4c", anonymous, ZX_OK, .size = MAX_SIZE, .data = MAX_SIZE, .after = has_pages),
    CALL("E-vmo_create-5a", anonymous, ZX_OK, .size = 0, .data = 0, .after = has_pages),
    CALL("E-vmo_create-5b", anonymous, ZX_OK, .size = 1, .data = PAGE, .after = has_pages),
    CALL("E-vmo_create-5c", anonymous, ZX_OK, .options = ZX_VMO_DISCARDABLE, .size = PAGE, .data = 0xD0EF, .after = has_rights),
    CALL("E-vmo_create-5d", anonymous, ZX_OK, .options = ZX_VMO_RESIZABLE, .size = PAGE, .data = 0x40D0EF, .after = has_rights),
    CALL("E-vmo_create-out-null", anonymous, ARGS, .size = PAGE, .buffer = NULL_POINTER),
    CALL("E-vmo_create-out-hole", anonymous, ARGS, .size = PAGE, .buffer = HOLE),
    CALL("E-vmo_create-out-read-only", anonymous, ARGS, .size = PAGE, .buffer = READ_ONLY),
};

const table_t call_tests = {tests, COUNT(tests)};
