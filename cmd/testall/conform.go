package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// conformLimit is the time all conformance tests may take together, with one CPU
// or with several.
const conformLimit = 8 * time.Minute

// conformTests runs the ring-3 conformance tests with one CPU and with four; what
// the kernel has not got yet counts as skipped, with what is lacking.
func conformTests(r *report) {
	tool := filepath.Join(buildDir, "bin", "conform")
	if !build(r, kernelImage(), filepath.Join(buildDir, "bin", "qemu"), tool) {
		return
	}
	conform(r, tool, "conform", "1")
	conform(r, tool, "conform, 4 CPUs:", "4")
}

// conform runs them once. name begins each verdict's.
func conform(r *report, tool, name, cpus string) {
	file := filepath.Join(buildDir, "conform.json")
	os.Remove(file)
	started := time.Now()
	output, err := command{args: []string{tool, "-json", file, runner(), kernelImage()}, env: []string{"SMP=" + cpus}, limit: conformLimit}.run()
	took := time.Since(started)
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		r.fail(name, fmt.Sprintf("%v\n%v\n%s", err, readErr, output))
		return
	}
	var list []struct{ ID, Variant, Verdict, Reason string }
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		r.fail(name, fmt.Sprintf("%s: %d verdicts, %v", file, len(list), err))
		return
	}
	each := took / time.Duration(len(list))
	for _, v := range list {
		name := fmt.Sprintf("%s %s %s", name, v.ID, v.Variant)
		switch v.Verdict {
		case "pass":
			r.pass(name, each)
		case "not-yet":
			r.skip(name, "the kernel lacks "+v.Reason)
		default:
			r.fail(name, v.Verdict+": "+v.Reason+"\nagain: make conform SMP="+cpus+" ONLY='"+v.ID+" "+v.Variant+"'")
		}
	}
}
