// crowd [THREADS]: so many threads fault at once, each on a page of its own of one
// VMO. The requests reach the pager in the order in which the threads were started,
// and the threads go on in the order in which the requests came. Only whom a tick
// takes the CPU from, on the way into the fault or out of it, comes behind.
#include "file.h"

enum { MOST = 4000, STACK = 256 };

static uint8_t stacks[MOST][STACK] __attribute__((aligned(16)));
static uint32_t came[MOST];        // whose requests came, in their order
static uint32_t went[MOST], gone;  // who went on, in their order

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("crowd: %s: %s", what, zx_status_get_string(st));
  }
}

static void faulter(volatile uint8_t* at, uintptr_t i) {
  (void)*at;
  went[__atomic_fetch_add(&gone, 1, __ATOMIC_RELAXED)] = (uint32_t)i;
  zx_thread_exit();
}

// ordered says that since started only ticks have changed an order.
static void ordered(const char* what, const uint32_t* order, uint32_t n, zx_time_t started) {
  uint64_t ticks = (uint64_t)(zx_clock_get_monotonic() - started) / ZX_MSEC(2) + 1, late = 0;
  for (uint32_t i = 1; i < n; i++) {
    late += order[i] < order[i - 1];
  }
  if (late > ticks || late > n / 4) {
    fail("crowd: %s: %lu of %u threads were passed in %lu ticks", what, late, n, ticks);
  }
}

int main(int argc, char** argv) {
  uint32_t n = argc > 1 ? (uint32_t)number("THREADS", argv[1]) : MOST;
  if (n > MOST) {
    fail("crowd: at most %u threads", MOST);
  }
  zx_handle_t pager, port, vmo, zeros;
  zx_vaddr_t base;
  uint64_t bytes = (uint64_t)n * ZX_PAGE_SIZE;
  check("zx_port_create", zx_port_create(0, &port));
  check("zx_pager_create", zx_pager_create(0, &pager));
  check("zx_pager_create_vmo", zx_pager_create_vmo(pager, 0, port, 1, bytes, &vmo));
  check("zx_vmo_create", zx_vmo_create(bytes, 0, &zeros));
  check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, vmo, 0, bytes, &base));
  zx_time_t started = zx_clock_get_monotonic();
  for (uint32_t i = 0; i < n; i++) {
    zx_handle_t t;
    check("zx_thread_create", zx_thread_create(zx_process_self(), "one of many", 11, 0, &t));
    check("zx_thread_start", zx_thread_start(t, (zx_vaddr_t)faulter, (zx_vaddr_t)stacks[i] + STACK - 8, base + (uint64_t)i * ZX_PAGE_SIZE, i));
    zx_handle_close(t);
  }
  for (uint32_t i = 0; i < n; i++) {
    zx_port_packet_t packet;
    check("zx_port_wait", zx_port_wait(port, zx_deadline_after(ZX_SEC(20)), &packet));
    if (packet.page_request.length != ZX_PAGE_SIZE) {
      fail("crowd: request %u is for %lu bytes", i, packet.page_request.length);
    }
    came[i] = (uint32_t)(packet.page_request.offset / ZX_PAGE_SIZE);
  }
  // All wait now.
  ordered("requests", came, n, started);
  if (gone != 0) {
    fail("crowd: %u went on without a page", gone);
  }
  started = zx_clock_get_monotonic();
  for (uint32_t i = 0; i < n; i++) {
    check("zx_pager_supply_pages", zx_pager_supply_pages(pager, vmo, (uint64_t)came[i] * ZX_PAGE_SIZE, ZX_PAGE_SIZE, zeros, 0));
  }
  while (__atomic_load_n(&gone, __ATOMIC_RELAXED) < n) {
    zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  }
  static uint32_t turn[MOST];
  for (uint32_t i = 0; i < n; i++) {
    turn[came[i]] = i;
  }
  for (uint32_t i = 0; i < n; i++) {
    went[i] = turn[went[i]];
  }
  ordered("answers", went, n, started);
  printf("%u threads served in their order\n", n);
  return 0;
}
