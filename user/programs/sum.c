// sum SIZE: prints the SHA-256 of the file's first SIZE bytes, in hex. Every
// byte is read through a mapping, a window at a time.
#include <sha256.h>

#include "file.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fail("usage: sum SIZE");
  }
  uint64_t size = number("size", argv[1]);
  sha256_t sum;
  sha256_init(&sum);
  for (uint64_t at = 0; at < size; at += WINDOW) {
    uint64_t count = size - at < WINDOW ? size - at : WINDOW;
    uint8_t* window = map_file(at, count, ZX_VM_PERM_READ);
    sha256_update(&sum, window, count);
    unmap_file(window, count);
  }
  uint8_t digest[SHA256_BYTES];
  sha256_final(&sum, digest);
  for (int i = 0; i < SHA256_BYTES; i++) {
    printf("%02x", digest[i]);
  }
  printf("\n");
  return 0;
}
