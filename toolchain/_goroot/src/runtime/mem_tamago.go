package runtime

import (
	"internal/runtime/sys"
	"runtime/goos"
	"unsafe"
)

// Memory is the span of RAM from the end of the image (or goos.Bloc) to the
// boot stack. It has three parts:
//
//	start .. arenaStart    free list
//	arenaStart .. bloc     heap arenas, growing
//	bloc .. arenaEnd       not used yet
//	arenaEnd .. end        free list
//
// Arenas are aligned to their size, so the ragged ends cannot hold one; they
// serve the runtime's own structures, which keeps arenas contiguous. RAM is
// not assumed to be zero: what is handed out as zero is cleared then, and heap
// arenas are not cleared at all (mheap.sysAlloc marks them dirty).

const isSbrkPlatform = true

var (
	memlock  mutex
	memFree  *memBlock // address order, adjacent blocks joined
	bloc     uintptr   // end of the memory in use for arenas
	blocMax  uintptr   // end of the memory for arenas
	ramStart uintptr   // start of the memory that the runtime manages
	ramEnd   uintptr   // its end
)

// memBlock heads a free block, in the block's own memory.
type memBlock struct {
	_    sys.NotInHeap
	next *memBlock
	size uintptr
}

func memRound(n uintptr) uintptr { return alignUp(n, physPageSize) }

// initBloc reads the board's memory variables, which it may have computed
// at boot.
func initBloc() {
	start := firstmoduledata.end
	if goos.Bloc != 0 {
		start = goos.Bloc
	}
	base, size, offset := uintptr(goos.RamStart), uintptr(goos.RamSize), uintptr(goos.RamStackOffset)
	end := base + size
	if end < base || size < offset {
		print("runtime: RamStart ", hex(base), " RamSize ", hex(size), " RamStackOffset ", hex(offset), "\n")
		throw("goos.RamSize does not describe memory")
	}
	end -= offset
	// The boot stack grows down into the same memory.
	if lo := getg().m.g0.stack.lo; base <= lo && lo < end {
		end = lo
	}
	ramStart = memRound(start)
	ramEnd = end &^ (physPageSize - 1)
	bloc = alignUp(ramStart, heapArenaBytes)
	blocMax = ramEnd &^ (heapArenaBytes - 1)
	if ramStart >= ramEnd || blocMax <= bloc {
		print("runtime: no room for a heap between ", hex(start), " and ", hex(end), "\n")
		throw("goos.RamSize is too small")
	}
	if blocMax>>heapAddrBits != 0 {
		print("runtime: memory ends at ", hex(end), "\n")
		throw("goos.HeapAddrBits is too small for goos.RamStart + goos.RamSize")
	}
	memRelease(ramStart, bloc-ramStart)
	memRelease(blocMax, ramEnd-blocMax)
}

// memTake returns n bytes from the free list, or 0. memlock must be held.
//
//go:systemstack
func memTake(n uintptr) uintptr {
	n = memRound(n)
	for link := &memFree; *link != nil; link = &(*link).next {
		b := *link
		if b.size < n {
			continue
		}
		if b.size == n {
			*link = b.next
			return uintptr(unsafe.Pointer(b))
		}
		b.size -= n
		return uintptr(unsafe.Pointer(b)) + b.size
	}
	return 0
}

// memRelease puts page-aligned memory on the free list. memlock must be held,
// or the scheduler not exist yet.
//
//go:nosplit
func memRelease(p, n uintptr) {
	if n == 0 {
		return
	}
	b := (*memBlock)(unsafe.Pointer(p))
	b.size = n
	var prev *memBlock
	next := memFree
	for next != nil && uintptr(unsafe.Pointer(next)) < p {
		prev, next = next, next.next
	}
	b.next = next
	if next != nil && p+n == uintptr(unsafe.Pointer(next)) {
		b.size += next.size
		b.next = next.next
	}
	if prev == nil {
		memFree = b
	} else if uintptr(unsafe.Pointer(prev))+prev.size == p {
		prev.size += b.size
		prev.next = b.next
	} else {
		prev.next = b
	}
}

// sbrk extends the arenas by n bytes, or returns 0. memlock must be held.
//
//go:systemstack
func sbrk(n uintptr) uintptr {
	n = memRound(n)
	if n > blocMax-bloc {
		return 0
	}
	p := bloc
	bloc += n
	return p
}

// memAlloc returns n bytes for a structure of the runtime's own, or 0.
// memlock must be held.
//
//go:systemstack
func memAlloc(n uintptr) uintptr {
	n = memRound(n)
	if p := memTake(n); p != 0 {
		return p
	}
	// Take whole arenas, so that the next one is still aligned.
	p := sbrk(alignUp(n, heapArenaBytes))
	if p == 0 {
		return 0
	}
	memRelease(p+n, bloc-(p+n))
	return p
}

func memAllocZero(n uintptr) unsafe.Pointer {
	var p uintptr
	systemstack(func() {
		lock(&memlock)
		p = memAlloc(n)
		unlock(&memlock)
		if p != 0 {
			memclrNoHeapPointers(unsafe.Pointer(p), memRound(n))
		}
	})
	return unsafe.Pointer(p)
}

func sysAllocOS(n uintptr, _ string) unsafe.Pointer { return memAllocZero(n) }

func sysFreeOS(v unsafe.Pointer, n uintptr) {
	systemstack(func() {
		lock(&memlock)
		memRelease(uintptr(v), memRound(n))
		unlock(&memlock)
	})
}

// sysReserveOS with an address asks for the next heap arena; without one, for
// zero memory for the page allocator.
func sysReserveOS(v unsafe.Pointer, n uintptr, _ string) unsafe.Pointer {
	if v == nil {
		return memAllocZero(n)
	}
	var p uintptr
	systemstack(func() {
		lock(&memlock)
		if uintptr(v) == bloc {
			p = sbrk(n)
		}
		unlock(&memlock)
	})
	return unsafe.Pointer(p)
}

func sysReserveAlignedSbrk(size, align uintptr) (unsafe.Pointer, uintptr) {
	var p uintptr
	systemstack(func() {
		lock(&memlock)
		gap := alignUp(bloc, align) - bloc
		if p = sbrk(gap + size); p != 0 {
			memRelease(p, gap)
			p += gap
		}
		unlock(&memlock)
	})
	if p == 0 {
		return nil, 0
	}
	return unsafe.Pointer(p), size
}

func sysUnusedOS(v unsafe.Pointer, n uintptr)           {}
func sysUsedOS(v unsafe.Pointer, n uintptr)             {}
func sysHugePageOS(v unsafe.Pointer, n uintptr)         {}
func sysNoHugePageOS(v unsafe.Pointer, n uintptr)       {}
func sysHugePageCollapseOS(v unsafe.Pointer, n uintptr) {}
func sysMapOS(v unsafe.Pointer, n uintptr, _ string)    {}
func sysFaultOS(v unsafe.Pointer, n uintptr)            {}

func needZeroAfterSysUnusedOS() bool { return true }

// MemRegion returns the memory that the runtime manages for itself: the
// address range that nobody else may allocate from.
func MemRegion() (start, end uint) {
	return goos.RamStart, goos.RamStart + goos.RamSize
}

// TextRegion returns the addresses of the program's code.
func TextRegion() (start, end uint) {
	return uint(firstmoduledata.text), uint(firstmoduledata.etext)
}
