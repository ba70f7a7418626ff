// vsnprintf: the format, whole numbers and text. Floating point is in float.c.
#include "format.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void zx_sink_put(struct zx_sink* s, char c) {
  if (s->count + 1 < s->size) {
    s->out[s->count] = c;
  }
  s->count++;
}

void zx_sink_fill(struct zx_sink* s, char c, long count) {
  if (count <= 0) return;
  if (s->count + 1 < s->size) {
    size_t room = s->size - 1 - s->count;
    memset(s->out + s->count, c, (size_t)count < room ? (size_t)count : room);
  }
  s->count += (size_t)count;
}

static void put_run(struct zx_sink* s, const char* text, size_t count) {
  for (size_t i = 0; i < count; i++) {
    zx_sink_put(s, text[i]);
  }
}

// put_number writes sign or prefix, then digits, padded as the spec says.
// least is the number of digits the prefix already stands for: "0" is one.
static void put_number(struct zx_sink* s, const struct zx_spec* spec, const char* prefix, uint64_t value,
                       unsigned base, bool octal_mark) {
  char digits[64];
  int n = 0;
  const char* alphabet = spec->upper ? "0123456789ABCDEF" : "0123456789abcdef";
  bool zero = value == 0;
  for (; value != 0; value /= base) {
    digits[sizeof(digits) - (size_t)++n] = alphabet[value % base];
  }
  if (n == 0 && spec->precision != 0) {
    digits[sizeof(digits) - (size_t)++n] = '0';
  }
  long zeros = spec->precision > n ? spec->precision - n : 0;
  if (octal_mark && zeros == 0 && !(zero && n == 1)) zeros = 1;  // "#o" begins with a zero
  int prefixed = (int)strlen(prefix);
  long pad = spec->width - prefixed - zeros - n;
  if (spec->zero && !spec->left && spec->precision < 0 && pad > 0) {
    zeros += pad;
    pad = 0;
  }
  if (!spec->left) zx_sink_fill(s, ' ', pad);
  put_run(s, prefix, (size_t)prefixed);
  zx_sink_fill(s, '0', zeros);
  put_run(s, digits + sizeof(digits) - n, (size_t)n);
  if (spec->left) zx_sink_fill(s, ' ', pad);
}

static void put_text(struct zx_sink* s, const struct zx_spec* spec, const char* text, size_t count) {
  long pad = spec->width - (long)count;
  if (!spec->left) zx_sink_fill(s, ' ', pad);
  put_run(s, text, count);
  if (spec->left) zx_sink_fill(s, ' ', pad);
}

// number reads decimal digits; what does not fit an int is INT_MAX.
static int number(const char** format) {
  long n = 0;
  for (; **format >= '0' && **format <= '9'; ++*format) {
    n = n * 10 + (**format - '0');
    if (n > INT_MAX) n = INT_MAX;
  }
  return (int)n;
}

int vsnprintf(char* out, size_t size, const char* format, va_list args) {
  struct zx_sink s = {.out = out, .size = size};
  for (; *format != 0; format++) {
    if (*format != '%') {
      zx_sink_put(&s, *format);
      continue;
    }
    struct zx_spec spec = {.precision = -1};
    for (bool flags = true; flags;) {
      switch (*++format) {
        case '-': spec.left = true; break;
        case '0': spec.zero = true; break;
        case '+': spec.plus = true; break;
        case ' ': spec.space = true; break;
        case '#': spec.alternate = true; break;
        case '\'': break;  // thousands: none in the C locale
        default: flags = false;
      }
    }
    if (*format == '*') {
      spec.width = va_arg(args, int);
      if (spec.width < 0) {
        spec.left = true;
        spec.width = spec.width == INT_MIN ? INT_MAX : -spec.width;
      }
      format++;
    } else {
      spec.width = number(&format);
    }
    if (*format == '.') {
      format++;
      if (*format == '*') {
        spec.precision = va_arg(args, int);
        format++;
      } else if (*format == '-') {  // as if none were given
        format++;
        number(&format);
      } else {
        spec.precision = number(&format);
      }
    }
    int bytes = sizeof(int);
    bool wide = false;
    for (bool sizes = true; sizes;) {
      switch (*format) {
        case 'h': bytes /= 2; format++; break;
        case 'l': case 'j': case 'z': case 't': bytes = sizeof(long); format++; break;
        case 'L': wide = true; bytes = sizeof(long); format++; break;
        default: sizes = false;
      }
    }
    char conversion = *format;
    switch (conversion) {
      case 'd': case 'i': {
        int64_t v = bytes == 8 ? va_arg(args, int64_t) : va_arg(args, int);
        v = bytes == 1 ? (int8_t)v : bytes == 2 ? (int16_t)v : v;
        const char* sign = v < 0 ? "-" : spec.plus ? "+" : spec.space ? " " : "";
        put_number(&s, &spec, sign, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, false);
        break;
      }
      case 'u': case 'x': case 'X': case 'o': {
        uint64_t v = bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned);
        v = bytes == 1 ? (uint8_t)v : bytes == 2 ? (uint16_t)v : v;
        const char* prefix = "";
        if (spec.alternate && v != 0) {
          prefix = conversion == 'x' ? "0x" : conversion == 'X' ? "0X" : "";
        }
        spec.upper = conversion == 'X';
        put_number(&s, &spec, prefix, v, conversion == 'u' ? 10 : conversion == 'o' ? 8 : 16,
                   conversion == 'o' && spec.alternate);
        break;
      }
      case 'p': {
        void* p = va_arg(args, void*);
        if (p == NULL) {
          put_text(&s, &spec, "(nil)", 5);
        } else {
          put_number(&s, &spec, spec.plus ? "+0x" : spec.space ? " 0x" : "0x", (uintptr_t)p, 16, false);
        }
        break;
      }
      case 'E': case 'F': case 'G': case 'A':
        spec.upper = true;
        conversion = (char)(conversion - 'A' + 'a');
        // fall through
      case 'e': case 'f': case 'g': case 'a':
        zx_format_float(&s, spec, conversion, wide ? va_arg(args, long double) : (long double)va_arg(args, double), wide);
        break;
      case 'c': {
        char c = (char)va_arg(args, int);
        put_text(&s, &spec, &c, 1);
        break;
      }
      case 's': {
        const char* text = va_arg(args, const char*);
        size_t most = spec.precision < 0 ? SIZE_MAX : (size_t)spec.precision;
        if (text == NULL) text = most >= 6 ? "(null)" : "";
        put_text(&s, &spec, text, strnlen(text, most));
        break;
      }
      case 'n':
        switch (bytes) {
          case 1: *va_arg(args, signed char*) = (signed char)s.count; break;
          case 2: *va_arg(args, short*) = (short)s.count; break;
          case 4: *va_arg(args, int*) = (int)s.count; break;
          default: *va_arg(args, long*) = (long)s.count;
        }
        break;
      case '%':
        zx_sink_put(&s, '%');
        break;
      case 0:
        format--;  // a lone % at the end
        break;
      default:  // not a conversion: shown as it stands
        zx_sink_put(&s, '%');
        zx_sink_put(&s, conversion);
    }
  }
  if (size > 0) {
    out[s.count < size ? s.count : size - 1] = 0;
  }
  return s.count <= INT_MAX ? (int)s.count : -1;
}

int snprintf(char* out, size_t size, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(out, size, format, args);
  va_end(args);
  return n;
}
