// registers: checks what is told of threads and of memory, and the registers of
// threads that stand still, from ring 3: x87, vector, debug registers, steps.
#include "checks.h"

static volatile bool stop;
static volatile uint64_t spins;

// --- What is told

static void spin_on(uintptr_t until, uintptr_t unused) {
  (void)unused;
  while (!*(volatile bool*)until) {
    spins++;
  }
  zx_thread_exit();
}

static void stats(void) {
  zx_info_thread_stats_t before, after;
  zx_handle_t fresh;
  CHECK(zx_thread_create(zx_process_self(), "fresh", 5, 0, &fresh), ZX_OK);
  CHECK(zx_object_get_info(fresh, ZX_INFO_THREAD_STATS, &before, sizeof(before), NULL, NULL), ZX_OK);
  CHECK(before.total_runtime, 0);
  CHECK(before.last_scheduled_cpu, ZX_INFO_INVALID_CPU);
  CHECK(zx_handle_close(fresh), ZX_OK);
  stop = false;
  zx_handle_t t = thread_new(spin_on, (uintptr_t)&stop, 0);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(20)));
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_STATS, &before, sizeof(before), NULL, NULL), ZX_OK);
  CHECK(before.last_scheduled_cpu < zx_system_get_num_cpus(), true);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(50)));
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_STATS, &after, sizeof(after), NULL, NULL), ZX_OK);
  CHECK(after.total_runtime - before.total_runtime > ZX_MSEC(10), true);
  stop = true;
  CHECK(zx_object_wait_one(t, ZX_THREAD_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_STATS, &before, sizeof(before), NULL, NULL), ZX_OK);
  zx_nanosleep(zx_deadline_after(ZX_MSEC(5)));
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_STATS, &after, sizeof(after), NULL, NULL), ZX_OK);
  CHECK(after.total_runtime, before.total_runtime);
  CHECK(zx_handle_close(t), ZX_OK);
}

static zx_info_maps_t maps[256];
static zx_info_vmo_t vmos[256];

static void memory(void) {
  zx_handle_t vmo;
  zx_vaddr_t at;
  CHECK(zx_vmo_create(5 * ZX_PAGE_SIZE, 0, &vmo), ZX_OK);
  CHECK(zx_object_set_property(vmo, ZX_PROP_NAME, "five pages", 10), ZX_OK);
  zx_koid_t koid = koid_of(vmo);
  CHECK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 5 * ZX_PAGE_SIZE, &at), ZX_OK);
  CHECK(zx_handle_close(vmo), ZX_OK);  // the name stays
  *(volatile char*)at = 1;
  *(volatile char*)(at + 4 * ZX_PAGE_SIZE) = 1;

  size_t n = 0, all = 0;
  CHECK(zx_object_get_info(zx_process_self(), ZX_INFO_PROCESS_MAPS, maps, sizeof(maps), &n, &all), ZX_OK);
  CHECK(n, all);
  CHECK(maps[0].type, ZX_INFO_MAPS_TYPE_ASPACE);
  CHECK(strcmp(maps[0].name, "registers"), 0);
  CHECK(maps[1].type, ZX_INFO_MAPS_TYPE_VMAR);
  size_t mapped = 0, code = 0, ours = 0;
  for (size_t i = 0; i < n; i++) {
    zx_info_maps_t* m = &maps[i];
    if (m->type != ZX_INFO_MAPS_TYPE_MAPPING) {
      continue;
    }
    mapped += m->size;
    zx_vaddr_t here = (zx_vaddr_t)memory;
    if (here >= m->base && here - m->base < m->size) {
      code++;
      CHECK(m->u.mapping.mmu_flags, ZX_VM_PERM_READ | ZX_VM_PERM_EXECUTE);
    }
    if (m->base == at) {
      ours++;
      CHECK(strcmp(m->name, "five pages"), 0);
      CHECK(m->u.mapping.vmo_koid, koid);
      CHECK(m->u.mapping.committed_bytes, 2 * ZX_PAGE_SIZE);
      CHECK(m->u.mapping.committed_private_bytes, 2 * ZX_PAGE_SIZE);
    }
  }
  CHECK(code, 1);
  CHECK(ours, 1);
  zx_info_task_stats_t task;
  CHECK(zx_object_get_info(zx_process_self(), ZX_INFO_TASK_STATS, &task, sizeof(task), NULL, NULL), ZX_OK);
  CHECK(task.mem_mapped_bytes, mapped);
  CHECK(task.mem_private_bytes > 2 * ZX_PAGE_SIZE, true);
  CHECK(zx_object_get_info(zx_process_self(), ZX_INFO_PROCESS_VMOS, vmos, sizeof(vmos), &n, &all), ZX_OK);
  CHECK(n, all);
  ours = 0;
  for (size_t i = 0; i < n; i++) {
    if (vmos[i].koid == koid) {
      ours++;
      CHECK(vmos[i].flags & (ZX_INFO_VMO_VIA_HANDLE | ZX_INFO_VMO_VIA_MAPPING), ZX_INFO_VMO_VIA_MAPPING);
      CHECK(vmos[i].committed_bytes, 2 * ZX_PAGE_SIZE);
    }
  }
  CHECK(ours, 1);
  CHECK(zx_vmar_unmap(zx_vmar_root_self(), at, 5 * ZX_PAGE_SIZE), ZX_OK);
}

// --- Registers

static uint8_t in[256] __attribute__((aligned(64)));
static uint8_t out[256] __attribute__((aligned(64)));
static uint16_t fcw;
static double st0;
static uint32_t mxcsr;
static volatile bool ready;

// hold keeps values in the registers until it may store them.
static void hold(uintptr_t a, uintptr_t b) {
  (void)a;
  (void)b;
  __asm__ volatile(
      "movaps 0(%0), %%xmm0\n movaps 16(%0), %%xmm1\n movaps 240(%0), %%xmm15\n"
      "fldpi\n"
      "movb $1, %2\n"
      "1: pause\n cmpb $0, %3\n je 1b\n"
      "movaps %%xmm0, 0(%1)\n movaps %%xmm1, 16(%1)\n movaps %%xmm15, 240(%1)\n"
      "stmxcsr %4\n fnstcw %5\n fstpl %6\n"
      :
      : "r"(in), "r"(out), "m"(ready), "m"(stop), "m"(mxcsr), "m"(fcw), "m"(st0)
      : "memory", "xmm0", "xmm1", "xmm15");
  zx_thread_exit();
}

static void vectors(void) {
  zx_thread_state_vector_regs_t v;
  zx_thread_state_fp_regs_t fp;
  zx_handle_t token;
  for (size_t i = 0; i < sizeof(in); i++) {
    in[i] = (uint8_t)(i * 7 + 1);
  }
  stop = ready = false;
  zx_handle_t t = thread_new(hold, 0, 0);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v)), ZX_ERR_BAD_STATE);
  while (!ready) {
    zx_nanosleep(zx_deadline_after(ZX_MSEC(1)));
  }
  CHECK(zx_task_suspend(t, &token), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v) - 1), ZX_ERR_BUFFER_TOO_SMALL);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v)), ZX_OK);
  CHECK(memcmp(&v.zmm[0], in, 16), 0);
  CHECK(memcmp(&v.zmm[1], in + 16, 16), 0);
  CHECK(memcmp(&v.zmm[15], in + 240, 16), 0);
  CHECK(v.mxcsr & 0xffc0, 0x1f80);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_FP_REGS, &fp, sizeof(fp)), ZX_OK);
  CHECK(fp.fcw, 0x37f);
  CHECK(fp.ftw, 0x80);  // one register in use
  CHECK(fp.st[0].low, 0xc90fdaa22168c235);
  CHECK(fp.st[0].high & 0xffff, 0x4000);

  v.zmm[0].v[0] = 0x1122334455667788;
  v.zmm[15].v[1] = 0x99;
  v.mxcsr |= 1u << 15;  // flush to zero
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v)), ZX_OK);
  v.mxcsr |= 1u << 31;
  v.zmm[1].v[0] = 0;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v)), ZX_ERR_INVALID_ARGS);
  fp.fcw = 0x27f;
  fp.st[0].high = 0x4001;  // 2 pi
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_FP_REGS, &fp, sizeof(fp)), ZX_OK);
  stop = true;
  CHECK(zx_handle_close(token), ZX_OK);
  thread_join(t);
  uint64_t word;
  memcpy(&word, out, 8);
  CHECK(word, 0x1122334455667788);
  CHECK(memcmp(out + 8, in + 8, 8), 0);
  CHECK(memcmp(out + 16, in + 16, 16), 0);
  memcpy(&word, out + 248, 8);
  CHECK(word, 0x99);
  CHECK(mxcsr & 0xffc0, 0x9f80);
  CHECK(fcw, 0x27f);
  CHECK(st0 > 6.283185 && st0 < 6.283186, true);

  // A thread that has not started has all as after a reset, and may be given more.
  CHECK(zx_thread_create(zx_process_self(), "early", 5, 0, &t), ZX_OK);
  CHECK(zx_task_suspend(t, &token), ZX_OK);
  stop = true;
  ready = false;
  CHECK(zx_thread_start(t, (zx_vaddr_t)hold, (zx_vaddr_t)(stacks[0] + sizeof(stacks[0])) - 8, 0, 0), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_FP_REGS, &fp, sizeof(fp)), ZX_OK);
  CHECK(fp.fcw, 0x37f);
  CHECK(fp.ftw, 0);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v)), ZX_OK);
  CHECK(v.mxcsr, 0x1f80);
  CHECK(v.zmm[0].v[0] | v.zmm[7].v[3] | v.zmm[31].v[7] | v.opmask[7], 0);
  v.mxcsr = 0x1f80 | 1u << 13;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_VECTOR_REGS, &v, sizeof(v)), ZX_OK);
  CHECK(zx_handle_close(token), ZX_OK);
  thread_join(t);
  CHECK(mxcsr & 0xffc0, 0x3f80);
}

static volatile uint64_t watched;

static void store_twice(uintptr_t value, uintptr_t unused) {
  (void)unused;
  watched = value;
  __asm__ volatile("nop");
  watched = value + 1;
  zx_thread_exit();
}

// report_of gives what is told of the exception that t is in.
static zx_exception_report_t report_of(zx_handle_t t) {
  zx_exception_report_t r;
  CHECK(zx_object_get_info(t, ZX_INFO_THREAD_EXCEPTION_REPORT, &r, sizeof(r), NULL, NULL), ZX_OK);
  return r;
}

static void breakpoints(void) {
  zx_thread_state_debug_regs_t d = {0};
  zx_thread_state_general_regs_t regs;
  zx_exception_info_t info;
  zx_handle_t t, token, channel, x;
  uint32_t count = 0;
  CHECK(zx_system_get_features(ZX_FEATURE_KIND_HW_WATCHPOINT_COUNT, &count), ZX_OK);
  CHECK(count, 4);
  CHECK(zx_thread_create(zx_process_self(), "watched", 7, 0, &t), ZX_OK);
  CHECK(zx_task_create_exception_channel(t, 0, &channel), ZX_OK);
  CHECK(zx_task_suspend(t, &token), ZX_OK);
  CHECK(zx_thread_start(t, (zx_vaddr_t)store_twice, (zx_vaddr_t)(stacks[1] + sizeof(stacks[1])) - 8, 40, 0), ZX_OK);
  CHECK(zx_object_wait_one(t, ZX_THREAD_SUSPENDED, SOON, NULL), ZX_OK);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_OK);
  CHECK(d.dr[0] | d.dr[3], 0);
  CHECK(d.dr6, 0xffff0ff0);
  CHECK(d.dr7, 0x400);
  // No address of the kernel's, no I/O.
  d.dr[0] = 0x1000000;
  d.dr7 = 0x400 | 1;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_ERR_INVALID_ARGS);
  d.dr[0] = 0xffff800000000000;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_ERR_INVALID_ARGS);
  d.dr[0] = (uint64_t)&watched;
  d.dr7 = 0x400 | 1 | 2ul << 16;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_ERR_INVALID_ARGS);
  // Stores of 8 bytes at watched; and the bit that would guard the registers is lost.
  d.dr7 = 1 | 1ul << 13 | 1ul << 16 | 2ul << 18;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_OK);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_OK);
  CHECK(d.dr[0], (uint64_t)&watched);
  CHECK(d.dr7, 0x400 | 1 | 1ul << 16 | 2ul << 18);
  watched = 7;  // ours, which nobody watches
  CHECK(zx_handle_close(token), ZX_OK);
  for (uint64_t i = 0; i < 2; i++) {
    x = take(channel, &info);
    CHECK(info.type, ZX_EXCP_HW_BREAKPOINT);
    CHECK(report_of(t).context.arch.u.x86_64.vector, 1);
    CHECK(watched, 40 + i);
    CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_OK);
    CHECK(d.dr6 & 0xf, 1);
    watched = 40 + i;
    if (i == 1) {  // step on from here
      uint32_t single = 2;
      CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_SINGLE_STEP, &single, sizeof(single)), ZX_ERR_INVALID_ARGS);
      single = 1;
      CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_SINGLE_STEP, &single, sizeof(single)), ZX_OK);
      memset(&d, 0, sizeof(d));
      CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_OK);
      CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)), ZX_OK);
    }
    decide(x, ZX_EXCEPTION_STATE_HANDLED);
  }
  uint64_t before = regs.rip;
  x = take(channel, &info);
  CHECK(info.type, ZX_EXCP_HW_BREAKPOINT);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)), ZX_OK);
  CHECK(regs.rip != before, true);
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_DEBUG_REGS, &d, sizeof(d)), ZX_OK);
  CHECK(d.dr6 >> 14 & 1, 1);
  uint32_t single = 9;
  CHECK(zx_thread_read_state(t, ZX_THREAD_STATE_SINGLE_STEP, &single, sizeof(single)), ZX_OK);
  CHECK(single, 1);
  single = 0;
  CHECK(zx_thread_write_state(t, ZX_THREAD_STATE_SINGLE_STEP, &single, sizeof(single)), ZX_OK);
  decide(x, ZX_EXCEPTION_STATE_HANDLED);
  thread_join(t);
  CHECK(zx_handle_close(channel), ZX_OK);
  CHECK(watched, 41);
}

static const struct {
  const char* name;
  void (*run)(void);
} checks[] = {{"stats", stats}, {"memory", memory}, {"vectors", vectors}, {"breakpoints", breakpoints}};

int main(void) {
  for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
    int before = failures;
    running = checks[i].name;
    checks[i].run();
    printf("registers: %s %s\n", running, failures == before ? "holds" : "FAILS");
  }
  return failures == 0 ? 0 : 1;
}
