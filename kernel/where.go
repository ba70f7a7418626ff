package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// Where a program was when an exception ended it, in the words of its file.

// maxCallers bounds the chain of frame pointers that is followed.
const maxCallers = 16

// maxSymbolFile is the size of the largest program file that is kept for its
// symbols, in bytes.
const maxSymbolFile = 16 << 20

// callers follows the frame pointers from RBP: the return addresses, the innermost
// first. Each frame must lie above the one before.
func (t *Thread) callers() (list []zx.VirtAddr) {
	frame := t.regs.RBP
	for len(list) < maxCallers && frame%8 == 0 {
		var words [16]byte
		if t.context.Space.TryCopyIn(words[:], zx.VirtAddr(frame)) != len(words) {
			break
		}
		next, ret := binary.LittleEndian.Uint64(words[:]), binary.LittleEndian.Uint64(words[8:])
		if ret == 0 {
			break
		}
		list = append(list, zx.VirtAddr(ret))
		if next <= frame {
			break
		}
		frame = next
	}
	return list
}

// stackReach is how far from RSP a fault may be to be one of the stack, in bytes:
// the largest frame that is told from a wild pointer.
const stackReach = 64 << 10

// overflowed says whether a fault at va is that of a full stack: near RSP, on no
// page that could be written, below one that can.
func (t *Thread) overflowed(va uint64) bool {
	sp, space := t.regs.RSP, t.process.space
	if va > sp+stackReach || sp > va+stackReach {
		return false
	}
	if m, ok := space.MappingAt(zx.VirtAddr(va)); ok && m.Prot&mmu.Write != 0 {
		return false
	}
	for at := zx.RoundDown(va) + zx.PageSize; at <= va+stackReach; at += zx.PageSize {
		if m, ok := space.MappingAt(zx.VirtAddr(at)); ok {
			return m.Prot&mmu.Write != 0
		}
	}
	return false
}

// symbols are the functions of a program, for addresses relative to its bias.
type symbols []elf.Symbol

// readSymbols reads the symbol table of a file; none if it has none, or a damaged
// one.
func readSymbols(file []byte) symbols {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil
	}
	list, err := f.Symbols()
	if err != nil {
		return nil
	}
	return list
}

// name gives symbol+offset of an address; empty if no function holds it.
func (s symbols) name(at uint64) string {
	for i := range s {
		if f := &s[i]; elf.ST_TYPE(f.Info) == elf.STT_FUNC && at-f.Value < max(f.Size, 1) {
			return fmt.Sprintf("%s+%#x", printable(f.Name), at-f.Value)
		}
	}
	return ""
}

// Where tells in lines where the thread was: what of the program lay at its
// instruction, who had called that, where the program was loaded, and whether its
// stack was full.
func (e *Exception) Where() (lines []string) {
	p := e.Process
	s := readSymbols(p.file)
	place := func(at zx.VirtAddr, call uint64) string {
		if name := s.name(uint64(at) - p.bias - call); name != "" {
			return fmt.Sprintf("%#x  %s", uint64(at), name)
		}
		return fmt.Sprintf("%#x", uint64(at))
	}
	if e.overflow {
		lines = append(lines, "stack overflow: the fault is just below the stack")
	}
	lines = append(lines, "at          "+place(e.RIP, 0))
	for i := 0; i < len(e.callers); {
		same := i + 1
		for same < len(e.callers) && e.callers[same] == e.callers[i] {
			same++
		}
		line := "called from " + place(e.callers[i], 1) // the call, not what follows it
		if n := same - i; n > 1 {
			line += fmt.Sprintf("  (%d times)", n)
		}
		lines, i = append(lines, line), same
	}
	if p.loaded {
		lines = append(lines, fmt.Sprintf("load base   %#x", p.bias))
	}
	return lines
}
