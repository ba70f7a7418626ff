package trace

// GSID is where the block that GS points at in ring 0 has the CPU's number, which
// a test of cpu compares.
const GSID = 0xb8

// hostCPU and hostTime stand for the CPU's number and its time stamp counter on
// the host.
var hostCPU, hostTime uint64

// leaveRecord is leave's machine code. It is entered as compiled Go calls a
// function, with the arguments in registers, so that a record costs no frame and
// no copy of them. Source: Go's internal ABI.
func leaveRecord()

// leaveAddr is where it stands.
func leaveAddr() uintptr

// here is this CPU's ring; nil if none was made.
func here() *ring
