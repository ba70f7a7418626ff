// W023, W033-W047: zero intervals and their writeback.
#include "conform.h"

static const zx_vm_option_t RW = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;

static void w023(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  zx_handle_t source = PLAIN(1);
  OK(supply_from(v, 0, 1, source, 0));
  want_fill(v, 0, 1, 0);
  COMMITTED(v, 0);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  uint8_t byte = 0xaa;
  OK(zx_vmo_write(source, &byte, 0, 1));
  OK(supply_from(v, 0, 1, source, 0));
  COMMITTED(v, 0);
  CONTENT(v, 0, 1);
  WROTE_BYTE(v, 0, 0xbb);
  COMMITTED(v, 1);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

// grown is a VMO whose page 0 is supplied and which then grew to n pages.
static vmo_t* grown(variant_t how, uint64_t n) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, n);
  RANGES(v, Z(1, n - 1));
  return v;
}

// w033 begins as W032, which the catalogue does not have, must have got to the
// ranges that are told: by one write behind a gap.
static void w033(variant_t how) {
  (void)how;
  vmo_t* v = grown(TRAP_DIRTY, 3);
  WROTE_PAGES(v, 2, 1, 0xaa);
  RANGES(v, Z(1, 1), D(2, 1));
  WB(v, 1, 2);
  END(v, 1, 2);
  NO_RANGES(v);
  worker_t* second = WRITE_PAGES(v, 1, 1, 0xbb);
  READ_SUPPLY(v, 1, 1);
  DIRTY(v, 1, 1);
  worker_t* third = WRITE_PAGES(v, 2, 1, 0xcc);
  DIRTY(v, 2, 1);
  NO_READ(v);
  OPD(v, 1, 2);
  DONE(second);
  DONE(third);
  want_fill(v, 1, 1, 0xbb);
  want_fill(v, 2, 1, 0xcc);
  RANGES(v, D(1, 2));
  CONTENT(v, 0, 3);
  QUIET(v);
}

static void w034(variant_t how) {
  vmo_t* v = grown(how, 4);
  WB0(v, 1, 3);
  WROTE_PAGES(v, 2, 1, 0xaa);
  CONTENT(v, 0, 4);
  RANGES(v, Z(1, 1), D(2, 1), Z(3, 1));
  END(v, 1, 3);
  RANGES(v, D(2, 1));
  WB(v, 0, 4);
  END(v, 0, 4);
  NO_RANGES(v);
  CONTENT(v, 0, 4);
  QUIET(v);
}

// runs are what one worker writes, each by one call.
enum { RANDOM = 41, LONGEST = 16 };

static range_t runs[RANDOM];
static size_t run_count;

static bool write_runs(worker_t* w) {
  for (size_t i = 0; i < run_count; i++) {
    w->status = zx_vmo_write(w->v->handle, w->data, runs[i].o * PAGE, runs[i].n * PAGE);
    if (w->status != ZX_OK) {
      return false;
    }
  }
  return true;
}

// write_random writes some of pages 1 to 40, in runs no longer than a request.
static void write_random(vmo_t* v) {
  for (uint64_t page = 1; page < RANDOM; page++) {
    range_t* open = run_count > 0 ? &runs[run_count - 1] : NULL;
    bool follows = open != NULL && open->o + open->n == page;
    if (chance(2) || (follows && open->n == LONGEST)) {
      continue;
    }
    if (follows) {
      open->n++;
    } else {
      runs[run_count++] = D(page, 1);
    }
  }
  uint8_t* data = BUFFER(LONGEST * PAGE);
  memset(data, 0xaa, LONGEST * PAGE);
  worker_t* w = ACT(write_runs, .v = v, .data = data);
  for (size_t i = 0; i < run_count; i++) {
    if (v->traps) {
      DIRTY_OPD(v, runs[i].o, runs[i].n);
    }
    want_fill(v, runs[i].o, runs[i].n, 0xaa);
  }
  DONE(w);
}

static void w036(variant_t how) {
  vmo_t* v = grown(how, RANDOM);
  WB0(v, 1, RANDOM - 1);
  write_random(v);
  CONTENT_READ(v, 0, RANDOM);
  END(v, 1, RANDOM - 1);
  ranges_are(HERE, v, runs, run_count);
  WB(v, 0, RANDOM);
  END(v, 0, RANDOM);
  NO_RANGES(v);
  QUIET(v);
}

static void w037(variant_t how) {
  enum { BEGUN = 21 };  // pages 1 to 20
  vmo_t* v = grown(how, RANDOM);
  WB0(v, 1, BEGUN - 1);
  write_random(v);
  CONTENT_READ(v, 0, RANDOM);
  END(v, 1, BEGUN - 1);
  // What was written is dirty; of the gaps, what lies behind the writeback.
  range_t want[2 * RANDOM];
  size_t count = 0;
  uint64_t gap = BEGUN;
  for (size_t i = 0; i < run_count; i++) {
    if (runs[i].o > gap) {
      want[count++] = Z(gap, runs[i].o - gap);
    }
    want[count++] = runs[i];
    uint64_t end = runs[i].o + runs[i].n;
    gap = end > gap ? end : gap;
  }
  if (gap < RANDOM) {
    want[count++] = Z(gap, RANDOM - gap);
  }
  ranges_are(HERE, v, want, count);
  WB(v, 0, RANDOM);
  END(v, 0, RANDOM);
  NO_RANGES(v);
  QUIET(v);
}

// gaps is a VMO with two written pages between gaps.
static vmo_t* gaps(variant_t how) {
  vmo_t* v = grown(how, 6);
  WROTE_PAGES(v, 2, 1, 0xaa);
  WROTE_PAGES(v, 4, 1, 0xaa);
  CONTENT(v, 0, 6);
  RANGES(v, Z(1, 1), D(2, 1), Z(3, 1), D(4, 1), Z(5, 1));
  return v;
}

static void w041(variant_t how) {
  vmo_t* v = gaps(how);
  WB(v, 1, 5);
  WROTE_PAGES(v, 3, 2, 0xbb);
  END(v, 1, 5);
  RANGES(v, D(3, 2));
  CONTENT(v, 0, 6);
  QUIET(v);
}

static void w042(variant_t how) {
  vmo_t* v = gaps(how);
  for (uint64_t page = 1; page < 6; page++) {
    if (page % 2 != 0) {
      WB0(v, page, 1);
    } else {
      WB(v, page, 1);
    }
  }
  for (uint64_t page = 1; page < 6; page++) {
    END(v, page, 1);
  }
  NO_RANGES(v);
  QUIET(v);
}

static void w043(variant_t how) {
  vmo_t* v = grown(how, 5);
  WB0(v, 1, 1);
  END(v, 1, 1);
  RANGES(v, Z(2, 3));
  WB0(v, 2, 1);
  END(v, 2, 1);
  RANGES(v, Z(3, 2));
  WB0(v, 3, 2);
  END(v, 3, 2);
  NO_RANGES(v);
  QUIET(v);
}

static void w044(variant_t how) {
  vmo_t* v = grown(how, 5);
  WB0(v, 1, 4);
  WB0(v, 1, 2);
  END(v, 1, 4);
  NO_RANGES(v);

  RESIZE(v, 10);
  RANGES(v, Z(5, 5));
  END(v, 1, 2);
  RANGES(v, Z(5, 5));
  END(v, 5, 2);
  RANGES(v, Z(5, 5));
  WB0(v, 5, 2);
  WB0(v, 5, 2);
  RANGES(v, Z(5, 5));
  WB0(v, 7, 3);
  END(v, 5, 2);
  END(v, 7, 3);
  RANGES(v, Z(7, 3));
  END(v, 5, 2);
  RANGES(v, Z(7, 3));
  WB(v, 7, 3);
  END(v, 7, 3);
  NO_RANGES(v);
  QUIET(v);
}

static void w045(variant_t how) {
  vmo_t* v = grown(how, 2);
  uint8_t* a = MAP_VMO(v->handle, RW | ZX_VM_ALLOW_FAULTS, 0, 2);
  STORED(v, a, 1, 0xaa);
  RANGES(v, D(1, 1));
  CONTENT(v, 0, 2);
  WB(v, 0, 2);
  END(v, 0, 2);
  NO_RANGES(v);
  STORED(v, a, 1, 0xbb);
  RANGES(v, D(1, 1));
  CONTENT(v, 0, 2);
  QUIET(v);
}

static void w047(variant_t how) {
  vmo_t* v = grown(how, 4);
  WROTE_BYTE(v, 2, 0xaa);
  WB0(v, 1, 3);
  END(v, 1, 3);
  RANGES(v, D(2, 1));
  QUIET(v);
}

static const test_t tests[] = {
    TRAPS("W023", w023), ONE("W033", w033),   TRAPS("W034", w034), TRAPS("W036", w036), TRAPS("W037", w037),
    TRAPS("W041", w041), TRAPS("W042", w042), TRAPS("W043", w043), TRAPS("W044", w044), TRAPS("W045", w045),
    TRAPS("W047", w047),
};

const table_t interval_tests = {tests, COUNT(tests)};
