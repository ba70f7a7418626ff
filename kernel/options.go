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
)

// maxSeconds is the most an option of seconds may be: a year.
const maxSeconds = 365 * 24 * 60 * 60

// ParseOptions reads the kernel's own words of a command line: NAME=VALUE between
// blanks, of options of the same name the last one counts. What is not said has Zircon's
// default; ignored are the words that say nothing, each with the reason.
//
//	kernel.userpager.overtime_wait_seconds=20      warn of a page request unanswered for so long, and
//	                                               again each time as much has passed; 0 never
//	kernel.userpager.overtime_timeout_seconds=300  give it up with ZX_ERR_TIMED_OUT; 0 never
func ParseOptions(line string) (o Options, ignored []string) {
	o = Options{OvertimeWait: pager.DefaultOvertimeWait, OvertimeTimeout: pager.DefaultOvertimeTimeout}
	for _, word := range strings.Fields(line) {
		name, value, _ := strings.Cut(word, "=")
		var to *zx.Time
		switch name {
		case optionOvertimeWait:
			to = &o.OvertimeWait
		case optionOvertimeTimeout:
			to = &o.OvertimeTimeout
		default:
			ignored = append(ignored, fmt.Sprintf("%q: unknown; there are: %s %s", word, optionOvertimeWait, optionOvertimeTimeout))
			continue
		}
		if seconds, err := strconv.ParseUint(value, 10, 32); err == nil && seconds <= maxSeconds {
			*to = zx.Time(seconds) * 1e9
		} else {
			ignored = append(ignored, fmt.Sprintf("%q: not a number of seconds from 0 (never) to %d", word, maxSeconds))
		}
	}
	return o, ignored
}
