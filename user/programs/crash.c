// crash WAY: dies in the way named. "crash" lists the ways, with how each ends;
// "crash all" dies of each in a process of its own and checks the report. (evil
// has the ways that should do nothing.)
#include <stdbool.h>

#include "child.h"

#define PAGE ((uint64_t)ZX_PAGE_SIZE)
#define SOON zx_deadline_after(ZX_SEC(30))
#define NON_CANONICAL 0x8000000000000000ul
#define NOWHERE 0x7ffffff00123ul  // no mapping

// Through these the compiler cannot look.
__attribute__((noinline)) static uint8_t load(uint64_t at) { return *(volatile uint8_t*)at; }
__attribute__((noinline)) static void store(uint64_t at) { *(volatile uint8_t*)at = 1; }
__attribute__((noinline)) static void jump(uint64_t at) { ((void (*)(void))at)(); }

static void must(zx_status_t st) {
  if (st != ZX_OK) {
    printf("crash: %s\n", zx_status_get_string(st));
    exit(1);
  }
}

// map gives an address of pages of the VMO.
static uint64_t map(zx_handle_t vmo, uint64_t pages, zx_vm_option_t options) {
  zx_vaddr_t at = 0;
  must(zx_vmar_map(zx_vmar_root_self(), options | ZX_VM_PERM_READ, 0, vmo, 0, pages * PAGE, &at));
  return at;
}

// paged makes a pager's VMO of one page; pager and port stay with the caller.
static zx_handle_t pager, port;
static zx_handle_t paged(void) {
  zx_handle_t vmo;
  must(zx_pager_create(0, &pager));
  must(zx_port_create(0, &port));
  must(zx_pager_create_vmo(pager, 0, port, 1, PAGE, &vmo));
  return vmo;
}

static void read_null(void) { load(0); }
static void read_kernel(void) { load(0x1001000); }
static void read_nowhere(void) { load(NOWHERE); }
static void write_nowhere(void) { store(NOWHERE); }
static void write_code(void) { store((uint64_t)&load); }
static void call_null(void) { jump(0); }
static void call_nowhere(void) { jump(NOWHERE); }
static void non_canonical(void) { load(NON_CANONICAL); }
static void undefined(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void single_step(void) { __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" : : : "memory", "cc"); }
static void do_abort(void) { abort(); }
static void divide(void) {
  uint32_t by = 0, high = 0, low = 1;
  __asm__ volatile("div %2" : "+a"(low), "+d"(high) : "r"(by));
}

static void call_data(void) {
  static uint8_t code[] = {0xc3};
  jump((uint64_t)code);
}

static void call_stack(void) {
  volatile uint8_t code[] = {0xc3};
  jump((uint64_t)code);
}

__attribute__((noinline)) static int deeper(volatile char* above) {
  volatile char page[4096];
  page[0] = *above;
  return *above == 0 ? 0 : deeper(page) + page[0];
}

static void stack_overflow(void) {
  volatile char top = 1;
  deeper(&top);
}

static void read_only(void) {
  zx_handle_t vmo;
  must(zx_vmo_create(PAGE, 0, &vmo));
  store(map(vmo, 1, 0) + 77);
}

static void unmapped(void) {
  zx_handle_t vmo;
  must(zx_vmo_create(PAGE, 0, &vmo));
  uint64_t at = map(vmo, 1, ZX_VM_PERM_WRITE);
  store(at);
  must(zx_vmar_unmap(zx_vmar_root_self(), at, PAGE));
  store(at + 78);
}

static void past_end(void) {
  zx_handle_t vmo;
  must(zx_vmo_create(PAGE, 0, &vmo));
  load(map(vmo, 2, 0) + PAGE + 79);
}

static void shrunk(void) {
  zx_handle_t vmo;
  must(zx_vmo_create(2 * PAGE, ZX_VMO_RESIZABLE, &vmo));
  uint64_t at = map(vmo, 2, ZX_VM_PERM_WRITE);
  store(at + PAGE);
  must(zx_vmo_set_size(vmo, PAGE));
  load(at + PAGE + 80);
}

static void detached(void) {
  zx_handle_t vmo = paged();
  uint64_t at = map(vmo, 1, 0);
  must(zx_pager_detach_vmo(pager, vmo));
  load(at + 81);
}

static void pager_closed(void) {
  zx_handle_t vmo = paged();
  uint64_t at = map(vmo, 1, 0);
  must(zx_handle_close(pager));
  load(at + 82);
}

// fail_it fails the first request of the VMO with status.
static void fail_it(uintptr_t vmo, uintptr_t status) {
  zx_port_packet_t p;
  zx_port_wait(port, SOON, &p);
  zx_pager_op_range(pager, ZX_PAGER_OP_FAIL, (zx_handle_t)vmo, 0, PAGE, (uint64_t)status);
  zx_thread_exit();
}

static void failed(zx_status_t status) {
  static uint8_t stack[8192] __attribute__((aligned(16)));
  zx_handle_t vmo = paged(), thread;
  must(zx_thread_create(zx_process_self(), "pager", 5, 0, &thread));
  must(zx_thread_start(thread, (zx_vaddr_t)fail_it, (zx_vaddr_t)(stack + sizeof(stack)) - 8, vmo, (uintptr_t)(int64_t)status));
  load(map(vmo, 1, 0) + 83);
}

static void failed_io(void) { failed(ZX_ERR_IO); }
static void failed_integrity(void) { failed(ZX_ERR_IO_DATA_INTEGRITY); }
static void failed_space(void) { failed(ZX_ERR_NO_SPACE); }

static void port_full(void) {
  zx_port_packet_t p = {0};
  must(zx_port_create(0, &port));
  while (zx_port_queue(port, &p) == ZX_OK) {
  }
}

static void channel_full(void) {
  zx_handle_t a, b;
  must(zx_channel_create(0, &a, &b));
  while (zx_channel_write(a, 0, NULL, 0, NULL, 0) == ZX_OK) {
  }
}

static void bad_draw(void) { zx_cprng_draw((void*)NOWHERE, 16); }
static void last_thread(void) { zx_thread_exit(); }
static void exit_code(void) { exit(77); }
static void killed(void) {
  zx_task_kill(zx_process_self());
  zx_nanosleep(ZX_TIME_INFINITE);
}

// A way that ends by no exception has type 0 and a return code.
static const struct {
  const char* name;
  void (*run)(void);
  uint32_t type;       // of the exception
  int32_t synth;       // its synth code: the status of a page fault
  int64_t code;        // the process's return code
} ways[] = {
#define PAGE_FAULT(name, run, status) {name, run, ZX_EXCP_FATAL_PAGE_FAULT, status, ZX_TASK_RETCODE_EXCEPTION_KILL}
#define EXCEPTION(name, run, type) {name, run, type, 0, ZX_TASK_RETCODE_EXCEPTION_KILL}
    PAGE_FAULT("read-null", read_null, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("read-kernel", read_kernel, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("read-nowhere", read_nowhere, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("write-nowhere", write_nowhere, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("call-null", call_null, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("call-nowhere", call_nowhere, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("write-code", write_code, ZX_ERR_ACCESS_DENIED),
    PAGE_FAULT("call-data", call_data, ZX_ERR_ACCESS_DENIED),
    PAGE_FAULT("call-stack", call_stack, ZX_ERR_ACCESS_DENIED),
    PAGE_FAULT("stack-overflow", stack_overflow, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("read-only", read_only, ZX_ERR_ACCESS_DENIED),
    PAGE_FAULT("unmapped", unmapped, ZX_ERR_NOT_FOUND),
    PAGE_FAULT("past-end", past_end, ZX_ERR_OUT_OF_RANGE),
    PAGE_FAULT("shrunk", shrunk, ZX_ERR_OUT_OF_RANGE),
    PAGE_FAULT("detached", detached, ZX_ERR_BAD_STATE),
    PAGE_FAULT("pager-closed", pager_closed, ZX_ERR_BAD_STATE),
    PAGE_FAULT("failed-io", failed_io, ZX_ERR_IO),
    PAGE_FAULT("failed-integrity", failed_integrity, ZX_ERR_IO_DATA_INTEGRITY),
    PAGE_FAULT("failed-space", failed_space, ZX_ERR_NO_SPACE),
    EXCEPTION("non-canonical", non_canonical, ZX_EXCP_GENERAL),
    EXCEPTION("privileged", privileged, ZX_EXCP_GENERAL),
    EXCEPTION("divide", divide, ZX_EXCP_GENERAL),
    EXCEPTION("undefined", undefined, ZX_EXCP_UNDEFINED_INSTRUCTION),
    EXCEPTION("abort", do_abort, ZX_EXCP_UNDEFINED_INSTRUCTION),
    EXCEPTION("bad-draw", bad_draw, ZX_EXCP_UNDEFINED_INSTRUCTION),
    EXCEPTION("breakpoint", breakpoint, ZX_EXCP_SW_BREAKPOINT),
    EXCEPTION("single-step", single_step, ZX_EXCP_HW_BREAKPOINT),
    {"port-full", port_full, ZX_EXCP_POLICY_ERROR, 17, ZX_TASK_RETCODE_EXCEPTION_KILL},
    {"channel-full", channel_full, ZX_EXCP_POLICY_ERROR, 16, ZX_TASK_RETCODE_EXCEPTION_KILL},
    {"killed", killed, 0, 0, ZX_TASK_RETCODE_SYSCALL_KILL},
    {"last-thread", last_thread, 0, 0, 0},
    {"exit-code", exit_code, 0, 0, 77},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static const char* type_name(uint32_t type) {
  switch (type) {
    case ZX_EXCP_GENERAL: return "GENERAL";
    case ZX_EXCP_FATAL_PAGE_FAULT: return "FATAL_PAGE_FAULT";
    case ZX_EXCP_UNDEFINED_INSTRUCTION: return "UNDEFINED_INSTRUCTION";
    case ZX_EXCP_SW_BREAKPOINT: return "SW_BREAKPOINT";
    case ZX_EXCP_HW_BREAKPOINT: return "HW_BREAKPOINT";
    case ZX_EXCP_UNALIGNED_ACCESS: return "UNALIGNED_ACCESS";
    case ZX_EXCP_POLICY_ERROR: return "POLICY_ERROR";
    default: return "no exception";
  }
}

// one dies in way i in another process, says how, and whether that is right.
static bool one(int i) {
  child_t c;
  zx_handle_t channel, x = ZX_HANDLE_INVALID, thread;
  zx_exception_info_t info = {0};
  zx_exception_report_t report = {0};
  int64_t code = 0;
  must(child_start(ways[i].name, &c));
  must(zx_task_create_exception_channel(c.process, 0, &channel));
  must(zx_channel_write(c.channel, 0, "go", 2, NULL, 0));
  must(zx_object_wait_one(channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, SOON, NULL));
  if (zx_channel_read(channel, 0, &info, &x, sizeof(info), 1, NULL, NULL) == ZX_OK) {
    must(zx_exception_get_thread(x, &thread));
    must(zx_object_get_info(thread, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL));
    must(zx_handle_close(thread));
    must(zx_handle_close(x));  // nobody handles it
  }
  must(child_wait(&c, SOON, &code));
  must(zx_handle_close(channel));
  child_close(&c);
  bool right = info.type == ways[i].type && (int32_t)report.context.synth_code == ways[i].synth && code == ways[i].code;
  if (info.type == ZX_EXCP_FATAL_PAGE_FAULT) {
    printf("%-16s %s at 0x%lx, %s%s\n", ways[i].name, type_name(info.type), report.context.arch.u.x86_64.cr2,
           zx_status_get_string((zx_status_t)report.context.synth_code), right ? "" : ": WRONG");
  } else {
    printf("%-16s %s, vector %lu, synth code %u, return code %ld%s\n", ways[i].name, type_name(info.type),
           report.context.arch.u.x86_64.vector, report.context.synth_code, code, right ? "" : ": WRONG");
  }
  return right;
}

int main(int argc, char** argv) {
  bool child = argc > 1 && strcmp(argv[0], "child") == 0;
  if (argc > 1 && !child && strcmp(argv[1], "all") == 0) {
    int wrong = 0;
    for (int i = 0; i < WAYS; i++) {
      wrong += !one(i);
    }
    printf("%d ways to die, %d not as expected\n", (int)WAYS, wrong);
    return wrong;
  }
  for (int i = 0; i < WAYS; i++) {
    if (argc < 2) {
      printf("%s %s\n", ways[i].name, type_name(ways[i].type));
    } else if (strcmp(argv[1], ways[i].name) == 0) {
      if (child) {
        must(zx_object_wait_one(zx_start_handle(PA_HND(PA_USER0, 0)), ZX_CHANNEL_READABLE, SOON, NULL));
      }
      ways[i].run();
      printf("crash %s: still here\n", argv[1]);
      return 1;
    }
  }
  if (argc >= 2) {
    printf("crash: no way named \"%s\"\n", argv[1]);
    return 2;
  }
  return 0;
}
