package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// Topics that tell of what a process holds. The version is in the top four bits;
// of two of them each layout is the start of the next.
const (
	infoTaskStats    uint32 = 12 // and version 1
	infoProcessMaps  uint32 = 13 // and versions 1, which begins as 0, and 2
	infoProcessVMOs  uint32 = 14 // and versions 1 to 3, as of ZX_INFO_VMO
	infoVersion             = 28
	infoVersion1     uint32 = 1 << infoVersion
	infoVersion2     uint32 = 2 << infoVersion
	infoVersion3     uint32 = 3 << infoVersion
	mapsTypeAspace   uint32 = 1
	mapsTypeVMAR     uint32 = 2
	mapsTypeMapping  uint32 = 3
	infoMapsAt              = 64 // of zx_info_maps_mapping_t
	infoMapsVersions        = 3
)

var (
	infoVMOBytes       = [...]int{infoVMOv0Bytes, infoVMOv1Bytes, infoVMOv2Bytes, infoVMOv3Bytes}
	infoMapsBytes      = [infoMapsVersions]int{96, 104, 152}
	infoTaskStatsBytes = [...]int{32, 40}
)

// records is the answer of a topic that has many: as many as fit are written, and
// all are counted.
type records struct {
	c             *Context
	buffer        userOut
	room          uint64 // bytes left
	actual, avail uint64
	budget        zx.Budget
}

// add writes a record if it fits. Errors: ErrInvalidArgs the buffer | those of
// zx.Budget.Look, which the call answers.
func (r *records) add(record []byte) zx.Status {
	r.avail++
	if n := uint64(len(record)); r.room >= n {
		if st := r.c.write(r.buffer, record); st != zx.OK {
			return st
		}
		r.buffer, r.room, r.actual = r.buffer+userOut(n), r.room-n, r.actual+1
	}
	if r.budget.Spend(4) { // the mapping, its VMO, the record
		return r.budget.Look()
	}
	return zx.OK
}

// processInfo answers a topic that tells of what p holds.
//
// Errors: ErrBadState p has ended | ErrInvalidArgs a pointer | ErrBufferTooSmall.
func (c *Context) processInfo(p Process, topic uint32, buffer userOut, size uint64, actual, avail userOut) zx.Status {
	if p.Info().Exited {
		return zx.ErrBadState
	}
	r := records{c: c, buffer: buffer, room: size, budget: zx.Budget{By: c.yielder}}
	version, st := topic>>infoVersion, zx.OK
	switch topic &^ (infoVersion3) {
	case infoTaskStats:
		record := c.scratch[:infoTaskStatsBytes[version]]
		if st = taskStats(p, record, &r.budget); st != zx.OK {
			return st
		}
		return c.oneRecord(record, buffer, size, actual, avail)
	case infoProcessMaps:
		st = r.maps(p, version)
	case infoProcessVMOs:
		st = r.vmos(p, c.scratch[:infoVMOBytes[version]])
	}
	if st != zx.OK {
		return st
	}
	return r.counts(actual, avail)
}

// counts writes how many records were written and how many there are.
func (r *records) counts(actual, avail userOut) zx.Status {
	if st := r.c.optional64(actual, r.actual); st != zx.OK {
		return st
	}
	return r.c.optional64(avail, r.avail)
}

// maps lists the address space, its regions and its mappings.
func (r *records) maps(p Process, version uint32) zx.Status {
	record, le := r.c.scratch[:infoMapsBytes[version]], binary.LittleEndian
	root := p.Space().Root()
	e, ok := vmar.Entry{Base: root.Base(), Size: root.Size()}, true
	for ; ok; e, ok = p.Space().After(e) {
		clear(record)
		typ, name := mapsTypeVMAR, ""
		if e.Depth == 0 {
			typ, name = mapsTypeAspace, p.Name()
		}
		if v := e.VMO; v != nil {
			typ, name = mapsTypeMapping, v.Name()
			n, st := v.CommittedIn(e.Offset, e.Size, &r.budget)
			koid := v.Info().Koid
			v.Release()
			if st != zx.OK {
				return st
			}
			m := record[infoMapsAt:]
			le.PutUint32(m[0:], e.Perms)
			le.PutUint64(m[8:], uint64(koid))
			le.PutUint64(m[16:], e.Offset)
			unit := uint64(1)
			if version < 2 {
				unit = zx.PageSize
			}
			// What is populated is committed: nothing is compressed.
			for i, amount := range [...]uint64{n.Bytes, n.Private, n.Scaled, n.Fractional} {
				if at := 24 + 16*i; at+16 <= len(m) {
					le.PutUint64(m[at:], amount/unit)
					le.PutUint64(m[at+8:], amount/unit)
				} else if at < len(m) {
					le.PutUint64(m[at:], amount/unit)
				}
			}
		}
		copy(record[:maxName-1], name)
		le.PutUint64(record[32:], uint64(e.Base))
		le.PutUint64(record[40:], e.Size)
		le.PutUint64(record[48:], uint64(e.Depth))
		le.PutUint32(record[56:], typ)
		if st := r.add(record); st != zx.OK {
			return st
		}
	}
	return zx.OK
}

// vmos lists the VMOs that handles of the process name, then those it has mapped;
// one may come again.
func (r *records) vmos(p Process, record []byte) zx.Status {
	for h, at, ok := p.Handles().Next(0, zx.ObjVMO); ok; h, at, ok = p.Handles().Next(at, zx.ObjVMO) {
		encodeVMO(r.c.scratch[:infoVMOv3Bytes], h.Object.(*VMO).VMO, h.Rights, zx.InfoVMOViaHandle)
		object.Unref(h.Object)
		if st := r.add(record); st != zx.OK {
			return st
		}
	}
	for e, ok := p.Space().After(vmar.Entry{}); ok; e, ok = p.Space().After(e) {
		if e.VMO == nil {
			continue
		}
		encodeVMO(r.c.scratch[:infoVMOv3Bytes], e.VMO, 0, zx.InfoVMOViaMapping)
		e.VMO.Release()
		if st := r.add(record); st != zx.OK {
			return st
		}
	}
	return zx.OK
}

// taskStats counts the memory of a process: what is mapped, and of it what is
// committed and nobody else sees, what is shared, and the part of the latter by
// the number of those who see it.
func taskStats(p Process, record []byte, b *zx.Budget) zx.Status {
	var mapped, private, shared, scaled, fractional uint64
	for e, ok := p.Space().After(vmar.Entry{}); ok; e, ok = p.Space().After(e) {
		v := e.VMO
		if v == nil {
			continue
		}
		n, st := v.CommittedIn(e.Offset, e.Size, b)
		sharers := uint64(max(v.Info().Mappings, 1))
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
	for i, n := range [...]uint64{mapped, private, shared, scaled, fractional} {
		if at := 8 * i; at < len(record) {
			binary.LittleEndian.PutUint64(record[at:], n)
		}
	}
	return zx.OK
}

// encodeVMO writes zx_info_vmo_t in its newest layout, version 3; via says how the
// process that is told has v.
//
// Source: docs/pager.md 1.5.
func encodeVMO(record []byte, v *vmo.VMO, rights zx.Rights, via uint32) {
	clear(record)
	le := binary.LittleEndian
	i := v.Info()
	flags := via
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
	le.PutUint64(record[0:], uint64(i.Koid))
	copy(record[8:8+maxName-1], v.Name())
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
