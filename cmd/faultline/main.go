//go:build tamago

// Command faultline is the bootable image: the machine, the kernel, the disk's
// files and the console, put together.
//
// What it does is told by the command line (x86.Options) or by QEMU's firmware files
// (see board/qemu): console commands to run, or a program, or neither; then it runs
// the demo and stays at the prompt. Under cmd/qemu it ends after the demo unless
// there is the argument -console; -trace prints the trace of a program; -bug NAME breaks the kernel on purpose.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"faultline/board/qemu"
	"faultline/board/x86"
	"faultline/console"
	"faultline/cpu"
	"faultline/kernel"
	"faultline/unikernel"
)

func main() {
	os.Exit(run())
}

// run boots, does what the firmware files say, and gives the exit code.
func run() int {
	s, err := unikernel.Boot()
	if err != nil {
		return fail(err)
	}
	m, k := s.Machine, s.Kernel
	k.Programs = program
	announce(m)
	if i := slices.Index(os.Args, "-bug"); i > 0 && i+1 < len(os.Args) {
		return fail(kernel.Bug(os.Args[i+1]))
	}
	if image, ok := qemu.FWConfig(qemu.FileProgram); ok {
		args, _ := qemu.FWConfig(qemu.FileProgArgs)
		var grants []kernel.Grant
		if _, ok := qemu.FWConfig(qemu.FilePrivileged); ok {
			grants = kernel.Privileges()
		}
		if !slices.Contains(os.Args[1:], "-trace") {
			return runProgram(k, image, qemu.SplitNUL(args), grants)
		}
		c := newConsole(s)
		if err := c.Script("trace on"); err != nil {
			return fail(err)
		}
		code := runProgram(k, image, qemu.SplitNUL(args), grants)
		if err := c.Script("trace off; trace print"); err != nil {
			return fail(err)
		}
		return code
	}
	c := newConsole(s)
	if m.Port != nil {
		go func() { fmt.Println("faultline: the second port:", c.Stream(m.Port)) }()
	}
	if slices.Contains(os.Args[1:], "-bench") {
		return bench(k, cpu.ReadTSC())
	}
	script := m.Options.Commands
	if name := m.Options.Program; name != "" {
		script = "run " + name
	}
	if b, ok := qemu.FWConfig(qemu.FileCommands); ok {
		script = string(b)
	}
	if script != "" {
		if err := c.Script(script); err != nil {
			return fail(err)
		}
		return 0
	}
	// Nobody passes arguments to a machine of its own, which then stays at the prompt.
	_, hosted := qemu.FWConfig(qemu.FileArgs)
	if err := c.Demo(); err != nil {
		if fail(err); hosted {
			return 1
		}
	}
	if !hosted || slices.Contains(os.Args[1:], "-console") {
		fmt.Print("\n`help` lists the commands, `poweroff` ends.\n")
		err = c.Interactive(struct {
			io.Reader
			io.Writer
		}{terminal{m.Console}, m.Console})
		if err != nil {
			return fail(err)
		}
	}
	return 0
}

// announce says who loaded the kernel, and what of the firmware's tables and of the
// command line it could not use.
func announce(m *x86.Machine) {
	by := m.Boot.Loader.String()
	if m.Boot.Name != "" {
		by += " (" + m.Boot.Name + ")"
	}
	fmt.Printf("faultline: loaded by %s\n", by)
	for _, problem := range x86.Platform.Problems {
		fmt.Printf("faultline: %v\n", problem)
	}
	for _, word := range m.Options.Ignored {
		fmt.Printf("faultline: option %s; ignored\n", word)
	}
}

// fail says why on the console and gives the exit code of a failure.
func fail(err error) int {
	fmt.Println("faultline:", err)
	return 1
}

// terminal reads the serial port, waiting for at least one byte.
type terminal struct{ x86.Console }

func (t terminal) Read(p []byte) (int, error) {
	for {
		n, err := t.Console.Read(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		t.Console.Wait()
	}
}

// newConsole mounts the disk, if there is one, and makes the console.
func newConsole(s *unikernel.System) *console.Console {
	c := console.Config{
		Kernel: consoleKernel{s},
		Waiter: s.NewWaiter("console"),
		Out:    s.Machine.Console,
	}
	if c.Volume, c.VolumeError = s.Mount(); c.Volume != nil {
		for _, doubt := range c.Volume.Doubts() {
			fmt.Printf("faultline: the disk is read-only: %s; repair it with fsck.fat\n", doubt)
		}
	}
	return console.New(c)
}

// runProgram runs one ring-3 program to its end; args[0] is its name. Its exit code becomes that of
// the machine, as far as one byte goes.
func runProgram(k *kernel.Kernel, image []byte, args []string, grants []kernel.Grant) int {
	if len(args) == 0 {
		args = []string{"program"}
	}
	p, err := k.Spawn(args[0], image, args, grants, func(b []byte) { os.Stdout.Write(b) })
	if err != nil {
		return fail(err)
	}
	code, exception := p.Wait()
	switch {
	case exception != nil:
		return fail(errors.New(exception.Text()))
	case code == 0:
		return 0
	}
	fmt.Printf("faultline: program exited with code %d\n", code)
	if code < 0 || code > 0xff {
		return 1
	}
	return int(code)
}
