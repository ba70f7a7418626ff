// benchsmp [ROUNDS]: how much several CPUs do at once; benchsmp.h says how it is
// measured. Five rounds.
//
// benchsmp count ROW: a thread a CPU does fault, call or supply of its own, each
// between the two markers that bench/plugin/lines.c knows.
#include "benchsmp.h"
#include "file.h"

enum { STACK = 16 << 10 };

static uint8_t stacks[2 * MOST][STACK] __attribute__((aligned(16)));
static zx_handle_t vmos[MOST], shared, pager, ports[MOST], paged[MOST];
static volatile uint8_t *own[MOST], *common, *window[MOST];

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("benchsmp: %s: %s", what, zx_status_get_string(st));
  }
}

static uint64_t null_call(uint32_t thread, uint64_t turn) {
  (void)thread, (void)turn;
  for (int i = 0; i < 200; i++) {
    zx_system_get_page_size();
  }
  return 200;
}

// touch stores to UNIT pages of some, and gives all back when it comes to their end.
static uint64_t touch(volatile uint8_t* at, zx_handle_t vmo, uint64_t first, uint64_t pages, uint64_t turn) {
  uint64_t from = turn * UNIT % pages;
  if (from == 0) {
    check("DECOMMIT", zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, first * ZX_PAGE_SIZE, pages * ZX_PAGE_SIZE, NULL, 0));
  }
  for (uint64_t i = first + from; i < first + from + UNIT; i++) {
    at[i * ZX_PAGE_SIZE] = 1;
  }
  return UNIT;
}

static uint64_t independent_fault(uint32_t thread, uint64_t turn) {
  return touch(own[thread], vmos[thread], 0, PAGES, turn);
}

static uint64_t shared_fault(uint32_t thread, uint64_t turn) {
  return touch(common, shared, thread * (PAGES / crew), PAGES / crew, turn);
}

static uint64_t bulk_commit(uint32_t thread, uint64_t turn) {
  (void)turn;
  check("COMMIT", zx_vmo_op_range(vmos[thread], ZX_VMO_OP_COMMIT, 0, PAGES * ZX_PAGE_SIZE, NULL, 0));
  check("DECOMMIT", zx_vmo_op_range(vmos[thread], ZX_VMO_OP_DECOMMIT, 0, PAGES * ZX_PAGE_SIZE, NULL, 0));
  return PAGES;
}

// bulk_supply moves pages made for it into a pager's VMO, in one call, and drops it.
static uint64_t bulk_supply(uint32_t thread, uint64_t turn) {
  (void)turn;
  zx_handle_t vmo;
  check("zx_pager_create_vmo", zx_pager_create_vmo(pager, 0, ports[thread], 1, PAGES * ZX_PAGE_SIZE, &vmo));
  check("COMMIT", zx_vmo_op_range(vmos[thread], ZX_VMO_OP_COMMIT, 0, PAGES * ZX_PAGE_SIZE, NULL, 0));
  check("zx_pager_supply_pages", zx_pager_supply_pages(pager, vmo, 0, PAGES * ZX_PAGE_SIZE, vmos[thread], 0));
  zx_handle_close(vmo);
  return PAGES;
}

// pager_fault stores to UNIT pages that a pager thread of its own supplies one by one, and
// begins with another VMO when it comes to the end.
static uint64_t pager_fault(uint32_t thread, uint64_t turn) {
  uint64_t from = turn * UNIT % PAGES;
  if (from == 0) {
    zx_handle_close(paged[thread]);
    check("COMMIT", zx_vmo_op_range(vmos[thread], ZX_VMO_OP_COMMIT, 0, PAGES * ZX_PAGE_SIZE, NULL, 0));
    check("zx_pager_create_vmo", zx_pager_create_vmo(pager, 0, ports[thread], 0, PAGES * ZX_PAGE_SIZE, &paged[thread]));
    zx_info_vmar_t info;
    check("ZX_INFO_VMAR", zx_object_get_info(zx_vmar_root_self(), ZX_INFO_VMAR, &info, sizeof(info), NULL, NULL));
    zx_vaddr_t at;
    check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC_OVERWRITE,
                                     (zx_vaddr_t)window[thread] - info.base, paged[thread], 0, PAGES * ZX_PAGE_SIZE, &at));
  }
  for (uint64_t i = from; i < from + UNIT; i++) {
    window[thread][i * ZX_PAGE_SIZE] = 1;
  }
  return UNIT;
}

static void serve(uintptr_t thread, uintptr_t unused) {
  (void)unused;
  for (;;) {
    zx_port_packet_t packet;
    check("zx_port_wait", zx_port_wait(ports[thread], ZX_TIME_INFINITE, &packet));
    const zx_packet_page_request_t* r = &packet.page_request;
    if (packet.type == ZX_PKT_TYPE_PAGE_REQUEST && r->command == ZX_PAGER_VMO_READ) {
      check("zx_pager_supply_pages", zx_pager_supply_pages(pager, paged[thread], r->offset, r->length, vmos[thread], r->offset));
    }
  }
}

static const work_t works[] = {{"plain_loop", plain_loop},     {"null_call", null_call},     {"independent_fault", independent_fault},
                               {"shared_fault", shared_fault}, {"bulk_commit", bulk_commit}, {"bulk_supply", bulk_supply},
                               {"pager_fault", pager_fault}};

static void run(uint32_t stack, void (*entry)(uintptr_t, uintptr_t), uint32_t i, uint32_t threads) {
  zx_handle_t t;
  check("zx_thread_create", zx_thread_create(zx_process_self(), "worker", 6, 0, &t));
  check("zx_thread_start", zx_thread_start(t, (zx_vaddr_t)entry, (zx_vaddr_t)stacks[stack] + STACK - 8, i, threads));
  zx_handle_close(t);
}

static uint64_t clock_now(void) { return (uint64_t)zx_clock_get_monotonic(); }
static void sleep_for(uint64_t time) { zx_nanosleep(zx_deadline_after((zx_duration_t)time)); }

static void work(uintptr_t i, uintptr_t unused) {
  (void)unused;
  worker((uint32_t)i);
  zx_thread_exit();
}

static void start_worker(uint32_t i) { run(i, work, i, 0); }

// --- For the plugin

// What is counted: a fault, a call that does nothing, and a VMO of EACH pages made,
// supplied and closed.
enum { COUNTED = 3072, EACH = 256 };
#define BEGIN "nopl 0x464c5401(%%rax)\n\t"
#define END "\n\tnopl 0x464c5402(%%rax)"

static void count_fault(uint32_t i, uint64_t n) {
  volatile uint8_t* at = own[i] + n % EACH * ZX_PAGE_SIZE;
  if (n % EACH == 0) {
    check("DECOMMIT", zx_vmo_op_range(vmos[i], ZX_VMO_OP_DECOMMIT, 0, EACH * ZX_PAGE_SIZE, NULL, 0));
  }
  __asm__ volatile(BEGIN "movb $1, (%0)" END : : "r"(at) : "memory");
}

static void count_call(uint32_t i, uint64_t n) {
  (void)i, (void)n;
  __asm__ volatile(BEGIN : : : "memory");
  zx_system_get_page_size();
  __asm__ volatile(END : : : "memory");
}

static void count_supply(uint32_t i, uint64_t n) {
  (void)n;
  zx_handle_t vmo;
  __asm__ volatile(BEGIN : : : "memory");
  check("zx_pager_create_vmo", zx_pager_create_vmo(pager, 0, ports[i], 1, EACH * ZX_PAGE_SIZE, &vmo));
  check("COMMIT", zx_vmo_op_range(vmos[i], ZX_VMO_OP_COMMIT, 0, EACH * ZX_PAGE_SIZE, NULL, 0));
  check("zx_pager_supply_pages", zx_pager_supply_pages(pager, vmo, 0, EACH * ZX_PAGE_SIZE, vmos[i], 0));
  zx_handle_close(vmo);
  __asm__ volatile(END : : : "memory");
}

static const struct {
  const char* name;
  void (*work)(uint32_t thread, uint64_t turn);
  uint32_t often;
} rows[] = {{"fault", count_fault, 1}, {"call", count_call, 1}, {"supply", count_supply, 16}}, *row;

static void counted(uintptr_t i, uintptr_t threads) {
  __atomic_fetch_add(&ready, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < threads) {
  }
  for (uint64_t n = 0; n < COUNTED / row->often; n++) {
    row->work((uint32_t)i, n);
  }
  // A CPU with nothing to do would take another's thread.
  for (__atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL); __atomic_load_n(&done, __ATOMIC_ACQUIRE) < threads;) {
  }
  zx_thread_exit();
}

static void map(zx_handle_t* vmo, volatile uint8_t** at) {
  zx_vaddr_t va;
  check("zx_vmo_create", zx_vmo_create(PAGES * ZX_PAGE_SIZE, 0, vmo));
  check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_ALIGN_2MB, 0, *vmo, 0, PAGES * ZX_PAGE_SIZE, &va));
  *at = (volatile uint8_t*)va;
}

int main(int argc, char** argv) {
  bool plugin = argc > 2 && strcmp(argv[1], "count") == 0;
  uint32_t rounds = argc > 1 && !plugin ? (uint32_t)number("ROUNDS", argv[1]) : 5, cpus = zx_system_get_num_cpus();
  if (rounds == 0 || rounds > ROUNDS_MOST) {
    fail("benchsmp: 1 to %d rounds", ROUNDS_MOST);
  }
  if (cpus > MOST) {
    cpus = MOST;
  }
  for (uint32_t i = 0; i < cpus; i++) {
    map(&vmos[i], &own[i]);
  }
  map(&shared, &common);
  check("zx_pager_create", zx_pager_create(0, &pager));
  for (uint32_t i = 0; i < cpus; i++) {
    check("zx_port_create", zx_port_create(0, &ports[i]));
  }
  if (plugin) {
    for (row = rows; strcmp(row->name, argv[2]) != 0; row++) {
      if (row == rows + sizeof(rows) / sizeof(rows[0]) - 1) {
        fail("benchsmp: count fault, call or supply");
      }
    }
    for (uint32_t i = 0; i < cpus; i++) {
      run(i, counted, i, cpus);
    }
    await(&done, cpus);
    return 0;
  }
  for (uint32_t i = 0; i < cpus; i++) {
    zx_handle_t place;
    map(&place, &window[i]);
    run(MOST + i, serve, i, 0);
  }
  measure(works, sizeof(works) / sizeof(works[0]), cpus, rounds);
  return 0;
}
