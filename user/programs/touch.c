// touch OFFSET r|w [BYTE]: touches one byte of the file through a mapping.
//
// r loads the byte. w stores to it: BYTE if given, else the value it has, by
// one locked instruction that faults as a write does and changes nothing.
#include "file.h"

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4 || (strcmp(argv[2], "r") != 0 && strcmp(argv[2], "w") != 0)) {
    fail("usage: touch OFFSET r|w [BYTE]");
  }
  uint64_t offset = number("offset", argv[1]);
  bool store = argv[2][0] == 'w';
  uint8_t* byte = map_file(offset, 1, ZX_VM_PERM_READ | (store ? ZX_VM_PERM_WRITE : 0));
  if (!store) {
    printf("read 0x%lx: 0x%02x\n", offset, *(volatile uint8_t*)byte);
  } else if (argc == 4) {
    uint64_t value = number("byte", argv[3]);
    if (value > 0xff) {
      fail("byte: %s does not fit a byte", argv[3]);
    }
    *(volatile uint8_t*)byte = (uint8_t)value;
    printf("wrote 0x%lx: 0x%02lx\n", offset, value);
  } else {
    uint8_t value = 0;
    __asm__ volatile("lock xaddb %0, %1" : "+q"(value), "+m"(*byte) : : "memory");
    printf("wrote 0x%lx: 0x%02x\n", offset, value);
  }
  return 0;
}
