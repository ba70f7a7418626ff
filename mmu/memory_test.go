package mmu

import (
	"math/rand"
	"slices"
	"testing"

	"faultline/zx"
)

// asOnMetal makes simulated memory behave like real memory, which takes shorter
// ways and checks nothing.
func asOnMetal(m *Memory) *Memory {
	m.sim = nil
	return m
}

func TestAllocFree(t *testing.T) {
	t.Run("simulated", func(t *testing.T) { testAllocFree(t, NewSimulated(10)) })
	t.Run("metal", func(t *testing.T) { testAllocFree(t, asOnMetal(NewSimulated(10))) })
}

func testAllocFree(t *testing.T, m *Memory) {
	r := rand.New(rand.NewSource(1))
	lowest := 10
	held := map[Frame]byte{}
	for i := 0; i < 2000; i++ {
		if r.Intn(2) == 0 {
			f, st := m.Alloc()
			if full := len(held) == 10; full != (st == zx.ErrNoMemory) {
				t.Fatalf("%d held: %v", len(held), st)
			}
			if st != zx.OK {
				continue
			}
			if _, twice := held[f]; twice || f == 0 || f == m.ZeroPage() {
				t.Fatalf("frame %#x given out twice, or special", f)
			}
			if b := m.Bytes(f); m.sim != nil && (b[0] != PoisonAlloc || b[4095] != PoisonAlloc) || *m.Meta(f) != (Meta{}) {
				t.Fatalf("fresh frame %#x: %#x, meta %+v", f, b[0], *m.Meta(f))
			}
			held[f] = byte(i)
			m.Meta(f).Set(7, uint64(i), 1)
			m.Bytes(f)[9] = byte(i)
		} else {
			for f, b := range held {
				if m.Bytes(f)[9] != b {
					t.Fatalf("frame %#x changed", f)
				}
				m.Free(f)
				delete(held, f)
				break
			}
		}
		lowest = min(lowest, 10-len(held))
		if s := m.Stats(); s.Free != 10-len(held) || s.Lowest != lowest || s.Total != 11 || m.sim != nil && len(m.Outstanding()) != len(held) {
			t.Fatalf("%+v with %d held, at most %d", s, len(held), 10-lowest)
		}
	}
}

func TestSimulationCatches(t *testing.T) {
	m := NewSimulated(4)
	f, _ := m.Alloc()
	m.Free(f)
	mustPanic(t, func() { m.Free(f) })
	mustPanic(t, func() { m.Bytes(f) })
	mustPanic(t, func() { m.Free(m.ZeroPage()) })
	m.window.page(f)[100] = 1 // a store through a stale pointer
	mustPanic(t, func() { m.Alloc() })

	m = NewSimulated(4)
	m.FailAfter(1)
	if _, st := m.AllocZeroed(); st != zx.OK {
		t.Fatal(st)
	}
	if _, st := m.AllocZeroed(); st != zx.ErrNoMemory {
		t.Fatal(st)
	}
	m.window.page(m.ZeroPage())[5] = 1
	mustPanic(t, func() { m.Outstanding() })
}

func TestZeroCopyPage(t *testing.T) {
	for _, wide := range []bool{false, true} {
		if wide && !haveAVX() {
			t.Skip("no AVX")
		}
		m := NewSimulated(4)
		m.wide = wide
		var frames [4]Frame // what lies beside a page must stay
		for i := range frames {
			frames[i], _ = m.Alloc()
			fill(m.Bytes(frames[i]), byte(i+1))
		}
		slices.Sort(frames[:])
		before, a, b, after := m.Bytes(frames[0]), m.Bytes(frames[1]), m.Bytes(frames[2]), m.Bytes(frames[3])
		low, high := *before, *after
		m.Zero(frames[2])
		for i := range a {
			if b[i] != 0 {
				t.Fatalf("wide %v: byte %#x is not zero", wide, i)
			}
			a[i] = byte(i*7 ^ i>>8)
		}
		m.Copy(frames[2], frames[1])
		if *b != *a || *before != low || *after != high {
			t.Fatalf("wide %v: the copy differs, or a neighbour changed", wide)
		}
		if m.FlushCache(frames[2]); *b != *a || *after != high {
			t.Fatalf("wide %v: the page changed on its way out of the cache", wide)
		}
	}
}

func TestLowWater(t *testing.T) {
	t.Run("simulated", func(t *testing.T) { testLowWater(t, NewSimulated(10)) })
	t.Run("metal", func(t *testing.T) { testLowWater(t, asOnMetal(NewSimulated(10))) })
}

func testLowWater(t *testing.T, m *Memory) {
	calls := 0
	m.SetLowWater(4, func() { calls++; m.Stats() })
	var held []Frame
	take := func(n int) {
		for ; n > 0; n-- {
			f, _ := m.Alloc()
			held = append(held, f)
		}
	}
	take(6)
	if calls != 0 {
		t.Fatal("called with 4 free")
	}
	take(3)
	if calls != 1 {
		t.Fatalf("%d calls after falling below", calls)
	}
	for _, f := range held[4:] {
		m.Free(f)
	}
	held = held[:4]
	take(3)
	if calls != 2 {
		t.Fatalf("%d calls after falling below again", calls)
	}
	m.SetLowWater(9, nil)
	take(1)
}

func TestNewMemory(t *testing.T) {
	w := simulatedWindow(256)
	// A hole, a range of less than a page, page 0, unaligned bounds.
	m, err := NewMemory(w, []Range{{0, 0x3fff}, {0x8001, 0x9001}, {0x10800, 0x40000}, {0x80000, 0x90fff}})
	if err != nil {
		t.Fatal(err)
	}
	if err = m.Open(); err != nil {
		t.Fatal(err)
	}
	usable := func(f Frame) bool { return f >= 1 && f < 3 || f >= 0x11 && f < 0x40 || f >= 0x80 && f < 0x90 }
	s := m.Stats()
	metaPages := (int(0x90-1)*MetaBytes + 4095) / 4096
	if s.Total != 2+0x2f+0x10-metaPages || s.Free != s.Total-1 {
		t.Fatalf("%+v", s)
	}
	seen := map[Frame]bool{m.ZeroPage(): true}
	for i := 0; i < s.Free; i++ {
		f, st := m.AllocZeroed()
		if st != zx.OK || !usable(f) || seen[f] {
			t.Fatalf("frame %#x %v", f, st)
		}
		seen[f] = true
	}
	if _, st := m.Alloc(); st != zx.ErrNoMemory {
		t.Fatal(st)
	}
	for f := range seen {
		if m.Meta(f).Owner != OwnerNone && f != m.ZeroPage() {
			t.Fatalf("zeroing frames overwrote the metadata of %#x", f)
		}
	}
	for _, bad := range [][]Range{nil, {{0x1000, 0x3000}, {0x2000, 0x4000}}, {{0x1800, 0x2700}}, {{0x1000, 1 << 60}}, {{0x1000, 0x2000}, {0x4000_0000, 0x4000_1000}}} {
		if _, err := NewMemory(w, bad); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
}

func TestMeta(t *testing.T) {
	var m Meta
	for i := 0; i < 52; i++ {
		m.Set(2, 1<<i, 0)
		m.SetTag(0xabc)
		if m.Index() != 1<<i || m.Tag() != 0xabc {
			t.Fatalf("bit %d: %#x %#x", i, m.Index(), m.Tag())
		}
		m.Set(3, 1<<i, 0x123)
		if m.Index() != 1<<i || m.Tag() != 0x123 || m.Owner != 3 {
			t.Fatalf("bit %d: %+v", i, m)
		}
	}
}

// TestBlocks allocates and frees runs of frames at random, single ones between
// them, and compares with a map of what is held: nothing overlaps, everything is
// aligned, and when all is free it is as whole as at the beginning.
func TestBlocks(t *testing.T) {
	const frames = 3000
	m := asOnMetal(NewSimulated(frames))
	whole := m.Stats()
	r := rand.New(rand.NewSource(3))
	owner := map[Frame]int{}
	runs := map[int][]Frame{}
	free := frames
	for i := range 20_000 {
		switch r.Intn(4) {
		case 0:
			if f, st := m.Alloc(); st == zx.OK {
				runs[i] = []Frame{f}
			} else if free != 0 {
				t.Fatalf("%v with %d frames free", st, free)
			}
		case 1:
			n, align := uint64(1+r.Intn(1<<r.Intn(9))), r.Intn(7)
			if f, st := m.AllocContiguous(n, align, &zx.Budget{}); st == zx.OK {
				if f&(1<<align-1) != 0 {
					t.Fatalf("%#x is not a multiple of 1<<%d", f, align)
				}
				for j := range Frame(n) {
					runs[i] = append(runs[i], f+j)
				}
			}
		default:
			for k, run := range runs {
				r.Shuffle(len(run), func(a, b int) { run[a], run[b] = run[b], run[a] })
				for _, f := range run {
					m.Free(f)
					delete(owner, f)
				}
				free += len(run)
				delete(runs, k)
				break
			}
		}
		for _, f := range runs[i] {
			if by, held := owner[f]; held || f == 0 || f > frames+1 || f == m.ZeroPage() || *m.Meta(f) != (Meta{}) {
				t.Fatalf("step %d: frame %#x, held %v by step %d, record %+v", i, f, held, by, *m.Meta(f))
			}
			owner[f] = i
		}
		free -= len(runs[i])
		s := m.Stats()
		sum := 0
		for order, n := range s.Blocks {
			sum += n << order
		}
		if s.Free != free || sum != free {
			t.Fatalf("step %d: %d free, %d in blocks, want %d", i, s.Free, sum, free)
		}
	}
	for _, run := range runs {
		for _, f := range run {
			m.Free(f)
		}
	}
	m.mu.Lock()
	m.drain(frames)
	m.mu.Unlock()
	if again := m.Stats().Blocks; again[11] != whole.Blocks[11] || again[10] != whole.Blocks[10] {
		t.Fatalf("blocks %v, at the beginning %v", again, whole.Blocks)
	}
}

// TestEarlyTables: the kernel's tables can be built while the records of frames
// are out of reach, in the frames of the first range alone.
func TestEarlyTables(t *testing.T) {
	w := simulatedWindow(1024)
	m, err := NewMemory(w, []Range{{0x10000, 0x20000}, {0x200000, 0x400000}})
	if err != nil {
		t.Fatal(err)
	}
	records := m.metas
	m.metas = nil // not mapped yet
	kt, err := m.NewKernelTable([]KernelRange{{Start: 0x1000, End: 0x300000, Prot: Read}}, KernelFeatures{})
	if err != nil {
		t.Fatal(err)
	}
	if a := kt.Root(); a < 0x10000 || a >= 0x20000 {
		t.Fatalf("root at %#x", a)
	}
	m.metas = records
	before := m.Stats().Tables
	if err := m.Open(); err != nil {
		t.Fatal(err)
	}
	kt.DestroyKernel()
	if s := m.Stats(); s.Tables != 0 || before != 5 || s.Free != s.Total-1 {
		t.Fatalf("%d tables, then %+v", before, s)
	}
}
