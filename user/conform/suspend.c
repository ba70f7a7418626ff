// P019, P052, P102, P103: suspension of a thread that waits for the pager.
#include "conform.h"

static void p019(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  BLOCKED(w);
  zx_handle_t token = SUSPEND(w);
  SUSPENDED(w);
  RESUME(token);
  BLOCKED(w);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
}

static void p052(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = COMMIT(v, 0, 1);
  READ(v, 0, 1);
  zx_handle_t token = SUSPEND(w);
  SUSPENDED(w);
  RESUME(token);
  BLOCKED(w);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
}

static zx_handle_t committed_page(void) {
  zx_handle_t vmo;
  OK(zx_vmo_create(PAGE, 0, &vmo));
  OK(zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0));
  return vmo;
}

// The kernel writes to, or reads from, the mapping of a pager VMO.
static bool kernel_writes(worker_t* w) {
  zx_handle_t vmo = committed_page();
  w->status = zx_object_get_info(vmo, ZX_INFO_VMO, w->v->base, sizeof(zx_info_vmo_t), NULL, NULL);
  OK(zx_handle_close(vmo));
  return w->status == ZX_OK;
}

static bool kernel_reads(worker_t* w) {
  zx_handle_t vmo = committed_page();
  w->status = zx_vmo_write(vmo, w->v->base, 0, PAGE);
  OK(zx_handle_close(vmo));
  return w->status == ZX_OK;
}

// in_kernel: a wait inside the kernel outlasts suspensions.
static void in_kernel(vmo_t* v, worker_t* w) {
  READ(v, 0, 1);
  BLOCKED(w);
  zx_handle_t token = SUSPEND(w);
  pause_for(ZX_SEC(1));
  BLOCKED(w);
  RESUME(token);
  pause_for(ZX_SEC(1));
  BLOCKED(w);
  token = SUSPEND(w);
  pause_for(ZX_SEC(1));
  BLOCKED(w);
  SUPPLY(v, 0, 1);
  SUSPENDED(w);
  RESUME(token);
  DONE(w);
  QUIET(v);
}

static void p102(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  in_kernel(v, ACT(kernel_writes, .v = v));
}

static void p103(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  in_kernel(v, ACT(kernel_reads, .v = v));
}

static const test_t tests[] = {BOTH("P019", p019), ONE("P052", p052), ONE("P102", p102), ONE("P103", p103)};

const table_t suspend_tests = {tests, COUNT(tests)};
