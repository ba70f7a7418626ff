// P022, P032-P042, P060, P079-P082, P101: what a clone asks its root for.
#include "conform.h"

#define ALOW ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE

// gone is a look at page 0 that must fail: the pager is detached.
static void gone(vmo_t* v, variant_t how) {
  worker_t* w = VERIFY(v, 0, 1, how);
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  } else {
    FAILS(w);
  }
}

static void p022(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  vmo_t* c = CLONE(v);
  worker_t* w = VERIFY(c, 0, 1, how);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
  COMMITTED(v, 1);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  COMMITTED(v, 0);
  for (int i = 0; i < 2; i++) {
    gone(v, how);
    gone(c, how);
  }
  NO_READ(v);
}

static void p032(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(CLONE(v), 0, 1, how);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
}

static void p033(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  vmo_t* c = CLONE(v);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
  w = VERIFY(c, 0, 1, how);
  DONE(w);
  NO_READ_OF(v, 0, 1);
}

// together has two readers wait for the one page of root.
static void together(vmo_t* root, vmo_t* a, vmo_t* b, variant_t how) {
  worker_t* first = VERIFY(a, 0, 1, how);
  worker_t* second = VERIFY(b, 0, 1, how);
  BLOCKED(first);
  BLOCKED(second);
  READ_SUPPLY(root, 0, 1);
  DONE(first);
  DONE(second);
  NO_READ_OF(root, 0, 1);
}

static void p034(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  together(v, v, CLONE(v), how);
}

static void p035(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  vmo_t* c = CLONE(v);
  together(v, c, CLONE(v), how);
}

// store_word stores count at word 0 of the mapping.
static bool store_word(worker_t* w) {
  WORD(w->v, 0) = w->count;
  return true;
}

static void p036(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  vmo_t* c = CLONE(v);
  worker_t* w = ACT(store_word, .v = c, .count = 0xdeadbeef);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
  QUIET(v);
  CONTENT(v, 0, 1);
  EQUAL(0xdeadbeef, WORD(c, 0));
  WORD(c, 0) = c->key;
  CONTENT(c, 0, 1);
}

static void p038(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 32, 0);
  vmo_t* c = CLONE(v);
  worker_t* w = COMMIT(c, 0, 32);
  READ_SUPPLY(v, 0, 32);
  DONE(w);
  POPULATED(c, 32);
}

static void p040(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 4, 0);
  vmo_t* c = CLONE(v);
  SUPPLY(v, 1, 2);
  CONTENT(c, 1, 1);
  worker_t* w = COMMIT(c, 0, 4);
  READ_SUPPLY(v, 0, 1);
  READ_SUPPLY(v, 3, 1);
  DONE(w);
  POPULATED(c, 4);
}

static void p041(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(v, 0, 2);
  vmo_t* c = CHILD(v, ALOW | ZX_VMO_CHILD_RESIZABLE, 0, 2);
  volatile uint32_t* element = (volatile uint32_t*)c->base + 1;
  EQUAL(0, *element);
  RESIZE(c, 0);
  STATUS(ZX_ERR_OUT_OF_RANGE, PROBE(element, false));
  STATUS(ZX_ERR_OUT_OF_RANGE, PROBE(element, true));
}

static void p042(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, ZX_VMO_RESIZABLE);
  SUPPLY(v, 0, 2);
  vmo_t* c = CHILD(v, ALOW, 0, 2);
  volatile uint32_t* element = (volatile uint32_t*)c->base + 1;
  EQUAL(0, *element);
  RESIZE(v, 0);
  STATUS(ZX_OK, PROBE(element, false));
  STATUS(ZX_OK, PROBE(element, true));
}

static void p060(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  vmo_t* c = CHILD(v, ALOW, 0, 1);
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_op_range(v->handle, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_op_range(c->handle, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
}

// commit_gaps commits a clone of a root of n pages that holds the pages told,
// every third from the third on.
static void commit_gaps(uint64_t n) {
  vmo_t* v = NEW_VMO(PAGER(), n, 0);
  for (uint64_t page = 2; page < n; page += 3) {
    SUPPLY(v, page, 1);
  }
  vmo_t* c = CLONE(v);
  worker_t* w = COMMIT(c, 0, n);
  for (uint64_t page = 0; page < n; page += 3) {
    READ_SUPPLY(v, page, 2);
  }
  DONE(w);
  POPULATED(c, n);
}

static void p079(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 4, 0);
  vmo_t* c = CLONE(v);
  worker_t* w = COMMIT(c, 0, 4);
  READ_SUPPLY(v, 0, 4);
  DONE(w);
  POPULATED(c, 4);
}

static void p080(variant_t how) {
  (void)how;
  commit_gaps(5);
}

static void p081(variant_t how) {
  (void)how;
  commit_gaps(8);
}

static void p082(variant_t how) {
  (void)how;
  enum { N = 100 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  vmo_t* c = CLONE(v);
  bool present[N + 1];
  for (uint64_t page = 0; page < N; page++) {
    present[page] = chance(4);
    if (present[page]) {
      SUPPLY(v, page, 1);
    }
  }
  present[N] = true;
  worker_t* w = COMMIT(c, 0, N);
  for (uint64_t page = 0, from = 0; page <= N; page++) {
    if (present[page]) {
      if (page > from) {
        SUPPLY(v, from, page - from);
      }
      from = page + 1;
    }
  }
  DONE(w);
  POPULATED(c, N);
}

#define PREFETCH(v, o, n) VMO_OP(v, ZX_VMO_OP_PREFETCH, o, n)

static void p101(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, 0);
  worker_t* w = PREFETCH(v, 0, 1);
  READ_SUPPLY(v, 0, 1);
  DONE(w);

  v = NEW_VMO(p, 2, 0);
  vmo_t* c = SLICE(v, 1, 1);
  w = PREFETCH(c, 0, 1);
  READ_SUPPLY(v, 1, 1);
  DONE(w);

  v = NEW_VMO(p, 2, 0);
  c = CLONE(v);
  w = ACT(store_word, .v = c, .count = 42);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
  w = PREFETCH(c, 0, 2);
  READ_SUPPLY(v, 1, 1);
  DONE(w);
  NO_READ(v);
}

static const test_t tests[] = {
    BOTH("P022", p022), BOTH("P032", p032), BOTH("P033", p033), BOTH("P034", p034), BOTH("P035", p035), BOTH("P036", p036),
    ONE("P038", p038),  ONE("P040", p040),  ONE("P041", p041),  ONE("P042", p042),  ONE("P060", p060),  ONE("P079", p079),
    ONE("P080", p080),  ONE("P081", p081),  ONE("P082", p082),  ONE("P101", p101),
};

const table_t clone_tests = {tests, COUNT(tests)};
