// W110-W112: what lies beyond the stream size.
#include "conform.h"

#define STREAM(v, n) OK(zx_vmo_set_stream_size((v)->handle, (n) * PAGE))

// FOUND queries pages (0, n) with room for that many ranges more than wanted
// and compares all that come.
#define FOUND(v, n, ...) \
  found(HERE, v, n, (range_t[]){__VA_ARGS__}, COUNT(((range_t[]){__VA_ARGS__})))
#define FOUND_NONE(v, n) found(HERE, v, n, NULL, 0)

static void found(where_t at, vmo_t* v, uint64_t n, const range_t* want, size_t count) {
  zx_vmo_dirty_range_t got[4];
  size_t actual = 99, avail = 99;
  status_is(at, "zx_pager_query_dirty_ranges", ZX_OK,
            zx_pager_query_dirty_ranges(v->pager->pager, v->handle, 0, n * PAGE, NULL, 0, &actual, &avail));
  equal(at, "ranges without a buffer", 0, actual);
  equal(at, "ranges there", count, avail);
  status_is(at, "zx_pager_query_dirty_ranges", ZX_OK,
            zx_pager_query_dirty_ranges(v->pager->pager, v->handle, 0, n * PAGE, got, sizeof(got), &actual, &avail));
  equal(at, "ranges given", count, actual);
  equal(at, "ranges there", count, avail);
  for (size_t i = 0; i < count; i++) {
    equal(at, "offset of a dirty range", want[i].o * PAGE, got[i].offset);
    equal(at, "length of a dirty range", want[i].n * PAGE, got[i].length);
    equal(at, "options of a dirty range", want[i].options, got[i].options);
  }
}

static void w110(variant_t how) {
  (void)how;
  vmo_t* v = UNBOUNDED_VMO(PAGER(), 2, ZX_VMO_TRAP_DIRTY);
  NOT_MODIFIED(v);
  FOUND_NONE(v, 10);
  ALL_ZERO(v->handle, 2, 8);
  STREAM(v, 5);
  MODIFIED(v);
  FOUND(v, 10, Z(2, 3));
  ALL_ZERO(v->handle, 2, 8);
  STREAM(v, 1);
  MODIFIED(v);
  FOUND_NONE(v, 10);
  ALL_ZERO(v->handle, 1, 9);
  QUIET(v);
}

static void w111(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, ZX_VMO_TRAP_DIRTY);
  STREAM(v, 2);
  MODIFIED(v);
  FOUND_NONE(v, 3);
  ALL_ZERO(v->handle, 2, 1);
  STREAM(v, 1);
  MODIFIED(v);
  FOUND_NONE(v, 3);
  ALL_ZERO(v->handle, 1, 2);
  STREAM(v, 2);
  OPD(v, 1, 1);
  MODIFIED(v);
  FOUND(v, 3, D(1, 1));
  ALL_ZERO(v->handle, 2, 1);
  STREAM(v, 1);
  MODIFIED(v);
  FOUND_NONE(v, 3);
  ALL_ZERO(v->handle, 1, 2);
  QUIET(v);
}

// write_words writes 42 at the start of pages 4, 5 and 8.
static bool write_words(worker_t* w) {
  const uint64_t pages[] = {4, 5, 8};
  uint64_t word = 42;
  for (size_t i = 0; i < COUNT(pages); i++) {
    OK(zx_vmo_write(w->v->handle, &word, pages[i] * PAGE, sizeof(word)));
  }
  return true;
}

static void w112(variant_t how) {
  (void)how;
  vmo_t* v = UNBOUNDED_VMO(PAGER(), 2, ZX_VMO_TRAP_DIRTY);
  NOT_MODIFIED(v);
  FOUND_NONE(v, 10);
  ALL_ZERO(v->handle, 2, 8);
  worker_t* w = ACT(write_words, .v = v);
  DIRTY_OPD(v, 4, 1);
  DIRTY_OPD(v, 5, 1);
  DIRTY_OPD(v, 8, 1);
  DONE(w);
  NO_READ(v);
  FOUND(v, 10, D(4, 2), D(8, 1));
  ALL_ZERO(v->handle, 2, 2);
  ALL_ZERO(v->handle, 6, 2);
  ALL_ZERO(v->handle, 9, 1);
  STREAM(v, 7);
  MODIFIED(v);
  FOUND(v, 10, Z(2, 5));
  ALL_ZERO(v->handle, 2, 8);
  STREAM(v, 1);
  MODIFIED(v);
  FOUND_NONE(v, 10);
  ALL_ZERO(v->handle, 1, 9);
  QUIET(v);
}

static const test_t tests[] = {ONE("W110", w110), ONE("W111", w111), ONE("W112", w112)};

const table_t stream_tests = {tests, COUNT(tests)};
