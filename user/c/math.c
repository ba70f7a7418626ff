// math.h, by the x87 unit, whose 64 bits leave a double its 53. It is told everything in
// the range where it is exact: arguments are reduced here.
#include <math.h>

#include "internal.h"

typedef long double real;

#define FUNCTION(name)                                     \
  double name(double x) { return (double)name##l(x); }     \
  float name##f(float x) { return (float)name##l(x); }
#define FUNCTION2(name)                                                 \
  double name(double x, double y) { return (double)name##l(x, y); }     \
  float name##f(float x, float y) { return (float)name##l(x, y); }

static const real LOG2E = 1.4426950408889634073599246810018921L, PI_2 = 1.5707963267948966192313216916397514L;

// --- Parts of numbers

static real round_current(real x) {
  __asm__("frndint" : "+t"(x));
  return x;
}

real rintl(real x) { return round_current(x); }
real nearbyintl(real x) { return round_current(x); }

real floorl(real x) {
  real r = round_current(x);
  return r > x ? r - 1 : copysignl(r, x);
}

real ceill(real x) { return -floorl(-x); }
real truncl(real x) { return x < 0 ? ceill(x) : floorl(x); }

real roundl(real x) {
  real t = truncl(x);
  return fabsl(x - t) >= 0.5L ? t + copysignl(1, x) : t;
}

real scalbnl(real x, int n) {
  real by = n;
  __asm__("fscale" : "+t"(x) : "u"(by));
  return x;
}

real ldexpl(real x, int n) { return scalbnl(x, n); }
double scalbn(double x, int n) { return (double)scalbnl(x, n); }
float scalbnf(float x, int n) { return (float)scalbnl(x, n); }
double ldexp(double x, int n) { return (double)scalbnl(x, n); }
float ldexpf(float x, int n) { return (float)scalbnl(x, n); }

real logbl(real x) {
  real exponent, mantissa;
  if (isinf(x)) return fabsl(x);
  __asm__("fxtract" : "=t"(mantissa), "=u"(exponent) : "0"(x));
  return isnan(x) ? x : exponent;
}

real frexpl(real x, int* e) {
  *e = 0;
  if (x == 0 || !isfinite(x)) return x;
  *e = (int)logbl(x) + 1;
  return scalbnl(x, -*e);
}
double frexp(double x, int* e) { return (double)frexpl(x, e); }
float frexpf(float x, int* e) { return (float)frexpl(x, e); }

real modfl(real x, real* whole) {
  *whole = truncl(x);
  return copysignl(isinf(x) ? 0 : x - *whole, x);
}
double modf(double x, double* whole) {
  real w, r = modfl(x, &w);
  *whole = (double)w;
  return (double)r;
}
float modff(float x, float* whole) {
  real w, r = modfl(x, &w);
  *whole = (float)w;
  return (float)r;
}

// remainders by steps of the CPU's, which are exact.
real fmodl(real x, real y) {
  unsigned short status;
  do {
    __asm__("fprem\n\tfnstsw %%ax" : "+t"(x), "=a"(status) : "u"(y));
  } while ((status & 0x400) != 0);
  return x;
}
real remainderl(real x, real y) {
  unsigned short status;
  do {
    __asm__("fprem1\n\tfnstsw %%ax" : "+t"(x), "=a"(status) : "u"(y));
  } while ((status & 0x400) != 0);
  return x;
}

// --- Exponentials and logarithms

// two_to is 2^(n + f), f within a half, less 1 if so told.
static real two_to(real n, real f, bool less) {
  __asm__("f2xm1" : "+t"(f));
  if (n == 0) return less ? f : f + 1;
  f += 1;
  __asm__("fscale" : "+t"(f) : "u"(n));
  return less ? f - 1 : f;
}

real exp2l(real x) {
  if (isnan(x)) return x;
  if (x > 20000 || x < -20000) return x < 0 ? 0 : INFINITY;
  real n = round_current(x);
  return two_to(n, x - n, false);
}

// ln 2 in a part of 32 bits and the rest: n times the first is exact.
static const real LN2_HIGH = 0x1.62e42feep-1L, LN2_LOW = 0x1.a39ef35793c7673007e5ed5e81e69p-33L;

static real exp_less(real x, bool less) {
  if (isnan(x) || x == 0) return less ? x : x + 1;
  if (x > 20000 || x < -20000) return (x < 0 ? 0 : INFINITY) - (less ? 1 : 0);
  real n = round_current(x * LOG2E);
  return two_to(n, (x - n * LN2_HIGH - n * LN2_LOW) * LOG2E, less);
}

real expl(real x) { return exp_less(x, false); }
real expm1l(real x) { return exp_less(x, true); }

static real y_log2(real y, real x) {
  __asm__("fyl2x" : "+t"(x) : "u"(y) : "st(1)");
  return x;
}

static const real LN2 = 0.69314718055994530941723212145817657L, LOG10_2 = 0.30102999566398119521373889472449303L;

static real logarithm(real base, real x) {
  if (isnan(x) || x < 0) return x < 0 ? NAN : x;
  if (x == 0) return -INFINITY;
  if (isinf(x)) return x;
  return y_log2(base, x);
}
real logl(real x) { return logarithm(LN2, x); }
real log2l(real x) { return logarithm(1, x); }
real log10l(real x) { return logarithm(LOG10_2, x); }

real log1pl(real x) {
  if (fabsl(x) < 0.25L) {
    real y = LN2;
    __asm__("fyl2xp1" : "+t"(x) : "u"(y) : "st(1)");
    return x;
  }
  return logl(1 + x);
}

static bool odd(real y) { return fabsl(y) < 0x1p63L && y == truncl(y) && fmodl(y, 2) != 0; }

real powl(real x, real y) {
  if (y == 0 || x == 1) return 1;
  if (isnan(x) || isnan(y)) return x + y;
  if (isinf(y)) {
    if (x == -1) return 1;
    return (fabsl(x) > 1) == (y > 0) ? INFINITY : 0;
  }
  real sign = signbit(x) && odd(y) ? -1 : 1, a = fabsl(x);
  if (x < 0 && y != truncl(y) && !isinf(x)) return NAN;
  if (a == 0 || isinf(a)) return sign * ((a == 0) == (y > 0) ? 0 : INFINITY);
  // y * (e + log2 m), the first product exact.
  real e = logbl(a), m = scalbnl(a, -(int)e);
  if (m > 1.4142135623730950488L) m /= 2, e += 1;
  real whole = y * e, part = y * y_log2(1, m);
  real n = round_current(whole);
  real rest = whole - n + part, more = round_current(rest);
  if (!(fabsl(n + more) < 20000)) return sign * (n + more > 0 ? INFINITY : 0);
  return sign * two_to(n + more, rest - more, false);
}

real sqrtl(real x) {
  __asm__("fsqrt" : "+t"(x));
  return x;
}
double sqrt(double x) {
  __asm__("sqrtsd %0, %0" : "+x"(x));
  return x;
}
float sqrtf(float x) {
  __asm__("sqrtss %0, %0" : "+x"(x));
  return x;
}

real cbrtl(real x) {
  if (x == 0 || !isfinite(x)) return x;
  real y = exp2l(log2l(fabsl(x)) / 3);
  y -= (y - fabsl(x) / (y * y)) / 3;
  return copysignl(y, x);
}

real hypotl(real x, real y) {
  if (isinf(x) || isinf(y)) return INFINITY;
  return sqrtl(x * x + y * y);
}

// --- Circles

// 2/pi, its bits in a row.
static const uint64_t two_over_pi[] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

// reduce finds the nearest multiple of pi/2 and gives what is left, within pi/4, and the
// multiple's number modulo 4. |x| is below 2^1024.
static real reduce(real x, int* quadrant) {
  *quadrant = 0;
  if (fabsl(x) < 0.785L) return x;
  // |x| = m 2^e. Of m 2^e 2/pi all bits from weight 2 on, and 190 below the point.
  int e;
  uint64_t m = (uint64_t)scalbnl(frexpl(fabsl(x), &e), 64);
  e -= 64;
  uint64_t w[3];
  int first = e - 1;  // the first bit of 2/pi that counts: its weight is 2; 1 is the first there is
  for (int i = 0; i < 3; i++) {
    int at = first - 1 + 64 * i;
    w[i] = 0;
    for (int k = 0; k < 2; k++) {  // from the words it lies across
      int index = (at >> 6) + k, off = at & 63;
      uint64_t v = index >= 0 && index < 20 ? two_over_pi[index] : 0;
      if (k == 0) w[i] |= v << off;
      if (k == 1 && off != 0) w[i] |= v >> (64 - off);
    }
  }
  // The product modulo 2^192, in units of 2^-190.
  unsigned __int128 low = (unsigned __int128)m * w[2], middle = (unsigned __int128)m * w[1] + (uint64_t)(low >> 64);
  uint64_t p[3] = {m * w[0] + (uint64_t)(middle >> 64), (uint64_t)middle, (uint64_t)low};
  int q = (int)(p[0] >> 62);
  bool half = (p[0] >> 61 & 1) != 0;
  p[0] &= UINT64_MAX >> 2;
  if (half) {  // nearer to the next one: 1 - fraction
    q++;
    p[0] = (UINT64_C(1) << 62) - 1 - p[0];
    p[1] = ~p[1];
    p[2] = ~p[2];
  }
  real f = scalbnl((real)p[0], -62) + scalbnl((real)p[1], -126) + scalbnl((real)p[2], -190);
  real r = f * PI_2;
  if (half) r = -r;
  *quadrant = (signbit(x) ? -q : q) & 3;
  return signbit(x) ? -r : r;
}

// The series of sine and cosine within pi/4.
static real sine(real r) {
  if (r == 0) return r;  // with its sign
  real s = 0, r2 = r * r;
  for (int n = 24; n > 0; n -= 2) s = (1 + s) * -r2 / (n * (n + 1));
  return r + r * s;
}
static real cosine(real r) {
  real s = 0, r2 = r * r;
  for (int n = 24; n > 0; n -= 2) s = (1 + s) * -r2 / (n * (n - 1));
  return 1 + s;
}

real sinl(real x) {
  if (!isfinite(x)) return x - x;
  int q;
  real r = reduce(x, &q), v = (q & 1) != 0 ? cosine(r) : sine(r);
  return (q & 2) != 0 ? -v : v;
}
real cosl(real x) {
  if (!isfinite(x)) return x - x;
  int q;
  real r = reduce(x, &q), v = (q & 1) != 0 ? sine(r) : cosine(r);
  return q == 1 || q == 2 ? -v : v;
}
real tanl(real x) {
  if (!isfinite(x)) return x - x;
  int q;
  real r = reduce(x, &q);
  return (q & 1) != 0 ? -cosine(r) / sine(r) : sine(r) / cosine(r);
}

real atan2l(real y, real x) {
  if (isnan(x) || isnan(y)) return x + y;
  __asm__("fpatan" : "+t"(x) : "u"(y) : "st(1)");
  return x;
}
real atanl(real x) { return atan2l(x, 1); }
real asinl(real x) { return fabsl(x) > 1 ? NAN : atan2l(x, sqrtl((1 - x) * (1 + x))); }
real acosl(real x) { return fabsl(x) > 1 ? NAN : atan2l(sqrtl((1 - x) * (1 + x)), x); }

// --- Hyperbolas

real sinhl(real x) {
  real e = expm1l(fabsl(x));
  return copysignl(isinf(e) ? e : (e + e / (e + 1)) / 2, x);
}
real coshl(real x) {
  real e = expl(fabsl(x));
  return (e + 1 / e) / 2;
}
real tanhl(real x) {
  real e = expm1l(2 * fabsl(x));
  return copysignl(isinf(e) ? 1 : e / (e + 2), x);
}
real asinhl(real x) {
  real a = fabsl(x);
  return copysignl(isinf(a) ? a : log1pl(a + a * a / (1 + sqrtl(a * a + 1))), x);
}
real acoshl(real x) {
  real t = x - 1;
  return x < 1 ? NAN : isinf(x) ? x : log1pl(t + sqrtl(2 * t + t * t));
}
real atanhl(real x) { return fabsl(x) > 1 ? NAN : log1pl(2 * x / (1 - x)) / 2; }

FUNCTION(rint)
FUNCTION(nearbyint)
FUNCTION(floor)
FUNCTION(ceil)
FUNCTION(trunc)
FUNCTION(round)
FUNCTION(logb)
FUNCTION(exp)
FUNCTION(exp2)
FUNCTION(expm1)
FUNCTION(log)
FUNCTION(log2)
FUNCTION(log10)
FUNCTION(log1p)
FUNCTION(cbrt)
FUNCTION(sin)
FUNCTION(cos)
FUNCTION(tan)
FUNCTION(asin)
FUNCTION(acos)
FUNCTION(atan)
FUNCTION(sinh)
FUNCTION(cosh)
FUNCTION(tanh)
FUNCTION(asinh)
FUNCTION(acosh)
FUNCTION(atanh)
FUNCTION2(pow)
FUNCTION2(atan2)
FUNCTION2(fmod)
FUNCTION2(remainder)
FUNCTION2(hypot)

int ilogbl(real x) { return x == 0 || isnan(x) ? FP_ILOGB0 : isinf(x) ? __INT_MAX__ : (int)logbl(x); }
int ilogb(double x) { return ilogbl(x); }
int ilogbf(float x) { return ilogbl(x); }

#define WHOLE(name, type, round)                            \
  type name(double x) { return (type)round(x); }            \
  type name##f(float x) { return (type)round(x); }          \
  type name##l(real x) { return (type)round(x); }
WHOLE(lrint, long, rintl)
WHOLE(llrint, long long, rintl)
WHOLE(lround, long, roundl)
WHOLE(llround, long long, roundl)

#define SIMPLE(type, f)                                                                                          \
  type fabs##f(type x) { return __builtin_fabs##f(x); }                                                          \
  type copysign##f(type x, type y) { return __builtin_copysign##f(x, y); }                                       \
  type fmax##f(type x, type y) { return isnan(x) ? y : isnan(y) || x > y || (x == y && !signbit(x)) ? x : y; }   \
  type fmin##f(type x, type y) { return isnan(x) ? y : isnan(y) || x < y || (x == y && signbit(x)) ? x : y; }    \
  type fdim##f(type x, type y) { return isnan(x) || isnan(y) ? x + y : x > y ? x - y : 0; }
SIMPLE(double, )
SIMPLE(float, f)
SIMPLE(real, l)

// What compilers make of sin and cos of one number, and of pow(10, x).
void sincos(double x, double* s, double* c) { *s = sin(x), *c = cos(x); }
void sincosf(float x, float* s, float* c) { *s = sinf(x), *c = cosf(x); }
void sincosl(long double x, long double* s, long double* c) { *s = sinl(x), *c = cosl(x); }
double exp10(double x) { return pow(10, x); }
float exp10f(float x) { return powf(10, x); }
