// C45-C47: the scenarios of the acceptance checklist, on arguments. Each row of
// the checks has a test of its own besides: ids E-.
#include "calls.h"

// 45. pager_create(1) INVALID_ARGS; create_vmo with bad pager or port handle, wrong
// types, port without WRITE, pager without ATTACH_VMO, size wrap; detach with
// foreign pager, plain VMO, VMO without WRITE, pager missing either right.
static void c45(variant_t how) {
  (void)how;
  zx_handle_t made;
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_create(1, &made));
  pager_t *p = PAGER(), *other = PAGER();
  vmo_t* v = UNMAPPED_VMO(p, 1, 0);
  zx_handle_t anon = PLAIN(1);
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_create_vmo(ZX_HANDLE_INVALID, 0, p->port, 0, PAGE, &made));
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_create_vmo(p->pager, 0, ZX_HANDLE_INVALID, 0, PAGE, &made));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_create_vmo(p->port, 0, p->port, 0, PAGE, &made));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_create_vmo(p->pager, 0, p->pager, 0, PAGE, &made));
  zx_handle_t weak = lesser(p->port, ZX_RIGHT_WRITE);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_create_vmo(p->pager, 0, weak, 0, PAGE, &made));
  OK(zx_handle_close(weak));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_pager_create_vmo(p->pager, 0, p->port, 0, UINT64_MAX, &made));

  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_detach_vmo(other->pager, v->handle));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_detach_vmo(p->pager, anon));
  weak = lesser(v->handle, ZX_RIGHT_WRITE);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_detach_vmo(p->pager, weak));
  OK(zx_handle_close(weak));
  deprive(&p->pager, ZX_RIGHT_ATTACH_VMO);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_create_vmo(p->pager, 0, p->port, 0, PAGE, &made));
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_detach_vmo(p->pager, v->handle));
  SUPPLY(v, 0, 1);
  v = UNMAPPED_VMO(other, 1, 0);
  deprive(&other->pager, ZX_RIGHT_MANAGE_VMO);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_detach_vmo(other->pager, v->handle));
}

// 46. supply: misalignment wins over bad handles; foreign pager wins over bad aux
// handle; aux without READ or without WRITE ACCESS_DENIED; pager-owned aux
// NOT_SUPPORTED; physical aux NOT_SUPPORTED; pinned aux BAD_STATE; either range out
// of bounds OUT_OF_RANGE.
static void c46(variant_t how) {
  (void)how;
  pager_t *p = PAGER(), *other = PAGER();
  vmo_t *v = UNMAPPED_VMO(p, 1, 0), *foreign = UNMAPPED_VMO(other, 1, 0);
  zx_handle_t aux = PLAIN(1), none = ZX_HANDLE_INVALID;
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(none, none, 1, PAGE, none, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(none, none, 0, 1, none, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(none, none, 0, PAGE, none, 1));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(p->pager, foreign->handle, 0, PAGE, none, 0));
  const zx_rights_t rights[] = {ZX_RIGHT_READ, ZX_RIGHT_WRITE};
  for (size_t i = 0; i < COUNT(rights); i++) {
    zx_handle_t weak = lesser(aux, rights[i]);
    STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_supply_pages(p->pager, v->handle, 0, PAGE, weak, 0));
    OK(zx_handle_close(weak));
  }
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_pager_supply_pages(p->pager, v->handle, 0, PAGE, foreign->handle, 0));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_pager_supply_pages(p->pager, v->handle, PAGE, PAGE, aux, 0));
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_pager_supply_pages(p->pager, v->handle, 0, PAGE, aux, PAGE));
  COMMITTED(v, 0);
}

// 47. Resize of a non-resizable pager VMO: UNAVAILABLE. Decommit of root or clone:
// NOT_SUPPORTED.
static void c47(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(v, 0, 2);
  if (how == WITH_CHILD) {
    vmo_t* c = CLONE(v);
    STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_op_range(c->handle, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
    return;
  }
  STATUS(ZX_ERR_UNAVAILABLE, zx_vmo_set_size(v->handle, PAGE));
  STATUS(ZX_ERR_UNAVAILABLE, zx_vmo_set_size(v->handle, 4 * PAGE));
  STATUS(ZX_ERR_NOT_SUPPORTED, zx_vmo_op_range(v->handle, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0));
  COMMITTED(v, 2);
  CONTENT(v, 0, 2);
}

static const test_t tests[] = {
    ONE("C45", c45), ONE("C46", c46),
    ONE("C47", c47), CHILDREN_TOO("C47", c47),
};

const table_t scenario_check_tests = {tests, COUNT(tests)};
