package vmar_test

import (
	"fmt"

	"faultline/mmu"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// quiet is the TLB of a machine that never runs.
type quiet struct{}

func (quiet) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}

// A VMO is mapped into an address space; whoever reads there, by a fault or by
// Bytes, gets its pages.
func ExampleVMAR_Map() {
	memory := mmu.NewSimulated(256)
	kernel, st := memory.NewPageTable(nil)
	if st != zx.OK {
		panic(st)
	}
	space, st := vmar.NewAddressSpace(memory, kernel, quiet{}, nil)
	if st != zx.OK {
		panic(st)
	}
	defer space.Destroy(nil)
	v, st := vmo.NewStore(memory).New(4*zx.PageSize, 0)
	if st != zx.OK {
		panic(st)
	}
	defer v.Release()
	v.Bytes(vmo.NewWaiter()).WriteAt([]byte("in the second page"), zx.PageSize)

	const all = zx.RightRead | zx.RightWrite | zx.RightMap
	at, st := space.Root().Map(zx.VMPermRead, 0, v, 0, v.Size(), all, all, nil)
	if st != zx.OK {
		panic(st)
	}
	var p [18]byte
	space.Bytes(vmo.NewWaiter()).ReadAt(p[:], int64(at)+zx.PageSize)
	fmt.Printf("%s\n", p)
	for e, ok := space.After(vmar.Entry{}); ok; e, ok = space.After(e) {
		if e.VMO != nil {
			fmt.Println(e.Size/zx.PageSize, "pages are mapped")
			e.VMO.Release()
		}
	}
	// Output:
	// in the second page
	// 4 pages are mapped
}
