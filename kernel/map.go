package kernel

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/zx"
)

// headerBytes is how much of the image is looked at to find its segments: the
// linker puts the ELF header and the program headers in front of the text.
const headerBytes = zx.PageSize

// kernelMap lists what the kernel maps, by address: its image with the rights
// of its segments, the Go heap and the boot stacks, the RAM of user frames and what
// the board keeps, the registers of devices. Nothing is both writable and executable; page 0, the
// guard pages of the trap stacks, and memory nobody named stay unmapped.
func kernelMap(c Config) ([]mmu.KernelRange, error) {
	ranges, end, err := imageRanges(kernelHeader(c.Window.Start), c.Window)
	if err != nil {
		return nil, err
	}
	// The rest of the window, cut at the guard pages.
	rw := func(start, end zx.PhysAddr) {
		if start < end {
			ranges = append(ranges, mmu.KernelRange{Start: start, End: end, Prot: mmu.Read | mmu.Write})
		}
	}
	for _, g := range cpu.TrapStackGuards(uintptr(c.TrapStacks)) {
		guard := zx.PhysAddr(g)
		rw(end, guard)
		end = guard + zx.PageSize
	}
	rw(end, c.Window.End)
	for _, r := range slices.Concat(c.Usable, c.Kept) {
		rw(r.Start, r.End)
	}
	for _, r := range c.Devices {
		ranges = append(ranges, mmu.KernelRange{Start: r.Start, End: r.End, Prot: mmu.Read | mmu.Write, Device: true})
	}
	slices.SortFunc(ranges, func(a, b mmu.KernelRange) int { return cmp.Compare(a.Start, b.Start) })
	return ranges, nil
}

// reachable leaves out the RAM that the kernel's map has no room for.
func reachable(usable []mmu.Range) (list []mmu.Range) {
	for _, r := range usable {
		if r.End = min(r.End, mmu.IdentityEnd); r.Start < r.End {
			list = append(list, r)
		}
	}
	return list
}

// imageRanges reads the program headers of the kernel's own image and gives the
// range of each segment, and where the last one ends.
// Source: ELF-64 object format, sections 2 and 6.
func imageRanges(header []byte, window mmu.Range) (ranges []mmu.KernelRange, end zx.PhysAddr, err error) {
	_, progs, err := programHeaders(header)
	if err != nil {
		return nil, 0, fmt.Errorf("at %#x: %w", window.Start, err)
	}
	end = window.Start
	for i, p := range progs {
		flags := elf.ProgFlag(p.Flags)
		if elf.ProgType(p.Type) != elf.PT_LOAD || flags == 0 { // no rights: it keeps memory free for the heap (cmd/mkimage)
			continue
		}
		stop, _ := zx.RoundUp(p.Vaddr + p.Memsz)
		r := mmu.KernelRange{Start: zx.PhysAddr(zx.RoundDown(p.Vaddr)), End: zx.PhysAddr(stop), Prot: mmu.Read}
		if flags&elf.PF_W != 0 {
			r.Prot |= mmu.Write
		}
		if flags&elf.PF_X != 0 {
			r.Prot |= mmu.Exec
		}
		if r.Start < end || r.End > window.End {
			return nil, 0, fmt.Errorf("segment %d [%#x, %#x) is out of order or outside the window", i, r.Start, r.End)
		}
		ranges, end = append(ranges, r), r.End
	}
	return ranges, end, nil
}
