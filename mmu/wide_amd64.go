package mmu

import "faultline/zx"

// haveAVX says whether the CPU has 32-byte moves and the system keeps the
// registers they use. In ring 0 that is so once cpu.Init has set CR4.OSXSAVE and
// XCR0; whoever traps into the kernel has had these registers saved.
// Source: Intel SDM 1 14.3 (detection of AVX).
func haveAVX() bool

// zeroWide clears a page, in 145 instructions. Counted so, the runtime's memclr
// takes 270, or 520 by REP STOSQ where the CPU is said to like that.
// Pre: haveAVX; p is 32-byte aligned.
//
//go:noescape
func zeroWide(p *[zx.PageSize]byte)

// copyWide copies a page, in 295 instructions. Pre: haveAVX; the pages are
// distinct and 32-byte aligned.
//
//go:noescape
func copyWide(dst, src *[zx.PageSize]byte)

// flushPage writes what the caches of all CPUs hold of a page to memory and drops
// it there, in 195 instructions. No CPU with x86-64 has lines of less than 64 bytes.
// Source: Intel SDM 2A CLFLUSH.
//
//go:noescape
func flushPage(p *[zx.PageSize]byte)
