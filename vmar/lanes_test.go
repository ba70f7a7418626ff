package vmar

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// noTLB is a TLB of CPUs that cache nothing.
type noTLB struct{}

func (noTLB) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}

// TestLanes: faults and copies in several lanes at once, on VMOs whose pages share
// page tables, while pages are taken away and mappings made, cut and removed beside them, lose
// nothing: what was written is read, and all frames and tables come back.
func TestLanes(t *testing.T) {
	const cpus, pages, rounds = 4, 12, 30
	var turn atomic.Uint32
	mem := mmu.NewSimulated(2000)
	mem.SetCPUs(cpus, func() int { return int(turn.Add(1) % cpus) })
	store := vmo.NewStore(mem)
	as, st := NewAddressSpace(mem, nil, noTLB{}, nil)
	if st != zx.OK {
		t.Fatal(st)
	}
	fail := func(what string, cpu int, st zx.Status) {
		if st != zx.OK {
			t.Errorf("CPU %d: %s: %v", cpu, what, st)
		}
	}
	var all sync.WaitGroup
	for cpu := range cpus {
		all.Add(1)
		go func() {
			defer all.Done()
			var r vmo.PageRequest
			r.Init(new(sleeper))
			v, st := store.New(pages*page, 0)
			fail("New", cpu, st)
			defer v.Release()
			at := uint64(cpu * pages * page) // the four lie in one page table
			l, root := as.Lane(cpu), as.Root()
			for n := uint64(0); n < rounds && !t.Failed(); n++ {
				va, st := root.Map(prw|zx.VMSpecific, at, v, 0, pages*page, allRights, allRights, nil)
				fail("Map", cpu, st)
				for i := range zx.VirtAddr(pages) {
					fail("write fault", cpu, l.Fault(va+i*page, mmu.Write, &r))
					var b [8]byte
					binary.LittleEndian.PutUint64(b[:], n<<8|uint64(i))
					fail("CopyOut", cpu, l.CopyOut(va+i*page+8, b[:], &r))
				}
				fail("cut", cpu, root.Unmap(va+5*page, 2*page, allRights, nil))
				for i := range zx.VirtAddr(pages) {
					var b [8]byte
					switch st := l.CopyIn(b[:], va+i*page+8, &r); {
					case i == 5 || i == 6:
						if st != zx.ErrNotFound {
							t.Errorf("CPU %d: what was cut out: %v", cpu, st)
						}
					case st != zx.OK || binary.LittleEndian.Uint64(b[:]) != n<<8|uint64(i):
						t.Errorf("CPU %d: round %d, page %d: %v, %x", cpu, n, i, st, b)
					}
				}
				fail("Protect", cpu, root.Protect(pr, va, page, allRights, nil))
				if n%3 != 0 {
					fail("Decommit", cpu, v.Decommit(0, pages*page, r.Yielder()))
				}
				fail("Unmap", cpu, root.Unmap(va, pages*page, allRights, nil))
			}
		}()
	}
	all.Wait()
	as.Destroy(nil)
	if left := mem.Outstanding(); left != nil {
		t.Fatalf("%d frames leaked", len(left))
	}
}
