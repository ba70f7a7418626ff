// Threads: C11's threads.h over zx_thread_create and zx_futex_wait, and the
// thread-local storage that __thread and errno live in.
//
// A thread is one mapping, whose lowest page nothing may touch:
//
//	[guard][ stack ... ][ thread-local block ][ struct thread ]
//	                                          ^ the thread pointer, FS base
//
// Source: psABI x86-64, TLS variant II.
#include "internal.h"

#include <stdatomic.h>
#include <threads.h>

// The program headers of the running image.
typedef struct {
  uint32_t type, flags;
  uint64_t offset, vaddr, paddr, filesz, memsz, align;
} elf_phdr;

typedef struct {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, phoff, shoff;
  uint32_t flags;
  uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} elf_ehdr;

enum { PT_TLS = 7 };
extern __attribute__((visibility("hidden"))) const elf_ehdr __ehdr_start;

// tls_segment finds the image of the thread-local block, NULL if it has none.
static const elf_phdr* tls_segment(void) {
  const elf_phdr* p = (const elf_phdr*)((const char*)&__ehdr_start + __ehdr_start.phoff);
  for (int i = 0; i < __ehdr_start.phnum; i++, p++) {
    if (p->type == PT_TLS) return p;
  }
  return NULL;
}

size_t zx_tls_size(void) {
  const elf_phdr* p = tls_segment();
  if (p == NULL) return 0;
  size_t align = p->align > 1 ? p->align : 1;
  return (p->memsz + align - 1) & -align;
}

enum state { JOINABLE, DETACHED, EXITED };

// A destructor of an object of one thread.
struct ending {
  struct ending* older;
  void (*f)(void*);
  void* object;
};

enum { KEYS = 64 };

struct zx_thread {
  struct zx_thread* self;  // what %fs:0 must hold
  uint64_t reserved[4];
  uint64_t guard;  // the stack protector's, at %fs:0x28
  zx_handle_t handle;
  _Atomic int state;  // enum state
  void* mapping;      // NULL: the initial thread
  size_t mapped;      // bytes
  thrd_start_t main;
  void* argument;
  int result;
  struct ending* endings;
  void* specific[KEYS];
};

_Static_assert(offsetof(struct zx_thread, guard) == 0x28, "gcc and clang look at %fs:0x28");

// self is the calling thread. Pre: it has thread-local storage.
static struct zx_thread* self(void) {
  struct zx_thread* t;
  __asm__("mov %%fs:0, %0" : "=r"(t));
  return t;
}

// tls_align is what the thread pointer must be a multiple of.
static size_t tls_align(void) {
  const elf_phdr* p = tls_segment();
  return p != NULL && p->align > 64 ? p->align : 64;
}

// place puts a thread at the end of [at, end) and gives it; what is below it
// is left for the stack. Pre: all of it is zero.
static struct zx_thread* place(char* end) {
  struct zx_thread* t = (struct zx_thread*)(((uintptr_t)end - sizeof(*t)) & -tls_align());
  const elf_phdr* p = tls_segment();
  if (p != NULL) {
    memcpy((char*)t - zx_tls_size(), (const char*)&__ehdr_start + p->vaddr, p->filesz);
  }
  t->self = t;
  return t;
}

// adopt makes t the calling thread.
static void adopt(struct zx_thread* t) {
  uint64_t base = (uint64_t)t;
  zx_object_set_property(t->handle, ZX_PROP_REGISTER_FS, &base, sizeof(base));
}

void* zx_map_pages(size_t bytes) {
  zx_handle_t vmo;
  zx_vaddr_t at;
  if (zx_vmo_create(bytes, 0, &vmo) != ZX_OK) return NULL;
  zx_status_t status =
      zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, bytes, &at);
  zx_handle_close(vmo);
  return status == ZX_OK ? (void*)at : NULL;
}

// The initial thread's storage, for an image whose block is small.
static _Alignas(64) char first[4096];

void zx_threads_init(void) {
  size_t need = zx_tls_size() + sizeof(struct zx_thread) + tls_align();
  char* room = first;
  if (need > sizeof(first)) {
    need = (need + ZX_PAGE_MASK) & ~(size_t)ZX_PAGE_MASK;
    if ((room = zx_map_pages(need)) == NULL) abort();
  } else {
    need = sizeof(first);
  }
  struct zx_thread* t = place(room + need);
  zx_cprng_draw(&t->guard, sizeof(t->guard));
  t->guard &= ~0xffull;  // a string's end does not copy it
  t->handle = zx_thread_self();
  adopt(t);
}

int __cxa_thread_atexit(void (*f)(void*), void* object, void* dso) {
  (void)dso;
  struct ending* e = malloc(sizeof(*e));
  if (e == NULL) return -1;
  *e = (struct ending){self()->endings, f, object};
  self()->endings = e;
  return 0;
}

static tss_dtor_t destructors[KEYS];
static _Atomic unsigned keys;

void zx_thread_ends(void) {
  struct zx_thread* t = self();
  for (struct ending* e; (e = t->endings) != NULL;) {
    t->endings = e->older;
    e->f(e->object);
    free(e);
  }
  for (int round = 0, again = 1; again && round < TSS_DTOR_ITERATIONS; round++) {
    again = 0;
    for (unsigned i = 0; i < keys && i < KEYS; i++) {
      void* value = t->specific[i];
      if (value == NULL || destructors[i] == NULL) continue;
      t->specific[i] = NULL;
      destructors[i](value);
      again = 1;
    }
  }
}

// leave ends the calling thread, whose stack goes with it if nobody joins.
static _Noreturn void leave(struct zx_thread* t) {
  zx_thread_ends();
  zx_flush_out();
  int joinable = JOINABLE;
  if (t->mapping == NULL || atomic_compare_exchange_strong(&t->state, &joinable, EXITED)) zx_thread_exit();
  zx_vmar_unmap_handle_close_thread_exit(zx_vmar_root_self(), (zx_vaddr_t)t->mapping, t->mapped, t->handle);
  __builtin_trap();
}

static void enter(struct zx_thread* t) {
  adopt(t);
  t->result = t->main(t->argument);
  leave(t);
}

static void release(struct zx_thread* t) {
  zx_object_wait_one(t->handle, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, NULL);
  zx_handle_close(t->handle);
  zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)t->mapping, t->mapped);
}

int thrd_create_sized(thrd_t* out, thrd_start_t main, void* argument, const char* name, size_t stack) {
  size_t bytes = stack + zx_tls_size() + sizeof(struct zx_thread) + tls_align() + ZX_PAGE_SIZE + ZX_PAGE_MASK;
  bytes &= ~(size_t)ZX_PAGE_MASK;
  char* mapping = bytes > stack ? zx_map_pages(bytes) : NULL;
  if (mapping == NULL) return thrd_nomem;
  zx_vmar_protect(zx_vmar_root_self(), 0, (zx_vaddr_t)mapping, ZX_PAGE_SIZE);
  struct zx_thread* t = place(mapping + bytes);
  t->guard = self()->guard;
  t->mapping = mapping;
  t->mapped = bytes;
  t->main = main;
  t->argument = argument;
  *out = t;  // before the thread runs
  zx_status_t status = zx_thread_create(zx_process_self(), name, strlen(name), 0, &t->handle);
  if (status == ZX_OK) {
    uintptr_t top = ((uintptr_t)t - zx_tls_size()) & ~(uintptr_t)15;
    status = zx_thread_start(t->handle, (zx_vaddr_t)enter, top - 8, (uintptr_t)t, 0);
    if (status != ZX_OK) zx_handle_close(t->handle);
  }
  if (status == ZX_OK) return thrd_success;
  zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)mapping, bytes);
  return status == ZX_ERR_NO_MEMORY ? thrd_nomem : thrd_error;
}

enum { STACK_BYTES = 256 << 10 };

int thrd_create(thrd_t* out, thrd_start_t main, void* argument) {
  return thrd_create_sized(out, main, argument, "thread", STACK_BYTES);
}

int thrd_join(thrd_t t, int* result) {
  if (t->mapping == NULL || t->state == DETACHED) return thrd_error;
  zx_object_wait_one(t->handle, ZX_THREAD_TERMINATED, ZX_TIME_INFINITE, NULL);
  if (result != NULL) *result = t->result;
  release(t);
  return thrd_success;
}

int thrd_detach(thrd_t t) {
  int joinable = JOINABLE;
  if (t->mapping == NULL) return thrd_error;
  if (!atomic_compare_exchange_strong(&t->state, &joinable, DETACHED)) {
    if (joinable != EXITED) return thrd_error;
    release(t);
  }
  return thrd_success;
}

thrd_t thrd_current(void) { return self(); }
int thrd_equal(thrd_t a, thrd_t b) { return a == b; }
zx_handle_t thrd_get_zx_handle(thrd_t t) { return t->handle; }
void thrd_yield(void) { zx_thread_legacy_yield(0); }

_Noreturn void thrd_exit(int result) {
  self()->result = result;
  leave(self());
}

// nanoseconds gives a timespec as Zircon counts, at most ZX_TIME_INFINITE.
static zx_time_t nanoseconds(const struct timespec* t) {
  if (t->tv_sec < 0) return 0;
  if (t->tv_sec > INT64_MAX / 1000000000 - 1) return ZX_TIME_INFINITE;
  return t->tv_sec * 1000000000 + t->tv_nsec;
}

int thrd_sleep(const struct timespec* duration, struct timespec* remaining) {
  zx_nanosleep(zx_deadline_after(nanoseconds(duration)));
  if (remaining != NULL) *remaining = (struct timespec){0, 0};
  return 0;
}

int timespec_get(struct timespec* out, int base) {
  if (base != TIME_UTC) return 0;
  zx_time_t now = zx_clock_get_monotonic();
  *out = (struct timespec){now / 1000000000, now % 1000000000};
  return base;
}

// --- Locks. Source of the three states: U. Drepper, "Futexes are tricky", mutex 2.

// lock_until takes the lock; false when deadline came first.
static int lock_until(zx_lock_t* lock, zx_time_t deadline) {
  zx_futex_t seen = 0;
  if (__atomic_compare_exchange_n(lock, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return 1;
  if (seen != 2) seen = __atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE);
  while (seen != 0) {
    if (zx_futex_wait(lock, 2, ZX_HANDLE_INVALID, deadline) == ZX_ERR_TIMED_OUT) return 0;
    seen = __atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE);
  }
  return 1;
}

void zx_lock(zx_lock_t* lock) { lock_until(lock, ZX_TIME_INFINITE); }

void zx_unlock(zx_lock_t* lock) {
  if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2) zx_futex_wake(lock, 1);
}

int mtx_init(mtx_t* m, int type) {
  *m = (mtx_t){.type = type};
  return thrd_success;
}

void mtx_destroy(mtx_t* m) { (void)m; }

// again says whether a recursive mutex is the caller's already, and counts.
static int again(mtx_t* m) {
  if (!(m->type & mtx_recursive) || __atomic_load_n(&m->owner, __ATOMIC_RELAXED) != self()) return 0;
  m->depth++;
  return 1;
}

// own notes the owner of a recursive mutex.
static int own(mtx_t* m) {
  if (m->type & mtx_recursive) __atomic_store_n(&m->owner, self(), __ATOMIC_RELAXED);
  return thrd_success;
}

int mtx_lock(mtx_t* m) {
  if (again(m)) return thrd_success;
  zx_lock(&m->lock);
  return own(m);
}

int mtx_timedlock(mtx_t* restrict m, const struct timespec* restrict until) {
  if (again(m)) return thrd_success;
  return lock_until(&m->lock, nanoseconds(until)) ? own(m) : thrd_timedout;
}

int mtx_trylock(mtx_t* m) {
  if (again(m)) return thrd_success;
  zx_futex_t seen = 0;
  if (!__atomic_compare_exchange_n(&m->lock, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return thrd_busy;
  return own(m);
}

int mtx_unlock(mtx_t* m) {
  if (m->type & mtx_recursive) {
    if (m->depth > 0) {
      m->depth--;
      return thrd_success;
    }
    __atomic_store_n(&m->owner, NULL, __ATOMIC_RELAXED);
  }
  zx_unlock(&m->lock);
  return thrd_success;
}

// A condition counts its signals; who waits does so for the count to move.

int cnd_init(cnd_t* c) {
  *c = (cnd_t){0};
  return thrd_success;
}

void cnd_destroy(cnd_t* c) { (void)c; }

static void cnd_wake(cnd_t* c, uint32_t count) {
  __atomic_fetch_add(&c->count, 1, __ATOMIC_RELEASE);
  zx_futex_wake(&c->count, count);
}

int cnd_signal(cnd_t* c) {
  cnd_wake(c, 1);
  return thrd_success;
}

int cnd_broadcast(cnd_t* c) {
  cnd_wake(c, UINT32_MAX);
  return thrd_success;
}

static int cnd_until(cnd_t* c, mtx_t* m, zx_time_t deadline) {
  zx_futex_t seen = __atomic_load_n(&c->count, __ATOMIC_ACQUIRE);
  mtx_unlock(m);
  zx_status_t status = zx_futex_wait(&c->count, seen, ZX_HANDLE_INVALID, deadline);
  mtx_lock(m);
  return status == ZX_ERR_TIMED_OUT ? thrd_timedout : thrd_success;
}

int cnd_wait(cnd_t* c, mtx_t* m) { return cnd_until(c, m, ZX_TIME_INFINITE); }

int cnd_timedwait(cnd_t* restrict c, mtx_t* restrict m, const struct timespec* restrict until) {
  return cnd_until(c, m, nanoseconds(until));
}

// once runs f when *flag is 0 and makes it 2; others wait meanwhile.
static int once_begin(zx_futex_t* flag) {
  for (;;) {
    zx_futex_t seen = 0;
    if (__atomic_compare_exchange_n(flag, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) return 1;
    if (seen == 2) return 0;
    zx_futex_wait(flag, 1, ZX_HANDLE_INVALID, ZX_TIME_INFINITE);
  }
}

static void once_end(zx_futex_t* flag, zx_futex_t value) {
  __atomic_store_n(flag, value, __ATOMIC_RELEASE);
  zx_futex_wake(flag, UINT32_MAX);
}

void call_once(once_flag* flag, void (*f)(void)) {
  if (!once_begin(flag)) return;
  f();
  once_end(flag, 2);
}

// The guards of C++'s static variables: the first byte says "made" (Itanium C++
// ABI 3.3.3), the upper half is the flag.
int __cxa_guard_acquire(uint64_t* guard) { return once_begin((zx_futex_t*)guard + 1); }

void __cxa_guard_release(uint64_t* guard) {
  __atomic_store_n((char*)guard, 1, __ATOMIC_RELEASE);
  once_end((zx_futex_t*)guard + 1, 2);
}

void __cxa_guard_abort(uint64_t* guard) { once_end((zx_futex_t*)guard + 1, 0); }

int tss_create(tss_t* key, tss_dtor_t destructor) {
  unsigned k = keys;
  do {
    if (k == KEYS) return thrd_error;
  } while (!atomic_compare_exchange_weak(&keys, &k, k + 1));
  destructors[k] = destructor;
  *key = k;
  return thrd_success;
}

void tss_delete(tss_t key) { destructors[key] = NULL; }
void* tss_get(tss_t key) { return self()->specific[key]; }

int tss_set(tss_t key, void* value) {
  if (key >= KEYS) return thrd_error;
  self()->specific[key] = value;
  return thrd_success;
}

static _Thread_local int error_number;

int* __errno_location(void) { return &error_number; }
