package mmu

import "faultline/zx"

// CopyIn copies user memory at va to dst through the physical window, page by
// page, for as long as the entries let user mode read, and gives the number of
// bytes copied. It holds the table's lock meanwhile: whoever takes a frame
// away unmaps it first, and so waits. va need not be aligned; addresses
// outside user space, and a destroyed table, give 0. The pages count as accessed.
//
// A copy within one page whose page table was used lately takes 55 instructions
// besides the bytes.
func (t *PageTable) CopyIn(dst []byte, va zx.VirtAddr) int {
	if t.mu.TryLock() {
		if page := t.userBytes(uint64(va), len(dst), PTE_P|PTE_US|PTE_A); page != nil {
			n := copy(dst, page)
			t.mu.Unlock()
			return n
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
	if t.mu.TryLock() {
		if page := t.userBytes(uint64(va), len(src), PTE_P|PTE_US|PTE_RW|PTE_A|PTE_D); page != nil {
			n := copy(page, src)
			t.mu.Unlock()
			return n
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

// userBytes reaches the bytes from va to the end of its page if they are n or
// more, the page table was used lately and the leaf has all of need, flags
// included, so that nothing is to be changed; nil if not. Locks: t.mu held.
func (t *PageTable) userBytes(va uint64, n int, need PTE) []byte {
	c := t.recently(va)
	if c.key != va>>shift(LevelPD) {
		return nil
	}
	e := c.leaf.load(va >> zx.PageShift)
	if e&need != need || n > zx.PageSize-int(va&zx.PageMask) {
		return nil
	}
	return t.mem.Bytes(e.Frame())[va&zx.PageMask:]
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
	if e&need != need {
		return nil
	}
	if flags &^= e; flags != 0 {
		c.leaf.add(i, flags)
	}
	return t.mem.Bytes(e.Frame())
}
