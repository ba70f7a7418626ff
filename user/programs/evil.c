// evil WAY...: misbehaves in the way named, as far as ring 3 can. Most ways
// end the thread; the ways that ring 3 may survive say so and exit 0. A way
// that should have ended the thread and did not exits 1.
//
// evil with no argument lists the ways, one a line: name, expected end.
#include "file.h"
#include "rawsyscall.h"

// KERNEL is an address of the kernel's own code.
#define KERNEL 0x1001000ul

// NON_CANONICAL is no address: its bits 63 to 47 differ.
#define NON_CANONICAL 0x8000000000000000ul

static char** more;  // the arguments behind the way's name

// A thread that spins for ever must not keep the others, or the clock, from
// going on; and it ends with its process.
static _Noreturn void spinner(void) {
  for (;;) {
    __asm__ volatile("");
  }
}

static void start_spinners(void) {
  static uint8_t stacks[3][4096] __attribute__((aligned(16)));
  for (int i = 0; i < 3; i++) {
    zx_handle_t thread;
    zx_status_t st = zx_thread_create(zx_process_self(), "spinner", 7, 0, &thread);
    if (st == ZX_OK) {
      st = zx_thread_start(thread, (zx_vaddr_t)spinner, (zx_vaddr_t)&stacks[i + 1] - 8, 0, 0);
    }
    if (st != ZX_OK) {
      fail("cannot start a thread: %s", zx_status_get_string(st));
    }
  }
}

static void spin(void) {
  start_spinners();
  zx_time_t started = zx_clock_get_monotonic();
  for (int i = 0; i < 10; i++) {
    zx_nanosleep(zx_deadline_after(ZX_MSEC(5)));
  }
  if (zx_clock_get_monotonic() - started < ZX_MSEC(50)) {
    fail("the clock stood still");
  }
  printf("three threads spin, this one still runs\n");
  exit(0);
}

// For a test that kills it.
static void spin_on(void) {
  start_spinners();
  zx_nanosleep(ZX_TIME_INFINITE);
}

// Instructions of ring 0.
#define INSTRUCTION(name, text, ...)                    \
  static void name(void) {                              \
    uint64_t junk = 0;                                  \
    __asm__ volatile(text : "+a"(junk) : __VA_ARGS__ : "memory"); \
  }
INSTRUCTION(do_cli, "cli", "c"(0))
INSTRUCTION(do_sti, "sti", "c"(0))
INSTRUCTION(do_hlt, "hlt", "c"(0))
INSTRUCTION(do_read_cr0, "mov %%cr0, %0", "c"(0))
INSTRUCTION(do_write_cr0, "mov %0, %%cr0", "c"(0))
INSTRUCTION(do_write_cr3, "mov %0, %%cr3", "c"(0))
INSTRUCTION(do_write_cr4, "mov %0, %%cr4", "c"(0))
INSTRUCTION(do_write_cr8, "mov %0, %%cr8", "c"(0))
INSTRUCTION(do_write_dr7, "mov %0, %%dr7", "c"(0))
INSTRUCTION(do_clts, "clts", "c"(0))
INSTRUCTION(do_rdmsr, "rdmsr", "c"(0xc0000080), "d"(0))
INSTRUCTION(do_wrmsr, "wrmsr", "c"(0xc0000082), "d"(0))
INSTRUCTION(do_xsetbv, ".byte 0x0f, 0x01, 0xd1", "c"(0), "d"(0))
INSTRUCTION(do_in, "inb $0xf4, %%al", "c"(0))
INSTRUCTION(do_out, "outb %%al, $0xf4", "c"(0))
INSTRUCTION(do_invlpg, "invlpg (%%rsp)", "c"(0))
INSTRUCTION(do_wbinvd, "wbinvd", "c"(0))
INSTRUCTION(do_swapgs, "swapgs", "c"(0))
INSTRUCTION(do_sysret, "sysretq", "c"(KERNEL))
INSTRUCTION(do_ltr, "ltr %%cx", "c"(0))
INSTRUCTION(do_lldt, "lldt %%cx", "c"(0))
INSTRUCTION(do_iretq, "pushq $0; pushq %%rsp; pushq $2; pushq $8; pushq %%rcx; iretq", "c"(KERNEL))
INSTRUCTION(do_selector, "mov %%ecx, %%ss", "c"(0x10))
INSTRUCTION(do_iopl, "pushfq; orq $0x3000, (%%rsp); popfq; cli", "c"(0))
INSTRUCTION(do_ud2, "ud2", "c"(0))
INSTRUCTION(do_int3, "int3", "c"(0))
INSTRUCTION(do_int_df, "int $8", "c"(0))
INSTRUCTION(do_int_pf, "int $14", "c"(0))
INSTRUCTION(do_int_timer, "int $32", "c"(0))
INSTRUCTION(do_int_80, "int $0x80", "c"(0))
INSTRUCTION(do_int_ff, "int $0xff", "c"(0))
INSTRUCTION(do_icebp, ".byte 0xf1", "c"(0))
INSTRUCTION(do_sysenter, "sysenter", "c"(0))
INSTRUCTION(do_vmcall, ".byte 0x0f, 0x01, 0xc1", "c"(0))
INSTRUCTION(do_div0, "xor %%ecx, %%ecx; xor %%edx, %%edx; div %%ecx", "c"(0), "d"(0))

static void do_lgdt(void) {
  static uint8_t table[10];
  __asm__ volatile("lgdt %0" : : "m"(table));
}

static void do_lidt(void) {
  static uint8_t table[10];
  __asm__ volatile("lidt %0" : : "m"(table));
}

// Memory that is not the program's.
static void load(uint64_t address) { *(volatile uint8_t*)address; }
static void store(uint64_t address) { *(volatile uint8_t*)address = 0; }
static void jump(uint64_t address) { ((void (*)(void))address)(); }

static void read_kernel(void) { load(KERNEL); }
static void write_kernel(void) { store(KERNEL); }
static void jump_kernel(void) { jump(KERNEL); }
static void read_null(void) { load(0); }
static void jump_null(void) { jump(0); }
static void read_high(void) { load(0xffffffffffffff00ul); }
static void read_non_canonical(void) { load(NON_CANONICAL); }
static void jump_non_canonical(void) { jump(NON_CANONICAL); }
static void write_code(void) { store((uint64_t)&spinner); }

static void execute_data(void) {
  static uint8_t code[] = {0xc3};  // ret
  jump((uint64_t)code);
}

static void execute_stack(void) {
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

// Stack pointers no trap handler may trust.
static void stack_wild(void) {
  __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(NON_CANONICAL) : "memory");
}

static void stack_in_kernel(void) {
  __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(KERNEL + 0x1000) : "memory");
}

// A system call with the stack in the kernel, and one whose return address
// would be past the end of user space, must not make the kernel use either.
static void syscall_stack(void) {
  uint64_t result = 0x7fffffff;
  __asm__ volatile("mov %%rsp, %%rbx; mov %1, %%rsp; syscall; mov %%rbx, %%rsp"
                   : "+a"(result)
                   : "r"(KERNEL + 0x1000)
                   : "rbx", "rcx", "r11", "memory");
  printf("syscall with a kernel stack: %s\n", zx_status_get_string((zx_status_t)result));
  exit(0);
}

// Strange flags, each set across a system call and a fault.
#define RFLAGS_TF (1ul << 8)
#define RFLAGS_DF (1ul << 10)
#define RFLAGS_NT (1ul << 14)
#define RFLAGS_AC (1ul << 18)
#define RFLAGS_ID (1ul << 21)

static uint64_t syscall_with_flags(uint64_t flags) {
  uint64_t result = 0x7fffffff;
  __asm__ volatile("pushfq; or %1, (%%rsp); popfq; syscall; pushfq; and %2, (%%rsp); popfq"
                   : "+a"(result)
                   : "r"(flags), "r"(~flags)
                   : "rcx", "r11", "memory", "cc");
  return result;
}

static void flags(uint64_t set) {
  uint64_t result = syscall_with_flags(set);
  printf("syscall with RFLAGS 0x%lx: %s\n", set, zx_status_get_string((zx_status_t)result));
  exit((zx_status_t)result == ZX_ERR_BAD_SYSCALL ? 0 : 1);
}

static void flag_df(void) { flags(RFLAGS_DF); }
static void flag_ac(void) { flags(RFLAGS_AC); }
static void flag_id(void) { flags(RFLAGS_ID); }
static void flag_nt(void) { flags(RFLAGS_NT); }
static void flag_tf(void) { flags(RFLAGS_TF); }
static void flag_tf_fault(void) {
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" : : : "memory", "cc");
}
static void flag_nt_fault(void) {
  __asm__ volatile("pushfq; orq $0x4000, (%%rsp); popfq; movb $0, (%0)" : : "r"(KERNEL) : "memory", "cc");
}
static void flag_all_fault(void) {
  __asm__ volatile("pushq $-1; popfq; movb $0, (%0)" : : "r"(KERNEL) : "memory", "cc");
}

// Every system call number, every register wild. The calls that end or stop
// the caller as they should are left out.
static uint64_t random_state = 0x9e3779b97f4a7c15ul;

static uint64_t wild(void) {
  static const uint64_t edges[] = {
      0, 1, 3, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff, KERNEL, 0x8000000000, 0x7ffffffff000,
      0x7fffffffffff, 0x800000000000, NON_CANONICAL, 0xfffffffffffff000, 0xffffffffffffffff,
  };
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  uint64_t pick = random_state >> 32;
  return pick % 3 == 0 ? random_state : edges[pick % (sizeof(edges) / sizeof(edges[0]))];
}

static void syscalls(void) {
  uint64_t rounds = more[0] != NULL ? number("rounds", more[0]) : 100;
  uint64_t calls = 0, refused = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    for (uint64_t n = 0; n < 512; n++) {
      // These may end the program, wait for ever or fill the console, by right;
      // wait_many does so with no items and a wild deadline.
      if (n == ZX_SYS_process_exit || n == ZX_SYS_thread_exit || n == ZX_SYS_nanosleep ||
          n == ZX_SYS_futex_wait || n == ZX_SYS_object_wait_many || n == ZX_SYS_debug_write) {
        continue;
      }
      uint64_t args[8];
      for (int i = 0; i < 8; i++) {
        args[i] = wild();
      }
      refused += (int32_t)raw_syscall(n, args) < 0;
      calls++;
    }
    raw_syscall(wild() | 0x10000, (uint64_t[8]){wild(), wild(), wild(), wild()});
  }
  printf("%lu calls, %lu refused\n", calls, refused);
  exit(0);
}

// The ways, and how each ends: the exception, "exit 0" or "never". Emulators differ
// from CPUs in two: icebp is undefined to some QEMUs, and QEMU 7.2 pops the
// frame of a ring-3 iretq as ring 0, which SMAP forbids.
static const struct {
  const char* name;
  void (*run)(void);
  const char* end;
} ways[] = {
    {"hang", spinner, "never"},
    {"spin", spin, "exit 0"},
    {"spinning", spin_on, "never"},
    {"cli", do_cli, "GENERAL"},
    {"sti", do_sti, "GENERAL"},
    {"hlt", do_hlt, "GENERAL"},
    {"read-cr0", do_read_cr0, "GENERAL"},
    {"write-cr0", do_write_cr0, "GENERAL"},
    {"write-cr3", do_write_cr3, "GENERAL"},
    {"write-cr4", do_write_cr4, "GENERAL"},
    {"write-cr8", do_write_cr8, "GENERAL"},
    {"write-dr7", do_write_dr7, "GENERAL"},
    {"clts", do_clts, "GENERAL"},
    {"rdmsr", do_rdmsr, "GENERAL"},
    {"wrmsr", do_wrmsr, "GENERAL"},
    {"xsetbv", do_xsetbv, "GENERAL or UNDEFINED_INSTRUCTION"},
    {"in", do_in, "GENERAL"},
    {"out", do_out, "GENERAL"},
    {"lgdt", do_lgdt, "GENERAL"},
    {"lidt", do_lidt, "GENERAL"},
    {"ltr", do_ltr, "GENERAL"},
    {"lldt", do_lldt, "GENERAL"},
    {"invlpg", do_invlpg, "GENERAL"},
    {"wbinvd", do_wbinvd, "GENERAL"},
    {"swapgs", do_swapgs, "GENERAL"},
    {"sysret", do_sysret, "GENERAL"},
    {"sysenter", do_sysenter, "GENERAL or UNDEFINED_INSTRUCTION"},
    {"iretq", do_iretq, "GENERAL or FATAL_PAGE_FAULT"},
    {"selector", do_selector, "GENERAL"},
    {"iopl", do_iopl, "GENERAL"},
    {"vmcall", do_vmcall, "UNDEFINED_INSTRUCTION"},
    {"ud2", do_ud2, "UNDEFINED_INSTRUCTION"},
    {"div0", do_div0, "GENERAL"},
    {"int3", do_int3, "SW_BREAKPOINT"},
    {"icebp", do_icebp, "HW_BREAKPOINT or UNDEFINED_INSTRUCTION"},
    {"int-8", do_int_df, "GENERAL"},
    {"int-14", do_int_pf, "GENERAL"},
    {"int-32", do_int_timer, "GENERAL"},
    {"int-80", do_int_80, "GENERAL"},
    {"int-255", do_int_ff, "GENERAL"},
    {"read-kernel", read_kernel, "FATAL_PAGE_FAULT"},
    {"write-kernel", write_kernel, "FATAL_PAGE_FAULT"},
    {"jump-kernel", jump_kernel, "FATAL_PAGE_FAULT"},
    {"read-null", read_null, "FATAL_PAGE_FAULT"},
    {"jump-null", jump_null, "FATAL_PAGE_FAULT"},
    {"read-high", read_high, "FATAL_PAGE_FAULT"},
    {"read-non-canonical", read_non_canonical, "GENERAL"},
    {"jump-non-canonical", jump_non_canonical, "GENERAL"},
    {"write-code", write_code, "FATAL_PAGE_FAULT"},
    {"execute-data", execute_data, "FATAL_PAGE_FAULT"},
    {"execute-stack", execute_stack, "FATAL_PAGE_FAULT"},
    {"stack-overflow", stack_overflow, "FATAL_PAGE_FAULT"},
    {"stack-wild", stack_wild, "GENERAL"},
    {"stack-in-kernel", stack_in_kernel, "FATAL_PAGE_FAULT"},
    {"syscall-stack", syscall_stack, "exit 0"},
    {"flag-df", flag_df, "exit 0"},
    {"flag-ac", flag_ac, "exit 0"},
    {"flag-id", flag_id, "exit 0"},
    {"flag-nt", flag_nt, "exit 0"},
    {"flag-tf", flag_tf, "HW_BREAKPOINT"},
    {"flag-tf-fault", flag_tf_fault, "HW_BREAKPOINT"},
    {"flag-nt-fault", flag_nt_fault, "FATAL_PAGE_FAULT"},
    {"flag-all-fault", flag_all_fault, "HW_BREAKPOINT or FATAL_PAGE_FAULT"},
    {"syscalls", syscalls, "exit 0"},
};

int main(int argc, char** argv) {
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    if (argc < 2) {
      printf("%s %s\n", ways[i].name, ways[i].end);
    } else if (strcmp(argv[1], ways[i].name) == 0) {
      more = argv + 2;
      ways[i].run();
      fail("evil %s: still here", argv[1]);
    }
  }
  if (argc >= 2) {
    fail("evil: no way named \"%s\"", argv[1]);
  }
  return 0;
}
