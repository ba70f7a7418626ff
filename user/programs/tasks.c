// tasks: checks threads, processes, exceptions, suspends, futexes and channels
// from ring 3, end to end: "tasks" runs every check, "tasks NAME..." those
// named. Exit code 0 says that all held.
#include "checks.h"

static void leave(uintptr_t a, uintptr_t b) {
  (void)a;
  (void)b;
  zx_thread_exit();
}

// --- Exceptions

__attribute__((noinline)) static void store_at(uintptr_t at, uintptr_t value) {
  *(volatile uint8_t*)at = (uint8_t)value;
  zx_thread_exit();
}

static void jump_to(uintptr_t at, uintptr_t unused) {
  (void)unused;
  __asm__ volatile("jmp *%0" : : "r"(at));
  __builtin_unreachable();
}

#define BAD 0x7ffffff00123ul  // maps nothing

static void exceptions(void) {
  zx_exception_info_t info;
  zx_exception_report_t report;
  zx_thread_state_general_regs_t regs;
  zx_handle_t t, channel, x, h;

  // The thread's own channel: the report, the registers, going on elsewhere.
  CHECK(zx_thread_create(zx_process_self(), "bad", 3, 0, &t), ZX_OK);
  CHECK(zx_task_create_exception_channel(t, 0, &channel), ZX_OK);
  CHECK(zx_task_create_exception_channel(t, 0, &h), ZX_ERR_ALREADY_BOUND);
  CHECK(zx_thread_start(t, (zx_vaddr_t)store_at, (zx_vaddr_t)(stacks[0] + sizeof(stacks[0])) - 8, BAD, 1), ZX_OK);
  x = take(channel, &info);
  CHECK(info.pid, koid_of(zx_process_self()));
  CHECK(info.tid, koid_of(t));
  CHECK(info.type, ZX_EXCP_FATAL_PAGE_FAULT);
  CHECK(thread_info(t).state, ZX_THREAD_STATE_BLOCKED_EXCEPTION);
  CHECK(thread_info(t).wait_exception_channel_type, ZX_EXCEPTION_CHANNEL_TYPE_THREAD);
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL), ZX_OK);
  CHECK(report.header.type, ZX_EXCP_FATAL_PAGE_FAULT);
  CHECK(report.header.size, 40);
  CHECK(report.context.arch.u.x86_64.cr2, BAD);
  CHECK(report.context.arch.u.x86_64.vector, 14);
  CHECK(report.context.arch.u.x86_64.err_code, 6);
  CHECK((int32_t)report.context.synth_code, ZX_ERR_NOT_FOUND);
  CHECK(zx_exception_get_process(x, &h), ZX_ERR_ACCESS_DENIED);
  CHECK(zx_exception_get_thread(x, &h), ZX_OK);
  CHECK(koid_of(h), koid_of(t));
  CHECK(zx_handle_close(h), ZX_OK);
  CHECK(zx_thread_read_state(t, 0, &regs, sizeof(regs)), ZX_OK);
  CHECK(regs.rdi, BAD);
  uint64_t at = regs.rip;
  CHECK(at - (uint64_t)store_at < 64, true);
  regs.rip = (uint64_t)leave;
  CHECK(zx_thread_write_state(t, 0, &regs, sizeof(regs)), ZX_OK);
  decide(x, ZX_EXCEPTION_STATE_HANDLED);
  CHECK(zx_object_wait_one(channel, ZX_CHANNEL_PEER_CLOSED, SOON, NULL), ZX_OK);
  CHECK(zx_task_create_exception_channel(t, 0, &h), ZX_ERR_BAD_STATE);
  thread_join(t);
  CHECK(zx_handle_close(channel), ZX_OK);

  // Handled without a change: the same access again. Then THREAD_EXIT.
  zx_handle_t process_channel;
  CHECK(zx_task_create_exception_channel(zx_process_self(), 0, &process_channel), ZX_OK);
  t = thread_new(store_at, BAD, 1);
  for (int i = 0; i < 3; i++) {
    x = take(process_channel, &info);
    CHECK(thread_info(t).wait_exception_channel_type, ZX_EXCEPTION_CHANNEL_TYPE_PROCESS);
    CHECK(zx_exception_get_process(x, &h), ZX_OK);
    CHECK(koid_of(h), koid_of(zx_process_self()));
    CHECK(zx_handle_close(h), ZX_OK);
    decide(x, i < 2 ? ZX_EXCEPTION_STATE_HANDLED : ZX_EXCEPTION_STATE_THREAD_EXIT);
  }
  thread_join(t);

  // A thread that is sent where no address is faults there again and again, and
  // never takes the kernel along.
  t = thread_new(jump_to, 1ul << 63, 0);
  for (int i = 0; i < 3; i++) {
    x = take(process_channel, &info);
    CHECK(info.type, ZX_EXCP_GENERAL);
    decide(x, i < 2 ? ZX_EXCEPTION_STATE_HANDLED : ZX_EXCEPTION_STATE_THREAD_EXIT);
  }
  thread_join(t);

  // Debugger first, then thread, process, debugger again, job.
  static const uint32_t order[] = {ZX_EXCEPTION_CHANNEL_TYPE_DEBUGGER, ZX_EXCEPTION_CHANNEL_TYPE_THREAD,
                                   ZX_EXCEPTION_CHANNEL_TYPE_PROCESS, ZX_EXCEPTION_CHANNEL_TYPE_DEBUGGER,
                                   ZX_EXCEPTION_CHANNEL_TYPE_JOB};
  zx_handle_t debugger, own, job;
  CHECK(zx_task_create_exception_channel(zx_process_self(), ZX_EXCEPTION_CHANNEL_DEBUGGER, &debugger), ZX_OK);
  CHECK(zx_task_create_exception_channel(zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)), 0, &job), ZX_OK);
  CHECK(zx_thread_create(zx_process_self(), "bad", 3, 0, &t), ZX_OK);
  CHECK(zx_task_create_exception_channel(t, 0, &own), ZX_OK);
  CHECK(zx_thread_start(t, (zx_vaddr_t)store_at, (zx_vaddr_t)(stacks[0] + sizeof(stacks[0])) - 8, BAD, 1), ZX_OK);
  zx_handle_t channels[] = {debugger, own, process_channel, debugger, job};
  for (int i = 0; i < 5; i++) {
    uint32_t again = 1;
    x = take(channels[i], &info);
    CHECK(thread_info(t).wait_exception_channel_type, order[i]);
    CHECK(zx_object_set_property(x, ZX_PROP_EXCEPTION_STRATEGY, &again, sizeof(again)),
          order[i] == ZX_EXCEPTION_CHANNEL_TYPE_DEBUGGER ? ZX_OK : ZX_ERR_BAD_STATE);
    if (i == 4) {
      decide(x, ZX_EXCEPTION_STATE_THREAD_EXIT);
    } else {
      CHECK(zx_handle_close(x), ZX_OK);  // TRY_NEXT
    }
  }
  thread_join(t);
  zx_handle_close_many((zx_handle_t[]){debugger, own, job}, 3);
  CHECK(zx_handle_close(process_channel), ZX_OK);
}

static volatile zx_status_t full;

static void queue_one(uintptr_t port, uintptr_t unused) {
  (void)unused;
  zx_port_packet_t packet = {0};
  full = zx_port_queue((zx_handle_t)port, &packet);
  zx_thread_exit();
}

static void policy(void) {
  zx_exception_info_t info;
  zx_exception_report_t report;
  zx_handle_t port, channel;
  CHECK(zx_port_create(0, &port), ZX_OK);
  zx_port_packet_t packet = {0};
  for (int i = 0; i < 4096; i++) {
    zx_status_t st = zx_port_queue(port, &packet);
    if (st != ZX_OK) {
      CHECK(st, ZX_OK);
    }
  }
  CHECK(zx_task_create_exception_channel(zx_process_self(), 0, &channel), ZX_OK);
  full = 1;
  zx_handle_t t = thread_new(queue_one, port, 0);
  zx_handle_t x = take(channel, &info);
  CHECK(info.type, ZX_EXCP_POLICY_ERROR);
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL), ZX_OK);
  CHECK(report.context.synth_code, 17);
  decide(x, ZX_EXCEPTION_STATE_HANDLED);
  thread_join(t);
  CHECK(full, ZX_ERR_SHOULD_WAIT);
  CHECK(zx_handle_close(port), ZX_OK);
  CHECK(zx_handle_close(channel), ZX_OK);
}

// --- Suspends

static volatile uint64_t spins;
static volatile bool stop;

static void spin(uintptr_t a, uintptr_t b) {
  (void)a;
  (void)b;
  while (!stop) {
    spins++;
  }
  zx_thread_exit();
}

static void sleep_long(uintptr_t deadline, uintptr_t unused) {
  (void)unused;
  zx_nanosleep((zx_time_t)deadline);
  zx_thread_exit();
}

static void wait_for(uintptr_t event, uintptr_t expect) {
  CHECK(zx_object_wait_one((zx_handle_t)event, ZX_EVENT_SIGNALED, SOON, NULL), (zx_status_t)expect);
  zx_thread_exit();
}

static void suspends(void) {
  zx_thread_state_general_regs_t regs;
  zx_handle_t token, second;
  stop = false;
  zx_handle_t t = thread_new(spin, 0, 0);
  CHECK(zx_thread_read_state(t, 0, &regs, sizeof(regs)), ZX_ERR_BAD_STATE);
  CHECK(zx_task_suspend(zx_thread_self(), &token), ZX_ERR_NOT_SUPPORTED);
  CHECK(zx_task_suspend(zx_process_self(), &token), ZX_ERR_NOT_SUPPORTED);
  CHECK(zx_task_suspend(t, &token), ZX_OK);
  CHECK(zx_task_suspend_token(t, &second), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(thread_info(t).state, ZX_THREAD_STATE_SUSPENDED);
  CHECK(zx_thread_read_state(t, 0, &regs, sizeof(regs)), ZX_OK);
  CHECK(regs.rip - (uint64_t)spin < 64, true);
  regs.rsp |= 1ul << 63;
  regs.rip |= 1ul << 63;
  CHECK(zx_thread_write_state(t, 0, &regs, sizeof(regs)), ZX_ERR_INVALID_ARGS);
  uint64_t before = spins;
  zx_nanosleep(zx_deadline_after(ZX_MSEC(20)));
  CHECK(spins, before);
  CHECK(zx_handle_close(token), ZX_OK);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(20)));
  CHECK(spins, before);
  CHECK(zx_handle_close(second), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_RUNNING, SOON, NULL), ZX_OK);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(20)));
  CHECK(spins != before, true);
  stop = true;
  thread_join(t);

  // A thread suspended before it starts makes no step.
  zx_handle_t early;
  stop = false;
  CHECK(zx_thread_create(zx_process_self(), "early", 5, 0, &early), ZX_OK);
  CHECK(zx_task_suspend(early, &token), ZX_OK);
  before = spins;
  CHECK(zx_thread_start(early, (zx_vaddr_t)spin, (zx_vaddr_t)(stacks[0] + sizeof(stacks[0])) - 8, 0, 0), ZX_OK);
  CHECK(zx_object_wait_one(early, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_thread_read_state(early, 0, &regs, sizeof(regs)), ZX_OK);
  CHECK(regs.rip, (uint64_t)spin);
  CHECK(spins, before);
  // Where it may be sent: user space, mapped or not.
  static const struct {
    uint64_t rip;
    zx_status_t st;
  } rips[] = {{0, ZX_OK}, {0x7fffffffefff, ZX_OK}, {0x7ffffffff000, ZX_ERR_INVALID_ARGS}, {0x800000000000, ZX_ERR_INVALID_ARGS},
              {1ul << 55, ZX_ERR_INVALID_ARGS}, {0xffffff8000000000, ZX_ERR_INVALID_ARGS}};
  for (size_t i = 0; i < sizeof(rips) / sizeof(rips[0]); i++) {
    zx_thread_state_general_regs_t elsewhere = regs;
    elsewhere.rip = rips[i].rip;
    CHECK(zx_thread_write_state(early, 0, &elsewhere, sizeof(elsewhere)), rips[i].st);
  }
  CHECK(zx_thread_write_state(early, 0, &regs, sizeof(regs)), ZX_OK);
  CHECK(zx_handle_close(token), ZX_OK);
  stop = true;
  thread_join(early);

  // In a call RAX says that it is to be made again, however often; another value ends it.
  zx_handle_t event;
  CHECK(zx_event_create(0, &event), ZX_OK);
  for (int i = 0; i < 2; i++) {
    t = thread_new(wait_for, event, i == 0 ? (uintptr_t)ZX_OK : (uintptr_t)ZX_ERR_CANCELED);
    for (int times = 3; times > 0; times--) {
      until_state(t, ZX_THREAD_STATE_BLOCKED_WAIT_ONE);
      CHECK(zx_task_suspend(t, &token), ZX_OK);
      CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
      CHECK(zx_thread_read_state(t, 0, &regs, sizeof(regs)), ZX_OK);
      CHECK(regs.rax, (uint64_t)-6l);
      if (times > 1) CHECK(zx_handle_close(token), ZX_OK);
    }
    if (i == 1) {
      regs.rax = (uint64_t)(int64_t)ZX_ERR_CANCELED;
      CHECK(zx_thread_write_state(t, 0, &regs, sizeof(regs)), ZX_OK);
    }
    CHECK(zx_handle_close(token), ZX_OK);
    if (i == 0) {
      until_state(t, ZX_THREAD_STATE_BLOCKED_WAIT_ONE);
      CHECK(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
    }
    thread_join(t);
    CHECK(zx_object_signal(event, ZX_EVENT_SIGNALED, 0), ZX_OK);
  }
  CHECK(zx_handle_close(event), ZX_OK);

  // A sleep goes on after a suspend; a kill ends it.
  t = thread_new(sleep_long, (uintptr_t)ZX_TIME_INFINITE, 0);
  until_state(t, ZX_THREAD_STATE_BLOCKED_SLEEPING);
  CHECK(zx_task_suspend(t, &token), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_handle_close(token), ZX_OK);
  until_state(t, ZX_THREAD_STATE_BLOCKED_SLEEPING);
  CHECK(zx_task_suspend(t, &token), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_task_kill(t), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(zx_task_suspend(t, &second), ZX_ERR_BAD_STATE);
  CHECK(zx_handle_close(token), ZX_OK);
  thread_join(t);
}

// --- Deadlines

static void break_on(uintptr_t a, uintptr_t b) {
  (void)a, (void)b;
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
    __asm__ volatile("int3");
  }
  zx_thread_exit();
}

// stands checks that the registers of a thread can be had as soon as anybody can know
// that it has stopped, though the one who looks runs on another CPU, and that a wake-up
// for nothing does not change that.
static void stands(void) {
  const int rounds = zx_system_get_num_cpus() > 1 ? 300 : 30;  // with one, looking is waiting for a tick
  zx_thread_state_general_regs_t regs;
  zx_exception_info_t info;
  zx_handle_t t, channel, x, token;
  uint32_t handled = ZX_EXCEPTION_STATE_HANDLED;

  stop = false;
  CHECK(zx_task_create_exception_channel(zx_process_self(), 0, &channel), ZX_OK);
  t = thread_new(break_on, 0, 0);
  for (int i = 0; i < rounds && failures == 0; i++) {
    while (zx_channel_read(channel, 0, &info, &x, sizeof(info), 1, NULL, NULL) == ZX_ERR_SHOULD_WAIT) {
    }
    CHECK(zx_thread_read_state(t, 0, &regs, sizeof(regs)), ZX_OK);
    CHECK(zx_task_suspend(t, &token), ZX_OK);
    CHECK(zx_handle_close(token), ZX_OK);
    CHECK(zx_thread_write_state(t, 0, &regs, sizeof(regs)), ZX_OK);
    CHECK(thread_info(t).state, ZX_THREAD_STATE_BLOCKED_EXCEPTION);
    __atomic_store_n(&stop, i + 1 == rounds, __ATOMIC_RELEASE);
    CHECK(zx_object_set_property(x, ZX_PROP_EXCEPTION_STATE, &handled, sizeof(handled)), ZX_OK);
    CHECK(zx_handle_close(x), ZX_OK);
  }
  thread_join(t);
  zx_handle_close(channel);

  stop = false;
  t = thread_new(spin, 0, 0);
  for (int i = 0; i < rounds && failures == 0; i++) {
    CHECK(zx_task_suspend(t, &token), ZX_OK);
    while (zx_object_wait_one(t, ZX_THREAD_SUSPENDED, 0, NULL) == ZX_ERR_TIMED_OUT) {
    }
    CHECK(zx_thread_read_state(t, 0, &regs, sizeof(regs)), ZX_OK);
    CHECK(zx_handle_close(token), ZX_OK);
    CHECK(zx_object_wait_one(t, ZX_THREAD_RUNNING, SOON, NULL), ZX_OK);
  }
  stop = true;
  thread_join(t);
}

static void poll(uintptr_t deadline, uintptr_t event) {
  zx_wait_item_t item = {(zx_handle_t)event, ZX_EVENT_SIGNALED, 0};
  zx_port_packet_t packet;
  zx_futex_t word = 0;
  zx_handle_t port;
  CHECK(zx_port_create(0, &port), ZX_OK);
  CHECK(zx_port_wait(port, (zx_time_t)deadline, &packet), ZX_ERR_TIMED_OUT);
  CHECK(zx_object_wait_one((zx_handle_t)event, ZX_EVENT_SIGNALED, (zx_time_t)deadline, NULL), ZX_ERR_TIMED_OUT);
  CHECK(zx_object_wait_many(&item, 1, (zx_time_t)deadline), ZX_ERR_TIMED_OUT);
  CHECK(zx_futex_wait(&word, 0, ZX_HANDLE_INVALID, (zx_time_t)deadline), ZX_ERR_TIMED_OUT);
  CHECK(zx_nanosleep((zx_time_t)deadline), ZX_OK);
  CHECK(zx_handle_close(port), ZX_OK);
  zx_thread_exit();
}

static zx_futex_t gate, never;

static void wait_twice(uintptr_t deadline, uintptr_t unused) {
  (void)unused;
  zx_status_t st = zx_futex_wait(&gate, 0, ZX_HANDLE_INVALID, (zx_time_t)deadline);
  CHECK(st == ZX_OK || st == ZX_ERR_TIMED_OUT, true);
  zx_time_t end = zx_deadline_after(ZX_MSEC(300));
  CHECK(zx_futex_wait(&never, 0, ZX_HANDLE_INVALID, end), ZX_ERR_TIMED_OUT);
  CHECK(zx_clock_get_monotonic() >= end, true);
  zx_thread_exit();
}

static void deadlines(void) {
  // One in the past is a poll, however long past.
  static const zx_time_t past[] = {ZX_TIME_INFINITE_PAST, ZX_TIME_INFINITE_PAST + ZX_SEC(1), -ZX_SEC(10), -1, 0};
  zx_handle_t event;
  CHECK(zx_event_create(0, &event), ZX_OK);
  for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
    thread_join(thread_new(poll, (uintptr_t)past[i], event));
  }
  CHECK(zx_handle_close(event), ZX_OK);

  // Threads woken just after a deadline do not end their next wait by it.
  zx_handle_t t[THREADS];
  zx_time_t end = zx_deadline_after(ZX_MSEC(30));
  for (int i = 0; i < THREADS; i++) {
    t[i] = thread_new(wait_twice, (uintptr_t)end, 0);
  }
  while (zx_clock_get_monotonic() < end + ZX_USEC(30)) {
  }
  CHECK(zx_futex_wake(&gate, THREADS), ZX_OK);
  for (int i = 0; i < THREADS; i++) {
    thread_join(t[i]);
  }
}

// --- Segment bases and names

static void properties(void) {
  char name[ZX_MAX_NAME_LEN];
  static uint64_t there = 0x1234567890abcdef;
  uint64_t base = (uint64_t)&there - 8, got = 0, back = 0, wrong = 1ul << 63;
  zx_handle_t self = zx_thread_self();
  CHECK(zx_object_get_property(self, ZX_PROP_REGISTER_FS, &back, 8), ZX_OK);
  CHECK(zx_object_set_property(self, ZX_PROP_REGISTER_FS, &base, 8), ZX_OK);
  __asm__ volatile("mov %%fs:8, %0" : "=r"(got));
  CHECK(got, there);
  CHECK(zx_object_set_property(self, ZX_PROP_REGISTER_FS, &wrong, 8), ZX_ERR_INVALID_ARGS);
  CHECK(zx_object_set_property(self, ZX_PROP_REGISTER_FS, &back, 8), ZX_OK);
  CHECK(zx_object_set_property(self, ZX_PROP_REGISTER_GS, &base, 8), ZX_OK);
  got = 0;
  __asm__ volatile("mov %%gs:8, %0" : "=r"(got));
  CHECK(got, there);
  CHECK(zx_object_get_property(self, ZX_PROP_REGISTER_GS, &back, 8), ZX_OK);
  CHECK(back, base);
  CHECK(zx_object_set_property(self, ZX_PROP_NAME, "first of all", 12), ZX_OK);
  CHECK(zx_object_get_property(self, ZX_PROP_NAME, name, sizeof(name)), ZX_OK);
  CHECK(strcmp(name, "first of all"), 0);
}

// --- Futexes

static zx_futex_t lock_word;
static uint64_t counter;

static void lock(void) {
  int32_t seen = 0;
  if (__atomic_compare_exchange_n(&lock_word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    return;
  }
  while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_ACQUIRE) != 0) {
    zx_status_t st = zx_futex_wait(&lock_word, 2, ZX_HANDLE_INVALID, SOON);
    if (st != ZX_OK && st != ZX_ERR_BAD_STATE) {
      CHECK(st, ZX_OK);
    }
  }
}

static void unlock(void) {
  if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_RELEASE) == 2) {
    CHECK(zx_futex_wake(&lock_word, 1), ZX_OK);
  }
}

static void count_up(uintptr_t times, uintptr_t unused) {
  (void)unused;
  for (uintptr_t i = 0; i < times; i++) {
    lock();
    uint64_t seen = counter;
    if (i % 64 == 0) {
      zx_nanosleep(0);  // hold it across a switch
    }
    counter = seen + 1;
    unlock();
  }
  zx_thread_exit();
}

static zx_futex_t here, there;
static volatile int woken;

static void wait_here(uintptr_t deadline, uintptr_t expect) {
  CHECK(zx_futex_wait(&here, 0, ZX_HANDLE_INVALID, (zx_time_t)deadline), (zx_status_t)expect);
  __atomic_add_fetch(&woken, 1, __ATOMIC_RELAXED);
  zx_thread_exit();
}

static void futexes(void) {
  zx_handle_t t[4];
  counter = 0;
  for (int i = 0; i < 4; i++) {
    t[i] = thread_new(count_up, 5000, 0);
  }
  for (int i = 0; i < 4; i++) {
    thread_join(t[i]);
  }
  CHECK(counter, 20000);
  CHECK(zx_futex_wait(&here, 1, ZX_HANDLE_INVALID, SOON), ZX_ERR_BAD_STATE);
  CHECK(zx_futex_wait(&here, 0, ZX_HANDLE_INVALID, zx_deadline_after(ZX_MSEC(1))), ZX_ERR_TIMED_OUT);
  CHECK(zx_futex_wait(NULL, 0, ZX_HANDLE_INVALID, SOON), ZX_ERR_INVALID_ARGS);
  for (int i = 0; i < 4; i++) {
    t[i] = thread_new(wait_here, (uintptr_t)SOON, (uintptr_t)ZX_OK);
    until_state(t[i], ZX_THREAD_STATE_BLOCKED_FUTEX);
  }
  CHECK(zx_futex_wake(&here, 1), ZX_OK);
  thread_join(t[0]);  // the oldest
  CHECK(woken, 1);
  CHECK(zx_futex_requeue(&here, 1, 0, &there, 1, ZX_HANDLE_INVALID), ZX_OK);
  thread_join(t[1]);
  CHECK(zx_futex_wake(&here, 10), ZX_OK);
  thread_join(t[3]);
  CHECK(woken, 3);
  CHECK(zx_futex_wake(&there, 10), ZX_OK);
  thread_join(t[2]);
}

// --- Channels

static void serve(uintptr_t channel, uintptr_t messages) {
  char buffer[64];
  for (uintptr_t i = 0; i < messages; i++) {
    uint32_t bytes = 0;
    CHECK(zx_object_wait_one((zx_handle_t)channel, ZX_CHANNEL_READABLE, SOON, NULL), ZX_OK);
    CHECK(zx_channel_read((zx_handle_t)channel, 0, buffer, NULL, sizeof(buffer), 0, &bytes, NULL), ZX_OK);
    buffer[4]++;
    CHECK(zx_channel_write((zx_handle_t)channel, 0, buffer, bytes, NULL, 0), ZX_OK);
  }
  zx_thread_exit();
}

static void call(uintptr_t channel, uintptr_t expect) {
  char out[8] = "....x", in[8] = {0};
  uint32_t bytes, handles;
  zx_channel_call_args_t args = {.wr_bytes = out, .wr_num_bytes = 8, .rd_bytes = in, .rd_num_bytes = 8};
  CHECK(zx_channel_call((zx_handle_t)channel, 0, SOON, &args, &bytes, &handles), (zx_status_t)expect);
  if ((zx_status_t)expect == ZX_OK) {
    CHECK(in[4], 'y');
    CHECK(bytes, 8);
  }
  zx_thread_exit();
}

static void channels(void) {
  zx_handle_t a, b, e, back, token;
  CHECK(zx_channel_create(0, &a, &b), ZX_OK);
  CHECK(zx_event_create(0, &e), ZX_OK);
  zx_koid_t koid = koid_of(e);
  CHECK(zx_channel_write(a, 0, "take it", 8, &e, 1), ZX_OK);
  CHECK(zx_object_signal(e, 0, ZX_EVENT_SIGNALED), ZX_ERR_BAD_HANDLE);
  char text[8];
  uint32_t bytes, handles;
  CHECK(zx_channel_read(b, 0, text, &back, sizeof(text), 1, &bytes, &handles), ZX_OK);
  CHECK(strcmp(text, "take it"), 0);
  CHECK(koid_of(back), koid);
  CHECK(zx_handle_close(back), ZX_OK);

  zx_handle_t server = thread_new(serve, b, 2);
  zx_handle_t caller = thread_new(call, a, (uintptr_t)ZX_OK);
  thread_join(caller);
  // A suspended caller gets its answer all the same.
  CHECK(zx_task_suspend(server, &token), ZX_OK);
  CHECK(zx_object_wait_one(server, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  caller = thread_new(call, a, (uintptr_t)ZX_OK);
  until_state(caller, ZX_THREAD_STATE_BLOCKED_CHANNEL);
  zx_handle_t second;
  CHECK(zx_task_suspend(caller, &second), ZX_OK);
  CHECK(zx_object_wait_one(caller, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_handle_close(token), ZX_OK);
  thread_join(server);
  CHECK(zx_handle_close(second), ZX_OK);
  thread_join(caller);
  caller = thread_new(call, a, (uintptr_t)ZX_ERR_PEER_CLOSED);
  until_state(caller, ZX_THREAD_STATE_BLOCKED_CHANNEL);
  CHECK(zx_handle_close(b), ZX_OK);
  thread_join(caller);
  CHECK(zx_handle_close(a), ZX_OK);
}

static void signal_later(uintptr_t event, uintptr_t unused) {
  (void)unused;
  zx_nanosleep(zx_deadline_after(ZX_MSEC(5)));
  CHECK(zx_object_signal((zx_handle_t)event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  zx_thread_exit();
}

static void wait_many(void) {
  zx_wait_item_t items[3] = {0};
  for (int i = 0; i < 3; i++) {
    CHECK(zx_event_create(0, &items[i].handle), ZX_OK);
    items[i].waitfor = ZX_EVENT_SIGNALED;
  }
  CHECK(zx_object_wait_many(items, 3, zx_deadline_after(ZX_MSEC(1))), ZX_ERR_TIMED_OUT);
  zx_handle_t t = thread_new(signal_later, items[1].handle, 0);
  CHECK(zx_object_wait_many(items, 3, SOON), ZX_OK);
  CHECK(items[0].pending, 0);
  CHECK(items[1].pending, ZX_EVENT_SIGNALED);
  thread_join(t);
  CHECK(zx_object_wait_many(items, 3, ZX_TIME_INFINITE), ZX_OK);
  for (int i = 0; i < 3; i++) {
    CHECK(zx_handle_close(items[i].handle), ZX_OK);
  }
}

// --- Processes

static void processes(void) {
  child_t c;
  int64_t code = 1;
  zx_info_process_t info;
  zx_handle_t token, vmar, h;
  zx_vaddr_t start;
  char text[8];
  uint32_t bytes, handles;

  // A child that answers, then leaves.
  CHECK(child_start("echo", &c), ZX_OK);
  CHECK(zx_object_get_info(c.process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL), ZX_OK);
  CHECK(info.flags, ZX_INFO_PROCESS_FLAG_STARTED);
  zx_handle_t vmo;
  CHECK(zx_vmo_create(ZX_PAGE_SIZE, 0, &vmo), ZX_OK);
  CHECK(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &h), ZX_OK);
  CHECK(zx_channel_write(c.channel, 0, "write", 6, &h, 1), ZX_OK);
  CHECK(zx_object_wait_one(c.channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, SOON, NULL), ZX_OK);
  CHECK(zx_channel_read(c.channel, 0, text, NULL, sizeof(text), 0, &bytes, &handles), ZX_OK);
  CHECK(memcmp(text, "done", 4), 0);
  CHECK(zx_vmo_read(vmo, text, 100, 8), ZX_OK);
  CHECK(memcmp(text, "by child", 8), 0);
  CHECK(zx_handle_close(vmo), ZX_OK);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  CHECK(code, 42);
  CHECK(zx_object_get_info(c.process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL), ZX_OK);
  CHECK(info.flags, ZX_INFO_PROCESS_FLAG_STARTED | ZX_INFO_PROCESS_FLAG_EXITED);
  CHECK(zx_object_wait_one(c.channel, ZX_CHANNEL_PEER_CLOSED, SOON, NULL), ZX_OK);
  CHECK(thread_info(c.thread).state, ZX_THREAD_STATE_DEAD);
  child_close(&c);

  // Killed while it waits, while it is suspended, before it starts.
  CHECK(child_start("wait", &c), ZX_OK);
  until_state(c.thread, ZX_THREAD_STATE_BLOCKED_SLEEPING);
  CHECK(zx_task_kill(c.process), ZX_OK);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  CHECK(code, ZX_TASK_RETCODE_SYSCALL_KILL);
  CHECK(zx_task_kill(c.process), ZX_OK);
  child_close(&c);
  CHECK(child_start("wait", &c), ZX_OK);
  CHECK(zx_task_suspend(c.process, &token), ZX_OK);
  CHECK(zx_object_wait_one(c.thread, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_task_kill(c.process), ZX_OK);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  CHECK(zx_handle_close(token), ZX_OK);
  child_close(&c);
  CHECK(child_create("wait", &c, &vmar, &start), ZX_OK);
  CHECK(zx_thread_start(c.thread, (zx_vaddr_t)leave, start, 0, 0), ZX_ERR_BAD_STATE);
  CHECK(zx_task_kill(c.process), ZX_OK);
  CHECK(zx_object_wait_one(c.process, ZX_TASK_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(zx_object_wait_one(c.thread, ZX_TASK_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(zx_process_start(c.process, c.thread, (zx_vaddr_t)leave, start, ZX_HANDLE_INVALID, 0), ZX_ERR_BAD_STATE);
  CHECK(zx_handle_close(vmar), ZX_OK);
  child_close(&c);

  // Suspended and let go as a whole.
  CHECK(child_start("spin", &c), ZX_OK);
  for (int i = 0; i < 2; i++) {
    CHECK(zx_task_suspend(c.process, &token), ZX_OK);
    CHECK(zx_object_wait_one(c.thread, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
    CHECK(zx_handle_close(token), ZX_OK);
    CHECK(zx_object_wait_one(c.thread, ZX_THREAD_RUNNING, SOON, NULL), ZX_OK);
  }
  CHECK(zx_task_kill(c.process), ZX_OK);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  child_close(&c);

  // Dead of an exception, with and without a handler.
  printf("tasks: the kernel reports a death here:\n");
  CHECK(child_start("crash", &c), ZX_OK);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  CHECK(code, ZX_TASK_RETCODE_EXCEPTION_KILL);
  child_close(&c);
  zx_exception_info_t excp;
  zx_handle_t channel;
  CHECK(child_start("crash later", &c), ZX_OK);
  CHECK(zx_task_create_exception_channel(c.process, 0, &channel), ZX_OK);
  CHECK(zx_channel_write(c.channel, 0, "now", 4, NULL, 0), ZX_OK);
  zx_handle_t x = take(channel, &excp);
  CHECK(excp.pid, koid_of(c.process));
  CHECK(zx_task_kill(c.process), ZX_OK);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  CHECK(code, ZX_TASK_RETCODE_SYSCALL_KILL);
  CHECK(zx_handle_close(x), ZX_OK);
  CHECK(zx_handle_close(channel), ZX_OK);
  child_close(&c);
}

// play is main of a child.
static int play(const char* role) {
  zx_handle_t channel = zx_start_handle(PA_HND(PA_USER0, 0));
  if (strcmp(role, "echo") == 0) {
    char text[8];
    uint32_t bytes, handles;
    zx_handle_t vmo;
    zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL);
    if (zx_channel_read(channel, 0, text, &vmo, sizeof(text), 1, &bytes, &handles) != ZX_OK) {
      return 1;
    }
    zx_vaddr_t at;
    if (zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, ZX_PAGE_SIZE, &at) != ZX_OK) {
      return 2;
    }
    memcpy((char*)at + 100, "by child", 8);
    zx_channel_write(channel, 0, "done", 4, NULL, 0);
    return 42;
  }
  if (strcmp(role, "wait") == 0) {
    zx_nanosleep(ZX_TIME_INFINITE);
  }
  if (strcmp(role, "crash later") == 0) {
    zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL);
  }
  if (strncmp(role, "crash", 5) == 0) {
    store_at(BAD, 1);
  }
  stop = false;
  spin(0, 0);
  return 3;
}

static const struct {
  const char* name;
  void (*run)(void);
} checks[] = {
    {"exceptions", exceptions}, {"policy", policy},       {"suspends", suspends}, {"stands", stands}, {"deadlines", deadlines}, {"properties", properties},
    {"futexes", futexes},       {"channels", channels},   {"wait_many", wait_many}, {"processes", processes},
};

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[0], "child") == 0) {
    return play(argv[1]);
  }
  for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
    bool wanted = argc < 2;
    for (int k = 1; k < argc; k++) {
      wanted = wanted || strcmp(argv[k], checks[i].name) == 0;
    }
    if (wanted) {
      int before = failures;
      running = checks[i].name;
      checks[i].run();
      printf("tasks: %s %s\n", running, failures == before ? "holds" : "FAILS");
    }
  }
  return failures == 0 ? 0 : 1;
}
