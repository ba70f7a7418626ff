//go:build tamago

package x86

import (
	"fmt"

	"faultline/zx"
)

const pciClassNVMe = 0x010802 // mass storage, NVM, NVM Express

// nvmePCI reaches a controller's registers.
type nvmePCI uint64

func (base nvmePCI) read32(offset uint64) uint32     { return mmioRead(uint64(base)+offset, 4) }
func (base nvmePCI) write32(offset uint64, v uint32) { mmioWrite(uint64(base)+offset, 4, v) }

// openNVMe lets the controller f answer.
func openNVMe(f pciFunction) (*Disk, error) {
	bar, err := f.bar(0)
	if err != nil {
		return nil, err
	}
	f.enable(commandMemory|commandMaster, 0)
	base, err := mapDevice(Range{bar, bar + nvmeBell})
	if err == nil { // and as far as it has its doorbells apart
		_, err = mapDevice(Range{bar, bar + zx.PhysAddr(nvmeRegsBytes(nvmePCI(base)))})
	}
	if err != nil {
		return nil, fmt.Errorf("pci %v: %w", f, err)
	}
	return newNVMe(nvmePCI(base), AddressOf)
}
