package cpu

import (
	"sync/atomic"
	"unsafe"
)

// Addresses of the CPU's tables. The kernel is identity mapped, so they are
// linear and physical at once.

func (b *block) addr() uint64    { return uint64(uintptr(unsafe.Pointer(b))) }
func (b *block) tssAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&b.tss))) }
func (b *block) gdtAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&b.gdt))) }
func idtAddr() uint64            { return uint64(uintptr(unsafe.Pointer(&idt))) }
func (b *block) tlsAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&b.tls[1]))) }

// thisBlock is the block of the CPU that calls it. It means something only while
// the goroutine cannot move to another CPU.
//
//go:nosplit
func thisBlock() *block { return (*block)(unsafe.Add(nil, uintptr(blockAddr()))) }

// arrivingAddr is the address of arriving, for the trampoline.
func arrivingAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&arriving))) }

// topOf is the address behind mem, aligned to 16.
func topOf(mem []byte) uint64 {
	return (uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem)))) + uint64(len(mem))) &^ 15
}

// forget makes no CPU take r for the Regs it ran last.
func forget(r *Regs) {
	for _, b := range blocks {
		if b != nil {
			atomic.CompareAndSwapUint64(&b.current, uint64(uintptr(unsafe.Pointer(r))), 0)
		}
	}
}

// codeAt is the n bytes of our own code at addr.
func codeAt(addr uint64, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(addr))), n)
}

// wordAt is the word at addr. Pre: readable.
func wordAt(addr uint64) uint64 { return *(*uint64)(unsafe.Add(nil, uintptr(addr))) }
