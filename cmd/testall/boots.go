package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// disks are the images the boots run on copies of.
type disks struct {
	test    string            // mkdisk -set test
	demo    string            // mkdisk -set demo: what a CD or a stick brings
	corrupt string            // not a file system
	sums    map[string]string // path on test -> SHA-256

	demoSums map[string]string // path on demo -> SHA-256
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
	// It is most of memory, so clean pages are evicted.
	add(boot{name: "sum of 200 MB in 256 MiB", disk: d.test, mem: "256M", timeout: "220",
		commands: "sum " + large + "; counters; mem; vmo " + large,
		want: []string{d.sums[large], `[1-9]\d* page faults`, `pages_evicted_pager_backed\.total +[1-9]\d* +[1-9]\d*\n`,
			`needed; [1-9]\d* evicted`, `[1-9]\d* pages evicted so far`, `absent \(\.\), \d+ clean \(c\)`, `0x\d+ .* c\d+`}})

	// The matrix: the demo, and files of every size.
	for _, machine := range machines {
		for _, cpu := range cpus {
			add(boot{name: machine + " " + cpu, machine: machine, cpu: cpu, disk: d.test,
				commands: "demo; sum EMPTY.BIN; sum ONE.BIN; sum PAGE.BIN; sum " + strings.ToUpper(five),
				want:     []string{`go on `, d.sums["EMPTY.BIN"], d.sums["ONE.BIN"], d.sums["PAGE.BIN"], d.sums[five], `[1-9]\d* page faults`},
				// The demo changes a byte and puts it back.
				effect: unchanged})
		}
	}
	for _, mem := range []string{"256M", "1G", "4G", "8G"} {
		add(boot{name: "memory " + mem, mem: mem, disk: d.test, commands: "mem; sum PAGE.BIN", want: []string{`RAM +[\d.]+[MG]`, d.sums["PAGE.BIN"]}})
	}
	// More than this host has: nothing may be touched for memory nobody uses. The
	// last 2 GiB of 512 lie where the kernel's map ends.
	for _, mem := range []string{"256G", "512G"} {
		for _, cpu := range []string{"max", "qemu64"} { // qemu64 has no pages of 1 GiB
			add(boot{name: "memory " + mem + " " + cpu, machine: "q35", mem: mem, cpu: cpu, disk: d.test, commands: "mem; sum PAGE.BIN",
				flags: fileDrive + onPC + " -object memory-backend-ram,id=ram,size=" + mem + ",reserve=off -machine memory-backend=ram",
				want:  []string{`RAM +\d{3}G`, `\d+ +1\.0G +\d\d+\n`, d.sums["PAGE.BIN"]}})
		}
	}

	// Writes: with sync exactly those bytes change, without it none.
	for _, machine := range machines {
		add(boot{name: machine + " poke and sync", machine: machine, disk: d.test,
			commands: "poke " + five + " 4094 de ad be ef; sync " + five,
			want:     []string{`stored 4 bytes at 0xffe: .* 2 pages dirtied`, `2 pages in 1 ranges written`},
			effect:   wrote(five, 4094, 0xde, 0xad, 0xbe, 0xef)})
	}
	add(boot{name: "poke without sync", disk: d.test, commands: "poke " + five + " 4094 de ad be ef; poweroff",
		want: []string{`stored 4 bytes`, `2 dirty pages are lost`}, effect: unchanged})
	add(boot{name: "poke the last byte", disk: d.test, commands: "poke " + five + " 5000000 00; sync",
		effect: wrote(five, 5_000_000, 0)})

	// The page-table entry tells the same story.
	add(boot{name: "pt follows a page", disk: d.test,
		commands: "touch PAGE.BIN 5 r; pt PAGE.BIN 5; poke PAGE.BIN 5 77; pt PAGE.BIN 5; sync PAGE.BIN; pt PAGE.BIN 5; evict PAGE.BIN; pt PAGE.BIN 5",
		want:     []string{`W is clear`, `PML4E`, `PDPTE`, `PDE`, `PTE`, `W is set`, `PML4E`, `W is clear`, `PML4E`, `not mapped`},
		effect:   wrote("PAGE.BIN", 5, 0x77)})

	add(boot{name: "cat", disk: d.test, commands: "cat " + poem, want: []string{"A page was asked for", "safe and sound"}})
	add(boot{name: "ls", disk: d.test, commands: "ls; ls a-folder-with-a-long-name/another-one-below",
		want: []string{`\n +0 +\S+ \S+ +EMPTY\.BIN`, `200000000|folder`, `5000001 .* five-million-and-one\.bin`}})

	// Errors: named, a failing status, no change.
	for _, bad := range []struct{ name, commands, want string }{
		{"poke past the end", "poke PAGE.BIN 4096 00; sync PAGE.BIN", `past the end`},
		{"poke across the end", "poke PAGE.BIN 4095 00 00; sync PAGE.BIN", `past the end`},
		{"touch past the end", "touch EMPTY.BIN 0 r", `past the end`},
		{"unknown file", "sum NOWHERE.BIN", `NOWHERE\.BIN.*no such file`},
		{"unknown program", "run nothing", `no program "nothing"`},
		{"bad hex byte", "poke PAGE.BIN 0 xx; sync PAGE.BIN", `"xx" is not hex`},
		{"unknown command", "frobnicate", `no such command`},
	} {
		add(boot{name: bad.name, disk: d.test, commands: bad.commands, fails: true, want: []string{bad.want}})
	}
	add(boot{name: "no disk", commands: "ls", fails: true, want: []string{`no disk is attached`}})
	add(boot{name: "corrupt disk", disk: d.corrupt, commands: "ls", fails: true, want: []string{`(?i)FAT`}})

	// A failed page ends the program that touches it, and nothing else.
	add(boot{name: "a failed page", disk: d.test, fails: true,
		commands: "fail " + five + " 0x3000 0x1000 ZX_ERR_IO_DATA_INTEGRITY; touch " + five + " 0x3004 r; touch " + five + " 0x5000 r; " +
			"fail " + five + " 0x3000 0x1000 off; touch " + five + " 0x3004 r; sum " + five,
		want: []string{`ZX_EXCP_FATAL_PAGE_FAULT`, `address +0x[0-9a-f]+004 \(read\)`, `synth_code +ZX_ERR_IO_DATA_INTEGRITY`, `instruction +\S+`,
			`read 0x\S\S at 0x5000`, `1 failures lifted`, `read 0x\S\S at 0x3004`, d.sums[five]}})

	// Programs that come and go, well or badly, leave no frame behind.
	some := strings.Repeat("run hello; run evil read-kernel; run evil stack-overflow; run evil spin; touch PAGE.BIN 0 r; ", 5)
	add(boot{name: "no frame is lost", disk: d.test, fails: true, commands: "sum PAGE.BIN; " + some + "mem; " + some + some + "mem", check: sameFree})

	list = append(list, programBoots()...)
	list = append(list, taskBoots(d)...)
	list = append(list, operatorBoots(d)...)
	list = append(list, pagerBoots()...)
	list = append(list, smpBoots(d)...)
	list = append(list, evilBoots(d)...)
	return list
}

// programBoots runs PROGRAM: make's status follows the exit code.
func programBoots() []boot {
	hello, evil := filepath.Join("user", "bin", "hello"), filepath.Join("user", "bin", "evil")
	return []boot{
		{name: "program with arguments", program: hello, args: "0 one two",
			want: []string{"hello from ring 3", "argument 1: 0\n", "argument 2: one\n", "argument 3: two\n"}, refuse: []string{"argument 4"}},
		{name: "program that exits with 3", program: hello, args: "3", fails: true, want: []string{`code 3`}},
		{name: "program that dies", program: evil, args: "ud2", fails: true, want: []string{`ZX_EXCP_UNDEFINED_INSTRUCTION \(0x208\)`, `ud2`}},
		{name: "program that hangs", program: evil, args: "hang", timeout: "5", fails: true, want: []string{`timeout|silence`}},
		{name: "program that is no program", program: "README.md", fails: true, want: []string{`ELF`}},
	}
}

// sameFree fails unless every `mem` of the output counted the same free frames.
func sameFree(output string) error {
	counts := regexp.MustCompile(`free frames +\S+ +\S+ +(\d+)`).FindAllStringSubmatch(output, -1)
	if len(counts) < 2 {
		return fmt.Errorf("%d counts of free frames, want 2 or more", len(counts))
	}
	for _, c := range counts {
		if c[1] != counts[0][1] {
			return fmt.Errorf("free frames: %s at first, %s later", counts[0][1], c[1])
		}
	}
	return nil
}

// sameKept is sameFree for the account of what programs make the kernel keep, too.
func sameKept(output string) error {
	counts := regexp.MustCompile(`account +(\S+) .*\naccount pages +\S+ +\S+ +(\d+)`).FindAllStringSubmatch(output, -1)
	if len(counts) < 2 {
		return fmt.Errorf("%d counts of what is kept, want 2 or more", len(counts))
	}
	for _, c := range counts {
		if c[1] != "0" || c[2] != "0" {
			return fmt.Errorf("%s bytes and %s pages are charged when no program runs", c[1], c[2])
		}
	}
	return sameFree(output)
}

// evilBoots runs every way of program evil, on the CPUs that differ in how the
// kernel enters and leaves ring 3; the kernel must read a file afterwards.
func evilBoots(d disks) []boot {
	var kill, survive, alone boot
	kill = boot{name: "evil programs die", disk: d.test, fails: true}
	survive = boot{name: "evil programs that live", disk: d.test, timeout: "120"}
	after := "run hello after; sum PAGE.BIN; mem"
	for _, w := range evilWays(".") {
		if w.end == "never" {
			continue // ended from outside: programBoots
		}
		if w.name == "iretq" {
			// The one way whose fault is not a ring-3 access on QEMU with
			// SMAP: a kernel that took it for spurious would loop.
			alone = boot{name: "evil iretq", fails: true, timeout: "20", commands: "run evil iretq",
				want: []string{`type +ZX_EXCP_(` + strings.ReplaceAll(w.end, " or ", "|") + `) `}}
			continue
		}
		if w.end == "exit 0" {
			survive.commands += "run evil " + w.name + "; "
			survive.want = append(survive.want, "run evil "+w.name+"\n")
			continue
		}
		kill.commands += "run evil " + w.name + "; "
		kill.want = append(kill.want, "run evil "+w.name+"\n")
		if w.name == "wbinvd" {
			// QEMU 10 performs it in ring 3, where it is #GP (Intel SDM 2D, WBINVD).
			kill.want = append(kill.want, `type +ZX_EXCP_`+w.end+` |evil wbinvd: still here`)
			continue
		}
		kill.want = append(kill.want, `type +ZX_EXCP_(`+strings.ReplaceAll(w.end, " or ", "|")+`) `)
		kill.refuse = append(kill.refuse, `evil `+w.name+`: still here`)
	}
	var list []boot
	for _, cpu := range []string{"max", "EPYC", "Skylake-Client", "qemu64"} {
		for _, b := range []boot{kill, survive} {
			b.name += " " + cpu
			b.cpu = cpu
			b.commands += after
			b.want = append(append([]string{}, b.want...), "hello from ring 3", "argument 1: after", d.sums["PAGE.BIN"], "free frames")
			list = append(list, b)
		}
		alone.name, alone.cpu = "evil iretq "+cpu, cpu
		list = append(list, alone)
	}
	return list
}

// way is a row of program evil's table.
type way struct{ name, end string }

// evilWays reads the table out of the program's source; root is the module's.
func evilWays(root string) []way {
	path := filepath.Join(root, "user", "programs", "evil.c")
	source, err := os.ReadFile(path)
	if err != nil {
		panic(fmt.Sprintf("testall.evilWays: %v", err))
	}
	var ways []way
	for _, m := range regexp.MustCompile(`(?m)^    \{"([^"]+)", \w+, "([^"]+)"\},$`).FindAllStringSubmatch(string(source), -1) {
		ways = append(ways, way{m[1], m[2]})
	}
	if len(ways) < 50 {
		panic(fmt.Sprintf("testall.evilWays: %d ways found in %s, want 50 or more", len(ways), path))
	}
	return ways
}
