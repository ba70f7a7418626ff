package vmar

import (
	"faultline/account"
	"faultline/mmu"
	"faultline/spin"
	"faultline/vmo"
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
	mem     *mmu.Memory
	table   *mmu.PageTable
	tlb     mmu.TLB
	account *account.Account // pays for mappings and regions

	// One for each CPU. Whoever only looks holds the lock of one lane, whoever changes
	// something those of all (lock). That guards everything below.
	lanes  []Lane
	root   *VMAR
	around uint64   // pages a read fault maps at most; at least 1
	gone   *Mapping // ended in this slice, their VMOs still to be released; see inSlices
}

// Lane is an address space as one CPU uses it: its faults and copies write no line that
// another CPU reads. Any lane does for anybody.
type Lane struct {
	mu    spin.Lock
	last  *Mapping      // the mapping found last, or none; guarded by mu
	space *AddressSpace // constant, as is table
	table *mmu.Lane
	_     [32]byte
}

// Lane gives the lane of a CPU, by its number.
func (as *AddressSpace) Lane(cpu int) *Lane { return &as.lanes[cpu] }

// mine gives the lane of this CPU, for who was given none.
func (as *AddressSpace) mine() *Lane { return &as.lanes[as.mem.CPU()] }

// lock takes the locks of all lanes.
func (as *AddressSpace) lock() {
	for i := range as.lanes {
		as.lanes[i].mu.Lock()
	}
}

func (as *AddressSpace) unlock() {
	for i := range as.lanes {
		as.lanes[i].mu.Unlock()
	}
}

// childBytes is what a mapping or a region is charged for, its place in the VMO's
// list included.
var childBytes = account.Bytes(256)

// charge charges n mappings to come. Errors: ErrNoMemory.
func (as *AddressSpace) charge(n int) zx.Status { return as.account.Charge(int64(n) * childBytes) }

// none is a Mapping that holds no address: what last points to when there is
// no last mapping.
var none Mapping

// NewAddressSpace makes an empty address space whose kernel half is that of
// kernelTable. tlb is called whenever a translation was weakened; a pays for the
// mappings and regions, and for the page tables.
//
// Errors: ErrNoMemory.
func NewAddressSpace(mem *mmu.Memory, kernelTable *mmu.PageTable, tlb mmu.TLB, a *account.Account) (*AddressSpace, zx.Status) {
	mem = mem.PaidBy(a)
	table, st := mem.NewPageTable(kernelTable)
	if st != zx.OK {
		return nil, st
	}
	as := &AddressSpace{mem: mem, table: table, tlb: tlb, account: a, lanes: make([]Lane, mem.CPUs()), around: DefaultFaultAround}
	for i := range as.lanes {
		as.lanes[i] = Lane{last: &none, space: as, table: table.Lane(i)}
	}
	as.root = &VMAR{space: as, flags: canMapRWX | zx.VMCanMapSpecific}
	as.root.place = place{base: uint64(UserBase), size: userSize, region: as.root}
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
	as.lock()
	as.around = uint64(min(max(pages, 1), maxBatch))
	as.unlock()
}

// Destroy unmaps everything, lets go of every VMO, and frees the page tables,
// yielding by y, whose answer is ignored, as often as it must.
// Pre: no CPU has this space in CR3, and no thread of the process will run in
// ring 3 or copy user memory again.
//
// Locks: none held; locks the space, takes VMO locks one at a time.
func (as *AddressSpace) Destroy(y zx.Yielder) {
	for st := zx.ErrInternalIntrRetry; st != zx.OK && st != zx.ErrBadState; {
		st = as.root.Destroy(y)
	}
	as.table.Destroy()
	as.mem.Settle()
}

// inSlices calls step, with all lanes locked, until it says that all is done or fails.
// Between two slices the lock is free, the VMOs that step put on as.gone are
// released, and b looks up. So everything may have changed when step runs again.
//
// Locks: none held; locks the space. Errors: those of step | those of b.Look.
func (as *AddressSpace) inSlices(b *zx.Budget, step func() (done bool, st zx.Status)) zx.Status {
	for {
		as.lock()
		done, st := step()
		gone := as.gone
		as.gone = nil
		as.unlock()
		for m := gone; m != nil; m = m.heir {
			m.v.Release()
		}
		if done || st != zx.OK {
			return st
		}
		if st = b.Look(); st != zx.OK {
			return st
		}
	}
}

// isUserRange says whether [va, va+n) is user space, without wrapping.
func isUserRange(va, n uint64) bool {
	return va >= uint64(UserBase) && zx.InRange(va-uint64(UserBase), n, userSize)
}

// find gives the mapping that holds va, or nil, and remembers it.
//
// Locks: l.mu held.
func (l *Lane) find(va uint64) *Mapping {
	if m := l.last; va-m.base < m.size {
		return m
	}
	m := l.space.root.find(va)
	if m != nil {
		l.last = m
	}
	return m
}

// MappingInfo is what the console tells of a mapping.
type MappingInfo struct {
	Base   zx.VirtAddr
	Size   uint64 // bytes
	Prot   mmu.Prot
	VMO    zx.Koid
	Offset uint64 // bytes in the VMO
}

// MappingAt gives the mapping that holds va, if one does.
func (as *AddressSpace) MappingAt(va zx.VirtAddr) (info MappingInfo, ok bool) {
	l := &as.lanes[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.find(uint64(va))
	if m == nil {
		return MappingInfo{}, false
	}
	return MappingInfo{zx.VirtAddr(m.base), m.size, m.prot, m.v.Koid(), m.off}, true
}

// VMOAt gives the VMO that is mapped at va, with a reference for the caller, the
// offset of va in it, how many bytes the mapping has from there, and whether it
// can be made writable.
func (as *AddressSpace) VMOAt(va zx.VirtAddr) (v *vmo.VMO, off, n uint64, writable, ok bool) {
	l := &as.lanes[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.find(uint64(va))
	if m == nil {
		return nil, 0, 0, false, false
	}
	m.v.Retain()
	at := uint64(va) - m.base
	return m.v, m.off + at, m.size - at, m.max&mmu.Write != 0, true
}

// Chain walks the page tables to va, any address, as the CPU would; see
// mmu.PageTable.Chain.
func (as *AddressSpace) Chain(va zx.VirtAddr) (chain [4]mmu.Entry, level int) {
	return as.table.Chain(va)
}
