package cpu

// Regs is a ring-3 thread's registers: what Exec loads on the way out and what
// the next trap stores. Make one with NewRegs, and nothing else: the CPU and
// the stubs push straight into it, so its place in memory matters (64-byte
// aligned, with the floating-point area behind it). It holds no pointers.
//
// Integer registers may be read and written freely between two Execs. Fields
// that could make the kernel itself fault when reloaded (RIP, RFLAGS, the
// segment bases) are behind setters that keep them sane, so that the hot path
// need not check them: whatever the hardware latched in ring 3 can be
// reloaded.
//
// After a SYSCALL, Exec reloads RCX from RIP and R11 from RFLAGS, as the
// instruction defines. Whoever replaces more than RAX after a SYSCALL and
// wants RCX and R11 loaded too calls RestoreAll.
//
// The field order is the order of the pushes of entry_amd64.s; the offsets
// there come from go_asm.h.
type Regs struct {
	R15, R14, R13, R12, R11, R10, R9, R8 uint64
	RBP, RDI, RSI, RDX, RCX, RBX, RAX    uint64

	vector Vector
	errc   ErrorCode
	// The frame as the CPU pushes it. Source: Intel SDM 3A 6.14.2.
	rip    uint64
	cs     uint64
	rflags uint64
	RSP    uint64
	ss     uint64

	fsBase uint64 // TSS.RSP0 points here
	gsBase uint64
	cr2    uint64
	kernSP uint64 // stack pointer of the goroutine inside Exec
	self   uint64 // &Regs: made by NewRegs, never copied
	_      [regsBytes - 27*8]byte
	// Then the floating-point area, of the size the CPU asks for.
}

// regsBytes is the size of Regs and the offset of its floating-point area;
// a multiple of 64, which XSAVE needs. regsFrame is the offset of the end of
// the hardware frame; a multiple of 16, which the CPU aligns RSP0 down to.
// regsPad bytes lie below a Regs and are nobody's: should the kernel itself
// fault while the stack pointer is at a Regs, the frame lands there.
const (
	regsBytes = 256
	regsFrame = 22 * 8
	regsPad   = 64
)

// Vector says what made Exec return.
func (r *Regs) Vector() Vector { return r.vector }

// ErrorCode is the error code of the trap, 0 for exceptions that have none.
// Meaningless after SYSCALL.
func (r *Regs) ErrorCode() ErrorCode { return r.errc }

// CR2 is the address of a page fault, latched before anything could replace
// it. Meaningless for other vectors.
func (r *Regs) CR2() uint64 { return r.cr2 }

// RIP is the address of the instruction to run next. After a fault that is
// the instruction that faulted; after SYSCALL and INT3 the one behind.
func (r *Regs) RIP() uint64 { return r.rip }

// RFLAGS are the thread's flags.
func (r *Regs) RFLAGS() uint64 { return r.rflags }

// FSBase is the thread's FS segment base.
func (r *Regs) FSBase() uint64 { return r.fsBase }

// GSBase is the thread's GS segment base.
func (r *Regs) GSBase() uint64 { return r.gsBase }

// SetRIP sets the address of the next instruction. It refuses, changing
// nothing, an address that is not canonical: IRETQ would fault in ring 0.
// A canonical address the thread may not execute is accepted and faults in
// ring 3.
func (r *Regs) SetRIP(rip uint64) (ok bool) {
	if !IsCanonical(rip) {
		return false
	}
	r.rip = rip
	r.RestoreAll()
	return true
}

// SetFSBase sets the FS segment base; it refuses one that is not canonical.
func (r *Regs) SetFSBase(base uint64) (ok bool) {
	if !IsCanonical(base) {
		return false
	}
	r.fsBase = base
	return true
}

// SetGSBase sets the GS segment base; it refuses one that is not canonical.
func (r *Regs) SetGSBase(base uint64) (ok bool) {
	if !IsCanonical(base) {
		return false
	}
	r.gsBase = base
	return true
}

// SetRFLAGS sets the flags, as sanitised by UserRFLAGS.
func (r *Regs) SetRFLAGS(rflags uint64) {
	r.rflags = UserRFLAGS(rflags)
	r.RestoreAll()
}

// RestoreAll forgets that the last trap was a SYSCALL: the next Exec loads
// every register as it stands, RCX and R11 too.
func (r *Regs) RestoreAll() { r.vector = VectorStart }

// rflagsUser are the flags ring 3 owns. RF rides along: the CPU sets it in
// the frame of a fault and IRETQ puts it back.
const rflagsUser = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF |
	RFLAGS_TF | RFLAGS_DF | RFLAGS_OF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID

// UserRFLAGS is what ring 3 gets when rflags is asked for: the flags it owns as
// asked, interrupts on, IOPL 0, no virtual-8086 mode.
func UserRFLAGS(rflags uint64) uint64 {
	return rflags&rflagsUser | RFLAGS_IF | RFLAGS_ONE
}

// IsCanonical says whether addr is a canonical address with four-level paging.
// Source: Intel SDM 1 3.3.7.1.
func IsCanonical(addr uint64) bool {
	return uint64(int64(addr<<16)>>16) == addr
}

// FP state as it is reset. Source: Intel SDM 1 8.1.5, 11.6.4.
const (
	fcwReset   = 0x037f
	mxcsrReset = 0x1f80
)

// fxsaveBytes is the size of the FXSAVE image, the first part of an XSAVE
// area; xsaveHeaderBytes is the header behind it. Source: Intel SDM 1 13.4.
const (
	fxsaveBytes      = 512
	xsaveHeaderBytes = 64
)
