// poke OFFSET HEX...: stores bytes into the file through a writable mapping.
// HEX is a byte, "de", or a run of them, "deadbeef".
#include "file.h"

// nibble is the value of a hex digit, or -1.
static int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') return (c | 0x20) - 'a' + 10;
  return -1;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fail("usage: poke OFFSET HEX...");
  }
  // All bytes are read before the first is stored: a bad one changes nothing.
  static uint8_t bytes[4096];
  uint64_t count = 0;
  for (int i = 2; i < argc; i++) {
    for (const char* p = argv[i]; *p != 0; p += 2) {
      if (nibble(p[0]) < 0 || nibble(p[1]) < 0) {
        fail("\"%s\" is not bytes in hex", argv[i]);
      }
      if (count == sizeof(bytes)) {
        fail("more than %zu bytes", sizeof(bytes));
      }
      bytes[count++] = (uint8_t)(nibble(p[0]) << 4 | nibble(p[1]));
    }
  }
  if (count == 0) {
    fail("no bytes to store");
  }
  uint64_t offset = number("offset", argv[1]);
  uint8_t* at = map_file(offset, count, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE);
  memcpy(at, bytes, count);
  printf("stored %lu bytes at 0x%lx\n", count, offset);
  return 0;
}
