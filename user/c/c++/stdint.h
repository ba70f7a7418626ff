// <stdint.h> of C++. gcc's own asks a hosted implementation for another; clang's
// is whole.

#ifdef __clang__
#include_next <stdint.h>
#else
#include <stdint-gcc.h>
#endif
