package syscall

import (
	"encoding/binary"

	"faultline/dma"
	"faultline/object"
	"faultline/zx"
)

// Topics of zx_object_get_info that package zx does not need elsewhere.
const (
	infoHandleValid    uint32 = 1
	infoProcess        uint32 = 0x10000003
	infoProcessThreads uint32 = 4
	infoVMAR           uint32 = 7
	infoThreadStats    uint32 = 15
	infoJobChildren    uint32 = 8
	infoJobProcesses   uint32 = 9
	infoBTI            uint32 = 20
	infoJob            uint32 = 24
	infoHandleCount    uint32 = 19
	infoVMOv0          uint32 = 0x00000017 // the oldest layout; each is the start of the next
	infoVMOv1          uint32 = 0x10000017
	infoVMOv3          uint32 = 0x30000017
)

// Sizes of the records.
const (
	infoHandleBasicBytes = 32
	infoHandleCountBytes = 4
	infoProcessBytes     = 24
	infoBTIBytes         = 32
	infoJobBytes         = 16
	infoVMARBytes        = 16
	infoThreadBytes      = 72
	infoThreadStatsBytes = 16
	infoVMOv0Bytes       = 104
	infoVMOv1Bytes       = 120
	infoVMOv2Bytes       = 128
	infoVMOv3Bytes       = 176
)

// Flags of zx_info_process_t.
const (
	infoProcessStarted          = 1
	infoProcessExited           = 2
	infoProcessDebuggerAttached = 4
)

// objectGetInfo is zx_object_get_info.
func objectGetInfo(c *Context, h zx.Handle, topic uint32, buffer userOut, size uint64, actual, avail userOut) zx.Status {
	typ, rights := zx.ObjNone, zx.RightInspect
	switch topic {
	case infoHandleValid, zx.InfoHandleBasic:
		rights = 0
	case infoHandleCount:
	case infoProcess:
		typ = zx.ObjProcess
	case infoProcessThreads:
		typ, rights = zx.ObjProcess, zx.RightEnumerate
	case infoJob:
		typ = zx.ObjJob
	case infoJobChildren, infoJobProcesses:
		typ, rights = zx.ObjJob, zx.RightEnumerate
	case infoVMAR:
		typ = zx.ObjVMAR
	case infoBTI:
		typ = zx.ObjBTI
	case zx.InfoThread, infoThreadStats, zx.InfoThreadExceptionReport:
		typ = zx.ObjThread
	case infoTaskStats, infoTaskStats | infoVersion1,
		infoProcessMaps, infoProcessMaps | infoVersion1, infoProcessMaps | infoVersion2,
		infoProcessVMOs, infoProcessVMOs | infoVersion1, infoProcessVMOs | infoVersion2, infoProcessVMOs | infoVersion3:
		typ = zx.ObjProcess
	case infoVMOv0, infoVMOv1, zx.InfoVMOv2, infoVMOv3:
		typ, rights = zx.ObjVMO, 0
	default:
		return zx.ErrNotSupported
	}
	o, have, st := c.Handles.GetRights(h, typ, rights)
	if st != zx.OK {
		return st
	}
	clear(c.scratch[:])
	var record []byte
	le := binary.LittleEndian
	switch topic {
	case infoHandleValid:
		object.Unref(o)
		return zx.OK
	case zx.InfoHandleBasic:
		record = c.scratch[:infoHandleBasicBytes]
		b := o.ObjectBase()
		le.PutUint64(record[0:], uint64(b.Koid()))
		le.PutUint32(record[8:], uint32(have))
		le.PutUint32(record[12:], uint32(b.Type()))
		if r, ok := o.(Related); ok {
			le.PutUint64(record[16:], uint64(r.RelatedKoid()))
		}
	case infoHandleCount:
		record = c.scratch[:infoHandleCountBytes]
		le.PutUint32(record, uint32(o.ObjectBase().Handles()))
	case infoBTI:
		record = c.scratch[:infoBTIBytes]
		pmts, quarantined := o.(*dma.BTI).Info()
		le.PutUint64(record[0:], zx.PageSize) // minimum contiguity
		le.PutUint64(record[8:], ^uint64(0))  // size of the address space
		le.PutUint64(record[16:], uint64(pmts))
		le.PutUint64(record[24:], uint64(quarantined))
	case infoVMAR:
		record = c.scratch[:infoVMARBytes]
		r := o.(*VMAR).Region
		le.PutUint64(record[0:], uint64(r.Base()))
		le.PutUint64(record[8:], r.Size())
	case zx.InfoThread:
		record = c.scratch[:infoThreadBytes]
		t := o.(Thread).Info()
		le.PutUint32(record[0:], uint32(t.State))
		le.PutUint32(record[4:], t.WaitExceptionChannel)
		for i, mask := range t.Affinity {
			le.PutUint64(record[8+8*i:], mask)
		}
	case infoThreadStats:
		record = c.scratch[:infoThreadStatsBytes]
		t := o.(Thread).Info()
		le.PutUint64(record[0:], uint64(t.Runtime))
		le.PutUint32(record[8:], t.LastCPU)
	case zx.InfoThreadExceptionReport:
		record = c.scratch[:zx.ExceptionReportBytes]
		var report zx.ExceptionReport
		if report, st = o.(Thread).ExceptionReport(); st == zx.OK {
			report.Encode((*[zx.ExceptionReportBytes]byte)(record))
		}
	case infoProcess:
		record = c.scratch[:infoProcessBytes]
		i := o.(Process).Info()
		flags := uint32(0)
		if i.Started {
			flags |= infoProcessStarted
		}
		if i.Exited {
			flags |= infoProcessExited
			le.PutUint64(record[0:], uint64(i.ReturnCode))
		}
		if i.DebuggerAttached {
			flags |= infoProcessDebuggerAttached
		}
		le.PutUint64(record[8:], uint64(i.StartTime))
		le.PutUint32(record[16:], flags)
	case infoJob:
		record = c.scratch[:infoJobBytes]
		i := o.(Job).Info()
		le.PutUint64(record[0:], uint64(i.ReturnCode))
		if i.Exited {
			record[8] = 1
		}
	case infoProcessThreads:
		st = c.koids(o.(Process).NextThread, buffer, size, actual, avail)
		object.Unref(o)
		return st
	case infoJobChildren:
		st = c.koids(o.(Job).NextJob, buffer, size, actual, avail)
		object.Unref(o)
		return st
	case infoJobProcesses:
		st = c.koids(o.(Job).NextProcess, buffer, size, actual, avail)
		object.Unref(o)
		return st
	case infoVMOv0, infoVMOv1, zx.InfoVMOv2, infoVMOv3:
		encodeVMO(c.scratch[:infoVMOv3Bytes], o.(*VMO).VMO, have, zx.InfoVMOViaHandle)
		record = c.scratch[:infoVMOBytes[topic>>infoVersion]]
	default:
		st = c.processInfo(o.(Process), topic, buffer, size, actual, avail)
		object.Unref(o)
		return st
	}
	object.Unref(o)
	if st != zx.OK {
		return st
	}
	return c.oneRecord(record, buffer, size, actual, avail)
}

// koids writes those that next gives, from 0 on, as many as fit, then the counts.
//
// Errors: ErrInvalidArgs a pointer.
func (c *Context) koids(next func(zx.Koid) (zx.Koid, bool), buffer userOut, size uint64, actual, avail userOut) zx.Status {
	r := records{c: c, buffer: buffer, room: size, budget: zx.Budget{By: c.yielder}}
	for k, ok := next(0); ok; k, ok = next(k) {
		binary.LittleEndian.PutUint64(c.scratch[:], uint64(k))
		if st := r.add(c.scratch[:8]); st != zx.OK {
			return st
		}
	}
	return r.counts(actual, avail)
}

// oneRecord writes a record of c.scratch if it fits, then the counts.
//
// Errors: ErrInvalidArgs a pointer | ErrBufferTooSmall.
func (c *Context) oneRecord(record []byte, buffer userOut, size uint64, actual, avail userOut) zx.Status {
	n := uint64(0)
	if size >= uint64(len(record)) {
		if st := c.write(buffer, record); st != zx.OK {
			return st
		}
		n = 1
	}
	if st := c.optional64(actual, n); st != zx.OK {
		return st
	}
	if st := c.optional64(avail, 1); st != zx.OK {
		return st
	}
	if n == 0 {
		return zx.ErrBufferTooSmall
	}
	return zx.OK
}
