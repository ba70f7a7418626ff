//go:build tamago

package x86

import (
	"fmt"

	"faultline/zx"
)

// Registers of a virtio device by MMIO. Source: virtio 1.2, 4.2.2.
const (
	vmMagic    = 0x000 // "virt"
	vmVersion  = 0x004
	vmDeviceID = 0x008
	vmNotify   = 0x050
	vmConfig   = 0x100

	vmMagicValue = 0x74726976
)

var mmioLayout = virtioLayout{
	deviceSelect: deviceRegister{0x014, 4}, deviceFeatures: deviceRegister{0x010, 4},
	driverSelect: deviceRegister{0x024, 4}, driverFeatures: deviceRegister{0x020, 4},
	status: deviceRegister{0x070, 4}, generation: deviceRegister{0x0fc, 4},
	queueSelect: deviceRegister{0x030, 4}, queueMax: deviceRegister{0x034, 4},
	queueSize: deviceRegister{0x038, 4}, queueReady: deviceRegister{0x044, 4},
	queueDesc: deviceRegister{0x080, 4}, queueAvail: deviceRegister{0x090, 4}, queueUsed: deviceRegister{0x0a0, 4},
}

// findMMIO calls found for each device with the given ID among the slots; err is why
// one cannot be used.
func findMMIO(slots []Range, id uint32, found func(t transport, err error)) {
	for _, s := range slots {
		base := uint64(s.Start)
		if mmioRead(base+vmMagic, 4) != vmMagicValue || mmioRead(base+vmDeviceID, 4) != id {
			continue
		}
		var err error
		if v := mmioRead(base+vmVersion, 4); v != 2 {
			err = fmt.Errorf("device at %#x has the legacy interface (version %d); give QEMU: -global virtio-mmio.force-legacy=false", base, v)
		}
		deviceRanges = append(deviceRanges, pages(Range{s.Start, s.Start + 1}))
		found(&virtioDevice{virtioLayout: &mmioLayout, base: base, config: base + vmConfig, notifyAt: base + vmNotify, notifyWidth: 4}, err)
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
