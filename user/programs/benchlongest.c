// benchlongest: calls with the largest arguments a program can give, and with as
// much behind them as the kernel lets it make. Before each it prints
//
//	mark longest -
//
// and after it "mark longest CALL": the kernel's side of the benchmark (see
// cmd/faultline/bench.go) answers with the longest stretch in ring 0 between two
// looks at the world since the mark before.
//
//	benchlongest [CALL]
#include <stdlib.h>

#include "bench.h"
#include "child.h"

enum { MANY = 60000 };

static zx_handle_t held[MANY];
static uint32_t helds;
static uint8_t* buffer;  // 128 MiB
enum { BUFFER = 128 << 20 };

static void must(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    printf("benchlongest: %s: %s\n", what, zx_status_get_string(st));
    exit(1);
  }
}

static bool keep(zx_status_t st, zx_handle_t h) {
  if (st != ZX_OK) return false;
  held[helds++] = h;
  return helds < MANY;
}

static void mark(const char* call) {
  printf("mark longest %s\n", call);
  zx_flush_out();
}

static void drop(void) {
  while (helds > 0) zx_handle_close(held[--helds]);
}

static zx_handle_t event(void) {
  zx_handle_t h;
  must("event", zx_event_create(0, &h));
  return h;
}

static zx_handle_t port(void) {
  zx_handle_t h;
  must("port", zx_port_create(0, &h));
  return h;
}

static zx_handle_t vmo(uint64_t size, uint32_t options) {
  zx_handle_t h;
  must("vmo", zx_vmo_create(size, options, &h));
  return h;
}

static void commit(zx_handle_t v, uint64_t size) { must("commit", zx_vmo_op_range(v, ZX_VMO_OP_COMMIT, 0, size, NULL, 0)); }

// registered registers with a port until refused.
static uint32_t registered(zx_handle_t h, zx_handle_t p, zx_signals_t signals, uint64_t key) {
  uint32_t n = 0;
  while (zx_object_wait_async(h, p, key, signals, 0) == ZX_OK && n < 400000) n++;
  return n;
}

static void signal(void) {
  zx_handle_t e = event(), p = port();
  registered(e, p, ZX_EVENT_SIGNALED, 1);
  zx_object_signal(e, 0, ZX_EVENT_SIGNALED);
  zx_handle_close(e);
  zx_handle_close(p);
}

static void signal_others(void) {  // none of which is meant
  zx_handle_t e = event(), p = port();
  registered(e, p, ZX_USER_SIGNAL_0, 1);
  zx_object_signal(e, 0, ZX_EVENT_SIGNALED);
  zx_handle_close(p);
  zx_handle_close(e);
}

static void signal_peer(void) {
  zx_handle_t a, b, p = port();
  must("eventpair", zx_eventpair_create(0, &a, &b));
  registered(b, p, ZX_EVENTPAIR_SIGNALED, 1);
  zx_object_signal_peer(a, 0, ZX_EVENTPAIR_SIGNALED);
  zx_handle_close_many((zx_handle_t[]){a, b, p}, 3);
}

static void port_cancel(void) {
  zx_handle_t e = event(), p = port(), q = port();
  for (int i = 0; i < 50000; i++) zx_object_wait_async(e, p, 1, ZX_EVENT_SIGNALED, 0);
  zx_object_signal(e, 0, ZX_EVENT_SIGNALED);
  zx_object_signal(e, ZX_EVENT_SIGNALED, 0);
  registered(e, p, ZX_EVENT_SIGNALED, 1);
  zx_port_cancel(q, e, 1);
  zx_port_cancel(p, e, 2);
  zx_port_cancel(p, e, 1);
  zx_handle_close_many((zx_handle_t[]){e, p, q}, 3);
}

static void port_cancel_key(void) {
  zx_handle_t e = event(), p = port();
  for (int i = 0; i < 50000; i++) zx_object_wait_async(e, p, 1, ZX_EVENT_SIGNALED, 0);
  zx_object_signal(e, 0, ZX_EVENT_SIGNALED);
  zx_object_signal(e, ZX_EVENT_SIGNALED, 0);
  registered(e, p, ZX_EVENT_SIGNALED, 1);
  zx_port_cancel_key(p, 0, 2);
  zx_port_cancel_key(p, 0, 1);
  zx_handle_close_many((zx_handle_t[]){e, p}, 2);
}

static void object_close(void) {
  zx_handle_t e = event(), p = port();
  registered(e, p, ZX_EVENT_SIGNALED, 1);
  zx_handle_close(e);
  zx_handle_close(p);
}

static void port_close(void) {
  zx_handle_t e = event(), p = port();
  for (int i = 0; i < 100000; i++) zx_object_wait_async(e, p, 1, ZX_EVENT_SIGNALED, 0);
  zx_object_signal(e, 0, ZX_EVENT_SIGNALED);
  zx_object_signal(e, ZX_EVENT_SIGNALED, 0);
  registered(e, p, ZX_EVENT_SIGNALED, 1);
  zx_handle_close(p);
  zx_handle_close(e);
}

static void channel_close(void) {
  zx_handle_t a, b, h[64];
  must("channel", zx_channel_create(0, &a, &b));
  zx_status_t st = ZX_OK;
  for (int n = 0; n < 3500 && st == ZX_OK; n++) {
    for (int i = 0; i < 64 && st == ZX_OK; i++) st = zx_event_create(0, &h[i]);
    if (st == ZX_OK) st = zx_channel_write(a, 0, NULL, 0, h, 64);
  }
  zx_handle_close(b);
  zx_handle_close(a);
}

// Ends that wait in each other's queues.
static void channel_cycles(void) {
  zx_status_t st = ZX_OK;
  while (st == ZX_OK && helds < MANY - 4) {
    zx_handle_t a, b, c, d;
    if ((st = zx_channel_create(0, &a, &b)) != ZX_OK) break;
    if ((st = zx_channel_create(0, &c, &d)) != ZX_OK) break;
    if ((st = zx_channel_write(c, 0, NULL, 0, &b, 1)) != ZX_OK) break;
    st = zx_channel_write(a, 0, NULL, 0, &d, 1);
    keep(st, a);
    keep(st, c);
  }
}

static void task_kill_cycles(void) {
  child_t c;
  int64_t code;
  must("child", child_start("cycles", &c));
  must("wait", child_wait(&c, ZX_TIME_INFINITE, &code));
  child_close(&c);
}

static void task_kill_handles(void) {
  child_t c;
  int64_t code;
  must("child", child_start("handles", &c));
  must("wait", child_wait(&c, ZX_TIME_INFINITE, &code));
  child_close(&c);
}

static void handle_close_many(void) {
  zx_handle_t e = event(), h;
  while (keep(zx_handle_duplicate(e, ZX_RIGHT_SAME_RIGHTS, &h), h)) {
  }
  zx_handle_close_many(held, helds);
  helds = 0;
  zx_handle_close_many((zx_handle_t*)buffer, 1 << 20);
  zx_handle_close(e);
}

static void job_kill(void) {
  zx_handle_t job, p, v;
  must("job", zx_job_create(zx_job_default(), 0, &job));
  zx_status_t st = ZX_OK;
  while (st == ZX_OK && helds < MANY - 2) {
    st = zx_process_create(job, "kept", 4, 0, &p, &v);
    if (st == ZX_OK) {
      keep(st, p);
      zx_handle_close(v);
    }
  }
  size_t actual, avail;
  zx_object_get_info(job, ZX_INFO_JOB_PROCESSES, buffer, BUFFER, &actual, &avail);
  zx_task_kill(job);
  drop();
  zx_handle_close(job);
}

static void jobs_get_info(void) {
  zx_handle_t job, h;
  size_t actual, avail;
  must("job", zx_job_create(zx_job_default(), 0, &job));
  while (keep(zx_job_create(job, 0, &h), h)) {
  }
  zx_object_get_info(job, ZX_INFO_JOB_CHILDREN, buffer, BUFFER, &actual, &avail);
  zx_task_kill(job);
  drop();
  zx_handle_close(job);
}

// unborn makes a process that never starts, with many mappings and threads.
static void unborn_close(void) {
  zx_handle_t p, v, h, one = vmo(PAGE, 0);
  must("process", zx_process_create(zx_job_default(), "unborn", 6, 0, &p, &v));
  zx_vaddr_t at;
  for (uint64_t i = 0; i < 20000; i++) {
    if (zx_vmar_map(v, ZX_VM_PERM_READ | ZX_VM_SPECIFIC, 2 * i * PAGE, one, 0, PAGE, &at) != ZX_OK) break;
  }
  while (zx_thread_create(p, "kept", 4, 0, &h) == ZX_OK && keep(ZX_OK, h)) {
  }
  zx_handle_close_many((zx_handle_t[]){one, v}, 2);
  zx_handle_close(p);
  drop();
}

static uint8_t stacks[20000][128] __attribute__((aligned(16)));
static zx_futex_t futex;
static zx_handle_t gate;
static volatile uint64_t started, ended;
static zx_time_t instant = ZX_TIME_INFINITE;
static zx_vaddr_t page;

static void waiter(uint64_t how) {
  uint64_t place = __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
  if (how == 0) zx_futex_wait(&futex, 0, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
  if (how == 1) zx_object_wait_one(gate, ZX_EVENT_SIGNALED, ZX_TIME_INFINITE, NULL);
  if (how == 2) zx_nanosleep(instant);
  if (how == 3) {
    uint32_t word = 0, n;
    zx_channel_call_args_t args = {.wr_bytes = &word, .wr_num_bytes = 4, .rd_bytes = &word, .rd_num_bytes = 4};
    zx_channel_call(gate, 0, ZX_TIME_INFINITE, &args, &n, &n);
  }
  if (how == 4) *(volatile uint8_t*)page = 1;
  if (how == 5) *(volatile uint8_t*)(page + PAGE * place) = 1;
  if (how == 6) zx_vmo_op_range(gate, ZX_VMO_OP_COMMIT, PAGE * place, PAGE, NULL, 0);
  __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
  zx_thread_exit();
}

// wait_threads starts threads that wait until refused.
static uint64_t wait_threads(uint64_t how, uint64_t most) {
  uint64_t n = 0;
  started = ended = 0;
  for (; n < most; n++) {
    zx_handle_t t;
    if (zx_thread_create(zx_process_self(), "waiter", 6, 0, &t) != ZX_OK) break;
    zx_status_t st = zx_thread_start(t, (zx_vaddr_t)waiter, (zx_vaddr_t)stacks[n] + 120, how, 0);
    zx_handle_close(t);
    if (st != ZX_OK) break;
  }
  while (started < n) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  return n;
}

static void futex_wake(void) {
  uint64_t n = wait_threads(0, 20000);
  size_t actual, avail;
  zx_object_get_info(zx_process_self(), ZX_INFO_PROCESS_THREADS, buffer, BUFFER, &actual, &avail);
  zx_futex_t other = 0;
  zx_futex_requeue(&futex, 0, 0, &other, UINT32_MAX, ZX_HANDLE_INVALID);
  zx_futex_wake(&other, UINT32_MAX);
  while (ended < n) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
}

static void signal_threads(void) {
  gate = event();
  uint64_t n = wait_threads(1, 20000);
  zx_object_signal(gate, 0, ZX_EVENT_SIGNALED);
  while (ended < n) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  zx_handle_close(gate);
}

static void close_threads(void) {
  gate = event();
  uint64_t n = wait_threads(1, 20000);
  zx_handle_close(gate);
  while (ended < n) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
}

static void task_kill_threads(void) {
  child_t c;
  int64_t code;
  must("child", child_start("threads", &c));
  zx_object_wait_one(c.channel, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL);
  zx_handle_t token = 0;
  zx_task_suspend(c.process, &token);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(50)));
  zx_handle_close(token);
  zx_task_kill(c.process);
  must("wait", child_wait(&c, ZX_TIME_INFINITE, &code));
  child_close(&c);
}

// region makes a region of the root that is large.
static zx_handle_t region(zx_vaddr_t* base) {
  zx_handle_t h;
  must("allocate", zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0, 1ul << 45, &h, base));
  return h;
}

static uint64_t mapped(zx_handle_t r, zx_handle_t v, uint64_t apart, uint64_t size) {
  zx_vaddr_t at;
  uint64_t n = 0;
  while (zx_vmar_map(r, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC | ZX_VM_MAP_RANGE, n * apart, v, 0, size, &at) == ZX_OK && n < 100000) n++;
  return n;
}

static void vmar_many(int what) {
  zx_vaddr_t base, at;
  zx_handle_t r = region(&base), v = vmo(PAGE, 0);
  commit(v, PAGE);
  mapped(r, v, 2 * PAGE, PAGE);
  if (what == 0) zx_vmar_unmap(r, base, 1ul << 45);
  if (what == 1) zx_vmar_protect(r, ZX_VM_PERM_READ, base, 1ul << 45);
  if (what == 2) zx_vmar_op_range(r, ZX_VMAR_OP_DECOMMIT, base, 1ul << 45, NULL, 0);
  if (what == 3) zx_vmar_map(r, ZX_VM_PERM_READ | ZX_VM_SPECIFIC_OVERWRITE, 0, v, 0, 1ul << 45, &at);
  if (what == 4) zx_vmo_op_range(v, ZX_VMO_OP_DECOMMIT, 0, PAGE, NULL, 0);
  zx_vmar_destroy(r);
  zx_handle_close_many((zx_handle_t[]){r, v}, 2);
}
static void vmar_unmap(void) { vmar_many(0); }
static void vmar_protect(void) { vmar_many(1); }
static void vmar_op_range(void) { vmar_many(2); }
static void vmar_map(void) { vmar_many(3); }
static void vmo_mappings(void) { vmar_many(4); }

static void vmar_big(void) {
  zx_handle_t v = vmo(BUFFER, 0);
  zx_vaddr_t at;
  commit(v, BUFFER);
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_MAP_RANGE, 0, v, 0, BUFFER, &at));
  zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, at, BUFFER);
  zx_vmar_op_range(zx_vmar_root_self(), ZX_VMAR_OP_MAP_RANGE, at, BUFFER, NULL, 0);
  zx_vmar_unmap(zx_vmar_root_self(), at, BUFFER);
  zx_handle_close(v);
}

static void vmar_allocate(void) {
  zx_vaddr_t base, at;
  zx_handle_t r = region(&base), h;
  for (int i = 0; i < 100000; i++) {
    if (zx_vmar_allocate(r, ZX_VM_CAN_MAP_READ, 0, PAGE, &h, &at) != ZX_OK) break;
    zx_handle_close(h);
  }
  zx_vmar_destroy(r);
  zx_handle_close(r);
}

static void cprng_draw(void) { zx_cprng_draw(buffer, 16 << 20); }
static void debug_write(void) {
  memset(buffer, ' ', 65535);
  buffer[65535] = '\n';
  zx_debug_write((char*)buffer, 65536);
}

static void vmo_read(void) {
  zx_handle_t v = vmo(1ul << 40, 0);
  zx_vmo_read(v, buffer, 0, BUFFER);
  zx_handle_close(v);
}
static void vmo_write(void) {
  zx_handle_t v = vmo(1ul << 40, 0);
  zx_vmo_write(v, buffer, 0, BUFFER);
  zx_handle_close(v);
}
static void vmo_op_range(void) {
  static const uint32_t ops[] = {ZX_VMO_OP_COMMIT, ZX_VMO_OP_ALWAYS_NEED, ZX_VMO_OP_PREFETCH, ZX_VMO_OP_DONT_NEED, ZX_VMO_OP_ZERO, ZX_VMO_OP_COMMIT, ZX_VMO_OP_DECOMMIT};
  zx_handle_t v = vmo(BUFFER, 0);
  for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) zx_vmo_op_range(v, ops[i], 0, BUFFER, NULL, 0);
  zx_handle_close(v);
}
static void vmo_close(void) {
  zx_handle_t v = vmo(BUFFER, 0);
  commit(v, BUFFER);
  zx_handle_close(v);
}
static void vmo_islands(void) {  // pages far apart: trees
  zx_handle_t v = vmo(1ul << 55, ZX_VMO_RESIZABLE);
  for (uint64_t i = 0; i < 4000; i++) {
    if (zx_vmo_op_range(v, ZX_VMO_OP_COMMIT, i << 31, PAGE, NULL, 0) != ZX_OK) break;
  }
  zx_vmo_op_range(v, ZX_VMO_OP_ZERO, 0, 1ul << 54, NULL, 0);
  zx_vmo_op_range(v, ZX_VMO_OP_DECOMMIT, 0, 1ul << 54, NULL, 0);
  zx_vmo_set_size(v, 0);
  zx_handle_close(v);
}
static void vmo_set_size(void) {
  zx_handle_t v = vmo(BUFFER, ZX_VMO_RESIZABLE);
  commit(v, BUFFER);
  zx_vmo_set_stream_size(v, 0);
  commit(v, BUFFER);
  zx_vmo_set_size(v, 0);
  zx_handle_close(v);
}
static void vmo_create_child(int kind) {
  zx_handle_t v = vmo(16 << 20, 0), h;
  commit(v, 16 << 20);
  while (helds < 1000 && keep(zx_vmo_create_child(v, (uint32_t)kind, 0, 16 << 20, &h), h)) {
  }
  zx_vmo_op_range(v, ZX_VMO_OP_ZERO, 0, 16 << 20, NULL, 0);
  zx_handle_close(v);
  drop();
}
static void vmo_children(void) { vmo_create_child(ZX_VMO_CHILD_SNAPSHOT); }
static void vmo_slices(void) { vmo_create_child(ZX_VMO_CHILD_SLICE); }
static void vmo_chain(void) {  // clones of clones
  zx_handle_t v = vmo(PAGE * 600, 0), h;
  commit(v, PAGE * 600);
  keep(ZX_OK, v);
  while (helds < 2000 && keep(zx_vmo_create_child(v, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, PAGE * 600, &h), h)) v = h;
  zx_vmo_read(v, buffer, 0, PAGE * 600);
  zx_vmo_write(v, buffer, 0, PAGE * 600);
  uint64_t x = 0;
  zx_object_get_info(v, ZX_INFO_VMO, buffer, BUFFER, &x, &x);
  drop();
}
static void vmo_transfer_data(void) {
  zx_handle_t v = vmo(BUFFER, 0), w = vmo(BUFFER, 0);
  commit(v, BUFFER);
  zx_vmo_transfer_data(w, 0, 0, BUFFER, v, 0);
  zx_handle_close_many((zx_handle_t[]){v, w}, 2);
}
static void vmo_cache_policy(void) {
  zx_handle_t v = vmo(1ul << 50, 0);
  zx_vmo_set_cache_policy(v, 1);
  zx_handle_close(v);
}

static void pager_calls(void) {
  zx_handle_t g, p = port(), v, aux = vmo(BUFFER, 0);
  size_t actual, avail;
  must("pager", zx_pager_create(0, &g));
  must("paged", zx_pager_create_vmo(g, ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY, p, 1, 2ul * BUFFER, &v));
  commit(aux, BUFFER);
  zx_pager_supply_pages(g, v, 0, BUFFER, aux, 0);
  zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, BUFFER, 0);
  zx_pager_query_dirty_ranges(g, v, 0, BUFFER, buffer, BUFFER, &actual, &avail);
  zx_pager_op_range(g, ZX_PAGER_OP_WRITEBACK_BEGIN, v, 0, BUFFER, 0);
  zx_pager_op_range(g, ZX_PAGER_OP_WRITEBACK_END, v, 0, BUFFER, 0);
  zx_pager_op_range(g, ZX_PAGER_OP_FAIL, v, BUFFER, BUFFER, (uint64_t)(int64_t)ZX_ERR_IO);
  zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, BUFFER, 0);
  zx_pager_detach_vmo(g, v);
  zx_handle_close_many((zx_handle_t[]){g, p, v, aux}, 4);
}
static void pager_intervals(void) {
  zx_handle_t g, p = port(), v;
  size_t actual, avail;
  must("pager", zx_pager_create(0, &g));
  must("paged", zx_pager_create_vmo(g, ZX_VMO_RESIZABLE, p, 1, 1ul << 50, &v));
  for (uint64_t i = 0; i < 100000; i++) {
    if (zx_vmo_op_range(v, ZX_VMO_OP_ZERO, 2 * i * PAGE, PAGE, NULL, 0) != ZX_OK) break;
  }
  zx_pager_query_dirty_ranges(g, v, 0, 1ul << 50, NULL, 0, &actual, &avail);
  zx_pager_op_range(g, ZX_PAGER_OP_WRITEBACK_BEGIN, v, 0, 1ul << 50, 0);
  zx_pager_op_range(g, ZX_PAGER_OP_WRITEBACK_END, v, 0, 1ul << 50, 0);
  zx_pager_detach_vmo(g, v);
  zx_handle_close_many((zx_handle_t[]){g, p, v}, 3);
}
static void pager_close(void) {  // many VMOs of one pager
  zx_handle_t g, p = port(), v;
  must("pager", zx_pager_create(0, &g));
  while (keep(zx_pager_create_vmo(g, 0, p, 1, PAGE, &v), v)) {
  }
  zx_handle_close(g);
  drop();
  zx_handle_close(p);
}

static void channel_write(void) {
  zx_handle_t a, b, h[64];
  zx_channel_iovec_t* parts = (zx_channel_iovec_t*)(buffer + 65536);
  uint32_t bytes, handles;
  must("channel", zx_channel_create(0, &a, &b));
  for (int i = 0; i < 64; i++) h[i] = event();
  zx_channel_write(a, 0, buffer, 65536, h, 64);
  zx_channel_read(b, 0, buffer, h, 65536, 64, &bytes, &handles);
  memset(buffer, 0, 65536);
  for (int i = 0; i < 8192; i++) parts[i] = (zx_channel_iovec_t){buffer, 8, 0};
  zx_channel_write(a, ZX_CHANNEL_WRITE_USE_IOVEC, parts, 8192, h, 64);
  zx_channel_read(b, 0, buffer, h, 65536, 64, &bytes, &handles);
  zx_handle_close_many(h, 64);
  zx_channel_write(a, 0, buffer, 65536, (zx_handle_t*)buffer, UINT32_MAX);
  zx_handle_close_many((zx_handle_t[]){a, b}, 2);
}

static void stream_calls(void) {
  zx_handle_t v = vmo(BUFFER, ZX_VMO_RESIZABLE), s;
  zx_iovec_t* vectors = (zx_iovec_t*)(buffer + BUFFER - 65536);
  size_t actual;
  must("stream", zx_stream_create(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, v, 0, &s));
  for (int i = 0; i < 1024; i++) vectors[i] = (zx_iovec_t){buffer + i, 65536};
  zx_stream_writev(s, 0, vectors, 1024, &actual);
  zx_stream_readv_at(s, 0, 0, vectors, 1024, &actual);
  for (int i = 0; i < 1024; i++) vectors[i] = (zx_iovec_t){buffer + i, 1};
  zx_stream_writev_at(s, 0, 0, vectors, 1024, &actual);
  zx_stream_readv_at(s, 0, 0, vectors, 1024, &actual);
  zx_handle_close_many((zx_handle_t[]){v, s}, 2);
}

static void process_read_memory(void) {
  size_t actual;
  zx_process_read_memory(zx_process_self(), (zx_vaddr_t)buffer, buffer + (BUFFER / 2), 63 << 20, &actual);
}

static void system_get_program(void) {
  zx_handle_t v;
  if (zx_system_get_program("conform", 7, &v) == ZX_OK) zx_handle_close(v);
}

static void wait_many(void) {
  zx_wait_item_t items[64];
  gate = event();
  for (int i = 0; i < 64; i++) items[i] = (zx_wait_item_t){gate, ZX_EVENT_SIGNALED, 0};
  zx_object_wait_many(items, 64, zx_deadline_after(1000));
  zx_handle_close(gate);
}

static void timers(void) {  // at one instant
  zx_handle_t h;
  zx_time_t at = zx_deadline_after(ZX_MSEC(100));
  while (helds < 20000 && keep(zx_timer_create(0, ZX_CLOCK_MONOTONIC, &h), h)) zx_timer_set(h, at, 0);
  zx_nanosleep(at + ZX_MSEC(100));
  drop();
}

static void until_ended(uint64_t n) {
  while (ended < n) zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
}

static void sleepers(void) {  // until one instant
  instant = zx_deadline_after(ZX_MSEC(400));
  until_ended(wait_threads(2, 20000));
  instant = ZX_TIME_INFINITE;
}

static void call_threads(void) {
  zx_handle_t peer;
  must("channel", zx_channel_create(0, &gate, &peer));
  uint64_t n = wait_threads(3, 3500);
  zx_channel_write(peer, 0, "abcd", 4, NULL, 0);
  zx_handle_close(peer);
  until_ended(n);
  zx_handle_close(gate);
}

static void page_threads(void) {  // all wait for one page
  zx_handle_t g, p = port(), v, aux = vmo(PAGE, 0);
  must("pager", zx_pager_create(0, &g));
  must("paged", zx_pager_create_vmo(g, 0, p, 1, PAGE, &v));
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, v, 0, PAGE, &page));
  uint64_t n = wait_threads(4, 20000);
  zx_pager_supply_pages(g, v, 0, PAGE, aux, 0);
  until_ended(n);
  zx_vmar_unmap(zx_vmar_root_self(), page, PAGE);
  zx_handle_close_many((zx_handle_t[]){g, p, v, aux}, 4);
}

#include "benchlongvmo.h"

// channel_stream writes and reads the largest messages, through many collections of
// the kernel's garbage.
static void channel_stream(void) {
  zx_handle_t a, b, h[64];
  uint32_t bytes, handles;
  must("channel", zx_channel_create(0, &a, &b));
  for (int i = 0; i < 64; i++) h[i] = event();
  for (int n = 0; n < 6000; n++) {
    zx_channel_write(a, 0, buffer, 65536, h, 64);
    if (n % 500 > 400) continue;  // some queue up
    zx_channel_read(b, 0, buffer, h, 65536, 64, &bytes, &handles);
  }
  zx_handle_close_many(h, 64);
  zx_handle_close_many((zx_handle_t[]){a, b}, 2);
}

static void vmar_empty(void) {  // regions with nothing in them
  zx_vaddr_t base, at;
  zx_handle_t r = region(&base), h, v = vmo(PAGE, 0);
  size_t actual;
  for (uint64_t i = 0; i < 60000; i++) {
    if (zx_vmar_allocate(r, ZX_VM_CAN_MAP_READ | ZX_VM_SPECIFIC, i * 2 * PAGE, PAGE, &h, &at) != ZX_OK) break;
    zx_handle_close(h);
  }
  must("map", zx_vmar_map(r, ZX_VM_PERM_READ | ZX_VM_SPECIFIC, 1ul << 40, v, 0, PAGE, &at));
  zx_vmar_op_range(r, ZX_VMAR_OP_COMMIT, base, 1ul << 41, NULL, 0);
  zx_vmar_protect(r, ZX_VM_PERM_READ, base, 1ul << 41);
  zx_process_read_memory(zx_process_self(), base, buffer, 63 << 20, &actual);
  zx_object_get_info(zx_process_self(), ZX_INFO_PROCESS_MAPS, buffer, BUFFER, &actual, &actual);
  zx_vmar_unmap(r, base, 1ul << 40);
  zx_vmar_destroy(r);
  zx_handle_close_many((zx_handle_t[]){r, v}, 2);
}

static void fifo(void) {
  zx_handle_t a, b;
  size_t actual;
  must("fifo", zx_fifo_create(4096, 1, 0, &a, &b));
  zx_fifo_write(a, 1, buffer, BUFFER, &actual);
  zx_fifo_read(b, 1, buffer, BUFFER, &actual);
  zx_handle_close_many((zx_handle_t[]){a, b}, 2);
}

static const struct {
  const char* name;
  void (*run)(void);
} cases[] = {
    {"object_signal", signal},
    {"object_signal_others", signal_others},
    {"object_signal_threads", signal_threads},
    {"object_signal_peer", signal_peer},
    {"object_wait_many", wait_many},
    {"port_cancel", port_cancel},
    {"port_cancel_key", port_cancel_key},
    {"handle_close_watched", object_close},
    {"handle_close_awaited", close_threads},
    {"handle_close_port", port_close},
    {"handle_close_channel", channel_close},
    {"handle_close_vmo", vmo_close},
    {"handle_close_pager", pager_close},
    {"handle_close_unborn", unborn_close},
    {"handle_close_many", handle_close_many},
    {"process_end_handles", task_kill_handles},
    {"process_end_cycles", task_kill_cycles},
    {"task_kill_threads", task_kill_threads},
    {"task_kill_job", job_kill},
    {"object_get_info_jobs", jobs_get_info},
    {"futex_wake", futex_wake},
    {"vmar_unmap", vmar_unmap},
    {"vmar_protect", vmar_protect},
    {"vmar_op_range", vmar_op_range},
    {"vmar_map", vmar_map},
    {"vmar_allocate", vmar_allocate},
    {"vmar_large", vmar_big},
    {"vmo_read", vmo_read},
    {"vmo_write", vmo_write},
    {"vmo_op_range", vmo_op_range},
    {"vmo_op_range_islands", vmo_islands},
    {"vmo_op_range_mapped", vmo_mappings},
    {"vmo_set_size", vmo_set_size},
    {"vmo_create_child_snapshot", vmo_children},
    {"vmo_create_child_slice", vmo_slices},
    {"vmo_create_child_chain", vmo_chain},
    {"vmo_transfer_data", vmo_transfer_data},
    {"vmo_set_cache_policy", vmo_cache_policy},
    {"pager_calls", pager_calls},
    {"pager_intervals", pager_intervals},
    {"channel_write", channel_write},
    {"stream_writev", stream_calls},
    {"process_read_memory", process_read_memory},
    {"system_get_program", system_get_program},
    {"timer_set", timers},
    {"nanosleep", sleepers},
    {"handle_close_channel_calls", call_threads},
    {"pager_supply_threads", page_threads},
    {"pager_threads", pages_threads},
    {"pager_supply_mapped", supply_mapped},
    {"pager_hints", pager_hints},
    {"vmo_discard_mapped", discard_mapped},
    {"handle_close_snapshot", close_snapshots},
    {"handle_close_parent", close_parent},
    {"vmo_deep", vmo_deep},
    {"vmo_clones", vmo_clones},
    {"channel_stream", channel_stream},
    {"vmar_empty", vmar_empty},
    {"fifo_write", fifo},
    {"cprng_draw", cprng_draw},
    {"debug_write", debug_write},
};

int main(int argc, char** argv) {
  if (strcmp(argv[0], "child") == 0) {
    zx_handle_t e = event(), h;
    if (strcmp(argv[1], "cycles") == 0) channel_cycles();
    if (strcmp(argv[1], "handles") == 0) {
      while (keep(zx_handle_duplicate(e, ZX_RIGHT_SAME_RIGHTS, &h), h)) {
      }
    }
    if (strcmp(argv[1], "threads") == 0) {
      wait_threads(2, 20000);
      zx_channel_write(zx_start_handle(PA_HND(PA_USER0, 0)), 0, NULL, 0, NULL, 0);
      zx_nanosleep(ZX_TIME_INFINITE);
    }
    return 0;
  }
  zx_handle_t v = vmo(BUFFER, 0);
  zx_vaddr_t at;
  commit(v, BUFFER);
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_MAP_RANGE, 0, v, 0, BUFFER, &at));
  buffer = (uint8_t*)at;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    if (argc > 1 && strcmp(argv[1], cases[i].name) != 0) continue;
    mark("-");
    cases[i].run();
    zx_nanosleep(zx_deadline_after(ZX_MSEC(5)));
    mark(cases[i].name);
  }
  return 0;
}
