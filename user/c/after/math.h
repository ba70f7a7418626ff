// What <cmath> of libstdc++ finds by #include_next: its own place hides the real one.
#pragma GCC system_header
#include "../include/math.h"
