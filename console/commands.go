package console

import (
	"fmt"
	"strings"

	"faultline/files"
)

// Command is one command.
type Command struct {
	Name string `t:"COMMAND"`
	Args string `t:"args"` // as usage shows them, optional ones in brackets
	Help string `t:"WHAT IT DOES"`
	Long string `t:"long"` // what `help COMMAND` adds
	Fn   func(c *Console, args []string) error

	min, max int // arguments; max -1 is any number
}

// showsJSON ends the Args of commands that show tables, which --json makes one
// line of JSON.
const showsJSON = "[--json]"

// usage is how the command is written.
func (k *Command) usage() string { return strings.TrimSpace(k.Name + " " + k.Args) }

// commands lists every command in the order of help.
var commands []Command

func init() { // an initialiser would refer to itself through help
	commands = []Command{
		{"help", "[COMMAND] [--json]", "list the commands, or explain one", `
With a name it prints the command's arguments and what it does.`, (*Console).help, 0, 1},

		{"ls", "[FOLDER] [--json]", "list a folder of the disk", `
Sizes are in bytes. Names may be given in any case, with / between folders;
put a name that has blanks in quotes.`, (*Console).ls, 0, 1},

		{"cat", "NAME [OFFSET [LENGTH]]", "print a file", `
The bytes are read through the file's VMO, so missing pages come from the
pager. Text is printed as it is, its control characters escaped. Anything
else is printed in hex, 256 bytes unless LENGTH says more.`, onFile((*Console).cat), 1, 3},

		{"sum", "NAME", "print a file's SHA-256, computed by a ring-3 thread", `
A ring-3 process maps the file and reads every byte of it, faulting its way
through. Then come the page faults it took and the pages the pager supplied
meanwhile: read ahead or asked for. Pages already in memory cost neither.`, onFile((*Console).sum), 1, 1},

		{"poke", "NAME OFFSET BYTE...", "store bytes into a file from ring 3", `
BYTE is two hex digits, or more for more bytes: poke A.BIN 0x10 de ad beef.
The store is trapped and the pager acknowledges it; the page is then dirty.
The disk changes at sync. A range past the end of the file is refused.`, onFile((*Console).poke), 3, -1},

		{"sync", "[NAME]", "write a file's dirty pages to the disk", `
The pager queries the dirty ranges, begins writeback (which takes write
permission from every mapping), writes the blocks, flushes the disk, and ends
writeback. Without NAME every opened file is written. On a disk error the
pages stay dirty.`, (*Console).sync, 0, 1},

		{"snap", "NAME [drop]", "make a frozen view of a file", `
A copy-on-write clone of the file's VMO, which cat, sum, touch, poke, vmo and pt
take by the name that is printed, NAME@1. It keeps what the file holds now,
whatever is stored to the file; what is stored to it reaches neither the file nor
the disk. A page is copied when one side stores to it. snap NAME@1 drop ends it.`, onFile((*Console).snap), 1, 2},

		{"touch", "NAME OFFSET r|w", "load or store one byte of a file from ring 3", `
r loads the byte. w stores to it the value it has, in one instruction. If the
pager fails the page, the thread that touched it is killed and its exception
reported: address, type, synthetic code, instruction. Nothing else is harmed.`, onFile((*Console).touch), 3, 3},

		{"fail", "NAME [OFFSET LENGTH STATUS|off]", "make the pager fail a range of a file", `
Requests for a page of the range are answered with OP_FAIL(STATUS), one of
ZX_ERR_IO, ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE,
ZX_ERR_BUFFER_TOO_SMALL. Clean pages of the file are dropped, so that the next
touch asks. off lifts what was set in the range. Without a range the failures
of the file are listed.`, onFile((*Console).fail), 1, 4},

		{"evict", "NAME", "drop a file's clean pages", `
Dirty pages stay. The next touch asks the pager again.`, onFile((*Console).evict), 1, 1},

		{"vmo", "[KOID|NAME] [--json]", "list VMOs, or show the pages of one", `
Without an argument a line for each: its pager, its committed, clean, dirty and
awaiting-clean pages. With a KOID, or the NAME of a file or one the VMO was given,
all about one: options, sizes, whether it was modified, dirty ranges, requests,
mappings, latencies while there is a trace, and a picture with one character for
each page, or, of more than 1024 pages, one and a count for each run:
  .  absent (of an anonymous VMO: zero)     0  zero marker: supplied as zero
  c  clean           D  dirty               w  awaiting clean
  Z  zeros to be written back               z  the same, awaiting clean
  -  zeros past the stream size             #  page of an anonymous VMO`, (*Console).vmo, 0, 1},

		{"pager", "[KOID|PROGRAM|disk] [--json]", "list pagers, or show what one is asked", `
Without an argument a line for each pager and who holds it; then what the pager of
the disk's files did: READ and DIRTY packets, pages supplied, of them read ahead,
dirtied, written and failed, and the disk's block operations. With a KOID, the
name of a program that holds it, or the word disk, the pager's VMOs by key, their
outstanding requests, and latencies while there is a trace. PENDING is bytes
still missing, OVERLAP the number of threads that wait for the same request,
[sent] a packet that is on the port, WAITS for how long.`, (*Console).pager, 0, 1},

		{"threads", "[--json]", "list threads, and what they wait for", `
TIME is how long the thread has run. States are those of ZX_INFO_THREAD. Under a
thread that is blocked: pager comes the request it waits for. Threads of the
kernel have no process.`, (*Console).threads, 0, 0},

		{"top", "[SECONDS [TIMES]] [--json]", "show who uses the CPUs, again and again", `
Every second, or so many SECONDS: threads by the CPU time, page faults and calls of
that while. A key ends it.`, (*Console).top, 0, 2},

		{"cpus", "[--json]", "list CPUs", `
What each does at this moment, how many threads are ready there, how often it has
entered ring 3, and how many threads it took from other CPUs.`, (*Console).cpus, 0, 0},

		{"vmaps", "KOID|PROGRAM [--json]", "show the address space of a process", `
Its regions and, indented, what is mapped in them: permissions, the VMO and the
offset in it, and how many pages the page table has, has seen stored to, and lets
be stored to without a fault.`, onProcess((*Console).vmaps), 1, 1},

		{"handles", "KOID|PROGRAM [--json]", "list the handles of a process", `
Value, koid and type of the object, its name, and the rights.`, onProcess((*Console).handlesOf), 1, 1},

		{"pt", "KOID|PROGRAM|NAME ADDRESS [--json]", "show the page-table chain of an address", `
Of a process, or of the byte at ADDRESS of a file: then the chain is that of the
ring-3 process that touches the file for poke and touch; one is started if there
is none. Bits are spelled as in the SDM: P present, RW writable, US user, A
accessed, D dirty, XD no execution.`, (*Console).pt, 2, 2},

		{"mem", "[--json]", "show memory in use, by kind and by owner", `
The kernel's Go heap, what programs make the kernel keep, and page frames by what
they are used for; then for each process the pages it pays for, what the kernel
keeps for it, its VMOs, handles and mappings; then the free blocks of frames.`, (*Console).mem, 0, 0},

		{"counters", "[-d] [--json]", "show what is counted since boot", `
By Zircon's names. With -d those that changed since they were last shown, and by
how much. While there is a trace also the latencies of all VMOs.`, (*Console).counters, 0, 1},

		{"faults", "[on|off|show [N]] [--json]", "record page faults, or show the last N", `
on starts a trace of page faults alone, off ends it; show prints the last 20, or
N: who, the address, the instruction's address, the error code, the VMO and the
offset in it, how long until it was decided, and how. While it is off it costs
nothing.`, (*Console).faultList, 0, 2},

		{"trace", "[on [WHAT...]|off|save FILE|print]", "record what the kernel does", `
on starts records of faults, requests, packets, supplies, operations, wake-ups,
switches, evictions, calls and interrupts, and measures latencies. WHAT is a kind
(an unknown one lists them), process=KOID or vmo=KOID: only these. Each CPU keeps
its last 16384. save writes them into a file of the disk, as large as it is
already, print to the console: trace events, which Perfetto and chrome://tracing
open.`, (*Console).trace, 0, -1},

		{"run", "PROGRAM [--file=NAME] [ARG...]", "run a ring-3 program and wait for its end", `
PROGRAM is one built into the image, or an ELF file on the disk; when it is
neither, the error lists the former. Each --file=NAME hands it a file of the
disk: the VMO is its start handle PA_HND(PA_USER0, 0), the next one 1, ...
A program that is killed by an exception gets its report printed. Control-C
kills it. -privileged PROGRAM gets the root resources: it may pin memory for
devices and map their registers, and so do anything at all.`, (*Console).run, 1, -1},

		{"start", "PROGRAM [--file=NAME] [ARG...]", "run a ring-3 program in the background", `
It prints the process's koid and goes on. wait tells how it ends.`, (*Console).start, 1, -1},

		{"wait", "[SECONDS]", "wait for the programs in the background", `
Until all have ended, SECONDS have passed, or control-C is typed. How each ended
is printed; it fails if one ended badly.`, (*Console).waitJobs, 0, 1},

		{"kill", "KOID|PROGRAM", "kill programs in the background", `
By the koid of its process, or all that run the program of that name; or what
a program that has ended left running, with all in its job.`, (*Console).kill, 1, 1},

		{"demo", "[NAME]", "show the whole path in a dozen lines", `
Faults a file in, pokes it, writes it back, verifies it, fails a page. The
file is put back as it was. Without NAME the largest file of the root folder
that has at most 16 MiB is taken.`, (*Console).demo, 0, 1},

		{"version", "[--json]", "say which kernel this is", `
Its version, and the Go it was built with.`, (*Console).version, 0, 0},

		{"poweroff", "", "stop the machine", `
Dirty pages that were not synced are lost; it says so.`, (*Console).poweroff, 0, 0},
	}
}

// onFile makes a command of what is done with the file that the first argument names.
func onFile(do func(c *Console, f *files.File, args []string) error) func(*Console, []string) error {
	return func(c *Console, args []string) error {
		f, err := c.open(args[0])
		if err != nil {
			return err
		}
		return do(c, f, args[1:])
	}
}

// onProcess is onFile of a process.
func onProcess(do func(*Console, ProcessInfo) error) func(*Console, []string) error {
	return func(c *Console, args []string) error {
		p, err := c.process(args[0])
		if err != nil {
			return err
		}
		return do(c, p)
	}
}

// find gives the command of that name, nil for none.
func find(name string) *Command {
	for i := range commands {
		if commands[i].Name == name {
			return &commands[i]
		}
	}
	return nil
}

// near gives the one command whose name is a slip away from name, or "".
func near(name string) string {
	name = strings.ToLower(name)
	guess := ""
	for i := range commands {
		if k := commands[i].Name; slip(k, name) {
			if guess != "" {
				return ""
			}
			guess = k
		}
	}
	return guess
}

// slip says whether b is a with at most one letter added, left out, changed, or
// exchanged with its neighbour.
func slip(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

func (c *Console) help(args []string) error {
	if len(args) == 0 {
		c.table("commands", commands)
		c.note("Numbers are decimal or 0x hex, with K, M or G behind. `help COMMAND` says more; --json behind what shows tables makes them JSON.")
		return nil
	}
	k := find(args[0])
	if k == nil {
		return fmt.Errorf("no command %q; `help` lists them", args[0])
	}
	if c.json {
		c.table("commands", []Command{*k})
	} else {
		c.printf("%s\n  %s%s\n", k.usage(), k.Help, strings.ReplaceAll(k.Long, "\n", "\n  "))
	}
	return nil
}
