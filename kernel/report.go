package kernel

import (
	"fmt"
	"strings"

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

// levelNames are the paging structures from the root down.
var levelNames = [...]string{"PML4E", "PDPTE", "PDE", "PTE"}

// chainText writes the page-table chain that translates va, a line for each
// level down to the leaf or the first entry that is not present.
func chainText(t *mmu.PageTable, va zx.VirtAddr) []string {
	chain, level := t.Chain(va)
	var lines []string
	for i := 0; i <= mmu.LevelPML4-level; i++ {
		e := chain[i]
		lines = append(lines, fmt.Sprintf("%-5s [%3d] at %#011x = %#018x  %v",
			levelNames[i], e.Index, uint64(e.Table.Addr())+8*e.Index, uint64(e.PTE), e.PTE))
	}
	return lines
}

// indent puts prefix before every line.
func indent(prefix string, lines []string) string {
	return prefix + strings.Join(lines, "\n"+prefix)
}
