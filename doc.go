// Package faultline is a bare-metal x86-64 kernel in Go, built with TamaGo,
// that implements Zircon's user pager: memory objects whose pages a pager
// supplies, with dirty tracking, writeback and failure.
//
// The package itself is empty. It holds the rules of the house, which the test
// beside it checks: which room may import which, where unsafe and assembly may
// live, how long a file may be, and that every exported name is documented.
// The rooms are listed in README.md; start with package kernel for the wiring,
// or with package vmo for the heart of the matter.
package faultline
