// W020-W030, W038-W039, W048-W051, W101-W103: writeback, resizes, late answers.
#include "conform.h"

static const uint32_t TRAP = ZX_VMO_TRAP_DIRTY;
static const zx_vm_option_t RW = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

static void w020(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  WROTE_BYTE(v, 0, 0xaa);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  WB(v, 0, 1);
  RANGES(v, D(0, 1));
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  WROTE_BYTE(v, 0, 0x77);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w022(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  volatile uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  STORED(v, (uint8_t*)a, 0, 0xaa);
  RANGES(v, D(0, 1));
  EQUAL(0xaa, *a);
  CONTENT(v, 0, 1);
  *a = 0xbb;
  want_byte(v, 0, 0xbb);
  RANGES(v, D(0, 1));
  WB(v, 0, 1);
  RANGES(v, D(0, 1));
  EQUAL(0xbb, *a);
  CONTENT(v, 0, 1);

  worker_t* w = STORE(0xcc, a);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  CRASHES(w, a, ZX_ERR_IO);
  RANGES(v, D(0, 1));
  EQUAL(0xbb, *a);
  END(v, 0, 1);
  NO_RANGES(v);
  EQUAL(0xbb, *a);
  CONTENT(v, 0, 1);

  STORED(v, (uint8_t*)a, 0, 0xdd);
  RANGES(v, D(0, 1));
  EQUAL(0xdd, *a);
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w024(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  SUPPLY(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  NOW_BYTE(v, 0, 0x77);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  WB(v, 0, 1);
  RANGES(v, D(0, 1));
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  volatile uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  *a = 0x55;
  want_byte(v, 0, 0x55);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w025(variant_t how) {
  (void)how;
  enum { N = 10 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  uint64_t supplied = 0;
  for (uint64_t page = 0; page < N; page++) {
    if (chance(2)) {
      SUPPLY(v, page, 1);
      supplied++;
    } else {
      MARK(v, page, 1);
    }
  }
  COMMITTED(v, supplied);
  NO_RANGES(v);
  CONTENT(v, 0, N);

  uint8_t* data = BUFFER(N * PAGE);
  OK(zx_vmo_read(v->handle, data, 0, N * PAGE));
  for (uint64_t page = 0; page < N; page++) {
    data[page * PAGE] = (uint8_t)(0x77 + page);
  }
  OK(zx_vmo_write(v->handle, data, 0, N * PAGE));
  want_bytes(v, 0, data, N * PAGE);
  COMMITTED(v, N);
  RANGES(v, D(0, N));
  CONTENT(v, 0, N);
  QUIET(v);
}

static void w027(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  RESIZE(v, 4);
  worker_t* w = READ_BYTES(v, 0, BUFFER(4 * PAGE), 4 * PAGE);
  READ_SUPPLY(v, 0, 2);
  DONE(w);
  NO_READ(v);
  CONTENT(v, 0, 4);
  COMMITTED(v, 2);
  SUPPLY(v, 2, 2);
  COMMITTED(v, 2);
  CONTENT(v, 0, 4);
  if (how == TRAP_DIRTY) {
    return;
  }
  uint8_t* data = BUFFER(2 * PAGE);
  memset(data, 0xaa, 2 * PAGE);
  OK(zx_vmo_write(v->handle, data, 2 * PAGE, 2 * PAGE));
  want_fill(v, 2, 2, 0xaa);
  COMMITTED(v, 4);
  CONTENT(v, 0, 4);
  RANGES(v, D(2, 2));
  QUIET(v);
}

static void w028(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 2, TRAP_DIRTY);
  SUPPLY(v, 0, 2);
  RESIZE(v, 3);
  worker_t* w = WRITE_PAGES(v, 1, 2, 0xaa);
  BLOCKED(w);
  NO_READ(v);
  DIRTY_OPD(v, 1, 2);
  DONE(w);
  want_fill(v, 1, 2, 0xaa);
  CONTENT(v, 0, 3);
  COMMITTED(v, 3);
  RANGES(v, D(1, 2));

  RESIZE(v, 6);
  w = WRITE_PAGES(v, 4, 1, 0xbb);
  BLOCKED(w);
  NO_READ(v);
  DIRTY_OPD(v, 4, 1);
  DONE(w);
  want_fill(v, 4, 1, 0xbb);
  CONTENT(v, 0, 6);
  RANGES(v, D(1, 2), Z(3, 1), D(4, 1), Z(5, 1));

  RESIZE(v, 8);
  w = WRITE_PAGES(v, 0, 8, 0xcc);
  BLOCKED(w);
  NO_READ(v);
  DIRTY_OPD(v, 0, 1);
  DIRTY_OPD(v, 3, 1);
  DIRTY_OPD(v, 5, 3);
  DONE(w);
  want_fill(v, 0, 8, 0xcc);
  CONTENT(v, 0, 8);
  RANGES(v, D(0, 8));
  QUIET(v);
}

static void w029(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 3);
  WROTE_PAGES(v, 0, 1, 0xaa);
  WROTE_PAGES(v, 2, 1, 0xaa);
  CONTENT(v, 0, 3);
  RANGES(v, D(0, 1), Z(1, 1), D(2, 1));
  WB(v, 0, 3);
  END(v, 0, 3);
  NO_RANGES(v);
  CONTENT(v, 0, 3);  // page 1 by the translation that is still there
  QUIET(v);
}

static void w030(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 5, TRAP_DIRTY);
  MARK(v, 1, 1);
  SUPPLY(v, 3, 1);
  RESIZE(v, 6);
  RANGES(v, Z(5, 1));
  worker_t* w[4];
  w[0] = WRITE_BYTE(v, 1, 0xaa);
  w[1] = WRITE_BYTE(v, 3, 0xaa);
  w[2] = WRITE_BYTE(v, 5, 0xaa);
  w[3] = READ_BYTES(v, 2 * PAGE, BUFFER(1), 1);
  DIRTY(v, 1, 1);
  DIRTY(v, 3, 1);
  DIRTY(v, 5, 1);
  READ(v, 2, 1);
  QUIET(v);
  RESIZE(v, 1);
  for (size_t i = 0; i < COUNT(w); i++) {
    ENDS_WITH(w[i], ZX_ERR_OUT_OF_RANGE);
  }
  for (uint64_t page = 1; page < 6; page += 2) {
    REFUSED(pager_op(v, ZX_PAGER_OP_DIRTY, page, 1, 0));
  }
  REFUSED(supply(HERE, v, 2, 1, 0));
  NO_RANGES(v);
  QUIET(v);
}

static void w038(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 3);
  RANGES(v, Z(1, 2));
  CONTENT(v, 0, 3);
  WB0(v, 1, 2);
  RESIZE(v, 2);
  RANGES(v, Z(1, 1));
  CONTENT(v, 0, 2);
  REFUSED(pager_op(v, ZX_PAGER_OP_WRITEBACK_END, 1, 2, 0));
  RANGES(v, Z(1, 1));
  END(v, 1, 1);
  NO_RANGES(v);

  RESIZE(v, 3);
  RANGES(v, Z(2, 1));
  SUPPLY(v, 1, 1);  // written back, so it is the pager's
  want_tag(v, 1, 1);
  CONTENT(v, 0, 3);
  WB0(v, 2, 1);
  RESIZE(v, 2);
  NO_RANGES(v);
  REFUSED(pager_op(v, ZX_PAGER_OP_WRITEBACK_END, 2, 1, 0));
  NO_RANGES(v);
  CONTENT(v, 0, 2);

  RESIZE(v, 3);
  RANGES(v, Z(2, 1));
  CONTENT(v, 0, 3);
  WB0(v, 2, 1);
  RESIZE(v, 1);
  NO_RANGES(v);
  REFUSED(pager_op(v, ZX_PAGER_OP_WRITEBACK_END, 2, 1, 0));
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w039(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 3);
  RANGES(v, Z(1, 2));
  WB0(v, 1, 1);
  RESIZE(v, 2);
  RANGES(v, Z(1, 1));
  END(v, 1, 1);
  NO_RANGES(v);
  QUIET(v);
}

// mixed has five dirty ranges: pages and zeros by turns.
static const range_t five[] = {{1, 1, 0}, {2, 4, ZX_VMO_DIRTY_RANGE_IS_ZERO}, {6, 1, 0}, {7, 2, ZX_VMO_DIRTY_RANGE_IS_ZERO}, {9, 1, 0}};
static const int disorder[] = {3, 0, 2, 1, 4};

static vmo_t* mixed(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, 10);
  RANGES(v, Z(1, 9));
  WROTE_BYTE(v, 1, 0xaa);
  WROTE_BYTE(v, 6, 0xaa);
  WROTE_BYTE(v, 9, 0xaa);
  ranges_are(HERE, v, five, COUNT(five));
  return v;
}

static void w048(variant_t how) {
  vmo_t* v = mixed(how);
  WB(v, 1, 9);
  END(v, 1, 9);
  NO_RANGES(v);
  QUIET(v);
}

static void w049(variant_t how) {
  vmo_t* v = mixed(how);
  for (size_t i = 0; i < COUNT(disorder); i++) {
    WB(v, five[disorder[i]].o, five[disorder[i]].n);
  }
  for (size_t i = 0; i < COUNT(disorder); i++) {
    END(v, five[disorder[i]].o, five[disorder[i]].n);
  }
  NO_RANGES(v);
  QUIET(v);
}

static void w050(variant_t how) {
  vmo_t* v = mixed(how);
  for (size_t i = 0; i < COUNT(disorder); i++) {
    WB(v, five[disorder[i]].o, five[disorder[i]].n);
  }
  END(v, 1, 9);
  NO_RANGES(v);
  QUIET(v);
}

static void w051(variant_t how) {
  vmo_t* v = mixed(how);
  WB(v, 1, 9);
  for (size_t i = 0; i < COUNT(disorder); i++) {
    END(v, five[disorder[i]].o, five[disorder[i]].n);
  }
  NO_RANGES(v);
  QUIET(v);
}

static void w101(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 1, TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  RESIZE(v, 2);
  RANGES(v, Z(1, 1));
  worker_t* w = WRITE_BYTE(v, 1, 0xaa);
  DIRTY(v, 1, 1);
  WB0(v, 1, 1);
  END(v, 1, 1);
  NO_RANGES(v);
  QUIET(v);
  STATUS(ZX_ERR_NOT_FOUND, pager_op(v, ZX_PAGER_OP_DIRTY, 1, 1, 0));
  READ_SUPPLY(v, 1, 1);
  DIRTY_OPD(v, 1, 1);
  DONE(w);
  RANGES(v, D(1, 1));
  QUIET(v);
}

static void w102(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 1, TRAP_DIRTY);
  uint8_t* byte = BUFFER(1);
  *byte = 0xff;
  worker_t* w = READ_BYTES(v, 0, byte, 1);
  READ(v, 0, 1);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ZERO, 0, PAGE, NULL, 0));
  RANGES(v, Z(0, 1));
  DONE(w);
  EQUAL(0, *byte);
  WB0(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
  COMMITTED(v, 0);
  QUIET(v);
}

static void w103(variant_t how) {
  (void)how;
  vmo_t* v = RESIZABLE(PAGER(), 1, TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  worker_t* w = WRITE_BYTE(v, 0, 0xaa);
  DIRTY(v, 0, 1);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ZERO, 0, PAGE, NULL, 0));
  RANGES(v, Z(0, 1));
  WB0(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  STATUS(ZX_ERR_NOT_FOUND, pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0));
  READ(v, 0, 1);
  MARK(v, 0, 1);
  DIRTY_OPD(v, 0, 1);
  DONE(w);
  RANGES(v, D(0, 1));
  QUIET(v);
}

static const test_t tests[] = {
    TRAPS("W020", w020), ONE("W022", w022),   ONE("W024", w024),   ONE("W025", w025),   TRAPS("W027", w027),
    ONE("W028", w028),   TRAPS("W029", w029), ONE("W030", w030),   TRAPS("W038", w038), TRAPS("W039", w039),
    TRAPS("W048", w048), TRAPS("W049", w049), TRAPS("W050", w050), TRAPS("W051", w051), ONE("W101", w101),
    ONE("W102", w102),   ONE("W103", w103),
};

const table_t writeback_tests = {tests, COUNT(tests)};
