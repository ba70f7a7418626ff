// Command qemu boots a kernel image in QEMU and turns what becomes of it into an exit
// status.
//
//	go run ./cmd/qemu [flags] image.elf [guest arguments...]
//	go test -exec 'build/bin/qemu' ./...
//
// The guest's serial port is our stdin and stdout. The guest arguments become
// its os.Args. Every flag takes its default from the environment variable named in
// its description, so that it reaches `go test -exec` too.
//
// It always ends by itself: with the guest's exit code (0 only for the one
// reserved pass value), or with one of these, each said in words on stderr:
//
//	120  the guest reset or powered off without an exit code (triple fault)
//	121  QEMU refused its options
//	122  QEMU ended in some other way
//	123  silence: no output until the time was over
//	124  timeout
//	130  interrupted
//
// At a terminal every key goes to the guest, Ctrl-C too; Ctrl-A x ends the
// machine, Ctrl-A Ctrl-A sends one Ctrl-A. The terminal is put back as it was.
// Otherwise stdin is passed on as it is, and Ctrl-C ends the runner.
//
// With GDB=1 the guest waits for a debugger at 127.0.0.1:1234 and there is no time
// limit unless one is given.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// defaultTimeout serves where nobody sits at a terminal.
const defaultTimeout = 5 * time.Minute

func main() {
	// The child's death signal comes when the thread that started it ends.
	runtime.LockOSThread()
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "qemu:", err)
	}
	os.Exit(code)
}

// environment is the variable's value, or the fallback if it is unset or empty.
func environment(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

func isOn(v string) bool { return v != "" && v != "0" && v != "no" && v != "off" }

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func run(args []string) (code int, err error) {
	var k knobs
	var env list
	flags := flag.NewFlagSet("qemu", flag.ContinueOnError)
	str := func(p *string, name, variable, fallback, usage string) {
		flags.StringVar(p, name, environment(variable, fallback), usage+" ("+variable+")")
	}
	str(&k.qemu, "qemu", "QEMU", "qemu-system-x86_64", "emulator to run")
	str(&k.machine, "machine", "MACHINE", "microvm", "microvm, q35 or pc")
	str(&k.loader, "loader", "LOADER", "pvh", "pvh, multiboot2, linux, uefi, iso-bios, iso-uefi or usb")
	str(&k.cpu, "cpu", "CPU", "max", "QEMU's CPU model")
	str(&k.mem, "mem", "MEM", "512M", "RAM")
	str(&k.smp, "smp", "SMP", "1", "CPUs")
	str(&k.accel, "accel", "ACCEL", "tcg", "tcg or kvm")
	str(&k.disk, "disk", "DISK", "", "raw disk image")
	str(&k.diskIf, "diskif", "DISKIF", "virtio", "how the disk is attached: virtio, nvme or ram")
	flags.BoolVar(&k.readOnly, "readonly", isOn(os.Getenv("READONLY")), "attach the disk read-only (READONLY)")
	flags.BoolVar(&k.privileged, "privileged", isOn(os.Getenv("PRIVILEGED")), "give the program the root resources (PRIVILEGED)")
	flags.BoolVar(&k.snapshot, "snapshot", isOn(os.Getenv("SNAPSHOT")), "keep the disk image as it is: writes are lost (SNAPSHOT)")
	str(&k.cmds, "cmds", "CMDS", "", "console commands")
	str(&k.program, "program", "PROGRAM", "", "ring-3 program to pass")
	str(&k.progArgs, "args", "ARGS", "", "the program's arguments, split at spaces")
	flags.Var(&env, "env", "NAME=value for the guest's environment; may be repeated")
	str(&k.append, "append", "APPEND", "", "kernel command line")
	str(&k.icount, "icount", "ICOUNT", "", "1: count instructions, reproducibly; or QEMU's -icount value")
	str(&k.gdb, "gdb", "GDB", "", "1, or a port: wait for a debugger")
	str(&k.watch, "watch", "WATCH", "", "Unix socket that gets what the kernel says on its second port")
	str(&k.extra, "extra", "QEMUFLAGS", "", "more QEMU options, split at spaces")
	timeout := flags.String("timeout", os.Getenv("TIMEOUT"), "time limit as in 90s, 0 for none; default 5m, none at a terminal (TIMEOUT)")
	verbose := flags.Bool("v", isOn(os.Getenv("VERBOSE")), "show the command line and all of QEMU's warnings (VERBOSE)")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: qemu [flags] image.elf [guest arguments...]\n\nAt a terminal, Ctrl-A x ends the machine.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0, nil
		}
		return statusUsage, nil // it has said why
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return statusUsage, nil
	}
	k.env = env
	image, args := flags.Arg(0), flags.Args()[1:]

	typing := isTerminal(os.Stdin)
	limit := defaultTimeout
	if typing || isOn(k.gdb) {
		limit = 0
	}
	if *timeout != "" {
		if limit, err = parseTimeout(*timeout); err != nil {
			return statusUsage, err
		}
	}
	for _, f := range []struct{ what, name string }{{"image", image}, {"DISK", k.disk}, {"PROGRAM", k.program}} {
		if f.name == "" {
			continue
		}
		if _, err := os.Stat(f.name); err != nil {
			return statusUsage, fmt.Errorf("%s: %w", f.what, err)
		}
	}
	qemu, err := exec.LookPath(k.qemu)
	if err != nil {
		return statusUsage, fmt.Errorf("%s is not installed: apt-get install qemu-system-x86", k.qemu)
	}

	dir, err := os.MkdirTemp("", "faultline-qemu-")
	if err != nil {
		return statusUsage, err
	}
	defer os.RemoveAll(dir)
	blobs, err := k.blobs(image, args)
	if err != nil {
		return statusUsage, err
	}
	var files []blobFile
	for i, b := range blobs {
		f := blobFile{b.name, filepath.Join(dir, fmt.Sprint(i))}
		if err := os.WriteFile(f.path, b.content, 0o600); err != nil {
			return statusUsage, err
		}
		files = append(files, f)
	}
	argv, err := k.argv(image, files)
	if err != nil {
		return statusUsage, err
	}
	if *verbose {
		fmt.Fprintln(os.Stderr, "qemu:", qemu, strings.Join(argv, " "))
	}
	return boot(qemu, argv, limit, typing, *verbose)
}

// parseTimeout reads a duration; a bare number is seconds.
func parseTimeout(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	if d, err := time.ParseDuration(s + "s"); err == nil && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("TIMEOUT=%s is no duration such as 90s", s)
}

// speech passes the guest's output on and notes that there was any.
type speech struct{ spoke atomic.Bool }

func (s *speech) Write(p []byte) (int, error) {
	s.spoke.Store(true)
	return os.Stdout.Write(p)
}

// boot runs QEMU to its end, or until the limit or a signal.
func boot(qemu string, argv []string, limit time.Duration, typing, verbose bool) (code int, err error) {
	cmd := exec.Command(qemu, argv...)
	cmd.SysProcAttr = childAttributes()
	out := new(speech)
	cmd.Stdout = out
	cmd.WaitDelay = time.Second
	complaints, err := cmd.StderrPipe()
	if err != nil {
		return statusUsage, err
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return statusUsage, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)

	start := time.Now()
	if err := cmd.Start(); err != nil {
		return statusRefused, err
	}
	complained := make(chan struct{})
	go func() {
		defer close(complained)
		passComplaints(os.Stderr, complaints, verbose)
	}()
	stopped := make(chan struct{}, 1)
	if typing {
		restore, err := raw(os.Stdin)
		if err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			return statusUsage, fmt.Errorf("terminal: %w", err)
		}
		defer restore()
		go keys(input, os.Stdin, func() { stopped <- struct{}{} })
	} else {
		go func() {
			io.Copy(input, os.Stdin)
			// QEMU takes the end of its stdin for a lasting condition and
			// looks at it again and again: keep the pipe open.
		}()
	}
	ended := make(chan error, 1)
	go func() {
		<-complained
		ended <- cmd.Wait()
	}()
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}

	o := outcome{limit: limit}
	select {
	case err = <-ended:
	case <-late:
		o.timeout = true
		cmd.Process.Kill()
		err = <-ended
	case s := <-signals:
		cmd.Process.Kill()
		<-ended
		return 130, fmt.Errorf("stopped by a signal (%v)", s)
	case <-stopped:
		cmd.Process.Kill()
		<-ended
		return 130, errors.New("stopped from the keyboard")
	}
	o.after = time.Since(start)
	o.spoke = out.spoke.Load()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		o.status = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			o.signal = ws.Signal().String()
		}
	case !o.timeout:
		return statusStrange, err
	}
	code, words := o.verdict()
	if words != "" {
		err = errors.New(words)
	} else {
		err = nil
	}
	return code, err
}

// locked is how QEMU says that another one has the disk image.
var locked = regexp.MustCompile(`Failed to get .*"write" lock`)

// passComplaints copies QEMU's stderr, without its warnings about CPU features that
// emulation lacks: the image says itself what it misses. A disk image in use is
// told in other words.
func passComplaints(w io.Writer, r io.Reader, all bool) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := scanner.Text()
		if !all && locked.MatchString(line) {
			fmt.Fprintln(w, "qemu: another machine runs on this disk image: end it first, or give this one another with DISK=")
		} else if all || !strings.Contains(line, "TCG doesn't support requested feature") && !strings.HasPrefix(line, "Is another process using the image") {
			fmt.Fprintln(w, line)
		}
	}
	io.Copy(w, r) // whatever the scanner did not like
}
