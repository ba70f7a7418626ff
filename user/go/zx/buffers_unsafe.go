//go:build tamago

package zx

import (
	"io"
	"unsafe"

	"faultline/zx"
)

//go:linkname enterSyscall runtime.entersyscall
func enterSyscall()

//go:linkname exitSyscall runtime.exitsyscall
func exitSyscall()

// call is syscall8 that lets the rest of the program go on without this thread's
// processor: it stops the world, if need be, while the call waits.
//
//go:uintptrescapes
//go:nosplit
func call(number, a, b, c, d, e, f, g, h uintptr) uintptr {
	enterSyscall()
	r := syscall8(number, a, b, c, d, e, f, g, h)
	exitSyscall()
	return r
}

// bytesAt is where the bytes of p are; nil if there are none.
func bytesAt(p []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(p)) }

// ReadAt implements io.ReaderAt up to the end of the content.
func (v VMO) ReadAt(p []byte, off int64) (int, error) {
	end, err := v.StreamSize()
	switch {
	case err != nil:
		return 0, err
	case off < 0 || uint64(off) >= end:
		return 0, io.EOF
	}
	n := int(min(uint64(len(p)), end-uint64(off)))
	if st := SysVMORead(v.Handle, bytesAt(p), uint64(off), uint64(n)); st != zx.OK {
		return 0, st
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt inside the VMO.
func (v VMO) WriteAt(p []byte, off int64) (int, error) {
	if st := SysVMOWrite(v.Handle, bytesAt(p), uint64(off), uint64(len(p))); st != zx.OK {
		return 0, st
	}
	return len(p), nil
}

// Bytes is memory that was mapped at at. Touching what is mapped no more ends the
// program.
func Bytes(at uintptr, size uint64) []byte {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&at)) // not of Go's heap: no rule of package unsafe applies
	return unsafe.Slice((*byte)(p), size)
}

// Wait takes the oldest packet.
func (p Port) Wait(deadline Time) (Packet, error) {
	var packet Packet
	st := SysPortWait(p.Handle, deadline, unsafe.Pointer(packet.Bytes()))
	return packet, failed(st)
}

// Queue queues a packet of the user's.
func (p Port) Queue(packet *Packet) error {
	return failed(SysPortQueue(p.Handle, unsafe.Pointer(packet.Bytes())))
}

// Write sends a message. The handles are the caller's no more, whatever happens.
func (c Channel) Write(message []byte, handles ...Handle) error {
	return failed(SysChannelWrite(c.Handle, 0, bytesAt(message), uint32(len(message)), unsafe.Pointer(unsafe.SliceData(handles)), uint32(len(handles))))
}

// Read takes the oldest message, which must fit.
func (c Channel) Read(message []byte, handles []Handle) (n, nh int, err error) {
	var bytes, count uint32
	st := SysChannelRead(c.Handle, 0, bytesAt(message), unsafe.SliceData(handles), uint32(len(message)), uint32(len(handles)), &bytes, &count)
	return int(bytes), int(count), failed(st)
}

// DirtyRanges lists what is dirty in a range, as much as fits list, and says how
// many ranges there are.
func (p Pager) DirtyRanges(v VMO, offset, size uint64, list []DirtyRange) (n int, all uint64, err error) {
	var actual, avail uint64
	st := SysPagerQueryDirtyRanges(p.Handle, v.Handle, offset, size, unsafe.Pointer(unsafe.SliceData(list)), uint64(len(list))*zx.DirtyRangeBytes, &actual, &avail)
	return int(actual), avail, failed(st)
}

// Modified says whether v was modified since it was asked with reset.
func (p Pager) Modified(v VMO, reset bool) (bool, error) {
	var modified, options uint32
	if reset {
		options = 1
	}
	st := SysPagerQueryVMOStats(p.Handle, v.Handle, options, unsafe.Pointer(&modified), zx.PagerVMOStatsBytes)
	return modified != 0, failed(st)
}

// Koid is the identity of the object that h names, and Type what it is.
func (h Handle) Koid() (Koid, ObjType, error) {
	var info struct {
		koid         Koid
		rights, typ  uint32
		related      Koid
		reserved, _p uint32
	}
	st := SysObjectGetInfo(h, zx.InfoHandleBasic, unsafe.Pointer(&info), uint64(unsafe.Sizeof(info)), nil, nil)
	return info.koid, ObjType(info.typ), failed(st)
}

// DebugWrite puts text on the console.
func DebugWrite(text string) error {
	return failed(SysDebugWrite(unsafe.Pointer(unsafe.StringData(text)), uint64(len(text))))
}

// PointerTo is address as a pointer: of memory that Go's heap does not move or free.
func PointerTo(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

// Info gives the region's first address and its size.
func (r VMAR) Info() (base uintptr, size uint64, err error) {
	var info struct {
		base uintptr
		size uint64
	}
	st := SysObjectGetInfo(r.Handle, 7, unsafe.Pointer(&info), uint64(unsafe.Sizeof(info)), nil, nil)
	return info.base, info.size, failed(st)
}

// Pointer is where the bytes of p are, for the Sys functions.
func Pointer(p []byte) unsafe.Pointer { return bytesAt(p) }
