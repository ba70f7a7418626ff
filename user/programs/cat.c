// cat SIZE: prints the file's first SIZE bytes as they are, read
// through a mapping, a window at a time.
#include "file.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fail("usage: cat SIZE");
  }
  uint64_t size = number("size", argv[1]);
  for (uint64_t at = 0; at < size; at += WINDOW) {
    uint64_t count = size - at < WINDOW ? size - at : WINDOW;
    uint8_t* window = map_file(at, count, ZX_VM_PERM_READ);
    zx_write_out((const char*)window, count);
    unmap_file(window, count);
  }
  return 0;
}
