package kernel

import (
	"fmt"
	"strings"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/zx"

	"golang.org/x/arch/x86/x86asm"
)

// maxInstruction is the longest x86 instruction in bytes. Source: Intel SDM 2A 2.3.11.
const maxInstruction = 15

// instructionText disassembles the first instruction of code, found at rip, in
// Intel syntax with its bytes; "?" when the bytes are none or decode to nothing.
func instructionText(code []byte, rip uint64) string {
	if len(code) == 0 {
		return "? (no code can be read there)"
	}
	inst, err := x86asm.Decode(code, 64)
	if err != nil {
		return fmt.Sprintf("? (bytes % x)", code[:min(len(code), maxInstruction)])
	}
	return fmt.Sprintf("%s  (bytes % x)", x86asm.IntelSyntax(inst, rip, nil), code[:inst.Len])
}

// chainText writes the page-table chain that translates va, a line for each
// level down to the leaf or the first entry that is not present.
func chainText(t *mmu.PageTable, va zx.VirtAddr) []string {
	chain, level := t.Chain(va)
	var lines []string
	for i := 0; i <= mmu.LevelPML4-level; i++ {
		lines = append(lines, chain[i].String())
	}
	return lines
}

// indent puts prefix before every line.
func indent(prefix string, lines []string) string {
	return prefix + strings.Join(lines, "\n"+prefix)
}

// report describes an exception of the thread, as its registers are now.
func (t *Thread) report(typ zx.ExceptionType, st zx.Status) *Exception {
	r := t.regs
	e := &Exception{
		ExceptionReport: zx.ExceptionReport{Type: typ, Vector: uint64(r.Vector()), ErrorCode: uint64(r.ErrorCode())},
		Process:         t.process,
		Thread:          t,
		RIP:             zx.VirtAddr(r.RIP()),
		Registers:       registersText(r),
	}
	if typ == zx.ExcpFatalPageFault {
		e.CR2, e.SynthCode = r.CR2(), uint32(st)
		e.overflow = t.overflowed(e.CR2)
	}
	e.callers = t.callers()
	var code [maxInstruction]byte
	n := t.context.Space.TryCopyIn(code[:], e.RIP)
	e.Instruction = instructionText(code[:n], r.RIP())
	return e
}

// Text is the report for a person, several lines.
func (e *Exception) Text() string {
	what := fmt.Sprintf("%v (%#x), vector %d, error code %#x", e.Type, uint32(e.Type), e.Vector, e.ErrorCode)
	switch e.Type {
	case zx.ExcpFatalPageFault:
		what = fmt.Sprintf("fatal page fault at %#x (%v), %v", e.CR2, mmu.PageFaultError(e.ErrorCode), e.Status())
	case zx.ExcpPolicyError:
		what = fmt.Sprintf("%v: %s", e.Type, zx.PolicyCondition(e.SynthCode).Text())
	}
	return fmt.Sprintf("%v killed by %s\n  rip %#x: %s\n%s\n%s",
		e.Thread, what, uint64(e.RIP), e.Instruction, indent("  ", e.Where()), strings.Join(e.Registers, "\n"))
}

// registersText writes a thread's registers, three to a line.
func registersText(r *cpu.Regs) (lines []string) {
	values := [...]struct {
		name  string
		value uint64
	}{
		{"rax", r.RAX}, {"rbx", r.RBX}, {"rcx", r.RCX}, {"rdx", r.RDX},
		{"rsi", r.RSI}, {"rdi", r.RDI}, {"rbp", r.RBP}, {"rsp", r.RSP},
		{"r8", r.R8}, {"r9", r.R9}, {"r10", r.R10}, {"r11", r.R11},
		{"r12", r.R12}, {"r13", r.R13}, {"r14", r.R14}, {"r15", r.R15},
		{"flags", r.RFLAGS()}, {"fs", r.FSBase()}, {"gs", r.GSBase()}, {"cr2", r.CR2()},
	}
	for i, v := range values {
		if i%3 == 0 {
			lines = append(lines, "")
		}
		lines[i/3] += fmt.Sprintf("  %-5s %016x", v.name, v.value)
	}
	return lines
}
