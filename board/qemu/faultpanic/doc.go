// Package faultpanic makes the faults of Go code panics that can be recovered, on
// the machines of package qemu: a nil dereference is what the language says it is.
//
// It serves the standard library's own tests, and whatever else has no kernel
// under it: a program gets it by importing it in place of package qemu. The
// kernel does not, for a fault in ring 0 is a bug there, and reported as one.
package faultpanic
