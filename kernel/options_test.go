package kernel

import (
	"fmt"
	"strings"
	"testing"
)

// TestParseOptions reads good words, and names those that it leaves alone: they change
// nothing.
func TestParseOptions(t *testing.T) {
	const wait, timeout = optionOvertimeWait + "=", optionOvertimeTimeout + "="
	const s = 1_000_000_000
	for line, want := range map[string]Options{
		"":                           {20 * s, 300 * s},
		" \t ":                       {20 * s, 300 * s},
		wait + "1":                   {1 * s, 300 * s},
		timeout + "5":                {20 * s, 5 * s},
		wait + "0  " + timeout + "0": {0, 0},
		wait + "3 " + wait + "4":     {4 * s, 300 * s},
		wait + "31536000":            {31536000 * s, 300 * s},
	} {
		if got, ignored := ParseOptions(line); ignored != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", line, got, ignored, want)
		}
	}
	for word, want := range map[string]string{
		wait + "soon":                "not a number of seconds",
		wait + "-1":                  "not a number of seconds",
		wait + "1.5":                 "not a number of seconds",
		wait + "1s":                  "not a number of seconds",
		optionOvertimeWait:           "not a number of seconds",
		wait:                         "not a number of seconds",
		timeout + "0x10":             "not a number of seconds",
		timeout + "31536001":         "not a number of seconds",
		timeout + "9999999999999999": "not a number of seconds",
		"kernel.oom.enable=true":     "unknown; there are: " + optionOvertimeWait + " " + optionOvertimeTimeout,
		"kernel.":                    "unknown; there are",
		"=":                          "unknown; there are",
	} {
		got, ignored := ParseOptions(wait + "7 " + word + " " + timeout + "8")
		if len(ignored) != 1 || !strings.HasPrefix(ignored[0], fmt.Sprintf("%q: %s", word, want)) || got != (Options{7 * s, 8 * s}) {
			t.Errorf("%q is %+v, %q; want ...%s...", word, got, ignored, want)
		}
	}
}

// The kernel's own words of a command line; others have been taken by the board.
func ExampleParseOptions() {
	o, ignored := ParseOptions("kernel.userpager.overtime_wait_seconds=5 kernel.new=1")
	fmt.Println(int64(o.OvertimeWait)/1e9, int64(o.OvertimeTimeout)/1e9, len(ignored))
	// Output: 5 300 1
}
