// pin.c: pages that stay where they are, and what everything else may do to them.
#include "conform.h"

enum { RW = ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, MOST_PAGES = 8 };

static zx_handle_t resource, iommu, bti;

// device makes a BTI out of the resource that run -privileged gives.
static zx_handle_t device(where_t at) {
  zx_handle_t root = zx_take_startup_handle(PA_HND(PA_SYSTEM_RESOURCE, 0));
  if (root == ZX_HANDLE_INVALID) {
    differs(at, "the program has no PA_SYSTEM_RESOURCE: run -privileged conform");
  }
  uint8_t desc = 0;
  OK(zx_resource_create(root, ZX_RSRC_KIND_SYSTEM, ZX_RSRC_SYSTEM_IOMMU_BASE, 1, "iommu", 5, &resource));
  STATUS(ZX_ERR_WRONG_TYPE, zx_iommu_create(root, ZX_IOMMU_TYPE_STUB, &desc, 1, &iommu));
  OK(zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, &desc, 1, &iommu));
  OK(zx_bti_create(iommu, 0, 0xdeadbeef, &bti));
  OK(zx_handle_close(root));
  return bti;
}

// pinned pins pages (o, n) and gives the token; addresses are of MOST_PAGES at most.
static zx_status_t try_pin(zx_handle_t vmo, uint32_t options, uint64_t o, uint64_t n, zx_handle_t* pmt) {
  zx_paddr_t addresses[MOST_PAGES];
  return zx_bti_pin(bti, options, vmo, o * PAGE, n * PAGE, addresses, n, pmt);
}

#define PIN(vmo, options, o, n) pin(HERE, vmo, options, o, n)
static zx_handle_t pin(where_t at, zx_handle_t vmo, uint32_t options, uint64_t o, uint64_t n) {
  zx_handle_t pmt = ZX_HANDLE_INVALID;
  status_is(at, "zx_bti_pin", ZX_OK, try_pin(vmo, options, o, n, &pmt));
  return pmt;
}

// LET_GO unpins and wants the BTI to hold nothing more.
#define LET_GO(pmt) let_go(HERE, pmt)
static void let_go(where_t at, zx_handle_t pmt) {
  status_is(at, "zx_pmt_unpin", ZX_OK, zx_pmt_unpin(pmt));
  zx_info_bti_t info;
  OK(zx_object_get_info(bti, ZX_INFO_BTI, &info, sizeof info, NULL, NULL));
  equal(at, "pmo_count", 0, info.pmo_count);
  equal(at, "quarantine_count", 0, info.quarantine_count);
}

// PINS pins on a worker; the token is in its handle.
static bool pin_on_worker(worker_t* w) {
  w->status = try_pin(w->v->handle, w->op, w->at / PAGE, w->count / PAGE, &w->handle);
  return w->status == ZX_OK;
}
#define PINS(v_, options, o, n) ACT(pin_on_worker, .v = (v_), .op = (options), .at = (o) * PAGE, .count = (n) * PAGE)

static void p058(variant_t how) {
  (void)how;
  device(HERE);
  vmo_t* v = UNMAPPED_VMO(PAGER(), 3, 0);
  zx_handle_t aux = PLAIN(3);
  OK(zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, 3 * PAGE, NULL, 0));
  OK(supply_from(v, 1, 1, aux, 0));
  ALL_ZERO(v->handle, 1, 1);
  uint8_t* fill = BUFFER(PAGE);
  memset(fill, 0x0a, PAGE);
  OK(zx_vmo_write(v->handle, fill, PAGE, PAGE));
  zx_handle_t pmt = PIN(v->handle, ZX_BTI_PERM_READ, 1, 1);
  OK(zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, 3 * PAGE, NULL, 0));
  OK(supply_from(v, 0, 3, aux, 0));
  uint8_t* got = BUFFER(PAGE);
  OK(zx_vmo_read(v->handle, got, PAGE, PAGE));
  CHECK(memcmp(got, fill, PAGE) == 0);
  ALL_ZERO(v->handle, 0, 1);
  ALL_ZERO(v->handle, 2, 1);
  LET_GO(pmt);
}

static void p075(variant_t how) {
  device(HERE);
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  worker_t* w = PINS(v, ZX_BTI_PERM_READ, 1, 1);
  READ(v, 1, 1);
  RESIZE(v, 0);
  ENDS_WITH(w, ZX_ERR_OUT_OF_RANGE);
}

static void s025(variant_t how) {
  (void)how;
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  SUPPLY(v, 0, 1);
  zx_handle_t pmt = PIN(v->handle, ZX_BTI_PERM_READ, 0, 1);
  // The root of a pager is cloned one way, whatever is pinned; below it a snapshot
  // would have to be exact.
  vmo_t* clone = SNAPSHOT(v);
  WORD(clone, 0) = 1;
  zx_handle_t held = PIN(clone->handle, ZX_BTI_PERM_READ, 0, 1);
  zx_handle_t made;
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_create_child(clone->handle, ZX_VMO_CHILD_SNAPSHOT_MODIFIED, 0, PAGE, &made));
  OK(zx_pmt_unpin(held));
  SNAPSHOT(clone);
  LET_GO(pmt);
}

static void w062(variant_t how) {
  device(HERE);
  vmo_t* v = RESIZABLE(PAGER(), 3, how);
  SUPPLY(v, 0, 2);
  zx_handle_t pmt = PIN(v->handle, ZX_BTI_PERM_READ, 1, 1);
  RESIZE(v, 4);
  RANGES(v, Z(3, 1));
  worker_t* w = ZERO(v, 0, 4);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 1, 1);
  }
  DONE(w);
  QUIET(v);
  want_fill(v, 0, 4, 0);
  CONTENT(v, 0, 4);
  RANGES(v, Z(0, 1), D(1, 1), Z(2, 2));
  LET_GO(pmt);
}

static void w078(variant_t how) {
  device(HERE);
  vmo_t* v = RESIZABLE(PAGER(), 2, how);
  SUPPLY(v, 0, 2);
  NOT_MODIFIED(v);
  zx_handle_t pmt = PIN(v->handle, ZX_BTI_PERM_READ, 1, 1);
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_size(v->handle, PAGE));
  NOT_MODIFIED(v);
  CONTENT(v, 0, 2);
  NO_RANGES(v);
  QUIET(v);
  LET_GO(pmt);
}

static void w082(variant_t how) {
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  zx_handle_t pmt = PIN(v->handle, ZX_BTI_PERM_READ, 0, 1);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
  LET_GO(pmt);
}

// pinned_for_write is W083: a VMO of a page that is pinned for writing.
static vmo_t* pinned_for_write(variant_t how, zx_handle_t* pmt) {
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  worker_t* w = PINS(v, RW, 0, 1);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 0, 1);
  }
  DONE(w);
  *pmt = w->handle;
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  return v;
}

static void w083(variant_t how) {
  zx_handle_t pmt;
  vmo_t* v = pinned_for_write(how, &pmt);
  QUIET(v);
  LET_GO(pmt);
}

static void w084(variant_t how) {
  zx_handle_t pmt;
  vmo_t* v = pinned_for_write(how, &pmt);
  WB(v, 0, 1);
  END(v, 0, 1);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  LET_GO(pmt);
  WB(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

// awaiting is W085 up to the write-back's begin.
static vmo_t* awaiting(variant_t how) {
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  WROTE_PAGES(v, 0, 1, 0xaa);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  MODIFIED(v);
  WB(v, 0, 1);
  return v;
}

static void w085(variant_t how) {
  vmo_t* v = awaiting(how);
  zx_handle_t pmt = PIN(v->handle, ZX_BTI_PERM_READ, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
  LET_GO(pmt);
}

static void w086(variant_t how) {
  vmo_t* v = awaiting(how);
  worker_t* w = PINS(v, RW, 0, 1);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 0, 1);
  }
  DONE(w);
  MODIFIED(v);
  END(v, 0, 1);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  LET_GO(w->handle);
  WB(v, 0, 1);
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

static void w087(variant_t how) {
  (void)how;
  vmo_t* v = awaiting(TRAP_DIRTY);
  worker_t* w = PINS(v, RW, 0, 1);
  DIRTY(v, 0, 1);
  END(v, 0, 1);
  OPD(v, 0, 1);
  DONE(w);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  WB(v, 0, 1);
  END(v, 0, 1);
  RANGES(v, D(0, 1));
  QUIET(v);
  LET_GO(w->handle);
}

static void w089(variant_t how) {
  (void)how;
  zx_handle_t pmt;
  vmo_t* v = pinned_for_write(TRAP_DIRTY, &pmt);
  NOW_BYTE(v, 0, 0xaa);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  QUIET(v);
  LET_GO(pmt);
}

static void w090(variant_t how) {
  (void)how;
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 1, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  WROTE_BYTE(v, 0, 0xaa);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  zx_handle_t pmt = PIN(v->handle, RW, 0, 1);
  MODIFIED(v);
  CONTENT(v, 0, 1);
  RANGES(v, D(0, 1));
  QUIET(v);
  LET_GO(pmt);
}

static void w091(variant_t how) {
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 0, 1);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  NOT_MODIFIED(v);
  worker_t* w = PINS(v, RW, 0, 2);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 0, 1);
  }
  READ_SUPPLY(v, 1, 1);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 1, 1);
  }
  DONE(w);
  MODIFIED(v);
  CONTENT(v, 0, 2);
  RANGES(v, D(0, 2));
  QUIET(v);
  LET_GO(w->handle);
}

static void w092(variant_t how) {
  (void)how;
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 1, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 1);
  NOT_MODIFIED(v);
  worker_t* w = PINS(v, RW, 0, 1);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  FAILS(w);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 1);
  NO_RANGES(v);
  QUIET(v);
}

static void w093(variant_t how) {
  (void)how;
  device(HERE);
  vmo_t* v = NEW_VMO(PAGER(), 2, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 2);
  NOT_MODIFIED(v);
  worker_t* w = PINS(v, RW, 0, 2);
  DIRTY(v, 0, 2);
  OPD(v, 0, 1);
  FAIL(v, 1, 1);
  DIRTY(v, 1, 1);
  FAIL(v, 1, 1);
  FAILS(w);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 2);
  RANGES(v, D(0, 1));
  QUIET(v);
}

// c46 is the part of scenario 46 that needs such a source.
static void c46(variant_t how) {
  vmo_t* v = UNMAPPED_VMO(PAGER(), 1, 0);
  if (how == PHYSICAL) {
    zx_handle_t mmio = zx_take_startup_handle(PA_HND(PA_MMIO_RESOURCE, 0)), vmo;
    CHECK(mmio != ZX_HANDLE_INVALID);
    OK(zx_vmo_create_physical(mmio, 0xfed00000, PAGE, &vmo));
    STATUS(ZX_ERR_NOT_SUPPORTED, zx_pager_supply_pages(v->pager->pager, v->handle, 0, PAGE, vmo, 0));
    OK(zx_handle_close(vmo));
    OK(zx_handle_close(mmio));
    return;
  }
  device(HERE);
  zx_handle_t aux = PLAIN(1), pmt = PIN(aux, ZX_BTI_PERM_READ, 0, 1);
  STATUS(ZX_ERR_BAD_STATE, zx_pager_supply_pages(v->pager->pager, v->handle, 0, PAGE, aux, 0));
  COMMITTED(v, 0);
  LET_GO(pmt);
  OK(zx_pager_supply_pages(v->pager->pager, v->handle, 0, PAGE, aux, 0));
}

static const test_t tests[] = {
    ONE("P058", p058),   ONE("P075", p075),   ONE("S025", s025),   TRAPS("W062", w062), TRAPS("W078", w078),
    TRAPS("W082", w082), TRAPS("W083", w083), TRAPS("W084", w084), TRAPS("W085", w085), TRAPS("W086", w086),
    ONE("W087", w087),   ONE("W089", w089),   ONE("W090", w090),   TRAPS("W091", w091), ONE("W092", w092),
    ONE("W093", w093),   CASE("C46", PINNED, c46), CASE("C46", PHYSICAL, c46),
};

const table_t pin_tests = {tests, COUNT(tests)};
