// hello: the smallest program. Prints its arguments; its exit code is the
// number given first, if any.
#include <zx.h>

int main(int argc, char** argv) {
  printf("hello from ring 3\n");
  for (int i = 1; i < argc; i++) {
    printf("argument %d: %s\n", i, argv[i]);
  }
  return argc > 1 ? atoi(argv[1]) : 0;
}
