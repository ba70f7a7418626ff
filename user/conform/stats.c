// W070-W079, W097, W099: what counts as a modification.
#include "conform.h"

static const zx_vm_option_t RW = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

static void w070(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  if (v->traps) {
    OPD(v, 0, 1);
  }
  NOT_MODIFIED(v);
  NOW_BYTE(v, 0, 0xaa);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  QUIET(v);
}

static void w072(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  RESIZE(v, 0);
  MODIFIED(v);
  NO_RANGES(v);
  RESIZE(v, 2);
  MODIFIED(v);
  CONTENT(v, 0, 2);
  RANGES(v, Z(0, 2));
  QUIET(v);
}

static void w073(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 0, 2);
  NO_RANGES(v);
  if (v->traps) {
    OPD(v, 0, 1);
  }
  NOT_MODIFIED(v);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ZERO, 0, PAGE, NULL, 0));
  MODIFIED(v);
  want_fill(v, 0, 1, 0);
  CONTENT(v, 0, 2);
  RANGES(v, Z(0, 1));
  QUIET(v);
}

static void w074(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  uint8_t byte;
  OK(zx_vmo_read(v->handle, &byte, 0, 1));
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
}

static void w075(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  volatile uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  NOT_MODIFIED(v);
  EQUAL(v->key & 0xff, *a);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
}

static void w076(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  worker_t* w = WRITE_BYTE(v, 0, 0xaa);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  FAILS(w);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  w = STORE(0xbb, a);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  CRASHES(w, a, ZX_ERR_IO);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
}

static void w077(variant_t how) {
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NO_RANGES(v);
  if (v->traps) {
    OPD(v, 0, 1);
  }
  NOT_MODIFIED(v);
  vmo_t* source = NEW_VMO(p, 1, 0);
  worker_t* w = WRITE_BYTES(v, 0, source->base, 1);
  READ(source, 0, 1);
  FAIL(source, 0, 1);
  FAILS(w);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));  // dirty from being looked up, before the copy
  QUIET(v);
}

static void w079(variant_t how) {
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 2, trap_if(how));
  SUPPLY(v, 0, 2);
  NO_RANGES(v);
  NOT_MODIFIED(v);
  if (v->traps) {
    OPD(v, 0, 2);
  }
  vmo_t* source = NEW_VMO(p, 2, 0);
  SUPPLY(source, 0, 1);
  worker_t* w = WRITE_BYTES(v, 0, source->base, 2 * PAGE);
  READ(source, 1, 1);
  FAIL(source, 1, 1);
  FAILS(w);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 2);
  RANGES(v, D(0, 2));
  if (!v->traps) {
    return;
  }
  WB(v, 0, 2);
  END(v, 0, 2);
  OPD(v, 0, 1);
  w = WRITE_PAGES(v, 0, 2, 0xaa);
  DIRTY(v, 1, 1);
  FAIL(v, 1, 1);
  FAILS(w);
  MODIFIED(v);
  want_fill(v, 0, 1, 0xaa);
  CONTENT(v, 0, 2);
  RANGES(v, D(0, 1));
  QUIET(v);
}

static void w097(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  worker_t* w = COMMIT(v, 0, 2);
  READ(v, 1, 1);
  RESIZE(v, 1);
  DONE(w);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
}

static void w099(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 0, 1);
  MARK(v, 1, 1);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_COMMIT, 0, 2 * PAGE, NULL, 0));
  COMMITTED(v, 2);
  NO_RANGES(v);
  NOT_MODIFIED(v);
  QUIET(v);
}

static const test_t tests[] = {
    TRAPS("W070", w070), TRAPS("W072", w072), TRAPS("W073", w073), TRAPS("W074", w074), TRAPS("W075", w075),
    ONE("W076", w076),   TRAPS("W077", w077), TRAPS("W079", w079), TRAPS("W097", w097), TRAPS("W099", w099),
};

const table_t stats_tests = {tests, COUNT(tests)};
