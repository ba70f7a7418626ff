// Compares the SDK's snprintf, built as sdk_snprintf, with the host's: as many
// random formats and values as the first argument says. Prints what differs.
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sdk_snprintf(char* out, size_t size, const char* format, ...);

static uint64_t state = 88172645463325252ull;

static uint64_t next(void) {  // xorshift64, G. Marsaglia
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static unsigned below(unsigned n) { return (unsigned)(next() % n); }

static char a[20000], b[20000];
static int wrong;

#define TRY(...)                                                           \
  do {                                                                     \
    size_t size = below(8) == 0 ? below(40) : sizeof(a);                   \
    memset(a, 'x', 64), memset(b, 'x', 64);                                \
    int x = snprintf(a, size, __VA_ARGS__), y = sdk_snprintf(b, size, __VA_ARGS__); \
    if (x != y || (size > 0 && strcmp(a, b) != 0) || memcmp(a, b, 8) != 0) \
      printf("%s: want %d [%.300s], got %d [%.300s]\n", format, x, a, y, b), wrong++; \
  } while (0)

static uint64_t integer(void) {
  static const uint64_t special[] = {0, 1, 7, 8, 9, 10, UINT64_MAX, INT64_MAX, 1ull << 63, UINT32_MAX, INT32_MAX, 1u << 31};
  return below(4) == 0 ? special[below(12)] : next() >> below(64);
}

static double floating(void) {
  // Not 99.5: glibc 2.36 writes %#.2g of it as 1.e+02, which has one digit too few.
  static const double special[] = {0.0, -0.0, 1, 0.5, 1.5, 2.5, 0.125, 9.5, 9.9999995, 0.0001, 0.00001, 123456, 1234567, 1e21, 1e22, DBL_MAX, DBL_MIN, 5e-324};
  switch (below(6)) {
    case 0: return special[below(18)];
    case 1: return below(8) == 0 ? (below(2) ? INFINITY : -INFINITY) : below(8) == 0 ? NAN : (double)(int)next();
    case 2: return (double)(int64_t)integer() / (double)(1ull << below(40));
    case 3: return ldexp((double)(int64_t)next(), (int)below(120) - 100);
    default: {
      uint64_t bits = next();
      double d;
      memcpy(&d, &bits, 8);
      return isnan(d) ? 1.25 : d;
    }
  }
}

int main(int argc, char** argv) {
  (void)argc;
  for (long left = atol(argv[1]); left > 0; left--) {
    char format[64];
    int n = 0, width = (int)below(30) - 5, precision = (int)below(25) - 2;
    format[n++] = below(2) ? 'a' : '[';
    format[n++] = '%';
    for (unsigned i = below(4); i > 0; i--) format[n++] = "-0+ #"[below(5)];
    int stars = 0;
    if (below(3) == 0) n += sprintf(format + n, "%u", below(below(50) == 0 ? 400 : 30)), format[n - 1] == '0' && format[n - 2] == '%' ? n-- : 0;
    else if (below(4) == 0) format[n++] = '*', stars |= 1;
    if (below(2) == 0) {
      format[n++] = '.';
      if (below(4) == 0) format[n++] = '*', stars |= 2;
      else if (below(4) != 0) n += sprintf(format + n, "%u", below(below(20) == 0 ? 600 : 22));
    }
    char conversion = "diuoxXcspeEfFgGaAeEfFgGaA"[below(25)];
    const char* sizes[] = {"", "hh", "h", "l", "ll", "j", "z", "t", "L"};
    int size = 0;
    if (strchr("diuoxX", conversion)) size = (int)below(8);
    if (strchr("eEfFgGaA", conversion) && below(4) == 0) size = 8;
    sprintf(format + n, "%s%c]", sizes[size], conversion);
#define WITH(value)                                          \
  do {                                                       \
    __auto_type v = (value);                                 \
    switch (stars) {                                         \
      case 0: TRY(format, v); break;                         \
      case 1: TRY(format, width, v); break;                  \
      case 2: TRY(format, precision, v); break;              \
      case 3: TRY(format, width, precision, v); break;       \
    }                                                        \
  } while (0)
    if (strchr("diuoxX", conversion)) {
      if (size < 3) {
        WITH((int)integer());
      } else {
        WITH(integer());
      }
    } else if (conversion == 'c') {
      WITH((int)(1 + below(126)));
    } else if (conversion == 's') {
      static const char* texts[] = {"", "a", "text", "a longer text, of forty characters or so", NULL};
      WITH(texts[below(5)]);
    } else if (conversion == 'p') {
      WITH((void*)(uintptr_t)integer());
    } else if (size == 8) {
      static const long double special[] = {LDBL_MAX, LDBL_MIN, 0.1L, 1.0L, -3.0L, 1e4000L};
      long double wide = below(3) == 0 ? special[below(6)] : (long double)floating() * (1.0L + (long double)next() * 0x1p-70L);
      WITH(wide);
    } else {
      WITH(floating());
    }
    if (wrong > 20) return 1;
  }
  return wrong != 0;
}
