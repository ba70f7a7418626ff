//go:build tamago

package x86

// A virtio device's registers are the same by MMIO and by PCI, in other places and of
// other widths. Source: virtio 1.2, 4.1.4.3 and 4.2.2.
type virtioLayout struct {
	deviceSelect, deviceFeatures, driverSelect, driverFeatures deviceRegister
	status, generation                                         deviceRegister
	queueSelect, queueMax, queueSize, queueReady               deviceRegister
	queueDesc, queueAvail, queueUsed                           deviceRegister // low half; the high one follows
}

// deviceRegister is an offset, and a width in bytes.
type deviceRegister struct{ offset, width uint64 }

// virtioDevice is a transport.
type virtioDevice struct {
	*virtioLayout
	base   uint64 // of the registers
	config uint64 // address of the device's own

	// Where and how wide a queue's number is written to notify it. By PCI the place
	// depends on the queue, and the last one set is the one in use.
	notifyAt, notifyWidth uint64

	pci *pciPart // nil by MMIO
}

func (d *virtioDevice) read(r deviceRegister) uint32     { return mmioRead(d.base+r.offset, r.width) }
func (d *virtioDevice) write(r deviceRegister, v uint32) { mmioWrite(d.base+r.offset, r.width, v) }

func (d *virtioDevice) deviceFeatures() uint64 {
	d.write(d.deviceSelect, 0)
	lo := d.read(d.virtioLayout.deviceFeatures)
	d.write(d.deviceSelect, 1)
	return uint64(d.read(d.virtioLayout.deviceFeatures))<<32 | uint64(lo)
}

func (d *virtioDevice) setDriverFeatures(f uint64) {
	d.write(d.driverSelect, 0)
	d.write(d.driverFeatures, uint32(f))
	d.write(d.driverSelect, 1)
	d.write(d.driverFeatures, uint32(f>>32))
}

func (d *virtioDevice) status() uint8 { return uint8(d.read(d.virtioLayout.status)) }

func (d *virtioDevice) setStatus(s uint8) {
	if s == statusAcknowledge {
		d.pci.master(true)
	}
	d.write(d.virtioLayout.status, uint32(s))
	if s == 0 { // reset takes its time. Source: virtio 1.2, 4.1.4.3.1
		for start := Nanotime(); d.status() != 0 && Nanotime()-start < 1e9; {
		}
		if d.status() != 0 { // it does not hear: keep it from memory
			d.pci.master(false)
		}
	}
}

func (d *virtioDevice) queueMax(queue uint16) uint32 {
	d.write(d.queueSelect, uint32(queue))
	if d.read(d.queueReady) != 0 {
		return 0
	}
	return d.read(d.virtioLayout.queueMax)
}

func (d *virtioDevice) setQueue(queue, size uint16, desc, avail, used uint64) {
	d.write(d.queueSelect, uint32(queue))
	d.write(d.queueSize, uint32(size))
	for _, part := range [...]struct {
		low  deviceRegister
		addr uint64
	}{{d.queueDesc, desc}, {d.queueAvail, avail}, {d.queueUsed, used}} {
		d.write(part.low, uint32(part.addr))
		d.write(deviceRegister{part.low.offset + 4, 4}, uint32(part.addr>>32))
	}
	if d.pci != nil {
		d.notifyAt = d.pci.notifyAt(d.base)
	}
	d.write(d.queueReady, 1)
}

func (d *virtioDevice) notify(queue uint16)        { mmioWrite(d.notifyAt, d.notifyWidth, uint32(queue)) }
func (d *virtioDevice) config32(offset int) uint32 { return mmioRead(d.config+uint64(offset), 4) }
func (d *virtioDevice) generation() uint32         { return d.read(d.virtioLayout.generation) }

func (d *virtioDevice) config64(offset int) uint64 {
	return uint64(d.config32(offset+4))<<32 | uint64(d.config32(offset))
}
