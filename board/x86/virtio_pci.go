//go:build tamago

package x86

import (
	"fmt"

	"faultline/zx"
)

// A virtio device by PCI. Source: virtio 1.2, 4.1.
const (
	virtioVendor   = 0x1af4
	virtioModern   = 0x1040 // plus the device ID
	virtioTransBlk = 0x1001 // transitional block device

	virtioTransConsole = 0x1003 // transitional console
	pciCapVendor       = 0x09
	pciCapMaxLength    = 48 // capabilities that fit into the space

	capCommon = 1
	capNotify = 2
	capDevice = 4

	vpQueueNotify = 0x1e
	vpCommonBytes = 0x38

	capMaxBytes    = 1 << 20 // more of a structure is not looked at
	blkConfigBytes = 24      // capacity, size_max, seg_max, geometry, blk_size
)

var pciLayout = virtioLayout{
	deviceSelect: deviceRegister{0x00, 4}, deviceFeatures: deviceRegister{0x04, 4},
	driverSelect: deviceRegister{0x08, 4}, driverFeatures: deviceRegister{0x0c, 4},
	status: deviceRegister{0x14, 1}, generation: deviceRegister{0x15, 1},
	queueSelect: deviceRegister{0x16, 2}, queueMax: deviceRegister{0x18, 2},
	queueSize: deviceRegister{0x18, 2}, queueReady: deviceRegister{0x1c, 2},
	queueDesc: deviceRegister{0x20, 4}, queueAvail: deviceRegister{0x28, 4}, queueUsed: deviceRegister{0x30, 4},
}

// pciPart is what a virtio device has by PCI alone.
type pciPart struct {
	function   pciFunction
	notifyBase uint64
	notifyLen  uint64
	multiplier uint64
}

// openPCI finds the modern interface of f and lets it answer.
func openPCI(f pciFunction) (transport, error) {
	d := &virtioDevice{virtioLayout: &pciLayout, notifyWidth: 2, pci: &pciPart{function: f}}
	if f.read32(pciCommand)&statusCapList == 0 {
		return nil, fmt.Errorf("pci %v: no capabilities: a legacy virtio device", f)
	}
	at := f.read8(pciCapPointer) &^ 3
	for n := 0; at >= 0x40 && n < pciCapMaxLength; n++ {
		word := f.read32(at)
		if word&0xff == pciCapVendor {
			if err := d.capability(at, uint8(word>>24)); err != nil {
				return nil, err
			}
		}
		at = uint8(word>>8) &^ 3
	}
	if d.base == 0 || d.pci.notifyBase == 0 || d.config == 0 {
		return nil, fmt.Errorf("pci %v: no modern virtio interface", f)
	}
	f.enable(commandMemory, 0)
	return d, nil
}

// capability takes what the virtio capability at says.
func (d *virtioDevice) capability(at, kind uint8) error {
	var least uint64
	var base *uint64
	switch kind {
	case capCommon:
		least, base = vpCommonBytes, &d.base
	case capNotify:
		least, base = 2, &d.pci.notifyBase
	case capDevice:
		least, base = blkConfigBytes, &d.config
	default:
		return nil
	}
	if *base != 0 { // the first one counts
		return nil
	}
	f := d.pci.function
	offset, length := uint64(f.read32(at+8)), min(uint64(f.read32(at+12)), capMaxBytes)
	if length < least {
		return fmt.Errorf("pci %v: virtio structure %d of %d bytes", f, kind, length)
	}
	bar, err := f.bar(f.read8(at + 4))
	if err != nil {
		return err
	}
	start := bar + zx.PhysAddr(offset)
	if *base, err = mapDevice(Range{start, start + zx.PhysAddr(length)}); err != nil {
		return fmt.Errorf("pci %v: virtio structure %d: %w", f, kind, err)
	}
	if kind == capNotify {
		d.pci.notifyLen = length
		d.pci.multiplier = uint64(f.read32(at + 16))
	}
	return nil
}

// master lets the device reach memory, or not.
func (p *pciPart) master(on bool) {
	switch {
	case p == nil:
	case on:
		p.function.enable(commandMaster, 0)
	default:
		p.function.enable(0, commandMaster)
	}
}

// notifyAt is where the queue that is selected in the registers at base is notified.
func (p *pciPart) notifyAt(base uint64) uint64 {
	off := uint64(mmioRead(base+vpQueueNotify, 2)) * p.multiplier
	if off+2 > p.notifyLen {
		off = 0 // a device that lies: notifications go astray, requests time out
	}
	return p.notifyBase + off
}
