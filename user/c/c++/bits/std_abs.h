// std::abs of every arithmetic type.
#pragma once
#pragma GCC system_header
#include "../../include/stdlib.h"

namespace std {
using ::abs;
inline long abs(long n) { return __builtin_labs(n); }
inline long long abs(long long n) { return __builtin_llabs(n); }
inline constexpr float abs(float x) { return __builtin_fabsf(x); }
inline constexpr double abs(double x) { return __builtin_fabs(x); }
inline constexpr long double abs(long double x) { return __builtin_fabsl(x); }
}  // namespace std
