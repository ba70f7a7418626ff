// grind [SEED [CALLS [ONLY]]]: makes CALLS random system calls (a million), from
// four threads at a time, in one process after another; each has its own seed,
// SEED and up. What the calls do to their process is its own bad luck; what it
// leaves behind would be the kernel's: compare `mem` and `threads` before and
// after. With ONLY just that call is made, by name, beside those that make
// objects. It ends with 1 when a process hung.
//
// grind hostile [CALLS [STALL]]: the same with a bystander: a thread that sleeps a
// millisecond at a time and says how late it was woken at most. With STALL it ends with
// 1 when that was more than so many microseconds beyond what a CPU stands still that only
// looks at the clock, which is measured before: an emulator may run one CPU at a time.
// Guest time is what counts, so only under -icount.
//
// grind churn [COUNT]: makes and ends COUNT processes (10,000) in seven ways, from four
// threads at a time.
#include <stdbool.h>
#include <threads.h>

#include "child.h"
#include "rawsyscall.h"

#define PAGE ((uint64_t)ZX_PAGE_SIZE)
#define SOON zx_deadline_after(ZX_SEC(20))

static void must(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    printf("grind: %s: %s\n", what, zx_status_get_string(st));
    exit(1);
  }
}

// --- What the calls look like

// Each letter is an argument; see argument(). The result column is the kind of
// handle that the argument 'o' receives.
typedef struct shape {
  uint16_t number;
  char result;
  const char* args;
  const char* name;
} shape_t;

#define SHAPE(name, result, args) {ZX_SYS_##name, result, args, #name}
static const shape_t shapes[] = {
    SHAPE(handle_close, 0, "H"),
    SHAPE(handle_close_many, 0, "pn"),
    SHAPE(handle_duplicate, 'H', "Hro"),
    SHAPE(handle_replace, 'H', "Hro"),
    SHAPE(object_get_info, 0, "Htpnpp"),
    SHAPE(object_get_property, 0, "Hypn"),
    SHAPE(object_set_property, 0, "Hypn"),
    SHAPE(object_signal, 0, "Hss"),
    SHAPE(object_wait_one, 0, "Hsdp"),
    SHAPE(object_wait_many, 0, "mkd"),
    SHAPE(object_wait_async, 0, "HTksw"),
    SHAPE(event_create, 'E', "0o"),
    SHAPE(channel_create, 'C', "0op"),
    SHAPE(channel_read, 0, "Cwpphkpp"),
    SHAPE(channel_write, 0, "C0pn00"),
    SHAPE(channel_call, 0, "C0dupp"),
    SHAPE(port_create, 'T', "0o"),
    SHAPE(port_wait, 0, "Tdp"),
    SHAPE(port_queue, 0, "Tp"),
    SHAPE(port_cancel, 0, "THk"),
    SHAPE(port_cancel_key, 0, "T0k"),
    SHAPE(pager_create, 'P', "0o"),
    SHAPE(pager_create_vmo, 'V', "POTkao"),
    SHAPE(pager_detach_vmo, 0, "PV"),
    SHAPE(pager_supply_pages, 0, "PVaaVa"),
    SHAPE(pager_op_range, 0, "PqVaaf"),
    SHAPE(pager_query_dirty_ranges, 0, "PVanpnpp"),
    SHAPE(pager_query_vmo_stats, 0, "PVwpn"),
    SHAPE(vmo_create, 'V', "nOo"),
    SHAPE(vmo_read, 0, "Vpnn"),
    SHAPE(vmo_write, 0, "Vpnn"),
    SHAPE(vmo_get_size, 0, "Vp"),
    SHAPE(vmo_set_size, 0, "Vn"),
    SHAPE(vmo_get_stream_size, 0, "Vp"),
    SHAPE(vmo_set_stream_size, 0, "Vn"),
    SHAPE(vmo_op_range, 0, "Vbnn00"),
    SHAPE(vmo_create_child, 'V', "VLaao"),
    SHAPE(vmar_allocate, 'R', "Rc0aop"),
    SHAPE(vmar_destroy, 0, "S"),
    SHAPE(vmar_map, 0, "RGjValp"),
    SHAPE(vmar_unmap, 0, "Rvl"),
    SHAPE(vmar_protect, 0, "Revl"),
    SHAPE(vmar_op_range, 0, "Rbvl00"),
    SHAPE(process_create, 'X', "Jpn0oz"),
    SHAPE(process_start, 0, "XDxpH0"),
    SHAPE(thread_create, 'D', "Xpn0o"),
    SHAPE(thread_start, 0, "Dxp00"),
    SHAPE(thread_read_state, 0, "D0pi"),
    SHAPE(thread_write_state, 0, "D0pi"),
    SHAPE(task_kill, 0, "D"),
    SHAPE(task_suspend, 'K', "Do"),
    SHAPE(task_suspend_token, 'K', "Do"),
    SHAPE(task_create_exception_channel, 'C', "Dwo"),
    SHAPE(exception_get_thread, 'D', "Ho"),
    SHAPE(exception_get_process, 'X', "Ho"),
    SHAPE(futex_wait, 0, "u00d"),
    SHAPE(futex_wake, 0, "uk"),
    SHAPE(futex_requeue, 0, "uk0uk0"),
    SHAPE(nanosleep, 0, "d"),
    SHAPE(clock_get_monotonic, 0, ""),
    SHAPE(system_get_page_size, 0, ""),
    SHAPE(system_get_num_cpus, 0, ""),
    SHAPE(cprng_draw, 0, "pn"),
    SHAPE(vmo_replace_as_executable, 'V', "V0o"),
    SHAPE(job_create, 'J', "J0o"),
    SHAPE(job_set_policy, 0, "Jw0pw"),
    SHAPE(channel_read_etc, 0, "Cwpphkpp"),
    SHAPE(channel_write_etc, 0, "Cwpnpk"),
    SHAPE(channel_call_etc, 0, "Cwdupp"),
    SHAPE(object_signal_peer, 0, "Hss"),
    SHAPE(eventpair_create, 'E', "0op"),
    SHAPE(fifo_create, 'F', "kk0op"),
    SHAPE(fifo_read, 0, "Fkpkp"),
    SHAPE(fifo_write, 0, "Fkpkp"),
    SHAPE(timer_create, 'I', "w0o"),
    SHAPE(timer_set, 0, "Idk"),
    SHAPE(timer_cancel, 0, "I"),
    SHAPE(stream_create, 'Y', "wVao"),
    SHAPE(stream_readv, 0, "Y0pkp"),
    SHAPE(stream_readv_at, 0, "Y0apkp"),
    SHAPE(stream_writev, 0, "Ywpkp"),
    SHAPE(stream_writev_at, 0, "Y0apkp"),
    SHAPE(stream_seek, 0, "Ywap"),
    SHAPE(process_read_memory, 0, "Xvpnp"),
    SHAPE(process_write_memory, 0, "Xvpnp"),
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

// --- A process that grinds

// shared_t lies in a page that the processes share with their maker.
typedef struct shared {
  uint64_t seed, limit;
  uint64_t calls, good;
  uint64_t only;               // a number of shapes, SHAPES for all
  uint64_t number[128][2];     // calls made, and those that answered OK
} shared_t;

static shared_t* shared;

enum { ARENA = 16 * 4096, POOL = 12, KINDS = 26 };
static uint8_t* arena;        // what pointers point to
static zx_vaddr_t region;     // where the sub-region lies that calls map into
static uint64_t region_size;

// grinder_t is one thread.
typedef struct grinder {
  uint64_t random;
  zx_handle_t pool[KINDS][POOL];
  zx_handle_t pairs[4][2];  // a pager, and a VMO it made
  zx_handle_t region;       // of the region that all share
  uint32_t fresh[8];        // where results land that are to be kept
} grinder_t;

static grinder_t grinders[4];
static zx_handle_t grinder_threads[4];
static uint8_t stacks[4][16384] __attribute__((aligned(16)));

static uint64_t next(grinder_t* g) {
  g->random ^= g->random << 13;
  g->random ^= g->random >> 7;
  g->random ^= g->random << 17;
  return g->random >> 16;
}

static zx_handle_t pick(grinder_t* g, char kind) {
  if (kind == 'H') {
    kind = "CDEKJPRTVX"[next(g) % 10];
  }
  return g->pool[kind - 'A'][next(g) % POOL];
}

static void keep(grinder_t* g, char kind, zx_handle_t h) {
  if (kind == 'H') {  // of what kind?
    zx_info_handle_basic_t info;
    if (zx_object_get_info(h, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL) != ZX_OK) {
      return;
    }
    switch (info.type) {
      case ZX_OBJ_TYPE_PROCESS: kind = 'X'; break;
      case ZX_OBJ_TYPE_THREAD: kind = 'D'; break;
      case ZX_OBJ_TYPE_VMO: kind = 'V'; break;
      case ZX_OBJ_TYPE_CHANNEL: kind = 'C'; break;
      case ZX_OBJ_TYPE_EVENT: kind = 'E'; break;
      case ZX_OBJ_TYPE_PORT: kind = 'T'; break;
      case ZX_OBJ_TYPE_VMAR: kind = 'R'; break;
      case ZX_OBJ_TYPE_PAGER: kind = 'P'; break;
      case ZX_OBJ_TYPE_SUSPEND_TOKEN: kind = 'K'; break;
      default: kind = 'J'; break;
    }
  }
  zx_handle_t* at = &g->pool[kind - 'A'][next(g) % POOL];
  zx_handle_close(*at);
  *at = h;
}

static uint64_t wild(grinder_t* g) {
  static const uint64_t edges[] = {
      0, 1, 3, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff, 0x1001000, 0x7ffffffff000,
      0x7fffffffffff, 0x800000000000, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff,
  };
  switch (next(g) % 5) {
    case 0: return edges[next(g) % (sizeof(edges) / sizeof(edges[0]))];
    case 1: return 1ul << next(g) % 64;
    case 2: return (uint64_t)arena + next(g) % (2 * ARENA);
    case 3: return pick(g, 'H');
    default: return g->random;
  }
}

static uint64_t argument(grinder_t* g, char letter) {
  if (letter != 'o' && letter != 'd' && next(g) % 24 == 0) {
    return wild(g);
  }
  switch (letter) {
    case '0': return 0;
    case 'o': return (uint64_t)&g->fresh[0];
    case 'z': return (uint64_t)&g->fresh[1];
    case 'p': return (uint64_t)arena + next(g) % (ARENA - 64);
    case 'm': return (uint64_t)arena + next(g) % 64 * 4;
    case 'u': return (uint64_t)arena + next(g) % 16 * 64;
    case 'x': return next(g) % 4 != 0 ? region : wild(g);
    case 'a': return next(g) % (1ul << next(g) % 5) * PAGE;
    case 'l': return (1 + next(g) % 4) * PAGE;
    case 'n': return next(g) % (PAGE << next(g) % 4);
    case 'h': return next(g) % 4096;
    case 'i': return 160;
    case 'k': return next(g) % 4;
    case 'w': return next(g) % 2;
    case 'q': return next(g) % 6;
    case 'b': return next(g) % 16;
    case 'd': return (uint64_t)zx_deadline_after((int64_t)(next(g) % 100000));
    case 's': return 1ul << (next(g) % 2 == 0 ? next(g) % 5 : 24 + next(g) % 4);
    case 'r': return next(g) % 2 == 0 ? ZX_RIGHT_SAME_RIGHTS : next(g) & 0x7ffffff;
    case 'O': return next(g) & 0x1e;
    case 'L': return next(g) & 0xff;
    case 't': {
      static const uint32_t topics[] = {1, 2, 0x10000003, 7, 10, 0x1000000b, 19, 0x20000017, 0x30000017};
      return topics[next(g) % 9];
    }
    case 'y': {
      static const uint32_t properties[] = {2, 3, 4, 16, 17, 18};
      return properties[next(g) % 6];
    }
    case 'f': {
      static const int64_t codes[] = {0, 1, ZX_ERR_IO, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE};
      return (uint64_t)codes[next(g) % 5];
    }
    case 'c': return ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | (next(g) & ZX_VM_CAN_MAP_SPECIFIC);
    case 'g': return ZX_VM_PERM_READ | (next(g) & (ZX_VM_PERM_WRITE | ZX_VM_ALLOW_FAULTS));
    case 'S': return pick(g, 'R');
    case 'e': return ZX_VM_PERM_READ | (next(g) & ZX_VM_PERM_WRITE);
    case 'R': return next(g) % 4 != 0 ? g->region : pick(g, 'R');
    case 'G': return ZX_VM_PERM_READ | (next(g) & ZX_VM_PERM_WRITE) | (next(g) % 2 == 0 ? ZX_VM_SPECIFIC : ZX_VM_SPECIFIC_OVERWRITE);
    case 'j': return next(g) % (region_size / PAGE) * PAGE;
    case 'v': return region + next(g) % (region_size / PAGE) * PAGE;
    default: return pick(g, letter);
  }
}

static bool skipped(grinder_t* g, const shape_t* s) {
  switch (s->number) {
    case ZX_SYS_handle_close_many:
    case ZX_SYS_pager_detach_vmo: return next(g) % 8 != 0;
    case ZX_SYS_task_kill:
    case ZX_SYS_task_suspend:
    case ZX_SYS_task_suspend_token: return next(g) % 64 != 0;
    default: return false;
  }
}

static void grind(uintptr_t index, uintptr_t unused) {
  (void)unused;
  grinder_t* g = &grinders[index];
  uint64_t mine = 0;
  while (mine < shared->limit) {
    uint64_t which = next(g) % SHAPES;
    if (shared->only < SHAPES && shapes[which].result == 0) {
      which = shared->only;
    }
    const shape_t* s = &shapes[which];
    if (skipped(g, s)) {
      continue;
    }
    uint64_t a[8];
    size_t count = strlen(s->args);
    for (size_t i = 0; i < 8; i++) {
      a[i] = i < count ? argument(g, s->args[i]) : wild(g);
    }
    const char* v = strchr(s->args, 'V');
    if (s->args[0] == 'P' && v != NULL && next(g) % 4 != 0) {
      const zx_handle_t* pair = g->pairs[next(g) % 4];
      a[0] = pair[0];
      a[v - s->args] = pair[1];
    }
    if (s->number == ZX_SYS_channel_write) {
      // No channels: two in messages to each other would live for ever.
      g->fresh[4] = pick(g, "DEKPRTVV"[next(g) % 8]);
      a[4] = (uint64_t)&g->fresh[4];
      a[5] = next(g) % 2;
    }
    if (s->number == ZX_SYS_channel_call) {
      a[3] = (uint64_t)arena + next(g) % 16 * 64;  // as above
      memset((void*)a[3], 0, 48);
      *(uint64_t*)a[3] = (uint64_t)arena;
      ((uint32_t*)a[3])[8] = 8;
    }
    g->fresh[0] = g->fresh[1] = 0;
    uint64_t result = raw_syscall(s->number, a);
    bool good = (int64_t)result >= 0;
    mine++;
    __atomic_add_fetch(&shared->calls, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&shared->number[s->number][0], 1, __ATOMIC_RELAXED);
    if (good) {
      __atomic_add_fetch(&shared->good, 1, __ATOMIC_RELAXED);
      __atomic_add_fetch(&shared->number[s->number][1], 1, __ATOMIC_RELAXED);
      if (s->result != 0 && g->fresh[0] != 0) {
        keep(g, s->result, g->fresh[0]);
      }
      if (g->fresh[1] != 0) {
        keep(g, 'R', g->fresh[1]);
      }
    }
    if (next(g) % 512 == 0) {
      // A number nobody has.
      raw_syscall(wild(g) | 0x10000, a);
    }
  }
  zx_thread_exit();
}

// serve fails what the pagers in the pools are asked for.
static void serve(void) {
  for (int i = 0; i < 4; i++) {
    for (int p = 0; p < POOL; p++) {
      for (int v = 0; v < 4 * POOL; v++) {
        zx_handle_t vmo = grinders[v / POOL].pool['V' - 'A'][v % POOL];
        zx_handle_t pager = grinders[i].pool['P' - 'A'][p];
        uint64_t size;
        if (pager != 0 && vmo != 0 && zx_vmo_get_size(vmo, &size) == ZX_OK) {
          zx_pager_op_range(pager, ZX_PAGER_OP_FAIL, vmo, 0, size, (uint64_t)(int64_t)ZX_ERR_IO);
        }
      }
    }
  }
}

// prepare gives a grinder objects to begin with.
static void prepare(grinder_t* g, zx_handle_t sub) {
  g->region = sub;
  zx_handle_t h, k;
  for (int i = 0; i < 4; i++) {
    must("vmo", zx_vmo_create(8 * PAGE, i % 2 == 0 ? 0 : ZX_VMO_RESIZABLE, &h));
    keep(g, 'V', h);
    must("event", zx_event_create(0, &h));
    keep(g, 'E', h);
    must("pager", zx_pager_create(0, &h));
    must("port", zx_port_create(0, &k));
    zx_handle_t v;
    must("pager vmo", zx_pager_create_vmo(h, ZX_VMO_TRAP_DIRTY, k, 1, 4 * PAGE, &v));
    keep(g, 'V', v);
    keep(g, 'P', h);
    g->pairs[i][0] = h;
    g->pairs[i][1] = v;
    keep(g, 'T', k);
    must("channel", zx_channel_create(0, &h, &k));
    keep(g, 'C', h);
    keep(g, 'C', k);
    must("process", zx_handle_duplicate(zx_process_self(), 0x6d3cf & ~(ZX_RIGHT_DESTROY), &h));
    keep(g, 'X', h);
    must("job", zx_handle_duplicate(zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)), 0x7dfcf & ~(ZX_RIGHT_DESTROY), &h));
    keep(g, 'J', h);
  }
}

static int grinding(void) {
  zx_handle_t vmo, sub;
  zx_handle_t channel = zx_start_handle(PA_HND(PA_USER0, 0));
  must("wait", zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL));
  must("read", zx_channel_read(channel, 0, NULL, &vmo, 0, 1, NULL, NULL));
  zx_vaddr_t at;
  zx_handle_t victim;
  // The lowest page of user space has a round address that wild pointers hit.
  must("victim", zx_vmo_create(16 * PAGE, 0, &victim));
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, victim, 0, 16 * PAGE, &at));
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, PAGE, &at));
  zx_handle_close_many((zx_handle_t[]){vmo, channel, victim}, 3);
  shared = (shared_t*)at;
  must("vmo", zx_vmo_create(2 * ARENA, 0, &vmo));
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 2 * ARENA, &at));
  zx_handle_close(vmo);
  arena = (uint8_t*)at;
  region_size = 256 * PAGE;
  must("allocate", zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_WRITE | ZX_VM_CAN_MAP_SPECIFIC, 0,
                                    region_size, &sub, &region));
  for (int i = 0; i < 4; i++) {
    grinders[i].random = (shared->seed * 4 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15ul;
    prepare(&grinders[i], sub);
  }
  for (int i = 0; i < 4; i++) {
    zx_handle_t t;
    must("thread", zx_thread_create(zx_process_self(), "grinder", 7, 0, &t));
    grinder_threads[i] = t;
    keep(&grinders[(i + 3) % 4], 'D', t);
    must("handle", zx_handle_duplicate(t, ZX_RIGHT_SAME_RIGHTS, &grinder_threads[i]));
    must("start", zx_thread_start(t, (zx_vaddr_t)grind, (zx_vaddr_t)(stacks[i] + sizeof(stacks[i])) - 8, (uintptr_t)i, 0));
  }
  // Until the grinders have ended, or stand still: those may wait for a page
  // that nobody can name any more, or be suspended by a token that is lost.
  uint64_t before = 0;
  int still = 0, running = 4;
  while (running > 0 && still < 20) {
    zx_nanosleep(zx_deadline_after(ZX_MSEC(2)));
    uint64_t now = __atomic_load_n(&shared->calls, __ATOMIC_RELAXED);
    if (now == before) {
      serve();
    }
    still = now == before ? still + 1 : 0;
    before = now;
    running = 0;
    for (int i = 0; i < 4; i++) {
      running += zx_object_wait_one(grinder_threads[i], ZX_THREAD_TERMINATED, 0, NULL) == ZX_ERR_TIMED_OUT;
    }
  }
  return 0;
}

// --- The process that makes them

static volatile bool bystander_stop;
static volatile zx_duration_t worst_stall;

static void bystander(uintptr_t unused, uintptr_t unused2) {
  (void)unused;
  (void)unused2;
  while (!bystander_stop) {
    zx_time_t until = zx_deadline_after(ZX_MSEC(1));
    zx_nanosleep(until);
    zx_duration_t late = zx_clock_get_monotonic() - until;
    if (late > worst_stall) {
      worst_stall = late;
    }
  }
  zx_thread_exit();
}

// spinner looks at the clock for half a second, without the kernel, and gives the most
// ticks between two looks; under -icount they are nanoseconds.
static int spinner(void* unused) {
  (void)unused;
  uint64_t now = __builtin_ia32_rdtsc(), end = now + ZX_MSEC(500), worst = 0;
  while (now < end) {
    uint64_t before = now;
    now = __builtin_ia32_rdtsc();
    worst = now - before > worst ? now - before : worst;
  }
  return (int)worst;
}

// emulators_turn is how long a CPU stands still, in nanoseconds, when all only spin.
static zx_duration_t emulators_turn(void) {
  thrd_t threads[64];
  uint32_t n = zx_system_get_num_cpus();
  int worst = 0;
  for (uint32_t i = 0; i < n; i++) {
    must("thrd_create", thrd_create(&threads[i], spinner, NULL) == thrd_success ? ZX_OK : ZX_ERR_NO_MEMORY);
  }
  for (uint32_t i = 0; i < n; i++) {
    int most;
    thrd_join(threads[i], &most);
    worst = most > worst ? most : worst;
  }
  return worst;
}

static int grind_all(uint64_t seed, uint64_t calls, uint64_t only);

static int hostile(uint64_t calls, uint64_t most) {
  static uint8_t stack[8192] __attribute__((aligned(16)));
  zx_duration_t turn = emulators_turn();
  zx_handle_t t;
  must("thread", zx_thread_create(zx_process_self(), "bystander", 9, 0, &t));
  must("start", zx_thread_start(t, (zx_vaddr_t)bystander, (zx_vaddr_t)(stack + sizeof(stack)) - 8, 0, 0));
  int bad = grind_all(1, calls, SHAPES);
  bystander_stop = true;
  must("end", zx_object_wait_one(t, ZX_THREAD_TERMINATED, SOON, NULL));
  printf("grind: a bystander stood still for %ld us at most, a CPU that only spins for %ld\n", worst_stall / 1000, turn / 1000);
  return bad != 0 || (most != 0 && worst_stall > turn + (zx_duration_t)most * 1000);
}

static int grind_all(uint64_t seed, uint64_t calls, uint64_t only) {
  zx_handle_t vmo, theirs;
  zx_vaddr_t at;
  uint64_t processes = 0, exceptions = 0, hung = 0;
  must("vmo", zx_vmo_create(PAGE, 0, &vmo));
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, PAGE, &at));
  shared = (shared_t*)at;
  shared->limit = 5000;
  shared->only = only;
  while (shared->calls < calls) {
    child_t c;
    zx_handle_t channel;
    shared->seed = seed + processes++;
    must("job", zx_job_create(zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)), 0, &child_job));  // for what it makes, too
    must("start", child_start("grinding", &c));
    must("channel", zx_task_create_exception_channel(c.process, ZX_EXCEPTION_CHANNEL_DEBUGGER, &channel));
    must("handle", zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &theirs));
    must("write", zx_channel_write(c.channel, 0, NULL, 0, &theirs, 1));
    // Patience is counted in looks, so that a host that stands still costs one.
    uint64_t before = 0;
    for (int looks = 0;;) {
      zx_wait_item_t items[2] = {{c.process, ZX_TASK_TERMINATED, 0}, {channel, ZX_CHANNEL_READABLE, 0}};
      zx_status_t st = zx_object_wait_many(items, 2, zx_deadline_after(ZX_MSEC(10)));
      uint64_t now = __atomic_load_n(&shared->calls, __ATOMIC_RELAXED);
      if (now != before) {
        looks = 0;
      }
      before = now;
      if (st == ZX_ERR_TIMED_OUT && ++looks < 2000) {
        continue;
      }
      if (st == ZX_ERR_TIMED_OUT) {
        zx_info_thread_t info = {0};
        zx_object_get_info(c.thread, ZX_INFO_THREAD, &info, sizeof(info), NULL, NULL);
        printf("grind: the process of seed %lu hangs, its first thread in state 0x%x\n", shared->seed, info.state);
        hung++;
        zx_task_kill(c.process);
        looks = 0;
        continue;
      }
      must("wait", st);
      zx_exception_info_t info;
      zx_handle_t x;
      if ((items[1].pending & ZX_CHANNEL_READABLE) != 0 &&
          zx_channel_read(channel, 0, &info, &x, sizeof(info), 1, NULL, NULL) == ZX_OK) {
        uint32_t state = ZX_EXCEPTION_STATE_THREAD_EXIT;
        zx_object_set_property(x, ZX_PROP_EXCEPTION_STATE, &state, sizeof(state));
        zx_handle_close(x);
        exceptions++;
      } else if ((items[0].pending & ZX_TASK_TERMINATED) != 0) {
        break;
      }
    }
    zx_handle_close(channel);
    child_close(&c);
    must("kill", zx_task_kill(child_job));
    must("end of all", zx_object_wait_one(child_job, ZX_TASK_TERMINATED, SOON, NULL));
    zx_handle_close(child_job);
    child_job = ZX_HANDLE_INVALID;
  }
  printf("grind: %lu calls, %lu succeeded, %lu processes, %lu exceptions, %lu hung\n", shared->calls, shared->good, processes,
         exceptions, hung);
  for (size_t i = 0; i < SHAPES; i++) {
    const uint64_t* n = shared->number[shapes[i].number];
    if (n[1] == 0 && n[0] > 1000) {
      printf("grind: zx_%s never succeeded in %lu calls\n", shapes[i].name, n[0]);
    }
  }
  return hung == 0 ? 0 : 1;
}

// --- Churn

// The code of the small processes: RDI is the way to end.
__asm__(
    "	.pushsection .rodata\n"
    "small_code:\n"
    "	test %rdi, %rdi\n"
    "	jnz 1f\n"
    "	mov $7, %edi\n"
    "	mov $45, %eax\n"  // zx_process_exit
    "	syscall\n"
    "1:	cmp $1, %rsi\n"
    "	jne 2f\n"
    "	mov $48, %eax\n"  // zx_thread_exit
    "	syscall\n"
    "2:	cmp $2, %rsi\n"
    "	jne 3f\n"
    "	ud2\n"
    "3:	jmp 3b\n"
    "small_end:\n"
    "	.popsection\n");
extern __attribute__((visibility("hidden"))) const uint8_t small_code[], small_end[];
_Static_assert(ZX_SYS_process_exit == 45 && ZX_SYS_thread_exit == 48, "numbers in small_code");

enum { EXIT, LAST_THREAD, CRASH, KILL, KILL_SUSPENDED, UNBORN, FULL };

// small makes one process and ends it in the way given.
static void small(zx_handle_t code, int way) {
  static const int64_t codes[] = {7, 0, 0, ZX_TASK_RETCODE_SYSCALL_KILL, ZX_TASK_RETCODE_SYSCALL_KILL};
  zx_handle_t process, vmar, thread, channel = 0, x, token = 0, arg = 0;
  zx_vaddr_t at;
  zx_exception_info_t info;
  zx_info_process_t result;
  must("process", zx_process_create(zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)), "small", 5, 0, &process, &vmar));
  must("map", zx_vmar_map(vmar, ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE, 0, code, 0, PAGE, &at));
  must("thread", zx_thread_create(process, "one", 3, 0, &thread));
  if (way != UNBORN) {
    if (way != EXIT) {
      must("event", zx_event_create(0, &arg));
    }
    if (way == CRASH) {
      must("channel", zx_task_create_exception_channel(process, 0, &channel));
    }
    must("start", zx_process_start(process, thread, at, 0, arg, (uintptr_t)way));
    if (way == KILL_SUSPENDED) {
      must("suspend", zx_task_suspend(process, &token));
    }
    if (way >= KILL) {
      must("kill", zx_task_kill(process));
    }
    if (way == CRASH) {
      uint32_t state = ZX_EXCEPTION_STATE_THREAD_EXIT;
      must("wait", zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL));
      must("read", zx_channel_read(channel, 0, &info, &x, sizeof(info), 1, NULL, NULL));
      must("state", zx_object_set_property(x, ZX_PROP_EXCEPTION_STATE, &state, sizeof(state)));
      must("close", zx_handle_close(x));
    }
    must("end", zx_object_wait_one(process, ZX_TASK_TERMINATED, SOON, NULL));
    must("info", zx_object_get_info(process, ZX_INFO_PROCESS, &result, sizeof(result), NULL, NULL));
    if (result.return_code != codes[way]) {
      printf("grind: a process ended with %ld, not %ld, in way %d\n", result.return_code, codes[way], way);
      exit(1);
    }
  }
  zx_handle_close_many((zx_handle_t[]){process, vmar, thread, channel, token}, 5);
}

enum { MAKERS = 4 };

static zx_handle_t churn_code;
static mtx_t churn_copy;  // a child begins with this one's data: no other maker may hold a lock of the library then
static uint64_t churn_count;

static int churn_part(void* first) {
  for (uint64_t i = (uint64_t)(uintptr_t)first; i < churn_count; i += MAKERS) {
    int way = (int)(i % 7);
    if (way < FULL) {
      small(churn_code, way);
      continue;
    }
    // A whole program.
    child_t c;
    int64_t result = 0;
    mtx_lock(&churn_copy);
    must("start", child_start("leave", &c));
    mtx_unlock(&churn_copy);
    must("wait", child_wait(&c, SOON, &result));
    must("result", result == 3 ? ZX_OK : ZX_ERR_INTERNAL);
    child_close(&c);
  }
  return 0;
}

static int churn(uint64_t count) {
  must("vmo", zx_vmo_create(PAGE, 0, &churn_code));
  must("write", zx_vmo_write(churn_code, small_code, 0, (uint64_t)(small_end - small_code)));
  must("executable", zx_vmo_replace_as_executable(churn_code, ZX_HANDLE_INVALID, &churn_code));
  zx_time_t began = zx_clock_get_monotonic();
  churn_count = count;
  must("mtx_init", mtx_init(&churn_copy, mtx_plain) == thrd_success ? ZX_OK : ZX_ERR_NO_MEMORY);
  thrd_t makers[MAKERS];
  for (uintptr_t i = 0; i < MAKERS; i++) {
    must("thrd_create", thrd_create(&makers[i], churn_part, (void*)i) == thrd_success ? ZX_OK : ZX_ERR_NO_MEMORY);
  }
  for (int i = 0; i < MAKERS; i++) {
    thrd_join(makers[i], NULL);
  }
  printf("grind: %lu processes made and ended, %lu us each\n", count,
         (uint64_t)(zx_clock_get_monotonic() - began) / 1000 / count);
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[0], "child") == 0) {
    return strcmp(argv[1], "leave") == 0 ? 3 : grinding();
  }
  if (argc > 1 && strcmp(argv[1], "churn") == 0) {
    return churn(argc > 2 ? strtoull(argv[2], NULL, 0) : 10000);
  }
  if (argc > 1 && strcmp(argv[1], "hostile") == 0) {
    return hostile(argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000, argc > 3 ? strtoull(argv[3], NULL, 0) : 0);
  }
  uint64_t only = SHAPES;
  for (size_t i = 0; argc > 3 && i < SHAPES; i++) {
    if (strcmp(argv[3], shapes[i].name) == 0) {
      only = i;
    }
  }
  return grind_all(argc > 1 ? strtoull(argv[1], NULL, 0) : 1, argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000, only);
}
