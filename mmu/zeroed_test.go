package mmu

import (
	"testing"

	"faultline/zx"
)

// TestZeroedTables: a page table that went empty is not cleared again, whoever gets
// its frame next, and nobody gets one for zeros that is not.
func TestZeroedTables(t *testing.T) {
	m := NewSimulated(200)
	m.sim = nil // which poisons what is free
	table, _ := m.NewPageTable(nil)
	const va, tables = zx.VirtAddr(1) << 40, 50
	page, _ := m.AllocZeroed()
	for i := range zx.VirtAddr(tables) {
		if _, st := table.Lane(0).Map(va+i<<21, page, Prot(Read).Leaf()); st != zx.OK {
			t.Fatal(st)
		}
	}
	var g Gather
	table.Unmap(va, tables<<9, &g, nil)
	g.Flush(noTLB{})
	for i := range 190 {
		known := m.zeros
		f, st := m.AllocZeroed()
		if st != zx.OK {
			break
		}
		if full := *m.Bytes(f) != [zx.PageSize]byte{}; full || (known == f) != (i < tables+2) {
			t.Fatalf("frame %d: known to be zeros: %v, is not: %v", i, known == f, full)
		}
		m.Bytes(f)[i] = 1
		m.Meta(f).Owner = 7
	}
}

type noTLB struct{}

func (noTLB) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}
