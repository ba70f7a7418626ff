package main

import (
	"fmt"
	"regexp"
	"strconv"
)

// smpBoots boots with several CPUs: every machine comes up with all of them, and
// what strains the kernel does so from all sides.
func smpBoots(d disks) []boot {
	var list []boot
	for _, machine := range machines {
		for _, n := range []int{1, 2, 4, 8} {
			list = append(list, boot{name: fmt.Sprintf("%s with %d CPUs", machine, n), machine: machine, smp: fmt.Sprint(n), disk: d.test,
				commands: "cpus; sum " + five, want: []string{fmt.Sprintf(`\n%d CPUs`, n), d.sums[five]}})
		}
	}
	for _, cpu := range cpus {
		list = append(list, boot{name: "2 CPUs " + cpu, cpu: cpu, smp: "2", commands: "cpus; run shootdown 60", want: []string{`\n2 CPUs`, "shootdown holds on 2 CPUs"}})
	}
	list = append(list, boot{name: "4,000 threads fault at once", mem: "1G", timeout: "200", commands: "mem; run crowd; mem", check: sameFree, want: []string{"4000 threads served in their order"}})
	on4 := func(name, commands string, want ...string) {
		list = append(list, boot{name: name + ", 4 CPUs", smp: "4", timeout: "200", commands: commands, check: sameFree, want: want})
	}
	on4("shootdown", "mem; run shootdown 60; mem", `read holds`, `write holds`, `execute holds`, `shootdown holds on 4 CPUs`)
	on4("writers", "mem; run writers 8; run writers 8 2 beside; mem", `nothing is lost`, `times mapped anew`, `nothing is lost`)
	on4("sharers", "mem; run sharers 4; mem", `sharers killed, nothing is lost`)
	on4("random calls", "mem; run grind 1 20000; mem", `0 hung`)
	on4("history", "mem; run history 5 5000; mem")
	on4("families", "mem; run families 50000 1000 4; mem", `on 1000 families in 4 threads, no pins, no difference`)
	on4("tasks", "mem; run tasks; mem", "processes holds")
	on4("C threads", "mem; run threads; mem", `threads hold`)
	on4("processes come and go", "mem; run grind churn 2000; mem", `2000 processes made and ended`)
	// 4,096 pages, and as many write traps after them.
	list = append(list, boot{name: "a pager and who waits for it share a CPU", smp: "2", commands: "run bench missing_page; cpus", fails: true,
		want: []string{`bench missing_page 4096`, `\n2 CPUs`}, check: fewTaken})
	return list
}

var cpuLine = regexp.MustCompile(`(?m)^ +\d+  (?:idle|kernel|ring 3) +\d+ +\d+ +(\d+)\r?$`)

// fewTaken fails if CPUs have taken many threads from each other.
func fewTaken(output string) error {
	lines, taken := cpuLine.FindAllStringSubmatch(output, -1), 0
	for _, l := range lines {
		n, _ := strconv.Atoi(l[1])
		taken += n
	}
	if len(lines) != 2 || taken > 300 {
		return fmt.Errorf("%d CPUs have taken %d threads from each other, of a pager and who waits for it", len(lines), taken)
	}
	return nil
}
