// benchpager.h: the pager the benchmarks share: one port, one aux VMO full of
// pages, and a loop that answers.
#ifndef PROGRAMS_BENCHPAGER_H_
#define PROGRAMS_BENCHPAGER_H_

#include "bench.h"
#include "file.h"

#define READ_WRITE (ZX_VM_PERM_READ | ZX_VM_PERM_WRITE)

static zx_handle_t pager, port, vmo, aux;
static uint8_t* base;

static inline void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("bench: %s: %s", what, zx_status_get_string(st));
  }
}

// Pages at or above held are not supplied until let go: their readers wait.
static volatile uint64_t held = UINT64_MAX;
static volatile uint64_t holding;  // how many requests wait so

// serve is the pager's loop: it moves the page asked for out of aux,
// acknowledges writes. It never returns.
static inline void serve(void) {
  uint64_t next = 0;
  for (;;) {
    zx_port_packet_t packet;
    check("port_wait", zx_port_wait(port, ZX_TIME_INFINITE, &packet));
    if (packet.type != ZX_PKT_TYPE_PAGE_REQUEST) {
      continue;
    }
    zx_packet_page_request_t* r = &packet.page_request;
    if (r->command == ZX_PAGER_VMO_READ) {
      if (r->offset >= held) {
        holding += r->length / PAGE;
        continue;
      }
      check("supply", zx_pager_supply_pages(pager, vmo, r->offset, r->length, aux, next));
      next = (next + r->length) % BYTES;
    } else if (r->command == ZX_PAGER_VMO_DIRTY) {
      check("dirty", zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, r->offset, r->length, 0));
    }
  }
}

static inline void start_pager(void) {
  static uint8_t stack[65536] __attribute__((aligned(16)));
  zx_handle_t thread;
  check("thread_create", zx_thread_create(zx_process_self(), "pager", 5, 0, &thread));
  check("thread_start", zx_thread_start(thread, (zx_vaddr_t)serve, (zx_vaddr_t)stack + sizeof(stack) - 8, 0, 0));
}

// map shows the VMO, unmap takes it away.
static inline void map(zx_handle_t what, uint64_t bytes) {
  check("map", zx_vmar_map(zx_vmar_root_self(), READ_WRITE, 0, what, 0, bytes, (zx_vaddr_t*)&base));
}

static inline void unmap(uint64_t bytes) { check("unmap", zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)base, bytes)); }

// remap forgets every translation.
static inline void remap(zx_handle_t what, uint64_t bytes) {
  unmap(bytes);
  map(what, bytes);
}

// fresh makes the paged VMO of a rung and maps it; drop ends it.
static inline void fresh(uint32_t options, uint64_t bytes) {
  check("create_vmo", zx_pager_create_vmo(pager, options, port, 1, bytes, &vmo));
  map(vmo, bytes);
}

static inline void drop(uint64_t bytes) {
  unmap(bytes);
  check("close", zx_handle_close(vmo));
}

// fill makes aux hold COUNT real pages.
static inline void fill(void) { check("commit", zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, BYTES, NULL, 0)); }

// pager_parts makes the pager, its port and aux.
static inline void pager_parts(void) {
  check("port_create", zx_port_create(0, &port));
  check("pager_create", zx_pager_create(0, &pager));
  check("vmo_create", zx_vmo_create(BYTES, 0, &aux));
}

// load and store touch one page of the mapping as operation i.
static inline void load(int i, uint64_t page) {
  volatile uint8_t* at = base + page * PAGE;
  uint64_t started = clock_start();
  (void)*at;
  sample(i, started);
}

static inline void store(int i, uint64_t page) {
  volatile uint8_t* at = base + page * PAGE;
  uint64_t started = clock_start();
  *at = 1;
  sample(i, started);
}

// mark tells the kernel's side of the benchmark where it is: it counts memory
// between two marks.
static inline void mark(const char* what) { printf("mark %s\n", what); }

#endif  // PROGRAMS_BENCHPAGER_H_
