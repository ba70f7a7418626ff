package kernel

import (
	"fmt"
	"strings"
	"testing"
)

// TestParseOptions reads good command lines and refuses bad ones by name.
func TestParseOptions(t *testing.T) {
	const wait, timeout = optionOvertimeWait + "=", optionOvertimeTimeout + "="
	const s = 1_000_000_000
	for line, want := range map[string]Options{
		"":                             {20 * s, 300 * s},
		" \t ":                         {20 * s, 300 * s},
		wait + "1":                     {1 * s, 300 * s},
		timeout + "5":                  {20 * s, 5 * s},
		wait + "0  " + timeout + "0":   {0, 0},
		wait + "3 " + wait + "4":       {4 * s, 300 * s},
		wait + "31536000":              {31536000 * s, 300 * s},
		"virtio_mmio.device=512@0x1:5": {20 * s, 300 * s},
	} {
		if got, err := ParseOptions(line); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		wait + "soon":                `boot option kernel.userpager.overtime_wait_seconds: "soon" is not a number of seconds`,
		wait + "-1":                  `"-1" is not`,
		wait + "1.5":                 `"1.5" is not`,
		wait + "1s":                  `"1s" is not`,
		optionOvertimeWait:           `"" is not`,
		wait:                         `"" is not`,
		timeout + "0x10":             `boot option kernel.userpager.overtime_timeout_seconds: "0x10"`,
		timeout + "31536001":         `"31536001" is not`,
		timeout + "9999999999999999": `"9999999999999999" is not`,
		"kernel.oom.enable=true":     `boot option "kernel.oom.enable" is unknown; there are: kernel.userpager.overtime_wait_seconds kernel`,
		"quiet " + wait + "1":        `boot option "quiet" is unknown`,
		"=":                          `boot option "" is unknown`,
	} {
		if got, err := ParseOptions(line); err == nil || !strings.Contains(err.Error(), want) || got != (Options{}) {
			t.Errorf("%q is %+v, %v; want ...%s...", line, got, err, want)
		}
	}
}

// The kernel's own words of a command line; others have been taken by the board.
func ExampleParseOptions() {
	o, err := ParseOptions("kernel.userpager.overtime_wait_seconds=5")
	fmt.Println(int64(o.OvertimeWait)/1e9, int64(o.OvertimeTimeout)/1e9, err)
	// Output: 5 300 <nil>
}
