package zx

import "encoding/binary"

// Sizes in bytes of the structures that cross the system-call boundary, docs/pager.md
// 1.5.
const (
	PacketBytes          = 48
	PacketPayloadBytes   = 32
	DirtyRangeBytes      = 24
	PagerVMOStatsBytes   = 4
	VMOLockStateBytes    = 32
	ExceptionReportBytes = 40
	ExceptionInfoBytes   = 24
)

// Packet is zx_port_packet_t.
type Packet struct {
	Key     uint64
	Type    PacketType
	Status  Status
	Payload [PacketPayloadBytes]byte
}

// PageRequest is zx_packet_page_request_t without its reserved fields, which
// are always zero. Offset and Length are bytes in the VMO.
type PageRequest struct {
	Command PageCommand
	Offset  uint64
	Length  uint64
}

// PageRequestPacket makes the packet a pager receives for r: type
// PAGE_REQUEST, status 0, every field it does not name zero.
func PageRequestPacket(key uint64, r PageRequest) Packet {
	p := Packet{Key: key, Type: PacketPageRequest}
	p.SetPageRequest(r)
	return p
}

// SetPageRequest writes the payload of a PAGE_REQUEST packet.
func (p *Packet) SetPageRequest(r PageRequest) {
	binary.LittleEndian.PutUint16(p.Payload[0:], uint16(r.Command))
	binary.LittleEndian.PutUint64(p.Payload[8:], r.Offset)
	binary.LittleEndian.PutUint64(p.Payload[16:], r.Length)
}

// PageRequest reads the payload of a PAGE_REQUEST packet.
func (p *Packet) PageRequest() PageRequest {
	return PageRequest{
		Command: PageCommand(binary.LittleEndian.Uint16(p.Payload[0:])),
		Offset:  binary.LittleEndian.Uint64(p.Payload[8:]),
		Length:  binary.LittleEndian.Uint64(p.Payload[16:]),
	}
}

// DirtyRange is zx_vmo_dirty_range_t: bytes [Offset, Offset+Length) of a VMO.
type DirtyRange struct {
	Offset  uint64
	Length  uint64
	Options uint64
}

// VMOLockState is zx_vmo_lock_state_t: what was locked, and what of it had been
// discarded before, in bytes.
type VMOLockState struct {
	Offset, Size                   uint64
	DiscardedOffset, DiscardedSize uint64
}

// ExceptionReport is zx_exception_report_t for x86-64. Vector, ErrorCode and
// CR2 are the hardware's; SynthCode is the status of a fatal page fault.
type ExceptionReport struct {
	Size      uint32 // ExceptionReportBytes, when ring 3 gets it
	Type      ExceptionType
	Vector    uint64
	ErrorCode uint64
	CR2       uint64
	SynthCode uint32
	SynthData uint32
}
