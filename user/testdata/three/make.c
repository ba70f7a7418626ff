#include "three.h"

#include <stdlib.h>

static int compare(const void* a, const void* b) { return (*(const int*)a > *(const int*)b) - (*(const int*)a < *(const int*)b); }

int* make(size_t n) {
  int* numbers = NULL;
  unsigned state = 1;
  for (size_t i = 0; i < n; i++) {  // grown one by one, as programs do
    numbers = realloc(numbers, (i + 1) * sizeof(*numbers));
    state = state * 1103515245u + 12345u;
    numbers[i] = (int)(state >> 16) % 1000;
  }
  return numbers;
}

void sort(int* numbers, size_t n) { qsort(numbers, n, sizeof(*numbers), compare); }
