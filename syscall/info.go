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
	case zx.InfoThread, zx.InfoThreadExceptionReport:
		typ = zx.ObjThread
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
	record := c.scratch[:0]
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
		koids := o.(Process).ThreadKoids()
		object.Unref(o)
		return c.koids(koids, buffer, size, actual, avail)
	case infoJobChildren, infoJobProcesses:
		koids, processes := o.(Job).Children()
		if topic == infoJobProcesses {
			koids = processes
		}
		object.Unref(o)
		return c.koids(koids, buffer, size, actual, avail)
	case infoVMOv0, infoVMOv1, zx.InfoVMOv2, infoVMOv3:
		o.(*VMO).encode(c.scratch[:infoVMOv3Bytes], have)
		record = c.scratch[:[...]int{infoVMOv0Bytes, infoVMOv1Bytes, infoVMOv2Bytes, infoVMOv3Bytes}[topic>>28]]
	}
	object.Unref(o)
	if st != zx.OK {
		return st
	}
	return c.oneRecord(record, buffer, size, actual, avail)
}

// koids writes as many of list as fit, then the counts.
//
// Errors: ErrInvalidArgs a pointer.
func (c *Context) koids(list []zx.Koid, buffer userOut, size uint64, actual, avail userOut) zx.Status {
	n := min(uint64(len(list)), size/8)
	for _, k := range list[:n] {
		if st := c.write64(buffer, uint64(k)); st != zx.OK {
			return st
		}
		buffer += 8
	}
	if st := c.optional64(actual, n); st != zx.OK {
		return st
	}
	return c.optional64(avail, uint64(len(list)))
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

// encode writes zx_info_vmo_t in its newest layout, version 3.
//
// Source: docs/pager.md 1.5.
func (o *VMO) encode(record []byte, rights zx.Rights) {
	le := binary.LittleEndian
	i := o.VMO.Info()
	flags := zx.InfoVMOViaHandle
	for _, f := range []struct {
		set  bool
		flag uint32
	}{
		{!i.Physical, zx.InfoVMOTypePaged},
		{i.Contiguous, zx.InfoVMOContiguous},
		{i.Options&zx.VMOResizable != 0, zx.InfoVMOResizable},
		{i.IsCowClone, zx.InfoVMOIsCOWClone},
		{i.PagerBacked, zx.InfoVMOPagerBacked},
		{i.Options&zx.VMODiscardable != 0, zx.InfoVMODiscardable},
		{i.Immutable, zx.InfoVMOImmutable},
	} {
		if f.set {
			flags |= f.flag
		}
	}
	le.PutUint64(record[0:], uint64(o.Koid()))
	copy(record[8:8+maxName-1], o.Name())
	le.PutUint64(record[40:], i.Size)
	le.PutUint64(record[48:], uint64(i.Parent))
	le.PutUint64(record[56:], uint64(i.Children))
	le.PutUint64(record[64:], uint64(i.Mappings))
	le.PutUint64(record[72:], uint64(i.Mappings)) // share_count: each mapping at most once
	le.PutUint32(record[80:], flags)
	le.PutUint64(record[88:], i.Committed.Bytes)
	le.PutUint32(record[96:], uint32(rights))
	le.PutUint32(record[100:], i.CachePolicy)
	le.PutUint64(record[104:], i.MetadataBytes)
	le.PutUint64(record[112:], i.ChangeEvents)
	// Nothing is compressed: what is populated is committed.
	le.PutUint64(record[120:], i.Committed.Bytes)
	for n, amount := range [...]uint64{i.Committed.Private, i.Committed.Scaled, i.Committed.Fractional} {
		le.PutUint64(record[128+16*n:], amount)
		le.PutUint64(record[136+16*n:], amount)
	}
}
