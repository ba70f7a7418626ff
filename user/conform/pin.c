// pin.c: pages that stay where they are, and what everything else may do to them.
#include "conform.h"

enum { RW = ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, MOST_PAGES = 8 };

static zx_handle_t resource, vmex, iommu, bti;

zx_handle_t device(where_t at) {
  zx_handle_t root = zx_take_startup_handle(PA_HND(PA_SYSTEM_RESOURCE, 0));
  if (root == ZX_HANDLE_INVALID) {
    differs(at, "the program has no PA_SYSTEM_RESOURCE: run -privileged conform");
  }
  uint8_t desc = 0;
  OK(zx_resource_create(root, ZX_RSRC_KIND_SYSTEM, ZX_RSRC_SYSTEM_IOMMU_BASE, 1, "iommu", 5, &resource));
  OK(zx_resource_create(root, ZX_RSRC_KIND_SYSTEM, 1, 1, "vmex", 4, &vmex));
  STATUS(ZX_ERR_WRONG_TYPE, zx_iommu_create(root, ZX_IOMMU_TYPE_STUB, &desc, 1, &iommu));
  OK(zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, &desc, 1, &iommu));
  OK(zx_bti_create(iommu, 0, 0xdeadbeef, &bti));
  OK(zx_handle_close(root));
  return bti;
}

// try_pin pins pages (o, n), MOST_PAGES at most, and gives the token.
static zx_status_t try_pin(zx_handle_t vmo, uint32_t options, uint64_t o, uint64_t n, zx_handle_t* pmt) {
  zx_paddr_t addresses[MOST_PAGES];
  return zx_bti_pin(bti, options, vmo, o * PAGE, n * PAGE, addresses, n, pmt);
}

zx_handle_t pin(where_t at, zx_handle_t vmo, uint32_t options, uint64_t o, uint64_t n) {
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

// --- Bad input: the lists of the calls, row by row

static void calls_iommu(variant_t how) {
  (void)how;
  device(HERE);
  zx_handle_t out = ZX_HANDLE_INVALID, root = ZX_HANDLE_INVALID, made;
  uint8_t desc[8] = {0};
  uint32_t* const bad = (uint32_t*)8;
  STATUS(ZX_ERR_BAD_HANDLE, zx_iommu_create(root, ZX_IOMMU_TYPE_STUB, desc, 1, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_iommu_create(bti, ZX_IOMMU_TYPE_STUB, desc, 1, &out));
  // Exactly the resource of IOMMUs, before anything else is looked at.
  zx_handle_t mmio = zx_take_startup_handle(PA_HND(PA_MMIO_RESOURCE, 0)), page;
  STATUS(ZX_ERR_WRONG_TYPE, zx_iommu_create(mmio, ZX_IOMMU_TYPE_STUB, desc, 4097, &out));
  OK(zx_resource_create(mmio, ZX_RSRC_KIND_MMIO, ZX_RSRC_SYSTEM_IOMMU_BASE, 1, NULL, 0, &page));
  STATUS(ZX_ERR_WRONG_TYPE, zx_iommu_create(page, ZX_IOMMU_TYPE_STUB, desc, 2, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_iommu_create(resource, ZX_IOMMU_TYPE_INTEL, desc, 4097, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, desc, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, desc, 2, &out));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_iommu_create(resource, ZX_IOMMU_TYPE_INTEL, desc, 8, &out));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_iommu_create(resource, 99, desc, 8, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, (void*)8, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, desc, 1, bad));
  // A minted resource makes no others.
  STATUS(ZX_ERR_ACCESS_DENIED, zx_resource_create(resource, ZX_RSRC_KIND_SYSTEM, 8, 1, NULL, 0, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_resource_create(iommu, ZX_RSRC_KIND_SYSTEM, 8, 1, NULL, 0, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_resource_create(mmio, ZX_RSRC_KIND_SYSTEM, 8, 1, NULL, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_resource_create(mmio, 3, 0, 1, NULL, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_resource_create(mmio, 6, 0, 1, NULL, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_resource_create(mmio, 1u << 20, 0, 1, NULL, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_resource_create(mmio, ZX_RSRC_KIND_MMIO, 0, 0, NULL, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_resource_create(mmio, ZX_RSRC_KIND_MMIO, UINT64_MAX, 2, NULL, 0, &out));
  zx_handle_t weak = fewer(mmio, ZX_RIGHT_WRITE);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_resource_create(weak, ZX_RSRC_KIND_MMIO, 0, 1, NULL, 0, &out));

  // The resource VMEX makes code, no other does.
  zx_handle_t code;
  OK(zx_vmo_create(PAGE, 0, &code));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_replace_as_executable(code, resource, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_replace_as_executable(code, iommu, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_iommu_create(vmex, ZX_IOMMU_TYPE_STUB, desc, 1, &out));
  OK(zx_vmo_replace_as_executable(code, vmex, &code));
  OK(zx_vmo_replace_as_executable(code, ZX_HANDLE_INVALID, &code));

  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_create(root, 1, 0, &out));
  STATUS(ZX_ERR_BAD_HANDLE, zx_bti_create(root, 0, 0, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_bti_create(resource, 0, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_create(iommu, 0, 0, bad));
  EQUAL(ZX_HANDLE_INVALID, out);
  OK(zx_bti_create(fewer(iommu, ZX_RIGHT_INSPECT), 0, UINT64_MAX, &made));

  // Registers of devices are no RAM.
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_physical(root, 0, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_physical(root, 0, 1, &out));
  STATUS(ZX_ERR_BAD_HANDLE, zx_vmo_create_physical(root, 0, PAGE, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_create_physical(bti, 0, PAGE, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_create_physical(resource, 0, PAGE, &out));
  OK(zx_resource_create(mmio, ZX_RSRC_KIND_MMIO, 0xfed00000, PAGE, "x", 1, &page));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_create_physical(page, 0xfed00000 - PAGE, PAGE, &out));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_create_physical(page, 0xfed00000, 2 * PAGE, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_physical(mmio, 0xfed00001, PAGE, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_create_physical(mmio, 32u << 20, PAGE, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_create_physical(mmio, 0, PAGE, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_create_physical(mmio, 1ull << 50, PAGE, &out));
  EQUAL(ZX_HANDLE_INVALID, out);
  zx_handle_t vmo;
  OK(zx_vmo_create_physical(page, 0xfed00000, PAGE, &vmo));
  uint64_t word = 0;
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_read(vmo, &word, 0, 8));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_write(vmo, &word, 0, 8));
  const uint32_t refused_ops[] = {ZX_VMO_OP_COMMIT, ZX_VMO_OP_DECOMMIT, ZX_VMO_OP_ZERO, ZX_VMO_OP_LOCK,
                                  ZX_VMO_OP_TRY_LOCK, ZX_VMO_OP_UNLOCK, ZX_VMO_OP_CACHE_SYNC, ZX_VMO_OP_CACHE_CLEAN,
                                  ZX_VMO_OP_CACHE_CLEAN_INVALIDATE, ZX_VMO_OP_CACHE_INVALIDATE};
  for (size_t i = 0; i < COUNT(refused_ops); i++) {
    zx_vmo_lock_state_t state;
    STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_op_range(vmo, refused_ops[i], 0, PAGE, &state, sizeof state));
  }
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DONT_NEED, 0, PAGE, NULL, 0));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_ALWAYS_NEED, 0, PAGE, NULL, 0));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_PREFETCH, 0, PAGE, NULL, 0));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_op_range(vmo, ZX_VMO_OP_PREFETCH, 0, 2 * PAGE, NULL, 0));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &out));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_create_child(vmo, ZX_VMO_CHILD_REFERENCE, 0, 0, &out));
  zx_info_vmo_t info = vmo_info(HERE, vmo);
  EQUAL(ZX_CACHE_POLICY_UNCACHED, info.cache_policy);
  EQUAL(0, info.flags & ZX_INFO_VMO_TYPE_PAGED);
  OK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED_DEVICE));
  zx_handle_t slice;
  OK(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 0, PAGE, &slice));
  OK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED_DEVICE));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(slice, ZX_CACHE_POLICY_UNCACHED));
  OK(zx_handle_close(slice));
  volatile uint8_t* base = MAP_VMO(vmo, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, 1);
  (void)base[0];  // nobody knows what it holds, but the load ends
  OK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_UNCACHED_DEVICE));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED));
  // The kernel copies to and from RAM only.
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_get_size(vmo, (uint64_t*)(uintptr_t)base));
  zx_handle_t ram = PLAIN(1);
  REFUSED(zx_vmo_write(ram, (const void*)(uintptr_t)base, 0, 8));
  zx_paddr_t at = 0;
  zx_handle_t pmt;
  OK(zx_bti_pin(bti, ZX_BTI_PERM_READ | ZX_BTI_CONTIGUOUS, vmo, 0, PAGE, &at, 1, &pmt));
  EQUAL(0xfed00000, at);
  OK(zx_pmt_unpin(pmt));
}

static void calls_pin(variant_t how) {
  (void)how;
  device(HERE);
  zx_handle_t vmo = PLAIN(4), out = ZX_HANDLE_INVALID, none = ZX_HANDLE_INVALID, pmt;
  zx_paddr_t at[4];
  enum { R = ZX_BTI_PERM_READ };
  STATUS(ZX_ERR_BAD_HANDLE, zx_bti_pin(none, R, none, 1, 0, at, 1, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_bti_pin(vmo, R, none, 1, 0, at, 1, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_bti_pin(fewer(bti, ZX_RIGHT_MAP), R, none, 1, 0, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, none, 1, PAGE, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, none, 0, 1, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, none, 0, PAGE, at, 32769, &out));
  STATUS(ZX_ERR_BAD_HANDLE, zx_bti_pin(bti, R, none, 0, PAGE, at, 1, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_bti_pin(bti, R, bti, 0, PAGE, at, 1, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_bti_pin(bti, R, fewer(vmo, ZX_RIGHT_MAP), 0, 0, at, 1, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_bti_pin(bti, R, fewer(vmo, ZX_RIGHT_READ), 0, 0, at, 1, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_bti_pin(bti, ZX_BTI_PERM_EXECUTE, fewer(vmo, ZX_RIGHT_READ), 0, 0, at, 1, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_bti_pin(bti, RW, fewer(vmo, ZX_RIGHT_WRITE), 0, 0, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R | ZX_BTI_COMPRESS | ZX_BTI_CONTIGUOUS, vmo, 0, 8 * PAGE, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R | ZX_BTI_CONTIGUOUS, vmo, 0, 8 * PAGE, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R | 32, vmo, 0, 8 * PAGE, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, vmo, 0, 0, at, 0, &out));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_bti_pin(bti, 0, vmo, 0, 8 * PAGE, at, 1, &out));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_bti_pin(bti, R, vmo, UINT64_MAX & ~(PAGE - 1), 2 * PAGE, at, 2, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, 0, vmo, 0, 2 * PAGE, at, 2, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, vmo, 0, 2 * PAGE, at, 1, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, vmo, 0, 2 * PAGE, (zx_paddr_t*)8, 2, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, R, vmo, 0, 2 * PAGE, at, 2, (zx_handle_t*)8));
  // These came after the pin: what it committed stays, what it pinned does not.
  EQUAL(2 * PAGE, vmo_info(HERE, vmo).committed_bytes);
  EQUAL(ZX_HANDLE_INVALID, out);
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, 4 * PAGE, NULL, 0));
  zx_handle_t pins[31];
  for (size_t i = 0; i < COUNT(pins); i++) {
    OK(zx_bti_pin(bti, R | ZX_BTI_COMPRESS, vmo, PAGE, PAGE, at, 1, &pins[i]));
  }
  STATUS(ZX_ERR_UNAVAILABLE, zx_bti_pin(bti, R, vmo, 0, 2 * PAGE, at, 2, &out));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, 2 * PAGE, NULL, 0));
  for (size_t i = 0; i < COUNT(pins); i++) {
    OK(zx_pmt_unpin(pins[i]));
  }
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, 4 * PAGE, NULL, 0));

  STATUS(ZX_ERR_BAD_HANDLE, zx_bti_release_quarantine(none));
  // What a BTI without handles has pinned can be let go.
  zx_handle_t brief;
  OK(zx_bti_create(iommu, 0, 0, &brief));
  OK(zx_bti_pin(brief, R, vmo, 0, PAGE, at, 1, &pmt));
  OK(zx_handle_close(brief));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
  OK(zx_pmt_unpin(pmt));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));

  // A token that is lost is in quarantine, and the BTI pins nothing more.
  OK(zx_bti_pin(bti, RW, vmo, 0, 2 * PAGE, at, 2, &pmt));
  CHECK(at[0] != 0 && at[0] % PAGE == 0 && at[1] != at[0]);
  OK(zx_handle_close(pmt));
  zx_info_bti_t info;
  OK(zx_object_get_info(bti, ZX_INFO_BTI, &info, sizeof info, NULL, NULL));
  EQUAL(1, info.pmo_count);
  EQUAL(1, info.quarantine_count);
  EQUAL(PAGE, info.minimum_contiguity);
  EQUAL(UINT64_MAX, info.aspace_size);
  STATUS(ZX_ERR_BAD_STATE, zx_bti_pin(bti, R, vmo, 3 * PAGE, PAGE, at, 1, &out));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_bti_release_quarantine(fewer(bti, ZX_RIGHT_WRITE)));
  STATUS(ZX_ERR_WRONG_TYPE, zx_bti_release_quarantine(vmo));
  OK(zx_bti_release_quarantine(bti));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, 4 * PAGE, NULL, 0));

  // pmt_unpin consumes whatever it is given.
  STATUS(ZX_ERR_BAD_HANDLE, zx_pmt_unpin(none));
  zx_handle_t event;
  OK(zx_event_create(0, &event));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pmt_unpin(event));
  STATUS(ZX_ERR_BAD_HANDLE, zx_handle_close(event));
  LET_GO(PIN(vmo, R, 0, 1));
}

static void calls_contiguous(variant_t how) {
  (void)how;
  device(HERE);
  zx_handle_t out = ZX_HANDLE_INVALID, none = ZX_HANDLE_INVALID, vmo, pmt;
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_contiguous(none, 0, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_contiguous(none, 1, 0, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_contiguous(none, PAGE, 11, &out));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_contiguous(none, PAGE, 64, &out));
  STATUS(ZX_ERR_BAD_HANDLE, zx_vmo_create_contiguous(none, PAGE, 0, &out));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_create_contiguous(iommu, PAGE, 0, &out));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_create_contiguous(fewer(bti, ZX_RIGHT_MAP), PAGE, 0, &out));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_create_contiguous(bti, UINT64_MAX & ~(PAGE - 1), 0, &out));
  STATUS(ZX_ERR_NO_MEMORY, zx_vmo_create_contiguous(bti, 1ull << 40, 0, &out));
  STATUS(ZX_ERR_NO_MEMORY, zx_vmo_create_contiguous(bti, PAGE, 63, &out));
  EQUAL(ZX_HANDLE_INVALID, out);
  OK(zx_vmo_create_contiguous(bti, 300 * PAGE, 20, &vmo));
  zx_info_vmo_t info = vmo_info(HERE, vmo);
  EQUAL(300 * PAGE, info.committed_bytes);
  CHECK((info.flags & ZX_INFO_VMO_CONTIGUOUS) != 0);
  ALL_ZERO(vmo, 0, 300);
  zx_paddr_t at = 1, each[300];
  OK(zx_bti_pin(bti, RW | ZX_BTI_CONTIGUOUS, vmo, PAGE, 2 * PAGE, &at, 1, &pmt));
  OK(zx_pmt_unpin(pmt));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, RW | ZX_BTI_CONTIGUOUS, vmo, 0, 2 * PAGE, each, 2, &pmt));
  STATUS(ZX_ERR_INVALID_ARGS, zx_bti_pin(bti, RW | ZX_BTI_COMPRESS, vmo, 0, 2 * PAGE, each, 1, &pmt));
  OK(zx_bti_pin(bti, RW, vmo, 0, 300 * PAGE, each, 300, &pmt));
  for (uint64_t i = 0; i < 300; i++) {
    EQUAL(at - PAGE + i * PAGE, each[i]);
  }
  EQUAL(0, each[0] % (1u << 20));
  LET_GO(pmt);
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, 0, 300 * PAGE, NULL, 0));
  EQUAL(300 * PAGE, vmo_info(HERE, vmo).committed_bytes);
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &out));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_set_stream_size(vmo, PAGE));
  zx_vaddr_t where;
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_ALLOW_FAULTS | ZX_VM_FAULT_BEYOND_STREAM_SIZE, 0,
                                           fewer(vmo, ZX_RIGHT_MAP), 0, PAGE, &where));
  zx_handle_t slice;
  OK(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, PAGE, PAGE, &slice));
  OK(zx_bti_pin(bti, RW, slice, 0, PAGE, &at, 1, &pmt));
  EQUAL(each[1], at);
  OK(zx_pmt_unpin(pmt));
  OK(zx_handle_close(slice));

  // Cache policies.
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_set_cache_policy(none, 4));
  STATUS(ZX_ERR_BAD_HANDLE, zx_vmo_set_cache_policy(none, ZX_CACHE_POLICY_UNCACHED));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_set_cache_policy(bti, ZX_CACHE_POLICY_UNCACHED));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_set_cache_policy(fewer(vmo, ZX_RIGHT_MAP), ZX_CACHE_POLICY_UNCACHED));
  OK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_WRITE_COMBINING));
  uint64_t word = 1;
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_read(vmo, &word, 0, 8));
  volatile uint64_t* words = (volatile uint64_t*)MAP_VMO(vmo, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, 1);
  *words = 77;
  EQUAL(77, *words);
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, 0, PAGE, NULL, 0));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, 4, 8, NULL, 0));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED));
  UNMAP((const void*)(uintptr_t)words);
  OK(zx_vmo_set_cache_policy(vmo, ZX_CACHE_POLICY_CACHED));
  OK(zx_vmo_read(vmo, &word, 0, 8));
  EQUAL(77, word);
  vmo_t* v = UNMAPPED_VMO(PAGER(), 1, 0);
  OK(zx_vmo_set_cache_policy(v->handle, ZX_CACHE_POLICY_CACHED));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(v->handle, ZX_CACHE_POLICY_UNCACHED));
  zx_handle_t ram = PLAIN(2);
  pmt = PIN(ram, RW, 0, 1);
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(ram, ZX_CACHE_POLICY_UNCACHED));
  LET_GO(pmt);
  OK(zx_vmo_create_child(ram, ZX_VMO_CHILD_REFERENCE, 0, 0, &slice));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(ram, ZX_CACHE_POLICY_UNCACHED));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(slice, ZX_CACHE_POLICY_UNCACHED));
  OK(zx_handle_close(slice));
  OK(zx_vmo_create_child(ram, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &slice));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(ram, ZX_CACHE_POLICY_CACHED));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(slice, ZX_CACHE_POLICY_CACHED));
  OK(zx_handle_close(slice));
  const void* mapped = (const void*)(uintptr_t)MAP_VMO(ram, ZX_VM_PERM_READ, 0, 1);
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(ram, ZX_CACHE_POLICY_UNCACHED));
  UNMAP(mapped);
  zx_handle_t discardable;
  OK(zx_vmo_create(PAGE, ZX_VMO_DISCARDABLE, &discardable));
  OK(zx_vmo_set_cache_policy(discardable, ZX_CACHE_POLICY_CACHED));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_set_cache_policy(discardable, ZX_CACHE_POLICY_WRITE_COMBINING));
  OK(zx_vmo_set_cache_policy(ram, ZX_CACHE_POLICY_UNCACHED));
  OK(zx_vmo_op_range(ram, ZX_VMO_OP_COMMIT, 0, 2 * PAGE, NULL, 0));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_op_range(ram, ZX_VMO_OP_ZERO, 4, 8, NULL, 0));
  OK(zx_vmo_op_range(ram, ZX_VMO_OP_ZERO, 0, PAGE, NULL, 0));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_create_child(ram, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &out));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_create_child(ram, ZX_VMO_CHILD_SLICE, 0, PAGE, &out));
  OK(zx_handle_close(vmo));
}

static void calls_transfer(variant_t how) {
  (void)how;
  device(HERE);
  zx_handle_t dst = PLAIN(4), src = PLAIN(4), none = ZX_HANDLE_INVALID;
  uint8_t* ones = BUFFER(4 * PAGE);
  memset(ones, 1, 4 * PAGE);
  OK(zx_vmo_write(src, ones, 0, 4 * PAGE));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_transfer_data(none, 1, 0, PAGE, none, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_transfer_data(none, 0, 1, PAGE, none, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_transfer_data(none, 0, 0, 1, none, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_transfer_data(none, 0, 0, PAGE, none, 1));
  STATUS(ZX_ERR_BAD_HANDLE, zx_vmo_transfer_data(none, 0, 0, PAGE, none, 0));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_transfer_data(fewer(dst, ZX_RIGHT_WRITE), 0, 0, PAGE, none, 0));
  STATUS(ZX_ERR_BAD_HANDLE, zx_vmo_transfer_data(dst, 0, 0, PAGE, none, 0));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_transfer_data(dst, 0, 0, PAGE, fewer(src, ZX_RIGHT_READ), 0));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_transfer_data(dst, 0, 0, PAGE, fewer(src, ZX_RIGHT_WRITE), 0));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_transfer_data(dst, 0, 0, PAGE, src, 4 * PAGE));
  OK(zx_vmo_transfer_data(src, 0, 0, PAGE, src, 0));
  OK(zx_vmo_transfer_data(dst, 0, PAGE, 2 * PAGE, src, 0));
  ALL_ZERO(src, 0, 2);
  uint8_t* got = BUFFER(4 * PAGE);
  OK(zx_vmo_read(dst, got, PAGE, 2 * PAGE));
  CHECK(memcmp(got, ones, 2 * PAGE) == 0);
  ALL_ZERO(dst, 0, 1);
  // The source is emptied before the destination refuses.
  zx_handle_t pmt = PIN(dst, ZX_BTI_PERM_READ, 3, 1);
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_transfer_data(dst, 0, 3 * PAGE, PAGE, src, 2 * PAGE));
  ALL_ZERO(src, 0, 3);
  LET_GO(pmt);
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmo_transfer_data(dst, 0, 4 * PAGE, PAGE, src, 3 * PAGE));
  ALL_ZERO(src, 0, 4);
  vmo_t* v = UNMAPPED_VMO(PAGER(), 1, 0);
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_transfer_data(v->handle, 0, 0, PAGE, dst, PAGE));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_transfer_data(dst, 0, 0, PAGE, v->handle, 0));
  ALL_ZERO(dst, 1, 1);
  // Contiguous memory stays where it is; of nothing no range is wrong.
  zx_handle_t row;
  OK(zx_vmo_create_contiguous(bti, PAGE, 0, &row));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_transfer_data(dst, 0, 0, PAGE, row, 8 * PAGE));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_transfer_data(dst, 0, 0, 0, row, 0));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_transfer_data(row, 0, 0, PAGE, src, 0));
  STATUS(ZX_ERR_NOT_SUPPORTED, supply_from(v, 0, 1, row, 8));
  STATUS(ZX_ERR_NOT_SUPPORTED, supply_from(v, 0, 0, row, 0));
  OK(zx_vmo_transfer_data(dst, 0, 1ul << 63, 0, src, 0));
  OK(zx_handle_close(row));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_transfer_data(bti, 0, 0, PAGE, src, 0));
  STATUS(ZX_ERR_WRONG_TYPE, zx_vmo_transfer_data(dst, 0, 0, PAGE, bti, 0));

  // A slice, a reference, a snapshot and the clone of a pager's, on both sides.
  zx_handle_t kin[4];
  SUPPLY(v, 0, 1);
  OK(zx_vmo_create_child(src, ZX_VMO_CHILD_SLICE, PAGE, PAGE, &kin[0]));
  OK(zx_vmo_create_child(dst, ZX_VMO_CHILD_REFERENCE, 0, 0, &kin[1]));
  OK(zx_vmo_create_child(dst, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &kin[2]));
  OK(zx_vmo_create_child(v->handle, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, PAGE, &kin[3]));
  for (uint64_t i = 0; i < COUNT(kin) * COUNT(kin); i++) {
    zx_handle_t from = kin[i / COUNT(kin)], to = kin[i % COUNT(kin)];
    OK(zx_vmo_write(to, ones, 0, 8));
    OK(zx_vmo_write(from, &i, 0, 8));
    OK(zx_vmo_transfer_data(to, 0, 0, PAGE, from, 0));
    uint64_t word = 99;
    OK(zx_vmo_read(to, &word, 0, 8));
    EQUAL(i, word);
    if (from != to) {
      ALL_ZERO(from, 0, 1);
    }
  }
  GET(v, 0);
  EQUAL(v->key, GET(v, 0));
}

// calls_vmar is the list of 3.16 that host tests do not show from ring 3.
static void calls_vmar(variant_t how) {
  (void)how;
  zx_handle_t region, vmo = PLAIN(2), made;
  zx_vaddr_t base, at;
  const zx_vm_option_t can = ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC;
  OK(zx_vmar_allocate(zx_vmar_root_self(), can, 0, 100 * PAGE, &region, &base));
  for (int i = 0; i < 50; i++) {
    OK(zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_OFFSET_IS_UPPER_LIMIT, 50 * PAGE, vmo, 0, PAGE, &at));
    CHECK(at >= base && at < base + 50 * PAGE);
  }
  STATUS(ZX_ERR_NO_RESOURCES, zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_OFFSET_IS_UPPER_LIMIT, 50 * PAGE, vmo, 0, PAGE, &at));
  for (int i = 0; i < 50; i++) {
    OK(zx_vmar_map(region, ZX_VM_PERM_READ, 0, vmo, 0, PAGE, &at));
  }
  STATUS(ZX_ERR_NO_RESOURCES, zx_vmar_map(region, ZX_VM_PERM_READ, 0, vmo, 0, PAGE, &at));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmar_allocate(region, can, 0, 101 * PAGE, &made, &at));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmar_allocate(region, can, 0, PAGE - 1, &made, &at));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmar_allocate(region, can, 0, 0, &made, &at));
  STATUS(ZX_ERR_NO_RESOURCES, zx_vmar_allocate(region, can, 0, PAGE, &made, &at));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmar_map(region, ZX_VM_PERM_READ, 0, vmo, -PAGE, PAGE, &at));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_vmar_map(region, ZX_VM_PERM_READ, 0, vmo, 0, -1, &at));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmar_map(region, ZX_VM_PERM_READ, 0, vmo, 0, 0, &at));
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_FAULT_BEYOND_STREAM_SIZE, 0, vmo, 0, PAGE, &at));
  OK(zx_vmar_destroy(region));
  STATUS(ZX_ERR_BAD_STATE, zx_vmar_map(region, ZX_VM_PERM_READ, 0, vmo, 0, PAGE, &at));
  OK(zx_vmo_set_stream_size(vmo, 1));
  uint8_t* seen = MAP_VMO(vmo, ZX_VM_PERM_READ | ZX_VM_ALLOW_FAULTS | ZX_VM_FAULT_BEYOND_STREAM_SIZE, 0, 2);
  STATUS(ZX_OK, PROBE(seen + PAGE - 1, false));
  STATUS(ZX_ERR_OUT_OF_RANGE, PROBE(seen + PAGE, false));
  STATUS(ZX_ERR_OUT_OF_RANGE,
         zx_vmar_op_range(zx_vmar_root_self(), ZX_VMAR_OP_MAP_RANGE, (zx_vaddr_t)seen, 2 * PAGE, NULL, 0));
  OK(zx_handle_close(region));
}

static const test_t tests[] = {
    ONE("P058", p058),   ONE("P075", p075),   ONE("S025", s025),   TRAPS("W062", w062), TRAPS("W078", w078),
    TRAPS("W082", w082), TRAPS("W083", w083), TRAPS("W084", w084), TRAPS("W085", w085), TRAPS("W086", w086),
    ONE("W087", w087),   ONE("W089", w089),   ONE("W090", w090),   TRAPS("W091", w091), ONE("W092", w092),
    ONE("W093", w093),   CASE("C46", PINNED, c46), CASE("C46", PHYSICAL, c46),
    ONE("E-iommu", calls_iommu), ONE("E-bti_pin", calls_pin), ONE("E-contiguous", calls_contiguous),
    ONE("E-transfer_data", calls_transfer), ONE("E-vmar", calls_vmar),
};

const table_t pin_tests = {tests, COUNT(tests)};
