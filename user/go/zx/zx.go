//go:build tamago

// Package zx is Zircon's system calls for Go programs in ring 3 of Faultline.
//
// The functions Sys... are the calls themselves, one for each row of the table
// that the C stubs come from. The types are handles with the calls that apply to
// them as methods; their errors are of type Status and print as in C.
//
// A call that waits keeps one of the program's threads, of which there are eight.
// Memory that a pager backs is best read with VMO.ReadAt: a goroutine that faults
// on a mapping keeps its thread, and the garbage collector waits for it.
package zx

import (
	"runtime/goos"

	"faultline/zx"
)

// The words that kernel and programs share.
type (
	Status      = zx.Status
	Rights      = zx.Rights
	Signals     = zx.Signals
	Time        = zx.Time
	Koid        = zx.Koid
	ObjType     = zx.ObjType
	Packet      = zx.Packet
	PageRequest = zx.PageRequest
	DirtyRange  = zx.DirtyRange
)

// Infinite is the deadline that never comes.
const Infinite = zx.TimeInfinite

// VMOption is the options of VMAR.Map, Protect and Allocate.
type VMOption uint32

// Permissions and places of mappings.
const (
	PermRead         = VMOption(zx.VMPermRead)
	PermWrite        = VMOption(zx.VMPermWrite)
	PermExecute      = VMOption(zx.VMPermExecute)
	Specific         = VMOption(zx.VMSpecific)
	SpecificOverride = VMOption(zx.VMSpecificOverwrite)
	AllowFaults      = VMOption(zx.VMAllowFaults)
	MapRange         = VMOption(zx.VMMapRange) // enter what is there at once
)

// failed makes an error of a status: nil for OK.
func failed(st Status) error {
	if st == zx.OK {
		return nil
	}
	return st
}

// Handle names an object of any type. The zero Handle names none.
type Handle uint32

// Close closes h. Errors: ErrBadHandle.
func (h Handle) Close() error { return failed(SysHandleClose(h)) }

// Duplicate makes a second handle; zx.RightSame keeps the rights.
func (h Handle) Duplicate(rights Rights) (Handle, error) {
	var out Handle
	st := SysHandleDuplicate(h, rights, &out)
	return out, failed(st)
}

// Replace makes a handle with fewer rights and closes h.
func (h Handle) Replace(rights Rights) (Handle, error) {
	var out Handle
	st := SysHandleReplace(h, rights, &out)
	return out, failed(st)
}

// WaitOne waits until one of signals is asserted and gives those seen last.
func (h Handle) WaitOne(signals Signals, deadline Time) (Signals, error) {
	var seen Signals
	st := SysObjectWaitOne(h, signals, deadline, &seen)
	return seen, failed(st)
}

// WaitAsync has a packet of key queued at port when one of signals is asserted.
func (h Handle) WaitAsync(port Port, key uint64, signals Signals, options uint32) error {
	return failed(SysObjectWaitAsync(h, port.Handle, key, signals, options))
}

// Signal deasserts and asserts signals; SignalPeer does so at the other end.
func (h Handle) Signal(clear, set Signals) error {
	return failed(SysObjectSignal(h, uint32(clear), uint32(set)))
}

// SignalPeer is Signal at the other end.
func (h Handle) SignalPeer(clear, set Signals) error {
	return failed(SysObjectSignalPeer(h, uint32(clear), uint32(set)))
}

// Kinds of objects.
type (
	Process   struct{ Handle }
	Thread    struct{ Handle }
	Job       struct{ Handle }
	VMO       struct{ Handle }
	VMAR      struct{ Handle }
	Port      struct{ Handle }
	Pager     struct{ Handle }
	Channel   struct{ Handle }
	Event     struct{ Handle }
	EventPair struct{ Handle }
	FIFO      struct{ Handle }
	Timer     struct{ Handle }
)

// Types of start handles: see StartHandle.
const (
	PAProcSelf   = 0x01
	PAThreadSelf = 0x02
	PAJobDefault = 0x03
	PAVMARRoot   = 0x04
	PAUser0      = 0xf0
)

// StartHandle gives the handle of that type and number that the program was
// started with, 0 if there is none. It stays the program's own.
func StartHandle(typ uint8, number uint16) Handle {
	return Handle(goos.StartHandle(uint32(typ) | uint32(number)<<16))
}

// ProcessSelf, JobDefault and VMARRoot are what every program has.
func ProcessSelf() Process { return Process{StartHandle(PAProcSelf, 0)} }

// JobDefault is the job that the program may make processes in.
func JobDefault() Job { return Job{StartHandle(PAJobDefault, 0)} }

// VMARRoot is the program's address space.
func VMARRoot() VMAR { return VMAR{StartHandle(PAVMARRoot, 0)} }

// Now is the monotonic clock; After a deadline from now.
func Now() Time { return SysClockGetMonotonic() }

// After is the deadline d nanoseconds from now.
func After(d Time) Time {
	if now := Now(); d <= Infinite-now {
		return now + d
	}
	return Infinite
}

// NewEvent makes an event.
func NewEvent() (Event, error) {
	var e Event
	st := SysEventCreate(0, &e.Handle)
	return e, failed(st)
}

// NewPort makes a port.
func NewPort() (Port, error) {
	var p Port
	st := SysPortCreate(0, &p.Handle)
	return p, failed(st)
}

// NewChannel makes a channel and gives its ends.
func NewChannel() (a, b Channel, err error) {
	st := SysChannelCreate(0, &a.Handle, &b.Handle)
	return a, b, failed(st)
}

// NewEventPair makes two events that see each other's end.
func NewEventPair() (a, b EventPair, err error) {
	st := SysEventpairCreate(0, &a.Handle, &b.Handle)
	return a, b, failed(st)
}

// NewVMO makes an anonymous VMO.
func NewVMO(size uint64, options uint32) (VMO, error) {
	var v VMO
	st := SysVMOCreate(size, options, &v.Handle)
	return v, failed(st)
}

// Size is the size in bytes; SetSize needs a resizable VMO.
func (v VMO) Size() (uint64, error) {
	var n uint64
	st := SysVMOGetSize(v.Handle, &n)
	return n, failed(st)
}

// SetSize resizes the VMO.
func (v VMO) SetSize(n uint64) error { return failed(SysVMOSetSize(v.Handle, n)) }

// StreamSize is the size of the content in bytes.
func (v VMO) StreamSize() (uint64, error) {
	var n uint64
	st := SysVMOGetStreamSize(v.Handle, &n)
	return n, failed(st)
}

// SetStreamSize sets it.
func (v VMO) SetStreamSize(n uint64) error { return failed(SysVMOSetStreamSize(v.Handle, n)) }

// OpRange performs one of the VMO operations on a range.
func (v VMO) OpRange(op uint32, offset, size uint64) error {
	return failed(SysVMOOpRange(v.Handle, op, offset, size, nil, 0))
}

// Child makes a clone, slice or reference.
func (v VMO) Child(options uint32, offset, size uint64) (VMO, error) {
	var c VMO
	st := SysVMOCreateChild(v.Handle, options, offset, size, &c.Handle)
	return c, failed(st)
}

// Map maps a range of v at offset in the region, or anywhere, and gives where.
func (r VMAR) Map(options VMOption, offset uint64, v VMO, vmoOffset, size uint64) (uintptr, error) {
	var at uintptr
	st := SysVMARMap(r.Handle, options, offset, v.Handle, vmoOffset, size, &at)
	return at, failed(st)
}

// Unmap ends mappings in [at, at+size).
func (r VMAR) Unmap(at uintptr, size uint64) error { return failed(SysVMARUnmap(r.Handle, at, size)) }

// Protect changes the permissions of mappings.
func (r VMAR) Protect(options VMOption, at uintptr, size uint64) error {
	return failed(SysVMARProtect(r.Handle, options, at, size))
}

// NewPager makes a pager.
func NewPager() (Pager, error) {
	var p Pager
	st := SysPagerCreate(0, &p.Handle)
	return p, failed(st)
}

// CreateVMO makes a VMO whose pages the pager supplies: its requests arrive at port
// with key.
func (p Pager) CreateVMO(options uint32, port Port, key, size uint64) (VMO, error) {
	var v VMO
	st := SysPagerCreateVMO(p.Handle, options, port.Handle, key, size, &v.Handle)
	return v, failed(st)
}

// Supply moves pages of aux into v.
func (p Pager) Supply(v VMO, offset, size uint64, aux VMO, auxOffset uint64) error {
	return failed(SysPagerSupplyPages(p.Handle, v.Handle, offset, size, aux.Handle, auxOffset))
}

// Fail answers the requests of a range with st.
func (p Pager) Fail(v VMO, offset, size uint64, st Status) error {
	return failed(SysPagerOpRange(p.Handle, 1, v.Handle, offset, size, uint64(st)))
}

// Dirty lets the writes to a range go on.
func (p Pager) Dirty(v VMO, offset, size uint64) error {
	return failed(SysPagerOpRange(p.Handle, 2, v.Handle, offset, size, 0))
}

// WritebackBegin says that a dirty range is being written.
func (p Pager) WritebackBegin(v VMO, offset, size uint64) error {
	return failed(SysPagerOpRange(p.Handle, 3, v.Handle, offset, size, 0))
}

// WritebackEnd says that it has been.
func (p Pager) WritebackEnd(v VMO, offset, size uint64) error {
	return failed(SysPagerOpRange(p.Handle, 4, v.Handle, offset, size, 0))
}

// Detach cuts v off.
func (p Pager) Detach(v VMO) error { return failed(SysPagerDetachVMO(p.Handle, v.Handle)) }

// CancelKey removes the queued packets of key.
func (p Port) CancelKey(key uint64) error { return failed(SysPortCancelKey(p.Handle, 0, key)) }
