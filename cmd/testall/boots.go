package main

import "fmt"

// disks are the images the boots run on copies of.
type disks struct {
	test    string            // mkdisk -set test
	corrupt string            // not a file system
	sums    map[string]string // path on test -> SHA-256
}

// Files of the test disk (cmd/mkdisk).
const (
	poem  = "POEM.TXT"
	five  = "a-folder-with-a-long-name/another-one-below/five-million-and-one.bin"
	large = "big-files/two-hundred-million.bin"
)

// The matrix every kernel must boot on.
var (
	machines = []string{"microvm", "q35", "pc"}
	cpus     = []string{"max", "EPYC", "Skylake-Client", "qemu64"}
)

// boots is the table of tier 3: each row a boot, what it prints, what it does to
// the disk.
func boots(d disks) []boot {
	var list []boot
	add := func(b boot) { list = append(list, b) }

	// The large file first: it takes longest, and the others fill in beside it.
	// More of it than there is memory, so clean pages are evicted.
	add(boot{name: "sum of 200 MB in 256 MiB", disk: d.test, mem: "256M", timeout: "220",
		commands: "sum " + large, want: []string{d.sums[large]}})

	for _, machine := range machines {
		for _, cpu := range cpus {
			// EMPTY, ONE and PAGE, a long name in folders, then a write that is
			// not written back.
			add(boot{name: fmt.Sprintf("%s %s: sums and a poke", machine, cpu), machine: machine, cpu: cpu, disk: d.test,
				commands: "sum EMPTY.BIN; sum ONE.BIN; sum PAGE.BIN; sum " + five + "; poke PAGE.BIN 0 01 02",
				want:     []string{d.sums["EMPTY.BIN"], d.sums["ONE.BIN"], d.sums["PAGE.BIN"], d.sums[five]}})
		}
	}
	for _, mem := range []string{"256M", "2G", "8G"} {
		add(boot{name: "memory " + mem, mem: mem, disk: d.test, commands: "sum PAGE.BIN; mem", want: []string{d.sums["PAGE.BIN"]}})
	}
	for _, machine := range machines {
		add(boot{name: machine + ": poke and sync", machine: machine, disk: d.test,
			commands: "poke " + five + " 4094 de ad be ef; sync " + five,
			effect:   wrote(five, 4094, 0xde, 0xad, 0xbe, 0xef)})
	}
	add(boot{name: "cat", disk: d.test, commands: "cat " + poem, want: []string{"safe and sound"}})
	add(boot{name: "poke at the last byte", disk: d.test, commands: "poke " + five + " 5000000 00 ; sync " + five,
		effect: wrote(five, 5_000_000, 0)})

	// Errors: named, a failing status, no change.
	for _, bad := range []struct{ name, commands, want string }{
		{"poke past the end", "poke PAGE.BIN 4096 00; sync PAGE.BIN", `(?i)past|end|range`},
		{"poke across the end", "poke PAGE.BIN 4095 00 00; sync PAGE.BIN", `(?i)past|end|range`},
		{"unknown file", "sum NOWHERE.BIN", `NOWHERE\.BIN`},
		{"bad hex byte", "poke PAGE.BIN 0 xx; sync PAGE.BIN", "xx"},
		{"unknown command", "frobnicate", "frobnicate"},
	} {
		add(boot{name: bad.name, disk: d.test, commands: bad.commands, fails: true, want: []string{bad.want}})
	}
	add(boot{name: "no disk", commands: "ls", fails: true, want: []string{`(?i)no disk`}})
	add(boot{name: "corrupt disk", disk: d.corrupt, commands: "ls", fails: true, want: []string{`(?i)fat|disk`}})

	// A failed page kills the thread that touches it, and nothing else.
	add(boot{name: "a failed page", disk: d.test, fails: true,
		commands: "fail " + five + " 0x3000 0x1000 ZX_ERR_IO_DATA_INTEGRITY; touch " + five + " 0x3004 r",
		want:     []string{"FATAL_PAGE_FAULT", "ZX_ERR_IO_DATA_INTEGRITY"}})
	return list
}
