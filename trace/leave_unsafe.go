package trace

import "unsafe"

// leave leaves a record, see leaveRecord: a function value is the address of a
// word that has the code's.
var (
	leaveCode   = leaveAddr()
	leaveClosed = &leaveCode
	leave       = *(*func(kind Kind, arg uint32, object, offset, length uint64))(unsafe.Pointer(&leaveClosed))
)
