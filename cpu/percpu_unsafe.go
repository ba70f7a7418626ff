package cpu

import "unsafe"

// Addresses of the CPU's tables. The kernel is identity mapped, so they are
// linear and physical at once.

func (b *block) addr() uint64    { return uint64(uintptr(unsafe.Pointer(b))) }
func (b *block) tssAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&b.tss))) }
func (b *block) gdtAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&b.gdt))) }
func (b *block) idtAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&b.idt))) }

// codeAt is the n bytes of our own code at addr.
func codeAt(addr uint64, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(addr))), n)
}

// wordAt is the word at addr. Pre: readable.
func wordAt(addr uint64) uint64 { return *(*uint64)(unsafe.Add(nil, uintptr(addr))) }
