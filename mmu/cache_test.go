package mmu

import (
	"testing"

	"faultline/account"
	"faultline/zx"
)

// TestCPUsShareNoRecords: owners that take and free frames on different CPUs write no
// cache line of frame records in common, and what a CPU gives back is whole blocks.
func TestCPUsShareNoRecords(t *testing.T) {
	const cpus, frames = 4, 300
	m := NewSimulated(8 * cpus * frames)
	odd, _ := m.Alloc() // the first run is not whole any more
	var cpu int
	m.SetCPUs(cpus, func() int { return cpu })
	free := m.Stats().Free
	var owners [cpus]*Memory
	for i := range owners {
		owners[i] = m.PaidBy(account.NewRoot(1<<30, 1<<30, nil))
	}
	var has [cpus][]Frame
	of := func(f Frame) [2]int { // the lines of its record
		at := int(f-m.first) * MetaBytes
		return [2]int{at / 64, (at + MetaBytes - 1) / 64}
	}
	for round := range 5 {
		lines := map[int]int{}
		for n := range frames {
			for cpu = range cpus {
				f, st := owners[cpu].Alloc()
				if st != zx.OK {
					t.Fatalf("round %d, frame %d of CPU %d: %v", round, n, cpu, st)
				}
				has[cpu] = append(has[cpu], f)
				for _, line := range of(f) {
					if other, ok := lines[line]; ok && other != cpu {
						t.Fatalf("round %d: frame %#x of CPU %d has its record in line %d, where CPU %d has one", round, f, cpu, line, other)
					}
					lines[line] = cpu
				}
			}
		}
		for cpu = range cpus {
			for _, f := range has[cpu] {
				owners[cpu].Free(f)
			}
			has[cpu] = nil
		}
	}
	if now := m.Stats().Free; now != free {
		t.Errorf("%d frames free, before %d", now, free)
	}
	if m.Free(odd); m.cached(true) == 0 {
		t.Error("no CPU has a frame at hand")
	}
	if s := m.Stats(); m.single != 0 || s.Blocks[MaxOrder] != 0 || s.Free != s.Total-1 {
		t.Errorf("%d single frames, %d of %d free", m.single, s.Free, s.Total)
	}
}

// TestOwnersMove: an owner whose thread goes to another CPU takes from that one's cache
// before long, though there is more in the old one.
func TestOwnersMove(t *testing.T) {
	m := NewSimulated(1024)
	var cpu int
	m.SetCPUs(2, func() int { return cpu })
	o := m.PaidBy(account.NewRoot(1<<30, 1<<30, nil))
	o.sim = nil // which forbids the short way
	for cpu = range 2 {
		for range 2 * aheadMost {
			if _, st := o.Alloc(); st != zx.OK {
				t.Fatal(st)
			}
		}
		if o.near != &m.caches[cpu] {
			t.Errorf("on CPU %d the owner takes from another's cache", cpu)
		}
	}
	if m.caches[0].n == 0 {
		t.Error("the first cache ran dry: this tests nothing")
	}
}
