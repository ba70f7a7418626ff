package vmar

import (
	"math/rand"
	"sync"
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// modelPage is what the model knows of one page of the window.
type modelPage struct {
	v    int // which VMO; -1 nothing mapped
	off  uint64
	prot mmu.Prot
	max  mmu.Prot
}

const (
	windowBase  = 512 - 20 // in pages from UserBase: across a page table's end
	windowPages = 40
	vmoPages    = 12
)

// model is the naive truth beside a world: one record per page.
type model struct {
	*world
	vmos    [2]*vmo.VMO
	sizes   [2]uint64 // pages
	content [2][vmoPages]byte
	pages   [windowPages]modelPage
}

func newModel(t testing.TB) *model {
	m := &model{world: newWorld(t)}
	for i := range m.vmos {
		m.vmos[i] = m.anon(vmoPages)
		m.sizes[i] = vmoPages
	}
	for i := range m.pages {
		m.pages[i].v = -1
	}
	return m
}

func at(i uint64) zx.VirtAddr { return UserBase + zx.VirtAddr((windowBase+i)*page) }

// step does one operation told by four bytes, on the world and on the model.
func (m *model) step(op, where, length, arg byte) {
	i, n := uint64(where)%windowPages, uint64(length)%8+1
	n = min(n, windowPages-i)
	root := m.as.Root()
	perm := []uint32{0, pr, prw, pr | zx.VMPermExecute}[arg&3]
	which := int(arg>>2) & 1
	off := uint64(arg>>3) % vmoPages
	v := m.vmos[which]
	switch op % 10 {
	case 0, 1: // map
		options, max := perm|zx.VMSpecific, mmu.Read|mmu.Write|mmu.Exec
		if op&16 != 0 {
			options = perm | zx.VMSpecificOverwrite
		}
		rights := allRights
		if op&32 != 0 && perm&zx.VMPermWrite == 0 {
			rights &^= zx.RightWrite
			max &^= mmu.Write
		}
		if op&64 != 0 && op&16 == 0 {
			options |= zx.VMMapRange
		}
		want := zx.OK
		for p := i; p < i+n; p++ {
			if m.pages[p].v >= 0 && op&16 == 0 {
				want = zx.ErrAlreadyExists
			}
		}
		_, st := root.Map(options, (windowBase+i)*page, v, off*page, n*page, rights, allRights, nil)
		m.want(st, want)
		for p := i; p < i+n && st == zx.OK; p++ {
			m.pages[p] = modelPage{which, off + p - i, prot(perm), max}
		}
	case 2: // unmap
		m.ok(root.Unmap(at(i), n*page, allRights, nil))
		for p := i; p < i+n; p++ {
			m.pages[p] = modelPage{v: -1}
		}
	case 3: // protect
		want := zx.OK
		for p := i; p < i+n && want == zx.OK; p++ {
			if m.pages[p].v < 0 {
				want = zx.ErrNotFound
			} else if prot(perm)&^m.pages[p].max != 0 {
				want = zx.ErrAccessDenied
			}
		}
		m.want(root.Protect(perm, at(i), n*page, allRights, nil), want)
		for p := i; p < i+n && want == zx.OK; p++ {
			m.pages[p].prot = prot(perm)
		}
	case 4, 5: // load, store, fetch
		code := []mmu.PageFaultError{0, mmu.PF_WR, mmu.PF_ID, mmu.PF_P}[arg&3] | mmu.PF_US
		need := []mmu.Prot{mmu.Read, mmu.Write, mmu.Read | mmu.Exec, mmu.Read}[arg&3]
		p := &m.pages[i]
		m.want(m.fault(at(i)+zx.VirtAddr(arg), code), m.expect(p, need))
		if m.expect(p, need) == zx.OK {
			if e := m.pte(at(i)); e.Prot()&need != need {
				m.t.Fatalf("page %d: fault resolved, yet mapped %v for %v", i, e.Prot(), need)
			}
			if need == mmu.Write { // the store itself
				m.mem.Bytes(m.pte(at(i)).Frame())[0] = arg
				m.content[p.v][p.off] = arg
			}
		}
	case 6: // the kernel copies
		p := &m.pages[i]
		if arg&1 == 0 {
			var b [1]byte
			st := m.as.Lane(0).CopyIn(b[:], at(i), &m.req)
			m.want(st, m.expect(p, mmu.Read))
			if st == zx.OK && b[0] != m.content[p.v][p.off] {
				m.t.Fatalf("page %d: CopyIn gives %d, want %d", i, b[0], m.content[p.v][p.off])
			}
			return
		}
		st := m.as.Lane(0).CopyOut(at(i), []byte{arg}, &m.req)
		m.want(st, m.expect(p, mmu.Write))
		if st == zx.OK {
			m.content[p.v][p.off] = arg
		}
	case 7: // the VMO changes under its mappings
		count := min(n, vmoPages-off)
		switch {
		case arg&3 == 0:
			size := uint64(length) % (vmoPages + 1)
			m.ok(v.SetSize(size*page, &m.req))
			for p := size; p < vmoPages; p++ {
				m.content[which][p] = 0
			}
			m.sizes[which] = size
		case off+count > m.sizes[which]:
			m.want(v.Decommit(off*page, count*page, nil), zx.ErrOutOfRange)
		case arg&3 == 1:
			m.ok(v.Zero(off*page, count*page, &m.req))
			clear(m.content[which][off : off+count])
		default:
			m.ok(v.Decommit(off*page, count*page, nil))
			clear(m.content[which][off : off+count])
		}
	case 8: // the CPU caches a translation
		if e := m.pte(at(i)); e.Present() {
			m.tlb.cached[at(i)] = e
		}
	case 9:
		want := zx.OK
		for p := i; p < i+n && want == zx.OK; p++ {
			first := p == i || !m.joined(p-1, p)
			switch pg := &m.pages[p]; {
			case pg.v < 0:
				want = zx.ErrBadState
			case first && (pg.prot|pg.max)&mmu.Write == 0:
				want = zx.ErrAccessDenied
			case pg.off >= m.sizes[pg.v]:
				want = zx.ErrOutOfRange
			}
		}
		st := root.OpRange(zx.VMAROpCommit, at(i), n*page, false, allRights, &m.req)
		if (st == zx.OK) != (want == zx.OK) {
			m.t.Fatalf("COMMIT of pages %d to %d: %v, want %v", i, i+n, st, want)
		}
	}
}

// joined says whether two neighbours could be of one mapping.
func (m *model) joined(a, b uint64) bool {
	p, q := m.pages[a], m.pages[b]
	return p.v == q.v && p.off+1 == q.off && p.max == q.max && p.prot == q.prot
}

// expect gives the status of an access to a page.
func (m *model) expect(p *modelPage, need mmu.Prot) zx.Status {
	switch {
	case p.v < 0:
		return zx.ErrNotFound
	case p.prot&need != need:
		return zx.ErrAccessDenied
	case p.off >= m.sizes[p.v]:
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// verify compares tables, TLB and the list of mappings with the model.
func (m *model) verify() {
	m.t.Helper()
	var listed [windowPages]modelPage
	for i := range listed {
		listed[i].v = -1
	}
	m.as.eachMapping(func(e Entry) {
		for p := uint64(0); p < e.Size/page; p++ {
			which := 0
			if e.VMO == m.vmos[1] {
				which = 1
			}
			listed[uint64(e.Base-at(0))/page+p] = modelPage{which, e.Offset/page + p, mmu.Prot(e.Perms), m.as.root.find(uint64(e.Base)).max}
		}
	})
	if listed != m.pages {
		m.t.Fatalf("mappings\n%v\nwant\n%v", listed, m.pages)
	}
	for i := range m.pages {
		p := &m.pages[i]
		e := m.pte(at(uint64(i)))
		if !e.Present() {
			continue
		}
		if p.v < 0 || p.prot&mmu.Read == 0 || e.Prot()&^p.prot != 0 || p.off >= m.sizes[p.v] {
			m.t.Fatalf("page %d is mapped %v, the model has %+v", i, e, *p)
		}
		if got := m.mem.Bytes(e.Frame())[0]; got != m.content[p.v][p.off] {
			m.t.Fatalf("page %d reads %d, want %d", i, got, m.content[p.v][p.off])
		}
		if e.Frame() == m.mem.ZeroPage() && e&mmu.PTE_RW != 0 {
			m.t.Fatalf("page %d: the zero page is writable", i)
		}
	}
	for va, c := range m.tlb.cached {
		e := m.pte(va)
		if !e.Present() || e.Frame() != c.Frame() || c.Prot()&^e.Prot() != 0 {
			m.t.Fatalf("stale translation of %#x: %v, the tables say %v", va, c, e)
		}
	}
}

func TestAgainstModel(t *testing.T) {
	for seed := int64(0); seed < 6; seed++ {
		r := rand.New(rand.NewSource(seed))
		m := newModel(t)
		for i := 0; i < 2000; i++ {
			m.step(byte(r.Intn(256)), byte(r.Intn(256)), byte(r.Intn(256)), byte(r.Intn(256)))
			m.verify()
		}
		m.close(m.vmos[:]...)
	}
}

func FuzzAddressSpace(f *testing.F) {
	f.Add([]byte{0, 0, 8, 2, 4, 1, 0, 1, 2, 2, 1, 0, 16, 1, 3, 6})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newModel(t)
		for ; len(ops) >= 4; ops = ops[4:] {
			m.step(ops[0], ops[1], ops[2], ops[3])
			m.verify()
		}
		m.close(m.vmos[:]...)
	})
}

// TestTogether lets threads fault, copy, map and change VMOs at once; the race
// detector and the simulated memory watch.
func TestTogether(t *testing.T) {
	w := newWorld(t)
	w.tlb = nil
	w.as.tlb = quietTLB{}
	a, b := w.anon(8), w.paged(8, &fakeSource{})
	w.supply(b, 0, 8, 0)
	w.mapAt(0, prw, a, 0, 8)
	w.mapAt(8, prw, b, 0, 8)
	var wg sync.WaitGroup
	run := func(f func(i int, req *vmo.PageRequest)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var req vmo.PageRequest
			for i := 0; i < 400; i++ {
				f(i, &req)
			}
		}()
	}
	root := w.as.Root()
	run(func(i int, req *vmo.PageRequest) { w.as.Lane(0).Fault(at16(i), mmu.Write, req) })
	run(func(i int, req *vmo.PageRequest) { w.as.Lane(0).Fault(at16(i*3), mmu.Read, req) })
	run(func(i int, req *vmo.PageRequest) {
		var buf [3 * page]byte
		w.as.Lane(0).CopyIn(buf[:], at16(i*5)+9, req)
		w.as.Lane(0).CopyOut(at16(i*5)+9, buf[:100], req)
	})
	run(func(i int, req *vmo.PageRequest) {
		n := uint64(i % 14)
		root.Unmap(UserBase+zx.VirtAddr(n*page), 2*page, allRights, nil)
		v := a
		if n >= 8 {
			v = b
		}
		root.Map(prw|zx.VMSpecific, n*page, v, n%8*page, 2*page, allRights, allRights, nil)
	})
	run(func(i int, req *vmo.PageRequest) { root.Protect([]uint32{pr, prw}[i&1], at16(i), page, allRights, nil) })
	run(func(i int, req *vmo.PageRequest) {
		a.Zero(uint64(i%8)*page, page, req)
		b.WritebackBegin(0, 8*page, false, nil)
		b.WritebackEnd(0, 8*page, nil)
		a.Decommit(uint64(i%8)*page, page, nil)
	})
	run(func(i int, req *vmo.PageRequest) {
		root.OpRange(zx.VMAROpCommit, UserBase, 8*page, false, allRights, req)
		w.as.eachMapping(func(Entry) {})
	})
	wg.Wait()
	w.close(a, b)
}

func at16(i int) zx.VirtAddr { return UserBase + zx.VirtAddr(i%16*page) }

type quietTLB struct{}

func (quietTLB) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}
