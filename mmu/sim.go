package mmu

import (
	"fmt"
	"sync/atomic"

	"faultline/zx"
)

// Bytes that simulated memory is filled with. They differ, so that a dump
// tells a page that was never written from one that was given back.
const (
	PoisonAlloc byte = 0xA5
	PoisonFree  byte = 0x5F
)

// simulation is what a simulated Memory knows beyond a real one.
type simulation struct {
	live    []atomic.Bool // by frame: handed out and not given back
	freed1  []bool        // by frame: given back at least once, so poisoned. Memory.mu
	flushed atomic.Uint64 // pages, by FlushCache
	left    int           // allocations that may still succeed; -1 no limit. Memory.mu
}

// NewSimulated makes memory of exactly pages allocatable frames (and a zero
// page beside them) out of a Go slice, for tests on a host. New frames are
// poisoned with PoisonAlloc and given-back ones with PoisonFree; touching a
// frame that is not allocated, writing to one after Free, and freeing twice
// all panic with values.
func NewSimulated(pages int) *Memory {
	n := pages + 2 // frame 0 is never used, one frame is the zero page
	m := &Memory{
		window: simulatedWindow(n),
		metas:  make([]Meta, n),
		pool:   &pool{trip: -1},
		wide:   haveAVX(),
		sim:    &simulation{live: make([]atomic.Bool, n), freed1: make([]bool, n), left: -1},
	}
	if err := m.open([]span{{1, Frame(n)}}); err != nil {
		panic(err)
	}
	return m
}

// FailAfter makes every allocation after the next n fail with NO_MEMORY; a
// negative n lets all succeed again. Pre: m is simulated.
func (m *Memory) FailAfter(n int) {
	m.mu.Lock()
	m.sim.left = n
	m.mu.Unlock()
}

// Flushed counts the calls of FlushCache. Pre: m is simulated.
func (m *Memory) Flushed() uint64 { return m.sim.flushed.Load() }

// Outstanding lists the frames that are allocated, the zero page left out: the
// leak check of a test compares it before and after. Panics when the zero page
// was written. Pre: m is simulated.
func (m *Memory) Outstanding() []Frame {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, b := range m.window.page(m.zero) {
		if b != 0 {
			panic(fmt.Sprintf("mmu.Outstanding: the zero page was written: byte %#x is %#x", i, b))
		}
	}
	var out []Frame
	for f := range m.sim.live {
		if m.sim.live[f].Load() && Frame(f) != m.zero {
			out = append(out, Frame(f))
		}
	}
	return out
}

// mayAlloc counts an allocation against the limit. Locks: Memory.mu.
func (s *simulation) mayAlloc() bool {
	if s.left == 0 {
		return false
	}
	if s.left > 0 {
		s.left--
	}
	return true
}

// allocated marks f live, having checked that nobody wrote to it since it was
// given back. Locks: Memory.mu.
func (s *simulation) allocated(m *Memory, f Frame) {
	p := m.window.page(f)
	if s.freed1[f] {
		for i, b := range p {
			if b != PoisonFree {
				panic(fmt.Sprintf("mmu.Alloc: frame %#x was written after Free: byte %#x is %#x", f, i, b))
			}
		}
	}
	fill(p, PoisonAlloc)
	s.live[f].Store(true)
}

// freed marks f dead, which is as as says, and gives what it is then: not zeros.
// Locks: Memory.mu.
func (s *simulation) freed(m *Memory, f Frame, as uint32) uint32 {
	s.mustBeLive(f)
	p := m.window.page(f)
	if as == OwnerZeroed && *p != [zx.PageSize]byte{} {
		panic(fmt.Sprintf("mmu.FreeZeroed: frame %#x is not full of zeros", f))
	}
	fill(p, PoisonFree)
	s.freed1[f] = true
	s.live[f].Store(false)
	return OwnerFree
}

// mustBeLive panics when f is not allocated. It is kept out of line so that
// what calls it, which on metal never does, is short enough to be inlined.
//
//go:noinline
func (s *simulation) mustBeLive(f Frame) {
	if int(f) >= len(s.live) || !s.live[f].Load() {
		panic(fmt.Sprintf("mmu: frame %#x of %#x used while not allocated", f, len(s.live)))
	}
}

// mustLead panics when the page a leaf leads to is not allocated.
//
//go:noinline
func (s *simulation) mustLead(leaf PTE) { s.mustBeLive(leaf.Frame()) }

func fill(p *[zx.PageSize]byte, b byte) {
	for i := range p {
		p[i] = b
	}
}

// mayAlloc, simAllocated and simFreed are those of the simulation, if there is one,
// for who does not hold Memory's lock.

func (m *Memory) mayAlloc() bool {
	if m.sim == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sim.mayAlloc()
}

func (m *Memory) simAllocated(f Frame) {
	if m.sim != nil {
		m.mu.Lock()
		m.sim.allocated(m, f)
		m.mu.Unlock()
	}
}

func (m *Memory) simFreed(f Frame, as uint32) uint32 {
	if m.sim != nil {
		m.mu.Lock()
		as = m.sim.freed(m, f, as)
		m.mu.Unlock()
	}
	return as
}
