// farends: makes each call with a far end in the place of each argument, all others
// good: zero, one, the ends of a page, of 32 and of 64 bits, of user space and beyond,
// addresses of the kernel and of no canonical form, the last byte of a mapping. Then
// with two of them at once. A call answers a status; whatever it made is closed. What the
// calls leave behind would be the kernel's: compare `mem` before and after.
//
// farends measure [PATH]: the same for `make bench`, which asks how long the longest was.
#include "child.h"
#include "rawsyscall.h"

#define PAGE ((uint64_t)ZX_PAGE_SIZE)

static void must(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    printf("farends: %s: %s\n", what, zx_status_get_string(st));
    exit(1);
  }
}

// Each letter is an argument: see handle() and value().
typedef struct shape {
  uint16_t number;
  const char* args;
  const char* name;
} shape_t;

#define SHAPE(name, args) {ZX_SYS_##name, args, #name}
static const shape_t shapes[] = {
    SHAPE(handle_close, "E"), SHAPE(handle_close_many, "pn"), SHAPE(handle_duplicate, "Ero"), SHAPE(handle_replace, "Ero"),
    SHAPE(object_get_info, "Q2pnpp"), SHAPE(object_get_property, "X3pn"), SHAPE(object_set_property, "X3pn"),
    SHAPE(object_signal, "E0s"), SHAPE(object_wait_one, "Esdp"), SHAPE(object_wait_many, "m1d"), SHAPE(object_wait_async, "ET1s0"),
    SHAPE(event_create, "0o"), SHAPE(channel_create, "0oO"), SHAPE(channel_read, "C0pnn0pp"), SHAPE(channel_write, "C0pnp0"),
    SHAPE(channel_call, "G0dcpp"), SHAPE(port_create, "0o"), SHAPE(port_wait, "Tdp"), SHAPE(port_queue, "Tp"), SHAPE(port_cancel, "TE1"),
    SHAPE(port_cancel_key, "T01"), SHAPE(pager_create, "0o"), SHAPE(pager_create_vmo, "P0T1ao"), SHAPE(pager_detach_vmo, "PW"),
    SHAPE(pager_supply_pages, "PW0aA0"), SHAPE(pager_op_range, "P2W0a0"), SHAPE(pager_query_dirty_ranges, "PW0apnpp"),
    SHAPE(pager_query_vmo_stats, "PW0pn"), SHAPE(vmo_create, "a2o"), SHAPE(vmo_read, "Vp0n"), SHAPE(vmo_write, "Vp0n"),
    SHAPE(vmo_get_size, "Vp"), SHAPE(vmo_set_size, "Va"), SHAPE(vmo_get_stream_size, "Vp"), SHAPE(vmo_set_stream_size, "Vn"),
    SHAPE(vmo_op_range, "V10a00"), SHAPE(vmo_create_child, "V10ao"), SHAPE(vmar_allocate, "R70aop"), SHAPE(vmar_destroy, "R"),
    SHAPE(vmar_map, "R30V0ap"), SHAPE(vmar_unmap, "Rva"), SHAPE(vmar_protect, "R1va"), SHAPE(vmar_op_range, "R1va00"),
    SHAPE(process_create, "Jpn0oO"), SHAPE(process_start, "XDxxE0"), SHAPE(thread_create, "Xpn0o"), SHAPE(thread_start, "Dxx00"),
    SHAPE(thread_read_state, "U0pb"), SHAPE(thread_write_state, "U0pb"), SHAPE(task_kill, "X"), SHAPE(task_suspend, "Do"),
    SHAPE(task_suspend_token, "Do"), SHAPE(task_create_exception_channel, "X0o"), SHAPE(exception_get_thread, "Eo"),
    SHAPE(exception_get_process, "Eo"), SHAPE(futex_wait, "u10d"), SHAPE(futex_wake, "u1"), SHAPE(debug_write, "e0"),
    SHAPE(clock_get_monotonic, ""), SHAPE(nanosleep, "d"), SHAPE(system_get_page_size, ""), SHAPE(cprng_draw, "pn"),
    SHAPE(futex_requeue, "u10p10"), SHAPE(vmo_replace_as_executable, "V0o"), SHAPE(job_create, "J0o"), SHAPE(job_set_policy, "J00p1"),
    SHAPE(channel_read_etc, "C0pnn0pp"), SHAPE(channel_write_etc, "C0pnp0"), SHAPE(channel_call_etc, "G0dcpp"),
    SHAPE(object_signal_peer, "K0s"), SHAPE(eventpair_create, "0oO"), SHAPE(fifo_create, "880oO"), SHAPE(fifo_read, "F8p1p"),
    SHAPE(fifo_write, "F8p1p"), SHAPE(timer_create, "01o"), SHAPE(timer_set, "I00"), SHAPE(timer_cancel, "I"), SHAPE(stream_create, "3V0o"),
    SHAPE(stream_readv, "Y0i1p"), SHAPE(stream_readv_at, "Y00i1p"), SHAPE(stream_writev, "Y0i1p"), SHAPE(stream_writev_at, "Y00i1p"),
    SHAPE(stream_seek, "Y00p"), SHAPE(process_read_memory, "Qpqnp"), SHAPE(process_write_memory, "Qpqnp"),
    SHAPE(system_get_program, "pno"), SHAPE(resource_create, "000npno"), SHAPE(iommu_create, "00pno"), SHAPE(bti_create, "001o"),
    SHAPE(bti_pin, "B1V0ap1o"), SHAPE(pmt_unpin, "E"), SHAPE(bti_release_quarantine, "B"), SHAPE(vmo_create_contiguous, "Ba0o"),
    SHAPE(vmo_create_physical, "0aao"), SHAPE(vmo_set_cache_policy, "V1"), SHAPE(vmo_transfer_data, "V00aA0"),
    SHAPE(system_get_num_cpus, ""),
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static uint8_t* arena;  // four pages, and nothing behind them
static uint64_t far[48];
static int fars;
static volatile uint64_t out[2];  // handles that a call makes
static uint8_t bystanders[1 << 16];
static zx_handle_t suspended, token, bti;

// What a call gets, and is let go behind it.
static zx_handle_t held[16];
static int helds;
static zx_handle_t job, process, thread, pager, port, region, event;
static zx_vaddr_t base;

static zx_handle_t keep(zx_handle_t h) { return held[helds++] = h; }

static void make_process(void) {
  zx_handle_t vmar;
  if (process != 0) return;
  must("process", zx_process_create(zx_job_default(), "far", 3, 0, &process, &vmar));
  must("thread", zx_thread_create(process, "far", 3, 0, &thread));
  keep(process);
  keep(thread);
  keep(vmar);
}

static zx_handle_t vmo(void) {
  zx_handle_t h;
  must("vmo", zx_vmo_create(4 * PAGE, ZX_VMO_RESIZABLE, &h));
  must("commit", zx_vmo_op_range(h, ZX_VMO_OP_COMMIT, 0, 4 * PAGE, NULL, 0));
  return keep(h);
}

// handle makes what a large letter means.
static zx_handle_t handle(char letter) {
  zx_handle_t h = 0, peer, aux;
  switch (letter) {
    case 'E':
      if (event == 0) {
        must("event", zx_event_create(0, &event));
        must("signal", zx_object_signal(keep(event), 0, ZX_USER_SIGNAL_0));
      }
      return event;
    case 'C':
    case 'G':
      must("channel", zx_channel_create(0, &h, &peer));
      if (letter == 'C') must("write", zx_channel_write(keep(peer), 0, arena, 16, NULL, 0));
      if (letter == 'G') zx_handle_close(peer);
      return keep(h);
    case 'T':
      if (port == 0) {
        must("port", zx_port_create(0, &port));
        zx_port_packet_t packet = {.type = ZX_PKT_TYPE_USER};
        must("queue", zx_port_queue(keep(port), &packet));
      }
      return port;
    case 'P':
      must("pager", zx_pager_create(0, &pager));
      return keep(pager);
    case 'W':
      must("paged", zx_pager_create_vmo(pager, ZX_VMO_TRAP_DIRTY | ZX_VMO_RESIZABLE, handle('T'), 1, 4 * PAGE, &h));
      aux = vmo();
      must("supply", zx_pager_supply_pages(pager, h, 0, 2 * PAGE, aux, 0));
      must("dirty", zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, h, 0, PAGE, 0));
      return keep(h);
    case 'V':
    case 'A': return vmo();
    case 'R':
      must("region", zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0, 16 * PAGE, &region, &base));
      must("map", zx_vmar_map(region, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC, 0, vmo(), 0, 4 * PAGE, &base));
      return keep(region);
    case 'J':
      must("job", zx_job_create(zx_job_default(), 0, &job));
      return keep(job);
    case 'X': make_process(); return process;
    case 'D': make_process(); return thread;
    case 'U': return suspended;
    case 'Q': return zx_process_self();
    case 'Y': must("stream", zx_stream_create(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo(), 0, &h)); return keep(h);
    case 'F':
      must("fifo", zx_fifo_create(8, 8, 0, &h, &peer));
      keep(peer);
      return keep(h);
    case 'K':
      must("eventpair", zx_eventpair_create(0, &h, &peer));
      keep(peer);
      return keep(h);
    case 'I': must("timer", zx_timer_create(0, ZX_CLOCK_MONOTONIC, &h)); return keep(h);
    default: return bti;
  }
}

// value is what a digit or a small letter means.
static uint64_t value(char letter) {
  switch (letter) {
    case 'p': return (uint64_t)arena + 256;
    case 'q': return (uint64_t)arena + 1024;
    case 'e':  // goes to the console, and nothing is behind it
      arena[4 * PAGE - 1] = '\n';
      return (uint64_t)arena + 4 * PAGE - 1;
    case 'o': return (uint64_t)&out[0];
    case 'O': return (uint64_t)&out[1];
    case 'n': return 64;
    case 'a': return PAGE;
    case 'b': return 160;
    case 'd': return 0;
    case 's': return ZX_USER_SIGNAL_0;
    case 'r': return ZX_RIGHT_SAME_RIGHTS;
    case 'u': return (uint64_t)arena + 512;
    case 'v': return base;
    case 'x': return base != 0 ? base : (uint64_t)arena;
    case 'm': {
      zx_wait_item_t* item = (zx_wait_item_t*)(arena + PAGE);
      *item = (zx_wait_item_t){handle('E'), ZX_USER_SIGNAL_0, 0};
      return (uint64_t)item;
    }
    case 'i': {
      zx_iovec_t* part = (zx_iovec_t*)(arena + PAGE);
      *part = (zx_iovec_t){arena + 2 * PAGE, 64};
      return (uint64_t)part;
    }
    case 'c': {
      zx_channel_call_args_t* args = (zx_channel_call_args_t*)(arena + PAGE);
      *args = (zx_channel_call_args_t){.wr_bytes = arena, .wr_num_bytes = 8, .rd_bytes = arena, .rd_num_bytes = 8};
      return (uint64_t)args;
    }
    default: return (uint64_t)(letter - '0');
  }
}

static void let_go(void) {
  if (job != 0) zx_task_kill(job);
  if (process != 0) zx_task_kill(process);
  if (region != 0) zx_vmar_destroy(region);
  zx_handle_close_many(held, (size_t)helds);
  for (int i = 0; i < 2; i++) {
    if (out[i] != 0) zx_handle_close((zx_handle_t)out[i]);
    out[i] = 0;
  }
  helds = 0;
  job = process = thread = pager = port = region = event = 0;
  base = 0;
}

static uint64_t calls, good;

// call makes the call with far[x] in the place of argument i, and far[y] of j.
static void call(const shape_t* s, int i, uint64_t x, int j, uint64_t y) {
  uint64_t a[8] = {0};
  memset(arena + 256, 0, 1280);
  for (int k = 0; s->args[k] != 0; k++) {
    char letter = s->args[k];
    a[k] = letter >= 'A' && letter <= 'Z' && letter != 'O' ? handle(letter) : value(letter);
  }
  if (i >= 0) a[i] = x;
  if (j >= 0) a[j] = y;
  int64_t st = (int64_t)raw_syscall(s->number, a);
  calls++;
  good += st >= 0;
  if (s->args[0] != 0 && (st > 0 || st < -255)) {
    printf("farends: zx_%s answered %lx to %lx %lx %lx %lx %lx %lx\n", s->name, st, a[0], a[1], a[2], a[3], a[4], a[5]);
    exit(1);
  }
  let_go();
}

// alone says that argument i is far alone: a deadline, or what goes to the console.
static bool alone(const shape_t* s, int i) { return s->args[i] == 'd' || s->args[i] == 'e'; }

static void all(const shape_t* s, int step) {
  int n = (int)strlen(s->args);
  call(s, -1, 0, -1, 0);
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < fars; k++) {
      if (s->number == ZX_SYS_nanosleep && far[k] > 4096 && (int64_t)far[k] > 0) continue;
      call(s, i, far[k], -1, 0);
    }
    for (int j = i + 1; j < n; j++) {
      if (alone(s, i) || alone(s, j)) continue;
      for (int k = (i + j) % step; k < fars; k += step) {
        for (int m = (k + i) % step; m < fars; m += step) call(s, i, far[k], j, far[m]);
      }
    }
  }
}

static uint8_t stack[4096] __attribute__((aligned(16)));

static void spin(void) {
  for (;;) zx_nanosleep(ZX_TIME_INFINITE);
}

int main(int argc, char** argv) {
  bool measure = argc > 1 && strcmp(argv[1], "measure") == 0;
  const char* only = argc > 1 ? argv[argc - 1] : "";
  zx_handle_t area, v;
  zx_vaddr_t at;
  must("area", zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0, 6 * PAGE, &area, &at));
  must("vmo", zx_vmo_create(4 * PAGE, 0, &v));
  must("map", zx_vmar_map(area, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_SPECIFIC, PAGE, v, 0, 4 * PAGE, &at));
  arena = (uint8_t*)at;
  memset(bystanders, 0xa5, sizeof(bystanders));
  must("thread", zx_thread_create(zx_process_self(), "suspended", 9, 0, &suspended));
  must("start", zx_thread_start(suspended, (zx_vaddr_t)spin, (zx_vaddr_t)(stack + sizeof(stack)) - 8, 0, 0));
  must("suspend", zx_task_suspend(suspended, &token));
  must("wait", zx_object_wait_one(suspended, ZX_THREAD_SUSPENDED, ZX_TIME_INFINITE, NULL));
  bti = measure ? zx_start_handle(PA_HND(PA_USER0, 0)) : 0;

  const uint64_t end = at + 4 * PAGE, top = 1ul << 47;
  const uint64_t list[] = {
      0, 1, 2, 63, PAGE - 1, PAGE, PAGE + 1, 1 << 16, (1ul << 31) - 1, 1ul << 31, (1ul << 32) - 1, 1ul << 32, (1ul << 32) + PAGE,
      at + 257, end - 1, end - 4, end - 64, end, end - PAGE, at - PAGE,                      // ends of the arena
      top - 2 * PAGE, top - PAGE, top - PAGE - 64, top - 1, top, top + 1, 1ul << 55,          // of user space
      0x1001000, 0xffff800000000000, 1ul << 62, (1ul << 63) - PAGE, (1ul << 63) - 1, 1ul << 63, (1ul << 63) + PAGE,
      -PAGE, 1 - PAGE, -64ul, -2ul, -1ul,
  };
  fars = sizeof(list) / sizeof(list[0]);
  memcpy(far, list, sizeof(list));
  if (measure) {
    printf("mark longest -\n");
    zx_flush_out();
  }
  for (int i = 0; i < SHAPES; i++) {
    if (argc > (measure ? 2 : 1) && strcmp(shapes[i].name, only) != 0) continue;
    all(&shapes[i], 3);
  }
  if (measure) printf("mark longest far_ends\n");
  for (size_t i = 0; i < sizeof(bystanders); i++) {
    if (bystanders[i] != 0xa5) {
      printf("farends: memory that no call was given has changed\n");
      return 1;
    }
  }
  printf("farends: %lu calls, %lu answered OK\n", calls, good);
  return 0;
}
