package zx

import "unsafe"

// Bytes is p in the layout ring 3 sees, without a copy: on a little-endian
// machine Encode would write the same (a test compares).
func (p *Packet) Bytes() *[PacketBytes]byte {
	return (*[PacketBytes]byte)(unsafe.Pointer(p))
}
