// Package zx is the ABI vocabulary: the words ring 0 and ring 3 share.
//
// Status codes, rights, object types, options, operations, packet and struct
// layouts, and the small integer types (VirtAddr, Handle, Koid, Time) that
// every room speaks. Names and values are Zircon's. zx is a leaf: it imports
// nothing of ours and holds no policy.
//
// Source: docs/pager.md 1.
package zx

import "fmt"

// Status is a Zircon status code: OK is zero, every error is negative.
// It implements error, so that a Go client of the rooms can return it as one;
// compare with ==, never by text.
type Status int32

// Status codes, docs/pager.md 1.3.
const (
	OK                    Status = 0
	ErrInternal           Status = -1
	ErrNotSupported       Status = -2
	ErrNoResources        Status = -3
	ErrNoMemory           Status = -4
	ErrInternalIntrRetry  Status = -6 // never reaches user code: the syscall is issued again
	ErrInvalidArgs        Status = -10
	ErrBadHandle          Status = -11
	ErrWrongType          Status = -12
	ErrBadSyscall         Status = -13
	ErrOutOfRange         Status = -14
	ErrBufferTooSmall     Status = -15
	ErrBadState           Status = -20
	ErrTimedOut           Status = -21
	ErrShouldWait         Status = -22
	ErrCanceled           Status = -23
	ErrPeerClosed         Status = -24
	ErrNotFound           Status = -25
	ErrAlreadyExists      Status = -26
	ErrAlreadyBound       Status = -27
	ErrUnavailable        Status = -28
	ErrAccessDenied       Status = -30
	ErrIO                 Status = -40
	ErrIORefused          Status = -41
	ErrIODataIntegrity    Status = -42
	ErrIODataLoss         Status = -43
	ErrIONotPresent       Status = -44
	ErrIOOverrun          Status = -45
	ErrIOMissedDeadline   Status = -46
	ErrIOInvalid          Status = -47
	ErrBadPath            Status = -50
	ErrNotDir             Status = -51
	ErrNotFile            Status = -52
	ErrFileBig            Status = -53
	ErrNoSpace            Status = -54
	ErrNotEmpty           Status = -55
	ErrStop               Status = -60
	ErrNext               Status = -61
	ErrAsync              Status = -62
	ErrInternalIntrKilled Status = -502 // kernel internal: the thread is being killed
	statusNamePrefix             = "ZX_"
	statusErrorPrefix            = "ZX_ERR_"
)

// statusNames lists every code once; String and ParseStatus both read it.
var statusNames = map[Status]string{
	OK: "OK", ErrInternal: "INTERNAL", ErrNotSupported: "NOT_SUPPORTED",
	ErrNoResources: "NO_RESOURCES", ErrNoMemory: "NO_MEMORY",
	ErrInternalIntrRetry: "INTERNAL_INTR_RETRY", ErrInvalidArgs: "INVALID_ARGS",
	ErrBadHandle: "BAD_HANDLE", ErrWrongType: "WRONG_TYPE", ErrBadSyscall: "BAD_SYSCALL",
	ErrOutOfRange: "OUT_OF_RANGE", ErrBufferTooSmall: "BUFFER_TOO_SMALL",
	ErrBadState: "BAD_STATE", ErrTimedOut: "TIMED_OUT", ErrShouldWait: "SHOULD_WAIT",
	ErrCanceled: "CANCELED", ErrPeerClosed: "PEER_CLOSED", ErrNotFound: "NOT_FOUND",
	ErrAlreadyExists: "ALREADY_EXISTS", ErrAlreadyBound: "ALREADY_BOUND",
	ErrUnavailable: "UNAVAILABLE", ErrAccessDenied: "ACCESS_DENIED", ErrIO: "IO",
	ErrIORefused: "IO_REFUSED", ErrIODataIntegrity: "IO_DATA_INTEGRITY",
	ErrIODataLoss: "IO_DATA_LOSS", ErrIONotPresent: "IO_NOT_PRESENT",
	ErrIOOverrun: "IO_OVERRUN", ErrIOMissedDeadline: "IO_MISSED_DEADLINE",
	ErrIOInvalid: "IO_INVALID", ErrBadPath: "BAD_PATH", ErrNotDir: "NOT_DIR",
	ErrNotFile: "NOT_FILE", ErrFileBig: "FILE_BIG", ErrNoSpace: "NO_SPACE",
	ErrNotEmpty: "NOT_EMPTY", ErrStop: "STOP", ErrNext: "NEXT", ErrAsync: "ASYNC",
	ErrInternalIntrKilled: "INTERNAL_INTR_KILLED",
}

// String gives the code under Zircon's name, ZX_OK or ZX_ERR_...; an unknown
// code gives its number.
func (s Status) String() string {
	name, known := statusNames[s]
	switch {
	case !known:
		return fmt.Sprintf("zx_status_t(%d)", int32(s))
	case s == OK:
		return statusNamePrefix + name
	}
	return statusErrorPrefix + name
}

// Error makes a Status an error.
func (s Status) Error() string { return s.String() }

// ParseStatus finds the status that String writes as name.
func ParseStatus(name string) (Status, bool) {
	for s := range statusNames {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}
