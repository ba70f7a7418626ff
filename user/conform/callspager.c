// Rows of zx_pager_supply_pages, zx_pager_op_range and the two queries.
#include "calls.h"

#define MANAGE ZX_RIGHT_MANAGE_VMO
#define BADH ZX_ERR_BAD_HANDLE
#define TYPE ZX_ERR_WRONG_TYPE
#define DENIED ZX_ERR_ACCESS_DENIED
#define ARGS ZX_ERR_INVALID_ARGS
#define RANGE ZX_ERR_OUT_OF_RANGE
#define END4 (4 * PAGE)

// --- zx_pager_supply_pages

static zx_status_t supply_pages(const row_t* r) {
  return zx_pager_supply_pages(row_pager(r), row_vmo(r), r->offset, r->length, row_source(r), r->third_offset);
}

// source_is: all pages of the source hold that byte.
static void source_is(uint8_t byte) {
  uint8_t* data = BUFFER(END4);
  OK(zx_vmo_read(scene.anon, data, 0, END4));
  for (uint64_t i = 0; i < END4; i++) {
    if (data[i] != byte) {
      differs(HERE, "byte %#lx of the source: expected %#x, got %#x", i, byte, data[i]);
    }
  }
}

static void source_kept(const row_t* r) {
  (void)r;
  source_is(0xa5);
  COMMITTED(scene.v, 0);
}

// source_emptied: by the first step, though the second was refused.
static void source_emptied(const row_t* r) {
  (void)r;
  source_is(0);
  EQUAL(0, vmo_info(HERE, scene.anon).committed_bytes);
  COMMITTED(scene.v, 0);
}

static void supplied(const row_t* r) {
  source_is(0);
  COMMITTED(scene.v, r->length / PAGE);
  want_fill(scene.v, r->offset / PAGE, r->length / PAGE, 0xa5);
  CONTENT_READ(scene.v, r->offset / PAGE, r->length / PAGE);
  NO_RANGES(scene.v);
  NOT_MODIFIED(scene.v);
}

// supply_own supplies a pager VMO from itself, a pager VMO being no source.
static zx_status_t supply_own(const row_t* r) {
  return zx_pager_supply_pages(row_pager(r), row_vmo(r), r->offset, r->length,
                               r->third == FOREIGN ? scene.foreign->handle : scene.v->handle, r->third_offset);
}

#define S(step, status, ...) CALL("E-supply_pages-" step, supply_pages, status, .state = ABSENT_PAGES, __VA_ARGS__)
#define CUT (ABSENT_PAGES | CUT_OFF)

// --- zx_pager_op_range

static zx_status_t op_range(const row_t* r) {
  return zx_pager_op_range(row_pager(r), r->op, row_vmo(r), r->offset, r->length, r->data);
}

#define FAILS_WITH(code) ((uint64_t)(int64_t)(code))
#define F(step, status, ...) CALL("E-op_fail-" step, op_range, status, .op = ZX_PAGER_OP_FAIL, __VA_ARGS__)
#define O(step, status, ...) CALL("E-op_dirty-" step, op_range, status, .op = ZX_PAGER_OP_DIRTY, __VA_ARGS__)
#define B(step, status, ...) CALL("E-op_begin-" step, op_range, status, .op = ZX_PAGER_OP_WRITEBACK_BEGIN, __VA_ARGS__)
#define E(step, status, ...) CALL("E-op_end-" step, op_range, status, .op = ZX_PAGER_OP_WRITEBACK_END, __VA_ARGS__)
#define U(step, status, ...) CALL("E-op_unknown-" step, op_range, status, __VA_ARGS__)

// COMMON is the checks of every op. fine is data it accepts, wrong data it does not.
#define COMMON(name, code, fine, wrong)                                                                             \
  CALL("E-op_" name "-1a", op_range, ARGS, .op = code, .offset = 1, .length = PAGE, .data = fine),                  \
  CALL("E-op_" name "-1b", op_range, ARGS, .op = code, .length = 1, .data = fine),                                  \
  CALL("E-op_" name "-1c", op_range, ARGS, .op = code, .offset = PAGE - 1, .length = PAGE, .data = fine),           \
  CALL("E-op_" name "-1d", op_range, ARGS, .op = code, .length = PAGE + 1, .data = fine),                           \
  CALL("E-op_" name "-1before2", op_range, ARGS, .op = code, .pager = NIL, .offset = 1, .data = fine),              \
  CALL("E-op_" name "-1before3", op_range, ARGS, .op = code, .vmo = NIL, .length = 1, .data = fine),                \
  CALL("E-op_" name "-2a", op_range, BADH, .op = code, .pager = NIL, .length = PAGE, .data = fine),                 \
  CALL("E-op_" name "-2b", op_range, BADH, .op = code, .pager = STALE, .length = PAGE, .data = fine),               \
  CALL("E-op_" name "-2c", op_range, TYPE, .op = code, .pager = OTHER, .length = PAGE, .data = fine),               \
  CALL("E-op_" name "-2d", op_range, DENIED, .op = code, .pager_lacks = MANAGE, .length = PAGE, .data = fine),      \
  CALL("E-op_" name "-2before3", op_range, DENIED, .op = code, .pager_lacks = MANAGE, .vmo = NIL, .data = fine),    \
  CALL("E-op_" name "-3a", op_range, BADH, .op = code, .vmo = NIL, .length = PAGE, .data = fine),                   \
  CALL("E-op_" name "-3b", op_range, BADH, .op = code, .vmo = STALE, .length = PAGE, .data = fine),                 \
  CALL("E-op_" name "-3c", op_range, TYPE, .op = code, .vmo = OTHER, .length = PAGE, .data = fine),                 \
  CALL("E-op_" name "-3d", op_range, DENIED, .op = code, .vmo_lacks = ZX_RIGHT_WRITE, .length = PAGE, .data = fine), \
  CALL("E-op_" name "-3before4", op_range, DENIED, .op = code, .vmo = FOREIGN, .vmo_lacks = ZX_RIGHT_WRITE, .data = fine), \
  CALL("E-op_" name "-4a", op_range, ARGS, .op = code, .vmo = FOREIGN, .length = PAGE, .data = fine),               \
  CALL("E-op_" name "-4b", op_range, ARGS, .op = code, .vmo = ANON, .length = PAGE, .data = fine),                  \
  CALL("E-op_" name "-4before7", op_range, ARGS, .op = code, .vmo = FOREIGN, .offset = END4, .length = PAGE, .data = fine), \
  CALL("E-op_" name "-6a", op_range, ARGS, .op = code, .state = TRAPS_WRITES, .length = PAGE, .data = wrong),       \
  CALL("E-op_" name "-6b", op_range, ARGS, .op = code, .state = TRAPS_WRITES, .length = PAGE, .data = ~0ul << 32),  \
  CALL("E-op_" name "-6c", op_range, ARGS, .op = code, .state = TRAPS_WRITES, .length = PAGE, .data = (fine) + (1ul << 32)), \
  CALL("E-op_" name "-6before7a", op_range, ARGS, .op = code, .state = TRAPS_WRITES, .offset = TOP, .length = PAGE, .data = wrong), \
  CALL("E-op_" name "-6before7b", op_range, ARGS, .op = code, .state = TRAPS_WRITES, .offset = END4, .length = PAGE, .data = wrong), \
  CALL("E-op_" name "-7a", op_range, RANGE, .op = code, .state = TRAPS_WRITES, .offset = TOP, .length = PAGE, .data = fine), \
  CALL("E-op_" name "-7b", op_range, RANGE, .op = code, .state = TRAPS_WRITES, .offset = PAGE, .length = TOP, .data = fine), \
  CALL("E-op_" name "-7c", op_range, RANGE, .op = code, .state = TRAPS_WRITES, .offset = END4, .length = PAGE, .data = fine), \
  CALL("E-op_" name "-7d", op_range, RANGE, .op = code, .state = TRAPS_WRITES, .length = END4 + PAGE, .data = fine), \
  CALL("E-op_" name "-7e", op_range, RANGE, .op = code, .state = TRAPS_WRITES, .offset = END4 + PAGE, .data = fine), \
  CALL("E-op_" name "-7f", op_range, ZX_OK, .op = code, .state = TRAPS_WRITES, .offset = 3 * PAGE, .length = PAGE, .data = fine), \
  CALL("E-op_" name "-zero-length", op_range, ZX_OK, .op = code, .state = TRAPS_WRITES, .offset = PAGE, .data = fine), \
  CALL("E-op_" name "-zero-length-at-end", op_range, ZX_OK, .op = code, .state = TRAPS_WRITES, .offset = END4, .data = fine), \
  CALL("E-op_" name "-7before-detached", op_range, RANGE, .op = code, .state = TRAPS_WRITES | CUT_OFF, .offset = END4, .length = PAGE, .data = fine), \
  CALL("E-op_" name "-whole", op_range, ZX_OK, .op = code, .state = TRAPS_WRITES, .length = END4, .data = fine, .after = page_states)

// page_states: what the op did to a VMO whose pages are clean.
static void page_states(const row_t* r) {
  if (r->op == ZX_PAGER_OP_DIRTY) {
    RANGES(scene.v, D(0, 4));
  } else {
    NO_RANGES(scene.v);
  }
  NOT_MODIFIED(scene.v);
  CONTENT_READ(scene.v, 0, 4);
  COMMITTED(scene.v, 4);
}

static void still_dirty(const row_t* r) {
  (void)r;
  RANGES(scene.v, D(0, 1), D(2, 1));
}

// cleaned by the END that follows.
static void then_clean(const row_t* r) {
  (void)r;
  END(scene.v, 0, 4);
  NO_RANGES(scene.v);
}

static void then_dirty(const row_t* r) {
  (void)r;
  END(scene.v, 0, 4);
  RANGES(scene.v, D(0, 1), D(2, 1));
}

static void nothing_dirty(const row_t* r) {
  (void)r;
  NO_RANGES(scene.v);
}

// --- zx_pager_query_dirty_ranges

static zx_status_t query(const row_t* r) {
  zx_handle_t p = row_pager(r), v = row_vmo(r);
  void* buffer = row_memory(r->buffer, PAGE);
  size_t* actual = r->actual == FINE ? &scene.actual : row_memory(r->actual, PAGE);
  size_t* avail = r->avail == FINE ? &scene.avail : row_memory(r->avail, PAGE);
  scene.actual = scene.avail = 99;
  return zx_pager_query_dirty_ranges(p, v, r->offset, r->length, buffer, r->room, actual, avail);
}

// counted: data is how many were given and, times 16, how many there were.
static void counted(const row_t* r) {
  EQUAL(r->data % 16, scene.actual);
  EQUAL(r->data / 16, scene.avail);
}

#define COUNTS(given, there) .data = (given) + 16 * (there), .after = counted
#define Q(step, status, ...) CALL("E-query_dirty_ranges-" step, query, status, __VA_ARGS__)
#define ENTRY sizeof(zx_vmo_dirty_range_t)

// --- zx_pager_query_vmo_stats

static zx_status_t query_stats(const row_t* r) {
  zx_handle_t p = row_pager(r), v = row_vmo(r);
  return zx_pager_query_vmo_stats(p, v, r->options, row_memory(r->buffer, PAGE), r->room);
}

static void answers_modified(const row_t* r) { EQUAL(r->data, *(uint32_t*)scene.fine); }
static void still_modified(const row_t* r) {
  (void)r;
  MODIFIED(scene.v);
}
static void not_modified_now(const row_t* r) {
  (void)r;
  NOT_MODIFIED(scene.v);
}

#define T(step, status, ...) CALL("E-query_vmo_stats-" step, query_stats, status, __VA_ARGS__)
#define RESET ZX_PAGER_RESET_VMO_STATS

static const test_t tests[] = {
    S("1a", ARGS, .offset = 1, .length = PAGE, .after = source_kept),
    S("1b", ARGS, .length = 1, .after = source_kept),
    S("1c", ARGS, .length = PAGE, .third_offset = 1, .after = source_kept),
    S("1d", ARGS, .offset = PAGE - 1, .length = PAGE, .after = source_kept),
    S("1before2", ARGS, .pager = NIL, .offset = 1),
    S("1before3", ARGS, .vmo = OTHER, .length = 1),
    S("1before5", ARGS, .third = NIL, .third_offset = 1),
    S("2a", BADH, .pager = NIL, .length = PAGE, .after = source_kept),
    S("2b", BADH, .pager = STALE, .length = PAGE, .after = source_kept),
    S("2c", TYPE, .pager = OTHER, .length = PAGE, .after = source_kept),
    S("2d", DENIED, .pager_lacks = MANAGE, .length = PAGE),
    S("2before3a", TYPE, .pager = OTHER, .vmo = NIL, .length = PAGE),
    S("2before3b", DENIED, .pager_lacks = MANAGE, .vmo = NIL, .length = PAGE),
    S("3a", BADH, .vmo = NIL, .length = PAGE, .after = source_kept),
    S("3b", BADH, .vmo = STALE, .length = PAGE, .after = source_kept),
    S("3c", TYPE, .vmo = OTHER, .length = PAGE, .after = source_kept),
    S("3d", DENIED, .vmo_lacks = ZX_RIGHT_WRITE, .length = PAGE, .after = source_kept),
    S("3before4", DENIED, .vmo = FOREIGN, .vmo_lacks = ZX_RIGHT_WRITE, .length = PAGE),
    S("3before5", TYPE, .vmo = OTHER, .third = NIL, .length = PAGE),
    S("4a", ARGS, .vmo = FOREIGN, .length = PAGE, .after = source_kept),
    S("4b", ARGS, .vmo = ANON, .length = PAGE, .after = source_kept),
    S("4before5a", ARGS, .vmo = FOREIGN, .third = NIL, .length = PAGE),
    S("4before5b", ARGS, .vmo = ANON, .third = OTHER, .length = PAGE),
    S("5a", BADH, .third = NIL, .length = PAGE),
    S("5b", BADH, .third = STALE, .length = PAGE),
    S("5c", TYPE, .third = OTHER, .length = PAGE),
    S("5d", DENIED, .third_lacks = ZX_RIGHT_READ, .length = PAGE, .after = source_kept),
    S("5e", DENIED, .third_lacks = ZX_RIGHT_WRITE, .length = PAGE, .after = source_kept),
    S("5before6b", BADH, .third = NIL, .length = PAGE, .third_offset = TOP),
    S("5before6d", DENIED, .third_lacks = ZX_RIGHT_READ, .length = PAGE, .third_offset = END4),
    S("5before7c", DENIED, .third_lacks = ZX_RIGHT_WRITE, .offset = END4, .length = PAGE, .after = source_kept),
    S("6b", RANGE, .length = PAGE, .third_offset = TOP, .after = source_kept),
    S("6b-length", RANGE, .length = TOP, .third_offset = PAGE, .after = source_kept),
    S("6c", ZX_OK, .length = 0, .after = source_kept),
    S("6c-past-end", ZX_OK, .length = 0, .third_offset = END4 + PAGE, .after = source_kept),
    S("6d", RANGE, .length = PAGE, .third_offset = END4, .after = source_kept),
    S("6d-one-page", RANGE, .length = 2 * PAGE, .third_offset = 3 * PAGE, .after = source_kept),
    S("6d-far", RANGE, .length = PAGE, .third_offset = 64 * PAGE, .after = source_kept),
    S("6dbefore7c", RANGE, .offset = END4, .length = 5 * PAGE, .after = source_kept),
    CALL("E-supply_pages-6dbefore6e", supply_own, RANGE, .length = PAGE, .third_offset = END4),
    CALL("E-supply_pages-6e", supply_own, ZX_ERR_NOT_SUPPORTED, .length = PAGE),
    CALL("E-supply_pages-6e-foreign", supply_own, ZX_ERR_NOT_SUPPORTED, .third = FOREIGN, .length = PAGE),
    CALL("E-supply_pages-6cbefore6e", supply_own, ZX_OK, .length = 0),
    CALL("E-supply_pages-6ebefore7c", supply_own, ZX_ERR_NOT_SUPPORTED, .offset = END4, .length = PAGE),
    CALL("E-supply_pages-6dbefore7d", supply_pages, RANGE, .state = CUT, .length = PAGE, .third_offset = END4, .after = source_kept),
    S("7a", RANGE, .offset = TOP - 3 * PAGE, .length = END4, .after = source_emptied),
    S("7b-past-end", ZX_OK, .offset = END4 + PAGE, .after = source_kept),
    CALL("E-supply_pages-7b-detached", supply_pages, ZX_OK, .state = CUT, .offset = END4 + PAGE, .after = source_kept),
    S("7c", RANGE, .offset = PAGE, .length = END4, .after = source_emptied),
    S("7c-at-end", RANGE, .offset = END4, .length = END4, .after = source_emptied),
    CALL("E-supply_pages-7cbefore7d", supply_pages, RANGE, .state = CUT, .offset = PAGE, .length = END4, .after = source_emptied),
    CALL("E-supply_pages-7d", supply_pages, ZX_ERR_BAD_STATE, .state = CUT, .length = END4, .after = source_emptied),
    S("7e", ZX_OK, .length = END4, .after = supplied),
    CALL("E-supply_pages-7d-full", supply_pages, ZX_ERR_BAD_STATE, .state = CUT_OFF, .length = END4, .after = source_emptied),

    COMMON("fail", ZX_PAGER_OP_FAIL, FAILS_WITH(ZX_ERR_IO), 0),
    COMMON("dirty", ZX_PAGER_OP_DIRTY, 0, 1),
    COMMON("begin", ZX_PAGER_OP_WRITEBACK_BEGIN, 0, 2),
    COMMON("end", ZX_PAGER_OP_WRITEBACK_END, 0, 1),

    U("5-zero", ZX_ERR_NOT_SUPPORTED, .op = 0, .length = PAGE),
    U("5-next", ZX_ERR_NOT_SUPPORTED, .op = 5, .length = PAGE),
    U("5-all", ZX_ERR_NOT_SUPPORTED, .op = ~0u, .length = PAGE),
    U("5-data", ZX_ERR_NOT_SUPPORTED, .op = 5, .length = PAGE, .data = 99),
    U("5before7", ZX_ERR_NOT_SUPPORTED, .op = 5, .offset = END4, .length = PAGE),
    U("5-detached", ZX_ERR_NOT_SUPPORTED, .op = 5, .state = CUT_OFF, .length = PAGE),
    U("1before5", ARGS, .op = 5, .offset = 1),
    U("2before5", BADH, .op = 5, .pager = NIL, .length = PAGE),
    U("3before5", DENIED, .op = 5, .vmo_lacks = ZX_RIGHT_WRITE, .length = PAGE),
    U("4before5", ARGS, .op = 5, .vmo = FOREIGN, .length = PAGE),

    F("6-unsigned", ARGS, .length = PAGE, .data = (uint32_t)ZX_ERR_IO),
    F("6-above", ARGS, .length = PAGE, .data = 1ul << 31),
    F("6-below", ARGS, .length = PAGE, .data = 0xffffffff7fffffff),
    F("7-no-memory", ARGS, .length = PAGE, .data = FAILS_WITH(ZX_ERR_NO_MEMORY)),
    F("7-not-found", ARGS, .length = PAGE, .data = FAILS_WITH(ZX_ERR_NOT_FOUND)),
    F("7-internal", ARGS, .length = PAGE, .data = FAILS_WITH(ZX_ERR_INTERNAL)),
    F("7-timed-out", ARGS, .length = PAGE, .data = FAILS_WITH(ZX_ERR_TIMED_OUT)),
    F("7-io-refused", ARGS, .length = PAGE, .data = FAILS_WITH(ZX_ERR_IO_REFUSED)),
    F("7-positive", ARGS, .length = PAGE, .data = 40),
    F("7-integrity", ZX_OK, .length = PAGE, .data = FAILS_WITH(ZX_ERR_IO_DATA_INTEGRITY)),
    F("7-bad-state", ZX_OK, .length = PAGE, .data = FAILS_WITH(ZX_ERR_BAD_STATE)),
    F("7-no-space", ZX_OK, .length = PAGE, .data = FAILS_WITH(ZX_ERR_NO_SPACE)),
    F("7-too-small", ZX_OK, .length = PAGE, .data = FAILS_WITH(ZX_ERR_BUFFER_TOO_SMALL)),
    F("7before9", ARGS, .state = CUT_OFF, .length = PAGE, .data = FAILS_WITH(ZX_ERR_NO_MEMORY)),
    F("9", ZX_ERR_BAD_STATE, .state = CUT_OFF, .length = PAGE, .data = FAILS_WITH(ZX_ERR_IO)),
    F("10-absent", ZX_OK, .state = ABSENT_PAGES, .length = END4, .data = FAILS_WITH(ZX_ERR_IO), .after = nothing_dirty),

    O("7before8", RANGE, .offset = TOP, .length = PAGE),
    O("6before8", ARGS, .length = PAGE, .data = 1),
    O("8", ZX_ERR_NOT_SUPPORTED, .length = PAGE, .after = nothing_dirty),
    O("8-zero-length", ZX_ERR_NOT_SUPPORTED),
    O("8before9", ZX_ERR_NOT_SUPPORTED, .offset = END4 + PAGE, .length = PAGE),
    O("8before10", ZX_ERR_NOT_SUPPORTED, .offset = PAGE, .length = END4),
    O("8before11", ZX_ERR_NOT_SUPPORTED, .state = CUT_OFF, .length = PAGE),
    O("9", RANGE, .state = TRAPS_WRITES, .offset = END4 + PAGE, .length = PAGE),
    O("9before11", RANGE, .state = TRAPS_WRITES | CUT_OFF, .offset = END4 + PAGE),
    O("10", RANGE, .state = TRAPS_WRITES, .offset = PAGE, .length = END4, .after = nothing_dirty),
    O("10before12", RANGE, .state = TRAPS_WRITES | ABSENT_PAGES, .offset = PAGE, .length = END4),
    O("11", ZX_ERR_BAD_STATE, .state = TRAPS_WRITES | CUT_OFF, .length = PAGE),
    O("11before12", ZX_ERR_BAD_STATE, .state = TRAPS_WRITES | ABSENT_PAGES | CUT_OFF, .length = PAGE),
    O("12", ZX_ERR_NOT_FOUND, .state = TRAPS_WRITES | ABSENT_PAGES, .length = PAGE, .after = nothing_dirty),
    O("14-again", ZX_OK, .state = TRAPS_WRITES | DIRTY_PAGES, .length = END4, .after = page_states),

    B("8", ZX_OK, .state = DIRTY_PAGES, .length = END4, .after = still_dirty),
    B("8-then-end", ZX_OK, .state = DIRTY_PAGES, .length = END4, .after = then_clean),
    B("8-zero-then-end", ZX_OK, .state = DIRTY_PAGES, .length = END4, .data = ZX_VMO_DIRTY_RANGE_IS_ZERO, .after = then_dirty),
    B("9-trap", ZX_OK, .state = DIRTY_PAGES | TRAPS_WRITES, .length = END4, .after = then_clean),
    B("9-detached", ZX_OK, .state = DIRTY_PAGES | CUT_OFF, .length = END4, .after = then_clean),
    B("9-detached-zero-length", ZX_OK, .state = CUT_OFF),
    E("9-without-begin", ZX_OK, .state = DIRTY_PAGES, .length = END4, .after = still_dirty),
    E("9-trap", ZX_OK, .state = DIRTY_PAGES | TRAPS_WRITES, .length = END4, .after = still_dirty),
    E("9-detached", ZX_OK, .state = DIRTY_PAGES | CUT_OFF, .length = END4, .after = still_dirty),
    E("9-detached-zero-length", ZX_OK, .state = CUT_OFF),

    Q("1a", BADH, .pager = NIL, .length = END4),
    Q("1b", BADH, .pager = STALE, .length = END4),
    Q("1c", TYPE, .pager = OTHER, .length = END4),
    Q("1d", DENIED, .pager_lacks = MANAGE, .length = END4),
    Q("1before2a", TYPE, .pager = OTHER, .vmo = NIL),
    Q("1before2b", DENIED, .pager_lacks = MANAGE, .vmo = NIL),
    Q("2a", BADH, .vmo = NIL, .length = END4),
    Q("2b", BADH, .vmo = STALE, .length = END4),
    Q("2c", TYPE, .vmo = OTHER, .length = END4),
    Q("2d", DENIED, .vmo_lacks = ZX_RIGHT_READ, .length = END4),
    Q("2e", ZX_OK, .vmo_lacks = ZX_RIGHT_WRITE, .length = END4),
    Q("2before3", DENIED, .vmo = FOREIGN, .vmo_lacks = ZX_RIGHT_READ),
    Q("3a", ARGS, .vmo = FOREIGN, .length = END4),
    Q("3b", ARGS, .vmo = ANON, .length = END4),
    Q("3before4", ARGS, .vmo = FOREIGN, .offset = TOP, .length = PAGE),
    Q("4a", RANGE, .offset = TOP, .length = PAGE),
    Q("4b", RANGE, .offset = ~0ul, .length = 1),
    Q("4c", RANGE, .offset = END4, .length = 1),
    Q("4d", RANGE, .length = END4 + 1),
    Q("4e", RANGE, .offset = END4 + 1),
    Q("4f", RANGE, .offset = 1, .length = END4),
    Q("4before5", RANGE, .offset = END4, .length = PAGE, .buffer = NULL_POINTER, .room = ENTRY, .actual = KERNEL_SPACE),
    Q("5-all", ZX_OK, .state = DIRTY_PAGES, .length = END4, .room = 2 * ENTRY, COUNTS(2, 2)),
    Q("5-one-fits", ZX_OK, .state = DIRTY_PAGES, .length = END4, .room = 2 * ENTRY - 1, COUNTS(1, 2)),
    Q("5-none-fits", ZX_OK, .state = DIRTY_PAGES, .length = END4, .room = ENTRY - 1, COUNTS(0, 2)),
    Q("5-null-none-fits", ZX_OK, .state = DIRTY_PAGES, .length = END4, .buffer = NULL_POINTER, .room = ENTRY - 1, COUNTS(0, 2)),
    Q("5-unaligned", ZX_OK, .state = DIRTY_PAGES, .offset = 2 * PAGE + 7, .length = 1, .room = PAGE, COUNTS(1, 1)),
    Q("5-zero-length-unaligned", ZX_OK, .state = DIRTY_PAGES, .offset = 2 * PAGE + 7, .room = PAGE, COUNTS(1, 1)),
    Q("5-zero-length", ZX_OK, .state = DIRTY_PAGES, .offset = 2 * PAGE, .room = PAGE, COUNTS(0, 0)),
    Q("5-zero-length-at-end", ZX_OK, .state = DIRTY_PAGES, .offset = END4, .room = PAGE, COUNTS(0, 0)),
    Q("5-detached", ZX_OK, .state = DIRTY_PAGES | CUT_OFF, .length = END4, .room = PAGE, COUNTS(2, 2)),
    Q("5-trap", ZX_OK, .state = DIRTY_PAGES | TRAPS_WRITES, .length = END4, .room = PAGE, COUNTS(2, 2)),
    Q("5-clean", ZX_OK, .length = END4, .room = PAGE, COUNTS(0, 0)),
    Q("buffer-null", ARGS, .state = DIRTY_PAGES, .length = END4, .buffer = NULL_POINTER, .room = ENTRY),
    Q("buffer-kernel", ARGS, .state = DIRTY_PAGES, .length = END4, .buffer = KERNEL_SPACE, .room = ENTRY),
    Q("buffer-hole", ARGS, .state = DIRTY_PAGES, .length = END4, .buffer = HOLE, .room = ENTRY),
    Q("buffer-read-only", ARGS, .state = DIRTY_PAGES, .length = END4, .buffer = READ_ONLY, .room = ENTRY),
    Q("buffer-past-end", ARGS, .state = DIRTY_PAGES, .length = END4, .buffer = PAST_END, .room = ENTRY),
    Q("buffer-not-needed", ZX_OK, .length = END4, .buffer = KERNEL_SPACE, .room = PAGE, COUNTS(0, 0)),
    Q("actual-null", ZX_OK, .state = DIRTY_PAGES, .length = END4, .room = PAGE, .actual = NULL_POINTER),
    Q("avail-null", ZX_OK, .state = DIRTY_PAGES, .length = END4, .room = PAGE, .avail = NULL_POINTER),
    Q("actual-kernel", ARGS, .length = END4, .room = PAGE, .actual = KERNEL_SPACE),
    Q("actual-hole", ARGS, .length = END4, .room = PAGE, .actual = HOLE),
    Q("avail-hole", ARGS, .length = END4, .room = PAGE, .avail = HOLE),
    Q("actual-before-avail", ARGS, .state = DIRTY_PAGES, .length = END4, .room = PAGE, .avail = HOLE, .data = 2 + 16 * 99, .after = counted),

    T("1a", BADH, .pager = NIL, .room = 4),
    T("1b", BADH, .pager = STALE, .room = 4),
    T("1c", TYPE, .pager = OTHER, .room = 4),
    T("1d", DENIED, .pager_lacks = MANAGE, .room = 4),
    T("1before2", DENIED, .pager_lacks = MANAGE, .vmo = NIL, .room = 4),
    T("2a", BADH, .vmo = NIL, .room = 4),
    T("2b", BADH, .vmo = STALE, .room = 4),
    T("2c", TYPE, .vmo = OTHER, .room = 4),
    T("2d", DENIED, .vmo_lacks = ZX_RIGHT_READ, .room = 4),
    T("2e", ZX_OK, .vmo_lacks = ZX_RIGHT_WRITE, .room = 4, .after = answers_modified),
    T("2before3", DENIED, .vmo = FOREIGN, .vmo_lacks = ZX_RIGHT_READ, .room = 4),
    T("3a", ARGS, .vmo = FOREIGN, .room = 4),
    T("3b", ARGS, .vmo = ANON, .room = 4),
    T("3before4", ARGS, .vmo = FOREIGN, .room = 0),
    T("4a", ZX_ERR_BUFFER_TOO_SMALL, .room = 3),
    T("4b", ZX_ERR_BUFFER_TOO_SMALL, .room = 0),
    T("4before5", ZX_ERR_BUFFER_TOO_SMALL, .options = ~0u, .room = 3),
    T("4before6", ZX_ERR_BUFFER_TOO_SMALL, .state = FLAGGED, .options = RESET, .room = 3, .after = still_modified),
    T("5a", ARGS, .options = 2, .room = 4),
    T("5b", ARGS, .options = ~0u, .room = 4),
    T("5before6", ARGS, .state = FLAGGED, .options = RESET | 2, .room = 4, .after = still_modified),
    T("5before7", ARGS, .options = 2, .room = 4, .buffer = NULL_POINTER),
    T("6a", ZX_OK, .state = FLAGGED, .room = 4, .data = 1, .after = answers_modified),
    T("6b", ZX_OK, .state = FLAGGED, .room = 4, .after = still_modified),
    T("6c", ZX_OK, .state = FLAGGED, .options = RESET, .room = 4, .data = 1, .after = answers_modified),
    T("6d", ZX_OK, .state = FLAGGED, .options = RESET, .room = PAGE, .after = not_modified_now),
    T("6e", ZX_OK, .room = 4, .data = 0, .after = answers_modified),
    T("6-detached", ZX_OK, .state = FLAGGED | CUT_OFF, .room = 4, .data = 1, .after = answers_modified),
    T("6before7", ARGS, .state = FLAGGED, .options = RESET, .room = 4, .buffer = HOLE, .after = not_modified_now),
    T("7a", ARGS, .room = 4, .buffer = NULL_POINTER),
    T("7b", ARGS, .room = 4, .buffer = KERNEL_SPACE),
    T("7c", ARGS, .room = 4, .buffer = READ_ONLY),
    T("7d", ARGS, .state = FLAGGED, .room = 4, .buffer = HOLE, .after = still_modified),
};

const table_t call_pager_tests = {tests, COUNT(tests)};
