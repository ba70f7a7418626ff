// The malloc family. Small blocks come in classes, four to a doubling, cut from
// chunks that are kept; larger ones are mappings of their own, given back by
// free. A block's size stands in the 16 bytes in front of it.
#include "internal.h"

#include <stdint.h>

typedef struct block {
  size_t size;         // bytes behind the header; of an aligned block: 0
  struct block* next;  // free: the next of its class; of an aligned block: the real one
} block;

_Static_assert(sizeof(block) == 16, "blocks are aligned to 16 bytes");

enum {
  SMALLEST = 16,
  LARGEST = 128 << 10,  // of a class
  CHUNK = 256 << 10,
  CLASSES = 4 * 14,
};

static zx_lock_t lock;
static block* classes[CLASSES];
static char *room, *room_end;  // the rest of the newest chunk

// class_of gives the class for size bytes, and what a block of it holds.
static int class_of(size_t size, size_t* holds) {
  if (size <= SMALLEST) {
    *holds = SMALLEST;
    return 0;
  }
  int doubling = 63 - __builtin_clzll(size - 1);  // size is in (2^d, 2^(d+1)]
  size_t step = (size_t)1 << (doubling > 5 ? doubling - 2 : 4);
  size_t above = (size - 1 - ((size_t)1 << doubling)) / step + 1;
  *holds = ((size_t)1 << doubling) + above * step;
  return (doubling - 4) * 4 + (int)above;
}

// cut takes a new block of a class from the newest chunk. What is left of the
// chunk before is lost: less than one block.
static block* cut(size_t holds) {
  size_t bytes = holds + sizeof(block);
  if ((size_t)(room_end - room) < bytes) {
    char* chunk = zx_map_pages(CHUNK);
    if (chunk == NULL) return NULL;
    room = chunk;
    room_end = chunk + CHUNK;
  }
  block* b = (block*)room;
  room += bytes;
  return b;
}

// map gives a large block a mapping of its own.
static block* map(size_t size) {
  if (size > PTRDIFF_MAX - 2 * ZX_PAGE_SIZE) return NULL;
  size_t bytes = (size + sizeof(block) + ZX_PAGE_MASK) & ~(size_t)ZX_PAGE_MASK;
  block* b = zx_map_pages(bytes);
  if (b != NULL) b->size = bytes - sizeof(block);
  return b;
}

void* malloc(size_t size) {
  block* b;
  if (size > LARGEST) {
    b = map(size);
    return b != NULL ? b + 1 : NULL;
  }
  size_t holds;
  int class = class_of(size, &holds);
  zx_lock(&lock);
  b = classes[class];
  if (b != NULL) {
    classes[class] = b->next;
  } else if ((b = cut(holds)) != NULL) {
    b->size = holds;
  }
  zx_unlock(&lock);
  return b != NULL ? b + 1 : NULL;
}

// block_of gives the block that holds p, also of aligned memory.
static block* block_of(void* p) {
  block* b = (block*)p - 1;
  return b->size == 0 ? b->next : b;
}

void free(void* p) {
  if (p == NULL) return;
  block* b = block_of(p);
  if (b->size > LARGEST) {
    zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)b, b->size + sizeof(block));
    return;
  }
  size_t holds;
  int class = class_of(b->size, &holds);
  if (holds != b->size) abort();  // written over, or never from malloc
  zx_lock(&lock);
  b->next = classes[class];
  classes[class] = b;
  zx_unlock(&lock);
}

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
  void* p = malloc(bytes);
  if (p != NULL && bytes <= LARGEST) memset(p, 0, bytes);
  return p;
}

void* realloc(void* p, size_t size) {
  if (p == NULL) return malloc(size);
  block* b = block_of(p);
  size_t held = (size_t)((char*)(b + 1) + b->size - (char*)p);
  if (size <= held && size >= held / 4) return p;
  void* fresh = malloc(size);
  if (fresh == NULL) return size <= held ? p : NULL;
  memcpy(fresh, p, size < held ? size : held);
  free(p);
  return fresh;
}

void* aligned_alloc(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) return NULL;
  if (align <= sizeof(block)) return malloc(size);
  size_t bytes;
  if (__builtin_add_overflow(size, align, &bytes)) return NULL;
  char* p = malloc(bytes);
  if (p == NULL || ((uintptr_t)p & (align - 1)) == 0) return p;
  block* real = (block*)p - 1;
  block* b = (block*)(((uintptr_t)p + align) & -align) - 1;
  b->size = 0;
  b->next = real;
  return b + 1;
}
