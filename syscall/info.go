package syscall

import (
	"encoding/binary"

	"faultline/dma"
	"faultline/object"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// Topics of zx_object_get_info, without the version of their record, which is in the
// top four bits.
const (
	infoHandleValid    uint32 = 1
	infoProcess        uint32 = 3
	infoProcessThreads uint32 = 4
	infoVMAR           uint32 = 7
	infoJobChildren    uint32 = 8
	infoJobProcesses   uint32 = 9
	infoTaskStats      uint32 = 12
	infoProcessMaps    uint32 = 13
	infoProcessVMOs    uint32 = 14
	infoThreadStats    uint32 = 15
	infoHandleCount    uint32 = 19
	infoBTI            uint32 = 20
	infoVMO                   = zx.InfoVMOv2 & infoTopic
	infoJob            uint32 = 24

	infoVersion        = 28
	infoTopic   uint32 = 1<<infoVersion - 1
)

// topic is what a topic tells of and how.
type topic struct {
	typ    zx.ObjType
	rights zx.Rights
	bytes  sizes
	many   bool // as many records as there are; else one, which must fit
	alive  bool // of a process that has not ended
	tell   func(r *records, o object.Object) zx.Status
}

// topics is all of them, by number. HANDLE_VALID alone tells nothing.
var topics = [...]topic{
	infoHandleValid:    {bytes: sizes{1}},
	zx.InfoHandleBasic: {bytes: sizes{32}, tell: handleBasic},
	infoHandleCount: {rights: zx.RightInspect, bytes: sizes{4}, tell: func(r *records, o object.Object) zx.Status {
		return r.put(uint64(o.ObjectBase().Handles())).add()
	}},
	infoProcess: {typ: zx.ObjProcess, rights: zx.RightInspect, bytes: sizes{0, 24}, tell: processInfo},
	infoProcessThreads: {typ: zx.ObjProcess, rights: zx.RightEnumerate, bytes: sizes{8}, many: true, tell: func(r *records, o object.Object) zx.Status {
		return r.koids(o.(Process).NextThread)
	}},
	infoVMAR: {typ: zx.ObjVMAR, rights: zx.RightInspect, bytes: sizes{16}, tell: func(r *records, o object.Object) zx.Status {
		v := o.(*VMAR).Region
		return r.put(uint64(v.Base()), v.Size()).add()
	}},
	infoJobChildren: {typ: zx.ObjJob, rights: zx.RightEnumerate, bytes: sizes{8}, many: true, tell: func(r *records, o object.Object) zx.Status {
		return r.koids(o.(Job).NextJob)
	}},
	infoJobProcesses: {typ: zx.ObjJob, rights: zx.RightEnumerate, bytes: sizes{8}, many: true, tell: func(r *records, o object.Object) zx.Status {
		return r.koids(o.(Job).NextProcess)
	}},
	zx.InfoThread: {typ: zx.ObjThread, rights: zx.RightInspect, bytes: sizes{72}, tell: func(r *records, o object.Object) zx.Status {
		t := o.(Thread).Info()
		return r.put(uint64(t.State) | uint64(t.WaitExceptionChannel)<<32).put(t.Affinity[:]...).add()
	}},
	zx.InfoThreadExceptionReport & infoTopic: {typ: zx.ObjThread, rights: zx.RightInspect, bytes: sizes{0, zx.ExceptionReportBytes}, tell: exceptionReport},
	infoTaskStats:                            {typ: zx.ObjProcess, rights: zx.RightInspect, bytes: sizes{32, 40}, alive: true, tell: taskStats},
	infoProcessMaps:                          {typ: zx.ObjProcess, rights: zx.RightInspect, bytes: sizes{96, 104, 152}, many: true, alive: true, tell: processMaps},
	infoProcessVMOs:                          {typ: zx.ObjProcess, rights: zx.RightInspect, bytes: infoVMOBytes, many: true, alive: true, tell: processVMOs},
	infoThreadStats: {typ: zx.ObjThread, rights: zx.RightInspect, bytes: sizes{16}, tell: func(r *records, o object.Object) zx.Status {
		t := o.(Thread).Info()
		return r.put(uint64(t.Runtime), uint64(t.LastCPU)).add()
	}},
	infoBTI: {typ: zx.ObjBTI, rights: zx.RightInspect, bytes: sizes{32}, tell: func(r *records, o object.Object) zx.Status {
		pmts, quarantined := o.(*dma.BTI).Info()
		// Contiguity of a page at least, and addresses of 64 bits.
		return r.put(zx.PageSize, ^uint64(0), uint64(pmts), uint64(quarantined)).add()
	}},
	infoVMO: {typ: zx.ObjVMO, bytes: infoVMOBytes, tell: func(r *records, o object.Object) zx.Status {
		return r.vmo(o.(*VMO).VMO, r.have, zx.InfoVMOViaHandle)
	}},
	infoJob: {typ: zx.ObjJob, rights: zx.RightInspect, bytes: sizes{16}, tell: func(r *records, o object.Object) zx.Status {
		i := o.(Job).Info()
		return r.put(uint64(i.ReturnCode), bit(i.Exited, 1)).add()
	}},
}

// sizes is the size of a record by version, 0 for none. Of more than one, each layout
// is the start of the next.
type sizes [4]int

var infoVMOBytes = sizes{104, 120, 128, 176}

// records is an answer in progress: as many records as fit are written, and all are
// counted.
type records struct {
	c             *Context
	have          zx.Rights // of the handle
	version       uint32
	size          int // of a record, which begins c.scratch
	filled        int // bytes of it
	buffer        userOut
	room          uint64 // bytes left
	actual, avail uint64
	budget        zx.Budget
}

func objectGetInfo(c *Context, h zx.Handle, what uint32, buffer userOut, size uint64, actual, avail userOut) zx.Status {
	number, version := what&infoTopic, what>>infoVersion
	if number >= uint32(len(topics)) || version >= uint32(len(sizes{})) || topics[number].bytes[version] == 0 {
		return zx.ErrNotSupported
	}
	t := &topics[number]
	return with(c, h, t.typ, t.rights, func(o object.Object, have zx.Rights) zx.Status {
		if t.tell == nil {
			return zx.OK
		}
		if t.alive && o.(Process).Info().Exited {
			return zx.ErrBadState
		}
		r := records{c: c, have: have, version: version, size: t.bytes[version], buffer: buffer, room: size, budget: zx.Budget{By: c.yielder}}
		st := t.tell(&r, o)
		if st == zx.OK {
			st = c.optional64(actual, r.actual)
		}
		if st == zx.OK {
			st = c.optional64(avail, r.avail)
		}
		if st == zx.OK && !t.many && r.actual == 0 {
			st = zx.ErrBufferTooSmall
		}
		return st
	})
}

// put goes on with a record.
func (r *records) put(words ...uint64) *records {
	for _, w := range words {
		binary.LittleEndian.PutUint64(r.c.scratch[r.filled:], w)
		r.filled += 8
	}
	return r
}

// name goes on with a record.
func (r *records) name(name string) *records {
	field := r.c.scratch[r.filled : r.filled+maxName]
	clear(field)
	copy(field[:maxName-1], name)
	r.filled += maxName
	return r
}

// add writes the record if it fits. What is beyond its size in this version is left out.
//
// Errors: ErrInvalidArgs the buffer | those of zx.Budget.Look, which the call answers.
func (r *records) add() zx.Status {
	r.avail++
	r.filled = 0
	if n := uint64(r.size); r.room >= n {
		if st := r.c.write(r.buffer, r.c.scratch[:n]); st != zx.OK {
			return st
		}
		r.buffer, r.room, r.actual = r.buffer+userOut(n), r.room-n, r.actual+1
	}
	if r.budget.Spend(4) { // the mapping, its VMO, the record
		return r.budget.Look()
	}
	return zx.OK
}

// koids tells those that next gives, from 0 on.
func (r *records) koids(next func(zx.Koid) (zx.Koid, bool)) zx.Status {
	for k, ok := next(0); ok; k, ok = next(k) {
		if st := r.put(uint64(k)).add(); st != zx.OK {
			return st
		}
	}
	return zx.OK
}

// bit is flag if set.
func bit(set bool, flag uint32) uint64 {
	if set {
		return uint64(flag)
	}
	return 0
}

// handleBasic is zx_info_handle_basic_t.
func handleBasic(r *records, o object.Object) zx.Status {
	b, related := o.ObjectBase(), zx.KoidInvalid
	if x, ok := o.(Related); ok {
		related = x.RelatedKoid()
	}
	return r.put(uint64(b.Koid()), uint64(r.have)|uint64(b.Type())<<32, uint64(related), 0).add()
}

// processInfo is zx_info_process_t.
func processInfo(r *records, o object.Object) zx.Status {
	i, code := o.(Process).Info(), int64(0)
	if i.Exited {
		code = i.ReturnCode
	}
	return r.put(uint64(code), uint64(i.StartTime), bit(i.Started, 1)|bit(i.Exited, 2)|bit(i.DebuggerAttached, 4)).add()
}

// exceptionReport is zx_exception_report_t.
func exceptionReport(r *records, o object.Object) zx.Status {
	report, st := o.(Thread).ExceptionReport()
	if st != zx.OK {
		return st
	}
	report.Size = zx.ExceptionReportBytes
	copy(r.c.scratch[:], zx.Bytes(&report))
	return r.add()
}

// processMaps lists the address space, its regions and its mappings, as
// zx_info_maps_t.
func processMaps(r *records, o object.Object) zx.Status {
	const aspace, region, mapping = 1, 2, 3
	p := o.(Process)
	root := p.Space().Root()
	e, ok := vmar.Entry{Base: root.Base(), Size: root.Size()}, true
	for ; ok; e, ok = p.Space().After(e) {
		typ, name, koid := uint64(region), "", zx.KoidInvalid
		var n vmo.Amount
		if e.Depth == 0 {
			typ, name = aspace, p.Name()
		}
		if v := e.VMO; v != nil {
			var st zx.Status
			typ, name, koid = mapping, v.Name(), v.Koid()
			n, st = v.CommittedIn(e.Offset, e.Size, &r.budget)
			v.Release()
			if st != zx.OK {
				return st
			}
		}
		r.name(name).put(uint64(e.Base), e.Size, uint64(e.Depth), typ, uint64(e.Perms), uint64(koid), e.Offset)
		if r.version < 2 { // in pages
			n.Bytes /= zx.PageSize
		}
		if st := r.committed(n).add(); st != zx.OK {
			return st
		}
	}
	return zx.OK
}

// committed goes on with what is committed, and what is populated, which is the same:
// nothing is compressed.
func (r *records) committed(n vmo.Amount) *records {
	return r.put(n.Bytes, n.Bytes, n.Private, n.Private, n.Scaled, n.Scaled, n.Fractional, n.Fractional)
}

// processVMOs lists the VMOs that handles of the process name, then those it has
// mapped; one may come again.
func processVMOs(r *records, o object.Object) zx.Status {
	p := o.(Process)
	for h, at, ok := p.Handles().Next(0, zx.ObjVMO); ok; h, at, ok = p.Handles().Next(at, zx.ObjVMO) {
		st := r.vmo(h.Object.(*VMO).VMO, h.Rights, zx.InfoVMOViaHandle)
		object.Unref(h.Object)
		if st != zx.OK {
			return st
		}
	}
	for e, ok := p.Space().After(vmar.Entry{}); ok; e, ok = p.Space().After(e) {
		if e.VMO == nil {
			continue
		}
		st := r.vmo(e.VMO, 0, zx.InfoVMOViaMapping)
		e.VMO.Release()
		if st != zx.OK {
			return st
		}
	}
	return zx.OK
}

// taskStats counts the memory of a process: what is mapped, and of it what is
// committed and nobody else sees, what is shared, and the part of the latter by
// the number of those who see it.
func taskStats(r *records, o object.Object) zx.Status {
	p, b := o.(Process), &r.budget
	var mapped, private, shared, scaled, fractional uint64
	for e, ok := p.Space().After(vmar.Entry{}); ok; e, ok = p.Space().After(e) {
		v := e.VMO
		if v == nil {
			continue
		}
		n, st := v.CommittedIn(e.Offset, e.Size, b)
		sharers := uint64(max(v.Mappings(), 1))
		v.Release()
		if st != zx.OK {
			return st
		}
		mapped += e.Size
		if sharers == 1 {
			private += n.Private
			n.Bytes, n.Scaled = n.Bytes-n.Private, n.Scaled-n.Private
		}
		shared += n.Bytes
		scaled += n.Scaled / sharers
		fractional += n.Fractional / sharers
		if b.Spend(4) {
			if st = b.Look(); st != zx.OK {
				return st
			}
		}
	}
	return r.put(mapped, private, shared, scaled, fractional).add()
}

// vmo adds zx_info_vmo_t; via says how the process that is told has v.
//
// Source: docs/pager.md 1.5.
func (r *records) vmo(v *vmo.VMO, rights zx.Rights, via uint32) zx.Status {
	i, st := v.InfoBy(&r.budget)
	if st != zx.OK {
		return st
	}
	flags := uint64(via) | bit(!i.Physical, zx.InfoVMOTypePaged) | bit(i.Contiguous, zx.InfoVMOContiguous) |
		bit(i.Options&zx.VMOResizable != 0, zx.InfoVMOResizable) | bit(i.IsCowClone, zx.InfoVMOIsCOWClone) |
		bit(i.PagerBacked, zx.InfoVMOPagerBacked) | bit(i.Options&zx.VMODiscardable != 0, zx.InfoVMODiscardable) |
		bit(i.Immutable, zx.InfoVMOImmutable)
	r.put(uint64(i.Koid)).name(v.Name()).put(i.Size, uint64(i.Parent), uint64(i.Children),
		uint64(i.Mappings), uint64(i.Mappings), // share_count: each mapping at most once
		flags, i.Committed.Bytes, uint64(rights)|uint64(i.CachePolicy)<<32, i.MetadataBytes, i.ChangeEvents)
	n := i.Committed
	return r.put(n.Bytes, n.Private, n.Private, n.Scaled, n.Scaled, n.Fractional, n.Fractional).add()
}
