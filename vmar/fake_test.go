package vmar

import (
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

const page = zx.PageSize

// fakeSource is a page source with a provider cranked by hand: whoever sleeps runs
// the test's next move instead.
type fakeSource struct {
	vmo.PageSource
	traps  bool
	asked  []request        // everything that reached the provider, in order
	wait   func() zx.Status // the sleep
	closed bool
}

type request struct {
	kind   vmo.RequestKind
	off, n uint64
}

func (s *fakeSource) Send(r *vmo.PageRequest) {
	s.asked = append(s.asked, request{r.Kind, r.Offset, r.Length})
	if w, ok := r.Yielder().(*sleeper); ok {
		w.on = s
	}
}
func (s *fakeSource) Clear(*vmo.PageRequest)        {}
func (s *fakeSource) Swap(r, heir *vmo.PageRequest) {}
func (s *fakeSource) OnDetach()                     { s.closed = true }
func (s *fakeSource) OnGone()                       {}
func (s *fakeSource) Later(func(b *zx.Budget) bool) {}
func (s *fakeSource) Awaited()                      {}

// sleeper is a thread that never sleeps: what happens while it waits is
// fakeSource.wait's. Woken, it looks again whatever that did.
type sleeper struct{ on *fakeSource }

func (s *sleeper) Wait(zx.ThreadState, zx.Time) zx.Status {
	st := s.on.wait()
	if st == zx.OK {
		s.on.Release(vmo.RequestRead, 0, ^uint64(0))
		s.on.Release(vmo.RequestDirty, 0, ^uint64(0))
	}
	return st
}
func (*sleeper) Yield() zx.Status { return zx.OK }
func (*sleeper) Wake() bool       { return false }

// fakeTLB keeps what a CPU would keep and notices what was not flushed. It
// counts nothing: the state of the cache is what is compared.
type fakeTLB struct {
	cached map[zx.VirtAddr]mmu.PTE
}

func (f *fakeTLB) Invalidate(_ zx.PhysAddr, start, end zx.VirtAddr) {
	for va := range f.cached {
		if va >= start && va < end {
			delete(f.cached, va)
		}
	}
}

// world is a machine without a CPU.
type world struct {
	t     testing.TB
	mem   *mmu.Memory
	store *vmo.Store
	kt    *mmu.PageTable
	tlb   *fakeTLB
	as    *AddressSpace
	req   vmo.PageRequest
	sleep sleeper
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, mem: mmu.NewSimulated(2000), tlb: &fakeTLB{cached: map[zx.VirtAddr]mmu.PTE{}}}
	w.store = vmo.NewStore(w.mem)
	w.req.Init(&w.sleep)
	var err error
	if w.kt, err = w.mem.NewKernelTable([]mmu.KernelRange{{Start: 0x1000, End: 0x200000, Prot: mmu.Read}}, mmu.KernelFeatures{}); err != nil {
		t.Fatal(err)
	}
	var st zx.Status
	if w.as, st = NewAddressSpace(w.mem, w.kt, w.tlb, nil); st != zx.OK {
		t.Fatal(st)
	}
	return w
}

// close destroys everything and checks that every frame came back.
func (w *world) close(vmos ...*vmo.VMO) {
	w.t.Helper()
	w.as.Destroy(nil)
	for _, v := range vmos {
		if n := v.Info().Mappings; n != 0 {
			w.t.Fatalf("VMO %d still has %d mappings", v.Koid(), n)
		}
		v.Release()
	}
	w.kt.DestroyKernel()
	if left := w.mem.Outstanding(); left != nil {
		w.t.Fatalf("%d frames leaked: %v", len(left), left)
	}
	if n := w.store.Stats().VMOs; n != 0 {
		w.t.Fatalf("%d VMOs leaked", n)
	}
}

func (w *world) anon(pages uint64) *vmo.VMO {
	v, st := w.store.New(pages*page, zx.VMOResizable)
	w.ok(st)
	return v
}

func (w *world) paged(pages uint64, src *fakeSource) *vmo.VMO {
	src.Init(src, src.traps, &vmo.RequestStats{})
	v, st := w.store.NewPaged(pages*page, zx.VMOResizable, &src.PageSource)
	w.ok(st)
	return v
}

// supply gives v pages [first, first+n), each full of its tag.
func (w *world) supply(v *vmo.VMO, first, n uint64, tag byte) {
	w.t.Helper()
	var run vmo.PageRun
	for i := uint64(0); i < n; i++ {
		b, st := w.store.Append(&run)
		w.ok(st)
		for j := range b {
			b[j] = tag + byte(first+i)
		}
	}
	w.ok(v.SupplyPages(first*page, &run))
}

func (w *world) ok(st zx.Status) {
	w.t.Helper()
	w.want(st, zx.OK)
}

func (w *world) want(got, want zx.Status) {
	w.t.Helper()
	if got != want {
		w.t.Fatalf("status %v, want %v", got, want)
	}
}

const allRights = zx.RightMap | zx.RightRead | zx.RightWrite | zx.RightExecute | zx.RightOpChildren

const (
	pr  = zx.VMPermRead
	prw = zx.VMPermRead | zx.VMPermWrite
)

// mapAt maps v at page n of user space and gives the address.
func (w *world) mapAt(n uint64, options uint32, v *vmo.VMO, off, pages uint64) zx.VirtAddr {
	w.t.Helper()
	va, st := w.as.Root().Map(options|zx.VMSpecific, n*page, v, off*page, pages*page, allRights, allRights, nil)
	w.ok(st)
	if va != UserBase+zx.VirtAddr(n*page) {
		w.t.Fatalf("mapped at %#x", va)
	}
	return va
}

func (w *world) load(va zx.VirtAddr) zx.Status {
	return w.fault(va, mmu.PF_US)
}

func (w *world) store1(va zx.VirtAddr) zx.Status {
	return w.fault(va, mmu.PF_US|mmu.PF_WR)
}

// fault takes a fault to its end, as a thread does.
func (w *world) fault(va zx.VirtAddr, code mmu.PageFaultError) zx.Status {
	if !(code | mmu.PF_US).Plain() {
		return zx.ErrNotSupported
	}
	st := w.as.Lane(0).Fault(va, code.Need(), &w.req)
	for st == zx.ErrShouldWait {
		if st = w.req.Answer(w.sleep.Wait(zx.ThreadBlockedPager, zx.TimeInfinite)); st == zx.OK {
			st = w.as.Lane(0).Fault(va, code.Need(), &w.req)
		}
	}
	return st
}

// pte gives the leaf at va, 0 if none.
func (w *world) pte(va zx.VirtAddr) mmu.PTE {
	chain, level := w.as.Chain(va)
	if level != mmu.LevelPT {
		return 0
	}
	return chain[mmu.LevelPML4-level].PTE
}

// byteAt reads as user code would, through the tables alone.
func (w *world) byteAt(va zx.VirtAddr) byte {
	w.t.Helper()
	e := w.pte(va)
	if !e.Present() {
		w.t.Fatalf("%#x is not mapped", va)
	}
	return w.mem.Bytes(e.Frame())[va&(page-1)]
}

// eachMapping calls f with every mapping, by address.
func (as *AddressSpace) eachMapping(f func(Entry)) {
	for e, ok := as.After(Entry{}); ok; e, ok = as.After(e) {
		if e.VMO != nil {
			f(e)
			e.VMO.Release()
		}
	}
}

// mappings counts the mappings.
func (w *world) mappings() (n int) {
	w.as.eachMapping(func(Entry) { n++ })
	return n
}
