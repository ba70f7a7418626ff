// bench.h: how the benchmarks measure and what they print. Faultline's
// programs and the Linux program of bench/peer include this one file, so that
// both sides are measured by the same code.
//
// Under QEMU's -icount shift=0 the time stamp counter advances by one for each
// guest instruction, so every figure is a count of instructions, the same from
// run to run. A rung prints one line, which cmd/bench reads:
//
//	bench NAME OPERATIONS Q0 Q1 ... Q12     one sample an operation, 13 quantiles
//	bench NAME OPERATIONS VALUE             one figure for all operations together
//	skip NAME WHY                           could not be measured
//
// What reading the counter costs is taken off.
#ifndef PROGRAMS_BENCH_H_
#define PROGRAMS_BENCH_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// COUNT is how many operations a rung measures.
#define COUNT 4096
#define PAGE 4096ull
#define BYTES (COUNT * PAGE)

// quantiles in 1/1000: what a rung prints of its samples.
static const int quantiles[] = {0, 10, 50, 100, 250, 500, 750, 900, 950, 990, 995, 999, 1000};
#define QUANTILES ((int)(sizeof(quantiles) / sizeof(quantiles[0])))

static uint32_t samples[COUNT];
static uint64_t overhead;
static const char* only;  // the one rung wanted, NULL for all
static bool active;       // the rung that runs is the one wanted

static inline uint64_t now(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

// wanted says whether the rung is to be measured.
static inline bool wanted(const char* rung) { return only == NULL || strcmp(only, rung) == 0; }

// For cmd/profile. Of the one rung wanted it logs every instruction between the
// calls of profile_on and profile_off, where it stops the machine, and looks at
// what lies between profile_begin and profile_end, where it does not: stopping
// for each operation would disturb the clock.
#define MARKER(name) \
  __attribute__((noinline, unused)) static void name(void) { __asm__ volatile("# " #name ::: "memory"); }
MARKER(profile_on)
MARKER(profile_off)
MARKER(profile_begin)
MARKER(profile_end)
static int profile_skip = 1000, profile_take = 64;
static int profile_done;  // operations of the rung wanted

// begin_rung says which rung the operations from here on belong to; begin_bulk
// says so of a rung that is one operation.
static inline void begin_rung(const char* name) { active = only != NULL && strcmp(only, name) == 0; }

static inline void begin_bulk(const char* name) {
  begin_rung(name);
  profile_skip = 0;
}

// clock_start gives the time at which an operation begins.
static inline uint64_t clock_start(void) {
  if (active) {
    if (profile_done == profile_skip) profile_on();
    profile_begin();
  }
  return now();
}

static inline void clock_end(void) {
  if (active) {
    profile_end();
    if (++profile_done == profile_skip + profile_take) profile_off();
  }
}

// sample notes operation i, which began at started and ends now.
static __attribute__((noinline, unused)) void sample(int i, uint64_t started) {
  uint64_t took = now() - started;
  clock_end();
  samples[i] = (uint32_t)(took > overhead ? took - overhead : 0);
}

static void sift(uint32_t* a, int root, int n) {
  for (int child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && a[child + 1] > a[child]) child++;
    if (a[root] >= a[child]) return;
    uint32_t t = a[root];
    a[root] = a[child];
    a[child] = t;
  }
}

// sort orders samples: heap sort, so no recursion and no allocation.
static void sort(uint32_t* a, int n) {
  for (int i = n / 2 - 1; i >= 0; i--) sift(a, i, n);
  for (int i = n - 1; i > 0; i--) {
    uint32_t t = a[0];
    a[0] = a[i];
    a[i] = t;
    sift(a, 0, i);
  }
}

// report prints the rung whose n samples have been taken. Other rungs'
// operations are passed over, so a set-up may share code with a rung.
static inline void report(const char* name, int n) {
  if (!wanted(name)) return;
  sort(samples, n);
  printf("bench %s %d", name, n);
  for (int q = 0; q < QUANTILES; q++) {
    printf(" %u", samples[(int64_t)(n - 1) * quantiles[q] / 1000]);
  }
  printf("\n");
}

// shared prints what one of n operations took that took so long together, to a
// tenth.
static __attribute__((noinline, unused)) void shared(const char* name, uint64_t took, uint64_t n) {
  clock_end();
  if (active) profile_off();
  took -= overhead;
  if (wanted(name)) {
    printf("bench %s %lu %lu.%lu\n", name, (unsigned long)n, (unsigned long)(took / n), (unsigned long)(took * 10 / n % 10));
  }
}

// each is shared for operations that began at started and are all done now.
static inline void each(const char* name, uint64_t started, uint64_t n) { shared(name, now() - started, n); }

static inline void skip(const char* name, const char* why) {
  if (wanted(name)) printf("skip %s %s\n", name, why);
}

// calibrate measures what two readings of the counter cost.
static inline void calibrate(void) {
  for (int i = 0; i < COUNT; i++) {
    uint64_t started = now();
    sample(i, started);
  }
  sort(samples, COUNT);
  overhead = samples[COUNT / 2];
}

#endif  // PROGRAMS_BENCH_H_
