#include "three.h"

#include <setjmp.h>
#include <threads.h>

enum { THREADS = 4 };

extern jmp_buf failed;

struct part {
  const int* numbers;
  size_t n;
};

static mtx_t lock;
static cnd_t done;
static int running;
static long total;
static _Thread_local long mine;

static int add_part(void* argument) {
  struct part* p = argument;
  for (size_t i = 0; i < p->n; i++) {
    mine += p->numbers[i];
  }
  mtx_lock(&lock);
  total += mine;
  running--;
  cnd_signal(&done);
  mtx_unlock(&lock);
  return (int)p->n;
}

long add(const int* numbers, size_t n) {
  struct part parts[THREADS];
  thrd_t threads[THREADS];
  if (mtx_init(&lock, mtx_plain) != thrd_success || cnd_init(&done) != thrd_success) {
    longjmp(failed, 1);
  }
  running = THREADS;
  for (size_t i = 0; i < THREADS; i++) {
    parts[i] = (struct part){numbers + n * i / THREADS, n * (i + 1) / THREADS - n * i / THREADS};
    if (thrd_create(&threads[i], add_part, &parts[i]) != thrd_success) {
      longjmp(failed, 2);
    }
  }
  mtx_lock(&lock);
  while (running > 0) {
    cnd_wait(&done, &lock);
  }
  mtx_unlock(&lock);
  size_t seen = 0;
  for (size_t i = 0; i < THREADS; i++) {
    int count = 0;
    thrd_join(threads[i], &count);
    seen += (size_t)count;
  }
  if (seen != n || mine != 0) {
    longjmp(failed, 3);
  }
  return total;
}
