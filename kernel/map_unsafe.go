package kernel

import (
	"unsafe"

	"faultline/zx"
)

// kernelHeader is the first page of the kernel's own image. Pre: it is mapped
// at its physical address.
func kernelHeader(at zx.PhysAddr) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(at))), headerBytes)
}
