// Numbers from text.
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

// digit is the value of c as a digit, 99 when it is none.
static unsigned digit(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A') + 10;
  return 99;
}

unsigned long long strtoull(const char* text, char** end, int base) {
  const char* p = text;
  while (*p == ' ' || (*p >= '\t' && *p <= '\r')) p++;
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  bool hex_prefix = p[0] == '0' && (p[1] | 0x20) == 'x' && digit(p[2]) < 16;
  if ((base == 0 || base == 16) && hex_prefix) {
    p += 2;
    base = 16;
  } else if (base == 0) {
    base = *p == '0' ? 8 : 10;
  }
  unsigned long long value = 0;
  bool any = false, overflow = false;
  for (unsigned d; (d = digit(*p)) < (unsigned)base; p++, any = true) {
    overflow |= __builtin_mul_overflow(value, (unsigned long long)base, &value);
    overflow |= __builtin_add_overflow(value, (unsigned long long)d, &value);
  }
  if (end != NULL) {
    *end = (char*)(any ? p : text);
  }
  if (overflow) return ULLONG_MAX;
  return negative ? -value : value;
}

unsigned long strtoul(const char* text, char** end, int base) { return strtoull(text, end, base); }

int atoi(const char* text) { return (int)strtoull(text, NULL, 10); }
