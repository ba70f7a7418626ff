// Compares the SDK's math.h with the host's, in its long doubles, over random numbers: within a unit of the last place
// of a double, the special values alike.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double sdk_acos(double);
double sdk_acosh(double);
double sdk_asin(double);
double sdk_asinh(double);
double sdk_atan(double);
double sdk_atanh(double);
double sdk_cbrt(double);
double sdk_ceil(double);
double sdk_cos(double);
double sdk_cosh(double);
double sdk_exp(double);
double sdk_exp2(double);
double sdk_expm1(double);
double sdk_fabs(double);
double sdk_floor(double);
double sdk_log(double);
double sdk_log10(double);
double sdk_log1p(double);
double sdk_log2(double);
double sdk_logb(double);
double sdk_nearbyint(double);
double sdk_rint(double);
double sdk_round(double);
double sdk_sin(double);
double sdk_sinh(double);
double sdk_sqrt(double);
double sdk_tan(double);
double sdk_tanh(double);
double sdk_trunc(double);
double sdk_atan2(double, double);
double sdk_copysign(double, double);
double sdk_fdim(double, double);
double sdk_fmax(double, double);
double sdk_fmin(double, double);
double sdk_fmod(double, double);
double sdk_hypot(double, double);
double sdk_pow(double, double);
double sdk_remainder(double, double);

static uint64_t state = 88172645463325252ull;
static double number(void) {
  static const double odd[] = {0, -0.0, 1, -1, 0.5, 2, -2, 3, INFINITY, -INFINITY, NAN, 1e300, 1e-300, 5e-324, 0.25, 1e22, M_PI, M_PI_2, 6381956970095103e217, 709.7, -745.1};
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  double v;
  uint64_t bits = state;
  switch (state >> 20 & 7) {
    case 0: return odd[(state >> 30) % (sizeof(odd) / sizeof(odd[0]))];
    case 1: memcpy(&v, &bits, 8); return v;
    case 2: return (double)(int64_t)state / 0x1p63;
    case 3: return (double)(int64_t)state / 0x1p53;
    case 4: return (double)((int64_t)(state >> 40) % 200 - 100) / 2;
    case 5: return 1 + (double)(int64_t)state / 0x1p80;
    case 6: return (double)((state >> 30) % 100000) * M_PI_2;
    default: return (double)(int64_t)state / 0x1p58;
  }
}

// apart is how many doubles lie between two.
static double apart(double a, double b) {
  if ((a != a) || (b != b)) return (a != a) == (b != b) ? 0 : INFINITY;
  if (a == b) return signbit(a) == signbit(b) ? 0 : INFINITY;
  int64_t x, y;
  memcpy(&x, &a, 8);
  memcpy(&y, &b, 8);
  if ((x < 0) != (y < 0)) return INFINITY;
  return x > y ? (double)(x - y) : (double)(y - x);
}

static int wrong;
static void check(const char* name, double x, double y, double got, double want) {
  if (apart(got, want) > 1 && wrong++ < 20) printf("%s(%a, %a) is %a, not %a\n", name, x, y, got, want);
}

int main(int argc, char** argv) {
  for (long i = argc > 1 ? atol(argv[1]) : 1000; i > 0; i--) {
    double x = number(), y = number();
    check("acos", x, 0, sdk_acos(x), (double)acosl(x));
    check("acosh", x, 0, sdk_acosh(x), (double)acoshl(x));
    check("asin", x, 0, sdk_asin(x), (double)asinl(x));
    check("asinh", x, 0, sdk_asinh(x), (double)asinhl(x));
    check("atan", x, 0, sdk_atan(x), (double)atanl(x));
    check("atanh", x, 0, sdk_atanh(x), (double)atanhl(x));
    check("cbrt", x, 0, sdk_cbrt(x), (double)cbrtl(x));
    check("ceil", x, 0, sdk_ceil(x), (double)ceill(x));
    check("cos", x, 0, sdk_cos(x), (double)cosl(x));
    check("cosh", x, 0, sdk_cosh(x), (double)coshl(x));
    check("exp", x, 0, sdk_exp(x), (double)expl(x));
    check("exp2", x, 0, sdk_exp2(x), (double)exp2l(x));
    check("expm1", x, 0, sdk_expm1(x), (double)expm1l(x));
    check("fabs", x, 0, sdk_fabs(x), (double)fabsl(x));
    check("floor", x, 0, sdk_floor(x), (double)floorl(x));
    check("log", x, 0, sdk_log(x), (double)logl(x));
    check("log10", x, 0, sdk_log10(x), (double)log10l(x));
    check("log1p", x, 0, sdk_log1p(x), (double)log1pl(x));
    check("log2", x, 0, sdk_log2(x), (double)log2l(x));
    check("logb", x, 0, sdk_logb(x), (double)logbl(x));
    check("nearbyint", x, 0, sdk_nearbyint(x), (double)nearbyintl(x));
    check("rint", x, 0, sdk_rint(x), (double)rintl(x));
    check("round", x, 0, sdk_round(x), (double)roundl(x));
    check("sin", x, 0, sdk_sin(x), (double)sinl(x));
    check("sinh", x, 0, sdk_sinh(x), (double)sinhl(x));
    check("sqrt", x, 0, sdk_sqrt(x), (double)sqrtl(x));
    check("tan", x, 0, sdk_tan(x), (double)tanl(x));
    check("tanh", x, 0, sdk_tanh(x), (double)tanhl(x));
    check("trunc", x, 0, sdk_trunc(x), (double)truncl(x));
    check("atan2", x, y, sdk_atan2(x, y), (double)atan2l(x, y));
    check("copysign", x, y, sdk_copysign(x, y), (double)copysignl(x, y));
    check("fdim", x, y, sdk_fdim(x, y), (double)fdiml(x, y));
    check("fmax", x, y, sdk_fmax(x, y) + 0.0, (double)fmaxl(x, y) + 0.0);
    check("fmin", x, y, sdk_fmin(x, y) + 0.0, (double)fminl(x, y) + 0.0);
    check("fmod", x, y, sdk_fmod(x, y), (double)fmodl(x, y));
    check("hypot", x, y, sdk_hypot(x, y), (double)hypotl(x, y));
    check("pow", x, y, sdk_pow(x, y), (double)powl(x, y));
    check("remainder", x, y, sdk_remainder(x, y), (double)remainderl(x, y));
  }
  return wrong != 0;
}
