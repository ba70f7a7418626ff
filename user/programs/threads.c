// threads: the C library's threads. Prints what is wrong and exits 1 then.
#include <errno.h>
#include <stdatomic.h>
#include <threads.h>
#include <zx.h>

static int wrong;

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      printf("line %d: %s\n", __LINE__, #condition); \
      wrong = 1;                                     \
    }                                                \
  } while (0)

enum { THREADS = 8, ROUNDS = 2000 };

static __thread int local = 100;
static mtx_t mutex;
static cnd_t turn;
static long count;
static int next;
static once_flag once = ONCE_FLAG_INIT;
static atomic_int begun, ended, left;
static tss_t key;

static void begin(void) { begun++; }

static void end(void* value) { ended += *(int*)value; }

// Each thread counts under the mutex, then they take turns by number.
static int work(void* argument) {
  int n = (int)(intptr_t)argument;
  CHECK(local == 100);
  local = n;
  errno = n;
  call_once(&once, begin);
  tss_set(key, &local);
  for (int i = 0; i < ROUNDS; i++) {
    mtx_lock(&mutex);
    count++;
    mtx_unlock(&mutex);
    free(malloc((size_t)(n * i % 3000)));
  }
  mtx_lock(&mutex);
  while (next != n) cnd_wait(&turn, &mutex);
  next++;
  cnd_broadcast(&turn);
  mtx_unlock(&mutex);
  CHECK(local == n && errno == n && tss_get(key) == &local);
  local = 1;
  return n * n;
}

static int leave(void* argument) {
  (void)argument;
  left++;
  thrd_exit(0);
}

static void detached(void) {
  for (int i = 0; i < 20; i++) {
    thrd_t t;
    CHECK(thrd_create(&t, leave, NULL) == thrd_success);
    if (i % 2 == 0) thrd_yield();
    CHECK(thrd_detach(t) == thrd_success);
  }
  while (left < 20) thrd_yield();
}

static void timeouts(void) {
  mtx_t m;
  cnd_t c;
  mtx_init(&m, mtx_timed | mtx_recursive);
  cnd_init(&c);
  CHECK(mtx_lock(&m) == thrd_success && mtx_trylock(&m) == thrd_success && mtx_unlock(&m) == thrd_success);
  struct timespec until;
  timespec_get(&until, TIME_UTC);
  until.tv_nsec += 2000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  CHECK(cnd_timedwait(&c, &m, &until) == thrd_timedout);
  CHECK(zx_clock_get_monotonic() >= until.tv_sec * 1000000000 + until.tv_nsec);
  mtx_unlock(&m);
}

int main(void) {
  thrd_t threads[THREADS];
  mtx_init(&mutex, mtx_plain);
  cnd_init(&turn);
  CHECK(tss_create(&key, end) == thrd_success);
  for (int i = 0; i < THREADS; i++) {
    CHECK(thrd_create(&threads[i], work, (void*)(intptr_t)i) == thrd_success);
  }
  for (int i = 0; i < THREADS; i++) {
    int result = -1;
    CHECK(thrd_join(threads[i], &result) == thrd_success && result == i * i);
  }
  CHECK(count == THREADS * ROUNDS && begun == 1 && ended == THREADS && local == 100);
  detached();
  timeouts();
  CHECK(zx_handle_check_valid(zx_process_self()) == ZX_OK && zx_handle_check_valid(3) == ZX_ERR_BAD_HANDLE);
  CHECK(thrd_get_zx_handle(thrd_current()) == zx_thread_self());
  printf("threads %s\n", wrong ? "differ" : "hold");
  return wrong;
}
