package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// conformLimit is the time all conformance tests may take together.
const conformLimit = 8 * time.Minute

// conformTests runs the ring-3 conformance tests; what the kernel has not got
// yet counts as skipped, with what is lacking.
func conformTests(r *report) {
	tool := filepath.Join(buildDir, "bin", "conform")
	if !build(r, kernelImage(), filepath.Join(buildDir, "bin", "qemu"), tool) {
		return
	}
	file := filepath.Join(buildDir, "conform.json")
	os.Remove(file)
	started := time.Now()
	output, err := command{args: []string{tool, "-json", file, runner(), kernelImage()}, limit: conformLimit}.run()
	took := time.Since(started)
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		r.fail("conform", fmt.Sprintf("%v\n%v\n%s", err, readErr, output))
		return
	}
	var list []struct{ ID, Variant, Verdict, Reason string }
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		r.fail("conform", fmt.Sprintf("%s: %d verdicts, %v", file, len(list), err))
		return
	}
	each := took / time.Duration(len(list))
	for _, v := range list {
		name := fmt.Sprintf("conform %s %s", v.ID, v.Variant)
		switch v.Verdict {
		case "pass":
			r.pass(name, each)
		case "not-yet":
			r.skip(name, "the kernel lacks "+v.Reason)
		default:
			r.fail(name, v.Verdict+": "+v.Reason+"\nagain: make conform ONLY='"+v.ID+" "+v.Variant+"'")
		}
	}
}
