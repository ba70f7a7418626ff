//go:build tamago

package x86

import "fmt"

// BlockDevice is what every disk can do; package files has the same.
type BlockDevice interface {
	Read(sector uint64, p []byte) error
	Write(sector uint64, p []byte) error
	Flush() error
	Sectors() uint64
	BlockBytes() int
	ReadOnly() bool
}

// Drive is a disk by its name: ram0, virtio0, nvme0 and so on.
type Drive struct {
	Name   string
	Device BlockDevice
	Err    error // why a disk that is there cannot be used; Device is nil then
}

// findDevices brings every disk into operation: those that the loader brought, virtio,
// NVMe; and the last virtio console there is.
func findDevices(boot *BootInfo) (drives []Drive, port *Port) {
	count := map[string]int{}
	add := func(kind string, d BlockDevice, err error) {
		name := fmt.Sprint(kind, count[kind])
		count[kind]++
		if err != nil {
			drives = append(drives, Drive{Name: name, Err: fmt.Errorf("%s: %w", name, err)})
			return
		}
		drives = append(drives, Drive{Name: name, Device: d})
	}
	disk := func(kind string, d *Disk, err error) {
		if err == nil {
			d.busy = countsInstructions()
		}
		add(kind, d, err)
	}
	virtio := func(t transport, err error) {
		if err != nil {
			add("virtio", nil, err)
			return
		}
		d, err := newDisk(t, AddressOf)
		disk("virtio", d, err)
	}
	console := func(t transport, err error) {
		if err == nil {
			port, err = newPort(t, AddressOf)
		}
		if err != nil {
			Platform.Problems = append(Platform.Problems, err)
		}
	}
	for _, m := range boot.Modules {
		b, err := ReadPhysical(m.Range.Start, int(m.Range.Bytes()))
		add("ram", RAMDisk(b), err)
	}
	if !hasPCI {
		slots := mmioSlots(boot.CommandLine)
		if len(slots) == 0 {
			slots = microvmSlots()
		}
		findMMIO(slots, virtioBlock, virtio)
		findMMIO(slots, virtioConsole, console)
		return drives, port
	}
	scanPCI(func(f pciFunction, id uint32) {
		switch {
		case id == virtioVendor|(virtioModern+virtioBlock)<<16 || id == virtioVendor|virtioTransBlk<<16:
			virtio(openPCI(f))
		case id == virtioVendor|(virtioModern+virtioConsole)<<16 || id == virtioVendor|virtioTransConsole<<16:
			console(openPCI(f))
		case f.read32(pciClass)>>8 == pciClassNVMe:
			d, err := openNVMe(f)
			disk("nvme", d, err)
		}
	})
	return drives, port
}
