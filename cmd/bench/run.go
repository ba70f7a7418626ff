package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// run measures Faultline: one boot for the ladder, one with much memory for
// what must not grow, one for the longest entries.
func run(o options) error {
	return measure(o, "faultline", []machine{{what: "@ladder", memory: "1G"}, {what: "@scale", memory: scaleMemory()}, {what: "@longest", memory: "1G"}})
}

// boots measures how long the kernel boots by each loader.
func boots(o options) error {
	var list []machine
	for _, loader := range bootLoaders {
		list = append(list, machine{"@entry", "1G", loader})
	}
	return measure(o, "boots", list)
}

// machine is one boot that measures something: on microvm, or on q35 if it is about a
// loader.
type machine struct{ what, memory, loader string }

// measure boots and saves what was measured under a name.
func measure(o options, name string, list []machine) error {
	res := &results{System: "Faultline", Setup: "microvm, -cpu " + o.cpu}
	for _, m := range list {
		if err := m.boot(o, res); err != nil {
			return fmt.Errorf("%s %s: %w", m.what, m.loader, err)
		}
	}
	if err := res.save(o, name); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d rungs measured\n", len(res.Figures))
	return nil
}

// scaleMemory is the guest's memory for VMOs of 2^20 resident pages, of which only
// what those take is touched, if the host can give that: with 8 GiB the program's
// share is nearly spent, and the evictor runs beside the faults. With less, the kernel says NO_MEMORY and the rung is
// reported as not measured.
func scaleMemory() string {
	const want = 7 << 20 // KiB
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "2G"
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 && kib >= want {
			return "10G"
		}
	}
	return "2G"
}

// boot runs the image once and adds what it measured. There is no disk: when a
// disk answers depends on the host.
func (m machine) boot(o options, res *results) error {
	cmd, board := exec.Command(o.runner, o.image, "-bench", m.what), "microvm"
	if m.loader != "" {
		cmd.Args, board = append(cmd.Args, m.loader), "q35"
	}
	cmd.Env = append(os.Environ(), "ICOUNT=1", "MACHINE="+board, "LOADER="+m.loader, "ACCEL=tcg", "SMP=1", "CPU="+o.cpu, "MEM="+m.memory,
		"DISK=", "CMDS=", "PROGRAM=", "GDB=", "QEMUFLAGS=", "TIMEOUT="+o.timeout.String())
	_, err := collect(cmd, res, "faultline "+m.what+" "+m.loader, o.timeout+10*time.Second)
	return err
}

// collect runs cmd and adds what it prints to res; progress goes to stderr.
// done is true if it said so.
func collect(cmd *exec.Cmd, res *results, what string, limit time.Duration) (done bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	bounded := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	bounded.Env = cmd.Env
	bounded.Cancel = func() error { return bounded.Process.Signal(os.Interrupt) }
	bounded.WaitDelay = 5 * time.Second
	out, err := bounded.StdoutPipe()
	if err != nil {
		return false, err
	}
	var complaints strings.Builder
	bounded.Stderr = &complaints
	started := time.Now()
	if err := bounded.Start(); err != nil {
		return false, err
	}
	before := len(res.Figures)
	stop := progress(what, started)
	done, bad := res.parse(out, os.Stderr)
	io.Copy(io.Discard, out)
	err = bounded.Wait()
	stop()
	if ctx.Err() != nil {
		return false, fmt.Errorf("no end after %v", limit)
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, complaints.String())
	}
	fmt.Fprintf(os.Stderr, "%s: %d rungs in %v\n", what, len(res.Figures)-before, time.Since(started).Round(time.Second))
	return done, errors.Join(bad, err)
}

// progress says every so often that something still runs.
func progress(what string, started time.Time) (stop func()) {
	end := make(chan struct{})
	go func() {
		tick := time.NewTicker(20 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				fmt.Fprintf(os.Stderr, "%s: %v\n", what, time.Since(started).Round(time.Second))
			}
		}
	}()
	return func() { close(end) }
}
