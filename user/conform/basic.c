// P001-P031, P090, P096-P099: requests, supply, unmapping, detach, closed
// handles, early wake.
#include "conform.h"

static void p001(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
}

static void p003(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  SUPPLY(v, 0, 1);
  worker_t* w = VERIFY(v, 0, 1, how);
  DONE(w);
  NO_READ_OF(v, 0, 1);
}

static void p004(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  worker_t* first = VERIFY(v, 0, 1, how);
  BLOCKED(first);
  SUPPLY(v, 0, 1);
  DONE(first);
  worker_t* second = VERIFY(v, 1, 1, how);
  BLOCKED(second);
  READ_SUPPLY(v, 1, 1);
  DONE(second);
  NO_READ_OF(v, 0, 1);
}

static void p005(variant_t how) {
  enum { N = 32 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  worker_t* w = VERIFY(v, 0, N, how);
  if (how == MAPPING) {
    for (uint64_t i = 0; i < N; i++) {
      READ_SUPPLY(v, i, 1);
    }
  } else {
    READ_SUPPLY(v, 0, N);
  }
  DONE(w);
}

// p010: the entry takes its setup from P009, which the catalogue does not
// have: a number of workers, each verifying a chunk of its own, and each chunk
// supplied from a source in which it lies at the same offset.
static void p010(variant_t how) {
  enum { CHUNKS = 32, LENGTH = 4 };
  vmo_t* v = NEW_VMO(PAGER(), CHUNKS * LENGTH, 0);
  worker_t* w[CHUNKS];
  for (uint64_t i = 0; i < CHUNKS; i++) {
    w[i] = VERIFY(v, i * LENGTH, LENGTH, how);
    BLOCKED(w[i]);
  }
  for (uint64_t i = 0; i < CHUNKS; i++) {
    SUPPLY_AT(v, i * LENGTH, LENGTH, i * LENGTH);
    DONE(w[i]);
  }
  NO_READ(v);
}

static void p011(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  zx_handle_t other = PLAIN(1);
  fill_tags(HERE, v, 2, 1, other, 0);
  OK(supply_from(v, 0, 1, other, 0));
  SUPPLY(v, 1, 1);
  uint64_t words[PAGE / sizeof(uint64_t)];
  for (uint64_t i = 0; i < COUNT(words); i++) {
    words[i] = v->key + 2 * COUNT(words) + i;
  }
  want_bytes(v, 0, words, sizeof(words));
  worker_t* w = VERIFY(v, 0, 2, how);
  DONE(w);
  NO_READ_OF(v, 0, 1);
}

static void p012(variant_t how) {
  enum { N = 257 };
  static worker_t* w[N];
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  for (uint64_t i = 0; i < N; i++) {
    w[i] = VERIFY(v, i, 1, how);
    BLOCKED(w[i]);
  }
  for (uint64_t i = 0; i < N; i++) {
    READ_SUPPLY(v, i, 1);
    DONE(w[i]);
  }
}

static void p013(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  for (int i = 0; i < 64; i++) {
    vmo_t* v = NEW_VMO(p, 1, 0);
    worker_t* w = VERIFY(v, 0, 1, MAPPING);
    READ_SUPPLY(v, 0, 1);
    DONE(w);
    drop_vmo(v);
  }
}

static void p014(variant_t how) {
  (void)how;
  enum { N = 8 };
  pager_t* p = PAGER();
  vmo_t* v[N];
  worker_t* w[N];
  for (int i = 0; i < N; i++) {
    v[i] = NEW_VMO(p, 1, 0);
  }
  for (int i = 0; i < N; i++) {
    w[i] = VERIFY(v[i], 0, 1, MAPPING);
    READ(v[i], 0, 1);
  }
  for (int i = 0; i < N; i++) {
    SUPPLY(v[i], 0, 1);
    DONE(w[i]);
  }
}

static void p015(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  uint8_t* a = MAP_VMO(v->handle, ZX_VM_PERM_READ, 0, 1);
  worker_t* w = LOAD(a);
  BLOCKED(w);
  UNMAP(a);
  SUPPLY(v, 0, 1);
  CRASHES(w, a, ZX_ERR_NOT_FOUND);
}

static bool matches_tags(worker_t* w) { return same_bytes(w->v, w->at / PAGE, w->count / PAGE, w->data); }

static void p016(variant_t how) {
  (void)how;
  enum { N = 8 };
  pager_t* p = PAGER();
  vmo_t* before = NEW_VMO(p, N, 0);
  vmo_t* after = NEW_VMO(p, N, 0);
  uint8_t* a = MAP_VMO(before->handle, ZX_VM_PERM_READ, 0, N);
  worker_t* w[N];
  for (uint64_t i = 0; i < N; i++) {
    w[i] = ACT(matches_tags, .v = after, .at = i * PAGE, .count = PAGE, .data = a + i * PAGE);
  }
  for (int i = 0; i < N; i++) {
    BLOCKED(w[i]);
  }
  zx_info_vmar_t root;
  OK(zx_object_get_info(zx_vmar_root_self(), ZX_INFO_VMAR, &root, sizeof(root), NULL, NULL));
  zx_vaddr_t again = 0;
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_SPECIFIC_OVERWRITE, (zx_vaddr_t)a - root.base, after->handle,
                 0, N * PAGE, &again));
  EQUAL((zx_vaddr_t)a, again);
  SUPPLY(before, 0, N);
  for (int i = 0; i < N; i++) {
    BLOCKED(w[i]);
  }
  for (int i = 0; i < N; i++) {
    uint64_t o, n;
    ANY_READ(after, &o, &n);
    EQUAL(1, n);
    CHECK(o < N);
    SUPPLY(after, o, 1);
    DONE(w[o]);
  }
}

static uint8_t* mapped;

static bool map_range(worker_t* w) {
  zx_vaddr_t at = 0;
  w->status = zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_MAP_RANGE, 0, w->v->handle, 0, 2 * PAGE, &at);
  mapped = (uint8_t*)at;
  return w->status == ZX_OK;
}

static void p017(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(v, 0, 1);
  worker_t* w = ACT(map_range, .v = v);
  DONE(w);
  NO_READ(v);
  w = ACT(matches_tags, .v = v, .count = 2 * PAGE, .data = mapped);
  READ_SUPPLY(v, 1, 1);
  DONE(w);
  NO_READ(v);
  OK(zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)mapped, 2 * PAGE));
}

static void p021(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  DETACH(v);
  COMPLETE(v->pager, v->key);
}

static void p023(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 1, 0);
  uint64_t key = v->key;
  drop_vmo(v);
  COMPLETE(p, key);
}

// interrupted is the end of a worker that verified page 0 of v when the pager
// went: a crash in the mapping, an error of vmo_read.
static void interrupted(worker_t* w, vmo_t* v, variant_t how) {
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  } else {
    FAILS(w);
  }
}

static void p025(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  close_pager(v->pager);
  interrupted(w, v, how);
}

static void p027(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  BLOCKED(w);
  close_pager(v->pager);
  interrupted(w, v, how);
}

static void p028(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  BLOCKED(w);
  DETACH(v);
  interrupted(w, v, how);
  COMPLETE(v->pager, v->key);
}

static void p029(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(v, 1, 1);
  worker_t* w = VERIFY(v, 0, 1, MAPPING);
  BLOCKED(w);
  close_pager(v->pager);
  CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  CONTENT(v, 1, 1);
}

static zx_handle_t latest;
static bool stop;

// create_for_ever makes VMOs of whatever pager the main thread has at the
// moment, or has just closed.
static bool create_for_ever(worker_t* w) {
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
    zx_handle_t vmo;
    if (zx_pager_create_vmo(__atomic_load_n(&latest, __ATOMIC_ACQUIRE), 0, w->handle, 0, PAGE, &vmo) == ZX_OK) {
      OK(zx_handle_close(vmo));
    }
  }
  return true;
}

static void p090(variant_t how) {
  (void)how;
  zx_handle_t port;
  OK(zx_port_create(0, &port));
  OK(zx_pager_create(0, &latest));
  worker_t* w = ACT(create_for_ever, .handle = port);
  for (int i = 0; i < 10000; i++) {
    OK(zx_handle_close(latest));
    zx_handle_t pager;
    OK(zx_pager_create(0, &pager));
    __atomic_store_n(&latest, pager, __ATOMIC_RELEASE);
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  DONE(w);
  OK(zx_handle_close(latest));
  OK(zx_handle_close(port));
}

static void p096(variant_t how) {
  (void)how;
  enum { N = 128, STEP = 32, FROM = 2 };
  vmo_t* v = NEW_VMO(PAGER(), N + FROM, 0);
  uint8_t* data = BUFFER(N * PAGE);
  worker_t* w = READ_BYTES(v, FROM * PAGE, data, N * PAGE);
  READ(v, FROM, N);
  for (uint64_t i = 0; i < N; i += STEP) {
    BLOCKED(w);
    SUPPLY(v, FROM + i, STEP);
    BECOMES(v, FROM + i, STEP, data + i * PAGE);
  }
  DONE(w);
  CHECK(same_bytes(v, FROM, N, data));
}

static void p097(variant_t how) {
  (void)how;
  enum { N = 128 };
  vmo_t* v = NEW_VMO(PAGER(), N, 0);
  uint8_t* data = BUFFER(N * PAGE);
  worker_t* w = READ_BYTES(v, 0, data, N * PAGE);
  READ(v, 0, N);
  AUTOPAGER(v, 0);
  SUPPLY(v, 16, 16);
  SUPPLY(v, 48, 16);
  SUPPLY_LIMIT(v, 32);
  SUPPLY(v, 0, 16);
  BECOMES(v, 0, 32, data);
  SUPPLY_LIMIT(v, 64);
  SUPPLY(v, 32, 16);
  BECOMES(v, 0, 64, data);
  SUPPLY_LIMIT(v, 128);
  SUPPLY(v, 64, 64);
  DONE(w);
  STOP_AUTOPAGER(v);
  NO_READ(v);
  CHECK(same_bytes(v, 0, N, data));
}

static void p099(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 16, ZX_VMO_RESIZABLE);
  uint8_t* data = BUFFER(16 * PAGE);
  worker_t* w = READ_BYTES(v, 0, data, 16 * PAGE);
  READ(v, 0, 16);
  SUPPLY(v, 0, 1);
  BECOMES(v, 0, 1, data);
  BLOCKED(w);
  RESIZE(v, 8);
  SUPPLY(v, 1, 7);
  FAILS(w);
}

static const test_t tests[] = {
    BOTH("P001", p001), BOTH("P003", p003), BOTH("P004", p004), BOTH("P005", p005), BOTH("P010", p010),
    BOTH("P011", p011), BOTH("P012", p012), ONE("P013", p013),  ONE("P014", p014),  ONE("P015", p015),
    ONE("P016", p016),  ONE("P017", p017),  ONE("P021", p021),  ONE("P023", p023),  BOTH("P025", p025),
    BOTH("P027", p027), BOTH("P028", p028), ONE("P029", p029),  ONE("P090", p090),  ONE("P096", p096),
    ONE("P097", p097),  ONE("P099", p099),
};

const table_t basic_tests = {tests, COUNT(tests)};
