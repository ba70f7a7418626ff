// Numbers from text, sorting, and the environment.
#include "internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>

// digit is the value of c as a digit, 99 when it is none.
static unsigned digit(char c) {
  if (isdigit(c)) return (unsigned)(c - '0');
  if (isalpha(c)) return (unsigned)(tolower(c) - 'a') + 10;
  return 99;
}

// magnitude reads sign and digits. *over says that the digits do not fit.
static unsigned long long magnitude(const char* text, char** end, int base, bool* negative, bool* over) {
  const char* p = text;
  while (isspace(*p)) p++;
  *negative = *p == '-';
  *over = false;
  if (*p == '-' || *p == '+') p++;
  bool hex_prefix = p[0] == '0' && (p[1] | 0x20) == 'x' && digit(p[2]) < 16;
  if ((base == 0 || base == 16) && hex_prefix) {
    p += 2;
    base = 16;
  } else if (base == 0) {
    base = *p == '0' ? 8 : 10;
  }
  unsigned long long value = 0;
  bool any = false;
  if (base < 2 || base > 36) {
    errno = EINVAL;
    base = 0;
  }
  for (unsigned d; (d = digit(*p)) < (unsigned)base; p++, any = true) {
    *over |= __builtin_mul_overflow(value, (unsigned long long)base, &value);
    *over |= __builtin_add_overflow(value, (unsigned long long)d, &value);
  }
  if (end != NULL) {
    *end = (char*)(any ? p : text);
  }
  return value;
}

unsigned long long strtoull(const char* text, char** end, int base) {
  bool negative, over;
  unsigned long long value = magnitude(text, end, base, &negative, &over);
  if (over) {
    errno = ERANGE;
    return ULLONG_MAX;
  }
  return negative ? -value : value;
}

long long strtoll(const char* text, char** end, int base) {
  bool negative, over;
  unsigned long long value = magnitude(text, end, base, &negative, &over);
  if (over || value > (unsigned long long)LLONG_MAX + negative) {
    errno = ERANGE;
    return negative ? LLONG_MIN : LLONG_MAX;
  }
  return (long long)(negative ? -value : value);
}

unsigned long strtoul(const char* text, char** end, int base) { return strtoull(text, end, base); }
long strtol(const char* text, char** end, int base) { return strtoll(text, end, base); }
int atoi(const char* text) { return (int)strtol(text, NULL, 10); }
long atol(const char* text) { return strtol(text, NULL, 10); }
long long atoll(const char* text) { return strtoll(text, NULL, 10); }

int abs(int n) { return n < 0 ? -n : n; }
long labs(long n) { return n < 0 ? -n : n; }
long long llabs(long long n) { return n < 0 ? -n : n; }
div_t div(int n, int d) { return (div_t){n / d, n % d}; }
ldiv_t ldiv(long n, long d) { return (ldiv_t){n / d, n % d}; }
lldiv_t lldiv(long long n, long long d) { return (lldiv_t){n / d, n % d}; }

static void swap(char* a, char* b, size_t size) {
  for (; size > 0; size--, a++, b++) {
    char c = *a;
    *a = *b;
    *b = c;
  }
}

// sink lets element i of the heap [0, count) fall to its place.
static void sink(char* base, size_t i, size_t count, size_t size, int (*compare)(const void*, const void*)) {
  for (size_t child; (child = 2 * i + 1) < count; i = child) {
    if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0) child++;
    if (compare(base + i * size, base + child * size) >= 0) return;
    swap(base + i * size, base + child * size, size);
  }
}

// qsort is a heap sort: no memory, and never more than n log n.
void qsort(void* base, size_t count, size_t size, int (*compare)(const void*, const void*)) {
  for (size_t i = count / 2; i > 0;) sink(base, --i, count, size, compare);
  for (size_t n = count; n > 1;) {
    swap(base, (char*)base + --n * size, size);
    sink(base, 0, n, size, compare);
  }
}

void* bsearch(const void* key, const void* base, size_t count, size_t size, int (*compare)(const void*, const void*)) {
  const char* low = base;
  for (; count > 0; count /= 2) {
    const char* middle = low + count / 2 * size;
    int order = compare(key, middle);
    if (order == 0) return (void*)middle;
    if (order > 0) {
      low = middle + size;
      count--;
    }
  }
  return NULL;
}

char* getenv(const char* name) {
  size_t n = strlen(name);
  for (char** e = environ; *e != NULL; e++) {
    if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') return *e + n + 1;
  }
  return NULL;
}

// Source of the constants: D. Knuth, MMIX (TAOCP 3.3.4, line 26).
static unsigned long long seed = 1;

void srand(unsigned n) { seed = n; }

int rand(void) {
  seed = seed * 6364136223846793005ull + 1442695040888963407ull;
  return (int)(seed >> 33);
}
