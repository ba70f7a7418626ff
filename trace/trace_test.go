package trace

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"faultline/zx"
)

// begin starts a recording on CPU 0 at time 0.
func begin(t *testing.T, f Filter) {
	t.Helper()
	hostCPU, hostTime = 0, 0
	Start(2, f)
	t.Cleanup(Stop)
}

func all(r *Reader) (list []Record) {
	var some [100]Record
	for n := r.Read(some[:]); n > 0; n = r.Read(some[:]) {
		list = append(list, some[:n]...)
	}
	return list
}

func TestEmit(t *testing.T) {
	begin(t, Filter{})
	r := NewReader()
	Run(7, 8)
	hostTime = 2
	Emit(Supply, 3, 42, 0x1000, 0x2000)
	Run(0, 0)
	hostTime = 4
	Emit(Evict, 0, math.MaxUint64, 1, 2)
	want := []Record{
		{2, Supply, 0, 3, 7, 8, 42, 0x1000, 0x2000},
		{4, Evict, 0, 0, 0, 0, math.MaxUint64, 1, 2},
	}
	if got := all(r); !slices.Equal(got, want) {
		t.Errorf("read %+v", got)
	}
	for i := range want {
		if b := want[i].Append([]byte{1}); len(b) != 1+RecordBytes || Decode(b[1:]) != want[i] {
			t.Errorf("%+v is decoded as %+v", want[i], Decode(b[1:]))
		}
	}
	if n := testing.AllocsPerRun(100, func() { Emit(Wake, 1, 2, 3, 4) }); n != 0 {
		t.Errorf("Emit allocates %v times", n)
	}
}

// TestFilter checks each part of a filter, and that a ring that was never made
// takes nothing.
func TestFilter(t *testing.T) {
	begin(t, Filter{Kinds: []Kind{Supply, Request}, Process: 7, Object: 42})
	r := NewReader()
	Run(7, 8)
	Emit(Supply, 0, 42, 0, 1)
	Emit(Evict, 0, 42, 0, 2)
	Emit(Request, 0, 43, 0, 3)
	Run(9, 10)
	Emit(Supply, 0, 42, 0, 4)
	hostCPU = 5
	Run(7, 8)
	Emit(Supply, 0, 42, 0, 5)
	if got := all(r); len(got) != 1 || got[0].Length != 1 {
		t.Errorf("read %+v", got)
	}
	for k := Fault; k < kinds; k++ {
		if back, ok := KindNamed(k.String()); !ok || back != k {
			t.Errorf("%v is read back as %v, %v", k, back, ok)
		}
	}
	if _, ok := KindNamed("nothing"); ok || kinds.String() != "?" {
		t.Error("a kind that is none has a name")
	}
}

// TestOverwritten fills a ring over and over: the newest stay, in order, and
// those that were missed are counted.
func TestOverwritten(t *testing.T) {
	begin(t, Filter{})
	r := NewReader()
	const more = 100
	for i := range uint64(ringRecords + more) {
		Emit(Wake, 0, i, 0, 0)
	}
	got := all(r)
	if len(got) != ringRecords || r.Lost != more || got[0].Object != more || got[len(got)-1].Object != ringRecords+more-1 {
		t.Errorf("%d read, %d lost, objects %d to %d", len(got), r.Lost, got[0].Object, got[len(got)-1].Object)
	}
}

// TestWhole fills the ring of one of two CPUs over: what is told begins where both are
// whole, with what each ran then, and ends now.
func TestWhole(t *testing.T) {
	begin(t, Filter{})
	r := NewReader()
	hostCPU = 1
	Run(7, 8)
	for _, k := range []Kind{Switch, Syscall} {
		hostTime++
		Emit(k, 0, 0, 0, 0)
	}
	hostCPU = 0
	Run(0, 0)
	for range ringRecords + 10 {
		hostTime++
		Emit(Wake, 0, 0, 0, 0)
	}
	hostCPU = 1
	for range 3 {
		hostTime++
		Emit(SyscallEnd, 0, 0, 0, 0)
	}
	list := r.All(hostTime - 1)
	if len(list) != 1+ringRecords+2 || r.Lost != 10+2 {
		t.Fatalf("%d read, %d lost", len(list), r.Lost)
	}
	if want := (Record{Time: 13, Kind: Switch, CPU: 1, Process: 7, Thread: 8}); list[0] != want {
		t.Errorf("the first is %+v", list[0])
	}
	for i := range list[1:] {
		if list[i].Time > list[i+1].Time || list[i+1].Time < 13 || list[i+1].Time >= hostTime {
			t.Fatalf("%+v follows %+v", list[i+1], list[i])
		}
	}
}

// TestReadWhileWritten has a reader beside a writer: it sees whole records only.
func TestReadWhileWritten(t *testing.T) {
	begin(t, Filter{})
	r := NewReader()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint64(6 * ringRecords) {
			Emit(Wake, uint32(i), i, i*3, i*5)
		}
	})
	seen := uint64(0)
	for writing := true; writing; {
		wait := make(chan struct{})
		go func() { wg.Wait(); close(wait) }()
		var some [64]Record
		for writing {
			select {
			case <-wait:
				writing = false
			default:
			}
			for n := r.Read(some[:]); n > 0; n = r.Read(some[:]) {
				for _, x := range some[:n] {
					if x.Arg != uint32(x.Object) || x.Offset != x.Object*3 || x.Length != x.Object*5 {
						t.Fatalf("a torn record: %+v", x)
					}
				}
				seen += uint64(n)
			}
		}
	}
	if seen+r.Lost != 6*ringRecords {
		t.Errorf("%d seen, %d lost of %d", seen, r.Lost, 6*ringRecords)
	}
}

// TestHistogram compares with exact quantiles.
func TestHistogram(t *testing.T) {
	for b := range buckets {
		if end := bucketEnd(b); bucketOf(end) != b || end != math.MaxUint64 && bucketOf(end+1) != b+1 {
			t.Fatalf("bucket %d ends at %d, which is in %d", b, end, bucketOf(end))
		}
	}
	random := rand.New(rand.NewSource(1))
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	var exact []uint64
	for range 10000 {
		v := uint64(math.Exp(random.Float64() * 30))
		h.Add(v)
		exact = append(exact, v)
	}
	slices.Sort(exact)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := exact[max(int(q*10000+0.5), 1)-1]
		if got := h.Quantile(q); bucketOf(got) != bucketOf(want) || got < want {
			t.Errorf("quantile %v: %d, exactly %d", q, got, want)
		}
	}
	if h.Max != exact[9999] || h.Count != 10000 {
		t.Errorf("max %d, count %d", h.Max, h.Count)
	}
}

// story is two faults of thread 8 on VMO 42, served by thread 18, and a
// write-back; the second fault is answered with FAIL.
var story = []Record{
	{100, Switch, 0, 0, 7, 8, 0, 0, 0},
	{110, Fault, 0, 4, 7, 8, 0, 0x8000001234, 0x401000},
	{120, Request, 0, 0, 7, 8, 42, 0x1000, 0x1000},
	{130, Switch, 0, 0, 17, 18, 0, 0, 0},
	{140, Packet, 0, 0, 17, 18, 42, 0x1000, 0x1000},
	{150, Syscall, 0, 24, 17, 18, 0, 0, 0},
	{160, Supply, 0, 0, 17, 18, 42, 0x1000, 0x1000},
	{165, Wake, 0, 0, 17, 18, 8, 0, 0},
	{170, SyscallEnd, 0, 0, 17, 18, 0, 0, 0},
	{180, Switch, 1, 0, 7, 8, 0, 0, 0},
	{190, FaultEnd, 1, 0, 7, 8, 42, 0x1000, EndRead},
	{200, Fault, 1, 6, 7, 8, 0, 0x8000001234, 0x401000},
	{210, Request, 1, 2, 7, 8, 42, 0x1000, 0x1000},
	{220, Packet, 0, 2, 17, 18, 42, 0x1000, 0x1000},
	{230, Operation, 0, 2, 17, 18, 42, 0x1000, 0x1000},
	{260, FaultEnd, 1, 0, 7, 8, 42, 0x1000, EndDirty},
	{300, Operation, 0, 3, 17, 18, 42, 0, 0x10000},
	{340, Operation, 0, 4, 17, 18, 42, 0, 0x10000},
	{350, Request, 0, 0, 7, 8, 43, 0, 0x1000}, // never answered
	{360, Fault, 0, 4, 7, 8, 0, 0, 0},         // never ends
	{370, SyscallEnd, 0, 0, 27, 28, 0, 0, 0},  // began before the trace
	{380, Evict, 0, 0, 0, 0, 42, 0x3000, 0x1000},
}

func TestMeasurer(t *testing.T) {
	m := NewMeasurer(func(vmo zx.Koid) zx.Koid { return vmo / 10 }) // 42 and 43 are of pager 4
	for i := range story {
		m.Add(&story[i])
	}
	m.Add(&Record{Time: 400, Kind: Supply, Object: 43, Length: 0x1000}) // its packet was never taken
	h := m.VMO(42)
	if h == nil || m.VMO(44) != nil || m.OfPager(5) != nil {
		t.Fatal("latencies of the wrong VMOs")
	}
	for l, want := range [Latencies]Histogram{FaultToResume: {1, 80, nil}, PacketToAnswer: {2, 20, nil}, WriteTrap: {1, 60, nil}, DirtyToBegin: {1, 70, nil}, BeginToEnd: {1, 40, nil}} {
		for _, h := range []*Histograms{h, m.OfPager(4), m.All()} {
			if h[l].Count != want.Count || h[l].Max != want.Max {
				t.Errorf("%v: %d, at most %d; want %d, %d", Latency(l), h[l].Count, h[l].Max, want.Count, want.Max)
			}
		}
	}
}

// TestMeasuredExactly records faults on two CPUs whose records come out CPU by CPU,
// measures them while they come, and compares each quantile with the exact one of
// the same trace: it is in the same bucket.
func TestMeasuredExactly(t *testing.T) {
	const faults = 5000
	begin(t, Filter{})
	random := rand.New(rand.NewSource(3))
	r, m := NewReader(), NewMeasurer(func(zx.Koid) zx.Koid { return 4 })
	exact := map[Latency][]uint64{}
	took := func(l Latency) {
		d := uint64(math.Exp(random.Float64() * 12))
		exact[l] = append(exact[l], d)
		hostTime += d
	}
	for i := range uint64(faults) {
		offset := i * zx.PageSize
		hostCPU = random.Uint64() % 2
		Run(7, 8)
		Emit(Fault, 0, 0, offset, 0)
		begun := hostTime
		hostCPU = random.Uint64() % 2
		Run(17, 18)
		Emit(Packet, uint32(zx.PageRead), 42, offset, zx.PageSize)
		took(PacketToAnswer)
		Emit(Supply, 0, 42, offset, zx.PageSize)
		hostTime += uint64(random.Intn(1000))
		hostCPU = random.Uint64() % 2
		Run(7, 8)
		Emit(FaultEnd, 0, 42, offset, EndRead)
		exact[FaultToResume] = append(exact[FaultToResume], hostTime-begun)
		hostTime++
		Emit(Operation, uint32(zx.PagerOpDirty), 42, offset, zx.PageSize)
		took(DirtyToBegin)
		Emit(Operation, uint32(zx.PagerOpWritebackBegin), 42, offset, zx.PageSize)
		took(BeginToEnd)
		Emit(Operation, uint32(zx.PagerOpWritebackEnd), 42, offset, zx.PageSize)
		hostTime++
		if random.Intn(100) == 0 {
			m.Take(r, hostTime-uint64(random.Intn(50)))
		}
	}
	m.Take(r, hostTime)
	if r.Lost != 0 {
		t.Fatalf("%d records are lost", r.Lost)
	}
	for l, list := range exact {
		h := &m.VMO(42)[l]
		slices.Sort(list)
		if h.Count != faults || h.Max != list[faults-1] {
			t.Errorf("%v: %d, at most %d; want %d, %d", l, h.Count, h.Max, faults, list[faults-1])
		}
		for _, q := range []float64{.5, .9, .99, .999, 1} {
			want := list[max(int(q*faults+0.5), 1)-1]
			if got := h.Quantile(q); bucketOf(got) != bucketOf(want) || got < want {
				t.Errorf("%v, quantile %v: %d, exactly %d", l, q, got, want)
			}
		}
	}
}

// TestChrome reads the trace of story back and holds it to the format's rules.
func TestChrome(t *testing.T) {
	var b bytes.Buffer
	names := Names{Process: func(k zx.Koid) string {
		if k == 7 {
			return "evil \"name\"\x01"
		}
		return ""
	}}
	var events []traceEvent
	for _, ticks := range []float64{999.7, 2599.3, 31.1, 1000} { // of no whole nanoseconds
		b.Reset()
		if err := Chrome(&b, story, ticks, 3, names); err != nil {
			t.Fatal(err)
		}
		events = Check(t, b.Bytes())
	}
	count := map[string]int{}
	for _, e := range events {
		count[e.Phase+" "+e.Name]++
	}
	for name, want := range map[string]int{
		"X page fault": 2, "X call 24": 1, "s page": 2, "t page": 2, "f page": 2, "X thread 8": 2, "X thread 18": 1, "X evict": 1,
		"X DIRTY": 1, "X WRITEBACK_BEGIN": 1, "X request READ": 2, "M process_name": 4, "M thread_name": 4 + 1,
	} {
		if count[name] != want {
			t.Errorf("%d events %q, want %d", count[name], name, want)
		}
	}
	b.Reset()
	if err := Chrome(&b, nil, 1000, 0, Names{}); err != nil || !json.Valid(b.Bytes()) {
		t.Errorf("an empty trace: %v\n%s", err, b.String())
	}
}

// traceEvent is an event as a reader of the format sees it.
type traceEvent struct {
	Phase    string  `json:"ph"`
	Name     string  `json:"name"`
	Time     float64 `json:"ts"`
	Duration float64 `json:"dur"`
	Process  uint64  `json:"pid"`
	Thread   uint64  `json:"tid"`
	ID       int     `json:"id"`
}

// Check reads a trace and fails if it breaks a rule: flows have both ends, and
// in time's order; slices of a track nest.
func Check(t *testing.T, text []byte) []traceEvent {
	t.Helper()
	var file struct{ TraceEvents []traceEvent }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	type track struct{ pid, tid uint64 }
	flows := map[int][]traceEvent{}
	slicesOf := map[track][]traceEvent{}
	for _, e := range file.TraceEvents {
		if e.Time < 0 || e.Duration < 0 {
			t.Errorf("negative time: %+v", e)
		}
		switch e.Phase {
		case "s", "t", "f":
			flows[e.ID] = append(flows[e.ID], e)
		case "X":
			k := track{e.Process, e.Thread}
			slicesOf[k] = append(slicesOf[k], e)
		}
	}
	for id, f := range flows {
		if len(f) < 2 || f[0].Phase != "s" || f[len(f)-1].Phase != "f" {
			t.Errorf("flow %d is %+v", id, f)
		}
		for i := range f[1:] {
			if f[i+1].Time < f[i].Time {
				t.Errorf("flow %d goes back in time: %+v", id, f)
			}
		}
	}
	for k, list := range slicesOf {
		slices.SortStableFunc(list, func(a, b traceEvent) int {
			if a.Time != b.Time {
				return int(math.Copysign(1, a.Time-b.Time))
			}
			return int(math.Copysign(1, b.Duration-a.Duration))
		})
		var open []float64
		for _, e := range list {
			end := math.Round((e.Time+e.Duration)*1000) / 1000 // they have three digits
			for len(open) > 0 && open[len(open)-1] <= e.Time {
				open = open[:len(open)-1]
			}
			if len(open) > 0 && end > open[len(open)-1] {
				t.Errorf("on track %v %+v reaches out of the one around it", k, e)
			}
			open = append(open, end)
		}
	}
	return file.TraceEvents
}
