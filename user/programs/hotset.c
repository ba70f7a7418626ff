// hotset: does a working set survive a scan? A quarter of what memory holds is read
// again and again, page by page in turn with those of a file four times as large as
// memory, from its front to its end and once more. At least 90 % of the reads must
// find the page; the pager, a thread of the program, counts those that do not.

#include "file.h"

#define PAGE ZX_PAGE_SIZE
enum { HOT, SCAN, AUX_PAGES = 64, LARGE = 1 << 16 };

static zx_handle_t pager, port, aux;
static volatile uint64_t asked[2];  // pages, by key

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("hotset: %s: %s", what, zx_status_get_string(st));
  }
}

static zx_handle_t vmos[2];

static void serve(void) {
  for (;;) {
    zx_port_packet_t p;
    check("port_wait", zx_port_wait(port, ZX_TIME_INFINITE, &p));
    if (p.page_request.command != ZX_PAGER_VMO_READ) {
      continue;
    }
    asked[p.key] += p.page_request.length / PAGE;
    check("commit", zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, p.page_request.length, NULL, 0));
    check("supply", zx_pager_supply_pages(pager, vmos[p.key], p.page_request.offset, p.page_request.length, aux, 0));
  }
}

static volatile uint8_t* make(uint64_t key, uint64_t pages) {
  zx_vaddr_t at;
  check("create_vmo", zx_pager_create_vmo(pager, 0, port, key, pages * PAGE, &vmos[key]));
  check("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, vmos[key], 0, pages * PAGE, &at));
  return (volatile uint8_t*)at;
}

int main(void) {
  static uint8_t stack[65536] __attribute__((aligned(16)));
  zx_handle_t thread;
  check("pager_create", zx_pager_create(0, &pager));
  check("port_create", zx_port_create(0, &port));
  check("vmo_create", zx_vmo_create(AUX_PAGES * PAGE, 0, &aux));
  check("thread_create", zx_thread_create(zx_process_self(), "pager", 5, 0, &thread));
  check("thread_start", zx_thread_start(thread, (zx_vaddr_t)serve, (zx_vaddr_t)stack + sizeof(stack) - 8, 0, 0));

  volatile uint8_t* scan = make(SCAN, LARGE);
  zx_info_vmo_t info;
  uint64_t memory = 0, n = 0;  // pages that stay, and that were read
  for (; n < LARGE && n < 4 * memory + 1024; n++) {
    (void)scan[n * PAGE];
    if (n % 256 == 255) {
      check("info", zx_object_get_info(vmos[SCAN], ZX_INFO_VMO, &info, sizeof(info), NULL, NULL));
      uint64_t there = info.committed_bytes / PAGE;
      memory = there > memory ? there : memory;
    }
  }
  if (n == LARGE) {
    fail("hotset: all of it fits into memory");
  }
  uint64_t hot_pages = memory / 4, scanned = 0, reads = 0, missed = 0;
  volatile uint8_t* hot = make(HOT, hot_pages);
  // Once through the file to find its place, then twice measured.
  for (int pass = 0; pass < 3; pass++) {
    uint64_t before = asked[HOT];
    for (uint64_t i = 0; i < 4 * memory; i++) {
      (void)hot[i % hot_pages * PAGE];
      (void)scan[scanned++ % (4 * memory) * PAGE];
    }
    if (pass > 0) {
      reads += 4 * memory;
      missed += asked[HOT] - before;
    }
  }
  uint64_t found = (reads - missed) * 1000 / reads;
  printf("hotset: memory holds %lu pages; of %lu reads of %lu pages beside a scan of %lu, %lu.%lu %% find the page\n", memory, reads, hot_pages,
         4 * memory, found / 10, found % 10);
  return found < 900;
}
