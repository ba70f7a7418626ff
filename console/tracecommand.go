package console

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"faultline/mmu"
	"faultline/syscall"
	"faultline/trace"
	"faultline/zx"
)

// Lines round a trace that is printed, for whoever reads the console.
const (
	traceBegins = "-- trace begins"
	traceEnds   = "-- trace ends"
)

func (c *Console) trace(args []string) error {
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	switch {
	case word == "on":
		f, err := traceFilter(args[1:])
		if err != nil {
			return err
		}
		c.kernel.StartTrace(f)
		c.note("records are left from now on; trace save FILE writes them, trace print shows them")
	case word == "save" && len(args) == 2:
		return c.saveTrace(args[1])
	case len(args) > 1:
		return fmt.Errorf("%q is one argument too many; usage: %s", args[1], find("trace").usage())
	case word == "off":
		c.kernel.StopTrace()
		c.traceState()
	case word == "print":
		text, err := c.traceText()
		if err != nil {
			return err
		}
		c.printf("%s\n%s%s\n", traceBegins, text, traceEnds)
	case word == "":
		c.traceState()
	default:
		return fmt.Errorf("%q is neither on nor off nor save nor print", word)
	}
	return nil
}

// traceFilter reads what `trace on` may be told.
func traceFilter(args []string) (f trace.Filter, err error) {
	for _, a := range args {
		if text, ok := strings.CutPrefix(a, "process="); ok {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return f, fmt.Errorf("%q is not the koid of a process", text)
			}
			f.Process = zx.Koid(n)
		} else if text, ok := strings.CutPrefix(a, "vmo="); ok {
			if f.Object, err = strconv.ParseUint(text, 10, 64); err != nil {
				return f, fmt.Errorf("%q is not the koid of a VMO", text)
			}
		} else if k, ok := trace.KindNamed(a); ok {
			f.Kinds = append(f.Kinds, k)
		} else {
			return f, fmt.Errorf("%q is no kind of record; there are %s", a, strings.Join(trace.KindNames(), ", "))
		}
	}
	return f, nil
}

// traceState tells whether records are left and how many there are.
func (c *Console) traceState() {
	state := "off"
	if trace.On() {
		state = "on"
	}
	list, lost, _ := c.kernel.TraceRecords()
	c.note("the trace is %s; %d records are held, %d were overwritten", state, len(list), lost)
}

// traceText is the trace as JSON.
func (c *Console) traceText() ([]byte, error) {
	list, lost, ticks := c.kernel.TraceRecords()
	names := map[zx.Koid]string{}
	for _, t := range c.kernel.Threads() {
		names[t.Process], names[t.Thread] = t.ProcessName, t.Name
	}
	name := func(k zx.Koid) string {
		if n := names[k]; n != "" {
			return n
		}
		return c.kernel.TraceName(k)
	}
	vmos := c.vmoNames()
	var b bytes.Buffer
	err := trace.Chrome(&b, list, ticks, lost, trace.Names{
		Process: name,
		Thread:  name,
		VMO: func(id uint64) string {
			if name := vmos[zx.Koid(id)]; name != "" {
				return fmt.Sprintf("%s (VMO %d)", name, id)
			}
			return ""
		},
		Syscall: syscall.Name,
	})
	return b.Bytes(), err
}

// saveTrace writes the trace into a file of the disk, through its pager. A file
// keeps its size: what the trace does not fill is blanks, which JSON allows.
func (c *Console) saveTrace(name string) error {
	f, err := c.open(name)
	if err != nil {
		return err
	}
	text, err := c.traceText()
	if err != nil {
		return err
	}
	if int64(len(text)) > f.Size() {
		return fmt.Errorf("the trace has %d bytes and %q has room for %d; a file keeps its size", len(text), f.Name(), f.Size())
	}
	if st := uninterrupted(func() zx.Status { return f.WriteAt(c.waiter, text, 0) }); st != zx.OK {
		return st
	}
	blanks := bytes.Repeat([]byte{' '}, 1<<16)
	for at := int64(len(text)); at < f.Size(); {
		n := min(int64(len(blanks)), f.Size()-at)
		if st := uninterrupted(func() zx.Status { return f.WriteAt(c.waiter, blanks[:n], uint64(at)) }); st != zx.OK {
			return st
		}
		at += n
	}
	c.note("%d bytes of trace are in %s; sync writes them", len(text), f.Name())
	return nil
}

// faultsShown is how many page faults `faults` shows unless told.
const faultsShown = 20

// faultRow is a page fault of ring 3.
type faultRow struct {
	Number  int     `t:"NUMBER"`
	Time    zx.Time `t:"time"` // since the first record
	Process zx.Koid `t:"process"`
	Thread  zx.Koid `t:"THREAD"`
	Address addr    `t:"ADDRESS"`
	RIP     addr    `t:"RIP"`
	Code    string  `t:"CODE"`
	VMO     zx.Koid `t:"VMO"`
	Offset  addr    `t:"OFFSET"`
	Took    nanos   `t:"TOOK"`
	Status  string  `t:"+STATUS"` // "" for one whose instruction was run again
}

func (c *Console) faultList(args []string) error {
	word, shown := "show", uint64(faultsShown)
	if len(args) > 0 {
		word = args[0]
	}
	switch {
	case len(args) == 2 && word == "show":
		var err error
		if shown, err = strconv.ParseUint(args[1], 10, 31); err != nil {
			return fmt.Errorf("%q is not a number of page faults", args[1])
		}
	case len(args) == 2:
		return fmt.Errorf("%q is one argument too many; usage: %s", args[1], find("faults").usage())
	case word == "on":
		return c.trace([]string{"on", trace.Fault.String(), trace.FaultEnd.String()})
	case word == "off":
		return c.trace([]string{"off"})
	case word != "show":
		return fmt.Errorf("%q is neither on nor off nor show", word)
	}
	list, _, ticks := c.kernel.TraceRecords()
	rows, begun := []faultRow{}, map[zx.Koid]trace.Record{}
	for _, r := range list {
		b, ok := begun[r.Thread]
		if r.Kind == trace.Fault {
			begun[r.Thread] = r
		} else if r.Kind == trace.FaultEnd && ok {
			delete(begun, r.Thread)
			row := faultRow{len(rows) + 1, zx.Time(float64(b.Time-list[0].Time) * 1000 / ticks), b.Process, b.Thread, addr(b.Offset), addr(b.Length),
				mmu.PageFaultError(b.Arg).String(), zx.Koid(r.Object), addr(r.Offset), nanos(float64(r.Time-b.Time) * 1000 / ticks), ""}
			switch st := zx.Status(int32(r.Arg)); {
			case st == zx.ErrInternalIntrKilled:
				row.Status = "killed meanwhile"
			case st != zx.OK:
				row.Status = st.String()
			case r.Length&trace.EndZero != 0:
				row.Status = "zero page"
			}
			rows = append(rows, row)
		}
	}
	last := rows[max(0, len(rows)-int(shown)):]
	c.table("faults", last)
	c.note("%d page faults shown of %d in the trace", len(last), len(rows))
	return nil
}
