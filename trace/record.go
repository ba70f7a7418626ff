package trace

import (
	"encoding/binary"
	"slices"

	"faultline/zx"
)

// Kind says what a record tells; 0 is none.
type Kind uint8

// Kinds of records, and what the fields Arg, Object, Offset and Length mean.
// Object is a VMO's id and Offset, Length bytes in it unless another is said.
const (
	Fault      Kind = iota + 1 // a page fault is taken; Arg is the error code, Offset the address, Length the RIP
	FaultEnd                   // it is decided; Arg is the status, Length says how, see EndZero
	Request                    // a page request is made; Arg is the command of its packet
	Packet                     // a thread takes its packet off the port; Arg is the command
	Supply                     // pages are supplied
	Operation                  // zx_pager_op_range; Arg is the op
	Wake                       // Object is the koid of a thread that may run on
	Switch                     // a CPU turns to a thread, or to none
	Shootdown                  // translations are taken from other CPUs; Arg is how many CPUs
	Evict                      // clean pages are taken
	Syscall                    // a system call begins; Arg is its number
	SyscallEnd                 // it ends; Object is its result
	Interrupt                  // one takes a CPU out of ring 3; Arg is the vector
	kinds
)

// What the Length of a FaultEnd says, a bit each.
const (
	EndZero  = 1 << iota // the shared zero page stands there now
	EndRead              // it waited for the pager to supply the page
	EndDirty             // it waited for the pager to let the page become dirty
)

var kindNames = [kinds]string{"", "fault", "fault-end", "request", "packet", "supply", "operation", "wake", "switch", "shootdown", "evict",
	"syscall", "syscall-end", "interrupt"}

// String names the kind as filters do.
func (k Kind) String() string {
	if k > 0 && k < kinds {
		return kindNames[k]
	}
	return "?"
}

// KindNames lists the names of all kinds.
func KindNames() []string { return kindNames[1:] }

// KindNamed finds a kind by its name.
func KindNamed(name string) (Kind, bool) {
	k := slices.Index(KindNames(), name) + 1
	return Kind(k), k > 0
}

// RecordBytes is the size of an encoded record.
const RecordBytes = 56

// Append appends r to b, little-endian.
func (r *Record) Append(b []byte) []byte {
	for _, v := range [...]uint64{r.Time, uint64(r.Kind) | uint64(r.CPU)<<8 | uint64(r.Arg)<<32, uint64(r.Process), uint64(r.Thread), r.Object, r.Offset, r.Length} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// Decode reads a record that Append wrote. Pre: b has RecordBytes.
func Decode(b []byte) Record {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return Record{
		Time: word(0), Kind: Kind(word(1)), CPU: uint8(word(1) >> 8), Arg: uint32(word(1) >> 32),
		Process: zx.Koid(word(2)), Thread: zx.Koid(word(3)), Object: word(4), Offset: word(5), Length: word(6),
	}
}

// Record is what one Emit left.
type Record struct {
	Time            uint64 // time stamp counter
	Kind            Kind
	CPU             uint8
	Arg             uint32
	Process, Thread zx.Koid // that ran on the CPU; 0 for the kernel's own work
	Object          uint64
	Offset, Length  uint64
}
