// SHA-256, written from FIPS 180-4.
#include <sha256.h>
#include <string.h>

// The first 32 bits of the fractional parts of the cube roots of the first 64
// primes (FIPS 180-4, 4.2.2).
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static inline uint32_t load_be(const uint8_t* p) {
  uint32_t x;
  __builtin_memcpy(&x, p, 4);
  return __builtin_bswap32(x);
}

// One round (6.2.2 step 3). The caller renames the working variables instead
// of moving them: d and h are the two that change.
#define ROUND(a, b, c, d, e, f, g, h, i)                                            \
  do {                                                                              \
    uint32_t t = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +               \
                 (g ^ (e & (f ^ g))) + k[(i)] + w[(i) & 15];                        \
    d += t;                                                                         \
    h = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b))); \
  } while (0)

// The message schedule, kept in 16 words: w[i] replaces w[i-16].
#define SCHEDULE(i)                                                                  \
  w[(i) & 15] += (rotate(w[((i) + 1) & 15], 7) ^ rotate(w[((i) + 1) & 15], 18) ^      \
                  w[((i) + 1) & 15] >> 3) +                                           \
                 w[((i) + 9) & 15] +                                                  \
                 (rotate(w[((i) + 14) & 15], 17) ^ rotate(w[((i) + 14) & 15], 19) ^   \
                  w[((i) + 14) & 15] >> 10)

static void blocks(uint32_t state[8], const uint8_t* data, size_t count) {
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (; count > 0; count--, data += 64) {
    uint32_t w[16];
    for (int i = 0; i < 16; i++) {
      w[i] = load_be(data + 4 * i);
    }
    for (int i = 0; i < 64; i += 8) {
      if (i >= 16) {
        for (int j = i; j < i + 8; j++) {
          SCHEDULE(j);
        }
      }
      ROUND(a, b, c, d, e, f, g, h, i);
      ROUND(h, a, b, c, d, e, f, g, i + 1);
      ROUND(g, h, a, b, c, d, e, f, i + 2);
      ROUND(f, g, h, a, b, c, d, e, i + 3);
      ROUND(e, f, g, h, a, b, c, d, i + 4);
      ROUND(d, e, f, g, h, a, b, c, i + 5);
      ROUND(c, d, e, f, g, h, a, b, i + 6);
      ROUND(b, c, d, e, f, g, h, a, i + 7);
    }
    a = state[0] += a;
    b = state[1] += b;
    c = state[2] += c;
    d = state[3] += d;
    e = state[4] += e;
    f = state[5] += f;
    g = state[6] += g;
    h = state[7] += h;
  }
}

void sha256_init(sha256_t* sum) {
  *sum = (sha256_t){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                              0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_update(sha256_t* sum, const void* data, size_t count) {
  const uint8_t* p = data;
  size_t held = sum->length % 64;
  sum->length += count;
  if (held > 0) {
    size_t take = count < 64 - held ? count : 64 - held;
    memcpy(sum->partial + held, p, take);
    p += take;
    count -= take;
    if (held + take < 64) {
      return;
    }
    blocks(sum->state, sum->partial, 1);
  }
  blocks(sum->state, p, count / 64);
  memcpy(sum->partial, p + count / 64 * 64, count % 64);
}

void sha256_final(sha256_t* sum, uint8_t digest[SHA256_BYTES]) {
  uint64_t bits = sum->length * 8;
  // A one bit, zeros up to 8 short of a block, the length in bits.
  uint8_t pad[72] = {0x80};
  size_t zeros = (119 - sum->length % 64) % 64 + 1;
  for (int i = 0; i < 8; i++) {
    pad[zeros + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
  }
  sha256_update(sum, pad, zeros + 8);
  for (int i = 0; i < 8; i++) {
    uint32_t big = __builtin_bswap32(sum->state[i]);
    __builtin_memcpy(digest + 4 * i, &big, 4);
  }
}
