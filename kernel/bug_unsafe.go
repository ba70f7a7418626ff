package kernel

import "unsafe"

// breakMemory loads from or stores to an address that forbids it.
//
//go:noinline
func breakMemory(at uintptr, write bool) {
	p := (*byte)(unsafe.Add(nil, at))
	if write {
		*p = 0
	}
	sink = *p
}

var sink byte

// executeData calls a function whose code is in the heap.
func executeData() {
	code := new([16]byte)
	code[0] = 0xc3 // RET
	f := &code
	call := *(*func())(unsafe.Pointer(&f))
	call()
}
