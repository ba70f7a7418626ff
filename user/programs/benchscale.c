// benchscale: what must not grow, measured while it could: faults against the
// size of the VMO, requests against those outstanding, queries against dirty
// ranges, sparse VMOs against their size.
//
//	benchscale [RUNG]       all of it, or one rung as "outstanding/64"
#include "benchpager.h"

static void name(char* out, size_t size, const char* rung, uint64_t n) { snprintf(out, size, "%s/%lu", rung, n); }

// ROUND is how many pages are faulted in one VMO; COUNT in all.
#define ROUND 1024

// faults_in measures missing pages in VMOs of that many pages: neighbours in
// the middle, then pages spread over all of it.
static void faults_in(uint64_t pages) {
  char rung[64];
  name(rung, sizeof(rung), "fault_vmo_near", pages);
  if (wanted(rung)) {
    begin_rung(rung);
    for (int i = 0; i < COUNT; i++) {
      if (i % ROUND == 0) {
        fill();
        fresh(0, pages * PAGE);
      }
      load(i, (pages - ROUND) / 2 + (uint64_t)i % ROUND);
      if (i % ROUND == ROUND - 1) drop(pages * PAGE);
    }
    report(rung, COUNT);
  }
  name(rung, sizeof(rung), "fault_vmo_spread", pages);
  if (wanted(rung)) {
    begin_rung(rung);
    for (int i = 0; i < COUNT; i++) {
      if (i % ROUND == 0) {
        fill();
        fresh(0, pages * PAGE);
      }
      load(i, (uint64_t)i % ROUND * (pages / ROUND));
      if (i % ROUND == ROUND - 1) drop(pages * PAGE);
    }
    report(rung, COUNT);
  }
}

// resident measures faults on resident pages of a VMO that has all its pages.
static void resident(uint64_t pages) {
  char rung[64];
  name(rung, sizeof(rung), "minor_fault_vmo", pages);
  if (!wanted(rung)) return;
  check("create_vmo", zx_pager_create_vmo(pager, 0, port, 1, pages * PAGE, &vmo));
  for (uint64_t at = 0; at < pages; at += ROUND) {
    check("commit", zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, ROUND * PAGE, NULL, 0));
    zx_status_t st = zx_pager_supply_pages(pager, vmo, at * PAGE, ROUND * PAGE, aux, 0);
    if (st != ZX_OK) {
      skip(rung, zx_status_get_string(st));
      check("close", zx_handle_close(vmo));
      return;
    }
  }
  map(vmo, pages * PAGE);
  begin_rung(rung);
  for (int i = 0; i < COUNT; i++) {
    if (i > 0 && i % ROUND == 0) remap(vmo, pages * PAGE);
    store(i, ((uint64_t)i % ROUND * 13 + (uint64_t)i / ROUND) % ROUND * (pages / ROUND));
  }
  report(rung, COUNT);
  drop(pages * PAGE);
}

// Threads that wait for pages nobody supplies yet.
#define WAITERS 4096
static volatile uint64_t released, last;  // how many go on, and when the last did

static void waiter(volatile uint8_t* at) {
  (void)*at;
  last = now();
  __atomic_add_fetch(&released, 1, __ATOMIC_SEQ_CST);
  zx_thread_exit();
}

static void until(volatile uint64_t* count, uint64_t n) {
  while (*count < n) zx_nanosleep(zx_deadline_after(100000));
}

// outstanding measures a missing page while waiting requests wait too.
static void outstanding(uint64_t requests) {
  static uint8_t stacks[WAITERS][256] __attribute__((aligned(16)));
  char rung[64], release[64];
  name(rung, sizeof(rung), "outstanding", requests);
  name(release, sizeof(release), "outstanding_release", requests);
  if (!wanted(rung) && !wanted(release)) return;
  uint64_t waiters = requests - 1;
  uint64_t bytes = BYTES + 2 * WAITERS * PAGE;
  fill();
  fresh(0, bytes);
  held = BYTES;
  holding = released = 0;
  if (requests == WAITERS) mark("memory begin");
  for (uint64_t i = 0; i < waiters; i++) {
    zx_handle_t thread;
    zx_status_t st = zx_thread_create(zx_process_self(), "waiter", 6, 0, &thread);
    if (st != ZX_OK) {  // there is a limit: let those go that wait
      skip(rung, zx_status_get_string(st));
      skip(release, zx_status_get_string(st));
      waiters = i;
      break;
    }
    check("thread_start", zx_thread_start(thread, (zx_vaddr_t)waiter, (zx_vaddr_t)stacks[i] + sizeof(stacks[i]) - 8,
                                          (uintptr_t)base + BYTES + 2 * i * PAGE, 0));
    check("close", zx_handle_close(thread));
  }
  until(&holding, waiters);
  if (requests == WAITERS) {
    char line[64];
    snprintf(line, sizeof(line), "memory waiting_thread %lu", waiters);
    mark(line);
  }
  if (waiters == requests - 1) {
    begin_rung(rung);
    for (int i = 0; i < COUNT; i++) load(i, (uint64_t)i);
    report(rung, COUNT);
  }
  zx_handle_t zeros;
  check("vmo_create", zx_vmo_create(2 * requests * PAGE, 0, &zeros));
  begin_bulk(release);
  uint64_t started = clock_start();
  check("release", zx_pager_supply_pages(pager, vmo, BYTES, 2 * requests * PAGE, zeros, 0));
  until(&released, waiters);
  if (waiters > 0 && waiters == requests - 1) shared(release, last - started, waiters);
  check("close", zx_handle_close(zeros));
  held = UINT64_MAX;
  drop(bytes);
}

#define RANGES 100000
static zx_vmo_dirty_range_t ranges[RANGES];

// queries lists n dirty ranges of one page each.
static void queries(uint64_t n, int times) {
  char rung[64];
  name(rung, sizeof(rung), "query_dirty_range", n);
  if (!wanted(rung)) return;
  fresh(ZX_VMO_TRAP_DIRTY, 2 * n * PAGE);
  for (uint64_t i = 0; i < n; i++) {
    if (i % COUNT == 0) fill();
    zx_status_t st = zx_pager_supply_pages(pager, vmo, 2 * i * PAGE, PAGE, aux, i % COUNT * PAGE);
    if (st == ZX_OK) st = zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, 2 * i * PAGE, PAGE, 0);
    if (st != ZX_OK) {
      skip(rung, zx_status_get_string(st));
      drop(2 * n * PAGE);
      return;
    }
  }
  size_t actual = 0, avail = 0;
  begin_bulk(rung);
  uint64_t started = clock_start();
  for (int i = 0; i < times; i++) {
    check("query", zx_pager_query_dirty_ranges(pager, vmo, 0, 2 * n * PAGE, ranges, sizeof(ranges), &actual, &avail));
  }
  each(rung, started, (uint64_t)times * n);
  if (actual != n || avail != n) fail("bench: %lu ranges are dirty, the query finds %lu of %lu", n, actual, avail);
  drop(2 * n * PAGE);
}

// sparse makes, maps and closes VMOs of that size with nothing in them.
static void sparse(uint64_t mebibytes) {
  static uint32_t mapping[COUNT], closing[COUNT];
  char create[64], maps[64], close[64];
  uint64_t bytes = mebibytes << 20;
  zx_handle_t quiet;
  name(create, sizeof(create), "sparse_create", mebibytes);
  name(maps, sizeof(maps), "sparse_map", mebibytes);
  name(close, sizeof(close), "sparse_unmap_close", mebibytes);
  if (!wanted(create) && !wanted(maps) && !wanted(close)) return;
  check("port_create", zx_port_create(0, &quiet));
  for (int i = 0; i < COUNT; i++) {
    zx_handle_t v;
    zx_port_packet_t packet;
    begin_rung(create);
    uint64_t started = clock_start();
    zx_status_t st = zx_pager_create_vmo(pager, 0, quiet, 1, bytes, &v);
    sample(i, started);
    check("create_vmo", st);
    uint32_t creating = samples[i];
    begin_rung(maps);
    started = clock_start();
    map(v, bytes);
    sample(i, started);
    mapping[i] = samples[i];
    begin_rung(close);
    started = clock_start();
    unmap(bytes);
    zx_handle_close(v);
    sample(i, started);
    closing[i] = samples[i];
    samples[i] = creating;
    check("port_wait", zx_port_wait(quiet, ZX_TIME_INFINITE, &packet));  // COMPLETE
  }
  report(create, COUNT);
  memcpy(samples, mapping, sizeof(samples));
  report(maps, COUNT);
  memcpy(samples, closing, sizeof(samples));
  report(close, COUNT);
  check("close", zx_handle_close(quiet));
}

// clones measures cloning a sparse VMO of so many pages.
static void clones(uint64_t pages) {
  char rung[64];
  zx_handle_t v, c;
  name(rung, sizeof(rung), "clone_create", pages);
  if (!wanted(rung)) return;
  check("create_vmo", zx_pager_create_vmo(pager, 0, port, 1, pages * PAGE, &v));
  begin_rung(rung);
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_status_t st = zx_vmo_create_child(v, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, pages * PAGE, &c);
    sample(i, started);
    check("create_child", st);
    check("close", zx_handle_close(c));
  }
  report(rung, COUNT);
  check("close", zx_handle_close(v));
}

// chain measures reads through that many snapshots, each made of the one before
// after that was written.
static void chain(uint64_t length) {
  char rung[64];
  name(rung, sizeof(rung), "clone_chain", length);
  if (!wanted(rung)) return;
  static zx_handle_t links[257];
  fill();
  links[0] = aux;
  for (uint64_t i = 1; i <= length; i++) {
    uint8_t byte = 1;
    check("create_child", zx_vmo_create_child(links[i - 1], ZX_VMO_CHILD_SNAPSHOT, 0, BYTES, &links[i]));
    check("write", zx_vmo_write(links[i], &byte, i * PAGE, 1));
  }
  map(links[length], BYTES);
  begin_rung(rung);
  for (int i = 0; i < COUNT - 512; i++) load(i, 512 + (uint64_t)(i * 61) % (COUNT - 512));
  report(rung, COUNT - 512);
  unmap(BYTES);
  for (uint64_t i = 1; i <= length; i++) check("close", zx_handle_close(links[i]));
}

int main(int argc, char** argv) {
  calibrate();
  if (argc > 1) only = argv[1];
  pager_parts();
  start_pager();
  sparse(1);
  sparse(1 << 10);
  sparse(1 << 20);
  clones(1);
  clones(1 << 18);
  clones(1 << 28);
  chain(1);
  chain(16);
  chain(256);
  for (int shift = 10; shift <= 20; shift += 2) faults_in(1ull << shift);
  for (int shift = 10; shift <= 20; shift += 2) resident(1ull << shift);
  for (int i = 0; i < RANGES; i++) ranges[i].length = 1;  // resident buffer
  queries(1, COUNT);
  queries(1000, 16);
  queries(RANGES, 4);
  outstanding(1);
  outstanding(8);
  outstanding(64);
  outstanding(512);
  outstanding(1024);
  outstanding(WAITERS);
  return 0;
}
