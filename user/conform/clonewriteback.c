// W019, W056, W080, W095, W096: writeback and the children of a VMO.
#include "conform.h"

// query and stats ask about a child, which no pager knows.
static zx_status_t query(vmo_t* v) {
  zx_vmo_dirty_range_t range;
  size_t actual;
  return zx_pager_query_dirty_ranges(v->pager->pager, v->handle, 0, v->pages * PAGE, &range, sizeof(range), &actual, NULL);
}

static zx_status_t stats(vmo_t* v, uint32_t options) {
  zx_pager_vmo_stats_t answer;
  return zx_pager_query_vmo_stats(v->pager->pager, v->handle, options, &answer, sizeof(answer));
}

static void w019(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  WROTE_BYTE(v, 0, 0xaa);
  vmo_t* c = CLONE(v);
  NOW_BYTE(c, 0, 0x77);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  STATUS(ZX_ERR_INVALID_ARGS, query(c));
  CONTENT(c, 0, 1);
  QUIET(v);
}

// zeroed is a clone of v whose pages (0, n) were zeroed without a packet.
static void zeroed(vmo_t* v, uint64_t n) {
  vmo_t* c = CLONE(v);
  OK(zx_vmo_op_range(c->handle, ZX_VMO_OP_ZERO, 0, n * PAGE, NULL, 0));
  QUIET(v);
  want_fill(c, 0, n, 0);
  CONTENT(c, 0, 2);
  REFUSED(query(c));
}

static void w056(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 1, 1);
  zeroed(v, 2);
  COMMITTED(v, 1);
  CONTENT(v, 1, 1);
  NO_RANGES(v);
  zeroed(v, 1);
  COMMITTED(v, 1);
  CONTENT(v, 1, 1);
  NO_RANGES(v);
  SUPPLY(v, 0, 1);
  zeroed(v, 1);
  COMMITTED(v, 2);
  CONTENT(v, 0, 2);
  NO_RANGES(v);
  QUIET(v);
}

static void w080(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NO_RANGES(v);
  NOT_MODIFIED(v);
  vmo_t* c = CLONE(v);
  uint8_t* data = BUFFER(PAGE);
  memset(data, 0xcc, PAGE);
  OK(zx_vmo_write(c->handle, data, 0, PAGE));
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  STATUS(ZX_ERR_INVALID_ARGS, stats(c, 0));
  REFUSED(stats(c, ZX_PAGER_RESET_VMO_STATS));
  want_fill(c, 0, 1, 0xcc);
  CONTENT(c, 0, 1);
  REFUSED(query(c));
  QUIET(v);
}

static void no_queries(vmo_t* v) {
  STATUS(ZX_ERR_INVALID_ARGS, query(v));
  STATUS(ZX_ERR_INVALID_ARGS, stats(v, 0));
}

static void w095(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  vmo_t* c = SLICE(v, 0, 1);
  worker_t* w = WRITE_BYTE(c, 0, 0xaa);
  if (v->traps) {
    DIRTY_OPD(v, 0, 1);
  }
  DONE(w);
  want_byte(v, 0, 0xaa);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  no_queries(c);

  WB(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  NOT_MODIFIED(v);
  STORED(v, MAP_VMO(c->handle, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, 1), 0, 0xbb);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  no_queries(c);
  QUIET(v);
}

static void w096(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 0, 2);
  NOT_MODIFIED(v);
  vmo_t* c = SLICE(v, 0, 2);
  worker_t* w = ZERO(c, 0, 1);
  DONE(w);
  QUIET(v);
  MODIFIED(v);
  want_fill(v, 0, 1, 0);
  CONTENT(v, 0, 2);
  RANGES(v, Z(0, 1));
  no_queries(c);
  QUIET(v);
}

static const test_t tests[] = {
    TRAPS("W019", w019), TRAPS("W056", w056), TRAPS("W080", w080), TRAPS("W095", w095), TRAPS("W096", w096),
};

const table_t clone_writeback_tests = {tests, COUNT(tests)};
