// Checks of the C library; prints what is wrong and exits 1 then.
#include <inttypes.h>
#include <limits.h>
#include <zx.h>

static int wrong;

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) {                                        \
      printf("line %d: %s\n", __LINE__, #condition);           \
      wrong = 1;                                               \
    }                                                          \
  } while (0)

#define CHECK_FORMAT(want, ...)                                           \
  do {                                                                    \
    char got[256];                                                        \
    int n = snprintf(got, sizeof(got), __VA_ARGS__);                      \
    if (strcmp(got, want) != 0 || (size_t)n != strlen(want)) {            \
      printf("line %d: got \"%s\", want \"%s\"\n", __LINE__, got, want);  \
      wrong = 1;                                                          \
    }                                                                     \
  } while (0)

static void formats(void) {
  CHECK_FORMAT("plain", "plain");
  CHECK_FORMAT("100%", "%d%%", 100);
  CHECK_FORMAT("-5 5 -2147483648", "%d %i %d", -5, 5, INT_MIN);
  CHECK_FORMAT("-9223372036854775808", "%ld", LONG_MIN);
  CHECK_FORMAT("18446744073709551615", "%lu", ULONG_MAX);
  CHECK_FORMAT("ffff FFFF 0x1f 0", "%x %X %#x %#x", 0xffff, 0xffff, 31, 0);
  CHECK_FORMAT("17 017", "%o %#o", 15, 15);
  CHECK_FORMAT("[   42][42   ][00042]", "[%5d][%-5d][%05d]", 42, 42, 42);
  CHECK_FORMAT("[  -42][-0042][+42][ 42]", "[%5d][%05d][%+d][% d]", -42, -42, 42, 42);
  CHECK_FORMAT("[ 0007][7]", "[%5.4d][%.0d]", 7, 7);
  CHECK_FORMAT("[]", "[%.0d]", 0);
  CHECK_FORMAT("[   ab][ab   ][a]", "[%5s][%-5s][%.1s]", "ab", "ab", "ab");
  CHECK_FORMAT("[  x][x  ]", "[%*s][%*s]", 3, "x", -3, "x");
  const char* volatile null = NULL;
  CHECK_FORMAT("a(null)b", "a%sb", null);
  CHECK_FORMAT("0xdeadbeef", "%p", (void*)0xdeadbeef);
  CHECK_FORMAT("c", "%c", 'c');
  CHECK_FORMAT("-1 255 ffff", "%hhd %hhu %hx", -1, 255, 0xffff);
  CHECK_FORMAT("12 34 56", "%zu %jd %td", (size_t)12, (intmax_t)34, (ptrdiff_t)56);
  CHECK_FORMAT("1234567890123 cafe", "%" PRIu64 " %" PRIx32, (uint64_t)1234567890123, (uint32_t)0xcafe);
  char small[4];
  CHECK(snprintf(small, sizeof(small), "%s", "abcdef") == 6);
  CHECK(strcmp(small, "abc") == 0);
  CHECK(snprintf(NULL, 0, "%d", 1000) == 4);
}

static void numbers(void) {
  char* end;
  CHECK(strtoull("123abc", &end, 0) == 123 && strcmp(end, "abc") == 0);
  CHECK(strtoull("0x1F", &end, 0) == 31 && *end == 0);
  CHECK(strtoull("0x", &end, 0) == 0 && strcmp(end, "x") == 0);
  CHECK(strtoull("017", NULL, 0) == 15);
  CHECK(strtoull("ff", NULL, 16) == 255);
  CHECK(strtoull(" +7", NULL, 10) == 7);
  CHECK(strtoull("-1", NULL, 10) == ULLONG_MAX);
  CHECK(strtoull("18446744073709551615", NULL, 10) == ULLONG_MAX);
  CHECK(strtoull("18446744073709551616", NULL, 10) == ULLONG_MAX);
  CHECK(strtoull("none", &end, 0) == 0 && strcmp(end, "none") == 0);
  CHECK(atoi("-42") == -42);
}

// Every length and both overlaps, against the plain loop.
static void memory(void) {
  static uint8_t a[300], b[300], model[300];
  for (size_t n = 0; n < 120; n++) {
    for (size_t at = 0; at < 9; at++) {
      for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < sizeof(a); i++) {
          a[i] = model[i] = (uint8_t)(i * 7 + n);
          b[i] = (uint8_t)(i * 13 + at);
        }
        size_t from = 100, to = kind == 2 ? from + at : from - at;
        for (size_t i = 0; i < n; i++) {
          model[to + i] = kind == 0 ? b[from + i] : kind == 1 ? 0xa5 : (uint8_t)((from + i) * 7 + n);
        }
        if (kind == 0) memcpy(a + to, b + from, n);
        if (kind == 1) memset(a + to, 0x1a5, n);
        if (kind >= 2) memmove(a + to, a + from, n);
        CHECK(memcmp(a, model, sizeof(a)) == 0);
      }
    }
  }
  CHECK(memcmp("abc", "abd", 3) < 0 && memcmp("\xff", "\x01", 1) > 0 && memcmp("a", "b", 0) == 0);
  CHECK(strlen("") == 0 && strlen("four") == 4 && strnlen("four", 2) == 2);
  CHECK(strcmp("a", "a") == 0 && strcmp("a", "ab") < 0 && strcmp("b", "ab") > 0);
  CHECK(strncmp("abc", "abd", 2) == 0);
  const char* text = "path/file";
  CHECK(strchr(text, '/') == text + 4 && strchr(text, 'z') == NULL && *strchr(text, 0) == 0);
  CHECK(memchr(text, 'f', 9) == text + 5 && memchr(text, 'f', 5) == NULL);
}

static const char* const relocated[] = {"zero", "one", "two"};

int main(int argc, char** argv) {
  CHECK(argc == 2 && strcmp(argv[1], "an argument") == 0);
  CHECK(strcmp(relocated[argc], "two") == 0);
  CHECK(zx_take_startup_handle(PA_HND(PA_USER0, 0)) == 11);
  CHECK(zx_take_startup_handle(PA_HND(PA_USER0, 0)) == ZX_HANDLE_INVALID);
  CHECK(zx_start_handle(PA_HND(0x33, 1)) == ZX_HANDLE_INVALID);
  CHECK(zx_process_self() == 3 && zx_thread_self() == 5 && zx_vmar_root_self() == 7);
  CHECK(strcmp(zx_status_get_string(ZX_ERR_IO_DATA_INTEGRITY), "ZX_ERR_IO_DATA_INTEGRITY") == 0);
  CHECK(strcmp(zx_status_get_string(77), "(UNKNOWN)") == 0);
  formats();
  numbers();
  memory();
  char wide[1200];
  memset(wide, 'w', sizeof(wide));
  wide[sizeof(wide) - 1] = 0;
  CHECK(printf("%s\n", wide) == 1200);
  printf("no newline");
  return wrong;
}
