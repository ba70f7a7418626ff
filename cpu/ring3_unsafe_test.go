//go:build tamago

package cpu_test

import (
	"testing"
	"unsafe"

	_ "faultline/board/qemu"
	"faultline/cpu"
)

// A small ring 3 for the tests: four pages under a table of their own that
// shares the kernel's half. Frames come from the Go heap, which is identity
// mapped; the tests stay clear of package mmu.

const (
	userCode  = 0x80_0000_0000 // read, execute
	userData  = userCode + 0x1000
	userStack = userCode + 0x2000 // the page; RSP starts at its end
	userROM   = userCode + 0x3000 // read only
	userHole  = userCode + 0x4000 // nothing
	userKern  = userCode + 0x5000 // present, supervisor
	userSP    = userStack + 0x1000

	pteP, pteRW, pteUS, ptePS, pteXD = 1, 2, 4, 0x80, 1 << 63
)

type page [4096]byte

// pages keeps every frame of the tests alive.
var pages []*[2]page

func newPage() *page {
	two := new([2]page)
	pages = append(pages, two)
	addr := uintptr(unsafe.Pointer(two))
	return (*page)(unsafe.Add(unsafe.Pointer(two), -addr&4095))
}

func (p *page) addr() uint64        { return uint64(uintptr(unsafe.Pointer(p))) }
func (p *page) table() *[512]uint64 { return (*[512]uint64)(unsafe.Pointer(p)) }

func pageAt(pa uint64) *page { return (*page)(unsafe.Add(nil, uintptr(pa))) }

// peek reads the byte at a linear address of the kernel's.
func peek(va uint64) byte { return *(*byte)(unsafe.Add(nil, uintptr(va))) }

func poke32(pa uint64, v uint32) { *(*uint32)(unsafe.Add(nil, uintptr(pa))) = v }
func peek32(pa uint64) uint32    { return *(*uint32)(unsafe.Add(nil, uintptr(pa))) }

// ring3 is one thread and its memory.
type ring3 struct {
	*cpu.Regs
	root              uint64
	pt                *[512]uint64
	code, data, stack *page
	rom               *page
	kernelRoot        uint64
}

// newRing3 maps code at userCode and points a thread at it. The test ends with
// the kernel's own page table loaded again.
func newRing3(t testing.TB, code ...[]byte) *ring3 {
	u := &ring3{Regs: cpu.NewRegs(), kernelRoot: cpu.ReadCR3()}
	pml4, pdpt, pd, pt := newPage(), newPage(), newPage(), newPage()
	u.code, u.data, u.stack, u.rom = newPage(), newPage(), newPage(), newPage()
	pml4.table()[0] = pageAt(u.kernelRoot &^ 0xfff).table()[0]
	pml4.table()[1] = pdpt.addr() | pteP | pteRW | pteUS
	pdpt.table()[0] = pd.addr() | pteP | pteRW | pteUS
	pd.table()[0] = pt.addr() | pteP | pteRW | pteUS
	u.pt = pt.table()
	u.pt[0] = u.code.addr() | pteP | pteUS
	u.pt[1] = u.data.addr() | pteP | pteUS | pteRW | pteXD
	u.pt[2] = u.stack.addr() | pteP | pteUS | pteRW | pteXD
	u.pt[3] = u.rom.addr() | pteP | pteUS | pteXD
	u.pt[5] = newPage().addr() | pteP | pteRW
	u.root = pml4.addr()
	u.load(code...)
	u.SetRIP(userCode)
	u.RSP = userSP
	t.Cleanup(func() { cpu.WriteCR3(u.kernelRoot) })
	return u
}

// load replaces the code.
func (u *ring3) load(code ...[]byte) {
	n := 0
	for _, c := range code {
		n += copy(u.code[n:], c)
	}
}

// run enters ring 3 until the next trap.
func (u *ring3) run() cpu.Vector {
	cpu.WriteCR3(u.root)
	cpu.Exec(u.Regs)
	return u.Vector()
}

// call runs machine code in ring 0, from the heap: the board's boot tables
// let it. No code: a call to address 0.
func call(code []byte) {
	p := newPage()
	copy(p[:], code)
	if code == nil {
		callAt(0)
		return
	}
	callAt(p.addr())
}

// callAt calls machine code at addr as a Go function.
func callAt(addr uint64) {
	f := &addr // a func value is a pointer to its entry address
	(*(*func())(unsafe.Pointer(&f)))()
}
