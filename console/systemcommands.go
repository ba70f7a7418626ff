package console

import (
	"fmt"
	"slices"
	"strings"

	"faultline/mmu"
	"faultline/zx"
)

// rangesShown is how many dirty ranges `vmo NAME` prints.
const rangesShown = 16

func (c *Console) vmo(args []string) error {
	if c.volume == nil {
		return c.volumeError
	}
	if len(args) == 0 {
		open := c.volume.Files()
		if len(open) > 0 {
			c.printf("%4s %12s %9s %8s %8s %8s %5s  %s\n", "VMO", "BYTES", "COMMITTED", "CLEAN", "DIRTY", "AWAITING", "MAPS", "FILE")
		}
		for _, f := range open {
			i, p := f.VMO().Info(), f.PageCounts()
			c.printf("%4d %12d %9d %8d %8d %8d %5d  %s\n", i.ID, f.Size(), i.CommittedBytes/zx.PageSize,
				p.Clean, p.Dirty, p.AwaitingClean, i.Mappings, clean(f.Name()))
		}
		c.printf("%d files open; counts are pages of %d bytes\n", len(open), zx.PageSize)
		return nil
	}
	f, err := c.open(args[0])
	if err != nil {
		return err
	}
	i, p := f.VMO().Info(), f.PageCounts()
	c.printf("VMO %d of %s, key %d: size %#x, stream size %#x, %d mappings, %d references\n",
		i.ID, clean(f.Name()), f.Key(), i.Size, i.StreamSize, i.Mappings, i.References)
	c.printf("  pages: %d absent, %d clean, %d dirty, %d awaiting clean, %d zero without a page\n",
		p.Absent, p.Clean, p.Dirty, p.AwaitingClean, p.Zero)
	c.printf("  committed %d bytes, metadata %d bytes, %d pages evicted so far, modified: %v, trap dirty: %v, detached: %v\n",
		i.CommittedBytes, i.MetadataBytes, i.ChangeEvents, i.Modified, i.TrapsDirty, i.Detached)
	ranges := f.DirtyRanges()
	for n, r := range ranges {
		if n == rangesShown {
			c.printf("  and %d more dirty ranges\n", len(ranges)-n)
			break
		}
		kind := ""
		if r.Options&1 != 0 {
			kind = ", zero"
		}
		c.printf("  dirty [%#x, %#x)%s\n", r.Offset, r.Offset+r.Length, kind)
	}
	return nil
}

func (c *Console) pager(args []string) error {
	if c.volume == nil {
		return c.volumeError
	}
	open := c.volume.Files()
	if len(open) > 0 {
		c.printf("%8s %8s %18s %8s %8s %7s  %s\n", "READ", "DIRTY", "SUPPLIED (AHEAD)", "DIRTIED", "WRITTEN", "FAILED", "FILE")
	}
	for _, f := range open {
		s := c.stats(f)
		c.printf("%8d %8d %18s %8d %8d %7d  %s\n", s.Reads, s.Dirties, fmt.Sprintf("%d (%d)", s.PagesSupplied, s.PagesAhead),
			s.PagesDirtied, s.PagesWritten, s.PagesFailed, clean(f.Name()))
		if s.LastError != nil {
			c.printf("         last error: %v\n", s.LastError)
		}
		for _, x := range f.Failures() {
			c.printf("         %#x+%#x fails with %v\n", x.Offset, x.Length, x.Status)
		}
	}
	d := c.volume.DiskStats()
	c.printf("disk: %d reads (%d KiB), %d writes (%d KiB), %d flushes, %d errors; %s\n",
		d.Reads, d.ReadBytes>>10, d.Writes, d.WroteBytes>>10, d.Flushes, d.Errors, c.volume.Describe())
	return nil
}

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

func (c *Console) threads(args []string) error {
	list := c.kernel.Threads()
	c.printf("%8s %8s  %-20s %10s %10s  %s\n", "PROCESS", "THREAD", "STATE", "FAULTS", "SYSCALLS", "NAME")
	for _, t := range list {
		process, name := "-", t.Name
		if t.Process != 0 {
			process = fmt.Sprint(t.Process)
			name = t.ProcessName + "/" + t.Name
		}
		state, known := stateNames[t.State]
		if !known {
			state = fmt.Sprintf("%#x", uint32(t.State))
		}
		c.printf("%8s %8d  %-20s %10d %10d  %s\n", process, t.Thread, state, t.Faults, t.Syscalls, clean(name))
	}
	c.printf("%d threads\n", len(list))
	return nil
}

func (c *Console) pt(args []string) error {
	f, offset, err := c.at(args, 1)
	if err != nil {
		return err
	}
	t, err := c.toucher(f)
	if err != nil {
		return err
	}
	va := t.base + zx.VirtAddr(offset)
	chain, level := t.process.Chain(va)
	c.printf("%s at %#x is address %#x of process %d; %s\n", clean(f.Name()), offset, uint64(va), t.process.Koid(), leafText(chain, level))
	c.chain(chain, level)
	return nil
}

func (c *Console) mem(args []string) error {
	m := c.kernel.Memory()
	const page = zx.PageSize
	frames := uint64(m.Frames.Total) * page
	c.printf("RAM          %8d KiB\n", m.RAM>>10)
	c.printf("kernel heap  %8d KiB used of %d KiB\n", m.HeapUsed>>10, m.HeapLimit>>10)
	c.printf("page frames  %8d KiB in %d frames: %d free (lowest %d), %d page tables, %d bytes of metadata each\n",
		frames>>10, m.Frames.Total, m.Frames.Free, m.Frames.Lowest, m.Frames.Tables, mmu.MetaBytes)
	c.printf("VMOs         %8d, %d pages the evictor may take, %d evicted so far\n", m.Store.VMOs, m.Store.Listed, m.Store.Evicted)
	return nil
}

// program makes the Program that args name: what `run` and `start` have in
// common.
func (c *Console) program(args []string) (Program, error) {
	names := c.kernel.Programs()
	if !slices.Contains(names, args[0]) {
		return Program{}, fmt.Errorf("no program %q; there are: %s", args[0], strings.Join(names, " "))
	}
	return Program{Name: args[0], Args: args[1:], Output: c.out}, nil
}

func (c *Console) run(args []string) error {
	p, err := c.program(args)
	if err != nil {
		return err
	}
	e, err := c.spawn(p)
	if err != nil {
		return err
	}
	return judge(args[0], e)
}

func (c *Console) poweroff(args []string) error {
	if c.volume != nil {
		for _, f := range c.volume.Files() {
			if p := f.PageCounts(); p.Dirty+p.AwaitingClean > 0 {
				c.printf("%s: %d dirty pages are lost\n", clean(f.Name()), p.Dirty+p.AwaitingClean)
			}
		}
	}
	c.off = true
	return nil
}
