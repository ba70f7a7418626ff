package mmu

import (
	"fmt"
	"slices"
	"sync/atomic"

	"faultline/spin"
	"faultline/zx"
)

// Range is usable RAM: bytes [Start, End).
type Range struct{ Start, End zx.PhysAddr }

// span is whole frames [next, end) to be handed out in order.
type span struct{ next, end Frame }

// Memory allocates page frames and reaches their bytes through the physical
// window. Frames are outside the Go heap; the collector neither owns nor scans
// them. All methods may be called by several threads at once.
//
// A Memory made by PaidBy is the same frames seen by one who pays for those he
// has.
//
// Frames given back are reused last in, first out; behind them is a buddy
// allocator (blocks). Nothing touches a frame or its Meta before it is about to
// be used, so making a Memory costs the same for any amount of RAM.
type Memory struct {
	window Window
	metas  []Meta // metas[f-first] is frame f's record
	first  Frame
	zero   Frame
	sim    *simulation // nil on metal
	wide   bool        // zeroWide and copyWide may be used

	*pool        // shared by all who see the frames
	payer *payer // nil: nobody
	near  *cache // where the owner's frames come from, nil: that of the CPU; guarded as the payer
}

// pool is the frames that nobody has.
type pool struct {
	early []span // before Open: what there is; nil afterwards

	mu      spin.Lock
	head    Frame  // frames to be handed out again, through Meta.Next
	zeros   Frame  // those full of zeros; 0 with several CPUs and in simulated memory
	single  int    // how many on both lists
	run     span   // a block that frames are handed out of
	blocks  blocks // the other free frames
	free    int    // frames an Alloc could still give out
	lowest  int    // smallest free at the turns from Alloc to Free; see Stats
	total   int
	trip    int // free count at which lowHook is called; -1 never
	lowHook func()

	tables atomic.Int64 // frames that are page tables

	// For several CPUs, else nil; constant.
	caches  []cache // one for each
	current func() int
}

// Stats counts frames.
type Stats struct {
	Total     int // frames under management, the zero page included
	Free      int // frames an Alloc could still give out
	Lowest    int // smallest Free so far; with several CPUs without what each has at hand
	Tables    int // frames in use as page tables
	MetaBytes int // bytes of frame metadata, carved out of RAM beside Total
	// Blocks counts the free blocks of 1<<i frames; those of one frame include
	// what is about to be handed out again.
	Blocks [MaxOrder + 1]int
}

// NewMemory takes the usable ranges, by address, over: the frames wholly inside
// them, less those that hold the metadata array and the shared zero page. The
// array spans the lowest to the highest usable frame, holes included, and lies in
// the last range with room for it. Nothing may be allocated before Open but the
// tables of NewKernelTable, so only the first range must be reachable until then.
//
// Pre: nothing else uses the ranges. Errors: ranges empty, overlapping, past
// the 16 TiB a Frame can name, or with no run large enough for the array.
func NewMemory(w Window, usable []Range) (*Memory, error) {
	spans := make([]span, 0, len(usable))
	first, last := Frame(0xffff_ffff), Frame(0)
	for _, r := range usable {
		if r.End > 1<<(32+zx.PageShift) {
			return nil, fmt.Errorf("mmu.NewMemory: range [%#x, %#x) ends past the last frame number", r.Start, r.End)
		}
		s := span{FrameAt(r.Start + zx.PageMask), FrameAt(r.End)}
		if s.next == 0 {
			s.next = 1
		}
		if s.next >= s.end {
			continue
		}
		for _, o := range spans {
			if s.next < o.end && o.next < s.end {
				return nil, fmt.Errorf("mmu.NewMemory: ranges overlap: frames [%#x, %#x) and [%#x, %#x)", o.next, o.end, s.next, s.end)
			}
		}
		spans = append(spans, s)
		first, last = min(first, s.next), max(last, s.end)
	}
	if len(spans) == 0 {
		return nil, fmt.Errorf("mmu.NewMemory: no whole page in %d ranges", len(usable))
	}
	first &^= 1<<runOrder - 1 // so that the records of a run share no cache line with others
	count := int(last - first)
	pages := Frame((count*MetaBytes + zx.PageMask) >> zx.PageShift)
	m := &Memory{window: w, first: first, pool: &pool{trip: -1, early: spans}, wide: haveAVX()}
	for i := range slices.Backward(spans) {
		if s := &spans[i]; s.end-s.next >= pages {
			s.end -= pages
			m.metas = w.metas(s.end, count)
			return m, nil
		}
	}
	return nil, fmt.Errorf("mmu.NewMemory: no run of %d frames for the metadata of %d", pages, count)
}

// Open lets frames be allocated. Pre: all RAM is reachable through the window,
// and nobody opened it before. Errors: there is no frame for the zero page.
func (m *Memory) Open() error {
	spans := m.early
	m.early = nil
	if err := m.open(spans); err != nil {
		return err
	}
	tables := Frame(m.tables.Load())
	m.total += int(tables)
	for f := spans[0].next - tables; f < spans[0].next; f++ {
		m.metas[f-m.first] = Meta{Owner: OwnerTable}
	}
	return nil
}

// Alloc gives a frame whose contents are undefined and whose Meta is zero.
// O(1), 35 instructions for a frame used before. Locks: takes Memory's; that of
// the owner held, if one pays.
// Errors: NO_MEMORY.
func (m *Memory) Alloc() (Frame, zx.Status) {
	f, _, st := m.alloc()
	return f, st
}

// AllocZeroed gives a frame full of zeros. Otherwise as Alloc.
//
//go:nosplit
func (m *Memory) AllocZeroed() (Frame, zx.Status) {
	if p := m.pool; p.zeros != 0 {
		if by := m.payer; by == nil {
		} else if by.paid > 0 {
			by.paid--
		} else if !m.pay() {
			return 0, zx.ErrNoMemory
		}
		p.mu.Lock()
		if f := p.zeros; f != 0 && p.free-1 != p.trip {
			meta := &m.metas[f-m.first]
			p.zeros = meta.Next
			p.single--
			*meta = Meta{}
			p.free--
			p.mu.Unlock()
			return f, zx.OK
		}
		p.mu.Unlock()
		m.none()
	}
	f, zeroed, st := m.alloc()
	if st == zx.OK && !zeroed {
		m.Zero(f)
	}
	return f, st
}

// alloc is Alloc; zeroed says that the frame is known to be full of zeros.
//
//go:nosplit
func (m *Memory) alloc() (f Frame, zeroed bool, st zx.Status) {
	if p := m.payer; p == nil {
	} else if p.paid > 0 {
		p.paid--
	} else if !m.pay() {
		return 0, false, zx.ErrNoMemory
	}
	p := m.pool
	if p.caches != nil {
		return m.allocNear()
	}
	p.mu.Lock()
	if f = p.head; f == 0 {
		f = p.run.next
	}
	if f == p.run.end /* mostly: there is none */ || p.free-1 == p.trip || m.sim != nil {
		return m.allocAny()
	}
	meta := &m.metas[f-m.first]
	if p.head != 0 {
		p.head = meta.Next
		p.single--
	} else {
		p.run.next++
	}
	zeroed = meta.Owner == OwnerZeroed
	*meta = Meta{}
	p.free--
	p.mu.Unlock()
	return f, zeroed, zx.OK
}

// pay is payer.takeOne. The owner, who may have moved, chooses his cache anew.
func (m *Memory) pay() bool {
	m.near = nil
	return m.payer.takeOne()
}

// none is the answer of alloc when there is no frame: nothing is paid for.
func (m *Memory) none() (Frame, bool, zx.Status) {
	if m.payer != nil {
		m.payer.give(1)
	}
	return 0, false, zx.ErrNoMemory
}

// allocAny is Alloc of any frame, the hook and simulated memory included.
// Locks: m.mu held; it unlocks.
func (m *Memory) allocAny() (f Frame, zeroed bool, st zx.Status) {
	if m.sim != nil && !m.sim.mayAlloc() {
		m.mu.Unlock()
		return m.none()
	}
	if f = m.take(); f == 0 {
		m.mu.Unlock()
		return m.none()
	}
	meta := &m.metas[f-m.first]
	zeroed = meta.Owner == OwnerZeroed
	*meta = Meta{}
	if m.sim != nil {
		m.sim.allocated(m, f)
	}
	if m.free != m.trip {
		m.mu.Unlock()
		return f, zeroed, zx.OK
	}
	hook := m.lowHook
	m.mu.Unlock()
	hook()
	return f, zeroed, zx.OK
}

// take takes a frame out of the pool, 0 if there is none. Locks: m.mu held.
func (m *Memory) take() Frame {
	f := m.head
	if f != 0 {
		m.head = m.metas[f-m.first].Next
		m.single--
	} else if m.run.next < m.run.end || m.refill() {
		f = m.run.next
		m.run.next++
	} else if f = m.zeros; f != 0 {
		m.zeros = m.metas[f-m.first].Next
		m.single--
	} else {
		return 0
	}
	m.free--
	return f
}

// Free takes a frame back. Pre: f came from Alloc, no page-table entry and no
// TLB entry still leads to it. Panics on a double free and on the zero page.
// O(1). Locks: as Alloc.
func (m *Memory) Free(f Frame) { m.release(f, OwnerFree) }

// FreeZeroed is Free of a frame full of zeros, as a table without entries is: who
// asks for zeros next need not make them.
func (m *Memory) FreeZeroed(f Frame) { m.release(f, OwnerZeroed) }

// FreeRun is Free of the n frames from f on that hang together by Meta.Next. It gives
// the one after them.
func (m *Memory) FreeRun(f Frame, n int) Frame {
	if p := m.payer; p != nil && n > 0 {
		p.give(n)
	}
	p := m.pool
	if p.caches != nil {
		return m.freeNear(f, n, OwnerFree)
	}
	if m.sim != nil {
		for ; n > 0; n-- {
			next := m.metas[f-m.first].Next
			m.free1(f, OwnerFree)
			f = next
		}
		return f
	}
	p.mu.Lock()
	p.lowest = min(p.lowest, p.free)
	p.free += n
	p.single += n
	head := p.head
	for ; n > 0; n-- {
		meta := &m.metas[f-m.first]
		if meta.Owner >= OwnerZeroed && meta.Owner != OwnerTable {
			m.unused(f, meta)
		}
		next := meta.Next
		meta.Owner, meta.Next = OwnerFree, head
		head, f = f, next
	}
	p.head = head
	p.mu.Unlock()
	return f
}

// release is Free of a frame that is as as says.
func (m *Memory) release(f Frame, as uint32) {
	if p := m.payer; p != nil {
		p.give(1)
	}
	m.free1(f, as)
}

// free1 is release of a frame that nobody pays for any more.
func (m *Memory) free1(f Frame, as uint32) {
	p := m.pool
	if p.caches != nil {
		m.freeNear(f, 1, as)
		return
	}
	meta := &m.metas[f-m.first]
	p.mu.Lock()
	if meta.Owner >= OwnerZeroed && meta.Owner != OwnerTable {
		p.mu.Unlock()
		m.unused(f, meta)
		return
	}
	if m.sim != nil {
		as = m.sim.freed(m, f, as)
	}
	meta.Owner = as
	if as == OwnerZeroed {
		meta.Next, p.zeros = p.zeros, f
	} else {
		meta.Next, p.head = p.head, f
	}
	if p.free < p.lowest {
		p.lowest = p.free
	}
	p.free++
	p.single++
	p.mu.Unlock()
}

// unused panics about f, which is free or the zero page.
//
//go:noinline
func (m *Memory) unused(f Frame, meta *Meta) {
	panic(fmt.Sprintf("mmu.Free: frame %#x is free already or the zero page: owner %#x, zero page %#x", f, meta.Owner, m.zero))
}

// ZeroPage is the frame every clean page of zeros shares. It is never freed
// and must never be mapped writable or written.
func (m *Memory) ZeroPage() Frame { return m.zero }

// Meta reaches the record of f. Pre: f is allocated to the caller, whose lock
// guards the fields.
func (m *Memory) Meta(f Frame) *Meta { return &m.metas[f-m.first] }

// Bytes reaches the contents of f through the physical window. The pointer is
// good until f is freed.
func (m *Memory) Bytes(f Frame) *[zx.PageSize]byte {
	if m.sim != nil {
		m.sim.mustBeLive(f)
	}
	return m.window.page(f)
}

// Zero fills f with zeros.
func (m *Memory) Zero(f Frame) {
	if p := m.Bytes(f); m.wide {
		zeroWide(p)
	} else {
		zeroPage(p)
	}
}

// Copy copies the contents of src to dst.
func (m *Memory) Copy(dst, src Frame) {
	if to, from := m.Bytes(dst), m.Bytes(src); m.wide {
		copyWide(to, from)
	} else {
		copyPage(to, from)
	}
}

// FlushCache leaves no line of f in any cache, as a page needs that is to be mapped
// with another cache policy than the kernel's, which is CACHED.
func (m *Memory) FlushCache(f Frame) {
	flushPage(m.Bytes(f))
	if m.sim != nil {
		m.sim.flushed.Add(1)
	}
}

// SetLowWater has hook called each time the free count falls to one below
// pages. hook runs on the allocating thread after Memory's lock is released;
// that thread may hold locks of its own, so hook must only leave a note (wake
// somebody). A nil hook turns it off.
func (m *Memory) SetLowWater(pages int, hook func()) {
	m.mu.Lock()
	m.trip, m.lowHook = pages-1, hook
	if hook == nil {
		m.trip = -1
	}
	m.mu.Unlock()
}

// Stats counts frames at this moment.
func (m *Memory) Stats() Stats {
	cached := m.cached(false)
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Total: m.total, Free: m.free + cached, Lowest: min(m.lowest, m.free), Tables: int(m.tables.Load()), MetaBytes: len(m.metas) * MetaBytes, Blocks: m.blocks.n}
	s.Blocks[0] += cached + m.single + int(m.run.end-m.run.next)
	return s
}

// allocTable gives an empty page table. Errors: NO_MEMORY.
func (m *Memory) allocTable() (Frame, zx.Status) {
	if m.early != nil {
		s := &m.early[0]
		if s.next == s.end {
			return 0, zx.ErrNoMemory
		}
		f := s.next
		s.next++
		m.Zero(f)
		m.tables.Add(1)
		return f, zx.OK
	}
	f, st := m.AllocZeroed()
	if st == zx.OK {
		m.Meta(f).Owner = OwnerTable
		m.tables.Add(1)
	}
	return f, st
}

// freeTable takes a page table back; as is OwnerZeroed if it is empty, else OwnerFree.
// Pre: no CPU can walk it any more.
func (m *Memory) freeTable(f Frame, as uint32) {
	if o := m.Meta(f).Owner; o != OwnerTable {
		panic(fmt.Sprintf("mmu.freeTable: frame %#x is not a page table: owner %#x", f, o))
	}
	m.tables.Add(-1)
	m.release(f, as)
}

// target reaches the contents of the page a leaf leads to.
func (m *Memory) target(leaf PTE) *[zx.PageSize]byte {
	if m.sim != nil {
		m.sim.mustLead(leaf)
	}
	return m.window.target(leaf)
}

// table reaches the entries of page table f.
func (m *Memory) table(f Frame) *table {
	if m.sim != nil {
		m.sim.mustBeLive(f)
	}
	return m.window.table(f)
}
