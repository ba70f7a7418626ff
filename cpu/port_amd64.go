package cpu

// Port is an address in the CPU's I/O space.
type Port uint16

// In8 reads a byte from port.
func In8(port Port) uint8

// In16 reads two bytes from port.
func In16(port Port) uint16

// In32 reads four bytes from port.
func In32(port Port) uint32

// Out8 writes a byte to port.
func Out8(port Port, v uint8)

// Out16 writes two bytes to port.
func Out16(port Port, v uint16)

// Out32 writes four bytes to port.
func Out32(port Port, v uint32)

// InBytes fills p with bytes read from port, in one instruction (REP INSB).
func InBytes(port Port, p []byte)

// OutBytes writes the bytes of p to port, in one instruction (REP OUTSB).
func OutBytes(port Port, p []byte)
