package vmar

import (
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

const page = zx.PageSize

// fakeSource is a page source cranked by hand: Wait runs the test's next move
// in the place of the sleep.
type fakeSource struct {
	traps    bool
	detached bool
	asked    []request                          // everything requested, in order
	wait     func(r *vmo.PageRequest) zx.Status // the sleep
	closed   bool
}

type request struct {
	kind   vmo.RequestKind
	off, n uint64
}

func (s *fakeSource) TrapsDirty() bool { return s.traps }
func (s *fakeSource) Detached() bool   { return s.detached }
func (s *fakeSource) Request(kind vmo.RequestKind, off, length uint64, r *vmo.PageRequest) zx.Status {
	if s.detached {
		return zx.ErrBadState
	}
	s.asked = append(s.asked, request{kind, off, length})
	return zx.ErrShouldWait
}
func (s *fakeSource) Progress(vmo.RequestKind, uint64, uint64) {}
func (s *fakeSource) Fail(uint64, uint64, zx.Status)           {}
func (s *fakeSource) Release(vmo.RequestKind, uint64, uint64)  {}
func (s *fakeSource) Detach()                                  { s.detached = true }
func (s *fakeSource) Close()                                   { s.closed = true }
func (s *fakeSource) Cancel(*vmo.PageRequest)                  {}
func (s *fakeSource) Await(*vmo.PageRequest)                   {}
func (s *fakeSource) Answer(r *vmo.PageRequest, _ zx.Status) zx.Status {
	return s.wait(r)
}

// awake is a thread that never sleeps: what happens while it waits is
// fakeSource.wait's.
type awake struct{}

func (awake) Wait(zx.ThreadState, zx.Time) zx.Status { return zx.OK }
func (awake) Yield() zx.Status                       { return zx.OK }
func (awake) Wake()                                  {}

// fakeTLB keeps what a CPU would keep and notices what was not flushed. It
// counts nothing: the state of the cache is what is compared.
type fakeTLB struct {
	cached map[zx.VirtAddr]mmu.PTE
}

func (f *fakeTLB) InvalidatePage(_ zx.PhysAddr, va zx.VirtAddr) { delete(f.cached, va) }
func (f *fakeTLB) InvalidateAll(zx.PhysAddr)                    { clear(f.cached) }

// world is a machine without a CPU.
type world struct {
	t     testing.TB
	mem   *mmu.Memory
	store *vmo.Store
	kt    *mmu.PageTable
	tlb   *fakeTLB
	as    *AddressSpace
	req   vmo.PageRequest
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, mem: mmu.NewSimulated(2000), tlb: &fakeTLB{cached: map[zx.VirtAddr]mmu.PTE{}}}
	w.store = vmo.NewStore(w.mem)
	w.req.Init(awake{})
	var err error
	if w.kt, err = w.mem.NewKernelTable([]mmu.KernelRange{{Start: 0x1000, End: 0x200000, Prot: mmu.Read}}, mmu.KernelFeatures{}); err != nil {
		t.Fatal(err)
	}
	var st zx.Status
	if w.as, st = NewAddressSpace(w.mem, w.kt, w.tlb); st != zx.OK {
		t.Fatal(st)
	}
	return w
}

// close destroys everything and checks that every frame came back.
func (w *world) close(vmos ...*vmo.VMO) {
	w.t.Helper()
	w.as.Destroy()
	for _, v := range vmos {
		if n := v.Info().Mappings; n != 0 {
			w.t.Fatalf("VMO %d still has %d mappings", v.ID(), n)
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
	v, st := w.store.NewPaged(pages*page, zx.VMOResizable, src)
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
	va, st := w.as.Root().Map(options|zx.VMSpecific, n*page, v, off*page, pages*page, allRights, allRights)
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
	st := w.as.Fault(va, code, false, &w.req)
	for st == zx.ErrShouldWait {
		if st = w.req.Answer(zx.OK); st == zx.OK {
			st = w.as.Fault(va, code, true, &w.req)
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
