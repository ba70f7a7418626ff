package cpu

// Selector names a segment of our GDT, with the ring that asks for it in its
// low two bits.
type Selector uint16

// The GDT. SYSCALL loads CS from STAR[47:32] and SS from 8 above; SYSRET loads
// SS from STAR[63:48]+8 and CS from STAR[63:48]+16, so the order of the three
// user entries is the CPU's choice. The first of them would be 32-bit code:
// there is none, it stays null, and no thread can leave 64-bit mode.
// Source: Intel SDM 2B SYSRET, AMD APM 2 6.1.1.
const (
	SelKernelCode Selector = 0x08
	SelKernelData Selector = 0x10
	selSysretBase Selector = 0x18 | 3
	SelUserData   Selector = 0x20 | 3
	SelUserCode   Selector = 0x28 | 3
	selTSS        Selector = 0x30

	gdtEntries = 8
)

// Descriptor is one 8-byte entry of a GDT.
type Descriptor uint64

// Bits of a segment descriptor. Base and limit of code and data segments are
// ignored in 64-bit mode. Source: Intel SDM 3A 3.4.5, 5.2.1.
const (
	descAccessed Descriptor = 1 << 40 // set here, so that the CPU need not write
	descWritable Descriptor = 1 << 41 // data
	descReadable Descriptor = 1 << 41 // code
	descCode     Descriptor = 1 << 43
	descSegment  Descriptor = 1 << 44 // code or data, not a system descriptor
	descUser     Descriptor = 3 << 45 // DPL 3
	descPresent  Descriptor = 1 << 47
	descLong     Descriptor = 1 << 53

	descKernelCode = descPresent | descSegment | descCode | descReadable | descAccessed | descLong
	descKernelData = descPresent | descSegment | descWritable | descAccessed
	descUserCode   = descKernelCode | descUser
	descUserData   = descKernelData | descUser

	descTSSAvailable Descriptor = 0x9 << 40 // 64-bit TSS, not busy
)

// tssDescriptor is the 16-byte descriptor of a TSS of size bytes at base.
// Source: Intel SDM 3A 7.2.3.
func tssDescriptor(base uint64, size uint32) (low, high Descriptor) {
	low = descPresent | descTSSAvailable |
		Descriptor(size-1)&0xffff |
		Descriptor(base&0xffffff)<<16 |
		Descriptor(base>>24&0xff)<<56
	return low, Descriptor(base >> 32)
}

// tableRegister is the operand of LGDT and LIDT: limit, then base.
func tableRegister(base uint64, size int) (p [10]byte) {
	limit := size - 1
	p[0], p[1] = byte(limit), byte(limit>>8)
	for i := range 8 {
		p[2+i] = byte(base >> (8 * i))
	}
	return p
}

// Gate is one 16-byte entry of the IDT. Source: Intel SDM 3A 6.14.1.
type Gate struct {
	Low, High uint64
}

// Interrupt stack table slots: NMI, double fault and machine check must not
// trust the stack they interrupt. 0 means: stay on the current stack, or go to
// RSP0 from ring 3. The words are counted from 1 as in the TSS.
const (
	istNone = iota
	istDoubleFault
	istNMI
	istMachineCheck
	istCount = iota - 1
)

// InterruptGate enters handler through the kernel's code segment with IF
// cleared, on stack ist of the TSS, 0 for the current one. ring3 lets the INT
// instruction use it from ring 3.
//
//go:nosplit
func InterruptGate(handler uint64, ist int, ring3 bool) Gate {
	const present, typeInterrupt = 1 << 47, 0xe << 40
	low := handler&0xffff |
		uint64(SelKernelCode)<<16 |
		uint64(ist)<<32 |
		typeInterrupt | present |
		handler>>16&0xffff<<48
	if ring3 {
		low |= 3 << 45
	}
	return Gate{low, handler >> 32}
}

// vectorIST is the stack of a vector, one of the ist constants.
func vectorIST(v Vector) int {
	switch v {
	case VectorDoubleFault:
		return istDoubleFault
	case VectorNMI:
		return istNMI
	case VectorMachineCheck:
		return istMachineCheck
	}
	return istNone
}

// vectorFromRing3 says which vectors ring 3 may raise by INT3 or INT n;
// the others give it #GP.
func vectorFromRing3(v Vector) bool {
	return v == VectorBreakpoint || v == VectorOverflow
}

// TSS is the 64-bit task-state segment, in 32-bit words because its 64-bit
// fields are not aligned. Source: Intel SDM 3A 7.7.
type TSS [tssBytes / 4]uint32

const (
	tssBytes = 104
	tssRSP0  = 4  // byte offset
	tssIST1  = 36 // byte offset
	tssIOMap = 100
)

func (t *TSS) set(offset int, v uint64) {
	t[offset/4] = uint32(v)
	t[offset/4+1] = uint32(v >> 32)
}

// init fills t: no I/O permission bitmap (its offset lies behind the limit, so
// ring 3 may touch no port), the stacks of the IST slots.
func (t *TSS) init(ist *[istCount]uint64) {
	*t = TSS{}
	t[tssIOMap/4] = tssBytes << 16
	for i, top := range ist {
		t.set(tssIST1+8*i, top)
	}
}

// starValue is IA32_STAR for the GDT above.
const starValue = uint64(selSysretBase)<<48 | uint64(SelKernelCode)<<32

// fmaskValue are the flags SYSCALL clears. IF: ring 0 runs with interrupts off.
// TF, DF, AC: Go wants none of them, and AC would lift SMAP. NT: IRETQ would
// fault. IOPL and the arithmetic flags for good measure.
const fmaskValue = RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT |
	RFLAGS_IOPL | RFLAGS_RF | RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF |
	RFLAGS_SF | RFLAGS_OF | RFLAGS_ID
