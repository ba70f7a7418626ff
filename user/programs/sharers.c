// sharers SECONDS: three processes store into one VMO of a pager, each through a mapping of
// its own that it makes anew now and then, while this one writes it back, suspends one
// of them and kills another, and starts it again. A page that is not dirty after
// WRITEBACK_END holds what was read after WRITEBACK_BEGIN: no CPU that runs another
// process has stored to it by an old translation.
#include "child.h"
#include "file.h"

enum { PAGES = 4, SHARERS = 3, WORDS = ZX_PAGE_SIZE / sizeof(uint64_t) };

static zx_handle_t pager, port, vmo;
static bool stop;
static uint8_t stack[16 << 10] __attribute__((aligned(16)));

static void check(const char* what, zx_status_t st) {
  if (st != ZX_OK) {
    fail("sharers: %s: %s", what, zx_status_get_string(st));
  }
}

static uint64_t draw(uint64_t n) {
  static uint64_t state = 88172645463325252;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % n;
}

// answer lets pages become dirty; all of them are there.
static void answer(uintptr_t unused1, uintptr_t unused2) {
  (void)unused1;
  (void)unused2;
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
    zx_port_packet_t p;
    if (zx_port_wait(port, zx_deadline_after(ZX_MSEC(2)), &p) == ZX_OK) {
      check("OP_DIRTY", zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, p.page_request.offset, p.page_request.length, 0));
    }
  }
  zx_thread_exit();
}

// sharer is the life of a child: each word it stores tells its page.
static _Noreturn void sharer(void) {
  zx_handle_t channel = zx_start_handle(PA_HND(PA_USER0, 0)), shared;
  check("wait", zx_object_wait_one(channel, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL));
  check("read", zx_channel_read(channel, 0, NULL, &shared, 0, 1, NULL, NULL));
  for (uint64_t n = 1;;) {
    zx_vaddr_t at;
    check("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, shared, 0, PAGES * ZX_PAGE_SIZE, &at));
    for (uint64_t end = n + 50000; n < end; n++) {
      uint64_t page = draw(PAGES);
      ((volatile uint64_t*)(at + page * ZX_PAGE_SIZE))[draw(WORDS)] = n << 8 | page;
      if (n % 4096 == 0) {
        zx_nanosleep(zx_deadline_after(ZX_USEC(draw(300))));
      }
    }
    check("unmap", zx_vmar_unmap(zx_vmar_root_self(), at, PAGES * ZX_PAGE_SIZE));
  }
}

static void share(child_t* child) {
  zx_handle_t shared;
  check("start", child_start("sharer", child));
  check("duplicate", zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &shared));
  check("write", zx_channel_write(child->channel, 0, NULL, 0, &shared, 1));
}

static void end(child_t* child) {
  int64_t code;
  check("kill", zx_task_kill(child->process));
  check("end", child_wait(child, zx_deadline_after(ZX_SEC(20)), &code));
  child_close(child);
}

static bool dirty(uint64_t offset) {
  size_t count;
  check("query", zx_pager_query_dirty_ranges(pager, vmo, offset, ZX_PAGE_SIZE, NULL, 0, NULL, &count));
  return count != 0;
}

// write_back writes a page back, and says whether it was clean at the end.
static bool write_back(uint64_t page) {
  static uint64_t written[WORDS], now[WORDS];
  uint64_t offset = page * ZX_PAGE_SIZE;
  check("WRITEBACK_BEGIN", zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, offset, ZX_PAGE_SIZE, 0));
  check("zx_vmo_read", zx_vmo_read(vmo, written, offset, ZX_PAGE_SIZE));
  if (draw(2) != 0) {
    zx_nanosleep(zx_deadline_after(ZX_USEC(draw(100))));
  }
  check("WRITEBACK_END", zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_END, vmo, offset, ZX_PAGE_SIZE, 0));
  check("zx_vmo_read", zx_vmo_read(vmo, now, offset, ZX_PAGE_SIZE));
  bool clean = !dirty(offset);
  if (clean && memcmp(written, now, ZX_PAGE_SIZE) != 0) {
    fail("sharers: page %lu is clean and holds what was not written back", page);
  }
  for (size_t i = 0; i < WORDS; i++) {
    if (now[i] != 0 && now[i] % 256 != page) {
      fail("sharers: page %lu holds %#lx of another", page, now[i]);
    }
  }
  return clean;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fail("usage: sharers SECONDS");
  }
  if (strcmp(argv[0], "child") == 0) {
    sharer();
  }
  zx_time_t over = zx_deadline_after(ZX_SEC(number("SECONDS", argv[1])));
  zx_handle_t aux, answerer;
  check("zx_pager_create", zx_pager_create(0, &pager));
  check("zx_port_create", zx_port_create(0, &port));
  check("zx_pager_create_vmo", zx_pager_create_vmo(pager, ZX_VMO_TRAP_DIRTY, port, 1, PAGES * ZX_PAGE_SIZE, &vmo));
  check("zx_vmo_create", zx_vmo_create(PAGES * ZX_PAGE_SIZE, 0, &aux));
  check("zx_pager_supply_pages", zx_pager_supply_pages(pager, vmo, 0, PAGES * ZX_PAGE_SIZE, aux, 0));
  check("zx_thread_create", zx_thread_create(zx_process_self(), "answer", 6, 0, &answerer));
  check("zx_thread_start", zx_thread_start(answerer, (zx_vaddr_t)answer, (zx_vaddr_t)stack + sizeof(stack) - 8, 0, 0));
  child_t children[SHARERS];
  for (int i = 0; i < SHARERS; i++) {
    share(&children[i]);
  }
  uint64_t rounds = 0, clean = 0, killed = 0;
  while (zx_clock_get_monotonic() < over) {
    uint64_t page = draw(PAGES), i = draw(SHARERS);
    zx_handle_t token;
    if (!dirty(page * ZX_PAGE_SIZE)) {
      zx_nanosleep(zx_deadline_after(ZX_USEC(20)));
      continue;
    }
    rounds++;
    clean += write_back(page);
    switch (draw(40)) {
      case 0:
        end(&children[i]);
        share(&children[i]);
        killed++;
        break;
      case 1 ... 4:
        check("suspend", zx_task_suspend(children[i].process, &token));
        zx_nanosleep(zx_deadline_after(ZX_USEC(50)));
        zx_handle_close(token);
    }
  }
  for (int i = 0; i < SHARERS; i++) {
    end(&children[i]);
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  check("join", zx_object_wait_one(answerer, ZX_THREAD_TERMINATED, zx_deadline_after(ZX_SEC(20)), NULL));
  if (clean == 0 || killed == 0) {
    fail("sharers: %lu of %lu pages written back were clean, %lu killed: nothing was shown", clean, rounds, killed);
  }
  printf("sharers: %lu pages written back, %lu of them clean, %lu sharers killed, nothing is lost\n", rounds, clean, killed);
  return 0;
}
