// P083-P092: hints, and operations on the mappings of a region.
#include "conform.h"

static void p083(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 30, 0);
  worker_t* w = VMO_OP(v, ZX_VMO_OP_ALWAYS_NEED, 10, 5);
  READ_SUPPLY(v, 10, 5);
  DONE(w);
}

static void p084(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 20, 0);
  SUPPLY(v, 0, 10);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_ALWAYS_NEED, 0, 10 * PAGE, NULL, 0));
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_DONT_NEED, 0, 20 * PAGE, NULL, 0));
  NO_READ(v);

  worker_t* w = VMO_OP_BYTES(v, ZX_VMO_OP_ALWAYS_NEED, 15 * PAGE - 8, 16);
  READ_SUPPLY(v, 14, 2);
  DONE(w);
  OK(zx_vmo_op_range(v->handle, ZX_VMO_OP_DONT_NEED, 32, 20 * PAGE - 64, NULL, 0));

  const uint32_t ops[] = {ZX_VMO_OP_ALWAYS_NEED, ZX_VMO_OP_DONT_NEED};
  for (size_t i = 0; i < COUNT(ops); i++) {
    uint64_t o = ops[i] == ZX_VMO_OP_ALWAYS_NEED ? 15 : 20, n = ops[i] == ZX_VMO_OP_ALWAYS_NEED ? 10 : 20;
    STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_op_range(v->handle, ops[i], o * PAGE, n * PAGE, NULL, 0));
    STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_op_range(v->handle, ops[i], PAGE, UINT64_MAX, NULL, 0));
  }
  // Hints on a VMO without a pager are not even checked for their range.
  zx_handle_t plain;
  OK(zx_vmo_create(20, 0, &plain));
  for (size_t i = 0; i < COUNT(ops); i++) {
    OK(zx_vmo_op_range(plain, ops[i], 0, 20 * PAGE, NULL, 0));
  }
  OK(zx_handle_close(plain));
}

static void p086(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 20, ZX_VMO_RESIZABLE);
  worker_t* w = VMO_OP(v, ZX_VMO_OP_ALWAYS_NEED, 10, 10);
  READ(v, 10, 10);
  SUPPLY(v, 10, 2);
  RESIZE(v, 12);
  DONE(w);
  NO_READ(v);
}

// region is a child VMAR.
typedef struct {
  zx_handle_t vmar;
  uint8_t* base;
  uint64_t n;
} region_t;

static region_t new_region(zx_handle_t parent, zx_vm_option_t options, uint64_t o, uint64_t n) {
  region_t r = {.n = n};
  zx_vaddr_t base;
  OK(zx_vmar_allocate(parent, options | ZX_VM_CAN_MAP_SPECIFIC | ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE, o * PAGE, n * PAGE,
                      &r.vmar, &base));
  r.base = (uint8_t*)base;
  return r;
}

static void end_region(region_t* r) {
  OK(zx_vmar_destroy(r->vmar));
  OK(zx_handle_close(r->vmar));
}

static void map_in(region_t* r, zx_vm_option_t perms, uint64_t o, zx_handle_t vmo, uint64_t n) {
  zx_vaddr_t at;
  OK(zx_vmar_map(r->vmar, perms | ZX_VM_SPECIFIC, o * PAGE, vmo, 0, n * PAGE, &at));
  EQUAL((zx_vaddr_t)r->base + o * PAGE, at);
}

static zx_status_t region_op(region_t* r, uint32_t op, uint64_t o, uint64_t n) {
  return zx_vmar_op_range(r->vmar, op, (zx_vaddr_t)r->base + o * PAGE, n * PAGE, NULL, 0);
}

// two_and_plain lays out a region of 15 pages: two pager VMOs of 3 pages, an
// anonymous one of 3, nothing. Page 1 of each pager VMO is there.
static region_t two_and_plain(vmo_t* v[2], zx_vm_option_t perms) {
  region_t r = new_region(zx_vmar_root_self(), 0, 0, 15);
  pager_t* p = PAGER();
  for (uint64_t i = 0; i < 2; i++) {
    v[i] = NEW_VMO(p, 3, 0);
    map_in(&r, perms, 3 * i, v[i]->handle, 3);
    SUPPLY(v[i], 1, 1);
  }
  map_in(&r, perms, 6, PLAIN(3), 3);
  return r;
}

static void p087(variant_t how) {
  (void)how;
  vmo_t* v[2];
  region_t r = two_and_plain(v, ZX_VM_PERM_READ);
  OK(region_op(&r, ZX_VMAR_OP_DONT_NEED, 0, 9));
  worker_t* w = VMAR_OP(r.vmar, ZX_VMAR_OP_ALWAYS_NEED, r.base, 9);
  for (int i = 0; i < 2; i++) {
    uint64_t o, n;
    ANY_READ(v[i], &o, &n);
    EQUAL(0, o);
    CHECK(n == 1 || n == 3);
    SUPPLY(v[i], o, n);
    if (n == 1) {  // page 1 may have been evicted
      ANY_READ(v[i], &o, &n);
      CHECK((o == 1 && n == 2) || (o == 2 && n == 1));
      SUPPLY(v[i], o, n);
    }
  }
  DONE(w);
  OK(region_op(&r, ZX_VMAR_OP_ALWAYS_NEED, 0, 9));
  OK(region_op(&r, ZX_VMAR_OP_DONT_NEED, 0, 9));
  STATUS(ZX_ERR_BAD_STATE, region_op(&r, ZX_VMAR_OP_DONT_NEED, 0, 15));
  end_region(&r);
}

static void p088(variant_t how) {
  (void)how;
  region_t outer = new_region(zx_vmar_root_self(), 0, 0, 10);
  pager_t* p = PAGER();
  region_t inner[2];
  vmo_t* v[2];
  for (uint64_t i = 0; i < 2; i++) {
    inner[i] = new_region(outer.vmar, ZX_VM_SPECIFIC, 3 * i, 3);
    v[i] = NEW_VMO(p, 3, 0);
    map_in(&inner[i], ZX_VM_PERM_READ, 0, v[i]->handle, 3);
    SUPPLY(v[i], 1, 1);
  }
  OK(region_op(&outer, ZX_VMAR_OP_DONT_NEED, 0, 6));
  worker_t* w = VMAR_OP(outer.vmar, ZX_VMAR_OP_ALWAYS_NEED, outer.base, 6);
  for (int i = 0; i < 2; i++) {
    READ_SUPPLY(v[i], 0, 1);
    uint64_t o, n;
    ANY_READ(v[i], &o, &n);
    if (o == 1) {  // evicted
      SUPPLY(v[i], 1, 1);
      READ(v[i], 2, 1);
    } else {
      EQUAL(2, o);
    }
    SUPPLY(v[i], 2, 1);
  }
  DONE(w);
  OK(region_op(&outer, ZX_VMAR_OP_DONT_NEED, 0, 6));
  STATUS(ZX_ERR_BAD_STATE, region_op(&outer, ZX_VMAR_OP_DONT_NEED, 0, 10));
  end_region(&outer);
  OK(zx_handle_close(inner[0].vmar));
  OK(zx_handle_close(inner[1].vmar));
}

static void p091(variant_t how) {
  (void)how;
  vmo_t* v[2];
  region_t r = two_and_plain(v, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE);
  worker_t* w = VMAR_OP(r.vmar, ZX_VMAR_OP_COMMIT, r.base, 9);
  for (int i = 0; i < 2; i++) {
    READ_SUPPLY(v[i], 0, 1);
    READ_SUPPLY(v[i], 2, 1);
  }
  DONE(w);
  STATUS(ZX_ERR_BAD_STATE, region_op(&r, ZX_VMAR_OP_COMMIT, 0, 15));
  end_region(&r);
}

static void p085(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 40, 0);
  vmo_t* c = CLONE(v);
  SUPPLY(v, 25, 1);
  NOW_BYTE(c, 25, 0x0c);
  worker_t* w = VMO_OP(c, ZX_VMO_OP_ALWAYS_NEED, 23, 4);
  READ_SUPPLY(v, 23, 2);
  READ_SUPPLY(v, 26, 1);
  DONE(w);

  vmo_t* c2 = CLONE(c);
  SUPPLY(v, 30, 1);
  NOW_BYTE(c, 30, 0x0c);
  w = VMO_OP(c2, ZX_VMO_OP_ALWAYS_NEED, 29, 3);
  READ_SUPPLY(v, 29, 1);
  READ_SUPPLY(v, 31, 1);
  DONE(w);
  OK(zx_vmo_op_range(c2->handle, ZX_VMO_OP_DONT_NEED, 20 * PAGE, 8 * PAGE, NULL, 0));
  OK(zx_vmo_op_range(c->handle, ZX_VMO_OP_DONT_NEED, 28 * PAGE, 10 * PAGE, NULL, 0));
  NO_READ(v);
}

// forked lays out a region of 5 pages with a clone of 4 at its start; page 1 is
// in the root and, changed, in the clone.
static region_t forked(vmo_t** root, vmo_t** clone) {
  region_t r = new_region(zx_vmar_root_self(), 0, 0, 5);
  *root = NEW_VMO(PAGER(), 4, 0);
  *clone = CLONE(*root);
  map_in(&r, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, (*clone)->handle, 4);
  SUPPLY(*root, 1, 1);
  NOW_BYTE(*clone, 1, 0xcc);
  return r;
}

static void p089(variant_t how) {
  (void)how;
  vmo_t *v, *c;
  region_t r = forked(&v, &c);
  worker_t* w = VMAR_OP(r.vmar, ZX_VMAR_OP_ALWAYS_NEED, r.base + PAGE, 2);
  READ_SUPPLY(v, 2, 1);
  DONE(w);
  POPULATED(c, 1);
  EQUAL(0xcc, r.base[PAGE]);
  STATUS(ZX_ERR_BAD_STATE, region_op(&r, ZX_VMAR_OP_DONT_NEED, 0, 5));
  NO_READ(v);
  end_region(&r);
}

static void p092(variant_t how) {
  (void)how;
  vmo_t *v, *c;
  region_t r = forked(&v, &c);
  worker_t* w = VMAR_OP(r.vmar, ZX_VMAR_OP_COMMIT, r.base + PAGE, 2);
  READ_SUPPLY(v, 2, 1);
  DONE(w);
  POPULATED(c, 2);
  EQUAL(0xcc, r.base[PAGE]);
  NO_READ(v);
  end_region(&r);
}

static const test_t tests[] = {
    ONE("P083", p083), ONE("P084", p084), ONE("P086", p086), ONE("P087", p087), ONE("P088", p088), ONE("P091", p091),
    ONE("P085", p085), ONE("P089", p089), ONE("P092", p092),
};

const table_t hint_tests = {tests, COUNT(tests)};
