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

static inline uint64_t now(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

// wanted says whether the rung is to be measured.
static inline bool wanted(const char* rung) { return only == NULL || strcmp(only, rung) == 0; }

// sample notes operation i, which began at started and ends now. It stays a
// function of its own: cmd/profile counts operations by its calls.
static __attribute__((noinline, unused)) void sample(int i, uint64_t started) {
  uint64_t took = now() - started;
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
static inline void report(const char* rung, int n) {
  if (!wanted(rung)) return;
  sort(samples, n);
  printf("bench %s %d", rung, n);
  for (int q = 0; q < QUANTILES; q++) {
    printf(" %u", samples[(int64_t)(n - 1) * quantiles[q] / 1000]);
  }
  printf("\n");
}

// each prints what one of n operations took that began at started and are all
// done now, to a tenth.
static __attribute__((noinline, unused)) void each(const char* rung, uint64_t started, uint64_t n) {
  uint64_t took = now() - started - overhead;
  if (wanted(rung)) {
    printf("bench %s %lu %lu.%lu\n", rung, (unsigned long)n, (unsigned long)(took / n), (unsigned long)(took * 10 / n % 10));
  }
}

static inline void skip(const char* rung, const char* why) {
  if (wanted(rung)) printf("skip %s %s\n", rung, why);
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
