// C01-C24: the scenarios of the acceptance checklist, on basics, failure, detach
// and close. R(a, n) in a title is a READ packet for pages a to a+n-1, D(a, n) a
// DIRTY packet.
#include "conform.h"

// 1. Read of one absent page through a mapping: R(0, 1); supply; the thread goes
// on; no further packet.
static void c01(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = LOAD(v->base);
  READ(v, 0, 1);
  BLOCKED(w);
  SUPPLY(v, 0, 1);
  DONE(w);
  EQUAL(v->key & 0xff, w->byte);
  CONTENT(v, 0, 1);
  QUIET(v);
}

// 2. zx_vmo_read of 5 absent pages: one packet R(0, 5). Commit of 555 pages: one
// packet R(0, 555).
static void c02(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, 5, 0);
  uint8_t* data = BUFFER(5 * PAGE);
  worker_t* w = READ_BYTES(v, 0, data, 5 * PAGE);
  READ_SUPPLY(v, 0, 5);
  DONE(w);
  CHECK(same_bytes(v, 0, 5, data));
  QUIET(v);
  v = UNMAPPED_VMO(p, 555, 0);
  w = COMMIT(v, 0, 555);
  READ_SUPPLY(v, 0, 555);
  DONE(w);
  COMMITTED(v, 555);
  QUIET(v);
}

// 3. Commit of 33 pages with page 16 resident: R(0, 16), after supply R(17, 16).
static void c03(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 33, 0);
  SUPPLY(v, 16, 1);
  worker_t* w = COMMIT(v, 0, 33);
  READ(v, 0, 16);
  QUIET(v);
  SUPPLY(v, 0, 16);
  READ_SUPPLY(v, 17, 16);
  DONE(w);
  QUIET(v);
}

// 4. One commit served by 32 supplies of a page wakes after the last one.
// Redundant growing supplies (1 page, 2 pages, ...) also work.
static void c04(variant_t how) {
  (void)how;
  enum { N = 32 };
  pager_t* p = PAGER();
  vmo_t* v = NEW_VMO(p, N, 0);
  worker_t* w = COMMIT(v, 0, N);
  READ(v, 0, N);
  for (uint64_t i = 0; i < N; i++) {
    BLOCKED(w);
    SUPPLY(v, i, 1);
  }
  DONE(w);
  QUIET(v);
  v = NEW_VMO(p, N, 0);
  w = COMMIT(v, 0, N);
  READ(v, 0, N);
  for (uint64_t n = 1; n <= N; n++) {
    BLOCKED(w);
    SUPPLY(v, 0, n);
  }
  DONE(w);
  CONTENT(v, 0, N);
  QUIET(v);
}

// 5. One supply spanning several requests wakes all fully covered ones.
static void c05(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 12, 0);
  worker_t* w[3];
  for (uint64_t i = 0; i < COUNT(w); i++) {
    w[i] = COMMIT(v, 4 * i, 4);
    READ(v, 4 * i, 4);
  }
  SUPPLY(v, 0, 10);
  DONE(w[0]);
  DONE(w[1]);
  BLOCKED(w[2]);
  SUPPLY(v, 10, 2);
  DONE(w[2]);
  QUIET(v);
}

// 6. Two threads on the same page: one packet, both wake. Root reader and clone
// reader of the same page: one packet.
static void c06(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  vmo_t* second = how == WITH_CHILD ? CLONE(v) : v;
  worker_t* a = LOAD(v->base);
  READ(v, 0, 1);
  worker_t* b = LOAD(second->base);
  BLOCKED(a);
  BLOCKED(b);
  QUIET(v);
  SUPPLY(v, 0, 1);
  DONE(a);
  DONE(b);
  EQUAL(v->key & 0xff, a->byte);
  EQUAL(v->key & 0xff, b->byte);
  QUIET(v);
}

// 7. Supply before any access: the access sends nothing.
static void c07(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(v, 0, 2);
  worker_t* w = VERIFY(v, 0, 2, how);
  DONE(w);
  QUIET(v);
}

// 8. Supplying over a resident page keeps the old content; OK is returned.
static void c08(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  SUPPLY(v, 0, 1);
  zx_handle_t aux = PLAIN(2);
  uint8_t* data = BUFFER(2 * PAGE);
  memset(data, 0xee, 2 * PAGE);
  OK(zx_vmo_write(aux, data, 0, 2 * PAGE));
  OK(supply_from(v, 0, 2, aux, 0));
  want_fill(v, 1, 1, 0xee);
  CONTENT(v, 0, 2);
  ALL_ZERO(aux, 0, 2);
  NO_RANGES(v);
  QUIET(v);
}

// 9. Supply from an uncommitted aux: the destination reads zero, committed_bytes
// 0; a later supply of real data there is ignored; a write makes it 1 committed
// page, and dirty.
static void c09(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, trap_if(how));
  MARK(v, 0, 1);
  CONTENT(v, 0, 1);
  COMMITTED(v, 0);
  NO_RANGES(v);
  SUPPLY(v, 0, 1);
  COMMITTED(v, 0);
  CONTENT(v, 0, 1);
  WROTE_BYTE(v, 0, 0x99);
  COMMITTED(v, 1);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

// 10. Shrink to 0 while a reader waits: a mapped reader gets the fatal fault
// OUT_OF_RANGE; zx_vmo_read returns OUT_OF_RANGE; commit returns OK.
static void c10(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, ZX_VMO_RESIZABLE);
  worker_t* mapped = LOAD(v->base + 8);
  BLOCKED(mapped);
  worker_t* read = READ_BYTES(v, 0, BUFFER(PAGE), PAGE);
  BLOCKED(read);
  worker_t* commit = COMMIT(v, 0, 1);
  BLOCKED(commit);
  RESIZE(v, 0);
  CRASHES(mapped, v->base + 8, ZX_ERR_OUT_OF_RANGE);
  ENDS_WITH(read, ZX_ERR_OUT_OF_RANGE);
  ENDS_WITH(commit, ZX_OK);
  QUIET(v);
}

// 11. Commit (0, 3) waiting, page 2 supplied, shrink to 1 page: still blocked;
// supply page 0: done, no extra packet.
static void c11(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 3, ZX_VMO_RESIZABLE);
  worker_t* w = COMMIT(v, 0, 3);
  READ(v, 0, 3);
  SUPPLY(v, 2, 1);
  RESIZE(v, 1);
  BLOCKED(w);
  SUPPLY(v, 0, 1);
  DONE(w);
  QUIET(v);
}

// 12. Suspend and resume of a blocked reader: a second R packet appears; supply
// finishes it.
static void c12(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  BLOCKED(w);
  zx_handle_t token = SUSPEND(w);
  SUSPENDED(w);
  QUIET(v);
  RESUME(token);
  READ(v, 0, 1);
  BLOCKED(w);
  SUPPLY(v, 0, 1);
  DONE(w);
  QUIET(v);
}

// 13. Unmap while blocked, then supply: fatal fault NOT_FOUND at the accessed
// address.
static void c13(variant_t how) {
  (void)how;
  vmo_t* v = UNMAPPED_VMO(PAGER(), 1, 0);
  v->pages = 1;
  uint8_t* a = MAP_VMO(v->handle, ZX_VM_PERM_READ, 0, 1);
  worker_t* w = LOAD(a + 0x123);
  READ(v, 0, 1);
  UNMAP(a);
  BLOCKED(w);
  SUPPLY(v, 0, 1);
  CRASHES(w, a + 0x123, ZX_ERR_NOT_FOUND);
}

// 14. FAIL(IO) of the awaited page: zx_vmo_read returns -40; mapped access:
// exception 0x108, cr2 = address, synth_code -40.
static void c14(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = how == MAPPING ? LOAD(v->base + 0xabc) : READ_BYTES(v, 0, BUFFER(PAGE), PAGE);
  READ(v, 0, 1);
  FAIL(v, 0, 1);
  if (how == MAPPING) {
    CRASHES(w, v->base + 0xabc, -40);
  } else {
    ENDS_WITH(w, -40);
  }
  QUIET(v);
}

static const zx_status_t codes[] = {ZX_ERR_IO, ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE,
                                    ZX_ERR_BUFFER_TOO_SMALL};

// 15. Each of the five permitted codes reaches COMMIT and zx_vmo_read unchanged;
// so it does PREFETCH, a partial ZERO, a store and zx_vmo_write.
static void c15(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  for (size_t i = 0; i < COUNT(codes); i++) {
    worker_t* w[] = {
        COMMIT(v, 0, 2),
        READ_BYTES(v, 0, BUFFER(2 * PAGE), 2 * PAGE),
        VMO_OP(v, ZX_VMO_OP_PREFETCH, 0, 2),
        VMO_OP_BYTES(v, ZX_VMO_OP_ZERO, 8, 8),
        WRITE_BYTE(v, 0, 1),
        STORE(1, v->base),
    };
    for (size_t k = 0; k < COUNT(w); k++) {
      BLOCKED(w[k]);
    }
    FAIL_WITH(v, 0, 2, codes[i]);
    for (size_t k = 0; k + 1 < COUNT(w); k++) {
      ENDS_WITH(w[k], codes[i]);
    }
    CRASHES(w[COUNT(w) - 1], v->base, codes[i]);
  }
  NO_RANGES(v);
}

// 16. After FAIL the same access sends a new packet and can succeed.
static void c16(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  worker_t* w = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  FAIL(v, 0, 1);
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_IO);
  } else {
    FAILS(w);
  }
  w = VERIFY(v, 0, 1, how);
  READ_SUPPLY(v, 0, 1);
  DONE(w);
  QUIET(v);
}

// 17. Many commits over the same range: one packet; FAIL of the range fails them
// all.
static void c17(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 8, 0);
  worker_t* w[16];
  for (size_t i = 0; i < COUNT(w); i++) {
    w[i] = COMMIT(v, 0, 8);
    BLOCKED(w[i]);
  }
  READ(v, 0, 8);
  QUIET(v);
  FAIL(v, 0, 8);
  for (size_t i = 0; i < COUNT(w); i++) {
    ENDS_WITH(w[i], ZX_ERR_IO);
  }
  QUIET(v);
}

// 18. FAIL on one VMO does not disturb another VMO of the same pager.
static void c18(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t *bad = NEW_VMO(p, 1, 0), *good = NEW_VMO(p, 1, 0);
  worker_t* a = READ_BYTES(bad, 0, BUFFER(PAGE), PAGE);
  READ(bad, 0, 1);
  worker_t* b = VERIFY(good, 0, 1, VMO_READ);
  READ(good, 0, 1);
  FAIL(bad, 0, 1);
  ENDS_WITH(a, ZX_ERR_IO);
  BLOCKED(b);
  SUPPLY(good, 0, 1);
  DONE(b);
  QUIET(bad);
  QUIET(good);
}

// SILENT: nothing whatever is on the port of p.
#define SILENT(p) silent(HERE, p)
static void silent(where_t at, pager_t* p) {
  zx_port_packet_t packet;
  equal(at, "packets nobody has asked for", 0, p->stashed);
  status_is(at, "zx_port_wait", ZX_ERR_TIMED_OUT, zx_port_wait(p->port, 0, &packet));
}

// 19. Detach with no requests: COMPLETE packet (offset 0, length 0, same key).
static void c19(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, 0);
  SILENT(v->pager);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  SILENT(v->pager);
}

// 20. Detach while a reader waits: BAD_STATE (syscall), fatal fault BAD_STATE
// (mapping); then COMPLETE. An undelivered R never shows up.
static void c20(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, 0);
  worker_t* w = how == MAPPING ? LOAD(v->base) : READ_BYTES(v, 0, BUFFER(PAGE), PAGE);
  BLOCKED(w);
  DETACH(v);
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  } else {
    ENDS_WITH(w, ZX_ERR_BAD_STATE);
  }
  COMPLETE(v->pager, v->key);
  SILENT(v->pager);
}

// 21. Detach drops clean pages (committed_bytes 0), keeps dirty ones; query still
// lists them; BEGIN/END clean them; supply and FAIL and DIRTY return BAD_STATE.
static void c21(variant_t how) {
  (void)how;
  pager_t* p = PAGER();
  vmo_t* clean = NEW_VMO(p, 2, 0);
  SUPPLY(clean, 0, 1);
  MARK(clean, 1, 1);
  DETACH(clean);
  COMPLETE(p, clean->key);
  COMMITTED(clean, 0);
  NO_RANGES(clean);
  uint8_t byte;
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_read(clean->handle, &byte, 0, 1));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_read(clean->handle, &byte, PAGE, 1));

  vmo_t* v = NEW_VMO(p, 3, ZX_VMO_TRAP_DIRTY);
  SUPPLY(v, 0, 2);
  WROTE_BYTE(v, 1, 0x21);
  DETACH(v);
  COMPLETE(p, v->key);
  COMMITTED(v, 1);
  RANGES(v, D(1, 1));
  CONTENT(v, 1, 1);
  CONTENT_READ(v, 1, 1);
  NOW_BYTE(v, 1, 0x22);  // dirty already: needs nobody
  STATUS(ZX_ERR_BAD_STATE, supply(HERE, v, 0, 3, 0));
  STATUS(ZX_ERR_BAD_STATE, pager_op(v, ZX_PAGER_OP_FAIL, 0, 3, (uint64_t)(int64_t)ZX_ERR_IO));
  STATUS(ZX_ERR_BAD_STATE, pager_op(v, ZX_PAGER_OP_DIRTY, 1, 1, 0));
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_read(v->handle, &byte, 2 * PAGE, 1));
  WB(v, 0, 3);
  RANGES(v, D(1, 1));
  END(v, 0, 3);
  NO_RANGES(v);
  CONTENT(v, 1, 1);
  DETACH(v);
  COMMITTED(v, 0);
  SILENT(p);
}

// 22. Closing the last VMO handle, mapping or child: COMPLETE.
static void c22(variant_t how) {
  pager_t* p = PAGER();
  vmo_t* v = UNMAPPED_VMO(p, 1, 0);
  uint64_t key = v->key;
  if (how == WITH_CHILD) {
    vmo_t* c = CLONE(v);
    drop_vmo(v);
    pause_for(ZX_MSEC(20));
    SILENT(p);
    drop_vmo(c);
    COMPLETE(p, key);
    return;
  }
  SUPPLY(v, 0, 1);
  uint8_t* a = MAP_VMO(v->handle, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, 1);
  zx_handle_t second;
  OK(zx_handle_duplicate(v->handle, ZX_RIGHT_SAME_RIGHTS, &second));
  drop_vmo(v);
  SILENT(p);
  OK(zx_handle_close(second));
  SILENT(p);
  *a = 1;  // a dirty page does not keep it
  UNMAP(a);
  COMPLETE(p, key);
  SILENT(p);

  v = UNMAPPED_VMO(p, 1, 0);  // the handle last
  key = v->key;
  a = MAP_VMO(v->handle, ZX_VM_PERM_READ, 0, 1);
  UNMAP(a);
  SILENT(p);
  drop_vmo(v);
  COMPLETE(p, key);
  SILENT(p);
}

// 23. Closing the pager: waiters get BAD_STATE, no COMPLETE; resident pages stay
// readable.
static void c23(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 3, 0);
  SUPPLY(v, 1, 1);
  SUPPLY(v, 2, 1);
  NOW_BYTE(v, 2, 0x23);
  worker_t* w = how == MAPPING ? LOAD(v->base) : READ_BYTES(v, 0, BUFFER(PAGE), PAGE);
  BLOCKED(w);
  close_pager(v->pager);
  if (how == MAPPING) {
    CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  } else {
    ENDS_WITH(w, ZX_ERR_BAD_STATE);
  }
  SILENT(v->pager);
  CONTENT(v, 1, 2);
  CONTENT_READ(v, 1, 2);
  NOW_BYTE(v, 1, 0x24);
  drop_vmo(v);
}

// 24. Closing the port: proactive supply still works; detach still releases
// waiters.
static void c24(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 4, 0);
  worker_t* before = VERIFY(v, 0, 1, how);
  READ(v, 0, 1);
  worker_t* undelivered = VERIFY(v, 1, 1, how);
  BLOCKED(undelivered);
  close_port(v->pager);
  BLOCKED(before);
  BLOCKED(undelivered);
  SUPPLY(v, 0, 2);
  DONE(before);
  DONE(undelivered);
  SUPPLY(v, 2, 1);
  CONTENT_BY(v, 0, 3, how);
  worker_t* w = how == MAPPING ? LOAD(v->base + 3 * PAGE) : READ_BYTES(v, 3 * PAGE, BUFFER(PAGE), PAGE);
  BLOCKED(w);
  DETACH(v);
  if (how == MAPPING) {
    CRASHES(w, v->base + 3 * PAGE, ZX_ERR_BAD_STATE);
  } else {
    ENDS_WITH(w, ZX_ERR_BAD_STATE);
  }
}

static const test_t tests[] = {
    ONE("C01", c01),  ONE("C02", c02),  ONE("C03", c03),  ONE("C04", c04),  ONE("C05", c05),  ONE("C06", c06),
    CHILDREN_TOO("C06", c06), BOTH("C07", c07), ONE("C08", c08), TRAPS("C09", c09), ONE("C10", c10), ONE("C11", c11),
    BOTH("C12", c12), ONE("C13", c13),  BOTH("C14", c14), ONE("C15", c15),  BOTH("C16", c16), ONE("C17", c17),
    ONE("C18", c18),  ONE("C19", c19),  BOTH("C20", c20), ONE("C21", c21),  ONE("C22", c22),  CHILDREN_TOO("C22", c22),
    BOTH("C23", c23), BOTH("C24", c24),
};

const table_t scenario_tests = {tests, COUNT(tests)};
