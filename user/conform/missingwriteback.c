// missingwriteback.c: as missing.c, the numbers of the W entries.
#include "conform.h"

static const zx_vm_option_t RW = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
enum { TRAP = ZX_VMO_TRAP_DIRTY };

// supplied is a VMO of n pages, all there, that was not modified.
static vmo_t* supplied(variant_t how, uint64_t n) {
  vmo_t* v = NEW_VMO(PAGER(), n, trap_if(how));
  SUPPLY(v, 0, n);
  NOT_MODIFIED(v);
  return v;
}

// grown is a VMO whose page 0 is supplied and which then grew to n pages.
static vmo_t* grown(variant_t how, uint64_t n) {
  vmo_t* v = RESIZABLE(PAGER(), 1, how);
  SUPPLY(v, 0, 1);
  RESIZE(v, n);
  RANGES(v, Z(1, n - 1));
  return v;
}

// w008: a write to a clone reads the root's pages and dirties none.
static void w008(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 3, trap_if(how));
  vmo_t* c = CLONE(v);
  worker_t* w = WRITE_PAGES(c, 0, 3, 0xaa);
  READ_SUPPLY(v, 0, 3);
  DONE(w);
  want_fill(c, 0, 3, 0xaa);
  CONTENT(c, 0, 3);
  CONTENT(v, 0, 3);
  NO_RANGES(v);
  QUIET(v);
}

// w013: OP_DIRTY makes pages of markers, one by one in any order.
static void w013(variant_t how) {
  (void)how;
  enum { N = 16 };
  vmo_t* v = NEW_VMO(PAGER(), N, TRAP);
  MARK(v, 0, N);
  uint64_t dirty = 0;
  bool is[N] = {0};
  for (int i = 0; i < 24; i++) {
    uint64_t page = 0;
    while (page + 1 < N && !chance(4)) {
      page++;
    }
    OPD(v, page, 1);
    dirty += !is[page];
    is[page] = true;
    COMMITTED(v, dirty);
  }
  range_t want[N];
  size_t runs = 0;
  for (uint64_t p = 0; p < N; p++) {
    if (is[p] && (p == 0 || !is[p - 1])) {
      want[runs++] = D(p, 1);
    } else if (is[p]) {
      want[runs - 1].n++;
    }
  }
  ranges_are(HERE, v, want, runs);
  CONTENT(v, 0, N);
  QUIET(v);
}

// w018: a store to a page that a load has mapped asks, one to a dirty page does not,
// whichever mapping it comes through.
static void w018(variant_t how) {
  (void)how;
  vmo_t* v = supplied(TRAP_DIRTY, 2);
  uint8_t *a = MAP_VMO(v->handle, RW, 0, 2), *b = MAP_VMO(v->handle, RW, 0, 2);
  CONTENT(v, 0, 2);
  worker_t* w = STORE(0xaa, a, b, a + PAGE, b + PAGE);
  DIRTY_OPD(v, 0, 1);
  DIRTY_OPD(v, 1, 1);
  DONE(w);
  want_byte(v, 0, 0xaa);
  want_byte(v, 1, 0xaa);
  RANGES(v, D(0, 2));
  CONTENT(v, 0, 2);
  QUIET(v);
}

// w021: a write that comes between the write-back's begin and end, and is let go
// before the end, or after it.
static void w021(variant_t how) {
  (void)how;
  for (int late = 0; late < 2; late++) {
    vmo_t* v = supplied(TRAP_DIRTY, 1);
    WROTE_PAGES(v, 0, 1, 0xaa);
    WB(v, 0, 1);
    worker_t* w = WRITE_PAGES(v, 0, 1, 0xbb);
    DIRTY(v, 0, 1);
    BLOCKED(w);
    RANGES(v, D(0, 1));
    if (late) {
      END(v, 0, 1);
      NO_RANGES(v);
    }
    OPD(v, 0, 1);
    DONE(w);
    want_fill(v, 0, 1, 0xbb);
    if (!late) {
      END(v, 0, 1);
    }
    RANGES(v, D(0, 1));
    CONTENT(v, 0, 1);
    WB(v, 0, 1);
    END(v, 0, 1);
    NO_RANGES(v);
    QUIET(v);
  }
}

// w026: a mapping that gets its write permission back asks at the first store.
static void w026(variant_t how) {
  vmo_t* v = supplied(how, 1);
  zx_handle_t region;
  zx_vaddr_t base, at;
  OK(zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE, 0, PAGE, &region, &base));
  OK(zx_vmar_map(region, RW, 0, v->handle, 0, PAGE, &at));
  OK(zx_vmar_protect(region, ZX_VM_PERM_READ, at, PAGE));
  STATUS(ZX_ERR_ACCESS_DENIED, PROBE((uint8_t*)at, true));
  STATUS(ZX_OK, PROBE((uint8_t*)at, false));
  OK(zx_vmar_protect(region, RW, at, PAGE));
  NO_RANGES(v);
  NOT_MODIFIED(v);
  STORED(v, (uint8_t*)at, 0, 0xaa);
  MODIFIED(v);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
  OK(zx_vmar_destroy(region));
  OK(zx_handle_close(region));
}

// w031: shrinking under a write-back, and the end of what is left of it.
static void w031(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 4, how);
  SUPPLY(v, 0, 4);
  WROTE_PAGES(v, 0, 4, 0xaa);
  WB(v, 0, 4);
  RESIZE(v, 2);
  STATUS(ZX_ERR_OUT_OF_RANGE, pager_op(v, ZX_PAGER_OP_WRITEBACK_END, 0, 4, 0));
  RANGES(v, D(0, 2));
  END(v, 0, 2);
  NO_RANGES(v);
  CONTENT(v, 0, 2);
  RESIZE(v, 4);
  RANGES(v, Z(2, 2));
  CONTENT(v, 0, 4);
  QUIET(v);
}

// w032: one write behind a gap of zeros, and all of it written back.
static void w032(variant_t how) {
  vmo_t* v = grown(how, 3);
  WROTE_PAGES(v, 2, 1, 0xaa);
  RANGES(v, Z(1, 1), D(2, 1));
  CONTENT(v, 0, 3);
  WB(v, 1, 2);
  RANGES(v, Z(1, 1), D(2, 1));
  END(v, 1, 2);
  NO_RANGES(v);
  CONTENT(v, 0, 3);
  QUIET(v);
}

// w035: writes at the start, in the middle and at the end of zeros being written back.
static void w035(variant_t how) {
  vmo_t* v = grown(how, 7);
  WB0(v, 1, 6);
  WROTE_PAGES(v, 1, 1, 0xaa);
  WROTE_PAGES(v, 3, 1, 0xbb);
  WROTE_PAGES(v, 6, 1, 0xcc);
  CONTENT(v, 0, 7);
  RANGES(v, D(1, 1), Z(2, 1), D(3, 1), Z(4, 2), D(6, 1));
  END(v, 1, 6);
  RANGES(v, D(1, 1), D(3, 1), D(6, 1));
  CONTENT(v, 0, 7);
  QUIET(v);
}

// w040: a page behind a gap can be cleaned alone; the gap stays dirty.
static void w040(variant_t how) {
  vmo_t* v = grown(how, 4);
  WROTE_PAGES(v, 2, 1, 0xaa);
  RANGES(v, Z(1, 1), D(2, 1), Z(3, 1));
  WB(v, 2, 1);
  END(v, 2, 1);
  RANGES(v, Z(1, 1), Z(3, 1));
  CONTENT(v, 0, 4);
  WB(v, 0, 4);
  END(v, 0, 4);
  NO_RANGES(v);
  QUIET(v);
}

// w046: zeros are cleaned under a mapping that shows them, and asked for when they
// are stored to.
static void w046(variant_t how) {
  vmo_t* v = grown(how, 2);
  CONTENT(v, 0, 2);
  WB0(v, 1, 1);
  END(v, 1, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 2);
  worker_t* w = STORE(0xaa, v->base + PAGE);
  READ(v, 1, 1);
  MARK(v, 1, 1);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 1, 1);
  }
  DONE(w);
  want_byte(v, 1, 0xaa);
  RANGES(v, D(1, 1));
  CONTENT(v, 0, 2);
  QUIET(v);
}

// w058: OP_ZERO next to, and over, the zeros of a grown tail.
static void w058(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 3, how);
  SUPPLY(v, 0, 3);
  RESIZE(v, 5);
  WROTE_PAGES(v, 4, 1, 0xaa);
  RANGES(v, Z(3, 1), D(4, 1));
  DONE(ZERO(v, 2, 2));
  RANGES(v, Z(2, 2), D(4, 1));
  DONE(ZERO(v, 3, 2));
  want_fill(v, 2, 3, 0);
  RANGES(v, Z(2, 3));
  CONTENT(v, 0, 5);
  RESIZE(v, 3);
  RANGES(v, Z(2, 1));
  QUIET(v);
}

// w064: what was dirty at the detach can be written back and then is gone.
static void w064(variant_t how) {
  vmo_t* v = RESIZABLE(PAGER(), 3, how);
  SUPPLY(v, 0, 3);
  WROTE_PAGES(v, 1, 1, 0xaa);
  WROTE_PAGES(v, 2, 1, 0xbb);
  WB(v, 2, 1);
  DETACH(v);
  COMPLETE(v->pager, v->key);
  COMMITTED(v, 2);
  RANGES(v, D(1, 2));
  CONTENT(v, 1, 2);
  WB(v, 1, 2);
  END(v, 1, 2);
  NO_RANGES(v);
  CONTENT_READ(v, 1, 2);
  DETACH(v);  // drops what is clean now
  COMMITTED(v, 0);
  uint64_t word;
  STATUS(ZX_ERR_BAD_STATE, zx_vmo_read(v->handle, &word, PAGE, 8));
}

// w068: a store waits for its DIRTY when the VMO is detached.
static void w068(variant_t how) {
  (void)how;
  vmo_t* v = supplied(TRAP_DIRTY, 1);
  worker_t* w = STORE(0xaa, v->base);
  DIRTY(v, 0, 1);
  DETACH(v);
  CRASHES(w, v->base, ZX_ERR_BAD_STATE);
  COMPLETE(v->pager, v->key);
  COMMITTED(v, 0);
  NO_RANGES(v);
  NOT_MODIFIED(v);
}

// w071: a store through a mapping modifies once, until the next write-back.
static void w071(variant_t how) {
  vmo_t* v = supplied(how, 1);
  OK(how == TRAP_DIRTY ? pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0) : ZX_OK);
  v->base[0] = 0xaa;
  want_byte(v, 0, 0xaa);
  MODIFIED(v);
  v->base[0] = 0xaa;
  NOT_MODIFIED(v);
  WB(v, 0, 1);
  END(v, 0, 1);
  OK(how == TRAP_DIRTY ? pager_op(v, ZX_PAGER_OP_DIRTY, 0, 1, 0) : ZX_OK);
  v->base[0] = 0xbb;
  want_byte(v, 0, 0xbb);
  MODIFIED(v);
  RANGES(v, D(0, 1));
  CONTENT(v, 0, 1);
  QUIET(v);
}

// w081: OP_DIRTY, supply, commit and write-back modify nothing.
static void w081(variant_t how) {
  (void)how;
  vmo_t* v = supplied(TRAP_DIRTY, 2);
  OPD(v, 0, 1);
  RANGES(v, D(0, 1));
  NOT_MODIFIED(v);
  DONE(COMMIT(v, 0, 2));
  WB(v, 0, 2);
  END(v, 0, 2);
  NOT_MODIFIED(v);
  CONTENT(v, 0, 2);
  QUIET(v);
}

static zx_handle_t bti;

static bool pins_for_write(worker_t* w) {
  zx_paddr_t at[4];
  w->status = zx_bti_pin(bti, ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, w->handle, w->at, w->count, at, w->count / PAGE, &w->handle);
  return w->status == ZX_OK;
}

// w088: a pin for writing of a page being written back is refused by the pager.
static void w088(variant_t how) {
  (void)how;
  bti = device(HERE);
  vmo_t* v = supplied(TRAP_DIRTY, 1);
  WROTE_PAGES(v, 0, 1, 0xaa);
  MODIFIED(v);
  WB(v, 0, 1);
  worker_t* w = ACT(pins_for_write, .handle = v->handle, .count = PAGE);
  DIRTY(v, 0, 1);
  FAIL(v, 0, 1);
  ENDS_WITH(w, ZX_ERR_IO);
  NOT_MODIFIED(v);
  END(v, 0, 1);
  NO_RANGES(v);
  CONTENT(v, 0, 1);
  QUIET(v);
}

// w094: pinning a slice for writing dirties its root.
static void w094(variant_t how) {
  bti = device(HERE);
  vmo_t* v = supplied(how, 3);
  vmo_t* c = SLICE(v, 1, 2);
  worker_t* w = ACT(pins_for_write, .handle = c->handle, .at = PAGE, .count = PAGE);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 2, 1);
  }
  DONE(w);
  MODIFIED(v);
  RANGES(v, D(2, 1));
  WB(v, 0, 3);
  END(v, 0, 3);
  RANGES(v, D(2, 1));
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_query_vmo_stats(v->pager->pager, c->handle, 0, NULL, 4));
  OK(zx_pmt_unpin(w->handle));
  WB(v, 0, 3);
  END(v, 0, 3);
  NO_RANGES(v);
  CONTENT(v, 0, 3);
  QUIET(v);
}

// w100: the commit of a zero interval dirties it, clean pages beside it stay clean.
static void w100(variant_t how) {
  vmo_t* v = grown(how, 3);
  worker_t* w = COMMIT(v, 0, 3);
  if (how == TRAP_DIRTY) {
    DIRTY_OPD(v, 1, 2);
  }
  DONE(w);
  RANGES(v, D(1, 2));
  COMMITTED(v, 3);
  CONTENT(v, 0, 3);
  QUIET(v);
}

// w104: a root closed without a detach is still what its clone shows.
static void w104(variant_t how) {
  vmo_t* v = NEW_VMO(PAGER(), 2, trap_if(how));
  SUPPLY(v, 0, 2);
  vmo_t* c = CLONE(v);
  CONTENT(c, 0, 2);
  pager_t* p = v->pager;
  uint64_t key = v->key;
  drop_vmo(v);
  CONTENT(c, 0, 2);
  CONTENT_READ(c, 0, 2);
  COMMITTED(c, 0);
  EQUAL(0, vmo_info(HERE, c->handle).parent_koid);
  CHECK((vmo_info(HERE, c->handle).flags & ZX_INFO_VMO_PAGER_BACKED) != 0);
  WORD(c, 0) = 7;
  COMMITTED(c, 1);
  zx_port_packet_t packet;
  STATUS(ZX_ERR_TIMED_OUT, zx_port_wait(p->port, 0, &packet));
  drop_vmo(c);
  COMPLETE(p, key);
}

// w109: what an unbounded VMO is when it is made.
static void w109(variant_t how) {
  vmo_t* v = UNBOUNDED_VMO(PAGER(), 2, trap_if(how));
  uint64_t size, stream;
  OK(zx_vmo_get_size(v->handle, &size));
  OK(zx_vmo_get_stream_size(v->handle, &stream));
  EQUAL(0xfffffffffffe0000ul, size);
  EQUAL(2 * PAGE, stream);
  STATUS(ZX_ERR_UNAVAILABLE, zx_vmo_set_size(v->handle, PAGE));
  ALL_ZERO(v->handle, 2, 2);
  ALL_ZERO(v->handle, 1u << 30, 1);
  COMMITTED(v, 0);
  SUPPLY(v, 0, 4);
  COMMITTED(v, 2);
  ALL_ZERO(v->handle, 2, 2);
  QUIET(v);
  zx_handle_t out;
  STATUS(ZX_ERR_INVALID_ARGS, zx_pager_create_vmo(v->pager->pager, ZX_VMO_UNBOUNDED | ZX_VMO_RESIZABLE, v->pager->port, 0, PAGE, &out));
}

// w113: a store waiting for its DIRTY is suspended, and asks again.
static void w113(variant_t how) {
  (void)how;
  vmo_t* v = NEW_VMO(PAGER(), 1, TRAP);
  SUPPLY(v, 0, 1);
  worker_t* w = STORE(0xaa, v->base);
  DIRTY(v, 0, 1);
  BLOCKED(w);
  zx_handle_t token = SUSPEND(w);
  SUSPENDED(w);
  RESUME(token);
  BLOCKED(w);
  DIRTY_OPD(v, 0, 1);
  DONE(w);
  want_byte(v, 0, 0xaa);
  CONTENT(v, 0, 1);
  QUIET(v);
}

static const test_t tests[] = {
    TRAPS("W008", w008), ONE("W013", w013),   ONE("W018", w018),   ONE("W021", w021),   TRAPS("W026", w026), TRAPS("W031", w031),
    TRAPS("W032", w032), TRAPS("W035", w035), TRAPS("W040", w040), TRAPS("W046", w046), TRAPS("W058", w058), TRAPS("W064", w064),
    ONE("W068", w068),   TRAPS("W071", w071), ONE("W081", w081),   ONE("W088", w088),   TRAPS("W094", w094), TRAPS("W100", w100),
    TRAPS("W104", w104), TRAPS("W109", w109), ONE("W113", w113),
};

const table_t missing_writeback_tests = {tests, COUNT(tests)};
