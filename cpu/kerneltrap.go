package cpu

import (
	"strconv"
	"sync/atomic"
)

// KernelTrap is everything known about a trap in ring 0, or an NMI, double
// fault or machine check anywhere. Such a trap is a bug (or broken hardware):
// it is reported and the machine ends, but where a handler knows better (Resume).
type KernelTrap struct {
	Vector    Vector
	ErrorCode ErrorCode
	RIP       uint64
	CS        uint64
	RFLAGS    uint64
	RSP       uint64
	SS        uint64

	RAX, RBX, RCX, RDX, RSI, RDI, RBP    uint64
	R8, R9, R10, R11, R12, R13, R14, R15 uint64

	CR0, CR2, CR3, CR4 uint64
	FSBase, GSBase     uint64

	code    [trapCodeBytes]byte
	codeLen int
	g       uint64 // the g that ran, for the debugger
}

const trapCodeBytes = 16

// againBytes is the length of againText in fault_amd64.s.
const againBytes = 18

// SetFatalHandler installs the report of fatal traps, and gives the former one. The
// handler runs on the fatal stack as g0, with whatever locks the victim held: it should print with
// the least machinery it can and end the machine. Should it return, or trap
// itself, the machine ends by Config.ExitPort.
//
// Without a handler the reason and the return addresses are printed.
//
// Context: trap stack.
func SetFatalHandler(handler func(*KernelTrap)) (former func(*KernelTrap)) {
	former, onFatal = onFatal, handler
	return former
}

// reportFatal is called by fatalTrap on the fatal stack.
//
// Context: trap stack.
func reportFatal() {
	t := &thisBlock().trap
	t.CR0, t.CR2, t.CR3, t.CR4 = ReadCR0(), ReadCR2(), ReadCR3(), ReadCR4()
	if w := window; t.RIP >= uint64(w.Start) && t.RIP < uint64(w.End) {
		n := min(uint64(w.End)-t.RIP, trapCodeBytes)
		t.codeLen = copy(t.code[:], codeAt(t.RIP, int(n)))
	}
	if onFatal != nil {
		onFatal(t)
		return
	}
	// Early in the boot. The runtime's print needs nothing but a console.
	print("\nfatal: ", t.Reason(), "\n  rip ", t.RIP, " rsp ", t.RSP, " (decimal); called from")
	for _, pc := range t.Callers() {
		print(" ", pc)
	}
	print("\n")
}

// Stopped is where CPU id stood when it was stopped for the report of another's
// trap; nil if it does not say. Whoever reports sends an NMI first.
//
// Context: trap stack.
func Stopped(id int) *KernelTrap {
	if id < 0 || id >= MaxCPUs || blocks[id] == nil || atomic.LoadUint32(&blocks[id].stopped) == 0 {
		return nil
	}
	return &blocks[id].trap
}

// Code is the bytes at RIP, none if RIP is not in the kernel's memory.
func (t *KernelTrap) Code() []byte { return t.code[:t.codeLen] }

// FromRing3 says whether the trap hit ring 3.
func (t *KernelTrap) FromRing3() bool { return t.CS&3 == 3 }

// Reason says in a line what happened: vector, error code, and for a page fault
// the access and its address. Values in hex.
func (t *KernelTrap) Reason() string {
	s := t.Vector.String()
	if t.Vector >= VectorFirstInterrupt {
		s += " vector " + strconv.Itoa(int(t.Vector)) + " with interrupts on outside WaitForInterrupt"
	}
	if t.Vector.HasErrorCode() {
		s += ", error code 0x" + strconv.FormatUint(uint64(t.ErrorCode), 16)
	}
	if t.Vector == VectorPageFault {
		s += " (" + t.ErrorCode.Access() + ") at 0x" + strconv.FormatUint(t.CR2, 16)
	}
	return s
}

// Access says what a page fault's error code means.
func (e ErrorCode) Access() string {
	s := "read"
	switch {
	case e&PF_ID != 0:
		s = "fetch"
	case e&PF_WR != 0:
		s = "write"
	}
	if e&PF_US != 0 {
		s = "user " + s
	}
	switch {
	case e&PF_RSVD != 0:
		return s + ", reserved bit set"
	case e&PF_P != 0:
		return s + ", not allowed"
	}
	return s + ", not present"
}

const maxCallers = 64

// Callers returns the return addresses of the calls that led to the trap,
// innermost first, by the frame-pointer chain; RIP itself is not among them.
// Every frame is looked at only inside Config.Kernel, frames must go upwards,
// and there is a bound: any garbage is survived.
func (t *KernelTrap) Callers() []uintptr {
	return walkFrames(t.RBP, t.RSP, t.RIP, window, wordAt)
}

// walkFrames follows the chain from bp through words read by word. When rip is
// not in the window, a call through a bad pointer has just pushed its return
// address: it lies at sp.
func walkFrames(bp, sp, rip uint64, window Range, word func(uint64) uint64) []uintptr {
	in := func(addr, n uint64) bool {
		return addr%8 == 0 && addr >= uint64(window.Start) && addr < uint64(window.End) &&
			uint64(window.End)-addr >= n
	}
	var callers []uintptr
	if (rip < uint64(window.Start) || rip >= uint64(window.End)) && in(sp, 8) {
		callers = append(callers, uintptr(word(sp)))
	}
	for len(callers) < maxCallers && in(bp, 16) {
		ret, up := word(bp+8), word(bp)
		if ret == 0 {
			break
		}
		callers = append(callers, uintptr(ret))
		if up <= bp {
			break
		}
		bp = up
	}
	return callers
}
