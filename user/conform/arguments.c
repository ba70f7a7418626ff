// P053-P061, W105-W107, W114: arguments and what supply does to its source.
#include "conform.h"

static void p053(variant_t how) {
  (void)how;
  zx_handle_t pager;
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_create(1, &pager));
}

// weaken takes rights from a pager's own handle.
static void weaken(pager_t* p, zx_rights_t without) {
  zx_info_handle_basic_t info;
  OK(zx_object_get_info(p->pager, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  OK(zx_handle_replace(p->pager, info.rights & ~without, &p->pager));
}

// p056 without the two checks that need a privilege nobody has here: a
// physical and a pinned source.
static void p056(variant_t how) {
  (void)how;
  pager_t *p = PAGER(), *other = PAGER();
  vmo_t* v = UNMAPPED_VMO(p, 1, 0);
  zx_handle_t aux = PLAIN(1);
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_supply_pages(ZX_HANDLE_INVALID, v->handle, 0, 0, aux, 0));
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_supply_pages(p->pager, ZX_HANDLE_INVALID, 0, 0, aux, 0));
  STATUS(ZX_ERR_BAD_HANDLE, zx_pager_supply_pages(p->pager, v->handle, 0, 0, ZX_HANDLE_INVALID, 0));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_supply_pages(v->handle, v->handle, 0, 0, aux, 0));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_supply_pages(p->pager, p->pager, 0, 0, aux, 0));
  STATUS(ZX_ERR_WRONG_TYPE, zx_pager_supply_pages(p->pager, v->handle, 0, 0, p->port, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(p->pager, PLAIN(1), 0, 0, aux, 0));
  vmo_t* foreign = UNMAPPED_VMO(other, 1, 0);
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(p->pager, foreign->handle, 0, 0, ZX_HANDLE_INVALID, 0));

  const zx_rights_t both[] = {ZX_RIGHT_WRITE, ZX_RIGHT_READ};
  for (size_t i = 0; i < COUNT(both); i++) {
    zx_handle_t weak = fewer(aux, both[i]);
    STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_supply_pages(p->pager, v->handle, 0, 0, weak, 0));
    OK(zx_handle_close(weak));
  }
  zx_handle_t weak = fewer(v->handle, ZX_RIGHT_WRITE);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_supply_pages(p->pager, weak, 0, 0, aux, 0));
  OK(zx_handle_close(weak));

  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(p->pager, v->handle, 1, 0, aux, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(p->pager, v->handle, 0, 1, aux, 0));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_supply_pages(p->pager, v->handle, 0, 0, aux, 1));

  vmo_t* full = UNMAPPED_VMO(p, 1, 0);
  SUPPLY(full, 0, 1);
  STATUS(ZX_ERR_NOT_SUPPORTED, supply_from(v, 0, 1, full->handle, 0));
  OK(zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0));
  STATUS(ZX_ERR_OUT_OF_RANGE, supply_from(v, 1, 1, aux, 0));
  STATUS(ZX_ERR_OUT_OF_RANGE, supply_from(v, 0, 1, aux, 1));
  weaken(p, ZX_RIGHT_MANAGE_VMO);
  STATUS(ZX_ERR_ACCESS_DENIED, supply_from(v, 0, 1, aux, 0));
}

static void p057(variant_t how) {
  (void)how;
  vmo_t* v = UNMAPPED_VMO(PAGER(), 1, 0);
  zx_handle_t aux = PLAIN(1);
  volatile uint8_t* source = MAP_VMO(aux, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, 1);
  *source = 0xcc;
  OK(supply_from(v, 0, 1, aux, 0));
  uint8_t byte = 0;
  OK(zx_vmo_read(v->handle, &byte, 0, 1));
  EQUAL(0xcc, byte);
  EQUAL(0, *source);
}

static void p059(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  STATUS(ZX_ERR_UNAVAILABLE, zx_vmo_set_size(v->handle, 2 * PAGE));
}

static void p061(variant_t how) {
  (void)how;
  vmo_t* v = UNMAPPED_VMO(PAGER(), 1, 0);
  OK(supply_from(v, 0, 1, PLAIN(1), 0));
  uint32_t word = ~0u;
  OK(zx_vmo_read(v->handle, &word, 0, sizeof(word)));
  EQUAL(0, word);
}

static void w105(variant_t how) {
  (void)how;
  const uint32_t ops[] = {ZX_PAGER_OP_FAIL, ZX_PAGER_OP_DIRTY, ZX_PAGER_OP_WRITEBACK_BEGIN, ZX_PAGER_OP_WRITEBACK_END};
  pager_t *p = PAGER(), *other = PAGER();
  vmo_t* foreign = UNMAPPED_VMO(other, 1, ZX_VMO_TRAP_DIRTY);
  zx_handle_t anonymous = PLAIN(1);
  for (size_t i = 0; i < COUNT(ops); i++) {
    uint32_t op = ops[i];
    vmo_t* v = UNMAPPED_VMO(p, 1, ZX_VMO_TRAP_DIRTY);
    STATUS(ZX_ERR_BAD_HANDLE, zx_pager_op_range(ZX_HANDLE_INVALID, op, v->handle, 0, 0, 0));
    STATUS(ZX_ERR_BAD_HANDLE, zx_pager_op_range(p->pager, op, ZX_HANDLE_INVALID, 0, 0, 0));
    STATUS(ZX_ERR_WRONG_TYPE, zx_pager_op_range(v->handle, op, v->handle, 0, 0, 0));
    STATUS(ZX_ERR_WRONG_TYPE, zx_pager_op_range(p->pager, op, p->pager, 0, 0, 0));
    zx_handle_t weak = fewer(v->handle, ZX_RIGHT_WRITE);
    STATUS(ZX_ERR_ACCESS_DENIED, zx_pager_op_range(p->pager, op, weak, 0, 0, 0));
    OK(zx_handle_close(weak));
    STATUS(ZX_ERR_INVALID_ARGS, zx_pager_op_range(p->pager, op, anonymous, 0, 0, 0));
    STATUS(ZX_ERR_INVALID_ARGS, zx_pager_op_range(p->pager, op, foreign->handle, 0, 0, 0));
    STATUS(ZX_ERR_INVALID_ARGS, zx_pager_op_range(p->pager, op, v->handle, 1, 0, 0));
    STATUS(ZX_ERR_INVALID_ARGS, zx_pager_op_range(p->pager, op, v->handle, 0, 1, 0));
    uint64_t data = op == ZX_PAGER_OP_FAIL ? (uint64_t)(int64_t)ZX_ERR_BAD_STATE : 0;
    STATUS(ZX_ERR_OUT_OF_RANGE, pager_op(v, op, 1, 1, data));
  }

  vmo_t* silent = UNMAPPED_VMO(p, 1, 0);
  STATUS(ZX_ERR_NOT_SUPPORTED, pager_op(silent, 0, 0, 0, 0));
  const uint64_t bad[] = {0x11ffffffff, (uint64_t)(int64_t)ZX_ERR_INTERNAL, 100};
  for (size_t i = 0; i < COUNT(bad); i++) {
    STATUS(ZX_ERR_INVALID_ARGS, pager_op(silent, ZX_PAGER_OP_FAIL, 0, 0, bad[i]));
  }
  STATUS(ZX_ERR_NOT_SUPPORTED, pager_op(silent, ZX_PAGER_OP_DIRTY, 0, 0, 0));

  vmo_t* v = UNMAPPED_VMO(p, 1, ZX_VMO_TRAP_DIRTY);
  STATUS(ZX_ERR_NOT_FOUND, pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0));
  for (size_t i = 1; i < COUNT(ops); i++) {
    STATUS(ZX_ERR_INVALID_ARGS, pager_op(v, ops[i], 0, 0, 100));
  }
  weaken(p, ZX_RIGHT_MANAGE_VMO);
  for (size_t i = 0; i < COUNT(ops); i++) {
    STATUS(ZX_ERR_ACCESS_DENIED, pager_op(v, ops[i], 0, 0, 0));
  }
}

// query and stats are the two queries without a place for the answer.
static zx_status_t query(zx_handle_t pager, zx_handle_t vmo) {
  return zx_pager_query_dirty_ranges(pager, vmo, 0, 0, NULL, 0, NULL, NULL);
}

static zx_status_t stats(zx_handle_t pager, zx_handle_t vmo) { return zx_pager_query_vmo_stats(pager, vmo, 0, NULL, 0); }

static void w106(variant_t how) {
  (void)how;
  zx_status_t (*const queries[])(zx_handle_t, zx_handle_t) = {query, stats};
  pager_t *p = PAGER(), *other = PAGER();
  vmo_t* v = UNMAPPED_VMO(p, 1, 0);
  vmo_t* foreign = UNMAPPED_VMO(other, 1, 0);
  zx_handle_t anonymous = PLAIN(1), weak = fewer(v->handle, ZX_RIGHT_READ);
  for (size_t i = 0; i < COUNT(queries); i++) {
    STATUS(ZX_ERR_BAD_HANDLE, queries[i](ZX_HANDLE_INVALID, v->handle));
    STATUS(ZX_ERR_BAD_HANDLE, queries[i](p->pager, ZX_HANDLE_INVALID));
    STATUS(ZX_ERR_WRONG_TYPE, queries[i](v->handle, v->handle));
    STATUS(ZX_ERR_WRONG_TYPE, queries[i](p->pager, p->pager));
    STATUS(ZX_ERR_ACCESS_DENIED, queries[i](p->pager, weak));
    STATUS(ZX_ERR_INVALID_ARGS, queries[i](p->pager, anonymous));
    STATUS(ZX_ERR_INVALID_ARGS, queries[i](p->pager, foreign->handle));
  }
  OK(zx_handle_close(weak));

  zx_pager_vmo_stats_t answer;
  STATUS(ZX_ERR_OUT_OF_RANGE, zx_pager_query_dirty_ranges(p->pager, v->handle, PAGE, PAGE, NULL, 0, NULL, NULL));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_query_vmo_stats(p->pager, v->handle, 100, &answer, sizeof(answer)));
  STATUS(ZX_ERR_BUFFER_TOO_SMALL, zx_pager_query_vmo_stats(p->pager, v->handle, 0, &answer, 0));

  MARK(v, 0, 1);
  uint64_t word = 42;
  OK(zx_vmo_write(v->handle, &word, 0, sizeof(word)));
  STATUS(ZX_ERR_INVALID_ARGS,
         zx_pager_query_dirty_ranges(p->pager, v->handle, 0, PAGE, NULL, sizeof(zx_vmo_dirty_range_t), NULL, NULL));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_query_vmo_stats(p->pager, v->handle, 0, NULL, sizeof(answer)));

  weaken(p, ZX_RIGHT_MANAGE_VMO);
  for (size_t i = 0; i < COUNT(queries); i++) {
    STATUS(ZX_ERR_ACCESS_DENIED, queries[i](p->pager, v->handle));
  }
}

static void w107(variant_t how) {
  (void)how;
  vmo_t* v = UNMAPPED_VMO(PAGER(), 3, 0);
  MARK(v, 0, 1);
  MARK(v, 2, 1);
  uint64_t word = 42;
  OK(zx_vmo_write(v->handle, &word, 0, sizeof(word)));
  OK(zx_vmo_write(v->handle, &word, 2 * PAGE, sizeof(word)));

  zx_vmo_dirty_range_t got[2];
  size_t actual = 99, avail = 99;
  zx_handle_t p = v->pager->pager;
  OK(zx_pager_query_dirty_ranges(p, v->handle, 0, PAGE, got, sizeof(uint64_t), &actual, NULL));
  EQUAL(0, actual);
  memset(got, 0xff, sizeof(got));
  OK(zx_pager_query_dirty_ranges(p, v->handle, 0, 3 * PAGE, got, sizeof(got[0]), &actual, NULL));
  EQUAL(1, actual);
  EQUAL(0, got[0].offset);
  EQUAL(PAGE, got[0].length);
  memset(got, 0xff, sizeof(got));
  OK(zx_pager_query_dirty_ranges(p, v->handle, 0, 3 * PAGE, got, sizeof(got[0]), &actual, &avail));
  EQUAL(1, actual);
  EQUAL(2, avail);
  EQUAL(0, got[0].offset);
  EQUAL(PAGE, got[0].length);
  memset(got, 0xff, sizeof(got));
  OK(zx_pager_query_dirty_ranges(p, v->handle, 0, 3 * PAGE, got, sizeof(got), &actual, NULL));
  EQUAL(2, actual);
  EQUAL(0, got[0].offset);
  EQUAL(PAGE, got[0].length);
  EQUAL(0, got[0].options);
  EQUAL(2 * PAGE, got[1].offset);
  EQUAL(PAGE, got[1].length);
  EQUAL(0, got[1].options);
}

static void w114(variant_t how) {
  (void)how;
  vmo_t* v = UNMAPPED_VMO(PAGER(), 10, ZX_VMO_TRAP_DIRTY);
  MARK(v, 0, 1);
  OPD(v, 0, 1);
  size_t actual, avail;
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_query_dirty_ranges(v->pager->pager, v->handle, 0, 10 * PAGE,
                                                          (void*)0xffffffff00000000, PAGE, &actual, &avail));
}

static const test_t tests[] = {
    ONE("P053", p053), ONE("P056", p056), ONE("P057", p057), ONE("P059", p059), ONE("P061", p061),
    ONE("W105", w105), ONE("W106", w106), ONE("W107", w107), ONE("W114", w114),
};

const table_t argument_tests = {tests, COUNT(tests)};
