// bench: the ladder of docs/performance.md, measured from ring 3.
//
//	bench [RUNG]            every rung that needs one process, or that one
//	bench @go [RUNG]        missing pages of the VMO in PA_USER0, whoever serves it
//	bench @direct [RUNG]    the same
//	bench @process [RUNG]   the same, and write traps; its pager is another process
//	bench @pager            that process: PA_USER0..2 are pager, port, VMO
//
// The kernel's side (cmd/faultline, argument -bench) starts it in the last
// four ways.
#include "benchpager.h"

static void system_calls(void) {
  begin_rung("page_size");
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_system_get_page_size();
    sample(i, started);
  }
  report("page_size", COUNT);
  begin_rung("null_syscall");
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_handle_close(ZX_HANDLE_INVALID);
    sample(i, started);
  }
  report("null_syscall", COUNT);

  zx_handle_t copy;
  begin_rung("handle_duplicate_close");
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_handle_duplicate(port, ZX_RIGHT_SAME_RIGHTS, &copy);
    zx_handle_close(copy);
    sample(i, started);
  }
  report("handle_duplicate_close", COUNT);
  zx_port_packet_t packet = {.key = 7};
  begin_rung("port_queue_wait");
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_port_queue(port, &packet);
    zx_port_wait(port, ZX_TIME_INFINITE, &packet);
    sample(i, started);
  }
  report("port_queue_wait", COUNT);

  zx_futex_t word = 0;
  zx_status_t st = zx_futex_wake(&word, 1);
  if (st != ZX_OK) {
    skip("futex_wake", zx_status_get_string(st));
    return;
  }
  begin_rung("futex_wake");
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_futex_wake(&word, 1);
    sample(i, started);
  }
  report("futex_wake", COUNT);
}

static zx_handle_t there, back;

static void echo(void) {
  for (;;) {
    zx_port_packet_t packet;
    check("echo", zx_port_wait(there, ZX_TIME_INFINITE, &packet));
    check("echo", zx_port_queue(back, &packet));
  }
}

// ping_pong: two threads, two switches, four calls.
static void ping_pong(void) {
  static uint8_t stack[16384] __attribute__((aligned(16)));
  zx_handle_t thread;
  if (!wanted("port_ping_pong")) return;
  check("port_create", zx_port_create(0, &there));
  check("port_create", zx_port_create(0, &back));
  check("thread_create", zx_thread_create(zx_process_self(), "echo", 4, 0, &thread));
  check("thread_start", zx_thread_start(thread, (zx_vaddr_t)echo, (zx_vaddr_t)stack + sizeof(stack) - 8, 0, 0));
  zx_port_packet_t packet = {.key = 7};
  begin_rung("port_ping_pong");
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = clock_start();
    zx_port_queue(there, &packet);
    zx_port_wait(back, ZX_TIME_INFINITE, &packet);
    sample(i, started);
  }
  report("port_ping_pong", COUNT);
}

// missing touches every page of the mapping once, between two marks.
static void missing(const char* rung) {
  char line[64];
  mark("begin");
  begin_rung(rung);
  for (int i = 0; i < COUNT; i++) load(i, (uint64_t)i);
  snprintf(line, sizeof(line), "end %s %d", rung, COUNT);
  mark(line);
  report(rung, COUNT);
}

static void trapped(const char* rung) {
  char line[64];
  mark("begin");
  begin_rung(rung);
  for (int i = 0; i < COUNT; i++) store(i, (uint64_t)i);
  snprintf(line, sizeof(line), "end %s %d", rung, COUNT);
  mark(line);
  report(rung, COUNT);
}

// scattered gives the pages of the mapping in an order in which no reader is
// served around: each is far from the one before.
static inline uint64_t scattered(int i) { return (uint64_t)i * 1237 % COUNT; }

static void paged(void) {
  fill();
  fresh(ZX_VMO_TRAP_DIRTY, BYTES);
  missing("missing_page");
  trapped("write_trap");
  begin_bulk("writeback_begin_page");
  uint64_t started = clock_start();
  check("begin", zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 0, BYTES, 0));
  each("writeback_begin_page", started, COUNT);
  begin_bulk("writeback_end_page");
  started = clock_start();
  check("end", zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_END, vmo, 0, BYTES, 0));
  each("writeback_end_page", started, COUNT);

  // Resident pages whose translations are gone.
  remap(vmo, BYTES);
  begin_rung("minor_fault_read");
  for (int i = 0; i < COUNT; i++) load(i, scattered(i));
  report("minor_fault_read", COUNT);
  remap(vmo, BYTES);
  begin_bulk("resident_scan_page");
  started = clock_start();
  for (int i = 0; i < COUNT; i++) (void)*(volatile uint8_t*)(base + (uint64_t)i * PAGE);
  each("resident_scan_page", started, COUNT);  // in order: faults and fault-around
  drop(BYTES);

  // A write to an absent page: READ, then DIRTY.
  fill();
  fresh(ZX_VMO_TRAP_DIRTY, BYTES);
  trapped("missing_write");
  drop(BYTES);
}

static void bulk(void) {
  uint64_t started;
  fill();
  fresh(0, BYTES);
  begin_bulk("supply_page");
  started = clock_start();
  check("supply", zx_pager_supply_pages(pager, vmo, 0, BYTES, aux, 0));
  each("supply_page", started, COUNT);
  begin_bulk("map_range_page");
  started = clock_start();
  check("map_range", zx_vmar_op_range(zx_vmar_root_self(), ZX_VMAR_OP_MAP_RANGE, (zx_vaddr_t)base, BYTES, NULL, 0));
  each("map_range_page", started, COUNT);
  begin_bulk("unmap_page");
  started = clock_start();
  check("unmap", zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)base, BYTES));
  each("unmap_page", started, COUNT);
  check("close", zx_handle_close(vmo));

  fill();
  fresh(0, BYTES);
  begin_bulk("populate_page");
  started = clock_start();
  check("supply", zx_pager_supply_pages(pager, vmo, 0, BYTES, aux, 0));
  check("map_range", zx_vmar_op_range(zx_vmar_root_self(), ZX_VMAR_OP_MAP_RANGE, (zx_vaddr_t)base, BYTES, NULL, 0));
  each("populate_page", started, COUNT);
  drop(BYTES);

  fill();
  fresh(0, BYTES);
  begin_rung("supply_one");
  for (int i = 0; i < COUNT; i++) {
    uint64_t from = clock_start();
    zx_pager_supply_pages(pager, vmo, (uint64_t)i * PAGE, PAGE, aux, (uint64_t)i * PAGE);
    sample(i, from);
  }
  report("supply_one", COUNT);
  drop(BYTES);

  // Pages that aux never had: the pager supplies zeros.
  check("decommit", zx_vmo_op_range(aux, ZX_VMO_OP_DECOMMIT, 0, BYTES, NULL, 0));
  fresh(0, BYTES);
  begin_bulk("supply_zero_page");
  started = clock_start();
  check("supply", zx_pager_supply_pages(pager, vmo, 0, BYTES, aux, 0));
  each("supply_zero_page", started, COUNT);
  drop(BYTES);
}

static void anonymous(void) {
  zx_handle_t plain;
  check("vmo_create", zx_vmo_create(BYTES, 0, &plain));
  map(plain, BYTES);
  begin_rung("zero_read_fault");
  for (int i = 0; i < COUNT; i++) load(i, scattered(i));
  report("zero_read_fault", COUNT);
  remap(plain, BYTES);
  begin_rung("zero_write_fault");
  for (int i = 0; i < COUNT; i++) store(i, (uint64_t)i);
  report("zero_write_fault", COUNT);
  // The pages are resident and writable: only the translation is missing.
  remap(plain, BYTES);
  begin_rung("minor_fault");
  for (int i = 0; i < COUNT; i++) store(i, (uint64_t)i);
  report("minor_fault", COUNT);
  unmap(BYTES);
  begin_bulk("decommit_page");
  uint64_t started = clock_start();
  check("commit", zx_vmo_op_range(plain, ZX_VMO_OP_DECOMMIT, 0, BYTES, NULL, 0));
  each("decommit_page", started, COUNT);
  begin_bulk("commit_page");
  started = clock_start();
  check("commit", zx_vmo_op_range(plain, ZX_VMO_OP_COMMIT, 0, BYTES, NULL, 0));
  each("commit_page", started, COUNT);
  check("close", zx_handle_close(plain));
}

static zx_handle_t child_of(zx_handle_t parent, uint32_t options, uint64_t bytes) {
  zx_handle_t child;
  check("create_child", zx_vmo_create_child(parent, options, 0, bytes, &child));
  return child;
}

// children_of measures making and closing a child of that kind.
static void children_of(const char* rung, zx_handle_t parent, uint32_t options, uint64_t bytes) {
  begin_rung(rung);
  for (int i = 0; i < COUNT; i++) {
    zx_handle_t child;
    uint64_t from = clock_start();
    zx_vmo_create_child(parent, options, 0, bytes, &child);
    zx_handle_close(child);
    sample(i, from);
  }
  report(rung, COUNT);
}

// maps_of measures mapping a child of 4,096 resident pages and unmapping it.
static void maps_of(const char* rung, zx_handle_t child) {
  begin_rung(rung);
  for (int i = 0; i < COUNT; i++) {
    zx_vaddr_t at = 0;
    uint64_t from = clock_start();
    zx_vmar_map(zx_vmar_root_self(), READ_WRITE, 0, child, 0, BYTES, &at);
    zx_vmar_unmap(zx_vmar_root_self(), at, BYTES);
    sample(i, from);
  }
  report(rung, COUNT);
}

// pins measures pinning resident pages, one at a time and 4,096 at once.
static void pins(zx_handle_t resident) {
  zx_handle_t bti = zx_start_handle(PA_HND(PA_USER0, 0)), token;
  static zx_paddr_t paddrs[COUNT];
  begin_rung("pin_one");
  for (int i = 0; i < COUNT; i++) {
    uint64_t from = clock_start();
    zx_bti_pin(bti, ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, resident, (uint64_t)i * PAGE, PAGE, paddrs, 1, &token);
    zx_pmt_unpin(token);
    sample(i, from);
  }
  report("pin_one", COUNT);
  begin_bulk("pin_page");
  uint64_t started = clock_start();
  check("pin", zx_bti_pin(bti, ZX_BTI_PERM_READ | ZX_BTI_PERM_WRITE, resident, 0, BYTES, paddrs, COUNT, &token));
  check("unpin", zx_pmt_unpin(token));
  each("pin_page", started, COUNT);
}

// family measures children: of a VMO whose pages a pager supplied, and exact
// snapshots of an anonymous one.
static void family(void) {
  fill();
  check("create_vmo", zx_pager_create_vmo(pager, 0, port, 1, BYTES, &vmo));
  check("supply", zx_pager_supply_pages(pager, vmo, 0, BYTES, aux, 0));
  children_of("slice_create_close", vmo, ZX_VMO_CHILD_SLICE, BYTES);
  children_of("reference_create_close", vmo, ZX_VMO_CHILD_REFERENCE, 0);
  children_of("clone_create_close", vmo, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, BYTES);
  zx_handle_t slice = child_of(vmo, ZX_VMO_CHILD_SLICE, BYTES), reference = child_of(vmo, ZX_VMO_CHILD_REFERENCE, 0);
  maps_of("slice_map", slice);
  maps_of("reference_map", reference);
  check("close", zx_handle_close(reference));
  map(slice, BYTES);
  begin_rung("slice_fault");
  for (int i = 0; i < COUNT; i++) load(i, scattered(i));
  report("slice_fault", COUNT);
  unmap(BYTES);
  check("close", zx_handle_close(slice));
  zx_handle_t clone = child_of(vmo, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, BYTES);
  map(clone, BYTES);
  begin_rung("clone_read_fault");
  for (int i = 0; i < COUNT; i++) load(i, scattered(i));
  report("clone_read_fault", COUNT);
  unmap(BYTES);
  map(clone, BYTES);
  begin_rung("clone_write_fault");
  for (int i = 0; i < COUNT; i++) store(i, (uint64_t)i);
  report("clone_write_fault", COUNT);
  unmap(BYTES);
  check("close", zx_handle_close(clone));
  check("close", zx_handle_close(vmo));
  fill();
  zx_handle_t snapshot = child_of(aux, ZX_VMO_CHILD_SNAPSHOT, BYTES);
  map(snapshot, BYTES);
  begin_rung("snapshot_write_fault");
  for (int i = 0; i < COUNT; i++) store(i, (uint64_t)i);
  report("snapshot_write_fault", COUNT);
  unmap(BYTES);
  check("close", zx_handle_close(snapshot));
  pins(aux);
}

int main(int argc, char** argv) {
  calibrate();
  const char* how = argc > 1 ? argv[1] : "";
  if (argc > 2) only = argv[2];
  if (strcmp(how, "@pager") == 0) {
    pager = zx_start_handle(PA_HND(PA_USER0, 0));
    port = zx_start_handle(PA_HND(PA_USER0, 1));
    vmo = zx_start_handle(PA_HND(PA_USER0, 2));
    check("vmo_create", zx_vmo_create(BYTES, 0, &aux));
    fill();
    mark("ready");
    serve();
  }
  if (strcmp(how, "@go") == 0) {
    map(zx_start_handle(PA_HND(PA_USER0, 0)), BYTES);
    missing("go_pager");
    trapped("go_pager_write_trap");
    return 0;
  }
  if (strcmp(how, "@direct") == 0) {
    map(zx_start_handle(PA_HND(PA_USER0, 0)), BYTES);
    missing("direct_pager");
    trapped("direct_pager_write_trap");
    return 0;
  }
  if (strcmp(how, "@process") == 0) {
    map(zx_start_handle(PA_HND(PA_USER0, 0)), BYTES);
    missing("missing_page_process");
    trapped("write_trap_process");
    return 0;
  }
  if (*how != 0) only = how;
  mark("begin");
  mark("end nothing 1");
  pager_parts();
  system_calls();
  ping_pong();
  start_pager();
  paged();
  bulk();
  anonymous();
  family();
  return 0;
}
