// badpager SECONDS [WAY...]: a pager that behaves badly, and eight threads that
// depend on it, each in another call. Whatever it does, each thread must come to
// the status the contract says, none hangs longer than the kernel's time-out, and
// nothing is left. SECONDS is kernel.userpager.overtime_timeout_seconds of this
// boot. The ways, all of them unless some are named:
//
//	silent   never takes a request off its port
//	forgets  takes all requests and answers none
//	thread   its thread is killed, holding all requests
//	port     closes its port; then detaches
//	late     answers after the time-out
//	twice    answers everything twice, and then fails it
//	order    answers in the reverse order, page by page
//	process  its process is killed, holding all requests
//	pager    closes its pager
//	detach   detaches the VMO
//	leavers  the threads are killed instead, and it answers them
#include "file.h"

#include "child.h"

enum { VICTIMS = 8, PAGES = 8, STACK = 16 << 10, KEY = 77 };

#define PAGE ((uint64_t)ZX_PAGE_SIZE)
#define SIZE (PAGES * PAGE)
// PROMPT is as long as anything may take that needs no time-out. The kernel looks
// at waits once a second, and a wait's clock starts with the first look; so a
// time-out may come LATE.
#define PROMPT ZX_SEC(1)
#define LATE ZX_SEC(3)

static const char* way = "badpager";
static zx_duration_t timeout;

static zx_handle_t pager, port, vmo;
static volatile uint8_t* mapped;

static void check_at(int line, const char* what, zx_status_t want, zx_status_t got) {
  if (got != want) {
    fail("%s: line %d: %s gave %s, not %s", way, line, what, zx_status_get_string(got), zx_status_get_string(want));
  }
}

#define CHECK(want, call) check_at(__LINE__, #call, want, call)
#define OK(call) CHECK(ZX_OK, call)

// --- The threads that depend on it: victim i needs page i.

typedef enum { LOAD, STORE, READ, WRITE, COMMIT, PREFETCH, NEED, ZERO } victim_kind_t;

static const char* const kinds[VICTIMS] = {"load", "store", "zx_vmo_read", "zx_vmo_write", "COMMIT", "PREFETCH", "ALWAYS_NEED", "ZERO"};

// needs_dirty: pages 1 and 3 are there, what their victims ask for is DIRTY.
static bool needs_dirty(int i) { return i == STORE || i == WRITE; }

static struct {
  zx_handle_t thread, exceptions, go;
  zx_status_t status;
} victims[VICTIMS];

static uint8_t stacks[VICTIMS + 1][STACK] __attribute__((aligned(16)));

static void victim(uintptr_t i, uintptr_t unused) {
  (void)unused;
  uint8_t byte = 0x55;
  zx_object_wait_one(victims[i].go, ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, NULL);
  zx_status_t st = ZX_OK;
  switch ((victim_kind_t)i) {
    case LOAD: (void)mapped[i * PAGE]; break;
    case STORE: mapped[i * PAGE] = byte; break;
    case READ: st = zx_vmo_read(vmo, &byte, i * PAGE, 1); break;
    case WRITE: st = zx_vmo_write(vmo, &byte, i * PAGE, 1); break;
    case COMMIT: st = zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, i * PAGE, PAGE, NULL, 0); break;
    case PREFETCH: st = zx_vmo_op_range(vmo, ZX_VMO_OP_PREFETCH, i * PAGE, PAGE, NULL, 0); break;
    case NEED: st = zx_vmo_op_range(vmo, ZX_VMO_OP_ALWAYS_NEED, i * PAGE, PAGE, NULL, 0); break;
    case ZERO: st = zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, i * PAGE + 8, 8, NULL, 0); break;
  }
  victims[i].status = st;
  zx_thread_exit();
}

static zx_handle_t start(size_t stack, void (*run)(uintptr_t, uintptr_t), uintptr_t arg) {
  zx_handle_t thread;
  OK(zx_thread_create(zx_process_self(), "badpager", 8, 0, &thread));
  OK(zx_thread_start(thread, (zx_vaddr_t)run, (zx_vaddr_t)&stacks[stack + 1] - 8, arg, 0));
  return thread;
}

static uint32_t state_of(zx_handle_t thread) {
  zx_info_thread_t info;
  OK(zx_object_get_info(thread, ZX_INFO_THREAD, &info, sizeof(info), NULL, NULL));
  return info.state;
}

// block starts all victims and waits until each waits for the pager.
static void block(void) {
  for (int i = 0; i < VICTIMS; i++) {
    victims[i].status = 1;
    OK(zx_event_create(0, &victims[i].go));
    victims[i].thread = start((size_t)i, victim, (uintptr_t)i);
    OK(zx_task_create_exception_channel(victims[i].thread, 0, &victims[i].exceptions));
    OK(zx_object_signal(victims[i].go, 0, ZX_USER_SIGNAL_0));
  }
  zx_time_t deadline = zx_deadline_after(PROMPT);
  for (int i = 0; i < VICTIMS; i++) {
    while (state_of(victims[i].thread) != ZX_THREAD_STATE_BLOCKED_PAGER) {
      if (zx_clock_get_monotonic() > deadline) {
        fail("%s: %s does not wait for the pager: state %#x", way, kinds[i], state_of(victims[i].thread));
      }
      zx_nanosleep(zx_deadline_after(ZX_USEC(200)));
    }
  }
}

// put_down ends the thread of a fatal page fault and gives its status.
static zx_status_t put_down(int i) {
  zx_exception_info_t info;
  zx_handle_t exception;
  zx_exception_report_t report;
  zx_thread_state_general_regs_t regs;
  uint32_t handled = ZX_EXCEPTION_STATE_HANDLED;
  OK(zx_channel_read(victims[i].exceptions, 0, &info, &exception, sizeof(info), 1, NULL, NULL));
  OK(zx_object_get_info(victims[i].thread, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL));
  if (report.header.type != ZX_EXCP_FATAL_PAGE_FAULT ||
      report.context.arch.u.x86_64.cr2 != (uint64_t)mapped + (uint64_t)i * PAGE) {
    fail("%s: %s: exception %#x at %#lx", way, kinds[i], report.header.type, report.context.arch.u.x86_64.cr2);
  }
  OK(zx_thread_read_state(victims[i].thread, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)));
  regs.rip = (uint64_t)zx_thread_exit;
  OK(zx_thread_write_state(victims[i].thread, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)));
  OK(zx_object_set_property(exception, ZX_PROP_EXCEPTION_STATE, &handled, sizeof(handled)));
  OK(zx_handle_close(exception));
  return (zx_status_t)report.context.synth_code;
}

static void release(int i) {
  OK(zx_object_wait_one(victims[i].thread, ZX_THREAD_TERMINATED, zx_deadline_after(PROMPT), NULL));
  OK(zx_handle_close(victims[i].thread));
  OK(zx_handle_close(victims[i].exceptions));
  OK(zx_handle_close(victims[i].go));
}

// all_get wants every victim to end with that status, none later than latest from
// now. Of ALWAYS_NEED, which passes over pages it cannot get, it is ZX_OK; so it
// is of all when the status is.
static void all_get(zx_status_t want, zx_duration_t latest) {
  zx_time_t deadline = zx_deadline_after(latest);
  for (int i = 0; i < VICTIMS; i++) {
    zx_signals_t seen = 0;
    if (zx_object_wait_one(victims[i].exceptions, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, deadline, &seen) != ZX_OK) {
      fail("%s: %s HANGS: state %#x", way, kinds[i], state_of(victims[i].thread));
    }
    if ((seen & ZX_CHANNEL_READABLE) != 0) {
      victims[i].status = put_down(i);
    } else if (i <= STORE) {
      victims[i].status = ZX_OK;
    }
    release(i);
    zx_status_t wanted = i == NEED ? ZX_OK : want;
    if (victims[i].status != wanted) {
      fail("%s: %s ended with %s, not %s", way, kinds[i], zx_status_get_string(victims[i].status), zx_status_get_string(wanted));
    }
  }
}

// all_time_out: not before the time, and not long after it.
static void all_time_out(zx_time_t since) {
  zx_duration_t gone = zx_clock_get_monotonic() - since;
  all_get(ZX_ERR_TIMED_OUT, timeout + LATE - gone);
  if (zx_clock_get_monotonic() - since < timeout) {
    fail("%s: the time-out came too early", way);
  }
}

// --- The pager

// supply fills n pages with a byte.
static zx_status_t supply(uint64_t page, uint64_t n, uint8_t byte) {
  zx_handle_t aux;
  static uint8_t bytes[ZX_PAGE_SIZE];
  memset(bytes, byte, sizeof(bytes));
  OK(zx_vmo_create(n * PAGE, 0, &aux));
  for (uint64_t i = 0; i < n; i++) {
    OK(zx_vmo_write(aux, bytes, i * PAGE, PAGE));
  }
  zx_status_t st = zx_pager_supply_pages(pager, vmo, page * PAGE, n * PAGE, aux, 0);
  OK(zx_handle_close(aux));
  return st;
}

static zx_status_t dirty(uint64_t page) { return zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, page * PAGE, PAGE, 0); }

static zx_status_t refuse(uint64_t page) {
  return zx_pager_op_range(pager, ZX_PAGER_OP_FAIL, vmo, page * PAGE, PAGE, (uint64_t)(int64_t)ZX_ERR_IO);
}

static void make(void) {
  OK(zx_pager_create(0, &pager));
  OK(zx_port_create(0, &port));
  OK(zx_pager_create_vmo(pager, ZX_VMO_TRAP_DIRTY, port, KEY, SIZE, &vmo));
  OK(supply(STORE, 1, 0x11));
  OK(supply(WRITE, 1, 0x11));
}

static void map(void) {
  zx_vaddr_t at = 0;
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, SIZE, &at));
  mapped = (volatile uint8_t*)at;
}

static void unmake(void) {
  OK(zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)mapped, SIZE));
  OK(zx_handle_close(vmo));
  OK(zx_handle_close(pager));
  OK(zx_handle_close(port));
  pager = port = vmo = ZX_HANDLE_INVALID;
}

// take takes a request; its page, or -1 if there is none.
static int64_t take(zx_time_t deadline) {
  zx_port_packet_t packet;
  zx_status_t st = zx_port_wait(port, deadline, &packet);
  if (st == ZX_ERR_TIMED_OUT) {
    return -1;
  }
  OK(st);
  const zx_packet_page_request_t* r = &packet.page_request;
  uint64_t page = r->offset / PAGE;
  if (packet.type != ZX_PKT_TYPE_PAGE_REQUEST || packet.key != KEY || r->length != PAGE || page >= PAGES ||
      r->command != (needs_dirty((int)page) ? ZX_PAGER_VMO_DIRTY : ZX_PAGER_VMO_READ)) {
    fail("%s: strange packet: type %u key %lu command %u [%#lx, +%#lx)", way, packet.type, packet.key, r->command, r->offset, r->length);
  }
  return (int64_t)page;
}

// take_all takes each victim's request, once.
static void take_all(void) {
  uint32_t seen = 0;
  for (int i = 0; i < VICTIMS; i++) {
    int64_t page = take(zx_deadline_after(PROMPT));
    if (page < 0) {
      fail("%s: %d of %d requests came", way, i, VICTIMS);
    }
    if ((seen >> page & 1) != 0) {
      fail("%s: page %ld is asked for twice", way, page);
    }
    seen |= 1u << page;
  }
}

static void quiet(void) {
  zx_port_packet_t packet;
  CHECK(ZX_ERR_TIMED_OUT, zx_port_wait(port, 0, &packet));
}

static void take_and_forget(uintptr_t unused1, uintptr_t unused2) {
  (void)unused1;
  (void)unused2;
  take_all();
  zx_port_packet_t packet;
  zx_port_wait(port, ZX_TIME_INFINITE, &packet);
  fail("%s: one packet too many", way);
}

// go_on answers the ZERO, whose READ is answered, that its page may be dirty.
static void go_on(void) {
  zx_port_packet_t packet;
  OK(zx_port_wait(port, zx_deadline_after(PROMPT), &packet));
  if (packet.page_request.command != ZX_PAGER_VMO_DIRTY || packet.page_request.offset != ZERO * PAGE) {
    fail("%s: command %u at %#lx, not DIRTY of page %d", way, packet.page_request.command, packet.page_request.offset, ZERO);
  }
  OK(dirty(ZERO));
}

static void answer(int i) {
  if (needs_dirty(i)) {
    OK(dirty((uint64_t)i));
  } else {
    OK(supply((uint64_t)i, 1, 0x22));
  }
}

// --- The ways

static void silent(void) {
  zx_time_t since = zx_clock_get_monotonic();
  block();
  all_time_out(since);
  quiet();  // what timed out was withdrawn
}

static void forgets(void) {
  zx_time_t since = zx_clock_get_monotonic();
  block();
  take_all();
  all_time_out(since);
  quiet();
}

static void thread_killed(void) {
  zx_time_t since = zx_clock_get_monotonic();
  zx_handle_t thread = start(VICTIMS, take_and_forget, 0);
  block();
  while (state_of(thread) != ZX_THREAD_STATE_BLOCKED_PORT) {
    zx_nanosleep(zx_deadline_after(ZX_USEC(200)));
  }
  OK(zx_task_kill(thread));
  OK(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, zx_deadline_after(PROMPT), NULL));
  OK(zx_handle_close(thread));
  all_time_out(since);
  quiet();
  // The pager lives: another thread may answer what is asked from now on.
  block();
  take_all();
  for (int i = 0; i < VICTIMS; i++) {
    answer(i);
  }
  go_on();
  all_get(ZX_OK, PROMPT);
}

static void port_closed(void) {
  zx_time_t since = zx_clock_get_monotonic();
  block();
  OK(zx_handle_close(port));
  port = ZX_HANDLE_INVALID;
  for (int i = 0; i < VICTIMS; i++) {
    if (state_of(victims[i].thread) != ZX_THREAD_STATE_BLOCKED_PAGER) {
      fail("port: the closed port woke %s", kinds[i]);
    }
  }
  all_time_out(since);
  // No packet can come any more, but detach still ends what waits.
  block();
  OK(zx_pager_detach_vmo(pager, vmo));
  all_get(ZX_ERR_BAD_STATE, PROMPT);
}

static void late(void) {
  zx_time_t since = zx_clock_get_monotonic();
  block();
  take_all();
  all_time_out(since);
  for (int i = 0; i < VICTIMS; i++) {
    OK(refuse((uint64_t)i));  // nobody waits any more
    answer(i);
  }
  quiet();
  // The pages are there, pages 1 and 3 are dirty: nobody is asked.
  uint8_t byte = 0;
  for (uint64_t i = 0; i < PAGES; i++) {
    OK(zx_vmo_read(vmo, &byte, i * PAGE, 1));
    if (byte != (needs_dirty((int)i) ? 0x11 : 0x22)) {
      fail("late: page %lu reads %#x", i, byte);
    }
  }
  mapped[STORE * PAGE] = 0x44;
  OK(zx_vmo_write(vmo, &byte, WRITE * PAGE, 1));
  quiet();
}

static void twice(void) {
  block();
  take_all();
  for (int k = 0; k < 2; k++) {
    for (int i = 0; i < VICTIMS; i++) {
      if (needs_dirty(i)) {
        OK(dirty((uint64_t)i));
      } else {
        OK(supply((uint64_t)i, 1, k == 0 ? 0x22 : 0x99));
      }
    }
  }
  go_on();
  OK(dirty(ZERO));
  all_get(ZX_OK, PROMPT);
  for (int i = 0; i < VICTIMS; i++) {
    OK(refuse((uint64_t)i));
  }
  quiet();
  if (mapped[LOAD * PAGE] != 0x22 || mapped[STORE * PAGE] != 0x55 || mapped[WRITE * PAGE] != 0x55 || mapped[COMMIT * PAGE] != 0x22) {
    fail("twice: the second answer shows: %#x %#x %#x %#x", mapped[LOAD * PAGE], mapped[STORE * PAGE], mapped[WRITE * PAGE], mapped[COMMIT * PAGE]);
  }
}

static void reversed(void) {
  block();
  take_all();
  for (int i = VICTIMS - 1; i >= 0; i--) {
    answer(i);
  }
  go_on();
  all_get(ZX_OK, PROMPT);
  quiet();
}

static void pager_closed(void) {
  block();
  take_all();
  OK(zx_handle_close(pager));
  pager = ZX_HANDLE_INVALID;
  all_get(ZX_ERR_BAD_STATE, PROMPT);
  quiet();
  if (mapped[STORE * PAGE] != 0x11) {
    fail("pager: a page that was there reads %#x", mapped[STORE * PAGE]);
  }
}

static void detached(void) {
  block();
  OK(zx_pager_detach_vmo(pager, vmo));
  all_get(ZX_ERR_BAD_STATE, PROMPT);
  zx_port_packet_t packet;
  OK(zx_port_wait(port, zx_deadline_after(PROMPT), &packet));
  if (packet.page_request.command != ZX_PAGER_VMO_COMPLETE) {
    fail("detach: command %u before COMPLETE", packet.page_request.command);
  }
  quiet();
}

static void leavers(void) {
  block();
  for (int i = 0; i < VICTIMS; i++) {
    OK(zx_task_kill(victims[i].thread));
    release(i);
  }
  quiet();  // nothing was delivered, all is withdrawn
  block();
  take_all();
  for (int i = 0; i < VICTIMS; i++) {
    OK(zx_task_kill(victims[i].thread));
    release(i);
    answer(i);
  }
  quiet();
  for (uint64_t i = 0; i < PAGES; i++) {
    (void)mapped[i * PAGE];
  }
}

// child is the pager of the way `process`: it sends the VMO, takes all requests, says
// so, and holds them for ever.
static int child(void) {
  zx_handle_t channel = zx_start_handle(PA_HND(PA_USER0, 0)), sent;
  way = "process, the pager";
  make();
  OK(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &sent));
  OK(zx_channel_write(channel, 0, NULL, 0, &sent, 1));
  take_all();
  OK(zx_channel_write(channel, 0, "held", 4, NULL, 0));
  zx_port_packet_t packet;
  OK(zx_port_wait(port, ZX_TIME_INFINITE, &packet));
  return 1;
}

static void process_killed(void) {
  child_t c;
  OK(child_start("pager", &c));
  OK(zx_object_wait_one(c.channel, ZX_CHANNEL_READABLE, zx_deadline_after(PROMPT), NULL));
  OK(zx_channel_read(c.channel, 0, NULL, &vmo, 0, 1, NULL, NULL));
  map();
  block();
  char held[4];
  OK(zx_object_wait_one(c.channel, ZX_CHANNEL_READABLE, zx_deadline_after(PROMPT), NULL));
  OK(zx_channel_read(c.channel, 0, held, NULL, sizeof(held), 0, NULL, NULL));
  OK(zx_task_kill(c.process));
  all_get(ZX_ERR_BAD_STATE, PROMPT);
  int64_t code = 0;
  OK(child_wait(&c, zx_deadline_after(PROMPT), &code));
  if (code != ZX_TASK_RETCODE_SYSCALL_KILL) {
    fail("process: return code %ld", code);
  }
  child_close(&c);
  if (mapped[STORE * PAGE] != 0x11) {
    fail("process: a page that was there reads %#x", mapped[STORE * PAGE]);
  }
}

static const struct {
  const char* name;
  void (*run)(void);
} ways[] = {
    {"silent", silent}, {"forgets", forgets}, {"thread", thread_killed}, {"port", port_closed},
    {"late", late},     {"twice", twice},     {"order", reversed},       {"process", process_killed},
    {"pager", pager_closed}, {"detach", detached}, {"leavers", leavers},
};

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[0], "child") == 0) {
    return child();
  }
  if (argc < 2) {
    fail("usage: badpager SECONDS [WAY...]");
  }
  timeout = ZX_SEC((zx_duration_t)number("SECONDS", argv[1]));
  size_t done = 0;
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    bool wanted = argc == 2;
    for (int k = 2; k < argc; k++) {
      wanted = wanted || strcmp(argv[k], ways[i].name) == 0;
    }
    if (!wanted) {
      continue;
    }
    way = ways[i].name;
    zx_time_t started = zx_clock_get_monotonic();
    if (ways[i].run != process_killed) {
      make();
      map();
    }
    ways[i].run();
    unmake();
    printf("badpager %s: as it must be, in %ld ms\n", way, (zx_clock_get_monotonic() - started) / 1000000);
    done++;
  }
  if (done == 0 || (argc > 2 && done < (size_t)argc - 2)) {
    fail("badpager: no such way");
  }
  printf("badpager: %zu ways, all as they must be\n", done);
  return 0;
}
