// strtod: the number nearest to the text, ties to even, by whole numbers of any
// length.
#include "internal.h"

#include <stdbool.h>

// A whole number, its lowest word first. Digits beyond DIGITS cannot decide but by not
// being zero: a tie has at most 767 digits.
enum { DIGITS = 800, WORDS = 160 };

typedef struct {
  uint32_t word[WORDS];
  int n;
} big_t;

static void multiply_add(big_t* b, uint32_t by, uint32_t plus) {
  uint64_t carry = plus;
  for (int i = 0; i < b->n; i++) {
    carry += (uint64_t)b->word[i] * by;
    b->word[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry != 0) {
    b->word[b->n++] = (uint32_t)carry;
  }
}

static void times_ten(big_t* b, int power) {
  for (; power >= 9; power -= 9) multiply_add(b, 1000000000, 0);
  for (; power > 0; power--) multiply_add(b, 10, 0);
}

static int bits(const big_t* b) { return b->n == 0 ? 0 : 32 * b->n - __builtin_clz(b->word[b->n - 1]); }

static void shift_left(big_t* b, int by) {
  int words = by / 32, rest = by % 32;
  for (int i = b->n + words; i >= 0; i--) {
    uint64_t w = 0;
    if (i - words >= 0 && i - words < b->n) w = (uint64_t)b->word[i - words] << rest;
    if (i - words - 1 >= 0 && rest != 0) w |= b->word[i - words - 1] >> (32 - rest);
    b->word[i] = (uint32_t)w;
  }
  b->n += words + 1;
  while (b->n > 0 && b->word[b->n - 1] == 0) b->n--;
}

static int compare(const big_t* a, const big_t* b) {
  if (a->n != b->n) return a->n < b->n ? -1 : 1;
  for (int i = a->n - 1; i >= 0; i--) {
    if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
  }
  return 0;
}

static void subtract(big_t* a, const big_t* b) {
  int64_t borrow = 0;
  for (int i = 0; i < a->n; i++) {
    borrow += (int64_t)a->word[i] - (i < b->n ? b->word[i] : 0);
    a->word[i] = (uint32_t)borrow;
    borrow >>= 32;
  }
  while (a->n > 0 && a->word[a->n - 1] == 0) a->n--;
}

// A format: how many bits its numbers have, and what the lowest of them weighs at least
// and the number may weigh at most, as powers of two.
typedef struct {
  int digits, least, most;
} format_t;

static const format_t single = {24, -149, 128}, twice = {53, -1074, 1024};

// rounded is the number nearest to (m + something below 1 if rest) * 2^e, m of 64 bits with the
// highest set, or 0.
static double rounded(uint64_t m, int e, bool rest, const format_t* f) {
  if (m == 0) return 0;
  int drop = 64 - f->digits;
  if (e + drop < f->least) drop = f->least - e;  // fewer for the smallest numbers
  if (drop > 64) {
    errno = ERANGE;
    return 0;
  }
  uint64_t low = drop == 64 ? m : m & ((UINT64_C(1) << drop) - 1);
  uint64_t half = UINT64_C(1) << (drop - 1), high = drop == 64 ? 0 : m >> drop;
  high += low > half || (low == half && (rest || (high & 1) != 0));
  e += drop;
  if (high != 0 && 64 - __builtin_clzll(high) + e > f->most) {
    errno = ERANGE;
    return __builtin_inf();
  }
  if (drop > 64 - f->digits && (rest || low != 0)) errno = ERANGE;
  // high has at most 53 bits: exact, and so is a power of two, if it is taken in two.
  double v = (double)high;
  for (; e < -1000; e += 1000) v *= 0x1p-1000;
  for (; e > 900; e -= 900) v *= 0x1p900;
  union {
    uint64_t bits;
    double value;
  } power = {(uint64_t)(e + 1023) << 52};
  return v * power.value;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static bool word_at(const char* s, const char* lower) {
  for (; *lower != 0; s++, lower++) {
    if ((*s | 32) != *lower) return false;
  }
  return true;
}

// exponent reads e or p and a number behind it, if it is all there.
static const char* exponent(const char* s, char mark, long* e) {
  if ((*s | 32) != mark) return s;
  const char* at = s + 1;
  bool minus = *at == '-';
  if (*at == '-' || *at == '+') at++;
  if (*at < '0' || *at > '9') return s;
  long n = 0;
  for (; *at >= '0' && *at <= '9'; at++) {
    if (n < 1000000) n = n * 10 + (*at - '0');
  }
  *e += minus ? -n : n;
  return at;
}

// quotient divides number by divisor, neither 0, and rounds to the format.
static double quotient(big_t* number, big_t* divisor, const format_t* f) {
  int shift = bits(number) - bits(divisor) - 64;  // number / divisor / 2^shift has 64 or 65 bits
  if (shift < 0) {
    shift_left(number, -shift);
  } else {
    shift_left(divisor, shift);
  }
  shift_left(divisor, 64);
  bool top = compare(number, divisor) >= 0;
  if (top) subtract(number, divisor);
  uint64_t q = 0;
  for (int i = 0; i < 64; i++) {
    shift_left(number, 1);
    bool one = compare(number, divisor) >= 0;
    if (one) subtract(number, divisor);
    q = q << 1 | one;
  }
  bool rest = number->n != 0;
  if (top) {
    rest = rest || (q & 1) != 0;
    q = q >> 1 | UINT64_C(1) << 63;
    shift++;
  }
  return rounded(q, shift, rest, f);
}

// decimal and hexadecimal read digits, a point and an exponent. NULL: there is no digit.
static const char* decimal(const char* s, const format_t* f, double* v) {
  big_t number, divisor;
  number.n = 0;
  int digits = 0;
  bool point = false, any = false, rest = false;
  long e = 0;
  for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
    if (*s == '.') {
      point = true;
      continue;
    }
    any = true;
    if (point) e--;
    if (digits == DIGITS) {
      rest = rest || *s != '0';
      e++;
    } else if (digits > 0 || *s != '0') {
      multiply_add(&number, 10, (uint32_t)(*s - '0'));
      if (number.n == 0) number.word[number.n++] = (uint32_t)(*s - '0');
      digits++;
    }
  }
  if (!any) return NULL;
  s = exponent(s, 'e', &e);
  if (digits == 0) {
    *v = 0;
  } else if (e + digits > 310) {
    *v = rounded(UINT64_C(1) << 63, 5000, false, f);
  } else if (e + digits < -345) {
    *v = rounded(UINT64_C(1) << 63, -5000, true, f);
  } else {
    if (rest) {  // one that is not zero, for all that were left out
      multiply_add(&number, 10, 1);
      e--;
    }
    divisor.n = 1;
    divisor.word[0] = 1;
    times_ten(e >= 0 ? &number : &divisor, (int)(e >= 0 ? e : -e));
    *v = quotient(&number, &divisor, f);
  }
  return s;
}

static const char* hexadecimal(const char* s, const format_t* f, double* v) {
  uint64_t m = 0;
  bool point = false, any = false, rest = false;
  long e = 0;
  for (; digit_of(*s) < 16 || (*s == '.' && !point); s++) {
    if (*s == '.') {
      point = true;
      continue;
    }
    any = true;
    if (point) e -= 4;
    if (m >> 60 == 0) {
      m = m << 4 | (unsigned)digit_of(*s);
    } else {
      rest = rest || *s != '0';
      e += 4;
    }
  }
  if (!any) return NULL;
  s = exponent(s, 'p', &e);
  int up = m == 0 ? 0 : __builtin_clzll(m);
  e = e > 6000 ? 6000 : e < -6000 ? -6000 : e;
  *v = rounded(m << up, (int)e - up, rest, f);
  return s;
}

static double parse(const char* text, char** end, const format_t* f) {
  const char *s = text, *after;
  while (*s == ' ' || (*s >= '\t' && *s <= '\r')) s++;
  bool minus = *s == '-';
  if (*s == '-' || *s == '+') s++;
  double v = 0;
  if (word_at(s, "inf")) {
    after = s + (word_at(s, "infinity") ? 8 : 3);
    v = __builtin_inf();
  } else if (word_at(s, "nan")) {
    after = s + 3;
    if (*after == '(') {
      const char* close = after + 1;
      while ((*close >= '0' && *close <= '9') || ((*close | 32) >= 'a' && (*close | 32) <= 'z') || *close == '_') close++;
      if (*close == ')') after = close + 1;
    }
    v = __builtin_nan("");
  } else {
    after = s[0] == '0' && (s[1] | 32) == 'x' ? hexadecimal(s + 2, f, &v) : NULL;
    if (after == NULL) after = decimal(s, f, &v);
  }
  if (end != NULL) *end = (char*)(after != NULL ? after : text);
  if (after == NULL) return 0;
  return minus ? -v : v;
}

double strtod(const char* text, char** end) { return parse(text, end, &twice); }
float strtof(const char* text, char** end) { return (float)parse(text, end, &single); }
long double strtold(const char* text, char** end) { return strtod(text, end); }
double atof(const char* text) { return strtod(text, NULL); }
