// W052-W069: ZX_VMO_OP_ZERO, detach with dirty pages.
#include "conform.h"

// ZERO_NOW zeroes on the main thread, so it must not block.
#define ZERO_NOW(v, o, n) OK(zx_vmo_op_range((v)->handle, ZX_VMO_OP_ZERO, (o) * PAGE, (n) * PAGE, NULL, 0))

static void w052(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 3, NO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  worker_t* w = ZERO(v, 0, 2);
  DONE(w);
  QUIET(v);
  want_fill(v, 0, 2, 0);
  CONTENT(v, 0, 2);
  RANGES(v, Z(0, 2));
  RESIZE(v, 4);
  ZERO_NOW(v, 3, 1);
  COMMITTED(v, 0);
  RANGES(v, Z(0, 2), Z(3, 1));
  CONTENT(v, 0, 2);
  CONTENT(v, 3, 1);
  QUIET(v);
}

static void w053(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 2, TRAP_DIRTY);
  SUPPLY(v, 0, 2);
  CONTENT(v, 0, 2);
  NO_RANGES(v);
  worker_t* w = ZERO(v, 0, 1);
  DONE(w);
  QUIET(v);
  want_fill(v, 0, 1, 0);
  CONTENT(v, 0, 2);
  RANGES(v, Z(0, 1));
  RESIZE(v, 4);
  ZERO_NOW(v, 2, 2);
  COMMITTED(v, 1);
  RANGES(v, Z(0, 1), Z(2, 2));
  CONTENT(v, 0, 4);
  QUIET(v);
}

static void w054(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 3);
  for (int after = 0; after < 2; after++) {
    CONTENT(v, 0, 3);
    RANGES(v, Z(1, 2));
    COMMITTED(v, 1);
    if (!after) {
      ZERO_NOW(v, 1, 2);
    }
  }
  QUIET(v);
}

static void w055(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 3);
  CONTENT(v, 0, 3);
  RANGES(v, Z(1, 2));
  WROTE_BYTE(v, 2, 0xaa);
  CONTENT(v, 0, 3);
  RANGES(v, Z(1, 1), D(2, 1));
  COMMITTED(v, 2);
  worker_t* w = ZERO(v, 0, 3);
  DONE(w);
  QUIET(v);
  want_fill(v, 0, 3, 0);
  CONTENT(v, 0, 3);
  COMMITTED(v, 0);
  RANGES(v, Z(0, 3));
  QUIET(v);
}

static void w057(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 4, how);
  SUPPLY(v, 0, 1);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  worker_t* first = VMO_OP_BYTES(v, ZX_VMO_OP_ZERO, PAGE + 8, 2 * PAGE);
  READ(v, 1, 1);
  worker_t* second = VMO_OP_BYTES(v, ZX_VMO_OP_ZERO, 2 * PAGE, PAGE - 8);
  READ(v, 2, 1);
  RESIZE(v, 1);
  ENDS_WITH(first, ZX_ERR_OUT_OF_RANGE);
  ENDS_WITH(second, ZX_ERR_OUT_OF_RANGE);
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w059(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  NO_RANGES(v);
  RESIZE(v, 3);
  CONTENT(v, 2, 1);
  RANGES(v, Z(2, 1));
  worker_t* w = ZERO(v, 1, 1);
  DONE(w);
  QUIET(v);
  want_fill(v, 1, 1, 0);
  CONTENT(v, 1, 2);
  RANGES(v, Z(1, 2));

  w = VMO_OP_BYTES(v, ZX_VMO_OP_ZERO, PAGE - 8, 8);
  READ_SUPPLY(v, 0, 1);
  if (v->traps) {
    DIRTY_OPD(v, 0, 1);
  }
  DONE(w);
  QUIET(v);
  want_bytes(v, PAGE - 8, (uint64_t[]){0}, 8);
  CONTENT(v, 0, 3);
  RANGES(v, D(0, 1), Z(1, 2));
}

static void w060(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  RESIZE(v, 2);
  CONTENT(v, 0, 2);
  RANGES(v, Z(1, 1));
  WB0(v, 1, 1);
  ZERO_NOW(v, 0, 1);
  END(v, 1, 1);
  want_fill(v, 0, 1, 0);
  CONTENT(v, 0, 2);
  RANGES(v, Z(0, 2));
  WB0(v, 0, 2);
  END(v, 0, 2);
  NO_RANGES(v);
  QUIET(v);
}

static void w061(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 5, trap_if(how));
  SUPPLY(v, 0, 1);
  MARK(v, 1, 1);
  SUPPLY(v, 2, 1);
  MARK(v, 3, 2);
  CONTENT(v, 0, 5);
  NO_RANGES(v);
  ZERO_NOW(v, 1, 1);
  QUIET(v);
  CONTENT(v, 0, 5);
  NO_RANGES(v);
  ZERO_NOW(v, 3, 2);
  QUIET(v);
  CONTENT(v, 0, 5);
  NO_RANGES(v);
}

static void w063(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 0, 1);
  NO_RANGES(v);
  uint8_t* data = BUFFER(PAGE);
  memset(data, 0xff, PAGE);
  worker_t* w = READ_BYTES(v, PAGE, data, PAGE);
  READ(v, 1, 1);
  ZERO_NOW(v, 1, 1);
  DONE(w);
  want_fill(v, 1, 1, 0);
  CHECK(same_bytes(v, 1, 1, data));
  CONTENT(v, 0, 2);
  RANGES(v, Z(1, 1));
  QUIET(v);
}

static void w065(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  RESIZE(v, 3);
  WROTE_BYTE(v, 2, 0xbb);
  RANGES(v, Z(1, 1), D(2, 1));
  COMMITTED(v, 1);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  COMMITTED(v, 1);
  RANGES(v, Z(1, 1), D(2, 1));
  CONTENT(v, 1, 2);
  CONTENT_READ(v, 1, 2);
  QUIET(v);
  WB(v, 1, 2);
  END(v, 1, 2);
  NO_RANGES(v);
  QUIET(v);
}

static void w066(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  COMMITTED(v, 1);
  NO_RANGES(v);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  NO_RANGES(v);
  COMMITTED(v, 0);
  QUIET(v);
}

// cannot_write: a write of v fails with BAD_STATE, by the way the variant says.
static void cannot_write(vmo_t* v, variant_t how) {
  if (how == VMAR) {
    worker_t* w = STORE(0xaa, v->base);
    CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  } else {
    uint8_t byte = 0xaa;
    STATUS(ZX_ERR_BAD_STATE, zx_vmo_write(v->handle, &byte, 0, 1));
  }
}

static void w067(variant_t how) {
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  NO_RANGES(v);
  DETACH(v);
  COMPLETE(p, v->key);
  cannot_write(v, how);
  QUIET(v);
  NO_RANGES(v);

  v = NEW_VMO(p, 1, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  OPD(v, 0, 1);
  RANGES(v, D(0, 1));
  WB(v, 0, 1);
  DETACH(v);
  COMPLETE(p, v->key);
  cannot_write(v, how);
  RANGES(v, D(0, 1));
  END(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
}

static void w069(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  worker_t* w = WRITE_BYTE(v, 0, 0xaa);
  DIRTY(v, 0, 1);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  ENDS_WITH(w, ZX_ERR_BAD_STATE);
  NO_DIRTY(v);
  REFUSED(pager_op(v, ZX_PAGER_OP_FAIL, 0, 1, (uint64_t)(int64_t)ZX_ERR_IO));
  NO_DIRTY(v);
  REFUSED(pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0));
  NO_RANGES(v);
  QUIET(v);
}

static const test_t tests[] = {
    ONE("W052", w052),   ONE("W053", w053),   TRAPS("W054", w054), TRAPS("W055", w055), TRAPS("W057", w057),
    TRAPS("W059", w059), TRAPS("W060", w060), TRAPS("W061", w061), TRAPS("W063", w063), TRAPS("W065", w065),
    TRAPS("W066", w066), WAYS("W067", w067),  ONE("W069", w069),
};

const table_t zero_tests = {tests, COUNT(tests)};
