// hoard: makes the kernel keep as much as it will, of each kind of thing.
//
//	hoard              every kind in turn: until refused, given back, and again
//	hoard KIND...      those kinds
//	hoard hold KIND... those kinds, one after the other, kept until killed
//	hoard unborn       processes that never start, with what can be put into them
//	hoard dead         processes that fill up and end, while somebody holds them
//	hoard innocent     does nothing wrong beside the others: uses one more page of
//	                   its own memory, a port and a channel, every 20 ms
//
// A refusal is ZX_ERR_NO_MEMORY, or ZX_ERR_NO_RESOURCES where an address space is
// full; anything else is a failure, and so is a second round that gets much less
// than the first: then something was not given back.
#include <stdbool.h>

#include "child.h"

#define PAGE ZX_PAGE_SIZE
enum { HELD = 65536 };

static zx_handle_t held[HELD];
static uint32_t helds;
static zx_handle_t event, vmo, huge, pager, port, channel[2], thread;
static zx_vaddr_t window;
static uint64_t window_bytes;

// keep holds the handle that a call has just made, if it did.
static zx_status_t keep(zx_status_t st, const zx_handle_t* h) {
  if (st == ZX_OK && helds == HELD) {
    zx_handle_close(*h);
    return ZX_ERR_NO_MEMORY;
  }
  if (st == ZX_OK) {
    held[helds++] = *h;
  }
  return st;
}

static zx_status_t handles(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_handle_duplicate(event, ZX_RIGHT_SAME_RIGHTS, &h), &h);
}

static zx_status_t events(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_event_create(0, &h), &h);
}

// keep_both is keep for a call that gives two handles.
static zx_status_t keep_both(zx_status_t st, zx_handle_t* a, zx_handle_t* b) {
  st = keep(st, a);
  return st == ZX_OK ? keep(st, b) : st;
}

static zx_status_t ports(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_port_create(0, &h), &h);
}

static zx_status_t channels(uint64_t i) {
  zx_handle_t a, b;
  (void)i;
  return keep_both(zx_channel_create(0, &a, &b), &a, &b);
}

static zx_status_t jobs(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_job_create(zx_job_default(), 0, &h), &h);
}

static zx_status_t processes(uint64_t i) {
  zx_handle_t p, v;
  (void)i;
  zx_status_t st = keep(zx_process_create(zx_job_default(), "kept", 4, 0, &p, &v), &p);
  return st == ZX_OK ? keep(st, &v) : st;
}

static zx_status_t threads(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_thread_create(zx_process_self(), "kept", 4, 0, &h), &h);
}

// Exception channels, each of a thread of its own.
static zx_status_t troubles(uint64_t i) {
  zx_handle_t h;
  zx_status_t st = threads(i);
  return st == ZX_OK ? keep(zx_task_create_exception_channel(held[helds - 1], 0, &h), &h) : st;
}

static zx_status_t tokens(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_task_suspend(thread, &h), &h);
}

static zx_status_t packets(uint64_t i) {
  zx_port_packet_t packet = {.key = i};
  if (i % 4096 == 0) {
    zx_status_t st = ports(i);
    if (st != ZX_OK) {
      return st;
    }
  }
  return zx_port_queue(held[helds - 1], &packet);
}

static zx_status_t registrations(uint64_t i) { return zx_object_wait_async(event, port, i, ZX_EVENT_SIGNALED, 0); }

static uint8_t text[65536];

static zx_status_t letters(uint64_t i, uint32_t bytes) {
  if (i % 3500 == 0) {
    zx_status_t st = channels(i);
    if (st != ZX_OK) {
      return st;
    }
  }
  return zx_channel_write(held[helds - 1], 0, text, bytes, NULL, 0);
}

static zx_status_t messages(uint64_t i) { return letters(i, sizeof(text)); }
static zx_status_t notes(uint64_t i) { return letters(i, 8); }

// Handles that lie in messages, 64 each.
static zx_status_t parcels(uint64_t i) {
  zx_handle_t h[64];
  zx_status_t st = i % 3500 == 0 ? channels(i) : ZX_OK;
  for (int k = 0; k < 64 && st == ZX_OK; k++) {
    st = zx_event_create(0, &h[k]);
    if (st != ZX_OK) {
      zx_handle_close_many(h, (size_t)k);
    }
  }
  return st == ZX_OK ? zx_channel_write(held[helds - 1], 0, NULL, 0, h, 64) : st;
}

static zx_status_t vmos(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_vmo_create(PAGE, 0, &h), &h);
}

static zx_status_t pagers(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_pager_create(0, &h), &h);
}

static zx_status_t paged(uint64_t i) {
  zx_handle_t h;
  return keep(zx_pager_create_vmo(pager, 0, port, i, PAGE, &h), &h);
}

// VMOs that are gone, whose last packets nobody takes.
static zx_status_t partings(uint64_t i) {
  zx_handle_t h;
  zx_status_t st = zx_pager_create_vmo(pager, 0, port, i, PAGE, &h);
  if (st == ZX_OK) {
    zx_handle_close(h);
  }
  return st;
}

static zx_status_t pages(uint64_t i) { return zx_vmo_op_range(huge, ZX_VMO_OP_COMMIT, i * PAGE, PAGE, NULL, 0); }

// Pages far apart: each takes nodes of the VMO's tree.
static zx_status_t islands(uint64_t i) { return zx_vmo_op_range(huge, ZX_VMO_OP_COMMIT, i << 31, PAGE, NULL, 0); }

static zx_status_t intervals(uint64_t i) {
  if (i == 0) {
    zx_handle_t h;
    zx_status_t st = keep(zx_pager_create_vmo(pager, 0, port, 1, 1ul << 50, &h), &h);
    if (st != ZX_OK) {
      return st;
    }
  }
  return zx_vmo_op_range(held[0], ZX_VMO_OP_ZERO, 2 * i * PAGE, PAGE, NULL, 0);
}

static zx_status_t mappings(uint64_t i) {
  zx_vaddr_t at;
  if (i == 0) {
    zx_handle_t h;
    zx_status_t st = keep(zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ | ZX_VM_CAN_MAP_SPECIFIC, 0, 1ul << 45, &h, &at), &h);
    if (st != ZX_OK) {
      return st;
    }
  }
  return zx_vmar_map(held[0], ZX_VM_PERM_READ | ZX_VM_SPECIFIC, 2 * i * PAGE, vmo, 0, PAGE, &at);
}

static zx_status_t regions(uint64_t i) {
  zx_vaddr_t at;
  zx_handle_t h;
  (void)i;
  return keep(zx_vmar_allocate(zx_vmar_root_self(), ZX_VM_CAN_MAP_READ, 0, PAGE, &h, &at), &h);
}

// Page tables: the zero page of a VMO seen at places far apart.
static zx_status_t tables(uint64_t i) {
  if (i == 0) {
    zx_status_t st = zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, huge, 0, 1ul << 45, &window);
    if (st != ZX_OK) {
      return st;
    }
    window_bytes = 1ul << 45;
  }
  return zx_vmo_write(vmo, (void*)(window + (i << 21)), 0, 1);
}

static zx_status_t fifos(uint64_t i) {
  zx_handle_t a, b;
  (void)i;
  return keep_both(zx_fifo_create(4096, 1, 0, &a, &b), &a, &b);
}

static zx_status_t pairs(uint64_t i) {
  zx_handle_t a, b;
  (void)i;
  return keep_both(zx_eventpair_create(0, &a, &b), &a, &b);
}

// Timers that are set.
static zx_status_t timers(uint64_t i) {
  zx_handle_t h;
  (void)i;
  zx_status_t st = keep(zx_timer_create(0, ZX_CLOCK_MONOTONIC, &h), &h);
  return st == ZX_OK ? zx_timer_set(h, ZX_TIME_INFINITE - 1, 0) : st;
}

static zx_status_t streams(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_stream_create(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo, 0, &h), &h);
}

// Files of programs of the image, each a VMO full of pages.
static zx_status_t files(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_system_get_program("hello", 5, &h), &h);
}

static zx_status_t children(uint64_t i, uint32_t options) {
  zx_handle_t h;
  (void)i;
  return keep(zx_vmo_create_child(vmo, options, 0, PAGE, &h), &h);
}

static zx_status_t clones(uint64_t i) { return children(i, ZX_VMO_CHILD_SNAPSHOT); }
static zx_status_t slices(uint64_t i) { return children(i, ZX_VMO_CHILD_SLICE); }
static zx_status_t references(uint64_t i) {
  zx_handle_t h;
  (void)i;
  return keep(zx_vmo_create_child(vmo, ZX_VMO_CHILD_REFERENCE, 0, 0, &h), &h);
}

// Clones of clones.
static zx_status_t chain(uint64_t i) {
  zx_handle_t h;
  return keep(zx_vmo_create_child(i == 0 ? vmo : held[helds - 1], ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, PAGE, &h), &h);
}

// Pages that were moved from VMO to VMO.
static zx_status_t moved(uint64_t i) {
  zx_status_t st = zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0);
  return st == ZX_OK ? zx_vmo_transfer_data(huge, 0, i * PAGE, PAGE, vmo, 0) : st;
}

static zx_status_t names(uint64_t i) {
  zx_status_t st = jobs(i);
  return st == ZX_OK ? zx_object_set_property(held[helds - 1], ZX_PROP_NAME, "a name of thirty-one characters", 31) : st;
}

// Threads that run, each asleep in a wait for one event 64 times.
static zx_wait_item_t waits[64];
static uint8_t pillows[6000][256] __attribute__((aligned(16)));

static void waiter(uintptr_t unused, uintptr_t unused2) {
  (void)unused;
  (void)unused2;
  zx_object_wait_many(waits, 64, ZX_TIME_INFINITE);
  zx_thread_exit();
}

static bool started;  // what is held are threads that run

static zx_status_t waiters(uint64_t i) {
  for (int k = 0; i == 0 && k < 64; k++) {
    waits[k] = (zx_wait_item_t){event, ZX_EVENT_SIGNALED, 0};
  }
  if (i == sizeof(pillows) / sizeof(pillows[0])) {
    return ZX_ERR_NO_MEMORY;
  }
  zx_handle_t h;
  zx_status_t st = keep(zx_thread_create(zx_process_self(), "waits", 5, 0, &h), &h);
  if (st == ZX_OK) {
    st = zx_thread_start(h, (zx_vaddr_t)waiter, (zx_vaddr_t)pillows[i] + 248, 0, 0);
    started = true;
    zx_nanosleep(0);  // it waits before the next is made
  }
  return st;
}

static const struct kind {
  const char* name;
  zx_status_t (*make)(uint64_t i);
} kinds[] = {
    {"handles", handles},     {"events", events},     {"ports", ports},   {"channels", channels},
    {"jobs", jobs},           {"processes", processes}, {"threads", threads}, {"troubles", troubles},
    {"tokens", tokens},       {"packets", packets},   {"registrations", registrations},
    {"messages", messages},   {"notes", notes},       {"parcels", parcels}, {"vmos", vmos},
    {"pagers", pagers},       {"paged", paged},       {"partings", partings}, {"pages", pages},
    {"islands", islands},     {"intervals", intervals}, {"mappings", mappings}, {"regions", regions},
    {"tables", tables},       {"fifos", fifos},       {"pairs", pairs},   {"timers", timers},
    {"streams", streams},     {"files", files},       {"clones", clones}, {"slices", slices},
    {"references", references}, {"chain", chain},     {"moved", moved},   {"names", names},
    {"waiters", waiters},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void must(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    printf("hoard: %s: %s\n", what, zx_status_get_string(st));
    exit(1);
  }
}

// open makes what the kinds need, and touches all memory that is used when
// there is none.
static void open(void) {
  must("event", zx_event_create(0, &event));
  must("vmo", zx_vmo_create(PAGE, 0, &vmo));
  must("commit", zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0));
  must("huge", zx_vmo_create(1ul << 55, 0, &huge));
  must("pager", zx_pager_create(0, &pager));
  must("port", zx_port_create(0, &port));
  must("channel", zx_channel_create(0, &channel[0], &channel[1]));
  must("thread", zx_thread_create(zx_process_self(), "stopped", 7, 0, &thread));
  memset(held, 0, sizeof(held));
  memset(text, 1, sizeof(text));
}

// fill makes one kind until refused and says how many it got.
static uint64_t fill(const struct kind* k, zx_status_t* st) {
  uint64_t n = 0;
  while ((*st = k->make(n)) == ZX_OK) {
    n++;
  }
  return n;
}

// drop gives back what was made since open.
static void drop(void) {
  must("close", zx_handle_close_many((zx_handle_t[]){event, vmo, huge, pager, port, channel[0], channel[1], thread}, 8));
  for (uint32_t i = 0; i < helds; i++) {
    if (started) {  // nothing to wait for is left: all end
      zx_object_wait_one(held[i], ZX_THREAD_TERMINATED, zx_deadline_after(ZX_SEC(1)), NULL);
    }
    zx_vmar_destroy(held[i]);  // a region outlives its handles
    zx_handle_close(held[i]);
  }
  helds = 0;
  started = false;
  if (window_bytes != 0) {
    must("unmap", zx_vmar_unmap(zx_vmar_root_self(), window, window_bytes));
    window_bytes = 0;
  }
}

static bool refused(zx_status_t st) { return st == ZX_ERR_NO_MEMORY || st == ZX_ERR_NO_RESOURCES; }

// twice fills up with a kind, gives it back, and fills up again.
static bool twice(const struct kind* k) {
  uint64_t got[2];
  zx_status_t st[2];
  for (int i = 0; i < 2; i++) {
    open();
    got[i] = fill(k, &st[i]);
    // What is refused has changed nothing: it is refused again, and what is held
    // can be used.
    zx_signals_t seen = 0;
    zx_status_t again = k->make(got[i]), use = zx_object_wait_one(event, ZX_EVENT_SIGNALED, 0, &seen);
    if (use != ZX_ERR_TIMED_OUT || (again != ZX_OK && !refused(again))) {
      printf("hoard: %s: then %s, %s\n", k->name, zx_status_get_string(again), zx_status_get_string(use));
      st[i] = ZX_ERR_BAD_STATE;
    }
    drop();
  }
  bool good = refused(st[0]) && refused(st[1]) && got[1] + got[1] / 4 + 64 >= got[0];
  printf("hoard: %-14s %8lu, again %8lu, then %s: %s\n", k->name, got[0], got[1], zx_status_get_string(st[0]), good ? "good" : "BAD");
  zx_flush_out();
  return good;
}

// unborn makes processes that never start, each with a thread, mappings and
// regions.
static int unborn(void) {
  zx_status_t st = ZX_OK;
  uint64_t n = 0;
  open();
  for (; st == ZX_OK; n++) {
    zx_handle_t p, v, h;
    st = zx_process_create(zx_job_default(), "unborn", 6, 0, &p, &v);
    if (st != ZX_OK || keep(st, &p) != ZX_OK || keep(st, &v) != ZX_OK) {
      break;
    }
    st = keep(zx_thread_create(p, "first", 5, 0, &h), &h);
    for (uint64_t i = 0; i < 200 && st == ZX_OK; i++) {
      zx_vaddr_t at;
      st = zx_vmar_map(v, ZX_VM_PERM_READ | ZX_VM_SPECIFIC, 4 * i * PAGE, vmo, 0, PAGE, &at);
      if (st == ZX_OK) {
        st = zx_vmar_allocate(v, ZX_VM_CAN_MAP_READ | ZX_VM_SPECIFIC, (4 * i + 2) * PAGE, PAGE, &h, &at);
        zx_handle_close(st == ZX_OK ? h : ZX_HANDLE_INVALID);
      }
    }
  }
  drop();
  printf("hoard: %lu processes that never start, then %s: %s\n", n, zx_status_get_string(st), refused(st) && n > 3 ? "good" : "BAD");
  return refused(st) && n > 3 ? 0 : 1;
}

// dead makes children that fill up and end, and holds on to them: what they had
// is gone with them.
static int dead(void) {
  static child_t c[400];
  int n = 0;
  int64_t code = 0;
  for (; n < 400 && code == 0; n++) {
    zx_status_t st = child_start("fill", &c[n]);
    if (st == ZX_ERR_NO_MEMORY && n > 100) {
      break;
    }
    must("child", st);
    must("wait", child_wait(&c[n], ZX_TIME_INFINITE, &code));
  }
  for (int i = 0; i < n; i++) {
    child_close(&c[i]);
  }
  printf("hoard: %d processes that ended full, and are held: %s\n", n, code == 0 ? "good" : "BAD");
  return code == 0 ? 0 : 1;
}

// full is the life of such a child: a bit of everything.
static int full(void) {
  open();
  for (int k = 0; k < KINDS; k++) {
    for (uint64_t i = 0; i < 10; i++) {
      zx_status_t st = kinds[k].make == intervals || kinds[k].make == mappings ? ZX_OK : kinds[k].make(i);
      if (refused(st)) {
        break;
      }
      if (st != ZX_OK) {
        printf("hoard: child: %s: %s\n", kinds[k].name, zx_status_get_string(st));
        return 1;
      }
    }
  }
  return 0;
}

static int innocent(void) {
  static uint8_t own[500][PAGE];
  zx_handle_t a, b, p;
  must("innocent: channel", zx_channel_create(0, &a, &b));
  must("innocent: port", zx_port_create(0, &p));
  for (int i = 0; i < 500; i++) {
    uint32_t bytes = 0;
    zx_port_packet_t packet = {.key = (uint64_t)i};
    own[i][0] = 1;
    must("innocent: write", zx_channel_write(a, 0, own[i], 8, NULL, 0));
    must("innocent: read", zx_channel_read(b, 0, own[i] + 8, NULL, 8, 0, &bytes, NULL));
    must("innocent: queue", zx_port_queue(p, &packet));
    must("innocent: wait", zx_port_wait(p, ZX_TIME_INFINITE, &packet));
    zx_nanosleep(zx_deadline_after(ZX_MSEC(20)));
  }
  printf("hoard: innocent ends well\n");
  return 0;
}

static const struct kind* find(const char* name) {
  for (int k = 0; k < KINDS; k++) {
    if (strcmp(kinds[k].name, name) == 0) {
      return &kinds[k];
    }
  }
  printf("hoard: no kind \"%s\"\n", name);
  exit(2);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[0], "child") == 0) {
    return full();
  }
  const char* first = argc > 1 ? argv[1] : "";
  if (strcmp(first, "unborn") == 0) {
    return unborn();
  }
  if (strcmp(first, "dead") == 0) {
    return dead();
  }
  if (strcmp(first, "innocent") == 0) {
    return innocent();
  }
  if (strcmp(first, "hold") == 0) {
    open();
    for (int i = 2; i < argc; i++) {
      zx_status_t st;
      uint64_t n = fill(find(argv[i]), &st);
      printf("hoard: holds %lu %s: %s\n", n, argv[i], zx_status_get_string(st));
      zx_flush_out();
    }
    zx_nanosleep(ZX_TIME_INFINITE);
  }
  bool good = true;
  for (int k = 0; k < (argc > 1 ? argc - 1 : KINDS); k++) {
    good = twice(argc > 1 ? find(argv[k + 1]) : &kinds[k]) && good;
  }
  printf("hoard: %s\n", good ? "all good" : "BAD");
  return good ? 0 : 1;
}
