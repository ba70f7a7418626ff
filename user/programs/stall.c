// stall WAY [PAGES]: asks for pages that nobody will ever supply. It makes a
// pager and a VMO of PAGES pages (4 unless told) whose packets it leaves on the
// port, or takes and forgets, and then, by WAY:
//
//	fault   reads the first page through a mapping
//	write   supplies the first page as zeros and writes to it: TRAP_DIRTY, and no
//	        answer
//	read    reads it by zx_vmo_read and prints the status
//	taken   takes the packet off the port and forgets it, while another thread
//	        reads the page through a mapping
//	closed  closes the port first, then as fault
//
// What ends it is the kernel: ZX_ERR_TIMED_OUT after
// kernel.userpager.overtime_timeout_seconds, the synth_code of a fatal page
// fault in all ways but read. For what an operator sees meanwhile: vmo, pager,
// threads.
#include "file.h"

static uint8_t stack[16 << 10] __attribute__((aligned(16)));
static volatile uint8_t* base;

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("stall: %s: %s", what, zx_status_get_string(st));
  }
}

// toucher is the second thread of `taken`.
static void toucher(uintptr_t unused1, uintptr_t unused2) {
  (void)unused1;
  (void)unused2;
  (void)*base;
  fail("stall: the page came");
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fail("usage: stall fault|write|read|taken|closed [PAGES]");
  }
  const char* way = argv[1];
  uint64_t size = (argc > 2 ? number("PAGES", argv[2]) : 4) * ZX_PAGE_SIZE;
  zx_handle_t pager, port, vmo;
  check("zx_pager_create", zx_pager_create(0, &pager));
  check("zx_port_create", zx_port_create(0, &port));
  check("zx_pager_create_vmo", zx_pager_create_vmo(pager, ZX_VMO_TRAP_DIRTY, port, 0x57a11, size, &vmo));
  check("zx_object_set_property", zx_object_set_property(vmo, ZX_PROP_NAME, "stalled", 7));
  zx_vaddr_t at = 0;
  check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, size, &at));
  base = (volatile uint8_t*)at;
  if (strcmp(way, "fault") == 0) {
    (void)*base;
  } else if (strcmp(way, "closed") == 0) {
    check("zx_handle_close", zx_handle_close(port));
    (void)*base;
  } else if (strcmp(way, "write") == 0) {
    zx_handle_t aux;
    check("zx_vmo_create", zx_vmo_create(ZX_PAGE_SIZE, 0, &aux));
    check("zx_pager_supply_pages", zx_pager_supply_pages(pager, vmo, 0, ZX_PAGE_SIZE, aux, 0));
    *base = 1;
  } else if (strcmp(way, "read") == 0) {
    uint8_t byte;
    zx_status_t st = zx_vmo_read(vmo, &byte, 0, 1);
    printf("zx_vmo_read: %s\n", zx_status_get_string(st));
    return st == ZX_ERR_TIMED_OUT ? 0 : 1;
  } else if (strcmp(way, "taken") == 0) {
    zx_handle_t thread;
    check("zx_thread_create", zx_thread_create(zx_process_self(), "toucher", 7, 0, &thread));
    check("zx_thread_start",
          zx_thread_start(thread, (zx_vaddr_t)toucher, (uintptr_t)(stack + sizeof(stack) - 8), 0, 0));
    zx_port_packet_t packet;
    check("zx_port_wait", zx_port_wait(port, ZX_TIME_INFINITE, &packet));
    printf("stall: packet for [0x%lx, 0x%lx) taken and forgotten\n", packet.page_request.offset,
           packet.page_request.offset + packet.page_request.length);
    check("zx_port_wait", zx_port_wait(port, ZX_TIME_INFINITE, &packet)); // for ever
  } else {
    fail("stall: \"%s\" is no way to stall", way);
  }
  fail("stall: the page came");
}
