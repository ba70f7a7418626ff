package main

import "strings"

// taskBoots runs the programs that check and strain tasks, channels and what
// goes with them. What they leave behind would show in `mem`.
func taskBoots(d disks) []boot {
	return append(hostileBoots("60000", "200")[:2], []boot{
		{name: "tasks", commands: "mem; run tasks; mem; run tasks; mem", check: sameFree,
			want: []string{"exceptions holds", "policy holds", "suspends holds", "deadlines holds", "properties holds", "futexes holds", "channels holds", "wait_many holds", "processes holds"}},
		{name: "registers and statistics", commands: "mem; run registers; mem", check: sameFree, want: []string{"stats holds", "memory holds", "vectors holds", "breakpoints holds"}},
		{name: "jobs", commands: "mem; run jobs; mem; run jobs; mem", check: sameFree, want: []string{"jobs: all holds"}},
		{name: "objects of every kind", commands: "mem; run objects; mem", check: sameFree, want: []string{`objects hold`}},
		{name: "programs start programs", commands: "mem; run parent; mem", check: sameFree, want: []string{`argument 1: 5`, `programs start`}},
		{name: "where a program died", commands: "run evil stack-overflow", fails: true,
			want: []string{`stack overflow`, `at +0x\S+ +deeper\S*\+0x`, `called from 0x\S+ +deeper\S*\+0x\S+ +\(\d+ times\)`, `load base +0x8000200000`}},
		{name: "hoard 128M", mem: "128M", timeout: "400", commands: "mem; run hoard; mem; run hoard unborn; run hoard dead; mem", check: sameKept,
			want: []string{`hoard: all good`, `that never start, .*: good`, `that ended full, and are held: good`}},
		{name: "hoard 512M", mem: "512M", timeout: "400", check: sameKept, commands: "mem; run hoard threads packets registrations messages pages intervals mappings tables; mem",
			want: []string{`hoard: all good`}},
		{name: "hoard 2G", mem: "2G", timeout: "400", check: sameKept, commands: "mem; run hoard threads messages pages islands; mem", want: []string{`hoard: all good`}},
		{name: "four hoards beside an innocent", mem: "128M", disk: d.test, timeout: "200",
			commands: "start hoard innocent; start hoard hold pages intervals; start hoard hold messages threads; start hoard hold registrations tables; " +
				"start hoard hold mappings processes; wait 6; ls; sum POEM.TXT; run hello; wait 20",
			want: []string{`holds \d+ pages: ZX_ERR_NO_MEMORY`, `holds \d+ tables: ZX_ERR_NO_MEMORY`, `POEM\.TXT`, `hello from ring 3`, `innocent ends well`}},
		{name: "an operator looks at a hoard", mem: "128M", timeout: "200", commands: "start hoard hold handles; wait 10; handles hoard; handles hoard --json; mem; handles hoard; mem; run hello",
			want: []string{`\d+ more are not shown`, `"left_out":\d+`, `\d+ more are not shown`, `hello from ring 3`}},
		{name: "takeover beside an innocent", mem: "128M", timeout: "60", commands: "start hoard innocent; run takeover; wait 15",
			want: []string{`an exception of somebody's: ZX_ERR_TIMED_OUT`, `kill by it: ZX_ERR_ACCESS_DENIED`, `takeover: got nothing`, `innocent ends well`}},
		{name: "C threads", commands: "mem; run threads; mem", check: sameFree, want: []string{`threads hold`}},
		{name: "shares of the CPU", icount: "1", timeout: "120", commands: "mem; run sched; mem", check: sameFree, want: []string{"shares holds", "calls holds", "instant holds", "yields holds", "order holds"}},
		{name: "every way to die", commands: "mem; run crash all; mem; threads", check: sameFree,
			want: []string{`killed by fatal page fault at 0x0 `, `rip 0x`, `[1-9]\d ways to die, 0 not as expected`}},
		{name: "a pager for another process", commands: "mem; run filepager; run filepager 2000 7; run filepager 5 99; mem", check: sameFree,
			want: []string{`ZX_ERR_IO_DATA_INTEGRITY`, `20 written back, 0 bytes of the file wrong`, `399 written back, 0 bytes`, `1 written back, 0 bytes`}},
		{name: "a working set beside a scan", mem: "128M", icount: "1", commands: "mem; run hotset; mem", check: sameFree, want: []string{`(9\d|100)\.\d % find the page`}},
		{name: "families", timeout: "300", commands: "mem; run -privileged families 1 10000 4; mem", check: sameKept,
			want: []string{`families: 1\d{5} operations on 10000 families in 4 threads, pages pinned, no difference`}},
		{name: "random calls", commands: "mem; run grind 1 100000; mem", check: sameFree, want: []string{`grind: 1\d{5} calls, .* 0 hung`}},
		{name: "random calls, little memory", mem: "256M", cpu: "qemu64", commands: "mem; run grind 1000 60000; mem", check: sameFree, want: []string{`0 hung`}},
		{name: "far ends of every argument", commands: "mem; run farends; mem", check: sameFree, want: []string{`farends: 1\d{5} calls, \d{4} answered OK`}},
		{name: "processes come and go", commands: "mem; run grind churn 1000; mem", check: sameFree, want: []string{`1000 processes made and ended`}},
	}...)
}

// hostileBoots make so many random calls from four threads beside a bystander: nobody
// dies, nothing is left, and where the clock counts instructions the bystander never waits
// 20 ms longer than a CPU stands still that only spins. On four CPUs that take turns
// that is QEMU's doing, some 20 ms; on one it is nothing.
func hostileBoots(calls, timeout string) []boot {
	list := []boot{
		{name: "hostile calls beside a bystander", icount: "1", commands: calls + " 20000"},
		{name: "hostile calls beside a bystander, 4 CPUs", smp: "4", commands: calls},
		{name: "hostile calls beside a bystander, 4 CPUs in turn", icount: "1", smp: "4", commands: calls + " 20000"},
	}
	for i := range list {
		list[i].commands = "mem; run grind hostile " + list[i].commands + "; mem; run hello"
		list[i].timeout, list[i].check = timeout, sameKept
		list[i].want = []string{`grind: \d+ calls, .* 0 hung`, `a bystander stood still for \d+ us at most, a CPU that only spins for \d+`, `hello from ring 3`}
	}
	return list
}

// hoardBoots make each kind of thing the kernel keeps until it refuses, in every way,
// with little, some and much memory; beside four greedy programs an innocent one runs to
// its end and the operator works.
func hoardBoots(d disks) (list []boot) {
	four := []string{"handles events ports channels jobs names", "processes threads troubles tokens packets registrations waiters", "messages notes parcels vmos pagers paged partings",
		"pages islands intervals mappings regions tables fifos pairs timers streams files clones slices references chain moved"}
	for _, mem := range []string{"128M", "512M", "2G"} {
		timeout := "3600"
		list = append(list,
			boot{name: "hoard every kind, " + mem, mem: mem, timeout: timeout, check: sameKept, commands: "mem; run hoard; mem", want: []string{`hoard: all good`}},
			boot{name: "hoard unborn and dead, " + mem, mem: mem, timeout: timeout, check: sameKept, commands: "mem; run hoard unborn; run hoard dead; mem",
				want: []string{`that never start, .*: good`, `that ended full, and are held: good`}},
			boot{name: "four hoards beside an innocent, " + mem, mem: mem, disk: d.test, timeout: timeout,
				commands: "start hoard innocent; start hoard hold " + strings.Join(four, "; start hoard hold ") + "; wait 8; ls; sum POEM.TXT; run hello; wait 120",
				want:     []string{`POEM\.TXT`, `hello from ring 3`, `innocent ends well`}})
	}
	return list
}
