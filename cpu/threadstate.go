package cpu

import "encoding/binary"

// Sizes of what ReadFP and ReadVector give, in bytes: zx_thread_state_fp_regs_t
// and zx_thread_state_vector_regs_t.
const (
	FPRegsBytes     = 160
	VectorRegsBytes = 2120
)

// Where the registers lie in the FXSAVE image, and in what ReadVector gives.
// Source: Intel SDM 1 10.5.1 and 13.4.
const (
	fxMXCSR     = 24
	fxMXCSRMask = 28
	fxST        = 32
	fxXMM       = 160
	xstateBV    = fxsaveBytes // XSTATE_BV: the components that are not in their initial state

	vectorOpmask = 32 * 64
	vectorMXCSR  = vectorOpmask + 64
)

// vectorPart is a state component that holds part of the vector registers: of
// count registers size bytes each, from register first on, byte at of each.
type vectorPart struct {
	component                      int
	count, size, first, at, stride int
}

var vectorParts = [...]vectorPart{
	{1, 16, 16, 0, 0, 64},         // XMM
	{2, 16, 16, 0, 16, 64},        // the upper halves of YMM
	{5, 8, 8, 0, vectorOpmask, 8}, // opmask
	{6, 16, 32, 0, 32, 64},        // the upper halves of ZMM0 to 15
	{7, 16, 64, 16, 0, 64},        // ZMM16 to 31
}

// place is where the component lies in a floating-point area; 0 if it has none.
func (v *vectorPart) place() int {
	if v.component == 1 {
		return fxXMM
	}
	if fpSize == fxsaveBytes || ReadXCR0()>>v.component&1 == 0 {
		return 0
	}
	_, at, _, _ := CPUID(0xd, uint32(v.component))
	return int(at)
}

// present says whether a component of fp is there, and not in its initial state,
// whatever its bytes say. Source: Intel SDM 1 13.7 and 13.8.1.
func present(fp []byte, component int) bool {
	return len(fp) == fxsaveBytes || binary.LittleEndian.Uint64(fp[xstateBV:])>>component&1 != 0
}

// use says that a component of fp is as its bytes say.
func use(fp []byte, component int) {
	if len(fp) > fxsaveBytes {
		le := binary.LittleEndian
		le.PutUint64(fp[xstateBV:], le.Uint64(fp[xstateBV:])|1<<component)
	}
}

// ReadFP writes the x87 registers into p, of FPRegsBytes: the beginning of the
// FXSAVE image without MXCSR.
func (r *Regs) ReadFP(p []byte) {
	clear(p)
	fp := r.FP()
	if !present(fp, 0) {
		binary.LittleEndian.PutUint16(p, fcwReset)
		return
	}
	copy(p, fp[:fxMXCSR])
	copy(p[fxST:], fp[fxST:fxXMM])
}

// WriteFP is the reverse of ReadFP. XRSTOR takes any values.
func (r *Regs) WriteFP(p []byte) {
	fp := r.FP()
	copy(fp, p[:fxMXCSR])
	copy(fp[fxST:fxXMM], p[fxST:])
	use(fp, 0)
}

// ReadVector writes the vector registers into p, of VectorRegsBytes: 32 of 64
// bytes, 8 opmasks, MXCSR. What the CPU does not have is 0.
func (r *Regs) ReadVector(p []byte) {
	clear(p)
	fp := r.FP()
	for i := range vectorParts {
		v := &vectorParts[i]
		at := v.place()
		if at == 0 || !present(fp, v.component) {
			continue
		}
		for n := range v.count {
			copy(p[v.at+(v.first+n)*v.stride:][:v.size], fp[at+n*v.size:])
		}
	}
	copy(p[vectorMXCSR:], fp[fxMXCSR:fxMXCSR+4])
}

// WriteVector is the reverse of ReadVector. It refuses, changing nothing, bits of
// MXCSR that the CPU reserves: XRSTOR would fault in ring 0.
func (r *Regs) WriteVector(p []byte) (ok bool) {
	fp, le := r.FP(), binary.LittleEndian
	mask := le.Uint32(fp[fxMXCSRMask:])
	if mask == 0 {
		mask = 0xffbf // Source: Intel SDM 1 11.6.6
	}
	mxcsr := le.Uint32(p[vectorMXCSR:])
	if mxcsr&^mask != 0 {
		return false
	}
	for i := range vectorParts {
		v := &vectorParts[i]
		at := v.place()
		if at == 0 {
			continue
		}
		for n := range v.count {
			copy(fp[at+n*v.size:][:v.size], p[v.at+(v.first+n)*v.stride:])
		}
		use(fp, v.component)
	}
	le.PutUint32(fp[fxMXCSR:], mxcsr)
	return true
}

// DebugRegs is the debug registers of a thread. Source: Intel SDM 3B 19.2.
type DebugRegs struct {
	DR       [4]uint64 // addresses
	DR6, DR7 uint64
}

// Bits of DR6 and DR7. The conditions are 16 bits of DR7, four for each address.
const (
	DR6_RESET    uint64 = 0xffff0ff0
	DR6_SEEN     uint64 = 0xe00f // B0 to B3, BD, BS, BT
	DR7_RESET    uint64 = 1 << 10
	DR7_ENABLE   uint64 = 0xff // L0, G0 to L3, G3
	DR7_EXACT    uint64 = 3 << 8
	DR7_CONTROLS uint64 = 0xffff0000
)

// Sane makes d what the CPU may be given in ring 3's name: reserved bits as they
// must be, nothing that guards the registers themselves. It refuses breakpoints
// of I/O, whose meaning another control bit decides.
func (d *DebugRegs) Sane() (ok bool) {
	for i := range d.DR {
		if d.DR7>>(16+4*i)&3 == 2 {
			return false
		}
	}
	d.DR6 = d.DR6&DR6_SEEN | DR6_RESET
	d.DR7 = d.DR7&(DR7_ENABLE|DR7_EXACT|DR7_CONTROLS) | DR7_RESET
	return true
}

// LoadDebug gives this CPU the addresses and conditions of d, none if d is nil.
// The breakpoints hit in ring 0 too: the addresses must be none that the kernel
// touches.
func LoadDebug(d *DebugRegs) {
	writeDR7(DR7_RESET)
	if d != nil {
		writeDR0to3(&d.DR)
		writeDR7(d.DR7)
	}
}
