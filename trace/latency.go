package trace

import (
	"cmp"
	"slices"

	"faultline/zx"
)

// Latency is what of a VMO or pager is measured.
type Latency int

const (
	FaultToResume  Latency = iota // of faults that asked the pager to supply a page
	PacketToAnswer                // from a packet taken to the supply or operation that answers it
	WriteTrap                     // of faults that asked the pager to let a page become dirty
	DirtyToBegin                  // from OP_DIRTY to the WRITEBACK_BEGIN that covers its start
	BeginToEnd                    // from there to WRITEBACK_END
	Latencies                     // how many there are
)

var latencyNames = [Latencies]string{"fault to resume", "packet to answer", "write trap", "DIRTY to BEGIN", "BEGIN to END"}

// String names it for people.
func (l Latency) String() string { return latencyNames[l] }

// Histograms has one for each Latency, in ticks of the time stamp counter.
type Histograms [Latencies]Histogram

// What a Measurer remembers at the most; what comes beyond is not measured.
const (
	maxMeasured = 512  // VMOs, and pagers
	maxFaults   = 4096 // that have not ended
	maxPending  = 1024 // of each kind, for each VMO
)

// Measurer makes histograms of records, for each VMO and each pager. Nothing in it
// is safe for a second goroutine.
type Measurer struct {
	// Pager gives the koid of the pager of a VMO, KoidInvalid for none.
	Pager  func(vmo zx.Koid) zx.Koid
	all    Histograms
	vmos   map[zx.Koid]*measured
	pagers map[zx.Koid]*Histograms
	faults map[zx.Koid]uint64 // when those began that have not ended, by thread
	held   []Record           // too young, see Take
	lost   uint64             // of its Reader
}

// measured is a VMO's histograms and what has begun.
type measured struct {
	of      [3]*Histograms // of all, of the VMO, and of its pager
	packets [3]pendings    // by command
	dirtied pendings
	writing pendings
}

// pendings is what has begun.
type pendings []struct{ at, offset uint64 }

func (p *pendings) begin(r *Record) {
	if len(*p) < maxPending {
		*p = append(*p, struct{ at, offset uint64 }{r.Time, r.Offset})
	}
}

// end measures each that starts in r's range.
func (p *pendings) end(r *Record, v *measured, l Latency) {
	rest := (*p)[:0]
	for _, b := range *p {
		if b.offset < r.Offset || b.offset-r.Offset >= r.Length {
			rest = append(rest, b)
		} else {
			v.add(l, r.Time-b.at)
		}
	}
	*p = rest
}

// add counts ticks.
func (v *measured) add(l Latency, ticks uint64) {
	for _, h := range v.of {
		if h != nil {
			h[l].Add(ticks)
		}
	}
}

// NewMeasurer makes one that has seen nothing.
func NewMeasurer(pager func(vmo zx.Koid) zx.Koid) *Measurer {
	return &Measurer{Pager: pager, vmos: map[zx.Koid]*measured{}, pagers: map[zx.Koid]*Histograms{}, faults: map[zx.Koid]uint64{}}
}

// All gives the histograms of all VMOs together.
func (m *Measurer) All() *Histograms { return &m.all }

// VMO gives the histograms of a VMO; nil if nothing was measured.
func (m *Measurer) VMO(koid zx.Koid) *Histograms {
	if v := m.vmos[koid]; v != nil {
		return v.of[1]
	}
	return nil
}

// OfPager gives the histograms of a pager; nil if nothing was measured.
func (m *Measurer) OfPager(koid zx.Koid) *Histograms { return m.pagers[koid] }

// Take takes what r still has, in order of time over all CPUs, as far as it is
// older than now: of a younger record, one before it may not have been read yet.
func (m *Measurer) Take(r *Reader, now uint64) {
	var some [256]Record
	for n := r.Read(some[:]); n > 0; n = r.Read(some[:]) {
		m.held = append(m.held, some[:n]...)
	}
	slices.SortStableFunc(m.held, func(a, b Record) int { return cmp.Compare(a.Time, b.Time) })
	if r.Lost != m.lost { // nobody knows how it went on
		m.lost = r.Lost
		clear(m.faults)
		for _, v := range m.vmos {
			*v = measured{of: v.of}
		}
	}
	n := 0
	for ; n < len(m.held) && m.held[n].Time <= now; n++ {
		m.Add(&m.held[n])
	}
	m.held = append(m.held[:0], m.held[n:]...)
}

// of gives what is known of a VMO; nil if there is no room.
func (m *Measurer) of(vmo zx.Koid) *measured {
	v := m.vmos[vmo]
	if v == nil && vmo != zx.KoidInvalid && len(m.vmos) < maxMeasured {
		v = &measured{of: [3]*Histograms{&m.all, new(Histograms), nil}}
		m.vmos[vmo] = v
		if koid := m.Pager(vmo); koid != zx.KoidInvalid {
			if m.pagers[koid] == nil && len(m.pagers) < maxMeasured {
				m.pagers[koid] = new(Histograms)
			}
			v.of[2] = m.pagers[koid]
		}
	}
	return v
}

// Add takes a record. They must come in order of time.
func (m *Measurer) Add(r *Record) {
	switch r.Kind {
	case Fault:
		if len(m.faults) < maxFaults || m.faults[r.Thread] != 0 {
			m.faults[r.Thread] = r.Time
		}
		return
	case Packet, Supply, Operation, FaultEnd:
	default:
		return
	}
	v := m.of(zx.Koid(r.Object))
	if v == nil {
		return
	}
	switch r.Kind {
	case FaultEnd:
		began, ok := m.faults[r.Thread]
		delete(m.faults, r.Thread)
		if ok && r.Length&EndDirty != 0 {
			v.add(WriteTrap, r.Time-began)
		} else if ok && r.Length&EndRead != 0 {
			v.add(FaultToResume, r.Time-began)
		}
	case Packet:
		if int(r.Arg) < len(v.packets) {
			v.packets[r.Arg].begin(r)
		}
	case Supply:
		v.packets[zx.PageRead].end(r, v, PacketToAnswer)
	case Operation:
		v.operation(r)
	}
}

// operation takes a zx_pager_op_range.
func (v *measured) operation(r *Record) {
	switch zx.PagerOp(r.Arg) {
	case zx.PagerOpFail:
		v.packets[zx.PageRead].end(r, v, PacketToAnswer)
		v.packets[zx.PageDirty].end(r, v, PacketToAnswer)
	case zx.PagerOpDirty:
		v.packets[zx.PageDirty].end(r, v, PacketToAnswer)
		v.dirtied.begin(r)
	case zx.PagerOpWritebackBegin:
		v.dirtied.end(r, v, DirtyToBegin)
		v.writing.begin(r)
	case zx.PagerOpWritebackEnd:
		v.writing.end(r, v, BeginToEnd)
	}
}
