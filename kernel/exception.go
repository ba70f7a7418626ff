package kernel

import (
	"fmt"
	"strings"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/zx"
)

// Exception is a thread's death or trouble: the report Zircon defines, and what
// a person wants to see beside it.
type Exception struct {
	zx.ExceptionReport
	Process     *Process
	Thread      *Thread
	RIP         zx.VirtAddr
	Instruction string   // at RIP, disassembled
	Registers   []string // lines, ready to print
}

// exception raises an exception on the thread. There is no exception channel
// yet to take it, so the process is killed.
// Source: spec sections 6.1 step 7 and 6.3.
func (t *Thread) exception(typ zx.ExceptionType, st zx.Status) {
	r := t.regs
	e := &Exception{
		ExceptionReport: zx.ExceptionReport{
			Type: typ, Vector: uint64(r.Vector()), ErrorCode: uint64(r.ErrorCode()), CR2: r.CR2(),
		},
		Process:   t.process,
		Thread:    t,
		RIP:       zx.VirtAddr(r.RIP()),
		Registers: registersText(r),
	}
	if typ == zx.ExcpFatalPageFault {
		e.SynthCode = uint32(st)
	}
	var code [maxInstruction]byte
	n := t.process.space.TryCopyIn(code[:], zx.VirtAddr(r.RIP()))
	e.Instruction = instructionText(code[:n], r.RIP())
	t.process.end(zx.TaskRetcodeExceptionKill, e)
	t.interrupted.Or(interruptKill)
}

// Status is the status of a fatal page fault.
func (e *Exception) Status() zx.Status { return zx.Status(e.SynthCode) }

// Text is the report, several lines.
func (e *Exception) Text() string {
	what := fmt.Sprintf("exception type %#x, vector %d", uint32(e.Type), e.Vector)
	if e.Type == zx.ExcpFatalPageFault {
		what = fmt.Sprintf("fatal page fault at %#x (%v), %v", e.CR2, mmu.PageFaultError(e.ErrorCode), e.Status())
	}
	return fmt.Sprintf("%v killed by %s\n  rip %#x: %s\n%s",
		e.Thread, what, uint64(e.RIP), e.Instruction, strings.Join(e.Registers, "\n"))
}

// registersText writes a thread's registers, four to a line.
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
		if i%4 == 0 {
			lines = append(lines, "")
		}
		lines[i/4] += fmt.Sprintf("  %-5s %016x", v.name, v.value)
	}
	return lines
}
