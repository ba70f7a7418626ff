package mmu

import (
	"faultline/spin"
	"faultline/zx"
)

// cache is free frames that one CPU has at hand, where there are several: it takes
// them from the pool and gives them back many at a time, so that CPUs that allocate
// do not meet. While there is a free frame anywhere, Alloc does not fail.
//
// An owner of frames that pays for them ahead stays with the cache of one CPU until
// that runs dry, or somebody else is at it: then he goes to that of the CPU he runs
// on. So nobody asks which CPU that is each time. All others use the pool.
type cache struct {
	mu   spin.Lock // before Memory's
	head Frame     // through Meta.Next
	n    int
	_    [48]byte
}

// What a cache takes and gives at once, and the most it keeps.
const (
	cacheBatch = 64
	cacheMost  = 6 * cacheBatch
)

// SetCPUs says that n CPUs use the memory; current is the number of the one that
// calls it. Page tables made from now on have a lane for each. Pre: called once,
// before others use m.
func (m *Memory) SetCPUs(n int, current func() int) {
	if n > 1 {
		m.caches, m.current = make([]cache, n), current
	}
}

// CPUs is how many CPUs use the memory.
func (m *Memory) CPUs() int { return max(1, len(m.caches)) }

// mine is the cache of this CPU.
func (m *Memory) mine() *cache { return &m.caches[m.current()] }

// pop takes out a frame, 0 if there is none. Locks: c.mu held.
func (c *cache) pop(m *Memory) Frame {
	f := c.head
	if f != 0 {
		meta := &m.metas[f-m.first]
		c.head = meta.Next
		*meta = Meta{}
		c.n--
	}
	return f
}

// allocNear is alloc from the owner's cache.
func (m *Memory) allocNear() (Frame, zx.Status) {
	if c := m.near; m.sim == nil && c.mu.TryLock() {
		if f := c.head; f != 0 {
			meta := &m.metas[f-m.first]
			c.head = meta.Next
			*meta = Meta{}
			c.n--
			c.mu.Unlock()
			return f, zx.OK
		}
		c.mu.Unlock()
	}
	if !m.mayAlloc() {
		return 0, zx.ErrNoMemory
	}
	c := m.mine()
	m.near = c
	c.mu.Lock()
	f := c.pop(m)
	var low func()
	if f == 0 {
		low = m.stock(c)
		f = c.pop(m)
	}
	c.mu.Unlock()
	if low != nil {
		low()
	}
	if f == 0 {
		return m.allocFar()
	}
	m.simAllocated(f)
	return f, zx.OK
}

// allocFar takes a frame that some CPU has at hand. Locks: those of the caches.
func (m *Memory) allocFar() (Frame, zx.Status) {
	for i := range m.caches {
		c := &m.caches[i]
		c.mu.Lock()
		f := c.pop(m)
		c.mu.Unlock()
		if f != 0 {
			m.simAllocated(f)
			return f, zx.OK
		}
	}
	return 0, zx.ErrNoMemory
}

// stock fills c from the pool, with less when little is left there, and gives the
// hook to call if the pool's count fell below the mark. Locks: c.mu held.
func (m *Memory) stock(c *cache) (low func()) {
	m.mu.Lock()
	before := m.free
	for n := min(cacheBatch, 1+before/(4*len(m.caches))); c.n < n; c.n++ {
		f := m.take()
		if f == 0 {
			break
		}
		m.metas[f-m.first] = Meta{Owner: OwnerFree, Next: c.head}
		c.head = f
	}
	if before > m.trip && m.free <= m.trip {
		low = m.lowHook
	}
	m.mu.Unlock()
	return low
}

// freeNear is Free to the owner's cache.
func (m *Memory) freeNear(f Frame) {
	meta := &m.metas[f-m.first]
	if meta.Owner >= OwnerZero && meta.Owner != OwnerTable {
		m.unused(f, meta)
	}
	m.simFreed(f)
	c := m.near
	if !c.mu.TryLock() {
		c = m.mine()
		m.near = c
		c.mu.Lock()
	}
	meta.Owner, meta.Next = OwnerFree, c.head
	c.head = f
	if c.n++; c.n > cacheMost {
		m.unstock(c, cacheBatch)
	}
	c.mu.Unlock()
}

// unstock gives n frames of c back to the pool. Locks: c.mu held.
func (m *Memory) unstock(c *cache, n int) {
	m.mu.Lock()
	m.lowest = min(m.lowest, m.free)
	m.free += n
	m.single += n
	for ; n > 0; n-- {
		f := c.pop(m)
		m.metas[f-m.first] = Meta{Owner: OwnerFree, Next: m.head}
		m.head = f
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
