#include "three.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

jmp_buf failed;

int main(int argc, char** argv) {
  size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
  int reason = setjmp(failed);
  if (reason != 0) {
    printf("three files fail: %d\n", reason);
    return 1;
  }
  int* numbers = make(n);
  sort(numbers, n);
  long want = 0;
  for (size_t i = 0; i < n; i++) {
    want += numbers[i];
    if (i > 0 && numbers[i - 1] > numbers[i]) {
      longjmp(failed, 4);
    }
  }
  if (add(numbers, n) != want) {
    longjmp(failed, 5);
  }
  printf("three files: %zu numbers from %d to %d, %ld in all, %.2f on average\n", n, numbers[0], numbers[n - 1], want,
         (double)want / (double)n);
  free(numbers);
  return 0;
}
