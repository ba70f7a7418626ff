package mmu

import (
	"encoding/binary"
	"testing"

	"faultline/zx"
)

// translation is what a CPU would make of an address.
type translation struct {
	pa             zx.PhysAddr
	size           uint64
	w, u, x        bool
	global, device bool
}

// sdmWalk translates va as SDM 3A 4.5 and 4.6 say, from raw bytes and numbers,
// sharing nothing with the package but the window.
func sdmWalk(m *Memory, cr3 zx.PhysAddr, va uint64) (tr translation, ok bool) {
	tr.w, tr.u, tr.x = true, true, true
	base := uint64(cr3)
	for bit := uint(39); ; bit -= 9 {
		page := m.window.page(Frame(base >> 12))
		off := (va >> bit & 0x1ff) * 8
		e := binary.LittleEndian.Uint64(page[off : off+8])
		if e&1 == 0 {
			return translation{}, false
		}
		tr.w = tr.w && e&2 != 0
		tr.u = tr.u && e&4 != 0
		tr.x = tr.x && e>>63 == 0
		base = e & 0x000ffffffffff000
		if bit == 12 || e&0x80 != 0 {
			tr.size = 1 << bit
			tr.pa = zx.PhysAddr(base | va&(tr.size-1))
			tr.global = e&0x100 != 0
			tr.device = e&0x18 == 0x18
			return tr, true
		}
	}
}

// fakeTLB behaves like a TLB: it keeps translations until told to drop them.
type fakeTLB struct {
	t      *testing.T
	mem    *Memory
	root   zx.PhysAddr
	cached map[uint64]translation // by page address
	tables int                    // page tables that must still exist while we are asked
	calls  int
}

func (f *fakeTLB) check(root zx.PhysAddr) {
	if root != f.root {
		f.t.Fatalf("invalidate for root %#x, want %#x", root, f.root)
	}
	if n := f.mem.Stats().Tables; n < f.tables {
		f.t.Fatalf("page tables freed before the flush: %d left of %d", n, f.tables)
	}
}

func (f *fakeTLB) Invalidate(root zx.PhysAddr, start, end zx.VirtAddr) {
	f.check(root)
	f.calls++
	for page := range f.cached {
		if page >= uint64(start) && page < uint64(end) {
			delete(f.cached, page)
		}
	}
}

// touch caches what the CPU would cache for an access to the page.
func (f *fakeTLB) touch(page uint64) {
	if tr, ok := sdmWalk(f.mem, f.root, page); ok {
		f.cached[page] = tr
	}
}

// verify fails when a cached translation allows more than the tables do.
func (f *fakeTLB) verify() {
	for page, c := range f.cached {
		tr, ok := sdmWalk(f.mem, f.root, page)
		if !ok || tr.pa != c.pa || c.w && !tr.w || c.x && !tr.x {
			f.t.Fatalf("stale translation of %#x: cached %+v, tables say %+v %v", page, c, tr, ok)
		}
	}
}
