package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"faultline/zx"
)

// Names tells a trace's readers what koids and ids stand for. Each may be nil,
// and may give "" for what it does not know.
type Names struct {
	Process, Thread func(zx.Koid) string
	VMO             func(uint64) string
	Syscall         func(uint32) string
}

// cpuTracks is the process under which the CPUs' timelines stand. Koids begin
// far above.
const cpuTracks = 0

// Chrome writes records as trace events, one JSON object, for Perfetto and
// chrome://tracing: the threads of a process, and what each did; the CPUs, and
// whom each ran; an arrow from a fault's request over its packet to the supply
// or operation that answered it. Arrows have both ends or are left out, and so
// do intervals.
//
// ticks is how often the time stamp counter advances in a microsecond. lost is
// told to the reader of the trace. Errors: those of w. Pre: records are in order of
// time.
// Source: "Trace Event Format", the JSON object format; Perfetto's reading of it.
func Chrome(w io.Writer, records []Record, ticks float64, lost uint64, names Names) error {
	c := chrome{w: bufio.NewWriter(w), ticks: ticks, names: names, open: map[zx.Koid]Record{}, running: map[uint8]Record{}}
	if len(records) > 0 {
		c.base = records[0].Time
	}
	fmt.Fprintf(c.w, `{"displayTimeUnit":"ns","otherData":{"lost":"%d"},"traceEvents":[`, lost)
	c.describe(records)
	c.findFlows(records)
	for i := range records {
		c.record(i, &records[i])
	}
	if len(records) > 0 {
		c.end(records[len(records)-1].Time)
	}
	fmt.Fprint(c.w, "\n]}\n")
	return c.w.Flush()
}

// chrome is a trace that is being written.
type chrome struct {
	w       *bufio.Writer
	ticks   float64
	base    uint64
	names   Names
	some    bool               // an event was written
	open    map[zx.Koid]Record // the call or fault of each thread that has not ended
	running map[uint8]Record   // the last Switch of each CPU
	flows   map[int][]flow     // by the index of the record they touch
}

// flow is one end of an arrow.
type flow struct {
	phase string // "s" start, "t" step, "f" end
	id    int
}

// event writes an event; extra is the rest of its members, each with a comma
// before it.
func (c *chrome) event(phase, name string, at uint64, pid, tid uint64, extra string) {
	if c.some {
		c.w.WriteByte(',')
	}
	c.some = true
	fmt.Fprintf(c.w, "\n{\"ph\":%q,\"name\":%s,\"ts\":%s,\"pid\":%d,\"tid\":%d%s}", phase, quote(name), micros(c.nanos(at)), pid, tid, extra)
}

// slice writes what lasted from one moment to another, but a nanosecond at least, so
// that arrows have something to end at.
func (c *chrome) slice(name string, from, to uint64, pid, tid uint64, extra string) {
	c.event("X", name, from, pid, tid, `,"dur":`+micros(max(c.nanos(to)-c.nanos(from), 1))+extra)
}

// nanos is a moment in whole nanoseconds: what nests in ticks nests in them.
func (c *chrome) nanos(at uint64) int64 { return int64(float64(at-c.base) * 1000 / c.ticks) }

// micros writes nanoseconds as microseconds.
func micros(nanos int64) string { return fmt.Sprintf("%d.%03d", nanos/1000, nanos%1000) }

// quote writes a JSON string.
func quote(s string) string {
	text, _ := json.Marshal(s) // no string fails
	return string(text)
}

// called gives f's name for k, or what and the number.
func called[K zx.Koid | uint64 | uint32](f func(K) string, what string, k K) string {
	if f != nil {
		if s := f(k); s != "" {
			return s
		}
	}
	return fmt.Sprintf("%s %d", what, k)
}

// describe names the tracks.
func (c *chrome) describe(records []Record) {
	cpus, threads, processes := map[uint8]bool{}, map[zx.Koid]bool{}, map[zx.Koid]bool{}
	name := func(kind string, pid, tid uint64, name string) {
		c.event("M", kind, c.base, pid, tid, `,"args":{"name":`+quote(name)+`}`)
	}
	for i := range records {
		r := &records[i]
		if len(cpus) == 0 {
			name("process_name", cpuTracks, 0, "CPUs")
		}
		if !cpus[r.CPU] {
			cpus[r.CPU] = true
			name("thread_name", cpuTracks, uint64(r.CPU), fmt.Sprintf("CPU %d", r.CPU))
		}
		if r.Process != 0 && !processes[r.Process] {
			processes[r.Process] = true
			name("process_name", uint64(r.Process), 0, called(c.names.Process, "process", r.Process))
		}
		if r.Thread != 0 && !threads[r.Thread] {
			threads[r.Thread] = true
			name("thread_name", uint64(r.Process), uint64(r.Thread), called(c.names.Thread, "thread", r.Thread))
		}
	}
}

// answers says whether r can be the answer to a request of that command.
func (r *Record) answers(command uint32) bool {
	switch r.Kind {
	case Supply:
		return command == uint32(zx.PageRead)
	case Operation:
		return r.Arg == uint32(zx.PagerOpFail) || r.Arg == uint32(zx.PagerOpDirty) && command == uint32(zx.PageDirty)
	}
	return false
}

// covers says whether r's range has all of o's.
func (r *Record) covers(o *Record) bool {
	return r.Object == o.Object && r.Offset <= o.Offset && o.Offset+o.Length <= r.Offset+r.Length
}

// findFlows pairs requests with their packets and answers.
func (c *chrome) findFlows(records []Record) {
	c.flows = map[int][]flow{}
	type request struct{ index, packet int }
	waiting := map[uint64][]request{} // by VMO
	id := 0
	for i := range records {
		r := &records[i]
		list := waiting[r.Object]
		switch r.Kind {
		case Request:
			waiting[r.Object] = append(list, request{i, -1})
		case Packet:
			for j := range list {
				if q := &records[list[j].index]; list[j].packet < 0 && q.Arg == r.Arg && q.Offset == r.Offset {
					list[j].packet = i
					break
				}
			}
		case Supply, Operation:
			rest := list[:0]
			for _, w := range list {
				q := &records[w.index]
				if !r.answers(q.Arg) || !r.covers(q) {
					rest = append(rest, w)
					continue
				}
				id++
				c.flows[w.index] = append(c.flows[w.index], flow{"s", id})
				if w.packet >= 0 {
					c.flows[w.packet] = append(c.flows[w.packet], flow{"t", id})
				}
				c.flows[i] = append(c.flows[i], flow{"f", id})
			}
			waiting[r.Object] = rest
		}
	}
}

// record writes what a record tells.
func (c *chrome) record(i int, r *Record) {
	pid, tid := uint64(r.Process), uint64(r.Thread)
	if r.Thread == 0 {
		pid, tid = cpuTracks, uint64(r.CPU) // the kernel's own work
	}
	switch r.Kind {
	case Switch:
		c.ran(r.CPU, r.Time)
		c.running[r.CPU] = *r
		return
	case Fault, Syscall: // no thread is in two
		c.open[r.Thread] = *r
		return
	case FaultEnd, SyscallEnd:
		c.close(r)
		return
	}
	c.slice(c.title(r), r.Time, r.Time, pid, tid, c.args(r))
	for _, f := range c.flows[i] {
		extra := fmt.Sprintf(`,"cat":"page","id":%d`, f.id)
		if f.phase == "f" {
			extra += `,"bp":"e"`
		}
		c.event(f.phase, "page", r.Time, pid, tid, extra)
	}
}

// args tells more of a record.
func (c *chrome) args(r *Record) string {
	switch r.Kind {
	case Wake:
		return fmt.Sprintf(`,"args":{"thread":%s}`, quote(called(c.names.Thread, "thread", zx.Koid(r.Object))))
	case Shootdown:
		return fmt.Sprintf(`,"args":{"cpus":%d}`, r.Arg)
	case Interrupt:
		return `,"args":{}`
	}
	return fmt.Sprintf(`,"args":{"vmo":%s,"offset":"%#x","length":"%#x"}`, quote(called(c.names.VMO, "VMO", r.Object)), r.Offset, r.Length)
}

// title names what a record is, for people.
func (c *chrome) title(r *Record) string {
	switch r.Kind {
	case Request, Packet:
		return fmt.Sprintf("%v %s", r.Kind, word(commandNames, r.Arg))
	case Operation:
		return word(opNames, r.Arg)
	case Interrupt:
		return fmt.Sprintf("interrupt %d", r.Arg)
	}
	return r.Kind.String()
}

// What the kernel's numbers are called.
var (
	commandNames = []string{zx.PageRead: "READ", zx.PageComplete: "COMPLETE", zx.PageDirty: "DIRTY"}
	opNames      = []string{zx.PagerOpFail: "FAIL", zx.PagerOpDirty: "DIRTY", zx.PagerOpWritebackBegin: "WRITEBACK_BEGIN", zx.PagerOpWritebackEnd: "WRITEBACK_END"}
)

// word is entry n of list, or the number.
func word(list []string, n uint32) string {
	if n < uint32(len(list)) && list[n] != "" {
		return list[n]
	}
	return fmt.Sprint(n)
}

// close writes the interval that ends with r, if its begin was recorded.
func (c *chrome) close(r *Record) {
	b := c.open[r.Thread]
	delete(c.open, r.Thread)
	switch {
	case b.Kind == Fault && r.Kind == FaultEnd:
		c.slice("page fault", b.Time, r.Time, uint64(b.Process), uint64(b.Thread), fmt.Sprintf(
			`,"args":{"address":"%#x","rip":"%#x","vmo":%s,"offset":"%#x","status":%s}`,
			b.Offset, b.Length, quote(called(c.names.VMO, "VMO", r.Object)), r.Offset, quote(zx.Status(int32(r.Arg)).String())))
	case b.Kind == Syscall && r.Kind == SyscallEnd:
		c.slice(called(c.names.Syscall, "call", b.Arg), b.Time, r.Time, uint64(b.Process), uint64(b.Thread), fmt.Sprintf(`,"args":{"result":"%#x"}`, r.Object))
	}
}

// ran ends the slice of what the CPU has run till now.
func (c *chrome) ran(cpu uint8, now uint64) {
	if b, ok := c.running[cpu]; ok && b.Thread != 0 && now > b.Time {
		c.slice(called(c.names.Thread, "thread", b.Thread), b.Time, now, cpuTracks, uint64(cpu), "")
	}
}

// end closes what is open at the end of the trace.
func (c *chrome) end(now uint64) {
	for cpu := range uint8(MaxCPUs) {
		c.ran(cpu, now)
	}
}
