package vmo

import (
	"fmt"
	"sync"
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// discardBench is a store with one discardable VMO of four pages.
type discardBench struct {
	t     *testing.T
	store *Store
	v     *VMO
	req   PageRequest
}

func newDiscardBench(t *testing.T) *discardBench {
	b := &discardBench{t: t, store: NewStore(mmu.NewSimulated(64))}
	b.v = b.make()
	return b
}

func (b *discardBench) make() *VMO {
	v, st := b.store.New(4*pg, zx.VMODiscardable)
	if st != zx.OK {
		b.t.Fatal(st)
	}
	return v
}

func (b *discardBench) fill(v *VMO, x byte) zx.Status {
	return v.WriteBytes([]byte{x, x}, pg-1, &b.req) // two pages
}

func (b *discardBench) read(v *VMO) string {
	var p [2]byte
	if st := v.ReadBytes(p[:], pg-1, &b.req); st != zx.OK {
		return st.String()
	}
	return fmt.Sprint(p)
}

// TestDiscardStates does every operation in every state.
func TestDiscardStates(t *testing.T) {
	type row struct{ lock, try, unlock, evict, read, commit string }
	states := []struct {
		name  string
		reach func(b *discardBench)
		want  row
	}{
		{"new", func(b *discardBench) {}, row{"{0 16384 0 0}", "ZX_OK", "ZX_ERR_BAD_STATE", "0", "[7 7]", "ZX_OK"}},
		{"locked", func(b *discardBench) { b.v.TryLockContent(0, 4*pg) },
			row{"{0 16384 0 0}", "ZX_OK", "ZX_OK", "0", "[7 7]", "ZX_OK"}},
		{"locked twice, unlocked once", func(b *discardBench) {
			b.v.TryLockContent(0, 4*pg)
			b.v.LockContent(0, 4*pg, nil)
			b.v.UnlockContent(0, 4*pg)
		}, row{"{0 16384 0 0}", "ZX_OK", "ZX_OK", "0", "[7 7]", "ZX_OK"}},
		{"unlocked", func(b *discardBench) {
			b.v.TryLockContent(0, 4*pg)
			b.v.UnlockContent(0, 4*pg)
		}, row{"{0 16384 0 0}", "ZX_OK", "ZX_ERR_BAD_STATE", "2", "[7 7]", "ZX_OK"}},
		{"discarded", func(b *discardBench) {
			b.v.TryLockContent(0, 4*pg)
			b.v.UnlockContent(0, 4*pg)
			b.store.Evict(1, nil)
		}, row{"{0 16384 0 16384}", "ZX_ERR_UNAVAILABLE", "ZX_ERR_BAD_STATE", "0", "ZX_ERR_NOT_FOUND", "ZX_ERR_NOT_FOUND"}},
		{"locked again", func(b *discardBench) {
			b.v.TryLockContent(0, 4*pg)
			b.v.UnlockContent(0, 4*pg)
			b.store.Evict(1, nil)
			b.v.LockContent(0, 4*pg, nil)
		}, row{"{0 16384 0 0}", "ZX_OK", "ZX_OK", "0", "[0 0]", "ZX_OK"}},
	}
	for _, s := range states {
		do := func(what, want string, op func(b *discardBench) string) {
			b := newDiscardBench(t)
			if st := b.fill(b.v, 7); st != zx.OK {
				t.Fatal(st)
			}
			s.reach(b)
			if got := op(b); got != want {
				t.Errorf("%s: %s: %s, want %s", s.name, what, got, want)
			}
			b.v.Release()
			if left := b.store.mem.Outstanding(); len(left) != 0 || b.store.discards != (discardList{}) {
				t.Errorf("%s: %s: %d frames leaked, list %v", s.name, what, len(left), b.store.discards)
			}
		}
		do("lock", s.want.lock, func(b *discardBench) string {
			state, st := b.v.LockContent(0, 4*pg, nil)
			if st != zx.OK {
				return st.String()
			}
			return fmt.Sprint(state)
		})
		do("try", s.want.try, func(b *discardBench) string { return b.v.TryLockContent(0, 4*pg).String() })
		do("unlock", s.want.unlock, func(b *discardBench) string { return b.v.UnlockContent(0, 4*pg).String() })
		do("evict", s.want.evict, func(b *discardBench) string { return fmt.Sprint(b.store.Evict(1, nil)) })
		do("read", s.want.read, func(b *discardBench) string { return b.read(b.v) })
		do("commit", s.want.commit, func(b *discardBench) string { return b.v.Commit(0, 4*pg, &b.req).String() })
		for _, r := range [][2]uint64{{0, 3 * pg}, {pg, 3 * pg}, {0, 5 * pg}, {1, 4 * pg}, {0, 0}} {
			do("part", "ZX_ERR_OUT_OF_RANGE ZX_ERR_OUT_OF_RANGE ZX_ERR_OUT_OF_RANGE", func(b *discardBench) string {
				_, st := b.v.LockContent(r[0], r[1], nil)
				return st.String() + " " + b.v.TryLockContent(r[0], r[1]).String() + " " + b.v.UnlockContent(r[0], r[1]).String()
			})
		}
	}
	b := newDiscardBench(t)
	plain, _ := b.store.New(pg, 0)
	if _, st := plain.LockContent(0, pg, nil); st != zx.ErrNotSupported {
		t.Errorf("lock of a plain VMO: %v", st)
	}
}

// TestDiscardOrder pins that the longest unlocked goes first, as a whole, and
// only as much as is needed; and that an operation out of memory takes it.
func TestDiscardOrder(t *testing.T) {
	b := newDiscardBench(t)
	b.v.Release()
	var vs [5]*VMO
	for i := range vs {
		vs[i] = b.make()
		b.fill(vs[i], byte(i+1))
		vs[i].TryLockContent(0, 4*pg)
	}
	for _, i := range []int{3, 1, 4, 0} {
		vs[i].UnlockContent(0, 4*pg)
	}
	vs[4].TryLockContent(0, 4*pg) // and back, the last in line
	vs[4].UnlockContent(0, 4*pg)
	state := func() (s string) {
		for _, v := range vs {
			s += b.read(v) + " "
		}
		return s
	}
	if n := b.store.Evict(3, nil); n != 4 {
		t.Errorf("freed %d, want 4", n)
	}
	if got, want := state(), "[1 1] ZX_ERR_NOT_FOUND [3 3] ZX_ERR_NOT_FOUND [5 5] "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	vs[0].Release() // while listed
	vs[0] = b.make()
	// As much as is free: one frame too many, with the node.
	free := uint64(b.store.mem.Stats().Free)
	big, _ := b.store.New(free*pg, 0)
	if st := big.Commit(0, free*pg, &b.req); st != zx.OK {
		t.Error(st)
	}
	if got, want := state(), "[0 0] ZX_ERR_NOT_FOUND [3 3] ZX_ERR_NOT_FOUND ZX_ERR_NOT_FOUND "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if n := b.store.Stats().Discarded; n != 6 {
		t.Errorf("%d pages discarded, want 6", n)
	}
	if i := vs[1].Info(); !vs[1].cow.discarded() || vs[1].cow.discard.locks != 0 || i.ChangeEvents != 2 || i.Committed.Bytes != 0 {
		t.Errorf("%+v", i)
	}
}

// TestDiscardRace locks, fills, checks and unlocks from several threads while
// memory is always short: under a lock nothing changes.
func TestDiscardRace(t *testing.T) {
	b := newDiscardBench(t)
	vs := []*VMO{b.v, b.make(), b.make()}
	var workers, evictor sync.WaitGroup
	stop := make(chan struct{})
	evictor.Add(1)
	go func() {
		defer evictor.Done()
		for {
			select {
			case <-stop:
				return
			default:
				b.store.Evict(2, nil)
			}
		}
	}()
	lost := 0
	for id := range vs {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var req PageRequest
			v := vs[id]
			for n := 0; n < 300; n++ {
				x := byte(n)
				state, st := v.LockContent(0, 4*pg, nil)
				if st != zx.OK {
					t.Error(st)
					return
				}
				var p [1]byte
				if st := v.ReadBytes(p[:], 2*pg, &req); st != zx.OK {
					t.Error(st)
				}
				if state.DiscardedSize != 0 && p[0] != 0 || state.DiscardedSize == 0 && n > 0 && p[0] != x-1 {
					t.Errorf("round %d: %d, discarded %d", n, p[0], state.DiscardedSize)
				}
				if st := v.WriteBytes([]byte{x}, 2*pg, &req); st != zx.OK {
					t.Error(st)
				}
				if st := v.ReadBytes(p[:], 2*pg, &req); st != zx.OK || p[0] != x {
					t.Errorf("%d under lock, %v", p[0], st)
				}
				if st := v.UnlockContent(0, 4*pg); st != zx.OK {
					t.Error(st)
				}
				if state.DiscardedSize != 0 && id == 0 {
					lost++
				}
				if n%5 == 0 {
					b.store.Evict(1, nil) // somebody's
				}
			}
		}()
	}
	workers.Wait()
	close(stop)
	evictor.Wait()
	if lost == 0 {
		t.Error("never discarded")
	}
	for _, v := range vs {
		v.Release()
	}
	if left := b.store.mem.Outstanding(); len(left) != 0 {
		t.Errorf("%d frames leaked", len(left))
	}
}
