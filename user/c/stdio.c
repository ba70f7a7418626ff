// Formatted output. One line buffer for the process: lines of several threads
// never mix within a line that fits the buffer.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zx.h>

// sink takes the characters of one format call: at most size - 1 of them are
// stored; count is how many there were.
struct sink {
  char* out;
  size_t size;
  size_t count;
};

static void put(struct sink* s, char c) {
  if (s->count + 1 < s->size) {
    s->out[s->count] = c;
  }
  s->count++;
}

static void put_run(struct sink* s, const char* text, size_t count) {
  for (size_t i = 0; i < count; i++) {
    put(s, text[i]);
  }
}

static void put_fill(struct sink* s, char c, int count) {
  for (; count > 0; count--) {
    put(s, c);
  }
}

// spec is one conversion: %[flags][width][.precision]...
struct spec {
  bool left, zero, plus, space, alternate;
  int width;
  int precision;  // -1: none given
};

// put_number writes sign or prefix, then digits, padded as the spec says.
static void put_number(struct sink* s, const struct spec* spec, const char* prefix, uint64_t value,
                       unsigned base, bool upper) {
  char digits[64];
  int n = 0;
  const char* alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (; value != 0; value /= base) {
    digits[sizeof(digits) - (size_t)++n] = alphabet[value % base];
  }
  if (n == 0 && spec->precision != 0) {
    digits[sizeof(digits) - (size_t)++n] = '0';
  }
  int zeros = spec->precision > n ? spec->precision - n : 0;
  int prefixed = (int)strlen(prefix);
  int pad = spec->width - prefixed - zeros - n;
  if (spec->zero && !spec->left && spec->precision < 0 && pad > 0) {
    zeros += pad;
    pad = 0;
  }
  if (!spec->left) {
    put_fill(s, ' ', pad);
  }
  put_run(s, prefix, (size_t)prefixed);
  put_fill(s, '0', zeros);
  put_run(s, digits + sizeof(digits) - n, (size_t)n);
  if (spec->left) {
    put_fill(s, ' ', pad);
  }
}

static void put_text(struct sink* s, const struct spec* spec, const char* text, size_t count) {
  int pad = spec->width - (int)count;
  if (!spec->left) {
    put_fill(s, ' ', pad);
  }
  put_run(s, text, count);
  if (spec->left) {
    put_fill(s, ' ', pad);
  }
}

int vsnprintf(char* out, size_t size, const char* format, va_list args) {
  struct sink s = {.out = out, .size = size};
  for (; *format != 0; format++) {
    if (*format != '%') {
      put(&s, *format);
      continue;
    }
    struct spec spec = {.precision = -1};
    for (bool flags = true; flags;) {
      switch (*++format) {
        case '-': spec.left = true; break;
        case '0': spec.zero = true; break;
        case '+': spec.plus = true; break;
        case ' ': spec.space = true; break;
        case '#': spec.alternate = true; break;
        default: flags = false;
      }
    }
    if (*format == '*') {
      spec.width = va_arg(args, int);
      if (spec.width < 0) {
        spec.left = true;
        spec.width = -spec.width;
      }
      format++;
    } else {
      for (; *format >= '0' && *format <= '9'; format++) {
        spec.width = spec.width * 10 + (*format - '0');
      }
    }
    if (*format == '.') {
      format++;
      spec.precision = 0;
      if (*format == '*') {
        spec.precision = va_arg(args, int);
        format++;
      } else {
        for (; *format >= '0' && *format <= '9'; format++) {
          spec.precision = spec.precision * 10 + (*format - '0');
        }
      }
    }
    int bytes = sizeof(int);
    for (bool sizes = true; sizes;) {
      switch (*format) {
        case 'h': bytes /= 2; format++; break;
        case 'l': case 'j': case 'z': case 't': bytes = sizeof(long); format++; break;
        default: sizes = false;
      }
    }
    switch (*format) {
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
          prefix = *format == 'x' ? "0x" : *format == 'X' ? "0X" : *format == 'o' ? "0" : "";
        }
        put_number(&s, &spec, prefix, v, *format == 'u' ? 10 : *format == 'o' ? 8 : 16,
                   *format == 'X');
        break;
      }
      case 'p':
        put_number(&s, &spec, "0x", (uintptr_t)va_arg(args, void*), 16, false);
        break;
      case 'c': {
        char c = (char)va_arg(args, int);
        put_text(&s, &spec, &c, 1);
        break;
      }
      case 's': {
        const char* text = va_arg(args, const char*);
        text = text != NULL ? text : "(null)";
        put_text(&s, &spec, text, strnlen(text, spec.precision < 0 ? SIZE_MAX : (size_t)spec.precision));
        break;
      }
      case '%':
        put(&s, '%');
        break;
      case 0:
        format--;  // a lone % at the end
        break;
      default:  // not a conversion: shown as it stands
        put(&s, '%');
        put(&s, *format);
    }
  }
  if (size > 0) {
    out[s.count < size ? s.count : size - 1] = 0;
  }
  return (int)s.count;
}

int snprintf(char* out, size_t size, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(out, size, format, args);
  va_end(args);
  return n;
}

// The line buffer. LINE is what one zx_debug_write is sure to take.
enum { LINE = 256 };
static char line[LINE];
static size_t held;
static int busy;  // 1 while a thread is in the buffer

static void enter(void) {
  while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0) {
    zx_nanosleep(0);
  }
}

static void leave(void) { __atomic_store_n(&busy, 0, __ATOMIC_RELEASE); }

static void flush_entered(void) {
  if (held > 0) {
    zx_debug_write(line, held);
    held = 0;
  }
}

void zx_flush_out(void) {
  enter();
  flush_entered();
  leave();
}

void zx_write_out(const char* bytes, size_t count) {
  enter();
  for (size_t i = 0; i < count; i++) {
    line[held++] = bytes[i];
    if (held == LINE || bytes[i] == '\n') {
      flush_entered();
    }
  }
  leave();
}

int vprintf(const char* format, va_list args) {
  char small[512];
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(small, sizeof(small), format, args);
  if ((size_t)n < sizeof(small)) {
    zx_write_out(small, (size_t)n);
  } else {
    char big[(size_t)n + 1];
    vsnprintf(big, sizeof(big), format, again);
    zx_write_out(big, (size_t)n);
  }
  va_end(again);
  return n;
}

int printf(const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vprintf(format, args);
  va_end(args);
  return n;
}

int puts(const char* text) { return printf("%s\n", text); }

int putchar(int c) {
  char byte = (char)c;
  zx_write_out(&byte, 1);
  return (unsigned char)byte;
}
