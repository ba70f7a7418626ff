//go:build tamago

package x86

import "faultline/cpu"

// VectorKeyboard is the interrupt of the PS/2 keyboard.
const VectorKeyboard cpu.Vector = 0x31

// The keyboard controller. Source: IBM PS/2 Technical Reference, "Keyboard and
// Auxiliary Device Controller".
const (
	i8042Data   cpu.Port = 0x60
	i8042Status cpu.Port = 0x64   // and command
	i8042Full            = 1 << 0 // a byte waits for us
	i8042Busy            = 1 << 1 // ours is not taken yet
	i8042Mouse           = 1 << 5 // the byte is the mouse's
	i8042Read            = 0x20
	i8042Write           = 0x60
	i8042KeyIRQ          = 1 << 0
	i8042KeyOff          = 1 << 4
	keyboardIRQ          = 1
)

var keys struct {
	present bool
	state   keyboard
}

// initKeyboard lets the keyboard interrupt, where there is one. It changes nothing else:
// firmware has set it up.
func initKeyboard() {
	if cpu.In8(i8042Status) == 0xff {
		return
	}
	for range 64 { // what was typed before nobody means for us
		if cpu.In8(i8042Status)&i8042Full == 0 {
			break
		}
		cpu.In8(i8042Data)
	}
	config, ok := uint8(0), false
	cpu.Out8(i8042Status, i8042Read)
	for start := Nanotime(); Nanotime()-start < 100e6 && !ok; cpu.Pause() {
		if ok = cpu.In8(i8042Status)&i8042Full != 0; ok {
			config = cpu.In8(i8042Data)
		}
	}
	if !ok || !routeISA(keyboardIRQ, VectorKeyboard) {
		return
	}
	cpu.Out8(i8042Status, i8042Write)
	for start := Nanotime(); cpu.In8(i8042Status)&i8042Busy != 0 && Nanotime()-start < 100e6; cpu.Pause() {
	}
	cpu.Out8(i8042Data, config&^i8042KeyOff|i8042KeyIRQ)
	keys.present = true
}

// receiveKeys moves what was typed on the keyboard, for receive.
func receiveKeys() (any bool) {
	for n := 0; keys.present && n < 64; n++ {
		status := cpu.In8(i8042Status)
		if status&i8042Full == 0 {
			break
		}
		code := cpu.In8(i8042Data)
		if status&i8042Mouse != 0 {
			continue
		}
		for _, c := range []byte(keys.state.key(code)) {
			if len(typed.input) < inputBytes {
				typed.input <- c
				any = true
			}
		}
	}
	return any
}
