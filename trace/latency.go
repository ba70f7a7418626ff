package trace

import "faultline/zx"

// Latencies of one VMO, in ticks of the time stamp counter.
type Latencies struct {
	Fault     Histogram // from the fault to its end, for faults that asked the pager
	Answer    Histogram // from a packet taken to the supply or operation that answers it
	WriteTrap Histogram // from a store's fault to its end, where DIRTY was asked
	Begin     Histogram // from DIRTY to the WRITEBACK_BEGIN that covers its start
	End       Histogram // from WRITEBACK_BEGIN to WRITEBACK_END
}

// What a Measurer remembers at the most; what comes beyond is not measured.
const (
	maxVMOs    = 4096
	maxPending = 1024 // of each kind, for each VMO
)

// pending is the begin of something.
type pending struct {
	at          uint64
	offset, end uint64
}

// measured is a VMO's latencies and what has begun.
type measured struct {
	Latencies
	packets [3]pendings // by command
	dirtied pendings
	writing pendings
}

type pendings struct{ list []pending }

func (p *pendings) begin(r *Record) {
	if len(p.list) < maxPending {
		p.list = append(p.list, pending{r.Time, r.Offset, r.Offset + r.Length})
	}
}

// end gives each that starts in r's range to h.
func (p *pendings) end(r *Record, h *Histogram) {
	rest := p.list[:0]
	for _, b := range p.list {
		if b.offset < r.Offset || b.offset >= r.Offset+r.Length {
			rest = append(rest, b)
			continue
		}
		h.Add(r.Time - b.at)
	}
	p.list = rest
}

// Measurer makes latencies of records.
type Measurer struct {
	vmos   map[uint64]*measured
	faults map[zx.Koid]uint64 // when those began that have not ended, by thread
}

// NewMeasurer makes one that has seen nothing.
func NewMeasurer() *Measurer {
	return &Measurer{vmos: map[uint64]*measured{}, faults: map[zx.Koid]uint64{}}
}

// Of gives the latencies of a VMO; nil if nothing was measured.
func (m *Measurer) Of(vmo uint64) *Latencies {
	if v := m.vmos[vmo]; v != nil {
		return &v.Latencies
	}
	return nil
}

// Add takes a record. Each CPU's must come in order.
func (m *Measurer) Add(r *Record) {
	switch r.Kind {
	case Fault:
		if len(m.faults) < maxVMOs || m.faults[r.Thread] != 0 {
			m.faults[r.Thread] = r.Time
		}
		return
	case Packet, Supply, Operation, FaultEnd:
	default:
		return
	}
	v := m.vmos[r.Object]
	if v == nil {
		if len(m.vmos) == maxVMOs || r.Object == 0 {
			return
		}
		v = new(measured)
		m.vmos[r.Object] = v
	}
	switch r.Kind {
	case FaultEnd:
		began, ok := m.faults[r.Thread]
		delete(m.faults, r.Thread)
		if ok && r.Length&EndDirty != 0 {
			v.WriteTrap.Add(r.Time - began)
		} else if ok && r.Length&EndRead != 0 {
			v.Fault.Add(r.Time - began)
		}
	case Packet:
		if int(r.Arg) < len(v.packets) {
			v.packets[r.Arg].begin(r)
		}
	case Supply:
		v.packets[zx.PageRead].end(r, &v.Answer)
	case Operation:
		v.operation(r)
	}
}

// operation takes a zx_pager_op_range.
func (v *measured) operation(r *Record) {
	switch zx.PagerOp(r.Arg) {
	case zx.PagerOpFail:
		v.packets[zx.PageRead].end(r, &v.Answer)
		v.packets[zx.PageDirty].end(r, &v.Answer)
	case zx.PagerOpDirty:
		v.packets[zx.PageDirty].end(r, &v.Answer)
		v.dirtied.begin(r)
	case zx.PagerOpWritebackBegin:
		v.dirtied.end(r, &v.Begin)
		v.writing.begin(r)
	case zx.PagerOpWritebackEnd:
		v.writing.end(r, &v.End)
	}
}
