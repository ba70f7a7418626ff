//go:build tamago

// Command faultline is the bootable image: the machine, the kernel, the disk's
// files and the console, put together.
//
// What it does is told by firmware files (see board/qemu): console commands to
// run, or a program, or neither; then it runs the demo. The argument -console
// keeps it at the prompt afterwards; -bug NAME breaks the kernel on purpose.
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
	"faultline/files"
	"faultline/kernel"
)

func main() {
	os.Exit(run())
}

// run boots, does what the firmware files say, and gives the exit code.
func run() int {
	m, err := x86.Open()
	if err != nil {
		return fail(err)
	}
	k, err := kernel.Boot(kernelConfig(m))
	if err != nil {
		return fail(err)
	}
	if i := slices.Index(os.Args, "-bug"); i > 0 && i+1 < len(os.Args) {
		return fail(kernel.Bug(os.Args[i+1]))
	}
	if image, ok := qemu.FWConfig(qemu.FileProgram); ok {
		args, _ := qemu.FWConfig(qemu.FileProgArgs)
		return runProgram(k, image, qemu.SplitNUL(args))
	}
	c := newConsole(m, k)
	if slices.Contains(os.Args[1:], "-bench") {
		return bench(k, cpu.ReadTSC())
	}
	if script, ok := qemu.FWConfig(qemu.FileCommands); ok {
		if err := c.Script(string(script)); err != nil {
			return fail(err)
		}
		return 0
	}
	if err := c.Demo(); err != nil {
		return fail(err)
	}
	if slices.Contains(os.Args[1:], "-console") {
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
func newConsole(m *x86.Machine, k *kernel.Kernel) *console.Console {
	c := console.Config{
		Kernel: consoleKernel{k, m},
		Waiter: k.NewWaiter("console"),
		Out:    m.Console,
	}
	switch {
	case m.DiskErr != nil:
		c.VolumeError = m.DiskErr
	case m.Disk == nil:
		c.VolumeError = files.ErrNoDisk
	default:
		c.Volume, c.VolumeError = files.Mount(files.Config{
			Disk: m.Disk, Store: k.Store, Pagers: k.Pagers, NewWaiter: k.NewWaiter,
		})
		if c.Volume != nil {
			for _, doubt := range c.Volume.Doubts() {
				fmt.Printf("faultline: the disk is read-only: %s; repair it with fsck.fat\n", doubt)
			}
		}
	}
	return console.New(c)
}

// runProgram runs one ring-3 program to its end; args[0] is its name. Its exit code becomes that of
// the machine, as far as one byte goes.
func runProgram(k *kernel.Kernel, image []byte, args []string) int {
	if len(args) == 0 {
		args = []string{"program"}
	}
	p, err := k.Spawn(args[0], image, args, nil, func(b []byte) { os.Stdout.Write(b) })
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
