package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// mutants are the steps of the shootdown protocol (kernel/smp.go), each taken out: what
// reads from is replaced by to. The host tests named must fail, or, where it is the CPU
// that takes the step, the program shootdown.
var mutants = []struct{ name, file, from, to, tests string }{
	{"no shootdown", "kernel/smp.go", "k.shootdown(root, me)", "_ = me", ""},
	{"no mark", "kernel/smp.go", "x.stale.Store(true)", "", "TestShootdown"},
	{"no kick", "kernel/smp.go", "k.machine.Kick(c.id)", "", "TestShootdown"},
	{"no wait", "kernel/smp.go", "for x.user.Load() == stay {", "for false {", "TestShootdown"},
	{"no wait, by the program", "kernel/smp.go", "for x.user.Load() == stay {", "for false {", ""},
	{"no stay told", "kernel/smp.go", "x.user.Store(x.stays)", "", "TestEnter"},
	{"no stay told, by the program", "kernel/smp.go", "x.user.Store(x.stays)", "", ""},
	{"one number for all stays", "kernel/smp.go", "x.stays++", "x.stays = 1", "TestEnter"},
	{"no reload", "kernel/smp.go", "reload() { c.writeCR3(c.root) }", "reload() {}", ""},
	{"no root told", "kernel/smp.go", "\tc.crossing.root.Store(uint64(root))\n\tc.write", "\tc.write", ""},
	{"the stay no locked instruction", "kernel/smp.go", "x.user.Store(x.stays)", "*(*uint64)(unsafe.Pointer(&x.user)) = x.stays", "TestShootdownRaces"},
	{"the mark no locked instruction", "kernel/smp.go", "x.stale.Store(true)", "*(*uint32)(unsafe.Pointer(&x.stale)) = 1", "TestShootdownRaces"},
	{"tables freed before the flush", "mmu/gather.go", "\tif g.start < g.end {\n\t\ttlb.Invalidate(t.Root(), g.start, g.end)\n\t}\n",
		"\tdefer tlb.Invalidate(t.Root(), g.start, g.end)\n", "Test"},
	{"only the first page gathered", "mmu/gather.go", "\tg.end = max(g.end, zx.VirtAddr(at)+zx.VirtAddr(last+1)<<zx.PageShift)\n", "\t_ = last\n", "Test"},
}

// killMutants shows that each step of a shootdown is needed: without it a test fails,
// times times of times.
func killMutants(r *report, times int) {
	for _, m := range mutants {
		began := time.Now()
		overlay, err := mutate(m.file, m.from, m.to)
		for n := 1; err == nil && n <= times; n++ {
			c := command{args: []string{"go", "test", "-count=1", "-overlay", overlay, "-run", "^" + m.tests, "./" + filepath.Dir(m.file)}, limit: 3 * time.Minute}
			if m.tests == "" {
				if n == 1 {
					err = buildMutant(overlay)
				}
				c = command{args: []string{runner(), filepath.Join(buildDir, "mutant.elf")}, env: []string{"SMP=2", "MACHINE=", "CPU=", "MEM=", "DISK=", "CMDS=run shootdown 2000", "TIMEOUT=120"}, limit: 3 * time.Minute}
			}
			var out string
			if err == nil {
				if out, err = c.run(); err == nil {
					err = fmt.Errorf("survives, time %d of %d:\n%s", n, times, out)
				} else if strings.Contains(out, "build failed") || strings.Contains(out, "setup failed") {
					err = fmt.Errorf("does not compile:\n%s", out)
				} else {
					err = nil
				}
			}
		}
		if err != nil {
			r.fail(m.name, err.Error())
		} else {
			r.pass(m.name, time.Since(began))
		}
	}
}

// mutate writes file with from replaced by to, and gives the overlay that has go
// build that.
func mutate(file, from, to string) (overlay string, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := string(content)
	if strings.Count(text, from) != 1 {
		return "", fmt.Errorf("%s has not once %q", file, from)
	}
	if text = strings.Replace(text, from, to, 1); strings.Contains(to, "unsafe.") {
		text = strings.Replace(text, "import (\n", "import (\n\t\"unsafe\"\n", 1)
	}
	dir, err := filepath.Abs(buildDir)
	if err != nil {
		return "", err
	}
	mutant, overlay := filepath.Join(dir, "_mutant.go"), filepath.Join(dir, "overlay.json")
	replaced, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{replaced: mutant}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(mutant, []byte(text), 0o644); err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, list, 0o644)
}

// buildMutant makes an image of what overlay says.
func buildMutant(overlay string) error {
	out, err := command{args: []string{"make", "-s", filepath.Join(buildDir, "mutant.elf")}, env: []string{"OVERLAY=" + overlay}, limit: 5 * time.Minute}.run()
	if err != nil {
		return fmt.Errorf("%w:\n%s", err, out)
	}
	return nil
}
