package vmar

import (
	"sync"

	"faultline/mmu"
	"faultline/zx"
)

// The addresses user space may use: PML4[1] to PML4[255] without the last
// page, where an instruction could run into the non-canonical hole. What lies
// below is the kernel's.
const (
	UserBase zx.VirtAddr = 0x80_0000_0000
	UserEnd  zx.VirtAddr = 0x7fff_ffff_f000

	userSize = uint64(UserEnd - UserBase)
)

// DefaultFaultAround is how many pages a read fault maps at most, its own
// included.
const DefaultFaultAround = 16

// AddressSpace is the user space of one process.
type AddressSpace struct {
	mem   *mmu.Memory
	table *mmu.PageTable
	tlb   mmu.TLB

	mu     sync.Mutex
	root   *VMAR    // guarded by mu, as is everything below it
	last   *Mapping // the mapping found last, or none
	around uint64   // pages a read fault maps at most; at least 1
	count  int      // mappings alive
	areas  int      // regions alive, the root left out
	limit  int      // how many mappings and regions there may be
}

// MaxChildren is how many mappings and regions an address space may have, so
// that no program can eat the kernel's heap with them.
const MaxChildren = 1 << 16

// roomFor says whether n more mappings or regions are allowed.
// Locks: as.mu held.
func (as *AddressSpace) roomFor(n int) bool { return as.count+as.areas+n <= as.limit }

// none is a Mapping that holds no address: what last points to when there is
// no last mapping.
var none Mapping

// NewAddressSpace makes an empty address space whose kernel half is that of
// kernelTable. tlb is called whenever a translation was weakened.
//
// Errors: ErrNoMemory.
func NewAddressSpace(mem *mmu.Memory, kernelTable *mmu.PageTable, tlb mmu.TLB) (*AddressSpace, zx.Status) {
	table, st := mem.NewPageTable(kernelTable)
	if st != zx.OK {
		return nil, st
	}
	as := &AddressSpace{mem: mem, table: table, tlb: tlb, last: &none, around: DefaultFaultAround, limit: MaxChildren}
	as.root = &VMAR{
		space: as, base: uint64(UserBase), size: userSize,
		flags: canMapRWX | zx.VMCanMapSpecific,
	}
	return as, zx.OK
}

// Root is the region that spans the whole of user space and allows everything.
func (as *AddressSpace) Root() *VMAR { return as.root }

// CR3 is the value that register takes to run in this address space.
func (as *AddressSpace) CR3() zx.PhysAddr { return as.table.Root() }

// SetFaultAround sets how many pages a read fault maps at most: its own and,
// when it goes on where the one before it ended, the pages after it that have
// content. 1 turns fault-around off; 16 is the most.
func (as *AddressSpace) SetFaultAround(pages int) {
	as.mu.Lock()
	as.around = uint64(min(max(pages, 1), maxBatch))
	as.mu.Unlock()
}

// Destroy unmaps everything, lets go of every VMO, and frees the page tables.
// Pre: no CPU has this space in CR3, and no thread of the process will run in
// ring 3 or copy user memory again.
//
// Locks: none held; takes as.mu, then VMO locks one at a time.
func (as *AddressSpace) Destroy() {
	as.root.Destroy()
	as.table.Destroy()
}

// isUserRange says whether [va, va+n) is user space, without wrapping.
func isUserRange(va, n uint64) bool {
	return va >= uint64(UserBase) && zx.InRange(va-uint64(UserBase), n, userSize)
}

// find gives the mapping that holds va, or nil, and remembers it.
//
// Locks: as.mu held.
func (as *AddressSpace) find(va uint64) *Mapping {
	if m := as.last; va-m.base < m.size {
		return m
	}
	_, m := as.root.find(va)
	if m != nil {
		as.last = m
	}
	return m
}

// MappingInfo is what the console tells of a mapping.
type MappingInfo struct {
	Base   zx.VirtAddr
	Size   uint64 // bytes
	Prot   mmu.Prot
	Max    mmu.Prot // what zx_vmar_protect may raise Prot to
	VMO    uint32   // its ID
	Offset uint64   // bytes in the VMO
}

// ForEachMapping calls f with every mapping, by address, until it answers
// false. The list is that of one moment; f runs without locks.
func (as *AddressSpace) ForEachMapping(f func(MappingInfo) bool) {
	as.mu.Lock()
	list := make([]MappingInfo, 0, as.count)
	list = as.root.appendMappings(list)
	as.mu.Unlock()
	for _, m := range list {
		if !f(m) {
			return
		}
	}
}

// MappingAt gives the mapping that holds va, if one does.
func (as *AddressSpace) MappingAt(va zx.VirtAddr) (info MappingInfo, ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	m := as.find(uint64(va))
	if m == nil {
		return MappingInfo{}, false
	}
	return m.info(), true
}

// info describes the mapping. Locks: space.mu held.
func (m *Mapping) info() MappingInfo {
	return MappingInfo{zx.VirtAddr(m.base), m.size, m.prot, m.max, m.v.ID(), m.off}
}

// Mappings counts the mappings.
func (as *AddressSpace) Mappings() int {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.count
}

// Chain walks the page tables to va, any address, as the CPU would; see
// mmu.PageTable.Chain.
func (as *AddressSpace) Chain(va zx.VirtAddr) (chain [4]mmu.Entry, level int) {
	return as.table.Chain(va)
}
