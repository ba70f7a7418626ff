package runtime

import "unsafe"

// The page allocator's summaries in a physical address space: like the 32-bit
// systems, four levels reserved at once. Unlike theirs the arrays stop where
// RAM does, so that a wide address space costs a small machine nothing.
const (
	summaryLevels = 4

	// Constants for testing.
	pageAlloc32Bit = 1
	pageAlloc64Bit = 0

	// Half of the bits of a chunk number: both levels of the map stay small.
	pallocChunksL1Bits = (heapAddrBits - logPallocChunkBytes) / 2
)

var levelBits = [summaryLevels]uint{
	summaryL0Bits,
	summaryLevelBits,
	summaryLevelBits,
	summaryLevelBits,
}

var levelShift = [summaryLevels]uint{
	heapAddrBits - summaryL0Bits,
	heapAddrBits - summaryL0Bits - 1*summaryLevelBits,
	heapAddrBits - summaryL0Bits - 2*summaryLevelBits,
	heapAddrBits - summaryL0Bits - 3*summaryLevelBits,
}

var levelLogPages = [summaryLevels]uint{
	logPallocChunkPages + 3*summaryLevelBits,
	logPallocChunkPages + 2*summaryLevelBits,
	logPallocChunkPages + 1*summaryLevelBits,
	logPallocChunkPages,
}

// summaryEntries returns the length of a level's array. The root is searched
// from end to end and must be whole; deeper levels are visited in blocks,
// below summaries that say where memory is. Tests put memory anywhere.
func summaryEntries(level int, test bool) int {
	all := 1 << (heapAddrBits - levelShift[level])
	if test || level == 0 {
		return all
	}
	block := 1 << levelBits[level]
	used := int(blocMax>>levelShift[level]) + 1
	return min(all, (used+block-1)&^(block-1))
}

func (p *pageAlloc) sysInit(test bool) {
	var total uintptr
	for l := range levelShift {
		total += uintptr(summaryEntries(l, test)) * pallocSumBytes
	}
	total = alignUp(total, physPageSize)
	reservation := sysReserve(nil, total, "page summary")
	if reservation == nil {
		throw("failed to reserve page summary memory")
	}
	sysMap(reservation, total, p.sysStat, "page summary")
	sysUsed(reservation, total, total)
	p.summaryMappedReady += total

	for l := range levelShift {
		n := summaryEntries(l, test)
		sl := notInHeapSlice{(*notInHeap)(reservation), 0, n}
		p.summary[l] = *(*[]pallocSum)(unsafe.Pointer(&sl))
		reservation = add(reservation, uintptr(n)*pallocSumBytes)
	}
}

func (p *pageAlloc) sysGrow(base, limit uintptr) {
	if base%pallocChunkBytes != 0 || limit%pallocChunkBytes != 0 {
		print("runtime: base = ", hex(base), ", limit = ", hex(limit), "\n")
		throw("sysGrow bounds not aligned to pallocChunkBytes")
	}
	for l := len(p.summary) - 1; l >= 0; l-- {
		lo, hi := addrsToSummaryRange(l, base, limit)
		_, hi = blockAlignSummaryRange(l, lo, hi)
		if hi > len(p.summary[l]) {
			p.summary[l] = p.summary[l][:hi]
		}
	}
}

// sysInit gives the scavenger's index an entry for each chunk of RAM.
func (s *scavengeIndex) sysInit(test bool, sysStat *sysMemStat) (mappedReady uintptr) {
	n := uintptr(summaryEntries(summaryLevels-1, test))
	size := n * unsafe.Sizeof(atomicScavChunkData{})
	p := sysAlloc(size, sysStat, vmaNamePageAllocIndex)
	if p == nil {
		throw("failed to allocate scavenger index")
	}
	sl := notInHeapSlice{(*notInHeap)(p), int(n), int(n)}
	s.chunks = *(*[]atomicScavChunkData)(unsafe.Pointer(&sl))
	s.min.Store(1) // chunk 0 is never heap
	s.max.Store(n)
	return size
}

func (s *scavengeIndex) sysGrow(base, limit uintptr, sysStat *sysMemStat) uintptr {
	return 0
}
