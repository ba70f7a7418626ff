//go:build tamago

package faultpanic

import (
	"unsafe"

	"faultline/cpu"

	_ "faultline/board/qemu" // the board
)

// Signal numbers as faultPanic takes them.
const (
	signalFault  = 11
	signalDivide = 8

	// noAddress stands for an address that the CPU does not tell. It is the
	// one that Go uses elsewhere.
	noAddress = 0xb01dfacedebac1e
)

// faultPanicPC is the runtime's faultPanic; zero where the toolchain is not this
// project's, and then all stays as it is.
//
//go:linkname faultPanicPC runtime.faultPanicPC
var faultPanicPC uintptr

var (
	target uint64 // faultPanicPC, by a name that assembly can use

	// Where the gates led before.
	formerPageFault, formerGeneralProtection, formerDivideError uint64
)

func init() {
	if faultPanicPC == 0 {
		return
	}
	target = uint64(faultPanicPC)
	pf, gp, de := entries()
	formerPageFault = bend(cpu.VectorPageFault, pf)
	formerGeneralProtection = bend(cpu.VectorGeneralProtection, gp)
	formerDivideError = bend(cpu.VectorDivideError, de)
}

// bend makes a vector's gate lead to entry and returns where it led. All else in
// the gate stays.
//
// Pre: the table is writable; one CPU, IF=0.
func bend(v cpu.Vector, entry uint64) (former uint64) {
	gate := (*cpu.Gate)(unsafe.Add(nil, uintptr(tableRegister())+uintptr(v)*unsafe.Sizeof(cpu.Gate{})))
	former = gate.Low&0xffff | gate.Low>>48<<16 | gate.High<<32
	const offset = 0xffff<<48 | 0xffff
	gate.Low = gate.Low&^uint64(offset) | entry&0xffff | entry>>16&0xffff<<48
	gate.High = entry >> 32
	return former
}
