package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"faultline/pager"
	"faultline/zx"
)

// Options is what the kernel command line decides.
type Options struct {
	OvertimeWait, OvertimeTimeout zx.Time // see pager.Config
}

// Names of the options. Source: docs/pager.md 5.8.
const (
	optionOvertimeWait    = "kernel.userpager.overtime_wait_seconds"
	optionOvertimeTimeout = "kernel.userpager.overtime_timeout_seconds"

	// A loader tells the board of its devices by this word; it is not ours.
	boardOption = "virtio_mmio.device="
)

// maxSeconds is the most an option of seconds may be: a year.
const maxSeconds = 365 * 24 * 60 * 60

// ParseOptions reads a kernel command line: words NAME=VALUE between blanks, of
// options of the same name the last one counts. What is not said has Zircon's
// default.
//
//	kernel.userpager.overtime_wait_seconds=20      warn of a page request unanswered for so long, and
//	                                               again each time as much has passed; 0 never
//	kernel.userpager.overtime_timeout_seconds=300  give it up with ZX_ERR_TIMED_OUT; 0 never
//
// Errors: an option there is not, or a value it cannot have; the text names it.
func ParseOptions(line string) (Options, error) {
	o := Options{OvertimeWait: pager.DefaultOvertimeWait, OvertimeTimeout: pager.DefaultOvertimeTimeout}
	for _, word := range strings.Fields(line) {
		if strings.HasPrefix(word, boardOption) {
			continue
		}
		name, value, _ := strings.Cut(word, "=")
		var to *zx.Time
		switch name {
		case optionOvertimeWait:
			to = &o.OvertimeWait
		case optionOvertimeTimeout:
			to = &o.OvertimeTimeout
		default:
			return Options{}, fmt.Errorf("boot option %q is unknown; there are: %s %s", name, optionOvertimeWait, optionOvertimeTimeout)
		}
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err != nil || seconds > maxSeconds {
			return Options{}, fmt.Errorf("boot option %s: %q is not a number of seconds from 0 (never) to %d", name, value, maxSeconds)
		}
		*to = zx.Time(seconds) * 1e9
	}
	return o, nil
}
