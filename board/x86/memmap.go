package x86

import (
	"cmp"
	"fmt"
	"slices"

	"faultline/zx"
)

// Range is the physical memory [Start, End).
type Range struct{ Start, End zx.PhysAddr }

// Bytes is the length of r.
func (r Range) Bytes() uint64 { return uint64(r.End - r.Start) }

func (r Range) String() string { return fmt.Sprintf("[%#x, %#x)", r.Start, r.End) }

// MemoryKind says what a region of the memory map is for; the values are those
// of the BIOS call E820. Source: ACPI 6.5, 15.3 and 15.4.
type MemoryKind uint32

const (
	MemoryRAM      MemoryKind = 1 // free for all
	MemoryReserved MemoryKind = 2 // devices, firmware
	MemoryACPI     MemoryKind = 3 // tables; could be reclaimed
	MemoryNVS      MemoryKind = 4 // firmware's, kept over sleep
	MemoryBad      MemoryKind = 5 // faulty RAM
)

// MemoryRegion is a range and what it is for.
type MemoryRegion struct {
	Range
	Kind MemoryKind
}

// MemoryMap is a list of regions that do not overlap, by address, neighbours of
// one kind joined.
type MemoryMap []MemoryRegion

// NewMemoryMap makes a map of regions in any order. Where they overlap, the
// memory is what the less useful of them says: anything wins over RAM, and
// among the others the larger kind.
func NewMemoryMap(regions []MemoryRegion) MemoryMap {
	var cuts []zx.PhysAddr
	for _, r := range regions {
		if r.Start < r.End {
			cuts = append(cuts, r.Start, r.End)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var m MemoryMap
	for i := 0; i+1 < len(cuts); i++ {
		piece := Range{cuts[i], cuts[i+1]}
		var kind MemoryKind
		for _, r := range regions {
			if r.Start <= piece.Start && piece.End <= r.End {
				kind = max(kind, r.Kind)
			}
		}
		if kind == 0 { // a hole, or a kind that E820 does not know
			continue
		}
		if n := len(m); n > 0 && m[n-1].End == piece.Start && m[n-1].Kind == kind {
			m[n-1].End = piece.End
			continue
		}
		m = append(m, MemoryRegion{piece, kind})
	}
	return m
}

// RAM is how many bytes of RAM there are.
func (m MemoryMap) RAM() uint64 { return m.RAMIn(Range{End: 1<<64 - 1}) }

// RAMIn is how many bytes of r are RAM.
func (m MemoryMap) RAMIn(r Range) (bytes uint64) {
	for _, x := range m {
		if start, end := max(r.Start, x.Start), min(r.End, x.End); x.Kind == MemoryRAM && start < end {
			bytes += uint64(end - start)
		}
	}
	return bytes
}

// believe is m without what cannot be RAM, and a problem for each range that is said to
// be and is not: beyond the addresses that the CPU has; where every PC has its interrupt
// controllers and its firmware; and, outside of the window, what does not keep what is
// written there.
func (m MemoryMap) believe(window Range, physBits uint32, keeps func(uint64) bool) (MemoryMap, []error) {
	regions := append(slices.Clone(m), MemoryRegion{Range{chipset, 1 << 32}, MemoryReserved}, MemoryRegion{Range{1 << physBits, 1<<64 - 1}, MemoryReserved})
	var problems []error
	for _, r := range NewMemoryMap(regions) {
		if r.Kind != MemoryRAM || r.Start < 1<<20 {
			continue
		}
		if r.Start < window.End && window.Start < r.End {
			r.Start = window.End
		}
		if r.Start >= r.End {
			continue
		}
		if end := zx.PhysAddr(presentEnd(uint64(r.Start), uint64(r.End), keeps)); end < r.End {
			lie := Range{end, r.End}
			regions = append(regions, MemoryRegion{lie, MemoryBad})
			problems = append(problems, fmt.Errorf("memory map: no RAM at %v", lie))
		}
	}
	return NewMemoryMap(regions), problems
}

// Usable is the RAM of m outside of every reserved range, in whole pages, by
// address.
func (m MemoryMap) Usable(reserved []Range) (usable []Range) {
	regions := slices.Clone(m)
	for _, r := range reserved {
		regions = append(regions, MemoryRegion{r, MemoryReserved})
	}
	for _, r := range NewMemoryMap(regions) {
		up, ok := zx.RoundUp(uint64(r.Start))
		if down := zx.RoundDown(uint64(r.End)); r.Kind == MemoryRAM && ok && up < down {
			usable = append(usable, Range{zx.PhysAddr(up), zx.PhysAddr(down)})
		}
	}
	return usable
}

// pages widens r to whole pages.
func pages(r Range) Range {
	return Range{
		zx.PhysAddr(zx.RoundDown(uint64(r.Start))),
		zx.PhysAddr(zx.RoundDown(uint64(r.End-1))) + zx.PageSize,
	}
}

// joinRanges sorts ranges and joins those that touch.
func joinRanges(ranges []Range) []Range {
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	var joined []Range
	for _, r := range ranges {
		if n := len(joined); n > 0 && r.Start <= joined[n-1].End {
			joined[n-1].End = max(joined[n-1].End, r.End)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}
