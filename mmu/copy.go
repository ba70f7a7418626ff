package mmu

import "faultline/zx"

// CopyIn copies user memory at va to dst through the physical window, page by
// page, for as long as the entries let user mode read, and gives the number of
// bytes copied. It holds the lane's lock meanwhile: whoever takes a frame
// away unmaps it first, and so waits. va need not be aligned; addresses
// outside user space, registers of devices, and a destroyed table, give 0. The pages count as accessed.
//
// A copy within one page whose page table was used lately takes 70 instructions
// besides the bytes.
func (l *Lane) CopyIn(dst []byte, va zx.VirtAddr) int {
	const need = PTE_P | PTE_US | PTE_A // no flag is to be set
	if l.mu.TryLock() {
		c, at := l.copied.at(uint64(va)), uint64(va)&zx.PageMask
		if c.key == uint64(va)>>shift(LevelPD) && uint64(len(dst)) <= zx.PageSize-at {
			if e := c.leaf.load(uint64(va) >> zx.PageShift); e&(need|PTE_MMIO) == need {
				copy(dst, l.table.mem.target(e)[at:])
				l.mu.Unlock()
				return len(dst)
			}
		}
		l.mu.Unlock()
	}
	return l.copyAny(dst, uint64(va), false)
}

// copyAny is CopyIn of any bytes, or CopyOut if out is set.
func (l *Lane) copyAny(p []byte, va uint64, out bool) (n int) {
	need, flags := PTE_P|PTE_US, PTE_A
	if out {
		need, flags = need|PTE_RW, flags|PTE_D
	}
	l.mu.Lock()
	for n < len(p) {
		at := va + uint64(n)
		page := l.userPage(at, need, flags)
		if page == nil {
			break
		}
		if at &= zx.PageMask; out {
			n += copy(page[at:], p[n:])
		} else {
			n += copy(p[n:], page[at:])
		}
	}
	l.mu.Unlock()
	return n
}

// CopyOut copies src to user memory at va for as long as the entries let user
// mode write. The pages count as accessed and dirty. Otherwise as CopyIn.
func (l *Lane) CopyOut(va zx.VirtAddr, src []byte) int {
	const need = PTE_P | PTE_US | PTE_RW | PTE_A | PTE_D
	if l.mu.TryLock() {
		c, at := l.copied.at(uint64(va)), uint64(va)&zx.PageMask
		if c.key == uint64(va)>>shift(LevelPD) && uint64(len(src)) <= zx.PageSize-at {
			if e := c.leaf.load(uint64(va) >> zx.PageShift); e&(need|PTE_MMIO) == need {
				copy(l.table.mem.target(e)[at:], src)
				l.mu.Unlock()
				return len(src)
			}
		}
		l.mu.Unlock()
	}
	return l.copyAny(src, uint64(va), true)
}

// CopyPacket is CopyIn of a packet, or CopyOut if out is set, which every round
// trip through a port pays for, in half the instructions. It does nothing, and says
// so, unless the packet lies in one page whose page table a copy has used lately:
// CopyIn and CopyOut know all others.
//
//go:nosplit
func (l *Lane) CopyPacket(va zx.VirtAddr, p *zx.Packet, out bool) bool {
	need := PTE_P | PTE_US | PTE_A
	if out {
		need |= PTE_RW | PTE_D
	}
	at := uint64(va) & zx.PageMask
	if at > zx.PageSize-zx.PacketBytes || !l.mu.TryLock() {
		return false
	}
	if c := l.copied.at(uint64(va)); c.key == uint64(va)>>shift(LevelPD) {
		if e := c.leaf.load(uint64(va) >> zx.PageShift); e&(need|PTE_MMIO) == need {
			if user := packetAt(l.table.mem.target(e), at); out {
				*user = *p
			} else {
				*p = *user
			}
			l.mu.Unlock()
			return true
		}
	}
	l.mu.Unlock()
	return false
}

// userPage reaches the page at va if its leaf has all of need, and sets flags
// in it as the CPU would; nil if not. Locks: l.mu held.
func (l *Lane) userPage(va uint64, need, flags PTE) *[zx.PageSize]byte {
	if !l.table.isUser(va) {
		return nil
	}
	c, _ := l.table.reach(&l.copied, va)
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
	return l.table.mem.target(e)
}
