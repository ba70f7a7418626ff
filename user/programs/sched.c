// sched: checks who gets the CPU, from ring 3: that threads which hand over to
// each other take no more than a fair share, and who makes long calls no less;
// that many who wake at one instant keep nobody away, that a sleep without length
// lets others run, and that whoever faults first is served first. Its figures are
// exact where instructions are counted (ICOUNT=1).
#include "checks.h"

static inline uint64_t now(void) { return (uint64_t)zx_clock_get_monotonic(); }

// --- Shares

static volatile bool stop;
static zx_handle_t ports[4];

// partner waits for a packet and answers it: two of them hand over all the time.
static void partner(uintptr_t from, uintptr_t to) {
  zx_port_packet_t packet = {.type = ZX_PKT_TYPE_USER};
  while (zx_port_wait(ports[from], ZX_TIME_INFINITE, &packet) == ZX_OK && !stop) {
    zx_port_queue(ports[to], &packet);
  }
  zx_port_queue(ports[to], &packet);  // so that the other one ends too
  zx_thread_exit();
}

#define TICK ZX_MSEC(2)

// spin counts how often the clock can be read within a quarter of a second, and tells for how
// long it stood still at most.
static uint64_t spin(uint64_t* longest) {
  uint64_t start = now(), at = start, reads = 0;
  for (*longest = 0; at - start < ZX_MSEC(250); reads++) {
    uint64_t next = now();
    if (next - at > *longest) *longest = next - at;
    at = next;
  }
  return reads;
}

// shares runs two pairs of partners beside this thread, which spins: a third of
// the CPU is fair.
static void shares(void) {
  zx_port_packet_t packet = {.type = ZX_PKT_TYPE_USER};
  zx_handle_t threads[4];
  for (int i = 0; i < 4; i++) CHECK(zx_port_create(0, &ports[i]), ZX_OK);
  for (int i = 0; i < 4; i++) threads[i] = thread_new(partner, i, i ^ 1);
  CHECK(zx_port_queue(ports[0], &packet), ZX_OK);
  CHECK(zx_port_queue(ports[2], &packet), ZX_OK);
  uint64_t longest, reads = spin(&longest);
  stop = true;
  for (int i = 0; i < 4; i++) thread_join(threads[i]);
  for (int i = 0; i < 4; i++) CHECK(zx_handle_close(ports[i]), ZX_OK);
  uint64_t unused, share = reads * 1000 / spin(&unused);
  printf("a spinner beside two pairs: %lu.%lu %% of the CPU, away for %lu us at most\n", share / 10, share % 10, longest / 1000);
  CHECK(share >= 300 && share <= 367, true);
  CHECK(longest <= 5 * TICK, true);
}

static zx_handle_t none[65536];

static void caller(uintptr_t a, uintptr_t b) {
  (void)a, (void)b;
  while (!stop) zx_handle_close_many(none, sizeof(none) / sizeof(none[0]));
  zx_thread_exit();
}

// calls runs a thread that is in long calls beside this one, which spins: half of
// the CPU is fair.
static void calls(void) {
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) none[i] = 3;  // no handle
  stop = false;
  zx_handle_t t = thread_new(caller, 0, 0);
  uint64_t longest, reads = spin(&longest), unused;
  stop = true;
  thread_join(t);
  uint64_t share = reads * 1000 / spin(&unused);
  printf("a spinner beside long calls: %lu.%lu %% of the CPU, away for %lu us at most\n", share / 10, share % 10, longest / 1000);
  CHECK(share >= 400 && share <= 600, true);
  CHECK(longest <= 5 * TICK, true);
}

// --- Sleep

enum { SLEEPERS = 1500, TIMERS = 15000 };
static zx_handle_t alarms[TIMERS];
static uint8_t pillows[SLEEPERS][256] __attribute__((aligned(16)));
static volatile uint32_t awake;

static void sleeper(uintptr_t until, uintptr_t b) {
  (void)b;
  zx_nanosleep((zx_time_t)until);
  __atomic_add_fetch(&awake, 1, __ATOMIC_SEQ_CST);
  zx_thread_exit();
}

// instant has many threads sleep, and many timers set, until one instant.
static void instant(void) {
  zx_time_t at = zx_deadline_after(ZX_MSEC(200));
  zx_handle_t last = 0;
  for (int i = 0; i < TIMERS; i++) {
    CHECK(zx_timer_create(0, ZX_CLOCK_MONOTONIC, &alarms[i]), ZX_OK);
    CHECK(zx_timer_set(alarms[i], at, 0), ZX_OK);
  }
  for (int i = 0; i < SLEEPERS; i++) {
    if (last) CHECK(zx_handle_close(last), ZX_OK);
    CHECK(zx_thread_create(zx_process_self(), "sleeper", 7, 0, &last), ZX_OK);
    CHECK(zx_thread_start(last, (zx_vaddr_t)sleeper, (zx_vaddr_t)pillows[i] + sizeof(pillows[i]) - 8, (uintptr_t)at, 0), ZX_OK);
  }
  until_state(last, ZX_THREAD_STATE_BLOCKED_SLEEPING);
  CHECK(now() < (uint64_t)at, true);
  uint64_t longest;
  spin(&longest);
  CHECK(awake, SLEEPERS);
  CHECK(zx_handle_close(last), ZX_OK);
  for (int i = 0; i < TIMERS; i++) CHECK(zx_object_wait_one(alarms[i], ZX_TIMER_SIGNALED, SOON, NULL), ZX_OK);
  for (int i = 0; i < TIMERS; i++) CHECK(zx_handle_close(alarms[i]), ZX_OK);
  printf("a spinner while %d threads and %d timers end at one instant: away for %lu us at most\n", SLEEPERS, TIMERS, longest / 1000);
  CHECK(longest <= 10 * TICK, true);
}

static volatile bool ran;

static void runner(uintptr_t a, uintptr_t b) {
  (void)a, (void)b;
  ran = true;
  zx_thread_exit();
}

static void yields(void) {
  zx_handle_t t = thread_new(runner, 0, 0);
  CHECK(ran, false);
  CHECK(zx_nanosleep(0), ZX_OK);
  CHECK(ran, true);
  thread_join(t);
  ran = false;
  t = thread_new(runner, 0, 0);
  CHECK(zx_nanosleep(ZX_TIME_INFINITE_PAST), ZX_OK);
  CHECK(ran, true);
  thread_join(t);
}

// --- Order

enum { FAULTS = 4000, PAGE = 4096 };
static uint8_t small[FAULTS][256] __attribute__((aligned(16)));
static uint8_t* base;
static uint32_t order[FAULTS], arrival[FAULTS];
static volatile uint32_t turn;

static void toucher(uintptr_t i, uintptr_t unused) {
  (void)unused;
  (void)*(volatile uint8_t*)(base + i * 2 * PAGE);
  order[i] = turn++;
  zx_thread_exit();
}

// order_kept has FAULTS threads fault at once on one pager, which is this thread.
static void order_kept(void) {
  zx_handle_t pager, port, vmo, aux, last = 0;
  const uint64_t size = 2ul * FAULTS * PAGE;
  CHECK(zx_pager_create(0, &pager), ZX_OK);
  CHECK(zx_port_create(0, &port), ZX_OK);
  CHECK(zx_pager_create_vmo(pager, 0, port, 1, size, &vmo), ZX_OK);
  CHECK(zx_vmo_create(PAGE, 0, &aux), ZX_OK);
  CHECK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, vmo, 0, size, (zx_vaddr_t*)&base), ZX_OK);
  for (int i = 0; i < FAULTS; i++) {
    if (last) CHECK(zx_handle_close(last), ZX_OK);
    CHECK(zx_thread_create(zx_process_self(), "toucher", 7, 0, &last), ZX_OK);
    CHECK(zx_thread_start(last, (zx_vaddr_t)toucher, (zx_vaddr_t)small[i] + sizeof(small[i]) - 8, i, 0), ZX_OK);
  }
  until_state(last, ZX_THREAD_STATE_BLOCKED_PAGER);
  for (uint64_t i = 0; i < FAULTS; i++) {
    zx_port_packet_t packet;
    CHECK(zx_port_wait(port, SOON, &packet), ZX_OK);
    arrival[i] = (uint32_t)(packet.page_request.offset / (2 * PAGE));
    CHECK(zx_pager_supply_pages(pager, vmo, packet.page_request.offset, PAGE, aux, 0), ZX_OK);
  }
  while (turn < FAULTS) zx_nanosleep(0);
  thread_join(last);
  // A thread may be preempted between its fault and its count, and falls behind.
  uint32_t wrong = 0;
  for (uint32_t i = 1; i < FAULTS; i++) wrong += order[arrival[i]] < order[arrival[i - 1]];
  printf("%u of %u threads were overtaken by the next\n", wrong, FAULTS);
  CHECK(wrong <= 40, true);
  CHECK(zx_handle_close(vmo), ZX_OK);
  CHECK(zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)base, size), ZX_OK);
  CHECK(zx_handle_close(pager), ZX_OK);
  CHECK(zx_handle_close(port), ZX_OK);
  CHECK(zx_handle_close(aux), ZX_OK);
}

static const struct {
  const char* name;
  void (*run)(void);
} checks[] = {{"shares", shares}, {"calls", calls}, {"instant", instant}, {"yields", yields}, {"order", order_kept}};

int main(int argc, char** argv) {
  (void)argc, (void)argv;
  for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
    int before = failures;
    running = checks[i].name;
    checks[i].run();
    printf("sched: %s %s\n", running, failures == before ? "holds" : "FAILS");
  }
  return failures == 0 ? 0 : 1;
}
