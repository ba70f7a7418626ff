package console

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"faultline/files"
	"faultline/mmu"
	"faultline/pager"
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

func (c *Console) threads(args []string) error {
	list := c.kernel.Threads()
	waits := c.waits()
	c.printf("%8s %8s  %-20s %10s %10s  %s\n", "PROCESS", "THREAD", "STATE", "FAULTS", "SYSCALLS", "NAME")
	for _, t := range list {
		process, thread, name := "-", "-", t.Name
		if t.Thread != zx.KoidInvalid {
			thread = fmt.Sprint(t.Thread)
		}
		if t.Process != 0 {
			process = fmt.Sprint(t.Process)
			name = t.ProcessName + "/" + t.Name
		}
		state, known := stateNames[t.State]
		if !known {
			state = fmt.Sprintf("%#x", uint32(t.State))
		}
		c.printf("%8s %8s  %-20s %10d %10d  %s\n", process, thread, state, t.Faults, t.Syscalls, clean(name))
		if w := waits[t.Thread]; w != "" && t.State == zx.ThreadBlockedPager {
			c.printf("%19s%s\n", "", w)
		}
	}
	c.printf("%d threads\n", len(list))
	return nil
}

func (c *Console) cpus(args []string) error {
	list := c.kernel.CPUs()
	c.printf("%4s  %-6s %6s %12s %8s\n", "CPU", "DOES", "READY", "ENTRIES", "TAKEN")
	for id, i := range list {
		does := "kernel"
		switch {
		case i.Idle:
			does = "idle"
		case i.User:
			does = "ring 3"
		}
		c.printf("%4d  %-6s %6d %12d %8d\n", id, does, i.Ready, i.Stays, i.Stolen)
	}
	c.printf("%d CPUs\n", len(list))
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
		for _, r := range s.Requests() {
			if r.Thread == zx.KoidInvalid {
				continue
			}
			text := fmt.Sprintf("%s [%#x, %#x) of VMO %d, pager %d %s", r.Name(), r.Offset, r.End(), v.Koid(), s.Pager().Koid(), r.Sent())
			if r.Since != 0 {
				text += ", " + seconds(c.kernel.Now()-r.Since)
			}
			waits[r.Thread] = text
		}
		return true
	})
	return waits
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
	frames := uint64(m.Frames.Total) * page
	const zero = 1 // the shared zero page
	rest := m.Frames.Total - m.Frames.Free - m.Frames.Tables - paged - anonymous - nodes - zero
	c.printf("RAM          %8d KiB\n", m.RAM>>10)
	c.printf("kernel heap  %8d KiB used of %d KiB, %d collections so far\n", m.HeapUsed>>10, m.HeapLimit>>10, m.Collections)
	c.printf("account      %8d KiB kept for programs of %d KiB, at most %d KiB so far, %d refusals\n",
		m.Account.Bytes.Used>>10, m.Account.Bytes.Total>>10, m.Account.Bytes.Peak>>10, m.Account.Bytes.Refused)
	c.printf("             %8d pages of programs of %d, at most %d so far, %d refusals\n",
		m.Account.Pages.Used, m.Account.Pages.Total, m.Account.Pages.Peak, m.Account.Pages.Refused)
	c.printf("page frames  %8d KiB in %d frames: %d free (lowest %d), %d page tables, %d bytes of metadata each, %d KiB in all\n",
		frames>>10, m.Frames.Total, m.Frames.Free, m.Frames.Lowest, m.Frames.Tables, mmu.MetaBytes, m.Frames.MetaBytes>>10)
	c.printf("free blocks  %s\n", blockText(m.Frames.Blocks[:]))
	c.printf("VMO pages    %8d of pagers, %d anonymous, %d nodes of page trees, %d frames of other use\n", paged, anonymous, nodes, max(rest, 0))
	c.printf("VMOs         %8d; the evictor may take %d pages, %d more as a last resort (ALWAYS_NEED), and has taken %d so far\n",
		m.Store.VMOs, m.Store.Listed, m.Store.Needed, m.Store.Evicted)
	c.printf("handles      %8d\n", m.Handles)
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
		if c.volume == nil {
			return Program{}, c.volumeError
		}
		f, err := c.volume.Open(path)
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
		return Program{}, fmt.Errorf("%s has %d bytes, too many for a program", clean(f.Name()), f.Size())
	}
	p.Image = make([]byte, f.Size())
	if st := f.ReadAt(c.waiter, p.Image, 0); st != zx.OK {
		return Program{}, fmt.Errorf("reading %s: %w", clean(f.Name()), st)
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
	c.printf("Faultline %s, built with %s\n", Version, runtime.Version())
	return nil
}

func (c *Console) poweroff(args []string) error {
	c.farewell()
	c.off = true
	return nil
}

// farewell says what is lost when the machine stops now.
func (c *Console) farewell() {
	if c.volume == nil {
		return
	}
	for _, f := range c.volume.Files() {
		if p := f.PageCounts(); p.Dirty+p.AwaitingClean > 0 {
			c.printf("%s: %d dirty pages are lost\n", clean(f.Name()), p.Dirty+p.AwaitingClean)
		}
	}
}

// blockText lists free blocks of page frames, by their size: "3 of 4 KiB, 1 of 8 KiB".
func blockText(blocks []int) string {
	var list []string
	for order, n := range blocks {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d of %d KiB", n, zx.PageSize>>10<<order))
		}
	}
	return strings.Join(list, ", ")
}
