// A program of three files: numbers are made on the heap, sorted, and added up by
// threads; a long jump tells what went wrong.
#pragma once
#include <stddef.h>

extern int* make(size_t n);                 // make.c
extern void sort(int* numbers, size_t n);   // make.c
extern long add(const int* numbers, size_t n);  // add.c; jumps if it cannot
