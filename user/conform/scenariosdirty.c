// C25-C44: the scenarios of the acceptance checklist, on dirty tracking.
#include "conform.h"

static const uint32_t TRAP = ZX_VMO_TRAP_DIRTY;
static const zx_vm_option_t RW = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

// PUT_BYTE writes a byte by the way the variant says, and grants the one DIRTY.
#define PUT_BYTE(v, page, byte, how) put_byte(HERE, v, page, byte, how)
static void put_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte, variant_t how) {
  if (how == MAPPING) {
    stored(at, v, v->base, page, byte);
  } else {
    wrote_byte(at, v, page, byte);
  }
}

// 25. Without TRAP_DIRTY: a write to a supplied page never blocks; query gives
// {0,1,0}.
static void c25(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  SUPPLY(v, 0, 1);
  NO_RANGES(v);
  PUT_BYTE(v, 0, 0x25, how);
  QUIET(v);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
}

// 26. With TRAP_DIRTY: first write: D(0, 1); OP_DIRTY; the write completes; a
// second write sends nothing until written back.
static void c26(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  PUT_BYTE(v, 0, 1, how);
  RANGES(v, D(0, 1));
  if (how == MAPPING) {
    *(volatile uint8_t*)v->base = 2;
    want_byte(v, 0, 2);
  } else {
    NOW_BYTE(v, 0, 2);
  }
  QUIET(v);
  WB(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  PUT_BYTE(v, 0, 3, how);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

// 27. Five-page zx_vmo_write over clean pages: D(11, 5). The same stores through a
// mapping: D(11, 1) and, if the answer covered all five, no more.
static void c27(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 20, TRAP);
  SUPPLY(v, 0, 20);
  uint8_t* a = v->base + 11 * PAGE;
  worker_t* w = how == MAPPING ? STORE(0x27, a, a + PAGE, a + 2 * PAGE, a + 3 * PAGE, a + 4 * PAGE)
                               : WRITE_PAGES(v, 11, 5, 0x27);
  DIRTY(v, 11, how == MAPPING ? 1 : 5);
  OPD(v, 11, 5);
  DONE(w);
  if (how == MAPPING) {
    for (uint64_t i = 11; i < 16; i++) {
      want_byte(v, i, 0x27);
    }
  } else {
    want_fill(v, 11, 5, 0x27);
  }
  QUIET(v);
  RANGES(v, D(11, 5));
  CONTENT(v, 0, 20);
}

// 28. Reads never send D.
static void c28(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 4, TRAP | ZX_VMO_RESIZABLE);
  SUPPLY(v, 0, 2);
  MARK(v, 2, 2);
  RESIZE(v, 6);
  OPD(v, 1, 1);
  WB(v, 1, 1);
  worker_t* w = VERIFY(v, 0, 6, how);  // clean, awaiting clean, markers, an interval
  DONE(w);
  w = VMO_OP(v, ZX_VMO_OP_PREFETCH, 0, 6);
  DONE(w);
  QUIET(v);
  RANGES(v, D(1, 1), Z(4, 2));
}

// 29. OP_DIRTY on a clean page nobody waits for: reported dirty, content unchanged.
static void c29(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, TRAP);
  SUPPLY(v, 0, 3);
  OPD(v, 1, 1);
  RANGES(v, D(1, 1));
  CONTENT(v, 0, 3);
  NOT_MODIFIED(v);
  QUIET(v);
}

// 30. BEGIN then END: nothing dirty. BEGIN, write, END: without trap still dirty;
// with trap D packet, after the answer still dirty after END.
static void c30(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  STORED(v, v->base, 0, 1);
  WB(v, 0, 1);
  RANGES(v, D(0, 1));
  END(v, 0, 1);
  NO_RANGES(v);
  STORED(v, v->base, 0, 2);
  WB(v, 0, 1);
  STORED(v, v->base, 0, 3);
  END(v, 0, 1);
  RANGES(v, D(0, 1));
  WB(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

// 31. BEGIN, mapped write under trap: D; FAIL it: fatal fault; END: clean; next
// write: D again.
static void c31(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  STORED(v, v->base, 0, 1);
  WB(v, 0, 1);
  worker_t* w = STORE(2, v->base);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  CRASHES(w, v->base, ZX_ERR_IO);
  RANGES(v, D(0, 1));
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  STORED(v, v->base, 0, 3);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

// 32. BEGIN with IS_ZERO on a range holding committed dirty pages leaves them dirty.
static void c32(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 4);
  WROTE_BYTE(v, 0, 1);
  WROTE_BYTE(v, 2, 2);
  RANGES(v, D(0, 1), Z(1, 1), D(2, 1), Z(3, 1));
  WB0(v, 0, 4);
  END(v, 0, 4);
  RANGES(v, D(0, 1), D(2, 1));
  QUIET(v);
}

// 33. Dirty ranges never merge a zero interval with pages: after a grow 1 to 3 and
// writes to pages 0 and 2 the query yields {0,1,0}, {1,1,ZERO}, {2,1,0}; after
// BEGIN and END over (0, 3) nothing is dirty.
static void c33(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 3);
  WROTE_BYTE(v, 0, 1);
  WROTE_BYTE(v, 2, 2);
  RANGES(v, D(0, 1), Z(1, 1), D(2, 1));
  WB(v, 0, 3);
  END(v, 0, 3);
  NO_RANGES(v);
  QUIET(v);
}

// 34. Grow 2 to 4 (nothing supplied), read all four: R(0, 2) only; pages 2, 3
// zero; committed 2 pages; supply into 2, 3 ignored.
static void c34(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  RESIZE(v, 4);
  worker_t* w = VERIFY(v, 0, 4, VMO_READ);
  READ_SUPPLY(v, 0, 2);
  DONE(w);
  COMMITTED(v, 2);
  SUPPLY(v, 2, 2);
  COMMITTED(v, 2);
  CONTENT(v, 0, 4);
  RANGES(v, Z(2, 2));
  QUIET(v);
}

// 35. TRAP_DIRTY, pages 0, 1 supplied, grow to 3, write pages 1-2: one D(1, 2)
// (clean page and zero page joined).
static void c35(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 2, TRAP_DIRTY);
  SUPPLY(v, 0, 2);
  RESIZE(v, 3);
  WROTE_PAGES(v, 1, 2, 0x35);
  RANGES(v, D(1, 2));
  CONTENT(v, 0, 3);
  QUIET(v);
}

// 36. TRAP_DIRTY, 8 pages: {1,2,4 dirty; 0 clean; 3,5,6,7 zero}; write all:
// D(0, 1), D(3, 1), D(5, 3) in turn.
static void c36(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 1, TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  RESIZE(v, 8);
  OPD(v, 1, 2);
  OPD(v, 4, 1);
  RANGES(v, D(1, 2), Z(3, 1), D(4, 1), Z(5, 3));
  worker_t* w = WRITE_PAGES(v, 0, 8, 0x36);
  DIRTY_OPD(v, 0, 1);
  DIRTY_OPD(v, 3, 1);
  DIRTY_OPD(v, 5, 3);
  DONE(w);
  want_fill(v, 0, 8, 0x36);
  RANGES(v, D(0, 8));
  CONTENT(v, 0, 8);
  QUIET(v);
}

// 37. Shrink with D waiters on a marker page, a clean page, a zero-interval page
// and an R waiter: all four calls return OUT_OF_RANGE; later OP_DIRTY and supply on
// those offsets fail (OUT_OF_RANGE).
static void c37(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 4, TRAP_DIRTY);
  MARK(v, 1, 1);
  SUPPLY(v, 2, 1);
  RESIZE(v, 5);
  worker_t* w[4];
  for (uint64_t i = 0; i < COUNT(w); i++) {
    w[i] = WRITE_BYTE(v, i + 1, 0x37);
    if (i + 1 == 3) {
      READ(v, 3, 1);
    } else {
      DIRTY(v, i + 1, 1);
    }
  }
  RESIZE(v, 1);
  for (size_t i = 0; i < COUNT(w); i++) {
    ENDS_WITH(w[i], ZX_ERR_OUT_OF_RANGE);
  }
  for (uint64_t i = 1; i < 5; i++) {
    STATUS(ZX_ERR_OUT_OF_RANGE, pager_op(v, ZX_PAGER_OP_DIRTY, i, 1, 0));
    STATUS(ZX_ERR_OUT_OF_RANGE, supply(HERE, v, i, 1, 0));
  }
  NO_RANGES(v);
  QUIET(v);
}

// 38. Zero interval (1, 5), write pages 2 and 4, BEGIN (1, 5), write 3 and 4 again,
// END: only {3,2,0} remains dirty.
static void c38(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  RESIZE(v, 6);
  RANGES(v, Z(1, 5));
  WROTE_BYTE(v, 2, 2);
  WROTE_BYTE(v, 4, 4);
  WB(v, 1, 5);
  WROTE_BYTE(v, 3, 5);
  WROTE_BYTE(v, 4, 6);
  END(v, 1, 5);
  RANGES(v, D(3, 2));
  QUIET(v);
}

// 39. OP_ZERO on absent and clean pages under trap: immediate, reported
// {.., ZERO}, committed_bytes drops to 0.
static void c39(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 4, TRAP);
  SUPPLY(v, 0, 2);
  COMMITTED(v, 2);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ZERO, 0, 4 * PAGE, NULL, 0));
  RANGES(v, Z(0, 4));
  COMMITTED(v, 0);
  want_fill(v, 0, 4, 0);
  CONTENT(v, 0, 4);
  QUIET(v);
}

// 40. Partial-page OP_ZERO on an absent page: R(n, 1) (and D under trap).
static void c40(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 4, trap_if(how));
  worker_t* w = VMO_OP_BYTES(v, ZX_VMO_OP_ZERO, 2 * PAGE + 8, 16);
  READ_SUPPLY(v, 2, 1);
  if (v->traps) {
    DIRTY_OPD(v, 2, 1);
  }
  DONE(w);
  want_bytes(v, 2 * PAGE + 8, (uint64_t[]){0, 0}, 16);
  RANGES(v, D(2, 1));
  CONTENT(v, 2, 1);
  QUIET(v);
}

// 41. vmar_protect adding WRITE on a page already mapped by a read: the next store
// still sends D, or is tracked.
static void c41(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  uint8_t* a = MAP_VMO(v->handle, ZX_VM_PERM_READ, 0, 1);
  EQUAL(v->key & 0xff, *(volatile uint8_t*)a);
  OK(zx_vmar_protect(zx_vmar_root_self(), RW, (zx_vaddr_t)a, PAGE));
  NOT_MODIFIED(v);
  STORED(v, a, 0, 0x41);
  RANGES(v, D(0, 1));
  MODIFIED(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

// 42. OP_DIRTY without TRAP_DIRTY: NOT_SUPPORTED. OP_DIRTY over an absent page:
// NOT_FOUND, and waiters are released to READ again.
static void c42(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, 0);
  SUPPLY(v, 0, 1);
  STATUS(ZX_ERR_NOT_SUPPORTED, pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0));
  STATUS(ZX_ERR_NOT_SUPPORTED, pager_op(v, ZX_PAGER_OP_DIRTY, 5, 1, 0));

  v = NEW_VMO(p, 2, TRAP);
  SUPPLY(v, 0, 1);
  worker_t* w = WRITE_BYTE(v, 0, 0x42);
  DIRTY(v, 0, 1);
  STATUS(ZX_ERR_NOT_FOUND, pager_op(v, ZX_PAGER_OP_DIRTY, 0, 2, 0));
  DIRTY(v, 0, 1);  // released: its page is still clean, so it asks again
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ZERO, 0, PAGE, NULL, 0));
  WB0(v, 0, 1);
  END(v, 0, 1);
  STATUS(ZX_ERR_NOT_FOUND, pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0));
  READ_SUPPLY(v, 0, 1);
  DIRTY_OPD(v, 0, 1);
  DONE(w);
  want_byte(v, 0, 0x42);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  QUIET(v);
}

// 43. Modified flag: set by the first mapped store and by zx_vmo_write; cleared
// only with RESET; supply and OP_DIRTY do not set it; any successful set_size sets
// it.
static void c43(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  NOT_MODIFIED(v);
  SUPPLY(v, 0, 2);
  NOT_MODIFIED(v);
  if (v->traps) {
    OPD(v, 1, 1);
    NOT_MODIFIED(v);
  }
  STORED(v, v->base, 0, 1);
  for (int i = 0; i < 2; i++) {
    zx_pager_vmo_stats_t stats = {0};
    OK(zx_pager_query_vmo_stats(v->pager->pager, v->handle, 0, &stats, sizeof(stats)));
    EQUAL(ZX_PAGER_VMO_STATS_MODIFIED, stats.modified);
  }
  MODIFIED(v);
  NOW_BYTE(v, 0, 2);
  MODIFIED(v);
  WB(v, 0, 2);
  END(v, 0, 2);
  NOT_MODIFIED(v);
  const uint64_t sizes[] = {2, 3, 1};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    RESIZE(v, sizes[i]);
    MODIFIED(v);
  }
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_set_size(v->handle, UINT64_MAX));
  NOT_MODIFIED(v);
  QUIET(v);
}

// 44. Clone write: parent not dirty, not modified. query_* on clone or slice:
// INVALID_ARGS. Slice write: D packet in root offsets, root modified.
static void c44(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 4, TRAP);
  SUPPLY(v, 0, 4);
  vmo_t* c = CLONE(v);
  NOW_BYTE(c, 1, 0x44);
  NO_RANGES(v);
  NOT_MODIFIED(v);
  QUIET(v);
  vmo_t* s = SLICE(v, 2, 2);
  vmo_t* const both[] = {c, s};
  for (size_t i = 0; i < COUNT(both); i++) {
    zx_pager_vmo_stats_t stats;
    zx_handle_t p = v->pager->pager;
    STATUS(ZX_ERR_INVALID_ARGS, zx_pager_query_dirty_ranges(p, both[i]->handle, 0, PAGE, NULL, 0, NULL, NULL));
    STATUS(ZX_ERR_INVALID_ARGS, zx_pager_query_vmo_stats(p, both[i]->handle, 0, &stats, sizeof(stats)));
  }
  worker_t* w = WRITE_BYTE(s, 1, 0x45);
  DIRTY_OPD(v, 3, 1);
  DONE(w);
  want_byte(v, 3, 0x45);
  RANGES(v, D(3, 1));
  MODIFIED(v);
  CONTENT(v, 0, 4);
  QUIET(v);
}

static const test_t tests[] = {
    BOTH("C25", c25), BOTH("C26", c26),  BOTH("C27", c27),  BOTH("C28", c28),  ONE("C29", c29),
    TRAPS("C30", c30), ONE("C31", c31),  TRAPS("C32", c32), TRAPS("C33", c33), TRAPS("C34", c34),
    ONE("C35", c35),  ONE("C36", c36),   ONE("C37", c37),   TRAPS("C38", c38), ONE("C39", c39),
    TRAPS("C40", c40), TRAPS("C41", c41), ONE("C42", c42),  TRAPS("C43", c43), CHILDREN_TOO("C44", c44),
};

const table_t scenario_dirty_tests = {tests, COUNT(tests)};
