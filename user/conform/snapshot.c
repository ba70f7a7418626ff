// S001-S024, S026, S029-S031: SNAPSHOT_MODIFIED, through mappings.
//
// Where several children share a page, the catalogue has two ways to count it:
// in parts, or whole for one of them. ZX_INFO_VMO of this size counts whole.
#include "conform.h"

#define MODIFIED_CHILD ZX_VMO_CHILD_SNAPSHOT_MODIFIED
#define ALOW ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE

enum { A = 0xdead1eaf, B = 0xc0ffee, C = 0x1eaf };

// root_with is a root of n pages, supplied, with a word in front of each.
static vmo_t* root_with(uint64_t n, uint64_t word) {
  vmo_t* v = NEW_VMO(PAGER(), n, 0);
  SUPPLY(v, 0, n);
  for (uint64_t page = 0; page < n; page++) {
    WORD(v, page) = word;
    want_bytes(v, page * PAGE, &word, sizeof(word));
  }
  return v;
}

static bool store_word(worker_t* w) {
  WORD(w->v, 0) = w->count;
  return true;
}

static void s001(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 1, 0);
  vmo_t* clone = SNAPSHOT(root);
  worker_t* w = ACT(store_word, .v = clone, .count = A);
  READ_SUPPLY(root, 0, 1);
  DONE(w);
  POPULATED(root, 1);
  POPULATED(clone, 1);
  EQUAL(A, WORD(clone, 0));
  vmo_t* snapshot = SNAPSHOT(clone);
  POPULATED(snapshot, 0.5);
  EQUAL(A, WORD(clone, 0));
  EQUAL(A, WORD(snapshot, 0));
  WORD(clone, 0) = clone->key;
  POPULATED(snapshot, 1);
  EQUAL(clone->key, WORD(clone, 0));
  EQUAL(A, WORD(snapshot, 0));
  POPULATED(root, 1);
  POPULATED(clone, 1);
}

static void s003(variant_t how) {
  (void)how;
  vmo_t* root = root_with(1, A);
  vmo_t* alow1 = CHILD(root, ALOW, 0, 1);
  vmo_t* alow2 = CHILD(root, ALOW, 0, 1);
  vmo_t* alow_snapshot = SNAPSHOT(alow1);
  vmo_t* clone = SNAPSHOT(root);
  WORD(clone, 0) = B;
  vmo_t* snapshot = SNAPSHOT(clone);
  EQUAL(A, WORD(alow1, 0));
  EQUAL(A, WORD(alow2, 0));
  EQUAL(A, WORD(alow_snapshot, 0));
  EQUAL(B, WORD(clone, 0));
  EQUAL(B, WORD(snapshot, 0));
}

static void s004(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, A);
  POPULATED(root, 2);
  CHILDREN(root, 0);
  vmo_t* clone = SNAPSHOT(root);
  CHILDREN(root, 1);
  CHILDREN(clone, 0);
  POPULATED(clone, 0);
  WORD(clone, 0) = B;
  WORD(clone, 1) = B;
  POPULATED(clone, 2);
  vmo_t* full = SNAPSHOT(clone);
  WORD(full, 0) = 0xbee5;
  WORD(full, 1) = A;
  vmo_t* partial = CHILD_BYTES(full, MODIFIED_CHILD, 0, 1);
  POPULATED(full, 1.5);
  POPULATED(partial, 0.5);
  CHILDREN(full, 1);
  CHILDREN(partial, 0);
  drop_vmo(full);
  POPULATED(partial, 1);
  CHILDREN(partial, 0);
  drop_vmo(partial);
  CHILDREN(root, 1);
  POPULATED(root, 2);
  POPULATED(clone, 2);
}

static void s005(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, A);
  vmo_t* clone = CHILD(root, MODIFIED_CHILD | ZX_VMO_CHILD_RESIZABLE, 0, 2);
  WORD(clone, 0) = B;
  WORD(clone, 1) = B;
  vmo_t* snapshot = CHILD(clone, MODIFIED_CHILD | ZX_VMO_CHILD_RESIZABLE, 0, 2);
  POPULATED(root, 2);
  POPULATED(clone, 1);
  POPULATED(snapshot, 1);
  RESIZE(clone, 1);
  POPULATED(root, 2);
  POPULATED(clone, 0.5);
  POPULATED(snapshot, 1.5);
  RESIZE(snapshot, 1);
  POPULATED(root, 2);
  POPULATED(clone, 0.5);
  POPULATED(snapshot, 0.5);
}

// s006: the children are not resizable, so that each shrink must be refused; a
// second pair, which is, shrinks.
static void s006(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, C);
  vmo_t* clone = SNAPSHOT(root);
  vmo_t* snapshot = SNAPSHOT(clone);
  REFUSED(zx_vmo_set_size(clone->handle, PAGE));
  REFUSED(zx_vmo_set_size(snapshot->handle, PAGE));
  POPULATED(root, 2);
  POPULATED(clone, 0);
  POPULATED(snapshot, 0);
  clone = CHILD(root, MODIFIED_CHILD | ZX_VMO_CHILD_RESIZABLE, 0, 2);
  snapshot = CHILD(clone, MODIFIED_CHILD | ZX_VMO_CHILD_RESIZABLE, 0, 2);
  RESIZE(clone, 1);
  RESIZE(snapshot, 1);
  POPULATED(root, 2);
  POPULATED(clone, 0);
  POPULATED(snapshot, 0);
}

static void s007(variant_t how) {
  (void)how;
  vmo_t* root = root_with(1, B);
  vmo_t* clone = CHILD(root, ALOW | ZX_VMO_CHILD_NO_WRITE, 0, 1);
  uint8_t byte = 1;
  CHECK((vmo_info(HERE, clone->handle).handle_rights & ZX_RIGHT_WRITE) == 0);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_write(clone->handle, &byte, 0, 1));
  vmo_t* snapshot = SNAPSHOT(clone);
  CHECK((vmo_info(HERE, snapshot->handle).handle_rights & ZX_RIGHT_WRITE) != 0);
  OK(zx_vmo_write(snapshot->handle, &byte, 0, 1));
}

// part_stays: a child of page 1 outlives its parent.
static void part_stays(uint64_t n) {
  vmo_t* root = root_with(n, A);
  for (uint64_t page = 0; page < n; page++) {
    EQUAL(A, WORD(root, page));
  }
  vmo_t* full = SNAPSHOT(root);
  vmo_t* part = CHILD(full, MODIFIED_CHILD, 1, 1);
  EQUAL(A, WORD(part, 0));
  drop_vmo(full);
  EQUAL(A, WORD(part, 0));
  CHILDREN(root, 1);
  for (uint64_t page = 0; page < n; page++) {
    EQUAL(A, WORD(root, page));
  }
}

static void s009(variant_t how) {
  (void)how;
  part_stays(2);
}

static void s010(variant_t how) {
  (void)how;
  part_stays(3);
}

static void s011(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(root, 0, 1);
  WORD(root, 0) = A;
  vmo_t* full = SNAPSHOT(root);
  WORD(full, 0) = B;
  vmo_t* half = CHILD_BYTES(full, MODIFIED_CHILD, 0, 1);
  drop_vmo(full);
  EQUAL(B, WORD(half, 0));
}

#define ZERO_NOW(v, o, n) OK(zx_vmo_op_range((v)->handle, ZX_VMO_OP_ZERO, (o) * PAGE, (n) * PAGE, NULL, 0))

static void s012(variant_t how) {
  (void)how;
  vmo_t* root = root_with(3, A);
  POPULATED(root, 3);
  vmo_t* full = SNAPSHOT(root);
  WORD(full, 1) = B;
  vmo_t* part = CHILD_BYTES(full, MODIFIED_CHILD, 0, 1);
  ZERO_NOW(full, 1, 2);
  EQUAL(0, WORD(full, 1));
  POPULATED(full, 0);
  POPULATED(part, 0);
  for (uint64_t page = 0; page < 3; page++) {
    EQUAL(A, WORD(root, page));
  }
}

// zero_page_0 zeroes the first page of a snapshot and looks at it.
static void zero_page_0(vmo_t* snapshot) {
  ZERO_NOW(snapshot, 0, 1);
  want_fill(snapshot, 0, 1, 0);
  ALL_ZERO(snapshot->handle, 0, 1);
}

// others_keep: what was zeroed in snapshot is zero there only.
static void others_keep(vmo_t* snapshot, vmo_t* const* above, size_t count) {
  CONTENT_READ(snapshot, 0, 2);
  for (size_t i = 0; i < count; i++) {
    CONTENT_READ(above[i], 0, 2);
  }
}

static void s013(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  vmo_t* clone = SNAPSHOT(root);
  vmo_t* snapshot = SNAPSHOT(clone);
  zero_page_0(snapshot);
  QUIET(root);
  SUPPLY(root, 0, 2);
  others_keep(snapshot, (vmo_t*[]){root, clone}, 2);
}

static void s014(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  vmo_t* clone = SNAPSHOT(root);
  vmo_t* snapshot = SNAPSHOT(clone);
  SUPPLY(root, 0, 2);
  zero_page_0(snapshot);
  others_keep(snapshot, (vmo_t*[]){root, clone}, 2);
}

static void s015(variant_t how) {
  (void)how;
  vmo_t* line[4] = {NEW_VMO(PAGER(), 2, 0)};
  for (size_t i = 1; i < COUNT(line); i++) {
    line[i] = SNAPSHOT(line[i - 1]);
  }
  vmo_t* snapshot = SNAPSHOT(line[3]);
  zero_page_0(snapshot);
  SUPPLY(line[0], 0, 2);
  others_keep(snapshot, line, COUNT(line));
}

static void s017(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  vmo_t* clone = SNAPSHOT(root);
  SUPPLY(root, 0, 2);
  vmo_t* snapshot = SNAPSHOT(clone);
  WORD(snapshot, 0) = A;
  EQUAL(A, WORD(snapshot, 0));
  POPULATED(snapshot, 1);
  zero_page_0(snapshot);
  CONTENT_READ(snapshot, 1, 1);
}

static void s018(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(root, 0, 2);
  vmo_t* clone = SNAPSHOT(root);
  vmo_t* snapshot = SNAPSHOT(clone);
  WORD(clone, 0) = A;
  zero_page_0(snapshot);
  EQUAL(A, WORD(clone, 0));
  POPULATED(clone, 1);
  CONTENT_READ(snapshot, 1, 1);
}

static void s019(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  vmo_t* clone = SNAPSHOT(root);
  SUPPLY(root, 0, 2);
  WORD(clone, 0) = A;
  EQUAL(A, WORD(clone, 0));
  POPULATED(clone, 1);
  vmo_t* snapshot = SNAPSHOT(clone);
  zero_page_0(snapshot);
  CONTENT_READ(snapshot, 1, 1);
}

static void s021(variant_t how) {
  (void)how;
  vmo_t* root = root_with(1, A);
  vmo_t* rootslice = SLICE(root, 0, 1);
  vmo_t* slicesnap = SNAPSHOT(rootslice);
  WORD(root, 0) = B;
  EQUAL(B, WORD(root, 0));
  EQUAL(B, WORD(rootslice, 0));
  EQUAL(B, WORD(slicesnap, 0));
  SNAPSHOT(slicesnap);
  vmo_t* snapshot = SNAPSHOT(SNAPSHOT(root));
  vmo_t* slice = SLICE(snapshot, 0, 1);
  NO_CHILD(slice, MODIFIED_CHILD, 0, 1);
}

static void s023(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, A);
  vmo_t* clone = SNAPSHOT(root);
  vmo_t* snapshot = SNAPSHOT(clone);
  WORD(clone, 0) = B;
  vmo_t* slice = SLICE(clone, 0, 2);
  vmo_t* snapshot2 = SNAPSHOT(clone);
  EQUAL(B, WORD(snapshot2, 0));
  EQUAL(B, WORD(slice, 0));
  WORD(clone, 0) = C;
  EQUAL(C, WORD(slice, 0));
  EQUAL(A, WORD(slice, 1));
  WORD(clone, 1) = C;
  EQUAL(C, WORD(slice, 1));
  CHILDREN(clone, 3);
  CHILDREN(snapshot, 0);
  CHILDREN(snapshot2, 0);
  EQUAL(A, WORD(snapshot, 0));
  EQUAL(A, WORD(snapshot, 1));
  EQUAL(B, WORD(snapshot2, 0));
  EQUAL(A, WORD(snapshot2, 1));
}

static void s024(variant_t how) {
  (void)how;
  vmo_t* all[6] = {root_with(1, A)};
  all[1] = SLICE(all[0], 0, 1);
  all[2] = SNAPSHOT(all[0]);
  all[3] = SNAPSHOT(all[2]);
  all[4] = SNAPSHOT(all[1]);
  all[5] = SNAPSHOT(all[4]);
  for (size_t i = 0; i < COUNT(all); i++) {
    EQUAL(A, WORD(all[i], 0));
  }
  WORD(all[0], 0) = B;
  for (size_t i = 0; i < COUNT(all); i++) {
    EQUAL(B, WORD(all[i], 0));
  }
}

static void s026(variant_t how) {
  (void)how;
  vmo_t* clone = SNAPSHOT(root_with(1, A));
  WORD(clone, 0) = B;
  vmo_t* snapshot = SNAPSHOT(clone);
  POPULATED(snapshot, 0.5);
  OK(zx_vmo_op_range(snapshot->handle, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0));
  POPULATED(snapshot, 1);
}

static void s029(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 1, 0);
  SUPPLY(root, 0, 1);
  CHILDREN(root, 0);
  vmo_t* clone = SNAPSHOT(root);
  CHILDREN(root, 1);
  WORD(clone, 0) = A;
  vmo_t* snapshot = SNAPSHOT(clone);
  CHILDREN(root, 1);
  drop_vmo(snapshot);
  WORD(clone, 0) = B;
  EQUAL(B, WORD(clone, 0));
}

// words_are compares the first words of both pages.
#define WORDS_ARE(v, a, b) (EQUAL(a, WORD(v, 0)), EQUAL(b, WORD(v, 1)))

static void s030(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(root, 0, 2);
  WORD(root, 0) = A;
  vmo_t* clone = SNAPSHOT(root);
  WORD(clone, 1) = A;
  EQUAL(A, WORD(root, 0));
  WORDS_ARE(clone, A, A);
  vmo_t* snapshot = SNAPSHOT(clone);
  WORDS_ARE(clone, A, A);
  WORD(root, 0) = B;
  WORD(clone, 1) = B;
  EQUAL(B, WORD(root, 0));
  WORDS_ARE(clone, B, B);
  WORDS_ARE(snapshot, B, A);
  WORD(snapshot, 0) = C;
  WORD(snapshot, 1) = C;
  EQUAL(B, WORD(root, 0));
  WORDS_ARE(clone, B, B);
  WORDS_ARE(snapshot, C, C);
}

static void s031(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  POPULATED(root, 0);
  SUPPLY(root, 0, 2);
  POPULATED(root, 2);
  WORD(root, 0) = 0xdeadbeef;
  WORD(root, 1) = 0xdeadbeef;
  POPULATED(root, 2);
  vmo_t* clone = SNAPSHOT(root);
  WORD(clone, 0) = 0x1eaf5;
  vmo_t* snapshot = SNAPSHOT(clone);
  POPULATED(root, 2);
  POPULATED(clone, 0.5);
  POPULATED(snapshot, 0.5);
  WORD(clone, 1) = B;
  POPULATED(root, 2);
  POPULATED(clone, 1.5);
  POPULATED(snapshot, 0.5);
  WORD(snapshot, 0) = 0xcafe;
  POPULATED(root, 2);
  POPULATED(clone, 2);
  POPULATED(snapshot, 1);
  WORD(root, 1) = C;
  WORD(clone, 1) = C;
  WORD(snapshot, 1) = C;
  POPULATED(root, 2);
  POPULATED(clone, 2);
  POPULATED(snapshot, 2);
  drop_vmo(clone);
  drop_vmo(snapshot);
  POPULATED(root, 2);
}

static const test_t tests[] = {
    ONE("S001", s001), ONE("S003", s003), ONE("S004", s004), ONE("S005", s005), ONE("S006", s006), ONE("S007", s007),
    ONE("S009", s009), ONE("S010", s010), ONE("S011", s011), ONE("S012", s012), ONE("S013", s013), ONE("S014", s014),
    ONE("S015", s015), ONE("S017", s017), ONE("S018", s018), ONE("S019", s019), ONE("S021", s021), ONE("S023", s023),
    ONE("S024", s024), ONE("S026", s026), ONE("S029", s029), ONE("S030", s030), ONE("S031", s031),
};

const table_t snapshot_tests = {tests, COUNT(tests)};
