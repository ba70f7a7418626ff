package cpu

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// memory is a window of words; reading outside fails the test.
type memory struct {
	t     *testing.T
	start uint64
	words []uint64
}

func (m *memory) word(addr uint64) uint64 {
	i := (addr - m.start) / 8
	if addr%8 != 0 || addr < m.start || i >= uint64(len(m.words)) {
		m.t.Fatalf("read at %#x", addr)
	}
	return m.words[i]
}

func (m *memory) window() Range {
	return Range{uintptr(m.start), uintptr(m.start) + uintptr(len(m.words))*8}
}

func TestCallers(t *testing.T) {
	m := &memory{t, 0x1000, make([]uint64, 64)}
	set := func(addr, v uint64) { m.words[(addr-m.start)/8] = v }
	set(0x1010, 0x1040) // frame 1
	set(0x1018, 0x1100)
	set(0x1040, 0x1080) // frame 2
	set(0x1048, 0x1108)
	set(0x1080, 0) // the last
	set(0x1088, 0x1110)
	check := func(name string, bp, sp, rip uint64, want ...uintptr) {
		t.Helper()
		if got := walkFrames(bp, sp, rip, m.window(), m.word); !slices.Equal(got, want) {
			t.Errorf("%s: %#x, want %#x", name, got, want)
		}
	}
	check("chain", 0x1010, 0x1008, 0x1100, 0x1100, 0x1108, 0x1110)
	set(0x1008, 0x1123)
	check("wild call", 0x1010, 0x1008, 0, 0x1123, 0x1100, 0x1108, 0x1110)
	check("wild call and stack", 0x1010, 0xdead0000, 0, 0x1100, 0x1108, 0x1110)
	check("no frame", 0, 0x1008, 0x1100)
	check("frame outside", 0x7fff_0000, 0x1008, 0x1100)
	check("frame askew", 0x1011, 0x1008, 0x1100)
	check("frame at the edge", 0x11f8, 0x1008, 0x1100)
	check("everything wild", 1<<64-8, 1<<64-8, 1<<64-8)
	set(0x1080, 0x1010) // a loop
	check("loop", 0x1010, 0x1008, 0x1100, 0x1100, 0x1108, 0x1110)

	// Random memory: it ends, and reads nothing outside.
	for range 2000 {
		for i := range m.words {
			m.words[i] = m.start + rand.Uint64N(uint64(len(m.words)*8+32))
		}
		got := walkFrames(m.start+rand.Uint64N(600), m.start+rand.Uint64N(600), rand.Uint64N(0x2000), m.window(), m.word)
		if len(got) > maxCallers {
			t.Fatalf("%d callers", len(got))
		}
	}
}

func TestTakeHighest(t *testing.T) {
	for range 500 {
		var pending [VectorCount / 64]uint64
		var want []Vector
		for range rand.IntN(10) {
			v := Vector(32 + rand.IntN(VectorCount-32))
			pending[v/64] |= 1 << (v % 64)
		}
		for i, w := range pending {
			for ; w != 0; w &= w - 1 {
				if v := Vector(i*64 + bits.TrailingZeros64(w)); v != VectorSpurious {
					want = append(want, v)
				}
			}
		}
		slices.Reverse(want)
		var got []Vector
		for {
			v, ok := takeHighest(&pending)
			if !ok {
				break
			}
			got = append(got, v)
		}
		if !slices.Equal(got, want) || pending != [VectorCount / 64]uint64{} {
			t.Fatalf("took %d, want %d; left %#x", got, want, pending)
		}
	}
}

func TestReason(t *testing.T) {
	for want, trap := range map[string]KernelTrap{
		"#PF page fault, error code 0x2 (write, not present) at 0x8":      {Vector: 14, ErrorCode: 2, CR2: 8},
		"#GP general protection, error code 0x18":                         {Vector: 13, ErrorCode: 0x18},
		"#UD invalid opcode":                                              {Vector: 6, ErrorCode: 0},
		"interrupt vector 64 with interrupts on outside WaitForInterrupt": {Vector: 64},
	} {
		if got := trap.Reason(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
