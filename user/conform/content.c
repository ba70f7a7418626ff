// What a VMO should hold, and whether it does.
#include "conform.h"

enum { WORDS = ZX_PAGE_SIZE / sizeof(uint64_t), WANT_PAGES = 256 };

// ensure gives v an image of what is wanted, at first all tags.
static void ensure(vmo_t* v) {
  if (v->want == NULL) {
    v->want = BUFFER(WANT_PAGES * PAGE);
    want_tag(v, 0, v->pages);
  }
}

static void fits(const vmo_t* v, uint64_t o, uint64_t n) {
  if (o > WANT_PAGES || n > WANT_PAGES - o) {
    differs(HERE, "the image of key %lu has no pages (%lu, %lu)", v->key, o, n);
  }
}

void want_tag(vmo_t* v, uint64_t o, uint64_t n) {
  ensure(v);
  fits(v, o, n);
  uint64_t* words = (uint64_t*)v->want;
  for (uint64_t i = o * WORDS; i < (o + n) * WORDS; i++) {
    words[i] = v->key + i;
  }
}

void want_fill(vmo_t* v, uint64_t o, uint64_t n, uint8_t byte) {
  ensure(v);
  fits(v, o, n);
  memset(v->want + o * PAGE, byte, n * PAGE);
}

void want_bytes(vmo_t* v, uint64_t at, const void* bytes, uint64_t count) {
  ensure(v);
  memcpy(v->want + at, bytes, count);
}

void want_byte(vmo_t* v, uint64_t page, uint8_t byte) { want_bytes(v, page * PAGE, &byte, 1); }

static uint64_t wanted_word(const vmo_t* v, uint64_t i) {
  return v->want != NULL ? ((const uint64_t*)v->want)[i] : v->key + i;
}

// found is where content first differs.
typedef struct {
  zx_status_t status;  // of the read
  uint64_t word;
  uint64_t got;
} found_t;

// compare looks at each word of pages (o, n) in ascending order, up to the
// first that differs; true when none does.
static bool compare(const vmo_t* v, uint64_t o, uint64_t n, const volatile uint8_t* bytes, found_t* found) {
  const volatile uint64_t* words = (const volatile uint64_t*)bytes;
  for (uint64_t i = 0; i < n * WORDS; i++) {
    uint64_t got = words[i];
    if (got != wanted_word(v, o * WORDS + i)) {
      *found = (found_t){.word = o * WORDS + i, .got = got};
      return false;
    }
  }
  return true;
}

// compare_read reads (o, n) at one go into memory that holds no page yet.
static bool compare_read(const vmo_t* v, uint64_t o, uint64_t n, found_t* found) {
  zx_handle_t copy;
  zx_vaddr_t base;
  OK(zx_vmo_create(n * PAGE, ZX_VMO_RESIZABLE, &copy));
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, copy, 0, n * PAGE, &base));
  *found = (found_t){.status = zx_vmo_read(v->handle, (void*)base, o * PAGE, n * PAGE)};
  bool good = found->status == ZX_OK && compare(v, o, n, (const uint8_t*)base, found);
  OK(zx_vmar_unmap(zx_vmar_root_self(), base, n * PAGE));
  OK(zx_handle_close(copy));
  return good;
}

static bool look(const vmo_t* v, uint64_t o, uint64_t n, variant_t how, found_t* found) {
  *found = (found_t){.status = ZX_ERR_OUT_OF_RANGE};
  if (how == MAPPING || how == VMAR) {
    return o <= v->pages && n <= v->pages - o && compare(v, o, n, v->base + o * PAGE, found);
  }
  return compare_read(v, o, n, found);
}

bool same(const vmo_t* v, uint64_t o, uint64_t n, variant_t how) {
  found_t found;
  return look(v, o, n, how, &found);
}

bool same_bytes(const vmo_t* v, uint64_t o, uint64_t n, const volatile uint8_t* bytes) {
  found_t found;
  return compare(v, o, n, bytes, &found);
}

void content_is(where_t at, vmo_t* v, uint64_t o, uint64_t n, variant_t how) {
  line_is(at);
  found_t found;
  if (look(v, o, n, how, &found)) {
    return;
  }
  if (found.status != ZX_OK) {
    differs(at, "content (%lu, %lu) of key %lu: %s", o, n, v->key, zx_status_get_string(found.status));
  }
  differs(at, "content of key %lu, page %lu word %lu: expected %#lx, got %#lx", v->key, found.word / WORDS,
          found.word % WORDS, wanted_word(v, found.word), found.got);
}

void becomes(where_t at, const vmo_t* v, uint64_t o, uint64_t n, const volatile uint8_t* bytes) {
  line_is(at);
  zx_time_t deadline = later();
  found_t found;
  while (!compare(v, o, n, bytes, &found)) {
    if (zx_clock_get_monotonic() > deadline) {
      differs(at, "buffer does not become pages (%lu, %lu) of key %lu: page %lu word %lu: expected %#lx, got %#lx", o, n,
              v->key, found.word / WORDS, found.word % WORDS, wanted_word(v, found.word), found.got);
    }
    pause_for(ZX_MSEC(10));
  }
}

void all_zero(where_t at, zx_handle_t vmo, uint64_t o, uint64_t n) {
  uint64_t words[WORDS];
  for (uint64_t page = o; page < o + n; page++) {
    memset(words, 0xff, sizeof(words));
    status_is(at, "zx_vmo_read", ZX_OK, zx_vmo_read(vmo, words, page * PAGE, PAGE));
    for (size_t i = 0; i < WORDS; i++) {
      if (words[i] != 0) {
        differs(at, "page %lu word %zu: expected 0, got %#lx", page, i, words[i]);
      }
    }
  }
}
