// W001-W017, W098, W108, W115-W116: requests to dirty pages.
#include "conform.h"

static const uint32_t TRAP = ZX_VMO_TRAP_DIRTY;
static const zx_vm_option_t RW = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

static void w001(variant_t how) {
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, TRAP);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
  WROTE_BYTE(v, 0, 0x77);
  RANGES(v, D(0, 1));
  CONTENT_BY(v, 0, 1, how);
  QUIET(v);

  vmo_t* silent = NEW_VMO(p, 1, 0);
  SUPPLY(silent, 0, 1);
  NOW_BYTE(silent, 0, 0xcc);
  CONTENT_BY(silent, 0, 1, how);
  zx_handle_t none;
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create(PAGE, ZX_VMO_TRAP_DIRTY, &none));
  QUIET(silent);
}

static void w002(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  OPD(v, 0, 1);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

static const uint64_t scattered[] = {0, 2, 4, 6, 8, 3};

// write_scattered writes a byte of each of those pages and then 5 pages of zeros.
static bool write_scattered(worker_t* w) {
  for (size_t i = 0; i < COUNT(scattered); i++) {
    OK(zx_vmo_write(w->v->handle, &w->byte, scattered[i] * PAGE, 1));
  }
  OK(zx_vmo_write(w->v->handle, w->data, 11 * PAGE, 5 * PAGE));
  return true;
}

static void w003(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 20, TRAP);
  SUPPLY(v, 0, 20);
  worker_t* w = ACT(write_scattered, .v = v, .byte = 0x77, .data = BUFFER(5 * PAGE));
  for (size_t i = 0; i < COUNT(scattered); i++) {
    DIRTY_OPD(v, scattered[i], 1);
    want_byte(v, scattered[i], 0x77);
  }
  DIRTY_OPD(v, 11, 5);
  want_fill(v, 11, 5, 0);
  DONE(w);
  RANGES(v, D(0, 1), D(2, 3), D(6, 1), D(8, 1), D(11, 5));
  CONTENT(v, 0, 20);
  QUIET(v);
}

static void w004(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 20, TRAP);
  SUPPLY(v, 0, 20);
  uint8_t* a = MAP_VMO(v->handle, RW, 0, 20);
  worker_t* w = STORE(0xcc, a, a + 2 * PAGE, a + 4 * PAGE, a + 6 * PAGE, a + 8 * PAGE, a + 3 * PAGE, a + 11 * PAGE,
                      a + 12 * PAGE, a + 13 * PAGE, a + 14 * PAGE, a + 15 * PAGE);
  for (size_t i = 0; i < COUNT(scattered); i++) {
    DIRTY_OPD(v, scattered[i], 1);
    want_byte(v, scattered[i], 0xcc);
  }
  DIRTY(v, 11, 1);
  OPD(v, 11, 5);
  DONE(w);
  for (uint64_t page = 11; page < 16; page++) {
    want_byte(v, page, 0xcc);
  }
  RANGES(v, D(0, 1), D(2, 3), D(6, 1), D(8, 1), D(11, 5));
  CONTENT(v, 0, 20);
  QUIET(v);
}

static void w005(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, TRAP);
  uint8_t* a = MAP_VMO(v->handle, RW, 0, 3);
  worker_t* w = LOAD(a, a + PAGE, a + 2 * PAGE);
  READ(v, 0, 1);
  SUPPLY(v, 0, 3);
  DONE(w);
  NO_DIRTY(v);
  OK(zx_vmo_read(v->handle, BUFFER(3 * PAGE), 0, 3 * PAGE));
  QUIET(v);
  NO_RANGES(v);
  CONTENT(v, 0, 3);
}

static void w006(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  STORED(v, a, 0, 0xcc);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  worker_t* w = STORE(0xdd, a);
  QUIET(v);
  DONE(w);
  want_byte(v, 0, 0xdd);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w007(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  worker_t* w = LOAD(a);
  QUIET(v);
  DONE(w);
  QUIET(v);
  STORED(v, a, 0, 0xdd);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w009(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 20, TRAP);
  SUPPLY(v, 0, 20);
  QUIET(v);
  worker_t* first = WRITE_PAGES(v, 4, 5, 0xaa);
  DIRTY(v, 4, 5);
  QUIET(v);
  worker_t* second = WRITE_PAGES(v, 2, 7, 0xbb);
  DIRTY(v, 2, 2);
  QUIET(v);
  OPD(v, 4, 5);
  DONE(first);
  OPD(v, 2, 2);
  DONE(second);
  want_fill(v, 2, 7, 0xbb);
  RANGES(v, D(2, 7));
  CONTENT(v, 0, 20);

  worker_t* third = WRITE_PAGES(v, 11, 5, 0xcc);
  DIRTY(v, 11, 5);
  worker_t* fourth = WRITE_PAGES(v, 15, 4, 0xdd);
  BLOCKED(fourth);
  NO_DIRTY(v);
  OPD(v, 11, 5);
  DONE(third);
  BLOCKED(fourth);
  RANGES(v, D(2, 7), D(11, 5));
  DIRTY_OPD(v, 16, 3);
  DONE(fourth);
  RANGES(v, D(2, 7), D(11, 8));
  want_fill(v, 11, 4, 0xcc);
  want_fill(v, 15, 1, v->base[15 * PAGE] == 0xcc ? 0xcc : 0xdd);  // either may be the last
  want_fill(v, 16, 3, 0xdd);
  CONTENT(v, 0, 20);
  QUIET(v);
}

enum { ABSENT, CLEAN, DIRTIED };

// converse answers what one write of n pages asks for, left to right, when each
// page is in that state.
static void converse(vmo_t* v, int* state, uint64_t n) {
  for (uint64_t i = 0, end; i < n;) {
    end = i;
    if (state[i] == ABSENT) {
      for (; end < n && state[end] == ABSENT; end++) {
        state[end] = CLEAN;
      }
      READ_SUPPLY(v, i, end - i);
    } else if (state[i] == CLEAN) {
      for (; end < n && state[end] == CLEAN; end++) {
        state[end] = DIRTIED;
      }
      DIRTY_OPD(v, i, end - i);
      i = end;
    } else {
      i++;
    }
  }
}

static void w010(variant_t how) {
  (void)how;
  enum { N = 10 };
  pager_t* p = PAGER();
  for (int round = 0; round < 8; round++) {
    vmo_t* v = NEW_VMO(p, N, TRAP);
    int state[N];
    for (uint64_t i = 0; i < N; i++) {
      state[i] = chance(3) ? ABSENT : chance(2) ? CLEAN : DIRTIED;
      if (state[i] != ABSENT) {
        SUPPLY(v, i, 1);
      }
      if (state[i] == DIRTIED) {
        OPD(v, i, 1);
      }
    }
    worker_t* w = WRITE_PAGES(v, 0, N, 0xaa);
    converse(v, state, N);
    DONE(w);
    QUIET(v);
    want_fill(v, 0, N, 0xaa);
    CONTENT(v, 0, N);
    RANGES(v, D(0, N));
    drop_vmo(v);
  }
}

static void w011(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, TRAP);
  SUPPLY(v, 0, 2);
  uint8_t* a = MAP_VMO(v->handle, RW, 0, 1);
  worker_t* w = STORE(0xcc, a);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  CRASHES(w, a, ZX_ERR_IO);
  NO_RANGES(v);
  CONTENT(v, 0, 2);

  w = WRITE_BYTE(v, 1, 0xdd);
  DIRTY(v, 1, 1);
  FAIL(v, 1, 1);
  FAILS(w);
  NO_RANGES(v);
  CONTENT(v, 0, 2);
  QUIET(v);
}

static void w012(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, TRAP);
  MARK(v, 0, 2);
  COMMITTED(v, 0);
  NO_RANGES(v);
  WROTE_BYTE(v, 0, 0xaa);
  COMMITTED(v, 1);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 2);

  uint8_t* a = MAP_VMO(v->handle, RW, 1, 1);
  worker_t* w = STORE(0xbb, a);
  DIRTY_OPD(v, 1, 1);
  DONE(w);
  want_byte(v, 1, 0xbb);
  COMMITTED(v, 2);
  RANGES(v, D(0, 2));
  EQUAL(0xbb, *a);
  CONTENT(v, 0, 2);
  QUIET(v);
}

static void w014(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  MARK(v, 0, 1);
  COMMITTED(v, 0);
  NO_RANGES(v);
  worker_t* w = WRITE_BYTE(v, 0, 0xaa);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  FAILS(w);
  COMMITTED(v, 0);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w015(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 10, TRAP);
  MARK(v, 0, 1);
  MARK(v, 1, 1);
  WROTE_PAGES(v, 0, 2, 0xaa);
  RANGES(v, D(0, 2));
  CONTENT(v, 0, 2);

  MARK(v, 2, 1);
  SUPPLY(v, 3, 1);
  WROTE_PAGES(v, 2, 2, 0xbb);
  RANGES(v, D(0, 4));

  for (uint64_t page = 4; page < 9; page++) {
    if (chance(2)) {
      SUPPLY(v, page, 1);
    } else {
      MARK(v, page, 1);
    }
  }
  worker_t* w = WRITE_PAGES(v, 4, 6, 0xcc);
  DIRTY_OPD(v, 4, 5);
  READ_SUPPLY(v, 9, 1);
  DIRTY_OPD(v, 9, 1);
  DONE(w);
  want_fill(v, 4, 6, 0xcc);
  RANGES(v, D(0, 10));
  CONTENT(v, 0, 10);
  QUIET(v);
}

static void w016(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 5, TRAP);
  SUPPLY(v, 0, 2);
  worker_t* w = COMMIT(v, 0, 5);
  READ_SUPPLY(v, 2, 3);
  DONE(w);
  QUIET(v);
  NO_RANGES(v);
}

static void w017(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, TRAP);
  SUPPLY(v, 0, 3);
  uint8_t* a = MAP_VMO(v->handle, RW | ZX_VM_MAP_RANGE, 0, 3);
  QUIET(v);
  CONTENT(v, 0, 3);
  worker_t* w = LOAD(a, a + PAGE, a + 2 * PAGE);
  QUIET(v);
  DONE(w);
  NO_RANGES(v);
  CONTENT(v, 0, 3);
  w = STORE(0xcc, a, a + PAGE, a + 2 * PAGE);
  for (uint64_t page = 0; page < 3; page++) {
    DIRTY_OPD(v, page, 1);
    want_byte(v, page, 0xcc);
  }
  DONE(w);
  RANGES(v, D(0, 3));
  CONTENT(v, 0, 3);
  QUIET(v);
}

static void w098(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 100, TRAP | ZX_VMO_RESIZABLE);
  MARK(v, 0, 100);
  RESIZE(v, 200);
  COMMITTED(v, 0);
  OPD(v, 0, 200);
  COMMITTED(v, 200);
  RANGES(v, D(0, 200));
  QUIET(v);
}

static void w108(variant_t how) {
  (void)how;
  enum { N = 128, FROM = 2, BATCH = 16, HALF = BATCH / 2 };
  vmo_t* v = NEW_VMO(PAGER(), FROM + N, TRAP);
  uint64_t* data = (uint64_t*)BUFFER(N * PAGE);
  for (uint64_t i = 0; i < N * PAGE / sizeof(*data); i++) {
    data[i] = v->key + FROM * PAGE / sizeof(*data) + i;
  }
  worker_t* w = WRITE_BYTES(v, FROM * PAGE, data, N * PAGE);
  for (uint64_t s = FROM; s < FROM + N; s += BATCH) {
    READ(v, s, BATCH);
    SUPPLY(v, s, HALF);
    SUPPLY(v, s + HALF, HALF);
    DIRTY(v, s, BATCH);
    OPD(v, s, HALF);
    OPD(v, s + HALF, HALF);
  }
  DONE(w);
  CONTENT_READ(v, FROM, N);
}

// w115 is from before a request's failure came to count by page. Then, failing
// the first pages of a request ended it at once; now the writer is told when the
// rest is answered too, so the rest is failed here.
static void w115(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 5, TRAP);
  SUPPLY(v, 0, 5);
  worker_t* w = WRITE_PAGES(v, 0, 5, 0xaa);
  BLOCKED(w);
  DIRTY(v, 0, 5);
  OPD(v, 0, 3);
  FAIL(v, 3, 2);
  DIRTY(v, 3, 2);
  FAIL(v, 3, 2);
  FAILS(w);
  want_fill(v, 0, 3, 0xaa);
  RANGES(v, D(0, 3));
  CONTENT(v, 0, 5);
  WB(v, 0, 3);
  END(v, 0, 3);
  NO_RANGES(v);

  w = WRITE_PAGES(v, 0, 5, 0xbb);
  DIRTY(v, 0, 5);
  FAIL(v, 0, 3);
  BLOCKED(w);
  FAIL(v, 3, 2);
  FAILS(w);
  NO_RANGES(v);
  CONTENT(v, 0, 5);
  QUIET(v);
}

// squeeze uses up memory until the kernel has taken pages of v, so that n stay. The
// evictor is a thread of the kernel's, perhaps on another CPU: it gets time to run
// between memory's running short and its being spent.
static void squeeze(vmo_t* v, uint64_t n) {
  enum { STEP = 64, STEPS = 65536 };
  zx_handle_t eater = PLAIN(STEP * STEPS);
  uint64_t eaten = 0;
  while (vmo_info(HERE, v->handle).committed_bytes > n * PAGE) {
    CHECK(eaten < STEP * STEPS);
    OK(zx_vmo_op_range(eater, ZX_VMO_OP_COMMIT, eaten * PAGE, STEP * PAGE, NULL, 0));
    eaten += STEP;
    zx_nanosleep(zx_deadline_after(ZX_MSEC(2)));
  }
  OK(zx_vmo_op_range(eater, ZX_VMO_OP_DECOMMIT, 0, eaten * PAGE, NULL, 0));
  COMMITTED(v, n);
}

// w116 asked a kernel of its time to reclaim what it could; here memory runs
// short instead.
static void w116(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, TRAP);
  SUPPLY(v, 0, 3);
  CONTENT_READ(v, 0, 3);  // a mapping would look recently used
  worker_t* w = WRITE_PAGES(v, 0, 3, 0xaa);
  BLOCKED(w);
  DIRTY(v, 0, 3);
  NO_RANGES(v);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ALWAYS_NEED, 0, PAGE, NULL, 0));
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ALWAYS_NEED, 2 * PAGE, PAGE, NULL, 0));
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_DONT_NEED, PAGE, PAGE, NULL, 0));
  squeeze(v, 2);
  REFUSED(pager_op(v, ZX_PAGER_OP_DIRTY, 0, 3, 0));
  DIRTY_OPD(v, 0, 1);
  READ_SUPPLY(v, 1, 1);
  DIRTY_OPD(v, 1, 2);
  DONE(w);
  want_fill(v, 0, 3, 0xaa);
  CONTENT(v, 0, 3);
  RANGES(v, D(0, 3));
  QUIET(v);
}

static const test_t tests[] = {
    WAYS("W001", w001), ONE("W002", w002), ONE("W003", w003), ONE("W004", w004), ONE("W005", w005), ONE("W006", w006),
    ONE("W007", w007),  ONE("W009", w009), ONE("W010", w010), ONE("W011", w011), ONE("W012", w012), ONE("W014", w014),
    ONE("W015", w015),  ONE("W016", w016), ONE("W017", w017), ONE("W098", w098), ONE("W108", w108), ONE("W115", w115),
    ONE("W116", w116),
};

const table_t dirty_tests = {tests, COUNT(tests)};
