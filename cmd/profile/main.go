// Command profile tells where the instructions of one operation go: which
// symbol, which room, which stage.
//
//	profile -rung missing_page
//	profile -rung outstanding/64
//	profile -rung missing_page -order        one operation, call by call
//
// The image runs the one rung (cmd/faultline, argument -bench) in QEMU with
// -singlestep, where each instruction is a block of its own, so that the log of
// blocks is the log of instructions. Through the GDB stub the log is on between
// two markers of user/programs/bench.h, some operations apart; markers around
// each operation are in the log itself. What is counted is thus what the rung
// itself counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

type options struct {
	image, runner, program string
	cpu, memory            string
	rung                   string
	top                    int
	order                  bool
	markdown               bool
	folded, pprof, flame   string // files for the stacks
	timeout                time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.image, "image", "build/faultline.elf", "Faultline's image")
	flag.StringVar(&o.runner, "runner", "build/bin/qemu", "the built cmd/qemu")
	flag.StringVar(&o.program, "program", "", "the ring-3 program that runs the rung (default user/bin/bench, or benchscale for a rung with a slash)")
	flag.StringVar(&o.cpu, "cpu", "max,-erms", "CPU model")
	flag.StringVar(&o.memory, "mem", "1G", "RAM")
	flag.StringVar(&o.rung, "rung", "missing_page", "the rung")
	flag.IntVar(&o.top, "top", 60, "symbols to list")
	flag.BoolVar(&o.order, "order", false, "list the calls of one operation in their order")
	flag.BoolVar(&o.markdown, "markdown", false, "write the tables as docs/performance.md has them")
	flag.StringVar(&o.folded, "folded", "", "write folded stacks to this file, for flame graph tools")
	flag.StringVar(&o.pprof, "pprof", "", "write the stacks to this file, for go tool pprof")
	flag.StringVar(&o.flame, "flame", "", "write a page with a flame graph to this file")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "time limit")
	flag.Parse()
	if err := profile(o); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}
