package vmo

import (
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// TestRuns compares the runs of VMOs with their states page by page.
func TestRuns(t *testing.T) {
	const page = zx.PageSize
	store := NewStore(mmu.NewSimulated(600))
	v, st := store.New(3000*page, 0)
	if st != zx.OK {
		t.Fatal(st)
	}
	defer v.Release()
	var r PageRequest
	// Pages alone, side by side, and across the border of two leaves.
	for _, idx := range []uint64{0, 5, 6, 7, 1022, 1023, 1024, 1025, 2047, 2999} {
		if st := v.WriteBytes([]byte{1}, idx*page, &r); st != zx.OK {
			t.Fatal(st)
		}
	}
	check := func(v *VMO, buf int) {
		t.Helper()
		pages := make([]State, v.Size()/page)
		v.States(0, pages)
		runs := make([]Run, buf)
		last := State(255)
		at := uint64(0)
		for at < v.Size() {
			n, next := v.Runs(at, runs)
			if n == 0 {
				t.Fatalf("no run at %#x", at)
			}
			for _, x := range runs[:n] {
				if x.Offset != at || x.Length == 0 || x.Length%page != 0 || x.State == last {
					t.Fatalf("run %+v at %#x after state %v", x, at, last)
				}
				for end := at + x.Length; at < end; at += page {
					if pages[at/page] != x.State {
						t.Fatalf("page %#x is %v, its run %+v", at, pages[at/page], x)
					}
				}
				last = x.State
			}
			if next != at {
				t.Fatalf("goes on at %#x, want %#x", next, at)
			}
		}
	}
	for _, buf := range []int{1, 2, 7, 100} {
		check(v, buf)
	}
	if n, next := v.Runs(v.Size(), make([]Run, 1)); n != 0 || next != v.Size() {
		t.Errorf("%d runs past the end, next %#x", n, next)
	}
	one, _ := store.New(page, 0)
	defer one.Release()
	check(one, 1)
	one.WriteBytes([]byte{1}, 0, &r)
	check(one, 1)
	none, _ := store.New(0, 0)
	defer none.Release()
	if n, _ := none.Runs(0, make([]Run, 1)); n != 0 {
		t.Errorf("%d runs of no page", n)
	}
	if got := store.ByKoid(one.Koid()); got != one {
		t.Errorf("ByKoid(%d) is %v", one.Koid(), got)
	} else {
		got.Release()
	}
	for _, koid := range []zx.Koid{zx.KoidInvalid, 99} {
		if store.ByKoid(koid) != nil {
			t.Errorf("there is a VMO %d", koid)
		}
	}
	if one.Nodes() != 0 || v.Nodes() != 4 {
		t.Errorf("nodes: %d and %d, want 0 and 4", one.Nodes(), v.Nodes())
	}
}
