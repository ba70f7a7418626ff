package kernel

import (
	"testing"

	"faultline/mmu"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// noTLB is a TLB of a machine that caches nothing.
type noTLB struct{}

func (noTLB) InvalidatePage(zx.PhysAddr, zx.VirtAddr) {}
func (noTLB) InvalidateAll(zx.PhysAddr)               {}

// TestTraceRing writes more records than there is room for, and reads them.
func TestTraceRing(t *testing.T) {
	k := &Kernel{}
	if list, total := k.FaultRecords(10); len(list) != 0 || total != 0 || k.Tracing() {
		t.Errorf("before the start: %d of %d records", len(list), total)
	}
	k.StartTrace()
	r := FaultRecord{VMO: 1}
	if n := testing.AllocsPerRun(TraceRecords+100, func() { r.Address++; k.trace.add(&r) }); n != 0 {
		t.Errorf("a record allocates %v times", n)
	}
	total := uint64(TraceRecords + 101)
	for _, n := range []int{0, 1, 7, TraceRecords, TraceRecords + 1, 1 << 30, -1} {
		list, got := k.FaultRecords(n)
		if want := min(max(n, 0), TraceRecords); len(list) != want || got != total {
			t.Fatalf("asked for %d: %d of %d records, want %d of %d", n, len(list), got, want, total)
		}
		for i, r := range list {
			if want := total - uint64(len(list)-1-i); r.Number != want || uint64(r.Address) != want {
				t.Fatalf("record %d is number %d of address %d, want %d", i, r.Number, r.Address, want)
			}
		}
	}
	k.StopTrace()
	if list, _ := k.FaultRecords(5); len(list) != 5 || k.Tracing() {
		t.Errorf("%d records after the stop", len(list))
	}
	k.StartTrace()
	k.trace.add(&r)
	if list, got := k.FaultRecords(5); len(list) != 1 || got != total+1 || !k.Tracing() {
		t.Errorf("%d of %d records after a new start, want 1 of %d", len(list), got, total+1)
	}
}

// TestTracePlace finds the VMO and offset behind an address, from the page table
// or from the mappings.
func TestTracePlace(t *testing.T) {
	memory := mmu.NewSimulated(200)
	table, st := memory.NewPageTable(nil)
	if st != zx.OK {
		t.Fatal(st)
	}
	space, st := vmar.NewAddressSpace(memory, table, noTLB{})
	if st != zx.OK {
		t.Fatal(st)
	}
	store := vmo.NewStore(memory)
	for range 3 {
		store.New(zx.PageSize, 0)
	}
	v, _ := store.New(8*zx.PageSize, 0)
	base, st := space.Root().Map(zx.VMPermRead|zx.VMPermWrite, 0, v, 2*zx.PageSize, 4*zx.PageSize, zx.RightsVMO, zx.RightsVMO)
	if st != zx.OK {
		t.Fatal(st)
	}
	var request vmo.PageRequest
	for _, c := range []struct {
		at     zx.VirtAddr
		code   mmu.PageFaultError
		placed FaultRecord // by the page table
		shown  FaultRecord // by the mappings
		want   zx.Status
	}{
		{at: base + 0x1234, code: mmu.PF_US | mmu.PF_WR, placed: FaultRecord{VMO: 4, Offset: 0x3000}, shown: FaultRecord{VMO: 4, Offset: 0x3000}},
		{at: base + 0x2000, code: mmu.PF_US, placed: FaultRecord{Zero: true}, shown: FaultRecord{VMO: 4, Offset: 0x4000}},
		{at: base + 0x4000, code: mmu.PF_US, want: zx.ErrNotFound},
		{at: base - 1, code: mmu.PF_US, want: zx.ErrNotFound},
	} {
		if st := space.Fault(c.at, c.code, false, &request); st != c.want {
			t.Errorf("%#x: %v, want %v", uint64(c.at), st, c.want)
		}
		r := FaultRecord{Address: c.at}
		r.place(memory, space)
		if r.Address = 0; r != c.placed {
			t.Errorf("%#x: the page table says %+v, want %+v", uint64(c.at), r, c.placed)
		}
		r = FaultRecord{Address: c.at}
		r.show(space)
		if r.Address = 0; r != c.shown {
			t.Errorf("%#x: the mappings say %+v, want %+v", uint64(c.at), r, c.shown)
		}
		if n := testing.AllocsPerRun(10, func() { r.place(memory, space) }); n != 0 {
			t.Errorf("place allocates %v times", n)
		}
	}
}
