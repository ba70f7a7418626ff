// format.h: what the two halves of vsnprintf share.
#ifndef ZX_FORMAT_H_
#define ZX_FORMAT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// zx_sink takes the characters of one format call: at most size - 1 of them are
// stored; count is how many there were.
struct zx_sink {
  char* out;
  size_t size;
  size_t count;
};

void zx_sink_put(struct zx_sink* s, char c);
void zx_sink_fill(struct zx_sink* s, char c, long count);

// zx_spec is one conversion: %[flags][width][.precision]size and conversion.
struct zx_spec {
  bool left, zero, plus, space, alternate, upper;
  int width;
  int precision;  // -1: none given
};

// zx_format_float writes v as conversion e, f, g or a; wide says that it was
// given as a long double.
void zx_format_float(struct zx_sink* s, struct zx_spec spec, char conversion, long double v, bool wide);

#endif  // ZX_FORMAT_H_
