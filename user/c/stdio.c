// Output. One line buffer for the process: lines of several threads never mix
// within a line that fits the buffer. There is one stream, the kernel's console.
#include "internal.h"

#include <limits.h>

// LINE is what one zx_debug_write is sure to take.
enum { LINE = 256 };
static char line[LINE];
static size_t held;
static zx_lock_t lock;

struct zx_file {
  int unused;
};
static struct zx_file console;
FILE* const stdout = &console;
FILE* const stderr = &console;

static void flush_locked(void) {
  if (held > 0) {
    zx_debug_write(line, held);
    held = 0;
  }
}

void zx_flush_out(void) {
  zx_lock(&lock);
  flush_locked();
  zx_unlock(&lock);
}

void zx_write_out(const char* bytes, size_t count) {
  zx_lock(&lock);
  for (size_t i = 0; i < count; i++) {
    line[held++] = bytes[i];
    if (held == LINE || bytes[i] == '\n') {
      flush_locked();
    }
  }
  zx_unlock(&lock);
}

int vprintf(const char* format, va_list args) {
  char small[512], *text = small;
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(small, sizeof(small), format, args);
  if (n >= (int)sizeof(small)) {
    text = malloc((size_t)n + 1);
    if (text != NULL) vsnprintf(text, (size_t)n + 1, format, again);
  }
  va_end(again);
  if (n < 0 || text == NULL) return -1;
  zx_write_out(text, (size_t)n);
  if (text != small) free(text);
  return n;
}

int printf(const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vprintf(format, args);
  va_end(args);
  return n;
}

int vfprintf(FILE* stream, const char* format, va_list args) {
  (void)stream;
  return vprintf(format, args);
}

int fprintf(FILE* stream, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vfprintf(stream, format, args);
  va_end(args);
  return n;
}

int vsprintf(char* out, const char* format, va_list args) { return vsnprintf(out, INT_MAX, format, args); }

int sprintf(char* out, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsprintf(out, format, args);
  va_end(args);
  return n;
}

int fputs(const char* text, FILE* stream) {
  (void)stream;
  zx_write_out(text, strlen(text));
  return 0;
}

int puts(const char* text) {
  fputs(text, stdout);
  return putchar('\n');
}

int fputc(int c, FILE* stream) {
  (void)stream;
  char byte = (char)c;
  zx_write_out(&byte, 1);
  return (unsigned char)byte;
}

int putchar(int c) { return fputc(c, stdout); }

size_t fwrite(const void* from, size_t size, size_t count, FILE* stream) {
  (void)stream;
  zx_write_out(from, size * count);
  return count;
}

int fflush(FILE* stream) {
  (void)stream;
  zx_flush_out();
  return 0;
}
