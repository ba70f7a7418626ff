// S027, S028, S032-S037: SNAPSHOT_MODIFIED, by zx_vmo_read and zx_vmo_write.
#include "conform.h"

enum { D0 = 0xdead1eaf, D1 = 0xc0ffee, D2 = 0x1eaf };

// write_whole writes a page of tags with another first word.
static void write_whole(vmo_t* v, uint64_t word) {
  uint64_t page[PAGE / sizeof(uint64_t)];
  for (uint64_t i = 0; i < COUNT(page); i++) {
    page[i] = i == 0 ? word : v->key + i;
  }
  OK(zx_vmo_write(v->handle, page, 0, PAGE));
}

// READS wants the page of v to be those tags with that word.
#define READS(v, word) reads(HERE, v, word)

static void reads(where_t at, vmo_t* v, uint64_t word) {
  want_bytes(v, 0, &word, sizeof(word));
  content_is(at, v, 0, 1, VMO_READ);
}

static vmo_t* root_with(uint64_t word) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  SUPPLY(v, 0, 1);
  write_whole(v, word);
  return v;
}

static void s027(variant_t how) {
  (void)how;
  vmo_t* root = root_with(D0);
  vmo_t* clone = SNAPSHOT(root);
  READS(root, D0);
  READS(clone, D0);
  write_whole(clone, D1);
  READS(root, D0);
  READS(clone, D1);
  vmo_t* snapshot = SNAPSHOT(clone);
  READS(root, D0);
  READS(clone, D1);
  READS(snapshot, D1);
  write_whole(snapshot, D2);
  READS(root, D0);
  READS(clone, D1);
  READS(snapshot, D2);
}

static void s028(variant_t how) {
  (void)how;
  vmo_t* root = root_with(D0);
  vmo_t* clone = SNAPSHOT(root);
  write_whole(clone, D1);
  vmo_t* snapshot = SNAPSHOT(clone);
  READS(root, D0);
  READS(clone, D1);
  READS(snapshot, D1);
}

// line is a root, a snapshot of it and a snapshot of that.
typedef struct {
  vmo_t *root, *clone, *snapshot;
} line_t;

static line_t new_line(void) {
  line_t l = {.root = root_with(D0)};
  l.clone = SNAPSHOT(l.root);
  l.snapshot = SNAPSHOT(l.clone);
  return l;
}

static void s032(variant_t how) {
  (void)how;
  line_t l = new_line();
  write_whole(l.root, 0xc0ffe);
  READS(l.root, 0xc0ffe);
  READS(l.clone, 0xc0ffe);
  READS(l.snapshot, 0xc0ffe);
}

static void s033(variant_t how) {
  (void)how;
  line_t l = new_line();
  write_whole(l.clone, 0xc0ffee);
  READS(l.root, D0);
  READS(l.clone, 0xc0ffee);
  READS(l.snapshot, D0);
}

static void s034(variant_t how) {
  (void)how;
  line_t l = new_line();
  write_whole(l.snapshot, 0xc0ffeee);
  READS(l.root, D0);
  READS(l.clone, D0);
  READS(l.snapshot, 0xc0ffeee);
}

static void s035(variant_t how) {
  (void)how;
  line_t l = new_line();
  drop_vmo(l.clone);
  READS(l.root, D0);
  READS(l.snapshot, D0);
}

static void s036(variant_t how) {
  (void)how;
  line_t l = new_line();
  drop_vmo(l.snapshot);
  READS(l.root, D0);
  READS(l.clone, D0);
}

static void s037(variant_t how) {
  (void)how;
  line_t l = new_line();
  drop_vmo(l.root);
  READS(l.clone, D0);
  READS(l.snapshot, D0);
}

static const test_t tests[] = {
    ONE("S027", s027), ONE("S028", s028), ONE("S032", s032), ONE("S033", s033),
    ONE("S034", s034), ONE("S035", s035), ONE("S036", s036), ONE("S037", s037),
};

const table_t vmo_snapshot_tests = {tests, COUNT(tests)};
