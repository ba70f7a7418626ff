package mmu

import "faultline/zx"

// CopyIn copies user memory at va to dst through the physical window, page by
// page, for as long as the entries let user mode read, and gives the number of
// bytes copied. It holds the table's lock meanwhile: whoever takes a frame
// away unmaps it first, and so waits. va need not be aligned; addresses
// outside user space, and a destroyed table, give 0. The pages count as accessed.
func (t *PageTable) CopyIn(dst []byte, va zx.VirtAddr) int {
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
	if va>>shift(LevelPD) != t.leafKey {
		slot := va >> shift(LevelPML4)
		if slot < userSlotFirst || slot > userSlotLast || t.root == 0 {
			return nil
		}
		if from, to := t.seek(va, va+1); from == to {
			return nil
		}
	}
	i := va >> zx.PageShift
	e := t.leaf.load(i)
	if e&need != need {
		return nil
	}
	if flags &^= e; flags != 0 {
		t.leaf.add(i, flags)
	}
	return t.mem.Bytes(e.Frame())
}
