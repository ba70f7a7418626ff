package mmu

import (
	"fmt"
	"math/bits"

	"faultline/zx"
)

// MaxOrder is the order of the largest block: 1<<MaxOrder frames, 1 GiB.
const MaxOrder = 18

// runOrder is the order of the blocks that single frames are handed out of.
const runOrder = 6

// drainFrames is how many single frames are joined to blocks in one go.
const drainFrames = 512

// blocks is a buddy allocator. A block is 1<<order frames, aligned to its size;
// its buddy is the other half of the block of the next order. Free blocks are
// listed by order, through the Meta of their first frame; two free buddies are
// one block.
//
// Only the first frame of a block that was ever free has a record that means
// something, so that nothing is touched for memory that nobody asked for. That is
// enough: the buddy of a block in use was free itself when the two were parted.
//
// Single frames, nearly all that are asked for, pass it by: they are handed out of
// a run, a block parted into all its frames at once, and those given back wait on
// a list, or on that of the frames full of zeros, and are handed out again. They are joined to blocks when somebody asks
// for a block that is not there. With several CPUs each has runs and a list of its own
// (cache).
//
// Guarded by Memory.mu.
type blocks struct {
	head [MaxOrder + 1]Frame // free blocks by order, doubly linked; 0 none
	n    [MaxOrder + 1]int
}

// order is the order of the free block whose first frame f is.
func (m *Memory) order(f Frame) int { return int(m.metas[f-m.first].live) }

// pushBlock lists a free block. Locks: m.mu held.
func (m *Memory) pushBlock(f Frame, order int) {
	next := m.blocks.head[order]
	m.metas[f-m.first] = Meta{Owner: OwnerBlock, Next: next, live: uint32(order)}
	if next != 0 {
		m.metas[next-m.first].Prev = f
	}
	m.blocks.head[order] = f
	m.blocks.n[order]++
}

// pullBlock takes a free block off its list; its record says then that the frame
// is free and no block. Locks: m.mu held.
func (m *Memory) pullBlock(f Frame, order int) {
	meta := &m.metas[f-m.first]
	if meta.Prev != 0 {
		m.metas[meta.Prev-m.first].Next = meta.Next
	} else {
		m.blocks.head[order] = meta.Next
	}
	if meta.Next != 0 {
		m.metas[meta.Next-m.first].Prev = meta.Prev
	}
	*meta = Meta{Owner: OwnerFree}
	m.blocks.n[order]--
}

// takeBlock gives a block of an order, parting larger ones, or 0. The records of
// its frames are undefined. Locks: m.mu held.
func (m *Memory) takeBlock(order int) Frame {
	at := order
	for at <= MaxOrder && m.blocks.head[at] == 0 {
		at++
	}
	if at > MaxOrder {
		return 0
	}
	f := m.blocks.head[at]
	m.pullBlock(f, at)
	for at > order {
		at--
		m.pushBlock(f+1<<at, at)
	}
	return f
}

// giveBlock takes a block back and joins it with its buddy while that is free.
// Locks: m.mu held.
func (m *Memory) giveBlock(f Frame, order int) {
	for order < MaxOrder {
		buddy := f ^ 1<<order
		i := int(buddy) - int(m.first)
		if i < 0 || i >= len(m.metas) || m.metas[i].Owner != OwnerBlock || m.order(buddy) != order {
			break
		}
		m.pullBlock(buddy, order)
		f &^= 1 << order
		order++
	}
	m.pushBlock(f, order)
}

// giveRange takes frames [f, end) back, as the largest blocks there are.
// Locks: m.mu held.
func (m *Memory) giveRange(f, end Frame) {
	for f < end {
		order := largest(f, end)
		m.giveBlock(f, order)
		f += 1 << order
	}
}

// largest is the order of the largest block that begins at f and ends by end.
func largest(f, end Frame) int {
	return min(bits.TrailingZeros32(uint32(f)), bits.Len32(uint32(end-f))-1, MaxOrder)
}

// refill makes run a block to hand frames out of, one by one, and says whether
// there is any. Locks: m.mu held.
func (m *Memory) refill() bool {
	m.run = m.takeRun(runOrder)
	return m.run.next < m.run.end
}

// takeRun takes a block of an order, or of the largest below it, none if there is no
// free block. The records of its frames say that they are free and no block.
// Locks: m.mu held.
func (m *Memory) takeRun(order int) span {
	for ; order >= 0; order-- {
		if f := m.takeBlock(order); f != 0 {
			metas := m.metas[f-m.first:][:1<<order]
			for i := range metas {
				metas[i].Owner = OwnerFree
			}
			return span{f, f + 1<<order}
		}
	}
	return span{}
}

// drain joins up to n of the frames that wait to be handed out to blocks, and the
// rest of the run, and says whether there were any. Locks: m.mu held.
func (m *Memory) drain(n int) bool {
	any := m.single != 0 || m.run.next < m.run.end
	m.giveRange(m.run.next, m.run.end)
	m.run = span{}
	for _, list := range [...]*Frame{&m.head, &m.zeros} {
		for ; n > 0 && *list != 0; n-- {
			f := *list
			*list = m.metas[f-m.first].Next
			m.single--
			m.giveBlock(f, 0)
		}
	}
	return any
}

// AllocContiguous gives n frames in a row, the first a multiple of 1<<align
// frames. Contents are undefined, each Meta is zero. Each frame is freed by Free,
// in any order. When there is no such run it joins what single frames are free,
// which may take long: b looks up meanwhile. Nobody pays for them until their
// owner adopts them, one by one.
//
// Locks: none held; takes Memory's.
// Errors: NO_MEMORY there is no such run, though there may be as many frames |
// what b answers.
func (m *Memory) AllocContiguous(n uint64, align int, b *zx.Budget) (Frame, zx.Status) {
	if n == 0 || n > 1<<MaxOrder || align > MaxOrder {
		return 0, zx.ErrNoMemory
	}
	order := max(bits.Len64(n-1), align)
	m.mu.Lock()
	f, low := m.takeFrames(Frame(n), order)
	if f == 0 && m.caches != nil {
		m.mu.Unlock()
		m.cached(true)
		m.mu.Lock()
		f, low = m.takeFrames(Frame(n), order)
	}
	for f == 0 && m.drain(drainFrames) {
		m.mu.Unlock()
		if st := b.Look(); st != zx.OK {
			return 0, st
		}
		m.mu.Lock()
		f, low = m.takeFrames(Frame(n), order)
	}
	m.mu.Unlock()
	if f == 0 {
		return 0, zx.ErrNoMemory
	}
	if low {
		m.lowHook()
	}
	return f, zx.OK
}

// takeFrames takes n frames of a block of order, and gives the first, or 0, and
// whether the free count fell below the mark. Locks: m.mu held.
func (m *Memory) takeFrames(n Frame, order int) (f Frame, low bool) {
	if m.sim != nil && !m.sim.mayAlloc() {
		return 0, false
	}
	if f = m.takeBlock(order); f == 0 {
		return 0, false
	}
	end := f + n
	clear(m.metas[f-m.first : end-m.first])
	m.giveRange(end, f+1<<order)
	low = m.free > m.trip && m.free-int(n) <= m.trip
	m.free -= int(n)
	if m.sim != nil {
		for at := f; at < end; at++ {
			m.sim.allocated(m, at)
		}
	}
	return f, low
}

// open hands the frames of spans to the buddy allocator and takes the zero page.
// Pre: nothing was allocated but page tables, the first frames of spans[0].
func (m *Memory) open(spans []span) error {
	// A block at an end of a span may have a buddy outside, whose record must
	// not look like that of a free block.
	for _, s := range spans {
		for f := s.next; f < s.end; {
			order := largest(f, s.end)
			if buddy := int(f^1<<order) - int(m.first); buddy >= 0 && buddy < len(m.metas) {
				m.metas[buddy].Owner = OwnerReserved
			}
			f += 1 << order
		}
	}
	for _, s := range spans {
		m.giveRange(s.next, s.end)
		m.total += int(s.end - s.next)
	}
	m.free, m.lowest = m.total, m.total
	zero, st := m.AllocZeroed()
	if st != zx.OK {
		return fmt.Errorf("mmu: no frame for the zero page among %d: %w", m.total, st)
	}
	m.zero = zero
	m.Meta(zero).Owner = OwnerZero
	return nil
}
