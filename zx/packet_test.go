package zx

import "testing"

// TestPacketBytes pins that a packet in memory is the packet ring 3 sees.
func TestPacketBytes(t *testing.T) {
	p := PageRequestPacket(0x1122334455667788, PageRequest{Command: PageDirty, Offset: 0x12345000, Length: 0x6000})
	p.Status = -11
	var want [PacketBytes]byte
	p.Encode(&want)
	if got := *p.Bytes(); got != want {
		t.Errorf("% x\nwant\n% x", got, want)
	}
	var back Packet
	if back.Decode(&want); back != p {
		t.Errorf("%+v, want %+v", back, p)
	}
}
