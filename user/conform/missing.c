// missing.c: the numbers of the catalogue's P and S entries that it does not tell.
// What each is about is taken from where it names them in passing, what must come
// out from the contract.
#include "conform.h"

enum { A = 0xdead1eaf, B = 0xc0ffee, C = 0xbee5 };
enum { ALOW = ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE };

#define ZERO_NOW(v, o, n) OK(zx_vmo_op_range((v)->handle, ZX_VMO_OP_ZERO, (o) * PAGE, (n) * PAGE, NULL, 0))

// p002: a source that was never written supplies zeros.
static void p002(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  want_fill(v, 0, 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  OK(supply_from(v, 0, 1, PLAIN(1), 0));
  DONE(w);
  COMMITTED(v, 0);
  NO_READ(v);
}

// p006: two threads go through the same pages; each is asked for once.
static void p006(variant_t how) {
  enum { N = 8 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  worker_t *a = VERIFY(v, 0, N, how), *b = VERIFY(v, 0, N, how);
  BLOCKED(a);
  BLOCKED(b);
  if (how == MAPPING) {
    for (uint64_t i = 0; i < N; i++) {
      READ_SUPPLY(v, i, 1);
    }
  } else {
    READ_SUPPLY(v, 0, N);
  }
  DONE(a);
  DONE(b);
  NO_READ(v);
}

// p007: 32 threads want one page: one packet, and all go on.
static void p007(variant_t how) {
  enum { THREADS = 32 };
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  worker_t* w[THREADS];
  for (int i = 0; i < THREADS; i++) {
    w[i] = VERIFY(v, 1, 1, how);
    BLOCKED(w[i]);
  }
  READ(v, 1, 1);
  NO_READ(v);
  SUPPLY(v, 1, 1);
  for (int i = 0; i < THREADS; i++) {
    DONE(w[i]);
  }
  NO_READ(v);
}

// p008: one supply of all answers who asked for the first page.
static void p008(variant_t how) {
  enum { N = 32 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  worker_t* w = VERIFY(v, 0, N, how);
  READ(v, 0, how == MAPPING ? 1 : N);
  SUPPLY(v, 0, N);
  DONE(w);
  NO_READ(v);
}

// p009: 32 threads, each with a chunk of another, odd length.
static void p009(variant_t how) {
  enum { CHUNKS = 32 };
  vmo_t* v = NEW_VMO(PAGER(), CHUNKS * CHUNKS, 0);
  worker_t* w[CHUNKS];
  for (uint64_t i = 0; i < CHUNKS; i++) {
    w[i] = VERIFY(v, i * i, 2 * i + 1, how);
    BLOCKED(w[i]);
  }
  for (uint64_t i = 0; i < CHUNKS; i++) {
    SUPPLY(v, i * i, 2 * i + 1);
    DONE(w[i]);
  }
  NO_READ(v);
}

// p018: a reader whose page is cut off.
static void p018(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, ZX_VMO_RESIZABLE);
  worker_t* w = VERIFY(v, 1, 1, how);
  READ(v, 1, 1);
  RESIZE(v, 1);
  if (how == MAPPING) {
    CRASHES(w, v->base + PAGE, ZX_ERR_OUT_OF_RANGE);
  } else {
    FAILS(w);
  }
  REFUSED(supply(HERE, v, 1, 1, 0));
  NO_READ(v);
}

// p020: what ZX_INFO_VMO tells of a large one, nearly all of it absent.
static void p020(variant_t how) {
  (void)how;
  enum { N = 4096 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  zx_info_vmo_t info = vmo_info(HERE, v->handle);
  EQUAL(ZX_INFO_VMO_TYPE_PAGED | ZX_INFO_VMO_PAGER_BACKED | ZX_INFO_VMO_VIA_HANDLE, info.flags);
  EQUAL(N * PAGE, info.size_bytes);
  EQUAL(0, info.committed_bytes);
  EQUAL(0, info.parent_koid);
  EQUAL(0, info.num_children);
  EQUAL(1, info.num_mappings);
  EQUAL(1, info.share_count);
  EQUAL(0xd0ef, info.handle_rights);
  SUPPLY(v, N / 2, 3);
  OK(supply_from(v, 0, 5, PLAIN(5), 0));  // of nothing
  COMMITTED(v, 3);
  EQUAL(3 * PAGE, vmo_info(HERE, v->handle).populated_bytes);
  EQUAL(0, vmo_info(HERE, v->handle).committed_change_events);
  vmo_t* r = UNMAPPED_VMO(v->pager, 1, ZX_VMO_RESIZABLE);
  CHECK((vmo_info(HERE, r->handle).flags & ZX_INFO_VMO_RESIZABLE) != 0);
}

// p024: a long read that is half answered when its VMO is detached.
static void p024(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 4, 0);
  worker_t* w = READ_BYTES(v, 0, BUFFER(4 * PAGE), 4 * PAGE);
  READ(v, 0, 4);
  SUPPLY(v, 2, 1);
  DETACH(v);
  ENDS_WITH(w, ZX_ERR_BAD_STATE);
  COMPLETE(v->pager, v->key);
  NO_READ(v);
}

// p026: a reader whose request was taken from the port when its VMO is detached.
static void p026(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  } else {
    FAILS(w);
  }
}

// p030: COMPLETE, not yet taken, goes with the pager; detaching again is silent.
static void p030(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, 0);
  DETACH(v);
  COMPLETE(p, v->key);
  DETACH(v);
  zx_port_packet_t packet;
  STATUS(ZX_ERR_TIMED_OUT, zx_port_wait(p->port, 0, &packet));
  vmo_t* second = NEW_VMO(p, 1, 0);
  DETACH(second);
  close_pager(p);
  STATUS(ZX_ERR_TIMED_OUT, zx_port_wait(p->port, 0, &packet));
}

// p031: without the port pages can be supplied and a reader let go.
static void p031(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  worker_t *a = VERIFY(v, 0, 1, how), *b = VERIFY(v, 1, 1, how);
  BLOCKED(a);
  BLOCKED(b);
  close_port(v->pager);
  SUPPLY(v, 0, 1);
  DONE(a);
  BLOCKED(b);
  DETACH(v);
  if (how == MAPPING) {
    CRASHES(b, v->base + PAGE, ZX_ERR_BAD_STATE);
  } else {
    FAILS(b);
  }
}

// p037: a clone keeps its own page when the root is detached, and no other.
static void p037(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, 0);
  vmo_t* c = CLONE(v);
  SUPPLY(v, 0, 2);
  WORD(c, 0) = A;
  EQUAL(c->key + PAGE / 8, WORD(c, 1));
  worker_t* w = LOAD(c->base + 2 * PAGE);
  READ(v, 2, 1);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  CRASHES(w, c->base + 2 * PAGE, ZX_ERR_BAD_STATE);
  EQUAL(A, WORD(c, 0));
  STATUS(ZX_ERR_BAD_STATE, PROBE(c->base + PAGE, false));
  STATUS(ZX_ERR_BAD_STATE, PROBE(v->base, false));
  COMMITTED(v, 0);
  COMMITTED(c, 1);
}

// p039: the commit of a clone asks for the root's missing runs, and copies.
static void p039(variant_t how) {
  (void)how;
  enum { N = 33, MIDDLE = 16 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  vmo_t* c = CLONE(v);
  SUPPLY(v, MIDDLE, 1);
  worker_t* w = COMMIT(c, 0, N);
  READ_SUPPLY(v, 0, MIDDLE);
  READ_SUPPLY(v, MIDDLE + 1, N - MIDDLE - 1);
  DONE(w);
  NO_READ(v);
  COMMITTED(c, N);
  COMMITTED(v, N);
  CONTENT(c, 0, N);
}

// p043: a clone follows its root's writes, but not beyond where it was cut.
static void p043(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, ZX_VMO_RESIZABLE);
  vmo_t* c = CLONE(v);
  SUPPLY(v, 0, 2);
  CONTENT(c, 0, 2);
  WORD(v, 0) = A;
  WORD(v, 1) = A;
  EQUAL(A, WORD(c, 0));
  EQUAL(A, GET(c, 1));
  RESIZE(v, 1);
  EQUAL(0, WORD(c, 1));
  RESIZE(v, 2);
  WORD(v, 1) = B;
  EQUAL(0, GET(c, 1));
  WORD(c, 0) = C;
  WORD(v, 0) = B;
  EQUAL(C, WORD(c, 0));
  RESIZE(v, 0);
  EQUAL(C, WORD(c, 0));
  EQUAL(0, WORD(c, 1));
}

static zx_handle_t replaced(zx_handle_t handle, zx_rights_t lacks) {
  zx_info_handle_basic_t info;
  OK(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  OK(zx_handle_replace(handle, info.rights & ~lacks, &handle));
  return handle;
}

// p054: zx_pager_create_vmo, p055: zx_pager_detach_vmo with bad arguments.
static void p054(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  zx_handle_t out = ZX_HANDLE_INVALID, anon = PLAIN(1);
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_create_vmo(ZX_HANDLE_INVALID, 0, p->port, 0, PAGE, &out));
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_create_vmo(p->pager, 0, ZX_HANDLE_INVALID, 0, PAGE, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_create_vmo(anon, 0, p->port, 0, PAGE, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_create_vmo(p->pager, 0, anon, 0, PAGE, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_create_vmo(p->pager, ~0u, p->port, 0, PAGE, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_create_vmo(p->pager, ZX_VMO_DISCARDABLE, p->port, 0, PAGE, &out));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_pager_create_vmo(p->pager, 0, p->port, 0, UINT64_MAX, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_create_vmo(p->pager, 0, fewer(p->port, ZX_RIGHT_WRITE), 0, PAGE, &out));
  p->pager = replaced(p->pager, ZX_RIGHT_ATTACH_VMO);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_create_vmo(p->pager, 0, p->port, 0, PAGE, &out));
  EQUAL(ZX_HANDLE_INVALID, out);
}

static void p055(variant_t how) {
  (void)how;
  pager_t *p = PAGER(), *other = PAGER(), *third = PAGER();
  vmo_t *v = NEW_VMO(p, 1, 0), *w = NEW_VMO(third, 1, 0);
  zx_handle_t slice;
  OK(zx_vmo_create_child(v->handle, ZX_VMO_CHILD_SLICE, 0, PAGE, &slice));
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_detach_vmo(ZX_HANDLE_INVALID, v->handle));
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_detach_vmo(p->pager, ZX_HANDLE_INVALID));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_detach_vmo(v->handle, v->handle));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_detach_vmo(p->pager, p->pager));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_detach_vmo(p->pager, fewer(v->handle, ZX_RIGHT_WRITE)));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_detach_vmo(other->pager, v->handle));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_detach_vmo(p->pager, PLAIN(1)));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_detach_vmo(p->pager, slice));
  p->pager = replaced(p->pager, ZX_RIGHT_MANAGE_VMO);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_detach_vmo(p->pager, v->handle));
  third->pager = replaced(third->pager, ZX_RIGHT_ATTACH_VMO);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_detach_vmo(third->pager, w->handle));
  zx_port_packet_t packet;
  STATUS(ZX_ERR_TIMED_OUT, zx_port_wait(p->port, 0, &packet));
}

// p064: commits of one range share a request and its failure; p065: so do those
// that only overlap, as far as it failed.
static void p064(variant_t how) {
  (void)how;
  enum { THREADS = 8 };
  vmo_t* v = NEW_VMO(PAGER(), 4, 0);
  worker_t* w[THREADS];
  for (int i = 0; i < THREADS; i++) {
    w[i] = COMMIT(v, 0, 4);
    BLOCKED(w[i]);
  }
  READ(v, 0, 4);
  NO_READ(v);
  FAIL(v, 0, 4);
  for (int i = 0; i < THREADS; i++) {
    ENDS_WITH(w[i], ZX_ERR_IO);
  }
  NO_READ(v);
}

static void p065(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 11, 0);
  worker_t* first = COMMIT(v, 2, 4);
  READ(v, 2, 4);
  worker_t* inside = COMMIT(v, 3, 2);
  BLOCKED(inside);
  worker_t* before = COMMIT(v, 0, 4);
  READ(v, 0, 2);
  worker_t* behind = COMMIT(v, 5, 3);
  BLOCKED(behind);
  NO_READ(v);
  FAIL(v, 2, 4);
  ENDS_WITH(first, ZX_ERR_IO);
  ENDS_WITH(inside, ZX_ERR_IO);
  ENDS_WITH(behind, ZX_ERR_IO);
  SUPPLY(v, 0, 2);
  READ_SUPPLY(v, 2, 2);
  ENDS_WITH(before, ZX_OK);
  NO_READ(v);
}

// p069: a commit ends with the detach of its VMO, after which nothing is failed.
static void p069(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  worker_t* w = COMMIT(v, 0, 2);
  READ(v, 0, 2);
  DETACH(v);
  ENDS_WITH(w, ZX_ERR_BAD_STATE);
  COMPLETE(v->pager, v->key);
  STATUS(ZX_ERR_BAD_STATE, pager_op(v, ZX_PAGER_OP_FAIL, 0, 2, (uint64_t)(int64_t)ZX_ERR_IO));
  STATUS(ZX_ERR_BAD_STATE, supply(HERE, v, 0, 2, 0));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(v->handle, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0));
  NO_READ(v);
}

// p093: a pager closes while somebody waits for COMPLETE, which comes or does not.
static zx_handle_t racing, racing_port;
static bool stopped;

static bool waits_for_complete(worker_t* w) {
  (void)w;
  while (!__atomic_load_n(&stopped, __ATOMIC_ACQUIRE)) {
    zx_port_packet_t packet;
    if (zx_port_wait(racing_port, zx_deadline_after(ZX_USEC(50)), &packet) == ZX_OK) {
      EQUAL(ZX_PAGER_VMO_COMPLETE, packet.page_request.command);
      EQUAL(ZX_PKT_TYPE_PAGE_REQUEST, packet.type);
    }
  }
  return true;
}

static void p093(variant_t how) {
  (void)how;
  OK(zx_port_create(0, &racing_port));
  worker_t* w = ACT(waits_for_complete);
  for (uint64_t i = 0; i < 1000; i++) {
    zx_handle_t vmo;
    OK(zx_pager_create(0, &racing));
    OK(zx_pager_create_vmo(racing, 0, racing_port, i, PAGE, &vmo));
    OK(zx_pager_detach_vmo(racing, vmo));
    OK(zx_handle_close(racing));
    OK(zx_handle_close(vmo));
  }
  __atomic_store_n(&stopped, true, __ATOMIC_RELEASE);
  DONE(w);
  OK(zx_handle_close(racing_port));
}

// p098: two long reads that overlap; the second wakes early too, and asks for what
// the first did not.
static void p098(variant_t how) {
  (void)how;
  enum { N = 16 };
  vmo_t* v = NEW_VMO(PAGER(), N + N / 2, 0);
  uint8_t *one = BUFFER(N * PAGE), *two = BUFFER(N * PAGE);
  worker_t* a = READ_BYTES(v, 0, one, N * PAGE);
  READ(v, 0, N);
  worker_t* b = READ_BYTES(v, N / 2 * PAGE, two, N * PAGE);
  BLOCKED(b);
  NO_READ(v);
  SUPPLY(v, 0, 4);
  BECOMES(v, 0, 4, one);
  BLOCKED(b);
  SUPPLY(v, 4, 8);
  BECOMES(v, 0, 12, one);
  BECOMES(v, N / 2, 4, two);
  SUPPLY(v, 12, 4);
  DONE(a);
  READ_SUPPLY(v, N, N / 2);
  DONE(b);
  CHECK(same_bytes(v, 0, N, one));
  CHECK(same_bytes(v, N / 2, N, two));
  NO_READ(v);
}

static vmo_t* root_with(uint64_t n, uint64_t word) {
  vmo_t* root = NEW_VMO(PAGER(), n, 0);
  SUPPLY(root, 0, n);
  for (uint64_t page = 0; page < n; page++) {
    WORD(root, page) = word;
  }
  return root;
}

// s002: an at-least-on-write clone of a clone that was split is exact.
static void s002(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, A);
  vmo_t* clone = SNAPSHOT(root);
  WORD(clone, 0) = B;
  vmo_t* snapshot = SNAPSHOT(clone);
  vmo_t* alow = CHILD(snapshot, ALOW, 0, 2);
  WORD(snapshot, 0) = C;
  WORD(clone, 0) = C;
  WORD(root, 0) = C;
  WORD(root, 1) = C;
  EQUAL(B, WORD(alow, 0));
  EQUAL(C, WORD(alow, 1));
  WORD(alow, 1) = A;
  EQUAL(C, WORD(snapshot, 1));
  EQUAL(C, WORD(clone, 1));
}

// s008: closing the middle of a chain leaves what its children see, and no more.
static void s008(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, A);
  vmo_t* clone = SNAPSHOT(root);
  WORD(clone, 0) = B;
  WORD(clone, 1) = B;
  POPULATED(clone, 2);
  vmo_t* part = CHILD(clone, ZX_VMO_CHILD_SNAPSHOT_MODIFIED, 0, 1);
  POPULATED(clone, 1.5);
  POPULATED(part, 0.5);
  drop_vmo(clone);
  POPULATED(part, 1);
  CHILDREN(root, 1);
  EQUAL(B, WORD(part, 0));
  EQUAL(A, WORD(root, 0));
  POPULATED(root, 2);
}

// s016: zeroing a snapshot at the end of a chain, of which the root alone has pages.
static void s016(variant_t how) {
  (void)how;
  vmo_t* root = NEW_VMO(PAGER(), 2, 0);
  vmo_t *one = SNAPSHOT(root), *two = SNAPSHOT(one), *three = SNAPSHOT(two), *snapshot = SNAPSHOT(three);
  SUPPLY(root, 0, 2);
  ZERO_NOW(snapshot, 0, 1);
  want_fill(snapshot, 0, 1, 0);
  ALL_ZERO(snapshot->handle, 0, 1);
  CONTENT_READ(snapshot, 0, 2);
  vmo_t* const above[] = {root, one, two, three};
  for (size_t i = 0; i < COUNT(above); i++) {
    CONTENT_READ(above[i], 0, 2);
  }
  WORD(snapshot, 0) = A;
  EQUAL(A, GET(snapshot, 0));
  EQUAL(root->key, WORD(root, 0));
}

// s020: a clone of a slice of the root follows it as one of the root would.
static void s020(variant_t how) {
  (void)how;
  vmo_t* root = root_with(3, A);
  vmo_t *slice = SLICE(root, 1, 2), *clone = CHILD(slice, ALOW, 0, 2);
  EQUAL(A, WORD(clone, 0));
  WORD(slice, 0) = B;
  EQUAL(B, WORD(root, 1));
  EQUAL(B, WORD(clone, 0));
  WORD(clone, 1) = C;
  EQUAL(A, WORD(slice, 1));
  WORD(root, 2) = B;
  EQUAL(C, WORD(clone, 1));
  drop_vmo(slice);
  EQUAL(B, WORD(clone, 0));
  EQUAL(C, WORD(clone, 1));
  CHILDREN(root, 1);
}

// s022: a slice of an at-least-on-write clone can be cloned that way, not exactly.
static void s022(variant_t how) {
  (void)how;
  vmo_t* root = root_with(2, A);
  vmo_t* clone = CHILD(root, ALOW, 0, 2);
  WORD(clone, 0) = B;
  vmo_t *slice = SLICE(clone, 0, 2), *below = CHILD(slice, ALOW, 0, 2);
  EQUAL(B, WORD(below, 0));
  EQUAL(A, WORD(below, 1));
  NO_CHILD(slice, ZX_VMO_CHILD_SNAPSHOT_MODIFIED, 0, 2);
  NO_CHILD(slice, ZX_VMO_CHILD_SNAPSHOT, 0, 2);
  WORD(slice, 1) = C;
  EQUAL(C, WORD(clone, 1));
  EQUAL(A, WORD(root, 1));
  WORD(below, 1) = B;
  EQUAL(C, WORD(slice, 1));
}

static const test_t tests[] = {
    BOTH("P002", p002), BOTH("P006", p006), BOTH("P007", p007), BOTH("P008", p008), BOTH("P009", p009), BOTH("P018", p018),
    ONE("P020", p020),  ONE("P024", p024),  BOTH("P026", p026), ONE("P030", p030),  BOTH("P031", p031), ONE("P037", p037),
    ONE("P039", p039),  ONE("P043", p043),  ONE("P054", p054),  ONE("P055", p055),  ONE("P064", p064),  ONE("P065", p065),
    ONE("P069", p069),  ONE("P093", p093),  ONE("P098", p098),  ONE("S002", s002),  ONE("S008", s008),  ONE("S016", s016),
    ONE("S020", s020),  ONE("S022", s022),
};

const table_t missing_tests = {tests, COUNT(tests)};
