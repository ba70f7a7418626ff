//go:build tamago

package main

// load is what a loading thread does, and where it puts what it found.
type load struct {
	address uintptr // of the first page; 0: by zx_vmo_read
	pages   uint64
	out     uintptr // a word of each page, or the bytes that were read
	vmo     uint64  // the handle
	offset  uint64  // bytes, as size
	size    uint64
	status  int64 // of zx_vmo_read
}

// loadThread is where a loading thread begins, with DI = its load. It uses no stack,
// knows nothing of the Go runtime, and so may die of a fault. loadThreadPC is its
// address.
func loadThread()
func loadThreadPC() uintptr
