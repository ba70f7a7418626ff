package cpu

// ReadMSR is RDMSR; a register the CPU does not have is a fault.
func ReadMSR(msr MSR) uint64

// WriteMSR is WRMSR.
func WriteMSR(msr MSR, v uint64)

// ReadCR0 reads CR0.
func ReadCR0() uint64

// WriteCR0 writes CR0.
func WriteCR0(v uint64)

// ReadCR2 reads the address of the last page fault on this CPU. A thread's own
// is Regs.CR2.
func ReadCR2() uint64

// ReadCR3 reads the root of the page tables, a physical address and flags.
func ReadCR3() uint64

// WriteCR3 loads the root of the page tables.
// Flush: everything but global pages.
func WriteCR3(v uint64)

// ReadCR4 reads CR4.
func ReadCR4() uint64

// WriteCR4 writes CR4. Flush: everything, when PGE, SMEP or paging bits change.
func WriteCR4(v uint64)

// ReadXCR0 is XGETBV with index 0. Pre: CR4.OSXSAVE.
func ReadXCR0() uint64

// WriteXCR0 is XSETBV with index 0. Pre: CR4.OSXSAVE.
func WriteXCR0(v uint64)

// InvalidatePage is INVLPG: this CPU forgets its translation of the page that
// contains va, global or not.
func InvalidatePage(va uint64)

// InvalidateAll makes this CPU forget every translation but global ones.
func InvalidateAll() { WriteCR3(ReadCR3()) }

// InvalidateGlobal makes this CPU forget every translation, global ones too.
func InvalidateGlobal() {
	cr4 := ReadCR4()
	if cr4&CR4_PGE == 0 {
		InvalidateAll()
		return
	}
	WriteCR4(cr4 &^ CR4_PGE)
	WriteCR4(cr4)
}

// ReadTSC is RDTSC.
func ReadTSC() uint64

// CPUID is the instruction with EAX=leaf, ECX=subleaf.
func CPUID(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// RDRAND asks the CPU for random bits. ok is false when it has none ready;
// SDM 1 7.3.17.1 advises ten tries. Pre: Features.RDRAND.
func RDRAND() (v uint64, ok bool)

// RDSEED asks the CPU's entropy source. ok as for RDRAND. Pre: Features.RDSEED.
func RDSEED() (v uint64, ok bool)

// Pause is PAUSE, for spin loops.
func Pause()

// WaitForInterrupt halts until an interrupt arrives: STI, HLT, CLI. It may
// return without one. Interrupts that arrived are noted, not acknowledged:
// the caller takes them with TakeInterrupt and writes the EOI.
//
// This is the only place where ring 0 runs with interrupts on. The interrupt's
// frame goes on the current stack: at most 80 bytes, which fit below even the
// longest chain of nosplit calls.
func WaitForInterrupt()

// Halt stops this CPU for good, interrupts off.
func Halt()

// ReadDR6 reads the debug status after a #DB.
func ReadDR6() uint64

// WriteDR6 clears the debug status (0xffff0ff0 when nothing is set), which
// the CPU never does itself.
func WriteDR6(v uint64)

// ReadDR7 reads the debug control register.
func ReadDR7() uint64

// writeDR7 writes it.
func writeDR7(v uint64)

// writeDR0to3 writes the four addresses.
//
//go:noescape
func writeDR0to3(dr *[4]uint64)

// ReadMXCSR reads the SSE control and status register.
func ReadMXCSR() uint32

// ReadFSBase reads this CPU's FS base, which in ring 0 is where the Go runtime
// keeps g (at -8). By MSR: works with and without FSGSBASE.
func ReadFSBase() uint64 { return ReadMSR(IA32_FS_BASE) }

// loadGDT is LGDT with the 10-byte operand at p. Pre: the selectors in use
// mean the same in the new table.
func loadGDT(p *[10]byte)

// loadIDT is LIDT with the 10-byte operand at p.
func loadIDT(p *[10]byte)

// loadTR is LTR, which marks the TSS descriptor busy.
func loadTR(sel Selector)

// loadLDT is LLDT. Null is wanted: until then LDTR names a table at address 0.
func loadLDT(sel Selector)

// loadSegments reloads CS, SS, DS, ES, FS and GS from the current GDT: kernel
// code, kernel data, null. The bases of FS and GS are lost: write them after.
//
// Context: IF=0, and no Go may run until FS base is back; so it takes it.
func loadSegments(code, data Selector, fsBase uint64)

// storeGDT is SGDT, for tests.
func storeGDT(p *[10]byte)

// storeIDT is SIDT, for tests.
func storeIDT(p *[10]byte)

// readTR is STR.
func readTR() Selector

// getg is the address of the running g, as the runtime keeps it behind FS.
func getg() uint64

// ReadRFLAGS reads the flags.
func ReadRFLAGS() uint64
