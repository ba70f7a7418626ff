//go:build tamago

package qemu

import "faultline/cpu"

const (
	rtcIndex cpu.Port = 0x70
	rtcData  cpu.Port = 0x71

	rtcNMIOff   = 0x80
	rtcStatusA  = 0x0a
	rtcStatusB  = 0x0b
	rtcUpdating = 0x80
)

func readCMOS(reg uint8) uint8 {
	cpu.Out8(rtcIndex, rtcNMIOff|reg)
	return cpu.In8(rtcData)
}

// readRTC is the wall clock in seconds since 1970; ok is false without a clock
// that makes sense.
func readRTC() (unix int64, ok bool) {
	for range 1000 {
		if readCMOS(rtcStatusA)&rtcUpdating != 0 {
			cpu.Pause()
			continue
		}
		var v [6]uint8
		for i, reg := range [...]uint8{0, 2, 4, 7, 8, 9} {
			v[i] = readCMOS(reg)
		}
		if readCMOS(0) != v[0] || readCMOS(rtcStatusA)&rtcUpdating != 0 {
			continue // the second changed meanwhile
		}
		return rtcTime(v[0], v[1], v[2], v[3], v[4], v[5], readCMOS(rtcStatusB))
	}
	return 0, false
}
