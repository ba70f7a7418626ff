// P062-P074: failed requests, detach.
#include "conform.h"

static void p062(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  FAIL(v, 0, 1);
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_IO);
  } else {
    FAILS(w);
  }
  NO_READ(v);
}

static void p063(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  worker_t* w = COMMIT(v, 0, 11);
  READ(v, 0, 11);
  FAIL(v, 0, 11);
  FAILS(w);
  NO_READ(v);
}

static void p066(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  worker_t* first = COMMIT(v, 0, 2);
  READ(v, 0, 2);
  worker_t* second = COMMIT(v, 9, 2);
  READ(v, 9, 2);
  worker_t* third = COMMIT(v, 5, 2);
  READ(v, 5, 2);
  SUPPLY(v, 0, 1);
  FAIL(v, 1, 9);
  SUPPLY(v, 10, 1);
  READ(v, 1, 1);
  FAIL(v, 1, 9);
  FAILS(first);
  FAILS(second);
  FAILS(third);
  NO_READ(v);
}

static void p067(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  worker_t* first = READ_BYTES(v, 0, BUFFER(2 * PAGE), 2 * PAGE);
  READ(v, 0, 2);
  worker_t* second = READ_BYTES(v, 9 * PAGE, BUFFER(2 * PAGE), 2 * PAGE);
  READ(v, 9, 2);
  worker_t* third = READ_BYTES(v, 5 * PAGE, BUFFER(2 * PAGE), 2 * PAGE);
  READ(v, 5, 2);
  FAIL(v, 1, 9);
  SUPPLY(v, 0, 1);
  SUPPLY(v, 10, 1);
  READ(v, 1, 1);
  FAIL(v, 1, 9);
  FAILS(first);
  FAILS(second);
  FAILS(third);
  NO_READ(v);
}

static void p068(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  worker_t* w = COMMIT(v, 0, 11);
  READ(v, 0, 11);
  for (uint64_t i = 0; i < 11; i++) {
    FAIL(v, i, 1);
  }
  FAILS(w);
  NO_READ(v);
}

static void p070(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, 0);
  AUTOPAGER(v, 0);
  worker_t* w = VERIFY(v, 0, 3, VMO_READ);
  BLOCKED(w);
  SUPPLY_LIMIT(v, 1);
  SUPPLY(v, 0, 1);
  BLOCKED(w);
  FAIL(v, 1, 1);
  FAILS(w);
  STOP_AUTOPAGER(v);
}

static void p071(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 4, 0);
  worker_t* all = VERIFY(v, 0, 4, VMO_READ);
  READ(v, 0, 4);
  worker_t* one = VERIFY(v, 1, 1, VMO_READ);
  BLOCKED(one);
  NO_READ(v);
  FAIL(v, 1, 1);
  SUPPLY(v, 0, 1);
  BLOCKED(all);
  BLOCKED(one);
  SUPPLY_AT(v, 2, 2, 2);
  FAILS(one);
  uint64_t o, n;
  ANY_READ(v, &o, &n);
  EQUAL(1, o);
  CHECK(n >= 1);
  SUPPLY_AT(v, 1, 3, 1);
  DONE(all);
}

static void p072(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  DETACH(v);
  NO_READ(v);
  REFUSED(supply(HERE, v, 0, 11, 0));
  NO_READ(v);
}

static void p073(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  worker_t* w = COMMIT(v, 0, 11);
  READ(v, 0, 11);
  FAIL(v, 0, 11);
  FAILS(w);
  NO_READ(v);
  w = COMMIT(v, 0, 11);
  READ_SUPPLY(v, 0, 11);
  DONE(w);
  NO_READ(v);
}

// read_into_fresh reads the whole VMO into memory that it maps itself, so that
// the wait the main thread sees is the one in vmo_read.
static bool read_into_fresh(worker_t* w) {
  zx_handle_t copy;
  zx_vaddr_t base;
  OK(zx_vmo_create(w->count, 0, &copy));
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, copy, 0, w->count, &base));
  w->status = zx_vmo_read(w->v->handle, (void*)base, w->at, w->count);
  OK(zx_vmar_unmap(zx_vmar_root_self(), base, w->count));
  OK(zx_handle_close(copy));
  return w->status == ZX_OK;
}

static void p074(variant_t how) {
  (void)how;
  const zx_status_t codes[] = {ZX_ERR_IO, ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE,
                               ZX_ERR_BUFFER_TOO_SMALL};
  for (size_t i = 0; i < COUNT(codes); i++) {
    vmo_t* v = NEW_VMO(PAGER(), 11, 0);
    worker_t* commit = COMMIT(v, 0, 11);
    BLOCKED(commit);
    worker_t* read = ACT(read_into_fresh, .v = v, .count = 11 * PAGE);
    BLOCKED(read);
    READ(v, 0, 11);
    FAIL_WITH(v, 0, 11, codes[i]);
    ENDS_WITH(commit, codes[i]);
    ENDS_WITH(read, codes[i]);
    NO_READ(v);
  }
}

static const test_t tests[] = {
    BOTH("P062", p062), ONE("P063", p063), ONE("P066", p066), ONE("P067", p067), ONE("P068", p068), ONE("P070", p070),
    ONE("P071", p071),  ONE("P072", p072), ONE("P073", p073), ONE("P074", p074),
};

const table_t failure_tests = {tests, COUNT(tests)};
