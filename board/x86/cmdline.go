package x86

import (
	"strconv"
	"strings"

	"faultline/zx"
)

// mmioSlots reads the virtio devices that a loader appended to the command
// line: virtio_mmio.device=<size>[K|M|G]@<address>:<irq>[:<id>]. What it cannot
// read it skips. Source: Linux admin-guide, kernel parameters.
func mmioSlots(cmdline string) (slots []Range) {
	for _, word := range strings.Fields(cmdline) {
		v, ok := strings.CutPrefix(word, "virtio_mmio.device=")
		if !ok {
			continue
		}
		sizeText, rest, ok := strings.Cut(v, "@")
		if !ok {
			continue
		}
		addrText, _, _ := strings.Cut(rest, ":")
		shift := 0
		if n := len(sizeText); n > 0 {
			switch sizeText[n-1] {
			case 'k', 'K':
				shift = 10
			case 'm', 'M':
				shift = 20
			case 'g', 'G':
				shift = 30
			}
			if shift != 0 {
				sizeText = sizeText[:n-1]
			}
		}
		size, err1 := strconv.ParseUint(sizeText, 0, 32)
		addr, err2 := strconv.ParseUint(addrText, 0, 64)
		size <<= shift
		const least = 0x110 // registers and a block device's configuration
		if err1 != nil || err2 != nil || size < least || addr%4 != 0 || addr == 0 || addr+size < addr {
			continue
		}
		slots = append(slots, Range{zx.PhysAddr(addr), zx.PhysAddr(addr + size)})
	}
	return slots
}
