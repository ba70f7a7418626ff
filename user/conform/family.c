// P076-P078, P095, P100: clones of clones.
#include "conform.h"

#define ALOW ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE

static void p076(variant_t how) {
  (void)how;
  zx_handle_t pager, port, top;
  OK(zx_pager_create(0, &pager));
  OK(zx_port_create(0, &port));
  OK(zx_pager_create_vmo(pager, 0, port, 0, PAGE, &top));
  for (int i = 0; i < 1000; i++) {
    zx_handle_t below;
    zx_status_t status = zx_vmo_create_child(top, ALOW, 0, PAGE, &below);
    if (status == ZX_ERR_NOT_SUPPORTED) {
      not_yet("clones");
    }
    OK(status);
    OK(zx_handle_close(top));
    top = below;
  }
  OK(zx_handle_close(top));
  OK(zx_handle_close(pager));
  OK(zx_handle_close(port));
}

static void p077(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 16, 0);
  AUTOPAGER(v, UNLIMITED);
  vmo_t* c = CLONE(v);
  PUT(c, 8, 1);
  vmo_t* empty = CHILD(c, ALOW, 0, 8);
  vmo_t* forked = CHILD(c, ALOW, 8, 8);
  CONTENT_READ(empty, 0, 8);
  CONTENT_READ(forked, 1, 7);
  EQUAL(1, GET(forked, 0));
  PUT(empty, 0, 2);
  PUT(forked, 1, 3);
  PUT(c, 0, 4);
  PUT(c, 9, 5);
  PUT(c, 1, 6);
  PUT(c, 10, 7);
  EQUAL(2, GET(empty, 0));
  EQUAL(3, GET(forked, 1));
  // Pages that the one in the middle forked later: the old or the new is right.
  uint64_t word = GET(empty, 1);
  CHECK(word == 6 || word == empty->key + PAGE / sizeof(word));
  word = GET(forked, 2);
  CHECK(word == 7 || word == forked->key + 2 * PAGE / sizeof(word));
  STOP_AUTOPAGER(v);
}

static void p078(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 16, 0);
  AUTOPAGER(v, UNLIMITED);
  vmo_t* c1 = CHILD(v, ALOW, 1, 14);
  PUT(c1, 0, 1);
  PUT(c1, 4, 2);
  PUT(c1, 8, 3);
  vmo_t* c2 = CHILD(c1, ALOW, 0, 14);

  vmo_t* c3 = CHILD(c2, ALOW, 0, 4);
  EQUAL(1, GET(c3, 0));
  CONTENT_READ(c3, 1, 3);
  vmo_t* c4 = CHILD(c3, ALOW, 1, 4);  // one page beyond the end of c3
  CONTENT_READ(c4, 0, 3);
  EQUAL(0, GET(c4, 3));
  drop_vmo(c4);
  drop_vmo(c3);

  c3 = CHILD(c2, ALOW, 1, 7);
  CONTENT_READ(c3, 0, 2);
  CONTENT_READ(c3, 4, 3);
  EQUAL(2, GET(c3, 3));
  c4 = CHILD(c3, ALOW, 0, 6);
  PUT(c4, 0, 4);
  vmo_t* c5 = CHILD(c4, ALOW, 0, 10);  // larger than c4
  vmo_t* c6 = CHILD(c5, ALOW, 1, 7);
  CONTENT_READ(c6, 0, 2);
  EQUAL(2, GET(c6, 2));
  CONTENT_READ(c6, 3, 2);
  EQUAL(0, GET(c6, 5));
  EQUAL(0, GET(c6, 6));
  STOP_AUTOPAGER(v);
}

static void p095(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 8, 0);
  vmo_t* c = CHILD(v, ALOW, 0, 8);
  worker_t* w = WRITE_PAGES(c, 1, 2, 'b');
  SUPPLY(v, 1, 2);
  DONE(w);
  vmo_t* grandchild = CHILD(c, ALOW, 0, 8);
  w = WRITE_PAGES(grandchild, 5, 3, 'c');
  SUPPLY(v, 5, 3);
  DONE(w);
  vmo_t* great = SLICE(grandchild, 0, 8);
  uint8_t* data = BUFFER(8 * PAGE);
  w = READ_BYTES(great, 0, data, 8 * PAGE);
  READ_SUPPLY(v, 0, 1);
  READ_SUPPLY(v, 3, 2);
  DONE(w);
  want_fill(great, 1, 2, 'b');
  want_fill(great, 5, 3, 'c');
  CHECK(same_bytes(great, 0, 8, data));
}

static void p100(variant_t how) {
  (void)how;
  enum { N = 1025, MIDDLE = 512, FROM = 384, CHANGED = 257, WORDS = ZX_PAGE_SIZE / sizeof(uint64_t) };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  vmo_t* c = CLONE(v);
  SUPPLY(v, MIDDLE, 1);
  uint64_t* data = (uint64_t*)BUFFER(N * PAGE);
  worker_t* w = READ_BYTES(c, 0, (uint8_t*)data, N * PAGE);
  READ(v, 0, MIDDLE);
  OK(zx_vmo_op_range(c->handle, ZX_VMO_OP_ZERO, FROM * PAGE, CHANGED * PAGE, NULL, 0));
  uint64_t* page = (uint64_t*)BUFFER(PAGE);
  for (uint64_t i = FROM; i < FROM + CHANGED; i++) {
    for (uint64_t k = WORDS / 2; k < WORDS; k++) {
      page[k] = c->key + i * WORDS + k;
    }
    OK(zx_vmo_write(c->handle, page, i * PAGE, PAGE));
  }
  SUPPLY(v, 0, MIDDLE - 1);
  READ_SUPPLY(v, FROM + CHANGED, N - FROM - CHANGED);
  DONE(w);
  for (uint64_t i = 0; i < N * WORDS; i++) {
    bool zero = i / WORDS >= FROM && i / WORDS < FROM + CHANGED && i % WORDS < WORDS / 2;
    EQUAL(zero ? 0 : c->key + i, data[i]);
  }
}

static const test_t tests[] = {
    ONE("P076", p076), ONE("P077", p077), ONE("P078", p078), ONE("P095", p095), ONE("P100", p100),
};

const table_t family_tests = {tests, COUNT(tests)};
