// Command bench measures the kernel in guest instructions, Linux's userfaultfd
// beside it, and reports.
//
//	bench run      boot Faultline, measure its ladder -> build/bench/faultline.json
//	bench boots    boot it by each loader -> build/bench/boots.json
//	bench peer     fetch Debian's cloud kernel, measure userfaultfd on it
//	               -> build/bench/linux-best.json, linux-default.json
//	bench smp-peer what several CPUs do at once on that kernel -> build/bench-smp-peer.json
//	bench report   what there is of these -> build/bench.json, build/bench.html,
//	               and a table
//	bench docs     write the tables of docs/performance.md anew; profiles too
//	bench check A B [C...]   compare runs: their figures may differ by 1 %
//
// Both sides run in the same QEMU with the same -icount, so that one tick of
// the virtual time stamp counter is one guest instruction. See
// user/programs/bench.h for what is printed by those who measure.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// options are the flags of every subcommand.
type options struct {
	build   string        // scratch folder
	image   string        // Faultline's image
	runner  string        // cmd/qemu, built
	cpu     string        // QEMU's CPU model
	timeout time.Duration // of one boot
	history string        // folder with bench.json files of earlier commits
}

func main() {
	var o options
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&o.build, "build", "build", "scratch folder")
	flags.StringVar(&o.image, "image", "build/faultline.elf", "Faultline's image")
	flags.StringVar(&o.runner, "runner", "build/bin/qemu", "the built cmd/qemu")
	// With ERMS every byte of a page that is cleared or copied counts as an
	// instruction, on both sides. Without, it is 512 to a page.
	flags.StringVar(&o.cpu, "cpu", "max,-erms", "CPU model both sides are measured on")
	flags.DurationVar(&o.timeout, "timeout", 8*time.Minute, "time limit of one boot")
	flags.StringVar(&o.history, "history", "", "folder with the bench.json files of earlier commits, to compare with; their names' order is time's")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: bench run|boots|peer|smp-peer|report|docs|check|rung [flags]")
		flags.PrintDefaults()
	}
	if len(os.Args) < 2 {
		flags.Usage()
		os.Exit(2)
	}
	flags.Parse(os.Args[2:])
	var err error
	switch os.Args[1] {
	case "run":
		err = run(o)
	case "boots":
		err = boots(o)
	case "peer":
		err = peer(o)
	case "smp-peer":
		err = smpPeer(o)
	case "report":
		err = report(o, os.Stdout)
	case "docs":
		err = docs(o)
	case "check":
		err = check(flags.Args())
	case "rung":
		err = oneRung(flags.Args())
	default:
		flags.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
