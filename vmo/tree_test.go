package vmo

import (
	"math/rand"
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// TestTreeAgainstMap compares a tree with a map under random insertions,
// removals and failing allocations, from one page to the largest VMO.
func TestTreeAgainstMap(t *testing.T) {
	for _, bits := range []uint{1, 3, 10, 11, 20, 31, 40, 52} {
		m := mmu.NewSimulated(4000)
		rng := rand.New(rand.NewSource(int64(bits)))
		var tr tree
		model := map[uint64]slot{}
		spread := func() uint64 {
			i := rng.Uint64() >> (64 - bits)
			if rng.Intn(2) == 0 {
				i &= 0xfff // near pages share leaves
			}
			return i
		}
		for step := 0; step < 800; step++ {
			idx := spread()
			switch rng.Intn(4) {
			case 0, 1:
				before := m.Stats().Free
				if rng.Intn(10) == 0 {
					m.FailAfter(rng.Intn(3))
				}
				s, st := tr.insert(m, idx)
				m.FailAfter(-1)
				if st != zx.OK {
					if got := m.Stats().Free; got != before {
						t.Fatalf("%d bits: insert %#x failed and left %d frames free of %d", bits, idx, got, before)
					}
					break
				}
				if *s != model[idx] {
					t.Fatalf("%d bits: slot %#x is %#x, want %#x", bits, idx, *s, model[idx])
				}
				*s = slot(step+1)<<slotFrameShift | slot(Clean)
				model[idx] = *s
			case 2:
				for k := range model { // some key
					idx = k
					break
				}
				slots, _, leaf := tr.run(m, idx, idx+1)
				if len(slots) == 1 && slots[0] != 0 {
					slots[0] = 0
					tr.gone(m, idx, leaf, 1)
				}
				delete(model, idx)
			case 3:
				limit := idx + 1 + rng.Uint64()>>(64-bits)
				want := limit
				for k := range model {
					if k >= idx && k < want {
						want = k
					}
				}
				if got := tr.scan(m, idx, limit, allStates); got != want {
					t.Fatalf("%d bits: scan [%#x, %#x) is %#x, want %#x", bits, idx, limit, got, want)
				}
			}
			if got := tr.get(m, idx); got != model[idx] {
				t.Fatalf("%d bits: get %#x is %#x, want %#x", bits, idx, got, model[idx])
			}
			if step%32 == 0 {
				if got, want := int(tr.nodes), len(m.Outstanding()); got != want {
					t.Fatalf("%d bits: %d nodes, %d frames", bits, got, want)
				}
			}
		}
		for k := range model {
			slots, _, leaf := tr.run(m, k, k+1)
			slots[0] = 0
			tr.gone(m, k, leaf, 1)
		}
		if left := m.Outstanding(); len(left) != 0 {
			t.Fatalf("%d bits: an empty tree holds %d frames", bits, len(left))
		}
	}
}

// TestTreeSparseCost pins that a VMO's size costs nothing: one page of the
// largest VMO takes one node a level.
func TestTreeSparseCost(t *testing.T) {
	m := mmu.NewSimulated(64)
	var tr tree
	s, st := tr.insert(m, 1<<28-1) // the last page of 1 TiB
	if st != zx.OK {
		t.Fatal(st)
	}
	*s = pageSlot(7, Clean)
	if n := int(tr.nodes); n != 3 {
		t.Fatalf("the last page of a 1 TiB VMO takes %d nodes, want 3", n)
	}
	if got := tr.scan(m, 0, 1<<52, allStates); got != 1<<28-1 {
		t.Fatalf("scan found %#x", got)
	}
	tr.destroy(m, &zx.Budget{})
	if left := len(m.Outstanding()); left != 0 {
		t.Fatalf("%d frames left", left)
	}
}
