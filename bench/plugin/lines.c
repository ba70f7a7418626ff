// lines.c: a TCG plugin for QEMU (run with 7.2) that counts, for each CPU, the instructions
// between two markers in the guest, and finds the cache lines that one CPU writes and
// another touches there. It is built when `make bench-smp-lines` wants it, and is in
// no image. QEMU's plugin interface is declared here as far as it is used, so that
// no header is needed; QEMU is told the version by PLUGIN_VERSION: 1 before
// 9, 2 for 9.0, 3 from 9.1 on.
//
// The markers are long NOPs, nopl MARK(%rax): MARK_BEGIN, MARK_END. What lies between
// them on one CPU is a window. A window that took much longer than the shortest (a
// tick, another thread, a wait for a lock) says nothing about the path and is left out, its lines too,
// and so are the first skip=N of each CPU.
//
// At the end of QEMU it prints, to the file its argument out=FILE names:
//
//   cpu N windows W kept K median M mean A     (A of all windows)
//   line ADDRESS readers MASK writers MASK times T moves V pc PC...    (physical, shared lines only)
//
// A line has moved when a window touches it and the one that did before was another CPU's.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- QEMU's interface, as far as it is used

typedef uint64_t id_t_;
typedef struct {
  const char* target_name;
  struct { int min, cur; } version;
} info_t;
struct tb;
struct insn;
struct hwaddr;
typedef uint32_t meminfo_t;
typedef void (*udata_cb)(unsigned vcpu, void* udata);
typedef void (*mem_cb)(unsigned vcpu, meminfo_t info, uint64_t vaddr, void* udata);
enum { NO_REGS = 0, MEM_RW = 3 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(id_t_ id, void (*cb)(id_t_ id, struct tb* tb));
extern size_t qemu_plugin_tb_n_insns(const struct tb* tb);
extern struct insn* qemu_plugin_tb_get_insn(const struct tb* tb, size_t i);
extern uint64_t qemu_plugin_insn_vaddr(const struct insn* insn);
extern size_t qemu_plugin_insn_size(const struct insn* insn);
#if PLUGIN_VERSION < 3
extern const void* qemu_plugin_insn_data(const struct insn* insn);
#else
extern size_t qemu_plugin_insn_data(const struct insn* insn, void* to, size_t n);
#endif
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct insn* insn, udata_cb cb, int flags, void* udata);
extern void qemu_plugin_register_vcpu_mem_cb(struct insn* insn, mem_cb cb, int flags, int rw, void* udata);
extern bool qemu_plugin_mem_is_store(meminfo_t info);
extern struct hwaddr* qemu_plugin_get_hwaddr(meminfo_t info, uint64_t vaddr);
extern bool qemu_plugin_hwaddr_is_io(const struct hwaddr* h);
extern uint64_t qemu_plugin_hwaddr_phys_addr(const struct hwaddr* h);
extern void qemu_plugin_register_atexit_cb(id_t_ id, void (*cb)(id_t_ id, void* udata), void* udata);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;

// --- Windows

enum { CPUS = 8, ACCESSES = 1 << 18, WINDOWS = 1 << 16, LINES = 1 << 20, PCS = 4 };
#define MARK_BEGIN 0x464c5401u
#define MARK_END 0x464c5402u

typedef struct {
  uint64_t line;
  uint64_t pc;
  bool store;
} access_t;

// cpu is one CPU's own.
static struct cpu {
  bool inside;
  uint32_t count, accesses, windows, kept, shortest;
  uint64_t all;
  access_t access[ACCESSES];
  uint32_t counts[WINDOWS];
} cpus[CPUS];

static struct line {
  uint64_t line;  // +1; 0 is free
  uint32_t readers, writers, times, moves, last, pcs;
  uint64_t pc[PCS];
} lines[LINES];
static int busy;  // guards lines
static uint32_t skip;
static const char* out = "lines.txt";

static void note(unsigned cpu, const access_t* a) {
  uint64_t at = (a->line * 0x9e3779b97f4a7c15u) >> 44;
  while (lines[at].line != 0 && lines[at].line != a->line + 1) {
    at = (at + 1) % LINES;
  }
  struct line* l = &lines[at];
  l->line = a->line + 1;
  l->times++;
  l->moves += l->last != cpu && (l->readers | l->writers) != 0;
  l->last = cpu;
  if (!a->store) {
    l->readers |= 1u << cpu;
    return;
  }
  l->writers |= 1u << cpu;
  for (uint32_t i = 0; i < l->pcs; i++) {
    if (l->pc[i] == a->pc) {
      return;
    }
  }
  if (l->pcs < PCS) {
    l->pc[l->pcs++] = a->pc;
  }
}

static void begin(unsigned cpu, void* unused) {
  (void)unused;
  if (cpu < CPUS) {
    cpus[cpu].inside = true;
    cpus[cpu].count = cpus[cpu].accesses = 0;
  }
}

static void end(unsigned cpu, void* unused) {
  (void)unused;
  if (cpu >= CPUS || !cpus[cpu].inside) {
    return;
  }
  struct cpu* c = &cpus[cpu];
  c->inside = false;
  if (c->windows++ < skip) {
    return;
  }
  c->all += c->count;
  if (c->shortest == 0 || c->count < c->shortest) {
    c->shortest = c->count;
  }
  if (c->count > c->shortest + c->shortest / 2 || c->kept == WINDOWS) {
    return;
  }
  c->counts[c->kept++] = c->count;
  while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0) {
  }
  for (uint32_t i = 0; i < c->accesses; i++) {
    note(cpu, &c->access[i]);
  }
  __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

static void executed(unsigned cpu, void* unused) {
  (void)unused;
  if (cpu < CPUS && cpus[cpu].inside) {
    cpus[cpu].count++;
  }
}

static void accessed(unsigned cpu, meminfo_t info, uint64_t vaddr, void* pc) {
  if (cpu >= CPUS || !cpus[cpu].inside || cpus[cpu].accesses == ACCESSES) {
    return;
  }
  struct hwaddr* h = qemu_plugin_get_hwaddr(info, vaddr);
  if (h != NULL && !qemu_plugin_hwaddr_is_io(h)) {
    uint64_t at = qemu_plugin_hwaddr_phys_addr(h);
    cpus[cpu].access[cpus[cpu].accesses++] = (access_t){at >> 6, (uint64_t)(uintptr_t)pc, qemu_plugin_mem_is_store(info)};
  }
}

// marker gives what a NOP marks, or 0.
static uint32_t marker(const struct insn* insn) {
  uint8_t b[7];
  uint32_t mark;
  if (qemu_plugin_insn_size(insn) != sizeof(b)) {
    return 0;
  }
#if PLUGIN_VERSION < 3
  memcpy(b, qemu_plugin_insn_data(insn), sizeof(b));
#else
  qemu_plugin_insn_data(insn, b, sizeof(b));
#endif
  memcpy(&mark, b + 3, sizeof(mark));
  return b[0] == 0x0f && b[1] == 0x1f && b[2] == 0x80 && (mark == MARK_BEGIN || mark == MARK_END) ? mark : 0;
}

static void translated(id_t_ id, struct tb* tb) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
    struct insn* insn = qemu_plugin_tb_get_insn(tb, i);
    switch (marker(insn)) {
      case MARK_BEGIN:
        qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, NO_REGS, NULL);
        break;
      case MARK_END:
        qemu_plugin_register_vcpu_insn_exec_cb(insn, end, NO_REGS, NULL);
        break;
      default:
        qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, NO_REGS, NULL);
        qemu_plugin_register_vcpu_mem_cb(insn, accessed, NO_REGS, MEM_RW, (void*)(uintptr_t)qemu_plugin_insn_vaddr(insn));
    }
  }
}

static int by_count(const void* a, const void* b) {
  uint32_t x = *(const uint32_t*)a, y = *(const uint32_t*)b;
  return x < y ? -1 : x > y;
}

static void report(id_t_ id, void* unused) {
  (void)id, (void)unused;
  FILE* f = fopen(out, "w");
  if (f == NULL) {
    perror(out);
    return;
  }
  for (unsigned i = 0; i < CPUS; i++) {
    struct cpu* c = &cpus[i];
    if (c->windows != 0) {
      qsort(c->counts, c->kept, sizeof(c->counts[0]), by_count);
      fprintf(f, "cpu %u windows %u kept %u median %u mean %" PRIu64 "\n", i, c->windows, c->kept, c->counts[c->kept / 2],
              c->all / (c->windows > skip ? c->windows - skip : 1));
    }
  }
  for (size_t i = 0; i < LINES; i++) {
    struct line* l = &lines[i];
    uint32_t all = l->readers | l->writers;
    if (l->writers == 0 || (all & (all - 1)) == 0) {
      continue;
    }
    fprintf(f, "line %#" PRIx64 " readers %#x writers %#x times %u moves %u pc", (l->line - 1) << 6, l->readers, l->writers,
            l->times, l->moves);
    for (uint32_t k = 0; k < l->pcs; k++) {
      fprintf(f, " %#" PRIx64, l->pc[k]);
    }
    fprintf(f, "\n");
  }
  fclose(f);
}

__attribute__((visibility("default"))) int qemu_plugin_install(id_t_ id, const info_t* info, int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; i++) {
    if (strncmp(argv[i], "out=", 4) == 0) {
      out = argv[i] + 4;
    } else if (strncmp(argv[i], "skip=", 5) == 0) {
      skip = (uint32_t)atoi(argv[i] + 5);
    }
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
