package vmo

import (
	"runtime"
	"testing"

	"faultline/account"
	"faultline/mmu"
	"faultline/zx"
)

// heapBytes is what is in use of the Go heap.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestChildCosts: a child without pages takes less than 600 bytes of the kernel's
// memory and no frame, whatever it shows, and its payer is charged for more than
// it takes.
func TestChildCosts(t *testing.T) {
	const many = 10_000
	for _, kind := range []struct {
		name    string
		options uint32
		most    int64
	}{
		{"clone", zx.VMOChildSnapshotAtLeastOnWrite, 600}, {"snapshot", zx.VMOChildSnapshot, 600},
		{"slice", zx.VMOChildSlice, 250}, {"reference", zx.VMOChildReference, 250},
	} {
		t.Run(kind.name, func(t *testing.T) {
			mem := mmu.NewSimulated(8)
			a := account.NewRoot(1<<30, 8, nil).New()
			st := NewStore(mem).PaidBy(a)
			size := uint64(1 << 40)
			root, status := st.New(size, 0)
			if status != zx.OK {
				t.Fatal(status)
			}
			if kind.options == zx.VMOChildReference {
				size = 0
			}
			children := make([]*VMO, many)
			before, paid := heapBytes(), a.Used()
			for i := range children {
				if children[i], status = root.CreateChild(kind.options, 0, size); status != zx.OK {
					t.Fatal(status)
				}
			}
			real, charged := (heapBytes()-before)/many, (a.Used()-paid)/many
			if real > kind.most || charged < real {
				t.Errorf("%d bytes a child, at most %d wanted; %d charged", real, kind.most, charged)
			}
			t.Logf("%d bytes a child, %d charged", real, charged)
			for _, c := range children {
				c.Release()
			}
			root.Release()
			if left := mem.Outstanding(); len(left) != 0 || a.Used() != 0 || a.UsedPages() != 0 {
				t.Errorf("%d frames, %d bytes, %d pages left", len(left), a.Used(), a.UsedPages())
			}
		})
	}
}

// TestPageCosts: a resident page takes at most 25 bytes besides itself.
func TestPageCosts(t *testing.T) {
	const pages = 20_000
	mem := mmu.NewSimulated(pages + 100)
	v, _ := NewStore(mem).New(pages*pg, 0)
	if st := v.Commit(0, pages*pg, nil); st != zx.OK {
		t.Fatal(st)
	}
	nodes := len(mem.Outstanding()) - pages
	if bytes := mmu.MetaBytes + float64(nodes)*zx.PageSize/pages; bytes > 25 || nodes == 0 || v.Info().MetadataBytes > 25*pages {
		t.Errorf("%.1f bytes a page, %d nodes", bytes, nodes)
	}
	v.Release()
}
