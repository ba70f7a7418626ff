package kernel

import (
	"fmt"
	"runtime"

	"faultline/cpu"
	"faultline/zx"
)

// exitFatal is the exit code of a kernel that died of a bug.
const exitFatal = 2

// fatal reports a trap that the kernel itself caused, and ends the machine.
// First what needs no allocation worth the name, then the rest: the more the
// report asks of a broken kernel, the later it asks.
//
// Context: cpu's fatal stack, as g0.
func (k *Kernel) fatal(t *cpu.KernelTrap) {
	who := "kernel"
	if t.FromRing3() {
		who = "machine (ring 3 was running)"
	}
	k.machine.StopCPUs()
	print("\n*** ", who, " bug on CPU ", cpu.ID(), ": ", t.Reason(), "\n")
	fmt.Fprintf(k.console, "%s", trapText(t))
	fmt.Fprintf(k.console, "instruction\n  %#x: %s\n", t.RIP, instructionText(t.Code(), t.RIP))
	if t.Vector == cpu.VectorPageFault && k.table != nil {
		fmt.Fprintf(k.console, "page-table chain of %#x\n%s\n", t.CR2,
			indent("  ", chainText(k.table, zx.VirtAddr(t.CR2))))
	}
	fmt.Fprintf(k.console, "stack\n%s", stackText(append([]uintptr{uintptr(t.RIP)}, t.Callers()...)))
	for id := range k.cpus {
		if other := cpu.Stopped(id); other != nil {
			where := "ring 0"
			if other.FromRing3() {
				where = "ring 3"
			}
			fmt.Fprintf(k.console, "CPU %d stopped in %s\n%s", id, where, stackText([]uintptr{uintptr(other.RIP)}))
		}
	}
	k.machine.Exit(exitFatal)
}

// trapText writes the registers of a trap in ring 0.
func trapText(t *cpu.KernelTrap) string {
	return fmt.Sprintf(`registers
  rip %016x  rsp %016x  rbp %016x  rflags %08x
  rax %016x  rbx %016x  rcx %016x  rdx %016x
  rsi %016x  rdi %016x  r8  %016x  r9  %016x
  r10 %016x  r11 %016x  r12 %016x  r13 %016x
  r14 %016x  r15 %016x  cs  %04x  ss %04x
  cr0 %08x  cr2 %016x  cr3 %09x  cr4 %08x
  fs  %016x  gs  %016x
`, t.RIP, t.RSP, t.RBP, t.RFLAGS, t.RAX, t.RBX, t.RCX, t.RDX, t.RSI, t.RDI, t.R8, t.R9,
		t.R10, t.R11, t.R12, t.R13, t.R14, t.R15, t.CS, t.SS, t.CR0, t.CR2, t.CR3, t.CR4, t.FSBase, t.GSBase)
}

// stackText names the functions and lines of a chain of code addresses, the
// first that of an instruction, the others return addresses.
func stackText(pcs []uintptr) string {
	text := ""
	for i, pc := range pcs {
		at := pc
		if i > 0 {
			at-- // the call, not what follows it
		}
		f := runtime.FuncForPC(at)
		if f == nil {
			text += fmt.Sprintf("  %#x ?\n", pc)
			continue
		}
		file, line := f.FileLine(at)
		text += fmt.Sprintf("  %#x %s\n      %s:%d\n", pc, f.Name(), file, line)
	}
	return text
}
