package zx

import "unsafe"

// Bytes is p in the layout ring 3 sees, without a copy: Go lays structs out as C does,
// and the machine is little-endian (a test compares).
func (p *Packet) Bytes() *[PacketBytes]byte {
	return (*[PacketBytes]byte)(unsafe.Pointer(p))
}

// Bytes is what p points at in the layout ring 3 sees, as Packet.Bytes.
func Bytes[T DirtyRange | VMOLockState | ExceptionReport](p *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p))
}
