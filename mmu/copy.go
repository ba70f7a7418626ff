package mmu

import "faultline/zx"

// CopyIn copies user memory at va to dst through the physical window, page by
// page, for as long as the entries let user mode read, and gives the number of
// bytes copied. It holds the table's lock meanwhile: whoever takes a frame
// away unmaps it first, and so waits. va need not be aligned; addresses
// outside user space, registers of devices, and a destroyed table, give 0. The pages count as accessed.
//
// A copy within one page whose page table was used lately takes 70 instructions
// besides the bytes.
func (t *PageTable) CopyIn(dst []byte, va zx.VirtAddr) int {
	const need = PTE_P | PTE_US | PTE_A // no flag is to be set
	if t.mu.TryLock() {
		c, at := t.recently(uint64(va)), uint64(va)&zx.PageMask
		if c.key == uint64(va)>>shift(LevelPD) && uint64(len(dst)) <= zx.PageSize-at {
			if e := c.leaf.load(uint64(va) >> zx.PageShift); e&(need|PTE_MMIO) == need {
				copy(dst, t.mem.target(e)[at:])
				t.mu.Unlock()
				return len(dst)
			}
		}
		t.mu.Unlock()
	}
	return t.copyIn(dst, va)
}

// copyIn is CopyIn of any bytes.
func (t *PageTable) copyIn(dst []byte, va zx.VirtAddr) int {
	t.mu.Lock()
	n := 0
	for n < len(dst) {
		page := t.userPage(uint64(va)+uint64(n), PTE_P|PTE_US, PTE_A)
		if page == nil {
			break
		}
		n += copy(dst[n:], page[(uint64(va)+uint64(n))&zx.PageMask:])
	}
	t.mu.Unlock()
	return n
}

// CopyOut copies src to user memory at va for as long as the entries let user
// mode write. The pages count as accessed and dirty. Otherwise as CopyIn.
func (t *PageTable) CopyOut(va zx.VirtAddr, src []byte) int {
	const need = PTE_P | PTE_US | PTE_RW | PTE_A | PTE_D
	if t.mu.TryLock() {
		c, at := t.recently(uint64(va)), uint64(va)&zx.PageMask
		if c.key == uint64(va)>>shift(LevelPD) && uint64(len(src)) <= zx.PageSize-at {
			if e := c.leaf.load(uint64(va) >> zx.PageShift); e&(need|PTE_MMIO) == need {
				copy(t.mem.target(e)[at:], src)
				t.mu.Unlock()
				return len(src)
			}
		}
		t.mu.Unlock()
	}
	return t.copyOut(va, src)
}

// copyOut is CopyOut of any bytes.
func (t *PageTable) copyOut(va zx.VirtAddr, src []byte) int {
	t.mu.Lock()
	n := 0
	for n < len(src) {
		page := t.userPage(uint64(va)+uint64(n), PTE_P|PTE_US|PTE_RW, PTE_A|PTE_D)
		if page == nil {
			break
		}
		n += copy(page[(uint64(va)+uint64(n))&zx.PageMask:], src[n:])
	}
	t.mu.Unlock()
	return n
}

// userPage reaches the page at va if its leaf has all of need, and sets flags
// in it as the CPU would; nil if not. Locks: t.mu held.
func (t *PageTable) userPage(va uint64, need, flags PTE) *[zx.PageSize]byte {
	if !t.isUser(va) {
		return nil
	}
	c, _ := t.reach(va)
	if c == nil {
		return nil
	}
	i := va >> zx.PageShift
	e := c.leaf.load(i)
	if e&(need|PTE_MMIO) != need {
		return nil
	}
	if flags &^= e; flags != 0 {
		c.leaf.add(i, flags)
	}
	return t.mem.target(e)
}
