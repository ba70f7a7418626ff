package sysrand

import (
	"runtime/goos"
	"unsafe"
)

func read(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	// The hook fills the buffer and forgets it, which the compiler cannot know.
	// Hiding the pointer keeps callers' buffers on their stacks.
	goos.GetRandomData(unsafe.Slice((*byte)(noescape(unsafe.Pointer(&b[0]))), len(b)))
	return nil
}

//go:nosplit
//go:nocheckptr
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return unsafe.Pointer(x ^ 0)
}
