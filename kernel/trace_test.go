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
	space, st := vmar.NewAddressSpace(memory, table, noTLB{}, nil)
	if st != zx.OK {
		t.Fatal(st)
	}
	store := vmo.NewStore(memory)
	for range 3 {
		store.New(zx.PageSize, 0)
	}
	v, _ := store.New(8*zx.PageSize, 0)
	base, st := space.Root().Map(zx.VMPermRead|zx.VMPermWrite, 0, v, 2*zx.PageSize, 4*zx.PageSize, zx.RightsVMO, zx.RightsVMO, nil)
	if st != zx.OK {
		t.Fatal(st)
	}
	var request vmo.PageRequest
	for _, c := range []struct {
		at   zx.VirtAddr
		code mmu.PageFaultError
		want FaultRecord
		st   zx.Status
	}{
		{at: base + 0x1234, code: mmu.PF_US | mmu.PF_WR, want: FaultRecord{VMO: 4, Offset: 0x3000}},
		{at: base + 0x2000, code: mmu.PF_US, want: FaultRecord{VMO: 4, Offset: 0x4000, Zero: true}},
		{at: base + 0x4000, code: mmu.PF_US, st: zx.ErrNotFound},
		{at: base - 1, code: mmu.PF_US, st: zx.ErrNotFound},
	} {
		if st := space.Fault(c.at, c.code.Need(), false, &request); st != c.st {
			t.Errorf("%#x: %v, want %v", uint64(c.at), st, c.st)
		}
		r := FaultRecord{Address: c.at}
		r.show(memory, space)
		if r.Address = 0; r != c.want {
			t.Errorf("%#x: %+v, want %+v", uint64(c.at), r, c.want)
		}
		if n := testing.AllocsPerRun(10, func() { r.show(memory, space) }); n != 0 {
			t.Errorf("show allocates %v times", n)
		}
	}
}
