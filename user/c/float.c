// Floating point in printf: exact, rounded half to even, as IEEE 754 asks.
//
// A value m * 2^e is written out in full as a row of limbs of nine decimal
// digits, by as many doublings or halvings as e asks for: every binary fraction
// ends in decimal. Places count powers of ten: place 0 is the units, -1 the tenths.
#include "format.h"

#include <string.h>

enum {
  LIMB = 1000000000,
  BEFORE = 4936 / 9 + 2,  // a long double has 4,933 digits before the point
  AFTER = 16445 / 9 + 2,  // and 16,445 behind it, at most
};

// decimal is the value: limb[first .. last) are those that are not zero.
struct decimal {
  uint32_t limb[BEFORE + AFTER];
  int first, last;
};

static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

// place gives the limb of a place and the power of ten in it.
static int place(int at, uint32_t* power) {
  int limb = at >= 0 ? BEFORE - 1 - at / 9 : BEFORE + (-at - 1) / 9;
  *power = at >= 0 ? powers[at % 9] : powers[8 - (-at - 1) % 9];
  return limb;
}

static unsigned digit(const struct decimal* d, int at) {
  uint32_t power;
  int i = place(at, &power);
  return i >= d->first && i < d->last ? d->limb[i] / power % 10 : 0;
}

// expand writes m * 2^e into d.
static void expand(struct decimal* d, uint64_t m, int e) {
  d->first = d->last = BEFORE;
  for (; m != 0; m /= LIMB) d->limb[--d->first] = (uint32_t)(m % LIMB);
  for (int shift; e > 0; e -= shift) {
    shift = e < 29 ? e : 29;
    uint64_t carry = 0;
    for (int i = d->last - 1; i >= d->first; i--) {
      carry += (uint64_t)d->limb[i] << shift;
      d->limb[i] = (uint32_t)(carry % LIMB);
      carry /= LIMB;
    }
    if (carry != 0) d->limb[--d->first] = (uint32_t)carry;
  }
  for (int shift; e < 0; e += shift) {
    shift = -e < 9 ? -e : 9;  // 10^9 is a multiple of 2^9
    uint32_t carry = 0;
    for (int i = d->first; i < d->last; i++) {
      uint32_t lost = d->limb[i] & ((1u << shift) - 1);
      d->limb[i] = (d->limb[i] >> shift) + carry;
      carry = (LIMB >> shift) * lost;
    }
    if (carry != 0) d->limb[d->last++] = carry;
    while (d->first < d->last && d->limb[d->first] == 0) d->first++;
  }
}

// highest is the place of the first digit that is not zero; 0 for zero.
static int highest(const struct decimal* d) {
  if (d->first == d->last) return 0;
  int at = (BEFORE - 1 - d->first) * 9 + 8;
  while (digit(d, at) == 0) at--;
  return at;
}

// round_at rounds half to even, so that place at is the last one.
static void round_at(struct decimal* d, int at) {
  uint32_t power, below;
  int i = place(at, &power), j = place(at - 1, &below);
  if (j >= d->last || d->first == d->last) return;  // exact already
  bool up = false;
  if (j >= d->first) {
    unsigned next = d->limb[j] / below % 10;
    bool more = d->limb[j] % below != 0;
    for (int k = j + 1; k < d->last && !more; k++) more = d->limb[k] != 0;
    up = next > 5 || (next == 5 && (more || digit(d, at) % 2 == 1));
  }
  // Cut, then carry.
  while (d->first > i) d->limb[--d->first] = 0;
  d->limb[i] -= d->limb[i] % power;
  d->last = i + 1;
  for (uint32_t add = up ? power : 0; add != 0; add = 1) {
    if (i < d->first) d->limb[d->first = i] = 0;
    d->limb[i] += add;
    if (d->limb[i] < LIMB) break;
    d->limb[i--] -= LIMB;
  }
  while (d->first < d->last && d->limb[d->first] == 0) d->first++;
}

// open_field writes the sign or prefix and the padding in front of length more
// characters. It answers how many blanks go behind them.
static long open_field(struct zx_sink* s, const struct zx_spec* spec, const char* prefix, long length) {
  long pad = spec->width - (long)strlen(prefix) - length;
  if (!spec->left && !spec->zero) zx_sink_fill(s, ' ', pad);
  while (*prefix != 0) zx_sink_put(s, *prefix++);
  if (!spec->left && spec->zero) zx_sink_fill(s, '0', pad);
  return spec->left ? pad : 0;
}

// put_digits writes the places from high down to low.
static void put_digits(struct zx_sink* s, const struct decimal* d, int high, int low) {
  for (; high >= low; high--) zx_sink_put(s, (char)('0' + digit(d, high)));
}

// exponent writes p+3 or e-07 into text and gives its length.
static int exponent(char* text, char letter, int e, int least) {
  char digits[8];
  int n = 0, length = 0;
  unsigned left = e < 0 ? -(unsigned)e : (unsigned)e;
  for (; left != 0 || n < least; left /= 10) digits[n++] = (char)('0' + left % 10);
  text[length++] = letter;
  text[length++] = e < 0 ? '-' : '+';
  while (n > 0) text[length++] = digits[--n];
  return length;
}

static void put_text(struct zx_sink* s, const char* text, int length) {
  for (int i = 0; i < length; i++) zx_sink_put(s, text[i]);
}

// hexadecimal writes m * 2^e as 0xH.HHp+E, m having its point behind the first
// digit of 64 bits.
static void hexadecimal(struct zx_sink* s, struct zx_spec spec, const char* sign, uint64_t m, int e) {
  int digits = spec.precision;
  if (digits < 0) {
    for (digits = 15; digits > 0 && (m >> (60 - 4 * digits) & 15) == 0;) digits--;
  } else if (digits < 15) {
    uint64_t unit = 1ull << (60 - 4 * digits), rest = m & (unit - 1);
    m -= rest;
    if (rest > unit / 2 || (rest == unit / 2 && (m & unit) != 0)) {
      if (__builtin_add_overflow(m, unit, &m)) {
        m = 1ull << 60;
        e += 4;
      }
    }
  }
  char prefix[4] = "", power[12];
  strcat(strcpy(prefix, sign), spec.upper ? "0X" : "0x");
  int power_length = exponent(power, spec.upper ? 'P' : 'p', e, 1);
  bool point = digits > 0 || spec.alternate;
  long behind = open_field(s, &spec, prefix, 1 + point + (long)digits + power_length);
  const char* alphabet = spec.upper ? "0123456789ABCDEF" : "0123456789abcdef";
  zx_sink_put(s, alphabet[m >> 60]);
  if (point) zx_sink_put(s, '.');
  for (int i = 1; i <= digits && i <= 15; i++) zx_sink_put(s, alphabet[m >> (60 - 4 * i) & 15]);
  zx_sink_fill(s, '0', digits > 15 ? digits - 15 : 0);
  put_text(s, power, power_length);
  zx_sink_fill(s, ' ', behind);
}

void zx_format_float(struct zx_sink* s, struct zx_spec spec, char conversion, long double v, bool wide) {
  // The 80-bit format: 64 bits of significand, 15 of exponent, the sign.
  // Source: Intel SDM 1 4.2.2.
  struct {
    uint64_t m;
    uint16_t e;
  } bits = {0, 0};
  memcpy(&bits, &v, 10);
  const char* sign = bits.e >> 15 ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  int e = bits.e & 0x7fff;
  if (e == 0x7fff) {
    const char* text = bits.m << 1 == 0 ? (spec.upper ? "INF" : "inf") : spec.upper ? "NAN" : "nan";
    spec.zero = false;
    long behind = open_field(s, &spec, sign, 3);
    put_text(s, text, 3);
    zx_sink_fill(s, ' ', behind);
    return;
  }
  e = (e == 0 ? 1 : e) - 16383 - 63;  // v is m * 2^e
  if (conversion == 'a') {
    // A long double begins with a digit of four bits, a double with one.
    uint64_t m = bits.m;
    e = m == 0 ? 0 : e + 60;
    if (!wide && m != 0) {
      int up = e + 3 < -1022 ? -1022 - (e + 3) : 0;  // less than a normal double has
      m = m >> 3 >> up;
      e += 3 + up;
    }
    hexadecimal(s, spec, sign, m, e);
    return;
  }
  struct decimal d;
  expand(&d, bits.m, e);
  if (spec.precision < 0) spec.precision = 6;
  bool general = conversion == 'g';
  if (general) {
    if (spec.precision == 0) spec.precision = 1;
    int most = highest(&d);
    round_at(&d, most - spec.precision + 1);
    most = highest(&d);
    conversion = most < -4 || most >= spec.precision ? 'e' : 'f';
    int low = most - spec.precision + 1;
    if (!spec.alternate) {  // no zeros at the end
      int end = (BEFORE - d.last) * 9, stop = conversion == 'e' ? most : 0;
      low = low < end ? end : low;
      while (low < stop && digit(&d, low) == 0) low++;
      low = low < stop ? low : stop;
    }
    spec.precision = conversion == 'e' ? most - low : low < 0 ? -low : 0;
  }
  bool point = spec.precision > 0 || spec.alternate;
  char power[12];
  int power_length = 0, high, low;
  if (conversion == 'e') {
    high = highest(&d);
    if (!general) round_at(&d, high - spec.precision);
    high = highest(&d);
    low = high;
    power_length = exponent(power, spec.upper ? 'E' : 'e', high, 2);
  } else {
    if (!general) round_at(&d, -spec.precision);
    high = highest(&d);
    high = high > 0 ? high : 0;
    low = 0;
  }
  long behind = open_field(s, &spec, sign, high - low + 1 + point + (long)spec.precision + power_length);
  put_digits(s, &d, high, low);
  if (point) zx_sink_put(s, '.');
  // Digits that are there, then zeros.
  int last = low - spec.precision, end = (BEFORE - d.last) * 9;
  int stop = last > end ? last : end < low ? end : low;
  put_digits(s, &d, low - 1, stop);
  zx_sink_fill(s, '0', stop - (long)last);
  put_text(s, power, power_length);
  zx_sink_fill(s, ' ', behind);
}
