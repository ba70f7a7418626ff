package console

import (
	"fmt"
	"strconv"

	"faultline/trace"
	"faultline/zx"
)

// faultsShown is how many records `faults show` prints unless told.
const faultsShown = 20

func (c *Console) faultTrace(args []string) error {
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	if len(args) > 1 && word != "show" {
		return fmt.Errorf("%q is one argument too many; usage: %s", args[1], find("faults").usage())
	}
	switch word {
	case "on":
		c.kernel.StartTrace(trace.Filter{Kinds: []trace.Kind{trace.Fault, trace.FaultEnd}})
		c.printf("page faults of ring 3 are recorded from now on\n")
	case "off":
		c.kernel.StopTrace()
		_, total := c.kernel.Faults(0)
		c.printf("no more page faults are recorded; %d were since boot\n", total)
	case "show":
		n := uint64(faultsShown)
		if len(args) > 1 {
			var err error
			if n, err = strconv.ParseUint(args[1], 10, 31); err != nil {
				return fmt.Errorf("%q is not a number of records", args[1])
			}
		}
		c.showFaults(int(n))
	case "":
		_, total := c.kernel.Faults(0)
		state := "off"
		if trace.On() {
			state = "on"
		}
		c.printf("the trace is %s; %d page faults were recorded since boot\n", state, total)
	default:
		return fmt.Errorf("%q is neither on nor off nor show", word)
	}
	return nil
}

// showFaults prints the last n records.
func (c *Console) showFaults(n int) {
	list, total := c.kernel.Faults(n)
	if len(list) > 0 {
		c.printf("%8s %12s %15s %14s %14s %-9s %5s %10s %12s  %s\n",
			"NUMBER", "TIME", "PROCESS/THREAD", "ADDRESS", "RIP", "CODE", "VMO", "OFFSET", "TOOK", "STATUS")
	}
	for i := range list {
		f := &list[i]
		where, offset := "-", "-"
		if f.VMO != 0 {
			where, offset = fmt.Sprint(f.VMO), fmt.Sprintf("%#x", f.Offset)
		}
		status := f.Status.String()
		switch {
		case f.Status == zx.ErrInternalIntrKilled:
			status = "killed meanwhile"
		case f.Zero:
			status += " (zero page)"
		}
		c.printf("%8d %12s %15s %#14x %#14x %-9v %5s %10s %9d ns  %s\n", f.Number, seconds(f.At),
			fmt.Sprintf("%d/%d", f.Process, f.Thread), uint64(f.Address), uint64(f.RIP), f.Code, where, offset, int64(f.Took), status)
	}
	c.printf("%d page faults shown of %d recorded since boot\n", len(list), total)
}
