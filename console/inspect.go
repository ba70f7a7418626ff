package console

import (
	"fmt"
	"slices"
	"strconv"

	"faultline/files"
	"faultline/pager"
	"faultline/syscall"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// What the commands that look into the kernel have in common: who is who, and how
// requests and latencies are shown.

// seconds spells a span of time.
func seconds(t zx.Time) string { return fmt.Sprintf("%d.%03d s", t/1e9, t%1e9/1e6) }

// filePager gives the pager of the disk's files; nil while none is open.
func (c *Console) filePager() *pager.Pager {
	for _, f := range c.openFiles() {
		if s := pager.ProxyOf(f.VMO()); s != nil {
			return s.Pager()
		}
	}
	return nil
}

// openFiles lists the files that are open; none without a disk.
func (c *Console) openFiles() []*files.File {
	if c.volume == nil {
		return nil
	}
	return c.volume.Files()
}

// vmo is the VMO a handle names; nil if it names something else.
func (h *HandleInfo) vmo() *vmo.VMO {
	if o, ok := h.Object.(*syscall.VMO); ok {
		return o.VMO
	}
	return nil
}

// eachEntry calls f with every region and mapping of process p; the VMO of one is
// there as long as f runs.
func (p *ProcessInfo) eachEntry(f func(e vmar.Entry)) {
	for e, ok := p.Space.After(vmar.Entry{}); ok; e, ok = p.Space.After(e) {
		f(e)
		if e.VMO != nil {
			e.VMO.Release()
			e.VMO = nil
		}
	}
}

// eachMapping is eachEntry for the mappings only.
func (p *ProcessInfo) eachMapping(f func(e vmar.Entry)) {
	p.eachEntry(func(e vmar.Entry) {
		if e.VMO != nil {
			f(e)
		}
	})
}

// vmoNames names every VMO it can: by the file it is, the name it was given, or a
// process that has a handle or a mapping of it.
func (c *Console) vmoNames() map[zx.Koid]string {
	names := map[zx.Koid]string{}
	open := c.openFiles()
	if c.volume != nil {
		open = append(open, c.volume.Views()...)
	}
	for _, f := range open {
		names[f.VMO().Koid()] = f.Name()
	}
	name := func(v *vmo.VMO, process string) {
		if names[v.Koid()] != "" {
			return
		}
		names[v.Koid()] = "of process " + process
		if n := v.Name(); n != "" {
			names[v.Koid()] = n
		}
	}
	for _, h := range c.kernel.Handles() {
		if v := h.vmo(); v != nil {
			name(v, h.ProcessName)
		}
	}
	for _, p := range c.kernel.Processes() {
		p.eachMapping(func(e vmar.Entry) { name(e.VMO, p.Name) })
	}
	return names
}

// threadNames names every thread of a process.
func (c *Console) threadNames() map[zx.Koid]string {
	names := map[zx.Koid]string{}
	for _, t := range c.kernel.Threads() {
		if t.Thread != zx.KoidInvalid {
			names[t.Thread] = t.ProcessName + "/" + t.Name
		}
	}
	return names
}

// means says whether an argument stands for what has that koid and those names: all digits
// are a koid, anything else is a name.
func means(arg string, koid zx.Koid, names ...string) bool {
	n, err := strconv.ParseUint(arg, 10, 64)
	return err == nil && zx.Koid(n) == koid || err != nil && slices.Contains(names, arg)
}

// process gives the process that an argument means: its koid, or its name if no
// other has it.
func (c *Console) process(arg string) (found ProcessInfo, err error) {
	n := 0
	for _, p := range c.kernel.Processes() {
		if means(arg, p.Koid, p.Name) {
			found = p
			n++
		}
	}
	switch n {
	case 0:
		return found, fmt.Errorf("%q is neither the koid nor the name of a process; `threads` lists them", arg)
	case 1:
		return found, nil
	}
	return found, fmt.Errorf("%d processes are called %q; say which by its koid", n, arg)
}

// requestRow is an outstanding page request.
type requestRow struct {
	Request string  `t:"REQUEST"`
	VMO     zx.Koid `t:"VMO"`
	Offset  addr    `t:"offset"`
	Length  addr    `t:"length"`
	Pending addr    `t:"PENDING"`
	Overlap int     `t:"OVERLAP"`
	Waits   zx.Time `t:"WAITS"`
	Thread  zx.Koid `t:"THREAD"`
	Name    string  `t:"NAME"`
	Packet  string  `t:"+PACKET"`
}

// requests lists the outstanding requests of a source; threads are the names of all.
func (c *Console) requests(s *pager.Proxy, threads map[zx.Koid]string) (rows []requestRow) {
	koid := s.Info().VMO
	for _, r := range s.Requests() {
		row := requestRow{fmt.Sprintf("%s [%#x, %#x)", r.Name(), r.Offset, r.End()), koid, addr(r.Offset), addr(r.Length), addr(r.Pending),
			r.Overlaps, 0, r.Thread, threads[r.Thread], r.Sent()}
		if r.Since != 0 {
			row.Waits = c.kernel.Now() - r.Since
		}
		if r.Thread == zx.KoidInvalid {
			row.Name = "the kernel"
		}
		rows = append(rows, row)
	}
	return rows
}

// latencyRow is what a histogram tells.
type latencyRow struct {
	Latency string `t:"LATENCY"`
	Count   uint64 `t:"COUNT"`
	P50     nanos  `t:"P50"`
	P99     nanos  `t:"P99"`
	P999    nanos  `t:"P99.9"`
	Max     nanos  `t:"MAX"`
}

// latencies shows the histograms that of chooses of what was measured.
func (c *Console) latencies(of func(*trace.Measurer) *trace.Histograms) {
	rows, ticks := []latencyRow{}, c.kernel.TraceTicks()
	c.kernel.Measured(func(m *trace.Measurer) {
		if list := of(m); list != nil {
			for l := range list {
				h := &list[l]
				at := func(q float64) nanos { return nanos(float64(h.Quantile(q)) * 1000 / ticks) }
				if h.Count > 0 {
					rows = append(rows, latencyRow{trace.Latency(l).String(), h.Count, at(.5), at(.99), at(.999), at(1)})
				}
			}
		}
	})
	c.table("latencies", rows)
}

// sourceState spells in what state a source is, but for its requests.
func sourceState(i pager.ProxyInfo) string {
	text := "packet slot free"
	switch {
	case i.OnPort:
		text = "packet slot taken by a packet on the port"
	case i.PacketQueued && i.GoodbyeDue:
		text = "packet slot taken by COMPLETE"
	case i.PacketQueued:
		text = "packet slot taken: its packet went with the port"
	}
	if i.Detached {
		text += ", detached"
	}
	if i.PagerClosed {
		text += ", pager closed"
	}
	return text
}

// optionNames spells the options a VMO was made with.
func optionNames(i *vmo.Info) string {
	text := ""
	for _, o := range []struct {
		set  bool
		name string
	}{
		{i.Options&zx.VMOResizable != 0, "ZX_VMO_RESIZABLE"},
		{i.Options&zx.VMODiscardable != 0, "ZX_VMO_DISCARDABLE"},
		{i.TrapsDirty, "ZX_VMO_TRAP_DIRTY"},
		{i.Options&zx.VMOUnbounded != 0, "ZX_VMO_UNBOUNDED"},
	} {
		if o.set {
			text += " | " + o.name
		}
	}
	if text == "" {
		return "none"
	}
	return text[len(" | "):]
}
