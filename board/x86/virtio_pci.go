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

	vpDeviceSelect   = 0x00
	vpDeviceFeatures = 0x04
	vpDriverSelect   = 0x08
	vpDriverFeatures = 0x0c
	vpStatus         = 0x14
	vpGeneration     = 0x15
	vpQueueSelect    = 0x16
	vpQueueSize      = 0x18
	vpQueueEnable    = 0x1c
	vpQueueNotify    = 0x1e
	vpQueueDesc      = 0x20
	vpQueueAvail     = 0x28
	vpQueueUsed      = 0x30
	vpCommonBytes    = 0x38

	capMaxBytes    = 1 << 20 // more of a structure is not looked at
	blkConfigBytes = 24      // capacity, size_max, seg_max, geometry, blk_size
)

// pciDevice is a transport: where the parts of its registers are.
type pciDevice struct {
	function   pciFunction
	common     uint64
	notifyBase uint64
	notifyLen  uint64
	multiplier uint64
	device     uint64
	notifyAt   uint64 // of queue 0, known once it is set
}

// openPCI finds the modern interface of f and lets it answer.
func openPCI(f pciFunction) (transport, error) {
	d := &pciDevice{function: f}
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
	if d.common == 0 || d.notifyBase == 0 || d.device == 0 {
		return nil, fmt.Errorf("pci %v: no modern virtio interface", f)
	}
	f.write32(pciCommand, f.read32(pciCommand)&0xffff|commandMemory)
	return d, nil
}

// capability takes what the virtio capability at says.
func (d *pciDevice) capability(at, kind uint8) error {
	var least uint64
	var base *uint64
	switch kind {
	case capCommon:
		least, base = vpCommonBytes, &d.common
	case capNotify:
		least, base = 2, &d.notifyBase
	case capDevice:
		least, base = blkConfigBytes, &d.device
	default:
		return nil
	}
	if *base != 0 { // the first one counts
		return nil
	}
	f := d.function
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
		d.notifyLen = length
		d.multiplier = uint64(f.read32(at + 16))
	}
	return nil
}

func (d *pciDevice) deviceFeatures() uint64 {
	mmioWrite32(d.common+vpDeviceSelect, 0)
	lo := mmioRead32(d.common + vpDeviceFeatures)
	mmioWrite32(d.common+vpDeviceSelect, 1)
	return uint64(mmioRead32(d.common+vpDeviceFeatures))<<32 | uint64(lo)
}

func (d *pciDevice) setDriverFeatures(f uint64) {
	mmioWrite32(d.common+vpDriverSelect, 0)
	mmioWrite32(d.common+vpDriverFeatures, uint32(f))
	mmioWrite32(d.common+vpDriverSelect, 1)
	mmioWrite32(d.common+vpDriverFeatures, uint32(f>>32))
}

func (d *pciDevice) status() uint8 { return mmioRead8(d.common + vpStatus) }

func (d *pciDevice) setStatus(s uint8) {
	if s == statusAcknowledge {
		d.function.write32(pciCommand, d.function.read32(pciCommand)&0xffff|commandMaster)
	}
	mmioWrite8(d.common+vpStatus, s)
	if s == 0 { // reset takes its time. Source: virtio 1.2, 4.1.4.3.1
		for start := nanotime(); d.status() != 0 && nanotime()-start < 1e9; {
		}
		if d.status() != 0 { // it does not hear: keep it from memory
			d.function.write32(pciCommand, d.function.read32(pciCommand)&0xffff&^commandMaster)
		}
	}
}

func (d *pciDevice) queueMax(queue uint16) uint32 {
	mmioWrite16(d.common+vpQueueSelect, queue)
	return uint32(mmioRead16(d.common + vpQueueSize))
}

func (d *pciDevice) setQueue(queue, size uint16, desc, avail, used uint64) {
	mmioWrite16(d.common+vpQueueSelect, queue)
	mmioWrite16(d.common+vpQueueSize, size)
	for _, part := range [...]struct{ reg, addr uint64 }{
		{vpQueueDesc, desc}, {vpQueueAvail, avail}, {vpQueueUsed, used},
	} {
		mmioWrite32(d.common+part.reg, uint32(part.addr))
		mmioWrite32(d.common+part.reg+4, uint32(part.addr>>32))
	}
	off := uint64(mmioRead16(d.common+vpQueueNotify)) * d.multiplier
	if off+2 > d.notifyLen {
		off = 0 // a device that lies: notifications go astray, requests time out
	}
	d.notifyAt = d.notifyBase + off
	mmioWrite16(d.common+vpQueueEnable, 1)
}

func (d *pciDevice) notify(queue uint16)        { mmioWrite16(d.notifyAt, queue) }
func (d *pciDevice) config32(offset int) uint32 { return mmioRead32(d.device + uint64(offset)) }
func (d *pciDevice) generation() uint32         { return uint32(mmioRead8(d.common + vpGeneration)) }

func (d *pciDevice) config64(offset int) uint64 {
	return uint64(d.config32(offset+4))<<32 | uint64(d.config32(offset))
}
