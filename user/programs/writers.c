// writers SECONDS [SEED [notrap|beside]]: four threads write to one pager VMO, by stores
// through a mapping, zx_vmo_write and ZX_VMO_OP_ZERO, while a fifth writes it back:
// query, WRITEBACK_BEGIN, copy to a store, WRITEBACK_END, in a loop. A sixth answers
// the requests, READ from the store. After SECONDS of the machine's time every
// byte ever written must be in the store or be reported dirty, and in the VMO.
//
// beside: another thread stands in their way. It maps parts of the VMO anew in their place,
// maps and unmaps it elsewhere, says that pages are not needed, and takes so much
// memory that pages are evicted, and gives it back.
//
// Each word has one writer, which remembers what it wrote last. Pages 0 to 127 are
// shared by quarters, so that a page is written by four threads at once; behind
// them each writer has 32 pages to itself, for writes of many pages and for zeros.
#include "file.h"

enum {
  WRITERS = 4,
  SHARED = 128,
  OWN = 32,
  PAGES = SHARED + WRITERS * OWN,
  WORDS = ZX_PAGE_SIZE / sizeof(uint64_t),
  QUARTER = WORDS / WRITERS,
  STACK = 32 << 10,
  STOP_KEY = 1,
  VMO_KEY = 2,
};

#define SIZE ((uint64_t)PAGES * ZX_PAGE_SIZE)

static uint64_t last[PAGES * WORDS];   // what each word's writer wrote last
static uint64_t store[PAGES * WORDS];  // the disk, so to speak
static uint64_t sources[WRITERS][OWN * WORDS];

static zx_handle_t pager, port, vmo;
static volatile uint64_t* mapped;
static bool traps = true;
static bool stop;
static uint8_t stacks[WRITERS + 3][STACK] __attribute__((aligned(16)));

// What was done, each counted by one thread.
static uint64_t stores[WRITERS], calls[WRITERS], zeros[WRITERS];
static uint64_t rounds, pages_out, zeros_out, reads, dirties;

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("writers: %s: %s", what, zx_status_get_string(st));
  }
}

static bool stopped(void) { return __atomic_load_n(&stop, __ATOMIC_ACQUIRE); }

static uint64_t draw(uint64_t* state, uint64_t n) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (*state * 0x2545f4914f6cdd1dull >> 33) % n;
}

// --- The writers

// put writes count words of value, value + 1 and so on at word at, by one call.
static void put(uint64_t w, uint64_t at, uint64_t count, uint64_t value) {
  for (uint64_t i = 0; i < count; i++) {
    sources[w][i] = last[at + i] = value + i;
  }
  check("zx_vmo_write", zx_vmo_write(vmo, sources[w], at * sizeof(uint64_t), count * sizeof(uint64_t)));
  calls[w]++;
}

static void writer(uintptr_t w, uintptr_t seed) {
  uint64_t state = seed * 8 + w + 1;
  const uint64_t own = (SHARED + w * OWN) * WORDS;
  for (uint64_t value = 1; !stopped(); value += OWN * WORDS) {
    uint64_t quarter = draw(&state, SHARED) * WORDS + w * QUARTER, at, count;
    switch (draw(&state, 12)) {
      case 0:
        at = draw(&state, QUARTER);
        count = 1 + draw(&state, QUARTER - at);
        put(w, quarter + at, count, value);
        break;
      case 1:
        at = draw(&state, OWN * WORDS);
        count = 1 + draw(&state, OWN * WORDS - at);
        put(w, own + at, count, value);
        break;
      case 2:
        if (draw(&state, 4) != 0) {
          break;
        }
        at = draw(&state, OWN * WORDS);
        count = 1 + draw(&state, OWN * WORDS - at);
        if (draw(&state, 2) != 0) {  // whole pages
          at -= at % WORDS;
          count = (1 + draw(&state, OWN - at / WORDS)) * WORDS;
        }
        check("ZX_VMO_OP_ZERO", zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, (own + at) * sizeof(uint64_t),
                                                count * sizeof(uint64_t), NULL, 0));
        memset(&last[own + at], 0, count * sizeof(uint64_t));
        zeros[w]++;
        break;
      case 3:
        at = own + draw(&state, OWN * WORDS);
        mapped[at] = last[at] = value;
        stores[w]++;
        break;
      default:
        at = quarter + draw(&state, QUARTER);
        mapped[at] = last[at] = value;
        stores[w]++;
        break;
    }
  }
  zx_thread_exit();
}

// --- The one that writes back

static zx_status_t op(uint32_t code, const zx_vmo_dirty_range_t* r, uint64_t data) {
  return zx_pager_op_range(pager, code, vmo, r->offset, r->length, data);
}

// flush writes one range back. Told not to finish, it leaves out the END, so what
// it has begun must still be reported.
static void flush(const zx_vmo_dirty_range_t* r, bool finish) {
  bool zero = (r->options & ZX_VMO_DIRTY_RANGE_IS_ZERO) != 0;
  check("WRITEBACK_BEGIN", op(ZX_PAGER_OP_WRITEBACK_BEGIN, r, zero ? ZX_VMO_DIRTY_RANGE_IS_ZERO : 0));
  if (zero) {
    memset((uint8_t*)store + r->offset, 0, r->length);
    zeros_out += r->length / ZX_PAGE_SIZE;
  } else {
    check("zx_vmo_read", zx_vmo_read(vmo, (uint8_t*)store + r->offset, r->offset, r->length));
    pages_out += r->length / ZX_PAGE_SIZE;
  }
  if (finish) {
    check("WRITEBACK_END", op(ZX_PAGER_OP_WRITEBACK_END, r, 0));
  }
}

static void writeback(uintptr_t seed, uintptr_t unused) {
  (void)unused;
  uint64_t state = seed * 8 + 7;
  static zx_vmo_dirty_range_t ranges[24];
  while (!stopped()) {
    size_t actual = 0, avail = 0;
    for (uint64_t from = 0; from < SIZE && !stopped(); from = ranges[actual - 1].offset + ranges[actual - 1].length) {
      check("query", zx_pager_query_dirty_ranges(pager, vmo, from, SIZE - from, ranges, sizeof(ranges), &actual, &avail));
      if (actual == 0) {
        break;
      }
      for (size_t i = 0; i < actual; i++) {
        flush(&ranges[i], draw(&state, 64) != 0);
      }
    }
    rounds++;
    if (draw(&state, 4) == 0) {
      zx_nanosleep(zx_deadline_after(ZX_USEC(draw(&state, 2000))));
    }
  }
  zx_thread_exit();
}

// --- The one that answers

static void answer(uintptr_t unused1, uintptr_t unused2) {
  (void)unused1;
  (void)unused2;
  zx_handle_t aux;
  check("zx_vmo_create", zx_vmo_create(SIZE, 0, &aux));
  for (;;) {
    zx_port_packet_t packet;
    check("zx_port_wait", zx_port_wait(port, ZX_TIME_INFINITE, &packet));
    uint64_t offset = packet.page_request.offset, length = packet.page_request.length;
    if (packet.key == STOP_KEY) {
      break;
    }
    if (packet.page_request.command == ZX_PAGER_VMO_DIRTY) {
      zx_status_t st = zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, offset, length, 0);
      if (st != ZX_OK && st != ZX_ERR_NOT_FOUND) {  // zeros may have been written back since
        check("OP_DIRTY", st);
      }
      dirties++;
    } else {
      check("zx_vmo_write", zx_vmo_write(aux, (uint8_t*)store + offset, 0, length));
      check("zx_pager_supply_pages", zx_pager_supply_pages(pager, vmo, offset, length, aux, 0));
      reads++;
    }
  }
  check("zx_handle_close", zx_handle_close(aux));
  zx_thread_exit();
}

// --- The one that stands in the way

static zx_handle_t heap;      // memory to take and give back
static uint64_t heap_most;    // how much there is, less some that others need
static uint64_t remaps, unmaps, takes;

// take commits memory up to most, and gives how much it got.
static uint64_t take(uint64_t most) {
  const uint64_t chunk = 1 << 20;
  uint64_t n = 0;
  while (n < most && zx_vmo_op_range(heap, ZX_VMO_OP_COMMIT, n, chunk, NULL, 0) == ZX_OK) {
    n += chunk;
  }
  check("DECOMMIT", zx_vmo_op_range(heap, ZX_VMO_OP_DECOMMIT, 0, n + chunk, NULL, 0));
  return n;
}

static void beside(uintptr_t seed, uintptr_t place) {
  uint64_t state = seed * 8 + 6;
  const zx_vm_option_t rw = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
  zx_info_vmar_t root;
  check("ZX_INFO_VMAR", zx_object_get_info(zx_vmar_root_self(), ZX_INFO_VMAR, &root, sizeof(root), NULL, NULL));
  while (!stopped()) {
    uint64_t first = draw(&state, PAGES), pages = 1 + draw(&state, PAGES - first);
    uint64_t offset = first * ZX_PAGE_SIZE, length = pages * ZX_PAGE_SIZE;
    zx_vaddr_t at;
    switch (draw(&state, 200)) {
      case 0:
        take(heap_most);
        takes++;
        break;
      case 1 ... 60:
        check("DONT_NEED", zx_vmo_op_range(vmo, ZX_VMO_OP_DONT_NEED, offset, length, NULL, 0));
        break;
      case 61 ... 120:
        check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), rw, 0, vmo, offset, length, &at));
        for (uint64_t i = 0; i < length && !stopped(); i += 5 * ZX_PAGE_SIZE) {
          (void)*(volatile uint64_t*)(at + i);
        }
        check("zx_vmar_unmap", zx_vmar_unmap(zx_vmar_root_self(), at, length));
        unmaps++;
        break;
      default:
        check("zx_vmar_map, again", zx_vmar_map(zx_vmar_root_self(), rw | ZX_VM_SPECIFIC_OVERWRITE, place + offset - root.base, vmo, offset, length, &at));
        remaps++;
    }
  }
  zx_thread_exit();
}

// --- The end

static zx_handle_t start(const char* name, size_t index, void (*run)(uintptr_t, uintptr_t), uintptr_t a, uintptr_t b) {
  zx_handle_t thread;
  check("zx_thread_create", zx_thread_create(zx_process_self(), name, strlen(name), 0, &thread));
  check("zx_thread_start", zx_thread_start(thread, (zx_vaddr_t)run, (zx_vaddr_t)&stacks[index + 1] - 8, a, b));
  return thread;
}

static void join(const char* name, zx_handle_t thread) {
  zx_status_t st = zx_object_wait_one(thread, ZX_THREAD_TERMINATED, zx_deadline_after(ZX_SEC(20)), NULL);
  if (st != ZX_OK) {
    fail("writers: the %s does not end: %s", name, zx_status_get_string(st));
  }
  check("zx_handle_close", zx_handle_close(thread));
}

// compare looks at every word; dirty says of each page whether it is reported.
static uint64_t compare(const bool* dirty) {
  uint64_t lost = 0;
  for (uint64_t i = 0; i < PAGES * WORDS; i++) {
    uint64_t page = i / WORDS;
    if (!dirty[page] && store[i] != last[i] && lost++ < 8) {
      printf("writers: lost: word %#lx of page %lu was last %#lx, the store has %#lx and the page is not dirty\n",
             i % WORDS, page, last[i], store[i]);
    }
  }
  static uint64_t now[WORDS];
  for (uint64_t page = 0; page < PAGES; page++) {
    check("zx_vmo_read", zx_vmo_read(vmo, now, page * ZX_PAGE_SIZE, ZX_PAGE_SIZE));
    for (uint64_t i = 0; i < WORDS; i++) {
      if (now[i] != last[page * WORDS + i] && lost++ < 8) {
        printf("writers: lost: word %#lx of page %lu was last %#lx, the VMO has %#lx\n", i, page, last[page * WORDS + i], now[i]);
      }
    }
  }
  return lost;
}

int main(int argc, char** argv) {
  bool way = argc == 4 && strcmp(argv[3], "beside") == 0;
  traps = argc < 4 || way;
  if (argc < 2 || argc > 4 || (traps == false && strcmp(argv[3], "notrap") != 0)) {
    fail("usage: writers SECONDS [SEED [notrap|beside]]");
  }
  uint64_t seconds = number("SECONDS", argv[1]), seed = argc > 2 ? number("SEED", argv[2]) : 1;
  check("zx_pager_create", zx_pager_create(0, &pager));
  check("zx_port_create", zx_port_create(0, &port));
  check("zx_pager_create_vmo", zx_pager_create_vmo(pager, traps ? ZX_VMO_TRAP_DIRTY : 0, port, VMO_KEY, SIZE, &vmo));
  zx_vaddr_t at = 0;
  check("zx_vmar_map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, SIZE, &at));
  mapped = (volatile uint64_t*)at;

  zx_handle_t in_the_way = ZX_HANDLE_INVALID;
  if (way) {
    const uint64_t most = 1ul << 32, others = 4 << 20;
    check("zx_vmo_create", zx_vmo_create(most, 0, &heap));
    heap_most = take(most - others);
    heap_most = heap_most > others ? heap_most - others : 0;
    in_the_way = start("beside", WRITERS + 2, beside, seed, at);
  }

  zx_handle_t threads[WRITERS];
  zx_handle_t answering = start("answerer", WRITERS, answer, 0, 0);
  for (uintptr_t w = 0; w < WRITERS; w++) {
    threads[w] = start("writer", w, writer, w, seed);
  }
  zx_handle_t flusher = start("writeback", WRITERS + 1, writeback, seed, 0);
  zx_nanosleep(zx_deadline_after(ZX_SEC(seconds)));
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  join("writeback", flusher);
  if (way) {
    join("one in the way", in_the_way);
    printf("writers: %lu times mapped anew, %lu unmapped, %lu times %lu MiB taken\n", remaps, unmaps, takes, heap_most >> 20);
  }
  uint64_t stored = 0, called = 0, zeroed = 0;
  for (size_t w = 0; w < WRITERS; w++) {
    join("writer", threads[w]);
    stored += stores[w];
    called += calls[w];
    zeroed += zeros[w];
  }

  static bool dirty[PAGES];
  static zx_vmo_dirty_range_t ranges[PAGES];
  size_t count = 0;
  uint64_t dirty_pages = 0;
  check("query", zx_pager_query_dirty_ranges(pager, vmo, 0, SIZE, ranges, sizeof(ranges), &count, NULL));
  for (size_t i = 0; i < count; i++) {
    for (uint64_t page = ranges[i].offset / ZX_PAGE_SIZE; page < (ranges[i].offset + ranges[i].length) / ZX_PAGE_SIZE; page++) {
      dirty[page] = true;
      dirty_pages++;
    }
  }
  uint64_t lost = compare(dirty);
  // With all of it written back the store alone must do.
  for (size_t i = 0; i < count; i++) {
    flush(&ranges[i], true);
  }
  lost += compare((bool[PAGES]){false});
  check("query", zx_pager_query_dirty_ranges(pager, vmo, 0, SIZE, NULL, 0, NULL, &count));

  zx_port_packet_t packet;
  memset(&packet, 0, sizeof(packet));
  packet.key = STOP_KEY;
  check("zx_port_queue", zx_port_queue(port, &packet));
  join("answerer", answering);
  printf("writers: %lu s, seed %lu, %s: %lu stores, %lu zx_vmo_write, %lu OP_ZERO; %lu rounds wrote back %lu pages and %lu of zeros; "
         "%lu READ, %lu DIRTY answered; at the end %lu pages dirty\n",
         seconds, seed, traps ? "TRAP_DIRTY" : "no trap", stored, called, zeroed, rounds, pages_out, zeros_out, reads, dirties, dirty_pages);
  if (count != 0) {
    fail("writers: %zu dirty ranges are left after the last writeback", count);
  }
  if (lost != 0) {
    fail("writers: %lu words LOST", lost);
  }
  printf("writers: nothing is lost\n");
  return 0;
}
