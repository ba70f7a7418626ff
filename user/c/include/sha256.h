// sha256.h: the SHA-256 digest, FIPS 180-4.
#ifndef ZX_SHA256_H_
#define ZX_SHA256_H_

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

typedef struct sha256 {
  uint32_t state[8];
  uint64_t length;      // bytes taken so far
  uint8_t partial[64];  // the last length % 64 of them
} sha256_t;

void sha256_init(sha256_t* sum);
void sha256_update(sha256_t* sum, const void* data, size_t count);
void sha256_final(sha256_t* sum, uint8_t digest[SHA256_BYTES]);

#endif  // ZX_SHA256_H_
