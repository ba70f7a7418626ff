package mmu

import (
	"fmt"

	"faultline/zx"
)

// KernelRange is a piece of the kernel's map: bytes [Start, End), page aligned,
// supervisor only. Its virtual address is its physical one, but see DeviceAddress.
type KernelRange struct {
	Start, End zx.PhysAddr
	Prot       Prot
	Device     bool // registers of a device: never cached
}

// IdentityEnd is where the identity map ends and user space begins.
const IdentityEnd zx.PhysAddr = 1 << 39

// DeviceAddress is where the kernel sees the device registers at pa: at pa, or in the
// upper half when pa lies where user space is.
func DeviceAddress(pa zx.PhysAddr) uint64 {
	if pa < IdentityEnd {
		return uint64(pa)
	}
	return uint64(pa) | 0xffff_8000_0000_0000
}

// KernelFeatures says what the CPU can do for the kernel's map.
type KernelFeatures struct {
	Pages1G bool // 1 GiB pages (CPUID 80000001H:EDX.Page1GB)
	Global  bool // CR4.PGE will be set
}

// NewKernelTable builds the kernel's own page table: each of ranges, in
// ascending order, mapped to itself with the largest pages its bounds allow.
// What lies between them stays unmapped: a guard hole. Leaves are preset
// accessed and dirty, because nothing tracks kernel pages and the CPU then
// need not write the tables.
//
// Pre: EFER.NXE is or will be set; ranges lie in the first 512 GiB, those of
// devices in the first 128 TiB. Errors: a range that is empty, unaligned, out of order, out of bounds, without Read,
// or both writable and executable; NO_MEMORY. The CPU uses the map once the
// caller has loaded Root into CR3; it is not changed afterwards.
func (m *Memory) NewKernelTable(ranges []KernelRange, have KernelFeatures) (*PageTable, error) {
	end := zx.PhysAddr(0)
	for _, r := range ranges {
		most := IdentityEnd
		if r.Device {
			most = 1 << 47
		}
		switch {
		case r.Start >= r.End || (r.Start|r.End)&zx.PageMask != 0 || r.End > most || r.Start < IdentityEnd && r.End > IdentityEnd:
			return nil, fmt.Errorf("mmu.NewKernelTable: bad bounds [%#x, %#x)", r.Start, r.End)
		case r.Start < end:
			return nil, fmt.Errorf("mmu.NewKernelTable: range [%#x, %#x) begins before %#x, where the last one ended", r.Start, r.End, end)
		case r.Prot&Read == 0 || r.Prot&(Write|Exec) == Write|Exec:
			return nil, fmt.Errorf("mmu.NewKernelTable: range [%#x, %#x) wants %v", r.Start, r.End, r.Prot)
		}
		end = r.End
	}
	t, st := m.NewPageTable(nil)
	if st == zx.OK {
		// The table that all processes share must exist from the start.
		var pdpt Frame
		if pdpt, st = m.allocTable(); st == zx.OK {
			m.table(t.root).store(0, PTE(pdpt)<<zx.PageShift|kernelTable)
		}
		for i := 0; st == zx.OK && i < len(ranges); i++ {
			st = t.mapKernel(ranges[i], have)
		}
		if st != zx.OK {
			t.DestroyKernel()
		}
	}
	if st != zx.OK {
		return nil, fmt.Errorf("mmu.NewKernelTable: %d ranges: %w", len(ranges), st)
	}
	return t, nil
}

// DestroyKernel frees a table made by NewKernelTable. Pre: neither it nor any
// table that shares with it is loaded on a CPU or will be used.
func (t *PageTable) DestroyKernel() {
	for i := range kernelEntries {
		if e := t.mem.table(t.root).load(i); e.Present() {
			t.mem.freeTables(e.Frame(), LevelPDPT)
		}
	}
	t.Destroy()
}

// kernelEntries goes through the entries of a root that the kernel's map may have:
// the first, and those of the upper half.
func kernelEntries(yield func(i uint64) bool) {
	for i := uint64(0); i < 1<<indexBits; i++ {
		if !yield(i) {
			return
		}
		if i == 0 {
			i = 1<<(indexBits-1) - 1
		}
	}
}

// kernelLeaf makes the entry of a kernel page of level at pa.
func kernelLeaf(pa zx.PhysAddr, level int, r KernelRange, have KernelFeatures) PTE {
	e := PTE(pa) | PTE_P | PTE_A | PTE_D
	if r.Prot&Write != 0 {
		e |= PTE_RW
	}
	if r.Prot&Exec == 0 {
		e |= PTE_XD
	}
	if r.Device {
		// PCD and PWT select PAT entry 3, strong uncacheable at reset
		// (SDM 3A 11.12.4).
		e |= PTE_PCD | PTE_PWT
	}
	if level > LevelPT {
		e |= PTE_PS
	}
	if have.Global {
		e |= PTE_G
	}
	return e
}

// mapKernel maps one checked range. Errors: NO_MEMORY, some of it mapped.
func (t *PageTable) mapKernel(r KernelRange, have KernelFeatures) zx.Status {
	for pa := r.Start; pa < r.End; {
		level := LevelPT
		for level < LevelPDPT {
			size := zx.PhysAddr(1) << shift(level+1)
			if pa&(size-1) != 0 || r.End-pa < size || level+1 == LevelPDPT && !have.Pages1G {
				break
			}
			level++
		}
		va := DeviceAddress(pa)
		w := t.walk(va, level)
		if w.level != level {
			if st := t.grow(&w, va, level, kernelTable); st != zx.OK {
				return st
			}
		}
		// To the end of that table, where a larger page may begin.
		table, e, size := t.mem.table(w.table[level]), kernelLeaf(pa, level, r, have), zx.PhysAddr(1)<<shift(level)
		for i := va >> shift(level); r.End-pa >= size; i++ {
			table.store(i, e)
			e += PTE(size)
			if pa += size; (i+1)&indexMask == 0 {
				break
			}
		}
	}
	return zx.OK
}
