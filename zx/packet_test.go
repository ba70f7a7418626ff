package zx

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestBytes pins that a struct in memory is the one ring 3 sees.
func TestBytes(t *testing.T) {
	le := binary.LittleEndian
	p := PageRequestPacket(0x1122334455667788, PageRequest{Command: PageDirty, Offset: 0x12345000, Length: 0x6000})
	p.Status = -11
	packet := le.AppendUint64(nil, p.Key)
	packet = le.AppendUint32(packet, uint32(p.Type))
	packet = le.AppendUint32(packet, uint32(p.Status))
	packet = append(packet, p.Payload[:]...)

	report := ExceptionReport{ExceptionReportBytes, ExcpFatalPageFault, 14, 6, 0x12345678, 0xfffffff6, 7}
	var words []byte
	for _, w := range []uint64{ExceptionReportBytes | uint64(ExcpFatalPageFault)<<32, 14, 6, 0x12345678, 0xfffffff6 | 7<<32} {
		words = le.AppendUint64(words, w)
	}
	for _, c := range []struct{ got, want []byte }{
		{p.Bytes()[:], packet},
		{Bytes(&report), words},
		{Bytes(&DirtyRange{1, 2, 3}), []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}},
		{Bytes(&VMOLockState{1, 2, 3, 4}), []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("% x\nwant\n% x", c.got, c.want)
		}
	}
}
