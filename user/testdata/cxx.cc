// C++ over the SDK: constructors, statics, containers; prints what is wrong and
// exits 1 then.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <zx.h>

static int wrong;

#define CHECK(condition)                                  \
  do {                                                    \
    if (!(condition)) {                                   \
      std::printf("line %d: %s\n", __LINE__, #condition); \
      wrong = 1;                                          \
    }                                                     \
  } while (0)

namespace {

int alive;

struct counted {
  counted() { alive++; }
  ~counted() { alive--; }
  counted(const counted&) { alive++; }
};

// A global with a constructor, and one whose destructor looks at the end.
struct global {
  int value = 41;
  global() { value++; }
};
global made;

struct last {
  ~last() {
    if (alive != 0) std::printf("%d objects are left\n", alive);
  }
} at_the_end;

struct shape {
  virtual ~shape() = default;
  virtual int sides() const = 0;
};
struct triangle : shape {
  int sides() const override { return 3; }
};

counted& once() {
  static counted the_one;
  return the_one;
}

thread_local std::vector<int> local{1, 2, 3};
std::atomic<long> total{0};

struct alignas(128) wide {
  char bytes[128];
};

}  // namespace

int main() {
  CHECK(made.value == 42);
  {
    std::unique_ptr<shape> s = std::make_unique<triangle>();
    CHECK(s->sides() == 3);
    std::shared_ptr<counted> a = std::make_shared<counted>(), b = a;
    CHECK(alive == 1 && a.use_count() == 2);
    std::vector<counted> many(5);
    many.resize(7);
    CHECK(alive == 8);
  }
  CHECK(alive == 0);
  CHECK(&once() == &once() && alive == 1);
  CHECK(local.size() == 3 && local[2] == 3);
  std::array<int, 5> numbers{5, 3, 1, 4, 2};
  std::sort(numbers.begin(), numbers.end());
  for (int n : std::span(numbers).subspan(1)) total += n;
  CHECK(total == 14 && std::is_sorted(numbers.begin(), numbers.end()));
  std::string text = "a string that is longer than the small buffer of one";
  text += std::to_string(42);
  CHECK(std::string_view(text).ends_with("one42") && text.find("small") == 33);
  volatile double angle = 1;
  CHECK(std::fabs(std::sin(angle) * std::sin(angle) + std::pow(std::cos(angle), 2.0) - 1) < 1e-15 && std::floor(-angle / 2) == -1);
  const double once_read = angle;
  CHECK(std::sin(once_read) < 0.8415 && std::cos(once_read) < 0.5404 && std::pow(10.0, once_read) == 10);
  CHECK(std::strtod("2.5e-1x", nullptr) == 0.25 && std::isnan(std::sqrt(-angle)));
  std::optional<int> none;
  CHECK(none.value_or(7) == 7);
  std::unique_ptr<wide> w(new wide);
  CHECK(reinterpret_cast<uintptr_t>(w.get()) % 128 == 0);
  volatile size_t huge = size_t{1} << 62;
  CHECK(operator new(huge, std::nothrow) == nullptr);
  std::mutex m;
  std::lock_guard<std::mutex> guard(m);
  CHECK(!m.try_lock());
  std::map<std::string, int> tree;
  std::unordered_map<std::string, int> table;
  std::list<int> chain;
  for (int i = 0; i < 100; i++) {
    tree[std::to_string(i)] = table[std::to_string(i)] = i;
    chain.push_front(i);
  }
  chain.sort();
  CHECK(tree.erase("50") == 1 && tree.size() == 99 && tree.begin()->first == "0" && tree["99"] == 99);
  CHECK(table.at("73") == 73 && chain.front() == 0 && chain.back() == 99);
  if (wrong) return 1;
  // No return: that of main is 0.
}
