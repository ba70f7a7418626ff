package cpu

import "fmt"

// Range is kernel memory [Start, End).
type Range struct {
	Start, End uintptr
}

// Config is what the board knows and Init needs.
type Config struct {
	// TrapStacks is writable memory of TrapStackBytes bytes, page aligned,
	// for the stacks of double faults, NMIs, machine checks and the fatal
	// report. It must lie above the stack Init is called on (see Init).
	// The pages TrapStackGuards names are never touched.
	TrapStacks uintptr
	// Kernel is memory that can always be read: image, heap and stacks.
	// A fatal report looks at code bytes and stack frames only in here.
	Kernel Range
	// ExitPort and ExitValue end the machine when a trap strikes during a
	// fatal report, or when the report returns: one 32-bit OUT. Port 0
	// just halts.
	ExitPort  Port
	ExitValue uint32
	// ConsolePort takes the one-line message of such an end, byte after byte;
	// 0 is none.
	ConsolePort Port
}

// Trap stacks: a guard page below each; one page for each interrupt stack
// (its stub only stores registers), more for the report, which is Go.
const (
	trapStackPage   = 4096
	fatalStackBytes = 16 * trapStackPage
	// TrapStackBytes is the size of Config.TrapStacks.
	TrapStackBytes = istCount*2*trapStackPage + trapStackPage + fatalStackBytes
)

// TrapStackGuards lists the pages of a TrapStacks region at start that should
// be left unmapped.
func TrapStackGuards(start uintptr) (pages [istCount + 1]uintptr) {
	for i := range pages {
		pages[i] = start + uintptr(i)*2*trapStackPage
	}
	return pages
}

// Init takes the CPU over: control registers, GDT, TSS, IDT, system call
// registers, the per-CPU block behind GS. Afterwards Exec works, and a trap in
// ring 0 ends in the handler of SetFatalHandler.
//
// Pre: called once, on the boot CPU, IF=0, on the g0 stack as the runtime calls
// Hwinit1; f.Missing() is empty; cfg.TrapStacks is above the current stack: the
// report runs on g0 with that stack, and the runtime's stack checks only ask
// whether the stack pointer is above g0's lower bound.
func Init(f *Features, cfg Config) {
	if missing := f.Missing(); len(missing) != 0 {
		panic(fmt.Sprintf("cpu.Init: CPU lacks %v", missing))
	}
	if cfg.TrapStacks%trapStackPage != 0 || uint64(cfg.TrapStacks) < stackPointer() {
		panic(fmt.Sprintf("cpu.Init: trap stacks at %#x, stack pointer %#x", cfg.TrapStacks, stackPointer()))
	}
	b := &boot
	initControl(f)
	b.initFP(f)
	window, fatalTop, bootG0 = cfg.Kernel, uint64(cfg.TrapStacks)+TrapStackBytes, getg()
	exitPort, exitValue, consolePort = uint16(cfg.ExitPort), cfg.ExitValue, uint16(cfg.ConsolePort)
	b.kernFS = ReadFSBase()
	var ist [istCount]uint64
	for i := range ist {
		ist[i] = uint64(cfg.TrapStacks) + uint64(i+1)*2*trapStackPage
	}
	b.build(&ist)
	initIDT(b.slow != 0)
	b.load()
	initSyscall(f.SEP, b.slow != 0)
}

// initControl sets the control registers every CPU runs with.
func initControl(f *Features) {
	WriteCR0(ReadCR0()&^(CR0_EM|CR0_TS|CR0_AM) | CR0_WP | CR0_NE | CR0_MP)
	WriteMSR(IA32_EFER, ReadMSR(IA32_EFER)|EFER_SCE|EFER_NXE)
	if f.PAT {
		WriteMSR(IA32_PAT, patValue)
	}
	WriteCR4(f.cr4(ReadCR4()))
}

// cr4 is the CR4 for a CPU with features f that has old now.
func (f *Features) cr4(old uint64) uint64 {
	cr4 := old&^(CR4_TSD|CR4_PCE|CR4_VME) | CR4_OSFXSR | CR4_OSXMMEXCPT
	for _, bit := range [...]struct {
		has  bool
		mask uint64
	}{
		{f.PGE, CR4_PGE}, {f.SMEP, CR4_SMEP}, {f.SMAP, CR4_SMAP},
		{f.UMIP, CR4_UMIP}, {f.FSGSBASE, CR4_FSGSBASE}, {f.XSAVE, CR4_OSXSAVE},
		{f.MCE, CR4_MCE},
	} {
		if bit.has {
			cr4 |= bit.mask
		}
	}
	return cr4
}

// xcr0 is the set of state components ring 3 gets.
func (f *Features) xcr0() uint64 {
	x := XCR0_X87 | XCR0_SSE
	if f.AVX {
		x |= XCR0_AVX
		if f.AVX512F {
			x |= XCR0_AVX512
		}
	}
	return x
}

// initFP enables the vector state and learns the size of its save area.
func (b *block) initFP(f *Features) {
	fpSize = fxsaveBytes
	if f.XSAVE {
		WriteXCR0(f.xcr0())
		// CPUID.0DH.0:EBX is the size for what XCR0 enables now.
		_, size, _, _ := CPUID(0xd, 0)
		fpSize = uintptr(size)
		b.xsave = 1
	}
	b.mxcsr = ReadMXCSR() &^ 0x3f // without sticky exception flags
	b.slow = 1
	if f.FSGSBASE && f.XSAVEOPT && f.SMAP {
		b.slow = 0
	}
}

// build fills the tables of one CPU: GDT and TSS.
func (b *block) build(ist *[istCount]uint64) {
	b.self = b.addr()
	b.tss.init(ist)
	b.gdt[SelKernelCode/8] = descKernelCode
	b.gdt[SelKernelData/8] = descKernelData
	b.gdt[SelUserData/8] = descUserData
	b.gdt[SelUserCode/8] = descUserCode
	b.gdt[selTSS/8], b.gdt[selTSS/8+1] = tssDescriptor(b.tssAddr(), tssBytes)
	b.gdtr = tableRegister(b.gdtAddr(), gdtEntries*8)
}

// initIDT fills the IDT, which all CPUs share.
func initIDT(slow bool) {
	entries := vectorsFast()
	if slow {
		entries = vectorsSlow()
	}
	checkVectors(entries)
	for v := Vector(0); v < VectorCount; v++ {
		idt[v] = InterruptGate(entries+uint64(v)*vectorEntryBytes, vectorIST(v), vectorFromRing3(v))
	}
	idtr = tableRegister(idtAddr(), VectorCount*16)
}

// load loads GDT, TSS, IDT and the segment bases on the CPU of b.
//
//go:nosplit
func (b *block) load() {
	loadGDT(&b.gdtr)
	loadSegments(SelKernelCode, SelKernelData, b.kernFS)
	loadLDT(0)
	loadTR(selTSS)
	WriteMSR(IA32_GS_BASE, b.self)
	WriteMSR(IA32_KERNEL_GS_BASE, 0)
	loadIDT(&idtr)
}

// initSyscall points SYSCALL at its entry and makes SYSENTER fault.
//
//go:nosplit
func initSyscall(sep, slow bool) {
	entry := syscallFast()
	if slow {
		entry = syscallSlow()
	}
	WriteMSR(IA32_STAR, starValue)
	WriteMSR(IA32_LSTAR, entry)
	WriteMSR(IA32_CSTAR, 0) // no 32-bit code segment, so never used
	WriteMSR(IA32_FMASK, fmaskValue)
	if sep {
		WriteMSR(IA32_SYSENTER_CS, 0) // SYSENTER: #GP
	}
}
