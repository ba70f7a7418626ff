// Compares the SDK's strtod and strtof with the host's over random texts.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double sdk_strtod(const char*, char**);
float sdk_strtof(const char*, char**);
int* __errno_location(void);

static uint64_t state = 88172645463325252ull;
static unsigned next(unsigned n) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (unsigned)(state >> 11) % n;
}

static void text(char* s) {
  switch (next(9)) {
    case 0: {  // a double as it is, and next to halfway between two
      uint64_t bits = state ^ state << 17;
      double v;
      memcpy(&v, &bits, 8);
      sprintf(s, next(2) ? "%.17g" : "%.40g", v);
      return;
    }
    case 1: sprintf(s, "%u.%ue%d", next(1000), next(100000), (int)next(700) - 350); return;
    case 2: {  // exactly halfway: many digits
      uint64_t bits = (state >> 1) % (2046ull << 52);
      double v;
      memcpy(&v, &bits, 8);
      char* e = s + sprintf(s, "%.*Lf", (int)next(60), (long double)v);
      if (e - s > 1500) s[1500] = 0;
      return;
    }
    case 3: {
      uint64_t m = state >> 11 | 1ull << 52;
      sprintf(s, "%llu.5", (unsigned long long)m);
      if (next(2)) strcat(s, next(2) ? "00000000000000000000000000000000001" : "0000");
      return;
    }
    case 4: sprintf(s, "0x%x.%xp%d", next(1 << 30), next(1 << 30), (int)next(2300) - 1150); return;
    case 5: sprintf(s, "%s%.*e", next(2) ? "-" : "+", (int)next(30), (double)state * (next(2) ? 5e-324 : 1e290)); return;
    case 6: {
      static const char* const odd[] = {"", ".", "-", "e5", "1e", "1e+", "0x", "0x.p1", "0x1p", "inf", "INFINITYx", "-nan", "nan(12)", "nan(", "  7", "1.", ".5", "-.5e-3",
                                        "0", "-0", "0e999999999", "1e999999999", "1e-999999999", "2.2250738585072012e-308", "4.9e-324", "2.47e-324", "2.4703282292062328e-324",
                                        "1.7976931348623158e308", "1.7976931348623159e308", "9007199254740993", "1..2", "1.2.3", "1_0"};
      strcpy(s, odd[next(sizeof(odd) / sizeof(odd[0]))]);
      return;
    }
    default: {  // digits without end
      int n = 1 + (int)next(1200), point = (int)next((unsigned)n + 1);
      for (int i = 0; i < n; i++) *s++ = i == point ? '.' : (char)('0' + next(10));
      sprintf(s, "e%d", (int)next(900) - 600);
    }
  }
}

int main(int argc, char** argv) {
  static char s[4096];
  long n = argc > 1 ? atol(argv[1]) : 1000, wrong = 0;
  for (long i = 0; i < n; i++) {
    text(s);
    char *end, *sdk_end;
    errno = 0;
    double want = strtod(s, &end);
    int why = errno;
    errno = 0;
    double got = sdk_strtod(s, &sdk_end);
    int sdk_why = errno;
    float wantf = strtof(s, NULL), gotf = sdk_strtof(s, NULL);
    int same = memcmp(&want, &got, 8) == 0 || (want != want && got != got);
    int samef = memcmp(&wantf, &gotf, 4) == 0 || (wantf != wantf && gotf != gotf);
    same = same && why == sdk_why;
    if (!same || !samef || end != sdk_end) {
      printf("%.60s: %a and %a, not %a and %a; ends %ld, not %ld\n", s, got, gotf, want, wantf, sdk_end - s, end - s);
      if (++wrong == 10) break;
    }
  }
  return wrong != 0;
}
