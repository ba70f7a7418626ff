// Memory and strings. Built with -fno-tree-loop-distribute-patterns, so that the
// compiler does not turn a loop here into a call of itself.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A word that may lie anywhere and alias anything.
typedef uint64_t word __attribute__((may_alias, aligned(1)));

void* memcpy(void* restrict to, const void* restrict from, size_t count) {
  char* t = to;
  const char* f = from;
  for (; count >= 32; count -= 32, t += 32, f += 32) {
    word a = ((const word*)f)[0], b = ((const word*)f)[1];
    word c = ((const word*)f)[2], d = ((const word*)f)[3];
    ((word*)t)[0] = a;
    ((word*)t)[1] = b;
    ((word*)t)[2] = c;
    ((word*)t)[3] = d;
  }
  for (; count >= 8; count -= 8, t += 8, f += 8) {
    *(word*)t = *(const word*)f;
  }
  while (count-- > 0) {
    *t++ = *f++;
  }
  return to;
}

void* memmove(void* to, const void* from, size_t count) {
  char* t = to;
  const char* f = from;
  if ((uintptr_t)t - (uintptr_t)f >= count) {
    return memcpy(to, from, count);
  }
  while (count-- > 0) {  // to lies inside from: from the end down
    t[count] = f[count];
  }
  return to;
}

void* memset(void* to, int byte, size_t count) {
  char* t = to;
  word fill = (uint8_t)byte * 0x0101010101010101ull;
  for (; count >= 8; count -= 8, t += 8) {
    *(word*)t = fill;
  }
  while (count-- > 0) {
    *t++ = (char)byte;
  }
  return to;
}

int memcmp(const void* a, const void* b, size_t count) {
  const uint8_t *x = a, *y = b;
  for (; count > 0; count--, x++, y++) {
    if (*x != *y) {
      return *x - *y;
    }
  }
  return 0;
}

void* memchr(const void* in, int byte, size_t count) {
  for (const uint8_t* p = in; count > 0; count--, p++) {
    if (*p == (uint8_t)byte) {
      return (void*)p;
    }
  }
  return NULL;
}

size_t strlen(const char* text) {
  const char* p = text;
  while (*p != 0) {
    p++;
  }
  return (size_t)(p - text);
}

size_t strnlen(const char* text, size_t max) {
  size_t n = 0;
  while (n < max && text[n] != 0) {
    n++;
  }
  return n;
}

int strcmp(const char* a, const char* b) { return strncmp(a, b, SIZE_MAX); }

int strncmp(const char* a, const char* b, size_t max) {
  for (; max > 0; max--, a++, b++) {
    if (*a != *b || *a == 0) {
      return (uint8_t)*a - (uint8_t)*b;
    }
  }
  return 0;
}

char* strchr(const char* text, int c) {
  for (;; text++) {
    if (*text == (char)c) {
      return (char*)text;
    }
    if (*text == 0) {
      return NULL;
    }
  }
}

char* strrchr(const char* text, int c) {
  const char* last = NULL;
  for (;; text++) {
    if (*text == (char)c) last = text;
    if (*text == 0) return (char*)last;
  }
}

char* strstr(const char* text, const char* part) {
  size_t n = strlen(part);
  for (; strncmp(text, part, n) != 0; text++) {
    if (*text == 0) return NULL;
  }
  return (char*)text;
}

size_t strspn(const char* text, const char* accept) {
  size_t n = 0;
  while (text[n] != 0 && strchr(accept, text[n]) != NULL) n++;
  return n;
}

size_t strcspn(const char* text, const char* reject) {
  size_t n = 0;
  while (text[n] != 0 && strchr(reject, text[n]) == NULL) n++;
  return n;
}

char* strpbrk(const char* text, const char* accept) {
  text += strcspn(text, accept);
  return *text != 0 ? (char*)text : NULL;
}

// What clang makes of a memcmp whose order nobody asks for.
int bcmp(const void* a, const void* b, size_t count) { return memcmp(a, b, count); }

char* strcpy(char* restrict to, const char* restrict from) { return memcpy(to, from, strlen(from) + 1); }

char* stpcpy(char* restrict to, const char* restrict from) {
  size_t n = strlen(from);
  memcpy(to, from, n + 1);
  return to + n;
}

char* strncpy(char* restrict to, const char* restrict from, size_t max) {
  size_t n = strnlen(from, max);
  memcpy(to, from, n);
  memset(to + n, 0, max - n);
  return to;
}

char* strcat(char* restrict to, const char* restrict from) {
  strcpy(to + strlen(to), from);
  return to;
}

char* strncat(char* restrict to, const char* restrict from, size_t max) {
  size_t at = strlen(to), n = strnlen(from, max);
  memcpy(to + at, from, n);
  to[at + n] = 0;
  return to;
}

char* strtok_r(char* restrict text, const char* restrict separators, char** restrict rest) {
  if (text == NULL) text = *rest;
  text += strspn(text, separators);
  if (*text == 0) {
    *rest = text;
    return NULL;
  }
  char* end = text + strcspn(text, separators);
  *rest = *end != 0 ? end + 1 : end;
  *end = 0;
  return text;
}

char* strdup(const char* text) {
  size_t n = strlen(text) + 1;
  char* copy = malloc(n);
  return copy != NULL ? memcpy(copy, text, n) : NULL;
}
