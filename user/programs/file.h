// file.h: what the programs on files share. The file is the VMO of the start
// handle PA_USER0; the pager behind it fills the pages the program touches.
#ifndef PROGRAMS_FILE_H_
#define PROGRAMS_FILE_H_

#include <stdbool.h>
#include <zx.h>

// WINDOW is how much of a file is mapped at a time.
#define WINDOW ((uint64_t)4 << 20)

// fail prints what went wrong and ends the program with code 1.
#define fail(...)        \
  do {                   \
    printf(__VA_ARGS__); \
    putchar('\n');       \
    exit(1);             \
  } while (0)

// number reads all of text as a number, or ends the program.
static inline uint64_t number(const char* what, const char* text) {
  char* end;
  uint64_t value = strtoull(text, &end, 0);
  if (*text == 0 || *end != 0 || *text == '-') {
    fail("%s: \"%s\" is not a number", what, text);
  }
  return value;
}

// map_file maps the whole pages round [offset, offset + count) of the file and
// gives the address of the byte at offset. unmap_file takes the same arguments.
static inline uint8_t* map_file(uint64_t offset, uint64_t count, zx_vm_option_t perms) {
  uint64_t into = offset % ZX_PAGE_SIZE;
  zx_vaddr_t at = 0;
  zx_status_t st = zx_vmar_map(zx_vmar_root_self(), perms, 0, zx_start_handle(PA_HND(PA_USER0, 0)),
                               offset - into, into + count, &at);
  if (st != ZX_OK) {
    fail("cannot map the file at 0x%lx: %s", offset, zx_status_get_string(st));
  }
  return (uint8_t*)at + into;
}

static inline void unmap_file(uint8_t* at, uint64_t count) {
  uint64_t into = (uintptr_t)at % ZX_PAGE_SIZE;
  uint64_t pages = (into + count + ZX_PAGE_MASK) / ZX_PAGE_SIZE;
  zx_status_t st = zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)at - into, pages * ZX_PAGE_SIZE);
  if (st != ZX_OK) {
    fail("cannot unmap %p: %s", (void*)at, zx_status_get_string(st));
  }
}

#endif  // PROGRAMS_FILE_H_
