package cpu

import (
	"encoding/binary"
	"unsafe"
)

// NewRegs makes the registers of a thread about to start: all zero, flags and
// floating-point state as after reset, RIP to be set with SetRIP. It sizes the
// floating-point area for the features Init found.
func NewRegs() *Regs {
	slab := make([]byte, RegsSize())
	off := regsPad + (-uintptr(unsafe.Pointer(&slab[regsPad])))&63
	r := (*Regs)(unsafe.Pointer(&slab[off]))
	r.cs = uint64(SelUserCode)
	r.ss = uint64(SelUserData)
	r.rflags = UserRFLAGS(0)
	r.vector = VectorStart
	fp := r.FP()
	binary.LittleEndian.PutUint16(fp[0:], fcwReset)
	binary.LittleEndian.PutUint32(fp[24:], mxcsrReset)
	forget(r) // a dead thread lay here: the first Exec must not take it for the same
	r.self = uint64(uintptr(unsafe.Pointer(r)))
	return r
}

// RegsSize is how much memory NewRegs takes, in bytes.
func RegsSize() int { return 63 + regsPad + regsBytes + int(fpSize) }

// FP is the floating-point area of r, in FXSAVE layout, followed by the XSAVE
// header and extended components where the CPU has XSAVE (standard form).
// It is for looking; what is written there must be a valid image, or Exec
// faults in ring 0.
func (r *Regs) FP() []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(r), regsBytes)), fpSize)
}

// General is the integer registers of r but RSP, in the order of the fields: R15
// first, RAX last. It is part of r.
func (r *Regs) General() *[15]uint64 { return (*[15]uint64)(unsafe.Pointer(r)) }
