//go:build tamago

package x86

import (
	"fmt"

	"faultline/zx"
)

// Registers of a virtio device by MMIO. Source: virtio 1.2, 4.2.2.
const (
	vmMagic          = 0x000 // "virt"
	vmVersion        = 0x004
	vmDeviceID       = 0x008
	vmDeviceFeatures = 0x010
	vmDeviceSelect   = 0x014
	vmDriverFeatures = 0x020
	vmDriverSelect   = 0x024
	vmQueueSelect    = 0x030
	vmQueueMax       = 0x034
	vmQueueSize      = 0x038
	vmQueueReady     = 0x044
	vmQueueNotify    = 0x050
	vmStatus         = 0x070
	vmQueueDesc      = 0x080
	vmQueueAvail     = 0x090
	vmQueueUsed      = 0x0a0
	vmGeneration     = 0x0fc
	vmConfig         = 0x100

	vmMagicValue = 0x74726976
)

// mmioDevice is a transport: the address of its registers.
type mmioDevice uint64

// findMMIO calls found for each device with the given ID among the slots; err is why
// one cannot be used.
func findMMIO(slots []Range, id uint32, found func(d mmioDevice, err error)) {
	for _, s := range slots {
		base := uint64(s.Start)
		if mmioRead32(base+vmMagic) != vmMagicValue || mmioRead32(base+vmDeviceID) != id {
			continue
		}
		var err error
		if v := mmioRead32(base + vmVersion); v != 2 {
			err = fmt.Errorf("device at %#x has the legacy interface (version %d); give QEMU: -global virtio-mmio.force-legacy=false", base, v)
		}
		found(mmioDevice(base), err)
	}
}

// microvmSlots are where QEMU's microvm has its virtio devices, for when the
// command line does not tell.
func microvmSlots() (slots []Range) {
	const base, size, count = 0xfeb00000, 512, 24
	for i := range zx.PhysAddr(count) {
		slots = append(slots, Range{base + i*size, base + (i+1)*size})
	}
	return slots
}

func (d mmioDevice) read(reg uint64) uint32     { return mmioRead32(uint64(d) + reg) }
func (d mmioDevice) write(reg uint64, v uint32) { mmioWrite32(uint64(d)+reg, v) }

func (d mmioDevice) deviceFeatures() uint64 {
	d.write(vmDeviceSelect, 0)
	lo := d.read(vmDeviceFeatures)
	d.write(vmDeviceSelect, 1)
	return uint64(d.read(vmDeviceFeatures))<<32 | uint64(lo)
}

func (d mmioDevice) setDriverFeatures(f uint64) {
	d.write(vmDriverSelect, 0)
	d.write(vmDriverFeatures, uint32(f))
	d.write(vmDriverSelect, 1)
	d.write(vmDriverFeatures, uint32(f>>32))
}

func (d mmioDevice) status() uint8     { return uint8(d.read(vmStatus)) }
func (d mmioDevice) setStatus(s uint8) { d.write(vmStatus, uint32(s)) }

func (d mmioDevice) queueMax(queue uint16) uint32 {
	d.write(vmQueueSelect, uint32(queue))
	if d.read(vmQueueReady) != 0 {
		return 0
	}
	return d.read(vmQueueMax)
}

func (d mmioDevice) setQueue(queue, size uint16, desc, avail, used uint64) {
	d.write(vmQueueSelect, uint32(queue))
	d.write(vmQueueSize, uint32(size))
	for _, part := range [...]struct{ reg, addr uint64 }{
		{vmQueueDesc, desc}, {vmQueueAvail, avail}, {vmQueueUsed, used},
	} {
		d.write(part.reg, uint32(part.addr))
		d.write(part.reg+4, uint32(part.addr>>32))
	}
	d.write(vmQueueReady, 1)
}

func (d mmioDevice) notify(queue uint16)        { d.write(vmQueueNotify, uint32(queue)) }
func (d mmioDevice) config32(offset int) uint32 { return d.read(vmConfig + uint64(offset)) }
func (d mmioDevice) generation() uint32         { return d.read(vmGeneration) }

func (d mmioDevice) config64(offset int) uint64 {
	return uint64(d.config32(offset+4))<<32 | uint64(d.config32(offset))
}
