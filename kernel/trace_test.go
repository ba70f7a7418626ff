package kernel

import (
	"runtime"
	"sync/atomic"
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

// TestMeasured measures what was recorded, of the latest trace only.
func TestMeasured(t *testing.T) {
	k := &Kernel{now: func() int64 { return 0 }, Store: vmo.NewStore(mmu.NewSimulated(200))}
	for id := range runtime.GOMAXPROCS(0) { // any CPU may run this
		k.cpus = append(k.cpus, &percpu{id: id, heed: new(atomic.Uint32)})
	}
	k.initTrace()
	defer k.StopTrace()
	for _, pages := range []uint64{5, 3} {
		k.StartTrace(trace.Filter{})
		for i := range pages {
			trace.Emit(trace.Packet, uint32(zx.PageRead), 7, i*zx.PageSize, zx.PageSize)
		}
		trace.Emit(trace.Supply, 0, 7, 0, pages*zx.PageSize)
		k.Measured(func(m *trace.Measurer) {
			if h := m.VMO(7); h == nil || h[trace.PacketToAnswer].Count != pages || m.OfPager(9) != nil {
				t.Errorf("%d packets: %+v", pages, h)
			}
		})
		if list, lost, ticks := k.TraceRecords(); len(list) != int(pages)+1 || lost != 0 || ticks <= 0 {
			t.Errorf("%d records, %d lost, %v ticks", len(list), lost, ticks)
		}
	}
}

// place is what shown tells.
type place struct {
	VMO    zx.Koid
	Offset uint64
	Zero   bool
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
		want place
		st   zx.Status
	}{
		{at: base + 0x1234, code: mmu.PF_US | mmu.PF_WR, want: place{VMO: v.Koid(), Offset: 0x3000}},
		{at: base + 0x2000, code: mmu.PF_US, want: place{VMO: v.Koid(), Offset: 0x4000, Zero: true}},
		{at: base + 0x4000, code: mmu.PF_US, st: zx.ErrNotFound},
		{at: base - 1, code: mmu.PF_US, st: zx.ErrNotFound},
	} {
		if st := space.Lane(0).Fault(c.at, c.code.Need(), &request); st != c.st {
			t.Errorf("%#x: %v, want %v", uint64(c.at), st, c.st)
		}
		var r place
		r.VMO, r.Offset, r.Zero = shown(memory, space, c.at)
		if r != c.want {
			t.Errorf("%#x: %+v, want %+v", uint64(c.at), r, c.want)
		}
		if n := testing.AllocsPerRun(10, func() { shown(memory, space, c.at) }); n != 0 {
			t.Errorf("shown allocates %v times", n)
		}
	}
}
