package cpu

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
)

// The CPUs besides the boot CPU (application processors).
//
//	           Prepare          SIPI, trampoline, apEntry              Run
//	(nothing) ---------> (cold) --------------------------> (waiting) -----> Go
//	                        |  no answer within reason
//	                        +--> left out
//
// A CPU that answers has everything as the boot CPU has it, and spins until it is
// given something to run. Source: Intel SDM 3A 9.4 (MP initialization).

// States of a block.
const (
	apCold uint32 = iota
	apWaiting
)

// shared is what an application processor loads to be as the boot CPU; filled by
// Prepare. Until a CPU is as the boot CPU it runs no Go but this.
var shared struct {
	cr0, cr4, efer, xcr0 uint64
	sep, slow, xsave     bool
	count                int
	msrs                 [64]struct {
		register MSR
		value    uint64
	}
}

// Memory types: the same physical memory must be cached alike by all CPUs.
// Source: Intel SDM 3A 13.11, 13.12.
const (
	ia32MTRRCap     = MSR(0xfe)
	ia32MTRRBase    = MSR(0x200)
	ia32MTRRFixed64 = MSR(0x250)
	ia32MTRRFixed16 = MSR(0x258)
	ia32MTRRFixed4  = MSR(0x268)
	ia32PAT         = MSR(0x277)
	ia32MTRRDefType = MSR(0x2ff)

	cpuidMTRR = 1 << 12
	cpuidPAT  = 1 << 16
)

// share notes the boot CPU's registers.
func share(f *Features) {
	s := &shared
	s.cr0, s.cr4, s.efer = ReadCR0(), ReadCR4(), ReadMSR(IA32_EFER)
	s.sep, s.slow, s.xsave = f.SEP, boot.slow != 0, f.XSAVE
	if f.XSAVE {
		s.xcr0 = ReadXCR0()
	}
	s.count = 0
	add := func(register MSR) {
		s.msrs[s.count].register, s.msrs[s.count].value = register, ReadMSR(register)
		s.count++
	}
	_, _, _, features := CPUID(1, 0)
	if features&cpuidMTRR != 0 {
		// The default type last: it turns the others on.
		limits := ReadMSR(ia32MTRRCap)
		for i := range MSR(min(limits&0xff, 16)) {
			add(ia32MTRRBase + 2*i)
			add(ia32MTRRBase + 2*i + 1)
		}
		if limits>>8&1 != 0 {
			add(ia32MTRRFixed64)
			add(ia32MTRRFixed16)
			add(ia32MTRRFixed16 + 1)
			for i := range MSR(8) {
				add(ia32MTRRFixed4 + i)
			}
		}
		add(ia32MTRRDefType)
	}
	if features&cpuidPAT != 0 {
		add(ia32PAT)
	}
}

// Prepare makes the block of CPU id, whose local APIC has the number apicID, and
// gives the code to put at page, which is RAM below 1 MiB that the current page
// table maps 1:1: the CPU starts there, and comes to Ready.
//
// Pre: Init done, on the boot CPU, with page tables below 4 GiB that map the kernel
// 1:1; the CPU before has answered, or never will.
func Prepare(f *Features, id int, apicID uint32, page uint32) []byte {
	if id <= 0 || id >= MaxCPUs || page%0x1000 != 0 || page >= 1<<20 || ReadCR3() >= 1<<32 {
		panic(fmt.Sprintf("cpu.Prepare: CPU %d, page %#x, CR3 %#x", id, page, ReadCR3()))
	}
	share(f)
	b := &block{
		mxcsr: boot.mxcsr, slow: boot.slow, xsave: boot.xsave,
		id: uint32(id), apicID: apicID,
		ist: make([]byte, (istCount+1)*trapStackPage),
	}
	blocks[id] = b
	b.kernFS = b.tlsAddr()
	b.tls[0] = bootG0 // something to point at
	var ist [istCount]uint64
	for i := range ist {
		ist[i] = topOf(b.ist[:(i+1)*trapStackPage])
	}
	b.stack = topOf(b.ist)
	b.build(&ist)
	atomic.StoreUint64(&arriving, b.self)
	return trampoline(page, uint32(ReadCR3()), f.NX)
}

// arriving is the block of the CPU that is being started. The CPU takes it; one that
// comes late finds nothing, or another's, and halts.
var arriving uint64

// Ready says whether CPU id has answered.
func Ready(id int) bool {
	return blocks[id] != nil && atomic.LoadUint32(&blocks[id].state) == apWaiting
}

// LeaveOut gives up on CPU id: should it come yet, it halts.
func LeaveOut(id int) {
	atomic.StoreUint64(&arriving, 0)
	blocks[id] = nil
}

// Run has CPU id run fn on the stack sp with g in its place, for good.
//
// Pre: Ready(id), and nobody has called Run for it.
func Run(id int, sp, g, fn uint64) {
	b := blocks[id]
	b.taskSP, b.taskG = sp, g
	atomic.StoreUint64(&b.taskFn, fn)
}

// join makes this CPU as the boot CPU is, with b its block. It says false if it is
// not the CPU that b was made for.
//
//go:nosplit
func (b *block) join() bool {
	_, ebx, _, _ := CPUID(1, 0)
	if ebx>>24 != b.apicID&0xff {
		return false
	}
	s := &shared
	WriteCR4(s.cr4)
	if s.xsave {
		WriteXCR0(s.xcr0)
	}
	const lma = 1 << 10 // the CPU's own
	WriteMSR(IA32_EFER, s.efer&^lma|ReadMSR(IA32_EFER)&lma)
	for i := range s.count {
		WriteMSR(s.msrs[i].register, s.msrs[i].value)
	}
	WriteCR0(s.cr0) // caches on, now that they know what to cache
	b.load()
	initSyscall(s.sep, s.slow)
	return true
}

// apEntry is where the trampoline ends.
func apEntry()

// apEntryAddr is its address.
func apEntryAddr() uint64

// trampoline is the machine code that takes a CPU from real mode at page:0 to
// apEntry in long mode. The assembler knows 64-bit code only.
// Source: Intel SDM 3A 10.9.1, 10.8.5.
func trampoline(page, cr3 uint32, nx bool) []byte {
	efer := uint32(EFER_LME)
	if nx {
		efer |= uint32(EFER_NXE)
	}
	const (
		gdt    = 0xe0 // offsets in the page
		gdtr   = 0xd8
		code32 = 0x20
		code64 = 0x60
	)
	le := binary.LittleEndian
	p := make([]byte, 0x100)
	put := func(at int, parts ...any) {
		for _, part := range parts {
			switch v := part.(type) {
			case int: // an opcode byte
				p[at] = byte(v)
				at++
			case uint16:
				le.PutUint16(p[at:], v)
				at += 2
			case uint32:
				le.PutUint32(p[at:], v)
				at += 4
			case uint64:
				le.PutUint64(p[at:], v)
				at += 8
			}
		}
	}
	put(0,
		0xfa,       // cli
		0x8c, 0xc8, // mov ax, cs
		0x8e, 0xd8, // mov ds, ax
		0x66, 0x0f, 0x01, 0x16, uint16(gdtr), // lgdtd [gdtr]
		0x0f, 0x20, 0xc0, // mov eax, cr0
		0x66, 0x83, 0xc8, 0x01, // or eax, PE
		0x0f, 0x22, 0xc0, // mov cr0, eax
		0x66, 0xea, page+code32, uint16(0x08)) // jmp far code32
	put(code32,
		0x66, 0xb8, uint16(0x10), // mov ax, data
		0x8e, 0xd8, 0x8e, 0xd0, // mov ds, ax; mov ss, ax
		0xb8, uint32(CR4_PAE|CR4_OSFXSR|CR4_OSXMMEXCPT), 0x0f, 0x22, 0xe0, // mov cr4
		0xb8, cr3, 0x0f, 0x22, 0xd8, // mov cr3
		0xb9, uint32(IA32_EFER), 0x0f, 0x32, 0x0d, efer, 0x0f, 0x30, // rdmsr; or; wrmsr
		0x0f, 0x20, 0xc0, 0x0d, uint32(CR0_PG|CR0_WP|CR0_NE|CR0_MP), 0x0f, 0x22, 0xc0, // or cr0
		0xea, page+code64, uint16(0x18)) // jmp far code64
	put(code64,
		0x48, 0xb8, arrivingAddr(), // mov rax, &arriving
		0x31, 0xdb, // xor ebx, ebx
		0x48, 0x87, 0x18, // xchg rbx, [rax]
		0x48, 0x85, 0xdb, // test rbx, rbx
		0x74, 0x0c, // jz halt
		0x48, 0xb8, apEntryAddr(), // mov rax, apEntry
		0xff, 0xe0, // jmp rax
		0xf4, 0xeb, 0xfd) // halt: hlt; jmp halt
	put(gdtr, uint16(4*8-1), page+gdt)
	put(gdt, uint64(0), uint64(0x00cf9b000000ffff), uint64(0x00cf93000000ffff), uint64(0x00af9b000000ffff))
	return p
}

// joinCPU is join for apEntry.
//
//go:nosplit
func joinCPU(b *block) bool { return b.join() }
