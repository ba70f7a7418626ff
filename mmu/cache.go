package mmu

import (
	"math/bits"

	"faultline/spin"
	"faultline/zx"
)

// cache is free frames that one CPU has at hand, where there are several: it takes
// them from the pool and gives them back many at a time, so that CPUs that allocate
// do not meet. While there is a free frame anywhere, Alloc does not fail.
//
// What it takes is a whole block, and what it gives back is joined to blocks, so the
// frames of a block are one CPU's, and so are the cache lines that hold their
// records: 16 records fill five lines. Lines are shared only by frames that one CPU
// took and another freed, or by those of blocks below 16 frames, when no larger
// ones are left.
//
// An owner of frames stays with the cache of the CPU on which he took the first until
// that runs dry, somebody else is at it, or he pays for more: then he goes to that of
// the CPU he runs on. So nobody asks which CPU that is each time.
type cache struct {
	mu   spin.Lock // before Memory's
	head Frame     // through Meta.Next
	n    int
	most int // it keeps; constant
	_    [40]byte
}

// How many frames a cache takes, as 1<<order, and gives at once. It keeps cacheMost, or
// where there is much memory more, a cacheShare of it in all caches: who takes many
// pages again and again gets those back that his CPU knows. It is less than what the
// evictor keeps free, or that would count as free without being in the pool.
const (
	cacheOrder = runOrder
	cacheBatch = 1 << cacheOrder
	cacheMost  = 6 * cacheBatch
	cacheShare = 128
)

// SetCPUs says that n CPUs use the memory; current is the number of the one that
// calls it. Page tables made from now on have a lane for each. Pre: called once,
// before others use m.
func (m *Memory) SetCPUs(n int, current func() int) {
	if n > 1 {
		m.drain(m.single)
		m.caches, m.current = make([]cache, n), current
		for i := range m.caches {
			m.caches[i].most = max(cacheMost, m.total/(cacheShare*n))
		}
	}
}

// CPUs is how many CPUs use the memory.
func (m *Memory) CPUs() int { return max(1, len(m.caches)) }

// CPU is the number of the CPU that calls it, which may be on another soon.
func (m *Memory) CPU() int {
	if m.current == nil {
		return 0
	}
	return m.current()
}

// pop takes out a frame, 0 if there is none, and says whether it is known to be full
// of zeros. Locks: c.mu held.
func (c *cache) pop(m *Memory) (f Frame, zeroed bool) {
	if f = c.head; f != 0 {
		meta := &m.metas[f-m.first]
		c.head = meta.Next
		zeroed = meta.Owner == OwnerZeroed
		*meta = Meta{}
		c.n--
	}
	return f, zeroed
}

// allocNear is alloc from the owner's cache, or that of this CPU.
//
//go:nosplit
func (m *Memory) allocNear() (f Frame, zeroed bool, st zx.Status) {
	if c := m.near; c != nil && m.sim == nil && c.mu.TryLock() {
		f, zeroed = c.pop(m)
		c.mu.Unlock()
		if f != 0 {
			return f, zeroed, zx.OK
		}
	}
	if !m.mayAlloc() {
		return m.none()
	}
	c := m.lockMine()
	f, zeroed = c.pop(m)
	var low func()
	if f == 0 {
		low = m.stock(c)
		f, zeroed = c.pop(m)
	}
	c.mu.Unlock()
	if low != nil {
		low()
	}
	if f == 0 {
		return m.allocFar()
	}
	m.simAllocated(f)
	return f, zeroed, zx.OK
}

// lockMine locks the cache of this CPU, with which the owner stays from now on, if
// he has a lock that guards this.
func (m *Memory) lockMine() *cache {
	c := &m.caches[m.current()]
	if m.payer != nil {
		m.near = c
	}
	c.mu.Lock()
	return c
}

// allocFar takes a frame that some CPU has at hand. Locks: those of the caches.
func (m *Memory) allocFar() (Frame, bool, zx.Status) {
	for i := range m.caches {
		c := &m.caches[i]
		c.mu.Lock()
		f, zeroed := c.pop(m)
		c.mu.Unlock()
		if f != 0 {
			m.simAllocated(f)
			return f, zeroed, zx.OK
		}
	}
	return m.none()
}

// stock fills c with a block of the pool, a smaller one when little is left there, and
// gives the hook to call if the pool's count fell below the mark.
// Locks: c.mu held. Pre: c is empty.
func (m *Memory) stock(c *cache) (low func()) {
	m.mu.Lock()
	run := m.takeRun(min(cacheOrder, bits.Len(uint(1+m.free/(4*len(m.caches))))-1))
	n := int(run.end - run.next)
	m.free -= n
	if m.free <= m.trip && m.free+n > m.trip {
		low = m.lowHook
	}
	m.mu.Unlock()
	for f := run.end; f > run.next; {
		f--
		m.metas[f-m.first].Next = c.head
		c.head = f
	}
	c.n = n
	return low
}

// freeNear is free1 of n frames that hang together by Meta.Next, to the owner's cache,
// or that of this CPU. It gives the one after them.
func (m *Memory) freeNear(f Frame, n int, as uint32) Frame {
	c := m.near
	if c == nil || !c.mu.TryLock() {
		c = m.lockMine()
	}
	for ; n > 0; n-- {
		meta := &m.metas[f-m.first]
		if meta.Owner >= OwnerZeroed && meta.Owner != OwnerTable {
			m.unused(f, meta)
		}
		next := meta.Next
		meta.Owner, meta.Next = m.simFreed(f, as), c.head
		c.head, f = f, next
		if c.n++; c.n > c.most {
			m.unstock(c, cacheBatch)
		}
	}
	c.mu.Unlock()
	return f
}

// unstock gives n frames of c back to the pool, joined to blocks. Locks: c.mu held.
func (m *Memory) unstock(c *cache, n int) {
	m.mu.Lock()
	m.lowest = min(m.lowest, m.free)
	m.free += n
	for ; n > 0; n-- {
		f, _ := c.pop(m)
		m.giveBlock(f, 0)
	}
	m.mu.Unlock()
}

// cached counts the frames in all caches; give gives them back to the pool.
func (m *Memory) cached(give bool) (n int) {
	for i := range m.caches {
		c := &m.caches[i]
		c.mu.Lock()
		if n += c.n; give {
			m.unstock(c, c.n)
		}
		c.mu.Unlock()
	}
	return n
}
