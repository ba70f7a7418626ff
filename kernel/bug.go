package kernel

import (
	"fmt"
	"sort"
	"strings"
)

// bugs are ways to break the kernel on purpose, to see its report.
var bugs = map[string]func(){
	"nil":      func() { breakMemory(8, false) },
	"text":     func() { breakMemory(imageText, true) },
	"unmapped": func() { breakMemory(unmappedAddress, false) },
	"execute":  executeData,
	"panic":    func() { panic("kernel.Bug: asked for") },
}

// Addresses for Bug: one in the kernel's own text, one that nothing maps.
const (
	imageText       = 0x1001000
	unmappedAddress = 0x7f_0000_0000
)

// Bug breaks the kernel in the way named; the machine reports and ends. It
// returns only an error.
func Bug(name string) error {
	f := bugs[name]
	if f == nil {
		var names []string
		for n := range bugs {
			names = append(names, n)
		}
		sort.Strings(names)
		return fmt.Errorf("no such bug %q; there are %s", name, strings.Join(names, ", "))
	}
	f()
	return fmt.Errorf("bug %q did not stop the kernel", name)
}
