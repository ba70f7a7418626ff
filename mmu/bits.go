package mmu

import (
	"strings"
	"sync/atomic"

	"faultline/zx"
)

// PTE is an entry of any paging structure: PML4E, PDPTE, PDE or PTE. The CPU
// writes A and D into entries behind our back, so entries in tables are read
// and changed by atomic operations only.
// Source: Intel SDM 3A 4.5, tables 4-15 to 4-20; AMD APM 2 5.4.
type PTE uint64

// Bits of an entry, masks under the manual's names.
const (
	PTE_P    PTE = 1 << 0  // present
	PTE_RW   PTE = 1 << 1  // writes allowed
	PTE_US   PTE = 1 << 2  // user-mode accesses allowed
	PTE_PWT  PTE = 1 << 3  // page-level write-through
	PTE_PCD  PTE = 1 << 4  // page-level cache disable
	PTE_A    PTE = 1 << 5  // accessed, set by the CPU
	PTE_D    PTE = 1 << 6  // dirty, set by the CPU; leaves only
	PTE_PAT  PTE = 1 << 7  // with PCD and PWT the entry of IA32_PAT; 4 KiB leaves only
	PTE_PS   PTE = 1 << 7  // page size, in a PDPTE or PDE: a 1 GiB or 2 MiB leaf
	PTE_G    PTE = 1 << 8  // global: survives a load of CR3; leaves only
	PTE_MMIO PTE = 1 << 9  // ours, the CPU ignores it: the window does not show the page
	PTE_XD   PTE = 1 << 63 // execute disable; reserved unless EFER.NXE

	// pteAddr is bits 51:12, the frame. Large leaves keep PAT in bit 12, which
	// we leave clear.
	pteAddr PTE = 0x000f_ffff_ffff_f000
)

// Bits of a page-fault error code. Source: Intel SDM 3A 4.7, figure 4-12.
const (
	PF_P    PageFaultError = 1 << 0 // the page was present: a protection fault
	PF_WR   PageFaultError = 1 << 1 // the access was a write
	PF_US   PageFaultError = 1 << 2 // the access was made in user mode
	PF_RSVD PageFaultError = 1 << 3 // a reserved bit was set in some entry
	PF_ID   PageFaultError = 1 << 4 // the access was an instruction fetch
)

// PageFaultError is the error code of a page fault.
type PageFaultError uint64

// Plain says that ring 3 made the access itself, and that no bit is set that this
// kernel has no meaning for: protection keys, shadow stacks, SGX, and RSVD, which
// no table of ours can cause.
func (e PageFaultError) Plain() bool { return e&^(PF_P|PF_WR|PF_ID) == PF_US }

// Need gives the permissions behind a Plain error code: Read, or
// Write instead; Exec besides for an instruction fetch. User mode and the present
// bit decide nothing here: every mapping is for user mode, and a present page may
// lack a permission or none. Source: SDM 3A 4.7.
func (e PageFaultError) Need() Prot {
	p := Read
	if e&PF_WR != 0 {
		p = Write
	}
	if e&PF_ID != 0 {
		p |= Exec
	}
	return p
}

// String spells the bits that are set, as in "P|WR|US".
func (e PageFaultError) String() string {
	names := [...]string{"P", "WR", "US", "RSVD", "ID"}
	var set []string
	for i, n := range names {
		if e&(1<<i) != 0 {
			set = append(set, n)
		}
	}
	if e>>len(names) != 0 {
		set = append(set, "UNKNOWN")
	}
	if set == nil {
		return "0"
	}
	return strings.Join(set, "|")
}

// Prot is what a leaf allows. Read is implied by any leaf: x86-64 has no
// write-only or execute-only pages without protection keys.
type Prot uint8

// Permissions of a leaf.
const (
	Read Prot = 1 << iota
	Write
	Exec
)

// String spells p in three letters, as in "rw-".
func (p Prot) String() string {
	s := []byte("---")
	for i, c := range []byte("rwx") {
		if p&(1<<i) != 0 {
			s[i] = c
		}
	}
	return string(s)
}

// Frame gives the frame an entry points to.
func (e PTE) Frame() Frame { return Frame(e & pteAddr >> zx.PageShift) }

// Present says whether the CPU uses the entry.
func (e PTE) Present() bool { return e&PTE_P != 0 }

// Prot gives what a leaf allows; nothing when it is not present.
func (e PTE) Prot() Prot {
	if e&PTE_P == 0 {
		return 0
	}
	p := Read
	if e&PTE_RW != 0 {
		p |= Write
	}
	if e&PTE_XD == 0 {
		p |= Exec
	}
	return p
}

// String spells an entry for a console: frame, permissions and bits.
func (e PTE) String() string {
	if !e.Present() {
		return "-"
	}
	names := [...]struct {
		bit  PTE
		name string
	}{{PTE_P, "P"}, {PTE_RW, "RW"}, {PTE_US, "US"}, {PTE_PWT, "PWT"}, {PTE_PCD, "PCD"}, {PTE_A, "A"},
		{PTE_D, "D"}, {PTE_PS, "PS"}, {PTE_G, "G"}, {PTE_XD, "XD"}}
	var set []string
	for _, n := range names {
		if e&n.bit != 0 {
			set = append(set, n.name)
		}
	}
	return strings.Join(set, "|")
}

// Leaf gives the entry of a 4 KiB user page less its frame: what Map and
// MapMissing take. A and D are never preset: a pager lives by what the CPU
// really did.
func (p Prot) Leaf() PTE {
	e := PTE_P | PTE_US
	if p&Write != 0 {
		e |= PTE_RW
	}
	if p&Exec == 0 {
		e |= PTE_XD
	}
	return e
}

// Rights of an entry that links a table. Of a user page leaves alone decide, so
// the tables above allow everything.
const (
	userTable   = PTE_P | PTE_RW | PTE_US
	kernelTable = PTE_P | PTE_RW | PTE_A
)

// CacheLeaf gives the bits of a leaf for a cache policy (zx.CachePolicy...), by the
// entries of IA32_PAT that package cpu sets.
func CacheLeaf(policy uint32) PTE {
	switch policy {
	case zx.CachePolicyUncached:
		return PTE_PCD // UC-
	case zx.CachePolicyUncachedDevice:
		return PTE_PCD | PTE_PWT // UC
	case zx.CachePolicyWriteCombining:
		return PTE_PAT
	}
	return 0
}

// table is one paging structure: 512 entries.
type table [tableEntries]uint64

const (
	tableEntries = 512
	indexBits    = 9
	indexMask    = tableEntries - 1
)

func (t *table) load(i uint64) PTE     { return PTE(atomic.LoadUint64(&t[i&indexMask])) }
func (t *table) store(i uint64, e PTE) { atomic.StoreUint64(&t[i&indexMask], uint64(e)) }

// at reaches the entry for the page at va. It is for atomic access only.
func (t *table) at(va uint64) *uint64 { return &t[va>>zx.PageShift&indexMask] }

// span gives the entries of a page table for [at, to), which must not be empty
// nor reach past the table. They are still for atomic access only.
func (t *table) span(at, to uint64) []uint64 {
	i := at >> zx.PageShift & indexMask
	return t[i : (to-1)>>zx.PageShift&indexMask+1]
}

// firstUsed gives the place of the first of entries that is in use, or how many there
// are. What is not there is passed over in three instructions.
func firstUsed(entries []uint64) (i int) {
	for ; i+8 <= len(entries); i += 8 {
		e := (*[8]uint64)(entries[i:])
		if atomic.LoadUint64(&e[0])|atomic.LoadUint64(&e[1])|atomic.LoadUint64(&e[2])|atomic.LoadUint64(&e[3])|
			atomic.LoadUint64(&e[4])|atomic.LoadUint64(&e[5])|atomic.LoadUint64(&e[6])|atomic.LoadUint64(&e[7]) != 0 {
			break
		}
	}
	for i < len(entries) && atomic.LoadUint64(&entries[i]) == 0 {
		i++
	}
	return i
}

// add sets bits of an entry in one step, so that a D the CPU sets meanwhile is not lost.
func (t *table) add(i uint64, bits PTE) { atomic.OrUint64(&t[i&indexMask], uint64(bits)) }
