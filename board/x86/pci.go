//go:build tamago

package x86

import (
	"cmp"
	"fmt"

	"faultline/cpu"
	"faultline/zx"
)

// PCI configuration by ports, mechanism #1. Source: PCI Local Bus 3.0, 3.2.2.3.2.
const (
	pciAddress cpu.Port = 0xcf8
	pciData    cpu.Port = 0xcfc

	pciVendor     = 0x00
	pciCommand    = 0x04
	pciClass      = 0x08
	pciHeaderType = 0x0c
	pciBAR0       = 0x10
	pciBusNumbers = 0x18
	pciCapPointer = 0x34

	commandMemory = 1 << 1
	commandMaster = 1 << 2
	statusCapList = 1 << 20
)

// pciFunction is bus<<16 | device<<11 | function<<8.
type pciFunction uint32

func (f pciFunction) String() string {
	return fmt.Sprintf("%02x:%02x.%x", uint32(f)>>16, uint32(f)>>11&31, uint32(f)>>8&7)
}

func (f pciFunction) read32(reg uint8) uint32 {
	cpu.Out32(pciAddress, 1<<31|uint32(f)|uint32(reg&^3))
	return cpu.In32(pciData)
}

func (f pciFunction) write32(reg uint8, v uint32) {
	cpu.Out32(pciAddress, 1<<31|uint32(f)|uint32(reg&^3))
	cpu.Out32(pciData, v)
}

// enable sets and clears bits of the command register.
func (f pciFunction) enable(set, clear uint32) {
	f.write32(pciCommand, f.read32(pciCommand)&0xffff&^clear|set)
}

func (f pciFunction) read8(reg uint8) uint8 { return uint8(f.read32(reg) >> (8 * (reg & 3))) }

// hasPCI is whether the machine has a PCI host bridge; microvm has none.
var hasPCI bool

// machineName tells QEMU's machines apart by their host bridge.
func machineName() string {
	id := pciFunction(0).read32(pciVendor)
	hasPCI = id != 1<<32-1
	return cmp.Or(map[uint32]string{1<<32 - 1: "microvm", 0x29c08086: "q35", 0x12378086: "pc"}[id], "unknown")
}

// scanPCI calls visit for each function of the machine: on bus 0 and behind its bridges,
// and, where there are several host bridges, on each bus that this did not reach.
func scanPCI(visit func(f pciFunction, vendor uint32)) {
	var seen [256]bool
	scanBus(0, &seen, visit)
	for bus := uint32(1); Platform.HostBridges > 1 && bus < 256; bus++ {
		scanBus(bus, &seen, visit)
	}
}

// scanBus calls visit for each function on a bus that was not seen, and behind its bridges.
func scanBus(bus uint32, seen *[256]bool, visit func(f pciFunction, vendor uint32)) {
	if seen[bus] {
		return
	}
	seen[bus] = true
	for device := range uint32(32) {
		for function := range uint32(8) {
			f := pciFunction(bus<<16 | device<<11 | function<<8)
			id := f.read32(pciVendor)
			if id&0xffff == 0xffff {
				if function == 0 {
					break
				}
				continue
			}
			visit(f, id)
			header := f.read32(pciHeaderType) >> 16
			if header&0x7f == 1 { // a bridge leads to a higher bus, or firmware has not set it up
				if next := f.read32(pciBusNumbers) >> 8 & 0xff; next > bus {
					scanBus(next, seen, visit)
				}
			}
			if function == 0 && header&0x80 == 0 {
				break
			}
		}
	}
}

// bar is the physical address that a memory BAR decodes.
func (f pciFunction) bar(n uint8) (zx.PhysAddr, error) {
	if n > 5 {
		return 0, fmt.Errorf("pci %v: BAR %d", f, n)
	}
	v := f.read32(pciBAR0 + 4*n)
	if v&1 != 0 {
		return 0, fmt.Errorf("pci %v: BAR %d is not memory", f, n)
	}
	addr := uint64(v &^ 15)
	if v>>1&3 == 2 {
		if n == 5 {
			return 0, fmt.Errorf("pci %v: BAR 5 has 64 bits", f)
		}
		addr |= uint64(f.read32(pciBAR0+4*n+4)) << 32
	}
	if addr == 0 {
		return 0, fmt.Errorf("pci %v: firmware gave BAR %d no address", f, n)
	}
	return zx.PhysAddr(addr), nil
}
