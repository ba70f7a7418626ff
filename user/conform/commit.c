// P044-P051, P094, P091: commits.
#include "conform.h"

static void p044(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 555, 0);
  worker_t* w = COMMIT(v, 0, 555);
  READ_SUPPLY(v, 0, 555);
  DONE(w);
}

static void p045(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 33, 0);
  SUPPLY(v, 16, 1);
  worker_t* w = COMMIT(v, 0, 33);
  READ_SUPPLY(v, 0, 16);
  READ_SUPPLY(v, 17, 16);
  DONE(w);
}

static void p046(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 32, 0);
  worker_t* inner = COMMIT(v, 8, 16);
  READ(v, 8, 16);
  worker_t* outer = COMMIT(v, 0, 32);
  READ(v, 0, 8);
  SUPPLY(v, 0, 24);
  READ_SUPPLY(v, 24, 8);
  DONE(inner);
  DONE(outer);
}

static void p047(variant_t how) {
  (void)how;
  enum { N = 7 * 5 * 3 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  worker_t *sevens[N / 7], *fives[N / 5];
  for (uint64_t i = 0; i < COUNT(sevens); i++) {
    sevens[i] = COMMIT(v, 7 * i, 7);
    READ(v, 7 * i, 7);
  }
  for (uint64_t i = 0; i < COUNT(fives); i++) {
    fives[i] = COMMIT(v, 5 * i, 5);
    BLOCKED(fives[i]);
  }
  for (uint64_t i = 0; i < N / 3; i++) {
    SUPPLY(v, 3 * i, 3);
  }
  for (size_t i = 0; i < COUNT(sevens); i++) {
    DONE(sevens[i]);
  }
  for (size_t i = 0; i < COUNT(fives); i++) {
    DONE(fives[i]);
  }
}

static void p048(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 32, 0);
  worker_t* w = COMMIT(v, 0, 32);
  READ(v, 0, 32);
  for (uint64_t i = 0; i < 32; i++) {
    SUPPLY(v, i, 1);
  }
  DONE(w);
}

static void p049(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 35, 0);
  worker_t* w[5];
  for (uint64_t i = 0; i < COUNT(w); i++) {
    w[i] = COMMIT(v, 7 * i, 7);
    READ(v, 7 * i, 7);
  }
  for (uint64_t i = 0; i < 7; i++) {
    SUPPLY(v, 5 * i, 5);
  }
  for (size_t i = 0; i < COUNT(w); i++) {
    DONE(w[i]);
  }
}

static void p050(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 8, 0);
  worker_t* w = COMMIT(v, 0, 8);
  READ(v, 0, 8);
  for (uint64_t n = 1; n <= 8; n++) {
    SUPPLY(v, 0, n);
  }
  DONE(w);
}

static void p051(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, ZX_VMO_RESIZABLE);
  worker_t* w = COMMIT(v, 0, 3);
  READ(v, 0, 3);
  SUPPLY(v, 2, 1);
  RESIZE(v, 1);
  BLOCKED(w);
  SUPPLY(v, 0, 1);
  DONE(w);
  NO_READ(v);
}

static void p094(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 5, 0);
  SUPPLY(v, 2, 1);
  worker_t* w = COMMIT(v, 0, 5);
  BLOCKED(w);
  READ_SUPPLY(v, 0, 2);
  BLOCKED(w);
  READ_SUPPLY(v, 3, 2);
  DONE(w);
}

static const test_t tests[] = {
    ONE("P044", p044), ONE("P045", p045), ONE("P046", p046), ONE("P047", p047), ONE("P048", p048),
    ONE("P049", p049), ONE("P050", p050), ONE("P051", p051), ONE("P094", p094),
};

const table_t commit_tests = {tests, COUNT(tests)};
