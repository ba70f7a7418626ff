// Rows of the VMO calls: read, write, op_range, the sizes, children.
#include "calls.h"

#define BADH ZX_ERR_BAD_HANDLE
#define TYPE ZX_ERR_WRONG_TYPE
#define DENIED ZX_ERR_ACCESS_DENIED
#define ARGS ZX_ERR_INVALID_ARGS
#define RANGE ZX_ERR_OUT_OF_RANGE
#define UNSUPPORTED ZX_ERR_NOT_SUPPORTED
#define END4 (4 * PAGE)
#define NO_READ_RIGHT .vmo_lacks = ZX_RIGHT_READ
#define NO_WRITE_RIGHT .vmo_lacks = ZX_RIGHT_WRITE
#define NO_RIGHT .vmo_lacks = ~(ZX_RIGHT_TRANSFER)

// --- zx_vmo_read, zx_vmo_write

static zx_status_t vmo_read(const row_t* r) {
  zx_handle_t v = row_vmo(r);
  return zx_vmo_read(v, row_memory(r->buffer, 8 * PAGE), r->offset, r->length);
}

static zx_status_t vmo_write(const row_t* r) {
  zx_handle_t v = row_vmo(r);
  return zx_vmo_write(v, row_memory(r->buffer, 8 * PAGE), r->offset, r->length);
}

static void was_read(const row_t* r) {
  CHECK(same_bytes(scene.v, r->offset / PAGE, r->length / PAGE, scene.fine));
  NOT_MODIFIED(scene.v);
  NO_RANGES(scene.v);
}

static void was_written(const row_t* r) {
  want_fill(scene.v, r->offset / PAGE, r->length / PAGE, 0);
  CONTENT_READ(scene.v, 0, 4);
  MODIFIED(scene.v);
}

static void not_written(const row_t* r) {
  (void)r;
  CONTENT_READ(scene.v, 0, 4);
  NOT_MODIFIED(scene.v);
  NO_RANGES(scene.v);
}

#define RW(name, fn, weak, strong)                                                     \
  CALL(name "-1a", fn, BADH, .vmo = NIL, .length = PAGE),                              \
  CALL(name "-1b", fn, BADH, .vmo = STALE, .length = PAGE),                            \
  CALL(name "-1c", fn, TYPE, .vmo = OTHER, .length = PAGE),                            \
  CALL(name "-1d", fn, DENIED, .vmo_lacks = weak, .length = PAGE, .after = not_written), \
  CALL(name "-1e", fn, ZX_OK, .vmo_lacks = strong, .length = PAGE),                    \
  CALL(name "-1before2", fn, DENIED, .vmo_lacks = weak, .offset = TOP, .length = PAGE), \
  CALL(name "-1before4", fn, DENIED, .vmo_lacks = weak, .offset = END4, .length = PAGE), \
  CALL(name "-1before5", fn, DENIED, .vmo_lacks = weak),                               \
  CALL(name "-2a", fn, RANGE, .offset = TOP, .length = PAGE, .after = not_written),    \
  CALL(name "-2b", fn, RANGE, .offset = ~0ul, .length = 1, .after = not_written),      \
  CALL(name "-2c", fn, RANGE, .offset = 1, .length = ~0ul, .after = not_written),      \
  CALL(name "-4a", fn, RANGE, .offset = END4, .length = 1, .after = not_written),      \
  CALL(name "-4b", fn, RANGE, .length = END4 + 1, .after = not_written),               \
  CALL(name "-4c", fn, RANGE, .offset = 3 * PAGE, .length = PAGE + 1, .after = not_written), \
  CALL(name "-4d", fn, RANGE, .offset = END4 + 1, .after = not_written),               \
  CALL(name "-4e", fn, RANGE, .offset = END4 + PAGE, .length = PAGE, .after = not_written), \
  CALL(name "-4before6", fn, RANGE, .offset = END4, .length = 1, .buffer = NULL_POINTER), \
  CALL(name "-4-stream", fn, ZX_OK, .state = SMALL_STREAM, .offset = 3 * PAGE, .length = PAGE), \
  CALL(name "-5a", fn, ZX_OK, .after = not_written),                                   \
  CALL(name "-5b", fn, ZX_OK, .offset = END4, .after = not_written),                   \
  CALL(name "-5before6", fn, ZX_OK, .buffer = NULL_POINTER),                           \
  CALL(name "-5-absent", fn, ZX_OK, .state = ABSENT_PAGES, .offset = PAGE),            \
  CALL(name "-6-detached", fn, ZX_ERR_BAD_STATE, .state = CUT_OFF, .length = PAGE),    \
  CALL(name "-6-null", fn, ZX_ERR_NOT_FOUND, .length = PAGE, .buffer = NULL_POINTER),  \
  CALL(name "-6-kernel", fn, ZX_ERR_NOT_FOUND, .length = PAGE, .buffer = KERNEL_SPACE), \
  CALL(name "-6-hole", fn, ZX_ERR_NOT_FOUND, .length = PAGE, .buffer = HOLE),          \
  CALL(name "-6-past-end", fn, RANGE, .length = PAGE, .buffer = PAST_END)

// --- zx_vmo_op_range

static zx_status_t op_range(const row_t* r) {
  return zx_vmo_op_range(row_vmo(r), r->op, r->offset, r->length, NULL, 0);
}

// OPS is what every op does with its handle; weak is the right it needs.
#define OPS(name, code, weak)                                                                     \
  CALL("E-vmo_" name "-1a", op_range, BADH, .op = code, .vmo = NIL, .length = PAGE),              \
  CALL("E-vmo_" name "-1b", op_range, BADH, .op = code, .vmo = STALE, .length = PAGE),            \
  CALL("E-vmo_" name "-1c", op_range, TYPE, .op = code, .vmo = OTHER, .length = PAGE),            \
  CALL("E-vmo_" name "-2a", op_range, DENIED, .op = code, .vmo_lacks = weak, .length = PAGE),     \
  CALL("E-vmo_" name "-2before3", op_range, DENIED, .op = code, .vmo_lacks = weak, .offset = END4, .length = PAGE)

// RANGES_OF is what every op does with a bad range; right is what it needs besides.
#define RANGES_OF(name, code)                                                                     \
  CALL("E-vmo_" name "-3a", op_range, RANGE, .op = code, .offset = TOP, .length = PAGE),          \
  CALL("E-vmo_" name "-3b", op_range, RANGE, .op = code, .offset = PAGE, .length = TOP),          \
  CALL("E-vmo_" name "-3c", op_range, RANGE, .op = code, .offset = END4, .length = PAGE),         \
  CALL("E-vmo_" name "-3d", op_range, RANGE, .op = code, .length = END4 + PAGE),                  \
  CALL("E-vmo_" name "-3e", op_range, RANGE, .op = code, .length = END4 + 1),                     \
  /* DONT_NEED of nothing is fine before the bounds */                                            \
  CALL("E-vmo_" name "-3f", op_range, (code) == ZX_VMO_OP_DONT_NEED ? ZX_OK : RANGE, .op = code, .offset = END4 + PAGE), \
  CALL("E-vmo_" name "-3g", op_range, RANGE, .op = code, .offset = 1, .length = ~0ul)

#define COMMITS(step, status, ...) CALL("E-vmo_commit-" step, op_range, status, .op = ZX_VMO_OP_COMMIT, __VA_ARGS__)
#define DECOMMITS(step, status, ...) CALL("E-vmo_decommit-" step, op_range, status, .op = ZX_VMO_OP_DECOMMIT, __VA_ARGS__)
#define ZEROES(step, status, ...) CALL("E-vmo_zero-" step, op_range, status, .op = ZX_VMO_OP_ZERO, __VA_ARGS__)
#define PREFETCHES(step, status, ...) CALL("E-vmo_prefetch-" step, op_range, status, .op = ZX_VMO_OP_PREFETCH, __VA_ARGS__)
#define NEEDS(step, status, ...) CALL("E-vmo_always_need-" step, op_range, status, .op = ZX_VMO_OP_ALWAYS_NEED, __VA_ARGS__)
#define NEEDS_NOT(step, status, ...) CALL("E-vmo_dont_need-" step, op_range, status, .op = ZX_VMO_OP_DONT_NEED, __VA_ARGS__)
#define ANY_OP(step, status, ...) CALL("E-vmo_op-" step, op_range, status, __VA_ARGS__)
#define BOTH_RIGHTS (ZX_RIGHT_READ | ZX_RIGHT_WRITE)

// HINTS: no right is needed; an anonymous VMO's range is not even looked at.
#define HINTS(name, code)                                                                                       \
  CALL("E-vmo_" name "-1a", op_range, BADH, .op = code, .vmo = NIL, .length = PAGE),                            \
  CALL("E-vmo_" name "-1b", op_range, BADH, .op = code, .vmo = STALE, .length = PAGE),                          \
  CALL("E-vmo_" name "-1c", op_range, TYPE, .op = code, .vmo = OTHER, .length = PAGE),                          \
  CALL("E-vmo_" name "-2", op_range, ZX_OK, .op = code, NO_RIGHT, .length = PAGE),                              \
  RANGES_OF(name, code),                                                                                        \
  CALL("E-vmo_" name "-4a", op_range, ZX_OK, .op = code),                                                       \
  CALL("E-vmo_" name "-4b", op_range, ZX_OK, .op = code, .offset = END4),                                       \
  CALL("E-vmo_" name "-4c", op_range, ZX_OK, .op = code, .offset = 7, .length = END4 - 9),                      \
  CALL("E-vmo_" name "-5a", op_range, ZX_OK, .op = code, .vmo = ANON, .offset = TOP, .length = PAGE),           \
  CALL("E-vmo_" name "-5b", op_range, ZX_OK, .op = code, .vmo = ANON, .offset = END4, .length = PAGE)

static void all_there(const row_t* r) {
  COMMITTED(scene.v, 4);
  if (r->state == 0) {
    NO_RANGES(scene.v);
    NOT_MODIFIED(scene.v);
  }
}

static void zero_range(const row_t* r) {
  RANGES(scene.v, Z(r->offset / PAGE, r->length / PAGE));
  COMMITTED(scene.v, (r->state & ABSENT_PAGES) != 0 ? 0 : 4 - r->length / PAGE);
  MODIFIED(scene.v);
}

// zero_edges: bytes 8 to the end less 8 were zeroed, all pages clean before.
static void zero_edges(const row_t* r) {
  (void)r;
  RANGES(scene.v, D(0, 1), Z(1, 2), D(3, 1));
  MODIFIED(scene.v);
}

// --- The sizes

static zx_status_t get_size(const row_t* r) { return zx_vmo_get_size(row_vmo(r), row_memory(r->buffer, PAGE)); }

static zx_status_t get_stream_size(const row_t* r) {
  return zx_vmo_get_stream_size(row_vmo(r), row_memory(r->buffer, PAGE));
}

static void answers(const row_t* r) { EQUAL(r->data, *(uint64_t*)scene.fine); }

static zx_status_t set_size(const row_t* r) { return zx_vmo_set_size(row_vmo(r), r->size); }

static zx_status_t set_stream_size(const row_t* r) { return zx_vmo_set_stream_size(row_vmo(r), r->size); }

// sizes_are: data is the size, the wanted size the stream's.
static void sizes_are(const row_t* r) {
  uint64_t size, stream;
  OK(zx_vmo_get_size(scene.v->handle, &size));
  OK(zx_vmo_get_stream_size(scene.v->handle, &stream));
  EQUAL(r->data, size);
  EQUAL(r->want == ZX_OK ? r->size : END4, stream);
  scene.v->pages = size / PAGE;
}

static void resized(const row_t* r) {
  sizes_are(r);
  MODIFIED(scene.v);
}

static void not_resized(const row_t* r) {
  sizes_are(r);
  NOT_MODIFIED(scene.v);
}

#define GETS(name, fn)                                                              \
  CALL(name "-1a", fn, BADH, .vmo = NIL), CALL(name "-1b", fn, BADH, .vmo = STALE), \
  CALL(name "-1c", fn, TYPE, .vmo = OTHER),                                         \
  CALL(name "-2", fn, ZX_OK, NO_RIGHT, .data = END4, .after = answers),             \
  CALL(name "-1before-out", fn, BADH, .vmo = NIL, .buffer = NULL_POINTER),          \
  CALL(name "-out-null", fn, ARGS, .buffer = NULL_POINTER),                         \
  CALL(name "-out-kernel", fn, ARGS, .buffer = KERNEL_SPACE),                       \
  CALL(name "-out-hole", fn, ARGS, .buffer = HOLE)

#define R(step, status, ...) CALL("E-vmo_set_size-" step, set_size, status, __VA_ARGS__)
#define K(step, status, ...) CALL("E-vmo_set_stream_size-" step, set_stream_size, status, __VA_ARGS__)
#define NO_RESIZE_RIGHT .state = RESIZES, .vmo_lacks = ZX_RIGHT_RESIZE

// --- zx_vmo_create_child

static zx_status_t create_child(const row_t* r) {
  zx_handle_t child;
  zx_status_t status =
      zx_vmo_create_child(scene.v->handle, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, PAGE, &child);
  if (status == ZX_ERR_NOT_SUPPORTED) {
    not_yet("clones");
  }
  OK(status);
  OK(zx_handle_close(child));
  return zx_vmo_create_child(row_vmo(r), r->options, r->offset, r->size,
                             r->buffer == FINE ? &scene.made : row_memory(r->buffer, PAGE));
}

#define ON_WRITE ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE
#define N(step, status, ...) CALL("E-vmo_create_child-" step, create_child, status, __VA_ARGS__)

static const test_t tests[] = {
    RW("E-vmo_read", vmo_read, ZX_RIGHT_READ, ZX_RIGHT_WRITE),
    CALL("E-vmo_read-6-read-only", vmo_read, DENIED, .length = PAGE, .buffer = READ_ONLY),
    CALL("E-vmo_read-whole", vmo_read, ZX_OK, .length = END4, .after = was_read),
    CALL("E-vmo_read-6-dirty-detached", vmo_read, ZX_OK, .state = DIRTY_PAGES | CUT_OFF, .offset = 2 * PAGE, .length = PAGE),
    RW("E-vmo_write", vmo_write, ZX_RIGHT_WRITE, ZX_RIGHT_READ),
    CALL("E-vmo_write-6-read-only", vmo_write, ZX_OK, .length = PAGE, .buffer = READ_ONLY),
    CALL("E-vmo_write-whole", vmo_write, ZX_OK, .length = END4, .after = was_written),
    CALL("E-vmo_write-6-dirty-detached", vmo_write, ZX_OK, .state = DIRTY_PAGES | TRAPS_WRITES | CUT_OFF, .offset = 2 * PAGE, .length = PAGE),
    CALL("E-vmo_write-6-trap-detached", vmo_write, ZX_ERR_BAD_STATE, .state = DIRTY_PAGES | TRAPS_WRITES | CUT_OFF, .offset = PAGE, .length = PAGE),

    ANY_OP("2a", ARGS, .op = 0, .length = PAGE),
    ANY_OP("2b", ARGS, .op = 5, .length = PAGE),
    ANY_OP("2c", ARGS, .op = 15, .length = PAGE),
    ANY_OP("2d", ARGS, .op = ~0u, .length = PAGE),
    ANY_OP("1before2a", BADH, .op = 0, .vmo = NIL),
    ANY_OP("1before2b", TYPE, .op = 0, .vmo = OTHER),
    ANY_OP("2before-rights", ARGS, .op = 5, NO_RIGHT),
    ANY_OP("2before3", ARGS, .op = 5, .offset = END4, .length = PAGE),

    OPS("commit", ZX_VMO_OP_COMMIT, ZX_RIGHT_WRITE), RANGES_OF("commit", ZX_VMO_OP_COMMIT),
    COMMITS("2b", ZX_OK, NO_READ_RIGHT, .length = PAGE),
    COMMITS("4a", ZX_OK), COMMITS("4b", ZX_OK, .offset = END4),
    COMMITS("4c", ZX_OK, .length = END4, .after = all_there),
    COMMITS("4d", ZX_OK, .offset = 7, .length = END4 - 9, .after = all_there),
    COMMITS("4-detached", ZX_ERR_BAD_STATE, .state = CUT_OFF, .length = PAGE),
    COMMITS("4-detached-dirty", ZX_OK, .state = DIRTY_PAGES | CUT_OFF, .length = PAGE),

    OPS("decommit", ZX_VMO_OP_DECOMMIT, ZX_RIGHT_WRITE), RANGES_OF("decommit", ZX_VMO_OP_DECOMMIT),
    DECOMMITS("4a", ZX_OK), DECOMMITS("4b", ZX_OK, .offset = END4), DECOMMITS("4before6", ZX_OK, .offset = 1),
    DECOMMITS("5a", UNSUPPORTED, .length = PAGE, .after = all_there),
    DECOMMITS("5before6", UNSUPPORTED, .offset = 1, .length = 3, .after = all_there),
    DECOMMITS("5-detached", UNSUPPORTED, .state = CUT_OFF, .length = PAGE),
    DECOMMITS("6a", ARGS, .vmo = ANON, .offset = 1, .length = PAGE),
    DECOMMITS("6b", ARGS, .vmo = ANON, .length = 1),
    DECOMMITS("3before6", RANGE, .vmo = ANON, .offset = 1, .length = END4),
    DECOMMITS("7", ZX_OK, .vmo = ANON, .length = END4),

    CALL("E-vmo_lock-2a", op_range, DENIED, .op = ZX_VMO_OP_LOCK, .vmo_lacks = BOTH_RIGHTS, .length = END4),
    CALL("E-vmo_lock-2b", op_range, UNSUPPORTED, .op = ZX_VMO_OP_LOCK, NO_READ_RIGHT, .length = END4),
    CALL("E-vmo_lock-2c", op_range, UNSUPPORTED, .op = ZX_VMO_OP_LOCK, NO_WRITE_RIGHT, .length = END4),
    CALL("E-vmo_lock-3", op_range, UNSUPPORTED, .op = ZX_VMO_OP_LOCK, .length = END4),
    CALL("E-vmo_try_lock-2a", op_range, DENIED, .op = ZX_VMO_OP_TRY_LOCK, .vmo_lacks = BOTH_RIGHTS, .length = END4),
    CALL("E-vmo_try_lock-3", op_range, UNSUPPORTED, .op = ZX_VMO_OP_TRY_LOCK, .length = END4),
    CALL("E-vmo_unlock-2a", op_range, DENIED, .op = ZX_VMO_OP_UNLOCK, .vmo_lacks = BOTH_RIGHTS, .length = END4),
    CALL("E-vmo_unlock-3", op_range, UNSUPPORTED, .op = ZX_VMO_OP_UNLOCK, .length = END4),

    CALL("E-vmo_cache_sync-2", op_range, DENIED, .op = ZX_VMO_OP_CACHE_SYNC, NO_READ_RIGHT, .length = PAGE),
    CALL("E-vmo_cache_sync-3", op_range, ARGS, .op = ZX_VMO_OP_CACHE_SYNC),
    CALL("E-vmo_cache_sync-2before3", op_range, DENIED, .op = ZX_VMO_OP_CACHE_SYNC, NO_READ_RIGHT),
    CALL("E-vmo_cache_sync-4", op_range, ZX_OK, .op = ZX_VMO_OP_CACHE_SYNC, .length = END4, .after = all_there),
    CALL("E-vmo_cache_clean-2", op_range, DENIED, .op = ZX_VMO_OP_CACHE_CLEAN, NO_READ_RIGHT, .length = PAGE),
    CALL("E-vmo_cache_clean-3", op_range, ARGS, .op = ZX_VMO_OP_CACHE_CLEAN),
    CALL("E-vmo_cache_clean-4", op_range, ZX_OK, .op = ZX_VMO_OP_CACHE_CLEAN, .length = END4, .after = all_there),
    CALL("E-vmo_cache_clean_invalidate-2", op_range, DENIED, .op = ZX_VMO_OP_CACHE_CLEAN_INVALIDATE, NO_READ_RIGHT, .length = PAGE),
    CALL("E-vmo_cache_clean_invalidate-3", op_range, ARGS, .op = ZX_VMO_OP_CACHE_CLEAN_INVALIDATE),
    CALL("E-vmo_cache_clean_invalidate-4", op_range, ZX_OK, .op = ZX_VMO_OP_CACHE_CLEAN_INVALIDATE, .length = END4, .after = all_there),
    CALL("E-vmo_cache_invalidate-2", op_range, UNSUPPORTED, .op = ZX_VMO_OP_CACHE_INVALIDATE, NO_WRITE_RIGHT, .length = PAGE),

    OPS("zero", ZX_VMO_OP_ZERO, ZX_RIGHT_WRITE), RANGES_OF("zero", ZX_VMO_OP_ZERO),
    ZEROES("2b", ZX_OK, NO_READ_RIGHT, .length = PAGE),
    ZEROES("4a", ZX_OK, .after = not_written), ZEROES("4b", ZX_OK, .offset = END4, .after = not_written),
    ZEROES("5a", ZX_OK, .offset = PAGE, .length = 2 * PAGE, .after = zero_range),
    ZEROES("5b", ZX_OK, .state = ABSENT_PAGES, .offset = PAGE, .length = 2 * PAGE, .after = zero_range),
    ZEROES("5c", ZX_OK, .state = TRAPS_WRITES, .length = END4, .after = zero_range),
    ZEROES("5d", ZX_OK, .offset = 8, .length = END4 - 16, .after = zero_edges),
    ZEROES("5-detached", ZX_OK, .state = CUT_OFF, .length = PAGE),
    ZEROES("5-detached-part", ZX_ERR_BAD_STATE, .state = CUT_OFF, .offset = 8, .length = 8),

    OPS("prefetch", ZX_VMO_OP_PREFETCH, ZX_RIGHT_READ), RANGES_OF("prefetch", ZX_VMO_OP_PREFETCH),
    PREFETCHES("2b", ZX_OK, NO_WRITE_RIGHT, .length = PAGE),
    PREFETCHES("4a", ZX_OK), PREFETCHES("4b", ZX_OK, .offset = END4),
    PREFETCHES("4c", ZX_OK, .offset = 7, .length = END4 - 9, .after = all_there),
    PREFETCHES("4-detached", ZX_ERR_BAD_STATE, .state = CUT_OFF, .length = PAGE),

    HINTS("always_need", ZX_VMO_OP_ALWAYS_NEED), HINTS("dont_need", ZX_VMO_OP_DONT_NEED),
    NEEDS("6-detached", ZX_OK, .state = CUT_OFF, .length = END4),
    NEEDS_NOT("6-absent", ZX_OK, .state = ABSENT_PAGES, .length = END4),

    GETS("E-vmo_get_size", get_size), GETS("E-vmo_get_stream_size", get_stream_size),
    CALL("E-vmo_get_size-3", get_size, ZX_OK, .state = SMALL_STREAM, .data = END4, .after = answers),
    CALL("E-vmo_get_stream_size-3", get_stream_size, ZX_OK, .state = SMALL_STREAM, .data = PAGE, .after = answers),

    R("1a", BADH, .vmo = NIL, .size = PAGE), R("1b", BADH, .vmo = STALE, .size = PAGE), R("1c", TYPE, .vmo = OTHER, .size = PAGE),
    R("1d", DENIED, .state = RESIZES, .vmo_lacks = ZX_RIGHT_WRITE, .size = PAGE, .data = END4, .after = not_resized),
    R("1e", DENIED, .vmo_lacks = ZX_RIGHT_WRITE, .size = PAGE),
    R("1before4", DENIED, .state = RESIZES, .vmo_lacks = ZX_RIGHT_WRITE, .size = ~0ul),
    R("2", DENIED, NO_RESIZE_RIGHT, .size = PAGE, .data = END4, .after = not_resized),
    R("2before4", DENIED, NO_RESIZE_RIGHT, .size = ~0ul),
    R("2before6", DENIED, NO_RESIZE_RIGHT, .size = TOP),
    R("4a", RANGE, .state = RESIZES, .size = ~0ul, .data = END4, .after = not_resized),
    R("4b", RANGE, .state = RESIZES, .size = TOP + 1, .data = END4, .after = not_resized),
    R("4before5", RANGE, .size = ~0ul, .data = END4, .after = not_resized),
    R("5a", ZX_ERR_UNAVAILABLE, .size = PAGE, .data = END4, .after = not_resized),
    R("5b", ZX_ERR_UNAVAILABLE, .size = END4, .data = END4, .after = not_resized),
    R("5c", ZX_ERR_UNAVAILABLE, .size = 0, .data = END4, .after = not_resized),
    R("5d", ZX_ERR_UNAVAILABLE, .vmo = ANON, .size = PAGE),
    R("5before6", ZX_ERR_UNAVAILABLE, .size = TOP, .data = END4, .after = not_resized),
    R("6a", RANGE, .state = RESIZES, .size = TOP, .data = END4, .after = not_resized),
    R("6b", RANGE, .state = RESIZES, .size = MAX_SIZE + 1, .data = END4, .after = not_resized),
    R("8a", ZX_OK, .state = RESIZES, .size = PAGE, .data = PAGE, .after = resized),
    R("8b", ZX_OK, .state = RESIZES, .size = END4, .data = END4, .after = resized),
    R("8c", ZX_OK, .state = RESIZES, .size = PAGE + 5, .data = 2 * PAGE, .after = resized),
    R("8d", ZX_OK, .state = RESIZES, .size = 0, .data = 0, .after = resized),
    R("8e", ZX_OK, .state = RESIZES | CUT_OFF, .size = PAGE, .data = PAGE, .after = resized),
    R("8f", ZX_OK, .state = RESIZES | CUT_OFF, .size = 6 * PAGE, .data = 6 * PAGE, .after = resized),
    R("8g", ZX_OK, .state = RESIZES | CUT_OFF, .size = PAGE - 5, .data = PAGE, .after = resized),
    R("8h", ZX_OK, .state = RESIZES | TRAPS_WRITES | ABSENT_PAGES, .size = 8 * PAGE, .data = 8 * PAGE, .after = resized),

    K("1a", BADH, .vmo = NIL, .size = PAGE), K("1b", BADH, .vmo = STALE, .size = PAGE), K("1c", TYPE, .vmo = OTHER, .size = PAGE),
    K("1d", DENIED, .vmo_lacks = ZX_RIGHT_WRITE, .size = PAGE, .data = END4, .after = not_resized),
    K("1before3", DENIED, .vmo_lacks = ZX_RIGHT_WRITE, .size = END4),
    K("1before4", DENIED, .vmo_lacks = ZX_RIGHT_WRITE, .size = END4 + 1),
    K("3", ZX_OK, .size = END4, .data = END4, .after = not_resized),
    K("3-detached", ZX_OK, .state = CUT_OFF, .size = END4, .data = END4, .after = not_resized),
    K("4a", RANGE, .size = END4 + 1, .data = END4, .after = not_resized),
    K("4b", RANGE, .size = ~0ul, .data = END4, .after = not_resized),
    K("4c", RANGE, .state = RESIZES, .size = END4 + PAGE, .data = END4, .after = not_resized),
    K("5a", ZX_OK, .size = PAGE, .data = END4, .after = sizes_are),
    K("5b", ZX_OK, .size = 0, .data = END4, .after = sizes_are),
    K("5c", ZX_OK, .state = SMALL_STREAM, .size = END4, .data = END4, .after = sizes_are),
    K("5d", ZX_OK, .size = PAGE + 5, .data = END4, .after = resized),
    K("6-detached", ZX_ERR_BAD_STATE, .state = CUT_OFF, .size = PAGE + 5, .data = END4, .after = sizes_are),
    K("6-detached-whole", ZX_OK, .state = CUT_OFF, .size = PAGE, .data = END4, .after = sizes_are),

    N("1a", RANGE, .options = ON_WRITE, .size = ~0ul),
    N("1before2", RANGE, .options = ZX_VMO_CHILD_NO_WRITE | ZX_VMO_CHILD_RESIZABLE, .size = ~0ul),
    N("1before3", RANGE, .options = ON_WRITE, .vmo = NIL, .size = ~0ul),
    N("2a", ARGS, .options = ON_WRITE | ZX_VMO_CHILD_NO_WRITE | ZX_VMO_CHILD_RESIZABLE, .size = PAGE),
    N("2before3", ARGS, .options = ZX_VMO_CHILD_NO_WRITE | ZX_VMO_CHILD_RESIZABLE, .vmo = NIL, .size = PAGE),
    N("3a", BADH, .options = ON_WRITE, .vmo = NIL, .size = PAGE),
    N("3b", TYPE, .options = ON_WRITE, .vmo = OTHER, .size = PAGE),
    N("3c", DENIED, .options = ON_WRITE, .vmo_lacks = ZX_RIGHT_DUPLICATE, .size = PAGE),
    N("3d", DENIED, .options = ON_WRITE, .vmo_lacks = ZX_RIGHT_READ, .size = PAGE),
    N("3before5", DENIED, .options = 0, .vmo_lacks = ZX_RIGHT_READ, .size = PAGE),
    N("5a", ARGS, .options = 0, .size = PAGE),
    N("5b", ARGS, .options = 1u << 1, .size = PAGE),
    N("5c", ARGS, .options = ON_WRITE | 1u << 8, .size = PAGE),
    N("5d", ARGS, .options = ZX_VMO_CHILD_SLICE | ZX_VMO_CHILD_RESIZABLE, .size = PAGE),
    N("5e", ARGS, .options = ZX_VMO_CHILD_SLICE | ON_WRITE, .size = PAGE),
    N("6-snapshot", UNSUPPORTED, .options = ZX_VMO_CHILD_SNAPSHOT, .size = PAGE),
    N("6-unaligned", ARGS, .options = ON_WRITE, .offset = 1, .size = PAGE),
    N("6-wrap", RANGE, .options = ON_WRITE, .offset = TOP, .size = PAGE),
    N("6-slice-unaligned", ARGS, .options = ZX_VMO_CHILD_SLICE, .offset = 1, .size = PAGE),
    N("6-slice-rounded", ZX_OK, .options = ZX_VMO_CHILD_SLICE, .size = PAGE + 1),
    N("6-slice-empty", ZX_OK, .options = ZX_VMO_CHILD_SLICE, .offset = END4),
    N("6-slice-outside", ARGS, .options = ZX_VMO_CHILD_SLICE, .offset = END4, .size = PAGE),
    N("6-slice-resizable", UNSUPPORTED, .options = ZX_VMO_CHILD_SLICE, .state = RESIZES, .size = PAGE),
    N("6-reference-offset", ARGS, .options = ZX_VMO_CHILD_REFERENCE, .offset = PAGE),
    N("6-reference-size", ARGS, .options = ZX_VMO_CHILD_REFERENCE, .size = PAGE),
    N("3-reference-resizable", DENIED, .options = ZX_VMO_CHILD_REFERENCE | ZX_VMO_CHILD_RESIZABLE),
    N("7", ZX_OK, .options = ON_WRITE, .size = PAGE),
};

const table_t call_vmo_tests = {tests, COUNT(tests)};
