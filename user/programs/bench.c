// bench: the ladder of docs/performance.md, measured from ring 3.
//
// Under QEMU's -icount shift=0 the time stamp counter advances by one for each
// guest instruction, so what is printed is a count of instructions, and the
// same from run to run. One line a rung:
//
//	bench NAME min median p99 max
//
// The cost of reading the counter twice is taken off.
#include "file.h"

#define COUNT 4096
#define BYTES ((uint64_t)COUNT * ZX_PAGE_SIZE)

static uint32_t samples[COUNT];
static uint64_t overhead;

static inline uint64_t now(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("bench: %s: %s", what, zx_status_get_string(st));
  }
}

// sort orders samples by heap sort: no recursion, no allocation.
static void sift(uint32_t* a, int root, int n) {
  for (int child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && a[child + 1] > a[child]) child++;
    if (a[root] >= a[child]) return;
    uint32_t t = a[root];
    a[root] = a[child];
    a[child] = t;
  }
}

static void sort(uint32_t* a, int n) {
  for (int i = n / 2 - 1; i >= 0; i--) sift(a, i, n);
  for (int i = n - 1; i > 0; i--) {
    uint32_t t = a[0];
    a[0] = a[i];
    a[i] = t;
    sift(a, 0, i);
  }
}

static void report(const char* name, int n) {
  sort(samples, n);
  printf("bench %s %u %u %u %u\n", name, samples[0], samples[n / 2], samples[n - 1 - n / 100], samples[n - 1]);
}

static void sample(int i, uint64_t started) {
  uint64_t took = now() - started;
  samples[i] = (uint32_t)(took > overhead ? took - overhead : 0);
}

// per_page reports a bulk operation of COUNT pages.
static void per_page(const char* name, uint64_t started) {
  samples[0] = (uint32_t)((now() - started - overhead) / COUNT);
  report(name, 1);
}

static zx_handle_t pager, port, vmo, aux;
static uint8_t* base;

// The pager thread: supplies the page asked for, acknowledges writes.
static void serve(void) {
  uint64_t next = 0;
  for (;;) {
    zx_port_packet_t packet;
    check("port_wait", zx_port_wait(port, ZX_TIME_INFINITE, &packet));
    if (packet.type != ZX_PKT_TYPE_PAGE_REQUEST) {
      zx_thread_exit();
    }
    zx_packet_page_request_t* r = &packet.page_request;
    if (r->command == ZX_PAGER_VMO_READ) {
      check("supply", zx_pager_supply_pages(pager, vmo, r->offset, r->length, aux, next));
      next += r->length;
    } else if (r->command == ZX_PAGER_VMO_DIRTY) {
      check("dirty", zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, r->offset, r->length, 0));
    }
  }
}

static zx_handle_t start_pager(void) {
  static uint8_t stack[65536] __attribute__((aligned(16)));
  zx_handle_t thread;
  check("thread_create", zx_thread_create(zx_process_self(), "pager", 5, 0, &thread));
  check("thread_start", zx_thread_start(thread, (zx_vaddr_t)serve, (zx_vaddr_t)stack + sizeof(stack) - 8, 0, 0));
  return thread;
}

// fresh makes the paged VMO of a rung and maps it.
static void fresh(uint32_t options, uint64_t bytes) {
  check("create_vmo", zx_pager_create_vmo(pager, options, port, 1, bytes, &vmo));
  check("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, bytes, (zx_vaddr_t*)&base));
}

static void drop(uint64_t bytes) {
  check("unmap", zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)base, bytes));
  zx_handle_close(vmo);
  zx_port_packet_t packet;  // COMPLETE, unless the pager thread takes it
  (void)packet;
}

// fill makes the aux VMO hold COUNT real pages.
static void fill(void) {
  check("commit", zx_vmo_op_range(aux, ZX_VMO_OP_COMMIT, 0, BYTES, NULL, 0));
}

int main(void) {
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    samples[i] = (uint32_t)(now() - started);
  }
  sort(samples, COUNT);
  overhead = samples[COUNT / 2];

  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    zx_system_get_page_size();
    sample(i, started);
  }
  report("page_size", COUNT);
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    zx_handle_close(ZX_HANDLE_INVALID);
    sample(i, started);
  }
  report("null_syscall", COUNT);

  check("port_create", zx_port_create(0, &port));
  check("pager_create", zx_pager_create(0, &pager));
  check("vmo_create", zx_vmo_create(BYTES, 0, &aux));

  zx_handle_t copy;
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    zx_handle_duplicate(port, ZX_RIGHT_SAME_RIGHTS, &copy);
    zx_handle_close(copy);
    sample(i, started);
  }
  report("handle_duplicate_close", COUNT);
  zx_port_packet_t packet = {.key = 7};
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    zx_port_queue(port, &packet);
    zx_port_wait(port, ZX_TIME_INFINITE, &packet);
    sample(i, started);
  }
  report("port_queue_wait", COUNT);

  zx_handle_t thread = start_pager();
  (void)thread;
  fill();
  fresh(ZX_VMO_TRAP_DIRTY, BYTES);
  for (int i = 0; i < COUNT; i++) {
    volatile uint8_t* at = base + (uint64_t)i * ZX_PAGE_SIZE;
    uint64_t started = now();
    (void)*at;
    sample(i, started);
  }
  report("missing_page", COUNT);
  for (int i = 0; i < COUNT; i++) {
    volatile uint8_t* at = base + (uint64_t)i * ZX_PAGE_SIZE;
    uint64_t started = now();
    *at = 1;
    sample(i, started);
  }
  report("write_trap", COUNT);
  uint64_t started = now();
  check("begin", zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, 0, BYTES, 0));
  per_page("writeback_begin_page", started);
  started = now();
  check("end", zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_END, vmo, 0, BYTES, 0));
  per_page("writeback_end_page", started);

  // Resident pages, no translation: unmap and map anew, touch every 16th page
  // so that fault-around does not hide the fault.
  check("unmap", zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)base, BYTES));
  check("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, BYTES, (zx_vaddr_t*)&base));
  int n = 0;
  for (int i = 15; i < COUNT; i += 16) {
    volatile uint8_t* at = base + (uint64_t)i * ZX_PAGE_SIZE;
    uint64_t from = now();
    (void)*at;
    sample(n++, from);
  }
  report("minor_fault_around", n);
  drop(BYTES);

  fill();
  fresh(0, BYTES);
  started = now();
  check("supply", zx_pager_supply_pages(pager, vmo, 0, BYTES, aux, 0));
  per_page("supply_page", started);
  started = now();
  check("map_range", zx_vmar_op_range(zx_vmar_root_self(), ZX_VMAR_OP_MAP_RANGE, (zx_vaddr_t)base, BYTES, NULL, 0));
  per_page("map_range_page", started);
  drop(BYTES);

  // Anonymous memory: a zero page per write fault.
  zx_handle_t plain;
  check("vmo_create", zx_vmo_create(BYTES, 0, &plain));
  check("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, plain, 0, BYTES, (zx_vaddr_t*)&base));
  for (int i = 0; i < COUNT; i++) {
    volatile uint8_t* at = base + (uint64_t)i * ZX_PAGE_SIZE;
    uint64_t from = now();
    *at = 1;
    sample(i, from);
  }
  report("anonymous_write_fault", COUNT);
  // The pages are resident and writable: only the translation is missing.
  check("unmap", zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)base, BYTES));
  check("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, plain, 0, BYTES, (zx_vaddr_t*)&base));
  for (int i = 0; i < COUNT; i++) {
    volatile uint8_t* at = base + (uint64_t)i * ZX_PAGE_SIZE;
    uint64_t from = now();
    *at = 2;
    sample(i, from);
  }
  report("minor_fault", COUNT);
  return 0;
}
