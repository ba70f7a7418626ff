// Checks of the C library; prints what is wrong and exits 1 then.
#include <inttypes.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
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
  CHECK_FORMAT("17 017 0", "%o %#o %#.0o", 15, 15, 0);
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
  errno = 0;
  CHECK(strtol("-9223372036854775808", NULL, 10) == LONG_MIN && errno == 0);
  CHECK(strtol("-9223372036854775809", NULL, 10) == LONG_MIN && errno == ERANGE);
  CHECK(strtol("9223372036854775808x", &end, 10) == LONG_MAX && strcmp(end, "x") == 0);
  CHECK(strtol("zz", NULL, 36) == 35 * 36 + 35 && strtol("12", NULL, 2) == 1);
  CHECK(abs(-3) == 3 && labs(-4) == 4 && div(-7, 2).quot == -3 && div(-7, 2).rem == -1);
}

static int compare_ints(const void* a, const void* b) { return (*(const int*)a > *(const int*)b) - (*(const int*)a < *(const int*)b); }

static void sorting(void) {
  static int list[1000];
  for (int n = 0; n < 1000; n += 37) {
    long sum = 0, sorted = 0;
    for (int i = 0; i < n; i++) sum += list[i] = rand() % 500;
    qsort(list, (size_t)n, sizeof(int), compare_ints);
    for (int i = 0; i < n; i++) {
      sorted += list[i];
      CHECK(i == 0 || list[i - 1] <= list[i]);
      int* found = bsearch(&list[i], list, (size_t)n, sizeof(int), compare_ints);
      CHECK(found != NULL && *found == list[i]);
    }
    CHECK(sum == sorted);
    int none = 500;
    CHECK(bsearch(&none, list, (size_t)n, sizeof(int), compare_ints) == NULL);
  }
}

// Blocks of many sizes, each filled with its number, grown, shrunk and freed.
static void allocation(void) {
  enum { BLOCKS = 200 };
  static struct {
    uint8_t* at;
    size_t size;
  } held[BLOCKS];
  for (int round = 0; round < 20000; round++) {
    unsigned i = (unsigned)rand() % BLOCKS;
    uint8_t* at = held[i].at;
    for (size_t k = 0; k < held[i].size; k += held[i].size / 8 + 1) CHECK(at[k] == (uint8_t)i);
    size_t size = (size_t)rand() % (rand() % 20 == 0 ? 300000 : rand() % 4 == 0 ? 5000 : 100);
    uint8_t* fresh;
    switch (rand() % 5) {
      case 0:
        free(at);
        fresh = NULL;
        size = 0;
        break;
      case 1:
        fresh = realloc(at, size);
        for (size_t k = 0; k < size && k < held[i].size; k += 7) CHECK(fresh[k] == (uint8_t)i);
        break;
      case 2:
        free(at);
        fresh = calloc(size / 4 + 1, 4);
        for (size_t k = 0; k < size; k++) CHECK(fresh[k] == 0);
        break;
      case 3: {
        size_t align = (size_t)1 << rand() % 13;
        free(at);
        fresh = aligned_alloc(align, size);
        CHECK((uintptr_t)fresh % align == 0);
        break;
      }
      default:
        free(at);
        fresh = malloc(size);
    }
    CHECK((uintptr_t)fresh % 16 == 0);
    if (size > 0) memset(fresh, (int)i, size);
    held[i].at = fresh;
    held[i].size = size;
  }
  CHECK(malloc(SIZE_MAX) == NULL && malloc(PTRDIFF_MAX) == NULL && calloc(SIZE_MAX, 2) == NULL && aligned_alloc(3, 8) == NULL);
  free(NULL);
}

static void strings(void) {
  char text[32];
  CHECK(strcmp(strcat(strcpy(text, "one"), "two"), "onetwo") == 0);
  CHECK(strcmp(strncat(text, "three", 2), "onetwoth") == 0);
  CHECK(memcmp(strncpy(text, "ab", 4), "ab\0\0", 4) == 0);
  CHECK(strrchr("a/b/c", '/')[1] == 'c' && strrchr("abc", '/') == NULL && strstr("haystack", "st")[2] == 'a');
  CHECK(strstr("abc", "bcd") == NULL && strspn("aab", "a") == 2 && strcspn("aab", "b") == 2 && *strpbrk("a,b", ",") == ',');
  char words[] = "  one two  three";
  char *rest, *word = strtok_r(words, " ", &rest);
  CHECK(strcmp(word, "one") == 0 && strcmp(strtok_r(NULL, " ", &rest), "two") == 0);
  CHECK(strcmp(strtok_r(NULL, " ", &rest), "three") == 0 && strtok_r(NULL, " ", &rest) == NULL);
  char* copy = strdup("copied");
  CHECK(strcmp(copy, "copied") == 0);
  free(copy);
  CHECK(isdigit('7') && !isdigit('a') && toupper('a') == 'A' && tolower('Z') == 'z' && isspace('\t') && ispunct('!') && isxdigit('f'));
}

static void jumps(void) {
  jmp_buf at;
  volatile int seen = 0;
  int value = setjmp(at);
  seen++;
  if (value < 3) longjmp(at, value == 0 ? 0 : value + 1);
  CHECK(value == 3 && seen == 4);
}

static int order, constructed, destroyed;
__attribute__((constructor(101))) static void first_constructor(void) { constructed = ++order; }
__attribute__((constructor)) static void second_constructor(void) { CHECK(constructed == 1 && ++order == 2); }
__attribute__((destructor)) static void destructor(void) { CHECK(destroyed == 2); }
static void exit_first(void) { CHECK(destroyed++ == 1); }
static void exit_second(void) { CHECK(destroyed++ == 0); }

static __thread int local = 7;
static __thread char local_zero[100];
__thread _Alignas(64) long local_aligned = 0x1234;

static int resolved(void) { return 42; }
static int (*resolve(void))(void) { return resolved; }
int indirect(void) __attribute__((ifunc("resolve")));
static int (*volatile indirect_pointer)(void) = indirect;
extern int missing(void) __attribute__((weak));

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
  sorting();
  allocation();
  strings();
  jumps();
  CHECK(order == 2 && atexit(exit_first) == 0 && atexit(exit_second) == 0);
  CHECK(local == 7 && local_zero[99] == 0 && local_aligned == 0x1234 && (uintptr_t)&local_aligned % 64 == 0);
  local++;
  CHECK(local == 8 && indirect() == 42 && indirect_pointer() == 42 && missing == NULL);
  CHECK(getenv("NAME") == NULL);
  char wide[1200];
  memset(wide, 'w', sizeof(wide));
  wide[sizeof(wide) - 1] = 0;
  CHECK(printf("%s\n", wide) == 1200);
  printf("no newline");
  return wrong;
}
