// benchsmp [ROUNDS]: how much several CPUs do at once. Each row is the work of one
// thread a CPU, with 1 CPU and then more, up to all. One line a row, which make
// bench-smp collects:
//
//   {"name":"null_call","cpus":2,"per_second":...,"ratio":...}
//
// The ratio is to one thread of the same run, for the time of an emulator's host
// means nothing by itself. In a round the two take turns, SLICE long, so that what
// else the host does meets both; a round's ratio is of the sums of its turns, and the
// row the median of the rounds. Each thread divides its work by its own time.
//
// benchsmp count: a thread a CPU faults on pages of its own, each fault between the
// two markers that bench/plugin/lines.c knows.
#include "file.h"

enum { MOST = 8, STACK = 16 << 10, PAGES = 1024, UNIT = 64, ROUNDS_MOST = 9, TURNS = 4 };
#define SLICE ZX_MSEC(50)

static uint8_t stacks[MOST][STACK] __attribute__((aligned(16)));
static zx_handle_t vmos[MOST], shared, pager, ports[MOST];
static volatile uint8_t *own[MOST], *common;
static uint32_t go, ready, done;
static uint64_t rates[MOST];

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("benchsmp: %s: %s", what, zx_status_get_string(st));
  }
}

typedef struct {
  const char* name;
  uint64_t (*work)(uint32_t thread, uint64_t turn);  // some of it, and how much
} work_t;

static uint32_t crew;

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

static const work_t works[] = {{"null_call", null_call}, {"independent_fault", independent_fault}, {"shared_fault", shared_fault},
                               {"bulk_commit", bulk_commit}, {"bulk_supply", bulk_supply}};
static const work_t* now;

static void worker(uintptr_t i, uintptr_t unused) {
  (void)unused;
  __atomic_fetch_add(&ready, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == 0) {
  }
  uint64_t n = 0;
  zx_instant_mono_t began = zx_clock_get_monotonic();
  for (uint64_t turn = 0; __atomic_load_n(&go, __ATOMIC_ACQUIRE) == 1; turn++) {
    n += now->work((uint32_t)i, turn);
  }
  rates[i] = n * 1000000000 / (uint64_t)(zx_clock_get_monotonic() - began);
  __atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);
  zx_thread_exit();
}

// start lets a thread a CPU run.
static void start(uint32_t threads, void (*entry)(uintptr_t, uintptr_t)) {
  go = ready = done = 0;
  for (uint32_t i = 0; i < threads; i++) {
    zx_handle_t t;
    check("zx_thread_create", zx_thread_create(zx_process_self(), "worker", 6, 0, &t));
    check("zx_thread_start", zx_thread_start(t, (zx_vaddr_t)entry, (zx_vaddr_t)stacks[i] + STACK - 8, i, threads));
    zx_handle_close(t);
  }
}

static void await(const uint32_t* what, uint32_t threads) {
  while (__atomic_load_n(what, __ATOMIC_ACQUIRE) < threads) {
    zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  }
}

// rate is how much threads do in a second.
static uint64_t rate(const work_t* w, uint32_t threads) {
  now = w;
  crew = threads;
  start(threads, worker);
  await(&ready, threads);
  __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
  zx_nanosleep(zx_deadline_after(SLICE));
  __atomic_store_n(&go, 2, __ATOMIC_RELEASE);
  await(&done, threads);
  uint64_t n = 0;
  for (uint32_t i = 0; i < threads; i++) {
    n += rates[i];
  }
  return n;
}

// --- For the plugin

enum { WARM = 4, COUNTED = 8, EACH = 256 };

static void counted(uintptr_t i, uintptr_t threads) {
  __atomic_fetch_add(&ready, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < threads) {
  }
  for (int round = 0; round < WARM + COUNTED; round++) {
    for (uint64_t p = 0; p < EACH; p++) {
      volatile uint8_t* at = own[i] + p * ZX_PAGE_SIZE;
      if (round < WARM) {
        *at = 1;
        continue;
      }
      __asm__ volatile("nopl 0x464c5401(%%rax)\n\tmovb $1, (%0)\n\tnopl 0x464c5402(%%rax)" : : "r"(at) : "memory");
    }
    check("DECOMMIT", zx_vmo_op_range(vmos[i], ZX_VMO_OP_DECOMMIT, 0, EACH * ZX_PAGE_SIZE, NULL, 0));
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

static uint64_t median(uint64_t* v, uint32_t n) {
  for (uint32_t i = 1; i < n; i++) {
    for (uint32_t j = i; j > 0 && v[j - 1] > v[j]; j--) {
      uint64_t x = v[j];
      v[j] = v[j - 1];
      v[j - 1] = x;
    }
  }
  return v[n / 2];
}

int main(int argc, char** argv) {
  bool plugin = argc > 1 && strcmp(argv[1], "count") == 0;
  uint32_t rounds = argc > 1 && !plugin ? (uint32_t)number("ROUNDS", argv[1]) : 5, cpus = zx_system_get_num_cpus();
  if (rounds == 0 || rounds > ROUNDS_MOST) {
    fail("benchsmp: 1 to %d rounds", ROUNDS_MOST);
  }
  if (cpus > MOST) {
    cpus = MOST;
  }
  for (uint32_t i = 0; i < cpus; i++) {
    map(&vmos[i], &own[i]);
    check("zx_port_create", zx_port_create(0, &ports[i]));
  }
  map(&shared, &common);
  check("zx_pager_create", zx_pager_create(0, &pager));
  if (plugin) {
    start(cpus, counted);
    await(&done, cpus);
    return 0;
  }
  for (size_t w = 0; w < sizeof(works) / sizeof(works[0]); w++) {
    uint64_t ratio[ROUNDS_MOST], many[ROUNDS_MOST];
    for (uint32_t n = 1; n <= cpus; n *= 2) {
      rate(&works[w], n);  // so that what is measured has been translated
      for (uint32_t r = 0; r < rounds; r++) {
        uint64_t one = 0;
        many[r] = 0;
        for (int turn = 0; turn < TURNS; turn++) {
          one += rate(&works[w], 1);
          many[r] += n == 1 ? 0 : rate(&works[w], n);
        }
        many[r] = n == 1 ? one : many[r];
        ratio[r] = many[r] * 1000 / (one != 0 ? one : 1);
      }
      uint64_t m = median(ratio, rounds);
      printf("{\"name\":\"%s\",\"cpus\":%u,\"per_second\":%lu,\"ratio\":%lu.%03lu}\n", works[w].name, n, median(many, rounds) / TURNS, m / 1000, m % 1000);
    }
  }
  return 0;
}
