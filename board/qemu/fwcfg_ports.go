//go:build tamago

package qemu

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"faultline/board/x86"
	"faultline/cpu"
)

// fw_cfg's ports and keys. Source: QEMU docs/specs/fw_cfg.
const (
	fwSelector cpu.Port = 0x510
	fwData     cpu.Port = 0x511
	fwDMAHigh  cpu.Port = 0x514
	fwDMALow   cpu.Port = 0x518

	fwKeySignature = 0x0000
	fwKeyID        = 0x0001
	fwKeyFiles     = 0x0019

	fwHasDMA = 1 << 1

	fwDMAError  = 1 << 0
	fwDMARead   = 1 << 1
	fwDMASelect = 1 << 3
	fwDMASmall  = 64 // bytes up to which the port is as good
)

var firmware struct {
	dma   bool
	files []fwFile
}

// initFirmware reads the directory of the firmware configuration, if there is one.
func initFirmware() {
	cpu.Out16(fwSelector, fwKeySignature)
	if cpu.In8(fwData) != 'Q' || cpu.In8(fwData) != 'E' || cpu.In8(fwData) != 'M' || cpu.In8(fwData) != 'U' {
		return
	}
	var word [4]byte
	fwRead(fwKeyID, word[:])
	firmware.dma = binary.LittleEndian.Uint32(word[:])&fwHasDMA != 0
	fwRead(fwKeyFiles, word[:])
	n := binary.BigEndian.Uint32(word[:])
	if n == 0 || n > fwMaxFiles {
		return
	}
	list := make([]byte, 4+n*fwFileBytes)
	fwRead(fwKeyFiles, list)
	firmware.files, _ = parseFWDirectory(list[4:])
}

// fwRead fills p with the beginning of an item.
func fwRead(key uint16, p []byte) {
	cpu.Out16(fwSelector, key)
	cpu.InBytes(fwData, p)
}

// FWConfig returns the content of a file of QEMU's firmware configuration; ok
// is false if there is none of that name, or no firmware configuration.
func FWConfig(name string) (content []byte, ok bool) {
	for _, f := range firmware.files {
		if f.name != name {
			continue
		}
		if f.size > fwMaxBytes {
			return nil, false
		}
		p := make([]byte, f.size)
		if !firmware.dma || len(p) <= fwDMASmall || fwReadDMA(f.key, p) != nil {
			fwRead(f.key, p)
		}
		return p, true
	}
	return nil, false
}

// fwControl is the DMA descriptor. The device knows its address, so it must not
// move as a stack does.
var fwControl [16]byte

// fwReadDMA fills p, which is in the heap, with the beginning of an item, in one go.
func fwReadDMA(key uint16, p []byte) error {
	control := fwControl[:]
	binary.BigEndian.PutUint32(control, uint32(key)<<16|fwDMASelect|fwDMARead)
	binary.BigEndian.PutUint32(control[4:], uint32(len(p)))
	binary.BigEndian.PutUint64(control[8:], x86.AddressOf(p))
	at := x86.AddressOf(control)
	cpu.Out32(fwDMAHigh, bits.ReverseBytes32(uint32(at>>32)))
	cpu.Out32(fwDMALow, bits.ReverseBytes32(uint32(at))) // starts it
	for start := x86.Nanotime(); ; {
		cpu.Pause() // the device writes: a call that the compiler does not see into has it look again
		state := binary.BigEndian.Uint32(control)
		if state == 0 {
			return nil
		}
		if state&fwDMAError != 0 || x86.Nanotime()-start > 5e9 {
			return fmt.Errorf("qemu: fw_cfg DMA of item %#x: state %#x", key, state)
		}
	}
}
