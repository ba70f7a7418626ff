package x86

// A PS/2 keyboard sends numbers of keys (scan code set 1, which the controller makes
// of whatever the keyboard has). Layout: US. Source: IBM PS/2 Technical Reference,
// "Keyboard and Auxiliary Device Controller".

const (
	keyRelease  = 0x80 // the key was let go
	keyExtended = 0xe0 // the next number is of another table

	keyCtrl       = 0x1d
	keyLeftShift  = 0x2a
	keyRightShift = 0x36
	keyCapsLock   = 0x3a
)

// keysPlain and keysShifted are the characters of keys 0 to 0x39; 0 is none.
const (
	keysPlain   = "\x00\x1b1234567890-=\x7f\tqwertyuiop[]\r\x00asdfghjkl;'`\x00\\zxcvbnm,./\x00*\x00 "
	keysShifted = "\x00\x1b!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r\x00ASDFGHJKL:\"~\x00|ZXCVBNM<>?\x00*\x00 "
)

// keyboard is what the keys held down make of the next one.
type keyboard struct {
	shift, ctrl, caps, extended bool
}

// key takes one byte of the keyboard and gives what a terminal would send; nothing for
// most.
func (k *keyboard) key(code uint8) string {
	if code == keyExtended {
		k.extended = true
		return ""
	}
	extended := k.extended
	k.extended = false
	down := code&keyRelease == 0
	switch code &^ keyRelease {
	case keyCtrl:
		k.ctrl = down
		return ""
	case keyLeftShift, keyRightShift:
		if !extended { // else it goes with a grey key, and means nothing
			k.shift = down
		}
		return ""
	}
	if !down {
		return ""
	}
	if extended {
		return map[uint8]string{
			0x1c: "\r", 0x35: "/", 0x47: "\x1b[H", 0x48: "\x1b[A", 0x4b: "\x1b[D", 0x4d: "\x1b[C",
			0x4f: "\x1b[F", 0x50: "\x1b[B", 0x53: "\x1b[3~",
		}[code]
	}
	if code == keyCapsLock {
		k.caps = !k.caps
		return ""
	}
	if int(code) >= len(keysPlain) {
		return ""
	}
	c := keysPlain[code]
	letter := c >= 'a' && c <= 'z'
	if k.shift != (k.caps && letter) {
		c = keysShifted[code]
	}
	switch {
	case c == 0:
		return ""
	case k.ctrl && letter:
		return string(rune(keysPlain[code] & 0x1f))
	}
	return string(rune(c))
}
