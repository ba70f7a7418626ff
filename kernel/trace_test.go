package kernel

import (
	"testing"

	"faultline/mmu"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// noTLB is a TLB of a machine that caches nothing.
type noTLB struct{}

func (noTLB) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}

// TestFaultRecords reads page faults back from the records of two threads.
func TestFaultRecords(t *testing.T) {
	now := int64(0)
	k := &Kernel{cpus: []*percpu{{}}, now: func() int64 { now += 1000; return now }}
	k.StartTrace(trace.Filter{Kinds: []trace.Kind{trace.Fault, trace.FaultEnd}})
	defer k.StopTrace()
	for i := range uint64(5) {
		for thread := range zx.Koid(2) {
			trace.Run(10, 20+thread)
			trace.Emit(trace.Fault, uint32(mmu.PF_US), 0, i, uint64(thread))
		}
		trace.Emit(trace.Wake, 0, 20, 0, 0)
		for thread := range zx.Koid(2) {
			trace.Run(10, 20+thread)
			st := zx.ErrIO
			trace.Emit(trace.FaultEnd, uint32(st), 7, i, uint64(thread))
			k.trace.faults.Add(1)
		}
	}
	trace.Emit(trace.Fault, 0, 0, 99, 0) // has not ended
	for _, n := range []int{0, 1, 7, 10, 11, -1} {
		list, total := k.FaultRecords(n)
		if want := min(max(n, 0), 10); len(list) != want || total != 10 {
			t.Fatalf("asked for %d: %d of %d records, want %d of 10", n, len(list), total, want)
		}
		for i, r := range list {
			at := uint64(10 - len(list) + i)
			if r.Number != at+1 || uint64(r.Address) != at/2 || r.Thread != 20+zx.Koid(at%2) || r.Process != 10 || uint64(r.RIP) != at%2 ||
				r.VMO != 7 || r.Offset != at/2 || r.Zero != (at%2 == 1) || r.Status != zx.ErrIO || r.Code != mmu.PF_US {
				t.Fatalf("record %d is %+v", i, r)
			}
		}
	}
	k.StartTrace(trace.Filter{})
	if list, total := k.FaultRecords(5); len(list) != 0 || total != 10 {
		t.Errorf("%d of %d records after a new start", len(list), total)
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
		{at: base + 0x1234, code: mmu.PF_US | mmu.PF_WR, want: FaultRecord{VMO: v.Koid(), Offset: 0x3000}},
		{at: base + 0x2000, code: mmu.PF_US, want: FaultRecord{VMO: v.Koid(), Offset: 0x4000, Zero: true}},
		{at: base + 0x4000, code: mmu.PF_US, st: zx.ErrNotFound},
		{at: base - 1, code: mmu.PF_US, st: zx.ErrNotFound},
	} {
		if st := space.Lane(0).Fault(c.at, c.code.Need(), false, &request); st != c.st {
			t.Errorf("%#x: %v, want %v", uint64(c.at), st, c.st)
		}
		var r FaultRecord
		r.VMO, r.Offset, r.Zero = shown(memory, space, c.at)
		if r != c.want {
			t.Errorf("%#x: %+v, want %+v", uint64(c.at), r, c.want)
		}
		if n := testing.AllocsPerRun(10, func() { shown(memory, space, c.at) }); n != 0 {
			t.Errorf("shown allocates %v times", n)
		}
	}
}
