//go:build tamago

package faultpanic

import (
	"unsafe"

	_ "faultline/board/qemu" // the board
	"faultline/cpu"
)

// Signal numbers as faultPanic takes them.
const (
	signalFault  = 11
	signalDivide = 8

	// noAddress stands for an address that the CPU does not tell, as that of an access
	// which is not canonical. It is the one that Go uses elsewhere.
	noAddress = 0xb01dfacedebac1e
)

// faultPanicPC is the runtime's faultPanic; zero where the toolchain is not this
// project's, and then all stays as it is.
//
//go:linkname faultPanicPC runtime.faultPanicPC
var faultPanicPC uintptr

// report is what becomes of a trap that Go has no panic for.
var report func(*cpu.KernelTrap)

func init() {
	if faultPanicPC != 0 {
		report = cpu.SetFatalHandler(panicAt)
	}
}

// panicAt leaves a fault of Go code for faultPanic, which wants the faulting RIP on top
// of the interrupted stack (a call through nil has left its own return address there), a
// signal number in RAX, an address in RBX.
//
// Context: trap stack; no allocation.
func panicAt(t *cpu.KernelTrap) {
	signal, addr := uint64(signalFault), t.CR2
	switch t.Vector {
	case cpu.VectorPageFault:
	case cpu.VectorGeneralProtection:
		addr = noAddress
	case cpu.VectorDivideError:
		signal, addr = signalDivide, 0
	default:
		report(t)
		return
	}
	sp := t.RSP
	if t.RIP != 0 {
		sp -= 8
		*(*uint64)(unsafe.Add(nil, uintptr(sp))) = t.RIP
	}
	cpu.Resume(uint64(faultPanicPC), sp, signal, addr)
}
