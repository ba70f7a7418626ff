// benchsmp.h: how benchsmp measures what several CPUs do at once, here and on Linux
// (bench/peer/smp.c): both sides are measured by the same code.
//
// Each row is the work of one thread a CPU, with 1 CPU and then more, up to all. One line
// a row, which make bench-smp and make bench-smp-peer collect:
//
//   {"name":"null_call","cpus":2,"per_second":...,"ratio":...}
//
// The ratio is to one thread of the same run, for the time of an emulator's host
// means nothing by itself. They take turns, SLICE long. What else the host does can only
// slow a turn, and does so for seconds: what counts of each side is its best turn in all
// rounds. Each thread divides its work by its own time.
#ifndef PROGRAMS_BENCHSMP_H_
#define PROGRAMS_BENCHSMP_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MOST = 8, PAGES = 1024, UNIT = 64, ROUNDS_MOST = 100, ROWS_MOST = 8, TURNS = 20 };
#define SLICE 10000000  // nanoseconds

typedef struct {
  const char* name;
  uint64_t (*work)(uint32_t thread, uint64_t turn);  // some of it, and how much
} work_t;

// What the side that includes this has: the time, a sleep, and a thread that runs
// worker(i). Times are nanoseconds.
static uint64_t clock_now(void);
static void sleep_for(uint64_t time);
static void start_worker(uint32_t i);

// plain_loop never enters the kernel: what it gets is what the host gives to so many
// CPUs in that minute, and no other row can get more.
static uint64_t plain_loop(uint32_t thread, uint64_t turn) {
  volatile uint64_t x = thread + turn;
  for (int i = 0; i < 10000; i++) {
    x = x * 3 + 1;
  }
  return 10000;
}

static const work_t* job;
static uint32_t crew, go, ready, done;
static uint64_t rates[MOST];

static inline void worker(uint32_t i) {
  __atomic_fetch_add(&ready, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == 0) {
  }
  uint64_t n = 0, began = clock_now();
  for (uint64_t turn = 0; __atomic_load_n(&go, __ATOMIC_ACQUIRE) == 1; turn++) {
    n += job->work(i, turn);
  }
  rates[i] = n * 1000000000 / (clock_now() - began);
  __atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);
}

static inline void await(const uint32_t* what, uint32_t threads) {
  while (__atomic_load_n(what, __ATOMIC_ACQUIRE) < threads) {
    sleep_for(1000000);
  }
}

// rate is how much threads do in a second.
static inline uint64_t rate(const work_t* w, uint32_t threads) {
  job = w;
  crew = threads;
  go = ready = done = 0;
  for (uint32_t i = 0; i < threads; i++) {
    start_worker(i);
  }
  await(&ready, threads);
  __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
  sleep_for(SLICE);
  __atomic_store_n(&go, 2, __ATOMIC_RELEASE);
  await(&done, threads);
  uint64_t n = 0;
  for (uint32_t i = 0; i < threads; i++) {
    n += rates[i];
  }
  return n;
}

// measure prints the rows of works. Each has some turns in every round, so that they are
// spread over the whole run.
static inline void measure(const work_t* works, uint32_t count, uint32_t cpus, uint32_t rounds) {
  uint64_t best[ROWS_MOST][MOST + 1] = {0};
  for (uint32_t r = 0; r < rounds * count; r++) {
    const work_t* w = &works[r % count];
    uint64_t* b = best[r % count];
    for (uint32_t turn = 0; turn <= TURNS; turn++) {
      for (uint32_t n = 1; n <= cpus; n *= 2) {
        uint64_t now = rate(w, n);
        b[n] = turn != 0 && now > b[n] ? now : b[n];  // in the first it is translated
      }
    }
  }
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t n = 1; n <= cpus; n *= 2) {
      unsigned long ratio = best[i][n] * 1000 / (best[i][1] != 0 ? best[i][1] : 1);
      printf("{\"name\":\"%s\",\"cpus\":%u,\"per_second\":%lu,\"ratio\":%lu.%03lu}\n", works[i].name, n, (unsigned long)best[i][n], ratio / 1000,
             ratio % 1000);
    }
  }
}

#endif  // PROGRAMS_BENCHSMP_H_
