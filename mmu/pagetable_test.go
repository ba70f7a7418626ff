package mmu

import (
	"math/rand"
	"sync/atomic"
	"testing"

	"faultline/zx"
)

// spots are pages on both sides of every boundary a walk can cross.
var spots = func() (s []uint64) {
	for _, at := range []uint64{0x80_0000_0000, 0x80_0020_0000, 0x80_4000_0000, 0x100_0000_0000, 0x7fff_ffff_e000} {
		for d := -3; d < 4; d++ {
			p := at + uint64(d*zx.PageSize)
			if p >= 0x80_0000_0000 && p < 0x7fff_ffff_f000 {
				s = append(s, p)
			}
		}
	}
	return s
}()

type leafModel struct {
	frame Frame
	prot  Prot
}

// world is a page table beside its model.
type world struct {
	t     *testing.T
	mem   *Memory
	pt    *PageTable
	tlb   *fakeTLB
	model map[uint64]leafModel
	leafs map[uint64]bool // page tables there are, by address >> 21
	data  [4]Frame
}

func newWorld(t *testing.T) *world {
	m := NewSimulated(64)
	pt, st := m.NewPageTable(nil)
	if st != zx.OK {
		t.Fatal(st)
	}
	w := &world{t: t, mem: m, pt: pt, model: map[uint64]leafModel{}, leafs: map[uint64]bool{}}
	w.tlb = &fakeTLB{t: t, mem: m, root: pt.Root(), cached: map[uint64]translation{}}
	for i := range w.data {
		w.data[i], _ = m.Alloc()
	}
	return w
}

// verify compares tables, TLB and table count with the model.
func (w *world) verify() {
	w.t.Helper()
	for _, p := range spots {
		want, mapped := w.model[p]
		tr, ok := sdmWalk(w.mem, w.pt.Root(), p)
		if ok != mapped {
			w.t.Fatalf("%#x: mapped %v, want %v", p, ok, mapped)
		}
		e, level := w.pt.lookup(zx.VirtAddr(p))
		if e.Present() != mapped || mapped && level != LevelPT {
			w.t.Fatalf("%#x: lookup gives %v level %d, want mapped %v", p, e, level, mapped)
		}
		if !mapped {
			continue
		}
		if tr.pa != want.frame.Addr() || !tr.u || tr.w != (want.prot&Write != 0) || tr.x != (want.prot&Exec != 0) || tr.size != 4096 || tr.global {
			w.t.Fatalf("%#x: walked %+v, want %+v", p, tr, want)
		}
		if e.Frame() != want.frame || e.Prot() != want.prot|Read {
			w.t.Fatalf("%#x: lookup gives %#x %v, want %+v", p, e.Frame(), e.Prot(), want)
		}
	}
	tables := map[[2]uint64]bool{}
	for leaf := range w.leafs {
		for _, s := range []uint64{0, 9, 18} {
			tables[[2]uint64{s, leaf >> s}] = true
		}
	}
	if n := w.mem.Stats().Tables; n != len(tables)+1 {
		w.t.Fatalf("%d page tables, the model needs %d", n, len(tables)+1)
	}
	w.tlb.verify()
}

// step performs one operation told by three bytes.
func (w *world) step(op, where, arg byte) {
	page := spots[int(where)%len(spots)]
	n := uint64(arg>>4)%7 + 1
	if page+n*zx.PageSize > 0x7fff_ffff_f000 {
		n = (0x7fff_ffff_f000 - page) / zx.PageSize
	}
	va := zx.VirtAddr(page)
	prot := Read | Prot(arg)&(Write|Exec)
	var g Gather
	w.tlb.tables = w.mem.Stats().Tables
	within := func(p uint64) bool { return p >= page && p < page+n*zx.PageSize }
	switch op % 10 {
	case 0, 1:
		f := w.data[arg>>2&3]
		if st := w.enter(va, f, prot, &g); st != zx.OK {
			w.t.Fatal(st)
		}
		if old := w.model[page]; old.frame == f {
			prot |= old.prot // what it allowed already stays
		}
		w.model[page] = leafModel{f, prot}
	case 2, 9:
		for p := range w.model {
			if within(p) {
				delete(w.model, p)
			}
		}
		if op%10 == 9 { // leaves empty tables
			w.pt.Clear(va, n, &g)
			break
		}
		w.pt.Unmap(va, n, &g, nil)
		w.unlinked(page, n)
	case 3:
		w.pt.RemoveWrite(va, n, &g, nil)
		for p, l := range w.model {
			if within(p) {
				w.model[p] = leafModel{l.frame, l.prot &^ Write}
			}
		}
	case 4:
		w.pt.Protect(va, n, prot, &g, nil)
		for p, l := range w.model {
			if within(p) {
				w.model[p] = leafModel{l.frame, l.prot & prot}
			}
		}
	case 5:
		var frames [7]Frame
		for i := range frames {
			if arg>>uint(i&3)&1 != 0 {
				frames[i] = w.data[i&3]
			}
		}
		if st := w.pt.Lane(0).MapMissing(va, frames[:n], prot.Leaf()); st != zx.OK {
			w.t.Fatal(st)
		}
		for i := uint64(0); i < n; i++ {
			p := page + i*zx.PageSize
			if frames[i] != 0 {
				w.leafs[p>>21] = true
			}
			if _, used := w.model[p]; !used && frames[i] != 0 && contains(spots, p) {
				w.model[p] = leafModel{frames[i], prot}
			} else if !used && frames[i] != 0 {
				var h Gather // outside what verify looks at: take it away again
				w.tlb.tables = w.mem.Stats().Tables
				w.pt.Unmap(zx.VirtAddr(p), 1, &h, nil)
				h.Flush(w.tlb)
				w.unlinked(p, 1)
			}
		}
	case 6: // the CPU uses the page
		w.tlb.touch(page)
	case 7:
		w.pt.Accessed(va, 1) // changes nothing
	case 8: // the kernel copies to the page and back
		l, mapped := w.model[page]
		b, out, in := []byte{arg, ^arg, 1}, 0, 0
		if mapped {
			in = len(b)
			if l.prot&Write != 0 {
				out = len(b)
			}
		}
		if n := w.pt.Lane(0).CopyOut(va+5, b); n != out {
			w.t.Fatalf("%#x: CopyOut of %d bytes to %+v takes %d", page, len(b), l, n)
		}
		var back [3]byte
		if n := w.pt.Lane(0).CopyIn(back[:], va+5); n != in || mapped && back != [3]byte(w.mem.Bytes(l.frame)[5:]) || out != 0 && back != [3]byte(b) {
			w.t.Fatalf("%#x: CopyIn from %+v gives %d bytes, %x", page, l, n, back)
		}
	}
	g.Flush(w.tlb)
	if !g.empty() {
		w.t.Fatal("Flush left the Gather in use")
	}
	w.verify()
}

// unlinked notes that the empty tables of n pages from page on are gone.
func (w *world) unlinked(page, n uint64) {
	for leaf := range w.leafs {
		if leaf < page>>21 || leaf > (page+(n-1)*zx.PageSize)>>21 {
			continue
		}
		empty := true
		for p := range w.model {
			empty = empty && p>>21 != leaf
		}
		if empty {
			delete(w.leafs, leaf)
		}
	}
}

// lookup gives the leaf that translates va and its level; where there is none, 0
// and the level of the entry that is missing.
func (t *PageTable) lookup(va zx.VirtAddr) (PTE, int) {
	chain, level := t.Chain(va)
	return chain[LevelPML4-level].PTE, level
}

// empty says that nothing was gathered.
func (g *Gather) empty() bool { return g.table == nil }

// enter is Map with the permissions and the Gather of the other methods.
func (w *world) enter(va zx.VirtAddr, f Frame, p Prot, g *Gather) zx.Status {
	stale, st := w.pt.Lane(0).Map(va, f, p.Leaf())
	if stale {
		g.add(w.pt, va)
	}
	if st == zx.OK {
		w.leafs[uint64(va)>>21] = true
	}
	return st
}

func contains(s []uint64, p uint64) bool {
	for _, q := range s {
		if p == q {
			return true
		}
	}
	return false
}

// finish unmaps all and checks that nothing leaked.
func (w *world) finish() {
	var g Gather
	w.tlb.tables = w.mem.Stats().Tables
	w.pt.Unmap(0x80_0000_0000, (0x7fff_ffff_f000-0x80_0000_0000)/zx.PageSize, &g, nil)
	g.Flush(w.tlb)
	clear(w.model)
	clear(w.leafs)
	w.verify()
	w.pt.Destroy()
	for _, f := range w.data {
		w.mem.Free(f)
	}
	if left := w.mem.Outstanding(); left != nil {
		w.t.Fatalf("leaked frames %v", left)
	}
}

func TestPageTableAgainstModel(t *testing.T) {
	for seed := int64(0); seed < 4; seed++ {
		r := rand.New(rand.NewSource(seed))
		w := newWorld(t)
		for i := 0; i < 1500; i++ {
			w.step(byte(r.Intn(256)), byte(r.Intn(256)), byte(r.Intn(256)))
		}
		w.finish()
	}
}

func FuzzPageTable(f *testing.F) {
	f.Add([]byte{0, 0, 3, 6, 0, 0, 3, 0, 0x70})
	f.Fuzz(func(t *testing.T, ops []byte) {
		w := newWorld(t)
		for ; len(ops) >= 3; ops = ops[3:] {
			w.step(ops[0], ops[1], ops[2])
		}
		w.finish()
	})
}

func TestMapFailureChangesNothing(t *testing.T) {
	for n := 0; n < 3; n++ {
		w := newWorld(t)
		w.step(0, 0, 0)
		before := len(w.mem.Outstanding())
		w.mem.FailAfter(n)
		var g Gather
		// PML4[255] needs three tables.
		if st := w.enter(0x7fff_0000_0000, w.data[0], Read, &g); st != zx.ErrNoMemory {
			t.Fatalf("with %d frames left: %v", n, st)
		}
		if st := w.pt.Lane(0).MapMissing(0x7fff_0000_0000, []Frame{0, w.data[0]}, Read.Leaf()); st != zx.ErrNoMemory {
			t.Fatalf("with %d frames left: %v", n, st)
		}
		w.mem.FailAfter(-1)
		if after := len(w.mem.Outstanding()); after != before || !g.empty() {
			t.Fatalf("with %d frames left: %d frames in use, were %d", n, after, before)
		}
		w.verify()
		w.finish()
	}
}

func TestAccessedAndDirtyAreNotPreset(t *testing.T) {
	w := newWorld(t)
	const va = 0x80_0000_0000
	var g Gather
	w.enter(va, w.data[0], Read, &g)
	if e, _ := w.pt.lookup(va); e&(PTE_A|PTE_D) != 0 {
		t.Fatalf("fresh entry %v", e)
	}
	w.pt.table().add(va>>zx.PageShift, PTE_A|PTE_D) // as the CPU would
	w.enter(va, w.data[0], Read|Write, &g)
	if e, _ := w.pt.lookup(va); e&(PTE_A|PTE_D|PTE_RW) != PTE_A|PTE_D|PTE_RW || !g.empty() {
		t.Fatalf("upgraded entry %v, gather empty %v", e, g.empty())
	}
	// A page beside it, one that is not there, and one of the next page table.
	w.enter(va+zx.PageSize, w.data[1], Read, &g)
	w.enter(va+0x20_0000, w.data[2], Read, &g)
	w.pt.Lane(0).CopyIn(make([]byte, 1), va+0x20_0000)
	if a := w.pt.Accessed(va, 64); a != 1 {
		t.Fatalf("accessed: %#b, want the first", a)
	}
	if a := w.pt.Accessed(va+0x1f_f000, 2); a != 1<<1 {
		t.Fatalf("accessed: %#b, want the second", a)
	}
	if a := w.pt.Accessed(va+0x4000_0000, 64); a != 0 {
		t.Fatalf("accessed where nothing is: %#b", a)
	}
	w.pt.Unmap(va, 1, &g, nil)
	if a := w.pt.Accessed(va, 64); a != 0 {
		t.Fatalf("accessed once unmapped: %#b", a)
	}
	g.Flush(w.tlb)
}

// table is the cached page table of a test's only region.
func (t *PageTable) table() *table { return t.lanes[0].mapped.at(0x80_0000_0000).leaf }

// TestFlushAsksOnce: one change disturbs other CPUs once, however many pages it
// has, and not at all if it changed nothing.
func TestFlushAsksOnce(t *testing.T) {
	w := newWorld(t)
	for _, pages := range []int{1, 7, 600} {
		var g Gather
		for i := 0; i < pages; i++ {
			w.enter(zx.VirtAddr(0x90_0000_0000+i*zx.PageSize), w.data[0], Read|Write, &g)
		}
		w.tlb.calls = 0
		w.pt.RemoveWrite(0x90_0000_0000, uint64(pages), &g, nil)
		g.Flush(w.tlb)
		w.pt.RemoveWrite(0x90_0000_0000, uint64(pages), &g, nil)
		if !g.empty() {
			t.Fatal("nothing was writable, yet there is something to flush")
		}
		if g.Flush(w.tlb); w.tlb.calls != 1 {
			t.Fatalf("%d pages: asked %d times", pages, w.tlb.calls)
		}
	}
}

func TestCopyUser(t *testing.T) {
	w := newWorld(t)
	const va = 0x80_001f_f000 // the last page of one page table, then another
	var g Gather
	w.enter(va, w.data[0], Read|Write, &g)
	w.enter(va+zx.PageSize, w.data[1], Read|Write, &g)
	w.enter(va+2*zx.PageSize, w.data[2], Read, &g)
	src := make([]byte, 3*zx.PageSize)
	for i := range src {
		src[i] = byte(i * 7)
	}
	if n := w.pt.Lane(0).CopyOut(va+5, src); n != 2*zx.PageSize-5 {
		t.Fatalf("CopyOut stops at %#x, want at the read-only page", n)
	}
	dst := make([]byte, 2*zx.PageSize)
	if n := w.pt.Lane(0).CopyIn(dst, va+5); n != len(dst) || string(dst[:2*zx.PageSize-5]) != string(src[:2*zx.PageSize-5]) {
		t.Fatalf("CopyIn of what CopyOut wrote: %d bytes", n)
	}
	// Within a page nothing is to be walked, but a flag to be set.
	atomic.AndUint64(w.pt.table().at(va), ^uint64(PTE_A|PTE_D))
	if n := w.pt.Lane(0).CopyIn(dst[:9], va+5); n != 9 || string(dst[:9]) != string(src[:9]) {
		t.Fatalf("CopyIn within a page: %d bytes", n)
	}
	if e, _ := w.pt.lookup(va); e&(PTE_A|PTE_D) != PTE_A {
		t.Fatalf("page read within: %v", e)
	}
	for i := range 2 { // the second time no flag either
		if n := w.pt.Lane(0).CopyOut(va, src[i:i+9]); n != 9 || string(w.mem.Bytes(w.data[0])[:9]) != string(src[i:i+9]) {
			t.Fatalf("CopyOut within a page: %d bytes", n)
		}
		if e, _ := w.pt.lookup(va); e&(PTE_A|PTE_D) != PTE_A|PTE_D {
			t.Fatalf("page written within: %v", e)
		}
	}
	if e, _ := w.pt.lookup(va + 2*zx.PageSize); e&(PTE_A|PTE_D) != PTE_A {
		t.Fatalf("read page: %v", e)
	}
	for _, bad := range []zx.VirtAddr{0, 0x1000, 0x7f_ffff_ffff, 0x8000_0000_0000, ^zx.VirtAddr(0), 0x7fff_ffff_f000, va + 3*zx.PageSize} {
		if n := w.pt.Lane(0).CopyIn(dst, bad); n != 0 {
			t.Fatalf("CopyIn from %#x gives %d bytes", bad, n)
		}
		if n := w.pt.Lane(0).CopyOut(bad, dst); n != 0 {
			t.Fatalf("CopyOut to %#x takes %d bytes", bad, n)
		}
	}
}

func TestDestroyedTableIsEmpty(t *testing.T) {
	w := newWorld(t)
	var g Gather
	w.enter(0x80_0000_0000, w.data[0], Read|Write, &g)
	var b [8]byte
	w.pt.Lane(0).CopyOut(0x80_0000_0000, b[:])
	w.pt.Destroy()
	for f, st := w.mem.Alloc(); st == zx.OK; f, st = w.mem.Alloc() {
		fill(w.mem.Bytes(f), 0xff) // as entries: everything allowed
	}
	if n := w.pt.Lane(0).CopyIn(b[:], 0x80_0000_0000) + w.pt.Lane(0).CopyOut(0x80_0000_0000, b[:]); n != 0 {
		t.Fatalf("copied %d bytes", n)
	}
	if e, level := w.pt.lookup(0x80_0000_0000); e != 0 || level != LevelPML4 {
		t.Fatalf("lookup gives %v at level %d", e, level)
	}
}

func TestForeignAddressesPanic(t *testing.T) {
	for _, va := range []zx.VirtAddr{0x1000, 0x8000_0000_0000, 0xffff_8000_0000_0000} {
		w := newWorld(t) // a panic leaves its lock held
		mustPanic(t, func() { var g Gather; w.enter(va, w.data[0], Read, &g) })
		w = newWorld(t)
		mustPanic(t, func() { var g Gather; w.pt.Unmap(va, 1, &g, nil) })
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Helper()
			t.Fatal("no panic")
		}
	}()
	f()
}

func TestBits(t *testing.T) {
	var tab table
	for i := uint64(0); i < 64; i++ {
		bit := PTE(1) << i
		tab.store(i, bit)
		if got := tab.load(i); got != bit {
			t.Fatalf("bit %d reads %#x", i, got)
		}
		tab.add(i, ^bit)
		atomic.AndUint64(&tab[i], ^uint64(bit))
		if got := tab.load(i); got != ^bit {
			t.Fatalf("bit %d: all but it reads %#x", i, got)
		}
	}
	for _, f := range []Frame{1, 0xfffff, 0xffff_ffff} {
		for p := Prot(0); p < 8; p++ {
			e := p.Leaf() | PTE(f)<<zx.PageShift
			if e.Frame() != f || e.Prot() != p|Read || e&(PTE_A|PTE_D|PTE_G|PTE_PS|PTE_PCD|PTE_PWT) != 0 || e&PTE_US == 0 {
				t.Fatalf("leaf of %#x %v: %v", f, p, e)
			}
		}
	}
	if PTE(0).Prot() != 0 || (PTE_RW|PTE_US).Prot() != 0 {
		t.Fatal("an absent entry allows something")
	}
}

func TestPageFaultErrorBits(t *testing.T) {
	for code := PageFaultError(0); code < 32; code++ {
		want := ""
		for i, n := range []string{"P", "WR", "US", "RSVD", "ID"} {
			if code>>i&1 != 0 {
				if want != "" {
					want += "|"
				}
				want += n
			}
		}
		if want == "" {
			want = "0"
		}
		if got := code.String(); got != want {
			t.Errorf("code %#x is %q, want %q", uint64(code), got, want)
		}
		if got := code.Plain(); got != (code&8 == 0 && code&4 != 0) {
			t.Errorf("code %#x: plain %v", uint64(code), got)
		}
	}
	if PageFaultError(0x8004).Plain() {
		t.Error("SGX bit is known")
	}
}

func TestRemoveWriteAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	var g Gather
	if n := testing.AllocsPerRun(100, func() {
		w.enter(0x80_0000_0000, w.data[0], Read|Write, &g)
		w.pt.RemoveWrite(0x80_0000_0000, 4, &g, nil)
		w.pt.Unmap(0x80_0000_0000, 4, &g, nil)
		g.Flush(w.tlb)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// TestBudget: a long change to the tables stops where the budget is spent, at
// the end of a page table, and goes on where it stopped; what is absent costs
// nothing.
func TestBudget(t *testing.T) {
	const base, tables = 0x80_0000_0000, 3 * ((zx.BudgetUnits + tableCost - 1) / tableCost)
	mem := NewSimulated(tables + 10)
	pt, _ := mem.NewPageTable(nil)
	f, _ := mem.Alloc()
	tlb := &fakeTLB{t: t, mem: mem, root: pt.Root(), cached: map[uint64]translation{}}
	for i := range uint64(tables) {
		if _, st := pt.Lane(0).Map(zx.VirtAddr(base+i<<21), f, (Read | Write).Leaf()); st != zx.OK {
			t.Fatal(st)
		}
	}
	checkSlices(t, "RemoveWrite", tlb, pt.RemoveWrite)
	checkSlices(t, "Protect", tlb, func(at zx.VirtAddr, n uint64, g *Gather, b *zx.Budget) uint64 { return pt.Protect(at, n, Read, g, b) })
	checkSlices(t, "Unmap", tlb, pt.Unmap)
	if n := mem.Stats().Tables; n != 1 {
		t.Fatalf("%d tables left", n)
	}
	mem.Free(f)
	pt.Destroy()
}

// checkSlices runs a change over all of user space in slices and checks that
// there are as many as the tables make.
func checkSlices(t *testing.T, name string, tlb *fakeTLB, change func(zx.VirtAddr, uint64, *Gather, *zx.Budget) uint64) {
	t.Helper()
	at, left, slices := zx.VirtAddr(0x80_0000_0000), uint64(0x7fff_ffff_f000-0x80_0000_0000)>>zx.PageShift, 0
	for left > 0 {
		var g Gather
		var b zx.Budget
		n := change(at, left, &g, &b)
		g.Flush(tlb)
		if n == 0 {
			t.Fatalf("%s got nowhere", name)
		}
		at, left, slices = at+zx.VirtAddr(n<<zx.PageShift), left-n, slices+1
	}
	if slices != 4 { // three full ones, and what is behind the last table
		t.Fatalf("%s: %d slices", name, slices)
	}
}
