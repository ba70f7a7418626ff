package console

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"faultline/files"
	"faultline/pager"
	"faultline/trace"
	"faultline/vmo"
	"faultline/zx"
)

// stateNames spells thread states for people.
var stateNames = map[zx.ThreadState]string{
	zx.ThreadNew:              "new",
	zx.ThreadRunning:          "running",
	zx.ThreadSuspended:        "suspended",
	zx.ThreadBlocked:          "blocked",
	zx.ThreadDying:            "dying",
	zx.ThreadDead:             "dead",
	zx.ThreadBlockedException: "blocked: exception",
	zx.ThreadBlockedSleeping:  "blocked: sleeping",
	zx.ThreadBlockedFutex:     "blocked: futex",
	zx.ThreadBlockedPort:      "blocked: port",
	zx.ThreadBlockedChannel:   "blocked: channel",
	zx.ThreadBlockedWaitOne:   "blocked: wait one",
	zx.ThreadBlockedWaitMany:  "blocked: wait many",
	zx.ThreadBlockedPager:     "blocked: pager",
}

// threadRow is a thread.
type threadRow struct {
	Process zx.Koid `t:"PROCESS"`
	Thread  zx.Koid `t:"THREAD"`
	CPU     share   `t:"CPU"` // of the last while, in top
	Time    zx.Time `t:"TIME"`
	Faults  uint64  `t:"FAULTS"`
	Calls   uint64  `t:"SYSCALLS"`
	State   string  `t:"STATE"`
	Name    string  `t:"NAME"`
	Waits   string  `t:"+WAITS FOR"`
}

// threadRows tells of every thread.
func (c *Console) threadRows() []threadRow {
	rows, waits := []threadRow{}, c.waits()
	for _, t := range c.kernel.Threads() {
		row := threadRow{Process: t.Process, Thread: t.Thread, CPU: unknown, Time: t.Runtime, Faults: t.Faults, Calls: t.Syscalls, State: stateNames[t.State], Name: t.Name}
		if row.State == "" {
			row.State = fmt.Sprintf("%#x", uint32(t.State))
		}
		if t.Process != 0 {
			row.Name = t.ProcessName + "/" + t.Name
		}
		if t.State == zx.ThreadBlockedPager {
			row.Waits = waits[t.Thread]
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *Console) threads(args []string) error {
	rows := c.threadRows()
	c.table("threads", rows)
	c.note("%d threads", len(rows))
	return nil
}

// waits tells for what each thread with an outstanding page request waits.
func (c *Console) waits() map[zx.Koid]string {
	waits := map[zx.Koid]string{}
	c.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		s := pager.ProxyOf(v)
		if s == nil {
			return true
		}
		for _, r := range c.requests(s, nil) {
			waits[r.Thread] = fmt.Sprintf("%s of VMO %d, pager %d %s", r.Request, r.VMO, s.Pager().Koid(), r.Packet)
			if r.Waits != 0 {
				waits[r.Thread] += ", " + seconds(r.Waits)
			}
		}
		return true
	})
	return waits
}

// topEvery is how long top waits between two looks unless told, topRows how many
// threads it shows.
const (
	topEvery = zx.Time(1e9)
	topRows  = 18
)

func (c *Console) top(args []string) error {
	every, times := topEvery, 1
	if c.keyboard != nil && !c.json {
		times = 1 << 30
	}
	for i, to := range []func(float64){func(s float64) { every = zx.Time(s * 1e9) }, func(n float64) { times = int(n) }} {
		if i < len(args) {
			n, err := strconv.ParseFloat(args[i], 64)
			if err != nil || !(n >= .05 && n <= 1e6) {
				return fmt.Errorf("%q is not a number from 0.05 to 1000000", args[i])
			}
			to(n)
		}
	}
	before, at := map[zx.Koid]threadRow{}, c.kernel.Now()
	for _, r := range c.threadRows() {
		before[r.Thread] = r
	}
	for ; times > 0; times-- {
		stop := c.pause(every)
		rows, now := c.threadRows(), c.kernel.Now()
		used := share(0)
		for i := range rows {
			r := &rows[i]
			last := before[r.Thread]
			before[r.Thread] = *r
			r.CPU = share(1000 * (r.Time - last.Time) / max(now-at, 1))
			r.Faults, r.Calls = r.Faults-last.Faults, r.Calls-last.Calls
			used += r.CPU
		}
		at = now
		slices.SortStableFunc(rows, func(a, b threadRow) int { return cmp.Compare(b.CPU, a.CPU) })
		if c.keyboard != nil && !c.json {
			c.printf("\x1b[H\x1b[J")
		}
		m := c.kernel.Memory()
		c.note("%d threads, %v of %d CPUs used; %d of %d page frames free; faults and calls of the last %s",
			len(rows), used, len(c.kernel.CPUs()), m.Frames.Free, m.Frames.Total, seconds(every))
		c.table("threads", rows[:min(len(rows), topRows)])
		if stop {
			break
		}
	}
	return nil
}

// cpuRow is a CPU.
type cpuRow struct {
	CPU     int    `t:"CPU"`
	Does    string `t:"DOES"`
	Ready   int    `t:"READY"`
	Entries uint64 `t:"ENTRIES"`
	Taken   uint64 `t:"TAKEN"`
}

func (c *Console) cpus(args []string) error {
	rows := []cpuRow{}
	for id, i := range c.kernel.CPUs() {
		row := cpuRow{id, "kernel", i.Ready, i.Stays, i.Stolen}
		switch {
		case i.Idle:
			row.Does = "idle"
		case i.User:
			row.Does = "ring 3"
		}
		rows = append(rows, row)
	}
	c.table("cpus", rows)
	c.note("%d CPUs", len(rows))
	return nil
}

// memoryRow is a kind of memory.
type memoryRow struct {
	What  string `t:"MEMORY"`
	Used  size   `t:"USED"`
	Limit size   `t:"OF"`
	Pages int64  `t:"PAGES"`
	More  string `t:"REMARK"`
}

// blockRow counts free blocks of page frames.
type blockRow struct {
	Order int  `t:"ORDER"`
	Size  size `t:"BLOCK"`
	Free  int  `t:"FREE"`
}

func (c *Console) mem(args []string) error {
	m := c.kernel.Memory()
	const page = zx.PageSize
	// What the frames are used for. Counted VMO by VMO, so not of one moment.
	var paged, anonymous, nodes int
	c.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		i := v.Info()
		if n := int(i.Committed.Scaled / page); i.PagerBacked {
			paged += n
		} else {
			anonymous += n
		}
		nodes += v.Nodes()
		return true
	})
	const zero = 1 // the shared zero page
	f, rows := m.Frames, []memoryRow{}
	frames := func(what string, n int, more string) {
		rows = append(rows, memoryRow{what, size(n) * page, size(f.Total) * page, int64(n), more})
	}
	rows = append(rows, memoryRow{"RAM", size(m.RAM), size(m.RAM), int64(m.RAM / page), "what the machine has"},
		memoryRow{"kernel heap", size(m.HeapUsed), size(m.HeapLimit), int64(m.HeapUsed / page), fmt.Sprintf("%d collections so far", m.Collections)},
		memoryRow{"account", size(m.Account.Bytes.Used), size(m.Account.Bytes.Total), m.Account.Bytes.Used / page,
			fmt.Sprintf("peak %v, %d refusals", size(m.Account.Bytes.Peak), m.Account.Bytes.Refused)},
		memoryRow{"account pages", size(m.Account.Pages.Used) * page, size(m.Account.Pages.Total) * page, m.Account.Pages.Used,
			fmt.Sprintf("peak %d, %d refusals", m.Account.Pages.Peak, m.Account.Pages.Refused)})
	frames("free frames", f.Free, fmt.Sprintf("lowest %d; records take %v", f.Lowest, size(f.MetaBytes)))
	frames("page tables", f.Tables, "")
	frames("VMOs of pagers", paged, fmt.Sprintf("%d evictable, %d needed; %d evicted", m.Store.Listed, m.Store.Needed, m.Store.Evicted))
	frames("anonymous VMOs", anonymous, fmt.Sprintf("%d VMOs, %d handles", m.Store.VMOs, m.Handles))
	frames("page trees", nodes, "")
	frames("other frames", max(f.Total-f.Free-f.Tables-paged-anonymous-nodes-zero, 0), "")
	c.table("memory", rows)
	c.field("vmos", m.Store.VMOs)
	c.field("handles", m.Handles)
	c.table("owners", c.owners())
	var blocks []blockRow
	for order, n := range f.Blocks {
		if n > 0 {
			blocks = append(blocks, blockRow{order, page << order, n})
		}
	}
	c.table("free_blocks", blocks)
	return nil
}

// counterRow is a counter.
type counterRow struct {
	Counter string `t:"COUNTER"`
	Value   uint64 `t:"VALUE"`
	Delta   int64  `t:"DELTA"` // since the last time
}

func (c *Console) counters(args []string) error {
	deltas := len(args) > 0
	if deltas && args[0] != "-d" {
		return fmt.Errorf("%q is not -d", args[0])
	}
	rows := []counterRow{}
	for _, k := range c.kernel.Counters() {
		row := counterRow{k.Name, k.Value, int64(k.Value - c.counted[k.Name])}
		if c.counted[k.Name] = k.Value; !deltas || row.Delta != 0 {
			rows = append(rows, row)
		}
	}
	c.table("counters", rows)
	if len(rows) == 0 {
		c.note("no counter has changed")
	}
	c.latencies((*trace.Measurer).All)
	return nil
}

// programBytes bounds the file of a program on the disk.
const programBytes = 64 << 20

// fileOption names a file of the disk that a program gets as a start handle.
const fileOption = "--file="

// program makes the Program that args name: what `run` and `start` have in
// common. One built into the image comes before one on the disk.
func (c *Console) program(args []string) (Program, error) {
	p := Program{Name: args[0], Output: c.out}
	for _, a := range args[1:] {
		path, isFile := strings.CutPrefix(a, fileOption)
		if !isFile {
			p.Args = append(p.Args, a)
			continue
		}
		f, err := c.open(path)
		if err != nil {
			return Program{}, err
		}
		p.Handles = append(p.Handles, StartHandle{VMO: f.VMO(), Rights: zx.RightsVMO})
	}
	names := c.kernel.Programs()
	if slices.Contains(names, p.Name) {
		return p, nil
	}
	unknown := fmt.Errorf("no program %q; there are: %s", p.Name, strings.Join(names, " "))
	if c.volume == nil {
		return Program{}, unknown
	}
	f, err := c.volume.Open(p.Name)
	switch {
	case errors.Is(err, files.ErrNotFound):
		return Program{}, fmt.Errorf("%w; nor is it a file on the disk", unknown)
	case err != nil:
		return Program{}, err
	case f.Size() > programBytes:
		return Program{}, fmt.Errorf("%s has %d bytes, too many for a program", f.Name(), f.Size())
	}
	p.Image = make([]byte, f.Size())
	if st := uninterrupted(func() zx.Status { return f.ReadAt(c.waiter, p.Image, 0) }); st != zx.OK {
		return Program{}, fmt.Errorf("reading %s: %w", f.Name(), st)
	}
	return p, nil
}

func (c *Console) run(args []string) error {
	privileged := args[0] == "-privileged"
	if privileged {
		if args = args[1:]; len(args) == 0 {
			return errors.New("PROGRAM is missing")
		}
	}
	p, err := c.program(args)
	if err != nil {
		return err
	}
	p.Privileged = privileged
	e, err := c.spawn(p)
	if err != nil {
		return err
	}
	return judge(args[0], e)
}

// Version is the version of the kernel; CHANGELOG.md tells what each brought.
const Version = "0.2.0"

func (c *Console) version([]string) error {
	c.note("Faultline %s, built with %s", Version, runtime.Version())
	c.field("version", Version)
	c.field("go", runtime.Version())
	return nil
}

func (c *Console) poweroff(args []string) error {
	c.farewell()
	c.off = true
	return nil
}

// farewell says what is lost when the machine stops now.
func (c *Console) farewell() {
	for _, f := range c.openFiles() {
		if n := dirtyPages(f); n > 0 {
			c.note("%s: %d dirty pages are lost", f.Name(), n)
		}
	}
}
