package kernel

import (
	"encoding/binary"

	"faultline/cpu"
	"faultline/vmar"
	"faultline/zx"
)

// stateRegs is how many registers zx_thread_state_general_regs_t has.
const stateRegs = 20

// ReadState copies the registers of that kind into buf, which has their size.
//
// Errors: ErrBadState the thread is neither suspended nor in an exception.
// Source: docs/pager.md 6.3; zx_thread_read_state.
func (t *Thread) ReadState(kind uint32, buf []byte) zx.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped() {
		return zx.ErrBadState
	}
	r, le := t.regs, binary.LittleEndian
	switch kind {
	case zx.StateGeneralRegs:
		for i, v := range [...]uint64{
			r.RAX, r.RBX, r.RCX, r.RDX, r.RSI, r.RDI, r.RBP, r.RSP, r.R8, r.R9, r.R10, r.R11,
			r.R12, r.R13, r.R14, r.R15, r.RIP(), r.RFLAGS(), r.FSBase(), r.GSBase(),
		} {
			le.PutUint64(buf[8*i:], v)
		}
	case zx.StateFPRegs:
		r.ReadFP(buf)
	case zx.StateVectorRegs:
		r.ReadVector(buf)
	case zx.StateDebugRegs:
		d := cpu.DebugRegs{DR6: t.dr6 | cpu.DR6_RESET, DR7: cpu.DR7_RESET}
		if t.debug != nil {
			d.DR, d.DR7 = t.debug.DR, t.debug.DR7
		}
		for i, v := range [...]uint64{d.DR[0], d.DR[1], d.DR[2], d.DR[3], d.DR6, d.DR7} {
			le.PutUint64(buf[8*i:], v)
		}
	case zx.StateSingleStep:
		le.PutUint32(buf, uint32(r.RFLAGS()&cpu.RFLAGS_TF/cpu.RFLAGS_TF))
	}
	return zx.OK
}

// WriteState replaces registers of the thread. Flags ring 3 does not own keep
// their values, as do reserved bits of the debug registers.
//
// Errors: as ReadState | ErrInvalidArgs RIP or a breakpoint is no user address, a
// segment base no canonical one, MXCSR has a reserved bit, DR7 a breakpoint of
// I/O, or SINGLE_STEP is neither 0 nor 1; nothing is changed.
func (t *Thread) WriteState(kind uint32, buf []byte) zx.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped() {
		return zx.ErrBadState
	}
	r, ok := t.regs, true
	switch kind {
	case zx.StateGeneralRegs:
		ok = t.writeGeneral(buf)
	case zx.StateFPRegs:
		r.WriteFP(buf)
	case zx.StateVectorRegs:
		ok = r.WriteVector(buf)
	case zx.StateDebugRegs:
		ok = t.writeDebug(buf)
	case zx.StateSingleStep:
		flags := r.RFLAGS() &^ cpu.RFLAGS_TF
		switch binary.LittleEndian.Uint32(buf) {
		case 0:
			r.SetRFLAGS(flags)
		case 1:
			r.SetRFLAGS(flags | cpu.RFLAGS_TF)
		default:
			ok = false
		}
	}
	if !ok {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}

// writeGeneral is WriteState of the general registers.
func (t *Thread) writeGeneral(buf []byte) (ok bool) {
	var v [stateRegs]uint64
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(buf[8*i:])
	}
	r := t.regs
	if !userAddress(zx.VirtAddr(v[16])) || !cpu.IsCanonical(v[18]) || !cpu.IsCanonical(v[19]) {
		return false
	}
	r.SetRIP(v[16])
	r.SetFSBase(v[18])
	r.SetGSBase(v[19])
	r.SetRFLAGS(v[17])
	for i, p := range [...]*uint64{
		&r.RAX, &r.RBX, &r.RCX, &r.RDX, &r.RSI, &r.RDI, &r.RBP, &r.RSP, &r.R8, &r.R9, &r.R10, &r.R11,
		&r.R12, &r.R13, &r.R14, &r.R15,
	} {
		*p = v[i]
	}
	return true
}

// writeDebug is WriteState of the debug registers. The kernel touches no user
// address, so that breakpoints on those can hit nothing of its own.
func (t *Thread) writeDebug(buf []byte) (ok bool) {
	var v [6]uint64
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(buf[8*i:])
	}
	d := &cpu.DebugRegs{DR: [4]uint64(v[:4]), DR6: v[4], DR7: v[5]}
	if !d.Sane() {
		return false
	}
	for _, at := range d.DR {
		if at != 0 && !(at >= uint64(vmar.UserBase) && at < uint64(vmar.UserEnd)) {
			return false
		}
	}
	t.dr6 = d.DR6
	t.debug = nil
	if d.DR7&cpu.DR7_ENABLE != 0 || d.DR != [4]uint64{} || d.DR7 != cpu.DR7_RESET {
		t.debug = d
	}
	t.cpu.heed.Or(heedLoad) // should it go on without having been asleep
	return true
}

// loadDebug gives the CPU the breakpoints of t.
func (c *percpu) loadDebug(t *Thread) {
	cpu.LoadDebug(t.debug)
	c.debug = t.debug
}

// sawDebug takes what the CPU tells of a debug exception; its bits are sticky.
func (t *Thread) sawDebug() {
	t.dr6 = cpu.ReadDR6()
	cpu.WriteDR6(0)
}

// FSBase is the thread's FS base.
func (t *Thread) FSBase() uint64 { return t.regs.FSBase() }

// GSBase is the thread's GS base.
func (t *Thread) GSBase() uint64 { return t.regs.GSBase() }

// SetFSBase sets the thread's FS base: for the running thread itself, or one in
// reach of WriteState. Errors: ErrInvalidArgs not a canonical address.
func (t *Thread) SetFSBase(base uint64) zx.Status {
	if !t.regs.SetFSBase(base) {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}

// SetGSBase is SetFSBase for GS.
func (t *Thread) SetGSBase(base uint64) zx.Status {
	if !t.regs.SetGSBase(base) {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}
