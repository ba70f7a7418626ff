package vmo_test

import (
	"fmt"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// A VMO is read and written as a file is; a snapshot keeps what it held, and costs
// the pages that change.
func ExampleVMO_CreateChild() {
	store := vmo.NewStore(mmu.NewSimulated(256))
	v, st := store.New(16*zx.PageSize, 0)
	if st != zx.OK {
		panic(st)
	}
	defer v.Release()
	w := vmo.NewWaiter()
	v.Bytes(w).WriteAt([]byte("as it was"), 3*zx.PageSize)
	snapshot, st := v.CreateChild(zx.VMOChildSnapshot, 0, v.Size())
	if st != zx.OK {
		panic(st)
	}
	defer snapshot.Release()
	v.Bytes(w).WriteAt([]byte("as it is "), 3*zx.PageSize)

	var before, now [9]byte
	snapshot.Bytes(w).ReadAt(before[:], 3*zx.PageSize)
	v.Bytes(w).ReadAt(now[:], 3*zx.PageSize)
	fmt.Printf("%s; %s.\n", before, now)
	// Output: as it was; as it is .
}
