package x86

import (
	"errors"
	"fmt"
)

// transport is how a driver talks to one virtio device: by MMIO or by PCI.
type transport interface {
	deviceFeatures() uint64
	setDriverFeatures(uint64)
	status() uint8
	setStatus(uint8) // 0 resets, and returns when the device has done so
	queueMax(queue uint16) uint32
	setQueue(queue, size uint16, desc, avail, used uint64) // and enables it
	notify(queue uint16)
	config32(offset int) uint32
	config64(offset int) uint64
	generation() uint32 // changes when the configuration does
}

// Device status. Source: virtio 1.2, 2.1.
const (
	statusAcknowledge = 1
	statusDriver      = 2
	statusDriverOK    = 4
	statusFeaturesOK  = 8
	statusFailed      = 128
)

// Device IDs. Source: virtio 1.2, 5.
const (
	virtioBlock   = 2
	virtioConsole = 3
)

var errNotModern = errors.New("virtio: device offers no version 1")

// Features of every device. Source: virtio 1.2, 6.
const (
	version1 = 1 << 32
	// accessPlatform: the device reaches memory as the platform lets it, which
	// may be through an IOMMU. Nobody has turned one on, so addresses are
	// physical ones with it as without it.
	accessPlatform = 1 << 33
)

// negotiate resets the device and agrees on those of the wanted features that
// it has, version 1, and accessPlatform. Source: virtio 1.2, 3.1.1, steps 1 to 6.
func negotiate(t transport, wanted uint64) (features uint64, err error) {
	t.setStatus(0)
	if s := t.status(); s != 0 {
		return 0, fmt.Errorf("virtio: device status %#x after reset", s)
	}
	t.setStatus(statusAcknowledge)
	t.setStatus(statusAcknowledge | statusDriver)
	offered := t.deviceFeatures()
	if offered&version1 == 0 {
		t.setStatus(statusFailed)
		return 0, errNotModern
	}
	features = offered & (wanted | version1 | accessPlatform)
	t.setDriverFeatures(features)
	t.setStatus(statusAcknowledge | statusDriver | statusFeaturesOK)
	if s := t.status(); s&statusFeaturesOK == 0 {
		t.setStatus(statusFailed)
		return 0, fmt.Errorf("virtio: device refuses features %#x of %#x (status %#x)", features, offered, s)
	}
	return features, nil
}

// readConfig runs read, which reads the device's configuration, until the
// configuration has not changed meanwhile. Source: virtio 1.2, 2.5.1.
func readConfig(t transport, read func()) error {
	const tries = 100
	for range tries {
		before := t.generation()
		read()
		if t.generation() == before {
			return nil
		}
	}
	return fmt.Errorf("virtio: configuration changes all the time (%d times)", tries)
}
